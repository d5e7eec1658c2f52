"""Reads the units of an ECU, and searches for units at other addresses.

    connection, Units of the memory -> Answers, Units for the memory

A unit that is not there says nothing, so each wrong address costs the time to wait for an answer. The search therefore
goes on from job to job, and ends when all wanted inverters are found. A search that has not found all of them is begun
again on another date, or when a unit bears another serial number than before: the user has renumbered them.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple, Protocol
from zlib import crc32

from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.base.memory import KnownUnit, Units
from aps2mqtt.base.models import inverter_model
from aps2mqtt.base.physical_limits import MODBUS_ADDRESSES
from aps2mqtt.base.printable import plain
from aps2mqtt.sources.sunspec import registers
from aps2mqtt.sources.sunspec.registers import Registers
from aps2mqtt.sources.sunspec.units import Unit, unit

ADDRESSES = MODBUS_ADDRESSES
NAMES, FIRST, SECOND = (40000, 52), (40052, 125), (40177, 85)  # first register and number of registers
READING = 10.0  # seconds for all known units; an ECU-R takes 3 ms for a request, and 100 inverters are 200 requests
SEARCH = 10.0  # seconds of a job
NAMING = 3.0  # seconds for models and firmware
SILENCE, SILENCE_OF_STRANGER = 1.0, 0.25  # seconds until a unit counts as silent


class Asking(Protocol):
    """A connection to an ECU."""

    def read(self, unit: int, address: int, count: int, silence: float) -> Registers | None:
        """The registers of a unit; None where it does not answer within `silence` seconds."""


class Answer(NamedTuple):
    """One unit's answer."""

    address: int
    unit: Unit
    registers: Registers  # 210, from 40052 on


class Wanted(NamedTuple):
    """The inverters that a search looks for."""

    known: frozenset[str] = frozenset()  # UIDs, of all inverters that were ever heard
    awake: frozenset[str] = frozenset()  # UIDs, of those that should answer now


class Read(NamedTuple):
    """The answers of one poll, and what the next job has to know."""

    answers: tuple[Answer, ...]
    units: Units


def read_units(connection: Asking, configured: tuple[int, ...], before: Units, wanted: Wanted, now: datetime) -> Read:
    """Reads the `configured` addresses, else the known ones, and searches if that is due; `now` is the site's time.

    Raises EcuUnreachable if the connection is lost before any unit has answered; later, the others count as silent.
    """
    asked = tuple(dict.fromkeys(configured or _in_order(before)))
    answers: dict[int, Answer] = {}
    units = before
    try:
        for one in _insistently(connection, asked, before):
            answers[one.address] = one
        if not configured:
            units = _with_search(before, answers.values(), wanted, now.date())
            if units.next in ADDRESSES:
                units = _searched(connection, units, asked, answers, wanted)
                units = _ended(units, answers.values(), wanted, now.date())
        names = _names(connection, units, answers, now.date())
    except EcuUnreachable:
        if not answers:
            raise
        names = {}
    by_uid = _remembered(units.by_uid, asked, answers.values(), now)
    by_uid |= {uid: by_uid[uid]._replace(model=model, firmware=firmware) for uid, (model, firmware) in names.items()}
    units = units._replace(by_uid=by_uid, named_on=now.date() if names else units.named_on)
    return Read(tuple(answers[address] for address in sorted(answers)), units)


# -- asking -----------------------------------------------------------------------------------------------------------


def _in_order(units: Units) -> Iterator[int]:
    """The known addresses; those that were silent come last, because silence takes time."""
    known = sorted(units.by_uid.values(), key=lambda one: (one.silent, one.address))
    return (one.address for one in known)


def _insistently(connection: Asking, addresses: tuple[int, ...], before: Units) -> Iterator[Answer]:
    """The answers of these units. A unit that answered in the poll before, and is silent now, is asked twice."""
    silent, deadline = [], Deadline(READING)
    spoke = {one.address for one in before.by_uid.values() if not one.silent}
    for address in addresses:
        if not deadline.remaining():
            return
        answer = _read(connection, address, SILENCE)
        if answer is not None:
            yield answer
        elif address in spoke:
            silent.append(address)
    for address in silent:
        if deadline.remaining() and (answer := _read(connection, address, SILENCE)) is not None:
            yield answer


