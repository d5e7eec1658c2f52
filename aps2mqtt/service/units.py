"""The units and the crontabs that start the job, with the paths of an installation in them.

template, Paths -> text
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from aps2mqtt.base.errors import UsageError
from aps2mqtt.config import systemd_credentials
from aps2mqtt.truth import timer

ONCE, TIMER, RUN = "aps2mqtt.service", "aps2mqtt.timer", "aps2mqtt-run.service"
CRONTAB, CRON_D = "crontab.example", "cron.d.example"
NAMES = (ONCE, TIMER, RUN, CRONTAB, CRON_D)
EXAMPLE = "config.yaml.example"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - from a unit with ProtectHome and PrivateTmp
SYSTEM = "/etc/systemd/system/"


class Paths(NamedTuple):
    """The absolute paths of the program and of its configuration, as the files name them."""

    program: PurePath
    config: PurePath


DEFAULT = Paths(PurePath("/opt/aps2mqtt/bin/aps2mqtt"), PurePath("/etc/aps2mqtt/config.yaml"))


# -- the texts, pure --------------------------------------------------------------------------------------------------


def render(name: str, template: str, paths: Paths, second: int | None = None) -> str:
    """The file `name` for `paths`: its template with changed directives and unchanged comments; raises UsageError.

    With `second`, timer and crontabs start a job at that second of every five minutes.
    """
    for path, kind, unwanted in ((paths.program, "program", "\"'\\"), (paths.config, "configuration", "")):
        if not str(path).isprintable() or set(unwanted) & set(str(path)):
            raise UsageError(
                f"the path of the {kind} does not fit into a unit: {str(path)!r}; choose a path of plain characters"
            )
    lines = template.splitlines(keepends=True)
    times = {} if second is None else _times(second)
    return "".join(line if line.startswith("#") else _with_paths(_replaced(line, times), name, paths) for line in lines)


def _times(second: int) -> dict[str, str]:
    """The directives of the templates that say when to start a job, and what they are with a known second."""
    return {
        "OnCalendar=*:0/5": f"OnCalendar={timer.calendar(second)}",
        "RandomizedDelaySec=30": "RandomizedDelaySec=0",
        "AccuracySec=5s": "AccuracySec=1s",
        "*/5 * * * *": timer.crontab(second),
    }


def _with_paths(line: str, name: str, paths: Paths) -> str:
    """A line of the template `name`, with `paths` escaped as that line requires."""
    if line.startswith("LoadCredential="):  # all text behind its colon is literal
        beside = {DEFAULT.config.with_name(file): paths.config.with_name(file) for file in systemd_credentials.BESIDE}
        replaced = {path: _specifiers(new) for path, new in (beside | {DEFAULT.config: paths.config}).items()}
    elif name in {CRONTAB, CRON_D}:
        replaced = {DEFAULT.program: _for_cron(paths.program), DEFAULT.config: _for_cron(paths.config)}
    else:
        replaced = {DEFAULT.program: _first_word(paths.program), DEFAULT.config: _argument(paths.config)}
    return _replaced(line, {str(path): new for path, new in replaced.items()})


def _replaced(line: str, texts: Mapping[str, str]) -> str:
    """The line with each of the texts replaced by its new one."""
    return re.sub("|".join(map(re.escape, texts)), lambda found: texts[found[0]], line) if texts else line


def _specifiers(path: PurePath) -> str:
    """The path with each percent sign doubled: it begins a specifier, systemd.unit(5)."""
    return str(path).replace("%", "%%")


def _first_word(path: PurePath) -> str:
    """The first word of a command line, systemd.service(5): it cannot have quotes or backslashes."""
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
    """The commands to type once the files are in `folder`."""
    once, timer, run, crontab, cron_d = (shlex.quote(str(folder / name)) for name in NAMES)
    return f"""\
Next, as root, do one of these three. A timer that starts a job every 5 minutes:
  cp {once} {timer} {SYSTEM}
  systemctl enable --now {TIMER}
The built-in scheduler, as a service:
  cp {run} {SYSTEM}
  systemctl enable --now {RUN}
cron, if root has no crontab yet:
  crontab {crontab}
cron, as a user of its own: the first lines of this file have the commands.
  less {cron_d}"""


def hidden(paths: Iterable[PurePath]) -> tuple[PurePath, ...]:
    """The paths that a unit with ProtectHome= and PrivateTmp= does not see."""
    return tuple(path for path in paths if any(path.is_relative_to(folder) for folder in HIDDEN))


# -- files ------------------------------------------------------------------------------------------------------------


def templates() -> dict[str, str]:
    """The texts of the shipped files, by name."""
    return {name: shipped(name) for name in NAMES}


def shipped(name: str) -> str:
    """The text of a shipped file: in the package of an installation, or at the top of a checkout; raises UsageError."""
    package = Path(__file__).parent.parent
    for path in (package / "units_data" / name, package.parent / name):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise UsageError("the unit templates are missing from this installation; reinstall aps2mqtt")
