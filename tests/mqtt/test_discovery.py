"""What Home Assistant is told: its announcements literally, and that they name what is published, and nothing else."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from announcements import (
    COMPONENT_STYLE,
    DEVICE_STYLE,
    DS3_FLAT,
    ECU_FLAT,
    READABLE,
    SHRUNK,
    STYLES,
    entities,
    entities_in,
    told,
)
from parts import replace, sunny_ecu
from reports import DS3, ECU, QS1, QUAD, THREE, TWO, YC1000, report

from aps2mqtt.base.memory import Memory, Reading, Rhythm
from aps2mqtt.base.values import NO_PROBLEM, UNCHANGED, Inverter, Report
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt import discovery, topics
from aps2mqtt.mqtt.topics import Message, Style
from aps2mqtt.simulator.plant import Plant, inverter_models

NEVER = "806000000009"  # registered, never heard
ASLEEP = Inverter(TWO, False, (0, 0), (None, None), energies=(0.5, 0.512), problem=NO_PROBLEM)
HALF_AWAKE = Inverter(TWO, True, (3, 4), (None, None), None, 12, 67, (0.0, 0.0), problem=NO_PROBLEM)
UNHEARD = Inverter(NEVER, False, lost=4)
CUT = Inverter(
    THREE, True, (91, 92, None, None), (235, None, 235), 50.1, 20, 80, (0.4, 0.4, 0.2, 0.2), problem=NO_PROBLEM
)


# -- what is announced is what is published ---------------------------------------------------------------------------


NAMES_OF_TOPICS = {
    "power": "power",
    "energy/today": "today_energy",
    "energy/lifetime": "lifetime_energy",
    "energy/yesterday": "yesterday_energy",
    "inverters/total": "inverters_total",
    "inverters/online": "inverters_online",
    "timestamp": "timestamp",
    "firmware": "firmware",
    "status": "status",
    "problem": "problem",
    "online": "online",
    "signal": "signal",
    "temperature": "temperature",
    "frequency": "frequency",
    "voltage": "voltage",
}


class Claim(NamedTuple):
    """A value, and the entity that there has to be for it: on the topic, by the template's key if it is JSON."""

    entity: str
    topic: str
    key: str


def published_values(readings: dict[str, str], root: str) -> Iterator[Claim]:
    """Every value that lies on a broker after `readings`, but for the error."""
    for topic, payload in readings.items():
        below = topic.removeprefix(root).strip("/")
        if payload.startswith("{"):
            for key, value in json.loads(payload).items():
                if value is not None:
                    device = below or ECU
                    name = "power" if key == "current_power" else key
                    yield Claim(f"aps_{device}_{name}", topic, key)
        elif payload and below != "error":
            device, _, rest = below.partition("/") if re.match("[0-9]{12}/", below) else (ECU, "", below)
            panel = re.fullmatch("([1-4])/(.*)", rest)
            name = f"panel_{panel[1]}_{NAMES_OF_TOPICS[panel[2]]}" if panel else NAMES_OF_TOPICS[rest]
            yield Claim(f"aps_{device}_{name}", topic, "")


def check_that_all_is_announced_and_nothing_else(
    messages: tuple[Message, ...], payload: str, *, prefix: str = "", presence: bool = False
) -> int:
    """How many entities there are, once they and what is published were held against each other."""
    root = f"{prefix}aps/{ECU}"
    readings = {one.topic: one.payload for one in messages if one.topic.startswith(root)}
    found = entities_in({one.topic: json.loads(one.payload or "{}") for one in messages if one.topic not in readings})
    for unique_id, entity in found.items():
        named = {entity["state_topic"], *(condition["topic"] for condition in entity["availability"])}
        named |= {entity["json_attributes_topic"]} if "json_attributes_topic" in entity else set()
        assert named - readings.keys() == ({f"{prefix}aps/status"} if presence else set()), unique_id
        templates = " ".join(
            [entity["value_template"], *(one.get("value_template", "") for one in entity["availability"])]
        )
        for key in re.findall(r"value_json\.(\w+)", templates):
            assert key in json.loads(readings[entity["state_topic"]]), unique_id
    assert found[f"aps_{ECU}_status"]["json_attributes_topic"] == f"{root}/error"
    claims = list(published_values(readings, root))
    for claim in claims:
        entity = found[claim.entity]
        if claim.key and payload == "both":
            continue  # its twin on a topic of its own has the entity
        assert entity["state_topic"] == claim.topic
        if claim.key:
            assert f"value_json.{claim.key} " in entity["value_template"]
        else:
            assert "value_json" not in entity["value_template"]
    assert {claim.entity for claim in claims} <= found.keys()
    return len(found)


