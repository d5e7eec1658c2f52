"""When an ECU that hangs is to be restarted. Pure.

Some ECUs answer nothing more after hours or days, until they are restarted (quirk 3). A job can restart 2162 and 215x:
setting their access point over HTTP restarts them as a side effect. Some ECUs did not survive a restart, so a restart
needs good reasons: the ECU was silent to five jobs in a row, during at least twenty minutes of daylight, and there was
no restart in the last hour, or in a longer time if the last restarts did not help.
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
    """Returns `memory` after a job that could not read the ECU. Only silence counts as hanging, never a refusal."""
    before, hang = memory.failure, None
    if isinstance(error, EcuSilent):
        hang = Hang(now, 1) if before.hang is None else before.hang._replace(jobs=before.hang.jobs + 1)
    return memory._replace(failure=before._replace(error=str(error), hang=hang))


def restart_is_due(memory: Memory, site: Site, timezone: tzinfo, now: datetime) -> bool:
    """True if the reasons for a restart are good enough. `can_restart` checks whether the ECU can be restarted."""
    hang = memory.failure.hang
    if hang is None or hang.jobs < JOBS or _is_patient(memory, now):
        return False
    if now - max(hang.since, memory.reading.at) < DAYLIGHT:  # a hang remembered from before is no reason
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
    """Returns `memory` after a restart, or after an attempt to restart."""
    before = memory.failure
    return memory._replace(failure=before._replace(hang=None, restarted_at=now, restarts=before.restarts + 1))


def _is_patient(memory: Memory, now: datetime) -> bool:
    """True if the last restart was so recent that the ECU gets more time."""
    restarted_at, restarts = memory.failure.restarted_at, memory.failure.restarts
    if restarted_at is None:
        return False
    patience = PATIENCE * (1 << min(max(restarts - 1, 0), MOST_DOUBLINGS))
    return abs(now - restarted_at) < patience  # abs: a clock that was years ahead delays no restart for years
