"""Fixtures of the tests of truth/."""

from pathlib import Path

import pytest
from energy_bridge import Bridge


@pytest.fixture(params=["remembered", "saved"])
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Bridge:
    """One whose memory stays in the process, and one whose memory is saved: its times have fixed offsets."""
    return Bridge(folder=tmp_path if request.param == "saved" else None)
