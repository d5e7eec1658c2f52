"""The windows and polls of the days to come, as values and to the letter."""

import json
import re
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time

from aps2mqtt import cli
from aps2mqtt.base import sun
from aps2mqtt.base.values import Site
from aps2mqtt.check import site
from aps2mqtt.screen import canvas, timetable
from aps2mqtt.truth import poll_times

PARIS = (Site(48.864716, 2.349014), "Europe/Paris")
SYDNEY = (Site(-33.8688, 151.2093), "Australia/Sydney")
LOS_ANGELES = (Site(34.05, -118.24), "America/Los_Angeles")
TROMSO = (Site(69.65, 18.96), "Europe/Oslo")
NORTH_POLE, SOUTH_POLE = (Site(90, 0), "Europe/Oslo"), (Site(-90, 0), "Europe/Oslo")
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def days(place, first: str, count: int, interval: int = 300) -> list[timetable.Day]:
    site, zone = place
    return timetable.days(site, ZoneInfo(zone), interval, date.fromisoformat(first), count)


def table(place, first: str, count: int, *, width: int = 80, color: bool = False) -> str:
    return "\n".join(timetable.table(days(place, first, count), ZoneInfo(place[1]), width=width, color=color))


# -- to the letter ----------------------------------------------------------------------------------------------------

HEADING = "                window       hours  polls  first-last   0     6     12    18\n"
GOLDEN = [
    (
        "equinox",
        (PARIS, "2026-03-20", 2),
        """\
Fri 2026-03-20  06:54-19:03  12:09    146  06:55-19:00  ······▁████████████▁····
Sat 2026-03-21  06:52-19:05  12:13    146  06:55-19:00  ······▁████████████▁····""",
    ),
    (
        "summer time begins in Paris",
        (PARIS, "2026-03-28", 3),
        """\
Sat 2026-03-28  06:37-19:15  12:38    152  06:40-19:15  ······▃████████████▂····
Sun 2026-03-29  07:35-20:17  12:42    153  07:35-20:15  ·······▃████████████▂···
Mon 2026-03-30  07:33-20:18  12:45    153  07:35-20:15  ·······▄████████████▂···""",
    ),
    (
        "summer time ends in Paris",
        (PARIS, "2026-10-24", 3),
        """\
Sat 2026-10-24  08:25-18:44  10:19    124  08:25-18:40  ········▅█████████▆·····
Sun 2026-10-25  07:26-17:42  10:16    123  07:30-17:40  ·······▄█████████▆······
Mon 2026-10-26  07:28-17:41  10:13    123  07:30-17:40  ·······▄█████████▅······""",
    ),
    (
        "summer time ends in Sydney",
        (SYDNEY, "2026-04-04", 2),
        """\
Sat 2026-04-04  07:09-18:47  11:38    140  07:10-18:45  ·······▇██████████▆·····
Sun 2026-04-05  06:10-17:45  11:35    140  06:10-17:45  ······▇██████████▆······""",
    ),
    (
        "summer time begins in Sydney",
        (SYDNEY, "2026-10-03", 2),
        """\
Sat 2026-10-03  05:30-17:59  12:29    149  05:35-17:55  ·····▄████████████······
Sun 2026-10-04  06:29-19:00  12:31    150  06:30-18:55  ······▄████████████·····""",
    ),
    (
        "Los Angeles",
        (LOS_ANGELES, "2026-03-07", 2),
        """\
Sat 2026-03-07  06:14-17:54  11:40    140  06:15-17:50  ······▆██████████▇······
Sun 2026-03-08  07:12-18:55  11:43    141  07:15-18:55  ·······▆██████████▇·····""",
    ),
    (
        "the polar day begins",
        (TROMSO, "2026-05-16", 4),
        """\
Sat 2026-05-16  01:32-24:00  22:28    269  01:35-23:55  ·▄██████████████████████
Sun 2026-05-17  00:00-00:03   0:03      1  00:00-00:00  ▁▆██████████████████████
                01:17-24:00  22:43    272  01:20-23:55
Mon 2026-05-18  00:00-00:29   0:29      6  00:00-00:25  ▅███████████████████████
                00:51-24:00  23:09    277  00:55-23:55
Tue 2026-05-19  all day      24:00    288  00:00-23:55  ████████████████████████""",
    ),
    (
        "the polar day ends",
        (TROMSO, "2026-07-25", 4),
        """\
Sat 2026-07-25  all day      24:00    288  00:00-23:55  ████████████████████████
Sun 2026-07-26  00:00-00:38   0:38      8  00:00-00:35  ▅▇██████████████████████
                01:05-24:00  22:55    275  01:05-23:55
Mon 2026-07-27  00:00-00:13   0:13      3  00:00-00:10  ▂▄██████████████████████
                01:29-23:59  22:30    270  01:30-23:55
Tue 2026-07-28  01:43-23:48  22:05    265  01:45-23:45  ·▂█████████████████████▆""",
    ),
    (
        "the polar night begins",
        (TROMSO, "2026-11-26", 3),
        """\
Thu 2026-11-26  10:57-12:05   1:08     13  11:00-12:00  ··········▁█▁···········
Fri 2026-11-27  11:21-11:42   0:21      4  11:25-11:40  ···········▃············
Sat 2026-11-28  no window               0               ························""",
    ),
    (
        "the polar night ends",
        (TROMSO, "2027-01-14", 2),
        """\
Thu 2027-01-14  no window               0               ························
Fri 2027-01-15  11:35-12:13   0:38      7  11:40-12:10  ···········▃▂···········""",
    ),
    (
        "a day of 23 hours without a night",
        (NORTH_POLE, "2026-03-28", 2),
        """\
Sat 2026-03-28  all day      24:00    288  00:00-23:55  ████████████████████████
Sun 2026-03-29  all day      23:00    276  00:00-23:55  ████████████████████████""",
    ),
    (
        "a day of 25 hours without a night",
        (SOUTH_POLE, "2026-10-25", 2),
        """\
Sun 2026-10-25  all day      25:00    300  00:00-23:55  ████████████████████████
Mon 2026-10-26  all day      24:00    288  00:00-23:55  ████████████████████████""",
    ),
    (
        "at 179 degrees west, by UTC",
        ((Site(0, -179), "UTC"), "2026-06-21", 1),
        """\
Sun 2026-06-21  00:00-06:01   6:01     73  00:00-06:00  ██████▁··········▁██████
                17:54-24:00   6:06     73  17:55-23:55""",
    ),
    (
        "at 179 degrees east, by its own time",
        ((Site(0, 179), "Pacific/Auckland"), "2026-06-21", 1),
        "Sun 2026-06-21  06:02-18:09  12:07    145  06:05-18:05  ······████████████▁·····",
    ),
]


