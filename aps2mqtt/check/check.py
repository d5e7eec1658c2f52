"""Tries the steps of a job one by one and reports what each one found: for people to whom something does not work.

It takes the ECU's lock as a job does, asks the ECU the same, and leaves neither state nor message behind. Where a step
fails, the steps that need it are skipped. The broker is tried even if the ECU fails, and the ECU if the broker fails.

    walk(ecus, clock) -> Step, Step, ...
"""

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from aps2mqtt import __version__
from aps2mqtt.base import files, sun
from aps2mqtt.base.elapsed import in_words
from aps2mqtt.base.errors import BrokerUnreachable, ConfigError, JobError, shown
from aps2mqtt.base.memory import Memory
from aps2mqtt.check import ecu_answers, ecu_steps
from aps2mqtt.check.result import Finding, State, Step, explained, judged, skipped
from aps2mqtt.config import systemd_credentials
from aps2mqtt.config.keys import KEYS, Key
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.plan import style
from aps2mqtt.jobs.state_file import StateError, Store
from aps2mqtt.mqtt import discovery, reason_codes, topics
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message, Style
from aps2mqtt.screen import timetable
from aps2mqtt.sources import ask
from aps2mqtt.sources.endpoints import NORMAL, Limits
from aps2mqtt.truth import data_age, freshness, timer
from aps2mqtt.truth.night import is_night, to_the_minute

Clock = Callable[[], datetime]

OF_SITE = ("state", "site")
OF_BROKER = ("broker", "TLS", "login", "message")
IN_ENVIRONMENT = "in the environment"  # the words of config/file_and_environment.py
BY_DEFAULT = "by default"
UNLESS_MEANT = "change it, unless it is meant"
SET_POSITION = ("set APS_ECU_POSITION_LAT and APS_ECU_POSITION_LNG: the night is reckoned there",)
SET_BOTH = ("correct APS_ECU_POSITION_LNG or APS_ECU_TIMEZONE",)
MAY_NOT_READ = (
    "allow it to read below its topics: else a job cannot compare its counters with those published",
    "if nothing of the jobs arrives either, allow it to write: MQTT 3.1.1 does not tell a client what it may not",
)
TOO_LARGE = (
    "raise the broker's limit (mosquitto: message_size_limit, max_packet_size): it drops larger messages silently",
    "for announcements to Home Assistant, set MQTT_DISCOVERY_STYLE: component, whose messages are smaller",
)
NO_WILDCARDS = Finding(
    "it takes no subscriptions with wildcards: a job cannot compare its counters with those published",
    (reason_codes.reason(reason_codes.NO_WILDCARDS).remedy,),
)
SOON = timedelta(seconds=30)  # after the ECU has new data: a timer need not be better
TOO_FAR = 4.0  # hours between the sun's time and the zone's time; with summer time some zones reach 3


def walk(
    ecus: Sequence[tuple[Config, Store]],
    clock: Clock,
    limits: Limits = NORMAL,
    patience: float = ask.PATIENCE,
) -> Iterator[Step]:
    """Yields every step for each of `ecus`, and then the steps for the broker, which all ECUs share."""
    yield _configuration([config for config, _ in ecus])
    messages: list[Message] = []
    for config, store in ecus:
        of = f"ECU {config.ecu.address}"
        state, memory = _state(config, store)
        yield state._replace(of=of)
        yield _site(config, memory, clock())._replace(of=of)
        job = Job(config, clock(), store, dry_run=True, limits=limits)
        yield from _each(
            ecu_steps.STEPS, ecu_steps.steps(ecu_steps.Asked(job, memory, clock), patience, messages), of, memory
        )
    config, _ = ecus[0]
    largest = max(map(_size, messages), default=0)
    yield from _each(OF_BROKER, _broker(config, clock, largest), f"broker {config.broker.host}:{config.broker.port}")


def misconfigured(error: ConfigError) -> Iterator[Step]:
    """Yields the steps where the configuration has the mistakes of `error`: one failed, all others skipped."""
    mistakes = tuple(explained(mistake) for mistake in error.mistakes)
    yield Step("configuration", State.FAILED, (_version(), *mistakes), status=error.status)
    yield from (skipped(name, ecu_steps.NOT_REACHED)._replace(of="ECU") for name in (*OF_SITE, *ecu_steps.STEPS))
    yield from (skipped(name, ecu_steps.NOT_REACHED)._replace(of="broker") for name in OF_BROKER)


def _each(names: Sequence[str], steps: Iterator[Step], of: str, memory: Memory | None = None) -> Iterator[Step]:
    """The steps of the ECU or the broker `of`, to their end or to the first that fails."""
    return (step._replace(of=of) for step in ecu_steps.each(names, steps, memory))


# -- this machine -----------------------------------------------------------------------------------------------------


def _version() -> Finding:
    return Finding(f"aps2mqtt {__version__}, Python {platform.python_version()}, {platform.system()}")


