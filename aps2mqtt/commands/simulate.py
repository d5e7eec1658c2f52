"""Simulates an ECU whose power follows the daylight, or replays captures, until
Ctrl-C. Poll it with: APS_ECU_IP=127.0.0.1 aps2mqtt once --dry-run. Example:
  aps2mqtt simulate --inverters 3xDS3,1xQS1 --sunspec 1502
"""

import argparse
import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path

from aps2mqtt.base.errors import ExitStatus, UsageError
from aps2mqtt.commands import common
from aps2mqtt.screen import output
from aps2mqtt.simulator import modbus, scenarios, server
from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.plant import DEFAULT_INVERTERS, REFRESH, Plant, ScenarioError, local_plant

OTHER_TIME = "Its data have another time than this machine, so `aps2mqtt check` warns about their age."
NIGHT = "all inverters are offline, because it is night; set another time with --time 12:00"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--port", type=common.port, default=8899, help="TCP port (default 8899; 0: any free one)")
    parser.add_argument("--sunspec", metavar="PORT", type=common.port, help="also serve the array over SunSpec")
    parser.add_argument("--ecu", metavar="MODEL", default="ECU-R", help="ECU-R (default), ECU-R-Pro, ECU-B or ECU-C")
    parser.add_argument("--inverters", metavar="LIST", help="such as 3xDS3,1xQS1,1xYC1000,1xunseen")
    parser.add_argument("--time", metavar="HH:MM", type=_time, help="begin at this time of day")
    parser.add_argument(
        "--refresh",
        metavar="N",
        type=_refresh,
        default=(REFRESH, timedelta()),
        help="new data every N seconds; 300+137: shifted by 137 s",
    )
    parser.add_argument(
        "--fault", metavar="NAME", action="append", default=[], help="simulate this fault (`list` shows all faults)"
    )
    parser.add_argument(
        "--replay",
        metavar="FILE",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        help="answer with the frames in these captures",
    )


def run(options: argparse.Namespace) -> int:
    """Answers as an ECU until SIGTERM or SIGINT."""
    if "list" in options.fault:
        faults = scenarios.FAULTS | {name: about for name, (about, _) in modbus.FAULTS.items()}
        output.show(f"{name:<18} {about}" for name, about in faults.items())
        return ExitStatus.OK
    of_8899, of_sunspec = _faults(options)
    try:
        refresh, phase = options.refresh
        plant = local_plant(options.ecu, options.inverters or DEFAULT_INVERTERS)
        plant = plant._replace(refresh=refresh, phase=phase)
        clock = _clock(options.time)
        with (
            _ecu(options, plant, clock, of_8899) as ecu,
            _sunspec(options, plant, clock, of_sunspec) as sunspec,
        ):
            inverters = f"{options.ecu} {plant.ecu.ecu_id} with {len(plant.inverters)} inverters"
            hints = [] if plant.system_info(clock()).online else [NIGHT]
            hints += [OTHER_TIME] if options.time is not None else []
            beside = f", SunSpec on {server.HOST}:{sunspec.port}" if sunspec is not None else ""
            output.show([f"{inverters} on {server.HOST}:{ecu.port}{beside}", *hints, "Stop it with Ctrl-C."])
            common.wait_for_stop()
    except ScenarioError as error:
        raise UsageError(str(error)) from error
    return ExitStatus.OK


def _faults(options: argparse.Namespace) -> tuple[str, str]:
    """The fault of port 8899 and that of SunSpec, each perhaps empty; raises UsageError."""
    of_sunspec = [name for name in options.fault if name in modbus.FAULTS]
    of_8899 = [name for name in options.fault if name not in modbus.FAULTS]
    if of_sunspec and options.sunspec is None:
        raise UsageError(f"the fault {of_sunspec[0]} needs SunSpec; add --sunspec 1502")
    if max(len(of_sunspec), len(of_8899)) > 1:
        raise UsageError("--fault can be given once for port 8899 and once for SunSpec; remove the others")
    return "".join(of_8899), "".join(of_sunspec)


def _ecu(options: argparse.Namespace, plant: Plant, clock: Callable[[], datetime], fault: str) -> server.Simulator:
    answers = scenarios.replay_answers(options.replay, scenarios.plant_answers(plant, fault))
    with _port_is_free(options.port, "--port"):
        return server.Simulator(plant, port=options.port, fault=fault, answers=answers, clock=clock)


def _sunspec(
    options: argparse.Namespace, plant: Plant, clock: Callable[[], datetime], fault: str
) -> AbstractContextManager[modbus.ModbusServer | None]:
    if options.sunspec is None:
        return nullcontext()
    _, faults = modbus.FAULTS.get(fault, ("", modbus.Faults()))
    with _port_is_free(options.sunspec, "--sunspec"):
        return modbus.ModbusServer(partial(units, plant), port=options.sunspec, faults=faults, clock=clock)


@contextmanager
def _port_is_free(port: int, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(f"port {port} is in use; choose another with {option}") from error
        why = os.strerror(error.errno or 0)  # the error's own text has the address in brackets
        raise UsageError(f"port {port} cannot be opened ({why}); choose another with {option}") from error


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - in the machine's zone
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time of day; write it as 12:00") from error


def _refresh(text: str) -> tuple[timedelta, timedelta]:
    """The time between new data, and from a full multiple of it to their time stamps."""
    found = re.fullmatch(r"(?a:(\d{1,5})(?:\+(\d{1,5}))?)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds; write it as 300 or 300+137")
    if not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is too short; the shortest time is 1 second")
    return timedelta(seconds=int(found[1])), timedelta(seconds=int(found[2] or 0))


def _clock(at: time | None) -> Callable[[], datetime]:
    """A clock that returns the time; with `at`, it starts now at that time of today."""
    now = datetime.now().astimezone()
    ahead = datetime.combine(now, at).astimezone() - now if at is not None else timedelta()
    return lambda: datetime.now(UTC) + ahead
