"""Energy of inverters and panels, integrated from power."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from energy_bridge import DAY, ECU, EVENING, MIDNIGHT, MINUTE, NOON, PARIS, UID, Bridge, off, on, wall
from hypothesis import given
from hypothesis import strategies as st

from aps2mqtt.base.values import Inverter, Recalled
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt.topics import Style, messages
from aps2mqtt.simulator.plant import INVERTER_MODELS, Plant, _orientation, _strength
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import true_values

OTHER = "800000000001"


UNHEARD = Inverter(UID, online=False)


# -- the integral -----------------------------------------------------------------------------------------------------


def test_power_runs_straight_from_one_time_of_the_data_to_the_next(bridge):
    """From 0 to 120 W in five minutes is 5 Wh, from 120 to 240 is 15, for 15 minutes at 240 is 60."""
    assert bridge.poll(NOON, on(0)) == "0"
    assert bridge.poll(NOON + 5 * MINUTE, on(120)) == "0.005"
    assert bridge.poll(NOON + 10 * MINUTE, on(240)) == "0.02"
    assert bridge.poll(NOON + 25 * MINUTE, on(240)) == "0.08"


def test_each_panel_has_its_own_and_the_inverter_their_sum(bridge):
    bridge.poll(NOON, on(120, 0, 60))
    assert bridge.poll(NOON + 10 * MINUTE, on(120, 60, 0)) == "0.03"
    assert {topic: kwh for topic, kwh in bridge.said.items() if topic.endswith("energy/today")} == {
        "energy/today": "3.5",
        f"{UID}/energy/today": "0.03",
        f"{UID}/1/energy/today": "0.02",
        f"{UID}/2/energy/today": "0.005",
        f"{UID}/3/energy/today": "0.005",
    }


def test_inverters_are_counted_apart(bridge):
    bridge.poll(NOON, on(120), on(240, uid=OTHER))
    assert bridge.poll(NOON + 5 * MINUTE, on(120), on(240, uid=OTHER)) == "0.01"
    assert bridge.said[f"{OTHER}/energy/today"] == "0.02"


def test_an_inverter_that_is_new_begins_at_0(bridge):
    """Where it was before, nobody saw."""
    bridge.poll(NOON, on(120))
    bridge.poll(NOON + 5 * MINUTE, on(120), on(240, uid=OTHER))
    assert bridge.said[f"{OTHER}/energy/today"] == "0"
    bridge.poll(NOON + 10 * MINUTE, on(120), on(240, uid=OTHER))
    assert bridge.said[f"{OTHER}/energy/today"] == "0.02"


def test_the_times_of_the_jobs_make_no_difference(bridge):
    """Only those of the data: a job that is late, early or by hand changes nothing."""
    bridge.poll(NOON, on(120), now=NOON + 4 * MINUTE)
    bridge.poll(NOON + 5 * MINUTE, on(120), now=NOON + 5 * MINUTE)
    assert bridge.poll(NOON + 10 * MINUTE, on(120), now=NOON + 14 * MINUTE) == "0.02"


def test_the_same_data_polled_again_add_nothing(bridge):
    """The ECU has new ones every five minutes or so."""
    bridge.poll(NOON, on(120))
    told = [bridge.poll(NOON + 5 * MINUTE, on(120), now=NOON + minutes * MINUTE) for minutes in (5, 6, 7, 8, 9)]
    assert told == ["0.01"] * 5
    assert bridge.poll(NOON + 10 * MINUTE, on(120)) == "0.02"


def test_a_gap_of_15_minutes_is_bridged_and_a_longer_one_is_not(bridge):
    """What was not seen is not made up; after the gap it goes on."""
    bridge.poll(NOON, on(120))
    assert bridge.poll(NOON + 15 * MINUTE, on(120)) == "0.03"
    after = NOON + 30 * MINUTE + timedelta(seconds=1)
    assert bridge.poll(after, on(120)) == "0.03"
    assert bridge.poll(after + 15 * MINUTE, on(120)) == "0.06"


def test_data_without_a_time_add_nothing(bridge):
    """Nor do those after them: there is nothing to measure from (quirk 22)."""
    bridge.poll(NOON, on(120))
    assert bridge.poll(None, on(120), now=NOON + 5 * MINUTE) == "0"
    assert bridge.poll(NOON + 10 * MINUTE, on(120)) == "0"
    assert bridge.poll(NOON + 15 * MINUTE, on(120)) == "0.01"


def test_times_that_go_back_take_nothing_away(bridge):
    """An ECU whose clock was put right. What it shows again from there counts: it is new data."""
    bridge.poll(NOON, on(120))
    assert bridge.poll(NOON + 5 * MINUTE, on(120)) == "0.01"
    back = NOON - 60 * MINUTE
    assert bridge.poll(back, on(120), now=NOON + 10 * MINUTE) == "0.01"
    assert bridge.poll(back + 5 * MINUTE, on(120), now=NOON + 15 * MINUTE) == "0.02"


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=30),
    st.integers(0, 400),
    st.sampled_from((-0.02, 0.0, 0.02, 0.5)),
)
def test_a_straight_line_has_its_area_however_it_is_polled(pauses, watts, slope):
    """Mean power by time, to a watt of rounding in the record and a Wh of the payload."""
    bridge, seconds = Bridge(), 0
    bridge.poll(NOON, on(watts + 600))
    for pause in pauses:
        seconds += pause
        said = bridge.poll(NOON + timedelta(seconds=seconds), on(round(watts + 600 + slope * seconds)))
    mean = watts + 600 + slope * seconds / 2
    assert float(said) == pytest.approx(mean * seconds / 3_600_000, abs=0.0011 + seconds / 3_600_000)


def test_hundreds_of_small_steps_add_up(bridge):
    """1 W through an hour, told every ten seconds: 1 Wh, though a step is a few thousandths of one."""
    for step in range(361):
        said = bridge.poll(NOON + step * timedelta(seconds=10), on(1))
    assert said == "0.001"
    assert bridge.memory.inverters[UID].energies[0] == pytest.approx(1.0, abs=0.1)


# -- inverters and panels that come and go ----------------------------------------------------------------------------


def test_an_inverter_that_goes_to_sleep_keeps_its_energy(bridge):
    """The last watts run down to 0."""
    bridge.poll(NOON, on(120, 120))
    assert bridge.poll(NOON + 5 * MINUTE, off()) == "0.01"
    assert bridge.poll(NOON + 10 * MINUTE, off()) == "0.01"
    assert bridge.said[f"{UID}/1/energy/today"] == "0.005"


def test_an_inverter_that_wakes_begins_from_0_watts(bridge):
    bridge.poll(NOON, off())
    assert bridge.poll(NOON + 5 * MINUTE, on(120, 120)) == "0.01"


def test_an_inverter_that_is_not_listed_keeps_its_energy_until_it_is_gone(bridge):
    """It counts as offline; one that comes back after it was gone begins anew."""
    bridge.poll(NOON, on(120), on(1, uid=OTHER))
    bridge.poll(NOON + 5 * MINUTE, on(120), on(1, uid=OTHER))
    other = on(1, uid=OTHER)
    assert [bridge.poll(NOON + minutes * MINUTE, other) for minutes in (10, 15)] == ["0.01", "0.01"]
    assert bridge.poll(NOON + 20 * MINUTE, on(120), other) == "0.015"
    assert [bridge.poll(NOON + minutes * MINUTE, other) for minutes in (25, 30, 35)] == ["0.015", "0.015", ""]
    assert bridge.poll(NOON + 40 * MINUTE, on(120), other) == "0"


def test_an_inverter_that_an_incomplete_list_leaves_out_keeps_its_energy(bridge):
    """Nothing is said of it, so the broker keeps it; the time in between is not made up."""
    bridge.poll(NOON, on(120))
    bridge.poll(NOON + 5 * MINUTE, on(120))
    assert bridge.poll(NOON + 10 * MINUTE, on(1, uid=OTHER), complete=False) == "nothing"
    assert bridge.poll(NOON + 15 * MINUTE, on(120), on(1, uid=OTHER)) == "0.02"


def test_an_inverter_of_a_type_that_is_not_understood_for_a_while_keeps_its_energy(bridge):
    bridge.poll(NOON, on(120))
    bridge.poll(NOON + 5 * MINUTE, on(120))
    unknown = {"skipped": frozenset({UID}), "registered": 1}
    assert bridge.poll(NOON + 10 * MINUTE, **unknown, online=1) == "nothing"
    assert bridge.poll(NOON + 15 * MINUTE, **unknown, online=0) == "0.01"
    assert bridge.said[f"{UID}/power"] == "0"
    assert bridge.poll(NOON + 35 * MINUTE, on(120)) == "0.01"


def test_an_inverter_that_is_never_heard_again_for_a_while_keeps_its_energy(bridge):
    """An ECU that was restarted lists all its inverters as never heard, until they answer."""
    bridge.poll(NOON, on(120, 240))
    assert bridge.poll(NOON + 5 * MINUTE, on(120, 240)) == "0.03"
    assert bridge.poll(NOON + 25 * MINUTE, UNHEARD) == ""
    assert bridge.said[f"{UID}/1/energy/today"] == ""
    assert bridge.poll(NOON + 30 * MINUTE, on(0, 0)) == "0.03"
    assert bridge.said[f"{UID}/2/energy/today"] == "0.02"
    assert bridge.poll(NOON + 35 * MINUTE, on(120, 240)) == "0.045"


def test_a_channel_that_is_lost_for_a_while_keeps_its_energy(bridge):
    """Its power is not known then, and what it may give is not made up; its energy stays."""
    bridge.poll(NOON, on(120, 120))
    bridge.poll(NOON + 5 * MINUTE, on(120, 120))
    for minutes in (25, 30, 35):
        bridge.poll(NOON + minutes * MINUTE, on(0, None))
        assert bridge.said[f"{UID}/2/energy/today"] == "0.01"
        assert bridge.said[f"{UID}/2/power"] == ""
    bridge.poll(NOON + 55 * MINUTE, on(0, 120))
    bridge.poll(NOON + 60 * MINUTE, on(0, 120))
    assert bridge.said[f"{UID}/2/energy/today"] == "0.02"


def test_neither_interval_that_touches_an_unknown_power_gives_energy(bridge):
    """120 W are 0.01 kWh in five minutes. The other channel goes on, and the first once it is known twice in a row."""
    bridge.poll(NOON, on(120, 120))
    bridge.poll(NOON + 5 * MINUTE, on(None, 120))
    assert (bridge.said[f"{UID}/1/energy/today"], bridge.said[f"{UID}/2/energy/today"]) == ("0", "0.01")
    bridge.poll(NOON + 10 * MINUTE, on(120, 120))
    assert (bridge.said[f"{UID}/1/energy/today"], bridge.said[f"{UID}/2/energy/today"]) == ("0", "0.02")
    bridge.poll(NOON + 15 * MINUTE, on(120, 120))
    assert (bridge.said[f"{UID}/1/energy/today"], bridge.said[f"{UID}/2/energy/today"]) == ("0.01", "0.03")


def test_panels_that_vanish_for_a_while_keep_their_energy(bridge):
    """Records of type 05 are read as two or four channels, by what fits (quirk 35)."""
    bridge.poll(NOON, on(120, 120, 240, 240))
    assert bridge.poll(NOON + 5 * MINUTE, on(120, 120, 240, 240)) == "0.06"
    assert bridge.poll(NOON + 25 * MINUTE, on(120, 120)) == "0.02"
    assert (bridge.said[f"{UID}/1/energy/today"], bridge.said[f"{UID}/3/energy/today"]) == ("0.01", "")
    assert bridge.poll(NOON + 45 * MINUTE, on(120, 120, 240, 240)) == "0.06"
    assert bridge.said[f"{UID}/4/energy/today"] == "0.02"


def test_panels_that_are_new_begin_at_0_watts(bridge):
    bridge.poll(NOON, on(120))
    bridge.poll(NOON + 5 * MINUTE, on(120, 120))
    assert (bridge.said[f"{UID}/1/energy/today"], bridge.said[f"{UID}/2/energy/today"]) == ("0.01", "0.005")


POWERS = st.lists(st.none() | st.integers(0, 700), max_size=4).map(tuple)


@given(st.lists(st.tuples(st.integers(-1200, 1200), POWERS), min_size=1, max_size=20))
def test_no_panels_energy_ever_falls_within_a_date(polls):
    """Whatever comes, goes, is lost or is told at an odd time; a broker's user sees it removed, or at least as much."""
    bridge, at, most = Bridge(), NOON, dict.fromkeys("1234", 0.0)
    for seconds, powers in polls:
        at += timedelta(seconds=seconds)
        bridge.poll(at, on(*powers) if powers else UNHEARD, now=NOON)
        for panel in "1234":
            text = bridge.said.get(f"{UID}/{panel}/energy/today")
            if text:
                assert float(text) >= most[panel]
                most[panel] = float(text)
        shown = [float(bridge.said[f"{UID}/{panel}/energy/today"]) for panel, _ in zip("1234", powers, strict=False)]
        assert float(bridge.said[f"{UID}/energy/today"] or 0) == pytest.approx(sum(shown))


