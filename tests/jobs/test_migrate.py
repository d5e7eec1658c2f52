"""`migrate`, on what 2.x and jobs of ours have left on a real broker."""

import json
from pathlib import Path

import pytest
from left_by_2x import (
    DS3,
    DS3_2,
    ECU,
    GONE,
    OTHERS,
    PANELS,
    PLANT,
    QS1,
    announced_by_2x,
    device_topic,
    lay,
    listed,
    objects_of_2x,
    of_two,
    settings,
    well,
)
from parts import Broker, aps2mqtt, free_port, one_line, replace, sunny_ecu

from aps2mqtt.mqtt.discovery import MIGRATE
from aps2mqtt.simulator.plant import ECU_MODELS
from aps2mqtt.simulator.server import Simulator


def test_migrate_goes_on_with_the_entities_and_clears_what_2x_left(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """Home Assistant's word for it on each old topic that lives on, one new announcement, then the old are emptied."""
    old, objects = announced_by_2x(), objects_of_2x()
    lay(broker, OTHERS, old, objects)
    with broker.heard() as messages:
        lines = well(aps2mqtt("migrate", **settings(array.port, broker, tmp_path)))
    assert lines[0] == (
        f"127.0.0.1:{array.port}: {len(old)} entities of aps2mqtt 2.x to keep, {len(objects)} topics to remove"
    )
    assert set(listed(lines)) == old.keys() | objects.keys()
    assert lines[-1] == "done"

    for topic, payload in old.items():
        said = json.loads(payload)
        heard = [text for name, text in messages if name == topic]
        if GONE in topic:
            assert heard == [""]
            continue
        assert heard == [MIGRATE, ""]
        new = device_topic(said["device"]["identifiers"][0])
        announcements = {text for name, text in messages if name == new}
        assert len(announcements) == 1, "Home Assistant takes the first and drops most of another"
        announcement = announcements.pop()
        assert said["unique_id"] in {one["unique_id"] for one in json.loads(announcement)["components"].values()}
        order = [messages.index(one) for one in ((topic, MIGRATE), (new, announcement), (topic, ""))]
        assert order == sorted(order)
    assert {text for name, text in messages if name in objects} == {""}

    after = broker.retained()
    assert not after.keys() & (old.keys() | objects.keys())
    assert {topic: after[topic] for topic in OTHERS} == OTHERS
    assert after[f"aps/{ECU}/status"] == "online"
    ours = {topic for topic in after.keys() - OTHERS.keys() if topic.startswith("homeassistant/")}
    assert ours == {device_topic(serial) for serial in (ECU, DS3, DS3_2, QS1)}


def test_every_entity_of_2x_has_its_successor(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """By its unique id, on the same platform, and with a value on its topic."""
    well(aps2mqtt("migrate", **settings(array.port, broker, tmp_path)))
    after = broker.retained()
    entities = {
        one["unique_id"]: one
        for serial in (ECU, DS3, DS3_2, QS1)
        for one in json.loads(after[device_topic(serial)])["components"].values()
    }
    for topic, payload in announced_by_2x(inverters={uid: PANELS[uid] for uid in (DS3, DS3_2, QS1)}).items():
        entity = entities[json.loads(payload)["unique_id"]]
        assert entity["platform"] == topic.split("/")[1]
        assert after[entity["state_topic"]]


def test_a_second_migrate_does_nothing(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """But what a job does."""
    environment = settings(array.port, broker, tmp_path)
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    with broker.heard("homeassistant/#") as first:
        aps2mqtt("migrate", **environment)
    with broker.heard("homeassistant/#") as second:
        lines = well(aps2mqtt("migrate", **environment))
    assert lines[0].endswith(": 0 entities of aps2mqtt 2.x to keep, 0 topics to remove")
    assert listed(lines) == []
    announced = {(topic, payload) for topic, payload in first if topic.startswith("homeassistant/device/")}
    assert {(topic, payload) for topic, payload in second if payload} == announced
    with broker.heard("homeassistant/#") as by_once:
        aps2mqtt("once", **environment)
    assert set(by_once) == announced


def test_a_dry_run_shows_the_same_and_changes_nothing(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """Neither on the broker nor in a state."""
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    before = broker.retained()
    dry = aps2mqtt("migrate", "--dry-run", **settings(array.port, broker, tmp_path))
    assert broker.retained() == before
    assert not (tmp_path / "state").exists()
    for_real = well(aps2mqtt("migrate", **settings(array.port, broker, tmp_path)))
    assert well(dry) == for_real[:-1]


def test_migrate_asks_the_ecu_no_more_than_twice(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """To see what is there, and for the job."""
    well(aps2mqtt("migrate", "--dry-run", **settings(array.port, broker, tmp_path)))
    assert len(array.requests) == 3
    well(aps2mqtt("migrate", **settings(array.port, broker, tmp_path)))
    assert len(array.requests) == 3 + 6


@pytest.mark.parametrize("payload", ["json", "both"])
def test_objects_that_are_wanted_are_renewed(tmp_path: Path, broker: Broker, array: Simulator, payload: str) -> None:
    """MQTT_PAYLOAD json and both: they are not taken away for a moment; that of an inverter that is gone is."""
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    with broker.heard("aps/#") as messages:
        lines = well(aps2mqtt("migrate", **settings(array.port, broker, tmp_path, MQTT_PAYLOAD=payload)))
    living = {f"aps/{ECU}", *(f"aps/{ECU}/{uid}" for uid in (DS3, DS3_2, QS1))}
    assert not living & set(listed(lines))
    assert not [topic for topic, text in messages if topic in living and not text]
    after = broker.retained()
    assert all("lifetime_energy" in after[topic] or "temperature" in after[topic] for topic in living)
    assert f"aps/{ECU}/{GONE}" not in after
    assert {topic: after[topic] for topic in OTHERS} == OTHERS
    assert not [
        topic for topic in after if topic.startswith("homeassistant/sensor/aps_70400000000") and "8_" not in topic
    ]


def test_in_style_component_the_topics_stay_and_their_text_is_ours(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """There is nothing to move; what nobody renews goes."""
    environment = settings(array.port, broker, tmp_path, MQTT_DISCOVERY_STYLE="component")
    old = announced_by_2x()
    lay(broker, OTHERS, old, objects_of_2x())
    with broker.heard("homeassistant/#") as messages:
        well(aps2mqtt("migrate", **environment))
    assert MIGRATE not in {payload for _, payload in messages}
    after = broker.retained()
    for topic, payload in old.items():
        if GONE in topic:
            assert topic not in after
            continue
        assert [text for name, text in messages if name == topic] == [after[topic]]
        assert json.loads(after[topic])["unique_id"] == json.loads(payload)["unique_id"]
        assert json.loads(after[topic])["value_template"] == "{{ value or none }}"
    assert {topic: after[topic] for topic in OTHERS} == OTHERS
    assert not objects_of_2x().keys() & after.keys()
    assert listed(well(aps2mqtt("migrate", **environment))) == []


def test_without_discovery_the_announcements_are_left_and_it_is_told(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """The objects are cleared all the same."""
    old = announced_by_2x()
    lay(broker, OTHERS, old, objects_of_2x())
    ended = aps2mqtt("migrate", **settings(array.port, broker, tmp_path, MQTT_DISCOVERY_ENABLED=False))
    assert ended.status == 0
    assert "MQTT_DISCOVERY_ENABLED is not set" in one_line(ended.err)
    after = broker.retained()
    assert {topic: after[topic] for topic in {**OTHERS, **old}} == OTHERS | old
    assert not objects_of_2x().keys() & after.keys()


def test_prefixes_are_those_of_the_configuration(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """Of topics and of discovery; what lies elsewhere stays."""
    lay(broker, announced_by_2x(), objects_of_2x())
    moved = {f"home/roof/{topic}": payload for topic, payload in objects_of_2x().items()}
    announced = {topic.replace("homeassistant/", "ha/x/"): payload for topic, payload in announced_by_2x().items()}
    lay(broker, moved, announced)
    more = {"MQTT_TOPIC_PREFIX": "home/roof", "MQTT_DISCOVERY_PREFIX": "ha/x"}
    lines = well(aps2mqtt("migrate", **settings(array.port, broker, tmp_path, **more)))
    assert set(listed(lines)) == moved.keys() | announced.keys()
    after = broker.retained()
    assert not after.keys() & (moved.keys() | announced.keys())
    assert after.items() >= (announced_by_2x() | objects_of_2x()).items()


def test_migrate_with_an_ecu_that_is_down_changes_nothing(tmp_path: Path, broker: Broker) -> None:
    """Nobody knows whose things to move."""
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    before = broker.retained()
    ended = aps2mqtt("migrate", **settings(free_port(), broker, tmp_path))
    assert (ended.status, ended.out) == (69, "")
    assert "refuses the connection" in one_line(ended.err)
    assert broker.retained() == before


def test_migrate_without_a_broker_ends_with_69(tmp_path: Path, array: Simulator) -> None:
    """As a job does."""
    ended = aps2mqtt("migrate", **settings(array.port, Broker(tmp_path), tmp_path))
    assert (ended.status, ended.out) == (69, "")
    assert "the broker at 127.0.0.1" in one_line(ended.err)


def restricted(folder: Path, *rules: str) -> Broker:
    """A broker that allows no more than that."""
    (folder / "acl").write_text("\n".join([*rules, "topic readwrite barrier/#"]) + "\n")
    (folder / "acl").chmod(0o600)
    return Broker(folder, f"allow_anonymous true\nacl_file {folder}/acl")


BLIND = {
    "nothing at all": ("topic write aps/#", "topic write homeassistant/#"),
    "our topics": ("topic write aps/#", "topic readwrite homeassistant/#"),
    "the announcements": ("topic readwrite aps/#", "topic write homeassistant/#"),
}


@pytest.mark.parametrize("unread", BLIND)
@pytest.mark.parametrize("command", [("migrate",), ("forget", DS3, "--yes")])
def test_a_broker_that_does_not_let_us_read_is_told(
    tmp_path: Path, array: Simulator, unread: str, command: tuple[str, ...]
) -> None:
    """Announced beside what 2.x announced, the entities would be refused; nothing is changed."""
    with restricted(tmp_path, *BLIND[unread]) as broker:
        ended = aps2mqtt(*command, **settings(array.port, broker, tmp_path))
    assert (ended.status, ended.out) == (77, ""), ended
    before, _, after = one_line(ended.err).partition("; ")
    assert "refuses the subscription" in before
    assert "allow the MQTT account to read" in after
    assert not (tmp_path / "state").exists()


def test_an_account_that_may_read_what_it_has_to_is_enough(tmp_path: Path, array: Simulator) -> None:
    """And without discovery it need not read the announcements."""
    with restricted(tmp_path, "topic readwrite aps/#", "topic readwrite homeassistant/#") as broker:
        lay(broker, announced_by_2x())
        assert len(listed(well(aps2mqtt("migrate", **settings(array.port, broker, tmp_path))))) == len(
            announced_by_2x()
        )
    with restricted(tmp_path, "topic readwrite home/status/aps/#") as broker:
        more = {"MQTT_DISCOVERY_ENABLED": False, "MQTT_TOPIC_PREFIX": "home/status"}
        environment = settings(array.port, broker, tmp_path, **more)
        well(aps2mqtt("once", **environment))
        assert len(listed(well(aps2mqtt("forget", DS3, **environment)))) > 5


def test_migrate_of_several_ecus_moves_each(tmp_path: Path, broker: Broker) -> None:
    """One after the other."""
    ids = (ECU, "216000000003")
    plants = [replace(PLANT, ecu=replace(ECU_MODELS["ECU-R"], ecu_id=ecu_id)) for ecu_id in ids]
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x(), announced_by_2x(ids[1], {}), objects_of_2x(ids[1], {}))
    with sunny_ecu(plant=plants[0]) as one, sunny_ecu(plant=plants[1]) as two:
        lines = well(aps2mqtt("-c", of_two(tmp_path, broker, one, two), "migrate"))
    assert lines.count("done") == 2
    after = broker.retained()
    assert device_topic(ids[1]) in after
    assert not [
        topic for topic in after if topic.startswith("homeassistant/sensor/aps_21600000000") and "2_" not in topic
    ]
    assert {topic: after[topic] for topic in OTHERS} == OTHERS
