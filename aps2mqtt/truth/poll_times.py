"""When the scheduler polls next, and how far apart several ECUs are polled. Pure.

site, interval, last reading, time -> time of the next poll
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Site
from aps2mqtt.truth.night import is_awake

STAGGER = 0.1  # seconds from one ECU to the next, so that machine and broker do not handle all of them at once
SPREAD = 60.0  # seconds from the first ECU to the last, at most
MOMENT = timedelta(microseconds=1)  # the least time by which one time is later than another


def stagger(ecus: int) -> float:
    """Returns the seconds between the polls of two successive ECUs, of so many ECUs."""
    return min(STAGGER, SPREAD / ecus)


class Pace(NamedTuple):
    """The facts that decide the time of the next poll, as the last poll knew them."""

    interval: int  # seconds
    site: Site | None = None  # None: day and night alike
    awake: bool = True  # the last reading had an inverter online, or there is none
    turns: datetime | None = None  # when today's energy becomes yesterday's: at midnight, or since; None: both are 0


def pace(interval: int, site: Site | None, timezone: tzinfo, memory: Memory | None, now: datetime) -> Pace:
    """Returns the pace that follows from `memory`; `site` is None if polls do not stop at night."""
    dates = []
    today = memory.counters.today if memory is not None else None
    if today is not None and (today.published or today.yesterday):
        dates.append(today.date)
    if memory is not None and memory.energies_of and any(any(one.energies) for one in memory.inverters.values()):
        dates.append(memory.energies_of)
    turns = None
    if dates:
        midnight = datetime.combine(min(dates) + timedelta(days=1), time(), timezone).astimezone(UTC)
        turns = max(midnight, now + MOMENT)  # a missed one is retried: a broker was down, a laptop slept
    return Pace(interval, site, is_awake(memory, now), turns)


def next_poll(pace: Pace, after: datetime) -> datetime:
    """Returns the first poll later than `after`, in UTC: on a grid of the interval that is aligned to the epoch.

    At night the only poll is when today's energy turns to 0; it is retried until it succeeds. If the window between
    two nights is so short that it holds no point of the grid, the poll is at the beginning of the window.
    """
    following = on_grid(pace.interval, after + MOMENT)
    if pace.site is None or pace.awake:
        return following
    daylight = _in_daylight(pace.interval, pace.site, following)
    if pace.turns is not None and (midnight := on_grid(pace.interval, pace.turns)) > after:
        return min(midnight, daylight)
    return daylight


def on_grid(interval: int, when: datetime) -> datetime:
    """Returns the first point of the grid that is not before `when`."""
    step = timedelta(seconds=interval)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch - (epoch - when) // step * step


def _in_daylight(interval: int, site: Site, point: datetime) -> datetime:
    from aps2mqtt.base.sun import is_up, next_sunrise

    if is_up(site, point):
        return point
    sunrise = next_sunrise(site, point)
    if sunrise is None:
        return point
    risen = on_grid(interval, sunrise)
    return risen if is_up(site, risen) else sunrise
