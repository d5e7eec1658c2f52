"""Two days of an array behind both ports, where ports shut and open, units are silent and words of registers flip.

What is published is compared with what the array has really made, poll by poll.
"""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from aps2mqtt.base.errors import EcuSilent
from aps2mqtt.base.memory import Memory, Units
from aps2mqtt.base.values import Recalled, Snapshot
from aps2mqtt.mqtt.topics import Style, messages
from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.sources.ecu8899.snapshot import snapshot as of_8899
from aps2mqtt.sources.joining import alone, joined
from aps2mqtt.sources.sunspec import reading
from aps2mqtt.sources.sunspec import snapshot as sunspec
from aps2mqtt.sources.sunspec.reading import read_units
from aps2mqtt.sources.sunspec.registers import Registers
from aps2mqtt.truth import true_values

PARIS = ZoneInfo("Europe/Paris")
PLANT = Plant(inverters=inverter_models("2xDS3,1xQS1"), timezone=PARIS)
BEGIN = datetime(2026, 6, 21, 4, 0, 40, tzinfo=PARIS)
STEP = timedelta(minutes=5)
POLLS = 12 * 44


class Wire:
    """The Modbus port at one time. It keeps a day's total of its own until the inverter has made something."""

    def __init__(self, now: datetime, chance: random.Random) -> None:
        self._registers = units(PLANT, now)
        self._silent = {unit for unit in self._registers if chance.random() < 0.05}
        self._chance = chance

    def read(self, unit: int, address: int, count: int, _silence: float) -> Registers | None:
        if unit in self._silent or unit not in self._registers:
            return None
        words = list(self._registers[unit].take(address, count))
        if self._chance.random() < 0.01:
            at = self._chance.randrange(count)
            words[at] ^= 1 << self._chance.randrange(16)
        return Registers(address, tuple(words))


def poll(now: datetime, memory: Memory | None, chance: random.Random, doors: set[str]) -> tuple[dict[str, str], Memory]:
    """What is published, and the next memory; the two sources as sources/poll.py joins them."""
    ecu = None
    if "8899" in doors:
        ecu = of_8899(PLANT.system_info(now), PLANT.real_time(now), PLANT.signal(now), PARIS)
    known = memory.units if memory is not None and memory.units is not None else Units()
    read = None
    if "sunspec" in doors:
        read = read_units(Wire(now, chance), (), known, sunspec.wanted(ecu, memory, now), now)
    snapshot = _joined(ecu, read, memory, now)
    report, after = true_values.settle(snapshot, memory, Recalled(), now, PARIS)
    after = after._replace(units=read.units if read is not None else known)
    told = messages(Style(sunspec=True), report)
    return {one.topic.removeprefix(f"aps/{PLANT.ecu.ecu_id}/"): one.payload for one in told}, after


def _joined(ecu: Snapshot | None, read: reading.Read | None, memory: Memory | None, now: datetime) -> Snapshot:
    if read is None:
        assert ecu is not None
        return ecu
    said = sunspec.snapshot(PLANT.ecu.ecu_id, read, memory, now)
    if ecu is not None:
        return joined(ecu, said)
    if not read.answers:
        raise EcuSilent("neither port says anything")
    return alone(said, memory)


@pytest.mark.parametrize("seed", range(5))
def test_no_energy_falls_within_a_date_or_is_more_than_was_made(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ADDRESSES", range(1, 6))
    chance = random.Random(seed)
    memory: Memory | None = None
    doors = {"8899", "sunspec"}
    last: dict[tuple[str, str], float] = {}
    said: dict[str, str] = {}
    for number in range(POLLS):
        now = BEGIN + number * STEP
        if number % 12 == 11:  # within an hour nothing changes but units and words
            doors = chance.choice([{"8899", "sunspec"}, {"sunspec"}, {"8899"}])
        try:
            told, memory = poll(now, memory, chance, doors)
        except EcuSilent:
            continue
        said |= told
        date = now.date().isoformat()
        made = sum(PLANT.energies(now)) / 1000
        for topic, text in told.items():
            if topic.endswith("energy/today") and text:
                assert float(text) >= last.get((date, topic), 0.0), (now, topic, doors)
                last[date, topic] = float(text)
        # The integral of a panel's power ends in straight lines, and what is doubted for an hour is late, never early.
        assert float(said["energy/today"]) <= made * 1.03 + 1.4, (now, doors)
        online = said["inverters/online"]
        assert online == "0" or float(said["power"]) >= 0
        assert (online == "0") <= (said["power"] == "0"), (now, doors)
    total = last["2026-06-21", "energy/today"]
    real = sum(PLANT.energies(datetime(2026, 6, 21, 23, 55, tzinfo=PARIS))) / 1000
    assert total == pytest.approx(real, rel=0.05)
    assert float(said["energy/yesterday"]) == total
