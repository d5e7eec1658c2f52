"""MQTT_PAYLOAD json and both on a real broker: what moves when it is changed."""

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from parts import Broker, aps2mqtt, frame, settings, sunny_ecu

from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.simulator.server import Simulator

PARIS = ZoneInfo("Europe/Paris")
ECU = "216000000001"


ARRAY = Plant(inverters=inverter_models("1xDS3,1xQS1"))
ROOT = "aps/216000000001"
FLAT = {
    f"{ROOT}/{topic}"
    for topic in (
        *("power", "energy/today", "energy/lifetime", "inverters/total", "inverters/online", "timestamp", "firmware"),
        *(
            f"{uid}/{name}"
            for uid in ("704000000001", "801000000002")
            for name in ("online", "signal", "temperature", "frequency", "power", "voltage", "energy/today", "problem")
        ),
        *(f"704000000001/{panel}/{name}" for panel in (1, 2) for name in ("power", "voltage", "energy/today")),
        *(f"801000000002/{panel}/{name}" for panel in (1, 2, 3, 4) for name in ("power", "energy/today")),
        "801000000002/1/voltage",
    )
}
OBJECTS = {ROOT, f"{ROOT}/704000000001", f"{ROOT}/801000000002"}
ANYWAY = {f"{ROOT}/status", f"{ROOT}/problem"}
DEVICES = {f"homeassistant/device/aps_{one}/config" for one in ("216000000001", "704000000001", "801000000002")}


