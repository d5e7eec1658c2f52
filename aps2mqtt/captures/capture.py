"""Asks an ECU as a job does, keeps its answers as they came, and makes documents of them without serial numbers.

socket -> CapturedEcu -> Redaction for all -> documents -> files
"""

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from itertools import count
from typing import NamedTuple

from aps2mqtt.base.errors import EcuError, EcuRefusal, FrameError, MalformedFrame
from aps2mqtt.base.memory import Units
from aps2mqtt.base.values import SUNSPEC
from aps2mqtt.captures import registers
from aps2mqtt.captures.dissect import REST, UNDECODED, Dissection, dissect
from aps2mqtt.captures.document import EcuVersion, Query, document, named
from aps2mqtt.captures.redaction import DIGITS, Redaction
from aps2mqtt.captures.registers import RawUnit
from aps2mqtt.config.values import Config, EcuConfig
from aps2mqtt.sources import ask
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.answers import SystemInfo, decode_system_info
from aps2mqtt.sources.ecu8899.client import Conversation
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.history_answers import DECODERS
from aps2mqtt.sources.ecu8899.snapshot import has_no_inverters, identified
from aps2mqtt.sources.endpoints import NORMAL, Endpoint, Limits
from aps2mqtt.sources.sunspec.registers import Registers

PERIODS = (tables.WEEK, tables.MONTH, tables.YEAR)
ID = slice(tables.BODY, tables.BODY + DIGITS)  # where every system info has the ECU's id


class RawAnswer(NamedTuple):
    """What came to one query, empty where nothing did, and what a job would say of it: None where all is well."""

    query: Query
    data: bytes
    error: EcuError | None = None


class CapturedEcu(NamedTuple):
    """All that one ECU answered; `history` is optional, and fails nothing."""

    answers: tuple[RawAnswer, ...]
    history: tuple[RawAnswer, ...] = ()
    units: tuple[RawUnit, ...] = ()  # over SunSpec
    sunspec_error: EcuError | None = None

    @property
    def error(self) -> EcuError | None:
        """What a job would have failed with; one does without the signals, and with SunSpec alone."""
        if self.units:
            return None
        errors = (one.error for one in self.answers if one.query.command != tables.SIGNAL)
        return next((error for error in errors if error is not None), None)


class Document(NamedTuple):
    """A file to be: its name, its text, and whether something in it might still be a serial number."""

    name: str
    text: str
    doubtful: bool


# -- asking -----------------------------------------------------------------------------------------------------------


def take(config: Config, day: date | None, now: datetime, limits: Limits = NORMAL) -> CapturedEcu:
    """The ECU's answers to the queries of a job, and to those for the history of `day`; its registers if SunSpec is on.

    Raises EcuUnreachable if its name cannot be resolved, EcuBusy if another job holds it.
    """
    with ask.turn(config.ecu, limits) as endpoint:
        taken = _of_8899(endpoint, day, limits)
        if not config.ecu.sunspec:
            return taken
        try:
            return taken._replace(units=_units(endpoint, config.ecu, taken, now))
        except EcuError as error:
            return taken._replace(sunspec_error=error)


def _of_8899(endpoint: Endpoint, day: date | None, limits: Limits) -> CapturedEcu:
    conversation = Conversation(endpoint, limits)
    info = _ask(conversation, Query(tables.SYSTEM_INFO), "")
    ecu_id = info.data[ID]
    if not ecu_id.isdigit():
        return CapturedEcu((info,))
    queries = (Query(tables.REAL_TIME), Query(tables.SIGNAL))
    real_time, signal = (_ask(conversation, query, ecu_id.decode("ascii")) for query in queries)
    if isinstance(real_time.error, EcuRefusal) and _is_new(info):
        real_time = real_time._replace(error=None)
    history = () if day is None else _history(endpoint, day, ecu_id.decode("ascii"), limits)
    return CapturedEcu((info, real_time, signal), history)


