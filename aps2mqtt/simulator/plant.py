"""A simulated array with a realistic day. All its answers depend on the time alone.

Plant, time -> SystemInfo, RealTime, Signal, PowerOfDay, EnergyByDay
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from math import ceil, cos, pi, radians, sin
from typing import NamedTuple

from aps2mqtt.base import physical_limits, sun
from aps2mqtt.base.values import Site
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, PowerOfDay

REFRESH = timedelta(minutes=5)  # between two times at which an ECU asks its inverters (quirk 15)
DAY = 86400  # seconds
INVERTERS = re.compile(r"(?:(?P<count>[1-9][0-9]{0,3})x)?(?P<name>\w+)", re.ASCII)
MOST_SHOWN = 40  # characters of a wrong set of inverters, in the error message
PARIS = Site(48.864716, 2.349014)


class EcuModel(NamedTuple):
    """The differences between models of ECU on the wire.

    `newer` models have ids that begin with 2162 or 215. Their 0001 is in group 12, with a true time zone and a longer
    tail (quirks 20 to 22, 25, 26). They do not answer a second request on a connection (quirk 2). Their records of
    offline inverters hold zeros (quirk 37).
    """

    ecu_id: str
    firmware: str
    newer: bool


class InverterModel(NamedTuple):
    """The differences between models of inverter on the wire."""

    uid_prefix: str
    type: str
    peak: int  # W, of each channel
    channels: int
    voltages: int
    volts: int  # AC


ECU_MODELS = {  # each with a firmware that has no known faults
    "ECU-R": EcuModel("216000000001", "ECU_R_1.3.19C", newer=False),
    "ECU-R-Pro": EcuModel("216200000001", "ECU_R_PRO_2.1.29D", newer=True),
    "ECU-B": EcuModel("216300000001", "ECU_B_1.2.33", newer=False),
    "ECU-C": EcuModel("215000000001", "ECU-C-Z_C1.2.1", newer=True),
}
UNSEEN = "unseen"
INVERTER_MODELS = {
    "YC600": InverterModel("4080", "01", 300, 2, 2, 230),
    "DS3": InverterModel("7040", "01", 440, 2, 2, 231),
    "QS1": InverterModel("8010", "03", 300, 4, 1, 230),
    "QS1A": InverterModel("8060", "03", 375, 4, 1, 229),
    "YC1000": InverterModel("5020", "02", 225, 4, 3, 232),
    "QT2": InverterModel("9010", "02", 450, 4, 3, 396),  # phase to phase (quirk 34)
    UNSEEN: InverterModel("7040", tables.NEVER_HEARD, 0, 0, 0, 0),
}
DAYS = {tables.WEEK: 7, tables.MONTH: 30, tables.YEAR: 365}  # of the periods of 0004, today included
DEFAULT_INVERTERS = "3xDS3,1xQS1,1xYC1000"


class ScenarioError(ValueError):
    """An unknown model or fault, or a replay that cannot be read; the message says what is possible."""


def inverter_models(text: str) -> tuple[str, ...]:
    """The name of each inverter's model, from a text such as "3xDS3,1xQS1"; raises ScenarioError."""
    names: list[str] = []
    for part in text.split(","):
        found = INVERTERS.fullmatch(part.strip())
        if found is None or found["name"] not in INVERTER_MODELS:
            unknown, known = found["name"] if found else part, ", ".join(INVERTER_MODELS)
            raise ScenarioError(
                f"unknown inverter model {unknown[:MOST_SHOWN]!r}; write for example 3xDS3,1xQS1 with {known}"
            )
        names += [found["name"]] * int(found["count"] or 1)
        if len(names) > physical_limits.MOST_INVERTERS:
            break
    records = sum(tables.size_of(INVERTER_MODELS[name].type) for name in names)
    if tables.RECORDS + records + len(tables.TRAILER) >= tables.MAX_FRAME:
        raise ScenarioError(f"{len(names)} inverters do not fit into one answer; choose fewer")
    return tuple(names)


# -- the array --------------------------------------------------------------------------------------------------------


