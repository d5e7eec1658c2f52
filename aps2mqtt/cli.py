"""The command line: arguments, the clock, signals, and what the process exits with."""

import argparse
import io
import logging
import os
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from aps2mqtt import __version__, logs
from aps2mqtt.errors import GRAVITY, ConfigError, ExitStatus, JobError, OutputError, UsageError, described

if TYPE_CHECKING:
    from aps2mqtt.config import Config
    from aps2mqtt.job import Outcome
    from aps2mqtt.state import Store

log = logging.getLogger("aps2mqtt.cli")

MAX_PORT = 65535
DESCRIPTION = "Reads an APsystems ECU and publishes what it says as retained MQTT messages."
EPILOG = """\
examples:
  aps2mqtt demo                     see it work: simulated ECU, embedded broker
  aps2mqtt -c config.yaml once      one job, as cron and a systemd timer do
  aps2mqtt -c config.yaml           the same job every 5 minutes (run)
  aps2mqtt units --output DIR       files for systemd and cron
  aps2mqtt -c config.yaml migrate   from aps2mqtt 2.x
  APS_ECU_IP=192.168.1.42 aps2mqtt once --dry-run
                                    what would be published; needs no broker

The configuration is a YAML file (-c, or $CONFIG_FILE), environment variables of
the same names, or both: see config.yaml.example and the README.

exit status: 0 done, or nothing to do; 64 usage; 69 ECU or broker cannot be
reached; 70 a bug; 75 another job holds the ECU; 76 the ECU's answer is of no
use; 77 the broker refuses the login; 78 configuration
"""


class _Parser(argparse.ArgumentParser):
    """One line for a wrong usage, and the status of sysexits."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitStatus.USAGE, f"aps2mqtt: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    _open_streams()
    options = _parser().parse_args(arguments)
    logs.set_up(debug=options.debug)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 128 + 2
    except BrokenPipeError:
        return _silence()
    except Exception as error:  # noqa: BLE001 - the last boundary: what is no JobError is a bug
        return _failed(error)
    return status


def _open_streams() -> None:
    """Standard streams that were closed are nobody's; what a terminal cannot show is shown in escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for the whole process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _show(lines: Iterable[str]) -> None:
    """Prints data, at once and whole; raises OutputError where it cannot."""
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence()
        raise OutputError(f"standard output cannot be written: {error.strerror}; make room for it") from error


def _silence() -> int:
    """The reader of our output has gone, as `head` does: no reason for a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitStatus.OK


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="aps2mqtt", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_common(parser, first=True)
    parser.add_argument("--version", action="version", version=f"aps2mqtt {__version__}")
    parser.set_defaults(command=_run, ecu=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    _add_once(commands)
    _add_run(commands)
    _add_simulate(commands)
    _add_demo(commands)
    _add_units(commands)
    _add_migrate(commands)
    _add_forget(commands)
    _add_health(commands)
    return parser


def _add_common(parser: argparse.ArgumentParser, *, first: bool = False) -> None:
    """Options that may stand before the command and after it."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=Path,
        default=None if first else argparse.SUPPRESS,
        help="configuration file (default: $CONFIG_FILE)",
    )
    parser.add_argument(
        "-D",
        "--debug",
        action="store_true",
        default=False if first else argparse.SUPPRESS,
        help="log everything, frames in hex included; secrets never",
    )


