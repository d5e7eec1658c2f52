"""Time between two moments, also over a change of clocks. Pure."""

from datetime import UTC, datetime, timedelta

# Between two readings of an ECU, which has new data every 5 minutes, of a large array more slowly (quirk 15). What
# happened in a longer gap is not known.
LONGEST_GAP = timedelta(minutes=15)
UNITS = (("s", 1, 120), ("min", 60, 120), ("h", 3600, 48))  # of `in_words`, with their seconds, and the first too many
CLOCK_SLACK = timedelta(minutes=1)  # time synchronisation may set a clock back by this


def elapsed(earlier: datetime, later: datetime) -> timedelta:
    """The time from `earlier` to `later`, negative where they are the other way round.

    By UTC: Python takes the difference of two times of the same zone by their clocks.
    """
    return later.astimezone(UTC) - earlier.astimezone(UTC)


def clock_is_behind(read_at: datetime, now: datetime) -> bool:
    """True if `now` is before the last reading: a Raspberry Pi that does not know the time yet."""
    return now < read_at - CLOCK_SLACK


def in_words(time: timedelta) -> str:
    """Returns a time, regardless of its sign, in its largest unit: `90 s`, `4 min`, `3 h`, `2 days`."""
    seconds = abs(round(time.total_seconds()))
    for unit, length, most in UNITS:
        if seconds < length * most:
            return f"{seconds // length} {unit}"
    return f"{seconds // 86400} days"
