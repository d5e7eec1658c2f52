"""Reads the units of an ECU, and searches for units at other addresses.

    what is known of the addresses -> Answers of the units, and what is known then

A unit that is not there says nothing, so each wrong address costs the time to wait for an answer. The search therefore
goes on from job to job, and ends when all inverters that are known are found. A search that does not find all of them
is begun again on another date only: an inverter may be asleep.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import NamedTuple, Protocol

from aps2mqtt.base.deadline import Deadline
from aps2mqtt.sources.sunspec.registers import Registers
from aps2mqtt.sources.sunspec.units import Unit, unit

ADDRESSES = range(1, 248)
FIRST, SECOND = (40052, 125), (40177, 85)  # serial number to events; the rest, and the DC block
READING = 20.0  # seconds for all known units
SEARCH = 20.0  # seconds of a job


class Asking(Protocol):
    """A connection to an ECU."""

    def read(self, unit: int, address: int, count: int) -> Registers | None:
        """The registers of a unit; None where it does not answer."""


class Addresses(NamedTuple):
    """What is known of the addresses of units."""

    uids: Mapping[int, str] = MappingProxyType({})  # of the inverters, by address
    next: int = ADDRESSES.start  # where a search goes on; beyond ADDRESSES: it has ended
    failed_on: date | None = None  # the site's date of the last search that did not find all


class Answer(NamedTuple):
    """One unit's answer."""

    address: int
    unit: Unit
    registers: Registers  # 210, from 40052 on


def read(connection: Asking, addresses: Iterable[int], deadline: Deadline) -> Iterator[Answer]:
    """The answers of these units, one after the other; none of a unit that is silent or no inverter."""
    for address in addresses:
        if not deadline.remaining():
            return
        first = connection.read(address, *FIRST)
        second = connection.read(address, *SECOND) if first is not None else None
        if first is not None and second is not None:
            whole = Registers(first.first, first.words + second.words)
            if (said := unit(whole)) is not None:
                yield Answer(address, said, whole)


def search(
    connection: Asking, known: Addresses, answered: Iterable[Answer], wanted: frozenset[str], deadline: Deadline
) -> Iterator[Answer]:
    """The answers of units at other addresses, until all of `wanted` are found."""
    missing = wanted - {answer.unit.uid for answer in answered}
    for address in range(known.next, ADDRESSES.stop):
        if not missing or not deadline.remaining():
            return
        if address in known.uids:
            continue
        for answer in read(connection, (address,), deadline):
            missing -= {answer.unit.uid}
            yield answer
