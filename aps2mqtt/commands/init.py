"""Finds the ECU, asks a few questions, writes the configuration file and tests
it. An option answers its question, and --no-night answers no. Example:
  aps2mqtt init --ecu 192.168.1.42 --broker 192.168.1.10 --home-assistant --yes
"""

import argparse
import logging
import os
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from getpass import getpass
from pathlib import Path
from textwrap import wrap

from aps2mqtt.base import files
from aps2mqtt.base.errors import ConfigError, EcuUnreachable, ExitStatus, JobError, UsageError
from aps2mqtt.base.printable import printable, some
from aps2mqtt.commands import check, find
from aps2mqtt.config import loading
from aps2mqtt.config.keys import KEYS, NAMES
from aps2mqtt.screen import output
from aps2mqtt.setup import config_file, networks, questions
from aps2mqtt.setup.config_file import Ecu
from aps2mqtt.setup.find import LIMITS, Device, Kind
from aps2mqtt.setup.networks import Area
from aps2mqtt.setup.questions import Interview, Settings, Terminal
from aps2mqtt.sources import ask

log = logging.getLogger(__name__)

MAX_PASSWORD_FILE = 10_000  # bytes
POSITION = "Latitude,longitude of the site, such as 48.86,2.35 (Enter: poll at night, too)"
HOME_ASSISTANT = "In Home Assistant: Settings, Devices & services, MQTT"
INTRODUCTION = "Press Enter to accept the answer in brackets. Ctrl-C exits and writes no file."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.usage = "aps2mqtt init [-c FILE] [option ...]"
    parser.allow_abbrev = False  # --password would be --password-file
    parser.add_argument("--password", type=_no_password, help=argparse.SUPPRESS)
    # Python before 3.14 takes -33.9,151.2 for an option, unless this matches it.
    parser._negative_number_matcher = re.compile(r"-\.?[0-9]")  # noqa: SLF001
    parser.add_argument("--ecu", metavar="HOST", help="the ECU: HOST or HOST:PORT; separate several with commas")
    parser.add_argument("--broker", metavar="HOST", help="MQTT broker: HOST or HOST:PORT")
    parser.add_argument("--user", metavar="NAME", help="MQTT user")
    parser.add_argument("--password-file", metavar="F", type=Path, help="file with the MQTT password as its first line")
    _add_choice(parser, "home-assistant", "show the devices in Home Assistant (discovery)")
    _add_choice(parser, "night", "do not poll at night")
    parser.add_argument("--position", metavar="PLACE", help="latitude,longitude of the site: --position=48.86,2.35")
    parser.add_argument("--timezone", metavar="ZONE", help="time zone of the site (default: this machine's)")
    _add_choice(parser, "sunspec", "read port 502 (SunSpec), too")
    parser.add_argument("--yes", action="store_true", help="ask no questions; use options and defaults")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it exists")


def _add_choice(parser: argparse.ArgumentParser, name: str, about: str) -> None:
    destination = name.replace("-", "_")
    parser.add_argument(f"--{name}", dest=destination, action="store_true", default=None, help=about)
    parser.add_argument(f"--no-{name}", dest=destination, action="store_false", default=None, help=argparse.SUPPRESS)


def _no_password(_text: str) -> str:
    raise argparse.ArgumentTypeError(
        "other users can see a command line; type the password when asked, or use --password-file"
    )


def run(options: argparse.Namespace) -> int:
    """Asks, writes the file and checks it; returns the exit status of `check`."""
    path = _path(options)
    _require_room(path, force=options.force)
    password = _password_in(options.password_file) if options.password_file else {}
    terminal = None if options.yes or not _is_terminal() else Terminal(_line, _secret, _complain)
    interview = Interview(terminal)
    _require_right(options, password, asks=interview.asks)
    try:
        ecus, settings = _answers(options, interview, password)
    except (EOFError, KeyboardInterrupt) as error:
        log.error("nothing was written")  # noqa: TRY400 - the traceback is of no use
        raise KeyboardInterrupt from error
    command = "aps2mqtt" if path == loading.DEFAULT_FILE else f"aps2mqtt -c {printable(shlex.quote(str(path)))}"
    text = config_file.whole(command, ecus, settings)
    _write(path, text)
    output.show(["", f"written  {path} (only its owner can read it)", ""])
    status = _check(options, path)
    _warn_of_environment(path, text)
    output.show(["", *_next_steps(command, path, status, discovery="MQTT_DISCOVERY_ENABLED" in settings)])
    return status


