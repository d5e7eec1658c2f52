"""The windows and polls of the next days at a site: as values, and as a table with a bar for each day. Pure.

    site, time zone, interval, dates -> Day, Day, ... -> lines

It uses the same sun and the same grid as the jobs (truth/poll_times.py), so the jobs keep to this table.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

from aps2mqtt.base.sun import is_up, next_sunrise, next_sunset
from aps2mqtt.base.values import Site
from aps2mqtt.screen.canvas import BOLD, DIM, YELLOW, painted
from aps2mqtt.truth.night import to_the_minute
from aps2mqtt.truth.poll_times import on_grid

DAY = timedelta(days=1)
HEIGHTS = "·▁▂▃▄▅▆▇█"  # night, and eighths of the time that a column of the bar stands for
BESIDE_THE_BAR = 56  # columns
STEP_OF_BARS, WIDEST_BAR = 12, 96  # columns: from 2 hours each to a quarter of an hour


class Window(NamedTuple):
    """Daylight within one date, and the polls of `run` in it. All times are aware and in UTC."""

    begins: datetime  # sunrise, or the site's midnight
    ends: datetime  # sunset, or the next midnight; not a part of the window
    polls: int
    first: datetime | None  # None: there is no poll
    last: datetime | None


class Day(NamedTuple):
    """One date of the site; 23 or 25 hours long if the clocks change."""

    date: date
    begins: datetime  # UTC
    ends: datetime  # UTC
    windows: tuple[Window, ...]  # none in a polar night; two if the sun sets after midnight and rises again

    @property
    def is_all_day(self) -> bool:
        """True if the sun does not set."""
        return [(window.begins, window.ends) for window in self.windows] == [(self.begins, self.ends)]


# -- when -------------------------------------------------------------------------------------------------------------


def days(site: Site, timezone: tzinfo, interval: int, first: date, count: int) -> list[Day]:
    """The `count` dates of the site from `first` on; `interval` is that of `run`, in seconds."""
    midnights = [_midnight(first + number * DAY, timezone) for number in range(count + 1)]
    daylight = list(_daylight(site, midnights[0], midnights[-1]))
    return [
        Day(
            first + number * DAY,
            begins,
            ends,
            tuple(
                _window(opened, closed, begins, ends, interval)
                for opened, closed in daylight
                if opened < ends and closed > begins
            ),
        )
        for number, (begins, ends) in enumerate(pairwise(midnights))
    ]


def _midnight(day: date, timezone: tzinfo) -> datetime:
    """The beginning of a date, in UTC; if the clocks go forward at midnight, the moment of that change."""
    return datetime.combine(day, time(), timezone).astimezone(UTC)


def _daylight(site: Site, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Each sunrise with the next sunset; a first sunrise before `begin` is replaced by `begin`."""
    opened = begin if is_up(site, begin) else next_sunrise(site, begin)
    while opened is not None and opened < end:
        closed = next_sunset(site, opened)
        if closed is None:
            yield opened, end
            return
        yield opened, closed
        opened = next_sunrise(site, closed)


def _window(opened: datetime, closed: datetime, begins: datetime, ends: datetime, interval: int) -> Window:
    """The part of the daylight from `opened` to `closed` that is within a date, with its polls.

    Daylight without a point of the grid is polled at its beginning (`window.next_poll`), if that is in this date.
    """
    if begins < opened < closed <= on_grid(interval, opened):
        return Window(opened, min(closed, ends), 1, opened, opened)
    begins, ends = max(opened, begins), min(closed, ends)
    first, step = on_grid(interval, begins), timedelta(seconds=interval)
    polls = -((first - ends) // step)
    if polls <= 0:
        return Window(begins, ends, 0, None, None)
    return Window(begins, ends, polls, first, first + (polls - 1) * step)


# -- on the screen ----------------------------------------------------------------------------------------------------


def table(listed: Sequence[Day], timezone: tzinfo, *, width: int, color: bool) -> list[str]:
    """A heading and a line for each window, with a bar of the whole day if `width` columns have room for it.

    Without `color` there are no escape codes.
    """
    columns = min(WIDEST_BAR, max(0, width - BESIDE_THE_BAR) // STEP_OF_BARS * STEP_OF_BARS)
    heading = f"{'':14}  {'window':11}  hours  polls  first-last   {_scale(columns)}".rstrip()
    lines = [painted(BOLD, heading, color=color)]
    for day in listed:
        rows = [_row(day, window, timezone) for window in day.windows] or [f"{'no window':11}  {'':5}  {0:5}  {'':11}"]
        drawn = _bar(day, timezone, columns)
        lines.append(f"{day.date:%a %Y-%m-%d}  {rows[0]}  {_painted(drawn) if color else drawn}".rstrip())
        lines += [f"{'':14}  {row}".rstrip() for row in rows[1:]]
    return lines


def _row(day: Day, window: Window, timezone: tzinfo) -> str:
    begins, ends = to_the_minute(window.begins), to_the_minute(window.ends)
    hours, minutes = divmod((ends - begins) // timedelta(minutes=1), 60)
    until = "24:00" if ends == day.ends else _clock(ends, timezone)
    name = "all day" if day.is_all_day else f"{_clock(begins, timezone)}-{until}"
    polls = ""
    if window.first is not None and window.last is not None:
        polls = f"{_clock(window.first, timezone)}-{_clock(window.last, timezone)}"
    return f"{name:11}  {hours:2}:{minutes:02}  {window.polls:5}  {polls:11}"


def _clock(when: datetime, timezone: tzinfo) -> str:
    return f"{when.astimezone(timezone):%H:%M}"


def _scale(columns: int) -> str:
    """The hours above the bars."""
    return "".join(f"{hour:<{columns // 4}}" for hour in (0, 6, 12, 18)) if columns else ""


def _bar(day: Day, timezone: tzinfo, columns: int) -> str:
    """A bar with a column for each part of the day by the site's clock, as high as its share of daylight."""
    spans = [
        (_share_of_day(window.begins, day, timezone), _share_of_day(window.ends, day, timezone))
        for window in day.windows
    ]
    drawn = ""
    for column in range(columns):
        low, high = column / columns, (column + 1) / columns
        light = sum(max(0.0, min(ends, high) - max(begins, low)) for begins, ends in spans)
        drawn += HEIGHTS[max(round(light * columns * 8), light > 0)]
    return drawn


def _share_of_day(when: datetime, day: Day, timezone: tzinfo) -> float:
    """The share of 24 hours that the site's clock shows at `when`; 1 from the end of the day on."""
    if when >= day.ends:
        return 1.0
    local = when.astimezone(timezone)
    return (local.hour * 3600 + local.minute * 60 + local.second) / DAY.total_seconds()


def _painted(drawn: str) -> str:
    """The bar with daylight in yellow and the night dim."""
    return re.sub(
        rf"({HEIGHTS[0]}+)|[^{HEIGHTS[0]}]+", lambda part: painted(DIM if part[1] else YELLOW, part[0]), drawn
    )