@pytest.mark.parametrize(
    ("place", "first", "count", "lines"), [(*what, text) for _, what, text in GOLDEN], ids=[name for name, *_ in GOLDEN]
)
def test_the_table_in_80_columns(place, first, count, lines):
    """Sunrise and sunset by the rule of the jobs, lengths in real hours, bars by the site's clock."""
    assert table(place, first, count) == HEADING + lines


def test_at_the_north_pole_the_sun_is_up_from_march_to_september():
    """From two days before the one equinox to two days behind the other: refraction, and the sun's upper limb."""
    listed = days(NORTH_POLE, "2026-01-01", 365)
    light = [day.date for day in listed if day.windows]
    assert (light[0], light[-1]) == (date(2026, 3, 18), date(2026, 9, 25))
    assert all(day.is_all_day for day in listed if date(2026, 3, 20) <= day.date <= date(2026, 9, 23))


@pytest.mark.parametrize(
    ("place", "first", "rise", "sets"),
    [
        (PARIS, "2026-06-21", "05:47", "21:58"),
        (SYDNEY, "2026-06-21", "07:00", "16:54"),
        (SYDNEY, "2026-12-21", "05:41", "20:05"),
        ((Site(51.5074, -0.1278), "Europe/London"), "2026-12-21", "08:04", "15:53"),
    ],
)
def test_a_window_is_the_day_that_almanacs_print(place, first, rise, sets):
    """To within three minutes of the published tables."""
    (day,) = days(place, first, 1)
    (found,) = day.windows
    for when, published in ((found.begins, rise), (found.ends, sets)):
        expected = datetime.fromisoformat(f"{first} {published}").replace(tzinfo=ZoneInfo(place[1]))
        assert abs(when - expected) < 3 * MINUTE


@pytest.mark.parametrize("place", [PARIS, SYDNEY, LOS_ANGELES], ids=lambda place: place[1])
def test_check_tells_the_same_sunrise_and_sunset(place):
    """On every day of two months, to the minute."""
    zone = ZoneInfo(place[1])
    for day in days(place, "2026-03-01", 60):
        told = re.findall(r"sunrise (\S+), sunset ([\d:]+)", site._sunlight(*site._rises_and_sets(day, zone), up=False))
        assert told == re.findall(r"(\d\d:\d\d)-(\d\d:\d\d)  ", table(place, str(day.date), 1))[:1]


