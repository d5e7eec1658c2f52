"""What Home Assistant makes of the program's messages, in every style of announcement and payload."""

import asyncio
import signal
from pathlib import Path

import pytest
from house import Broker, Entity, daemon, ecu, free_port, home_assistant, program

# Of `both` the flat topics are announced: once is enough.
STYLES = ["device-flat", "device-json", "device-both", "component-flat", "component-json"]
MIXED = ("ecur-sysinfo-1.2.31-2025", "ecur-yc600-qs1-2025-redacted", "ecur-signal-2025-redacted")
PARTIAL = ("ecur-sysinfo-1.3.6C-2023-11-21-am", "ecur-qt2-6-partial-2023-11-21-am", "ecur-signal-6-2023-11-21-am")
ASLEEP = ("ecurpro-sysinfo-2.0.7A-2022", "ecurpro-ds3-8-4unseen-2022", "ecurpro-signal-8-2022")
NOTHING = (None, "unknown", "unavailable")

# What the frames in MIXED say: two inverters, both online.
MIXED_ENTITIES = {
    "aps_216000000002_power": 31,
    "aps_216000000002_today_energy": 0,
    "aps_216000000002_lifetime_energy": 5457.3,
    "aps_408000000008_online": "on",
    "aps_408000000008_signal": 70,
    "aps_408000000008_temperature": 7,
    "aps_408000000008_frequency": 49.9,
    "aps_408000000008_power": 17,
    "aps_408000000008_voltage": 231,
    "aps_408000000008_panel_1_power": 8,
    "aps_408000000008_panel_1_voltage": 231,
    "aps_408000000008_panel_2_power": 9,
    "aps_408000000008_panel_2_voltage": 231,
    "aps_806000000005_online": "on",
    "aps_806000000005_signal": 77,
    "aps_806000000005_temperature": 6,
    "aps_806000000005_frequency": 49.9,
    "aps_806000000005_power": 14,
    "aps_806000000005_voltage": 231,
    "aps_806000000005_panel_1_power": 2,
    "aps_806000000005_panel_1_voltage": 231,
    "aps_806000000005_panel_2_power": 2,
    "aps_806000000005_panel_3_power": 5,
    "aps_806000000005_panel_4_power": 5,
}

# Unit, device class and state class, by the end of the unique id.
KINDS = {
    "power": ("W", "power", "measurement"),
    "energy": ("kWh", "energy", "total_increasing"),
    "signal": ("%", None, "measurement"),
    "temperature": ("°C", "temperature", "measurement"),
    "frequency": ("Hz", "frequency", "measurement"),
    "voltage": ("V", "voltage", "measurement"),
    "online": (None, "connectivity", None),
}

# What the frames in PARTIAL say of the one inverter that is online.
AWAKE = {
    "aps_901000000002_online": "on",
    "aps_901000000002_signal": 65,
    "aps_901000000002_temperature": 16,
    "aps_901000000002_frequency": 49.9,
    "aps_901000000002_power": 63,
    "aps_901000000002_voltage": 392,
    "aps_901000000002_panel_1_power": 15,
    "aps_901000000002_panel_1_voltage": 392,
    "aps_901000000002_panel_2_power": 16,
    "aps_901000000002_panel_2_voltage": 395,
    "aps_901000000002_panel_3_power": 16,
    "aps_901000000002_panel_3_voltage": 389,
    "aps_901000000002_panel_4_power": 16,
}
MEASUREMENTS = ("signal", "temperature", "frequency", "voltage", *(f"panel_{n}_voltage" for n in (1, 2, 3)))


@pytest.fixture(params=STYLES)
def style(request: pytest.FixtureRequest, broker: Broker, tmp_path: Path) -> dict[str, object]:
    """The environment of the program in one of the styles."""
    announcement, payload = request.param.split("-")
    return {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": free_port(),
        "APS_ECU_TIMEZONE": "Europe/Paris",
        "APS_STATE_DIR": tmp_path / "state",
        "MQTT_BROKER_PORT": broker.port,
        "MQTT_DISCOVERY_ENABLED": True,
        "MQTT_DISCOVERY_STYLE": announcement,
        "MQTT_PAYLOAD": payload,
    }


