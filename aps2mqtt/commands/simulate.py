"""Plays an ECU with an array behind it, whose power follows the sun, or replays
captured frames; until SIGTERM or SIGINT. --fault list names the faults.

example, in two terminals:
  aps2mqtt simulate --inverters 3xDS3,1xQS1
  APS_ECU_IP=127.0.0.1 aps2mqtt once --dry-run
"""

import argparse
import os
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from aps2mqtt.base.errors import ExitStatus, UsageError
from aps2mqtt.commands import common
from aps2mqtt.screen import output
from aps2mqtt.simulator import scenarios, server
from aps2mqtt.simulator.plant import DEFAULT_INVERTERS, ScenarioError, local_plant

NIGHT = "it is night there, so all inverters are offline; choose another time with --time 12:00"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--port", type=common.port, default=8899, help="TCP port (default 8899; 0: any, printed)")
    parser.add_argument("--ecu", metavar="MODEL", default="ECU-R", help="ECU-R (default), ECU-R-Pro, ECU-B or ECU-C")
    parser.add_argument("--inverters", metavar="LIST", help="such as 3xDS3,1xQS1,1xYC1000,1xunseen")
    parser.add_argument("--time", metavar="HH:MM", type=_time, help="let it be that time of day, and go on from there")
    parser.add_argument("--fault", metavar="NAME", default="", help="fail in this way (list: which there are)")
    parser.add_argument(
        "--replay",
        metavar="FILE",
        type=Path,
        action="extend",
        nargs="+",
        default=[],
        help="answer with the frames in these files of captures",
    )


def run(options: argparse.Namespace) -> int:
    """Answers as an ECU until SIGTERM or SIGINT."""
    if options.fault == "list":
        output.show(f"{name:<15} {about}" for name, about in scenarios.FAULTS.items())
        return ExitStatus.OK
    try:
        plant = local_plant(options.ecu, options.inverters or DEFAULT_INVERTERS)
        answers = scenarios.replay_answers(options.replay, scenarios.plant_answers(plant, options.fault))
        clock = _clock(options.time)
        ecu = server.Simulator(plant, port=options.port, fault=options.fault, answers=answers, clock=clock)
    except ScenarioError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        why = os.strerror(error.errno or 0)  # the error's own text has the address in brackets
        raise UsageError(f"port {options.port} cannot be opened ({why}); choose another with --port") from error
    with ecu:
        inverters = f"{options.ecu} {plant.ecu.ecu_id} with {len(plant.inverters)} inverters"
        night = [] if plant.system_info(clock()).online else [NIGHT]
        output.show([f"{inverters} on {server.HOST}:{ecu.port}", *night, "stop with Ctrl-C"])
        common.wait_for_stop()
    return ExitStatus.OK


def _time(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - in the machine's zone
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time of day; write it as 12:00") from error


def _clock(at: time | None) -> Callable[[], datetime]:
    """A clock that returns the time; with `at`, it starts now at that time of today."""
    now = datetime.now().astimezone()
    ahead = datetime.combine(now, at).astimezone() - now if at is not None else timedelta()
    return lambda: datetime.now(UTC) + ahead
