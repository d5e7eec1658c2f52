"""The picture of an array in a terminal, to the letter."""

import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from parts import replace

from aps2mqtt import picture
from aps2mqtt.model import KEPT, Inverter, Report

AT = datetime(2026, 6, 21, 13, 45, 9, tzinfo=ZoneInfo("Europe/Paris"))
DS3 = Inverter(
    "700000000001", online=True, powers=(200, 50), voltages=(227, 228), frequency=49.9, temperature=31, signal=67
)
QS1 = Inverter(
    "800000000001", online=True, powers=(100, 2, 0, 400), voltages=(229,), frequency=50.0, temperature=-7, signal=100
)
YC1000 = Inverter(
    "500000000001",
    online=True,
    powers=(91, 92, 93, 94),
    voltages=(235, 236, 235),
    frequency=50.1,
    temperature=0,
    signal=KEPT,
)
OFFLINE = Inverter("408000000002", online=False, powers=(0, 0), voltages=(None, None))
NEVER = Inverter("806000000009", online=False, powers=(None,) * 4, voltages=(None,) * 4)

MIXED = Report(
    "216000000001",
    power=1122,
    today=12.34,
    lifetime=22310.9,
    registered=5,
    online=3,
    timestamp=AT,
    firmware="ECU_R_1.2.31",
    inverters=(DS3, QS1, YC1000, OFFLINE, NEVER),
)

GOLDEN = """\
ECU-R 216000000001  ECU_R_1.2.31
1122 W now   12.34 kWh today   22310.9 kWh in all   3 of 5 inverters online
data of 2026-06-21 13:45:09

DS3     700000000001  250 W  31 °C  49.9 Hz  227/228 V  67 % signal
  1  ██████████████████████████████                                 200 W
  2  ███████▌                                                        50 W

QS1     800000000001  502 W  -7 °C  50.0 Hz  229 V  100 % signal
  1  ███████████████                                                100 W
  2  ▎                                                                2 W
  3                                                                   0 W
  4  ████████████████████████████████████████████████████████████   400 W

YC1000  500000000001  370 W  0 °C  50.1 Hz  235/236/235 V
  1  █████████████▋                                                  91 W
  2  █████████████▊                                                  92 W
  3  ██████████████                                                  93 W
  4  ██████████████▏                                                 94 W

YC600   408000000002  offline

QS1A    806000000009  never heard"""


def columns(line: str) -> int:
    """Columns that a line takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


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
    )


def test_a_mixed_array_in_80_columns():
    """The longest bar is the strongest panel's, an eighth of a column the finest."""
    assert "\n".join(picture.array(MIXED, width=80, color=False)) == GOLDEN


def test_what_is_kept_is_not_drawn():
    """The broker has it, this job does not."""
    kept = replace(MIXED, today=KEPT, lifetime=KEPT, registered=KEPT, online=KEPT, timestamp=None, inverters=())
    assert picture.array(kept, width=80, color=False) == ["ECU-R 216000000001  ECU_R_1.2.31", "1122 W now"]


def test_without_color_there_are_no_escape_codes():
    """The output of a pipe stays text."""
    assert "\033" not in "\n".join(picture.array(MIXED, width=80, color=False))


def test_with_color_the_text_is_the_same():
    """Every color is ended on its own line."""
    lines = picture.array(MIXED, width=80, color=True)
    assert any(picture.YELLOW in line for line in lines)
    for line in lines:
        assert line.count("\033[") == 2 * line.count(picture.PLAIN)
    text = "\n".join(lines)
    for code in (picture.DIM, picture.YELLOW, picture.BOLD, picture.PLAIN):
        text = text.replace(code, "")
    assert text == GOLDEN


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("report", [MIXED, plant(1), plant(60)], ids=["mixed", "one", "sixty"])
def test_no_line_is_wider_than_the_terminal(report, width):
    too_wide = [line for line in picture.array(report, width=width, color=False) if columns(line) > width]
    assert not too_wide


@pytest.mark.parametrize("width", [1, 20, 40, 80, 120, 500])
def test_bars_are_never_wider_than_the_terminal_leaves_nor_than_the_eye_likes(width):
    bars = [line for line in picture.array(plant(2), width=width, color=False) if line.endswith(" W") and "█" in line]
    assert len(bars) == 8
    assert {columns(line) for line in bars} == {max(8, min(width - 20, 60)) + 13}


def test_every_inverter_and_every_panel_has_a_line():
    lines = picture.array(plant(60), width=80, color=False)
    assert len([line for line in lines if line.startswith("YC1000")]) == 60
    assert len([line for line in lines if line.endswith(" W")]) == 240


def test_bars_are_in_proportion():
    """Drawn to an eighth of a column."""
    assert picture.bar(0, 10) == ""
    assert picture.bar(1, 10) == "█" * 10
    assert picture.bar(0.5, 10) == "█" * 5
    assert picture.bar(0.25, 10) == "██▌"
    assert [picture.bar(eighth / 8, 1) for eighth in range(9)] == ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"]
    for share in range(101):
        drawn = picture.bar(share / 100, 60)
        eighths = sum(8 if char == "█" else "▏▎▍▌▋▊▉".index(char) + 1 for char in drawn)
        assert abs(eighths - share * 4.8) <= 0.5


def test_an_array_that_makes_nothing_has_empty_bars():
    """Before dawn: no division by 0."""
    waking = replace(DS3, powers=(0, 0), voltages=(None, None), frequency=None, temperature=None, signal=None)
    lines = picture.array(replace(MIXED, inverters=(waking,)), width=80, color=False)
    assert lines[-3:] == ["DS3     700000000001  0 W", f"  1  {' ' * 60}     0 W", f"  2  {' ' * 60}     0 W"]


def test_a_panel_that_was_lost_is_drawn_at_0():
    lines = picture.array(replace(MIXED, inverters=(replace(DS3, powers=(9, None)),)), width=80, color=False)
    assert lines[-1] == f"  2  {' ' * 60}     0 W"


def test_an_unknown_ecu_and_an_unknown_inverter_have_general_names():
    """New models come every year."""
    report = replace(MIXED, ecu_id="999900000001", inverters=(replace(OFFLINE, uid="320000000001"),))
    lines = picture.array(report, width=80, color=False)
    assert lines[0].startswith("ECU 999900000001  ")
    assert lines[-1] == "inverter 320000000001  offline"
