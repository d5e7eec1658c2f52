"""`migrate`, `forget` and `health`, on what 2.x and jobs of ours have left on a real broker."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import parts
import pytest
from parts import Broker, Ended, aps2mqtt, free_port, no_room, one_line, replace, sunny_ecu

from aps2mqtt.mqtt.discovery import MIGRATE
from aps2mqtt.simulator.plant import ECU_MODELS, Plant, inverter_models
from aps2mqtt.simulator.server import Simulator

ECU = "216000000001"
OTHER_ECU = "216000000002"
DS3, DS3_2, QS1 = "704000000001", "704000000002", "801000000003"
GONE = "408000000009"
PANELS = {DS3: 2, DS3_2: 2, QS1: 4, GONE: 2}
PLANT = Plant(inverters=inverter_models("2xDS3,1xQS1"))
UNITS = {"power": "W", "energy": "kWh", "signal": "%", "temperature": "°C", "frequency": "Hz", "voltage": "V"}


# -- what 2.0.2 leaves ------------------------------------------------------------------------------------------------


def entity_of_2x(serial: str, key: str, topic: str, **device: str) -> tuple[str, str]:
    """Topic and payload of an announcement."""
    platform = "binary_sensor" if key == "online" else "sensor"
    said = {
        "name": key.replace("_", " ").capitalize(),
        "unique_id": f"aps_{serial}_{key}",
        "state_topic": topic,
        "value_template": f"{{{{ value_json.{key} }}}}",
        "device": {"identifiers": [serial], "name": f"APS {serial}", "manufacturer": "APsystems", **device},
        "availability_topic": "aps/status",
    }
    said["unit_of_measurement"] = UNITS.get(key.rpartition("_")[2], "")
    return f"homeassistant/{platform}/aps_{serial}_{key}/config", json.dumps(said)


def announced_by_2x(ecu: str = ECU, inverters: Mapping[str, int] = PANELS) -> dict[str, str]:
    """All announcements, of an inverter that is gone as well."""
    said = [entity_of_2x(ecu, key, f"aps/{ecu}") for key in ("power", "today_energy", "lifetime_energy")]
    for uid, panels in inverters.items():
        topic = f"aps/{ecu}/{uid}"
        keys = [(key, topic) for key in ("online", "signal", "temperature", "frequency", "power", "voltage")]
        keys += [(f"panel_{panel}_power", f"{topic}/{panel}") for panel in range(1, panels + 1)]
        keys.append(("panel_1_voltage", f"{topic}/1"))
        said += [entity_of_2x(uid, key, where, via_device=ecu) for key, where in keys]
    return dict(said)


def objects_of_2x(ecu: str = ECU, inverters: Mapping[str, int] = PANELS) -> dict[str, str]:
    """What it retains with MQTT_RETAIN."""
    ours = {f"aps/{ecu}": json.dumps({"current_power": 31, "today_energy": 0.2, "lifetime_energy": 5457.3})}
    return ours | {f"aps/{ecu}/{uid}": json.dumps({"online": True, "power": 17}) for uid in inverters}


OTHERS = {
    **announced_by_2x(OTHER_ECU, {"704000000008": 2}),
    **objects_of_2x(OTHER_ECU, {"704000000008": 2}),
    "homeassistant/sensor/kitchen/config": json.dumps({"unique_id": "kitchen", "device": {"identifiers": ["k"]}}),
    "homeassistant/sensor/roof_power/config": json.dumps({"unique_id": "r", "device": {"identifiers": [ECU]}}),
    "homeassistant/sensor/aps_odd/config": "no JSON",
    "homeassistant/sensor/aps_older/config": '{"unique_id": "aps_older", "device": {"identifiers": []}}',
    "homeassistant/device/roof/config": json.dumps({"device": {"identifiers": [ECU]}, "components": {}}),
    "homeassistant/switch/aps_216000000001_power/config": json.dumps({"device": {"identifiers": [ECU]}}),
    "aps/status": "offline",
    f"aps/{ECU}/note": '{"of": "somebody"}',
    f"aps/{ECU}/{DS3}/note": '{"of": "somebody"}',
    "elsewhere/aps/216000000001": '{"power": 1}',
    "zigbee2mqtt/bridge/state": "online",
}


def lay(broker: Broker, *retained: Mapping[str, str]) -> None:
    """Retains all of it."""
    client, _, barrier = broker._subscriber("none")
    for messages in retained:
        for topic, payload in messages.items():
            client.publish(topic, payload, qos=1, retain=True)
    barrier()
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def ecu() -> Iterator[Simulator]:
    """Two DS3 and a QS1 at noon."""
    with sunny_ecu(plant=PLANT) as running:
        yield running


def settings(ecu_port: int, broker: Broker, folder: Path, **more: object) -> dict[str, object]:
    """An environment with discovery, whose state lies below `folder`."""
    return parts.settings(ecu_port, broker.port, folder, **{"MQTT_DISCOVERY_ENABLED": True, **more})


def well(ended: Ended) -> list[str]:
    """The lines of a run that went well, without a word on standard error."""
    assert (ended.status, ended.err) == (0, ""), ended
    return ended.out.splitlines()


def listed(lines: list[str]) -> list[str]:
    """The topics in what a command prints."""
    return [line.strip() for line in lines if line.startswith("  ")]


# -- migrate ----------------------------------------------------------------------------------------------------------


def device_topic(serial: str) -> str:
    """Where we announce it."""
    return f"homeassistant/device/aps_{serial}/config"


def test_migrate_goes_on_with_the_entities_and_clears_what_2x_left(
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """Home Assistant's word for it on each old topic that lives on, one new announcement, then the old are emptied."""
    old, objects = announced_by_2x(), objects_of_2x()
    lay(broker, OTHERS, old, objects)
    with broker.heard() as messages:
        lines = well(aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path)))
    assert lines[0] == (
        f"127.0.0.1:{ecu.port}: {len(old)} entities of aps2mqtt 2.x to go on with, {len(objects)} topics to clear"
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


def test_every_entity_of_2x_has_its_successor(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """By its unique id, on the same platform, and with a value on its topic."""
    well(aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path)))
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


