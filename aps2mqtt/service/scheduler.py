"""Starts jobs in the process, one for each ECU, at the times of truth/poll_times.py. The only user of APScheduler."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from aps2mqtt.truth.poll_times import Pace, next_poll

# We log skipped runs and the like ourselves: one line per poll.
logging.getLogger("apscheduler").setLevel(logging.CRITICAL)


class PollTrigger(BaseTrigger):  # type: ignore[misc] # APScheduler has no types
    """The times of `next_poll`: a pure function of the pace and of the arguments."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The next time, as APScheduler requires it: strictly later than both arguments."""
        after = now if previous_fire_time is None else max(previous_fire_time, now)
        return next_poll(self.pace, after)


class Schedule:
    """Starts each job at once and then at its pace; never twice at the same time, and never in a burst."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone=UTC, executors={"default": _DaemonExecutor()})
        self._delays: dict[str, timedelta] = {}

    def add(self, name: str, fire: Callable[[], None], pace: Pace, delay: float) -> None:
        """Adds a job: calls `fire` in a thread of this name at the times of `pace`, and first after `delay` seconds."""
        self._delays[name] = timedelta(seconds=delay)
        self._scheduler.add_job(
            fire,
            PollTrigger(pace),
            id=name,
            next_run_time=datetime.now(UTC) + self._delays[name],
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,  # a late poll is a poll; by default APScheduler skips it after a second
        )

    def start(self) -> None:
        """Begins to start jobs."""
        self._scheduler.start()

    def at(self, name: str, pace: Pace) -> datetime:
        """Continues the job at `pace`; returns the time of the next poll. Also helps after a clock jump."""
        job = self._scheduler.reschedule_job(name, trigger=PollTrigger(pace))
        next_run: datetime = job.next_run_time
        return next_run

    def within(self, name: str, seconds: float) -> None:
        """Starts the job after `seconds`, unless it runs then or is due sooner; afterwards its pace continues."""
        job = self._scheduler.get_job(name)
        if job is None:  # stopped
            return
        due: datetime = job.next_run_time
        soon = datetime.now(UTC) + self._delays[name] + timedelta(seconds=seconds)
        self._scheduler.modify_job(name, next_run_time=min(due, soon))

    def stop(self) -> None:
        """Starts no more jobs; does not wait for a job in flight."""
        self._scheduler.shutdown(wait=False)


class _DaemonExecutor(BaseExecutor):  # type: ignore[misc] # as above
    """Runs jobs in threads that the process does not wait for: a killed job loses nothing."""

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:  # noqa: ANN401 - as above
        Thread(target=self._run, args=(job, run_times), name=job.id, daemon=True).start()

    def _run(self, job: Any, run_times: list[datetime]) -> None:  # noqa: ANN401 - as above
        events = run_job(job, job._jobstore_alias, run_times, self._logger.name)  # noqa: SLF001 - as its own executors
        self._run_job_success(job.id, events)
