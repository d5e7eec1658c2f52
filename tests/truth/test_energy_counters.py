"""The ECU's counters: they never fall, and do not leap."""

from datetime import timedelta

import pytest
from parts import replace
from readings import (
    ASLEEP,
    DAY,
    EVENING,
    FIVE_MINUTES,
    MIDNIGHT,
    MORNING,
    NOON,
    THREE,
    TWO,
    Bridge,
    lifetimes,
    of_evening,
    read,
    todays,
)

from aps2mqtt.base.memory import Doubt
from aps2mqtt.base.values import Recalled
from aps2mqtt.truth import true_values

# -- energy/lifetime --------------------------------------------------------------------------------------------------


def test_lifetime_rises_with_the_ecus_counter():
    assert lifetimes(Bridge(), 999.0, 1000.0, 1000.0, 1000.1, 1001.3) == ["999", "1000", "1000", "1000.1", "1001.3"]


def test_a_lifetime_of_0_is_a_glitch_and_the_last_one_is_said_again():
    """Quirk 50: 0 while producing, then right again; dashboards count the whole lifetime as one hour's energy."""
    assert lifetimes(Bridge(), 1000.0, 0.0, 0.0, 1000.1) == ["1000", "1000", "1000", "1000.1"]


def test_a_lower_lifetime_is_held_for_11_rising_readings_and_accepted_at_the_12th():
    """An ECU that was replaced or reset counts from anew."""
    rising = [20 + step / 10 for step in range(13)]
    assert lifetimes(Bridge(), 1000.0, *rising) == ["1000"] * 12 + ["21.1", "21.2"]


def test_a_lower_lifetime_that_only_stands_is_never_accepted():
    """Quirk 54: firmware 1.2.31 and 1.3.x freezes the counter for days."""
    assert lifetimes(Bridge(), 1000.0, *[20.0] * 100) == ["1000"] * 101


def test_a_lower_lifetime_of_0_that_stands_is_never_accepted():
    """Quirk 50: held until the ECU says more than before."""
    assert lifetimes(Bridge(), 1000.0, *[0.0] * 50, 1000.2) == ["1000"] * 51 + ["1000.2"]


def test_a_lower_lifetime_that_stood_long_is_accepted_as_soon_as_it_rises():
    """It has stood and risen for more than twelve readings."""
    assert lifetimes(Bridge(), 1000.0, *[20.0] * 30, 20.1) == ["1000"] * 31 + ["20.1"]


def test_a_lower_lifetime_that_rose_and_then_stood_is_accepted_at_the_12th():
    """The counter has a tenth of a kWh: by a grey day it stands for an hour between two of its steps."""
    assert lifetimes(Bridge(), 1000.0, 20.0, *[20.1] * 11) == ["1000"] * 12 + ["20.1"]


def test_a_lower_lifetime_that_falls_again_starts_over():
    """A counter only rises; what falls is a glitch."""
    rising = [20 + step / 10 for step in range(11)]
    again = [10 + step / 10 for step in range(12)]
    assert lifetimes(Bridge(), 1000.0, *rising, *again) == ["1000"] * 23 + ["11.1"]


def test_a_0_among_the_lower_readings_starts_them_over():
    """A replaced ECU has glitches of its own."""
    first = [20 + step / 10 for step in range(10)]
    second = [21 + step / 10 for step in range(12)]
    assert lifetimes(Bridge(), 1000.0, *first, 0.0, *second) == ["1000"] * 23 + ["22.1"]


def test_back_to_normal_forgets_the_lower_readings():
    """Eleven glitches in a row, one right reading, and eleven more: none of them counts."""
    rising = [20 + step / 10 for step in range(11)]
    assert lifetimes(Bridge(), 1000.0, *rising, 1000.0, *rising) == ["1000"] * 24


