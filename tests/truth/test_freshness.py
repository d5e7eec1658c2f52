"""How long a reading stays fresh: whole weeks of crontabs and timers, clocks that jump, and `run`."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from aps2mqtt.base.memory import Rhythm
from aps2mqtt.base.values import Site
from aps2mqtt.truth.freshness import after_job, after_poll_of_run, expiry, is_overdue, run_is_in_use
from aps2mqtt.truth.poll_times import Pace, next_poll

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEAST = 900
PARIS = Site(48.864716, 2.349014)
TROMSO = Site(69.65, 18.96)


def every(step: timedelta, days: float, begin: datetime = BEGIN) -> Iterator[datetime]:
    """The times of a crontab that never pauses."""
    return (begin + step * number for number in range(int(days * DAY / step)))


def by_day(times: Iterable[datetime], first: int = 5, last: int = 22) -> Iterator[datetime]:
    """Those of a crontab that fires from `first` o'clock until `last` o'clock."""
    return (moment for moment in times if first <= moment.hour < last)


def jittered(times: Iterable[datetime], seconds: float, seed: int = 1) -> Iterator[datetime]:
    """As a busy machine has them, or a timer with RandomizedDelaySec."""
    chance = random.Random(seed)
    return (moment + timedelta(seconds=chance.uniform(0, seconds)) for moment in times)


def jobs(times: Iterable[datetime], rhythm: Rhythm | None = None) -> list[tuple[datetime, Rhythm, int]]:
    """Each job's time, the rhythm that it leaves and the expiry of what it says."""
    done = []
    for now in times:
        rhythm = after_job(rhythm, now)
        done.append((now, rhythm, expiry(rhythm, now)))
    return done


def gaps(done: list[tuple[datetime, Rhythm, int]]) -> list[datetime]:
    """When what the last job said had expired before the next came."""
    return [now for (now, _, fresh), (following, _, _) in pairwise(done) if now + fresh * SECOND < following]


# -- jobs of cron, of a timer, of a person ----------------------------------------------------------------------------


def test_nobody_knows_the_rhythm_of_the_first_job() -> None:
    """Fifteen minutes, then; the second knows more."""
    assert jobs([BEGIN]) == [(BEGIN, Rhythm(BEGIN), LEAST)]
    assert [fresh for _, _, fresh in jobs([BEGIN, BEGIN + HOUR])] == [LEAST, 7200]


@pytest.mark.parametrize(
    ("step", "fresh"),
    [
        (MINUTE, LEAST),
        (5 * MINUTE, LEAST),
        (7.5 * MINUTE, LEAST),
        (10 * MINUTE, 1200),
        (30 * MINUTE, 3600),
        (HOUR, 7200),
        (6 * HOUR, 12 * 3600),
        (DAY, 48 * 3600),
    ],
)
def test_what_is_said_outlives_the_next_job_and_one_that_fails(step: timedelta, fresh: int) -> None:
    """Twice the time between two jobs, and fifteen minutes at least; the same for weeks."""
    done = jobs(every(step, 14))
    assert {seconds for _, _, seconds in done[1:]} == {fresh}


@pytest.mark.parametrize("step", [5 * MINUTE, 10 * MINUTE, HOUR])
@pytest.mark.parametrize("jitter", [0, 2, 60])
@pytest.mark.parametrize("seed", range(5))
def test_a_crontab_that_pauses_at_night_outlives_it_from_the_second_night_on(
    step: timedelta, jitter: int, seed: int
) -> None:
    """The first night nobody can know of, a month of others is none's loss, however late a job starts."""
    done = jobs(jittered(by_day(every(step, 30)), jitter, seed))
    stale = [now.day for now in gaps(done[1:])]
    assert stale == [1]


@pytest.mark.parametrize("seed", range(5))
def test_a_night_that_is_not_always_as_long_is_outlived_too(seed: int) -> None:
    """A crontab of a machine that somebody switches on in the morning, within an hour."""
    chance = random.Random(seed)
    morning = [chance.randrange(60) for _ in range(30)]
    times = (
        moment
        for moment in by_day(every(5 * MINUTE, 30))
        if moment.hour > 5 or moment.minute >= morning[moment.day - 1]
    )
    done = jobs(times)
    assert [now.day for now in gaps(done)] == [1]


def test_a_pause_that_is_no_more_is_forgotten_within_two_days_and_a_half() -> None:
    """The user lets cron fire by night, too: a dead bridge leaves no watts for half a day."""
    before = jobs(by_day(every(5 * MINUTE, 5)))
    after = jobs(every(5 * MINUTE, 5, BEGIN + 5 * DAY + 5 * HOUR), before[-1][1])
    assert before[-1][2] > 14 * 3600
    assert {fresh for now, _, fresh in after if now > BEGIN + 7.5 * DAY} == {LEAST}