def _configuration(configs: Sequence[Config]) -> Step:
    """Every value, grouped by its origin; a value that several ECUs share is listed once."""
    rows = sorted(
        dict.fromkeys((key.name, *_value(config, key)) for config in configs for key in KEYS),
        key=lambda row: row[2] == BY_DEFAULT,
    )
    table: dict[str, list[Finding]] = {}
    for name, text, where in rows:
        table.setdefault(where, [Finding(f"  {where}")]).append(Finding(f"    {name:<30}  {text or '(empty)'}"))
    return judged(
        "configuration",
        (
            _version(),
            *(explained(warning, UNLESS_MEANT) for config in configs for warning in config.warnings),
            *(row for group in table.values() for row in group),
        ),
        {
            "version": __version__,
            "values": [{"key": name, "value": text, "where": where} for name, text, where in rows],
        },
    )


def _value(config: Config, key: Key) -> tuple[str, str]:
    """The value of a key and its origin."""
    given = config.given.get(key.name)
    if given is not None:
        in_file = not given.where.endswith((IN_ENVIRONMENT, systemd_credentials.PASSWORD))
        return given.text, given.where + (f", section {key.section}" if in_file else "")
    found = {
        "APS_ECU_TIMEZONE": ecu_answers.zone_name(config.ecu.timezone),
        "APS_STATE_DIR": str(config.state_directory),
    }
    return found.get(key.name, key.default or ""), BY_DEFAULT


def _state(config: Config, store: Store) -> tuple[Step, Memory | None]:
    """The memory that the last job has left, and a step that reports it and whether the state can be written."""
    try:
        memory, doubt = store.load(), None
    except StateError as error:
        memory, doubt = error.left, explained(str(error), "nothing: the next job writes it anew")
    obstacle = _obstacle(config.state_directory)
    place = Finding(f"{store.path} can be written")
    if obstacle:
        place = Finding(obstacle, ("set APS_STATE_DIR to a folder that the user who runs the jobs can write",))
    second = timer.best_second([memory.phase if memory else None])
    details = {
        "file": str(store.path),
        "writable": not obstacle,
        "ecu_id": memory.ecu_id if memory else None,
        "read_at": memory.reading.at.isoformat() if memory else None,
        "firmware": memory.reading.firmware if memory else None,
        "error": memory.failure.error if memory else None,
        "best_timer": timer.calendar(second) if second is not None else None,
    }
    if doubt is None and memory is None:
        doubt = Finding("no job of this user has gone well yet (root sees the state of a systemd service)")
    return judged("state", (place, doubt, *_remembered(config, memory)), details), memory


def _obstacle(directory: Path) -> str:
    """The reason why this user cannot write in `directory` or create it; empty: the user can."""
    directory = files.whole(directory)
    there = next((path for path in (directory, *directory.parents) if os.path.lexists(path)), directory)
    if not there.is_dir():
        return f"{there} is no folder"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} cannot be written by this user"
    return ""


def _remembered(config: Config, memory: Memory | None) -> Iterator[Finding]:
    if memory is None:
        return
    read = memory.reading.at.astimezone(config.ecu.timezone)
    yield Finding(f"{memory.ecu_id} read last at {read:%Y-%m-%d %H:%M:%S}, firmware {memory.reading.firmware}")
    if memory.failure.error:
        yield Finding(f"since then {explained(memory.failure.error).text}")
    yield from _age(memory)


def _age(memory: Memory) -> Iterator[Finding]:
    """How old the last new data were when a job asked, and whether a timer can ask sooner."""
    phase = memory.phase
    if phase is None or not phase.periods:
        return
    age = data_age.age_of(phase.stamp, phase.found, phase)
    yield Finding(f"its last new data were {in_words(age)} old when a job found them")
    second = timer.best_second([phase])
    if freshness.run_is_in_use(memory.rhythm, memory.reading.at):
        yield Finding("`run` polls soon after the ECU has new data")
    elif second is not None and timer.age_when_found(phase) > SOON:
        sooner = timedelta(seconds=timer.seconds_after(phase, second))
        yield Finding(
            f"a timer at {timer.calendar(second)} would find them {in_words(sooner)} after the ECU has them, and not "
            f"{in_words(timer.age_when_found(phase))}: `aps2mqtt units` writes it"
        )


def _site(config: Config, memory: Memory | None, now: datetime) -> Step:
    """The position of the array by the configuration, and the sunlight of today there."""
    ecu = config.ecu
    paris = not ecu.located
    local = now.astimezone(ecu.timezone)
    (today,) = timetable.days(ecu.site, ecu.timezone, ecu.poll_interval, local.date(), 1)
    rises, sets = _rises_and_sets(today, ecu.timezone)
    assumed = " (Paris, as none is set)" if paris else ""
    place = (
        f"{ecu.site.latitude}, {ecu.site.longitude}{assumed}, {local:%H:%M} in {ecu_answers.zone_name(ecu.timezone)}"
    )
    night = ecu.stop_at_night and is_night(ecu.site, memory, now)
    offset = (local.utcoffset() or timedelta()) / timedelta(hours=1)
    away = abs((ecu.site.longitude / 15 - offset + 12) % 24 - 12)
    return judged(
        "site",
        (
            Finding(place, SET_POSITION if paris and ecu.stop_at_night else ()),
            Finding(_sunlight(rises, sets, up=sun.is_up(ecu.site, now))),
            Finding("a job leaves the ECU alone now; this check asks it") if night else None,
            Finding(f"position and time zone are {away:.0f} h apart", SET_BOTH)
            if away > TOO_FAR and not paris
            else None,
        ),
        {
            "latitude": ecu.site.latitude,
            "longitude": ecu.site.longitude,
            "timezone": ecu_answers.zone_name(ecu.timezone),
            "sunrise": rises.isoformat() if rises else None,
            "sunset": sets.isoformat() if sets else None,
            "night": night,
        },
    )