def test_the_published_lifetime_itself_is_back_to_normal():
    """Nothing of the lower readings is remembered then."""
    bridge = Bridge()
    lifetimes(bridge, 1000.0, 20.0, 20.1)
    assert bridge.memory.counters.doubt == Doubt(20.0, 20.1, 2, NOON, NOON + 2 * FIVE_MINUTES, NOON + 2 * FIVE_MINUTES)
    lifetimes(bridge, 1000.0)
    assert bridge.memory.counters.doubt is None


def test_an_accepted_lower_lifetime_never_falls_again():
    """It is the published one now."""
    rising = [20 + step / 10 for step in range(12)]
    assert lifetimes(Bridge(), 1000.0, *rising, 0.0, 21.0, 21.2) == ["1000"] * 12 + ["21.1", "21.1", "21.1", "21.2"]


def test_an_ecu_that_never_showed_a_positive_lifetime_may_say_0():
    """Quirk 51: on a new ECU a lifetime of 0 is true."""
    assert lifetimes(Bridge(), 0.0, 0.0, 0.1) == ["0", "0", "0.1"]


def test_behind_a_first_lifetime_of_0_any_other_is_believed_at_once():
    """Quirk 50 at the first job of all: who has published a 0 knows no more than who has published nothing."""
    assert lifetimes(Bridge(), 0.0, 1000.0, 1000.1) == ["0", "1000", "1000.1"]
    assert lifetimes(Bridge(), 0.0, 2e6) == ["0", "0"]


# -- counters that leap -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bit", range(4, 32))
def test_a_lifetime_that_leaps_by_a_bit_is_held_back(bit):
    """What one inverter can have made in five minutes is 1.33 kWh with all slack; 0.1 kWh is bit 0."""
    leapt = ((10_000 | 1 << bit) if not 10_000 >> bit & 1 else 10_000 + (1 << bit)) / 10
    assert lifetimes(Bridge(), 1000.0, leapt, 1000.1, leapt, 1000.2) == ["1000", "1000", "1000.1", "1000.1", "1000.2"]


