"""Finds the ECU, asks a few questions, writes the configuration file and tests
it. An option answers its question, and --no-night answers no. Example:
  aps2mqtt init --ecu 192.168.1.42 --broker 192.168.1.10 --home-assistant --yes
"""

import argparse
import os
import shlex
import sys
from getpass import getpass
from ipaddress import IPv4Address
from pathlib import Path
from textwrap import wrap

from aps2mqtt.base import files
from aps2mqtt.base.errors import ConfigError, ExitStatus, JobError, UsageError
from aps2mqtt.base.printable import printable
from aps2mqtt.commands import check, find
from aps2mqtt.config import loading
from aps2mqtt.screen import output
from aps2mqtt.setup import config_file, networks, questions
from aps2mqtt.setup.config_file import Ecu
from aps2mqtt.setup.find import Search
from aps2mqtt.setup.questions import Interview, Settings, Terminal

MAX_PASSWORD_FILE = 10_000  # bytes
INTRODUCTION = "Press Enter to accept the answer in brackets. Ctrl-C exits and writes no file."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.usage = "aps2mqtt init [-c FILE] [option ...]"
    parser.allow_abbrev = False  # --password would be --password-file
    parser.add_argument("--password", type=_no_password, help=argparse.SUPPRESS)
    parser.add_argument("--ecu", metavar="ADDRESS", help="address of the ECU; separate several with commas")
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
    found = _found(options, asks=terminal is not None)
    if terminal is not None:
        output.show(["", INTRODUCTION, ""])
    try:
        ecus, settings = _answers(options, Interview(terminal), found, password)
    except EOFError as error:
        raise KeyboardInterrupt from error
    command = "aps2mqtt" if path == loading.DEFAULT_FILE else f"aps2mqtt -c {printable(shlex.quote(str(path)))}"
    _write(path, config_file.whole(command, ecus, settings))
    output.show(["", f"written  {path} (only its owner can read it)", ""])
    status = _check(options, path)
    output.show(["", *_next_steps(command, path, status)])
    return status


# -- the file ---------------------------------------------------------------------------------------------------------


def _path(options: argparse.Namespace) -> Path:
    return files.whole(Path(options.config or os.environ.get("CONFIG_FILE") or loading.DEFAULT_FILE))


def _require_room(path: Path, *, force: bool) -> None:
    """Raises UsageError or ConfigError if the file would not be written: better before the questions than after."""
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} exists already; test it with `aps2mqtt check`, or overwrite it with --force")
    there = next(folder for folder in path.parents if os.path.lexists(folder))
    if path.is_dir() or not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
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


def _found(options: argparse.Namespace, *, asks: bool) -> Search | None:
    """The ECUs of this machine's networks, or of --ecu; raises JobError if there is none and nobody to ask."""
    wanted = [address for address in questions.ecus(options.ecu) if _is_address(address)] if options.ecu else []
    if options.ecu and not wanted:
        return None
    try:
        found = find.search(networks.named(wanted) if wanted else find.area([]))
        output.show(find.lines(found))
        if not wanted:
            find.require_ecu(found)
    except JobError as error:
        if not asks or wanted:
            raise
        _complain(f"{error}.")
        return None
    return found


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _answers(
    options: argparse.Namespace, interview: Interview, found: Search | None, password: Settings
) -> tuple[list[Ecu], Settings]:
    """The ECUs and the settings of the file; raises UsageError for a wrong option, EOFError for Ctrl-D."""
    known = {device.address: device for device in found.ecus} if found else {}
    addresses = interview.answer(options.ecu, "Address of the ECU", ",".join(known), questions.ecus)
    settings = interview.answer(
        options.broker, "MQTT broker (HOST or HOST:PORT)", questions.LOCAL_BROKER, questions.broker
    )
    user = interview.answer(options.user, "MQTT user (empty: none)", "", questions.user)
    if password and not user:
        raise UsageError("--password-file needs a user; add --user NAME")
    settings |= user
    if user:
        settings |= password or interview.password(user["MQTT_BROKER_USER"])
    if interview.agrees(options.home_assistant, "Show the devices in Home Assistant (MQTT discovery)?"):
        settings["MQTT_DISCOVERY_ENABLED"] = "True"
    settings |= _site(options, interview)
    open_there = {address for address in addresses if address in known and known[address].sunspec}
    sunspec = options.sunspec
    if open_there:
        sunspec = interview.agrees(sunspec, "Read values of each panel from port 502 (SunSpec), too?")
    return [Ecu(one, bool(sunspec) and (not open_there or one in open_there)) for one in addresses], settings


def _site(options: argparse.Namespace, interview: Interview) -> Settings:
    settings: Settings = {}
    if interview.agrees(options.night, "Stop polling at night?"):
        settings["APS_ECU_STOP_AT_NIGHT"] = "True"
    if options.position is not None or settings:
        if options.position is None and not interview.asks:
            raise UsageError("--night needs the position of the site; add --position=48.86,2.35")
        settings |= interview.answer(options.position, "Latitude,longitude (48.86,2.35)", "", questions.position)
    default = _system_timezone() if interview.asks else ""
    return settings | interview.answer(options.timezone, "Time zone of the site", default, questions.timezone)


def _system_timezone() -> str:
    """The name of this machine's zone; empty if it has none."""
    (config,) = loading.load(None, {"APS_ECU_IP": "127.0.0.1", "TZ": os.environ.get("TZ", "")})
    return str(getattr(config.ecu.timezone, "key", ""))


# -- the terminal -----------------------------------------------------------------------------------------------------


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()  # None: it is closed


def _line(prompt: str) -> str:
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # a terminal
    return input(prompt)


def _secret(prompt: str) -> str:
    try:
        return getpass(prompt)
    except UnicodeDecodeError as error:
        raise UsageError("the password is not UTF-8 text; type another one") from error


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


def _next_steps(command: str, path: Path, status: int) -> list[str]:
    if status != ExitStatus.OK:
        return [f"Fix what failed: edit {path}, then run", f"  {command} check"]
    return [
        "Next:",
        f"  {command} once",
        "      polls once and publishes",
        f"  {command} units --output {printable(shlex.quote(str(path.parent)))}",
        "      writes systemd units and a crontab, and prints how to start them",
        f"  {command} run",
        "      polls every 5 minutes until you stop it",
    ]
