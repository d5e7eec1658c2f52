"""Energy of an inverter by its own counter, as SunSpec has it: held like the ECU's, one of a day, without a time."""

from datetime import datetime

import pytest
from energy_bridge import DAY, MINUTE, NOON, Bridge, off, on
from hypothesis import given
from hypothesis import strategies as st

from aps2mqtt.base.values import Inverter

DAWN = NOON.replace(hour=4)


def counted(kwh: float | None, *powers: int) -> Inverter:
    """An inverter that is online with this counter."""
    return on(*(powers or (120,)))._replace(today=kwh)


def asleep(kwh: float) -> Inverter:
    """One that sleeps, and whose register still has a total."""
    return off(1)._replace(today=kwh)


@pytest.fixture
def bridge() -> Bridge:
    return Bridge()


def alone(bridge: Bridge, at: datetime, *inverters: Inverter) -> str:
    """A job with SunSpec alone: it has no time stamp of an ECU and no totals."""
    return bridge.poll(at, *inverters, now=at, today=None, lifetime=None, source="sunspec")


def test_the_counter_is_published_as_it_is(bridge):
    assert bridge.poll(NOON, counted(2.421)) == "2.421"
    assert bridge.poll(NOON + 5 * MINUTE, counted(2.43)) == "2.43"


def test_a_lower_value_is_not_published(bridge):
    """A glitch to 0, and what follows it until the counter is where it was."""
    bridge.poll(NOON, counted(2.4))
    assert bridge.poll(NOON + 5 * MINUTE, counted(0.0)) == "2.4"
    assert bridge.poll(NOON + 10 * MINUTE, counted(2.39)) == "2.4"
    assert bridge.poll(NOON + 15 * MINUTE, counted(2.42)) == "2.42"


def test_a_leap_is_not_published_unless_it_stands_and_rises(bridge):
    """A bit that has flipped: more than 4 kW can have made since, and 1 kWh."""
    bridge.poll(NOON, counted(2.4))
    assert bridge.poll(NOON + 5 * MINUTE, counted(66.4)) == "2.4"
    assert bridge.poll(NOON + 10 * MINUTE, counted(2.42)) == "2.42"
    for poll in range(3, 11):
        assert bridge.poll(NOON + 5 * poll * MINUTE, counted(6.4 + poll / 100)) == "2.42"
    assert bridge.poll(NOON + 75 * MINUTE, counted(6.8)) == "6.8"


def test_while_it_is_not_read_the_integral_goes_on_from_it(bridge):
    """120 W for ten minutes are 20 Wh."""
    bridge.poll(NOON, counted(2.4))
    assert bridge.poll(NOON + 10 * MINUTE, counted(None)) == "2.42"
    assert bridge.poll(NOON + 15 * MINUTE, counted(2.425)) == "2.425"
    assert bridge.poll(NOON + 20 * MINUTE, counted(2.42)) == "2.425"


def test_where_it_comes_later_in_the_day_the_energy_does_not_fall(bridge):
    """SunSpec was switched on at noon: the counter is that of the whole day, or the integral was more."""
    bridge.poll(NOON, on(120))
    bridge.poll(NOON + 10 * MINUTE, on(120))
    assert bridge.poll(NOON + 15 * MINUTE, counted(0.02)) == "0.03"
    assert bridge.poll(NOON + 20 * MINUTE, counted(4.2)) == "0.03"  # the counter has leapt
    another = Bridge()
    another.poll(NOON, on(120))
    assert another.poll(NOON + 10 * MINUTE, counted(4.2)) == "4.2"


def test_yesterdays_total_is_not_todays(bridge):
    """With SunSpec alone: the register keeps it overnight, and begins anew some time in the morning."""
    assert alone(bridge, NOON, counted(2.4)) == "2.4"
    evening = NOON.replace(hour=22)
    assert alone(bridge, evening, asleep(3.2)) == "3.2"
    assert alone(bridge, evening + 3 * 60 * MINUTE, asleep(3.2)) == "0"
    assert bridge.said["energy/today"] == "0"
    assert bridge.said["energy/yesterday"] == "3.2"
    assert alone(bridge, DAWN + DAY, asleep(3.2)) == "0"
    assert alone(bridge, DAWN + DAY + 60 * MINUTE, counted(3.2)) == "0"  # awake, and the register is not renewed
    assert alone(bridge, DAWN + DAY + 65 * MINUTE, counted(0.01)) == "0.01"
    assert bridge.said["energy/today"] == "0.01"


def test_before_it_has_woken_a_counter_that_nobody_knows_is_yesterdays(bridge):
    """Also one that went on after the last poll of the day before."""
    assert alone(bridge, DAWN, asleep(5.5)) == "0"
    assert alone(bridge, NOON, counted(0.7)) == "0.7"
    assert alone(bridge, DAWN + DAY, asleep(6.2)) == "0"
    assert alone(bridge, DAWN + DAY + 120 * MINUTE, counted(0.02)) == "0.02"


def test_in_the_afternoon_a_counter_is_todays_whether_the_inverter_is_awake_or_not(bridge):
    assert alone(bridge, NOON.replace(hour=18), asleep(5.5)) == "5.5"


def test_the_ecus_energy_is_the_sum_and_does_not_fall_when_8899_comes_back(bridge):
    """Nor does it when 8899 goes: the ECU may have said more than its inverters do."""
    bridge.poll(NOON, counted(2.4), counted(1.1)._replace(uid="800000000001"), today=3.55)
    two = (counted(2.41), counted(1.12)._replace(uid="800000000001"))
    alone(bridge, NOON + 5 * MINUTE, *two)
    assert bridge.said["energy/today"] == "3.55"
    assert bridge.said["energy/lifetime"] == "1000"  # it is kept
    more = (counted(2.43), counted(1.15)._replace(uid="800000000001"))
    alone(bridge, NOON + 10 * MINUTE, *more)
    assert bridge.said["energy/today"] == "3.58"
    bridge.poll(NOON + 15 * MINUTE, *more, today=3.57)
    assert bridge.said["energy/today"] == "3.58"


def test_a_lifetime_that_nobody_has_read_for_days_may_have_grown(bridge):
    """Not five minutes are the bound, but the days with SunSpec alone."""
    bridge.poll(NOON, counted(2.4), lifetime=1000.0)
    for day in range(1, 4):
        alone(bridge, NOON + day * DAY, counted(2.4 + day / 10))
    bridge.poll(NOON + 3 * DAY + 5 * MINUTE, counted(2.8), lifetime=1030.0)
    assert bridge.said["energy/lifetime"] == "1030"


@given(st.lists(st.one_of(st.none(), st.floats(0, 200)), min_size=1, max_size=30), st.booleans())
def test_whatever_a_counter_says_the_energy_does_not_fall_within_a_date(values: list[float | None], sunspec) -> None:
    bridge, last = Bridge(), 0.0
    for number, value in enumerate(values):
        at = NOON + number * 5 * MINUTE
        inverter = counted(value)
        now = float(alone(bridge, at, inverter) if sunspec else bridge.poll(at, inverter))
        assert now >= last
        last = now
