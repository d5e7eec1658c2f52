"""What the commands share: options, the configuration that they name, the loop over its ECUs, and logging a failure."""

import argparse
import logging
import os
import re
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from aps2mqtt.base import files, logs
from aps2mqtt.base.errors import ConfigError, ExitStatus, JobError, UsageError, described, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from aps2mqtt.config.values import Config
    from aps2mqtt.jobs.state_file import Store

Result = TypeVar("Result")

log = logging.getLogger(__name__)

JOBS = ("once", "run")  # commands that log which configuration file they use if nobody names one
MAX_PORT = 65535
FIRST_DAY = date(2000, 1, 1)  # before there were ECUs


# -- options ----------------------------------------------------------------------------------------------------------


def add_ecu(parser: argparse.ArgumentParser) -> None:
    """The option that picks one of several ECUs: see `load`."""
    parser.add_argument("--ecu", metavar="ID_OR_ADDRESS", help="use only this one of several ECUs")


def serial(text: str) -> str:
    """The serial number of an ECU or an inverter."""
    if not re.fullmatch("[0-9]{12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a serial number; write its 12 digits")
    return text


def add_date(parser: argparse.ArgumentParser, about: str) -> None:
    """The option that picks a day of an ECU's history: see `day`."""
    parser.add_argument("--date", metavar="YYYY-MM-DD", type=_date, help=about)


def _date(text: str) -> date:
    try:
        found = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date of the site, in its time zone
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; write it as 2026-06-21") from error
    if found < FIRST_DAY:
        raise argparse.ArgumentTypeError(f"{found} is before the first ECUs; choose a date from {FIRST_DAY} on")
    return found


def day(wanted: date | None, config: "Config", now: datetime) -> date:
    """The date `wanted`, or today at the site of this ECU; raises UsageError for a date in the future."""
    today = now.astimezone(config.ecu.timezone).date()
    if wanted and wanted > today:
        raise UsageError(f"{wanted} is in the future; today is {today} at the site ({config.ecu.timezone})")
    return wanted or today


def port(text: str, least: int = 0) -> int:
    """A TCP port from `least` to MAX_PORT; 0 means any free one."""
    if not text.isdecimal() or len(text) > len(str(MAX_PORT)) or not least <= int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; write a number from {least} to {MAX_PORT}")
    return int(text)


# -- configuration ----------------------------------------------------------------------------------------------------


def config_path(options: argparse.Namespace) -> Path | None:
    """The configuration file: the one that the user names, otherwise the default one if it exists, otherwise None."""
    from aps2mqtt.config.loading import DEFAULT_FILE

    named = _named_file(options)
    return Path(named) if named else DEFAULT_FILE if os.path.lexists(DEFAULT_FILE) else None


def _named_file(options: argparse.Namespace) -> str | None:
    return options.config or os.environ.get("CONFIG_FILE")


def load(options: argparse.Namespace) -> "tuple[Config, ...]":
    """The configuration of each ECU, or of the one that `--ecu` picks; raises ConfigError and UsageError.

    Sets up the log again, according to the configuration.
    """
    from aps2mqtt.config import loading

    path = config_path(options)
    configs = loading.load(path, os.environ)
    broker = configs[0].broker  # the same for all
    if broker.tls:
        from aps2mqtt.mqtt import tls

        tls.context(broker)  # finds files without a certificate before the ECU is polled
    if options.ecu is not None:
        configs = (_pick(configs, options.ecu),)
    wanted = [config.log_level for config in configs if config.log_level]
    logs.set_up(
        debug=options.debug,
        level=options.log_level or min(wanted, key=logs.LEVELS.index, default=""),
        stays=options.command == "run",
        ecus=[config.ecu.address for config in configs] if len(configs) > 1 else (),
        names=configs[0].names,  # the same for all
    )
    if path is not None and not _named_file(options):
        log.log(logging.INFO if options.command in JOBS else logging.DEBUG, "the configuration file is %s", path)
    return configs


def _pick(configs: "Sequence[Config]", wanted: str) -> "Config":
    """The ECU of the id (from the memory of its last job), host or host:port `wanted`; raises UsageError."""
    found, choices = [], []
    for config in configs:
        memory = store(config).remembered()
        ecu_id = memory.ecu_id if memory is not None else "id unknown"
        if wanted.lower() in (ecu_id, config.ecu.host.lower(), config.ecu.address.lower()):
            found.append(config)
        choices.append(f"{config.ecu.address} ({ecu_id})")
    if len(found) != 1:
        what = "several ECUs have" if found else "no ECU has"
        raise UsageError(f"{what} the id or address {shown(wanted)!r}; --ecu can be one of {', '.join(choices)}")
    return found[0]


def store(config: "Config") -> "Store":
    """The state of this ECU's jobs."""
    from aps2mqtt.jobs.state_file import Store

    return Store(config.state_directory, config.ecu.host, config.ecu.port)


def of_each(do: "Callable[..., Result]", failures: list[ExitStatus], *each: "Iterable[object]") -> "Iterator[Result]":
    """Calls `do` for each ECU, as `map` does, and yields what it returns.

    A JobError of one ECU is logged and its status added to `failures`; the others go on.
    """
    for arguments in zip(*each, strict=True):
        try:
            result = do(*arguments)
        except JobError as error:
            failures.append(failed(error))
        else:
            yield result


def failed(error: Exception) -> ExitStatus:
    """Logs one line, or one for each mistake; -D adds the traceback. Returns the exit status."""
    if isinstance(error, ConfigError):
        for mistake in error.mistakes:
            log.error("%s", mistake)
        log.debug("from here:", exc_info=error)
    else:
        log.error("%s", described(error), exc_info=error)
    return error.status if isinstance(error, JobError) else ExitStatus.SOFTWARE


def write(path: Path, text: str) -> None:
    """Writes a file that the user has named; raises UsageError."""
    try:
        files.replace(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another file") from error
    log.info("written: %s", path)


def wait_for_stop() -> None:
    """Waits for SIGTERM or SIGINT, and then returns."""
    import signal

    # The interpreter itself writes to the pipe. If several signals come at once, the kernel may give all of them to
    # another thread, so that nothing interrupts this one; and a handler may be interrupted by the next signal.
    received, sent = os.pipe()
    os.set_blocking(sent, False)
    signal.set_wakeup_fd(sent)
    stopping = (signal.SIGINT, signal.SIGTERM)
    for number in stopping:
        signal.signal(number, lambda *_: None)
    os.read(received, 1)
    for number in stopping:
        signal.signal(number, signal.SIG_IGN)  # the program is about to end
