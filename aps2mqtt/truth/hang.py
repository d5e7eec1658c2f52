"""When an ECU that hangs is to be restarted. Pure.

Some ECUs answer nothing more after hours or days, until they are restarted (quirk 3). 2162 and 215x can be, as a side
effect of setting their access point over HTTP. A restart is a grave thing, which some did not survive, so there have
to be good reasons: five jobs in a row that found it silent, over twenty minutes of daylight at least, no restart in
the last hour, and longer if that did not help.
"""

from datetime import datetime, timedelta, tzinfo

from aps2mqtt.base.errors import EcuSilent, JobError
from aps2mqtt.base.memory import Hang, Memory
from aps2mqtt.base.values import Site

JOBS = 5
DAYLIGHT = timedelta(minutes=20)
PATIENCE = timedelta(hours=1)  # after a restart; twice as long after each further one that did not help
MOST_DOUBLINGS = 4  # 16 hours
MAINTENANCE = ((2, 0), (3, 30))  # site's time: the ECU is busy with itself, and firmware arrives (quirk 12)
RESTARTABLE = ("2162", "215")  # ids of ECUs with a web server


def failed(memory: Memory, error: JobError, now: datetime) -> Memory:
    """`memory` after a job that could not read the ECU. Only silence counts as hanging, a refusal never does."""
    before, hang = memory.failure, None
    if isinstance(error, EcuSilent):
        hang = Hang(now, 1) if before.hang is None else before.hang._replace(jobs=before.hang.jobs + 1)
    return memory._replace(failure=before._replace(error=str(error), hang=hang))


def restart_is_due(memory: Memory, site: Site, timezone: tzinfo, now: datetime) -> bool:
    """True where the reasons are good enough; whether the ECU can be restarted is another question."""
    hang = memory.failure.hang
    if hang is None or hang.jobs < JOBS or _is_patient(memory, now):
        return False
    if now - max(hang.since, memory.reading.at) < DAYLIGHT:  # what the state says of a hang from before is no reason
        return False
    at_site = now.astimezone(timezone)
    if MAINTENANCE[0] <= (at_site.hour, at_site.minute) < MAINTENANCE[1]:
        return False
    from aps2mqtt.base.sun import is_up

    return all(is_up(site, moment) for moment in (now - DAYLIGHT, now))


def can_restart(ecu_id: str) -> bool:
    """True for the models that have a web server."""
    return ecu_id.startswith(RESTARTABLE)


def restarted(memory: Memory, now: datetime) -> Memory:
    """`memory` after a restart, or the attempt at one."""
    before = memory.failure
    return memory._replace(failure=before._replace(hang=None, restarted_at=now, restarts=before.restarts + 1))


def _is_patient(memory: Memory, now: datetime) -> bool:
    """True where the last restart was so short a time ago that the ECU gets more time."""
    restarted_at, restarts = memory.failure.restarted_at, memory.failure.restarts
    if restarted_at is None:
        return False
    patience = PATIENCE * (1 << min(max(restarts - 1, 0), MOST_DOUBLINGS))
    return abs(now - restarted_at) < patience  # a clock that was years ahead keeps no ECU from it for years
