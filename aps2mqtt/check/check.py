"""Tries the steps of a job one by one and reports what each one found, for people who look for a fault.

It takes the ECU's lock and polls the ECU as a job does. It writes no state and leaves no message on the broker. If a
step fails, the steps that need it are skipped. The broker is tried even if the ECU fails, and the other way round.

    walk(ecus, clock) -> Step, Step, ...
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.base.elapsed import in_words
from aps2mqtt.base.errors import BrokerUnreachable, ConfigError, JobError, shown
from aps2mqtt.base.memory import Memory
from aps2mqtt.check import configuration, ecu_answers, ecu_steps, folders, site, unknown_devices
from aps2mqtt.check.result import Finding, State, Step, explained, judged, skipped
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.plan import style
from aps2mqtt.jobs.state_file import StateError, Store
from aps2mqtt.mqtt import discovery, reason_codes, topics
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message, Style
from aps2mqtt.sources import ask
from aps2mqtt.sources.endpoints import NORMAL, Limits
from aps2mqtt.truth import data_age, freshness, timer

Clock = Callable[[], datetime]

OF_SITE = ("state", "site")
OF_BROKER = ("broker", "TLS", "login", "message")
MAY_NOT_READ = (
    "allow the MQTT account to read these topics: a job compares its counters with the published ones",
    "if the messages of jobs do not arrive either, allow the account to write: MQTT 3.1.1 reports no refusal",
)
TOO_LARGE = (
    "raise the broker's limit (mosquitto: message_size_limit, max_packet_size): it drops larger messages without error",
    "or set MQTT_DISCOVERY_STYLE: component, which has smaller messages for Home Assistant",
)
NO_WILDCARDS = Finding(
    "the broker refuses subscriptions with wildcards: a job cannot compare its counters with the published ones",
    (reason_codes.reason(reason_codes.NO_WILDCARDS).remedy,),
)
SERVICE = " (if systemd runs the jobs, run check as root)"  # the states of jobs that systemd starts
SOON = timedelta(seconds=30)  # after the ECU has new data: a timer need not be better


def walk(
    ecus: Sequence[tuple[Config, Store]],
    clock: Clock,
    limits: Limits = NORMAL,
    patience: float = ask.PATIENCE,
    *,
    whole: bool = True,
) -> Iterator[Step]:
    """Yields every step for each of `ecus`, and then the steps for the broker, which all ECUs share.

    If `ecus` are the `whole` configuration, its names and its roof are compared with their devices.
    """
    configs = [config for config, _ in ecus]
    yield configuration.step(configs)
    yield from folders.steps(configs)
    messages: list[Message] = []
    taken: list[Step] = []
    for config, store in ecus:
        of = f"ECU {config.ecu.address}"
        state, memory = _state(config, store)
        yield state._replace(of=of)
        yield site.step(config, memory, clock())._replace(of=of)
        job = Job(config, clock(), store, dry_run=True, limits=limits)
        of_ecu = ecu_steps.steps(ecu_steps.Asked(job, memory, clock), patience, messages)
        for step in _each(ecu_steps.STEPS, of_ecu, of, memory):
            yield step
            taken.append(step)
    config, _ = ecus[0]
    if whole:
        yield from unknown_devices.steps(config.names, config.roof, taken)
    largest = max(map(_size, messages), default=0)
    yield from _each(OF_BROKER, _broker(config, clock, largest), f"broker {config.broker.host}:{config.broker.port}")


def misconfigured(error: ConfigError) -> Iterator[Step]:
    """Yields the steps if the configuration has the mistakes of `error`: one failed, all others skipped."""
    mistakes = tuple(explained(mistake) for mistake in error.mistakes)
    yield Step("configuration", State.FAILED, (configuration.version(), *mistakes), status=error.status)
    not_tried = [*(("ECU", name) for name in (*OF_SITE, *ecu_steps.STEPS)), *(("broker", name) for name in OF_BROKER)]
    yield from (skipped(name, ecu_steps.NOT_REACHED, brief=())._replace(of=of) for of, name in not_tried)


def _each(names: Sequence[str], steps: Iterator[Step], of: str, memory: Memory | None = None) -> Iterator[Step]:
    """The steps of the ECU or the broker `of`, to their end or to the first that fails."""
    return (step._replace(of=of) for step in ecu_steps.each(names, steps, memory))


# -- this machine -----------------------------------------------------------------------------------------------------


def _state(config: Config, store: Store) -> tuple[Step, Memory | None]:
    """The memory that the last job has left, and a step that reports it and whether the state file can be written."""
    try:
        memory, doubt = store.load(), None
    except StateError as error:
        memory, doubt = error.left, explained(str(error), "do nothing: the next job writes a new state file")
    obstacle = _obstacle(config.state_directory)
    place = Finding(f"{store.path} can be written")
    if obstacle:
        place = Finding(obstacle, ("set APS_STATE_DIR to a folder that the user of the jobs can write to",))
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
    polled = [*_last_poll(config, memory)]
    if doubt is None and memory is None:
        polled = [Finding("no successful poll yet" + SERVICE * (os.geteuid() != 0))]
    sooner = [*_better_timer(memory)]
    brief = [] if obstacle else [finding.text for finding in (*polled, *sooner)]
    return judged("state", (place, doubt, *polled, *_age(memory), *sooner), details, brief), memory


def _obstacle(directory: Path) -> str:
    """The reason why this user can neither write in `directory` nor create it; empty: the user can."""
    there = files.nearest(files.whole(directory))
    if os.access(there, os.F_OK) and not files.is_folder(there):
        return f"{there} is not a folder"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} cannot be written by this user"
    return ""


def _last_poll(config: Config, memory: Memory | None) -> Iterator[Finding]:
    if memory is None:
        return
    read = memory.reading.at.astimezone(config.ecu.timezone)
    yield Finding(f"last successful poll {read:%Y-%m-%d %H:%M:%S}, ECU {memory.ecu_id}")
    if memory.failure.error:
        yield Finding(f"the polls after it failed: {explained(memory.failure.error).text}")


def _age(memory: Memory | None) -> Iterator[Finding]:
    """How old the last new data were when a job read them."""
    phase = memory.phase if memory is not None else None
    if memory is None or phase is None or not phase.periods:
        return
    age = data_age.age_of(phase.stamp, phase.found, phase)
    yield Finding(f"the last new data were {in_words(age)} old when a job read them")
    if freshness.run_is_in_use(memory.rhythm, memory.reading.at):
        yield Finding("`run` polls soon after the ECU has new data")


def _better_timer(memory: Memory | None) -> Iterator[Finding]:
    """The timer that would read new data sooner, if there is one."""
    phase = memory.phase if memory is not None else None
    if memory is None or phase is None or not phase.periods:
        return
    if freshness.run_is_in_use(memory.rhythm, memory.reading.at):
        return
    second = timer.best_second([phase])
    if second is not None and timer.age_when_found(phase) > SOON:
        sooner = timedelta(seconds=timer.seconds_after(phase, second))
        yield Finding(
            f"a timer at {timer.calendar(second)} would read new data after {in_words(sooner)} instead of "
            f"{in_words(timer.age_when_found(phase))}: `aps2mqtt units` writes that timer"
        )


# -- the broker -------------------------------------------------------------------------------------------------------


def _broker(config: Config, clock: Clock, largest: int) -> Iterator[Step]:
    """The steps from the connection to a message of the `largest` size, sent and read back; raises JobError."""
    broker = config.broker
    session = Session(broker)
    address = session.reach()
    # The login proves the connection to people.
    yield judged("broker", [Finding(f"port {broker.port} of {address} is open")], {"address": address}, brief=())
    if not broker.tls:
        yield skipped("TLS", "not in use: MQTT_BROKER_SECURED_CONNECTION is off", brief=())
    with ExitStack() as entered:
        try:
            entered.enter_context(session)
        finally:  # TLS may have succeeded although the broker refuses the login
            if session.certificate is not None:
                yield ecu_answers.certificate(session.certificate, clock())
        user = shown(broker.user)
        who = f"as {user}" if user else "without a user"
        secured = "with TLS" if broker.tls else "without TLS"
        found = Finding(f"{who}, MQTT {session.version}, {secured}")
        yield judged("login", [found], {"user": user, "mqtt": session.version})
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
        back = Finding(
            "the message does not come back: the broker does not let this MQTT account read it", MAY_NOT_READ
        )
    elif retained.get(topic) == large.payload:
        back = Finding("read back unchanged")
    elif large != small and (_retained(session, small) or {}).get(topic) == small.payload:
        back = Finding(f"{len(large.payload)} bytes, the size of a job's largest message, do not arrive", TOO_LARGE)
    else:
        back = Finding("the broker does not retain the message", ("let the broker retain messages",))
    session.publish([Message(topic, "")])
    announced = _announcements(session, style(config))
    allowed = " (discovery is allowed)" if announced and not announced.remedies else ""
    written = "published and removed" if back.remedies else "published, read back and removed"
    return judged(
        "message",
        (
            Finding(f"published on {topic}, acknowledged"),
            back,
            Finding("removed again"),
            None if session.wildcards else NO_WILDCARDS,
            announced,
        ),
        {"topic": topic, "bytes": len(large.payload), "read_back": not back.remedies},
        brief=(f"{written}{allowed}",),
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
            f"an empty message below {chosen.discovery_prefix} does not come back: this MQTT account cannot "
            "write or cannot read there (MQTT 3.1.1 does not report which)",
            (
                f"allow the MQTT account to write {below}",
                f"if the account may write, do nothing: a job does not need to read {below}",
            ),
        )
    return Finding(f"discovery messages below {chosen.discovery_prefix} are allowed")


def _retained(session: Session, message: Message) -> dict[str, str] | None:
    """Publishes `message` and returns what is retained on its topic; None if this user may not read there."""
    session.publish([message])
    return session.retained([message.topic], Message(f"{message.topic}/probe", "probe", retain=False))


def _size(message: Message) -> int:
    """Bytes of topic and payload: some brokers limit only the payload, some limit both."""
    return len(message.topic.encode()) + len(message.payload.encode())
