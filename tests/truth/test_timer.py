"""The second of every five minutes at which a timer polls best, and what timer and crontab make of it."""

from datetime import UTC, datetime, timedelta

import pytest

from aps2mqtt.base.memory import Phase
from aps2mqtt.truth import timer

AT = datetime(2026, 6, 21, 10, 2, 17, tzinfo=UTC)  # 137 s after five full minutes


def phase(least: float, most: float, after: float = 0, periods: tuple[float, ...] = (300.0,) * 4) -> Phase:
    """Data of so many seconds after AT, with these bounds of the delay."""
    at = AT + timedelta(seconds=after)
    found = at + timedelta(seconds=most)
    return Phase(at, found, found, None, most, least=least, least_at=found, periods=periods)


@pytest.mark.parametrize(
    ("least", "most", "second"),
    [
        (-5, 5, 137 + 5 + 10),  # as `run` has found it out
        (60, 80, 137 + 80 + 10),
        (-152, 148, 137 + 30 + 10),  # as a timer sees it: data are likely to be there after half a minute
        (-280, 20, 137 + 20 + 10),
        (40, 190, 137 + 40 + 30 + 10),
        (-3605, -3595, 137 + 5 + 10),  # a clock that is an hour ahead
    ],
)
def test_it_is_soon_after_the_data_are_there(least: float, most: float, second: int) -> None:
    assert timer.best_second([phase(least, most)]) == second


@pytest.mark.parametrize("periods", [(), (300.0,) * 3, (301.0,) * 4, (300.0, 437.0, 300.0, 300.0), (420.0,) * 4])
def test_there_is_none_without_a_steady_phase(periods: tuple[float, ...]) -> None:
    assert timer.best_second([phase(-5, 5, periods=periods)]) is None
    assert timer.best_second([phase(-5, 5), phase(-5, 5, periods=periods)]) is None
    assert timer.best_second([phase(-5, 5), None]) is None
    assert timer.best_second([]) is None


@pytest.mark.parametrize(("least", "most"), [(3340, 3640), (-3640, -3340), (950, 1250)])
def test_there_is_none_while_only_a_wrong_clock_tells_of_it(least: float, most: float) -> None:
    """An hour behind, an hour ahead, and behind by so much that no large array is as late."""
    assert timer.best_second([phase(least, most)]) is None
    assert timer.best_second([phase(most - 20, most)]) is not None


def test_of_several_ecus_the_data_are_the_newest_on_average() -> None:
    """At the second of the first, those of the others would be five minutes old, all but a little."""
    assert timer.best_second([phase(-5, 5), phase(-5, 5, after=20), phase(-5, 5, after=40)]) == 137 + 40 + 15
    assert timer.best_second([phase(-5, 5), phase(-5, 5, after=160)]) in (152, 12)


def test_it_wraps_around_five_minutes() -> None:
    assert timer.best_second([phase(-5, 5, after=155)]) == (137 + 155 + 15) % 300 == 7


@pytest.mark.parametrize(
    ("second", "calendar", "crontab"),
    [
        (0, "*:00/5:00", "*/5 * * * *"),
        (1, "*:00/5:01", "1-59/5 * * * *"),
        (152, "*:02/5:32", "3-59/5 * * * *"),
        (180, "*:03/5:00", "3-59/5 * * * *"),
        (299, "*:04/5:59", "*/5 * * * *"),
    ],
)
def test_timer_and_crontab(second: int, calendar: str, crontab: str) -> None:
    assert (timer.calendar(second), timer.crontab(second)) == (calendar, crontab)


def test_how_late_a_timer_is_now_and_would_be() -> None:
    seen = phase(-152, 148)
    assert timer.age_when_found(seen) == timedelta(seconds=148 - 30)
    assert timer.seconds_after(seen, 177) == 10
