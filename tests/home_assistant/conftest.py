"""Fixtures of the tests on a real Home Assistant."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from house import Broker, mosquitto


@pytest.fixture
def broker(tmp_path: Path, socket_enabled) -> Iterator[Broker]:  # noqa: ARG001 - the plugin forbids sockets otherwise
    """A real mosquitto."""
    with mosquitto(tmp_path) as running:
        yield running


@pytest.fixture(autouse=True)
def _a_home(hass_storage: dict[str, object]) -> Iterator[None]:  # noqa: ARG001 - what a restart finds again
    """Without a configuration of its own; half a second before each subscription would be minutes in all."""
    yaml = patch("homeassistant.config.load_yaml_config_file", return_value={})
    cooldown = patch("homeassistant.components.mqtt.client.INITIAL_SUBSCRIBE_COOLDOWN", 0.05)
    with yaml, cooldown:
        yield


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The warnings in Home Assistant's log, but for those about itself.

    It finds fault with its own MQTT component (helpers.frame) where that loads sensors and binary sensors at once.
    """

    def read() -> list[str]:
        return [
            f"{record.levelname} {record.name}: {record.getMessage()}"
            for record in caplog.get_records("call")
            if record.levelno >= logging.WARNING
            and record.name.startswith("homeassistant")
            and record.name != "homeassistant.helpers.frame"
        ]

    return read


@pytest.fixture(autouse=True)
def _nothing_to_complain_about(complaints: Callable[[], list[str]]) -> Iterator[None]:
    """In any of the tests."""
    yield
    assert not complaints(), "\n".join(complaints())