def test_a_lifetime_may_rise_by_what_the_array_can_have_made_since_the_last_reading():
    """4 kW for each registered inverter, and 1 kWh of slack."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE, lifetime=1000.0))
    after = NOON + timedelta(hours=3)
    assert bridge.job(read(TWO, THREE, lifetime=1025.0, at=after), after)["energy/lifetime"] == "1025"
    again = after + timedelta(hours=3)
    assert bridge.job(read(TWO, THREE, lifetime=1050.1, at=again), again)["energy/lifetime"] == "1025"


def test_the_first_data_of_the_morning_excuse_no_leap():
    """The time of the data stands all night (quirk 39), and then leaps by hours in which nothing is made."""
    bridge = Bridge()
    midnight = NOON + DAY / 2
    for now in (midnight, midnight + FIVE_MINUTES):
        bridge.job(read(ASLEEP, lifetime=1000.0, at=NOON), now)
    morning = midnight + 2 * FIVE_MINUTES
    assert bridge.job(read(TWO, lifetime=1006.4, at=morning), morning)["energy/lifetime"] == "1000"


def test_what_a_counter_grew_by_behind_a_glitch_is_believed_at_once():
    """Three hours of zeros (quirk 50): the time since the last value that was believed counts."""
    bridge = Bridge()
    lifetimes(bridge, 1000.0, *[0.0] * 36)
    assert lifetimes(bridge, 1009.5) == ["1009.5"]


def test_a_higher_lifetime_is_believed_once_twelve_new_data_go_on_from_it():
    """A counter that hung for days has caught up (quirk 54)."""
    rising = [1500 + step / 10 for step in range(13)]
    assert lifetimes(Bridge(), 1000.0, *rising) == ["1000"] * 12 + ["1501.1", "1501.2"]


def test_a_higher_lifetime_that_leaps_on_is_not_believed():
    """Each value has to go on from the one before by what can have been made."""
    assert lifetimes(Bridge(), 1000.0, *[1500.0 + 3 * step for step in range(40)]) == ["1000"] * 41


def test_a_lifetime_that_no_array_can_make_is_believed_by_nobody():
    """Neither as the first one, nor in a row of them, nor from the broker."""
    assert lifetimes(Bridge(), *[1_100_000 + step / 10 for step in range(20)]) == [None] * 20
    assert lifetimes(Bridge(), 1000.0, *[1_100_000 + step / 10 for step in range(20)]) == ["1000"] * 21
    assert lifetimes(Bridge(), 1_000_000.0) == ["1000000"]  # 4 kW for 28 years
    for absurd in (1e308, 1.1e6):
        assert Bridge().job(read(TWO), recalled=Recalled(absurd, 3.5, NOON))["energy/lifetime"] == "1000"


@pytest.mark.parametrize("at", [NOON, None])
def test_polls_of_the_same_data_are_no_new_readings_of_a_lower_lifetime(at):
    """Thirteen jobs by hand within a minute; without a time of the data, the clock tells."""
    bridge = Bridge()
    bridge.job(read(TWO, at=at, lifetime=1000.0))
    for second in range(60):
        now = NOON + timedelta(seconds=second)
        assert bridge.job(read(TWO, at=at, lifetime=20 + second / 600), now)["energy/lifetime"] == "1000"


def test_without_a_time_of_the_data_a_lower_lifetime_is_believed_by_the_clock():
    """Twelve times as long as an ECU takes to have new data."""
    bridge = Bridge()
    bridge.job(read(TWO, at=None, lifetime=1000.0))
    said = [
        bridge.job(read(TWO, at=None, lifetime=20 + minute / 100), NOON + timedelta(minutes=minute))["energy/lifetime"]
        for minute in range(1, 60)
    ]
    assert said.index("20.45") == 44
    assert set(said[:44]) == {"1000"}


@pytest.mark.parametrize("bit", range(8, 32))
def test_a_today_that_leaps_by_a_bit_reaches_neither_today_nor_yesterday(bit):
    """0.01 kWh is bit 0; 2.56 kWh in five minutes are more than one inverter makes."""
    bridge = Bridge()
    leapt = (2100 + (1 << bit)) / 100
    assert todays(bridge, 21.0, leapt, 21.01, leapt, start=EVENING) == ["21", "21", "21.01", "21.01"]
    said = bridge.job(read(ASLEEP, today=leapt, at=EVENING + 3 * FIVE_MINUTES), MIDNIGHT + FIVE_MINUTES)
    assert (said["energy/today"], said["energy/yesterday"]) == ("0", "21.01")


def test_a_today_that_leaps_is_held_back_also_where_the_counter_began_anew_hours_before():
    """Quirk 56: it was restarted, and stays below what is published for the rest of the date."""
    anew = [1 + step / 100 for step in range(60)]
    assert todays(Bridge(), 10.0, *anew, 1.6 + 20.48, 1.61) == ["10"] * 63


def test_a_today_that_was_doubted_before_midnight_is_not_the_next_dates_where_it_stands():
    """By seven in the morning one inverter can have made so much, but nothing was."""
    bridge = of_evening(10.0)
    night = MIDNIGHT - FIVE_MINUTES
    assert bridge.job(read(ASLEEP, today=35.0, at=EVENING), night)["energy/today"] == "10"
    bridge.job(read(ASLEEP, today=35.0, at=EVENING), MIDNIGHT)
    assert todays(bridge, *[35.0] * 3, 0.02, start=MORNING + timedelta(hours=3)) == ["0", "0", "0", "0.02"]


def test_a_first_today_that_cannot_have_been_made_since_midnight_is_left_out():
    """One inverter, 4 kW, twelve hours."""
    assert Bridge().job(read(TWO, today=49.0))["energy/today"] == "49"
    assert "energy/today" not in Bridge().job(read(TWO, today=49.01))
    assert Bridge().job(read(TWO, today=3.0), recalled=Recalled(1000.0, 1e5, NOON))["energy/today"] == "3"


def test_a_higher_today_is_believed_once_twelve_new_data_go_on_from_it():
    """A counter that stood while the array produced (quirk 54), and caught up."""
    rising = [20 + step / 100 for step in range(13)]
    assert todays(Bridge(), 3.5, *rising) == ["3.5"] * 12 + ["20.11", "20.12"]


def test_a_reading_that_contradicts_itself_ends_no_pause():
    """Its counters are not taken, so that the next reading's may have grown since the one before."""
    bridge = Bridge()
    bridge.job(read(TWO, lifetime=1000.0))
    later = NOON + timedelta(hours=2)
    bridge.job(read(TWO, lifetime=0.0, registered=1, online=2, at=later), later)
    assert bridge.memory.reading.at == NOON
    after = later + FIVE_MINUTES
    assert bridge.job(read(TWO, lifetime=1009.0, at=after), after)["energy/lifetime"] == "1009"


