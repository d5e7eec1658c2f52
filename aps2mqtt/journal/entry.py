"""The values of the journal, frozen and without behaviour. `None` means unknown, never 0. Pure.

Left -> the journal -> Entry -> page, metrics
"""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple

from aps2mqtt.base.values import Report

DAYS = 30  # of energies in an entry


class Point(NamedTuple):
    """The power at one time of a day."""

    minute: int  # of the site's day, from 0
    power: float  # W


class Left(NamedTuple):
    """What one job leaves of its ECU."""

    address: str  # host:port, as configured
    at: datetime  # time of the job, in the site's time zone
    fresh_for: int  # see Entry
    ecu_id: str = ""  # empty: not known
    said: Mapping[str, str] = MappingProxyType({})  # published payloads by topic; empty text: removed
    failure: str = ""  # why the job failed, in words; empty: it succeeded
    data_at: datetime | None = None  # time of the data by this machine's clock, in the site's time zone; None: unknown
    power: float | None = None  # W; None: not known
    power_at: datetime | None = None  # time of this power, in the site's time zone; None: that of the job
    energies: Mapping[date, float] = MappingProxyType({})  # kWh by date of the site
    fahrenheit: bool = False  # the unit in which people want temperatures of this ECU; else degrees Celsius


class Entry(NamedTuple):
    """One ECU as its last job has left it. Its page and its metrics are made from this."""

    address: str  # host:port, as configured
    at: datetime  # time of the last job, in the site's time zone
    fresh_for: int  # seconds from `at`: if no other job has come by then, one is overdue
    report: Report | None = None  # as it is published now; None: the ECU was never read
    failure: str = ""  # why the last job failed, in words; empty: it succeeded
    succeeded_at: datetime | None = None  # time of the last successful job; None: there was none
    data_age: float | None = None  # seconds, at `at`, of the data in `report`; None: not known
    curve: tuple[Point, ...] = ()  # of the date of `at`, in order
    energies: Mapping[date, float] = MappingProxyType({})  # kWh by date of the site, at most those of the last DAYS
    fahrenheit: bool = False  # see Left
