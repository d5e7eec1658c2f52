"""When the ECU has new data, learned from the time stamps of data. Pure.

An ECU asks its inverters every five minutes, at seconds of its own (quirks 15 and 39). The delay is the time from the
time stamp of data until the ECU has them, by this machine's clock; so it also holds the error of the ECU's clock. Data
that a poll found have at most the delay that had passed, data that it did not find yet have more. Polls between these
two bounds bring them together: truth/fresh_polls.py.

    Phase, time stamp, time of the poll -> Phase
"""

from datetime import datetime, timedelta
from functools import reduce

from aps2mqtt.base.elapsed import clock_is_behind, elapsed
from aps2mqtt.base.memory import Memory, Phase
from aps2mqtt.base.values import SUNSPEC, Snapshot

DRIFT = 1e-4  # of the time that passes: how fast two clocks may diverge; quartz stays below half of it
WHOLE_SECOND = 1.0  # time stamps have no fractions
STAMP_JITTER = 3.0  # seconds by which the periods between time stamps may differ
LEAST_PERIOD = 10.0  # seconds
PERIODS = 4  # so many are remembered
PRECISE = 1 / 30  # of the period: bounds this close together are good enough
COUNTED = timedelta(days=1)  # until a miss is forgotten
MOST_MISSES = 12  # more show that the data come at any time
CLOSER = 0.9  # of the distance of the bounds: less is progress
FRUITLESS = 3  # polls to bring the bounds together that made no progress; after so many in a row
SELDOM = 96  # polls pass until the next attempt


def after_reading(memory: Memory | None, snapshot: Snapshot, now: datetime) -> Phase | None:
    """Returns the phase after a reading at `now`. SunSpec alone has no time stamp of the ECU."""
    before = memory.phase if memory is not None else None
    if snapshot.timestamp is None or snapshot.source == SUNSPEC:
        return before
    return learned(before, snapshot.timestamp, now)


def learned(before: Phase | None, stamp: datetime, now: datetime) -> Phase:
    """Returns the phase after a poll at `now` that found data of the time `stamp`."""
    if before is None or clock_is_behind(before.asked, now):
        return Phase(stamp, now, now, None, seconds_between(stamp, now))
    after = before._replace(asked=now, before=before.asked)
    if stamp == before.stamp:
        return after
    period = seconds_between(before.stamp, stamp)
    least, most = _least(before, period, now), seconds_between(stamp, now)
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
    return phase.least - DRIFT * max(0.0, seconds_between(phase.least_at, now))


def _least(before: Phase, period: float, now: datetime) -> float:
    """Returns the least delay that the poll before this one at `now` shows, as it did not find these data yet."""
    least = seconds_between(before.stamp, before.asked) - period
    usual, pause = _usual_period(before, period), seconds_between(before.asked, now)
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
    return round(seconds_between(before.found, now) / usual) * usual - period if usual > 0 else 0.0


def _usual_period(before: Phase, period: float) -> float:
    """Returns the seconds from data to the next data: a common divisor, as polls may skip data. 0: unknown."""
    positive = [one for one in (*before.periods, period) if one >= WHOLE_SECOND]
    divisor = reduce(_common_divisor, positive, 0.0)
    return divisor if divisor >= LEAST_PERIOD else min(positive, default=0.0)


def _common_divisor(one: float, other: float) -> float:
    while other > STAMP_JITTER:
        rest = one % other
        one, other = other, min(rest, other - rest)
    return one


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Returns the seconds from `earlier` to `later`, negative where they are the other way round."""
    return elapsed(earlier, later).total_seconds()
