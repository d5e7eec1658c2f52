"""Fixtures that several files share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from parts import Broker, end_all


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A real mosquitto that lets everybody in."""
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def installed() -> Iterator[Path]:
    """The root of a small system with the project's wheel in /srv/aps2mqtt."""
    machine.need("unshare")
    with tempfile.TemporaryDirectory(prefix="aps2mqtt-test-") as name:
        machine.install(Path(name))
        yield Path(name)
