"""How often jobs come, and so how long the values that a job publishes stay fresh. Pure.

`run` knows when it polls next. cron and the timer do not pass that time to a job. So it is derived from the longest
recent time between two jobs; that time includes the night if a crontab leaves the night out.
"""

from datetime import datetime, timedelta
from math import ceil

from aps2mqtt.base.memory import Rhythm

LEAST = timedelta(minutes=15)
JOBS_TO_MISS = 2
LATELY = timedelta(days=2)  # a daily pause comes again within this time
NEARLY = 0.8  # share of the longest pause: a pause may be shorter than that of the day before
LONGEST_PAUSE = timedelta(hours=26)  # a job a day, also when summer time ends; after a longer pause the machine was off
STEP = 300  # seconds; with a finer step every job would announce a new expiry


def after_job(before: Rhythm | None, now: datetime) -> Rhythm:
    """Returns the rhythm after a job of cron, a timer or a person, at `now`."""
    if before is None:
        return Rhythm(now)
    pause = now - before.at
    longest, longest_at = before.longest, before.longest_at
    if longest_at is not None:
        longest_at = min(longest_at, now)  # if the clock was ahead, it ages from now on
    if longest_at is not None and now - longest_at > LATELY:
        longest, longest_at = 0, None
    if NEARLY * timedelta(seconds=longest) <= pause <= LONGEST_PAUSE:
        longest, longest_at = max(longest, pause.total_seconds()), now
    return Rhythm(now, longest, longest_at, before.run_due if run_is_in_use(before, now) else None)


def after_poll_of_run(before: Rhythm | None, now: datetime, due: datetime) -> Rhythm:
    """Returns the rhythm after a job of `run` at `now`; the next job of `run` is due at `due`."""
    before = before or Rhythm(now)
    return before._replace(at=now, run_due=due)


def run_is_in_use(rhythm: Rhythm | None, now: datetime) -> bool:
    """True if `run` has polled and its next poll is not overdue. A last job in the future (wrong clock) is no proof."""
    return rhythm is not None and rhythm.run_due is not None and rhythm.at - LEAST <= now <= rhythm.run_due + LEAST


def expiry(rhythm: Rhythm, now: datetime) -> int:
    """Returns the seconds until after the next expected job and one failed job; a multiple of STEP, at least LEAST."""
    if rhythm.run_due is not None:
        fresh = rhythm.run_due - now + LEAST
    else:
        fresh = JOBS_TO_MISS * timedelta(seconds=rhythm.longest)
    return ceil(max(fresh, LEAST).total_seconds() / STEP) * STEP


def is_overdue(rhythm: Rhythm | None, now: datetime) -> bool:
    """True if a job should have come since the last one."""
    return rhythm is None or now > rhythm.at + timedelta(seconds=expiry(rhythm, rhythm.at))
