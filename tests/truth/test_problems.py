"""What is wrong with an array: the alarms that must come, and the days without one."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from math import cos, exp, radians, sin
from zoneinfo import ZoneInfo

import astral
import astral.sun
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aps2mqtt.base import sun
from aps2mqtt.base.memory import IdleInverter, Standstill, Watch
from aps2mqtt.base.values import Inverter, Site, Snapshot
from aps2mqtt.simulator.plant import Plant
from aps2mqtt.sources.ecu8899.answers import RealTime
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import problems

PARIS = Site(48.864716, 2.349014)
ZONE = ZoneInfo("Europe/Paris")
LATE_MORNING = datetime(2026, 6, 21, 11, 5, tzinfo=ZONE)
MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
STEP = 5 * MINUTES
ECU = "216000000001"
A, B, C = "704000000001", "704000000002", "704000000003"

DEAD = (
    "inverter 704000000002 has given nothing since 2026-06-21 11:05 while the others give power; "
    "check its breaker and its cables, or remove it from the ECU if it is gone"
)
REMEDY = "while power flows; restart the ECU, and rely on the inverters' energy/today meanwhile"


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
        self.told, self.watch = problems.look(made, self.watch, self.site)
        assert problems.look(made, self.watch, self.site) == (self.told, self.watch)
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


# -- one dead among the living ----------------------------------------------------------------------------------------

ONE_OFF = {A: 300, B: None, C: 310}
ALL_WELL = {A: 300, B: 305, C: 310}


def test_an_inverter_that_gives_nothing_for_an_hour_is_told():
    watcher = Watcher()
    assert told_after(watcher, ONE_OFF) == 60
    assert watcher.told == (DEAD,)


def test_online_without_power_is_nothing_too():
    """Its channels' fuses are blown: it answers, and gives 0 W."""
    assert told_after(Watcher(), {A: 300, B: 0, C: 310}) == 60


def test_an_inverter_that_was_never_heard_is_told():
    """Type 00 has no channels at all (quirk 28)."""
    watcher = Watcher()
    for _ in range(13):
        made = read(None, ALL_WELL).inverters
        watcher.next({}, inverters=(made[0], Inverter(B, online=False), made[2]))
    assert watcher.told == (DEAD,)


def test_a_channel_that_is_unknown_counts_as_nothing():
    watcher = Watcher()
    lost = Inverter(B, online=True, powers=(0, None))
    for _ in range(13):
        watcher.next({}, inverters=(lost, *read(None, {A: 300}).inverters))
    assert watcher.told == (DEAD,)


def test_of_an_inverter_whose_power_is_unknown_nothing_is_concluded():
    """All its values were impossible: it may give as much as the others. What was told before stays told."""
    watcher = Watcher()
    unread = Inverter(B, online=True, powers=(None, None))
    for _ in range(13):
        watcher.next({}, inverters=(unread, *read(None, {A: 300}).inverters))
    assert watcher.told == ()
    watcher.run({A: 300, B: 0}, timedelta(hours=1, minutes=5))
    assert watcher.told == (DEAD.replace("11:05", "12:10"),)
    for _ in range(13):
        watcher.next({}, inverters=(unread, *read(None, {A: 300}).inverters))
    assert watcher.told == (DEAD.replace("11:05", "12:10"),)


def test_one_channel_that_gives_is_enough_to_be_well():
    watcher = Watcher()
    half = Inverter(B, online=True, powers=(0, 2))
    for _ in range(40):
        assert not watcher.next({}, inverters=(half, *read(None, {A: 300}).inverters))


def test_it_is_cleared_as_soon_as_it_gives_power():
    watcher = Watcher()
    watcher.run(ONE_OFF, 2 * HOURS)
    assert watcher.told == (DEAD,)
    assert watcher.next({A: 300, B: 1, C: 310}) == ()
    assert watcher.watch.idle == {}
    assert told_after(watcher, ONE_OFF) == 60