def test_a_second_migrate_does_nothing(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """But what a job does."""
    environment = settings(ecu.port, broker, tmp_path)
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    with broker.heard("homeassistant/#") as first:
        aps2mqtt("migrate", **environment)
    with broker.heard("homeassistant/#") as second:
        lines = well(aps2mqtt("migrate", **environment))
    assert lines[0].endswith(": 0 entities of aps2mqtt 2.x to go on with, 0 topics to clear")
    assert listed(lines) == []
    announced = {(topic, payload) for topic, payload in first if topic.startswith("homeassistant/device/")}
    assert {(topic, payload) for topic, payload in second if payload} == announced
    with broker.heard("homeassistant/#") as by_once:
        aps2mqtt("once", **environment)
    assert set(by_once) == announced


def test_a_dry_run_shows_the_same_and_changes_nothing(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """Neither on the broker nor in a state."""
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    before = broker.retained()
    dry = aps2mqtt("migrate", "--dry-run", **settings(ecu.port, broker, tmp_path))
    assert broker.retained() == before
    assert not (tmp_path / "state").exists()
    for_real = well(aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path)))
    assert well(dry) == for_real[:-1]


def test_migrate_asks_the_ecu_no_more_than_twice(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """To see what is there, and for the job."""
    well(aps2mqtt("migrate", "--dry-run", **settings(ecu.port, broker, tmp_path)))
    assert len(ecu.requests) == 3
    well(aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path)))
    assert len(ecu.requests) == 3 + 6


