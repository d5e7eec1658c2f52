"""Fixtures that several files share."""

import logging
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
import trustme
from hypothesis import HealthCheck, settings
from parts import Broker, end_all, sunny_ecu, tls_settings

from aps2mqtt.simulator.server import Simulator

# The same examples in every run. How long one takes says more about the machine than about the program.
settings.register_profile(
    "ours", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")
# A runner in the background of a shell ignores Ctrl-C, and what it starts would as well.
signal.signal(signal.SIGINT, signal.default_int_handler)


# Names in files that start brokers, browsers or the program.
REAL = {"Broker", "Chromium", "House", "aps2mqtt", "start"}
# Files that start brokers or the program, and are for every Python all the same.
FOR_EVERY_PYTHON = {"test_once", "test_commands", "test_daemon", "test_check", "test_tls"}
# Files that compute for seconds, with every Python the same.
LONG = {"test_new_inverter", "test_fuzz", "test_truth_over_days", "test_truth_under_lies", "test_truth_with_sunspec"}
LONG |= {"test_phase", "test_same_data", "test_inverter_energy", "test_architecture", "test_trouble"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what takes most of the time: files that start brokers, browsers or the program, and those that compute."""
    for item in items:
        real = isinstance(item, pytest.Function) and REAL & vars(item.module).keys()
        name = item.path.stem
        marks = {"real": real, "long": name in LONG, "latest": name in LONG or (real and name not in FOR_EVERY_PYTHON)}
        for mark in (mark for mark, holds in marks.items() if holds):
            item.add_marker(mark)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture(autouse=True)
def _logs_are_nobodys() -> Iterator[None]:
    """`main`, called inside the tests, sets its logger up for a process of its own."""
    ours = logging.getLogger("aps2mqtt")
    handlers, level, propagate = ours.handlers, ours.level, ours.propagate
    yield
    ours.handlers, ours.propagate = handlers, propagate
    ours.setLevel(level)  # clears the caches of the loggers below, too


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A real mosquitto that lets everybody in."""
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def ecu() -> Iterator[Simulator]:
    """An ECU that is well."""
    with sunny_ecu() as running:
        yield running


@pytest.fixture
def authority() -> trustme.CA:
    """A CA that no system knows."""
    return trustme.CA()


@pytest.fixture
def secured(tmp_path: Path, authority: trustme.CA) -> Iterator[Broker]:
    """A mosquitto that speaks TLS only, as 127.0.0.1 and localhost."""
    with Broker(tmp_path, tls_settings(tmp_path, authority, "127.0.0.1", "localhost")) as running:
        yield running


@pytest.fixture(scope="session")
def installed() -> Iterator[Path]:
    """The root of a small system with the project's wheel in /srv/aps2mqtt."""
    machine.need("unshare")
    with tempfile.TemporaryDirectory(prefix="aps2mqtt-test-") as name:
        machine.install(Path(name))
        yield Path(name)