class Plant(NamedTuple):
    """An ECU and its inverters at a site. All its answers depend on the time alone."""

    ecu: EcuModel = ECU_MODELS["ECU-R"]
    inverters: tuple[str, ...] = inverter_models(DEFAULT_INVERTERS)
    site: Site = PARIS
    timezone: tzinfo = UTC
    since: date = date(2026, 1, 1)  # at the beginning of this day, the lifetime energy is 1234.5 kWh
    refresh: timedelta = REFRESH
    phase: timedelta = timedelta()  # from the full refresh, counted from the epoch, to the time stamp of data
    late: timedelta = timedelta()  # from the time stamp of data until the ECU has them

    def refreshed(self, when: datetime) -> datetime:
        """The time stamp of the last data that the ECU has at `when`."""
        seconds, behind = self.refresh.total_seconds(), self.phase + self.late
        return datetime.fromtimestamp((when - behind).timestamp() // seconds * seconds, UTC) + self.phase

    def records(self, when: datetime, *, asleep: bool = False) -> tuple[Record, ...]:
        """The inverters at the last refresh before `when`; all are offline if `asleep`."""
        at = self.refreshed(when)
        elevation = -90.0 if asleep else sun.elevation(self.site, at)
        strength = 0.0 if asleep else _strength(self.site, at.timestamp())
        return tuple(self._record(number, name, elevation, strength) for number, name in enumerate(self.inverters, 1))

    def system_info(self, when: datetime, *, asleep: bool = False) -> SystemInfo:
        """The answer to 0001, with the totals of `records` at the same time."""
        records = self.records(when, asleep=asleep)
        energy = _energy(self.site, self.refreshed(when).astimezone(self.timezone)) * self._peak() / 1000
        return SystemInfo(
            ecu_id=self.ecu.ecu_id,
            version="01",
            lifetime_energy=round(1234.5 + self._before_today(when) + energy, 1),
            power=sum(sum(record.powers) for record in records if record.online),
            energy_today=round(energy, 2),
            registered=len(records),
            online=sum(record.online for record in records),
            firmware=self.ecu.firmware,
            last_contact=f"{when.astimezone(self.timezone):%Y%m%d%H%M%S}" if self.ecu.newer else "d0" * 7,
            channel="10",
            time_zone="Europe/Paris" if self.ecu.newer else "Etc/GMT-8",
            wired_mac="80971b000001",
            wireless_mac="60c5a8000001" if self.ecu.newer else "000000000000",
            unknown="3030" + "00" * 10 if self.ecu.newer else "",
        )

    @property
    def group(self) -> str:
        """Command group of the answer to 0001; all other answers of every model are in group 11."""
        return "12" if self.ecu.newer else "11"

    def real_time(self, when: datetime, *, asleep: bool = False) -> RealTime:
        """The answer to 0002."""
        records = self.records(when, asleep=asleep)
        stamp = f"{self.refreshed(when).astimezone(self.timezone):%Y%m%d%H%M%S}"
        return RealTime(tables.STATUS_OK, "01", len(records), stamp, records)

    def signal(self, when: datetime, *, asleep: bool = False) -> Signal:
        """The answer to 0030. Older models give 0 for an offline inverter (quirk 61)."""
        levels = (
            (record.uid, 0 if not record.online and not self.ecu.newer else 150 + 17 * number % 100)
            for number, record in enumerate(self.records(when, asleep=asleep), 1)
        )
        return Signal(tables.STATUS_OK, tuple(levels))

    def power_of_day(self, day: date, now: datetime) -> PowerOfDay:
        """The answer to 0003: a point for each refresh of `day` until `now` at which an inverter was online.

        There is no data for a future day.
        """
        if day > now.astimezone(self.timezone).date():
            return PowerOfDay(tables.STATUS_NO_DATA)
        points = []
        for when in _refreshes(day, self.timezone, now):
            powers = [sum(record.powers) for record in self.records(when) if record.online]
            if powers:
                points.append((f"{when.astimezone(self.timezone):%H%M}", sum(powers)))
        return PowerOfDay(tables.STATUS_OK, tuple(points))

    def energy_by_day(self, period: str, now: datetime) -> EnergyByDay:
        """The answer to 0004: the days of the period until `now`, with today only after sunrise (quirk 76)."""
        if period not in DAYS:
            return EnergyByDay(tables.STATUS_NO_DATA)
        today = now.astimezone(self.timezone).date()
        days = (today - timedelta(days=ago) for ago in reversed(range(1, DAYS[period])))
        energies = [(day, _energy_of_day(self.site, self.timezone, day)) for day in days]
        energies += (
            [(today, so_far)] if (so_far := _energy(self.site, self.refreshed(now).astimezone(self.timezone))) else []
        )
        points = ((f"{day:%Y%m%d}", round(hours * self._peak() / 1000, 2)) for day, hours in energies)
        return EnergyByDay(tables.STATUS_OK, period, tuple(points))

    def _record(self, number: int, name: str, elevation: float, strength: float) -> Record:
        model = INVERTER_MODELS[name]
        uid = f"{model.uid_prefix}{number:08d}"
        if name == UNSEEN:
            return Record(uid, online=False, type=model.type)
        if elevation <= _wakes_at(number):
            stale = not self.ecu.newer
            return Record(
                uid,
                online=False,
                type=model.type,
                temperature=0 if stale else -100,
                powers=(3 * stale,) * model.channels,
                voltages=(model.volts * stale,) * model.voltages,
            )
        powers = (round(model.peak * strength * _orientation(number, panel)) for panel in range(model.channels))
        return Record(
            uid,
            online=True,
            type=model.type,
            frequency=50.0 - 0.1 * (number % 2),
            temperature=round(12 + 30 * strength + number % 3),
            powers=tuple(powers),
            voltages=tuple(model.volts + (number + phase) % 4 for phase in range(model.voltages)),
        )

    def energies(self, when: datetime) -> tuple[float, ...]:
        """What each inverter has made today at the last refresh before `when`, in Wh."""
        hours = _energy(self.site, self.refreshed(when).astimezone(self.timezone))
        return tuple(hours * _peak(number, name) for number, name in enumerate(self.inverters, 1))

    def _peak(self) -> float:
        """W of all channels at full strength."""
        return sum(_peak(number, name) for number, name in enumerate(self.inverters, 1))

    def _before_today(self, when: datetime) -> float:
        today = self.refreshed(when).astimezone(self.timezone).date()
        days = (self.since + timedelta(days=day) for day in range((today - self.since).days))
        return sum(_energy_of_day(self.site, self.timezone, day) for day in days) * self._peak() / 1000


def local_plant(ecu: str, inverters: str) -> Plant:
    """An array of these models, at the latitude of Paris and the longitude of this machine's time zone.

    So the sun is highest at noon by this machine's clock. Raises ScenarioError for unknown models.
    """
    if ecu not in ECU_MODELS:
        raise ScenarioError(f"unknown ECU model {ecu!r}; choose one of {', '.join(ECU_MODELS)}")
    now = datetime.now().astimezone()
    offset = now.utcoffset() or timedelta()
    timezone = now.tzinfo or UTC
    site = Site(PARIS.latitude, offset.total_seconds() / 3600 * 15)
    return Plant(ECU_MODELS[ecu], inverter_models(inverters), site, timezone, now.date())


def _refreshes(day: date, timezone: tzinfo, until: datetime) -> Iterable[datetime]:
    """The times of `day` at which the ECU asks its inverters, up to `until`."""
    begin, end = (datetime(one.year, one.month, one.day, tzinfo=timezone) for one in (day, day + timedelta(days=1)))
    last = min(end.timestamp(), until.timestamp() + 1)
    seconds = range(int(begin.timestamp()), int(last), int(REFRESH.total_seconds()))
    return (datetime.fromtimestamp(second, UTC) for second in seconds)


def _strength(site: Site, second: float) -> float:
    """Sunlight on the panels at the Unix time `second`, 0 to 1, with a few clouds."""
    height = max(0.0, _height(site, second))
    clouds = 0.9 + 0.1 * sin(second / 1700)
    return float(height**1.2 * clouds)


def _height(site: Site, second: float) -> float:
    """Sine of the sun's elevation at the Unix time `second`, by an approximation that ignores the equation of time.

    The exact elevation takes too long for the energy of a year.
    """
    year = (second / DAY + 10) / 365.2425  # years since a winter solstice
    declination = radians(-23.44) * cos(2 * pi * year)
    hour_angle = 2 * pi * second / DAY - pi + radians(site.longitude)
    latitude = radians(site.latitude)
    return sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)


def _orientation(number: int, panel: int) -> float:
    """Share of the light that a panel gets, 0 to 1; it differs between panels, as on real roofs."""
    return 1.0 - 0.04 * ((3 * number + 5 * panel) % 7)


def _peak(number: int, name: str) -> float:
    """W of all channels of an inverter at full strength."""
    model = INVERTER_MODELS[name]
    return sum(model.peak * _orientation(number, panel) for panel in range(model.channels))


def _wakes_at(number: int) -> float:
    """The sun's elevation in degrees above which an inverter is online; some wake before sunrise, others after it."""
    return -2.0 + 0.4 * (number % 7)


def _energy(site: Site, until: datetime) -> float:
    """The sunlight on the date of `until`, up to that time, as hours of full strength."""
    begin = until.replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = range(int(begin.timestamp()), ceil(until.timestamp()), int(REFRESH.total_seconds()))
    return sum(_strength(site, second) for second in seconds) * REFRESH / timedelta(hours=1)


@lru_cache(maxsize=1000)
def _energy_of_day(site: Site, timezone: tzinfo, day: date) -> float:
    return _energy(site, datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=timezone))
