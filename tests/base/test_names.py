"""People's names for serial numbers: in texts for people, and in no topic."""

import io
import logging

import pytest

from aps2mqtt.base import logs
from aps2mqtt.base.names import named

NAMES = {"704000000001": "South roof, left", "216000000001": "Barn", "704000000001/2": "East"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("inverter 704000000001 has", "inverter South roof, left (704000000001) has"),
        ("ECU-R 216000000001: 12 W", "ECU-R Barn (216000000001): 12 W"),
        ("704000000001, 704000000002", "South roof, left (704000000001), 704000000002"),
        ("on aps/216000000001/704000000001/power", "on aps/216000000001/704000000001/power"),
        ("7040000000011 and a704000000001", "7040000000011 and a704000000001"),
        ("", ""),
    ],
)
def test_a_serial_number_follows_its_name(text, shown):
    assert named(text, NAMES) == shown


def test_a_text_without_names_stays_as_it_is():
    assert named("inverter 704000000001", {}) == "inverter 704000000001"


@pytest.mark.parametrize(("level", "shown"), [("info", "Barn (216000000001)"), ("debug", "216000000001")])
def test_log_lines_have_names_except_those_for_debugging(level, shown):
    """A debug line may hold a frame in hexadecimal, which is shown as it is."""
    stream = io.StringIO()
    logs.set_up(debug=True, stream=stream, names=NAMES)
    try:
        logging.getLogger("aps2mqtt.x").log(getattr(logging, level.upper()), "read 216000000001 now")
    finally:
        logs.set_up(debug=False)
    assert stream.getvalue() == f"aps2mqtt: read {shown} now\n"