def _require_right(options: argparse.Namespace, password: Settings, *, asks: bool) -> None:
    """Raises UsageError if an option is wrong or needs another one: better before the search than after."""
    for given, parse in (
        (options.ecu, questions.ecus),
        (options.broker, questions.broker),
        (options.user, questions.user),
        (options.position, questions.position),
        (options.timezone, questions.timezone),
    ):
        if given is not None:
            parse(given)
    if options.night and options.position is None and not asks:
        raise UsageError("--night needs the position of the site; add --position=48.86,2.35")
    if password and not options.user and (options.user is not None or not asks):
        raise _no_user()


def _no_user() -> UsageError:
    return UsageError("--password-file needs a user; add --user NAME")


# -- the file ---------------------------------------------------------------------------------------------------------


def _path(options: argparse.Namespace) -> Path:
    return files.whole(Path(options.config or os.environ.get("CONFIG_FILE") or loading.DEFAULT_FILE))


def _require_room(path: Path, *, force: bool) -> None:
    """Raises UsageError or ConfigError if the file would not be written: better before the questions than after."""
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} exists already; test it with `aps2mqtt check`, or overwrite it with --force")
    there = files.nearest(path.parent)
    if files.is_folder(path) or not files.is_folder(there) or not os.access(there, os.W_OK | os.X_OK):
        raise _unwritable(path)


def _unwritable(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} cannot be written by this user; run aps2mqtt as root, or name another file with -c FILE"
    )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, text, private=True)
    except OSError as error:
        raise ConfigError(
            f"{path} could not be written ({error.strerror}); free some space on that disk, or name another file with "
            "-c FILE"
        ) from error


def _password_in(path: Path) -> Settings:
    try:
        lines = files.read(path, MAX_PASSWORD_FILE).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"the password file {path} cannot be read ({why}); name another one") from error
    return questions.password(lines[0] if lines else "")


# -- the answers ------------------------------------------------------------------------------------------------------


def _ecus(options: argparse.Namespace, interview: Interview) -> tuple[list[Ecu], dict[Ecu, Device]]:
    """The ECUs of the file, and what those do that answer; raises JobError if there is none."""
    given = questions.ecus(options.ecu) if options.ecu is not None else None
    known = _search_own(asks=interview.asks) if given is None else _search(given)
    if interview.asks:
        output.show(["", INTRODUCTION, ""])
    if given is not None:
        if not _accepts(given, known, interview):
            raise EcuUnreachable(
                f"no ECU answers at {_places(given, known)}, so nothing was written; check the address and the port"
            )
        return list(given), known
    offered = ",".join(map(str, known))
    while True:
        wanted = interview.answer(None, "Address of the ECU", offered, questions.ecus)
        known |= _search([ecu for ecu in wanted if ecu not in known])
        if _accepts(wanted, known, interview):
            return list(wanted), known


def _search_own(*, asks: bool) -> dict[Ecu, Device]:
    """The ECUs in this machine's networks; raises JobError if there is none and nobody to ask."""
    try:
        found = find.search(find.area([]))
        output.show(find.lines(found))
        find.require_ecu(found)
    except JobError as error:
        if not asks:
            raise
        _complain(f"{error}.")
        return {}
    return {Ecu(device.address, port=found.port): device for device in found.ecus}


def _search(wanted: Iterable[Ecu]) -> dict[Ecu, Device]:
    """Those of the wanted ECUs that answer, or that another job uses just now; shows what was found."""
    answering: dict[Ecu, Device] = {}
    by_port: dict[int, dict[Ecu, str]] = {}
    for ecu in wanted:
        try:
            address = ask.resolve_address(ecu.address, ecu.port, LIMITS)
        except EcuUnreachable as error:
            _complain(f"{error}.")
        else:
            by_port.setdefault(ecu.port, {})[ecu] = address
    for number, (port, addresses) in enumerate(by_port.items()):
        found = find.search(Area(tuple(networks.single(at, ecu.address) for ecu, at in addresses.items())), port)
        output.show([*([""] if number else []), *find.lines(found)])
        there = {device.address: device for device in found.devices if device.kind in (Kind.ECU, Kind.BUSY)}
        answering |= {ecu: there[address] for ecu, address in addresses.items() if address in there}
    return answering


def _accepts(wanted: Iterable[Ecu], known: dict[Ecu, Device], interview: Interview) -> bool:
    """True if all of the wanted ECUs answer, or if the user wants the file all the same."""
    places = _places(wanted, known)
    if places and interview.asks:
        return interview.agrees(None, f"No ECU answers at {places}. Write the file anyway?")
    if places:
        log.warning("no ECU answers at %s; check the address and the port, and whether the ECU is on", places)
    return True


def _places(wanted: Iterable[Ecu], known: dict[Ecu, Device]) -> str:
    """Those of the wanted ECUs that do not answer, with their ports."""
    return some([ecu.endpoint for ecu in wanted if ecu not in known], find.MOST_NAMED)


