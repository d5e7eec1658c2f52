"""What the broker retains holds where a job remembers less, or nothing."""

from datetime import datetime, timedelta

import pytest
from parts import replace
from readings import (
    DAY,
    ECU,
    FIVE_MINUTES,
    MORNING,
    NOON,
    NOTHING_RETAINED,
    PARIS,
    QUAD,
    THREE,
    TWO,
    Bridge,
    below,
    lifetimes,
    read,
    short,
    todays,
)

from aps2mqtt.base.values import Recalled
from aps2mqtt.truth import true_values

# -- jobs of two states -----------------------------------------------------------------------------------------------


def test_a_job_with_an_older_state_publishes_no_less_than_the_broker_retains_of_the_date():
    """A job by hand beside the timer: its own state is of the morning."""
    morning = NOON - timedelta(hours=4)
    bridge = Bridge()
    bridge.job(read(TWO, QUAD, at=morning, today=1.0, lifetime=997.5), morning)
    retained = Recalled(
        1000.0, 3.5, NOON, yesterday=11.0, energies={TWO: (0.61, 0.62), QUAD: (0.2, 0.3, 0.1, 0.4), THREE: (9.0,)}
    )
    after = NOON + FIVE_MINUTES
    said = bridge.job(read(TWO, QUAD, at=after, today=0.0, lifetime=0.0), after, retained)
    assert (said["energy/today"], said["energy/lifetime"], said["energy/yesterday"]) == ("3.5", "1000", "11")
    assert (said[f"{TWO}/1/energy/today"], said[f"{TWO}/2/energy/today"]) == ("0.61", "0.62")
    assert (said[f"{TWO}/energy/today"], said[f"{QUAD}/energy/today"]) == ("1.23", "1")
    assert not below(THREE, said)
    later = after + FIVE_MINUTES
    assert bridge.job(read(TWO, QUAD, at=later, today=3.6), later)[f"{TWO}/1/energy/today"] == "0.615"


def test_without_a_state_the_energies_of_the_date_are_recalled():
    """A state that is lost costs nobody the day."""
    retained = Recalled(1000.0, 3.5, NOON - FIVE_MINUTES, energies={TWO: (0.61, 0.62)})
    assert Bridge().job(read(TWO), recalled=retained)[f"{TWO}/energy/today"] == "1.23"


def test_energies_that_are_not_of_the_date_or_that_no_inverter_can_make_are_not_recalled():
    """Yesterday's, and what somebody else has put there."""
    for energies, of in (((0.61, 0.62), NOON - DAY), ((101.0, 0.0), NOON), ((0.61, 1e300), NOON)):
        said = Bridge().job(read(TWO), recalled=Recalled(1000.0, 3.5, of, energies={TWO: energies}))
        assert said[f"{TWO}/energy/today"] == "0"


def test_energies_are_recalled_of_an_inverter_that_the_list_leaves_out():
    bridge = Bridge()
    morning = NOON - timedelta(hours=4)
    bridge.job(read(TWO, THREE, at=morning), morning)
    retained = Recalled(1000.0, 3.5, NOON, energies={THREE: (0.1, 0.2, 0.3, 0.4)})
    for step in range(3):
        now = NOON + step * FIVE_MINUTES
        said = bridge.job(short(TWO, at=now), now, retained if not step else NOTHING_RETAINED)
    assert said[f"{THREE}/energy/today"] == "1"


def test_an_older_state_follows_a_lifetime_that_others_have_come_to_believe():
    """The ECU was replaced, and the timer's jobs know: a job by hand does not go back to the old one's."""
    bridge = Bridge()
    bridge.job(read(TWO, lifetime=1000.0, at=NOON - DAY), NOON - DAY)
    said = bridge.job(read(TWO, lifetime=25.1), recalled=Recalled(25.0, 3.4, NOON - FIVE_MINUTES))
    assert said["energy/lifetime"] == "25.1"


def test_a_state_that_is_as_new_as_the_broker_is_not_overruled_by_it():
    """A broker that was restored from a backup."""
    bridge = Bridge()
    bridge.job(read(TWO, lifetime=1000.0))
    after = NOON + timedelta(hours=1)
    said = bridge.job(read(TWO, lifetime=1000.5, at=after), after, Recalled(990.0, 3.0, NOON - DAY))
    assert said["energy/lifetime"] == "1000.5"


# -- without a memory -------------------------------------------------------------------------------------------------


def test_without_a_memory_a_0_is_published_where_the_broker_retains_nothing():
    """Quirk 51: a new ECU and a new bridge."""
    said = Bridge().job(read(TWO, today=0, lifetime=0), recalled=Recalled())
    assert (said["energy/today"], said["energy/lifetime"]) == ("0", "0")


