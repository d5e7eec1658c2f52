"""The picture of an array in a terminal, to the letter.

The pictures of whole arrays are in golden/. After a change that is meant, run this with REWRITE_GOLDEN=1 and look at
every one that git finds changed.
"""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from example_arrays import (
    DS3,
    ESCAPE,
    LATER,
    MIXED,
    NEVER,
    OFFLINE,
    ONE_CHANNEL,
    QS1,
    SIXTY,
    YC1000,
    assert_golden,
    columns,
    simulated,
)
from parts import NOON, replace

from aps2mqtt.base.values import UNCHANGED, Report, Unchanged
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.screen import canvas, picture
from aps2mqtt.screen.canvas import ASCII, Canvas

GOLDEN = Path(__file__).parents[1] / "golden" / "arrays"

NAMES = {
    "216000000001": "Barn",
    "700000000001": "South roof, left of the chimney and below it",
    "700000000001/1": "East",
    "700000000001/2": "Panel with a long name",
    "800000000001": "Garage",
}
NAMED = replace(MIXED, inverters=(DS3, replace(QS1, problem="no power since then"), ONE_CHANNEL, OFFLINE, NEVER))
BOTH = replace(
    MIXED,
    inverters=(
        replace(DS3, dc_powers=(200.4, 50.0), dc_voltages=(33.4, None), dc_currents=(6.0, 1.48)),
        QS1,  # its unit does not answer
    ),
    problems=(),
)


def plant(inverters: int) -> Report:
    """As many YC1000 under full sun: the widest lines there are."""
    strong = replace(YC1000, powers=(298, 300, 299, 300), voltages=(400, 399, 401), temperature=71, signal=100)
    return replace(
        MIXED,
        power=1197 * inverters,
        lifetime=123456.7,
        registered=inverters,
        online=inverters,
        inverters=tuple(replace(strong, uid=f"{500000000000 + number}") for number in range(inverters)),
        problems=(),
    )


def drawn(*reports: Report, fahrenheit: bool = False, **canvas) -> list[str]:
    return picture.arrays(reports, Style(fahrenheit=fahrenheit), LATER, Canvas(**canvas))


ONE = "1xDS3"
TWELVE = "4xDS3,2xQS1,2xYC1000,2xQT2,1xQS1A,1xunseen"


@pytest.mark.parametrize(
    ("name", "report", "canvas"),
    [
        ("1-inverter-80", simulated(ONE), Canvas(80)),
        ("12-inverters-80", simulated(TWELVE), Canvas(80)),
        ("60-inverters-80", simulated(SIXTY), Canvas(80)),
        ("60-inverters-160", simulated(SIXTY), Canvas(160)),
        ("60-inverters-80x24", simulated(SIXTY), Canvas(80, 24)),
        ("sunspec-80", BOTH, Canvas(80)),
        ("mixed-40", MIXED, Canvas(40)),
        ("mixed-80", MIXED, Canvas(80)),
        ("mixed-160", MIXED, Canvas(160)),
        ("mixed-80-color", MIXED, Canvas(80, color=True)),
        ("mixed-80x24-color", MIXED, Canvas(80, 24, color=True)),
        ("mixed-80-ascii", MIXED, Canvas(80)),
        ("named-80", NAMED, Canvas(80)),
        ("named-80x12", NAMED, Canvas(80, 12)),
        ("named-80x10", NAMED, Canvas(80, 10)),
    ],
)
def test_an_array_is_drawn_to_the_letter(name: str, report: Report, canvas: Canvas):
    file = GOLDEN / f"{name}.txt"
    now = LATER if report in (MIXED, NAMED) else NOON + timedelta(minutes=1)
    style = Style(names=NAMES) if report is NAMED else Style()
    lines = "\n".join(picture.arrays([report], style, now, canvas)) + "\n"
    lines = lines.translate(ASCII) if name.endswith("ascii") else lines
    assert_golden(file, lines)


def test_every_golden_picture_is_drawn_by_a_test():
    mark = next(mark for mark in test_an_array_is_drawn_to_the_letter.pytestmark if mark.name == "parametrize")
    assert {f"{name}.txt" for name, _, _ in mark.args[1]} == {file.name for file in GOLDEN.iterdir()}