@pytest.mark.parametrize("seed", range(5))
def test_a_job_a_day_outlives_the_next(seed: int) -> None:
    """However late it starts, and where cron's day has 25 hours."""
    days = [BEGIN + number * DAY + (HOUR if number > 7 else timedelta()) for number in range(14)]
    assert gaps(jobs(jittered(days, 60, seed))[1:]) == []


def test_a_machine_that_was_off_for_a_week_teaches_nothing() -> None:
    """That is no rhythm, and what was the rhythm before is long ago."""
    before = jobs(by_day(every(5 * MINUTE, 5)))
    back = BEGIN + 12 * DAY + 12 * HOUR
    after = jobs(every(5 * MINUTE, 0.2, back), before[-1][1])
    assert after[0][1] == Rhythm(back)
    assert {fresh for _, _, fresh in after} == {LEAST}


def test_a_machine_that_was_off_for_some_hours_is_taken_for_a_pause_for_two_days() -> None:
    """It may come daily."""
    before = jobs(every(5 * MINUTE, 1))
    after = jobs(every(5 * MINUTE, 4, BEGIN + DAY + 3 * HOUR), before[-1][1])
    assert after[0][2] == 2 * (3 * 3600 + 300)
    assert {fresh for now, _, fresh in after if now > BEGIN + 3 * DAY + 4 * HOUR} == {LEAST}


def test_a_pause_that_is_to_come_is_forgotten_like_others() -> None:
    """A state that was damaged, or a clock that was ahead."""
    absurd = Rhythm(BEGIN, 26 * 3600.0, BEGIN + 3650 * DAY)
    assert jobs(every(5 * MINUTE, 4, BEGIN + 5 * MINUTE), absurd)[-1][2] == LEAST


@pytest.mark.parametrize("back", [MINUTE, HOUR, 20 * HOUR, 3 * DAY, 3650 * DAY])
def test_a_clock_that_is_set_back_makes_nothing_stale(back: timedelta) -> None:
    """No time between two jobs is negative; the rhythm is the true one again with the next job."""
    before = jobs(every(HOUR, 3))
    last = before[-1][0]
    after = jobs(every(HOUR, 3, last - back), before[-1][1])
    assert after[0][1].longest >= 0
    assert {fresh for _, _, fresh in after} == {7200}
    assert gaps(after) == []


@pytest.mark.parametrize("forward", [HOUR, 23 * HOUR, 3 * DAY, 3650 * DAY])
def test_a_clock_that_is_set_forward_is_a_pause_or_nothing(forward: timedelta) -> None:
    """Whatever it is taken for, two days later it is forgotten."""
    before = jobs(every(5 * MINUTE, 1))
    after = jobs(every(5 * MINUTE, 4, before[-1][0] + forward), before[-1][1])
    assert gaps(after) == []
    assert after[0][2] == (2 * forward.total_seconds() if forward < DAY else LEAST)
    assert {fresh for now, _, fresh in after if now > after[0][0] + 2 * DAY + 5 * MINUTE} == {LEAST}


def test_a_second_job_at_the_same_moment_changes_nothing() -> None:
    """Two ECUs have rhythms of their own; a person may be as quick as cron."""
    hourly = jobs(every(HOUR, 2))[-1][1]
    assert after_job(hourly, hourly.at) == hourly
    assert expiry(after_job(hourly, hourly.at + SECOND), hourly.at + SECOND) == 7200


@pytest.mark.parametrize(("step", "jitter"), [(5 * MINUTE, 90), (10 * MINUTE, 60), (15 * MINUTE, 60)])
def test_jitter_hardly_changes_what_is_announced(step: timedelta, jitter: int) -> None:
    """In steps of five minutes: Home Assistant is not told another expiry with every job."""
    done = [fresh for _, _, fresh in jobs(jittered(every(step, 14), jitter))][10:]
    assert all(fresh % 300 == 0 for fresh in done)
    assert sum(one != following for one, following in pairwise(done)) <= 1


# -- run --------------------------------------------------------------------------------------------------------------


def polls(pace: Pace, begin: datetime, number: int, rhythm: Rhythm | None = None) -> list[tuple[datetime, Rhythm]]:
    """The polls of `run`, and the rhythm that each leaves."""
    done, now = [], begin
    for _ in range(number):
        due = next_poll(pace, now)
        rhythm = after_poll_of_run(rhythm, now, due)
        done.append((now, rhythm))
        now = due
    return done


@pytest.mark.parametrize("interval", [1, 60, 300, 3600, 86400])
def test_run_outlives_its_next_poll_by_a_quarter_of_an_hour(interval: int) -> None:
    """And by five minutes more at most."""
    for now, rhythm in polls(Pace(interval), BEGIN + SECOND, 20):
        fresh = expiry(rhythm, now) * SECOND
        assert timedelta() <= now + fresh - rhythm.run_due - LEAST * SECOND < 5 * MINUTE