def test_without_a_memory_a_0_is_published_where_the_broker_retains_a_0():
    said = Bridge().job(read(TWO, today=0, lifetime=0), recalled=Recalled(0.0, 0.0, NOON))
    assert (said["energy/today"], said["energy/lifetime"]) == ("0", "0")


def test_without_a_memory_a_0_is_not_published_where_the_broker_retains_more():
    """A lost state does not open the door to the glitch (quirks 50, 52)."""
    said = Bridge().job(read(TWO, today=0, lifetime=0), recalled=Recalled(999.5, 3.5, NOON))
    assert said.get("energy/today") in (None, "3.5")
    assert said.get("energy/lifetime") in (None, "999.5")


def test_without_a_memory_a_0_is_not_published_where_the_broker_retains_more_without_a_time():
    """MQTT_RETAIN was switched off in between, or the ECU's stamp was filler."""
    bridge = Bridge()
    for _ in range(3):
        said = bridge.job(read(TWO, today=0, lifetime=0), recalled=Recalled(999.5, 3.5))
        assert said.get("energy/today") is None
        assert said.get("energy/lifetime") in (None, "999.5")


def test_without_a_memory_a_0_is_not_published_where_the_broker_lets_nobody_read():
    """What it retains may be positive."""
    bridge = Bridge()
    for _ in range(2):
        said = bridge.job(read(TWO, today=0, lifetime=0), recalled=Recalled(readable=False))
        assert not {"energy/today", "energy/lifetime"} & said.keys()
        assert true_values.wants_recall(read(TWO), bridge.memory, NOON)
    said = bridge.job(read(TWO, today=0.1, lifetime=0.1), recalled=Recalled(readable=False))
    assert (said["energy/today"], said["energy/lifetime"]) == ("0.1", "0.1")


def test_without_a_memory_a_positive_counter_is_published_even_where_the_broker_lets_nobody_read():
    said = Bridge().job(read(TWO), recalled=Recalled(readable=False))
    assert (said["energy/today"], said["energy/lifetime"]) == ("3.5", "1000")


def test_without_a_memory_the_retained_lifetime_holds_for_twelve_readings_like_a_remembered_one():
    """The broker's own value is what must not fall."""
    bridge = Bridge()
    assert bridge.job(read(TWO, lifetime=20.0), recalled=Recalled(1000.0))["energy/lifetime"] == "1000"
    rising = [20 + step / 10 for step in range(1, 12)]
    assert lifetimes(bridge, *rising) == ["1000"] * 10 + ["21.1"]


def test_without_a_memory_today_does_not_fall_under_what_the_broker_retains_of_the_same_date():
    """Quirk 56 on the day on which the state was lost."""
    said = Bridge().job(read(TWO, today=0.2), recalled=Recalled(1000.0, 3.5, NOON - FIVE_MINUTES))
    assert said["energy/today"] == "3.5"


def test_without_a_memory_a_contradictory_reading_remembers_what_the_broker_retains():
    """The next reading cannot fall under it."""
    bridge = Bridge()
    bridge.job(read(TWO, today=0, lifetime=0, registered=0, online=6), recalled=Recalled(1000.0, 3.5, NOON))
    assert lifetimes(bridge, 0.0) == ["1000"]
    assert todays(bridge, 0.0) == ["3.5"]


def test_without_a_memory_what_the_broker_retains_of_another_date_does_not_bound_today():
    """Yesterday's 21.5 kWh are no reason to hold back this morning's 0.3."""
    said = Bridge().job(read(TWO, today=0.3), recalled=Recalled(1000.0, 21.5, NOON - DAY))
    assert said["energy/today"] == "0.3"


def test_after_a_pause_data_stamped_yesterday_are_not_todays():
    """The program was off from before a late reset (quirk 56) until the next date: a lower total was yesterday's."""
    bridge = Bridge()
    bridge.job(read(TWO, today=12.0))
    morning = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=12.0, at=morning), morning)["energy/today"] == "0"
    late = datetime(2026, 6, 23, 0, 40, tzinfo=PARIS)
    evening = datetime(2026, 6, 22, 21, 0, tzinfo=PARIS)
    for now in (late, late + FIVE_MINUTES):
        said = bridge.job(read(TWO, today=8.0, at=evening), now)
        assert (said["energy/today"], said["energy/yesterday"]) == ("0", "8")
    morning += DAY
    assert bridge.job(read(TWO, today=0.01, at=morning), morning)["energy/today"] == "0.01"


