"""The age of data, by clocks that are right and wrong, and an ECU that has no new ones."""

from datetime import UTC, datetime, timedelta

import pytest

from aps2mqtt.base.elapsed import in_words
from aps2mqtt.base.memory import Memory, Phase, Reading
from aps2mqtt.truth.data_age import age_of, clock_error, no_new_data_since

AT = datetime(2026, 6, 21, 10, 2, 17, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def phase(least: float | None, most: float) -> Phase:
    """A phase with these bounds of the delay."""
    return Phase(AT, AT, AT, None, most, least=least, least_at=AT)


@pytest.mark.parametrize(
    ("least", "most", "behind"),
    [
        (None, 163, 0),
        (-5, 5, 0),
        (40, 65, 0),  # a large array, or a clock that is 40 s behind: it does not matter
        (-3600, -3590, -3590),  # ahead by an hour
        (3590, 3600, 3590),
        (None, -77, -77),
    ],
)
def test_a_clock_is_wrong_where_data_come_before_their_time_or_much_later(
    least: float | None, most: float, behind: float
) -> None:
    known = phase(least, most)
    assert clock_error(known) == behind * SECOND
    assert age_of(AT, AT + (behind + 12) * SECOND, known) == 12 * SECOND


def test_without_a_phase_the_clock_is_believed_and_with_one_no_data_are_of_the_future() -> None:
    assert age_of(AT, AT - MINUTE, None) == -MINUTE
    assert age_of(AT, AT - MINUTE, phase(-3, 4)) == timedelta()


@pytest.mark.parametrize(
    ("minutes", "awake", "since"), [(29, True, None), (30, True, AT), (600, True, AT), (600, False, None)]
)
def test_an_ecu_without_new_data_while_inverters_are_online(
    minutes: int, since: datetime | None, *, awake: bool
) -> None:
    """At night it has none for hours, and that is as it should be."""
    later = AT + minutes * MINUTE
    known = phase(-5, 5)._replace(asked=later)
    assert no_new_data_since(Memory("216000000001", Reading(later, awake), phase=known)) == since


def test_what_sunspec_says_alone_is_no_old_data() -> None:
    """The ECU's own time stamp is not read then."""
    later = AT + 60 * MINUTE
    assert no_new_data_since(Memory("216000000001", Reading(later), phase=phase(-5, 5))) is None
    assert no_new_data_since(Memory("216000000001", Reading(later))) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (-12, "12 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_a_time_in_words(seconds: int, words: str) -> None:
    assert in_words(seconds * SECOND) == words
