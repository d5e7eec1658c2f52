"""The values of the journal, frozen and without behaviour. `None` means unknown, never 0. Pure."""

from collections.abc import Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import NamedTuple

from aps2mqtt.base.values import Report


class Point(NamedTuple):
    """The power at one time of a day."""

    minute: int  # of the site's day, from 0
    power: float  # W


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
    energies: Mapping[date, float] = MappingProxyType({})  # kWh by date of the site, at most the last 30 days
