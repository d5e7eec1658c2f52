"""Fixtures of the tests of check/."""

from collections.abc import Iterator

import pytest
from check_runs import HEALTHY
from parts import (
    sunny_ecu,
)

from aps2mqtt.simulator.server import Simulator


@pytest.fixture(scope="module")
def one_ecu() -> Iterator[Simulator]:
    """An ECU that is well, for all that ask it one after the other."""
    with sunny_ecu(plant=HEALTHY) as ecu:
        yield ecu
