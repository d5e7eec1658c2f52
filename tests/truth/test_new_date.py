"""The energy of today: within one date, on a new date, and with clocks that are wrong."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

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
    PARIS,
    TWO,
    Bridge,
    of_evening,
    read,
    todays,
)

from aps2mqtt.base.values import Recalled

# -- a clock that leaps ahead -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 3, 400])
def test_a_clock_that_is_ahead_for_one_job_makes_no_new_date(days):
    """The ECU's data go on as before, from inverters that are awake: neither total nor energies begin anew."""
    bridge = Bridge()
    first = {"today": 3.5, "at": NOON}
    bridge.job(read(TWO, **first), NOON)
    after = NOON + FIVE_MINUTES
    said = bridge.job(read(TWO, today=3.51, at=after), after + DAY * days)
    assert (said["energy/today"], said[f"{TWO}/energy/today"]) == ("3.51", "0.01")
    later = after + FIVE_MINUTES
    said = bridge.job(read(TWO, today=3.51, at=later), later)
    assert (said["energy/today"], said[f"{TWO}/energy/today"]) == ("3.51", "0.02")


def test_a_clock_that_was_ahead_for_some_jobs_gives_the_date_its_total_back():
    """The day is that of the ECU's data once the clock agrees with it, although the counter stands."""
    bridge = Bridge()
    todays(bridge, 3.5)
    bridge.job(read(TWO, today=3.5, at=NOON), NOON + DAY * 3)
    assert bridge.job(read(TWO, today=3.5, at=NOON), NOON + DAY * 3 + FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 3.5, 3.5, 3.52, start=NOON + FIVE_MINUTES) == ["3.5", "3.5", "3.52"]


def test_a_clock_that_leaps_at_night_does_not_give_the_new_date_yesterdays_total():
    """The ECU has not begun anew by then; set right, the date is as it was, whatever was said before midnight."""
    bridge = of_evening(21.5)
    for now in (MIDNIGHT + FIVE_MINUTES, MIDNIGHT + DAY * 400, MIDNIGHT + FIVE_MINUTES * 2):
        assert bridge.job(read(ASLEEP, today=21.5, at=EVENING), now)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.0, 0.02, start=MORNING) == ["0", "0", "0.02"]


@pytest.mark.parametrize("days", [1, 400])
def test_a_clock_that_was_ahead_in_the_evening_gives_the_date_its_total_back(days):
    """The data stand by then, but not for so long as that clock had it."""
    bridge = of_evening(21.5)
    asleep, later = read(ASLEEP, today=21.5, at=EVENING), EVENING + timedelta(hours=1)
    assert bridge.job(asleep, later + DAY * days)["energy/today"] == "0"
    assert bridge.job(asleep, later + FIVE_MINUTES)["energy/today"] == "21.5"
    assert bridge.job(asleep, MIDNIGHT + FIVE_MINUTES)["energy/today"] == "0"


def test_a_clock_that_leaps_at_night_does_not_keep_yesterdays_energies_of_inverters():
    """What the broker retains of them is of the date of the ECU's data, and not of whichever our clock says."""
    bridge = of_evening(21.5)
    asleep = read(ASLEEP, today=21.5, at=EVENING)
    retained = Recalled(1000.0, 21.5, EVENING, energies={TWO: (7.0, 7.0)})
    said = bridge.job(asleep, EVENING + DAY * 400, retained)
    assert (said["energy/today"], said[f"{TWO}/energy/today"]) == ("0", "0")


# -- energy/today within one date -------------------------------------------------------------------------------------


def test_today_does_not_fall_to_0_for_a_glitch():
    """Quirk 52: 0 for one poll, back five minutes later, and the day is counted twice."""
    assert todays(Bridge(), 3.5, 0.0, 3.52, 3.53) == ["3.5", "3.5", "3.52", "3.53"]


def test_today_does_not_fall_where_the_ecu_begins_anew_within_the_date():
    """Quirk 56: the total falls when inverters restart."""
    assert todays(Bridge(), 3.5, 0.2, 0.4, 3.6) == ["3.5", "3.5", "3.5", "3.6"]


def test_today_may_honestly_be_0():
    """Firmware 1.2.31 with QT2 counts nothing at all (quirk 54); so does a new ECU (quirk 51)."""
    assert todays(Bridge(), 0.0, 0.0, 0.17) == ["0", "0", "0.17"]


# -- energy/today on a new date ---------------------------------------------------------------------------------------


def test_yesterdays_total_is_not_todays():
    """Quirk 56: the ECU resets late; until it says something else, today's energy is 0."""
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=21.5, at=EVENING), MIDNIGHT - FIVE_MINUTES)["energy/today"] == "21.5"
    assert bridge.job(read(TWO, today=21.5, at=EVENING), MIDNIGHT)["energy/today"] == "0"
    assert bridge.job(read(TWO, today=21.5, at=MORNING), MORNING)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.02, 0.05, start=MORNING + FIVE_MINUTES) == ["0", "0.02", "0.05"]


