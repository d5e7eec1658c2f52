"""What Home Assistant shows of an array that is read through SunSpec, too, and while one of the two ports is shut."""

import asyncio
from pathlib import Path

import pytest
from homeassistant.helpers import device_registry as dr
from house import Broker, Entity, House, ecu, free_port, home_assistant, program

DS3, QS1 = "704000000001", "801000000002"
# Unit, device class and state class of what SunSpec alone says.
KINDS = {
    "ac_power": ("W", "power", "measurement"),
    "ac_current": ("A", "current", "measurement"),
    "ac_apparent_power": ("VA", "apparent_power", "measurement"),
    "ac_reactive_power": ("var", "reactive_power", "measurement"),
    "ac_power_factor": (None, "power_factor", "measurement"),
    "panel_1_dc_power": ("W", "power", "measurement"),
    "panel_1_dc_voltage": ("V", "voltage", "measurement"),
    "panel_1_dc_current": ("A", "current", "measurement"),
    "panel_2_dc_power": ("W", "power", "measurement"),
    "panel_2_dc_voltage": ("V", "voltage", "measurement"),
    "panel_2_dc_current": ("A", "current", "measurement"),
}
OF_SUNSPEC = {f"aps_{DS3}_{name}" for name in (*KINDS, "firmware")}


@pytest.fixture(params=["device-flat", "device-json", "component-flat", "component-json"])
def style(request: pytest.FixtureRequest, broker: Broker, tmp_path: Path) -> dict[str, object]:
    """The environment of the program in one of the styles."""
    announcement, payload = request.param.split("-")
    return {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": free_port(),
        "APS_ECU_SUNSPEC": True,
        "APS_ECU_SUNSPEC_PORT": free_port(),
        "APS_ECU_SUNSPEC_UNITS": "1-2",  # a slow machine is no silent unit
        "APS_STATE_DIR": tmp_path / "state",
        "MQTT_BROKER_PORT": broker.port,
        "MQTT_DISCOVERY_ENABLED": True,
        "MQTT_DISCOVERY_STYLE": announcement,
        "MQTT_PAYLOAD": payload,
    }


async def poll(style: dict[str, object], house: House, fault: str = "") -> dict[str, Entity]:
    """The entities after one job against an ECU with both ports."""

    def run() -> None:
        ports = {"sunspec": style["APS_ECU_SUNSPEC_PORT"], "fault": fault}
        with ecu(style["APS_ECU_PORT"], inverters="1xDS3,1xQS1", **ports):
            program("once", **style)

    await asyncio.to_thread(run)
    return await house.settle()


async def test_every_new_entity_has_a_value_a_unit_and_a_class(broker, style):
    async with home_assistant(broker) as house:
        shown = await poll(style, house)
        (device,) = (one for one in dr.async_get(house.hass).devices.values() if one.serial_number == DS3)
    assert {key for key, entity in shown.items() if entity.state in (None, "unknown", "unavailable")} == {
        "aps_216000000001_yesterday_energy"
    } & set(shown)
    for name, kind in KINDS.items():
        entity = shown[f"aps_{DS3}_{name}"]
        assert (name, entity.unit, entity.device_class, entity.state_class) == (name, *kind)
        assert isinstance(entity.state, float)
    assert shown[f"aps_{DS3}_panel_1_dc_voltage"].state == 37
    assert shown[f"aps_{DS3}_panel_1_dc_power"].attributes["friendly_name"].endswith("Panel 1 DC power")
    assert (shown[f"aps_{DS3}_firmware"].state, shown["aps_216000000001_source"].state) == ("V5312", "8899+sunspec")
    assert (device.model, device.sw_version) == ("DS3", "V5312")
    assert f"aps_{QS1}_ac_power" in shown
    assert f"aps_{QS1}_ac_power_factor" not in shown  # its inverter makes that up


async def test_while_8899_is_shut_nothing_is_unavailable_and_nothing_lies(broker, style):
    async with home_assistant(broker) as house:
        before = await poll(style, house)
        shown = await poll(style, house, "refuse")
    assert shown.keys() == before.keys()
    assert [key for key, entity in shown.items() if entity.state == "unavailable"] == []
    unknown = {key for key, entity in shown.items() if entity.state == "unknown"}
    assert unknown - {"aps_216000000001_yesterday_energy"} == {f"aps_{uid}_signal" for uid in (DS3, QS1)}
    ac_powers = [shown[f"aps_{uid}_ac_power"].state for uid in (DS3, QS1)]
    assert shown["aps_216000000001_power"].state == pytest.approx(sum(ac_powers))
    assert shown["aps_216000000001_lifetime_energy"].state == before["aps_216000000001_lifetime_energy"].state
    assert shown["aps_216000000001_problem"].state == "on"
    assert shown["aps_216000000001_source"].state == "sunspec"


async def test_while_502_is_shut_its_entities_are_unknown_and_the_others_stay(broker, style):
    async with home_assistant(broker) as house:
        before = await poll(style, house)
        shown = await poll(style, house, "sunspec-refuse")
        again = await poll(style, house)
    assert shown.keys() == before.keys()
    assert [key for key, entity in shown.items() if entity.state == "unavailable"] == []
    assert {key for key in OF_SUNSPEC if shown[key].state != "unknown"} == set()
    assert isinstance(shown[f"aps_{DS3}_panel_1_power"].state, float)
    assert {key for key in OF_SUNSPEC if again[key].state == "unknown"} == set()


async def test_where_sunspec_is_switched_off_its_entities_are_gone(broker, style):
    async with home_assistant(broker) as house:
        before = await poll(style, house)
        shown = await poll({**style, "APS_ECU_SUNSPEC": False}, house)
        again = await poll(style, house)
    gone = {key for key in before if "_ac_" in key or "_dc_" in key or key.endswith("_source")}
    gone |= {f"aps_{uid}_firmware" for uid in (DS3, QS1)}
    assert before.keys() - shown.keys() == gone
    assert again.keys() == before.keys()
