"""The main task: poll the ECU, publish, keep the state.

A job connects, decodes, publishes retained messages and ends. It is idempotent: the same data polled twice give the
same messages. It does not matter whether cron, a timer, a person or the scheduler starts it.

    Job(config, now, store).run() -> Outcome
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from aps2mqtt.base import models
from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.elapsed import clock_is_behind, in_words
from aps2mqtt.base.errors import BothFailed, EcuError, EcuUnreachable, JobError, described, is_exhausted
from aps2mqtt.base.memory import Memory, Rhythm
from aps2mqtt.base.names import named
from aps2mqtt.base.values import SUNSPEC, Recalled, Report, Snapshot, Unchanged
from aps2mqtt.config.values import Config
from aps2mqtt.jobs import plan
from aps2mqtt.jobs.state_file import StateError, Store
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.abandoned import NOTHING_ABANDONED, Abandoned
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message, Style
from aps2mqtt.sources import ask
from aps2mqtt.sources.endpoints import NORMAL, Endpoint, Limits
from aps2mqtt.sources.poll import FAILURES, Polled, poll
from aps2mqtt.truth import freshness, hang, phase, problems, true_values
from aps2mqtt.truth.data_age import age_of
from aps2mqtt.truth.night import is_night, to_the_minute

if TYPE_CHECKING:
    from aps2mqtt.journal.entry import Left

log = logging.getLogger(__name__)

CANNOT_RESTART = "the ECU hangs, and aps2mqtt cannot restart this model; power the ECU off and on"
NOT_OVER_A_MEMORY = (JobError, OSError)  # failures that would also come without a memory


class Outcome(NamedTuple):
    """What a job did: `summary` is one line for the log."""

    summary: str
    report: Report
    messages: tuple[Message, ...]
    night: bool = False


class Job(NamedTuple):
    """One job at the aware time `now`."""

    config: Config
    now: datetime
    store: Store
    force: bool = False  # the job ignores the night
    dry_run: bool = False  # it publishes and remembers nothing
    of_run: bool = False  # `run` started it
    abandoned: Abandoned = NOTHING_ABANDONED  # topics of another program, which the job clears
    limits: Limits = NORMAL

    def run(self) -> Outcome:
        """Does the job. Raises JobError; before that it publishes the error, if it can."""
        with ask.turn_or_failure(self.config.ecu, self.limits) as endpoint:
            memory = _load(self.store)
            self._warn(((warning, warning) for warning in self.config.warnings), memory)
            try:
                return self._poll_without_crash(memory, endpoint)
            except JobError as error:
                self._leave_failure(error, memory)
                raise

    def _poll_without_crash(self, memory: Memory | None, endpoint: Endpoint | EcuUnreachable) -> Outcome:
        """Does the job with the memory of the last one, or without it if the memory is the cause of a bug."""
        try:
            return self._poll(memory, endpoint)
        except NOT_OVER_A_MEMORY:
            raise
        except Exception as error:
            if memory is None or is_exhausted(error):
                raise
            log.warning(
                "the job failed because of its state file (%s: %s) and is repeated without the file; report "
                "the output of -D",
                type(error).__name__,
                error,
                exc_info=error,
            )
            return self._poll(None, endpoint)

    def _poll(self, memory: Memory | None, endpoint: Endpoint | EcuUnreachable) -> Outcome:
        """Does the job with the memory of the last one."""
        if memory is not None and self._is_night(memory):
            return self._leave_alone(memory)
        try:
            if isinstance(endpoint, EcuUnreachable):
                raise endpoint
            polled = poll(endpoint, self.config.ecu, memory, self.now, self.limits)
        except EcuError as error:
            self._fail(memory, error, endpoint)
            raise
        snapshot = polled.snapshot
        replaced = memory.ecu_id if memory is not None and memory.ecu_id != snapshot.ecu_id else ""
        memory = true_values.memory_of(snapshot.ecu_id, memory)
        self._warn(((remark.what, str(remark)) for remark in snapshot.remarks), memory)
        self._tell_end_of_failures(snapshot, memory)
        return self._publish(polled, memory, replaced)

    def _warn(self, warnings: Iterable[tuple[str, str]], memory: Memory | None) -> None:
        """Logs each warning once for as long as it lasts, because under cron each line is a mail."""
        told = memory.told if memory is not None else ()
        for what, text in warnings:
            log.log(logging.DEBUG if what in told else logging.WARNING, "%s", text)

    def _tell_end_of_failures(self, snapshot: Snapshot, memory: Memory | None) -> None:
        now = {remark.what for remark in snapshot.remarks}
        for what in memory.told if memory is not None else ():
            if what in FAILURES and what not in now:
                log.info("%s", FAILURES[what])

    def _remember(self, memory: Memory, warnings: Iterable[str] = ()) -> None:
        """Saves the memory for the next job, with the warnings that were logged."""
        told = dict.fromkeys((*memory.told, *self.config.warnings, *warnings))
        try:
            self.store.save(memory._replace(told=tuple(told)))
        except StateError as error:
            log.log(logging.DEBUG if self.store.failed_before else logging.WARNING, "%s", error)

    def _is_night(self, memory: Memory) -> bool:
        ecu = self.config.ecu
        return ecu.stop_at_night and not self.force and is_night(ecu.site, memory, self.now)

    def _publish(self, polled: Polled, before: Memory | None, replaced: str) -> Outcome:
        """Publishes the reading, and the status of the ECU that was `replaced`, if any."""
        snapshot = polled.snapshot
        if self.dry_run:
            return self.would_publish(snapshot, before)
        with Session(self.config.broker) as session:
            wanted = true_values.wants_recall(snapshot, before, self.now)
            recalled = self._recall(session, snapshot.ecu_id) if wanted else Recalled()
            report, memory = self._settle(snapshot, before, recalled)
            messages = self._plan(report, before, memory)
            if replaced:
                cause = f"replaced by {snapshot.ecu_id}"
                messages += topics.status_messages(self._style(memory), replaced, cause)
            session.publish(messages)
        units = polled.units or (before.units if before is not None else None)
        self._remember(memory._replace(units=units), self._leave(report, memory, before))
        return Outcome(f"{self._reading(report, memory)}; {self._sent(messages)}", report, messages)

    def would_publish(self, snapshot: Snapshot, before: Memory | None) -> Outcome:
        """Returns the outcome of a job that reads `snapshot`, as far as it is known without the broker."""
        before = true_values.memory_of(snapshot.ecu_id, before)
        report, memory = self._settle(snapshot, before, Recalled())
        return Outcome(self._reading(report, memory), report, self._plan(report, before, memory))

    def _leave_alone(self, before: Memory) -> Outcome:
        from aps2mqtt.base.sun import next_sunrise

        ecu = self.config.ecu
        report, memory = true_values.night(before, self.now, ecu.timezone)
        report = report._replace(error=named(report.error, self.config.names))
        if memory.watch is not None:
            report = problems.with_problems(report, memory.watch, self.config.names)
        memory = self._timed(memory, before)
        messages = self._plan(report, before, memory)
        opens = next_sunrise(ecu.site, self.now)
        opening = to_the_minute(opens).astimezone(ecu.timezone) if opens else None
        until = f"{opening:%Y-%m-%d %H:%M %Z}" if opening else "further notice"
        summary = f"night at the site: the ECU is not polled until {until}"
        if self.dry_run:
            return Outcome(summary, report, messages, night=True)
        with Session(self.config.broker) as session:
            session.publish(messages)
        self._remember(memory, self._leave(report, memory, before))
        return Outcome(f"{summary}; {self._sent(messages)}", report, messages, night=True)

    def _settle(self, snapshot: Snapshot, before: Memory | None, recalled: Recalled) -> tuple[Report, Memory]:
        """Returns the report of a good reading, and the memory for the next job."""
        ecu = self.config.ecu
        report, memory = true_values.settle(snapshot, before, recalled, self.now, ecu.timezone)
        site = ecu.site if ecu.located else None
        watch = problems.look(snapshot, before.watch if before is not None else None, site)
        memory = memory._replace(watch=watch, phase=phase.after_reading(before, snapshot, self.now))
        return problems.with_problems(report, watch, self.config.names), self._timed(memory, before)

    def _plan(self, report: Report, before: Memory | None, memory: Memory) -> tuple[Message, ...]:
        return plan.messages(self._style(memory), report, before, self.abandoned)

    def _style(self, memory: Memory | None) -> Style:
        return plan.style_of_job(self.config, memory, self.now, of_run=self.of_run)

    def _timed(self, memory: Memory, before: Memory | None) -> Memory:
        """Returns `memory` with the time and style of this job, for the next job."""
        past = before.rhythm if before is not None else None
        if before is not None and clock_is_behind(before.reading.at, self.now):
            timed = past
        elif self.of_run:
            from aps2mqtt.truth import poll_times

            ecu = self.config.ecu
            site = ecu.site if ecu.stop_at_night else None
            due = poll_times.next_poll(
                poll_times.pace(ecu.poll_interval, site, ecu.timezone, memory, self.now), self.now
            )
            timed = freshness.after_poll_of_run(past, self.now, due)
        else:
            timed = freshness.after_job(past, self.now)
        return memory._replace(rhythm=timed, layout=plan.style(self.config).layout)

    def _fail(self, memory: Memory | None, error: EcuError, endpoint: Endpoint | EcuUnreachable) -> None:
        """Publishes status and cause, if the ECU's id is known. Raises BothFailed if the broker fails too."""
        if self.dry_run:
            return
        if error.ecu_id:
            memory = true_values.memory_of(error.ecu_id, memory)
        ecu_id = error.ecu_id or (memory.ecu_id if memory is not None else "")
        if memory is not None:
            # A clock that is behind the last reading does not show for how long the ECU has not answered.
            when = max(self.now, memory.reading.at)
            memory = self._timed(hang.failed(memory, error, when), memory)._replace(layout=memory.layout)
        try:
            with Session(self.config.broker) as session:
                if ecu_id:
                    cause = named(str(error), self.config.names)
                    session.publish(topics.status_messages(self._style(memory), ecu_id, cause))
        except JobError as broker_error:
            raise BothFailed(error, broker_error) from error
        if memory is not None:
            if isinstance(endpoint, Endpoint):
                memory = self._restart(memory, endpoint)
            self._remember(memory)

    def _leave(self, report: Report, memory: Memory, before: Memory | None) -> list[str]:
        """Leaves the files of a successful job; returns the warnings that were logged."""
        if not self._leaves_files():
            return []
        from aps2mqtt.jobs import leaving

        left = leaving.of_report(self.config, self.now, self._fresh_for(memory), report, memory)
        return self._write_files(left, before)

    def _leave_failure(self, error: JobError, memory: Memory | None) -> None:
        """Leaves the files of a job that has failed."""
        if self.dry_run or not self._leaves_files():
            return
        from aps2mqtt.jobs import leaving

        timed = self._timed(memory, memory) if memory is not None else None
        left = leaving.of_failure(self.config, self.now, self._fresh_for(timed), error, memory)
        warnings = self._write_files(left, memory)
        known = self.store.remembered() if warnings else None
        if known is not None:
            self._remember(known, warnings)

    def _leaves_files(self) -> bool:
        return self.config.page_directory is not None or self.config.metrics_directory is not None

    def _write_files(self, left: "Left", before: Memory | None) -> list[str]:
        """Writes journal, page and metrics; logs and returns the warnings. No failure stops the job."""
        from aps2mqtt.jobs import leaving

        try:
            warnings = leaving.leave(self.config, left, self.store.path.stem, self.now)
        except Exception as error:
            if is_exhausted(error):
                raise
            log.debug("from here:", exc_info=error)
            warnings = [f"the page and the metrics were not written: {described(error)}"]
        self._warn(((warning, warning) for warning in warnings), before)
        return warnings

    def _fresh_for(self, memory: Memory | None) -> int:
        """Seconds from this job within which the next one should come."""
        rhythm = memory.rhythm if memory is not None else None
        return freshness.expiry(rhythm or Rhythm(self.now), self.now)

    def _restart(self, memory: Memory, endpoint: Endpoint) -> Memory:
        """Restarts an ECU that hangs, if the user wants it, the ECU can and it is due. A failure is only logged."""
        ecu = self.config.ecu
        if ecu.restart_with is None or not hang.restart_is_due(memory, ecu.site, ecu.timezone, self.now):
            return memory
        if not hang.can_restart(memory.ecu_id):
            if CANNOT_RESTART not in memory.told:
                log.warning("%s", CANNOT_RESTART)
            return memory._replace(told=(*memory.told, CANNOT_RESTART))
        from aps2mqtt.sources.ecu8899 import restart

        try:
            restart.restart(endpoint, ecu.restart_with)
            log.warning("the ECU at %s hangs and is being restarted; wait up to ten minutes", endpoint)
        except restart.RestartError as error:
            log.warning("the ECU at %s hangs and cannot be restarted: %s; power the ECU off and on", endpoint, error)
        return hang.restarted(memory, self.now)

    def _recall(self, session: Session, ecu_id: str) -> Recalled:
        """Returns the counters that the broker retains."""
        chosen = plan.style(self.config)
        # Without a memory this is the only message that is surely true: the ECU was read.
        probe, _ = topics.status_messages(chosen, ecu_id, "")
        retained = session.retained(topics.recall_topics(chosen, ecu_id), probe)
        if retained is None:
            return Recalled(readable=False)
        return topics.recalled(chosen, ecu_id, retained)

    def _reading(self, report: Report, memory: Memory) -> str:
        """Returns the totals and the age of the data in words."""
        today = "" if isinstance(report.today, Unchanged) else f", {topics.payload(report.today)} kWh today"
        online = (
            "" if isinstance(report.online, Unchanged) else f", {report.online} of {report.registered} inverters online"
        )
        when = f", data of {report.timestamp:%Y-%m-%d %H:%M:%S}" if report.timestamp else ""
        if report.timestamp and report.source != SUNSPEC:
            when += f", {in_words(age_of(report.timestamp, self.now, memory.phase))} old"
        power = "unknown power" if report.power is None else f"{topics.payload(report.power)} W"
        return f"{models.ecu_model(report.ecu_id)} {report.ecu_id}: {power}{today}{online}{when}"

    def _sent(self, messages: tuple[Message, ...]) -> str:
        return f"{len(messages)} messages to {self.config.broker.host}:{self.config.broker.port}"


def part(config: Config, store: Store, deadline: Deadline) -> None:
    """Records for the next job that `run` has ended. A failure is only logged."""
    if not deadline.remaining():  # many ECUs and a slow card use up the time
        return
    limits = NORMAL._replace(resolve=deadline.remaining())
    try:
        with ask.turn(config.ecu, limits, patience=0):
            memory = store.remembered()
            if memory is not None and memory.rhythm is not None and memory.rhythm.run_due is not None:
                store.save(memory._replace(rhythm=memory.rhythm._replace(run_due=None)))
    except (JobError, StateError) as error:
        log.debug("the state file does not show that `run` has stopped: %s", error)


def _load(store: Store) -> Memory | None:
    try:
        return store.load()
    except StateError as error:
        log.warning("%s", error)
        return error.left
