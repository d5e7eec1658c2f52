"""Announcements that move, and those that are not ours."""

import json

import pytest
from announcements import COMPONENT_STYLE, DEVICE_STYLE, SHRUNK, told
from hypothesis import given
from hypothesis import strategies as st
from reports import DS3, ECU, QS1, QUAD, TWO, YC1000, report

from aps2mqtt.base.values import Report
from aps2mqtt.mqtt import discovery
from aps2mqtt.mqtt.discovery import device_of, filters, is_component, moved
from aps2mqtt.mqtt.topics import Message, Style

# -- entities that move -----------------------------------------------------------------------------------------------


MIGRATE = {"migrate_discovery": True}


def steps(style_before: Style, before: Report, style: Style, now: Report) -> list[tuple[str, str]]:
    """Topic, and what is done there, when announcements move."""
    old = [one.topic for one in discovery.messages(style_before, before)]
    done = []
    for one in moved(old, discovery.messages(style, now)):
        assert one.retain
        content = json.loads(one.payload) if one.payload else None
        done.append((one.topic, "clear" if content is None else "migrate" if content == MIGRATE else "announce"))
    return done


def test_from_components_to_devices_entities_are_handed_over_and_then_cleared():
    """In this order Home Assistant keeps entity ids, names and history, without a pause in between."""
    old = list(told(COMPONENT_STYLE, report(DS3)))
    assert len(old) == 10 + 14
    assert steps(COMPONENT_STYLE, report(DS3), DEVICE_STYLE, report(DS3)) == [
        *((topic, "migrate") for topic in old),
        ("homeassistant/device/aps_216000000001/config", "announce"),
        ("homeassistant/device/aps_700000000001/config", "announce"),
        *((topic, "clear") for topic in old),
    ]


def test_from_devices_to_components_entities_are_handed_over_and_then_cleared():
    new = list(told(COMPONENT_STYLE, report(DS3)))
    assert steps(DEVICE_STYLE, report(DS3), COMPONENT_STYLE, report(DS3)) == [
        ("homeassistant/device/aps_216000000001/config", "migrate"),
        ("homeassistant/device/aps_700000000001/config", "migrate"),
        *((topic, "announce") for topic in new),
        ("homeassistant/device/aps_216000000001/config", "clear"),
        ("homeassistant/device/aps_700000000001/config", "clear"),
    ]


def test_what_is_announced_no_more_is_cleared_without_being_handed_over():
    """Of an inverter that is gone there is nothing to hand over to."""
    done = steps(COMPONENT_STYLE, report(DS3, QS1), DEVICE_STYLE, report(DS3))
    of_the_gone = [topic for topic in told(COMPONENT_STYLE, report(QS1)) if QUAD in topic]
    assert [step for step in done if QUAD in step[0]] == [(topic, "clear") for topic in of_the_gone]
    assert len(of_the_gone) == 17


def test_the_entity_of_a_panel_that_is_gone_is_not_handed_over():
    done = steps(COMPONENT_STYLE, report(YC1000), DEVICE_STYLE, report(SHRUNK))
    of_panel = [step for step in done if "panel_4_power" in step[0]]
    assert of_panel == [("homeassistant/sensor/aps_500000000001_panel_4_power/config", "clear")]


def test_where_announcements_stay_in_their_places_nothing_is_handed_over():
    """2.x's with style `component`, or another payload: the new announcement replaces the old one."""
    was, new = COMPONENT_STYLE._replace(payload="json", prefix="old"), COMPONENT_STYLE
    assert steps(was, report(), new, report()) == [(topic, "announce") for topic in told(new, report())]


def test_under_another_prefix_all_is_handed_over():
    done = steps(DEVICE_STYLE, report(DS3), DEVICE_STYLE._replace(discovery_prefix="ha"), report(DS3))
    assert done == [
        ("homeassistant/device/aps_216000000001/config", "migrate"),
        ("homeassistant/device/aps_700000000001/config", "migrate"),
        ("ha/device/aps_216000000001/config", "announce"),
        ("ha/device/aps_700000000001/config", "announce"),
        ("homeassistant/device/aps_216000000001/config", "clear"),
        ("homeassistant/device/aps_700000000001/config", "clear"),
    ]


