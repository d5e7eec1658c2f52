"""`aps2mqtt run`: the built-in scheduler starts the same job for each ECU until SIGTERM or SIGINT.

It adds what only a lasting process can add: the topic aps/status, a job whenever the broker comes back, and a log of
what changes.
"""

import logging
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from threading import Event, Thread

from aps2mqtt import __version__
from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.errors import BothFailed, BrokerRefusal, BrokerUnreachable, EcuBusy, described
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job, part
from aps2mqtt.jobs.plan import style
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt.presence import Presence
from aps2mqtt.mqtt.topics import presence_topic
from aps2mqtt.service.scheduler import Schedule
from aps2mqtt.service.systemd import notify
from aps2mqtt.truth import poll_times

log = logging.getLogger(__name__)

STOPPING = (signal.SIGTERM, signal.SIGINT)
TICK = 10.0  # seconds between two checks of the clock
JUMP = 5.0  # seconds that the clock may be off from one check to the next
STUCK = 300.0  # seconds: all waits of a job are bounded, so a longer job is a bug, and the watchdog may act
REMINDER = timedelta(hours=1)
FILLS = 60.0  # seconds from one filling to the next, if the connection to the broker flaps
FLAPPING = 4  # connections within FLAPPING_TIME
FLAPPING_TIME = 600.0  # seconds: a client that each filling alone disconnects reaches that number in it
GOODBYE = 1.0  # seconds, to leave a note for the next job
BROKER_FAILED = (BrokerUnreachable, BrokerRefusal, BothFailed)


class Daemon:
    """Polls each ECU at its own pace."""

    def __init__(self, configs: Sequence[Config]) -> None:
        broker, topic = configs[0].broker, presence_topic(style(configs[0]))
        polled = ", ".join(f"{config.ecu.address} every {config.ecu.poll_interval} s" for config in configs)
        self._about = f"version {__version__}, polling {polled}, publishing to {broker.host}:{broker.port}"
        self._schedule = Schedule()
        step = poll_times.stagger(len(configs))
        self._presence = Presence(broker, topic, self._connected, self._lost)
        renew = self._presence.renew
        self._ecus = [_PolledEcu(config, n * step, self._schedule, renew) for n, config in enumerate(configs)]
        self._connections: deque[float] = deque(maxlen=FLAPPING)  # on the monotonic clock

    def run(self) -> None:
        """Polls until SIGTERM or SIGINT; the caller must have blocked both in all threads."""
        log.info("%s", self._about)
        self._presence.start()
        self._schedule.start()
        notify("READY=1")
        offset = time.time() - time.monotonic()
        end = _End()
        while not end.wait(TICK):
            if not any(ecu.is_stuck() for ecu in self._ecus):
                notify("WATCHDOG=1")
            before, offset = offset, time.time() - time.monotonic()
            if abs(offset - before) > JUMP:
                log.info("the clock has jumped by %.0f s; the next polls are rescheduled", offset - before)
                for ecu in self._ecus:
                    ecu.reschedule()
        log.info("stopped by %s", end.signal.name)
        notify("STOPPING=1")
        self._schedule.stop()
        self._presence.stop()
        deadline = Deadline(GOODBYE)
        for ecu in self._ecus:
            ecu.leave(deadline)

    def _connected(self) -> None:
        self._connections.append(time.monotonic())
        if len(self._connections) == FLAPPING and self._connections[-1] - self._connections[0] < FLAPPING_TIME:
            log.warning(
                "the broker keeps closing our connection; stop a second `aps2mqtt run` if there is one, or give each "
                "its own MQTT_CLIENT_ID, and in mosquitto set use_username_as_clientid to false"
            )
            self._connections = deque(maxlen=0)  # once is enough
        for ecu in self._ecus:
            ecu.fill()

    def _lost(self) -> None:
        for ecu in self._ecus:
            ecu.broker_lost()


