"""The values that flow through a job, frozen and without behaviour. `None` means unknown, never 0.

frames -> Snapshot -> Report -> messages
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple


class Unchanged(NamedTuple):
    """A value that the broker keeps as it is. A job neither publishes nor removes a flat topic of it."""

    last: float | None = None  # the value that was published last; None: it is not known


UNCHANGED = Unchanged()
NO_PROBLEM = "none"


class Site(NamedTuple):
    """The place of the array."""

    latitude: float  # degrees north
    longitude: float  # degrees east


class Remark(NamedTuple):
    """A warning that ends no job. `what` stays the same from poll to poll, `detail` may change."""

    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}"


class Inverter(NamedTuple):
    """One inverter. An offline one has power 0 everywhere and nothing measured."""

    uid: str  # 12 digits
    online: bool | None  # None: not known, because the ECU has not listed it for too long
    powers: tuple[int | None, ...] = ()  # W, by channel; empty if it was never heard; None: not known
    voltages: tuple[float | None, ...] = ()  # V AC, V1..Vn, as many as its type has; None: not measured
    frequency: float | None = None  # Hz
    temperature: int | None = None  # degC
    signal: int | Unchanged | None = None  # percent
    energies: tuple[float, ...] = ()  # kWh today, by channel: integrals of the powers
    lost: int = 0  # number of panels that it had once and has no longer: the job removes their topics
    bare: bool = False  # the broker has only its `online`, so there is nothing to remove
    today: float | None = None  # kWh today, by its own counter; None: the energies count
    ac_power: float | None = None  # W; this and what follows has SunSpec only
    ac_current: float | None = None  # A
    apparent_power: float | None = None  # VA
    reactive_power: float | None = None  # var
    power_factor: float | None = None
    dc_powers: tuple[float | None, ...] = ()  # W, by channel
    dc_voltages: tuple[float | None, ...] = ()  # V, by channel
    dc_currents: tuple[float | None, ...] = ()  # A, by channel
    firmware: str | None = None
    model: str = ""  # as the inverter names it; empty: not known
    problem: str | Unchanged | None = UNCHANGED  # in words, or NO_PROBLEM; None: the ECU has not seen it yet


class Short(NamedTuple):
    """The ECU's list of inverters is shorter than the number of inverters that it counts."""

    listed: int
    expected: int  # at least, by 0001; over SunSpec: known inverters, without those that were asleep


ECU8899, SUNSPEC = "8899", "sunspec"  # sources


class Snapshot(NamedTuple):
    """All that was read from the ECU in one poll, by one source or by both."""

    ecu_id: str  # 12 digits
    firmware: str
    power: float | None  # W; None: more than the array can give
    lifetime: float | None  # kWh, the ECU's counter; None: the source has none
    today: float | None  # kWh, the ECU's counter; None: the source has none, so the inverters' energies count
    registered: int  # by 0001
    online: int  # by 0001
    contradictory: bool  # 0001 contradicts itself: see `snapshot.is_contradictory`
    timestamp: datetime | None  # time of the inverters' data, in the site's time zone
    inverters: tuple[Inverter, ...]
    skipped: frozenset[str]  # UIDs of listed inverters with records that are not understood
    complete: bool  # `inverters` and `skipped` are all that 0002 lists, and it lists some if 0001 counts some
    remarks: tuple[Remark, ...] = ()
    skipped_online: int = 0  # number of `skipped` that are online
    short: Short | None = None  # None: the list has all inverters that 0001 counts
    source: str = ECU8899  # what was read; with a plus between two
    missing: str = ""  # in words: what this source does not say, and why the other one was not read


class Report(NamedTuple):
    """The values that are true now, in the form in which the topics have them."""

    ecu_id: str
    power: float | Unchanged | None  # W; None: not known
    today: float | Unchanged  # kWh
    lifetime: float | Unchanged  # kWh
    registered: int | Unchanged
    online: int | Unchanged
    timestamp: datetime | None
    firmware: str
    inverters: tuple[Inverter, ...]
    gone: tuple[Inverter, ...] = ()  # the job removes all their topics
    error: str = ""  # cause of the last failure; empty: the job succeeded
    yesterday: float | Unchanged | None = UNCHANGED  # kWh; None: not known
    problems: tuple[str, ...] | Unchanged = UNCHANGED  # in words; empty: no problem
    source: str | Unchanged = UNCHANGED  # what the last good job has read


class Recalled(NamedTuple):
    """The energies that the broker still retains; None: it retains no readable value."""

    lifetime: float | None = None  # kWh
    today: float | None = None  # kWh
    timestamp: datetime | None = None  # time of the data
    readable: bool = True  # the broker lets this program read
    yesterday: float | None = None  # kWh
    energies: Mapping[str, tuple[float, ...]] = MappingProxyType({})  # kWh today, by UID and channel
    inverters: Mapping[str, float] = MappingProxyType({})  # kWh today, by UID


class Placement(NamedTuple):
    """The configured place and form of messages: old messages are cleared when it changes."""

    prefix: str = ""  # of all topics
    payload: str = "flat"  # flat, json or both
    discovery: str = ""  # device, component, or empty for none
    discovery_prefix: str = ""
    retain: bool = True  # of readings
    sunspec: bool = False  # values that only SunSpec has are published