def once(ecu: Simulator, broker: Broker, folder: Path, **more: object) -> None:
    """A job of cron, silent and well."""
    ended = aps2mqtt("once", **settings(ecu.port, broker.port, folder, **more))
    assert (ended.status, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize(
    ("payload", "topics"),
    [("flat", FLAT | ANYWAY), ("json", OBJECTS | ANYWAY), ("both", FLAT | OBJECTS | ANYWAY)],
)
def test_each_payload_has_its_topics(tmp_path: Path, broker: Broker, payload: str, topics: set[str]) -> None:
    with sunny_ecu(plant=ARRAY) as ecu:
        once(ecu, broker, tmp_path, MQTT_PAYLOAD=payload)
    assert broker.retained().keys() == topics


ON = {"MQTT_DISCOVERY_ENABLED": True}


@pytest.mark.parametrize(
    ("before", "after", "topics"),
    [
        ({}, {"MQTT_PAYLOAD": "json"}, OBJECTS | ANYWAY),
        ({"MQTT_PAYLOAD": "json"}, {}, FLAT | ANYWAY),
        ({"MQTT_PAYLOAD": "both"}, {"MQTT_PAYLOAD": "json"}, OBJECTS | ANYWAY),
        ({"MQTT_PAYLOAD": "both"}, {"MQTT_PAYLOAD": "flat"}, FLAT | ANYWAY),
        ({"MQTT_PAYLOAD": "json"}, {"MQTT_PAYLOAD": "both"}, FLAT | OBJECTS | ANYWAY),
        ({}, {"MQTT_TOPIC_PREFIX": "home"}, {f"home/{topic}" for topic in FLAT | ANYWAY}),
        ({"MQTT_TOPIC_PREFIX": "home/roof"}, {}, FLAT | ANYWAY),
        (
            {"MQTT_TOPIC_PREFIX": "home", "MQTT_PAYLOAD": "both"},
            {"MQTT_TOPIC_PREFIX": "roof", "MQTT_PAYLOAD": "json"},
            {f"roof/{topic}" for topic in OBJECTS | ANYWAY},
        ),
        ({}, ON, FLAT | ANYWAY | DEVICES),
        (ON, {}, FLAT | ANYWAY),
        (ON | {"MQTT_DISCOVERY_STYLE": "component"}, {}, FLAT | ANYWAY),
        (ON | {"MQTT_DISCOVERY_STYLE": "component"}, ON, FLAT | ANYWAY | DEVICES),
        (
            ON,
            ON | {"MQTT_DISCOVERY_PREFIX": "ha/own"},
            FLAT | ANYWAY | {topic.replace("homeassistant", "ha/own") for topic in DEVICES},
        ),
        (
            ON | {"MQTT_DISCOVERY_PREFIX": "ha", "MQTT_PAYLOAD": "json", "MQTT_TOPIC_PREFIX": "home"},
            ON,
            FLAT | ANYWAY | DEVICES,
        ),
    ],
)
def test_what_lies_elsewhere_is_cleared_when_the_configuration_changes(
    tmp_path: Path, broker: Broker, before: dict[str, object], after: dict[str, object], topics: set[str]
) -> None:
    """Nobody would ever renew it. The counters are those that were known."""
    with sunny_ecu(plant=ARRAY) as ecu:
        once(ecu, broker, tmp_path, **before)
        assert broker.retained().keys() != topics
        once(ecu, broker, tmp_path, **after)
        assert broker.retained().keys() == topics
        with broker.heard() as messages:
            once(ecu, broker, tmp_path, **after)
    # Once: what is removed after that is removed in every job.
    removed = {topic.partition(f"{ECU}/")[2] for topic, payload in messages if not payload}
    assert removed <= {"error", "energy/yesterday"}


def test_components_take_the_place_of_devices_and_no_empty_message_comes_before_its_successor(
    tmp_path: Path, broker: Broker
) -> None:
    """First the word that entities move, then where to, then the end of the old ones, then readings."""
    with sunny_ecu(plant=ARRAY) as ecu:
        once(ecu, broker, tmp_path, **ON)
        with broker.heard() as messages:
            once(ecu, broker, tmp_path, MQTT_DISCOVERY_STYLE="component", **ON)
    steps = [
        "reading"
        if topic.startswith("aps/")
        else {"": "clear", '{"migrate_discovery": true}': "migrate"}.get(payload, "announce")
        for topic, payload in messages
    ]
    number = 9 + 14 + 17
    assert steps[: number + 6] == ["migrate"] * 3 + ["announce"] * number + ["clear"] * 3
    assert set(steps[number + 6 :]) == {"reading"}
    retained = broker.retained("homeassistant/#")
    assert len(retained) == number
    assert not [topic for topic in retained if "/device/" in topic]


def test_a_failed_job_between_leaves_the_clearing_to_the_next_good_one(tmp_path: Path, broker: Broker) -> None:
    """It knows no reading that it could say elsewhere."""
    with sunny_ecu(plant=ARRAY) as ecu:
        once(ecu, broker, tmp_path)
        port = ecu.port
    assert aps2mqtt("once", **settings(port, broker.port, tmp_path, MQTT_PAYLOAD="json")).status == 69
    assert broker.retained().keys() == FLAT | ANYWAY | {f"{ROOT}/error"}
    with sunny_ecu(plant=ARRAY, port=port) as ecu:
        once(ecu, broker, tmp_path, MQTT_PAYLOAD="json")
    assert broker.retained().keys() == OBJECTS | ANYWAY


ENABLED = {"MQTT_DISCOVERY_ENABLED": "True"}


class House:
    """Jobs against one broker, with a simulated ECU whose answers may be tampered with."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.folder, self.broker = folder, broker
        self.spoilt: dict[str, bytes] = {}
        truly = plant_answers(ARRAY)
        self.ecu = sunny_ecu(answers=lambda command, *rest: self.spoilt.get(command) or truly(command, *rest))

    def job(self, **settings: str) -> None:
        """One good job."""
        environment = {
            "APS_ECU_IP": "127.0.0.1",
            "APS_ECU_PORT": str(self.ecu.port),
            "APS_ECU_TIMEZONE": "Europe/Paris",
            "MQTT_BROKER_PORT": str(self.broker.port),
            "APS_STATE_DIR": str(self.folder),
            **settings,
        }
        (chosen,) = loading.load(None, environment)
        now = datetime(2026, 6, 21, 14, 2, tzinfo=PARIS)
        Job(chosen, now, Store(chosen.state_directory, "127.0.0.1", self.ecu.port)).run()


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> House:
    """Whose ECU answers."""
    made = House(tmp_path, broker)
    with made.ecu:
        yield made


def test_a_value_that_is_held_leaves_nothing_behind_under_the_old_prefix(house: House, broker: Broker) -> None:
    """A job whose 0030 failed publishes no signal; the old one would lie there for ever."""
    house.job()
    assert f"{ROOT}/704000000001/signal" in broker.retained()
    house.spoilt["0030"] = frame("ecur-signal-2025-redacted").replace(b"END", b"XND")
    house.job(MQTT_TOPIC_PREFIX="home")
    assert not [topic for topic in broker.retained() if topic.startswith("aps/")]


def test_a_value_that_is_held_stays_where_its_place_is_the_same(house: House, broker: Broker) -> None:
    """Another payload beside it, discovery switched on: what lies there is still good."""
    house.job()
    house.spoilt["0030"] = frame("ecur-signal-2025-redacted").replace(b"END", b"XND")
    house.job(MQTT_PAYLOAD="both", **ENABLED)
    assert broker.retained(f"{ROOT}/+/signal") == {
        f"{ROOT}/704000000001/signal": "65",
        f"{ROOT}/801000000002/signal": "72",
    }


def updated(command: str, *rest: object) -> bytes:
    """Answers of the same ECU, to which the second inverter is of a new type."""
    answer = plant_answers(ARRAY)(command, *rest)
    uid = bytes.fromhex("801000000002")
    return answer.replace(uid + b"\x0103", uid + b"\x0199")


def test_an_inverter_that_cannot_be_read_stays_where_its_place_is_the_same(house: House, broker: Broker) -> None:
    """Its topics and its announcement are still good."""
    house.job(**ENABLED)
    before = broker.retained()
    house.ecu._answers = updated
    house.job(MQTT_PAYLOAD="both", **ENABLED)
    after = broker.retained()
    of_it = {topic for topic in before if "801000000002" in topic}
    assert {topic: after.get(topic) for topic in of_it} == {topic: before[topic] for topic in of_it}
    assert len(of_it) == 18


def test_an_inverter_that_cannot_be_read_leaves_nothing_behind_under_the_old_prefix(
    house: House, broker: Broker
) -> None:
    """One of a type that is new since an update of its firmware, in the very job that moves."""
    house.job(**ENABLED)
    house.ecu._answers = updated
    house.job(MQTT_TOPIC_PREFIX="home", MQTT_DISCOVERY_STYLE="component", **ENABLED)
    assert "home/aps/216000000001/power" in broker.retained()
    assert not [topic for topic in broker.retained() if topic.startswith(("aps/", "homeassistant/device/"))]


def test_counters_are_recalled_from_the_object_where_the_state_is_lost(house: House, broker: Broker) -> None:
    """A glitch at the first poll of a new state does not bring them to 0."""
    house.job(MQTT_PAYLOAD="json")
    before = json.loads(broker.retained(ROOT)[ROOT])
    assert before["lifetime_energy"] > 1234.5
    for state in house.folder.glob("*.json"):
        state.unlink()
    house.ecu._answers = plant_answers(ARRAY, "counter-glitch")
    house.job(MQTT_PAYLOAD="json")
    after = json.loads(broker.retained(ROOT)[ROOT])
    assert (after["lifetime_energy"], after["today_energy"]) == (before["lifetime_energy"], before["today_energy"])


@pytest.mark.parametrize("text", ["[" * 60_000, "rubbish", '{"lifetime_energy": "x"}'])
def test_rubbish_on_the_objects_topic_costs_nothing(house: House, broker: Broker, text: str) -> None:
    """The object takes its place."""
    broker.publish(ROOT, text)
    house.job(MQTT_PAYLOAD="json")
    assert json.loads(broker.retained(ROOT)[ROOT])["lifetime_energy"] > 1234.5


def test_readings_that_are_no_longer_retained_are_cleared(house: House, broker: Broker) -> None:
    """MQTT_RETAIN switched off: what lies there nobody would renew, and every subscriber would get it first."""
    house.job(MQTT_PAYLOAD="both")
    with broker.heard() as messages:
        house.job(MQTT_PAYLOAD="both", MQTT_RETAIN="False")
    assert broker.retained() == {f"{ROOT}/status": "online"}
    assert (f"{ROOT}/status", "") not in messages, "it is retained in any case"
    last = dict(messages)
    assert last[f"{ROOT}/power"] != ""
    assert json.loads(last[ROOT])["current_power"] > 0


def test_readings_that_are_not_retained_come_as_objects(tmp_path: Path, broker: Broker) -> None:
    """MQTT_RETAIN False: only the status stays, and announcements."""
    with sunny_ecu(plant=ARRAY) as ecu, broker.heard() as messages:
        once(ecu, broker, tmp_path, MQTT_PAYLOAD="json", MQTT_RETAIN="no", **ON)
    assert {topic for topic, payload in messages if payload.startswith("{")} == OBJECTS | DEVICES
    assert broker.retained().keys() == DEVICES | {f"{ROOT}/status"}
