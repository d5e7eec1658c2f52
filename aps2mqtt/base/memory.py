"""What one job tells the next: the values that are remembered, frozen, without behaviour.

`None` means unknown, never 0.
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple

from aps2mqtt.base.values import Placement, Short


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


class IdleInverter(NamedTuple):
    """An inverter that gives nothing while the others give."""

    since: datetime  # of the first data that had it so
    seen: datetime  # of the last
    told: bool = False  # long enough to be a problem


class Standstill(NamedTuple):
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
    idle: dict[str, IdleInverter]
    today: Standstill | None
    lifetime: Standstill | None
    short: Short | None = None  # the last list, where it was short
    contradictory: datetime | None = None  # since when every reading has contradicted itself


class Reading(NamedTuple):
    """The last good reading of the ECU."""

    at: datetime
    awake: bool = True  # an inverter was online
    firmware: str = ""
    timestamp: datetime | None = None  # of the data
    registered: int | None = None  # inverters, as they were published
    online: int | None = None  # of them


class Counters(NamedTuple):
    """The ECU's two counters; None where nobody knows."""

    lifetime: float | None = None  # kWh, published
    doubt: Doubt | None = None  # of the lifetime that the ECU says now; None: there is none
    today: Today | None = None


class Failure(NamedTuple):
    """What has failed since the last good reading."""

    error: str = ""  # cause of the last job that could not read the ECU; empty: it could
    hang: Hang | None = None
    restarted_at: datetime | None = None  # however long ago
    restarts: int = 0


class Memory(NamedTuple):
    """What one job tells the next, all of it acknowledged by the broker."""

    ecu_id: str
    reading: Reading
    counters: Counters = Counters()
    inverters: Mapping[str, Known] = MappingProxyType({})
    energies_of: date | None = None  # the site's, of the inverters' energies
    failure: Failure = Failure()
    told: tuple[str, ...] = ()  # remarks already in the log
    watch: Watch | None = None
    rhythm: Rhythm | None = None
    layout: Placement | None = None
