"""Fixtures of the tests of jobs/."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from both_doors import House
from left_by_2x import PLANT
from memories import FULL, reopened
from parts import Broker, sunny_ecu

from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.server import Simulator


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The store of an ECU whose folder is not there yet."""
    return Store(tmp_path / "some" / "folder", "ecu", 8899)


@pytest.fixture
def saved(store: Store) -> Store:
    """A store whose file holds FULL."""
    store.save(FULL)
    return reopened(store)


@pytest.fixture
def array() -> Iterator[Simulator]:
    """Two DS3 and a QS1 at noon."""
    with sunny_ecu(plant=PLANT) as running:
        yield running


@pytest.fixture
def house(broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> House:
    """An array behind both ports of an ECU."""
    caplog.set_level("INFO")
    return House(broker, tmp_path)