def told_by_a_job(style: Style, made: Report) -> tuple[Message, ...]:
    """Announcements and readings."""
    return discovery.messages(style, made) + topics.messages(style, made)


@pytest.mark.parametrize(("style", "payload"), STYLES)
@pytest.mark.parametrize("presence", [False, True])
@pytest.mark.parametrize("prefix", ["", "home/roof/"])
def test_what_is_announced_is_published_and_what_is_published_is_announced(style, payload, presence, prefix):
    """The ECU has ten entities, a DS3 14, a QS1 17, a YC1000 19; one that was not seen yet has one."""
    chosen = Style(prefix.rstrip("/"), payload=payload, discovery=style, expiry=900, presence=presence)
    made = report(DS3, QS1, YC1000, UNHEARD)
    number = check_that_all_is_announced_and_nothing_else(
        told_by_a_job(chosen, made), payload, prefix=prefix, presence=presence
    )
    assert number == 10 + 14 + 17 + 19 + 1


@pytest.mark.parametrize(("style", "payload"), STYLES)
@pytest.mark.parametrize("inverter", [ASLEEP, HALF_AWAKE, UNHEARD, CUT, SHRUNK], ids=lambda one: one.uid)
def test_an_array_that_is_not_well_is_announced_as_it_is_published(style, payload, inverter):
    made = report(inverter, QS1, timestamp=None, yesterday=None, error="the ECU is mute", problems=("a", "b"))
    check_that_all_is_announced_and_nothing_else(
        told_by_a_job(Style(payload=payload, discovery=style, expiry=900), made), payload
    )


@pytest.mark.parametrize(("style", "payload"), STYLES)
def test_a_real_job_announces_what_it_publishes_and_says_so_first(tmp_path: Path, style: str, payload: str) -> None:
    """Announced before read: an entity whose announcement changes is unavailable until its next value."""
    with sunny_ecu(plant=Plant(inverters=inverter_models("1xDS3,1xQS1,1xYC1000,1xunseen"))) as ecu:
        environment = {
            "APS_ECU_IP": "127.0.0.1",
            "APS_ECU_PORT": str(ecu.port),
            "APS_ECU_TIMEZONE": "Europe/Paris",
            "APS_STATE_DIR": str(tmp_path),
            "MQTT_PAYLOAD": payload,
            "MQTT_DISCOVERY_ENABLED": "True",
            "MQTT_DISCOVERY_STYLE": style,
        }
        (chosen,) = loading.load(None, environment)
        now = datetime(2026, 6, 21, 14, 2, tzinfo=ZoneInfo("Europe/Paris"))
        messages = Job(chosen, now, Store(tmp_path, "127.0.0.1", ecu.port), dry_run=True).run().messages
    # Nobody knows yesterday's energy, so nobody announces it.
    assert check_that_all_is_announced_and_nothing_else(messages, payload) == 9 + 14 + 17 + 19 + 1
    announced = [one.topic.startswith("homeassistant/") for one in messages]
    assert announced == sorted(announced, reverse=True)
    assert sum(announced) == (5 if style == "device" else 60 + 12)  # and that one never heard has no panels


def test_without_discovery_nothing_is_announced():
    assert discovery.messages(Style(), report(gone=(QS1,))) == ()


# -- literally --------------------------------------------------------------------------------------------------------

LIVING = {"topic": "aps/status", "payload_available": "online", "payload_not_available": "offline"}


# -- json -------------------------------------------------------------------------------------------------------------


JSON_STYLE = DEVICE_STYLE._replace(payload="json")