def test_two_dead_ones_are_told_in_the_order_of_their_uids():
    """Stable, in whatever order the ECU lists them."""
    watcher = Watcher()
    watcher.run({C: 0, A: 300, B: None}, 2 * HOURS)
    said = watcher.told
    assert [told[:21] for told in said] == [f"inverter {B}", f"inverter {C}"]
    assert watcher.next({B: None, C: 0, A: 300}) == said
    assert watcher.next({A: 300, C: 0}, skipped=frozenset({B})) == said


def test_one_of_two_is_told():
    watcher = Watcher()
    assert told_after(watcher, {A: 300, B: None}) == 60


def test_most_of_an_array_can_be_dead():
    """A breaker that feeds six of ten."""
    powers = {f"7040000000{n:02}": 250 if n < 4 else None for n in range(10)}
    watcher = Watcher()
    assert told_after(watcher, powers) == 60
    assert len(watcher.told) == 6


def test_an_array_of_one_has_no_others():
    watcher = Watcher()
    assert watcher.run({A: None}, 8 * HOURS) == watcher.run({A: 0}, 2 * HOURS) == ()
    assert watcher.watch.idle == {}


def test_an_array_of_none_has_no_problem():
    assert Watcher().run({}, 2 * HOURS) == ()


def test_when_all_give_nothing_none_is_told():
    """Snow."""
    assert Watcher().run({A: 0, B: None, C: None}, 4 * HOURS) == ()


def test_the_others_have_to_give_enough():
    """In the twilight of a storm an inverter may sleep beside one that just gives something."""
    assert Watcher().run({A: 29, B: None}, 4 * HOURS) == ()
    assert Watcher().run({A: 50, B: None, C: 9}, 4 * HOURS) == ()
    assert told_after(Watcher(), {A: 30, B: None}) == 60
    assert told_after(Watcher(), {A: 50, B: None, C: 10}) == 60


def test_a_suspicion_is_dropped_where_the_others_fail():
    """Each of its data has to have them giving power."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 55 * MINUTES)
    watcher.next({A: 0, B: None, C: None})
    assert told_after(watcher, ONE_OFF) == 60


def test_a_told_problem_stays_where_the_others_fail():
    watcher = Watcher()
    watcher.run(ONE_OFF, 2 * HOURS)
    assert watcher.run({A: 0, B: None, C: None}, 2 * HOURS) == (DEAD,)


def test_an_inverter_lost_for_a_cycle_is_no_problem():
    """Zigbee (quirk 44): offline or missing now and then."""
    watcher = Watcher()
    for lost in (ONE_OFF, {A: None, B: 305, C: 310}, {A: 300, C: 310}) * 4:
        assert not watcher.run(ALL_WELL, 30 * MINUTES)
        assert not watcher.next(lost)


# -- daylight and dusk ------------------------------------------------------------------------------------------------


def moment(site: Site, when: datetime, degrees: float, direction: int) -> datetime:
    """The first minute from `when` on, in that direction of time, at which the sun stands over `degrees`."""
    while sun.elevation(site, when) < degrees:
        when += direction * MINUTES
    return when


def test_a_suspicion_begins_when_the_sun_stands_at_ten_degrees():
    """East and west roofs wake up to hours apart."""
    ten = moment(PARIS, datetime(2026, 6, 21, 4, tzinfo=UTC), 10, 1)
    watcher = Watcher(at=ten - 2 * HOURS)
    while watcher.at < ten + 50 * MINUTES:
        assert not watcher.next(ONE_OFF)
    assert told_after(watcher, ONE_OFF) <= 15


def test_a_suspicion_is_dropped_when_the_sun_sinks_and_does_not_go_on_next_day():
    ten = moment(PARIS, datetime(2026, 6, 21, 19, 50, tzinfo=UTC), 10, -1)
    watcher = Watcher(at=ten - 50 * MINUTES)
    while watcher.at < ten + STEP:
        assert not watcher.next(ONE_OFF)
    assert watcher.watch.idle == {}
    assert not watcher.run(ONE_OFF, HOURS)


def test_where_the_sun_stays_low_none_is_told():
    """Midwinter at 60 degrees: all day is dawn and dusk."""
    watcher = Watcher(site=Site(60, 0), at=datetime(2026, 12, 21, 8, tzinfo=UTC))
    assert watcher.run(ONE_OFF, 8 * HOURS) == ()


@pytest.mark.parametrize(
    ("site", "zone"),
    [
        (Site(-33.9, 151.2), ZoneInfo("Australia/Sydney")),
        (Site(34.1, -118.2), ZoneInfo("America/Los_Angeles")),
        (Site(43.8, 87.6), ZoneInfo("Asia/Shanghai")),  # noon is after two o'clock
        (Site(43.4, -8.4), ZoneInfo("Europe/Madrid")),  # as there, in summer
    ],
)
@pytest.mark.parametrize("month", [6, 12])
def test_without_a_position_a_dead_inverter_is_told_around_noon_of_the_data(site, zone, month):
    """And nothing else all day: by the sun of the default position dusk in Sydney would be broad daylight."""
    first = datetime(2026, month, 20, tzinfo=zone)
    sound, dead = Watcher(None), Watcher(None)
    roofs = Roof(EAST), Roof(SOUTH, 10), Roof(WEST)
    assert {line for one in House(site, zone, roofs).days(first, 1) for line in sound.look(one)} == set()
    house = House(site, zone, (*roofs, Roof(SOUTH, wakes=10_000)))
    told = [one.timestamp for one in house.days(first, 1) if dead.look(one)]
    assert 12 <= told[0].hour < 15
    assert dead.told[0].startswith("inverter 704000000004 has given nothing since 2026-")


def test_a_told_problem_stays_overnight_in_the_same_words():
    """Dead at 16:00 is not well at 18:00, nor does it come and go with dusk and dawn."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 2 * HOURS)
    evening = datetime(2026, 6, 21, 22, 30, tzinfo=ZONE)
    while watcher.at < evening:
        assert watcher.next({A: 3, B: None, C: 2}) == (DEAD,)
    assert watcher.next({A: None, B: None, C: None}) == (DEAD,)
    for powers in ({A: None, B: None, C: None}, {A: 1, B: None, C: None}, {A: 20, B: None, C: 12}, ONE_OFF):
        assert watcher.next(powers, step=7 * HOURS) == (DEAD,)
    assert watcher.next(ALL_WELL) == ()