# -- dates ------------------------------------------------------------------------------------------------------------


def test_a_new_date_begins_at_0(bridge):
    """Where the sun does not set, too: what lies across midnight is of neither date."""
    bridge.poll(MIDNIGHT - 10 * MINUTE, on(120))
    assert bridge.poll(MIDNIGHT - 5 * MINUTE, on(120)) == "0.01"
    assert bridge.poll(MIDNIGHT + 5 * MINUTE, on(120)) == "0"
    assert bridge.said[f"{UID}/1/energy/today"] == "0"
    assert bridge.poll(MIDNIGHT + 10 * MINUTE, on(120)) == "0.01"


def test_a_new_date_begins_at_0_while_the_ecu_still_has_the_evenings_data(bridge):
    """It asks nobody by night, and its data stay those of the evening."""
    evening = MIDNIGHT - 120 * MINUTE
    bridge.poll(evening - 5 * MINUTE, on(120))
    bridge.poll(evening, off(1))
    assert bridge.poll(evening, off(1), now=MIDNIGHT - MINUTE) == "0.005"
    assert bridge.poll(evening, off(1), now=MIDNIGHT + MINUTE) == "0"
    assert bridge.poll(MIDNIGHT + 360 * MINUTE, on(120)) == "0"


def test_data_of_the_evening_that_are_read_after_midnight_are_of_neither_date(bridge):
    bridge.poll(MIDNIGHT - 10 * MINUTE, on(120))
    assert bridge.poll(MIDNIGHT - 5 * MINUTE, on(120), now=MIDNIGHT + MINUTE) == "0"
    assert bridge.poll(MIDNIGHT, on(120), now=MIDNIGHT + 2 * MINUTE) == "0"
    assert bridge.poll(MIDNIGHT + 5 * MINUTE, on(120)) == "0.01"


