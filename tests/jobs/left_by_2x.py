"""What aps2mqtt 2.x leaves on a broker, and jobs of ours after it."""

import json
from collections.abc import Mapping
from pathlib import Path

import parts
from parts import Broker, Ended

from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.server import Simulator

ECU = "216000000001"
OTHER_ECU = "216000000002"
DS3, DS3_2, QS1 = "704000000001", "704000000002", "801000000003"
GONE = "408000000009"
PANELS = {DS3: 2, DS3_2: 2, QS1: 4, GONE: 2}
PLANT = Plant(inverters=inverter_models("2xDS3,1xQS1"))
UNITS = {"power": "W", "energy": "kWh", "signal": "%", "temperature": "°C", "frequency": "Hz", "voltage": "V"}


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


def device_topic(serial: str) -> str:
    """Where we announce it."""
    return f"homeassistant/device/aps_{serial}/config"


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


def state_of(folder: Path, ecu: Simulator) -> Path:
    """The state file."""
    return folder / "state" / f"127.0.0.1_{ecu.port}.json"
