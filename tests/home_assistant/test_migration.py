"""The way from aps2mqtt 2.x: entities keep their ids, their names and with them their history."""

import asyncio
import json
from pathlib import Path

import pytest
from house import Broker, ecu, free_port, home_assistant, program

MIXED = ("ecur-sysinfo-1.2.31-2025", "ecur-yc600-qs1-2025-redacted", "ecur-signal-2025-redacted")
ECU = "216000000002"
PANELS = {"408000000008": 2, "806000000005": 4}  # of the inverters in MIXED
WITHOUT_SUCCESSOR = {f"aps_806000000005_panel_{panel}_voltage" for panel in (2, 3, 4)}  # a QS1 has one voltage


def announcements() -> dict[str, str]:
    """What 2.x retains for the array in MIXED, payloads by topic."""
    said = {}

    def announce(device: str, parent: str | None, topic: str, keys: list[str]) -> None:
        about = {"identifiers": [device], "name": f"APS {'Inverter' if parent else 'ECU'} {device}"}
        about |= {"manufacturer": "APsystems"} | ({"via_device": parent} if parent else {})
        for key in keys:
            platform = "binary_sensor" if key == "online" else "sensor"
            said[f"homeassistant/{platform}/aps_{device}_{key}/config"] = json.dumps(
                {
                    "name": key.replace("_", " ").title(),
                    "unique_id": f"aps_{device}_{key}",
                    "state_topic": topic,
                    "value_template": f"{{{{ value_json.{key} }}}}",
                    "device": about,
                    "availability_topic": "aps/status",
                    "payload_available": "online",
                    "payload_not_available": "offline",
                    "icon": "mdi:solar-power",
                }
            )

    announce(ECU, None, f"aps/{ECU}", ["power", "today_energy", "lifetime_energy"])
    for uid, panels in PANELS.items():
        keys = ["online", "signal", "temperature", "frequency", "power", "voltage"]
        keys += [f"panel_{panel}_{what}" for panel in range(1, panels + 1) for what in ("power", "voltage")]
        announce(uid, ECU, f"aps/{ECU}/{uid}", keys)
    return said


@pytest.fixture
def migrate(broker: Broker, tmp_path: Path):
    """Does what the upgrade is: the new program's `migrate` and its first job."""

    async def run(style: str, payload: str) -> None:
        environment = {
            "APS_ECU_IP": "127.0.0.1",
            "APS_ECU_PORT": free_port(),
            "APS_ECU_TIMEZONE": "Europe/Paris",
            "APS_STATE_DIR": tmp_path / "state",
            "MQTT_BROKER_PORT": broker.port,
            "MQTT_DISCOVERY_ENABLED": True,
            "MQTT_DISCOVERY_STYLE": style,
            "MQTT_PAYLOAD": payload,
        }

        def both() -> None:
            with ecu(environment["APS_ECU_PORT"], *MIXED):
                program("migrate", **environment)
                program("once", **environment)

        await asyncio.to_thread(both)

    return run


@pytest.mark.parametrize("payload", ["flat", "json"])
@pytest.mark.parametrize("style", ["device", "component"])
@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
async def test_entities_of_2x_keep_their_ids_and_names(broker, migrate, style, payload, down):
    """Home Assistant may be up or down meanwhile."""
    broker.publish(announcements())
    async with home_assistant(broker) as house:
        await house.settle()
        house.rename(f"aps_{ECU}_lifetime_energy", "sensor.roof", "The whole roof")
        before = await house.settle()
        assert len(before) == len(announcements())
        if not down:
            await migrate(style, payload)
            after = await house.settle()
    if down:
        await migrate(style, payload)
        async with home_assistant(broker) as house:
            after = await house.settle()
    kept = before.keys() - WITHOUT_SUCCESSOR
    assert {key: (after[key].id, after[key].name) for key in kept} == {
        key: (before[key].id, before[key].name) for key in kept
    }
    assert {key for key in kept if after[key].state in (None, "unknown", "unavailable")} == set()
    assert after[f"aps_{ECU}_lifetime_energy"].state == 5457.3


@pytest.mark.parametrize("style", ["device", "component"])
async def test_entities_of_2x_that_never_had_a_value_go(broker, migrate, style):
    """2.x announced a voltage for every panel, whether its inverter has one or not."""
    broker.publish(announcements())
    async with home_assistant(broker) as house:
        await house.settle()
        await migrate(style, "flat")
        after = await house.settle()
    assert WITHOUT_SUCCESSOR & after.keys() == set()


@pytest.mark.parametrize("style", ["device", "component"])
async def test_the_broker_holds_each_entity_once_after_the_migration(broker, migrate, style):
    """Nothing of 2.x comes back with a restart of Home Assistant, and others' announcements are left alone."""
    others = {"homeassistant/sensor/boiler/config": "{}", "homeassistant/sensor/aps_boiler/config": "{}"}
    broker.publish(announcements() | others)
    await migrate(style, "flat")
    left = {topic: text for topic, text in broker.retained().items() if topic.startswith("homeassistant/")}
    assert {topic: left.pop(topic, None) for topic in others} == others
    if style == "device":
        assert set(left) == {f"homeassistant/device/aps_{uid}/config" for uid in (ECU, *PANELS)}
    else:
        assert all('"origin"' in text for text in left.values())
