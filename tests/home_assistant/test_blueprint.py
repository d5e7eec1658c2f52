"""The blueprint in docs/blueprints, as an automation of a Home Assistant that has problem entities.

A stand-in takes the part of the Home Assistant app: the app's integration needs a dozen more packages to start.
"""

import asyncio
import contextlib
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType

import voluptuous as vol
from homeassistant.components.blueprint import importer
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.template import Template
from homeassistant.setup import async_setup_component
from house import PATIENCE, Broker, House, ecu, free_port, home_assistant, program
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockModule, mock_integration, mock_platform

BLUEPRINT = Path(__file__).parent.parent.parent / "docs" / "blueprints" / "aps2mqtt-problem.yaml"
ECU, INVERTER, NAME = "216000000001", "704000000001", "South roof, left"
NO_POWER = "no power since 2026-06-21 12:00 while the others produce power; check its breaker and its cables"

Notifications = list[tuple[str, str]]  # title and message


def phone(hass: HomeAssistant) -> tuple[str, Notifications]:
    """The id of a device with the app, and what is sent to it."""
    sent: Notifications = []

    class Action(ModuleType):
        ACTION_SCHEMA = cv.DEVICE_ACTION_BASE_SCHEMA.extend(
            {vol.Required("type"): "notify", vol.Required("message"): cv.template, vol.Optional("title"): cv.template}
        )

        @staticmethod
        async def async_call_action_from_config(_, config, variables, __) -> None:
            def rendered(template: Template) -> str:
                return template.async_render(variables, parse_result=False)

            sent.append((rendered(config["title"]), rendered(config["message"])))

    mock_integration(hass, MockModule("mobile_app"))
    mock_platform(hass, "mobile_app.device_action", Action("device_action"))
    entry = MockConfigEntry(domain="mobile_app", state=ConfigEntryState.LOADED)
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, identifiers={("mobile_app", "1")})
    return device.id, sent


def poll(broker: Broker, folder: Path) -> None:
    """One job of the program, which announces the entities."""
    port, file = free_port(), folder / "config.yaml"
    file.write_text(f"names:\n  {INVERTER}: {NAME}\n")
    settings = {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": port,
        "APS_STATE_DIR": folder / "state",
        "MQTT_BROKER_PORT": broker.port,
        "MQTT_DISCOVERY_ENABLED": True,
    }
    with ecu(port, inverters="1xDS3,1xQS1"):
        program("once", "-c", file, **settings)


@contextlib.asynccontextmanager
async def automated(broker: Broker, folder: Path, **inputs: object) -> AsyncIterator[tuple[House, Notifications]]:
    """A Home Assistant with an automation from the blueprint, for all problem entities that there are."""
    target = folder / "blueprints" / "automation" / "aps2mqtt" / BLUEPRINT.name
    target.parent.mkdir(parents=True)
    shutil.copy(BLUEPRINT, target)
    await asyncio.to_thread(poll, broker, folder)
    async with home_assistant(broker) as house:
        house.hass.config.config_dir = str(folder)
        shown = await house.settle()
        problems = [one.id for one in shown.values() if one.device_class == "problem"]
        assert len(problems) == 3  # of the ECU and two inverters
        device, sent = phone(house.hass)
        automation = {
            "alias": "Problem",
            "use_blueprint": {
                "path": f"aps2mqtt/{BLUEPRINT.name}",
                "input": {"problems": problems, "phone": device, **inputs},
            },
        }
        assert await async_setup_component(house.hass, "automation", {"automation": automation})
        await house.hass.async_block_till_done()
        assert house.hass.states.get("automation.problem").state == "on"
        yield house, sent


async def until(condition: Callable[[], bool]) -> None:
    """Waits until it is met."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def say(broker: Broker, words: str) -> None:
    """What the program publishes of the inverter."""
    broker.publish({f"aps/{ECU}/{INVERTER}/problem": words})


async def test_the_blueprint_can_be_imported_from_its_own_address(hass, aioclient_mock) -> None:
    """As the dialogue for importing does it; no network is used."""
    text = BLUEPRINT.read_text(encoding="utf-8")
    address = re.search(r"source_url: (.*)", text)[1]
    raw = address.replace("github.com", "raw.githubusercontent.com").replace("/blob/", "/")
    aioclient_mock.get(raw, text=text)
    imported = await importer.fetch_blueprint_from_url(hass, address)
    assert imported.blueprint.domain == "automation"
    assert imported.blueprint.inputs.keys() == {"problems", "phone", "minutes", "over"}
    assert imported.blueprint.validate() is None


async def test_a_problem_is_sent_with_the_name_of_its_device_and_its_words(broker, tmp_path) -> None:
    """And the end of it."""
    async with automated(broker, tmp_path, minutes=0) as (_, sent):
        say(broker, NO_POWER)
        await until(lambda: len(sent) == 1)
        say(broker, "none")
        await until(lambda: len(sent) == 2)
    assert sent == [(NAME, NO_POWER), (NAME, f"Over: {NO_POWER}")]


async def test_neither_a_short_problem_nor_its_end_is_sent(broker, tmp_path) -> None:
    """Three seconds are long here."""
    async with automated(broker, tmp_path, minutes=0.05) as (house, sent):
        say(broker, NO_POWER)
        await house.settle()
        say(broker, "none")
        await house.settle()
        await asyncio.sleep(3.5)
        assert sent == []
        begun = time.monotonic()
        say(broker, NO_POWER)
        await until(lambda: len(sent) == 1)
        assert time.monotonic() - begun > 2.9


async def test_no_end_is_sent_to_those_who_do_not_want_it(broker, tmp_path) -> None:
    async with automated(broker, tmp_path, minutes=0, over=False) as (house, sent):
        say(broker, NO_POWER)
        await until(lambda: len(sent) == 1)
        say(broker, "none")
        await house.settle()
    assert sent == [(NAME, NO_POWER)]


async def test_the_name_that_you_gave_the_device_is_sent(broker, tmp_path) -> None:
    async with automated(broker, tmp_path, minutes=0) as (house, sent):
        devices = dr.async_get(house.hass)
        (device,) = [one for one in devices.devices.values() if one.name == NAME]
        devices.async_update_device(device.id, name_by_user="Garage")
        say(broker, NO_POWER)
        await until(lambda: len(sent) == 1)
    assert sent == [("Garage", NO_POWER)]


async def test_run_in_the_menu_of_the_automation_sends_a_test(broker, tmp_path) -> None:
    async with automated(broker, tmp_path) as (house, sent):
        await house.hass.services.async_call(
            "automation", "trigger", {"entity_id": "automation.problem"}, blocking=True
        )
        await until(lambda: len(sent) == 1)
    assert sent == [("aps2mqtt", "This is a test.")]


async def test_the_problem_of_the_ecu_is_sent_as_well(broker, tmp_path) -> None:
    async with automated(broker, tmp_path, minutes=0) as (_, sent):
        broker.publish({f"aps/{ECU}/problem": "the ECU lists only 1 of its 2 inverters"})
        await until(lambda: len(sent) == 1)
    assert sent == [(f"ECU-R {ECU}", "the ECU lists only 1 of its 2 inverters")]