def _answers(options: argparse.Namespace, interview: Interview, password: Settings) -> tuple[list[Ecu], Settings]:
    """The ECUs and the settings of the file; raises UsageError for a wrong option, EOFError for Ctrl-D."""
    ecus, known = _ecus(options, interview)
    settings = interview.answer(
        options.broker, "MQTT broker (HOST or HOST:PORT)", questions.LOCAL_BROKER, questions.broker
    )
    user = interview.answer(options.user, "MQTT user (empty: none)", "", questions.user)
    if password and not user:
        raise _no_user()
    settings |= user
    if user:
        settings |= password or interview.password(user["MQTT_BROKER_USER"])
    if interview.agrees(options.home_assistant, "Show the devices in Home Assistant (MQTT discovery)?"):
        settings["MQTT_DISCOVERY_ENABLED"] = "True"
    settings |= _site(options, interview)
    open_there = {ecu for ecu in ecus if ecu in known and known[ecu].sunspec}
    sunspec = options.sunspec
    if open_there:
        sunspec = interview.agrees(sunspec, "Read values of each panel from port 502 (SunSpec), too?")
    return [ecu._replace(sunspec=bool(sunspec) and (not open_there or ecu in open_there)) for ecu in ecus], settings


def _site(options: argparse.Namespace, interview: Interview) -> Settings:
    night: Settings = {}
    if interview.agrees(options.night, "Stop polling at night?"):
        night["APS_ECU_STOP_AT_NIGHT"] = "True"
    place: Settings = {}
    if options.position is not None or night:
        place = interview.answer(options.position, POSITION, "", lambda line: questions.position(line) if line else {})
    default = _system_timezone() if interview.asks else ""
    zone = interview.answer(options.timezone, "Time zone of the site", default, questions.timezone)
    return (night if place else {}) | place | zone


def _system_timezone() -> str:
    """The name of this machine's zone; empty if it has none."""
    (config,) = loading.load(None, {"APS_ECU_IP": "127.0.0.1", "TZ": os.environ.get("TZ", "")})
    return str(getattr(config.ecu.timezone, "key", ""))


# -- the terminal -----------------------------------------------------------------------------------------------------


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()  # None: it is closed


def _line(prompt: str) -> str:
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # a terminal
    with _new_line_at_the_end():
        return input(prompt)


def _secret(prompt: str) -> str:
    try:
        with _new_line_at_the_end():
            return getpass(prompt)
    except UnicodeDecodeError as error:
        raise UsageError("the password is not UTF-8 text; type another one") from error


@contextmanager
def _new_line_at_the_end() -> Iterator[None]:
    """Leaves the line of the prompt if Ctrl-C or Ctrl-D ends the question."""
    try:
        yield
    except (EOFError, KeyboardInterrupt):
        output.show([""])
        raise


def _complain(text: str) -> None:
    output.show(wrap(text, find.WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))


# -- afterwards -------------------------------------------------------------------------------------------------------


def _check(options: argparse.Namespace, path: Path) -> int:
    """Runs `aps2mqtt check` on the file."""
    parser = argparse.ArgumentParser()
    check.arguments(parser)
    common = argparse.Namespace(
        command="check", config=path, debug=options.debug, log_level=options.log_level, ecu=None
    )
    return check.run(parser.parse_args([], common))


def _warn_of_environment(path: Path, text: str) -> None:
    """Logs which settings the check had from the environment and the file has not."""
    lines = {line.strip(" -") for line in text.splitlines()}
    defaults = {key.name: key.default for key in KEYS}
    others = sorted(
        name
        for name in NAMES
        if (value := os.environ.get(name))
        and value != defaults.get(name)
        and f"{name}: {config_file.quoted(value)}" not in lines
    )
    if others:
        log.warning(
            "this check also used %s from the environment, which systemd and cron do not see; add %s to %s",
            ", ".join(others),
            "it" if len(others) == 1 else "them",
            path,
        )


def _next_steps(command: str, path: Path, status: int, *, discovery: bool) -> list[str]:
    if status != ExitStatus.OK:
        return [f"Fix what failed: edit {path}, then run", f"  {command} check"]
    return [
        "Next:",
        f"  {command} once",
        "      polls once and publishes",
        f"  {command} show",
        "      shows the array as it was published",
        f"  {command} units --output {printable(shlex.quote(str(path.parent)))}",
        "      writes systemd units and a crontab, and prints how to start them",
        f"  {command} run",
        "      polls every 5 minutes until you stop it",
        *([HOME_ASSISTANT] if discovery else []),
    ]