def test_astral_is_asked_about_a_suspect_only(monkeypatch):
    """It is dear to import: not for an array that is well, nor for a problem that is told."""
    asked = []
    monkeypatch.setattr(sun, "elevation", lambda _, when: asked.append(when) or 60.0)
    watcher = Watcher()
    watcher.run(ALL_WELL, 2 * HOURS)
    watcher.run({A: 0, B: None, C: None}, 2 * HOURS)
    assert not asked
    told_after(watcher, ONE_OFF)
    assert len(asked) == 13
    watcher.run(ONE_OFF, 2 * HOURS)
    assert len(asked) == 13


# -- data that come late, twice or not at all -------------------------------------------------------------------------


def test_the_same_data_polled_for_hours_teach_nothing():
    """All night the ECU tells the evening's, and a hung one the same for days (quirk 39)."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 55 * MINUTES)
    before = watcher.watch
    for powers in (ONE_OFF, ALL_WELL, {}) * 30:
        watcher.look(read(watcher.at, powers))
    assert watcher.watch is before
    assert watcher.told == ()


def test_data_without_a_time_teach_nothing_and_clear_nothing():
    watcher = Watcher()
    assert watcher.look(read(None, ONE_OFF)) == ()
    watcher.run(ONE_OFF, 2 * HOURS)
    before = watcher.watch
    assert watcher.look(read(None, ALL_WELL)) == (DEAD,)
    assert watcher.watch is before


@pytest.mark.parametrize("year", [2000, 9998])
def test_any_year_that_a_timestamp_has_can_be_looked_at(year):
    """ECUs do have clocks that are years ahead."""
    watcher = Watcher(at=datetime(year, 6, 21, 11, 0, tzinfo=ZONE))
    assert told_after(watcher, ONE_OFF) == 60


def test_a_gap_in_the_data_is_not_bridged():
    """Of a quarter of an hour it is; in a longer one the inverter may have given power."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 30 * MINUTES)
    watcher.next(ONE_OFF, step=15 * MINUTES)
    assert told_after(watcher, ONE_OFF) == 15
    watcher = Watcher()
    watcher.run(ONE_OFF, 55 * MINUTES)
    assert not watcher.next(ONE_OFF, step=16 * MINUTES)
    assert told_after(watcher, ONE_OFF) == 55


