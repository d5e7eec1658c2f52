"""A counter that stands still while power flows."""

from datetime import datetime

import pytest
from watched_arrays import ALL_WELL, DAYS, HOURS, MINUTES, ONE_OFF, ZONE, A, B, C, Watcher, told_after

REMEDY = "although the array produces power; restart the ECU, and use the energy/today of the inverters until then"


def test_a_counter_of_today_that_stands_still_for_an_hour_is_told():
    watcher = Watcher()
    assert told_after(watcher, ALL_WELL, today=1.23) == 60
    assert watcher.told == (f"the ECU's energy/today has stayed at 1.23 kWh since 2026-06-21 11:05 {REMEDY}",)


def test_a_counter_of_the_lifetime_that_stands_still_is_told():
    watcher = Watcher()
    assert told_after(watcher, ALL_WELL, lifetime=1234.5) == 60
    assert watcher.told == (f"the ECU's energy/lifetime has stayed at 1234.5 kWh since 2026-06-21 11:05 {REMEDY}",)


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
    assert "energy/today has stayed at 0 kWh since 2026-06-21 11:05" in said[0]
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
    assert watcher.next({A: 300, B: 300}, today=17.4)[0].startswith("the ECU's energy/today has stayed at 17.4 kWh")


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