@pytest.mark.parametrize(
    ("unique_id", "template"),
    [
        ("aps_216000000001_power", "{{ value_json.current_power if value else none }}"),
        ("aps_216000000001_today_energy", "{{ value_json.today_energy if value else none }}"),
        ("aps_216000000001_lifetime_energy", "{{ value_json.lifetime_energy if value else none }}"),
        ("aps_216000000001_yesterday_energy", "{{ value_json.yesterday_energy if value else none }}"),
        ("aps_216000000001_inverters_total", "{{ value_json.inverters_total if value else none }}"),
        ("aps_216000000001_inverters_online", "{{ value_json.inverters_online if value else none }}"),
        ("aps_216000000001_timestamp", "{{ value_json.timestamp if value else none }}"),
        ("aps_216000000001_firmware", "{{ value_json.firmware if value else none }}"),
    ],
)
def test_the_entities_of_an_ecu_read_its_object(unique_id, template):
    """Without a value, an empty object's topic would be an error in Home Assistant's log."""
    entity = entities(JSON_STYLE, report())[unique_id]
    assert (entity["state_topic"], entity["value_template"]) == ("aps/216000000001", template)
    assert entity["availability"] == [READABLE]


def test_status_and_problem_are_topics_of_their_own_in_json_too():
    announced = told(JSON_STYLE, report())["homeassistant/device/aps_216000000001/config"]["components"]
    assert announced["status"] == ECU_FLAT["status"]
    assert announced["problem"] == ECU_FLAT["problem"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("online", "online"),
        ("power", "power"),
        ("today_energy", "today_energy"),
        ("panel_2_power", "panel_2_power"),
        ("panel_2_today_energy", "panel_2_today_energy"),
    ],
)
def test_the_entities_of_an_inverter_read_its_object(name, key):
    """They differ in nothing else; `online` is true or false there, which a template writes as True or False."""
    announced = told(JSON_STYLE, report())["homeassistant/device/aps_700000000001/config"]["components"]
    assert announced[name] == DS3_FLAT[name] | {
        "state_topic": "aps/216000000001/700000000001",
        "value_template": f"{{{{ value_json.{key} if value else none }}}}",
    }


@pytest.mark.parametrize(
    "name", ["signal", "temperature", "frequency", "voltage", "panel_1_voltage", "panel_2_voltage"]
)
def test_what_an_inverter_measures_depends_on_its_object(name):
    """Unavailable while it is offline, while null, and once the object is removed."""
    announced = told(JSON_STYLE, report())["homeassistant/device/aps_700000000001/config"]["components"]
    available = f"value and value_json.online and value_json.{name} is not none"
    assert announced[name] == DS3_FLAT[name] | {
        "state_topic": "aps/216000000001/700000000001",
        "value_template": f"{{{{ value_json.{name} if value else none }}}}",
        "availability": [
            READABLE,
            {
                "topic": "aps/216000000001/700000000001",
                "payload_available": "online",
                "payload_not_available": "offline",
                "value_template": f"{{{{ 'online' if {available} else 'offline' }}}}",
            },
        ],
    }


def test_the_problem_of_an_inverter_is_in_its_object():
    """The words are in the attribute, as they are of the ECU's problem."""
    announced = told(JSON_STYLE, report())["homeassistant/device/aps_700000000001/config"]["components"]
    known = "value and value_json.problem"
    assert announced["problem"] == DS3_FLAT["problem"] | {
        "state_topic": "aps/216000000001/700000000001",
        "value_template": f"{{{{ 'ON' if {known} and value_json.problem != 'none' else 'OFF' }}}}",
        "json_attributes_topic": "aps/216000000001/700000000001",
        "json_attributes_template": f"{{{{ ({{'problem': value_json.problem}} if {known} else {{}}) | tojson }}}}",
    }


def test_where_both_are_published_entities_read_the_flat_topics():
    """Those are removed where there is nothing, and expire under MQTT 5."""
    assert told(DEVICE_STYLE._replace(payload="both"), report()) == told(DEVICE_STYLE, report())


# -- inverters that are not well --------------------------------------------------------------------------------------


def of_inverter(made: Report, uid: str = TWO, style: Style = DEVICE_STYLE) -> dict[str, dict]:
    """What the device of this inverter consists of."""
    return told(style, made)[f"homeassistant/device/aps_{uid}/config"]["components"]


