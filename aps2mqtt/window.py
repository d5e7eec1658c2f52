"""When the ECU may be asked: the rule of the night, the same for a single job and for the scheduler. Pure.

site, last reading, time -> night or not
site, interval, last reading, time -> time of the next poll
number of ECUs -> seconds from one to the next
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from aps2mqtt.model import Memory, Site
from aps2mqtt.truth import clock_is_behind

STAGGER = 0.1  # seconds from one ECU to the next, so that neither machine nor broker has all of them at once ...
SPREAD = 60.0  # ... and from the first to the last at most
HALF_A_MINUTE = timedelta(seconds=30)
MOMENT = timedelta(microseconds=1)  # that what is later is later at least


def stagger(ecus: int) -> float:
    """Seconds by which each of so many ECUs is asked later than the one before."""
    return min(STAGGER, SPREAD / ecus)


def is_night(site: Site, memory: Memory | None, now: datetime) -> bool:
    """True while the ECU is left alone: the sun is down, and the last reading had no inverter online.

    So the values on the broker end the day true. With nothing remembered there is no night, nor by a clock that is
    behind the last reading (a Raspberry Pi before it knows the time).
    """
    if _is_awake(memory, now):
        return False
    from aps2mqtt.sun import is_up

    return not is_up(site, now)


def opens(site: Site, now: datetime) -> datetime | None:
    """When the night of `now` ends, in UTC."""
    from aps2mqtt.sun import next_sunrise

    return next_sunrise(site, now)


def to_the_minute(moment: datetime) -> datetime:
    """A sunrise or sunset as almanacs print it: rounded, so that it is the same wherever it is shown."""
    return (moment + HALF_A_MINUTE).replace(second=0, microsecond=0)


class Pace(NamedTuple):
    """What decides about the next poll, as far as the last one could know it."""

    interval: int  # seconds
    site: Site | None = None  # None: day and night alike
    awake: bool = True  # the last reading had an inverter online, or there is none
    turns: datetime | None = None  # when today's energy becomes yesterday's: at midnight, or since; None: both are 0


def pace(interval: int, site: Site | None, timezone: tzinfo, memory: Memory | None, now: datetime) -> Pace:
    """The pace that `memory` asks for; `site` is None for those who do not stop at night."""
    dates = []
    if memory is not None and memory.today is not None and (memory.today.published or memory.today.yesterday):
        dates.append(memory.today.date)
    if memory is not None and memory.energies_of and any(any(one.energies) for one in memory.inverters.values()):
        dates.append(memory.energies_of)
    turns = None
    if dates:
        midnight = datetime.combine(min(dates) + timedelta(days=1), time(), timezone).astimezone(UTC)
        turns = max(midnight, now + MOMENT)  # one that was missed is made up for: a broker was down, a laptop slept
    return Pace(interval, site, _is_awake(memory, now), turns)


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


def _is_awake(memory: Memory | None, now: datetime) -> bool:
    return memory is None or memory.awake or clock_is_behind(memory, now)


def _in_daylight(interval: int, site: Site, point: datetime) -> datetime:
    from aps2mqtt.sun import is_up, next_sunrise

    if is_up(site, point):
        return point
    sunrise = next_sunrise(site, point)
    if sunrise is None:
        return point
    risen = on_grid(interval, sunrise)
    return risen if is_up(site, risen) else sunrise