def _read(connection: Asking, address: int, silence: float) -> Answer | None:
    """The answer of a unit; None if it is silent or no inverter."""
    first = connection.read(address, *FIRST, silence)
    second = connection.read(address, *SECOND, SILENCE) if first is not None else None
    if first is None or second is None:
        return None
    whole = Registers(first.first, first.words + second.words)
    said = unit(whole)
    return Answer(address, said, whole) if said is not None else None


def _names(connection: Asking, units: Units, answers: Mapping[int, Answer], on: date) -> dict[str, tuple[str, str]]:
    """Model and firmware by UID, of the units that answered; once a date, and when one is new."""
    uids = {answer.unit.uid for answer in answers.values()}
    if units.named_on == on and all(units.by_uid[uid].model if uid in units.by_uid else False for uid in uids):
        return {}
    found, deadline = {}, Deadline(NAMING)
    for address, answer in answers.items():
        words = connection.read(address, *NAMES, SILENCE) if deadline.remaining() else None
        if words is not None:
            values = registers.decode(words)
            model = plain(str(values.get("model") or inverter_model(answer.unit.uid)))
            found[answer.unit.uid] = model, plain(str(values.get("version") or ""))
    return found


# -- the search -------------------------------------------------------------------------------------------------------


def _all_are_found(uids: frozenset[str], answers: Iterable[Answer]) -> bool:
    """True if all of them have answered; False if none is known, because then nobody knows how many there are."""
    return bool(uids) and uids <= {one.unit.uid for one in answers}


def _with_search(units: Units, answers: Iterable[Answer], wanted: Wanted, on: date) -> Units:
    """`units` with a new search, if one is due."""
    found = {one.address: one.unit.uid for one in answers}
    if units.next in ADDRESSES or wanted.awake <= set(found.values()):
        return units
    renumbered = any(found.get(known.address, uid) != uid for uid, known in units.by_uid.items())
    return units._replace(next=ADDRESSES.start) if renumbered or units.failed_on != on else units


def _searched(
    connection: Asking, units: Units, asked: tuple[int, ...], answers: dict[int, Answer], wanted: Wanted
) -> Units:
    """`units` after the part of the search that one job does; adds what it finds to `answers`."""
    deadline = Deadline(SEARCH)
    while units.next in ADDRESSES and not _all_are_found(wanted.known, answers.values()) and deadline.remaining():
        found = None if units.next in asked else _read(connection, units.next, SILENCE_OF_STRANGER)
        answers |= {found.address: found} if found is not None else {}
        units = units._replace(next=units.next + 1)
    return units


def _ended(units: Units, answers: Iterable[Answer], wanted: Wanted, on: date) -> Units:
    """`units` after a part of a search."""
    answers = tuple(answers)
    if _all_are_found(wanted.known, answers):
        return units._replace(next=ADDRESSES.stop, failed_on=None)
    if units.next in ADDRESSES:
        return units
    return units._replace(failed_on=on)


# -- what is remembered -----------------------------------------------------------------------------------------------


def _remembered(
    before: Mapping[str, KnownUnit], asked: Iterable[int], answers: Iterable[Answer], now: datetime
) -> dict[str, KnownUnit]:
    """The units by UID: those that answered, and the silent ones whose address no other inverter has now."""
    answers = tuple(answers)
    taken = {one.address for one in answers}
    asked = frozenset(asked)
    by_uid = {
        uid: one._replace(silent=one.silent + (one.address in asked))
        for uid, one in before.items()
        if one.address not in taken
    }
    return by_uid | {one.unit.uid: _known(before.get(one.unit.uid), one, now) for one in answers}


def _known(was: KnownUnit | None, answer: Answer, now: datetime) -> KnownUnit:
    """The unit as it answered: since when its registers are the same, if that was seen."""
    fingerprint = crc32(repr(answer.registers.words).encode())
    if was is None:
        return KnownUnit(answer.address, fingerprint, now if answer.unit.power else None)
    since = was.since and min(was.since, now)
    changed = fingerprint != was.fingerprint
    return was._replace(address=answer.address, fingerprint=fingerprint, since=now if changed else since, silent=0)