def test_without_a_memory_data_stamped_yesterday_are_not_todays():
    """Quirk 39: the stamp stays at the evening's time all night, and many ECUs reset late (quirk 56)."""
    bridge = Bridge()
    early = datetime(2026, 6, 22, 4, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=21.5, at=evening), early)["energy/today"] == "0"
    assert bridge.job(read(TWO, today=21.5, at=evening), early + FIVE_MINUTES)["energy/today"] == "0"
    morning = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=0.02, at=morning), morning)["energy/today"] == "0.02"


def test_without_a_memory_yesterdays_total_on_the_broker_is_not_todays():
    """A state lost by night: what the broker retains is of the evening, as the ECU's own stamp says (quirk 39)."""
    early = datetime(2026, 6, 22, 4, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    said = Bridge().job(read(TWO, today=21.5, at=evening), early, Recalled(1000.0, 21.5, evening))
    assert said["energy/today"] == "0"


def test_without_a_memory_yesterdays_total_does_not_replace_a_0_of_the_new_date():
    """The state was lost after midnight: the broker retains today's 0 beside the evening's time stamp."""
    early = datetime(2026, 6, 22, 4, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    said = Bridge().job(read(TWO, today=21.5, at=evening), early, Recalled(1000.0, 0.0, evening))
    assert said["energy/today"] == "0"


def test_without_a_memory_what_the_broker_retains_of_yesterday_is_not_todays_in_the_morning():
    """Quirk 56: the ECU resets late, when its stamp is of the new date already."""
    morning = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    said = Bridge().job(read(TWO, today=21.5, at=morning), morning, Recalled(1000.0, 21.5, evening))
    assert said["energy/today"] == "0"


@pytest.mark.parametrize("hours", [8, 1])
def test_without_a_memory_yesterdays_total_is_not_todays_where_the_broker_has_begun_the_date(hours):
    """A job of another state has, at night or in the morning; the ECU begins late, behind its first data of the day."""
    retained = Recalled(1000.0, 0.0, MORNING - timedelta(hours=hours) + FIVE_MINUTES, yesterday=21.5)
    assert Bridge().job(read(TWO, today=21.5, at=MORNING), MORNING, retained)["energy/today"] == "0"
    assert Bridge().job(read(TWO, today=0.02, at=MORNING), MORNING, retained)["energy/today"] == "0.02"


def test_the_memory_of_another_ecu_is_none():
    """An ECU was replaced: the new one counts from 0, under topics of its own."""
    bridge = Bridge()
    bridge.job(read(TWO))
    other = replace(bridge.memory, ecu_id="216000000002")
    assert true_values.memory_of(ECU, other) is None
    assert true_values.memory_of(ECU, bridge.memory) is bridge.memory
    assert true_values.memory_of(ECU, None) is None


def test_the_broker_is_asked_for_what_is_not_remembered_and_for_nothing_else():
    bridge = Bridge()
    assert true_values.wants_recall(read(TWO), None, NOON)
    bridge.job(read(TWO))
    assert not true_values.wants_recall(read(TWO), bridge.memory, NOON)
    assert true_values.wants_recall(read(TWO), replace(bridge.memory, lifetime=None), NOON)
    assert true_values.wants_recall(read(TWO), replace(bridge.memory, today=None), NOON)
    assert not true_values.wants_recall(read(TWO), replace(bridge.memory, lifetime=0.0), NOON)


def test_the_broker_is_asked_where_others_may_have_published_since_the_last_reading():
    """Jobs of a timer come every five minutes; one by hand has a state of its own, of last week perhaps."""
    memory = true_values.settle(read(TWO), None, NOTHING_RETAINED, NOON, PARIS)[1]

    def wants(clock: int, data: int | None) -> bool:
        at = NOON + data * timedelta(minutes=1) if data is not None else None
        return true_values.wants_recall(read(TWO, at=at), memory, NOON + clock * timedelta(minutes=1))

    assert [wants(clock, None) for clock in (-7, -6, 0, 6, 7)] == [True, False, False, False, True]
    assert [wants(0, data) for data in (-30, 0, 6, 7)] == [False, False, False, True]


def test_without_a_state_what_a_short_list_leaves_out_goes_too():
    """Noon's watts lie on the broker, and no state remembers whose they are."""
    bridge = Bridge()
    retained = Recalled(1000.0, 3.4, NOON - FIVE_MINUTES, energies={THREE: (0.1, 0.2, 0.3, 0.4)})
    assert not below(THREE, bridge.job(short(TWO), recalled=retained))
    assert not below(THREE, bridge.job(short(TWO)))
    said = below(THREE, bridge.job(short(TWO)))
    assert said["energy/today"] == "1"
    assert {topic for topic, text in said.items() if not text} >= {"online", "power", "1/power", "4/power", "3/voltage"}
