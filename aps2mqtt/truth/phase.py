"""When the ECU has new data, learned from the time stamps of data, and when to poll so as to have them soon. Pure.

An ECU asks its inverters every five minutes, at seconds of its own (quirks 15 and 39). The delay is the time from the
time stamp of data until the ECU has them, by this machine's clock; so it also holds the error of the ECU's clock. Data
that a poll found have at most the delay that had passed, data that it did not find yet have more. Polls between these
two bounds bring them together.

    Phase, time stamp, time of the poll -> Phase
    Phase, interval -> Aim
"""

from datetime import UTC, datetime, timedelta
from functools import reduce
from math import ceil
from typing import NamedTuple

from aps2mqtt.base.elapsed import clock_is_behind, elapsed
from aps2mqtt.base.memory import Memory, Phase
from aps2mqtt.base.values import SUNSPEC, Snapshot

# Shares of the interval, which is usually 300 s
MARGIN = 1 / 60  # from the longest delay to the poll
PRECISE = 2 * MARGIN  # bounds this close together are good enough
LEAST_PAUSE = 1 / 5  # between any two polls
WHOLE = 3 / 5  # a longer pause has no additional poll in it
RETRY = 1 / 6  # data that are missing for longer are not late, but will not come
UNSTEADY = 1 / 100  # the period of the data may differ by this

DRIFT = 1e-4  # of the time that passes: how fast two clocks may diverge; quartz stays below half of it
STAMP_JITTER = 3.0  # seconds by which the periods between time stamps may differ
LEAST_PERIOD = 10.0  # seconds
WHOLE_SECOND = 1.0  # time stamps have no fractions
PERIODS = 4  # so many are remembered
COUNTED = timedelta(days=1)  # until a miss is forgotten
SEARCH_PAUSE = timedelta(
    hours=2
)  # for each miss but the first: a delay that varies is not searched for again and again
CLOSER = 0.9  # of the distance of the bounds: less is progress
FRUITLESS = 3  # polls to bring the bounds together that made no progress; after so many in a row
SELDOM = 96  # polls pass until the next attempt
MOST_MISSES = 12  # more show that the data come at any time


class Aim(NamedTuple):
    """The next poll, and a point of the grid of all later ones if that poll tells nothing new."""

    at: datetime
    grid: datetime


# -- learning ---------------------------------------------------------------------------------------------------------


def after_reading(memory: Memory | None, snapshot: Snapshot, now: datetime) -> Phase | None:
    """Returns the phase after a reading at `now`. What SunSpec says alone has no time stamp of the ECU."""
    before = memory.phase if memory is not None else None
    if snapshot.timestamp is None or snapshot.source == SUNSPEC:
        return before
    return learned(before, snapshot.timestamp, now)


def learned(before: Phase | None, stamp: datetime, now: datetime) -> Phase:
    """Returns the phase after a poll at `now` that found data of the time `stamp`."""
    if before is None or clock_is_behind(before.asked, now):
        return Phase(stamp, now, now, None, _seconds(stamp, now))
    after = before._replace(asked=now, before=before.asked)
    if stamp == before.stamp:
        return after
    period = _seconds(before.stamp, stamp)
    least, most = _least(before, period, now), _seconds(stamp, now)
    after = after._replace(stamp=stamp, found=now, periods=(*before.periods, period)[-PERIODS:], least_at=now)
    known = least_delay(before, now)
    low, high = least if known is None else max(known, least), min(before.most, most)
    if low < high:
        # Where a poll finds data early, they may come earlier and earlier.
        low = max(low - (before.most - high) / 2, least)
        fruitless = 0 if known is None or high - low < CLOSER * (before.most - known) else _fruitless(before, most)
        return after._replace(least=low, most=high, fruitless=fruitless)
    # These data contradict what is known: the ECU's clock was set, or their delay is another one.
    usual = _usual_period(before, period)
    if_set = before.most + _set_back(before, period, usual, now)
    after = after._replace(least=least, most=if_set if least < if_set < most else most, fruitless=0)
    is_late = after.most == most and least >= before.most
    return _missed(after, before, usual) if is_late else after


