"""When polls are fired: whole days and years through the rule and the trigger, gap by gap."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from aps2mqtt.base.memory import Counters, Memory, Reading, Today
from aps2mqtt.base.sun import is_up
from aps2mqtt.base.values import Site
from aps2mqtt.service.scheduler import PollTrigger, Schedule
from aps2mqtt.truth.poll_times import Pace, next_poll, pace
from aps2mqtt.truth.true_values import night

PARIS = Site(48.864716, 2.349014)
FIVE_MINUTES = timedelta(minutes=5)
LATITUDES = (0, 47, -47, 67, -67, 90, -90)
LONGITUDES = (-179, 0, 179)


def fire_times(trigger: PollTrigger, begin: datetime, end: datetime) -> Iterator[datetime]:
    """All times of the trigger from `begin` to `end`, asked for as APScheduler does."""
    previous = None
    while (following := trigger.get_next_fire_time(previous, previous or begin)) < end:
        yield following
        previous = following


def gaps(times: list[datetime]) -> Counter[timedelta]:
    """How often each gap between two fire times comes."""
    return Counter(later - earlier for earlier, later in pairwise(times))


def remembering(
    *,
    today: float,
    on: date,
    zone: str = "Europe/Paris",
    site: Site = PARIS,
    now: datetime | None = None,
) -> Pace:
    """The pace after a reading of that date with all asleep; `now` is then or later."""
    read_at = datetime(on.year, on.month, on.day, 11, tzinfo=UTC)
    memory = Memory(
        ecu_id="216000000001",
        reading=Reading(at=read_at, awake=False, registered=5),
        counters=Counters(lifetime=100.0, today=Today(on, today, today, renewed=True)),
    )
    return pace(300, site, ZoneInfo(zone), memory, now or read_at)


def test_by_day_and_with_awake_inverters_there_are_no_gaps() -> None:
    """Every five minutes, at the fifth minutes of the clock, the night through."""
    for trigger in (PollTrigger(Pace(300)), PollTrigger(Pace(300, PARIS, awake=True))):
        times = list(fire_times(trigger, datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)))
        assert len(times) == 287
        assert gaps(times) == {FIVE_MINUTES: 286}
        assert all(moment.minute % 5 == 0 and not moment.second for moment in times)


def test_a_november_day_in_paris_has_one_poll_at_midnight_and_then_the_daylight() -> None:
    """From evening to evening with all asleep: the sun rises at 7:14 UTC and sets at 16:01 UTC."""
    asleep = remembering(today=4.2, on=date(2026, 11, 22))
    times = list(
        fire_times(PollTrigger(asleep), datetime(2026, 11, 22, 17, tzinfo=UTC), datetime(2026, 11, 23, 17, tzinfo=UTC))
    )
    assert times[0] == datetime(2026, 11, 22, 23, tzinfo=UTC)  # midnight in Paris
    assert times[1] == datetime(2026, 11, 23, 7, 15, tzinfo=UTC)
    assert times[-1] == datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
    assert gaps(times) == {timedelta(hours=8, minutes=15): 1, FIVE_MINUTES: 105}


def test_there_is_no_poll_at_midnight_where_today_is_0_already() -> None:
    """Nothing turns."""
    asleep = remembering(today=0, on=date(2026, 11, 22))
    assert next_poll(asleep, datetime(2026, 11, 22, 17, tzinfo=UTC)) == datetime(2026, 11, 23, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize("minutes", [0, 3, 127])
def test_a_midnight_that_was_missed_is_made_up_for(minutes: int) -> None:
    """The broker was down for that job, or a laptop slept: one at the next point of the grid, until one goes well."""
    now = datetime(2026, 11, 22, 23, tzinfo=UTC) + timedelta(minutes=minutes)
    asleep = remembering(today=4.2, on=date(2026, 11, 22), now=now)
    times = list(fire_times(PollTrigger(asleep), now, datetime(2026, 11, 23, 7, 20, tzinfo=UTC)))
    assert times[0] - now <= FIVE_MINUTES
    assert times[1:] == [datetime(2026, 11, 23, 7, 15, tzinfo=UTC)]
    turned = remembering(today=0, on=date(2026, 11, 22), now=now)
    assert next_poll(turned, now) == datetime(2026, 11, 23, 7, 15, tzinfo=UTC)


def test_yesterdays_energy_is_not_that_of_a_day_long_ago() -> None:
    """In a polar night a second midnight turns it to that of a day without sun, and then nothing is left to turn."""
    site, zone, now = Site(70, 25), ZoneInfo("Europe/Oslo"), datetime(2026, 11, 30, 12, tzinfo=UTC)
    today = Today(date(2026, 11, 30), 0.1, 0.1, renewed=True)
    memory = Memory(
        ecu_id="216000000001",
        reading=Reading(at=now, awake=False, registered=5),
        counters=Counters(lifetime=100.0, today=today),
    )
    polls = []
    for _ in range(3):
        now = next_poll(pace(300, site, zone, memory, now), now)
        _, memory = night(memory, now, zone)
        polls.append(f"{now:%Y-%m-%d %H:%M}")
    assert polls == ["2026-11-30 23:00", "2026-12-01 23:00", "2027-01-17 10:10"]


@pytest.mark.parametrize(
    ("zone", "day", "midnight"),
    [
        ("Europe/Paris", date(2026, 3, 28), "2026-03-28T23:00"),  # the clocks go forward at 2 on the 29th
        ("Europe/Paris", date(2026, 3, 29), "2026-03-29T22:00"),
        ("Europe/Paris", date(2026, 10, 24), "2026-10-24T22:00"),  # and back at 3 on the 25th
        ("Europe/Paris", date(2026, 10, 25), "2026-10-25T23:00"),
        ("Pacific/Auckland", date(2026, 6, 1), "2026-06-01T12:00"),
        ("America/Los_Angeles", date(2026, 6, 1), "2026-06-02T07:00"),
        ("Asia/Kathmandu", date(2026, 6, 1), "2026-06-01T18:15"),
        ("America/Havana", date(2026, 3, 7), "2026-03-08T05:00"),  # there is no midnight: 0:00 is 1:00
    ],
)
def test_today_turns_at_the_midnight_of_the_site(zone: str, day: date, midnight: str) -> None:
    """Across both changes of daylight saving, and in zones of odd offsets."""
    asleep = remembering(today=1, on=day, zone=zone, site=Site(-90 if day.month < 9 else 90, 0))
    expected = datetime.fromisoformat(midnight).replace(tzinfo=UTC)
    assert asleep.turns == expected
    at_the_pole_of_the_night = next_poll(asleep, expected - timedelta(hours=3))
    assert at_the_pole_of_the_night in {expected, *_daylight(asleep, expected)}


def _daylight(asleep: Pace, expected: datetime) -> set[datetime]:
    """The first point of the grid in three hours, where the sun is up all day at that pole."""
    point = expected - timedelta(hours=3) + FIVE_MINUTES
    return {point} if is_up(asleep.site, point) else set()


@pytest.mark.parametrize(
    ("site", "begin", "days", "nights"),
    [
        (Site(0, 0), "2026-03-20", 2, ["11:55"]),  # equinoxes
        (Site(47, 0), "2026-09-23", 2, ["11:55"]),
        (Site(47, -179), "2026-06-21", 2, ["8:15", "8:15"]),
        (Site(-47, 179), "2026-06-21", 2, ["15:35", "15:35"]),
        (PARIS, "2026-03-28", 2, ["11:20"]),  # the clocks go forward
        (PARIS, "2026-10-24", 2, ["13:50"]),  # and back
        (Site(67, 25), "2026-06-21", 2, []),  # midnight sun
        (Site(-67, 0), "2026-12-21", 2, []),
        (Site(70, 25), "2026-11-19", 66, ["1271:50"]),  # polar night: 53 days
    ],
)
def test_whole_days_have_these_nights_and_no_other_gaps(site: Site, begin: str, days: int, nights: list[str]) -> None:
    """The process at the time of each fire time in turn; the gaps of more than five minutes, in hours and minutes."""
    trigger, times = PollTrigger(Pace(300, site, awake=False)), []
    with freeze_time(begin) as clock:
        end = datetime.now(UTC) + timedelta(days=days)
        while (following := trigger.get_next_fire_time(times[-1] if times else None, datetime.now(UTC))) < end:
            times.append(following)
            clock.move_to(following)
    found = [later - earlier for earlier, later in pairwise(times)]
    assert all(gap >= FIVE_MINUTES for gap in found)
    longer = [gap for gap in found if gap > FIVE_MINUTES]
    longest = [max(longer)] if days > 3 else longer
    assert [f"{gap // timedelta(hours=1)}:{gap.seconds % 3600 // 60:02}" for gap in longest] == nights


@pytest.mark.parametrize("latitude", LATITUDES)
@pytest.mark.parametrize("longitude", LONGITUDES)
def test_a_year_of_polls_is_in_daylight_and_leaves_none_of_it_out(latitude: int, longitude: int) -> None:
    """Strictly increasing; every point of a half-hourly grid at which the sun is up is a fire time, and no other."""
    site = Site(latitude, longitude)
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    times = list(fire_times(PollTrigger(Pace(1800, site, awake=False)), begin, end))
    assert all(earlier < later for earlier, later in pairwise(times))
    grid = (begin + number * timedelta(minutes=30) for number in range(1, 365 * 48))
    points = takewhile(lambda point: point < end, grid)
    lit = {point for point in points if is_up(site, point)}
    assert lit <= set(times)
    # A window too short for the grid is polled at its beginning.
    assert all(is_up(site, moment) for moment in set(times) - lit)
    assert len(set(times) - lit) <= 2


@pytest.mark.parametrize("latitude", [68, 75, 85, 90, -68, -75, -85, -90])
def test_the_end_of_a_polar_night_is_found_in_time(latitude: int) -> None:
    """Months ahead, in under 100 ms; the best of three, as machines are shared."""
    solstice = datetime(2026, 12, 21 if latitude > 0 else 20, tzinfo=UTC)
    if latitude < 0:
        solstice = datetime(2026, 6, 21, tzinfo=UTC)
    asleep = Pace(300, Site(latitude, 15), awake=False)
    taken = []
    for _ in range(3):
        began = process_time()
        following = next_poll(asleep, solstice)
        taken.append(process_time() - began)
    assert following - solstice > timedelta(days=5)
    assert is_up(asleep.site, following)
    assert min(taken) < 0.1


def test_a_window_shorter_than_the_interval_is_not_left_out() -> None:
    """A daily poll at a UTC midnight that is night at the site falls on sunrise instead."""
    daily = Pace(86400, PARIS, awake=False)
    following = next_poll(daily, datetime(2026, 11, 22, 17, tzinfo=UTC))
    assert datetime(2026, 11, 23, 7, tzinfo=UTC) < following < datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_the_trigger_is_a_pure_function_of_its_arguments() -> None:
    """Asked twice it says the same; it is later than both arguments, whichever is later."""
    trigger = PollTrigger(Pace(300, PARIS, awake=False))
    early, late = datetime(2026, 6, 1, 10, 1, tzinfo=UTC), datetime(2026, 6, 1, 12, 2, tzinfo=UTC)
    for previous, now in ((None, late), (early, late), (late, early)):
        assert trigger.get_next_fire_time(previous, now) == datetime(2026, 6, 1, 12, 5, tzinfo=UTC)
        assert trigger.get_next_fire_time(previous, now) == datetime(2026, 6, 1, 12, 5, tzinfo=UTC)
    on_the_grid = datetime(2026, 6, 1, 12, 5, tzinfo=UTC)
    assert trigger.get_next_fire_time(None, on_the_grid) == datetime(2026, 6, 1, 12, 10, tzinfo=UTC)


def test_a_broker_that_comes_back_when_all_is_stopped_is_no_bug() -> None:
    """Its thread asks for one more poll, which does not come."""
    schedule, fired = Schedule(), []
    schedule.add("ecu", lambda: fired.append(1), Pace(86400), 3600)
    schedule.start()
    schedule.stop()
    schedule.within("ecu", 0)
    assert not fired


def test_a_clock_behind_the_last_reading_makes_no_night() -> None:
    """A Raspberry Pi before time synchronisation believes that it is 1970."""
    asleep = Memory(
        ecu_id="216000000001",
        reading=Reading(at=datetime(2026, 6, 1, 22, tzinfo=UTC), awake=False, registered=5),
        counters=Counters(lifetime=1.0),
    )
    with freeze_time("1970-01-01 00:10"):
        now = datetime.now(UTC)
        assert pace(300, PARIS, UTC, asleep, now).awake
    with freeze_time("2026-06-01 22:10"):
        assert not pace(300, PARIS, UTC, asleep, datetime.now(UTC)).awake
