"""How often jobs come, and so how long what one says stays fresh. Pure.

`run` knows when it polls next. cron and the timer do not tell a job when the next will be: it is taken from the
longest time between two jobs that was seen lately, the night included, where a crontab leaves it out.
"""

from datetime import datetime, timedelta
from math import ceil

from aps2mqtt.base.memory import Rhythm

LEAST = timedelta(minutes=15)
JOBS_TO_MISS = 2
LATELY = timedelta(days=2)  # a daily pause is seen again by then
NEARLY = 0.8  # of the longest: no pause is quite as long as that of the day before
LONGEST_PAUSE = timedelta(hours=26)  # a job a day, also when summer time ends; longer, and the machine was off
STEP = 300  # seconds: finer, and every job would announce a new expiry


def after_job(before: Rhythm | None, now: datetime) -> Rhythm:
    """The rhythm after a job of cron, a timer or a person, at `now`."""
    if before is None:
        return Rhythm(now)
    pause = now - before.at
    longest, longest_at = before.longest, before.longest_at
    if longest_at is not None:
        longest_at = min(longest_at, now)  # of a clock that was ahead: it ages from now on
    if longest_at is not None and now - longest_at > LATELY:
        longest, longest_at = 0, None
    if NEARLY * timedelta(seconds=longest) <= pause <= LONGEST_PAUSE:
        longest, longest_at = max(longest, pause.total_seconds()), now
    return Rhythm(now, longest, longest_at, before.run_due if run_is_in_use(before, now) else None)


def after_poll_of_run(before: Rhythm | None, now: datetime, due: datetime) -> Rhythm:
    """The rhythm after a job of `run` at `now`, whose next one is due at `due`."""
    before = before or Rhythm(now)
    return before._replace(at=now, run_due=due)


def run_is_in_use(rhythm: Rhythm | None, now: datetime) -> bool:
    """True where `run` has polled and its next poll is not overdue; a clock that was ahead then proves nothing."""
    return rhythm is not None and rhythm.run_due is not None and rhythm.at - LEAST <= now <= rhythm.run_due + LEAST


def expiry(rhythm: Rhythm, now: datetime) -> int:
    """Seconds that outlive the next expected job, and one that fails; in steps, and LEAST at least."""
    if rhythm.run_due is not None:
        fresh = rhythm.run_due - now + LEAST
    else:
        fresh = JOBS_TO_MISS * timedelta(seconds=rhythm.longest)
    return ceil(max(fresh, LEAST).total_seconds() / STEP) * STEP


def is_overdue(rhythm: Rhythm | None, now: datetime) -> bool:
    """True where a job should have come since the last one."""
    return rhythm is None or now > rhythm.at + timedelta(seconds=expiry(rhythm, rhythm.at))