def test_data_of_the_new_date_that_are_read_before_midnight_are_of_neither_date(bridge):
    """An ECU whose clock is ahead."""
    bridge.poll(MIDNIGHT - 10 * MINUTE, on(120), now=MIDNIGHT - 13 * MINUTE)
    bridge.poll(MIDNIGHT - 5 * MINUTE, on(120), now=MIDNIGHT - 8 * MINUTE)
    assert bridge.poll(MIDNIGHT, on(120), now=MIDNIGHT - 3 * MINUTE) == "0.01"
    assert bridge.poll(MIDNIGHT + 5 * MINUTE, on(120), now=MIDNIGHT + 2 * MINUTE) == "0.01"


def test_a_night_job_keeps_the_energy_until_midnight_and_then_begins_at_0(bridge):
    """Once: the morning goes on from there."""
    bridge.poll(MIDNIGHT - 130 * MINUTE, on(120, 120))
    bridge.poll(MIDNIGHT - 125 * MINUTE, off())
    assert bridge.night(MIDNIGHT - MINUTE) == "0.01"
    assert bridge.said[f"{UID}/2/energy/today"] == "0.005"
    assert bridge.night(MIDNIGHT + MINUTE) == "0"
    assert bridge.said[f"{UID}/2/energy/today"] == "0"
    assert bridge.night(MIDNIGHT + 2 * MINUTE) == "0"
    bridge.poll(MIDNIGHT + 300 * MINUTE, on(120, 120))
    assert bridge.poll(MIDNIGHT + 305 * MINUTE, on(120, 120)) == "0.02"