# -- what is promised is what jobs do ---------------------------------------------------------------------------------

PLACES = [
    PARIS,
    SYDNEY,
    TROMSO,
    NORTH_POLE,
    (Site(0, 179), "UTC"),
    (Site(52, -179), "Pacific/Auckland"),
    (Site(51, -90), "UTC"),
]
DATES = ["2026-03-29", "2026-05-17", "2026-11-26"]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[1])
@pytest.mark.parametrize("first", DATES)
def test_the_windows_hold_every_minute_at_which_the_sun_is_up(place, first):
    """And no other; the dates follow each other without a gap."""
    listed = days(place, first, 2)
    assert listed[0].ends == listed[1].begins
    for day in listed:
        minute = day.begins
        while minute < day.ends:
            assert sun.is_up(place[0], minute) == any(one.begins <= minute < one.ends for one in day.windows), minute
            minute += 7 * MINUTE


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place[1])
@pytest.mark.parametrize("first", DATES)
@pytest.mark.parametrize("interval", [450, 3600, 7200, 86400])
def test_the_polls_are_those_that_run_makes_while_nobody_is_awake(place, first, interval):
    """Number, first and last, as the scheduler's own rule gives them one by one, across three days."""
    listed = days(place, first, 3, interval)
    pace = poll_times.Pace(interval, place[0], awake=False)
    polls = []
    following = poll_times.next_poll(pace, listed[0].begins - SECOND)
    while following < listed[-1].ends:
        polls.append(following)
        following = poll_times.next_poll(pace, following)
    for day in listed:
        for one in day.windows:
            within = [poll for poll in polls if one.begins <= poll < one.ends]
            assert (one.polls, one.first, one.last) == (
                len(within),
                within[0] if within else None,
                within[-1] if within else None,
            )
    assert sum(one.polls for day in listed for one in day.windows) == len(polls)


def test_a_year_in_the_far_north_takes_a_second_at_most():
    began = time.process_time()
    assert len(days((Site(70, 19), "Europe/Oslo"), "2026-01-01", 366)) == 366
    assert time.process_time() - began < 1


# -- the next sunset --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("longitude", [-180.0, -179.0, -90.0, 0.0, 2.35, 179.0])
@pytest.mark.parametrize("latitude", [0.0, 47.0, -47.0, 67.0, -67.0, 90.0, -90.0])
def test_the_next_sunset_is_ahead_and_the_sun_is_up_before_it_and_down_at_it(latitude, longitude):
    """In UTC, to the second; at the poles half a year ahead."""
    site = Site(latitude, longitude)
    for month in (3, 6, 9, 12):
        for hour in range(0, 24, 3):
            when = datetime(2026, month, 20, hour, tzinfo=UTC)
            if not sun.is_up(site, when):
                continue
            sunset = sun.next_sunset(site, when)
            assert sunset > when
            assert (sunset.tzinfo, sunset.microsecond) == (UTC, 0)
            assert not sun.is_up(site, sunset)
            assert sun.is_up(site, sunset - 3 * SECOND)


# -- the screen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "columns"), [(40, 0), (67, 0), (68, 12), (79, 12), (80, 24), (104, 48), (300, 96)])
def test_the_bar_takes_the_room_that_the_terminal_has(width, columns):
    """And goes first where there is none."""
    heading, line, *_ = table(PARIS, "2026-06-21", 1, width=width).splitlines()
    assert len(line) == (56 + columns if columns else 54)
    assert len(heading) <= len(line)


def test_with_color_the_text_is_the_same():
    """Night, daylight and heading each have a colour that ends on their own line."""
    colored = table(TROMSO, "2026-05-17", 2, color=True)
    for line in colored.splitlines():
        assert line.count("\033[") == 2 * line.count(canvas.PLAIN)
    for code in (canvas.DIM, canvas.YELLOW, canvas.BOLD, canvas.PLAIN):
        colored = colored.replace(code, "")
    assert colored == table(TROMSO, "2026-05-17", 2)


# -- the command ------------------------------------------------------------------------------------------------------