def test_an_ecu_that_resets_at_midnight_is_followed_at_once():
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=0.0, at=EVENING), MIDNIGHT)["energy/today"] == "0"
    assert todays(bridge, 0.0, 0.02, 0.01, start=MORNING) == ["0", "0.02", "0.02"]


def test_today_may_reach_yesterdays_total_in_the_end():
    """A day like the one before: the total is that of yesterday, and is true."""
    bridge = of_evening(21.5)
    assert todays(bridge, 0.02, start=MORNING) == ["0.02"]
    assert todays(bridge, 21.4, 21.5, 21.6, start=EVENING + DAY) == ["21.4", "21.5", "21.6"]


def test_neither_what_was_published_nor_what_was_reported_last_is_todays():
    """The ECU fell to 4 kWh by an inverter's restart (quirk 56), and 21.5 stayed published."""
    bridge = of_evening(21.5)
    assert todays(bridge, 4.0, start=EVENING + FIVE_MINUTES) == ["21.5"]
    assert todays(bridge, 21.5, 4.0, 21.5, 0.02, start=MORNING) == ["0", "0", "0", "0.02"]


def test_a_glitch_of_0_after_midnight_does_not_make_yesterdays_total_todays():
    """Quirk 52: 0 for one poll, back five minutes later; it is not the ECU's reset."""
    bridge = of_evening(21.5)
    said = [
        bridge.job(read(TWO, today=value, at=EVENING), MIDNIGHT + FIVE_MINUTES * step)["energy/today"]
        for step, value in enumerate([21.5, 0.0, 21.5])
    ]
    assert said == ["0", "0", "0"]
    assert todays(bridge, 0.02, start=MORNING) == ["0.02"]


def test_a_total_that_stands_for_days_is_the_first_days():
    """Snow on the panels: nothing is heard, and the ECU says the same for days."""
    bridge = of_evening(21.5)
    said = [bridge.job(read(TWO, today=21.5, at=EVENING), NOON + DAY * day)["energy/today"] for day in (1, 2, 3)]
    assert said == ["0", "0", "0"]
    late = MORNING + DAY * 3
    assert bridge.job(read(TWO, today=0.4, at=late), late)["energy/today"] == "0.4"


def test_what_the_counter_grew_by_after_the_last_poll_was_yesterdays_too():
    """The program slept over midnight; the ECU's stamp says of which date its total is (quirk 39)."""
    bridge = of_evening(21.5)
    last = EVENING + timedelta(minutes=20)
    assert bridge.job(read(ASLEEP, today=21.6, at=last), MORNING - FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 0.02, start=MORNING) == ["0.02"]


def test_a_total_that_grew_after_the_last_poll_is_not_todays_when_the_stamp_moves_on():
    """The ECU said 21.6 of yesterday, and resets late (quirk 56): its first stamp of today stands beside 21.6."""
    bridge = of_evening(21.5)
    last = EVENING + timedelta(minutes=20)
    assert bridge.job(read(ASLEEP, today=21.6, at=last), MORNING - FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 21.6, 21.6, 0.02, start=MORNING) == ["0", "0", "0.02"]


def test_a_program_that_slept_over_midnight_takes_the_new_dates_energy_as_it_is():
    bridge = of_evening(21.5)
    assert todays(bridge, 7.25, start=NOON + DAY) == ["7.25"]


def test_more_than_yesterday_is_todays_where_the_stamp_is_of_today():
    """The program slept through a better day than the one before."""
    bridge = of_evening(21.5)
    assert todays(bridge, 22.0, start=EVENING + DAY) == ["22"]


def test_a_program_that_slept_for_days_does_not_take_yesterdays_higher_total_for_todays():
    """The stamp says whose it is."""
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=25.0, at=EVENING + DAY), MORNING + DAY)["energy/today"] == "0"


def test_a_program_that_slept_for_days_does_not_take_yesterdays_lower_total_for_todays():
    """The stamp says whose it is, whatever the day before that had."""
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=9.0, at=EVENING + DAY), MORNING + DAY)["energy/today"] == "0"


def test_the_date_is_the_sites_and_not_that_of_utc_in_auckland():
    """At 12:00 UTC the date changes there; noon there is midnight of UTC."""
    zone = ZoneInfo("Pacific/Auckland")
    bridge = Bridge(zone=zone)
    afternoon = datetime(2026, 6, 21, 15, 0, tzinfo=zone)

    def job(today: float, stamp: datetime, now: datetime) -> str:
        made = replace(read(TWO, today=today), timestamp=stamp)
        return bridge.job(made, now.astimezone(UTC))["energy/today"]

    assert job(8.0, afternoon, afternoon) == "8"
    assert job(8.0, afternoon, datetime(2026, 6, 21, 23, 59, tzinfo=zone)) == "8"
    assert job(8.0, afternoon, datetime(2026, 6, 22, 0, 1, tzinfo=zone)) == "0"
    morning = datetime(2026, 6, 22, 11, 0, tzinfo=zone)
    assert job(3.0, morning, morning) == "3"
    noon = datetime(2026, 6, 22, 12, 30, tzinfo=zone)  # a new date of UTC, not of the site
    assert job(0.0, noon, noon) == "3"