def test_at_night_a_clock_that_is_set_back_over_midnight_does_not_bring_the_energy_back(bridge):
    bridge.poll(MIDNIGHT - 130 * MINUTE, on(120))
    bridge.poll(MIDNIGHT - 125 * MINUTE, off(1))
    assert [bridge.night(MIDNIGHT + seconds * timedelta(seconds=1)) for seconds in (5, -5, 5)] == ["0"] * 3


def test_at_night_a_clock_that_is_a_day_behind_takes_nothing_away(bridge):
    """A Raspberry Pi that does not know the time yet."""
    bridge.poll(EVENING - 5 * MINUTE, on(120))
    bridge.poll(EVENING, off(1))
    assert bridge.night(EVENING - DAY) == "0.005"
    assert bridge.night(EVENING + 5 * MINUTE) == "0.005"


def test_the_date_is_that_of_the_site():
    """Noon in Auckland is the midnight of UTC."""
    auckland = ZoneInfo("Pacific/Auckland")
    noon = datetime(2026, 6, 21, 12, 0, tzinfo=auckland)
    bridge = Bridge(auckland)
    told = [
        bridge.poll(noon + minutes * MINUTE, on(120), now=(noon + minutes * MINUTE).astimezone(UTC))
        for minutes in (-5, 0, 5)
    ]
    assert told == ["0", "0.01", "0.02"]