@pytest.mark.parametrize("payload", ["flat", "json", "both"])
@pytest.mark.parametrize("inverter", [ASLEEP, HALF_AWAKE, replace(DS3, signal=UNCHANGED)])
def test_an_inverter_that_sleeps_is_announced_as_by_day(payload, inverter):
    """An announcement that changes would make its entities unavailable; their conditions see to the rest."""
    style = DEVICE_STYLE._replace(payload=payload)
    assert of_inverter(report(inverter), style=style) == of_inverter(report(DS3), style=style)


@pytest.mark.parametrize("payload", ["flat", "json"])
def test_an_inverter_never_heard_has_only_online(payload):
    """Of the panels that it may have had, none is left over."""
    components = of_inverter(report(UNHEARD), NEVER, DEVICE_STYLE._replace(payload=payload))
    online = components.pop("online")
    assert online["unique_id"] == "aps_806000000009_online"
    assert components == {
        f"panel_{panel}_{name}": {"platform": "sensor"}
        for panel in (1, 2, 3, 4)
        for name in ("power", "voltage", "today_energy")
    }


def test_an_inverter_never_heard_has_only_online_as_components_too():
    announced = told(COMPONENT_STYLE, report(UNHEARD))
    of_it = {topic: bool(payload) for topic, payload in announced.items() if NEVER in topic}
    assert of_it == {"homeassistant/binary_sensor/aps_806000000009_online/config": True} | {
        f"homeassistant/sensor/aps_806000000009_panel_{panel}_{name}/config": False
        for panel in (1, 2, 3, 4)
        for name in ("power", "voltage", "today_energy")
    }


def test_a_channel_whose_power_is_unknown_in_this_poll_stays_announced():
    """Its topic is removed and Home Assistant shows it as unknown; the entity does not come and go."""
    assert of_inverter(report(YC1000), THREE) == of_inverter(report(CUT), THREE)


def test_panels_that_an_inverter_has_no_more_are_removed():
    """A component that is merely left out stays in Home Assistant; one that is only a platform goes."""
    components = of_inverter(report(SHRUNK), THREE)
    assert {name: one for name, one in components.items() if "unique_id" not in one} == {
        "panel_3_power": {"platform": "sensor"},
        "panel_4_power": {"platform": "sensor"},
        "panel_3_voltage": {"platform": "sensor"},
        "panel_4_voltage": {"platform": "sensor"},
        "panel_3_today_energy": {"platform": "sensor"},
        "panel_4_today_energy": {"platform": "sensor"},
    }
    assert "unique_id" in components["panel_2_today_energy"]


def test_panels_that_an_inverter_has_no_more_are_cleared_as_components():
    cleared = [topic for topic, payload in told(COMPONENT_STYLE, report(SHRUNK)).items() if not payload]
    assert sorted(cleared) == [
        "homeassistant/sensor/aps_500000000001_panel_3_power/config",
        "homeassistant/sensor/aps_500000000001_panel_3_today_energy/config",
        "homeassistant/sensor/aps_500000000001_panel_3_voltage/config",
        "homeassistant/sensor/aps_500000000001_panel_4_power/config",
        "homeassistant/sensor/aps_500000000001_panel_4_today_energy/config",
        "homeassistant/sensor/aps_500000000001_panel_4_voltage/config",
    ]


def test_an_inverter_that_is_gone_is_cleared():
    """One empty announcement takes all its entities and the device."""
    announced = told(DEVICE_STYLE, report(DS3, gone=(ASLEEP._replace(uid=QUAD), UNHEARD)))
    assert announced["homeassistant/device/aps_800000000001/config"] == {}
    assert announced["homeassistant/device/aps_806000000009/config"] == {}
    assert announced["homeassistant/device/aps_700000000001/config"] != {}


def test_an_inverter_that_is_gone_is_cleared_as_components():
    absent = Inverter(QUAD, online=False, powers=(0, 0, 0, 0), voltages=(None,), energies=(0.0, 0.0, 0.0, 0.0))
    was = {topic for topic in told(COMPONENT_STYLE, report(QS1)) if QUAD in topic}
    announced = told(COMPONENT_STYLE, report(DS3, gone=(absent,)))
    assert {topic for topic, payload in announced.items() if not payload} == was
    assert len(was) == 17