async def poll(style: dict[str, object], *captures: str) -> None:
    """Runs one job against an ECU that answers with these frames."""

    def run() -> None:
        with ecu(style["APS_ECU_PORT"], *captures):
            program("once", **style)

    await asyncio.to_thread(run)


def states(entities: dict[str, Entity]) -> dict[str, float | str | None]:
    """Their states alone."""
    return {unique_id: entity.state for unique_id, entity in entities.items()}


async def test_after_one_poll_every_entity_has_a_value_and_its_meaning(broker, style):
    """Of an array that is all online; the entities of 2.x have their unique ids."""
    async with home_assistant(broker) as house:
        await poll(style, *MIXED)
        entities = await house.settle()
    assert {unique_id: state for unique_id, state in states(entities).items() if state in NOTHING} == {}
    assert {unique_id: states(entities).get(unique_id) for unique_id in MIXED_ENTITIES} == MIXED_ENTITIES
    for unique_id in MIXED_ENTITIES:
        entity = entities[unique_id]
        kind = KINDS[unique_id.rpartition("_")[2]]
        assert (unique_id, entity.unit, entity.device_class, entity.state_class) == (unique_id, *kind)


async def test_every_entity_belongs_to_its_device_and_none_repeats_its_name(broker, style):
    """Three devices, and no more."""
    async with home_assistant(broker) as house:
        await poll(style, *MIXED)
        entities = await house.settle()
        devices = house.devices()
    assert len(devices) == 3
    for serial in ("216000000002", "408000000008", "806000000005"):
        own = [entity for unique_id, entity in entities.items() if unique_id.startswith(f"aps_{serial}_")]
        assert len({entity.device for entity in own}) == 1
        for entity in own:
            assert entity.attributes["friendly_name"].startswith(entity.device)
            assert entity.attributes["friendly_name"].count(serial) == 1


async def test_an_inverter_that_is_offline_has_no_power_and_its_measurements_are_unavailable(broker, style):
    """Five of six, from their first poll on."""
    async with home_assistant(broker) as house:
        await poll(style, *PARTIAL)
        shown = states(await house.settle())
    assert {unique_id: shown.get(unique_id) for unique_id in AWAKE} == AWAKE
    for uid in ("901000000001", "901000000003", "901000000004", "901000000005", "901000000006"):
        powers = {shown[f"aps_{uid}_{name}"] for name in ("power", *(f"panel_{n}_power" for n in (1, 2, 3, 4)))}
        measured = {shown[f"aps_{uid}_{name}"] for name in MEASUREMENTS}
        assert (shown[f"aps_{uid}_online"], powers, measured) == ("off", {0}, {"unavailable"})


async def test_an_inverter_never_heard_is_offline_and_nothing_else(broker, style):
    """Four that sleep, and four of which the ECU has heard nothing yet; energy stays."""
    async with home_assistant(broker) as house:
        await poll(style, *ASLEEP)
        shown = states(await house.settle())
    assert "unknown" not in shown.values()
    assert (shown["aps_216200000002_power"], shown["aps_216200000002_lifetime_energy"]) == (0, 89.3)
    for uid in ("704000000005", "704000000006", "704000000007", "704000000008"):
        assert {key: state for key, state in shown.items() if uid in key} == {f"aps_{uid}_online": "off"}
    for uid in ("704000000001", "704000000002", "704000000003", "704000000004"):
        assert (shown[f"aps_{uid}_online"], shown[f"aps_{uid}_power"]) == ("off", 0)


