"""When `run` polls so as to have new data soon, by the phase of the ECU. Pure.

    Phase, interval -> Aim

The usual poll is a margin after the longest delay that data can have. Where the bounds of the delay are too far apart,
a poll between them brings them together: it finds the data, or it comes too early.
"""

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import NamedTuple

from aps2mqtt.base.memory import Phase
from aps2mqtt.truth.phase import (
    COUNTED,
    FRUITLESS,
    MOST_MISSES,
    PRECISE,
    WHOLE_SECOND,
    least_delay,
    seconds_between,
)

# Shares of the interval, which is usually 300 s
MARGIN = 1 / 60  # from the longest delay to the poll
LEAST_PAUSE = 1 / 5  # between any two polls
WHOLE = 3 / 5  # a longer pause has no additional poll in it
RETRY = 1 / 6  # data that are missing for longer are not late, but will not come
UNSTEADY = 1 / 100  # the period of the data may differ by this

SEARCH_PAUSE = timedelta(hours=2)  # for each miss but the first: a delay that varies is not searched all the time


class Aim(NamedTuple):
    """The next poll, and a point of the grid of all later ones if that poll tells nothing new."""

    at: datetime
    grid: datetime


def aim(phase: Phase, interval: int, spread: float = 0.0) -> Aim | None:
    """Returns the next poll after the last one; None if the data have no steady phase.

    `spread` seconds are added, so that polls of many ECUs of the same phase do not come at once.
    """
    if not is_steady(phase, interval):
        return None
    margin = MARGIN * interval
    asked = seconds_between(phase.stamp, phase.asked)  # all times are seconds after the time stamp of the last data
    soonest = asked + LEAST_PAUSE * interval
    regular = _first_from(soonest, phase.most + margin + spread, interval)
    due = _period(phase, interval) + phase.most  # the next data are there
    at = regular
    if not phase.periods:  # most clocks agree, and most data are there at once
        at = _first_from(soonest, min(phase.most, margin + spread), interval)
    elif phase.found != phase.asked and asked - RETRY * interval < due < soonest:
        at = soonest  # the last poll came too early, or the data are late
    elif due < regular < due + interval and regular - asked >= WHOLE * interval and _is_unsure(phase, interval):
        at = max(soonest, due - phase.most + _between(phase, interval) + min(spread, margin / 2))
    if phase.before is not None:
        at = max(at, seconds_between(phase.stamp, phase.before) + (1 - UNSTEADY) * interval)
    at = min(at, soonest + interval)  # whatever is remembered, the next poll comes
    stamp = phase.stamp.astimezone(UTC)
    return Aim(stamp + timedelta(seconds=at), stamp + timedelta(seconds=regular))


def is_steady(phase: Phase, interval: int) -> bool:
    """True if most of the last periods are a multiple or a divisor of `interval`, and few polls miss.

    Before the second time stamp it is true if the ECU has a clock that may be right.
    """
    if not phase.periods:
        return phase.found == phase.asked and 0 <= phase.most <= interval
    fitting = sum(_fits(period, interval) for period in phase.periods)
    return 2 * fitting >= len(phase.periods) and _misses(phase) < MOST_MISSES


def _fits(period: float, interval: int) -> bool:
    if period < WHOLE_SECOND:
        return False
    whole, part = max(period, interval), min(period, interval)
    times = round(whole / part)
    return abs(whole - times * part) <= times * max(UNSTEADY * interval, WHOLE_SECOND)


def _misses(phase: Phase) -> int:
    return phase.misses if phase.missed_at is not None and phase.asked - phase.missed_at < COUNTED else 0


def _period(phase: Phase, interval: int) -> float:
    """Returns the seconds from data to the next that are new to polls at `interval`."""
    shortest = min((period for period in phase.periods if period >= WHOLE_SECOND), default=interval)
    return interval * max(1, round(shortest / interval))


def _first_from(soonest: float, point: float, interval: int) -> float:
    """Returns the first point of the grid through `point` that is not before `soonest`."""
    return point + ceil((soonest - point) / interval) * interval


def _is_unsure(phase: Phase, interval: int) -> bool:
    """True if a poll may be spent on bounds that are too far apart."""
    least, misses = least_delay(phase, phase.asked), _misses(phase)
    if least is not None and phase.most - least <= PRECISE * interval:
        return False
    if phase.fruitless >= FRUITLESS:
        return False
    return phase.missed_at is None or phase.asked - phase.missed_at >= (misses - 1) * SEARCH_PAUSE


def _between(phase: Phase, interval: int) -> float:
    """Returns the delay at which a poll tells most about the bounds: whether data have more or less."""
    margin, lowest = MARGIN * interval, phase.most - interval
    least = max(lowest, known) if (known := least_delay(phase, phase.asked)) is not None else lowest
    if least < -2 * margin and phase.most > 0:  # most data are there at once; then: and not sooner
        return margin if phase.most > 2 * margin else -margin
    return (least + phase.most) / 2
