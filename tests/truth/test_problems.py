"""What is wrong with an array: an inverter that gives nothing among others that do."""

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watched_arrays import (
    ALL_WELL,
    DAYS,
    EAST,
    HOURS,
    LATE_MORNING,
    MINUTES,
    ONE_OFF,
    PARIS,
    SOUTH,
    STEP,
    WEST,
    ZONE,
    A,
    B,
    C,
    House,
    Roof,
    Watcher,
    moment,
    read,
    told_after,
)

from aps2mqtt.base import sun
from aps2mqtt.base.memory import IdleInverter, Standstill, Watch
from aps2mqtt.base.values import Inverter, Report, Site
from aps2mqtt.truth import problems

DEAD = (
    "inverter 704000000002 has produced no power since 2026-06-21 11:05 while the others produce power; check its "
    "breaker and its cables, or remove the inverter from the ECU in the vendor's app if it no longer exists"
)


# -- one dead among the living ----------------------------------------------------------------------------------------


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
    assert dead.told[0].startswith("inverter 704000000004 has produced no power since 2026-")


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
        assert problems.look(made, written.watch, PARIS) == written.watch


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


# -- each inverter ----------------------------------------------------------------------------------------------------


def problems_of(watch: Watch, *inverters: Inverter) -> list[str | None]:
    """The problem of each inverter, with this watch."""
    made = Report("216000000001", 0, 0.0, 0.0, 1, 1, None, "", inverters)
    return [one.problem for one in problems.with_problems(made, watch).inverters]


def test_each_inverter_has_its_own_problem():
    """One that is well, one that the ECU has not seen yet, one that the ECU leaves out, one without power."""
    well, unseen = Inverter(A, online=True, powers=(1,)), Inverter(B, online=False)
    left_out, dead = Inverter(C, online=None, powers=(None,)), Inverter(B, online=False, powers=(0,))
    watch = problems.NOTHING
    assert problems_of(watch, well, unseen) == ["none", None]
    assert problems_of(watch, left_out)[0].startswith("the ECU does not list this inverter; restart the ECU")
    alone = watch._replace(missing="signals are missing")
    assert problems_of(alone, well, left_out) == [
        "none",
        "this inverter does not answer over SunSpec; set its Modbus address in the vendor's app",
    ]
    ill = watch._replace(idle={B: IdleInverter(LATE_MORNING, LATE_MORNING, told=True)})
    words = "no power since 2026-06-21 11:05 while the others produce power; check its breaker and its cables"
    assert all(said.startswith(words) for said in problems_of(ill, unseen, dead))
    suspected = watch._replace(idle={B: IdleInverter(LATE_MORNING, LATE_MORNING)})
    assert problems_of(suspected, unseen, dead) == [None, "none"]
