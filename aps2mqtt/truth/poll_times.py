"""When the scheduler polls next, and how far apart several ECUs are polled. Pure.

site, interval, last reading, phase of the data, time -> time of the next poll
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from aps2mqtt.base.elapsed import clock_is_behind
from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import SUNSPEC, Site
from aps2mqtt.truth import fresh_polls
from aps2mqtt.truth.fresh_polls import Aim
from aps2mqtt.truth.night import is_awake

STAGGER = 0.1  # seconds from one ECU to the next, so that machine and broker do not handle all of them at once
SPREAD = 60.0  # seconds from the first ECU to the last, at most
FRESH_SPREAD = 15.0  # seconds, instead of SPREAD, if ECUs are polled soon after they have new data
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    grid: datetime = EPOCH  # a point of the grid of the polls
    aim: Aim | None = None  # the next poll by the phase of the data; None: that is not known


def pace(  # noqa: PLR0913 - each of them decides the time of the next poll
    interval: int, site: Site | None, timezone: tzinfo, memory: Memory | None, now: datetime, *, delay: float = 0.0
) -> Pace:
    """Returns the pace that follows from `memory`; `site` is None if polls do not stop at night.

    `delay` is the time in seconds from the polls of the first ECU to those of this one.
    """
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
    grid = EPOCH + timedelta(seconds=delay)
    return Pace(interval, site, is_awake(memory, now), turns, grid, _aim(interval, memory, now, delay, grid))


def _aim(interval: int, memory: Memory | None, now: datetime, delay: float, grid: datetime) -> Aim | None:
    """Returns the next poll by the phase of the data, or on the `grid` if the data have none; None: nothing is known.

    Data of SunSpec have no time stamp.
    """
    known = memory.phase if memory is not None and memory.reading.source != SUNSPEC else None
    if known is None or clock_is_behind(known.asked, now):
        return None
    spread = min(delay * FRESH_SPREAD / SPREAD, 3 * fresh_polls.MARGIN * interval)
    soonest = known.asked + timedelta(seconds=fresh_polls.LEAST_PAUSE * interval)
    return fresh_polls.aim(known, interval, spread) or Aim(on_grid(interval, soonest, grid), grid)


def next_poll(pace: Pace, after: datetime) -> datetime:
    """Returns the first poll later than `after`, in UTC: soon after new data, or else on a grid of the interval.

    Where the phase of the data is not known, the grid is aligned to the epoch. At night the only poll is when today's
    energy turns to 0; it is retried until it succeeds. If the window between two nights is so short that it holds no
    point of the grid, the poll is at the beginning of the window.
    """
    following, grid = _following(pace, after)
    if pace.site is None or pace.awake:
        return following
    daylight = _in_daylight(pace.interval, pace.site, following, grid)
    if pace.turns is not None and (midnight := on_grid(pace.interval, pace.turns, pace.grid)) > after:
        return min(midnight, daylight)
    return daylight


def _following(pace: Pace, after: datetime) -> tuple[datetime, datetime]:
    """Returns the first poll later than `after` regardless of the night, and a point of the grid of the polls."""
    if pace.aim is None:
        return on_grid(pace.interval, after + MOMENT, pace.grid), pace.grid
    if pace.aim.at > after:
        return pace.aim.at, pace.aim.grid
    soonest = pace.aim.at + timedelta(seconds=fresh_polls.LEAST_PAUSE * pace.interval)
    return on_grid(pace.interval, max(after + MOMENT, soonest), pace.aim.grid), pace.aim.grid


def on_grid(interval: int, when: datetime, grid: datetime = EPOCH) -> datetime:
    """Returns the first point of the grid through `grid` that is not before `when`."""
    step = timedelta(seconds=interval)
    return grid - (grid - when) // step * step


def _in_daylight(interval: int, site: Site, point: datetime, grid: datetime) -> datetime:
    from aps2mqtt.base.sun import is_up, next_sunrise

    if is_up(site, point):
        return point
    sunrise = next_sunrise(site, point)
    if sunrise is None:
        return point
    risen = on_grid(interval, sunrise, grid)
    return risen if is_up(site, risen) else sunrise
