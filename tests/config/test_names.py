"""The section `names:` of the configuration file."""

from pathlib import Path

import pytest
from loading_settings import load, load_all, mistakes

NAMED = """\
names:
  '704000000001': South roof, left
  704000000001/2: " East "
  704000000001/1:
  704000000002: ~
  704000000003: "  "
  216000000001: Barn
"""


def test_names_are_text_by_serial_number_and_by_panel(tmp_path: Path):
    """With and without quotes; a name that is empty is not set."""
    assert load({}, NAMED, tmp_path).names == {
        "704000000001": "South roof, left",
        "704000000001/2": "East",
        "216000000001": "Barn",
    }


def test_every_ecu_of_a_list_has_all_names(tmp_path: Path):
    text = f"ecu:\n  - APS_ECU_IP: 10.0.0.1\n  - APS_ECU_IP: 10.0.0.2\n{NAMED}"
    first, second = load_all({}, text, tmp_path)
    assert first.names == second.names != {}


@pytest.mark.parametrize("text", ["", "names:\n", "mqtt:\n  MQTT_CLIENT_ID: x\n"])
def test_there_need_be_none(tmp_path: Path, text: str):
    assert load({}, text, tmp_path).names == {}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("70400000001: East", "'70400000001' in section names must be the 12 digits of an ECU or an inverter"),
        ("South: 704000000001", "'South' in section names must be the 12 digits"),
        (
            "704000000001/0: East",
            "704000000001/0 in section names is not a panel; write a number from 1 to 4 after the /",
        ),
        ("704000000001/5: East", "704000000001/5 in section names is not a panel"),
        ("704000000001/02: East", "704000000001/02 in section names is not a panel"),
        ("MQTT_BROKER_PASSWDt0psecret: x", "'MQTT_BROKER_PASSWD' in section names must be the 12 digits"),
        (f"704000000001: {'x' * 61}", "at most 60 printable characters"),
        ('704000000001: "a\\nb"', "the name of 704000000001 must be one line"),
        ("704000000001: [East]", "704000000001 "),
        ("704000000001: a\n  704000000001: b", "704000000001 "),
    ],
)
def test_a_mistake_is_reported_with_its_place(tmp_path: Path, line: str, says: str):
    (mistake,) = mistakes({}, f"names:\n  {line}\n", tmp_path)
    assert says in mistake
    assert str(tmp_path / "config.yaml") in mistake


@pytest.mark.parametrize("text", ["names: East\n", "names: [704000000001]\n"])
def test_a_section_without_lines_is_a_mistake(tmp_path: Path, text: str):
    (mistake,) = mistakes({}, text, tmp_path)
    assert "names" in mistake


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "name:\n  704000000001: East\n  704000000002: West\n",
            "'name' is not a section; use ecu, mqtt, names or roof",
        ),
        ("broker:\n  host: 10.0.0.1\n", "'broker' is not a section; use ecu, mqtt, names or roof"),
        ("mqtt:\n  names:\n    704000000001: East\n", "names is a section of its own; start it in the first column"),
        ("mqtt:\n  ecu:\n    APS_ECU_PORT: 1\n", "ecu is a section of its own; start it in the first column"),
    ],
)
def test_a_section_with_another_name_or_in_another_place_is_reported_once(tmp_path: Path, text: str, says: str):
    (mistake,) = mistakes({}, text, tmp_path)
    assert says in mistake
