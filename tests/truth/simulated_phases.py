"""ECUs that have new data at times of their own, and who polls them by the rule, over months of simulated time."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from aps2mqtt.base.memory import Memory, Phase, Reading
from aps2mqtt.truth.phase import learned
from aps2mqtt.truth.poll_times import next_poll, pace

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86400.0


class Data(NamedTuple):
    """What the ECU asked its inverters; times are seconds since the beginning."""

    there_at: float
    stamp: datetime


class Source(NamedTuple):
    """An ECU. Its clock is ahead by `error` and by a part of the time; data are there `late(random)` after the stamp.

    At each of the times of `jumps` the phase and the error of the clock change by so many seconds.
    """

    period: float = 300.0
    phase: float = 137.0
    jitter: float = 0.0
    error: float = 0.0
    drift: float = 0.0
    late: Callable[[random.Random], float] = lambda _: 0.0
    jumps: tuple[tuple[float, float, float], ...] = ()
    timezone: tzinfo = UTC
    sleeps: bool = False  # no data from 21 to 5 o'clock
    begin: datetime = BEGIN

    def data(self) -> Iterator[Data]:
        """All data, in their order, without an end."""
        dice, at, error, jumps = random.Random(1), self.phase, self.error, list(self.jumps)
        while True:
            while jumps and jumps[0][0] <= at:
                _, later, ahead = jumps.pop(0)
                at, error = at + later, error + ahead
            seconds = int(at + error + self.drift * at)  # a time stamp has no fractions
            wall = (self.begin + timedelta(seconds=seconds)).astimezone(self.timezone)
            if not self.sleeps or 5 * 3600 <= at % DAY < 21 * 3600:
                # As it is decoded: in the hour that comes twice, the first of both.
                yield Data(at + self.late(dice), wall.replace(fold=0))
            at += self.period + dice.uniform(-self.jitter, self.jitter)


class Poll(NamedTuple):
    """A poll; times are seconds since the beginning."""

    at: float
    age: float | None  # seconds since the ECU had the data; None: they are not new


def polled(
    source: Source, days: float, interval: int = 300, *, by_phase: bool = True, delay: float = 0.0
) -> list[Poll]:
    """All polls of so many days, at the times of the rule, or at those of the grid."""
    data, memory, polls = source.data(), None, list[Poll]()
    at, last, following = 0.0, None, next(data)
    while at < days * DAY:
        new = None
        while following.there_at <= at:
            new, following = following, next(data)
        last = new or last
        polls.append(Poll(at, at - new.there_at if new else None))
        now = source.begin + timedelta(seconds=at)
        if last is not None and by_phase:
            memory = remembering(learned(memory.phase if memory else None, last.stamp, now))
        if by_phase:
            at = (next_poll(pace(interval, None, UTC, memory, now, delay=delay), now) - source.begin).total_seconds()
        else:
            at += interval
    return polls


def remembering(phase: Phase) -> Memory:
    """The memory after a poll, as far as the next poll goes."""
    return Memory("216000000001", Reading(phase.asked), phase=phase)


def ages(polls: list[Poll]) -> list[float]:
    """Seconds from when the ECU had data to their publication."""
    return [poll.age for poll in polls if poll.age is not None]


def mean_age(polls: list[Poll]) -> float:
    """Seconds, of all new data."""
    return sum(ages(polls)) / len(ages(polls))


def by_day(polls: list[Poll]) -> list[list[Poll]]:
    """The polls of each day."""
    days: dict[int, list[Poll]] = {}
    for poll in polls:
        days.setdefault(int(poll.at // DAY), []).append(poll)
    return list(days.values())
