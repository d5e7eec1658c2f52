"""Tries the steps of one ECU: its name, the lock, port 8899 with its three answers, and the port of SunSpec.

If SunSpec is on, one of the two ports is enough for a job: the failure of the other one is a warning.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from aps2mqtt.base.errors import EcuError, EcuUnreachable, ExitStatus, JobError
from aps2mqtt.base.memory import Memory, Units
from aps2mqtt.base.values import Snapshot
from aps2mqtt.check import ecu_answers, sunspec
from aps2mqtt.check.result import Finding, State, Step, failed, judged, skipped
from aps2mqtt.config.values import EcuConfig
from aps2mqtt.jobs.job import Job
from aps2mqtt.mqtt.topics import Message
from aps2mqtt.sources import ask
from aps2mqtt.sources.ecu8899 import client
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.sources.endpoints import Endpoint
from aps2mqtt.sources.sunspec.reading import Asking, read_units
from aps2mqtt.sources.sunspec.snapshot import wanted

Clock = Callable[[], datetime]

OF_8899 = ("connection", "0001", "0002", "0030")
STEPS = ("name", "lock", *OF_8899, sunspec.NAME)
NOT_REACHED = "skipped"
GLANCE = 2.0  # seconds to see whether a port is open that nobody uses


class Asked(NamedTuple):
    """An ECU to check, and what is known of it."""

    job: Job
    memory: Memory | None
    clock: Clock


def steps(asked: Asked, patience: float, messages: list[Message]) -> Iterator[Step]:
    """The steps in their order; raises JobError if the name or the lock fails.

    Adds to `messages` what the job would publish.
    """
    ecu = asked.job.config.ecu
    endpoint = ask.resolve(ecu, asked.job.limits)
    same = endpoint.address == ecu.host
    found = "an IP address, no lookup needed" if same else f"{ecu.host} is {endpoint.address}"
    yield judged("name", [Finding(found)], {"address": endpoint.address}, brief=())
    with ask.hold(ecu, endpoint, patience):
        yield judged("lock", [Finding("no other job on this machine is using the ECU")], {}, brief=())
        read: list[Snapshot] = []
        tried = each(OF_8899, _of_8899(asked, endpoint, read, messages), asked.memory)
        if ecu.sunspec:
            yield from _judged([*tried], _of_sunspec(asked, endpoint, read))
        else:
            yield from tried
            yield _of_sunspec(asked, endpoint, read)


def each(names: Sequence[str], steps: Iterator[Step], memory: Memory | None = None) -> Iterator[Step]:
    """Yields `steps`, which have these `names`; after a JobError the next step has failed and the rest is skipped."""
    done = 0
    try:
        for done, step in enumerate(steps, 1):  # noqa: B007 - used behind the loop
            yield step
    except JobError as error:
        name, *others = names[done:]
        yield failed(name, error, *ecu_answers.hints(name, error, memory))
        yield from (skipped(other, NOT_REACHED) for other in others)


def _judged(taken: list[Step], second: Step) -> Iterator[Step]:
    """The steps of both ports: what fails on one of them is a warning if the other one works."""
    works = all(step.state is not State.FAILED for step in taken)
    for step in taken:
        yield step if second.state is State.FAILED else _as_warning(step)
    yield _as_warning(second) if works else second


def _as_warning(step: Step) -> Step:
    return step._replace(state=State.WARNING, status=ExitStatus.OK) if step.state is State.FAILED else step


def _of_8899(asked: Asked, endpoint: Endpoint, read: list[Snapshot], messages: list[Message]) -> Iterator[Step]:
    """The steps of port 8899; raises JobError. Adds to `read` what was read."""
    job, memory, timezone = asked.job, asked.memory, asked.job.config.ecu.timezone
    conversation = client.Conversation(endpoint, job.limits)
    conversation.reach()
    yield judged(
        "connection", [Finding(f"port {endpoint.port} of {endpoint.address} is open")], {"port": endpoint.port}
    )
    info = conversation.system_info()
    yield ecu_answers.totals(info, timezone, memory, asked.clock())
    real_time = conversation.real_time(info)
    yield ecu_answers.inverters(real_time, info, timezone, asked.clock())
    read.append(snapshot(info, real_time, None, timezone))
    for of_run in (False, True):  # the announcements of `run` are longer
        messages += job._replace(of_run=of_run).would_publish(read[0], memory).messages
    try:
        yield ecu_answers.signals(conversation.signal(info), real_time)
    except EcuError as error:
        yield ecu_answers.no_signals(error)


def _of_sunspec(asked: Asked, endpoint: Endpoint, read: list[Snapshot]) -> Step:
    """The step of the port of SunSpec; if SunSpec is off, only whether the port is open."""
    from aps2mqtt.sources.sunspec.client import CONNECT, Connection  # it loads pymodbus

    ecu, memory = asked.job.config.ecu, asked.memory
    second = endpoint._replace(port=ecu.sunspec_port)
    ecu_id = read[0].ecu_id if read else (memory.ecu_id if memory is not None else ecu.ecu_id)
    try:
        with Connection(second, CONNECT if ecu.sunspec else GLANCE) as connection:
            if not ecu.sunspec:
                return sunspec.not_in_use(is_open=True, port=second.port)
            step = _units(connection, ecu, read, memory, asked.clock())
    except EcuUnreachable as error:
        return sunspec.closed(error, ecu_id) if ecu.sunspec else sunspec.not_in_use(is_open=False, port=second.port)
    alone = not read
    if alone and not step.details["units"]:
        return step._replace(state=State.FAILED, status=EcuUnreachable.status)
    return sunspec.without_id(step) if alone and not ecu_id else step


def _units(connection: Asking, ecu: EcuConfig, read: list[Snapshot], memory: Memory | None, now: datetime) -> Step:
    """The answers of the configured or known units; if there are none, the search of one job."""
    before = memory.units if memory is not None and memory.units is not None else Units()
    first = read[0] if read else None
    local = now.astimezone(ecu.timezone)
    found = read_units(connection, ecu.sunspec_units, before, wanted(first, memory, local), local)
    return sunspec.answered(found, first.inverters if first else (), ecu.sunspec_port)