def test_a_lost_state_costs_the_day_at_most(bridge):
    """What was before is not known; the next day is whole."""
    bridge.poll(NOON, on(120))
    assert bridge.poll(NOON + 5 * MINUTE, on(120)) == "0.01"
    bridge.memory = None
    assert bridge.poll(NOON + 10 * MINUTE, on(120)) == "0"
    assert bridge.poll(NOON + 15 * MINUTE, on(120)) == "0.01"
    assert bridge.poll(NOON + DAY, on(120)) == "0"
    assert bridge.poll(NOON + DAY + 5 * MINUTE, on(120)) == "0.01"


# -- clocks that change -----------------------------------------------------------------------------------------------


def test_an_hour_that_the_clocks_leave_out_has_not_passed(bridge):
    """In Paris, 1:55 is followed by 3:00: five minutes, though the wall says 65."""
    bridge.poll(wall(3, 29, 1, 50), on(120))
    bridge.poll(wall(3, 29, 1, 55), on(120))
    assert bridge.poll(wall(3, 29, 3, 0), on(120)) == "0.02"
    assert bridge.poll(wall(3, 29, 3, 5), on(120)) == "0.03"


def test_an_hour_that_comes_twice_counts_twice(bridge):
    """The steps back to 2:00 and from there to 3:00 are lost: the frame does not tell which hour it is of."""
    twice = [(2, minute) for minute in range(0, 60, 5)] * 2
    times = [(1, 50), (1, 55), *twice, (3, 0), (3, 5)]
    began = wall(10, 25, 1, 50).astimezone(UTC)
    told = [
        bridge.poll(wall(10, 25, *time), on(120), now=began + number * 5 * MINUTE) for number, time in enumerate(times)
    ]
    assert told[:4] == ["0", "0.01", "0.02", "0.03"]
    assert told[13:16] == ["0.13", "0.13", "0.14"]
    assert told[25:] == ["0.24", "0.24", "0.25"]


def test_what_looks_like_a_short_time_on_the_wall_may_be_a_long_one(bridge):
    """From the first 2:55 to 3:05 are 70 minutes in October."""
    bridge.poll(wall(10, 25, 2, 55), on(120))
    assert bridge.poll(wall(10, 25, 3, 5), on(120)) == "0"


# -- a whole day ------------------------------------------------------------------------------------------------------


def exact(plant: Plant, number: int, panel: int, day: datetime) -> float:
    """Energy of that panel on that day in kWh, summed up over steps of ten seconds."""
    begin = int(day.replace(hour=0).timestamp())
    light = sum(_strength(plant.site, second) for second in range(begin, begin + 86400, 10)) * 10 / 3600
    peak = INVERTER_MODELS[plant.inverters[number - 1]].peak
    return light * peak * _orientation(number, panel - 1) / 1000


@pytest.mark.parametrize("every", [1, 5, 10, 13])
@pytest.mark.parametrize("day", [datetime(2026, 6, 21, tzinfo=PARIS), datetime(2026, 12, 21, tzinfo=PARIS)])
def test_a_whole_day_has_its_energy_to_a_percent(tmp_path, every, day):
    """For every panel, in summer and winter; however often it is polled, if not more seldom than every 15 minutes."""
    plant = Plant(timezone=PARIS)
    memory, store = None, Store(tmp_path, "ecu", 8899)
    for poll in range(0, 24 * 60 - 10, every):
        now = day + (poll + 2) * MINUTE
        told = snapshot(plant.system_info(now), plant.real_time(now), plant.signal(now), PARIS)
        report, memory = true_values.settle(told, memory, Recalled(), now, PARIS)
    store.save(memory)
    assert store.load().inverters == memory.inverters
    said = {one.topic: one.payload for one in messages(Style(), report)}
    for number, inverter in enumerate(plant.records(day), 1):
        panels = len(inverter.powers)
        root = f"aps/{ECU}/{inverter.uid}"
        shares = [exact(plant, number, panel, day) for panel in range(1, panels + 1)]
        assert float(said[f"{root}/energy/today"]) == pytest.approx(sum(shares), rel=0.01)
        for panel, share in enumerate(shares, 1):
            assert float(said[f"{root}/{panel}/energy/today"]) == pytest.approx(share, rel=0.01)
    of_all = sum(float(said[f"aps/{ECU}/{record.uid}/energy/today"]) for record in plant.records(day))
    assert of_all == pytest.approx(float(said[f"aps/{ECU}/energy/today"]), rel=0.02)
