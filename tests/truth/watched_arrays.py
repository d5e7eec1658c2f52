"""An array that is watched, poll by poll, for what is wrong with it."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import cos, exp, radians, sin
from zoneinfo import ZoneInfo

import astral
import astral.sun

from aps2mqtt.base import sun
from aps2mqtt.base.memory import Watch
from aps2mqtt.base.values import Inverter, Site, Snapshot
from aps2mqtt.truth import problems

PARIS = Site(48.864716, 2.349014)
ZONE = ZoneInfo("Europe/Paris")
LATE_MORNING = datetime(2026, 6, 21, 11, 5, tzinfo=ZONE)
MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEP = 5 * MINUTES
ECU = "216000000001"
A, B, C = "704000000001", "704000000002", "704000000003"


def inverter(uid: str, power: int | None) -> Inverter:
    """One that gives `power`; None: offline."""
    if power is None:
        return Inverter(uid, online=False, powers=(0, 0), voltages=(None, None))
    return Inverter(uid, online=True, powers=(power - power // 2, power // 2), voltages=(230, 230), frequency=50.0)


def read(at: datetime | None, powers: dict[str, int | None], **changes: object) -> Snapshot:
    """What an ECU with these inverters says; its counters stand still unless told otherwise."""
    online = sum(power is not None for power in powers.values())
    return Snapshot(
        ECU,
        "ECU_R_1.3.10",
        power=sum(power or 0 for power in powers.values()),
        lifetime=1234.5,
        today=1.23,
        registered=len(powers),
        online=online,
        contradictory=False,
        timestamp=at,
        inverters=tuple(inverter(uid, power) for uid, power in powers.items()),
        skipped=frozenset(),
        complete=True,
    )._replace(**changes)


@dataclass
class Watcher:
    """Looks in a row, at data of every five minutes, with counters that move."""

    site: Site | None = PARIS
    at: datetime = LATE_MORNING - STEP
    watch: Watch | None = None
    told: tuple[str, ...] = ()
    energy: float = 1000.0  # kWh, the last lifetime

    def look(self, made: Snapshot) -> tuple[str, ...]:
        """One look, and the same data again."""
        self.watch = problems.look(made, self.watch, self.site)
        assert problems.look(made, self.watch, self.site) == self.watch
        self.told = problems.in_words(self.watch)
        return self.told

    def next(self, powers: dict[str, int | None], step: timedelta = STEP, **changes: object) -> tuple[str, ...]:
        """One look at data that are later by `step`, of an ECU whose counters are sound."""
        self.at = (self.at.astimezone(UTC) + step).astimezone(self.at.tzinfo)
        self.energy = round(self.energy + 0.1, 1)
        return self.look(read(self.at, powers, **({"today": self.energy, "lifetime": self.energy} | changes)))

    def run(self, powers: dict[str, int | None], lasts: timedelta, **changes: object) -> tuple[str, ...]:
        """Looks for so long; what the last one told."""
        for _ in range(lasts // STEP):
            self.next(powers, **changes)
        return self.told


def told_after(watcher: Watcher, powers: dict[str, int | None], **changes: object) -> int:
    """Minutes until a problem is told."""
    for minutes in range(0, 600, 5):
        if watcher.next(powers, **changes):
            return minutes
    raise AssertionError("no problem was told")


ONE_OFF = {A: 300, B: None, C: 310}
ALL_WELL = {A: 300, B: 305, C: 310}


def moment(site: Site, when: datetime, degrees: float, direction: int) -> datetime:
    """The first minute from `when` on, in that direction of time, at which the sun stands over `degrees`."""
    while sun.elevation(site, when) < degrees:
        when += direction * MINUTES
    return when


EAST, SOUTH, WEST = 90, 180, 270
MIDNIGHT, WAKING, LATE = "at midnight", "when the first inverter wakes", "an hour and a half after that"


@lru_cache(maxsize=20_000)
def position(site: Site, when: datetime) -> tuple[float, float]:
    """Elevation and azimuth of the sun, in degrees."""
    return sun.elevation(site, when), astral.sun.azimuth(astral.Observer(site.latitude, site.longitude), when)


@dataclass(frozen=True)
class Roof:
    """Two panels of 400 W on one inverter, in direct and diffuse light."""

    azimuth: int
    tilt: int = 60
    wakes: float = 3.0  # W of a panel
    shade: float = 1.0  # what it gets of the light

    def power(self, site: Site, when: datetime, weather: float) -> int | None:
        """W of the inverter, in clear (1) or overcast weather; None while it sleeps."""
        elevation, azimuth = position(site, when)
        height = sin(radians(elevation))
        if height <= 0:
            return None
        diffuse = 0.12 * height**0.7 * (1 + cos(radians(self.tilt))) / 2
        facing = height * cos(radians(self.tilt)) + cos(radians(elevation)) * sin(radians(self.tilt)) * cos(
            radians(azimuth - self.azimuth)
        )
        direct = 1.1 * exp(-0.15 / height) * max(0.0, facing)
        panel = 400 * self.shade * (direct + diffuse if weather == 1 else diffuse * weather)
        return 2 * round(panel) if panel >= self.wakes else None


@dataclass
class House:
    """Roofs under one ECU whose counters are sound, except those that are `frozen`."""

    site: Site
    zone: ZoneInfo
    roofs: tuple[Roof, ...]
    resets: str = MIDNIGHT
    weather: float = 1.0  # 1: clear; else the strongest light of a storm
    lost: float = 0.0  # share of the readings that Zigbee loses
    frozen: dict[str, float] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def days(self, first: datetime, days: int) -> Iterator[Snapshot]:
        """A snapshot every five minutes; the data are the evening's all night."""
        lifetime, today, shown = 1000.0, 0.0, 0.0
        date, resets_at, made = first.date(), first, None
        for number in range(days * 288):
            at = (first.astimezone(UTC) + number * STEP).astimezone(self.zone)
            weather = self.weather if self.weather == 1 else self.weather * self.chance.uniform(0.15, 1)
            powers = {f"7040000000{n:02}": roof.power(self.site, at, weather) for n, roof in enumerate(self.roofs, 1)}
            awake = any(power is not None for power in powers.values())
            if at.date() != date:
                date, today, resets_at = at.date(), 0.0, at if self.resets == MIDNIGHT else None
            if resets_at is None and awake:
                resets_at = at + 90 * MINUTES * (self.resets == LATE)
            energy = sum(power or 0 for power in powers.values()) / 12_000
            lifetime, today = lifetime + energy, today + energy
            if resets_at is not None and at >= resets_at:  # else it is yesterday's total
                shown = today
            counters = {"lifetime": int(lifetime * 10) / 10, "today": int(shown * 100) / 100} | self.frozen
            if awake or made is None:
                said = {uid: None if self.chance.random() < self.lost else power for uid, power in powers.items()}
                made = read(at, said, **counters)
            yield made._replace(**counters)