def _rises_and_sets(day: timetable.Day, timezone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Sunrise and sunset on that date; None for one that does not happen on it."""
    rises = (window.begins.astimezone(timezone) for window in day.windows if window.begins > day.begins)
    sets = (window.ends.astimezone(timezone) for window in day.windows if window.ends < day.ends)
    return next(rises, None), next(sets, None)


def _sunlight(rises: datetime | None, sets: datetime | None, *, up: bool) -> str:
    moments = sorted((moment, what) for moment, what in ((rises, "sunrise"), (sets, "sunset")) if moment is not None)
    if not moments:
        return f"today the sun does not {'set' if up else 'rise'}"
    today = ", ".join(f"{what} {to_the_minute(moment):%H:%M}" for moment, what in moments)
    return f"today {today}; the sun is {'up' if up else 'down'} now"


# -- the broker -------------------------------------------------------------------------------------------------------


def _broker(config: Config, clock: Clock, largest: int) -> Iterator[Step]:
    """The steps from the connection to a message of the `largest` size, sent and read back; raises JobError."""
    broker = config.broker
    session = Session(broker)
    address = session.reach()
    yield judged("broker", [Finding(f"port {broker.port} of {address} is open")], {"address": address})
    if not broker.tls:
        yield skipped("TLS", "not in use: MQTT_BROKER_SECURED_CONNECTION is off")
    with ExitStack() as entered:
        try:
            entered.enter_context(session)
        finally:  # the connection may be secured although the login is refused
            if session.certificate is not None:
                yield ecu_answers.certificate(session.certificate, clock())
        user = shown(broker.user)
        who = f"as {user}" if user else "without a user"
        yield judged("login", [Finding(f"{who}, MQTT {session.version}")], {"user": user, "mqtt": session.version})
        topic = topics.check_topic(style(config))
        try:
            yield _message(session, config, Message(topic, clock().isoformat()), largest)
        except JobError:  # the error may have ended the session
            with suppress(JobError), Session(broker) as another:
                another.publish([Message(topic, "")])
            raise


def _message(session: Session, config: Config, small: Message, largest: int) -> Step:
    """Publishes a retained message, as large as the job's largest, on its own topic; reads it back and removes it."""
    topic = small.topic
    large = Message(topic, small.payload.ljust(largest - len(topic.encode()), "."))
    retained = _retained(session, large)
    if isinstance(session.unread, BrokerUnreachable):
        back = explained(str(session.unread))
    elif retained is None:
        back = Finding("it does not come back: the broker lets this user not read", MAY_NOT_READ)
    elif retained.get(topic) == large.payload:
        back = Finding("read back as it was sent")
    elif large != small and (_retained(session, small) or {}).get(topic) == small.payload:
        back = Finding(f"{len(large.payload)} bytes, as a job's largest message has, do not arrive", TOO_LARGE)
    else:
        back = Finding("it comes back, but is not retained", ("let the broker retain messages",))
    session.publish([Message(topic, "")])
    return judged(
        "message",
        (
            Finding(f"retained on {topic}, acknowledged"),
            back,
            Finding("removed again"),
            None if session.wildcards else NO_WILDCARDS,
            _announcements(session, style(config)),
        ),
        {"topic": topic, "bytes": len(large.payload), "read_back": not back.remedies},
    )


def _announcements(session: Session, chosen: Style) -> Finding | None:
    """Whether the account may write where Home Assistant reads; raises the same errors as a job."""
    if not chosen.discovery:
        return None
    probe = Message(discovery.probe_topic(chosen), "", retain=False)
    if session.version == "5":
        session.publish([probe])
    elif session.retained([], probe) is None:
        below = f"{chosen.discovery_prefix}/#"
        return Finding(
            f"an empty message below {chosen.discovery_prefix} does not come back: this user may not write there, or "
            "not read; over MQTT 3.1.1 the broker does not say which",
            (f"allow the account to write {below}", f"if it may, nothing: a job does not need to read {below}"),
        )
    return Finding(f"announcements below {chosen.discovery_prefix} are allowed")


def _retained(session: Session, message: Message) -> dict[str, str] | None:
    """Publishes `message` and returns what is retained on its topic; None where this user may not read."""
    session.publish([message])
    return session.retained([message.topic], Message(f"{message.topic}/probe", "probe", retain=False))


def _size(message: Message) -> int:
    """Bytes of topic and payload: some brokers limit only the payload, some limit both."""
    return len(message.topic.encode()) + len(message.payload.encode())
