"""The units and the crontab that fire the job, with the paths of an installation in them.

template, Paths -> text
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from aps2mqtt.base.errors import UsageError
from aps2mqtt.config import credentials

ONCE, TIMER, RUN, CRONTAB = "aps2mqtt.service", "aps2mqtt.timer", "aps2mqtt-run.service", "crontab.example"
NAMES = (ONCE, TIMER, RUN, CRONTAB)
EXAMPLE = "config.yaml.example"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - from a unit with ProtectHome and PrivateTmp
SYSTEM = "/etc/systemd/system/"


@dataclass(frozen=True, slots=True)
class Paths:
    """What the files name: absolute paths of the program and of its configuration."""

    program: PurePath
    config: PurePath


DEFAULT = Paths(PurePath("/opt/aps2mqtt/bin/aps2mqtt"), PurePath("/etc/aps2mqtt/config.yaml"))


# -- the texts, pure --------------------------------------------------------------------------------------------------


def render(name: str, template: str, paths: Paths) -> str:
    """The file `name` for `paths`: its template with its directives changed; comments stay as they are."""
    for path, kind, unwanted in ((paths.program, "program", "\"'\\"), (paths.config, "configuration", "")):
        if not str(path).isprintable() or set(unwanted) & set(str(path)):
            raise UsageError(f"no unit can name the {kind} {str(path)!r}; choose a path of plain characters")
    lines = template.splitlines(keepends=True)
    return "".join(line if line.startswith("#") else _with_paths(line, name, paths) for line in lines)


def _with_paths(line: str, name: str, paths: Paths) -> str:
    """A line of the template `name`, with `paths` as they are written there."""
    if line.startswith("LoadCredential="):  # which takes all behind its colon as it is
        beside = {DEFAULT.config.with_name(file): paths.config.with_name(file) for file in credentials.BESIDE}
        replaced = {path: _specifiers(new) for path, new in (beside | {DEFAULT.config: paths.config}).items()}
    elif name == CRONTAB:
        replaced = {DEFAULT.program: _for_cron(paths.program), DEFAULT.config: _for_cron(paths.config)}
    else:
        replaced = {DEFAULT.program: _first_word(paths.program), DEFAULT.config: _argument(paths.config)}
    texts = {str(path): new for path, new in replaced.items()}
    return re.sub("|".join(map(re.escape, texts)), lambda found: texts[found[0]], line)


def _specifiers(path: PurePath) -> str:
    """Systemd.unit(5): a percent sign begins a specifier."""
    return str(path).replace("%", "%%")


def _first_word(path: PurePath) -> str:
    """Of a command line, systemd.service(5): a path with quotes or backslashes cannot stand there."""
    return _word(_specifiers(path))


def _argument(path: PurePath) -> str:
    """A further word of a command line, systemd.service(5): $ begins a variable, a backslash an escape."""
    return _word(re.sub(r'[\\"]', r"\\\g<0>", _specifiers(path)).replace("$", "$$"))


def _word(text: str) -> str:
    return text if re.fullmatch(r"[\w%+,./:=@-]+", text) else f'"{text}"'


def _for_cron(path: PurePath) -> str:
    """A word for the shell, crontab(5): a bare percent sign ends the command."""
    return shlex.quote(str(path)).replace("%", "\\%")


def next_steps(folder: Path) -> str:
    """What to type once the files are in `folder`."""
    once, timer, run, crontab = (shlex.quote(str(folder / name)) for name in NAMES)
    return f"""\
Next, as root, one of the three. A timer that fires a job every 5 minutes:
  cp {once} {timer} {SYSTEM}
  systemctl enable --now {TIMER}
The scheduler inside, as a service:
  cp {run} {SYSTEM}
  systemctl enable --now {RUN}
cron, where there is no crontab yet:
  crontab {crontab}"""


def hidden(paths: Iterable[PurePath]) -> tuple[PurePath, ...]:
    """Those of `paths` that a unit with ProtectHome= and PrivateTmp= does not see."""
    return tuple(path for path in paths if any(path.is_relative_to(folder) for folder in HIDDEN))


# -- files ------------------------------------------------------------------------------------------------------------


def templates() -> dict[str, str]:
    """The files as they are shipped."""
    return {name: shipped(name) for name in NAMES}


def shipped(name: str) -> str:
    """A file as it is in the package in an installation, at the top of a checkout."""
    package = Path(__file__).parent.parent
    for path in (package / "units_data" / name, package.parent / name):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise UsageError("this installation of aps2mqtt has no units in it; install it again")