def _add(
    commands: "argparse._SubParsersAction[_Parser]", name: str, command: Callable[..., int], about: str, text: str
) -> _Parser:
    parser = commands.add_parser(
        name, help=about, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_common(parser)
    parser.set_defaults(command=command)
    return parser


def _add_ecu(parser: _Parser) -> None:
    parser.add_argument("--ecu", metavar="ID_OR_ADDRESS", help="of several ECUs only this one")


def _add_once(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add(
        commands,
        "once",
        _once,
        "one job: query the ECU, publish, exit",
        """\
Asks the ECU, publishes what it says, exits. cron and the systemd timer run it.

With APS_ECU_STOP_AT_NIGHT the ECU is left alone while the sun is down and its
inverters sleep; what is known is published all the same.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml once --dry-run""",
    )
    _add_ecu(parser)
    parser.add_argument("--force", action="store_true", help="ask the ECU at night too")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print topics, payloads and removals; publish and remember nothing, need no broker",
    )


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add(
        commands,
        "run",
        _run,
        "the same job every APS_ECU_POLL_INTERVAL seconds (the default)",
        """\
Fires the job of `once` now and then every APS_ECU_POLL_INTERVAL seconds, until
SIGTERM or SIGINT. With APS_ECU_STOP_AT_NIGHT it waits for the sun.

The topic aps/status says `online` while it lives, `offline` when it has ended,
also when it was killed.

example:
  APS_ECU_POLL_INTERVAL=120 aps2mqtt -c config.yaml run""",
    )
    _add_ecu(parser)


def _add_simulate(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add(
        commands,
        "simulate",
        _simulate,
        "a make-believe ECU on a real TCP port of the loopback interface",
        """\
Plays an ECU with an array behind it, whose power follows the sun, or replays
captured frames; until SIGTERM or SIGINT. --fault list names the faults.

example, in two terminals:
  aps2mqtt simulate --inverters 3xDS3,1xQS1
  APS_ECU_IP=127.0.0.1 aps2mqtt once --dry-run""",
    )
    parser.add_argument("--port", type=_port, default=8899, help="TCP port (default 8899; 0: any, printed)")
    parser.add_argument("--ecu", metavar="MODEL", default="ECU-R", help="ECU-R (default), ECU-R-Pro, ECU-B or ECU-C")
    parser.add_argument("--inverters", metavar="LIST", help="such as 3xDS3,1xQS1,1xYC1000,1xunseen")
    parser.add_argument("--fault", metavar="NAME", default="", help="fail in this way (list: which there are)")
    parser.add_argument(
        "--replay",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="answer with the frames in this file of captures (may be given again)",
    )


def _add_demo(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add(
        commands,
        "demo",
        _demo,
        "the main job end to end, with nothing set up",
        """\
A simulated ECU, an embedded broker and one job; then the array as a picture,
and the topics as they lie on the broker.

example:
  aps2mqtt demo --keep""",
    )
    parser.add_argument("--keep", action="store_true", help="go on polling until stopped")


def _add_units(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add(
        commands,
        "units",
        _units,
        "write systemd units and a crontab with the paths of this installation",
        """\
Writes aps2mqtt.service, aps2mqtt.timer, aps2mqtt-run.service and
crontab.example, with the paths of this program and of the configuration in them
(-c, else $CONFIG_FILE, else /etc/aps2mqtt/config.yaml), and says how to go on.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml units --output /etc/aps2mqtt""",
    )
    parser.add_argument("--output", metavar="DIR", type=Path, required=True, help="folder to write them to")
    parser.add_argument("--force", action="store_true", help="replace files that are there and differ")


def _add_migrate(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add(
        commands,
        "migrate",
        _migrate,
        "move an installation of aps2mqtt 2.x over",
        """\
Has Home Assistant go on with the entities that aps2mqtt 2.x announced, so that
names and history stay, and clears the retained messages of 2.x that nobody
renews. Asks the ECU, and does a job. Run it when 2.x has been stopped for good.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml migrate --dry-run""",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be moved and cleared")


def _add_forget(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add(
        commands,
        "forget",
        _forget,
        "remove an ECU or an inverter from the broker",
        """\
Removes the retained messages of an ECU, with its inverters, or of one inverter,
and its entities in Home Assistant. Without --yes it only shows what it would
remove. What the ECU still lists comes back with the next job.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml forget 704000000001""",
    )
    parser.add_argument("serial", metavar="ECU_OR_INVERTER", type=_serial, help="its serial number, of 12 digits")
    parser.add_argument("--yes", action="store_true", help="remove it")


def _add_health(commands: "argparse._SubParsersAction[_Parser]") -> None:
    _add(
        commands,
        "health",
        _health,
        "whether the last job went well and the next is not overdue",
        """\
Looks at what the jobs have remembered, and asks neither ECU nor broker. Ends
with 0 if all is well, else with 69: for the health check of a container.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml health""",
    )


def _serial(text: str) -> str:
    if not re.fullmatch("[0-9]{12}", text):
        raise argparse.ArgumentTypeError("a serial number has 12 digits")
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


# -- the commands: what they need is imported when they run, so that `once` pays for nothing else ---------------------


def _once(options: argparse.Namespace) -> int:
    from aps2mqtt import job

    def poll(config: "Config") -> job.Outcome:
        done = job.Job(config, datetime.now(UTC), _store(config), force=options.force, dry_run=options.dry_run).run()
        log.log(logging.WARNING if options.dry_run and done.night else logging.INFO, "%s", done.summary)
        return done

    configs = _load(options)
    if len(configs) == 1:
        status, outcomes = ExitStatus.OK, [poll(configs[0])]
    else:
        status, outcomes = _side_by_side(poll, configs)
    if options.dry_run and outcomes:
        messages = [message for outcome in outcomes for message in outcome.messages]
        longest = max(len(message.topic) for message in messages)
        _show(f"{message.topic:<{longest}}  {message.payload or '(removed)'}" for message in messages)
    return status


class _JobThread(threading.Thread):
    """The job of one of several ECUs, whose failure is told and keeps no other from anything."""

    def __init__(self, poll: "Callable[[Config], Outcome]", config: "Config") -> None:
        super().__init__(name=config.ecu.address, daemon=True)  # Ctrl-C does not wait for it
        self._poll = poll
        self._config = config
        self.outcome: Outcome | None = None
        self.status = ExitStatus.SOFTWARE

    def run(self) -> None:
        """As a thread is told to."""
        try:
            self.outcome = self._poll(self._config)
            self.status = ExitStatus.OK
        except Exception as error:  # noqa: BLE001 - the boundary of this job, as `main` is of a single one
            self.status = _failed(error)


def _side_by_side(
    poll: "Callable[[Config], Outcome]", configs: "Sequence[Config]"
) -> "tuple[ExitStatus, list[Outcome]]":
    """A job for each ECU: the gravest status of them all, and what the good ones did."""
    from aps2mqtt import window

    threads = [_JobThread(poll, config) for config in configs]
    for number, thread in enumerate(threads):
        time.sleep(window.stagger(len(threads)) if number else 0)
        thread.start()
    for thread in threads:
        thread.join()
    status = max((thread.status for thread in threads), key=GRAVITY.index)
    return status, [thread.outcome for thread in threads if thread.outcome is not None]


def _run(options: argparse.Namespace) -> int:
    # Before any thread begins, so that every one of them leaves the signals to the daemon.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    from aps2mqtt.daemon import Daemon

    Daemon(_load(options)).run()
    return ExitStatus.OK


def _simulate(options: argparse.Namespace) -> int:
    from aps2mqtt.ecu import simulator

    if options.fault == "list":
        for name, about in simulator.FAULTS.items():
            print(f"{name:<15} {about}")
        return ExitStatus.OK
    try:
        plant = simulator.local_plant(options.ecu, options.inverters or simulator.DEFAULT_INVERTERS)
        answers = simulator.replay_answers(options.replay, simulator.plant_answers(plant, options.fault))
        ecu = simulator.Simulator(plant, port=options.port, fault=options.fault, answers=answers)
    except simulator.ScenarioError as error:
        return _usage(str(error))
    except OSError as error:
        return _usage(f"port {options.port} cannot be had ({error.strerror}); choose another with --port")
    with ecu:
        print(f"{options.ecu} {plant.ecu.ecu_id} with {len(plant.inverters)} inverters on {simulator.HOST}:{ecu.port}")
        print("stop with Ctrl-C", flush=True)
        _wait_for_stop()
    return ExitStatus.OK


def _demo(options: argparse.Namespace) -> int:
    from aps2mqtt import demo

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what it started ends with it
    width = shutil.get_terminal_size().columns
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    demo.show(keep=options.keep, width=width, color=color)
    return ExitStatus.OK


def _units(options: argparse.Namespace) -> int:
    from aps2mqtt import units

    script = _console_script()
    paths = units.Paths(script or units.DEFAULT.program, _absolute(_config_path(options) or Path(units.DEFAULT.config)))
    folder = _absolute(options.output)
    try:
        texts = {name: units.render(name, template, paths) for name, template in units.templates().items()}
        new = units.write(texts, folder, force=options.force)
    except units.UnitsError as error:
        return _usage(str(error))
    for name in texts:
        print(f"{'written' if new[name] else 'unchanged':<9}  {folder / name}")
    print(f"\nThey start {paths.program} with {paths.config}.\n\n{units.next_steps(folder)}", flush=True)
    if script is None:
        log.warning("this aps2mqtt is not installed; install it so that %s is there (README)", paths.program)
    elif unseen := units.hidden((script, script.resolve(), Path(sys.base_prefix).resolve())):
        log.warning(
            "the services of systemd do not see %s; install aps2mqtt elsewhere, for example in /opt/aps2mqtt", unseen[0]
        )
    if not os.path.lexists(paths.config):
        log.warning("%s is not there yet; make it from config.yaml.example", paths.config)
    return ExitStatus.OK


def _migrate(options: argparse.Namespace) -> int:
    status = ExitStatus.OK
    for config in _load(options):
        try:
            _migrate_one(config, dry_run=options.dry_run)
        except JobError as error:  # the others can be moved all the same
            status = max(status, _failed(error), key=GRAVITY.index)
    return status


def _migrate_one(config: "Config", *, dry_run: bool) -> None:
    from aps2mqtt import upkeep

    now, store = datetime.now(UTC), _store(config)
    left = upkeep.left_by_2x(config, now, store)
    counted = f"{len(left.announced)} entities of aps2mqtt 2.x to go on with, {len(left.readings)} topics to clear"
    _show([f"{config.ecu.address}: {counted}", *(f"  {topic}" for topic in left.topics)])
    if not config.broker.discovery:
        log.warning("MQTT_DISCOVERY_ENABLED is not set: what 2.x announced to Home Assistant is left as it is")
    if not dry_run:
        upkeep.migrate(config, now, store, left)
        _show(["done"])


def _forget(options: argparse.Namespace) -> int:
    from aps2mqtt import upkeep

    configs = _load(options)
    found = upkeep.remembered_by_broker(configs[0], options.serial)
    broker = f"the broker at {configs[0].broker.host}:{configs[0].broker.port}"
    if options.yes:
        upkeep.forget([(config, _store(config)) for config in configs], options.serial, found)
    listed = [f"  {topic}" for topic in found.topics]
    if not listed:
        _show([f"there is nothing of {options.serial} on {broker}"])
    elif options.yes:
        _show([f"removed from {broker}:", *listed, f"{len(listed)} topics"])
    else:
        _show([f"on {broker} there are of {options.serial}:", *listed])
        _show([f"Nothing has been removed. To remove these {len(listed)} topics, add --yes"])
    return ExitStatus.OK


def _health(options: argparse.Namespace) -> int:
    now, status = datetime.now(UTC), ExitStatus.OK
    for config in _load(options):
        read, trouble = _condition(config, now)
        if trouble:
            log.error("%s: %s", config.ecu.address, f"{read}; {trouble}" if read else trouble)
            status = ExitStatus.UNAVAILABLE
        else:
            _show([f"{config.ecu.address}: {read}"])
    return status


def _condition(config: "Config", now: datetime) -> tuple[str, str]:
    """When the ECU was read last, and what is wrong with its jobs; empty where nothing is."""
    from aps2mqtt import rhythm
    from aps2mqtt.state import StateError

    try:
        memory = _store(config).load()
    except StateError as error:
        return "", str(error)
    if memory is None:
        return "", "no job has gone well yet; look at the log"
    read = f"read last at {memory.read_at.astimezone(config.ecu.timezone):%Y-%m-%d %H:%M:%S}"
    if memory.error:
        return read, f"since then {memory.error}"
    if rhythm.is_overdue(memory.rhythm, now):
        return read, "none has gone well since, though one was due; look at the log and at what starts them"
    return read, ""


def _console_script() -> Path | None:
    """The program as its users start it."""
    for path in (Path(sys.argv[0]), Path(sys.executable).with_name("aps2mqtt")):
        if path.name == "aps2mqtt" and path.is_file():
            return _absolute(path)
    return None


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - a link is kept: it outlives what it points to


def _config_path(options: argparse.Namespace) -> Path | None:
    return options.config or (Path(os.environ["CONFIG_FILE"]) if os.environ.get("CONFIG_FILE") else None)


def _load(options: argparse.Namespace) -> "tuple[Config, ...]":
    """The configuration of each ECU, or of the one that `--ecu` picks."""
    from aps2mqtt import config

    configs = config.load(_config_path(options), os.environ)
    broker = configs[0].broker  # the same for all
    if broker.tls:
        from aps2mqtt import tls

        tls.context(broker)  # so that files that are none are found before the ECU is asked
    if options.ecu is not None:
        return (_pick(configs, options.ecu),)
    if len(configs) > 1:
        logs.set_up(debug=options.debug, ecus=[config.ecu.address for config in configs])
    return configs


def _pick(configs: "Sequence[Config]", wanted: str) -> "Config":
    """The ECU of this id, as its last job has remembered it, host or host:port; raises UsageError."""
    found, choices = [], []
    for config in configs:
        memory = _store(config).remembered()
        ecu_id = memory.ecu_id if memory is not None else "id unknown"
        if wanted.lower() in (ecu_id, config.ecu.host.lower(), config.ecu.address.lower()):
            found.append(config)
        choices.append(f"{config.ecu.address} ({ecu_id})")
    if len(found) != 1:
        what = "several ECUs are" if found else "no ECU is"
        raise UsageError(f"{what} known as {wanted!r}; --ecu can be one of {', '.join(choices)}")
    return found[0]


def _store(config: "Config") -> "Store":
    from aps2mqtt.state import Store

    return Store(config.state_directory, config.ecu.host, config.ecu.port)


def _wait_for_stop() -> None:
    """Until SIGTERM or SIGINT."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()


def _usage(message: str) -> int:
    log.error("%s", message)
    return ExitStatus.USAGE


def _failed(error: Exception) -> ExitStatus:
    """One line, or one for each mistake; -D adds the traceback. Returns what the process exits with."""
    if isinstance(error, ConfigError):
        for mistake in error.mistakes:
            log.error("%s", mistake)
        log.debug("from here:", exc_info=error)
    else:
        log.error("%s", described(error), exc_info=error)
    return error.status if isinstance(error, JobError) else ExitStatus.SOFTWARE