def test_a_told_problem_outlives_a_gap():
    watcher = Watcher()
    watcher.run(ONE_OFF, 2 * HOURS)
    assert watcher.next(ONE_OFF, step=3 * DAYS) == (DEAD,)


def test_an_ecu_whose_clock_is_set_back_begins_anew():
    """What is told stays."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 55 * MINUTES)
    watcher.next(ONE_OFF, step=-30 * MINUTES)
    assert told_after(watcher, ONE_OFF) == 55
    said = watcher.told
    assert watcher.next(ONE_OFF, step=-3 * HOURS) == said


def test_an_incomplete_list_drops_nobody():
    """Neither a suspicion, for as long as gaps are bridged, nor what is told."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 40 * MINUTES)
    watcher.next({A: 300}, complete=False)
    watcher.next({A: 300, C: 310}, skipped=frozenset({B}))
    assert told_after(watcher, ONE_OFF) == 10
    assert watcher.run({A: 300}, 5 * HOURS, complete=False) == (DEAD,)
    assert watcher.run({A: 300}, 5 * HOURS, skipped=frozenset({B})) == (DEAD,)


def test_a_suspicion_does_not_grow_unseen():
    """Who is not listed may give power."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 40 * MINUTES)
    assert watcher.run({A: 300}, 2 * HOURS, complete=False) == ()
    assert watcher.next(ONE_OFF) == ()
    assert told_after(watcher, ONE_OFF) == 55


def test_an_inverter_that_was_removed_from_the_ecu_is_no_problem():
    """Missing for a quarter of an hour: three polls, as for its topics. For a cycle it may be missing by chance."""
    watcher = Watcher()
    watcher.run(ONE_OFF, 2 * HOURS)
    assert watcher.run({A: 300, C: 310}, 15 * MINUTES) == (DEAD,)
    assert watcher.next(ONE_OFF) == (DEAD,)
    assert watcher.run({A: 300, C: 310}, 20 * MINUTES) == ()
    assert watcher.watch.idle == {}


# -- a counter that stands still --------------------------------------------------------------------------------------


def test_a_counter_of_today_that_stands_still_for_an_hour_is_told():
    watcher = Watcher()
    assert told_after(watcher, ALL_WELL, today=1.23) == 60
    assert watcher.told == (f"the ECU's energy/today has stood still at 1.23 kWh since 2026-06-21 11:05 {REMEDY}",)


def test_a_counter_of_the_lifetime_that_stands_still_is_told():
    watcher = Watcher()
    assert told_after(watcher, ALL_WELL, lifetime=1234.5) == 60
    assert watcher.told == (f"the ECU's energy/lifetime has stood still at 1234.5 kWh since 2026-06-21 11:05 {REMEDY}",)


def test_the_amount_is_told_as_the_topic_has_it():
    """The shortest decimal, and all digits of the largest counters."""
    for value, text in ((0.0, "0"), (0.1, "0.1"), (12.0, "12"), (429496729.5, "429496729.5"), (42949672.95, None)):
        watcher = Watcher()
        told_after(watcher, ALL_WELL, today=value)
        assert f" at {text or '42949672.95'} kWh " in watcher.told[0]


def test_inverters_and_counters_are_told_in_that_order():
    watcher = Watcher()
    assert [line[:26] for line in watcher.run(ONE_OFF, 2 * HOURS, today=0.0, lifetime=0.0)] == [
        "inverter 704000000002 has ",
        "the ECU's energy/today has",
        "the ECU's energy/lifetime ",
    ]


def test_a_counter_of_today_that_is_always_0_is_told_every_day():
    """QT2 on ECU_R_1.3.10 (quirk 54)."""
    watcher = Watcher()
    said = watcher.run(ALL_WELL, 9 * HOURS, today=0.0)
    assert "energy/today has stood still at 0 kWh since 2026-06-21 11:05" in said[0]
    assert watcher.run(ALL_WELL, DAYS, today=0.0) == said


@pytest.mark.parametrize("value", [1.22, 1.24, 0.0])
def test_a_counter_that_moves_is_well_again(value):
    """In either direction."""
    watcher = Watcher()
    assert watcher.run(ALL_WELL, 2 * HOURS, today=1.23)
    assert watcher.next(ALL_WELL, today=value) == ()
    assert told_after(watcher, ALL_WELL, today=value) == 55


def test_an_hour_with_power_is_meant():
    """Not one across which the power fails for a cycle (quirk 44), nor a gap in the data, nor the night."""
    watcher = Watcher()
    watcher.run(ALL_WELL, 55 * MINUTES, today=1.23)  # 50 minutes of power
    watcher.run({A: 0, B: 0, C: 0}, 3 * HOURS, today=1.23)
    watcher.next(ALL_WELL, today=1.23)
    watcher.next(ALL_WELL, step=16 * MINUTES, today=1.23)
    assert watcher.told == ()
    watcher.next(ALL_WELL, today=1.23)
    assert watcher.told == ()
    assert watcher.next(ALL_WELL, today=1.23)


def test_power_while_none_is_online_is_none():
    """Some ECUs keep their last power all night."""
    watcher = Watcher()
    assert watcher.run({A: None, B: None}, 5 * HOURS, power=300, today=1.23) == ()


@pytest.mark.parametrize(("counter", "enough", "little"), [("today", 30, 29), ("lifetime", 300, 299)])
def test_energy_has_to_have_flowed_that_a_sound_counter_would_have_counted(counter, enough, little):
    """Three times its resolution: at dusk a counter stands still for an hour while some power flows."""
    still = {counter: 1000.0}
    assert told_after(Watcher(), {A: enough}, **still) == 60
    assert told_after(Watcher(), {A: little}, **still) == 65
    assert Watcher().run({A: little // 10}, 9 * HOURS, **still) == ()


def test_the_energy_is_the_area_under_the_power():
    """By the trapezoid: an hour in which it falls from 130 W to 10 W."""
    watcher = Watcher()
    for power in range(130, 0, -10):
        watcher.next({A: power}, today=1.23)
    assert watcher.told
    assert watcher.watch.today.energy == pytest.approx(70.0)
    assert watcher.watch.today.powered == 3600


def test_a_reading_that_contradicts_itself_teaches_nothing_about_counters():
    """Quirk 53: it says 0. Neither clears it what is told nor is it the beginning of something."""
    watcher = Watcher()
    watcher.run(ALL_WELL, 30 * MINUTES, lifetime=1234.5)
    watcher.next(ALL_WELL, lifetime=0.0, contradictory=True)
    told_after(watcher, ALL_WELL, lifetime=1234.5)
    said = watcher.told
    assert "since 2026-06-21 11:05" in said[0]
    assert watcher.next(ALL_WELL, lifetime=0.0, contradictory=True) == said
    assert watcher.next(ALL_WELL, lifetime=1234.5) == said
    assert watcher.next(ALL_WELL) == ()


def test_from_contradictions_alone_no_counter_is_known():
    watcher = Watcher()
    watcher.run(ALL_WELL, 2 * HOURS, contradictory=True, today=0.0)
    assert (watcher.watch.today, watcher.watch.lifetime) == (None, None)


def test_yesterdays_total_may_stand_for_three_hours_of_power():
    """Some ECUs reset their energy of today late (quirk 56)."""
    watcher = Watcher(at=datetime(2026, 6, 20, 21, 55, tzinfo=ZONE))
    watcher.next({A: None, B: None}, today=17.4)
    watcher.at = datetime(2026, 6, 21, 6, 55, tzinfo=ZONE)
    assert watcher.run({A: 300, B: 300}, 3 * HOURS, today=17.4) == ()
    assert watcher.next({A: 300, B: 300}, today=17.4)[0].startswith(
        "the ECU's energy/today has stood still at 17.4 kWh"
    )


def test_only_a_total_of_yesterday_earns_that_patience():
    """A 0 is no total, and the lifetime is never reset."""
    for counters in ({"today": 0.0}, {"lifetime": 1234.5}):
        watcher = Watcher(at=datetime(2026, 6, 20, 21, 55, tzinfo=ZONE))
        watcher.next({A: None, B: None}, **counters)
        watcher.at = datetime(2026, 6, 21, 6, 55, tzinfo=ZONE)
        assert told_after(watcher, {A: 300, B: 300}, **counters) == 60


def test_a_counter_told_yesterday_is_told_this_morning():
    """No new patience with it."""
    watcher = Watcher(at=datetime(2026, 6, 20, 18, 0, tzinfo=ZONE))
    said = watcher.run(ALL_WELL, 2 * HOURS, today=1.23, lifetime=1234.5)
    assert len(said) == 2
    assert watcher.next({A: None, B: None, C: None}, step=2 * HOURS, today=1.23, lifetime=1234.5) == said
    assert watcher.next({A: 5, B: None, C: None}, step=10 * HOURS, today=1.23, lifetime=1234.5) == said
    assert watcher.next(ALL_WELL, today=0.0, lifetime=1234.5) == said[1:]


# -- time -------------------------------------------------------------------------------------------------------------


def test_in_the_night_of_the_summer_time_an_hour_is_an_hour():
    """The clocks of the site jump from 1:55 to 3:00; Python takes differences by them. A polar day has power then."""
    watcher = Watcher(at=datetime(2026, 3, 29, 1, 20, tzinfo=ZONE))
    assert told_after(watcher, ALL_WELL, today=0.0) == 60
    assert f"{watcher.at:%H:%M}" == "03:25"


def test_in_the_night_of_the_winter_time_nothing_is_told_early():
    """The hour that comes twice looks to us as if the clock had been set back."""
    watcher = Watcher(at=datetime(2026, 10, 25, 2, 25, tzinfo=ZONE))
    watcher.run(ALL_WELL, 30 * MINUTES, today=0.0)
    watcher.at = datetime(2026, 10, 25, 1, 55, tzinfo=ZONE)
    assert told_after(watcher, ALL_WELL, today=0.0) == 35


def plain(value):
    """What a state file makes of it: times become text, and come back with an offset for a zone."""
    if isinstance(value, datetime):
        return datetime.fromisoformat(value.isoformat())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return type(value)(*(plain(item) for item in value)) if isinstance(value, tuple) else value


def test_what_is_remembered_is_json():
    watcher = Watcher()
    watcher.run(ONE_OFF, 2 * HOURS, today=1.23)
    assert set(watcher.watch.idle) == {B}
    assert isinstance(watcher.watch.idle[B], IdleInverter)
    assert isinstance(watcher.watch.today, Standstill)
    assert json.loads(json.dumps(watcher.watch, default=str))


@pytest.mark.parametrize("start", [LATE_MORNING, datetime(2026, 10, 25, 0, 0, tzinfo=ZONE)])
def test_a_memory_that_was_written_down_makes_no_difference(start):
    """In the hour that comes twice, a time with an offset is never equal to one with a zone: so it is in Python."""
    kept, written = Watcher(at=start), Watcher(at=start)
    for number in range(60):
        powers = ONE_OFF if number % 40 < 30 else ALL_WELL
        changes = {"today": number // 20 / 100}
        assert kept.next(powers, **changes) == written.next(powers, **changes)
        assert plain(kept.watch) == plain(written.watch)
        written.watch = plain(written.watch)
        made = read(written.at, ALL_WELL)
        assert problems.look(made, written.watch, PARIS) == (written.told, written.watch)


POWER = st.sampled_from([None, 0, 5, 200])
DATA = st.tuples(
    st.dictionaries(st.sampled_from([A, B, C]), POWER),
    st.sampled_from([5, 5, 5, 5, 0, 12, 20, -30]),
    st.sampled_from([0.0, 0.0, 0.0, 1.0]),
    st.booleans(),
)


@settings(max_examples=200)
@given(st.lists(st.tuples(DATA, st.integers(1, 20)), max_size=12))
def test_what_is_told_was_so_at_every_data_for_an_hour(runs):
    """Whatever an ECU says: who is told to have given nothing has given nothing since then, in all that was read."""
    watcher = Watcher()
    given = []
    for (powers, step, today, complete), times in runs:
        for _ in range(times):
            before = watcher.watch
            watcher.next(powers, step=step * MINUTES, today=today, complete=complete)
            if watcher.watch is not before:
                given.append((watcher.at, powers, today))
            for uid, idle in watcher.watch.idle.items():
                first = max(number for number, (at, _, _) in enumerate(given) if at == idle.since)
                assert not any(powers.get(uid) for _, powers, _ in given[first:])
                assert not idle.told or max(at for at, _, _ in given[first:]) - idle.since >= HOURS
            assert watcher.watch.today.value == given[-1][2]


# -- whole days without a false alarm ---------------------------------------------------------------------------------

SITES = {
    0: (Site(0.4, 9.5), ZoneInfo("Africa/Libreville")),
    47: (Site(47.4, 8.5), ZoneInfo("Europe/Zurich")),
    60: (Site(59.9, 10.75), ZoneInfo("Europe/Oslo")),
}
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


def alarms(house: House, first: datetime) -> set[str]:
    """All that is told in the two days from its noon on, of a site that is known and of one that is not."""
    watchers = Watcher(house.site), Watcher(None)
    return {line for made in house.days(first + 12 * HOURS, 2) for one in watchers for line in one.look(made)}


def midnight(latitude: int, month: int) -> datetime:
    return datetime(2026, month, 20, tzinfo=SITES[latitude][1])


HOUSES = {
    "east and west": (Roof(EAST), Roof(WEST)),
    "east and west, that sleep long": (Roof(EAST, wakes=11), Roof(WEST, wakes=11)),
    "all around": (Roof(EAST, 45), Roof(SOUTH, 30), Roof(WEST, 45), Roof(0, 30), Roof(SOUTH, 30, shade=0.5)),
    "one": (Roof(SOUTH, 30),),
}


@pytest.mark.parametrize("resets", [MIDNIGHT, WAKING, LATE])
@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("month", [6, 12])
@pytest.mark.parametrize("latitude", SITES)
def test_a_sound_array_has_no_problem_from_dawn_to_dusk(latitude, month, house, resets):
    """Two days from a noon on, so that yesterday's total stands at dawn."""
    assert alarms(House(*SITES[latitude], HOUSES[house], resets), midnight(latitude, month)) == set()