def test_the_date_is_the_sites_and_not_that_of_utc_in_los_angeles():
    """The sun sets there at 03:08 UTC of the next date."""
    zone = ZoneInfo("America/Los_Angeles")
    bridge = Bridge(zone=zone)

    def job(today: float, stamp: datetime, now: datetime) -> str:
        made = replace(read(TWO, today=today), timestamp=stamp)
        return bridge.job(made, now.astimezone(UTC))["energy/today"]

    before = datetime(2026, 6, 21, 16, 55, tzinfo=zone)
    after = datetime(2026, 6, 21, 17, 5, tzinfo=zone)  # a new date of UTC, not of the site
    assert job(20.0, before, before) == "20"
    assert job(0.0, after, after) == "20"
    assert job(20.0, after, datetime(2026, 6, 21, 23, 59, tzinfo=zone)) == "20"
    assert job(20.0, after, datetime(2026, 6, 22, 0, 1, tzinfo=zone)) == "0"


def test_a_clock_behind_the_last_reading_makes_no_new_date():
    """A Raspberry Pi before it knows the time says 1970; the ECU's stamp does not agree."""
    bridge = Bridge()
    todays(bridge, 3.5)
    wrong = datetime(1970, 1, 1, 1, 0, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=3.6), wrong)["energy/today"] == "3.6"
    assert bridge.job(read(TWO, today=0.0), wrong)["energy/today"] == "3.6"
    assert bridge.memory.reading.at == NOON
    assert todays(bridge, 3.7, start=NOON + FIVE_MINUTES) == ["3.7"]


def test_a_clock_behind_the_last_reading_is_distrusted_where_the_ecu_has_no_time():
    bridge = Bridge()
    todays(bridge, 3.5)
    assert bridge.job(read(TWO, today=0.0, at=None), NOON - DAY)["energy/today"] == "3.5"
    assert bridge.memory.reading.at == NOON


def test_a_clock_behind_the_last_reading_is_right_where_the_ecus_own_stamp_agrees():
    """The clock was ahead before, and the ECU confirms it: the reading is of the date it says."""
    bridge = Bridge()
    todays(bridge, 3.5, start=NOON + DAY * 3)
    assert todays(bridge, 3.6) == ["3.6"]
    assert bridge.memory.reading.at == NOON
    assert todays(bridge, 3.6, start=NOON + DAY) == ["0"]


def test_a_clock_that_was_ahead_and_is_put_right_takes_nothing_from_today():
    """What was published under the wrong date was of this one."""
    bridge = Bridge()
    todays(bridge, 3.5, start=NOON + DAY * 3)
    assert todays(bridge, 3.5, 3.6) == ["3.5", "3.6"]


def test_a_clock_put_back_does_not_let_today_fall():
    """A correction of a minute by the time server, within the date."""
    bridge = Bridge()
    todays(bridge, 3.5)
    assert todays(bridge, 0.0, start=NOON - timedelta(minutes=1)) == ["3.5"]


def test_a_clock_that_is_set_back_over_midnight_gives_yesterdays_total_to_neither_date():
    """Time synchronisation, seconds after the date has changed: the new date has begun, and stays begun."""
    bridge = of_evening(21.5)
    after, before = MIDNIGHT + timedelta(seconds=10), MIDNIGHT - timedelta(seconds=10)
    said = [bridge.job(read(TWO, today=21.5, at=EVENING), now)["energy/today"] for now in (after, before, after)]
    assert said == ["0", "0", "0"]
    assert todays(bridge, 21.5, 0.02, start=MORNING) == ["0", "0.02"]


@pytest.mark.parametrize("behind", [timedelta(hours=1), timedelta(hours=7), DAY])
def test_a_clock_that_is_behind_at_night_does_not_bring_yesterdays_total_back(behind):
    """A Raspberry Pi whose power failed after midnight: the data are of that date, as they stand all night."""
    bridge = of_evening(21.5)
    asleep = read(ASLEEP, today=21.5, at=EVENING)
    times = (MIDNIGHT + FIVE_MINUTES, MIDNIGHT + 2 * FIVE_MINUTES - behind, MIDNIGHT + 3 * FIVE_MINUTES)
    assert [bridge.job(asleep, now)["energy/today"] for now in times] == ["0", "0", "0"]


def test_new_data_from_behind_our_clock_do_not_make_it_right():
    """It is behind by a day, and the ECU's data are of the evening of that date: it has yet to see that."""
    bridge = of_evening(21.5)
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), MIDNIGHT + FIVE_MINUTES)
    last = read(ASLEEP, today=21.51, at=EVENING + FIVE_MINUTES)
    assert bridge.job(last, MIDNIGHT - DAY + 2 * FIVE_MINUTES)["energy/today"] == "0"
