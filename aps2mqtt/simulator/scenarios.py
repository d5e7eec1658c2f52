"""The answers of a simulated ECU: frames of a plant, with or without a fault in their content, or captured frames."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.simulator.plant import Plant, ScenarioError
from aps2mqtt.sources.ecu8899 import answers, history_answers, tables
from aps2mqtt.sources.ecu8899.answers import SystemInfo
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, PowerOfDay

MAX_CAPTURE = 50_000_000  # bytes: all answers of some days

# Command, ECU id in the request, now -> frame; an empty one stands for no answer. Requests for history have one more
# argument: the date of 0003 or the period of 0004.
Answers = Callable[..., bytes]


FAULTS: dict[str, str] = {
    "mute": "accepts the connection and does not answer",
    "refuse": "refuses the connection",
    "close": "closes the connection without an answer",
    "cut": "closes the connection in the middle of an answer",
    "drip": "answers byte by byte",
    "garbage": "answers with random bytes",
    "wrong-length": "declares more bytes than it sends",
    "wrong-end": "ends an answer with XND instead of END",
    "status-02": "rejects its own id (status 02)",
    "counter-glitch": "reports 0 kWh, and no registered inverter",
    "night": "all inverters are offline",
    "flaky": "closes every second connection at once",
    "one-at-a-time": "closes a connection while it serves another one",
    "no-history": "does not answer 0003 and 0004 (history), like some firmware",
    "empty-history": "answers 0003 and 0004 with empty lists",
    "history-01": "has no data for 0003 and 0004 (status 01)",
    "history-gaps": "has no history of 11:30 to 13:15 and of every fourth day",
    "narrow-history": "sends energies of two bytes in 0004, as some ECUs",
}
HISTORY = (tables.POWER_OF_DAY, tables.ENERGY_BY_DAY)
WIDEST_NARROW = 655.35  # kWh, the most that two bytes hold


def plant_answers(plant: Plant, fault: str = "") -> Answers:
    """The answers of `plant`, with the `fault` if it is one of content."""
    asleep = fault == "night"
    frames: dict[str, Callable[[datetime, str], Frame]] = {
        tables.SYSTEM_INFO: lambda now, _: answers.encode_system_info(_system_info(plant, now, fault), plant.group),
        tables.REAL_TIME: lambda now, _: answers.encode_real_time(plant.real_time(now, asleep=asleep)),
        tables.SIGNAL: lambda now, _: answers.encode_signal(plant.signal(now, asleep=asleep)),
        tables.POWER_OF_DAY: lambda now, day: history_answers.encode_power_of_day(_power(plant, day, now, fault)),
        tables.ENERGY_BY_DAY: lambda now, period: history_answers.encode_energy_by_day(
            _energies(plant, period, now, fault)
        ),
    }

    def answer(command: str, ecu_id: str, now: datetime, argument: str = "") -> bytes:
        if command not in frames or (command in HISTORY and fault == "no-history"):
            return b""
        if command != tables.SYSTEM_INFO and (fault == "status-02" or ecu_id != plant.ecu.ecu_id):
            return Frame.of_status("11", command, tables.STATUS_WRONG_ECU, b"").encode()
        if command in HISTORY and fault == "history-01":
            return Frame.of_status("11", command, tables.STATUS_NO_DATA, b"").encode()
        return frames[command](now, argument).encode()

    return answer


def _system_info(plant: Plant, now: datetime, fault: str) -> SystemInfo:
    info = plant.system_info(now, asleep=fault == "night")
    if fault != "counter-glitch":
        return info
    return info._replace(lifetime_energy=0.0, energy_today=0.0, registered=0, online=max(1, info.online))  # quirk 53


def _power(plant: Plant, argument: str, now: datetime, fault: str) -> PowerOfDay:
    try:
        power = plant.power_of_day(history_answers.calendar_date(argument), now)
    except ValueError:
        return PowerOfDay(tables.STATUS_NO_DATA)
    kept = (point for point in power.points if fault != "history-gaps" or not "1130" <= point[0] < "1315")
    return power._replace(points=() if fault == "empty-history" else tuple(kept))


def _energies(plant: Plant, period: str, now: datetime, fault: str) -> EnergyByDay:
    energy = plant.energy_by_day(period, now)
    if fault == "narrow-history":
        return energy._replace(points=tuple((day, min(kwh, WIDEST_NARROW)) for day, kwh in energy.points), width=2)
    kept = (
        one for one in energy.points if fault != "history-gaps" or history_answers.calendar_date(one[0]).toordinal() % 4
    )
    return energy._replace(points=() if fault == "empty-history" else tuple(kept))


def replay_answers(files: Iterable[Path], otherwise: Answers) -> Answers:
    """The captured frames in `files`: for each command one after the other, then from the first again.

    Commands without a captured frame are answered by `otherwise`. A file holds JSON objects with `command` and `hex`:
    one object, a list of them, or one in each line. Raises ScenarioError.
    """
    frames: dict[str, list[bytes]] = {}
    for file in files:
        for capture in _captures(file):
            frames.setdefault(str(capture["command"]), []).append(bytes.fromhex(str(capture["hex"])))
    asked: dict[str, int] = {}

    def answer(command: str, ecu_id: str, now: datetime, argument: str = "") -> bytes:
        if command not in frames:
            return otherwise(command, ecu_id, now, *([argument] if argument else []))
        asked[command] = asked.get(command, -1) + 1
        return frames[command][asked[command] % len(frames[command])]

    return answer


def _captures(file: Path) -> list[Mapping[str, object]]:
    try:
        text = files.read(file, MAX_CAPTURE).decode()
        try:
            document = json.loads(text)
        except ValueError:
            document = [json.loads(line) for line in text.splitlines() if line.strip()]
        captures = document if isinstance(document, list) else [document]
        for capture in captures:
            Frame.build("11", str(capture["command"]), bytes.fromhex(capture["hex"]))
    except OSError as error:
        raise ScenarioError(
            f"{file} cannot be read: {error.strerror}; name a file that `aps2mqtt capture` has written"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ScenarioError(
            f"{file} contains no captures; a capture is a JSON object with `command` and `hex`"
        ) from error
    return captures
