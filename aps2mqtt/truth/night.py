"""The rule of the night: whether the ECU is polled. Pure.

site, last reading, time -> night or not
"""

from datetime import datetime, timedelta

from aps2mqtt.base.elapsed import clock_is_behind
from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Site

HALF_A_MINUTE = timedelta(seconds=30)


def is_night(site: Site, memory: Memory | None, now: datetime) -> bool:
    """True while the ECU is not polled: the sun is down, and the last reading had no inverter online.

    So the values on the broker are true at the end of the day. There is no night if nothing is remembered, or if the
    clock is behind the last reading (a Raspberry Pi before it knows the time).
    """
    if is_awake(memory, now):
        return False
    from aps2mqtt.base.sun import is_up

    return not is_up(site, now)


def to_the_minute(moment: datetime) -> datetime:
    """Returns a sunrise or sunset rounded to the minute, as in almanacs, so that it is the same everywhere."""
    return (moment + HALF_A_MINUTE).replace(second=0, microsecond=0)


def is_awake(memory: Memory | None, now: datetime) -> bool:
    """True if an inverter was online at the last reading, or if this is not known."""
    return memory is None or memory.reading.awake or clock_is_behind(memory.reading.at, now)
