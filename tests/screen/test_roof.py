"""The picture of a roof in a terminal, to the letter.

The pictures of whole roofs are in golden/roof/. After a change that is meant, run this with REWRITE_GOLDEN=1 and look
at every one that git finds changed.
"""

from pathlib import Path

import pytest
from example_arrays import (
    DS3,
    ESCAPE,
    HALF_AWAKE,
    LATER,
    MIXED,
    NEVER,
    OFFLINE,
    QS1,
    SIXTY,
    assert_golden,
    columns,
    simulated,
)

from aps2mqtt.base.names import panel_key
from aps2mqtt.base.roof import Roof
from aps2mqtt.base.values import Inverter, Report
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.screen import picture, roof
from aps2mqtt.screen.canvas import ASCII, Canvas

GOLDEN = Path(__file__).parents[1] / "golden" / "roof"

ILL = DS3._replace(uid="700000000002", problem="no power since then")
NOT_LISTED = Inverter("700000000003", online=None)
EVERY = MIXED._replace(inverters=(DS3, QS1, HALF_AWAKE, OFFLINE, NEVER, ILL, NOT_LISTED), problems=())
PLACES: Roof = (
    ("", "700000000001/1", "700000000001/2", "", "408000000001/1", "408000000001/2"),
    ("800000000001/1", "800000000001/2", "800000000001/3", "800000000001/4"),
    ("408000000002/1", "408000000002/2", "806000000009/1", "806000000009/4", "700000000001/3", "999999999999/1"),
    ("700000000002/1", "", "700000000003/1"),
)


def in_rows_of(places: int, report: Report) -> Roof:
    """The panels of all inverters one after the other."""
    keys = [panel_key(one.uid, panel) for one in report.inverters for panel in range(1, len(one.powers) + 1)]
    return tuple(tuple(keys[at : at + places]) for at in range(0, len(keys), places))


def drawn(places: Roof, *reports: Report, **canvas) -> list[str]:
    names = {"700000000002/2": "East", "700000000001": "South roof"}
    return roof.panels(places, reports, Style(names=names), LATER, Canvas(**canvas))


LARGE = simulated(SIXTY)


@pytest.mark.parametrize(
    ("name", "places", "report", "canvas"),
    [
        ("every-condition-80", PLACES, EVERY, Canvas(80)),
        ("every-condition-80-color", PLACES, EVERY, Canvas(80, color=True)),
        ("every-condition-80-ascii", PLACES, EVERY, Canvas(80)),
        ("every-condition-40", PLACES, EVERY, Canvas(40)),
        ("every-condition-39", PLACES, EVERY, Canvas(39)),
        ("every-condition-23", PLACES, EVERY, Canvas(23)),
        ("60-inverters-80", in_rows_of(18, LARGE), LARGE, Canvas(80)),
        ("60-inverters-160", in_rows_of(18, LARGE), LARGE, Canvas(160)),
        ("60-inverters-60", in_rows_of(18, LARGE), LARGE, Canvas(60)),
        ("60-inverters-60x12", in_rows_of(18, LARGE), LARGE, Canvas(60, 12)),
        ("60-inverters-in-2-rows-80", in_rows_of(99, LARGE), LARGE, Canvas(80)),
    ],
)
def test_a_roof_is_drawn_to_the_letter(name: str, places: Roof, report: Report, canvas: Canvas):
    file = GOLDEN / f"{name}.txt"
    now = LATER if report is EVERY else report.timestamp
    lines = "\n".join(roof.panels(places, [report], Style(), now, canvas)) + "\n"
    lines = lines.translate(ASCII) if name.endswith("ascii") else lines
    assert_golden(file, lines)


def test_every_golden_roof_is_drawn_by_a_test():
    mark = next(mark for mark in test_a_roof_is_drawn_to_the_letter.pytestmark if mark.name == "parametrize")
    assert {f"{name}.txt" for name, *_ in mark.args[1]} == {file.name for file in GOLDEN.iterdir()}


def test_colors_add_nothing_that_cannot_be_read_without_them():
    """As NO_COLOR has it."""
    assert [ESCAPE.sub("", line) for line in drawn(PLACES, EVERY, color=True)] == drawn(PLACES, EVERY)


def test_the_strongest_panel_has_the_lightest_color():
    lines = "\n".join(drawn((("800000000001/4", "800000000001/3"),), EVERY, color=True))
    assert f"{picture.HEAT[-1]}█" in lines
    assert f"{picture.HEAT[-1]}400" in lines
    assert f"{picture.HEAT[0]}▁" in lines


@pytest.mark.parametrize("width", [1, 3, 10, 20, 30, 41, 80])
def test_no_line_is_wider_than_the_screen(width: int):
    assert max(map(columns, drawn(in_rows_of(99, LARGE), EVERY, LARGE, width=width))) <= width


@pytest.mark.parametrize("height", [1, 5, 10])
def test_no_picture_is_higher_than_the_screen(height: int):
    assert len(drawn(PLACES, EVERY, height=height)) == height


def test_the_ecus_have_one_roof():
    """Below the totals of each; a panel of either has its place."""
    lines = drawn((("700000000001/1", "704000000001/1"),), EVERY, LARGE)
    assert [line for line in lines if line.startswith("ECU-R")] == [
        "ECU-R 216000000001  ECU_R_1.2.31",
        "ECU-R 216000000001  ECU_R_1.3.19C",
    ]
    assert "▅ 200  ▆ 284" in lines


def test_panels_without_a_place_are_listed_with_their_names():
    """By the serial number of the inverter, if its panels are not known."""
    alone = EVERY._replace(inverters=(ILL, NOT_LISTED))
    assert drawn((("700000000002/1",),), alone)[-1] == "without a place: East (700000000002/2), 700000000003"
    assert not [line for line in drawn(PLACES, EVERY._replace(inverters=(DS3,))) if "without a place" in line]


def test_an_online_inverter_whose_panels_nobody_knows_has_no_reading():
    """From the broker, for example, where the topics of its panels were removed."""
    unknown = EVERY._replace(inverters=(DS3._replace(powers=()), QS1._replace(powers=(None, 5, 6, 7))))
    lines = drawn((("700000000001/1", "800000000001/1"),), unknown)
    assert lines[4].split() == ["·", "·"]
    assert "· no reading" in lines[6]


def test_a_roof_that_makes_nothing_is_drawn():
    """Before dawn: no division by 0."""
    waking = DS3._replace(powers=(0, 0), frequency=None)
    assert "◐ 0  ◐ 0" in drawn((("700000000001/1", "700000000001/2"),), EVERY._replace(inverters=(waking,)))