def test_these_roofs_do_wake_and_sleep_more_than_an_hour_apart():
    """Else the days above would prove nothing."""
    site, zone = SITES[60]
    east, west = HOUSES["east and west, that sleep long"]
    times = [datetime(2026, 6, 20, tzinfo=zone) + number * STEP for number in range(288)]
    awake = [[roof.power(site, at, 1) is not None for at in times] for roof in (east, west)]
    first = [states.index(True) for states in awake]
    last = [len(states) - states[::-1].index(True) for states in awake]
    assert first[1] - first[0] > 15
    assert last[1] - last[0] > 15


@pytest.mark.parametrize("weather", [0.05, 0.2, 0.6])
@pytest.mark.parametrize("month", [6, 12])
@pytest.mark.parametrize("latitude", SITES)
def test_a_storm_is_no_problem(latitude, month, weather):
    """Hardly any light, up and down, and inverters that sleep and wake in it."""
    house = House(*SITES[latitude], HOUSES["all around"], WAKING, weather=weather)
    assert alarms(house, midnight(latitude, month)) == set()


@pytest.mark.parametrize("house", HOUSES)
@pytest.mark.parametrize("lost", [0.02, 0.2, 0.5])
def test_readings_that_zigbee_loses_are_no_problem(house, lost):
    """Quirk 44, at 47 degrees in June: what is lost is counted nevertheless."""
    assert alarms(House(*SITES[47], HOUSES[house], lost=lost), midnight(47, 6)) == set()


