"""Readings of an ECU, and the bridge that takes one after the other."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from parts import replace

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.physical_limits import MOST_PANELS
from aps2mqtt.base.values import Recalled, Snapshot
from aps2mqtt.mqtt.topics import Style, messages
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import true_values

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 6, 21, 12, 0, tzinfo=PARIS)
FIVE_MINUTES = timedelta(minutes=5)
DAY = timedelta(days=1)

ECU = "216000000001"
TWO = "700000000001"  # a DS3: two channels
QUAD = "800000000001"  # a QS1: four channels, one voltage
THREE = "500000000001"  # a YC1000: four channels, three voltages
NEVER = "806000000009"  # of type 00: registered, never heard

RECORDS = {
    TWO: Record(TWO, online=True, type="01", frequency=49.9, temperature=31, powers=(60, 61), voltages=(230, 231)),
    QUAD: Record(QUAD, online=True, type="03", frequency=50.1, temperature=29, powers=(1, 2, 3, 4), voltages=(229,)),
    THREE: Record(
        THREE, online=True, type="02", frequency=50.0, temperature=0, powers=(9, 8, 7, 6), voltages=(235, 236, 235)
    ),
    NEVER: Record(NEVER, online=False, type="00"),
}

ASLEEP = replace(RECORDS[TWO], online=False)
SIGNALS = dict.fromkeys(RECORDS, 171)
NOTHING_RETAINED = Recalled()


def read(
    *records: Record | str,
    at: datetime | None = NOON,
    today: float = 3.5,
    lifetime: float = 1000.0,
    listed: int | None = None,
    levels: dict[str, int] | None = SIGNALS,
    **info: int,
) -> Snapshot:
    """What an ECU with these records says; `at` is its stamp, and it counts right unless told otherwise.

    `levels` is None where 0030 failed.
    """
    chosen = tuple(RECORDS[one] if isinstance(one, str) else one for one in records)
    numbers = {
        "power": sum(sum(one.powers) for one in chosen if one.online),
        "registered": len(chosen),
        "online": sum(one.online for one in chosen),
    } | info
    return snapshot(
        SystemInfo(ECU, "01", lifetime, energy_today=today, firmware="ECU_R_1.2.31", **numbers),
        RealTime(
            "00",
            "01",
            len(chosen) if listed is None else listed,
            f"{at:%Y%m%d%H%M%S}" if at else "d0" * 7,
            chosen,
            complete=listed is None or listed == len(chosen),
        ),
        None if levels is None else Signal("00", tuple(levels.items())),
        PARIS,
    )


@dataclass
class Bridge:
    """Jobs in a row: `retained` is what lies on the broker below the ECU's topic, `memory` what the last job told."""

    memory: Memory | None = None
    zone: ZoneInfo = PARIS
    retained: dict[str, str] = field(default_factory=dict)

    def job(self, read_now: Snapshot, now: datetime = NOON, recalled: Recalled = NOTHING_RETAINED) -> dict[str, str]:
        """Topic and payload of every message of one good job."""
        report, self.memory = true_values.settle(read_now, self.memory, recalled, now, self.zone)
        return self._tell(messages(Style(), report))

    def night(self, now: datetime) -> dict[str, str]:
        """Topic and payload of every message of one job that leaves the ECU alone."""
        assert self.memory is not None
        report, self.memory = true_values.night(self.memory, now, self.zone)
        return self._tell(messages(Style(), report))

    def _tell(self, told) -> dict[str, str]:
        said = {message.topic.removeprefix(f"aps/{ECU}/"): message.payload for message in told}
        assert len(said) == len(told), "a topic is named twice"
        self.retained |= said
        self.retained = {topic: payload for topic, payload in self.retained.items() if payload}
        return said


def below(uid: str, said: dict[str, str]) -> dict[str, str]:
    """What is said of one inverter."""
    return {topic.removeprefix(f"{uid}/"): payload for topic, payload in said.items() if topic.startswith(f"{uid}/")}


OFFLINE_TWO = {
    "online": "False",
    "signal": "",
    "temperature": "",
    "frequency": "",
    "power": "0",
    "voltage": "",
    "1/power": "0",
    "2/power": "0",
    "1/voltage": "",
    "2/voltage": "",
    "energy/today": "0",
    "1/energy/today": "0",
    "2/energy/today": "0",
}
OFFLINE_THREE = {
    "online": "False",
    "signal": "",
    "temperature": "",
    "frequency": "",
    "power": "0",
    "voltage": "",
    "1/power": "0",
    "2/power": "0",
    "3/power": "0",
    "4/power": "0",
    "1/voltage": "",
    "2/voltage": "",
    "3/voltage": "",
    "energy/today": "0",
    "1/energy/today": "0",
    "2/energy/today": "0",
    "3/energy/today": "0",
    "4/energy/today": "0",
}
NEVER_HEARD = {
    "online": "False",
    "signal": "",
    "temperature": "",
    "frequency": "",
    "power": "",
    "voltage": "",
    "energy/today": "",
    **{f"{panel}/{name}": "" for name in ("power", "voltage", "energy/today") for panel in range(1, MOST_PANELS + 1)},
}


def short(*records: Record | str, at: datetime = NOON, **info: int) -> Snapshot:
    """A reading of an ECU that has TWO and THREE, both online, and lists what it likes."""
    return read(*records, at=at, **{"registered": 2, "online": 2, "power": 151} | info)


def counts(said: dict[str, str]) -> tuple[str | None, str | None]:
    """Published numbers of inverters, in all and online."""
    return said.get("inverters/total"), said.get("inverters/online")


def lifetimes(bridge: Bridge, *values: float, **more: int) -> list[str | None]:
    """What is published of the lifetime counter for readings of new data in a row, five minutes apart."""
    now = bridge.memory.reading.at + FIVE_MINUTES if bridge.memory is not None else NOON
    times = [now + FIVE_MINUTES * step for step in range(len(values))]
    return [
        bridge.job(read(TWO, at=time, lifetime=value, **more), time).get("energy/lifetime")
        for time, value in zip(times, values, strict=True)
    ]


def todays(bridge: Bridge, *values: float, start: datetime = NOON) -> list[str | None]:
    """What is published of today's energy for readings five minutes apart."""
    times = [start + FIVE_MINUTES * step for step in range(len(values))]
    return [
        bridge.job(read(TWO, today=value, at=time), time).get("energy/today")
        for time, value in zip(times, values, strict=True)
    ]


EVENING = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
MIDNIGHT = datetime(2026, 6, 22, 0, 0, tzinfo=PARIS)
MORNING = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)


def of_evening(total: float) -> Bridge:
    """A bridge whose last reading was of the evening of 21 June."""
    bridge = Bridge()
    bridge.job(read(TWO, today=total, at=EVENING), EVENING)
    return bridge
