"""Jobs on a real ECU's port and a real broker, while the ECU lies upward, by omission, or two states take turns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from parts import Broker, frame, in_paris, replace

from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt.topics import json_object
from aps2mqtt.simulator.plant import Plant
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.ecu8899 import answers, tables
from aps2mqtt.sources.ecu8899.answers import Record, SystemInfo
from aps2mqtt.truth import true_values

ECU = "216000000001"
TEN = datetime(2026, 6, 21, 10, 2, tzinfo=UTC)
POLL = timedelta(minutes=5)
Lie = Callable[[SystemInfo, tuple[Record, ...]], tuple[SystemInfo, tuple[Record, ...]]]


def nothing(info: SystemInfo, records: tuple[Record, ...]) -> tuple[SystemInfo, tuple[Record, ...]]:
    """No lie."""
    return info, records


def leap(info: SystemInfo, records: tuple[Record, ...]) -> tuple[SystemInfo, tuple[Record, ...]]:
    """Bit 30 of lifetime, bit 24 of today, and all bits of a channel."""
    info = replace(
        info, lifetime_energy=info.lifetime_energy + (1 << 30) / 10, energy_today=info.energy_today + (1 << 24) / 100
    )
    return info, (replace(records[0], powers=(65_535, *records[0].powers[1:])), *records[1:])


def none_listed(info: SystemInfo, _: tuple[Record, ...]) -> tuple[SystemInfo, tuple[Record, ...]]:
    """As firmware C1.2.24B does it."""
    return info, ()


@dataclass
class House:
    """An array in Paris, its ECU, the broker, and the folders of any number of states."""

    folder: Path
    broker: Broker
    plant: Plant = field(default_factory=lambda: Plant(timezone=ZoneInfo("Europe/Paris")))
    lie: Lie = nothing
    at: datetime = TEN
    more: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ecu = Simulator(self.plant, answers=self.answer, clock=lambda: self.at)

    def answer(self, command: str, ecu_id: str, now: datetime, _argument: str = "") -> bytes:
        """As the plant does, but for what is a lie."""
        info, records = self.lie(self.plant.system_info(now), self.plant.records(now))
        if command == tables.SYSTEM_INFO:
            return answers.encode_system_info(info, self.plant.group).encode()
        if command == tables.REAL_TIME and not records:
            stamp = bytes.fromhex(self.plant.real_time(now).time)
            empty = frame("ecuc-empty-list-C1.2.24B-2026")
            return empty[: tables.RECORDS - len(stamp)] + stamp + empty[tables.RECORDS :]
        if command == tables.REAL_TIME:
            return answers.encode_real_time(replace(self.plant.real_time(now), records=records)).encode()
        return plant_answers(self.plant)(command, ecu_id, now)

    def job(self, state: str = "state") -> dict[str, str]:
        """One job five minutes after the last; what lies on the broker of the ECU then."""
        self.at += POLL
        chosen = in_paris(self.ecu.port, self.broker.port, self.folder / state, **self.more)
        Job(chosen, self.at, Store(chosen.state_directory, chosen.ecu.host, chosen.ecu.port)).run()
        return {topic.removeprefix(f"aps/{ECU}/"): text for topic, text in self.broker.retained("aps/#").items()}


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> Iterator[House]:
    """One whose ECU says the truth."""
    made = House(tmp_path, broker)
    with made.ecu:
        yield made


def values(lying: dict[str, str]) -> dict[str, str]:
    """What is of the moment, of inverters and panels."""
    return {topic: text for topic, text in lying.items() if topic[:12].isdigit() and "energy" not in topic}


def test_an_ecu_that_lists_none_of_its_inverters_leaves_no_watts_behind(house, caplog):
    """For two polls nobody knows better; then all of it goes, and `problem` and one warning say why."""
    before = house.job()
    house.lie = none_listed
    assert values(house.job()) == values(before)
    assert values(house.job()) == values(before)
    after = house.job()
    assert {topic.partition("/")[2] for topic in values(after)} == {"problem"}
    assert after["704000000001/problem"].startswith("the ECU does not list this inverter; restart the ECU")
    assert after["704000000001/energy/today"] == before["704000000001/energy/today"]
    assert after["problem"].startswith("the ECU lists only 0 of its 5 inverters; restart the ECU")
    assert (after["status"], after["inverters/total"]) == ("online", "5")
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["the ECU does not list all its inverters: it has 5 and lists 0"]
    house.lie = nothing
    assert values(house.job()).keys() == values(before).keys()
    after = house.job()
    assert (after["problem"], after["704000000001/problem"]) == ("none", "none")


def test_by_night_they_are_all_offline(house):
    """0001 says that none is online."""
    house.job()
    house.lie = lambda info, _: (replace(info, online=0, power=0), ())
    after = house.job()
    assert {text for topic, text in after.items() if topic.endswith("/online") and topic[:3] != "inv"} == {"False"}
    assert {text for topic, text in values(after).items() if topic.endswith("power")} == {"0"}


def test_without_a_state_a_list_that_is_empty_is_told_all_the_same(house):
    """Nobody is there to be missed."""
    house.lie = none_listed
    assert "lists only 0 of its 5 inverters" in house.job()["problem"]


@pytest.mark.parametrize("payload", ["flat", "json"])
def test_what_leaps_reaches_the_broker_in_no_style(house, payload):
    """Neither a counter nor a panel nor what is integrated from it, however long it is so."""
    house.more = {"MQTT_PAYLOAD": payload}
    before = energies(house.job())
    for lie in (leap, nothing) * 2:
        house.lie = lie
        after = house.job()
        for topic, energy in energies(after).items():
            assert before[topic] <= energy <= before[topic] + 3, topic
        assert "65535" not in "".join(after.values())
        if payload == "flat":
            assert ("704000000001/1/power" in after) == (lie is nothing)


@pytest.mark.parametrize("payload", ["flat", "json", "both"])
def test_a_job_by_hand_with_a_state_of_its_own_lets_no_energy_fall(house, payload):
    """The timer's job every five minutes, and in between one of somebody whose state is of hours ago, or none."""
    house.more = {"MQTT_PAYLOAD": payload}
    by_hand = 0
    lying = house.job("by hand")
    for number in range(1, 60):
        before = energies(lying)
        lying = house.job("by hand" if number % 20 == 10 else "of the timer")
        by_hand += number % 20 == 10
        fallen = {topic: (before[topic], now) for topic, now in energies(lying).items() if now < before.get(topic, 0)}
        assert not fallen, f"job {number}"
    assert by_hand == 3
    assert energies(lying)["704000000001/energy/today"] > 0.5


def energies(lying: dict[str, str]) -> dict[str, float]:
    """Each energy that lies on a topic of its own, or in an object, by topic."""
    found = {topic: float(text) for topic, text in lying.items() if "energy/" in topic and topic[:3] != "his"}
    for topic, text in lying.items():
        for key, value in json_object(text).items() if text.startswith("{") else ():
            if key == "lifetime_energy" and topic == f"aps/{ECU}":
                found.setdefault("energy/lifetime", value)
            if key.endswith("today_energy") and isinstance(value, int | float):
                panel = f"{key.split('_')[1]}/" if key.startswith("panel") else ""
                found.setdefault(f"{topic}/{panel}energy/today".removeprefix(f"aps/{ECU}/"), value)
    return found


def test_jobs_in_a_row_do_not_ask_the_broker_what_they_know(house, monkeypatch):
    """The way there and back would cost each of 100,000 jobs a year a third of a second."""
    asked = []
    wants = true_values.wants_recall
    monkeypatch.setattr(true_values, "wants_recall", lambda *about: asked.append(wants(*about)) or asked[-1])
    for _ in range(3):
        house.job()
    assert asked == [True, False, False]