@pytest.mark.parametrize(
    ("latitude", "month", "hours"),
    [(0, 6, 2), (0, 12, 2), (47, 6, 3), (47, 12, 3), (60, 6, 4)],
)
def test_a_dead_roof_is_told_in_the_morning_and_at_every_moment_from_then_on(latitude, month, hours):
    """Through dusk and dawn, in the same words, within hours after sunrise."""
    site, zone = SITES[latitude]
    watcher = Watcher(site)
    made = House(site, zone, (Roof(EAST), Roof(SOUTH, wakes=10_000), Roof(WEST))).days(midnight(latitude, month), 3)
    said = [(one.timestamp, watcher.look(one)) for one in made]
    told = [lines for _, lines in said]
    begins = next(number for number, lines in enumerate(told) if lines)
    assert set(told[begins:]) == {told[begins]}
    assert len(told[begins]) == 1
    assert told[begins][0].startswith("inverter 704000000002 has given nothing since 2026-")
    sunrise = moment(site, midnight(latitude, month), -0.8, 1)
    assert said[begins][0] - sunrise < hours * HOURS


@pytest.mark.parametrize("counter", ["today", "lifetime"])
@pytest.mark.parametrize(("latitude", "month"), [(0, 6), (0, 12), (47, 6), (47, 12), (60, 6), (60, 12)])
def test_a_frozen_counter_is_told_on_the_first_day_and_stays_told(latitude, month, counter):
    """For days (quirk 54), also where the sun hardly rises; and it is the only problem."""
    watcher = Watcher(SITES[latitude][0])
    house = House(*SITES[latitude], HOUSES["all around"], WAKING, frozen={counter: 0.0})
    told = [(one.timestamp, watcher.look(one)) for one in house.days(midnight(latitude, month), 3)]
    begins = next(number for number, (_, lines) in enumerate(told) if lines)
    assert told[begins][0].day == 20
    assert len({lines for _, lines in told[begins:]}) == 1
    assert all(f"energy/{counter} has stood still at 0 kWh" in lines[0] for _, lines in told[begins:])