def least_delay(phase: Phase, now: datetime) -> float | None:
    """Returns the seconds that data have as delay at least; None if that is unknown. It is less as clocks diverge."""
    if phase.least is None or phase.least_at is None:
        return None
    return phase.least - DRIFT * max(0.0, _seconds(phase.least_at, now))


def _least(before: Phase, period: float, now: datetime) -> float:
    """Returns the least delay that the poll before this one at `now` shows, as it did not find these data yet."""
    least = _seconds(before.stamp, before.asked) - period
    usual, pause = _usual_period(before, period), _seconds(before.asked, now)
    skipped = (round(period / usual) - 1) * usual if usual > 0 else 0.0
    # Nor did it find the earlier data that no poll found, if they came and went between the two polls.
    return least + skipped if 0 < skipped < pause else least


def _fruitless(before: Phase, most: float) -> int:
    is_search = most <= before.most  # other polls come later
    return (before.fruitless + (is_search or before.fruitless >= FRUITLESS)) % SELDOM


def _missed(after: Phase, before: Phase, usual: float) -> Phase:
    """Returns `after`, in which data came later than they ever did: by little, or by more if that happens often."""
    days = (after.asked - before.missed_at) / COUNTED if before.missed_at is not None else 1.0
    misses = round(before.misses * max(0.0, 1 - days)) + 1
    most = min(after.most, (after.least or 0.0) + PRECISE * usual * 2 ** min(misses - 1, MOST_MISSES))
    return after._replace(most=most, misses=misses, missed_at=after.asked)


def _set_back(before: Phase, period: float, usual: float, now: datetime) -> float:
    """Returns the seconds by which the ECU's clock was set back since the last data if these came at the usual time.

    It is negative if the clock was set ahead. A change to or from daylight saving time is such a case, too.
    """
    return round(_seconds(before.found, now) / usual) * usual - period if usual > 0 else 0.0


def _usual_period(before: Phase, period: float) -> float:
    """Returns the seconds from data to the next data: a common divisor, as polls may skip data. 0: unknown."""
    positive = [one for one in (*before.periods, period) if one > 0]
    divisor = reduce(_common_divisor, positive, 0.0)
    return divisor if divisor >= LEAST_PERIOD else min(positive, default=0.0)


def _common_divisor(one: float, other: float) -> float:
    while other > STAMP_JITTER:
        rest = one % other
        one, other = other, min(rest, other - rest)
    return one


def _seconds(earlier: datetime, later: datetime) -> float:
    return elapsed(earlier, later).total_seconds()


# -- the next poll ----------------------------------------------------------------------------------------------------


def aim(phase: Phase, interval: int, spread: float = 0.0) -> Aim | None:
    """Returns the next poll after the last one; None if the data have no steady phase.

    `spread` seconds are added, so that polls of many ECUs of the same phase do not come at once.
    """
    if not is_steady(phase, interval):
        return None
    margin = MARGIN * interval
    asked = _seconds(phase.stamp, phase.asked)  # all times are seconds after the time stamp of the last data
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
        at = max(at, _seconds(phase.stamp, phase.before) + (1 - UNSTEADY) * interval)
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
    if period <= 0:
        return False
    whole, part = max(period, interval), min(period, interval)
    times = round(whole / part)
    return abs(whole - times * part) <= times * max(UNSTEADY * interval, WHOLE_SECOND)


def _misses(phase: Phase) -> int:
    return phase.misses if phase.missed_at is not None and phase.asked - phase.missed_at < COUNTED else 0


def _period(phase: Phase, interval: int) -> float:
    """Returns the seconds from data to the next that are new to polls at `interval`."""
    shortest = min((period for period in phase.periods if period > 0), default=interval)
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