SITE = {"APS_ECU_IP": "192.168.1.42", "APS_ECU_TIMEZONE": "Europe/Oslo", "APS_ECU_STOP_AT_NIGHT": "True"}
POSITION = {"APS_ECU_POSITION_LAT": "69.65", "APS_ECU_POSITION_LNG": "18.96"}


@pytest.fixture
def schedule(monkeypatch, capsys):
    """`aps2mqtt schedule` in an environment, on 17 May 2026: what it prints."""

    def run(environment: dict[str, str], *arguments: str, status: int = 0) -> tuple[str, str]:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", "80")
        with freeze_time("2026-05-16 22:30"):  # which is 00:30 of the 17th at the site
            assert cli.main(["schedule", *arguments]) == status
        printed = capsys.readouterr()
        return printed.out, printed.err

    return run


def test_the_command_to_the_letter(schedule):
    """From the site's today on."""
    out, err = schedule(SITE | POSITION, "--days", "2")
    assert err == ""
    assert (
        out
        == f"""\
192.168.1.42:8899
at 69.65 N, 18.96 E; times in Europe/Oslo

{HEADING}\
Sun 2026-05-17  00:00-00:03   0:03      1  00:00-00:00  ▁▆██████████████████████
                01:17-24:00  22:43    272  01:20-23:55
Mon 2026-05-18  00:00-00:29   0:29      6  00:00-00:25  ▅███████████████████████
                00:51-24:00  23:09    277  00:55-23:55

`run` polls every 300 s within the window. A timer or cron starts jobs at all
hours, but outside of the window they do not poll the ECU. After sunset, polling
continues until no inverter is online. One job after midnight resets today's
energy to 0, without polling the ECU.
"""
    )


def test_without_stop_at_night_it_says_that_polls_go_on(schedule):
    """And shows the windows that there would be."""
    out, _ = schedule(SITE | POSITION | {"APS_ECU_STOP_AT_NIGHT": "False", "APS_ECU_POLL_INTERVAL": "120"})
    assert "APS_ECU_STOP_AT_NIGHT is not set, so `run` polls every 120 s, day and night." in out
    assert out.count("2026-") == 7


def test_a_site_that_is_not_configured_is_named_once(schedule):
    """It is Paris then, and many a night was in the wrong place."""
    _, err = schedule(SITE)
    assert err == (
        "aps2mqtt: warning: the schedule of 192.168.1.42:8899 uses the position of Paris; "
        "set APS_ECU_POSITION_LAT and APS_ECU_POSITION_LNG\n"
    )


def test_several_ecus_share_a_table_if_they_share_site_and_interval(schedule, tmp_path):
    """Else each has its own."""
    path = tmp_path / "config.yaml"
    position = "".join(f"    {name}: {value}\n" for name, value in POSITION.items())
    items = [f"  - APS_ECU_IP: 192.168.1.{number}\n{position}" for number in (1, 2, 3)]
    path.write_text("ecu:\n" + "".join(items) + "    APS_ECU_POLL_INTERVAL: 60\n")
    out, _ = schedule({"CONFIG_FILE": str(path), "APS_ECU_TIMEZONE": "Europe/Oslo"}, "--days", "1")
    assert out.count(HEADING.strip()) == 2
    assert "192.168.1.1:8899, 192.168.1.2:8899\nat 69.65" in out
    assert "\n\n192.168.1.3:8899\nat 69.65" in out
    out, _ = schedule({}, "--ecu", "192.168.1.2:8899")
    assert out.startswith("192.168.1.2:8899\n")


def test_for_machines_there_is_json(schedule):
    """Times in UTC, to the second."""
    out, _ = schedule(SITE | POSITION, "--days", "3", "--json")
    (found,) = json.loads(out)
    assert (found["ecus"], found["timezone"], found["interval"]) == (["192.168.1.42:8899"], "Europe/Oslo", 300)
    assert [day["date"] for day in found["days"]] == ["2026-05-17", "2026-05-18", "2026-05-19"]
    assert [day["all_day"] for day in found["days"]] == [False, False, True]
    first = found["days"][0]["windows"][0]
    assert first["begins"] == "2026-05-16T22:00:00+00:00"
    assert first["ends"].startswith("2026-05-16T22:03:")
    assert (first["polls"], first["first"], first["last"]) == (1, first["begins"], first["begins"])


@pytest.mark.parametrize("number", ["0", "367", "-1", "x", "1.5", "", "\u0661"])
def test_days_are_bounded(number, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["schedule", f"--days={number}"])
    assert ended.value.code == 64
    assert "from 1 to 366" in capsys.readouterr().err
