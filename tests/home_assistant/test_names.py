"""What a real Home Assistant makes of people's names, and of the problem of one inverter."""

import asyncio
import json
from pathlib import Path

import pytest
from homeassistant.helpers import device_registry as dr
from house import Broker, House, ecu, free_port, home_assistant, program

ECU, DS3, QS1 = "216000000001", "704000000001", "801000000002"
STYLES = ["device-flat", "device-json", "component-flat", "component-json"]
NO_POWER = "no power since 2026-06-21 12:00 while the others produce power; check its breaker"


@pytest.fixture(params=STYLES)
def job(request: pytest.FixtureRequest, broker: Broker, tmp_path: Path):
    """Runs a job whose configuration file has this section `names:`."""
    announcement, payload = request.param.split("-")
    port, file = free_port(), tmp_path / "config.yaml"
    style = {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": port,
        "APS_STATE_DIR": tmp_path / "state",
        "MQTT_BROKER_PORT": broker.port,
        "MQTT_DISCOVERY_ENABLED": True,
        "MQTT_DISCOVERY_STYLE": announcement,
        "MQTT_PAYLOAD": payload,
    }

    async def run(**names: str) -> None:
        file.write_text(json.dumps({"names": {key.strip("_").replace("_", "/"): name for key, name in names.items()}}))

        def once() -> None:
            with ecu(port, inverters="1xDS3,1xQS1"):
                program("once", "-c", file, **style)

        await asyncio.to_thread(once)

    return run


def shown(house: House, unique_id: str) -> str:
    """The name of an entity as people see it."""
    return house.hass.states.get(house.entities()[unique_id].id).attributes["friendly_name"]


def devices(house: House) -> dict[str, str]:
    """The names of the devices as people see them, by serial number."""
    found = dr.async_get(house.hass).devices.values()
    return {one.serial_number: one.name_by_user or one.name for one in found}


async def test_a_name_in_the_file_is_that_of_the_device_and_its_entities(broker, job):
    """Also a name that changes; entity ids and unique ids stay as they were."""
    async with home_assistant(broker) as house:
        await job()
        before = await house.settle()
        assert devices(house) == {ECU: f"ECU-R {ECU}", DS3: f"DS3 {DS3}", QS1: f"QS1 {QS1}"}
        await job(_216000000001="Barn", _704000000001="South", _704000000001_2="East")
        after = await house.settle()
        assert devices(house) == {ECU: "Barn", DS3: "South", QS1: f"QS1 {QS1}"}
        assert {key: one.id for key, one in after.items()} == {key: one.id for key, one in before.items()}
        assert shown(house, f"aps_{DS3}_panel_2_power") == "South East power"
        assert shown(house, f"aps_{DS3}_panel_1_power") == "South Panel 1 power"
        await job(_704000000001="North", _704000000001_2="West")
        await house.settle()
        assert devices(house) == {ECU: f"ECU-R {ECU}", DS3: "North", QS1: f"QS1 {QS1}"}
        assert shown(house, f"aps_{DS3}_panel_2_today_energy") == "North West energy today"


async def test_what_people_have_renamed_in_home_assistant_keeps_that_name(broker, job):
    async with home_assistant(broker) as house:
        await job(_704000000001="South", _704000000001_2="East")
        await house.settle()
        registry = dr.async_get(house.hass)
        (device,) = (one for one in registry.devices.values() if one.serial_number == DS3)
        registry.async_update_device(device.id, name_by_user="Mine")
        house.rename(f"aps_{DS3}_panel_2_power", "sensor.best", "Best panel")
        await job(_704000000001="North", _704000000001_2="West")
        await house.settle()
        assert devices(house)[DS3] == "Mine"
        assert shown(house, f"aps_{DS3}_panel_2_power").endswith("Best panel")
        assert house.entities()[f"aps_{DS3}_panel_2_power"].id == "sensor.best"
        assert shown(house, f"aps_{DS3}_panel_2_today_energy") == "Mine West energy today"


async def test_each_inverter_has_a_problem_of_its_own(broker, job):
    """Off where there is none; on with the words in its attribute."""
    async with home_assistant(broker) as house:
        await job()
        entities = await house.settle()
        ours = {key: one for key, one in entities.items() if key.endswith("_problem")}
        assert ours.keys() == {f"aps_{one}_problem" for one in (ECU, DS3, QS1)}
        assert {one.state for one in ours.values()} == {"off"}
        assert {one.device_class for one in ours.values()} == {"problem"}
        assert {one.attributes["problem"] for one in ours.values()} == {"none"}
        topic, retained = f"aps/{ECU}/{DS3}", broker.retained()
        if topic in retained:
            broker.publish({topic: json.dumps(json.loads(retained[topic]) | {"problem": NO_POWER})})
        else:
            broker.publish({f"{topic}/problem": NO_POWER})
        await house.until(f"aps_{DS3}_problem", "on")
        entities = await house.settle()
        assert entities[f"aps_{DS3}_problem"].attributes["problem"] == NO_POWER
        assert entities[f"aps_{QS1}_problem"].state == "off"
