"""Asks an ECU as a job does, keeps its answers as they came, and makes documents of them without serial numbers.

socket -> Taken -> Redaction for all -> documents -> files
"""

import json
from collections.abc import Collection, Sequence
from datetime import date
from itertools import count
from typing import NamedTuple

from aps2mqtt.config import Config
from aps2mqtt.deadline import Deadline
from aps2mqtt.ecu import client, protocol
from aps2mqtt.ecu.client import Endpoint, Limits
from aps2mqtt.ecu.dissect import REST, UNDECODED, Dissection, dissect
from aps2mqtt.ecu.fixture import Ecu, Query, document, name
from aps2mqtt.ecu.protocol import Frame, SystemInfo
from aps2mqtt.ecu.redaction import DIGITS, Redaction
from aps2mqtt.ecu.snapshot import has_no_inverters, identified
from aps2mqtt.errors import EcuError, EcuRefusal, FrameError, MalformedFrame
from aps2mqtt.job import PATIENCE
from aps2mqtt.lock import hold

PERIODS = (protocol.WEEK, protocol.MONTH, protocol.YEAR)
ID = slice(protocol.BODY, protocol.BODY + DIGITS)  # where every system info has the ECU's id


class Answer(NamedTuple):
    """What came to one query, empty where nothing did, and what a job would say of it: None where all is well."""

    query: Query
    data: bytes
    error: EcuError | None = None


class Taken(NamedTuple):
    """All that one ECU answered; `history` is optional, and fails nothing."""

    answers: tuple[Answer, ...]
    history: tuple[Answer, ...] = ()

    @property
    def error(self) -> EcuError | None:
        """What a job would have failed with; one does without the signals."""
        errors = (one.error for one in self.answers if one.query.command != protocol.SIGNAL)
        return next((error for error in errors if error is not None), None)


class Document(NamedTuple):
    """A file to be: its name, its text, and whether something in it might still be a serial number."""

    name: str
    text: str
    doubtful: bool


# -- asking -----------------------------------------------------------------------------------------------------------


def take(config: Config, day: date | None, limits: Limits = client.NORMAL) -> Taken:
    """The answers of this ECU to what a job asks, and of `day` its history; raises EcuUnreachable and EcuBusy."""
    endpoint = client.resolve(config.ecu.host, config.ecu.port, limits)
    with hold(endpoint.address, endpoint.port, PATIENCE):
        deadline = Deadline(limits.conversation)
        info = _ask(endpoint, Query(protocol.SYSTEM_INFO), "", limits, deadline)
        ecu_id = info.data[ID]
        if not ecu_id.isdigit():
            return Taken((info,))
        queries = (Query(protocol.REAL_TIME), Query(protocol.SIGNAL))
        real_time, signal = (_ask(endpoint, query, ecu_id.decode("ascii"), limits, deadline) for query in queries)
        if isinstance(real_time.error, EcuRefusal) and _is_new(info):
            real_time = real_time._replace(error=None)
        history = () if day is None else _history(endpoint, day, ecu_id.decode("ascii"), limits)
        return Taken((info, real_time, signal), history)


def _is_new(info: Answer) -> bool:
    """True for an ECU without inverters yet, which has no data for a job either."""
    try:
        return has_no_inverters(protocol.decode_system_info(Frame.decode(info.data)))
    except FrameError:
        return False


def _history(endpoint: Endpoint, day: date, ecu_id: str, limits: Limits) -> tuple[Answer, ...]:
    """One try each: an ECU that does not know these says nothing (quirk 77)."""
    queries = [Query(protocol.POWER_OF_DAY, f"{day:%Y%m%d}"), *(Query(protocol.ENERGY_BY_DAY, one) for one in PERIODS)]
    once = limits._replace(pauses=())
    return tuple(_ask(endpoint, query, ecu_id, once, Deadline(limits.conversation)) for query in queries)


def _ask(endpoint: Endpoint, query: Query, ecu_id: str, limits: Limits, deadline: Deadline) -> Answer:
    """The answer, asked for again as a job would; of several that are bad, the last of which something came."""
    data = b""

    def attempt() -> str:
        nonlocal data
        data = client.exchange(endpoint, query.request(ecu_id), limits, deadline)
        return _status(query.command, Frame.decode(data))

    try:
        status = client.insist(attempt, limits, deadline)
    except EcuError as error:
        return Answer(query, data, error)
    return Answer(query, data, None if status == protocol.STATUS_OK else EcuRefusal(f"its status is {status!r}"))


def _status(command: str, frame: Frame) -> str:
    """The status of an answer that makes sense; raises FrameError."""
    if frame.command != command:
        raise MalformedFrame(f"the answer is to {frame.command!r}, not to {command}")
    answer = protocol.DECODERS[command](frame)
    if isinstance(answer, SystemInfo):
        identified(answer)
        return protocol.STATUS_OK
    return answer.status


# -- documents --------------------------------------------------------------------------------------------------------


def redaction(all_taken: Sequence[Taken]) -> Redaction:
    """One table for everything that was taken in a run."""
    return Redaction.of(dissect(one.data) for taken in all_taken for one in (*taken.answers, *taken.history))


def documents(all_taken: Sequence[tuple[Taken, date]]) -> list[Document]:
    """One for each answer of which something came, with the day of its capture; one table of stand-ins for all."""
    table = redaction([taken for taken, _ in all_taken])
    made: dict[str, Document] = {}
    for taken, day in all_taken:
        came = [one for one in (*taken.answers, *taken.history) if one.data]
        frames = [dissect(table.scrub(one.data)) for one in came]
        ecu = Ecu.of(frames)
        for one, frame in zip(came, frames, strict=True):
            called = _free(name(ecu, one.query), made)
            text = json.dumps(document(ecu, one.query, frame, day, called), indent=2) + "\n"
            made[called] = Document(f"{called}.json", text, _is_doubtful(frame))
    return list(made.values())


def _free(called: str, made: Collection[str]) -> str:
    """`called`, or with a number if another ECU of this model and firmware is called so already."""
    numbered = (f"{called}-{number}" for number in count(2))
    return called if called not in made else next(one for one in numbered if one not in made)


def _is_doubtful(frame: Dissection) -> bool:
    """True where something could be a serial number that nobody has found: more than a wrong end."""
    return any(part.name in (REST, UNDECODED) and len(part.raw) > len(b"END\n") for part in frame.parts)
