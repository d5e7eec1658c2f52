"""Data are published soon after the ECU has them, over weeks, whatever its clock and its phase do."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from readings import read
from simulated_phases import DAY, Source, ages, by_day, mean_age, polled, remembering

from aps2mqtt.base.memory import Phase, Reading
from aps2mqtt.base.values import SUNSPEC
from aps2mqtt.truth.fresh_polls import aim
from aps2mqtt.truth.phase import after_reading, learned
from aps2mqtt.truth.poll_times import next_poll, pace

DAYS = int(os.environ.get("DAYS", "14"))  # more of them: CONTRIBUTING
SECOND = timedelta(seconds=1)
PARIS = ZoneInfo("Europe/Paris")


def between(least: float, most: float) -> Callable[[Random], float]:
    return lambda dice: dice.uniform(least, most)


def daily(phase: float, clock: float, days: int = 400) -> tuple[tuple[float, float, float], ...]:
    """Phase and clock change once a day, there and back."""
    return tuple((day * DAY + 30000, phase * (-1) ** day, clock * (-1) ** day) for day in range(1, days))


ECUS = {
    "an odd phase": Source(),
    "just before the grid": Source(phase=297.0),
    "late for a large array": Source(late=lambda _: 95.0),
    "late by 20 to 40 s": Source(late=between(20, 40)),
    "a clock that is an hour behind": Source(error=-3717),
    "a clock that is 50 s ahead": Source(error=50),
    "a clock that is years behind": Source(error=-3 * 365 * DAY - 4711),
    "a clock that drifts by 4 s a day": Source(drift=5e-5),
    "a clock that drifts by -4 s a day": Source(drift=-5e-5),
    "a clock that drifts by 17 s a day": Source(drift=2e-4),
    "a clock that is set every day": Source(jumps=daily(0, 17)),
    "a restart every day": Source(jumps=daily(137, 0)),
    "both every day": Source(jumps=daily(71, 3000)),
    "a phase that wanders": Source(jitter=3),
    "a period of 301 s": Source(period=301.0),
    "a period of 299.5 s": Source(period=299.5),
    "Paris, where clocks change": Source(timezone=PARIS),
    "an ECU that sleeps at night": Source(sleeps=True),
}


@pytest.mark.parametrize("name", ECUS)
def test_over_two_weeks_data_are_published_within_20_s_on_average(name: str) -> None:
    """No day is worse than with polls on the grid, unless both are fresh; few polls are additional."""
    polls, grid = polled(ECUS[name], DAYS), polled(ECUS[name], DAYS, by_phase=False)
    words = f"{name}: {mean_age(polls):.1f} s, grid {mean_age(grid):.1f} s, {len(polls) / DAYS:.1f} polls a day"
    print(words)  # noqa: T201 - for those who run it with -s
    assert mean_age(polls) <= 20
    for ours, theirs in zip(by_day(polls)[1:], by_day(grid)[1:], strict=True):
        assert mean_age(ours) <= max(20, mean_age(theirs))
        assert len(ours) <= len(theirs) + 8
    assert len(polls) / len(grid) < 1.025
    assert len(ages(polls)) >= len(ages(grid)) - 2  # none is left out


@pytest.mark.parametrize("begin", [datetime(2026, 3, 22, tzinfo=UTC), datetime(2026, 10, 18, tzinfo=UTC)])
def test_over_both_changes_of_clocks_of_a_year_data_stay_fresh(begin: datetime) -> None:
    """In Paris, with an ECU that restarts now and then; its wall time is read as it is."""
    jumps = tuple((day * DAY + 40000, 61.0, 0.0) for day in range(5, 20, 5))
    polls = polled(Source(timezone=PARIS, jumps=jumps, begin=begin), 20)
    assert mean_age(polls) <= 12
    assert all(mean_age(day) <= 20 for day in by_day(polls))
    assert len(polls) <= 20 * (288 + 3)


@pytest.mark.parametrize("name", ECUS)
def test_no_two_polls_are_close_and_no_interval_has_more_than_one_additional_poll(name: str) -> None:
    times = [poll.at for poll in polled(ECUS[name], 5)]
    assert min(later - earlier for earlier, later in pairwise(times)) > 59.9
    assert min(later - earlier for earlier, later in zip(times, times[2:], strict=False)) >= 297


@pytest.mark.parametrize("name", ["an odd phase", "late for a large array", "a clock that is an hour behind"])
def test_once_the_phase_is_known_polls_come_5_to_20_s_after_new_data(name: str) -> None:
    """But for one poll or two a day that look whether it is still so."""
    late = [age for age in ages([poll for poll in polled(ECUS[name], 8) if poll.at > 7200]) if not 5 <= age <= 20]
    assert len(late) <= 2 * 8
    assert max(late) < 62


@pytest.mark.parametrize(
    ("interval", "period", "most"),
    [(30, 30, 2), (60, 300, 4), (300, 600, 20), (300, 900, 20), (300, 150, 20), (300, 100, 20), (300, 60, 20),
     (600, 300, 40), (900, 300, 60), (3600, 300, 240)],
)  # fmt: skip
def test_a_multiple_or_a_divisor_of_the_interval_is_met_as_well(interval: int, period: int, most: float) -> None:
    """In proportion to the interval."""
    source = Source(period=float(period), phase=11.0)
    polls, grid = polled(source, 10, interval), polled(source, 10, interval, by_phase=False)
    settled = sorted(ages([poll for poll in polls if poll.at > DAY]))
    assert settled[len(settled) * 95 // 100] <= most
    assert len(polls) / len(grid) < 1.025
    assert min(later.at - earlier.at for earlier, later in pairwise(polls)) >= interval / 5 - 0.1


@pytest.mark.parametrize("period", [130, 200, 250, 310, 420, 450])
def test_with_a_period_that_does_not_fit_the_polls_are_on_the_grid(period: int) -> None:
    polls = polled(Source(period=float(period), phase=37.0), 5)
    assert all(poll.at % 300 == 0 for poll in polls[8:])
    assert abs(len(polls) - 5 * 288) <= 4


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("the time of the question", Source(period=1.0, phase=0.0)),
        ("at any time", Source(late=between(0, 280))),
        ("seldom", Source(period=7 * 3600.0)),
    ],
)
def test_data_without_a_phase_cost_no_more_polls_than_the_grid(name: str, source: Source) -> None:
    """Neither a time stamp that is always that of the question, nor delays that differ by minutes."""
    assert len(polled(source, 10)) <= 1.025 * 10 * 288, name


def test_the_phase_is_found_within_some_polls_whatever_it_is() -> None:
    """In the first hour 18 polls at most instead of 12, and the last are fresh: phases and clocks of every kind."""
    for phase in range(0, 300, 23):
        for error in (0, -1, 3, 77, -77, 4000, -100_000):
            polls = polled(Source(phase=float(phase), error=error), 1 / 24)
            assert len(polls) <= 12 + 6
            assert all(age <= 25 for age in ages(polls)[-2:])


# -- literally --------------------------------------------------------------------------------------------------------

AT = datetime(2026, 6, 21, 10, 2, 17, tzinfo=UTC)  # the time stamp of data


def after(*polls: tuple[float, float]) -> Phase:
    """The phase after polls so many seconds after AT that found data of so many seconds after AT."""
    phase = None
    for at, stamp in polls:
        phase = learned(phase, AT + stamp * SECOND, AT + at * SECOND)
    assert phase is not None
    return phase


def due(phase: Phase, interval: int = 300) -> float | None:
    """Seconds from AT to the next poll."""
    following = aim(phase, interval)
    return round((following.at - AT).total_seconds(), 1) if following else None


def test_the_first_data_say_when_to_look_for_the_next() -> None:
    """Most clocks agree: 5 s after the time stamp of the next data, and then 5 s before it, for the bounds."""
    assert due(after((163, 0))) == 305
    assert due(after((163, 0), (305, 300))) == 595
    phase = after((163, 0), (305, 300), (595, 300), (655, 600))
    assert (phase.least, phase.most) == (-5, 5)
    assert due(phase) == 910


def test_data_that_come_late_are_asked_for_again_a_minute_later() -> None:
    """Here they have 35 s of delay: a fifth of the interval lies between two polls."""
    phase = after((40, 0), (340, 300), (640, 600))
    assert due(phase) == 905
    assert due(learned(phase, AT + 600 * SECOND, AT + 905 * SECOND)) == 965


def test_before_the_second_time_stamp_nothing_is_asked_for_again() -> None:
    """The data may have any period."""
    assert due(after((163, 0), (305, 0))) is None


KNOWN = ((5, 0), (305, 300), (595, 300), (655, 600), (910, 900), (1197.5, 900), (1257.5, 1200), (1510, 1500))


def test_data_that_do_not_come_are_asked_for_once_more_only() -> None:
    """An ECU that sleeps has the same data all night."""
    phase, polls = after(*KNOWN), []
    assert phase.least == pytest.approx(-2.5, abs=0.1)
    for _ in range(5):
        following = due(phase)
        polls.append(following)
        phase = learned(phase, AT + 1500 * SECOND, AT + following * SECOND)
    assert polls == [1810, 1870, 2110, 2410, 2710]


def test_a_clock_that_is_set_keeps_the_phase() -> None:
    """Also at the end of daylight saving time: the data come at the same time by this machine's clock."""
    set_back = learned(after(*KNOWN), AT + (1800 - 3600) * SECOND, AT + 1810 * SECOND)
    assert set_back.most == 3605
    # That is looked at: 150 s earlier, as the data may have come earlier instead.
    assert due(set_back) == pytest.approx(1960, abs=5)


