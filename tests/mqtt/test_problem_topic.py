"""A dead inverter and a counter that stands still, from the ECU's frames to the topic that people read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from parts import Broker, in_paris, replace

from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.jobs.job import Job, Outcome
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.plant import Plant
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.answers import encode_real_time, encode_system_info

PROBLEM = "aps/216000000001/problem"
STATUS = "aps/216000000001/status"
DEAD = "704000000002"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TEN = datetime(2026, 6, 21, 10, 2, tzinfo=UTC)
NO_POWER = (
    "no power since 2026-06-21 12:00 while the others produce power; check its breaker and its cables, or remove the "
    "inverter from the ECU in the vendor's app if it no longer exists"
)
TOLD = f"inverter {DEAD} has produced {NO_POWER}"
REMEDY = "although the array produces power; restart the ECU, and use the energy/today of the inverters until then"


@dataclass
class Array:
    """An array whose ECU is asked every ten minutes, and what ails it."""

    folder: Path
    broker: Broker
    plant: Plant
    dead: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()  # of type 00
    names: dict[str, str] = field(default_factory=dict)
    counters: tuple[float, float] | None = None  # today and lifetime, where they stand still
    at: datetime = TEN
    more: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ecu = Simulator(self.plant, answers=self.answer, clock=lambda: self.at)

    def answer(self, command: str, ecu_id: str, now: datetime) -> bytes:
        """As the plant does, but for what ails it."""
        records = tuple(
            replace(record, online=False, powers=(0,) * len(record.powers)) if record.uid in self.dead else record
            for record in self.plant.records(now)
        )
        records = tuple(
            replace(record, type=tables.NEVER_HEARD, online=False, powers=(), voltages=())
            if record.uid in self.unseen
            else record
            for record in records
        )
        if command == tables.REAL_TIME:
            return encode_real_time(replace(self.plant.real_time(now), records=records)).encode()
        if command == tables.SYSTEM_INFO:
            info = replace(
                self.plant.system_info(now),
                power=sum(sum(record.powers) for record in records if record.online),
                online=sum(record.online for record in records),
            )
            if self.counters is not None:
                info = replace(info, energy_today=self.counters[0], lifetime_energy=self.counters[1])
            return encode_system_info(info, self.plant.group).encode()
        return plant_answers(self.plant)(command, ecu_id, now)

    def job(self, at: datetime, **changes: object) -> Outcome:
        """One job at that time; the state is that of the one before."""
        self.at = at
        chosen = in_paris(self.ecu.port, self.broker.port, self.folder, APS_ECU_STOP_AT_NIGHT=True, **self.more)
        store = Store(chosen.state_directory, chosen.ecu.host, chosen.ecu.port)
        return Job(chosen._replace(names=self.names), at, store, **changes).run()

    def jobs(self, begin: datetime, end: datetime) -> datetime:
        """Jobs from `begin` until before `end`, which is returned."""
        while begin < end:
            self.job(begin)
            begin += 10 * MINUTE
        return end

    def told(self) -> str:
        """What a subscriber that comes now is told."""
        return self.broker.retained(PROBLEM)[PROBLEM]


@pytest.fixture
def array(tmp_path: Path, broker: Broker) -> Iterator[Array]:
    """One in Paris, by whose clock its ECU goes."""
    made = Array(tmp_path, broker, Plant(timezone=ZoneInfo("Europe/Paris")))
    with made.ecu:
        yield made


def test_a_dead_inverter_is_told_after_an_hour_and_until_it_gives(array: Array) -> None:
    """In words with since when and what to do; `none` before and after."""
    array.dead = frozenset({DEAD})
    array.jobs(TEN, TEN + 60 * MINUTE)
    assert array.told() == "none"
    array.job(TEN + 60 * MINUTE)
    assert array.told() == TOLD
    array.jobs(TEN + 70 * MINUTE, TEN + 100 * MINUTE)
    assert array.told() == TOLD
    array.dead = frozenset()
    array.job(TEN + 100 * MINUTE)
    assert array.told() == "none"


def of_inverters(broker: Broker) -> dict[str, str]:
    """The problem of each inverter, as it is on the broker."""
    retained = broker.retained("aps/216000000001/+/problem")
    return {topic.split("/")[2]: text for topic, text in retained.items()}


def test_the_inverter_that_is_ill_is_the_one_that_reports_it(array: Array) -> None:
    """Also by night; the others report none."""
    array.dead = frozenset({DEAD})
    array.job(TEN)
    others = dict.fromkeys(of_inverters(array.broker), "none")
    assert len(others) == len(array.plant.inverters)
    assert DEAD in others
    array.jobs(TEN + 10 * MINUTE, TEN + 70 * MINUTE)
    assert of_inverters(array.broker) == others | {DEAD: NO_POWER}
    evening = datetime(2026, 6, 21, 20, 30, tzinfo=UTC)
    array.job(evening)
    assert array.job(evening + 3 * 60 * MINUTE).night
    assert of_inverters(array.broker) == others | {DEAD: NO_POWER}
    array.dead = frozenset()
    array.job(TEN + DAY)
    assert of_inverters(array.broker) == others


@pytest.mark.parametrize("style", ["device", "component"])
def test_an_inverter_that_the_ecu_has_not_seen_since_its_restart_reports_it_too(array: Array, style: str) -> None:
    """It has no topic but `online` until the array produces power for an hour without it."""
    array.more = {"MQTT_DISCOVERY_ENABLED": True, "MQTT_DISCOVERY_STYLE": style}
    array.unseen = frozenset({DEAD})
    array.jobs(TEN, TEN + 60 * MINUTE)
    assert array.broker.retained(f"aps/216000000001/{DEAD}/#").keys() == {f"aps/216000000001/{DEAD}/online"}
    array.job(TEN + 60 * MINUTE)
    assert of_inverters(array.broker)[DEAD] == NO_POWER
    assert f'"unique_id": "aps_{DEAD}_problem"' in "".join(array.broker.retained("homeassistant/#").values())
    array.unseen = frozenset()
    array.job(TEN + 70 * MINUTE)
    assert of_inverters(array.broker)[DEAD] == "none"


def test_the_names_of_people_are_in_the_words_of_a_problem(array: Array) -> None:
    """And in no topic; the inverter's own words need none."""
    array.names = {DEAD: "South roof, left"}
    array.dead = frozenset({DEAD})
    array.jobs(TEN, TEN + 70 * MINUTE)
    assert array.told() == f"inverter South roof, left ({DEAD}) has produced {NO_POWER}"
    assert of_inverters(array.broker)[DEAD] == NO_POWER
    assert not [topic for topic in array.broker.retained() if "South" in topic]