async def test_an_inverter_that_falls_asleep_takes_its_measurements_along_and_brings_them_back(broker, style):
    """The same ECU by the hour, morning to afternoon."""
    afternoon = ("ecur-sysinfo-1.3.6C-2023-11-21-pm", "ecur-qt2-6-2023-11-21-pm", "ecur-signal-6-2023-11-21-pm")
    async with home_assistant(broker) as house:
        await poll(style, *afternoon)
        awake = states(await house.settle())
        await poll(style, *PARTIAL)
        partly = states(await house.settle())
        await poll(style, *afternoon)
        again = states(await house.settle())
    asleep = {f"aps_90100000000{number}_{name}" for number in (1, 3, 4, 5, 6) for name in MEASUREMENTS}
    assert {key for key, state in awake.items() if state in NOTHING} == set()
    assert {key for key, state in partly.items() if state == "unavailable"} == asleep
    assert {key: again[key] for key in asleep} == {key: awake[key] for key in asleep}


async def test_after_a_restart_everything_is_back_without_a_poll(broker, style):
    """From retained messages alone, under the same ids."""
    async with home_assistant(broker) as house:
        await poll(style, *PARTIAL)
        before = await house.settle()
        assert before.keys() > AWAKE.keys()
    async with home_assistant(broker) as house:
        assert await house.settle() == before


async def test_a_home_assistant_that_comes_later_finds_everything(broker, style, hass_storage):
    """Readings and announcements are older than it."""
    async with home_assistant(broker) as house:
        await poll(style, *PARTIAL)
        before = await house.settle()
        assert before.keys() > AWAKE.keys()
    hass_storage.clear()
    async with home_assistant(broker) as house:
        assert await house.settle() == before


async def test_further_polls_change_nothing(broker, style):
    """Neither entities nor what they show."""
    async with home_assistant(broker) as house:
        await poll(style, *PARTIAL)
        before = await house.settle()
        assert before.keys() > AWAKE.keys()
        for _ in range(2):
            await poll(style, *PARTIAL)
            assert await house.settle() == before


async def test_while_the_ecu_cannot_be_read_its_readings_are_unavailable(broker, style):
    """The entity that says so is not."""

    def fail() -> None:
        with ecu(style["APS_ECU_PORT"], fault="refuse"):
            program("once", status=69, **style)

    async with home_assistant(broker) as house:
        await poll(style, *MIXED)
        before = await house.settle()
        await asyncio.to_thread(fail)
        failed = states(await house.settle())
        assert {key for key in MIXED_ENTITIES if failed[key] != "unavailable"} == set()
        assert "off" in failed.values()
        await poll(style, *MIXED)
        assert await house.settle() == before


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_entities_are_available_while_run_lives(broker, style, end):
    """Its last will speaks for one that was killed."""
    with ecu(style["APS_ECU_PORT"], *MIXED):
        async with home_assistant(broker) as house:
            for _ in range(2):
                with daemon(**style) as run:
                    await house.until("aps_216000000002_power", 31)
                    alive = await house.settle()
                    run.send_signal(end)
                    await house.until("aps_216000000002_power", "unavailable")
                    dead = states(await house.settle())
                assert {key: alive[key].state for key in MIXED_ENTITIES} == MIXED_ENTITIES
                assert {key for key in MIXED_ENTITIES if dead[key] != "unavailable"} == set()


async def test_a_mistake_in_an_announcement_would_be_noticed(broker, complaints, caplog):
    """By the look into the log that ends all of these tests."""
    async with home_assistant(broker) as house:
        broker.publish({"homeassistant/device/aps_1/config": '{"device": {}}'})
        await house.settle()
    assert "Invalid MQTT device discovery payload" in complaints()[0]
    caplog.clear()


async def test_an_inverter_that_is_gone_goes(broker, style):
    """From three complete lists in a row it was missing; no topic of it is left."""

    def run(inverters: str, jobs: int) -> None:
        with ecu(style["APS_ECU_PORT"], inverters=inverters):
            for _ in range(jobs):
                program("once", **style)

    async with home_assistant(broker) as house:
        await asyncio.to_thread(run, "3xDS3", 1)
        before = await house.settle()
        assert sum("704000000003" in unique_id for unique_id in before) > 1
        await asyncio.to_thread(run, "2xDS3", 3)
        after = await house.settle()
        devices = house.devices()
    assert set(after) == {unique_id for unique_id in before if "704000000003" not in unique_id}
    assert len(devices) == 3
    assert [topic for topic in broker.retained() if "704000000003" in topic] == []