def test_a_restarted_run_goes_on_with_what_was_learned() -> None:
    """And one whose clock is set back begins anew."""
    phase = after(*KNOWN)
    memory = remembering(phase)
    later = AT + 5000 * SECOND
    following = next_poll(pace(300, None, UTC, memory, later), later)
    assert ((following - AT).total_seconds() - 10) % 300 == 0
    back = AT - 5000 * SECOND
    assert next_poll(pace(300, None, UTC, memory, back), back).timestamp() % 300 == 0
    assert learned(phase, AT, back) == Phase(AT, back, back, None, -5000)


def test_whatever_the_state_says_of_the_phase_the_next_poll_comes() -> None:
    """A damaged file may hold any values of the right kind: 2,000 of them, and what is learned on top."""
    dice = Random(1)

    def moment() -> datetime:
        return AT + dice.choice((0, 1, 300, 1e4, 1e9, -1, -300, -1e4, -1e9)) * dice.random() * SECOND

    def seconds() -> float:
        return dice.choice((0, 1e-320, 1, 5, 300, 1e5, 2**32)) * dice.uniform(-1, 1)

    for _ in range(2000):
        periods = tuple(dice.choice((300.0, seconds())) for _ in range(dice.randrange(5)))
        counts = {"fruitless": dice.choice((0, 3, 2**32)), "misses": dice.choice((0, 3, 2**32))}
        known = Phase(
            moment(), moment(), moment(), dice.choice((None, moment())), seconds(), seconds(), moment(), periods,
            **counts, missed_at=dice.choice((None, moment())),
        )  # fmt: skip
        for interval in (1, 30, 300, 86400):
            after_it = learned(known, moment(), AT)
            for one in (known, after_it):
                following = next_poll(pace(interval, None, UTC, remembering(one), AT), AT)
                assert AT < following <= AT + 2.3 * interval * SECOND + 61 * SECOND