def _units(endpoint: Endpoint, ecu: EcuConfig, taken: CapturedEcu, now: datetime) -> tuple[RawUnit, ...]:
    """The registers of every unit that answers: those that a job reads, and those before them. Raises EcuError."""
    from aps2mqtt.sources.sunspec.client import CONNECT, Connection
    from aps2mqtt.sources.sunspec.reading import NAMES, SILENCE, Wanted, read_units

    frames = [dissect(one.data) for one in taken.answers]
    uids = frozenset(str(part.value) for frame in frames for part in frame.parts if part.name == "uid")
    units = []
    with Connection(endpoint._replace(port=ecu.sunspec_port), CONNECT) as connection:
        for answer in read_units(connection, ecu.sunspec_units, Units(), Wanted(uids), now).answers:
            names = connection.read(answer.address, *NAMES, SILENCE)
            read = Registers(names.first, names.words + answer.registers.words) if names else answer.registers
            units.append(RawUnit(answer.address, answer.unit.uid, read))
    return tuple(units)


def _is_new(info: RawAnswer) -> bool:
    """True for an ECU without inverters yet, which has no data for a job either."""
    try:
        return has_no_inverters(decode_system_info(Frame.decode(info.data)))
    except FrameError:
        return False


def _history(endpoint: Endpoint, day: date, ecu_id: str, limits: Limits) -> tuple[RawAnswer, ...]:
    """Asks for each once, with a deadline of its own: an ECU that does not know these answers nothing (quirk 77)."""
    queries = [Query(tables.POWER_OF_DAY, f"{day:%Y%m%d}"), *(Query(tables.ENERGY_BY_DAY, one) for one in PERIODS)]
    once = limits._replace(pauses=())
    return tuple(_ask(Conversation(endpoint, once), query, ecu_id) for query in queries)


def _ask(conversation: Conversation, query: Query, ecu_id: str) -> RawAnswer:
    """The answer to `query`, which is retried as in a job. If all answers are bad, the last one that has bytes."""
    data = b""

    def attempt() -> str:
        nonlocal data
        data = conversation.exchange(query.request(ecu_id))
        return _status(query.command, Frame.decode(data))

    try:
        status = conversation.insist(attempt)
    except EcuError as error:
        return RawAnswer(query, data, error)
    return RawAnswer(query, data, None if status == tables.STATUS_OK else EcuRefusal(f"its status is {status!r}"))


def _status(command: str, frame: Frame) -> str:
    """The status of an answer that makes sense; raises FrameError."""
    if frame.command != command:
        raise MalformedFrame(f"the answer is for {frame.command!r}, not for {command}")
    answer = DECODERS[command](frame)
    if isinstance(answer, SystemInfo):
        identified(answer)
        return tables.STATUS_OK
    return answer.status


# -- documents --------------------------------------------------------------------------------------------------------


def redaction(all_taken: Sequence[CapturedEcu]) -> Redaction:
    """One table for everything that was taken in a run."""
    frames = (dissect(one.data) for taken in all_taken for one in (*taken.answers, *taken.history))
    return Redaction.of(frames, (unit.uid for taken in all_taken for unit in taken.units))


def documents(all_taken: Sequence[tuple[CapturedEcu, date]]) -> list[Document]:
    """One for each answer of which something came, with the day of its capture; one table of stand-ins for all."""
    table = redaction([taken for taken, _ in all_taken])
    made: dict[str, Document] = {}
    for taken, day in all_taken:
        came = [one for one in (*taken.answers, *taken.history) if one.data]
        frames = [dissect(table.scrub(one.data)) for one in came]
        ecu = EcuVersion.of(frames)
        for one, frame in zip(came, frames, strict=True):
            called = _free(named(ecu, one.query.name), made)
            text = json.dumps(document(ecu, one.query, frame, day, called), indent=2) + "\n"
            made[called] = Document(f"{called}.json", text, _is_doubtful(frame))
        if taken.units:
            called = _free(named(ecu, SUNSPEC), made)
            units = [registers.document(ecu, unit, table, day.isoformat(), called) for unit in taken.units]
            made[called] = Document(f"{called}.json", json.dumps(units, indent=2) + "\n", doubtful=False)
    return list(made.values())


def _free(called: str, made: Collection[str]) -> str:
    """`called`, or with a number if another ECU of this model and firmware is called so already."""
    numbered = (f"{called}-{number}" for number in count(2))
    return called if called not in made else next(one for one in numbered if one not in made)


def _is_doubtful(frame: Dissection) -> bool:
    """True where something could be a serial number that nobody has found: more than a wrong end."""
    return any(part.name in (REST, UNDECODED) and len(part.raw) > len(b"END\n") for part in frame.parts)