@pytest.mark.parametrize("was", [DEVICE_STYLE, COMPONENT_STYLE])
def test_discovery_switched_off_clears_all_that_was_announced(was):
    assert steps(was, report(), Style(), report()) == [(topic, "clear") for topic in told(was, report())]


def test_nothing_announced_before_is_nothing_to_move():
    announced = discovery.messages(DEVICE_STYLE, report())
    assert moved([], announced) == announced
    assert moved(iter([]), iter(announced)) == announced


def test_an_id_that_is_the_beginning_of_another_is_not_handed_over():
    old = ["homeassistant/sensor/aps_700000000001_panel_1/config", "homeassistant/device/aps_7000/config"]
    new = discovery.messages(DEVICE_STYLE, report(DS3))
    assert moved(old, new) == (*new, *(Message(topic, "") for topic in old))


def test_entities_of_2x_are_handed_over_under_their_unique_ids():
    """Its topics, as 2.0.2 has them; one of them is of an inverter that is no more."""
    old = [
        "homeassistant/sensor/aps_216000000001_lifetime_energy/config",
        "homeassistant/binary_sensor/aps_700000000001_online/config",
        "homeassistant/sensor/aps_700000000001_panel_1_power/config",
        "homeassistant/sensor/aps_799999999999_power/config",
    ]
    new = discovery.messages(DEVICE_STYLE, report(DS3))
    assert [(one.topic, one.payload) for one in moved(old, new) if one not in new] == [
        (old[0], '{"migrate_discovery": true}'),
        (old[1], '{"migrate_discovery": true}'),
        (old[2], '{"migrate_discovery": true}'),
        (old[0], ""),
        (old[1], ""),
        (old[2], ""),
        (old[3], ""),
    ]


# -- whose an announcement is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", [DEVICE_STYLE, COMPONENT_STYLE])
def test_our_announcements_are_known_again(style):
    """Of the ECU, and of what is behind it."""
    owners = {device_of(one.topic, one.payload) for one in discovery.messages(style, report(DS3, QS1))}
    assert owners == {(ECU, ""), (TWO, ECU), (QUAD, ECU)}


OURS = "homeassistant/sensor/aps_700000000001_power/config"


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (OURS, ""),
        (OURS, "rubbish"),
        (OURS, "null"),
        (OURS, "1"),
        (OURS, '"text"'),
        (OURS, "[]"),
        (OURS, "{}"),
        (OURS, '{"migrate_discovery": true}'),
        (OURS, '{"device": null}'),
        (OURS, '{"device": 1}'),
        (OURS, '{"device": []}'),
        (OURS, '{"device": {}}'),
        (OURS, '{"device": {"identifiers": []}}'),
        (OURS, '{"device": {"identifiers": null}}'),
        (OURS, '{"device": {"identifiers": 7}}'),
        (OURS, "[" * 60_000),
        (OURS, '{"device":' * 10_000),
        ("homeassistant/sensor/zigbee_1/config", '{"device": {"identifiers": ["700000000001"]}}'),
        ("homeassistant/sensor/apsystems_1/config", '{"device": {"identifiers": ["700000000001"]}}'),
        ("homeassistant/sensor/not_aps_1/config", '{"device": {"identifiers": ["700000000001"]}}'),
        ("config", '{"device": {"identifiers": ["700000000001"]}}'),
        ("", '{"device": {"identifiers": ["700000000001"]}}'),
    ],
)
def test_what_is_not_ours_belongs_to_nobody(topic, payload):
    """Anybody may have published there."""
    assert device_of(topic, payload) == ("", "")


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("device", "identifiers", "via_device", "x")), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JUNK)
def test_no_payload_whatever_is_an_error(junk):
    assert [type(one) for one in device_of(OURS, json.dumps(junk))] == [str, str]


def test_the_filters_find_announcements_of_both_styles():
    assert filters(Style(discovery_prefix="ha/own")) == (
        "ha/own/device/+/config",
        "ha/own/sensor/+/config",
        "ha/own/binary_sensor/+/config",
    )


def test_topics_of_components_are_told_from_those_of_devices():
    assert [is_component(topic) for topic in told(DEVICE_STYLE, report())] == [False] * 4
    assert set(map(is_component, told(COMPONENT_STYLE, report()))) == {True}