def test_without_a_time_stamp_and_with_sunspec_alone_the_polls_are_on_the_grid() -> None:
    """They learn nothing and forget nothing."""
    phase = after((5, 0), (305, 300), (605, 600))
    memory, now = remembering(phase), AT + 700 * SECOND
    nothing = read()._replace(timestamp=None)
    for reading in (nothing, read()._replace(source=SUNSPEC)):
        assert after_reading(memory, reading, now) is phase
    alone = memory._replace(reading=Reading(now, source=SUNSPEC))
    assert next_poll(pace(300, None, UTC, alone, now), now).timestamp() % 300 == 0
    assert after_reading(None, nothing, now) is None


def test_a_thousand_ecus_of_one_phase_are_polled_over_15_s() -> None:
    """In their order, the first as if it were alone."""
    memory, now = remembering(after(*KNOWN)), AT + 1510 * SECOND
    times = [
        (next_poll(pace(300, None, UTC, memory, now, delay=number * 0.06), now) - AT).total_seconds()
        for number in range(1000)
    ]
    assert times == sorted(times)
    assert times[0] == 1810
    assert times[-1] == pytest.approx(1825, abs=0.1)


def test_the_last_of_a_thousand_ecus_of_one_phase_stays_fresh() -> None:
    polls = polled(Source(), 10, delay=59.9)
    assert mean_age(polls) < 30
    assert len(polls) <= 1.02 * 10 * 288


def test_the_simulation_itself() -> None:
    """Literally: on the grid, data of the phase 137 are 163 s old when they are published, and there are 288 a day."""
    grid = polled(Source(), 2, by_phase=False)
    assert set(ages(grid)) == {163.0}
    assert len(by_day(grid)[1]) == 288
    assert [later.at - earlier.at for earlier, later in pairwise(grid)] == [300.0] * (2 * 288 - 1)
