"""The values that flow through a job, frozen and without behaviour. `None` means unknown, never 0.

frames -> Snapshot -> Report -> messages
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple


class Unchanged(NamedTuple):
    """Stands for a value that the broker keeps as it is: neither published on a topic of its own nor removed."""

    last: float | None = None  # as it was published last; None: nobody remembers


UNCHANGED = Unchanged()


class Site(NamedTuple):
    """Where the array stands."""

    latitude: float  # degrees north
    longitude: float  # degrees east


class Remark(NamedTuple):
    """Something odd that stops nobody. `what` stays the same from poll to poll, `detail` may change."""

    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}"


class Inverter(NamedTuple):
    """One inverter. An offline one has power 0 everywhere and nothing measured."""

    uid: str  # 12 digits
    online: bool | None  # None: the ECU has not listed it for so long that nobody knows
    powers: tuple[int | None, ...] = ()  # W, by channel; empty for one never heard, None where not known
    voltages: tuple[int | None, ...] = ()  # V AC, V1..Vn, as many as its type has; None where not measured
    frequency: float | None = None  # Hz
    temperature: int | None = None  # degC
    signal: int | Unchanged | None = None  # percent
    energies: tuple[float, ...] = ()  # kWh today, by channel: integrals of the powers
    lost: int = 0  # panels that it had beyond these, once: their topics are removed
    bare: bool = False  # nothing of it but `online` lies on the broker, so there is nothing to remove


class Short(NamedTuple):
    """A list of inverters that leaves some out."""

    listed: int
    expected: int  # at least, as 0001 has it


class Snapshot(NamedTuple):
    """All that was read from the ECU in one poll."""

    ecu_id: str  # 12 digits
    firmware: str
    power: int | None  # W; None: more than the array can give
    lifetime: float  # kWh, the ECU's counter
    today: float  # kWh, the ECU's counter
    registered: int  # as 0001 has it
    online: int  # as 0001 has it
    contradictory: bool  # 0001 says what no array can have: see `snapshot.is_contradictory`
    timestamp: datetime | None  # of the inverters' data, in the site's time zone
    inverters: tuple[Inverter, ...]
    skipped: frozenset[str]  # UIDs listed, but not understood
    complete: bool  # `inverters` and `skipped` are all that 0002 lists, and not none of some
    remarks: tuple[Remark, ...] = ()
    skipped_online: int = 0  # how many of `skipped` are
    short: Short | None = None  # the list leaves out some that 0001 counts; None: it does not


class Report(NamedTuple):
    """What is true now, as the topics have it."""

    ecu_id: str
    power: int | Unchanged | None  # W; None: nobody knows
    today: float | Unchanged  # kWh
    lifetime: float | Unchanged  # kWh
    registered: int | Unchanged
    online: int | Unchanged
    timestamp: datetime | None
    firmware: str
    inverters: tuple[Inverter, ...]
    gone: tuple[Inverter, ...] = ()  # all their topics are removed
    error: str = ""  # cause of the last failed job; empty: it did not fail
    yesterday: float | Unchanged | None = UNCHANGED  # kWh; None: nobody knows
    problems: tuple[str, ...] | Unchanged = UNCHANGED  # in words; none: all is well


class Recalled(NamedTuple):
    """What the broker itself still retains of the counters; None where nothing (readable) is retained."""

    lifetime: float | None = None  # kWh
    today: float | None = None  # kWh
    timestamp: datetime | None = None  # of the data
    readable: bool = True  # the broker lets us read
    yesterday: float | None = None  # kWh
    energies: Mapping[str, tuple[float, ...]] = MappingProxyType({})  # kWh today, by UID and channel


class Placement(NamedTuple):
    """Where messages lie, as the user configured it: what has to be cleared once that changes."""

    prefix: str = ""  # of all topics
    payload: str = "flat"  # flat, json or both
    discovery: str = ""  # device, component, or empty for none
    discovery_prefix: str = ""
    retain: bool = True  # of readings
