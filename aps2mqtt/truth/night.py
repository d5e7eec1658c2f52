"""Whether the ECU is left alone: the rule of the night. Pure.

site, last reading, time -> night or not
"""

from datetime import datetime, timedelta

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Site
from aps2mqtt.truth.ecu_energy import clock_is_behind

HALF_A_MINUTE = timedelta(seconds=30)


def is_night(site: Site, memory: Memory | None, now: datetime) -> bool:
    """True while the ECU is left alone: the sun is down, and the last reading had no inverter online.

    So the values on the broker end the day true. With nothing remembered there is no night, nor by a clock that is
    behind the last reading (a Raspberry Pi before it knows the time).
    """
    if is_awake(memory, now):
        return False
    from aps2mqtt.base.sun import is_up

    return not is_up(site, now)


def night_ends(site: Site, now: datetime) -> datetime | None:
    """When the night of `now` ends, in UTC."""
    from aps2mqtt.base.sun import next_sunrise

    return next_sunrise(site, now)


def to_the_minute(moment: datetime) -> datetime:
    """A sunrise or sunset as almanacs print it: rounded, so that it is the same wherever it is shown."""
    return (moment + HALF_A_MINUTE).replace(second=0, microsecond=0)


def is_awake(memory: Memory | None, now: datetime) -> bool:
    """True where an inverter was online by the last reading, or nobody can tell."""
    return memory is None or memory.reading.awake or clock_is_behind(memory, now)
