"""The values of a history, pure: gaps, months, lines."""

import re
from datetime import date
from xml.parsers import expat
from zoneinfo import ZoneInfo

import pytest
from asking_history import ECU, EVENING, TODAY, ZONE, array

from aps2mqtt.base.axis import nice_top
from aps2mqtt.history import time_series
from aps2mqtt.history.time_series import Energy, Power
from aps2mqtt.screen import chart, svg
from aps2mqtt.screen.canvas import PLAIN
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, PowerOfDay


def powers(*points: tuple[str, int], day: date = TODAY, zone: ZoneInfo = ZONE) -> Power:
    return time_series.power(ECU, day, PowerOfDay("00", points), zone)


def energies(*points: tuple[str, float], period: str = "week") -> Energy:
    return time_series.energy(ECU, period, EnergyByDay("00", "00", points))


def test_a_gap_is_where_points_are_more_than_15_minutes_apart() -> None:
    curve = powers(("0600", 0), ("0615", 120), ("0631", 120), ("0636", 120))
    assert [len(run) for run in time_series.runs(curve)] == [2, 2]
    (gap,) = time_series.gaps(curve)
    assert [f"{at:%H:%M}" for at in gap] == ["06:15", "06:31"]
    assert time_series.integral(curve) == pytest.approx(0.015 + 0.010)


def test_clocks_that_change_make_no_gap_and_hide_none() -> None:
    """Beyond the polar circle there is light at that hour."""
    tromso = ZoneInfo("Europe/Oslo")
    spring = powers(("0155", 60), ("0300", 60), day=date(2026, 3, 29), zone=tromso)
    assert time_series.gaps(spring) == []
    assert time_series.integral(spring) == pytest.approx(0.005)
    assert time_series.gaps(powers(("0155", 60), ("0300", 60), day=date(2026, 10, 25), zone=tromso)) != []


def test_points_are_put_in_order_and_of_two_of_a_time_the_later_counts() -> None:
    curve = powers(("1200", 1), ("0600", 2), ("1200", 3))
    assert [(f"{at:%H%M}", watts) for at, watts in curve.points] == [("0600", 2), ("1200", 3)]


def test_months_are_known_by_their_dates() -> None:
    """Day 00, or always 01; one first of a month is a day."""
    for day in ("00", "01"):
        year = energies((f"202512{day}", 40.0), (f"202602{day}", 60.5), period="year")
        assert year.by_month
        assert time_series.document(year)["points"] == [
            {"date": "2025-12", "energy": 40.0},
            {"date": "2026-02", "energy": 60.5},
        ]
        assert chart.text(year, width=60, color=False) == [
            "Energy of the last year   ECU-R 216000000001",
            "100.50 kWh in 2 months   50.25 kWh per month",
            "best month Feb 2026, 60.50 kWh",
            "",
            "Dec 2025  ██████████████████████████▌              40.00 kWh",
            "Jan 2026  no data",
            "Feb 2026  ████████████████████████████████████████ 60.50 kWh",
        ]
    assert not energies(("20260601", 1.0)).by_month


def test_a_long_gap_is_one_line() -> None:
    """A clock that was reset to another century fills no screen, nor the memory."""
    week = energies(("00010101", 1.0), ("99991231", 2.0))
    assert chart.text(week, width=80, color=False)[3:] == [
        f"Mon 0001-01-01  {'█' * 27}▌{' ' * 27} 1.00 kWh",
        "Tue 0001-01-02  no data for 3652057 days",
        f"Fri 9999-12-31  {'█' * 55} 2.00 kWh",
    ]
    assert len(svg.picture([week])) < 10_000


def test_a_month_that_is_not_all_there_says_so() -> None:
    points = [(f"202604{day:02d}", 1.0) for day in range(11, 31)]
    points += [(f"202605{day:02d}", 1.0) for day in range(1, 32) if day not in (3, 9)]
    points += [(f"202606{day:02d}", 1.0) for day in range(1, 22)]
    year = energies(*points, period="year")
    assert [line.partition(" kWh  ")[2] for line in chart.text(year, width=80, color=False)[3:]] == [
        "20 days",
        "29 of 31 days",
        "21 days",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    plant = array("40xDS3,20xQT2")
    drawn = [time_series.power(ECU, TODAY, plant.power_of_day(TODAY, EVENING), ZONE)]
    drawn += [
        time_series.energy(ECU, name, plant.energy_by_day(code, EVENING))
        for name, code in time_series.ENERGY_PERIODS.items()
    ]
    for one in drawn:
        lines = chart.text(one, width=width, color=False)
        assert max(map(len, lines)) <= width
        colored = chart.text(one, width=width, color=True)
        assert [re.sub(r"\033\[\d+m", "", line) for line in colored] == lines
        assert all(line.count("\033[") == 2 * line.count(PLAIN) for line in colored)
        assert any(chart.YELLOW in line for line in colored)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 4), (1, 1), (3, 3.2), (437, 600), (1000, 1000), (2345, 2400), (3334, 4000), (65535, 80000)]
)
def test_an_axis_ends_at_a_round_number(most: float, top: float) -> None:
    assert nice_top(most) == pytest.approx(top)
    assert most <= top <= max(4, 1.5 * most)


def test_what_is_above_0_can_be_seen_and_what_is_0_cannot() -> None:
    lines = chart.text(powers(("0600", 0), ("0605", 1), ("0610", 60_000)), width=80, color=False)
    assert set(lines[-3][10:]) <= {" ", "▁", "█"} | set("▂▃▄▅▆▇")
    assert lines[-3].split("│")[1][0] == " "


def test_a_single_point_is_drawn() -> None:
    one = powers(("0600", 400))
    assert any("█" in line for line in chart.text(one, width=80, color=False))
    expat.ParserCreate().Parse(svg.picture([one]), True)