@pytest.mark.parametrize("payload", ["json", "both"])
def test_objects_that_are_wanted_are_renewed(tmp_path: Path, broker: Broker, ecu: Simulator, payload: str) -> None:
    """MQTT_PAYLOAD json and both: they are not taken away for a moment; that of an inverter that is gone is."""
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    with broker.heard("aps/#") as messages:
        lines = well(aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path, MQTT_PAYLOAD=payload)))
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
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """There is nothing to move; what nobody renews goes."""
    environment = settings(ecu.port, broker, tmp_path, MQTT_DISCOVERY_STYLE="component")
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
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """The objects are cleared all the same."""
    old = announced_by_2x()
    lay(broker, OTHERS, old, objects_of_2x())
    ended = aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path, MQTT_DISCOVERY_ENABLED=False))
    assert ended.status == 0
    assert "MQTT_DISCOVERY_ENABLED is not set" in one_line(ended.err)
    after = broker.retained()
    assert {topic: after[topic] for topic in {**OTHERS, **old}} == OTHERS | old
    assert not objects_of_2x().keys() & after.keys()


def test_prefixes_are_those_of_the_configuration(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """Of topics and of discovery; what lies elsewhere stays."""
    lay(broker, announced_by_2x(), objects_of_2x())
    moved = {f"home/roof/{topic}": payload for topic, payload in objects_of_2x().items()}
    announced = {topic.replace("homeassistant/", "ha/x/"): payload for topic, payload in announced_by_2x().items()}
    lay(broker, moved, announced)
    more = {"MQTT_TOPIC_PREFIX": "home/roof", "MQTT_DISCOVERY_PREFIX": "ha/x"}
    lines = well(aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path, **more)))
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


def test_migrate_without_a_broker_ends_with_69(tmp_path: Path, ecu: Simulator) -> None:
    """As a job does."""
    ended = aps2mqtt("migrate", **settings(ecu.port, Broker(tmp_path), tmp_path))
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
    tmp_path: Path, ecu: Simulator, unread: str, command: tuple[str, ...]
) -> None:
    """Announced beside what 2.x announced, the entities would be refused; nothing is changed."""
    with restricted(tmp_path, *BLIND[unread]) as broker:
        ended = aps2mqtt(*command, **settings(ecu.port, broker, tmp_path))
    assert (ended.status, ended.out) == (77, ""), ended
    before, _, after = one_line(ended.err).partition("; ")
    assert "does not let us read" in before
    assert "allow the account to read" in after
    assert not (tmp_path / "state").exists()


def test_an_account_that_may_read_what_it_has_to_is_enough(tmp_path: Path, ecu: Simulator) -> None:
    """And without discovery it need not read the announcements."""
    with restricted(tmp_path, "topic readwrite aps/#", "topic readwrite homeassistant/#") as broker:
        lay(broker, announced_by_2x())
        assert len(listed(well(aps2mqtt("migrate", **settings(ecu.port, broker, tmp_path))))) == len(announced_by_2x())
    with restricted(tmp_path, "topic readwrite home/status/aps/#") as broker:
        more = {"MQTT_DISCOVERY_ENABLED": False, "MQTT_TOPIC_PREFIX": "home/status"}
        environment = settings(ecu.port, broker, tmp_path, **more)
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


def of_two(folder: Path, broker: Broker, *ecus: Simulator) -> Path:
    """A file with a list of ECUs."""
    lines = ["ecu:"]
    for one in ecus:
        lines += ["  - APS_ECU_IP: 127.0.0.1", f"    APS_ECU_PORT: {one.port}", f"    APS_STATE_DIR: {folder}/state"]
        lines += ["    APS_ECU_TIMEZONE: UTC"]
    lines += ["mqtt:", f"  MQTT_BROKER_PORT: {broker.port}", "  MQTT_DISCOVERY_ENABLED: True"]
    path = folder / "config.yaml"
    path.write_text("\n".join(lines) + "\n")
    return path


# -- forget -----------------------------------------------------------------------------------------------------------


def state_of(folder: Path, ecu: Simulator) -> Path:
    """The state file."""
    return folder / "state" / f"127.0.0.1_{ecu.port}.json"


