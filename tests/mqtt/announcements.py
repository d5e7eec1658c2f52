"""Reports, and the announcements that Home Assistant is told of them."""

import json

from reports import ECU, THREE

from aps2mqtt.base.values import NO_PROBLEM, Inverter, Report
from aps2mqtt.mqtt import discovery
from aps2mqtt.mqtt.topics import Style

SHRUNK = Inverter(THREE, True, (91, 92), (235, 236), 50.1, 20, 80, (0.4, 0.4), lost=2, problem=NO_PROBLEM)

STYLES = [(style, payload) for style in ("device", "component") for payload in ("flat", "json", "both")]
DEVICE_STYLE = Style(discovery="device", expiry=900)
COMPONENT_STYLE = Style(discovery="component", expiry=900)


def told(style: Style, made: Report) -> dict[str, dict]:
    """What is announced, by topic; {} where a topic is cleared."""
    messages = discovery.messages(style, made)
    assert len({one.topic for one in messages}) == len(messages), "a topic is named twice"
    assert all(one.retain for one in messages)
    assert all(one.expiry is None for one in messages)
    return {one.topic: json.loads(one.payload or "{}") for one in messages}


def entities_in(announcements: dict[str, dict]) -> dict[str, dict]:
    """Every entity by its unique id, in either style, with the availability that Home Assistant gives it."""
    found = {}
    for one in announcements.values():
        shared = {"availability": one.get("availability"), "device": one.get("device")}
        for entity in one.get("components", {"": one}).values():
            if "unique_id" in entity:
                assert entity["unique_id"] not in found
                found[entity["unique_id"]] = shared | entity
    return found


def entities(style: Style, made: Report) -> dict[str, dict]:
    """Every entity that `made` has, by its unique id."""
    return entities_in(told(style, made))


READABLE = {"topic": f"aps/{ECU}/status", "payload_available": "online", "payload_not_available": "offline"}
ECU_FLAT = {
    "power": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_power",
        "state_topic": "aps/216000000001/power",
        "value_template": "{{ value or none }}",
        "device_class": "power",
        "state_class": "measurement",
        "unit_of_measurement": "W",
        "suggested_display_precision": 0,
        "expire_after": 900,
    },
    "today_energy": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_today_energy",
        "state_topic": "aps/216000000001/energy/today",
        "value_template": "{{ value or none }}",
        "name": "Energy today",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 2,
    },
    "lifetime_energy": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_lifetime_energy",
        "state_topic": "aps/216000000001/energy/lifetime",
        "value_template": "{{ value or none }}",
        "name": "Energy lifetime",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 1,
    },
    "yesterday_energy": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_yesterday_energy",
        "state_topic": "aps/216000000001/energy/yesterday",
        "value_template": "{{ value or none }}",
        "name": "Energy yesterday",
        "device_class": "energy",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 2,
    },
    "inverters_total": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_inverters_total",
        "state_topic": "aps/216000000001/inverters/total",
        "value_template": "{{ value or none }}",
        "name": "Inverters",
        "state_class": "measurement",
        "entity_category": "diagnostic",
    },
    "inverters_online": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_inverters_online",
        "state_topic": "aps/216000000001/inverters/online",
        "value_template": "{{ value or none }}",
        "name": "Inverters online",
        "state_class": "measurement",
        "entity_category": "diagnostic",
        "expire_after": 900,
    },
    "timestamp": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_timestamp",
        "state_topic": "aps/216000000001/timestamp",
        "value_template": "{{ value or none }}",
        "name": "Data of",
        "device_class": "timestamp",
        "entity_category": "diagnostic",
    },
    "firmware": {
        "platform": "sensor",
        "unique_id": "aps_216000000001_firmware",
        "state_topic": "aps/216000000001/firmware",
        "value_template": "{{ value or none }}",
        "name": "Firmware",
        "entity_category": "diagnostic",
    },
    "status": {
        "platform": "binary_sensor",
        "unique_id": "aps_216000000001_status",
        "state_topic": "aps/216000000001/status",
        "value_template": "{{ value or none }}",
        "name": "Status",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "expire_after": 900,
        "payload_on": "online",
        "payload_off": "offline",
        "availability": [],
        "json_attributes_topic": "aps/216000000001/error",
        "json_attributes_template": "{{ ({'error': value} if value else {}) | tojson }}",
    },
    "problem": {
        "platform": "binary_sensor",
        "unique_id": "aps_216000000001_problem",
        "state_topic": "aps/216000000001/problem",
        "value_template": "{{ 'ON' if value and value != 'none' else 'OFF' }}",
        "device_class": "problem",
        "entity_category": "diagnostic",
        "json_attributes_topic": "aps/216000000001/problem",
        "json_attributes_template": "{{ ({'problem': value} if value else {}) | tojson }}",
    },
}


def measured(topic: str) -> list[dict[str, str]]:
    """The conditions of what the DS3 measures, on this topic of its own."""
    return [
        {
            "topic": "aps/216000000001/status",
            "payload_available": "online",
            "payload_not_available": "offline",
        },
        {
            "topic": "aps/216000000001/700000000001/online",
            "payload_available": "True",
            "payload_not_available": "False",
        },
        {
            "topic": f"aps/216000000001/700000000001/{topic}",
            "payload_available": "online",
            "payload_not_available": "offline",
            "value_template": "{{ 'online' if value else 'offline' }}",
        },
    ]


