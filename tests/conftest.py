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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of files that start brokers, browsers or the program: they take most of the time."""
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and {"Broker", "Chromium", "House", "aps2mqtt", "start"} & vars(item.module).keys()
        ):
            item.add_marker(pytest.mark.real)


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