def test_what_nobody_knows_is_not_drawn():
    """Neither here nor on the broker."""
    unknown = replace(
        MIXED,
        power=UNCHANGED,
        today=UNCHANGED,
        yesterday=None,
        lifetime=UNCHANGED,
        registered=UNCHANGED,
        online=UNCHANGED,
        timestamp=None,
        firmware="",
        inverters=(),
        problems=UNCHANGED,
    )
    assert drawn(unknown) == ["ECU-R 216000000001"]


def test_what_is_held_is_drawn_as_it_was_published_last():
    """A counter that fell, a signal that was not asked for."""
    held = replace(MIXED, lifetime=Unchanged(100.5), inverters=(replace(DS3, signal=Unchanged(30)),))
    lines = drawn(held)
    assert "100.5 kWh lifetime" in lines[1]
    assert "▂▄··  30 %" in "\n".join(lines)


def test_energies_that_no_job_has_begun_to_count_are_not_drawn():
    """Without a state each is 0, whatever the day has brought."""
    assert "kWh" in "\n".join(drawn(MIXED)[7:])
    fresh = replace(MIXED, inverters=(replace(DS3, energies=(0.0, 0.0)),))
    assert "kWh" not in "\n".join(drawn(fresh)[7:])


def test_an_ecu_that_could_not_be_read_and_problems_are_told_in_words():
    lines = drawn(replace(MIXED, error="the ECU refuses the connection; power it off and on"), width=120)
    assert "offline: the ECU refuses the connection; power it off and on" in lines
    assert any(line.startswith("problem: inverter 408000000002 has produced no power") for line in lines)


def test_temperatures_are_in_the_users_unit():
    assert "87.8 °F" in "\n".join(drawn(MIXED, fahrenheit=True))


@pytest.mark.parametrize("canvas", [Canvas(80), Canvas(80, 24), Canvas(160)])
def test_without_color_there_are_no_escape_codes(canvas: Canvas):
    """The output of a pipe stays text."""
    for report in (MIXED, plant(60)):
        assert "\033" not in "\n".join(picture.arrays([report], Style(), LATER, canvas))


@pytest.mark.parametrize("height", [None, 12, 24])
def test_with_color_the_text_is_the_same(height: int | None):
    """Every color is ended on its own line."""
    lines = drawn(MIXED, height=height, color=True)
    assert {color for color in picture.HEAT if color in "\n".join(lines)} > {picture.HEAT[0], picture.HEAT[-1]}
    for line in lines:
        assert line.count("\033[") == 2 * line.count(canvas.PLAIN)
    assert [ESCAPE.sub("", line).rstrip() for line in lines] == drawn(MIXED, height=height)


@pytest.mark.parametrize("height", [None, 1, 10, 24, 60])
@pytest.mark.parametrize("width", [1, 20, 40, 80, 120, 200, 500])
def test_nothing_is_wider_or_higher_than_the_terminal(width: int, height: int | None):
    for reports in ([MIXED], [plant(1)], [plant(13)], [plant(60)], [MIXED, plant(3)]):
        lines = drawn(*reports, width=width, height=height, color=width == 80)
        assert [line for line in lines if columns(line) > width] == []
        assert height is None or len(lines) <= height


def test_the_more_inverters_the_less_of_each():
    """With bars for up to twelve; of more a line each; where the height does not suffice, several on a line."""
    assert len([line for line in drawn(plant(12), width=80) if "████" in line and line.endswith("kWh")]) == 48
    rows = [line for line in drawn(plant(13), width=80) if "YC1000" in line]
    assert len(rows) == 13
    assert all(line.startswith(f"● YC1000  {500000000000 + number}  ████  1197 W") for number, line in enumerate(rows))
    tiles = "\n".join(drawn(plant(60), width=80, height=24))
    assert sorted(re.findall(r"● (\d+) ████ 1197 W", tiles)) == [f"{number:04}" for number in range(60)]
    assert len(tiles.splitlines()) < 24


def test_cards_and_rows_stand_side_by_side_where_there_is_room():
    assert max(line.count("YC1000") for line in drawn(plant(4), width=119)) == 2
    assert max(line.count("YC1000") for line in drawn(plant(4), width=118)) == 1
    assert max(line.count("YC1000") for line in drawn(plant(60), width=155)) == 2


