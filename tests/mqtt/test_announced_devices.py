"""The announcements of Home Assistant's devices and entities, literally."""

import pytest
from announcements import COMPONENT_STYLE, DEVICE_STYLE, DS3_FLAT, ECU_FLAT, READABLE, STYLES, entities, told
from parts import replace
from reports import DS3, ECU, QS1, YC1000, report

from aps2mqtt import __version__
from aps2mqtt.mqtt.topics import Style

ORIGIN = {"name": "aps2mqtt", "sw_version": __version__}

ECU_DEVICE = {
    "identifiers": ["216000000001"],
    "name": "ECU-R 216000000001",
    "manufacturer": "APsystems",
    "model": "ECU-R",
    "serial_number": "216000000001",
    "sw_version": "ECU_R_1.2.31",
}


DS3_DEVICE = {
    "identifiers": ["700000000001"],
    "name": "DS3 700000000001",
    "manufacturer": "APsystems",
    "model": "DS3",
    "serial_number": "700000000001",
    "via_device": "216000000001",
}


def test_the_device_of_an_ecu_literally():
    assert told(DEVICE_STYLE, report())["homeassistant/device/aps_216000000001/config"] == {
        "device": ECU_DEVICE,
        "origin": ORIGIN,
        "availability_mode": "all",
        "availability": [READABLE],
        "components": ECU_FLAT,
    }


def test_the_device_of_an_inverter_literally():
    assert told(DEVICE_STYLE, report())["homeassistant/device/aps_700000000001/config"] == {
        "device": DS3_DEVICE,
        "origin": ORIGIN,
        "availability_mode": "all",
        "availability": [READABLE],
        "components": DS3_FLAT,
    }


def test_there_is_one_device_for_the_ecu_and_one_for_each_inverter():
    """The ECU first: the inverters name it as the one between."""
    assert list(told(DEVICE_STYLE, report())) == [
        "homeassistant/device/aps_216000000001/config",
        "homeassistant/device/aps_700000000001/config",
        "homeassistant/device/aps_800000000001/config",
        "homeassistant/device/aps_500000000001/config",
    ]


def test_components_say_the_same_each_on_a_topic_of_its_own():
    """For Home Assistant before 2024.11: what the device shares stands in each."""
    expected = {
        f"homeassistant/{entity['platform']}/{entity['unique_id']}/config": {
            "device": device,
            "origin": ORIGIN,
            "availability_mode": "all",
            "availability": [READABLE],
        }
        | entity
        for device, components in ((ECU_DEVICE, ECU_FLAT), (DS3_DEVICE, DS3_FLAT))
        for entity in components.values()
    }
    assert told(COMPONENT_STYLE, report(DS3)) == expected


def test_topics_of_components_literally():
    """Where 2.x had them, too: its announcements are taken over in their places."""
    announced = told(COMPONENT_STYLE, report(DS3))
    assert "homeassistant/sensor/aps_216000000001_lifetime_energy/config" in announced
    assert "homeassistant/binary_sensor/aps_216000000001_status/config" in announced
    assert "homeassistant/binary_sensor/aps_700000000001_online/config" in announced
    assert "homeassistant/sensor/aps_700000000001_panel_2_voltage/config" in announced


def test_panels_and_phases_are_those_that_an_inverter_has():
    """A QS1 has four panels and one voltage, a YC1000 four panels and three."""
    found = [unique_id for unique_id in entities(DEVICE_STYLE, report(QS1, YC1000)) if "_panel_" in unique_id]
    assert sorted(found) == [
        "aps_500000000001_panel_1_power",
        "aps_500000000001_panel_1_today_energy",
        "aps_500000000001_panel_1_voltage",
        "aps_500000000001_panel_2_power",
        "aps_500000000001_panel_2_today_energy",
        "aps_500000000001_panel_2_voltage",
        "aps_500000000001_panel_3_power",
        "aps_500000000001_panel_3_today_energy",
        "aps_500000000001_panel_3_voltage",
        "aps_500000000001_panel_4_power",
        "aps_500000000001_panel_4_today_energy",
        "aps_800000000001_panel_1_power",
        "aps_800000000001_panel_1_today_energy",
        "aps_800000000001_panel_1_voltage",
        "aps_800000000001_panel_2_power",
        "aps_800000000001_panel_2_today_energy",
        "aps_800000000001_panel_3_power",
        "aps_800000000001_panel_3_today_energy",
        "aps_800000000001_panel_4_power",
        "aps_800000000001_panel_4_today_energy",
    ]


UNIQUE_IDS_OF_2X = [
    "aps_216000000001_power",
    "aps_216000000001_today_energy",
    "aps_216000000001_lifetime_energy",
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
]


@pytest.mark.parametrize(("style", "payload"), STYLES)
@pytest.mark.parametrize("prefix", ["", "home/roof"])
def test_entities_have_the_unique_ids_of_2x_whatever_is_configured(style, payload, prefix):
    """By them Home Assistant knows entities, names and history again; the prefix of topics is no part of them."""
    chosen = Style(prefix, payload=payload, discovery=style, discovery_prefix="ha")
    assert set(UNIQUE_IDS_OF_2X) <= entities(chosen, report()).keys()


@pytest.mark.parametrize(
    ("ecu_id", "model"),
    [
        ("216000000001", "ECU-R"),
        ("216200000001", "ECU-R-Pro"),
        ("216300000001", "ECU-B"),
        ("215000000001", "ECU-C"),
        ("203000000001", "ECU-3"),
        ("999000000001", "ECU"),
    ],
)
def test_an_ecu_is_named_after_its_model(ecu_id, model):
    device = told(DEVICE_STYLE, report(ecu_id=ecu_id))[f"homeassistant/device/aps_{ecu_id}/config"]["device"]
    assert (device["name"], device["model"], device["serial_number"]) == (f"{model} {ecu_id}", model, ecu_id)


@pytest.mark.parametrize(
    ("uid", "model"), [("408000000001", "YC600"), ("806000000001", "QS1A"), ("123000000001", "inverter")]
)
def test_an_inverter_is_named_after_its_model(uid, model):
    made = report(replace(DS3, uid=uid))
    device = told(DEVICE_STYLE, made)[f"homeassistant/device/aps_{uid}/config"]["device"]
    assert (device["name"], device["model"], device["via_device"]) == (f"{model} {uid}", model, ECU)
