"""Whole days: no false alarm on sound roofs, and every true one."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from watched_arrays import EAST, HOURS, LATE, MIDNIGHT, SOUTH, STEP, WAKING, WEST, House, Roof, Watcher, moment

from aps2mqtt.base.values import Site, Snapshot
from aps2mqtt.simulator.plant import Plant
from aps2mqtt.sources.ecu8899.answers import RealTime
from aps2mqtt.sources.ecu8899.snapshot import snapshot

# -- whole days without a false alarm ---------------------------------------------------------------------------------


SITES = {
    0: (Site(0.4, 9.5), ZoneInfo("Africa/Libreville")),
    47: (Site(47.4, 8.5), ZoneInfo("Europe/Zurich")),
    60: (Site(59.9, 10.75), ZoneInfo("Europe/Oslo")),
}


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
    assert told[begins][0].startswith("inverter 704000000002 has produced no power since 2026-")
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
    assert all(f"energy/{counter} has stayed at 0 kWh" in lines[0] for _, lines in told[begins:])


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