def test_an_inverter_that_was_heard_and_then_never_and_is_gone_leaves_no_component():
    """An ECU that was restarted lists its inverters as never heard; such a one may be removed from it then."""
    was = {topic for topic in told(COMPONENT_STYLE, report(QS1)) if QUAD in topic}
    announced = told(COMPONENT_STYLE, report(DS3, gone=(replace(UNHEARD, uid=QUAD),)))
    assert was <= {topic for topic, payload in announced.items() if not payload}


# -- the ECU ----------------------------------------------------------------------------------------------------------


def test_what_nobody_knows_has_no_entity_and_what_is_held_has():
    """An entity that stays unknown is none; a counter that is held has its last value on the broker."""
    of_ecu = entities(
        DEVICE_STYLE, report(yesterday=None, today=UNCHANGED, lifetime=UNCHANGED, online=UNCHANGED, problems=UNCHANGED)
    )
    assert sorted(name for name in of_ecu if ECU in name) == [
        "aps_216000000001_firmware",
        "aps_216000000001_inverters_online",
        "aps_216000000001_inverters_total",
        "aps_216000000001_lifetime_energy",
        "aps_216000000001_power",
        "aps_216000000001_problem",
        "aps_216000000001_status",
        "aps_216000000001_timestamp",
        "aps_216000000001_today_energy",
    ]


def test_a_time_that_comes_and_goes_changes_no_announcement():
    """An ECU that was just restarted has none (quirk 22)."""
    assert told(DEVICE_STYLE, report(timestamp=None)) == told(DEVICE_STYLE, report())


def test_what_is_read_changes_no_announcement():
    """Home Assistant takes an entity whose announcement changes for unavailable: at every poll, it would flicker."""
    later = report(
        replace(DS3, powers=(0, 0), frequency=None, temperature=-1, signal=0, energies=(9.0, 9.0)),
        QS1,
        YC1000,
        power=0,
        today=20.0,
        online=0,
        yesterday=0,
        error="the ECU is mute",
        problems=("a", "b"),
    )
    assert told(DEVICE_STYLE, later) == told(DEVICE_STYLE, report())


def test_degrees_fahrenheit_are_announced_as_such():
    """To a tenth, as they are published: whole degrees Celsius are 1.8 apart."""
    entity = entities(DEVICE_STYLE._replace(fahrenheit=True), report())["aps_700000000001_temperature"]
    assert entity["unit_of_measurement"] == "°F"
    assert entity["suggested_display_precision"] == 1
    assert entities(DEVICE_STYLE, report())["aps_700000000001_temperature"]["unit_of_measurement"] == "°C"


@pytest.mark.parametrize(("style", "payload"), STYLES)
def test_names_are_those_of_devices_and_panels_and_change_no_topic_and_no_id(style, payload):
    """An inverter without a name keeps model and serial number."""
    plain = Style(payload=payload, discovery=style, expiry=900)
    names = {ECU: "Barn", TWO: "South roof, left", f"{TWO}/2": "East", f"{THREE}/4": "West"}
    before, after = (entities(one, report()) for one in (plain, plain._replace(names=names)))
    assert before.keys() == after.keys()
    renamed = {unique_id for unique_id in after if before[unique_id].get("name") != after[unique_id].get("name")}
    assert {after[one]["name"] for one in renamed if TWO in one} == {"East power", "East voltage", "East energy today"}
    assert {after[one]["name"] for one in renamed if THREE in one} == {"West power", "West energy today"}
    assert {one.topic for one in discovery.messages(plain, report())} == {
        one.topic for one in discovery.messages(plain._replace(names=names), report())
    }
    devices = {
        json.loads(one.payload)["device"]["name"]
        for one in discovery.messages(plain._replace(names=names), report(DS3, QS1))
    }
    assert devices == {"Barn", "South roof, left", f"QS1 {QUAD}"}
    unnamed = {"name": "", "device": ""}
    assert {one: after[one] | unnamed for one in after} == {one: before[one] | unnamed for one in before}


def test_a_prefix_of_several_levels_stands_before_every_topic_but_those_of_the_announcements():
    style = DEVICE_STYLE._replace(prefix="home/roof/south", discovery_prefix="ha/own", presence=True)
    messages = discovery.messages(style, report())
    assert [one.topic for one in messages][:2] == [
        "ha/own/device/aps_216000000001/config",
        "ha/own/device/aps_700000000001/config",
    ]
    named = {topic for one in messages for topic in re.findall(r'topic": "([^"]*)"', one.payload)}
    assert all(topic.startswith("home/roof/south/aps/") for topic in named)
    assert {"home/roof/south/aps/status", f"home/roof/south/aps/{ECU}/error"} <= named


