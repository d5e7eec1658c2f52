"""When the ECU is left alone: the rule of the night, and the sun of any site."""

import math
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from parts import replace

from aps2mqtt.base import sun
from aps2mqtt.base.memory import Known, Memory, Reading, Today
from aps2mqtt.base.values import Site
from aps2mqtt.truth import night, poll_times

PARIS = Site(48.864716, 2.349014)
LONDON = Site(51.5074, -0.1278)
SYDNEY = Site(-33.8688, 151.2093)
TROMSO = Site(69.5, 19.0)  # as the US Naval Observatory's tables have it
EUROPE = ZoneInfo("Europe/Paris")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

LATITUDES = (0.0, 47.0, -47.0, 67.0, -67.0, 89.0, -89.0, 90.0, -90.0)
LONGITUDES = (-179.0, -122.4, -0.1, 0.0, 2.35, 151.2, 179.0, 180.0, -180.0)
DATES = (
    datetime(2026, 3, 20, tzinfo=UTC),
    datetime(2026, 6, 21, tzinfo=UTC),
    datetime(2026, 9, 23, tzinfo=UTC),
    datetime(2026, 12, 21, tzinfo=UTC),
)


def almanac(site: Site, when: datetime) -> float:
    """Elevation of the sun by the Astronomical Almanac's formula of low precision (0.01 degrees until 2050)."""
    days = (when - datetime(2000, 1, 1, 12, tzinfo=UTC)) / DAY
    mean_longitude, anomaly = 280.460 + 0.9856474 * days, math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(mean_longitude + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal = math.radians((280.46061837 + 360.98564736629 * days + site.longitude) % 360)
    latitude = math.radians(site.latitude)
    return math.degrees(
        math.asin(
            math.sin(latitude) * math.sin(declination)
            + math.cos(latitude) * math.cos(declination) * math.cos(sidereal - ascension)
        )
    )


# -- the rule of the night --------------------------------------------------------------------------------------------

EVENING = datetime(2026, 6, 21, 21, 40, tzinfo=EUROPE)
MIDNIGHT = datetime(2026, 6, 22, 0, 30, tzinfo=EUROPE)


def memory(*, awake: bool, read_at: datetime = EVENING) -> Memory:
    """What the last job told, as far as the night goes."""
    return Memory(ecu_id="216000000001", reading=Reading(at=read_at, awake=awake))


def test_it_is_night_while_the_sun_is_down_and_the_last_reading_had_no_inverter_online():
    assert night.is_night(PARIS, memory(awake=False), MIDNIGHT)
    assert night.is_night(PARIS, memory(awake=False), MIDNIGHT.astimezone(UTC))


def test_polling_goes_on_after_sunset_until_all_inverters_have_gone_to_sleep():
    """So the values on the broker end the day true."""
    assert not night.is_night(PARIS, memory(awake=True), MIDNIGHT)


def test_it_is_no_night_while_the_sun_is_up():
    """Snow on the panels: none is online, and the ECU is asked all the same."""
    for hour in range(6, 22):
        assert not night.is_night(PARIS, memory(awake=False, read_at=EVENING - DAY), EVENING.replace(hour=hour))


def test_without_a_last_reading_the_ecu_is_polled():
    """First start or lost state."""
    assert not night.is_night(PARIS, None, MIDNIGHT)


def test_by_a_clock_behind_the_last_reading_there_is_no_night():
    """A Raspberry Pi before it knows the time says 1970, where it is night too."""
    wrong = datetime(1970, 1, 1, 1, 0, tzinfo=EUROPE)
    assert not sun.is_up(PARIS, wrong)
    assert not night.is_night(PARIS, memory(awake=False), wrong)
    assert not night.is_night(PARIS, memory(awake=False, read_at=MIDNIGHT), MIDNIGHT - HOUR)


def test_the_moment_of_the_last_reading_itself_can_be_night():
    assert night.is_night(PARIS, memory(awake=False, read_at=MIDNIGHT), MIDNIGHT)


def test_a_clock_that_is_set_back_a_little_leaves_the_night_a_night():
    """Time synchronisation sets it back by seconds; it does not wake the ECU."""
    assert night.is_night(PARIS, memory(awake=False, read_at=MIDNIGHT), MIDNIGHT - timedelta(seconds=5))


def test_a_polar_night_is_night_for_weeks_and_a_polar_day_never():
    """Where the sun does not rise or set."""
    dark = datetime(2026, 12, 1, tzinfo=UTC)
    light = datetime(2026, 6, 1, tzinfo=UTC)
    for step in range(0, 40 * 24, 7):
        now = dark + HOUR * step
        assert night.is_night(TROMSO, memory(awake=False, read_at=dark), now)
        assert not night.is_night(TROMSO, memory(awake=False, read_at=light), light + HOUR * step)


def test_the_window_opens_at_the_next_sunrise():
    opens = sun.next_sunrise(PARIS, MIDNIGHT)
    assert abs(opens - datetime(2026, 6, 22, 5, 47, tzinfo=EUROPE)) < 3 * MINUTE
    assert not night.is_night(PARIS, memory(awake=False), opens)
    assert night.is_night(PARIS, memory(awake=False), opens - 3 * timedelta(seconds=1))


def test_sunrise_and_sunset_are_told_rounded_to_the_minute():
    """As almanacs do, also over the end of a day."""
    assert night.to_the_minute(datetime(2026, 6, 21, 3, 46, 29, 999999, tzinfo=UTC)).minute == 46
    assert night.to_the_minute(datetime(2026, 6, 21, 3, 46, 30, tzinfo=UTC)).minute == 47
    assert night.to_the_minute(datetime(2026, 6, 21, 23, 59, 40, tzinfo=UTC)) == datetime(2026, 6, 22, tzinfo=UTC)


# -- several ECUs, and the turn of the day ----------------------------------------------------------------------------


def test_ecus_are_asked_a_tenth_of_a_second_apart_and_all_of_them_within_a_minute():
    """However many there are: the last is not asked when the next poll is due."""
    assert [poll_times.stagger(ecus) for ecus in (1, 2, 600)] == [0.1, 0.1, 0.1]
    assert poll_times.stagger(6000) == 0.01
    assert all(poll_times.stagger(ecus) * (ecus - 1) < 60 for ecus in (1, 10, 599, 601, 1000, 100_000))


def test_the_energies_of_both_dates_turn_at_the_midnight_of_the_earlier():
    """Those of the inverters may be of another date than the ECU's: whichever is behind has to turn to 0 first."""
    yesterday = (EVENING - DAY).date()
    ecus = Today(date=EVENING.date(), published=5.0, reported=5.0, renewed=True)
    one = {"704000000001": Known(panels=2, voltages=1, energies=(1.5, 0.5))}
    known = replace(memory(awake=False), today=ecus, energies_of=yesterday, inverters=one)
    now = EVENING - 2 * DAY
    assert poll_times.pace(300, PARIS, EUROPE, known, now).turns == datetime(2026, 6, 20, 22, tzinfo=UTC)
    swapped = replace(known, today=ecus._replace(date=yesterday), energies_of=EVENING.date())
    assert poll_times.pace(300, PARIS, EUROPE, swapped, now).turns == datetime(2026, 6, 20, 22, tzinfo=UTC)


# -- whether the sun is up --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latitude", LATITUDES)
@pytest.mark.parametrize("longitude", LONGITUDES)
def test_the_elevation_is_that_of_the_astronomical_almanac(latitude, longitude):
    """At any longitude and latitude, at equinoxes and solstices: within 0.3 degrees, over the poles too."""
    site = Site(latitude, longitude)
    for date in DATES:
        for step in range(0, 48, 5):
            when = date + step * HOUR / 2
            assert sun.elevation(site, when) == pytest.approx(almanac(site, when), abs=0.3)


@pytest.mark.parametrize("longitude", LONGITUDES)
@pytest.mark.parametrize("latitude", [0.0, 47.0, -47.0])
@pytest.mark.parametrize("date", DATES, ids=lambda date: f"{date:%b}")
def test_the_sun_is_up_at_the_sites_noon_and_down_at_its_midnight(latitude, longitude, date):
    """Whatever date UTC has then."""
    site = Site(latitude, longitude)
    noon = date + HOUR * (12 - longitude / 15)
    assert sun.is_up(site, noon)
    assert not sun.is_up(site, noon + 12 * HOUR)
    assert not sun.is_up(site, noon - 12 * HOUR)


@pytest.mark.parametrize("longitude", LONGITUDES)
@pytest.mark.parametrize(
    ("latitude", "month", "up"),
    [(70, 6, True), (70, 12, False), (-70, 6, False), (-70, 12, True), (90, 6, True), (90, 12, False), (-90, 12, True)],
)
def test_polar_days_and_nights_have_no_hour_of_the_other(longitude, latitude, month, up):
    site = Site(latitude, longitude)
    assert {sun.is_up(site, datetime(2026, month, 21, hour, tzinfo=UTC)) for hour in range(24)} == {up}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata"])
def test_the_time_zone_in_which_the_moment_is_told_does_not_matter(zone):
    for hour in range(24):
        when = datetime(2026, 9, 23, hour, 10, tzinfo=UTC)
        assert sun.elevation(SYDNEY, when.astimezone(ZoneInfo(zone))) == pytest.approx(sun.elevation(SYDNEY, when))


PUBLISHED = [  # local times of tables, to the minute
    (PARIS, "Europe/Paris", "2026-06-21 05:47", "2026-06-21 21:58"),
    (LONDON, "Europe/London", "2026-06-21 04:43", "2026-06-21 21:21"),
    (LONDON, "Europe/London", "2026-12-21 08:04", "2026-12-21 15:53"),
    (SYDNEY, "Australia/Sydney", "2026-06-21 07:00", "2026-06-21 16:54"),
    (SYDNEY, "Australia/Sydney", "2026-12-21 05:41", "2026-12-21 20:05"),
    (TROMSO, "Etc/GMT-1", "2014-04-01 04:50", "2014-04-01 18:49"),
    (TROMSO, "Etc/GMT-1", "2014-04-30 02:29", "2014-04-30 20:58"),
]


@pytest.mark.parametrize(("site", "zone", "rise", "sets"), PUBLISHED)
def test_the_sun_is_up_from_the_published_sunrise_to_the_published_sunset(site, zone, rise, sets):
    """To within three minutes."""
    rises = datetime.fromisoformat(rise).replace(tzinfo=ZoneInfo(zone))
    ends = datetime.fromisoformat(sets).replace(tzinfo=ZoneInfo(zone))
    assert not sun.is_up(site, rises - 3 * MINUTE)
    assert sun.is_up(site, rises + 3 * MINUTE)
    assert sun.is_up(site, ends - 3 * MINUTE)
    assert not sun.is_up(site, ends + 3 * MINUTE)
    assert abs(sun.next_sunrise(site, rises - 2 * HOUR) - rises) < 3 * MINUTE


# -- the next sunrise -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("longitude", LONGITUDES)
@pytest.mark.parametrize("latitude", LATITUDES)
def test_the_next_sunrise_is_ahead_and_the_sun_is_down_before_it_and_up_at_it(latitude, longitude):
    """From any moment of the night, at any longitude, at the poles, in UTC to the second."""
    site = Site(latitude, longitude)
    for date in DATES:
        for hour in range(0, 24, 3):
            when = date + HOUR * hour
            if sun.is_up(site, when):
                continue
            rise = sun.next_sunrise(site, when)
            assert rise > when
            assert (rise.tzinfo, rise.microsecond) == (UTC, 0)
            assert sun.is_up(site, rise)
            assert not sun.is_up(site, rise - timedelta(seconds=3))


@pytest.mark.parametrize("site", [PARIS, SYDNEY, TROMSO, Site(0, -179.9), Site(66.5, 25), Site(-67, 179.9), Site(1, 0)])
def test_the_next_sunrise_is_the_one_that_a_look_at_every_minute_finds(site):
    """None is passed over, at an equinox, at solstices, and on the first days of a polar day and night."""
    for start in (*DATES, datetime(2026, 5, 14, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)):
        minutes = [start + MINUTE * step for step in range(2 * 24 * 60)]
        up = [sun.is_up(site, minute) for minute in minutes]
        sunrises = [at for at in range(1, len(up)) if up[at] and not up[at - 1]]
        nights = [at for at in range(len(up)) if not up[at]]
        for at in nights[::97]:
            found = sun.next_sunrise(site, minutes[at])
            after = [sunrise for sunrise in sunrises if sunrise > at]
            if after:
                assert minutes[after[0] - 1] < found <= minutes[after[0]] + 2 * timedelta(seconds=1)
            else:
                assert found > minutes[-1]


def test_the_sunrise_after_a_polar_night_is_the_years_first():
    """At Tromso it is told for 15 January."""
    assert sun.next_sunrise(TROMSO, datetime(2026, 12, 1, tzinfo=UTC)).strftime("%Y-%m-%d") in (
        "2027-01-14",
        "2027-01-15",
        "2027-01-16",
    )


@pytest.mark.parametrize(
    ("latitude", "autumn", "spring"),
    [(90, datetime(2026, 9, 26, tzinfo=UTC), "2027-03-18"), (-90, datetime(2026, 3, 24, tzinfo=UTC), "2026-09-20")],
)
def test_at_a_pole_the_night_ends_two_days_before_the_equinox(latitude, autumn, spring):
    """Refraction and the sun's upper limb: at the North Pole 18 March, half a year ahead."""
    assert abs(sun.next_sunrise(Site(latitude, 0), autumn) - datetime.fromisoformat(spring + "T12:00Z")) < DAY * 1.5


@pytest.mark.parametrize("site", [TROMSO, Site(90, 0), Site(80, -179)])
def test_the_end_of_a_polar_night_is_found_within_a_tenth_of_a_second(site):
    """A job looks for it each time."""
    when = datetime(2026, 11, 30, tzinfo=UTC)
    took = []
    for _ in range(3):
        began = time.process_time()
        assert sun.next_sunrise(site, when) > when + 40 * DAY
        took.append(time.process_time() - began)
    assert min(took) < 0.1