def test_the_night_tells_it_too_and_the_morning_that_it_is_over(array: Array) -> None:
    """A job that leaves the ECU alone tells what the last one knew, also to a broker that forgot everything."""
    array.dead = frozenset({DEAD})
    array.jobs(TEN, TEN + 70 * MINUTE)
    evening = datetime(2026, 6, 21, 20, 30, tzinfo=UTC)
    array.job(evening)
    asked = len(array.ecu.requests)
    array.broker.publish(PROBLEM, "")
    outcome = array.job(evening + 3 * 60 * MINUTE)
    assert outcome.night
    assert len(array.ecu.requests) == asked
    assert array.told() == TOLD
    array.job(datetime(2026, 6, 22, 7, 0, tzinfo=UTC))
    assert array.told() == TOLD
    array.dead = frozenset()
    array.job(datetime(2026, 6, 22, 7, 10, tzinfo=UTC))
    assert array.told() == "none"


def test_a_night_without_a_problem_says_none(array: Array) -> None:
    """As every job does."""
    evening = datetime(2026, 6, 21, 20, 30, tzinfo=UTC)
    array.jobs(TEN, TEN + 70 * MINUTE)
    array.job(evening)
    array.broker.publish(PROBLEM, "")
    assert array.job(evening + 3 * 60 * MINUTE).night
    assert array.told() == "none"


def test_a_failed_job_leaves_it_as_it_was(array: Array) -> None:
    """What could not be read is no reason to take anything back."""
    array.dead = frozenset({DEAD})
    array.jobs(TEN, TEN + 70 * MINUTE)
    answers, array.ecu._answers = array.ecu._answers, lambda *_: b""
    with pytest.raises(EcuUnreachable, match="without an answer"):
        array.job(TEN + 70 * MINUTE)
    assert array.broker.retained(STATUS) == {STATUS: "offline"}
    assert array.told() == TOLD
    array.ecu._answers = answers
    array.job(TEN + 80 * MINUTE)
    assert array.told() == TOLD


def test_a_counter_that_stands_still_is_told(array: Array) -> None:
    """Quirk 54, of both; beside a dead inverter, in one line."""
    array.counters, array.dead = (3.21, 1500.5), frozenset({DEAD})
    array.jobs(TEN, TEN + 80 * MINUTE)
    still = f"since 2026-06-21 12:00 {REMEDY}"
    today, lifetime = (f"the ECU's energy/{what} has stayed at" for what in ("today", "lifetime"))
    assert array.told() == f"{TOLD}; {today} 3.21 kWh {still}; {lifetime} 1500.5 kWh {still}"
    array.counters = None
    array.job(TEN + 80 * MINUTE)
    assert array.told() == TOLD


@pytest.mark.parametrize("payload", ["flat", "json", "both"])
def test_the_topic_is_the_same_in_every_payload(array: Array, payload: str) -> None:
    """Text for people; Home Assistant has it as the attribute of an entity that is on."""
    array.more = {"MQTT_PAYLOAD": payload, "MQTT_DISCOVERY_ENABLED": True}
    array.dead = frozenset({DEAD})
    array.jobs(TEN, TEN + 70 * MINUTE)
    assert array.told() == TOLD
    announced = array.broker.retained("homeassistant/device/aps_216000000001/config").popitem()[1]
    entity = json.loads(announced)["components"]["problem"]
    assert (entity["state_topic"], entity["platform"]) == (PROBLEM, "binary_sensor")
    assert entity["value_template"] == "{{ 'ON' if value and value != 'none' else 'OFF' }}"
    assert entity["json_attributes_topic"] == PROBLEM


def test_a_day_without_a_problem_says_none_from_dawn_to_dusk(array: Array) -> None:
    """Every ten minutes, while the inverters wake and fall asleep one after the other."""
    day = datetime(2026, 6, 21, tzinfo=UTC)
    with array.broker.heard(PROBLEM) as said:
        array.jobs(day + 202 * MINUTE, day + 330 * MINUTE)
        array.jobs(day + 1122 * MINUTE, day + 1230 * MINUTE)
    assert len(said) == 24
    assert set(said) == {(PROBLEM, "none")}
