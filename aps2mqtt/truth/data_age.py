"""How old data are, also if the ECU's clock is wrong, and whether there are new ones. Pure."""

from datetime import datetime, timedelta

from aps2mqtt.base.elapsed import elapsed
from aps2mqtt.base.memory import Memory, Phase

LATEST = timedelta(minutes=15)  # an ECU with a large array has its data this much later than their time stamp, at most
RENEWED = timedelta(minutes=30)  # an ECU with inverters online has new data within this time


def age_of(timestamp: datetime, now: datetime, phase: Phase | None) -> timedelta:
    """Returns the time from the time stamp of data until `now`, by a clock that is right; at least 0 if it is known."""
    age = elapsed(timestamp, now)
    return age if phase is None else max(timedelta(), age - clock_error(phase))


def clock_error(phase: Phase) -> timedelta:
    """Returns by how much the ECU's clock is behind; negative: ahead; 0 if it may be right."""
    if phase.most < 0:
        return timedelta(seconds=phase.most)
    if phase.least is not None and phase.least > LATEST.total_seconds():
        return timedelta(seconds=phase.least)
    return timedelta()


def no_new_data_since(memory: Memory) -> datetime | None:
    """Returns when data were new last if inverters are online and that is too long ago at the last reading, else None.

    It is the time of a poll, by this machine's clock: that of the ECU may be wrong.
    """
    phase, reading = memory.phase, memory.reading
    if phase is None or not reading.awake or reading.at - phase.found < RENEWED:
        return None
    return phase.found if phase.asked == reading.at else None  # SunSpec has no time stamp