class _End(Event):
    """An event that is set once a signal of STOPPING arrives.

    A thread waits for the signal without a time limit: Python's sigtimedwait returns a signal that never came if it was
    interrupted until its time was over, as in a process that was stopped (Ctrl-Z) and goes on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signal = STOPPING[0]
        Thread(target=self._listen, name="end", daemon=True).start()

    def _listen(self) -> None:
        self.signal = signal.Signals(signal.sigwait(STOPPING))
        self.set()


class _PolledEcu:
    """One ECU with its polls, their log and their schedule."""

    def __init__(self, config: Config, delay: float, schedule: Schedule, renew: Callable[[], None]) -> None:
        self._config = config
        self._renew = renew  # publishes that the process runs
        self._name = config.ecu.address
        self._store = Store(config.state_directory, config.ecu.host, config.ecu.port)
        self._told = PollLog(config.ecu.timezone)
        self._fill = False  # the broker may have forgotten everything
        self._again = False  # another poll is needed after the one in flight
        self._filled: float | None = None  # on the monotonic clock, of the last filling
        self._began: float | None = None  # on the monotonic clock, start of the job in flight
        self._schedule = schedule
        self._delay = delay
        schedule.add(self._name, self._poll, self._pace(), delay)

    def is_stuck(self) -> bool:
        """True if the job in flight began STUCK seconds ago or more."""
        began = self._began
        return began is not None and time.monotonic() - began >= STUCK

    def reschedule(self) -> datetime:
        """Times the polls anew; returns the time of the next one."""
        return self._schedule.at(self._name, self._pace())

    def fill(self) -> None:
        """Polls at once, or soon if the connection flaps: a broker that comes back may have lost everything."""
        if self._fill:
            self._again = True
            self._schedule.within(self._name, self._pause())

    def leave(self, deadline: Deadline) -> None:
        """Records for the next job that the process has ended. Not while a job runs."""
        if self._began is None:
            part(self._config, self._store, deadline)

    def broker_lost(self) -> None:
        """Remembers to fill the broker when it comes back."""
        self._fill = True

    def _poll(self) -> None:
        # Before the job: a loss while the job runs has to count afterwards.
        self._filled = time.monotonic() if self._again else self._filled
        self._fill = self._again = False
        self._began = time.monotonic()
        error: Exception | None = None
        summary = ""
        try:
            summary = Job(self._config, datetime.now(UTC), self._store, of_run=True).run().summary
        except Exception as caught:  # noqa: BLE001 - the scheduler's boundary: the next poll may well succeed
            error = caught
            self._fill |= isinstance(caught, BROKER_FAILED)
        self._began = None
        self._renew()
        if not isinstance(error, EcuBusy):  # EcuBusy is raised before the job logs the warnings
            self._config = self._config._replace(warnings=())
        following = self.reschedule().astimezone(self._config.ecu.timezone)
        self._told.tell(datetime.now(UTC), summary, error, f"next poll at {following:%H:%M:%S}")
        if self._again:
            self._schedule.within(self._name, self._pause())

    def _pause(self) -> float:
        """Seconds to wait before the broker is filled again."""
        return 0.0 if self._filled is None else max(0.0, self._filled + FILLS - time.monotonic())

    def _pace(self) -> poll_times.Pace:
        ecu = self._config.ecu
        site = ecu.site if ecu.stop_at_night else None
        memory, now = self._store.remembered(), datetime.now(UTC)
        return poll_times.pace(ecu.poll_interval, site, ecu.timezone, memory, now, delay=self._delay)


class PollLog:
    """Logs every good poll, every change, and a lasting failure once an hour.

    The times are those of `timezone`, the site's.
    """

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone
        self._failure: type[Exception] | None = None
        self._since: datetime | None = None
        self._last: datetime | None = None
        self._failed = 0

    def tell(self, now: datetime, summary: str, error: Exception | None, following: str) -> None:
        """Logs one line on a poll that has ended at `now` with `summary`, or with `error`."""
        if error is None:
            if self._since is not None:
                log.info("OK again; failed polls since %s: %d", self._at_site(self._since), self._failed)
            self._failure = self._since = None
            self._failed = 0
            log.info("%s; %s", summary, following)
            return
        self._failed += 1
        self._since = self._since or now
        # A clock that was set back does not count: otherwise nothing is logged until that time comes again.
        if type(error) is self._failure and self._last and timedelta() <= now - self._last < REMINDER:
            log.debug("%s; %s", error, following)
            return
        still = f"still failing, {self._failed} polls since {self._at_site(self._since)}: "
        again = still if self._failure is type(error) else ""
        self._failure, self._last = type(error), now
        log.error("%s%s; %s", again, described(error), following, exc_info=error)

    def _at_site(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._timezone):%Y-%m-%d %H:%M}"
