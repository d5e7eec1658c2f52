"""The memory that one job leaves for the next: the values that are remembered, frozen, without behaviour.

`None` means unknown, never 0.
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple

from aps2mqtt.base.values import ECU8899, Placement, Short


class Doubt(NamedTuple):
    """Successive values of a counter that are not believed; each continues from the one before."""

    first: float  # kWh
    last: float  # kWh
    readings: int  # of new data
    since: datetime | None  # time of the last reading that was believed; None: it is not known
    at: datetime  # time of the last reading
    timestamp: datetime | None = None  # time of its data


class Today(NamedTuple):
    """Energy of one date of the site."""

    date: date
    published: float  # kWh
    reported: float  # kWh, the last value of the ECU that was believed
    renewed: bool  # the ECU has reported another value than on the date before
    before: tuple[float, ...] = ()  # kWh, of the date before: the last published value, and later values of the ECU
    yesterday: float | None = None  # kWh, of the date before; None: it was not read
    doubt: Doubt | None = None  # about the values that the ECU reports now; None: there is none


class Known(NamedTuple):
    """An inverter as the last job knew it."""

    panels: int  # 0: not seen yet
    voltages: int
    missing: int = 0  # complete lists in a row without it
    lost: int = 0  # panels that it once had beyond these; the broker may retain their topics
    signal: int | None = None  # percent
    powers: tuple[int | None, ...] = ()  # W, by channel; None: not known
    energies: tuple[float, ...] = ()  # Wh of Memory.energies_of, by channel, including lost channels
    unlisted: int = 0  # short lists in a row without it
    counter: Today | None = None  # its own counter, as it is published; None: it has not been read
    sunspec: bool = False  # SunSpec reported it in the last poll
    model: str = ""  # by SunSpec; empty: not known
    firmware: str = ""  # by SunSpec; empty: not known


class Hang(NamedTuple):
    """Successive jobs that the ECU did not answer."""

    since: datetime
    jobs: int


class Rhythm(NamedTuple):
    """How often jobs come."""

    at: datetime  # time of the last job
    longest: float = 0  # seconds, the longest recent time between two jobs
    longest_at: datetime | None = None
    run_due: datetime | None = None  # when `run` polls next; None: it is not in use


class Phase(NamedTuple):
    """When the ECU has new data, as polls have shown it.

    The delay is the time from the time stamp of data until the ECU has them, by this machine's clock. It also holds
    the error of the ECU's clock, and so it may be negative.
    """

    stamp: datetime  # time of the last data, by the ECU's clock
    found: datetime  # time of the first poll that found these data
    asked: datetime  # time of the last poll
    before: datetime | None  # time of the poll before that
    most: float  # seconds, the delay is not longer
    least: float | None = None  # seconds, the delay is longer; None: no poll came too early yet
    least_at: datetime | None = None  # when `least` was found
    periods: tuple[float, ...] = ()  # seconds between successive time stamps, the latest last
    fruitless: int = 0  # polls that were to bring the bounds closer together, and did not
    misses: int = 0  # data of the last day that came later than `most`
    missed_at: datetime | None = None  # time of the last of them


class IdleInverter(NamedTuple):
    """An inverter that produces no power while the others do."""

    since: datetime  # time of the first data in which it gave none
    seen: datetime  # time of the last such data
    told: bool = False  # it was long enough to be reported as a problem


class Standstill(NamedTuple):
    """A counter of the ECU that does not change."""

    value: float  # kWh, as the ECU reports it
    since: datetime  # time of the first data with this value
    powered: float = 0.0  # seconds of power since then
    energy: float = 0.0  # Wh that flowed since then, by the ECU's power
    told: bool = False  # it was long enough to be reported as a problem


class Watch(NamedTuple):
    """What the search for problems remembers. All times are those of the data."""

    at: datetime | None  # time of the last data
    power: int  # W, at that time
    idle: dict[str, IdleInverter]
    today: Standstill | None
    lifetime: Standstill | None
    short: Short | None = None  # the last list, if it was short
    contradictory: datetime | None = None  # since when every reading has contradicted itself
    missing: str = ""  # in words: what one source alone does not report; empty: nothing


class Reading(NamedTuple):
    """The last good reading of the ECU."""

    at: datetime
    awake: bool = True  # an inverter was online
    firmware: str = ""
    timestamp: datetime | None = None  # time of the data
    registered: int | None = None  # number of inverters, as published
    online: int | None = None  # number of inverters online, as published
    source: str = ECU8899  # with SunSpec alone, `timestamp` is by this machine's clock


class Counters(NamedTuple):
    """The ECU's two counters; None if not known."""

    lifetime: float | None = None  # kWh, published
    doubt: Doubt | None = None  # about the lifetime that the ECU reports now; None: there is none
    today: Today | None = None
    lifetime_at: datetime | None = None  # time of the last reading with a lifetime; None: that was the last reading


class KnownUnit(NamedTuple):
    """A Modbus unit, which is an inverter, as the last job knew it."""

    address: int  # 1 to 247
    fingerprint: int = 0  # of its registers
    since: datetime | None = None  # when this fingerprint was read first; None: never read
    model: str = ""
    firmware: str = ""
    silent: int = 0  # polls in a row without an answer


class Units(NamedTuple):
    """The Modbus units of the ECU."""

    by_uid: Mapping[str, KnownUnit] = MappingProxyType({})
    next: int = 1  # where the search goes on; beyond 247: it has ended
    failed_on: date | None = None  # the site's date of the last search that did not find all
    named_on: date | None = None  # the site's date on which model and firmware were read last


class Failure(NamedTuple):
    """The failures since the last good reading."""

    error: str = ""  # cause of the last job that could not read the ECU; empty: it could
    hang: Hang | None = None
    restarted_at: datetime | None = None  # time of the last restart, also if before the last good reading
    restarts: int = 0


class Memory(NamedTuple):
    """The memory that one job leaves for the next. The broker has acknowledged all of it."""

    ecu_id: str
    reading: Reading
    counters: Counters = Counters()
    inverters: Mapping[str, Known] = MappingProxyType({})
    energies_of: date | None = None  # the site's date of the inverters' energies
    failure: Failure = Failure()
    told: tuple[str, ...] = ()  # remarks already in the log
    watch: Watch | None = None
    rhythm: Rhythm | None = None
    layout: Placement | None = None
    units: Units | None = None  # None: SunSpec was never read
    phase: Phase | None = None  # None: no data with a time stamp were read
