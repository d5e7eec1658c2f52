"""The section `roof:` of the configuration file."""

from pathlib import Path

import pytest
from loading_settings import load, load_all, mistakes

ROOF = """\
roof:
  - 704000000001/1  704000000001/2 . 801000000004/1
  - ". 801000000004/4"
"""
PLACES = (("704000000001/1", "704000000001/2", "", "801000000004/1"), ("", "801000000004/4"))


@pytest.mark.parametrize(
    "text",
    [
        ROOF,
        ROOF.replace("\n  ", "\n"),
        ROOF.replace("\n", "  # the barn\n"),
        "roof: ['704000000001/1 704000000001/2 . 801000000004/1', . 801000000004/4]\n",
    ],
)
def test_a_roof_is_a_list_of_rows(tmp_path: Path, text: str):
    """With any number of spaces, indented or not, with and without quotes."""
    assert load({}, text, tmp_path).roof == PLACES


def test_every_ecu_of_a_list_has_the_whole_roof(tmp_path: Path):
    text = f"ecu:\n  - APS_ECU_IP: 10.0.0.1\n  - APS_ECU_IP: 10.0.0.2\n{ROOF}"
    assert [config.roof for config in load_all({}, text, tmp_path)] == [PLACES, PLACES]


@pytest.mark.parametrize("text", ["", "roof:\n", "roof: ~\n", "roof: []\n", "mqtt:\n  MQTT_CLIENT_ID: roof\n"])
def test_there_need_be_none(tmp_path: Path, text: str):
    assert load({}, text, tmp_path).roof == ()


def test_the_environment_sets_none():
    assert load({"ROOF": "704000000001/1", "APS_ROOF": "704000000001/1"}).roof == ()


UID = "704000000001"
NOT_ROWS = "section roof must be a list of rows; begin each row with a hyphen and a space"
NOT_TEXT = "row 1 of section roof must be text; write its panels with spaces between"
NO_PLACE = "in row 1 of section roof must be 12 digits, / and a panel, such as 704000000001/2, or . for an empty place"
EMPTY = "row 1 of section roof is empty; write a . for an empty place, or remove the row"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"roof: {UID}/1 {UID}/2\n", NOT_ROWS),
        (f"roof:\n  {UID}/1 {UID}/2\n", NOT_ROWS),
        (f"roof: |\n  {UID}/1\n  {UID}/2\n", NOT_ROWS),
        (f"roof:\n  {UID}/1: East\n", NOT_ROWS),
        (f"roof:\n  - [{UID}/1, {UID}/2]\n", NOT_TEXT),
        (f"roof:\n  - - {UID}/1\n", NOT_TEXT),
        (f"roof:\n  - {UID}/1: East\n", NOT_TEXT),
        ("roof:\n  - !East\n", NOT_TEXT),
        (f"roof:\n  - {UID}/1\n    {UID}/2\n", "row 1 of section roof has several lines; begin each row with a hyphen"),
        ("roof:\n  -\n", EMPTY),
        ("roof:\n  - ''\n", EMPTY),
        ("roof:\n  - null\n", EMPTY),
        ("roof:\n  - East\n", f"'East' {NO_PLACE}"),
        (f"roof:\n  - {UID}/1, {UID}/2\n", f"'{UID}/1,' {NO_PLACE}"),
        (f"roof:\n  - {UID} . \n", f"'{UID}' {NO_PLACE}"),
        ("roof:\n  - 70400000001/1\n", f"'70400000001/1' {NO_PLACE}"),
        ("roof:\n  - ..\n", f"'..' {NO_PLACE}"),
        ("roof:\n  - password=t0psecret\n", f"'password=••••' {NO_PLACE}"),
        (
            f"roof:\n  - {UID}/5\n",
            f"{UID}/5 in row 1 of section roof is not a panel; write a number from 1 to 4 after the /",
        ),
        (f"roof:\n  - {UID}/0\n", f"{UID}/0 in row 1 of section roof is not a panel"),
        (f"roof:\n  - {UID}/01\n", f"{UID}/01 in row 1 of section roof is not a panel"),
        (
            f"roof:\n  - {UID}/1 .\n  - . {UID}/1\n",
            f"{UID}/1 is in section roof twice, in rows 1 and 2; remove one of them",
        ),
        ("roof:\n" + "  - .\n" * 101, "section roof must have at most 100 rows; it has 101"),
        ("roof:\n  - " + ". " * 101, "row 1 of section roof must have at most 100 places; it has 101"),
        (f"roof:\n  - {UID}/1\nroof:\n  - {UID}/2\n", "roof is set twice"),
        (f"Roof:\n  - {UID}/1\n  - .\n", "'Roof' is not a section; use ecu, mqtt, names or roof"),
        (f"rooof:\n  - {UID}/1\n", "'rooof' is not a section; use ecu, mqtt, names or roof"),
        (f"mqtt:\n  roof:\n    - {UID}/1\n", "roof is a section of its own; start it in the first column"),
        (f"names:\n  roof:\n    - {UID}/1\n", "roof is a section of its own; start it in the first column"),
        (f"mqtt:\n  roof: {UID}/1\n", "roof is a section of its own; start it in the first column"),
    ],
)
def test_a_mistake_is_reported_once_with_its_place(tmp_path: Path, text: str, says: str):
    (mistake,) = mistakes({}, text, tmp_path)
    assert mistake.startswith(f"{tmp_path / 'config.yaml'}: ")
    assert says in mistake


def test_all_mistakes_are_reported_at_once_with_the_number_of_their_row(tmp_path: Path):
    """A row with a mistake of YAML counts, too."""
    text = f"roof:\n  - [x]\n  - .\n  - West {UID}/9\n  -\n"
    found = mistakes({"MQTT_BROKER_PORT": "0"}, text, tmp_path)
    assert [mistake.partition(": ")[2].partition(";")[0] for mistake in found[:-1]] == [
        "row 1 of section roof must be text",
        f"'West' {NO_PLACE.replace('row 1', 'row 3')}",
        f"{UID}/9 in row 3 of section roof is not a panel",
        "row 4 of section roof is empty",
    ]
    assert found[-1].startswith("MQTT_BROKER_PORT")


def test_the_largest_roof_holds(tmp_path: Path):
    roof = load({}, "roof:\n" + f"  - {'. ' * 100}\n" * 100, tmp_path).roof
    assert (len(roof), len(roof[0])) == (100, 100)
