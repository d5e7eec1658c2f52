"""The ECU's energy of yesterday."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from energy_bridge import DAY, EVENING, MIDNIGHT, MINUTE, NOON, PARIS, Bridge, off, on, wall

from aps2mqtt.base.values import Recalled

# -- dates ------------------------------------------------------------------------------------------------------------

MORNING = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)


# -- yesterday --------------------------------------------------------------------------------------------------------


def test_yesterdays_energy_is_not_known_at_first(bridge):
    """It has no topic then."""
    bridge.poll(NOON, on(120), today=3.5)
    assert bridge.yesterday == ""


def test_at_the_turn_of_the_date_todays_energy_becomes_yesterdays(bridge):
    """And stays that all day, until the next turn."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(EVENING, off(), today=12.25, now=MIDNIGHT + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")
    bridge.poll(MORNING, on(1), today=0.01)
    bridge.poll(EVENING + DAY, off(), today=15.5)
    assert (bridge.today, bridge.yesterday) == ("15.5", "12.25")
    bridge.poll(MORNING + DAY, on(1), today=0.02)
    assert (bridge.today, bridge.yesterday) == ("0.02", "15.5")


def test_a_night_job_turns_the_date_too(bridge):
    bridge.poll(EVENING, off(), today=12.25)
    bridge.night(MIDNIGHT - MINUTE)
    assert (bridge.today, bridge.yesterday) == ("12.25", "")
    bridge.night(MIDNIGHT + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")
    bridge.night(MIDNIGHT + 2 * MINUTE)
    assert bridge.yesterday == "12.25"
    bridge.poll(MORNING, on(1), today=0.01)
    assert (bridge.today, bridge.yesterday) == ("0.01", "12.25")


def test_what_the_counter_grew_by_after_the_last_poll_was_yesterdays(bridge):
    """Seen after midnight, in data of the day before."""
    bridge.poll(NOON, on(1), today=8.0)
    bridge.poll(EVENING, off(), today=12.25, now=MIDNIGHT + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")
    bridge.poll(EVENING, off(), today=12.25, now=MIDNIGHT + 6 * MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")
    bridge.poll(MORNING, on(1), today=0.01)
    assert (bridge.today, bridge.yesterday) == ("0.01", "12.25")


def test_a_day_that_was_not_seen_is_not_known(bridge):
    """The day before it is not yesterday."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(NOON + 2 * DAY, on(1), today=3.0)
    assert (bridge.today, bridge.yesterday) == ("3", "")


def test_a_day_that_was_not_seen_is_known_from_its_own_data(bridge):
    """After midnight the ECU still has those of the evening."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(EVENING + DAY, off(), today=5.0, now=MIDNIGHT + DAY + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "5")
    bridge.poll(MORNING + DAY, on(1), today=0.01)
    assert (bridge.today, bridge.yesterday) == ("0.01", "5")


def test_a_0_in_the_data_of_a_day_that_was_not_seen_says_nothing(bridge):
    """It may be a glitch."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(EVENING + DAY, off(), today=0.0, now=MIDNIGHT + DAY + MINUTE)
    assert bridge.yesterday == ""


@pytest.mark.parametrize("by_night", [False, True])
@pytest.mark.parametrize(("zone", "hour"), [("Pacific/Auckland", 8), ("America/Los_Angeles", 18)])
def test_the_day_that_was_seen_is_the_sites(zone, hour, by_night):
    """It is another in UTC then."""
    site = ZoneInfo(zone)
    seen = datetime(2026, 6, 21, hour, 0, tzinfo=site)
    bridge = Bridge(site)
    bridge.poll(seen, off(), today=12.25, now=seen.astimezone(UTC))
    turned = datetime(2026, 6, 22, 0, 5, tzinfo=site)
    bridge.night(turned) if by_night else bridge.poll(turned, off(), today=0.0)
    assert bridge.yesterday == "12.25"


def test_a_day_of_which_only_the_nights_were_seen_is_not_known(bridge):
    """The ECU was off by day: night jobs said 0, and did not know."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.night(MIDNIGHT + MINUTE)
    bridge.night(EVENING + DAY)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")
    bridge.night(MIDNIGHT + DAY + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "")
    bridge.poll(MORNING + DAY, on(1), today=0.01)
    assert (bridge.today, bridge.yesterday) == ("0.01", "")


def test_a_total_of_a_day_of_which_only_the_nights_were_seen_is_not_todays(bridge):
    """It is yesterday's, by its time."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.night(MIDNIGHT + MINUTE)
    bridge.night(EVENING + DAY)
    bridge.poll(EVENING + DAY, off(), today=5.0, now=MIDNIGHT + DAY + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "5")
    bridge.poll(MORNING + DAY, on(1), today=0.01)
    assert (bridge.today, bridge.yesterday) == ("0.01", "5")


def test_a_day_without_sun_was_0(bridge):
    """Panels under snow: the ECU was read, and said nothing new."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(NOON + DAY, off(), today=0.0)
    bridge.poll(NOON + 2 * DAY, on(1), today=0.5)
    assert (bridge.today, bridge.yesterday) == ("0.5", "0")


def test_a_glitch_after_midnight_does_not_make_yesterday_0(bridge):
    """0 kWh for one poll (quirk 53)."""
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(EVENING, off(), today=0.0, now=MIDNIGHT + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")
    bridge.poll(EVENING, off(), today=12.25, now=MIDNIGHT + 6 * MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")


def test_a_reading_that_contradicts_itself_does_not_hide_yesterday(bridge):
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(EVENING, off(), today=0.0, now=MIDNIGHT + MINUTE, contradictory=True)
    assert "energy/today" not in bridge.said
    assert bridge.yesterday == "12.25"


def test_where_todays_energy_is_not_known_yesterdays_is_left_alone(bridge):
    """Neither said nor removed: the broker may know."""
    bridge.poll(NOON, on(1), today=0.0, contradictory=True)
    assert "energy/yesterday" not in bridge.said


def test_a_lost_state_loses_yesterday(bridge):
    bridge.poll(EVENING, off(), today=12.25)
    bridge.poll(MORNING, on(1), today=0.5)
    bridge.memory = None
    bridge.poll(MORNING + 5 * MINUTE, on(1), today=0.6, recalled=Recalled(1000.0, 0.5, MORNING))
    assert (bridge.today, bridge.yesterday) == ("0.6", "")


def test_without_a_state_data_of_the_day_before_say_yesterday(bridge):
    bridge.poll(EVENING, off(), today=12.25, now=MIDNIGHT + MINUTE)
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")
    bridge.poll(MORNING, on(1), today=0.01)
    assert (bridge.today, bridge.yesterday) == ("0.01", "12.25")


def test_without_a_state_a_0_of_the_day_before_says_nothing(bridge):
    """It may be a glitch."""
    bridge.poll(EVENING, off(), today=0.0, now=MIDNIGHT + MINUTE)
    assert bridge.yesterday == ""


def test_yesterdays_total_is_recalled_from_the_broker(bridge):
    """The state was lost overnight."""
    bridge.poll(MORNING, on(1), today=0.01, recalled=Recalled(1000.0, 12.25, EVENING))
    assert (bridge.today, bridge.yesterday) == ("0.01", "12.25")


def test_yesterdays_total_is_recalled_while_the_ecu_still_shows_it(bridge):
    bridge.poll(EVENING, off(), today=12.25, now=MIDNIGHT + MINUTE, recalled=Recalled(1000.0, 12.25, EVENING))
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")


def test_what_grew_after_the_state_was_lost_was_yesterdays(bridge):
    bridge.poll(EVENING, off(), today=12.25, now=MIDNIGHT + MINUTE, recalled=Recalled(1000.0, 8.0, NOON))
    assert (bridge.today, bridge.yesterday) == ("0", "12.25")


def test_a_total_of_a_week_ago_on_the_broker_is_not_yesterdays(bridge):
    bridge.poll(MORNING, on(1), today=0.01, recalled=Recalled(1000.0, 12.25, EVENING - 7 * DAY))
    assert (bridge.today, bridge.yesterday) == ("0.01", "")


def test_a_total_of_yesterday_is_not_todays_where_the_broker_has_one_of_a_week_ago(bridge):
    recalled = Recalled(1000.0, 12.25, EVENING - 7 * DAY)
    bridge.poll(EVENING, off(), today=5.0, now=MIDNIGHT + MINUTE, recalled=recalled)
    assert (bridge.today, bridge.yesterday) == ("0", "5")


def test_a_0_of_the_new_date_on_the_broker_is_not_yesterdays(bridge):
    """After midnight it says 0 beside the time of the evening's data."""
    bridge.poll(MORNING, on(1), today=0.01, recalled=Recalled(1000.0, 0.0, EVENING))
    assert (bridge.today, bridge.yesterday) == ("0.01", "")


def test_an_hour_more_or_less_makes_no_other_yesterday(bridge):
    """The day on which the clocks change has 25 hours."""
    bridge.poll(wall(10, 25, 17, 0), off(), today=4.0)
    bridge.poll(wall(10, 26, 8, 0), on(1), today=0.01)
    assert bridge.yesterday == "4"
    bridge.poll(wall(3, 29, 19, 0).replace(year=2027), off(), today=6.0)
    bridge.poll(wall(3, 30, 8, 0).replace(year=2027), on(1), today=0.01)
    assert bridge.yesterday == "6"
