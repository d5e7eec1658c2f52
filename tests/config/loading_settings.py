"""Loads a configuration as the command line does, and what it makes of mistakes."""

from pathlib import Path

import pytest

from aps2mqtt.base.errors import ConfigError
from aps2mqtt.config import loading
from aps2mqtt.config.values import Config

SECRET = "t0psecret"


def load_all(environ: dict[str, str], text: str | None = None, folder: Path | None = None) -> tuple[Config, ...]:
    """The configurations of an environment and of the text of a file, if any."""
    path = None
    if text is not None:
        path = folder / "config.yaml"
        path.write_text(text)
        path.chmod(0o600)
    return loading.load(path, environ)


def load(environ: dict[str, str] | None = None, text: str | None = None, folder: Path | None = None) -> Config:
    """The configuration of one ECU."""
    (loaded,) = load_all({"APS_ECU_IP": "192.168.1.42"} | (environ or {}), text, folder)
    return loaded


def mistakes(environ: dict[str, str] | None = None, text: str | None = None, folder: Path | None = None) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        load(environ, text, folder)
    assert SECRET not in str(caught.value)
    return list(caught.value.mistakes)


TWO = """\
ecu:
  - APS_ECU_IP: 10.0.0.1
    APS_ECU_TIMEZONE: Europe/Paris
  - APS_ECU_IP: 10.0.0.2
    APS_ECU_PORT: 1000
mqtt:
  MQTT_CLIENT_ID: roof
"""