def topics_of(retained: Mapping[str, str], serial: str) -> set[str]:
    """All that is of that ECU, with its inverters, or of that inverter."""
    return {
        topic
        for topic, payload in retained.items()
        if serial in topic or (topic.startswith("homeassistant/device/aps_") and serial in payload)
    }


@pytest.mark.parametrize("style", ["device", "component"])
@pytest.mark.parametrize("payload", ["flat", "json", "both"])
def test_forget_shows_an_inverter_and_removes_it_with_yes(
    tmp_path: Path, broker: Broker, ecu: Simulator, payload: str, style: str
) -> None:
    """Its topics, its entities, and what the state knows of it; all else stays, and it comes back if it is listed."""
    environment = settings(ecu.port, broker, tmp_path, MQTT_PAYLOAD=payload, MQTT_DISCOVERY_STYLE=style)
    lay(broker, OTHERS_BUT_OURS)
    assert aps2mqtt("once", **environment).status == 0
    before = broker.retained()
    his = {topic for topic in topics_of(before, DS3) if DS3 in topic}
    state = state_of(tmp_path, ecu).read_text()

    lines = well(aps2mqtt("forget", DS3, **environment))
    assert set(listed(lines)) == his
    assert lines[0].endswith(f"there are of {DS3}:")
    assert lines[-1] == f"Nothing has been removed. To remove these {len(his)} topics, add --yes"
    assert broker.retained() == before
    assert state_of(tmp_path, ecu).read_text() == state

    lines = well(aps2mqtt("forget", DS3, "--yes", **environment))
    assert set(listed(lines)) == his
    assert broker.retained() == {topic: text for topic, text in before.items() if topic not in his}
    known, was = (json.loads(text) for text in (state_of(tmp_path, ecu).read_text(), state))
    assert was.pop("inverters").keys() - known.pop("inverters").keys() == {DS3}
    assert known == was

    assert aps2mqtt("once", **environment).status == 0
    assert broker.retained().keys() == before.keys()


OTHERS_BUT_OURS = {topic: text for topic, text in OTHERS.items() if ECU not in topic and ECU not in text}