def test_what_does_not_fit_the_height_is_counted():
    lines = drawn(plant(60), width=40, height=20)
    assert len(lines) == 20
    assert lines[-1] == "… 18 more lines; enlarge the terminal"


def test_tiles_name_as_many_digits_as_tell_the_inverters_apart():
    alike = tuple(replace(DS3, uid=f"7000{number:02}112345") for number in range(14))
    tiles = "\n".join(drawn(replace(MIXED, inverters=alike), height=14))
    assert re.findall(r"● (\d+) █▃ 250 W", tiles)[:2] == ["00112345", "05112345"]


def test_several_ecus_stand_below_each_other():
    lines = drawn(MIXED, replace(MIXED, ecu_id="216200000002"))
    headings = [number for number, line in enumerate(lines) if line.startswith("ECU-")]
    assert len(headings) == 2
    assert lines[headings[1] - 1] == ""


def test_bars_are_in_proportion():
    """Drawn to an eighth of a column."""
    assert canvas.bar(0, 10) == ""
    assert canvas.bar(1, 10) == "█" * 10
    assert canvas.bar(0.5, 10) == "█" * 5
    assert canvas.bar(0.25, 10) == "██▌"
    assert [canvas.bar(eighth / 8, 1) for eighth in range(9)] == ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]
    for share in range(101):
        drawn = canvas.bar(share / 100, 60)
        eighths = sum(8 if char == "█" else "▏▎▍▌▋▊▉".index(char) + 1 for char in drawn)
        assert abs(eighths - share * 4.8) <= 0.5


def test_the_signal_has_a_bar_as_long_as_anything_is_heard():
    bars = [picture.strength(percent) for percent in (0, 1, 24, 25, 49, 50, 74, 75, 100, 1e9)]
    assert bars == ["····", "▂···", "▂···", "▂▄··", "▂▄··", "▂▄▆·", "▂▄▆·", "▂▄▆█", "▂▄▆█", "▂▄▆█"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s ago"),
        (59, "59 s ago"),
        (119, "119 s ago"),
        (7199, "119 min ago"),
        (7200, "2 h ago"),
        (172_799, "47 h ago"),
        (172_800, "2 days ago"),
        (-300, "5 min ahead"),
    ],
)
def test_the_age_of_data_is_told_in_words(seconds: int, words: str):
    """The ECU's clock may be ahead of ours."""
    assert picture.ago(timedelta(seconds=seconds)) == words


def test_an_array_that_makes_nothing_has_empty_bars():
    """Before dawn: no division by 0."""
    waking = replace(DS3, powers=(0, 0), voltages=(None, None), frequency=None, energies=())
    lines = drawn(replace(MIXED, inverters=(waking,)))
    assert lines[-3].startswith("◐ DS3     700000000001  starting up  0 W")
    assert [line.split() for line in lines[-2:]] == [["1", "0", "W"], ["2", "0", "W"]]


def test_an_unknown_ecu_and_an_unknown_inverter_have_general_names():
    """New models come every year."""
    lines = drawn(replace(MIXED, ecu_id="999900000001", inverters=(replace(OFFLINE, uid="320000000001"),)))
    assert lines[0].startswith("ECU 999900000001  ")
    assert lines[-1] == "○ inverter 320000000001  offline  0.75 kWh"


def test_no_control_character_gets_through_nor_anything_that_shifts_columns():
    """Firmware, error and problem may come from the broker, where anything may lie."""
    nasty = "\033]0;title\a\033[2J\r\n\x00\x9b31m\u202e\u200b\u0301漢字" + "x" * 5000
    lines = drawn(replace(MIXED, firmware=nasty, error=nasty, problems=(nasty, nasty)))
    assert "".join(lines).isprintable()
    assert max(map(columns, lines)) <= 80
    assert len(lines) < 80


def test_every_character_of_a_drawing_has_one_of_ascii() -> None:
    """Arrays, charts, tables and steps, as their golden files have them."""
    drawings = [path for path in (Path(__file__).parents[1] / "golden").rglob("*.txt") if "ansi" not in path.name]
    assert len(drawings) > 10
    for path in drawings:
        drawn = path.read_text(encoding="utf-8").translate(ASCII)
        assert drawn.isascii(), (path.name, sorted({char for char in drawn if not char.isascii()}))