DS3_FLAT = {
    "online": {
        "platform": "binary_sensor",
        "unique_id": "aps_700000000001_online",
        "state_topic": "aps/216000000001/700000000001/online",
        "value_template": "{{ value or none }}",
        "name": "Online",
        "device_class": "connectivity",
        "entity_category": "diagnostic",
        "expire_after": 900,
        "payload_on": "True",
        "payload_off": "False",
    },
    "signal": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_signal",
        "state_topic": "aps/216000000001/700000000001/signal",
        "value_template": "{{ value or none }}",
        "name": "Signal",
        "state_class": "measurement",
        "unit_of_measurement": "%",
        "suggested_display_precision": 0,
        "entity_category": "diagnostic",
        "expire_after": 900,
        "availability": measured("signal"),
    },
    "temperature": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_temperature",
        "state_topic": "aps/216000000001/700000000001/temperature",
        "value_template": "{{ value or none }}",
        "device_class": "temperature",
        "state_class": "measurement",
        "unit_of_measurement": "°C",
        "suggested_display_precision": 0,
        "entity_category": "diagnostic",
        "expire_after": 900,
        "availability": measured("temperature"),
    },
    "frequency": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_frequency",
        "state_topic": "aps/216000000001/700000000001/frequency",
        "value_template": "{{ value or none }}",
        "device_class": "frequency",
        "state_class": "measurement",
        "unit_of_measurement": "Hz",
        "suggested_display_precision": 1,
        "entity_category": "diagnostic",
        "expire_after": 900,
        "availability": measured("frequency"),
    },
    "power": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_power",
        "state_topic": "aps/216000000001/700000000001/power",
        "value_template": "{{ value or none }}",
        "device_class": "power",
        "state_class": "measurement",
        "unit_of_measurement": "W",
        "suggested_display_precision": 0,
        "expire_after": 900,
    },
    "voltage": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_voltage",
        "state_topic": "aps/216000000001/700000000001/voltage",
        "value_template": "{{ value or none }}",
        "device_class": "voltage",
        "state_class": "measurement",
        "unit_of_measurement": "V",
        "suggested_display_precision": 0,
        "entity_category": "diagnostic",
        "expire_after": 900,
        "availability": measured("voltage"),
    },
    "today_energy": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_today_energy",
        "state_topic": "aps/216000000001/700000000001/energy/today",
        "value_template": "{{ value or none }}",
        "name": "Energy today",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 2,
    },
    "problem": {
        "platform": "binary_sensor",
        "unique_id": "aps_700000000001_problem",
        "state_topic": "aps/216000000001/700000000001/problem",
        "value_template": "{{ 'ON' if value and value != 'none' else 'OFF' }}",
        "device_class": "problem",
        "entity_category": "diagnostic",
        "json_attributes_topic": "aps/216000000001/700000000001/problem",
        "json_attributes_template": "{{ ({'problem': value} if value else {}) | tojson }}",
    },
    "panel_1_power": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_panel_1_power",
        "state_topic": "aps/216000000001/700000000001/1/power",
        "value_template": "{{ value or none }}",
        "name": "Panel 1 power",
        "device_class": "power",
        "state_class": "measurement",
        "unit_of_measurement": "W",
        "suggested_display_precision": 0,
        "expire_after": 900,
    },
    "panel_2_power": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_panel_2_power",
        "state_topic": "aps/216000000001/700000000001/2/power",
        "value_template": "{{ value or none }}",
        "name": "Panel 2 power",
        "device_class": "power",
        "state_class": "measurement",
        "unit_of_measurement": "W",
        "suggested_display_precision": 0,
        "expire_after": 900,
    },
    "panel_1_voltage": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_panel_1_voltage",
        "state_topic": "aps/216000000001/700000000001/1/voltage",
        "value_template": "{{ value or none }}",
        "name": "Panel 1 voltage",
        "device_class": "voltage",
        "state_class": "measurement",
        "unit_of_measurement": "V",
        "suggested_display_precision": 0,
        "entity_category": "diagnostic",
        "expire_after": 900,
        "availability": measured("1/voltage"),
    },
    "panel_2_voltage": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_panel_2_voltage",
        "state_topic": "aps/216000000001/700000000001/2/voltage",
        "value_template": "{{ value or none }}",
        "name": "Panel 2 voltage",
        "device_class": "voltage",
        "state_class": "measurement",
        "unit_of_measurement": "V",
        "suggested_display_precision": 0,
        "entity_category": "diagnostic",
        "expire_after": 900,
        "availability": measured("2/voltage"),
    },
    "panel_1_today_energy": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_panel_1_today_energy",
        "state_topic": "aps/216000000001/700000000001/1/energy/today",
        "value_template": "{{ value or none }}",
        "name": "Panel 1 energy today",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 2,
    },
    "panel_2_today_energy": {
        "platform": "sensor",
        "unique_id": "aps_700000000001_panel_2_today_energy",
        "state_topic": "aps/216000000001/700000000001/2/energy/today",
        "value_template": "{{ value or none }}",
        "name": "Panel 2 energy today",
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
        "suggested_display_precision": 2,
    },
}