def test_forget_an_ecu_removes_all_its_inverters(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """And its state file; another ECU keeps all of its own."""
    second = replace(PLANT, ecu=replace(ECU_MODELS["ECU-R"], ecu_id=OTHER_ECU), inverters=inverter_models("3xQS1"))
    with sunny_ecu(plant=second) as other:
        path = of_two(tmp_path, broker, ecu, other)
        well(aps2mqtt("-c", path, "once"))
        before = broker.retained()
        kept_state = state_of(tmp_path, other).read_text()
        lines = well(aps2mqtt("-c", path, "forget", ECU, "--yes"))
    gone = topics_of(before, ECU)
    assert {device_topic(DS3), f"aps/{ECU}/{QS1}/4/power", f"aps/{ECU}/status"} <= gone
    assert set(listed(lines)) == gone
    assert lines[-1] == f"{len(gone)} topics"
    after = broker.retained()
    assert after == {topic: text for topic, text in before.items() if topic not in gone}
    assert topics_of(after, OTHER_ECU)
    assert not state_of(tmp_path, ecu).exists()
    assert state_of(tmp_path, other).read_text() == kept_state


def test_an_ecu_that_was_forgotten_comes_back_with_the_next_job(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """As if it were the first."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    well(aps2mqtt("forget", ECU, "--yes", **environment))
    assert broker.retained() == {}
    well(aps2mqtt("once", **environment))
    assert broker.retained() == before


def test_forget_needs_no_ecu(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """It may be gone for good; and no state."""
    well(aps2mqtt("once", **settings(ecu.port, broker, tmp_path)))
    nowhere = settings(free_port(), broker, tmp_path / "elsewhere")
    asked = len(ecu.requests)
    well(aps2mqtt("forget", ECU, "--yes", **nowhere))
    assert "there is nothing" in one_line(aps2mqtt("forget", ECU, **nowhere | {"APS_ECU_IP": "ecu.invalid"}).err)
    assert len(ecu.requests) == asked
    assert broker.retained() == {}


def test_forget_finds_what_2x_left_of_an_inverter_that_is_gone(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """Objects and announcements, of that alone."""
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    before = broker.retained()
    lines = well(aps2mqtt("forget", GONE, "--yes", **settings(ecu.port, broker, tmp_path)))
    his = {topic for topic in before if GONE in topic}
    assert set(listed(lines)) == his
    assert broker.retained() == {topic: text for topic, text in before.items() if topic not in his}


def test_forget_finds_nothing_of_who_was_never_there(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """And says so with the status of a wrong usage, with --yes as without."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    for options in ((), ("--yes",)):
        ended = aps2mqtt("forget", "999999999999", *options, **environment)
        assert (ended.status, ended.out) == (64, "")
        assert f"there is nothing of 999999999999 on the broker at 127.0.0.1:{broker.port}; " in one_line(ended.err)
    assert broker.retained() == before


def test_forget_of_what_only_the_state_knows_is_done(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """The broker has lost it already; a second time there is nothing."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    for topic in broker.retained():
        broker.publish(topic, "")
    assert well(aps2mqtt("forget", DS3, "--yes", **environment))[-1] == "0 topics"
    assert DS3 not in state_of(tmp_path, ecu).read_text()
    assert aps2mqtt("forget", DS3, "--yes", **environment).status == 64


@pytest.mark.parametrize(
    "serial", ["", "12345", "70400000000a", "7040000000011", "٧٠٤٠٠٠٠٠٠٠٠١", "aps/#", "+", "70400000000\n"]
)
def test_what_is_no_serial_number_is_wrong_usage(serial: str) -> None:
    """In one line; nothing is asked."""
    ended = aps2mqtt("forget", serial, "--yes")
    assert (ended.status, ended.out) == (64, "")
    assert "a serial number has 12 digits" in one_line(ended.err)


def test_forget_where_the_state_cannot_be_written_touches_nothing(
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """The next job would publish the inverter again; it is no bug."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    with no_room(10):
        ended = aps2mqtt("forget", DS3, "--yes", **environment)
    assert (ended.status, ended.out) == (78, "")
    assert "cannot be written" in one_line(ended.err)
    assert "APS_STATE_DIR" in ended.err
    assert broker.retained() == before


def test_forget_where_the_state_cannot_be_read_touches_nothing(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """Nor there."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    state_of(tmp_path, ecu).unlink()
    state_of(tmp_path, ecu).mkdir()
    ended = aps2mqtt("forget", DS3, "--yes", **environment)
    assert (ended.status, ended.out) == (78, "")
    assert "cannot be read" in one_line(ended.err)
    assert broker.retained() == before


def test_forget_with_a_damaged_state_clears_the_broker(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """The next job begins anew anyway."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    state_of(tmp_path, ecu).write_text("{")
    well(aps2mqtt("forget", DS3, "--yes", **environment))
    assert topics_of(broker.retained(), DS3) == set()


def test_an_inverter_that_was_forgotten_is_no_problem_any_more(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """What was told of it is told no more, also by night."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    known = json.loads(state_of(tmp_path, ecu).read_text())
    idle = {"since": "2026-06-21T10:00:00+00:00", "seen": "2026-06-21T12:00:00+00:00", "told": True}
    known["watch"]["idle"] = {DS3: idle, DS3_2: idle}
    state_of(tmp_path, ecu).write_text(json.dumps(known))
    well(aps2mqtt("forget", DS3, "--yes", **environment))
    assert json.loads(state_of(tmp_path, ecu).read_text())["watch"]["idle"].keys() == {DS3_2}


# -- health -----------------------------------------------------------------------------------------------------------


def aged(state: Path, by: timedelta) -> None:
    """The state as it would be so much later."""
    known = json.loads(state.read_text())
    for about, key in ((known, "read_at"), (known["rhythm"], "at"), (known["rhythm"], "run_due")):
        if about[key] is not None:
            about[key] = (datetime.fromisoformat(about[key]) - by).isoformat()
    state.write_text(json.dumps(known))


def sick(ended: Ended, cause: str, remedy: str = "") -> None:
    """69, and one line that names the ECU and the cause."""
    assert (ended.status, ended.out) == (69, "")
    line = one_line(ended.err)
    assert line.startswith("aps2mqtt: 127.0.0.1:")
    assert cause in line
    assert remedy in line


def test_health_is_none_before_the_first_job(tmp_path: Path) -> None:
    """Nor with a state that nobody can read."""
    environment = settings(8899, Broker(tmp_path), tmp_path)
    sick(aps2mqtt("health", **environment), "no job has gone well yet", "look at the log")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "127.0.0.1_8899.json").write_text("{")
    sick(aps2mqtt("health", **environment), "is damaged and begun anew")


def test_health_is_well_after_a_job_and_asks_nobody(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """A line with the time of the last reading, at the site."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    asked, before = ecu.connections, datetime.now(UTC)
    (line,) = well(aps2mqtt("health", **environment | {"MQTT_BROKER_PORT": free_port()}))
    address, _, at = line.partition(": read last at ")
    assert address == f"127.0.0.1:{ecu.port}"
    assert timedelta() <= before - datetime.fromisoformat(at).replace(tzinfo=UTC) < timedelta(minutes=5)
    assert ecu.connections == asked


def test_health_tells_an_ecu_that_fails(tmp_path: Path, broker: Broker) -> None:
    """With the cause, until it can be read again."""
    with sunny_ecu(plant=PLANT) as ecu:
        environment = settings(ecu.port, broker, tmp_path)
        well(aps2mqtt("once", **environment))
    assert aps2mqtt("once", **environment).status == 69
    sick(aps2mqtt("health", **environment), "since then the ECU at 127.0.0.1", "refuses the connection")
    with sunny_ecu(plant=PLANT, port=ecu.port):
        well(aps2mqtt("once", **environment))
    well(aps2mqtt("health", **environment))


def test_health_tells_a_job_that_does_not_come(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """After a quarter of an hour with a rhythm that nobody knows; after two hours where they come every hour."""
    environment = settings(ecu.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    aged(state_of(tmp_path, ecu), timedelta(minutes=13))
    well(aps2mqtt("health", **environment))
    aged(state_of(tmp_path, ecu), timedelta(minutes=3))
    sick(aps2mqtt("health", **environment), "none has gone well since, though one was due", "at what starts them")
    aged(state_of(tmp_path, ecu), timedelta(minutes=44))
    well(aps2mqtt("once", **environment))
    aged(state_of(tmp_path, ecu), timedelta(minutes=115))
    well(aps2mqtt("health", **environment))
    aged(state_of(tmp_path, ecu), timedelta(minutes=15))
    sick(aps2mqtt("health", **environment), "none has gone well since, though one was due")


def test_the_health_of_several_ecus_is_that_of_the_sickest(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """The well are shown, the sick told."""
    plant = replace(PLANT, ecu=replace(ECU_MODELS["ECU-R"], ecu_id=OTHER_ECU))
    with sunny_ecu(plant=plant) as other:
        path = of_two(tmp_path, broker, ecu, other)
        well(aps2mqtt("-c", path, "once", "--ecu", f"127.0.0.1:{ecu.port}"))
        ended = aps2mqtt("-c", path, "health")
        assert ended.status == 69
        assert one_line(ended.out).startswith(f"127.0.0.1:{ecu.port}: read last at ")
        assert one_line(ended.err).startswith(f"aps2mqtt: 127.0.0.1:{other.port}: no job has gone well yet")
        well(aps2mqtt("-c", path, "once", "--ecu", f"127.0.0.1:{other.port}"))
        assert len(well(aps2mqtt("-c", path, "health"))) == 2
