"""What docs/home-assistant.md tells to copy, in a Home Assistant that has the program's entities."""

import asyncio
import re
from pathlib import Path

import pytest
import yaml
from homeassistant.helpers.template import Template
from house import Broker, House, ecu, free_port, home_assistant, program

PAGE = (Path(__file__).parent.parent.parent / "docs" / "home-assistant.md").read_text(encoding="utf-8")
ECU = "216000000001"
NOT_ON_THE_FIRST_DAY = {f"sensor.ecu_r_{ECU}_energy_yesterday"}


def recipe(heading: str) -> dict[str, object]:
    """The first block of YAML below a heading."""
    return yaml.safe_load(re.search(rf"^## {heading}$.*?^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1])


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> dict[str, object]:
    """The environment of the program."""
    return {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": free_port(),
        "APS_STATE_DIR": tmp_path / "state",
        "MQTT_BROKER_PORT": broker.port,
        "MQTT_DISCOVERY_ENABLED": True,
    }


async def poll(settings: dict[str, object], fault: str = "", status: int = 0) -> None:
    """One job against the ECU that the page speaks of."""

    def run() -> None:
        with ecu(settings["APS_ECU_PORT"], inverters="3xDS3,1xQS1", fault=fault):
            program("once", status=status, **settings)

    await asyncio.to_thread(run)


async def test_every_entity_that_the_page_names_is_there(broker, settings):
    """By the ids that Home Assistant makes of itself; one comes with the second day, and the page says so."""
    named = set(re.findall(r"\b(?:binary_)?sensor\.\w+", PAGE))
    async with home_assistant(broker) as house:
        await poll(settings)
        shown = {entity.id for entity in (await house.settle()).values()}
    assert named - shown == NOT_ON_THE_FIRST_DAY
    assert "after the first midnight" in PAGE


async def test_the_alarm_and_the_dashboard_say_in_words_what_is_wrong(broker, settings):
    """The problem, the failure, or that all is well: from the attributes of two entities."""
    (cards, *_) = recipe("A dashboard")["views"][0]["sections"]
    texts = [
        recipe("An alarm")["actions"][0]["data"]["message"],
        *(card["content"] for card in cards["cards"] if card["type"] == "markdown"),
    ]
    assert len(texts) == 2

    async def said(house: House) -> set[str]:
        await house.settle()
        return {Template(text, house.hass).async_render() for text in texts}

    async with home_assistant(broker) as house:
        assert await said(house) == {"aps2mqtt has published nothing; check its log"}
        await poll(settings)
        assert await said(house) == {"none"}
        await poll(settings, fault="refuse", status=69)
        (failure,) = await said(house)
        assert "refuses the connection" in failure
        await poll(settings)
        assert await said(house) == {"none"}
        broker.publish({f"aps/{ECU}/problem": "inverter 704000000001 gives nothing"})
        assert await said(house) == {"inverter 704000000001 gives nothing"}