# -- the make-believe ECU's days --------------------------------------------------------------------------------------


def plant_day(latitude: int, month: int, dead: str = "") -> Iterator[Snapshot]:
    """A day of the simulated array, through the wire's own records; `dead` is offline all day."""
    site, zone = SITES[latitude]
    start = midnight(latitude, month)
    plant = Plant(site=site, timezone=zone, since=start.date())
    for number in range(0, 288, 2):
        at = start + number * STEP
        real = plant.real_time(at)
        records = tuple(record for record in real.records if record.uid != dead)
        gone = tuple(type(record)(record.uid, online=False, type="00") for record in real.records if record.uid == dead)
        shown = RealTime(real.status, real.version, real.count, real.time, records + gone)
        yield snapshot(plant.system_info(at), shown, None, zone)


@pytest.mark.parametrize(("latitude", "month"), [(0, 12), (47, 6), (60, 12)])
def test_the_simulated_array_has_no_problem_all_day(latitude, month):
    """Polled every ten minutes."""
    watcher = Watcher(SITES[latitude][0])
    shown = list(plant_day(latitude, month))
    assert max(one.power for one in shown) > 100
    assert {line for one in shown for line in watcher.look(one)} == set()


def test_a_dead_inverter_of_the_simulated_array_is_told():
    watcher = Watcher(SITES[47][0])
    told = [watcher.look(one) for one in plant_day(47, 12, dead="704000000002")]
    begins = next(number for number, lines in enumerate(told) if lines)
    assert 50 < begins < 75  # by noon in December
    assert {len(lines) for lines in told[begins:]} == {1}
    assert all(len(before) <= len(after) for before, after in pairwise(told))
