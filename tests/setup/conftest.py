"""Fixtures of the tests of setup/."""

from collections.abc import Iterator

import pytest
from devices import House, a_house


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A network without devices."""
    with a_house(monkeypatch) as empty:
        yield empty
