"""The same data give the same messages, whatever was read."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readings import DAY, ECU, FIVE_MINUTES, NOON, PARIS, QUAD, THREE, TWO, Bridge, read

from aps2mqtt.base.values import Inverter, Recalled, Snapshot
from aps2mqtt.mqtt.topics import Style, messages, recalled
from aps2mqtt.truth import true_values

COUNTERS = st.sampled_from([0.0, 0.02, 3.5, 21.5, 999.9, 1000.0])
FEW = st.sampled_from(range(4))  # of a whole number Hypothesis makes what the loaded modules contain, too
STAMPS = st.sampled_from([None, NOON - DAY * 2, NOON - DAY, NOON - FIVE_MINUTES, NOON])
INVERTERS = {
    uid: st.sampled_from(
        [
            None,
            Inverter(uid, online=False, powers=(0,) * panels, voltages=(None,) * phases),
            Inverter(uid, online=True, powers=(5,) * panels, voltages=(230,) * phases, frequency=50.0, temperature=9),
            Inverter(uid, online=False),
        ]
    )
    for uid, panels, phases in ((TWO, 2, 2), (QUAD, 4, 1), (THREE, 4, 3))
}


@st.composite
def snapshots(draw) -> Snapshot:
    """Any reading of three inverters, each of them online, offline, never heard, skipped or not listed."""
    listed = tuple(one for uid in INVERTERS if (one := draw(INVERTERS[uid])) is not None)
    skipped = frozenset(draw(st.sets(st.sampled_from(sorted(INVERTERS))))) - {one.uid for one in listed}
    registered, online = draw(FEW), draw(FEW)
    return Snapshot(
        ECU,
        "ECU_R_1.2.31",
        power=draw(st.sampled_from(range(10))),
        lifetime=draw(COUNTERS),
        today=draw(COUNTERS),
        registered=registered,
        online=online,
        contradictory=online > registered,
        timestamp=draw(STAMPS),
        inverters=listed,
        skipped=skipped,
        complete=draw(st.booleans()),
    )


RECALLED = st.builds(Recalled, st.none() | COUNTERS, st.none() | COUNTERS, STAMPS, st.just(True)) | st.just(
    Recalled(readable=False)
)


def test_a_reading_without_a_stamp_does_not_let_lifetime_fall_to_what_the_broker_retains():
    """Nobody can tell which is later; then it is the higher one. A broker may have lost its last half an hour."""
    bridge, retained = Bridge(), Recalled(999.5, None, NOON - FIVE_MINUTES)
    assert bridge.job(read(lifetime=1000.0, at=None), NOON, retained)["energy/lifetime"] == "1000"
    assert bridge.job(read(lifetime=0.0, at=None), NOON + FIVE_MINUTES, retained)["energy/lifetime"] == "1000"
    more = retained._replace(lifetime=1000.5)
    assert bridge.job(read(lifetime=0.0, at=None), NOON + 2 * FIVE_MINUTES, more)["energy/lifetime"] == "1000.5"


@pytest.mark.parametrize("step", [FIVE_MINUTES, timedelta(hours=1)], ids=str)
@pytest.mark.parametrize("lie", [7.67, 7.5, 2.51, 0.0])
def test_data_of_yesterday_that_stand_are_not_todays_after_a_lie(step, lie):
    """The data stand all night. One frame, before or after midnight, has another total: nothing was made since."""
    evening = NOON.replace(hour=21)
    midnight = evening.replace(day=22, hour=0)
    for lies_at in (midnight - step, midnight + 2 * step):
        bridge, now = Bridge(), evening
        while now < midnight.replace(hour=6):
            told = bridge.job(read(TWO, today=lie if now == lies_at else 7.63, at=evening), now)
            assert now < midnight or told["energy/today"] == "0"
            now += step
        assert bridge.job(read(TWO, today=0.1, at=now), now)["energy/today"] == "0.1"
        assert float(bridge.retained["energy/yesterday"]) in {7.63, 7.67}


def test_a_first_reading_of_yesterday_that_no_day_can_make_opens_no_door_to_the_next():
    """The second one is of yesterday, too."""
    evening, now = NOON.replace(hour=21), NOON.replace(day=22, hour=1)
    bridge = Bridge()
    for today in (662.99, 7.63, 7.63, 7.63):
        assert bridge.job(read(TWO, today=today, at=evening), now)["energy/today"] == "0"
        now += timedelta(hours=1)


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=30)], ids=str)
def test_a_clock_that_was_ahead_for_days_and_is_set_right_after_midnight_brings_no_total_back(ahead):
    """What was made before that was of the day before."""
    bridge, now, evening = Bridge(), NOON.replace(hour=20), NOON.replace(hour=21)
    while now < evening.replace(day=22, hour=9):
        is_day = 6 <= now.hour < 21
        today = round((now.hour - 6) * 0.5, 2) if is_day else 0.0 if now.day == 22 else 7.5
        stamp = now if is_day else evening
        bridge.job(read(TWO, today=today, at=stamp), now + ahead if now < evening.replace(day=22, hour=1) else now)
        if now.day == 22 and now.hour >= 1:
            assert float(bridge.retained["energy/today"]) <= today
        now += FIVE_MINUTES


def test_a_total_without_a_date_gets_none_from_the_next_reading():
    """The broker retains 8 kWh without a stamp: nobody knows of which date, also once a 0 of today has been read."""
    bridge, undated = Bridge(), Recalled(1000.0, 8.0, None, energies={TWO: (4.0, 4.0)})
    assert "energy/today" not in bridge.job(read(TWO, today=0.0), NOON, undated)
    stamped, later = undated._replace(timestamp=NOON), NOON + FIVE_MINUTES
    told = bridge.job(read(today=0.0, registered=1, online=1, at=later), later, stamped)
    assert not {"energy/today", f"{TWO}/energy/today"} & told.keys()
    stamped, later = stamped._replace(timestamp=later), later + FIVE_MINUTES
    assert bridge.job(read(TWO, today=0.1, at=later), later, stamped)["energy/today"] == "0.1"


@settings(max_examples=400)
@given(st.none() | snapshots(), st.sampled_from([NOON, NOON - DAY, NOON + DAY]), snapshots(), RECALLED)
def test_the_same_data_polled_twice_give_the_same_messages(earlier, then, made, retained):
    """Whatever was read before. The rules that count lists and readings to three and twelve do not come that far."""
    none = retained._replace(energies={})  # by the third list an inverter that only the broker knows is gone
    memory = true_values.settle(earlier, None, none, then, PARIS)[1] if earlier else None
    first, memory = true_values.settle(made, memory, retained, NOON, PARIS)
    told = messages(Style(), first)
    if retained.readable:
        by_now = recalled(Style(), ECU, {message.topic: message.payload for message in told if message.payload})
        kept = {name: value for name, value in by_now._asdict().items() if value is not None or name == "timestamp"}
        retained = retained._replace(**kept)
    second, memory_after = true_values.settle(made, memory, retained, NOON + FIVE_MINUTES, PARIS)
    assert messages(Style(), second) == told
    assert (memory_after.counters.lifetime, memory_after.reading.awake) == (
        memory.counters.lifetime,
        memory.reading.awake,
    )


@settings(max_examples=200)
@given(st.lists(snapshots(), min_size=1, max_size=20), RECALLED)
def test_today_never_falls_within_one_date_whatever_is_read(made, recalled):
    """Zeros, drops, contradictions, stamps of any date, and whatever the broker retains."""
    bridge = Bridge()
    said = [bridge.job(one, NOON + timedelta(seconds=step), recalled) for step, one in enumerate(made)]
    published = [float(one["energy/today"]) for one in said if "energy/today" in one]
    assert published == sorted(published)


@settings(max_examples=200)
@given(snapshots(), RECALLED, st.sampled_from(range(60 * 48)))
def test_two_night_jobs_give_the_same_messages(made, recalled, minutes):
    """A night job is as idempotent as any; and it keeps nothing measured."""
    bridge = Bridge()
    bridge.job(made, NOON, recalled)
    now = NOON + timedelta(minutes=minutes)
    first = bridge.night(now)
    assert bridge.night(now) == first
    assert first["power"] == first["inverters/online"] == "0"
    assert not [topic for topic, payload in first.items() if payload and topic.endswith(("voltage", "frequency"))]