# -- never stale ------------------------------------------------------------------------------------------------------


EXPIRING = {
    "aps_216000000001_power",
    "aps_216000000001_inverters_online",
    "aps_216000000001_status",
    "aps_700000000001_online",
    "aps_700000000001_signal",
    "aps_700000000001_temperature",
    "aps_700000000001_frequency",
    "aps_700000000001_power",
    "aps_700000000001_voltage",
    "aps_700000000001_panel_1_power",
    "aps_700000000001_panel_2_power",
    "aps_700000000001_panel_1_voltage",
    "aps_700000000001_panel_2_voltage",
}


@pytest.mark.parametrize(("style", "payload"), STYLES)
def test_what_is_of_the_moment_expires_and_energy_never_does(style, payload):
    """Nor does what stays true: counts of inverters, firmware, the time of the data, a problem."""
    chosen = Style(payload=payload, discovery=style, expiry=1500)
    expiries = {name: one.get("expire_after") for name, one in entities(chosen, report(DS3)).items()}
    assert {name for name, seconds in expiries.items() if seconds is not None} == EXPIRING
    assert {seconds for name, seconds in expiries.items() if name in EXPIRING} == {1500}


@pytest.mark.parametrize(("style", "payload"), STYLES)
def test_run_says_itself_whether_it_lives_so_nothing_expires(style, payload):
    """An entity that expires would be unavailable through a night without polls."""
    chosen = Style(payload=payload, discovery=style, expiry=900, presence=True)
    found = entities(chosen, report(DS3))
    assert len(found) == 24
    assert not [name for name, one in found.items() if "expire_after" in one]
    assert not [name for name, one in found.items() if LIVING not in one["availability"]]


@pytest.mark.parametrize(("style", "payload"), STYLES)
def test_without_run_nothing_depends_on_its_presence(style, payload):
    """Under cron nobody says it."""
    found = entities(Style(payload=payload, discovery=style, expiry=900), report(DS3))
    assert not [name for name, one in found.items() if LIVING in one["availability"]]


@pytest.mark.parametrize(("style", "payload"), STYLES)
@pytest.mark.parametrize("presence", [False, True])
def test_all_but_the_status_depends_on_an_ecu_that_can_be_read(style, payload, presence):
    """Whether it can be read is known when it cannot. Lists everywhere, of which all conditions have to be met."""
    chosen = Style(payload=payload, discovery=style, expiry=900, presence=presence)
    announced = told(chosen, report(DS3))
    assert {one["availability_mode"] for one in announced.values()} == {"all"}
    assert not [topic for topic, one in announced.items() if "availability_topic" in json.dumps(one)]
    found = entities_in(announced)
    assert found.pop(f"aps_{ECU}_status")["availability"] == ([LIVING] if presence else [])
    assert not [name for name, one in found.items() if READABLE not in one["availability"]]


def test_a_job_by_hand_beside_run_announces_the_same(tmp_path: Path) -> None:
    """The state tells it that `run` is in use."""
    with sunny_ecu() as ecu:
        environment = {
            "APS_ECU_IP": "127.0.0.1",
            "APS_ECU_PORT": str(ecu.port),
            "APS_ECU_TIMEZONE": "Europe/Paris",
            "APS_STATE_DIR": str(tmp_path),
            "MQTT_DISCOVERY_ENABLED": "yes",
        }
        (chosen,) = loading.load(None, environment)
        store = Store(tmp_path, "127.0.0.1", ecu.port)
        now = datetime(2026, 6, 21, 14, 2, tzinfo=ZoneInfo("Europe/Paris"))
        of_run = Job(chosen, now, store, dry_run=True, of_run=True).run().messages
        store.save(Memory(ecu_id=ECU, reading=Reading(at=now), rhythm=Rhythm(now, run_due=now)))
        by_hand = Job(chosen, now, store, dry_run=True).run().messages
    announced = [one for one in of_run if one.topic.startswith("homeassistant/")]
    assert announced == [one for one in by_hand if one.topic.startswith("homeassistant/")]
    assert all("aps/status" in one.payload for one in announced)