@pytest.mark.parametrize(("site", "least"), [(PARIS, 7 * HOUR), (TROMSO, 40 * DAY)])
def test_run_outlives_a_night_and_a_polar_night(site: Site, least: timedelta) -> None:
    """It knows when it polls next, weeks ahead."""
    evening = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)
    ((now, rhythm),) = polls(Pace(300, site, awake=False), evening, 1)
    fresh = expiry(rhythm, now) * SECOND
    assert fresh > least
    assert next_poll(Pace(300, site, awake=False), evening) < now + fresh


def test_run_is_in_use_until_a_quarter_of_an_hour_after_a_poll_that_did_not_come() -> None:
    """Then other jobs say nothing of it any more, and go by their own rhythm."""
    last, rhythm = polls(Pace(300), BEGIN, 3)[-1]
    due = last + 5 * MINUTE
    assert rhythm.run_due == due
    assert run_is_in_use(rhythm, due + 15 * MINUTE)
    assert not run_is_in_use(rhythm, due + 15 * MINUTE + SECOND)
    late = due + HOUR
    after = after_job(rhythm, late)
    assert after.run_due is None
    assert expiry(after, late) == 2 * 65 * 60


def test_run_is_not_in_use_where_it_never_was() -> None:
    """Neither with nothing remembered nor with cron."""
    assert not run_is_in_use(None, BEGIN)
    assert not run_is_in_use(jobs(every(5 * MINUTE, 1))[-1][1], BEGIN)


@pytest.mark.parametrize("after", [timedelta(), 10 * SECOND, 4 * MINUTE, 19 * MINUTE])
def test_a_job_by_hand_beside_run_keeps_when_it_polls_next(after: timedelta) -> None:
    """So that it announces the same, and what it says outlives that poll."""
    last, rhythm = polls(Pace(300), BEGIN, 3)[-1]
    now = last + after
    by_hand = after_job(rhythm, now)
    assert by_hand.run_due == rhythm.run_due
    assert run_is_in_use(by_hand, now)
    assert now + expiry(by_hand, now) * SECOND >= rhythm.run_due
    assert expiry(by_hand, now) >= LEAST


def test_a_job_by_hand_in_the_night_keeps_what_outlives_it() -> None:
    """`run` sleeps until the sun rises."""
    evening = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)
    ((_, rhythm),) = polls(Pace(300, PARIS, awake=False), evening, 1)
    now = evening + 2 * HOUR
    assert now + expiry(after_job(rhythm, now), now) * SECOND > rhythm.run_due + 10 * MINUTE


def test_run_takes_over_from_cron_and_gives_back() -> None:
    """From cron every hour to `run` and, that stopped, to cron again."""
    hourly = jobs(every(HOUR, 1))[-1]
    (_, first), *_, (last, rhythm) = polls(Pace(300), hourly[0] + 20 * MINUTE, 12, hourly[1])
    assert expiry(first, first.at) <= 1500
    resumed = jobs(every(HOUR, 1, last + HOUR), rhythm)
    assert {fresh for _, _, fresh in resumed} == {7200}
    assert not any(run_is_in_use(following, now) for now, following, _ in resumed)


def test_a_run_whose_clock_is_set_back_is_timed_anew_by_its_next_poll() -> None:
    """Until then it does not count as in use: it may have been stopped since, and nobody would ever know."""
    last, rhythm = polls(Pace(300), BEGIN, 3)[-1]
    now = last - DAY
    assert not run_is_in_use(rhythm, now)
    assert after_job(rhythm, now).run_due is None
    ((_, timed),) = polls(Pace(300), now, 1, rhythm)
    assert timed.run_due == now + 5 * MINUTE
    assert expiry(timed, now) == 1200


# -- overdue ----------------------------------------------------------------------------------------------------------


def test_a_job_is_overdue_when_what_the_last_said_has_expired() -> None:
    """With cron, with `run`, and where none ever came."""
    assert is_overdue(None, BEGIN)
    now, hourly, fresh = jobs(every(HOUR, 2))[-1]
    assert not is_overdue(hourly, now + fresh * SECOND)
    assert is_overdue(hourly, now + (fresh + 1) * SECOND)
    last, rhythm = polls(Pace(300), BEGIN, 3)[-1]
    assert not is_overdue(rhythm, last + 20 * MINUTE)
    assert is_overdue(rhythm, last + 20 * MINUTE + SECOND)


def test_run_is_not_overdue_in_a_polar_night() -> None:
    """It sleeps, and is well."""
    evening = datetime(2026, 11, 28, 21, 0, tzinfo=UTC)
    ((_, rhythm),) = polls(Pace(300, TROMSO, awake=False), evening, 1)
    assert not is_overdue(rhythm, evening + 30 * DAY)
    assert is_overdue(rhythm, evening + 90 * DAY)
