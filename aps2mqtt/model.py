"""What is read, what is true and what is remembered: the values that flow through a job.

    frames -> Snapshot -> Report -> messages
                    Memory -> (next job)

Frozen, without behaviour. `None` means unknown, never 0.
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple


class Kept(NamedTuple):
    """Stands for a value that the broker keeps as it is: neither published on a topic of its own nor removed."""

    last: float | None = None  # as it was published last; None: nobody remembers


KEPT = Kept()


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
    signal: int | Kept | None = None  # percent
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
    power: int | Kept | None  # W; None: nobody knows
    today: float | Kept  # kWh
    lifetime: float | Kept  # kWh
    registered: int | Kept
    online: int | Kept
    timestamp: datetime | None
    firmware: str
    inverters: tuple[Inverter, ...]
    gone: tuple[Inverter, ...] = ()  # all their topics are removed
    error: str = ""  # cause of the last failed job; empty: it did not fail
    yesterday: float | Kept | None = KEPT  # kWh; None: nobody knows
    problems: tuple[str, ...] | Kept = KEPT  # in words; none: all is well


class Recalled(NamedTuple):
    """What the broker itself still retains of the counters; None where nothing (readable) is retained."""

    lifetime: float | None = None  # kWh
    today: float | None = None  # kWh
    timestamp: datetime | None = None  # of the data
    readable: bool = True  # the broker lets us read
    yesterday: float | None = None  # kWh
    energies: Mapping[str, tuple[float, ...]] = MappingProxyType({})  # kWh today, by UID and channel


class Doubt(NamedTuple):
    """Values in a row of a counter that is not believed; each goes on from the one before."""

    first: float  # kWh
    last: float  # kWh
    readings: int  # of new data
    since: datetime | None  # of the last reading that was believed; None: nobody knows
    at: datetime  # of the last reading
    timestamp: datetime | None = None  # of its data


class Today(NamedTuple):
    """Energy of one date of the site."""

    date: date
    published: float  # kWh
    reported: float  # kWh, the ECU's last word that was believed
    renewed: bool  # the ECU has said something else than on the date before
    before: tuple[float, ...] = ()  # kWh, of the date before: what was published last, and what the ECU has said since
    yesterday: float | None = None  # kWh, of the date before; None: it was not seen
    doubt: Doubt | None = None  # of what the ECU says now; None: there is none


class Known(NamedTuple):
    """An inverter as the last job knew it."""

    panels: int  # 0: never heard
    voltages: int
    missing: int = 0  # complete lists in a row without it
    lost: int = 0  # panels that it once had beyond these, and whose topics may lie on the broker
    signal: int | None = None  # percent
    powers: tuple[int | None, ...] = ()  # W, by channel; None where not known
    energies: tuple[float, ...] = ()  # Wh of Memory.energies_of, by channel, those that it lost included
    unlisted: int = 0  # short lists in a row without it


class Hang(NamedTuple):
    """Jobs in a row to which the ECU was silent."""

    since: datetime
    jobs: int


class Rhythm(NamedTuple):
    """How often jobs come."""

    at: datetime  # of the last job
    longest: float = 0  # seconds between two jobs, the longest lately
    longest_at: datetime | None = None
    run_due: datetime | None = None  # when `run` polls next; None: it is not in use


class Layout(NamedTuple):
    """Where messages lie, as the user configured it: what has to be cleared once that changes."""

    prefix: str = ""  # of all topics
    payload: str = "flat"  # flat, json or both
    discovery: str = ""  # device, component, or empty for none
    discovery_prefix: str = ""
    retain: bool = True  # of readings


class Idle(NamedTuple):
    """An inverter that gives nothing while the others give."""

    since: datetime  # of the first data that had it so
    seen: datetime  # of the last
    told: bool = False  # long enough to be a problem


class Still(NamedTuple):
    """A counter of the ECU that stands still."""

    value: float  # kWh, as the ECU has it
    since: datetime  # of the first data that had it
    powered: float = 0.0  # seconds of power since then
    energy: float = 0.0  # Wh that flowed since then, by the ECU's power
    told: bool = False  # long enough to be a problem


class Watch(NamedTuple):
    """What the search for problems remembers. All times are those of the data."""

    at: datetime | None  # of the last data
    power: int  # W, then
    idle: dict[str, Idle]
    today: Still | None
    lifetime: Still | None
    short: Short | None = None  # the last list, where it was short
    contradictory: datetime | None = None  # since when every reading has contradicted itself


class Memory(NamedTuple):
    """What one job tells the next, all of it acknowledged by the broker."""

    ecu_id: str
    read_at: datetime  # of the last good reading
    awake: bool  # an inverter was online then
    firmware: str
    timestamp: datetime | None
    registered: int | None
    lifetime: float | None  # kWh, published
    doubt: Doubt | None  # of the lifetime that the ECU says now; None: there is none
    today: Today | None
    inverters: dict[str, Known]
    error: str = ""  # cause of the last job that could not read the ECU; empty: it could
    told: tuple[str, ...] = ()  # remarks already in the log
    hang: Hang | None = None
    restarted_at: datetime | None = None
    restarts: int = 0  # since the last good reading
    online: int | None = None
    energies_of: date | None = None  # the site's, of the inverters' energies
    watch: Watch | None = None
    rhythm: Rhythm | None = None
    layout: Layout | None = None