def test_a_good_reading_remembers_when_the_ecu_was_restarted():
    """The hour without a further restart begins with it, whatever is read meanwhile."""
    bridge = Bridge()
    bridge.job(read(TWO))
    bridge.memory = replace(bridge.memory, restarted_at=NOON)
    bridge.job(read(TWO))
    assert bridge.memory.failure.restarted_at == NOON


# -- contradictory readings -------------------------------------------------------------------------------------------


def test_a_reading_that_contradicts_itself_publishes_neither_counter():
    """Quirk 53: the frame with today's energy at 0 has 0 inverters and 6 online."""
    bridge = Bridge()
    bridge.job(read(TWO, today=3.5))
    said = bridge.job(read(TWO, today=0.0, lifetime=2000.0, registered=0, online=6))
    assert not {"energy/today", "energy/lifetime"} & said.keys()
    assert (bridge.retained["energy/today"], bridge.retained["energy/lifetime"]) == ("3.5", "1000")


def test_the_counters_of_a_contradictory_reading_are_not_remembered():
    """Its higher lifetime is as wrong as its lower today."""
    bridge = Bridge()
    bridge.job(read(TWO, today=3.5))
    bridge.job(read(TWO, today=9.9, lifetime=2000.0, registered=1, online=2))
    said = bridge.job(read(TWO, today=3.6, lifetime=1000.1))
    assert (said["energy/today"], said["energy/lifetime"]) == ("3.6", "1000.1")


def test_a_contradictory_reading_is_no_reading_of_a_lower_lifetime():
    """It neither counts among the twelve nor starts them over."""
    bridge = Bridge()
    rising = [20 + step / 10 for step in range(11)]
    lifetimes(bridge, 1000.0, *rising)
    assert lifetimes(bridge, 0.0, 21.1, registered=1, online=2) == [None, None]
    assert lifetimes(bridge, 21.1) == ["21.1"]


def test_a_contradictory_first_reading_leaves_the_counters_to_the_next():
    """Nothing is known after it, so the next asks the broker again."""
    bridge = Bridge()
    said = bridge.job(read(TWO, today=0.0, lifetime=0.0, registered=0, online=6))
    assert not {"energy/today", "energy/lifetime"} & said.keys()
    assert true_values.wants_recall(read(TWO), bridge.memory, NOON)
    said = bridge.job(read(TWO), recalled=Recalled(999.0, 3.4, NOON))
    assert (said["energy/today"], said["energy/lifetime"]) == ("3.5", "1000")


def test_a_contradictory_reading_on_a_new_date_does_not_end_yesterdays_value():
    """The next reading with yesterday's total still finds it known as yesterday's."""
    bridge = Bridge()
    bridge.job(read(TWO, today=3.5), NOON)
    bridge.job(read(TWO, today=0.0, registered=0, online=6), NOON + DAY)
    assert bridge.job(read(TWO, today=3.5), NOON + DAY + FIVE_MINUTES)["energy/today"] == "0"
