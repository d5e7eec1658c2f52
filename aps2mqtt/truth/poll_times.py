"""When the scheduler polls next, and how far apart several ECUs are polled. Pure.

site, interval, last reading, time -> time of the next poll
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Site
from aps2mqtt.truth.night import is_awake

STAGGER = 0.1  # seconds from one ECU to the next, so that neither machine nor broker has all of them at once ...
SPREAD = 60.0  # ... and from the first to the last at most
MOMENT = timedelta(microseconds=1)  # that what is later is later at least


def stagger(ecus: int) -> float:
    """Seconds by which each of so many ECUs is asked later than the one before."""
    return min(STAGGER, SPREAD / ecus)


class Pace(NamedTuple):
    """What decides about the next poll, as far as the last one could know it."""

    interval: int  # seconds
    site: Site | None = None  # None: day and night alike
    awake: bool = True  # the last reading had an inverter online, or there is none
    turns: datetime | None = None  # when today's energy becomes yesterday's: at midnight, or since; None: both are 0


def pace(interval: int, site: Site | None, timezone: tzinfo, memory: Memory | None, now: datetime) -> Pace:
    """The pace that `memory` asks for; `site` is None for those who do not stop at night."""
    dates = []
    today = memory.counters.today if memory is not None else None
    if today is not None and (today.published or today.yesterday):
        dates.append(today.date)
    if memory is not None and memory.energies_of and any(any(one.energies) for one in memory.inverters.values()):
        dates.append(memory.energies_of)
    turns = None
    if dates:
        midnight = datetime.combine(min(dates) + timedelta(days=1), time(), timezone).astimezone(UTC)
        turns = max(midnight, now + MOMENT)  # one that was missed is made up for: a broker was down, a laptop slept
    return Pace(interval, site, is_awake(memory, now), turns)


def next_poll(pace: Pace, after: datetime) -> datetime:
    """The first poll later than `after`, in UTC: on a grid of the interval that is aligned to the epoch.

    At night there is none but where today's energy turns to 0: one, or as many as it takes until one goes well. A
    window between two nights that is so short that it holds no point of the grid is polled at its beginning.
    """
    following = on_grid(pace.interval, after + MOMENT)
    if pace.site is None or pace.awake:
        return following
    daylight = _in_daylight(pace.interval, pace.site, following)
    if pace.turns is not None and (midnight := on_grid(pace.interval, pace.turns)) > after:
        return min(midnight, daylight)
    return daylight


def on_grid(interval: int, when: datetime) -> datetime:
    """The first point of the grid that is not before `when`."""
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
