"""Series in a terminal: the power of a day as a curve, energies as bars. Pure: series in, lines out.

An unknown value is drawn as a gap, never as 0.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import groupby
from math import ceil
from typing import NamedTuple

from aps2mqtt.base.axis import QUARTERS, nice_top
from aps2mqtt.base.elapsed import LONGEST_GAP, elapsed
from aps2mqtt.base.models import ecu_model
from aps2mqtt.history import time_series
from aps2mqtt.history.time_series import Energy, Power, Series
from aps2mqtt.screen.canvas import BOLD, DIM, YELLOW, bar, painted

BLOCKS = " ▁▂▃▄▅▆▇█"
UNKNOWN = "░"
NO_DATA = "no data"
HEIGHT = 12  # rows of a curve, a multiple of QUARTERS
LEAST_COLUMNS = 8  # of a curve or a bar
WIDEST_BAR = 60
DAY_NAME, MONTH_NAME = 14, 8  # columns
BESIDE_A_BAR = 7  # columns: the unit and the blanks between the parts
APART = "   "
HOURS_BETWEEN_TICKS = (1, 2, 3, 4, 6, 12)
TICK_ROOM = 8  # columns for a time on the axis
MOST_DAYS = 62  # with a bar each; more days are summed up by month
MOST_LINES_OF_A_GAP = 7
HOUR = timedelta(hours=1)
TITLES = {
    "week": "Energy of the last week",
    "month": "Energy of the last 30 days",
    "year": "Energy of the last year",
}

Paint = Callable[[str, str], str]


def text(one: Series, *, width: int, color: bool) -> list[str]:
    """Title, summary and drawing, in lines of `width` columns; without `color` they have no escape codes."""
    paint: Paint = partial(painted, color=color)
    lines = [paint(BOLD, line) for line in _filled(title(one), width)]
    lines += _filled(summary(one), width)
    if one.points:
        lines += ["", *(_curve(one, width, paint) if isinstance(one, Power) else _bars(one, width, paint))]
    return lines


def title(one: Series) -> tuple[str, str]:
    """The subject of the series, and its ECU."""
    what = f"Power on {one.day:%A}, {one.day}" if isinstance(one, Power) else TITLES[one.period]
    return what, f"{ecu_model(one.ecu_id)} {one.ecu_id}"


def summary(one: Series) -> tuple[str, ...]:
    """The most important numbers of the series, as text."""
    if not one.points:
        return ("the ECU has no data for this period",)
    if isinstance(one, Power):
        at, most = max(one.points, key=lambda point: point[1])
        return f"peak {most} W at {at:%H:%M}", f"{time_series.integral(one):.2f} kWh (calculated from power)"
    energies = [kwh for _, kwh in one.points]
    day, best = max(one.points, key=lambda point: point[1])
    each = "month" if one.by_month else "day"
    whole = f"{sum(energies):.2f} kWh in {len(energies)} {each}{'s' * (len(energies) > 1)}"
    mean = sum(energies) / len(energies)
    return whole, f"{mean:.2f} kWh per {each}", f"best {each} {named(one, day)}, {best:.2f} kWh"


def named(one: Energy, day: date) -> str:
    """The date, or the month, of a point, as people write it."""
    return _month(12 * day.year + day.month - 1) if one.by_month else _day(day.toordinal())


# -- the power of a day -----------------------------------------------------------------------------------------------


class _Axis(NamedTuple):
    """An axis of time from left to right, `columns` wide."""

    begin: datetime
    end: datetime
    columns: int

    def column(self, at: datetime) -> int:
        return int(elapsed(self.begin, at) / elapsed(self.begin, self.end) * self.columns)

    def at(self, column: float) -> datetime:
        return self.begin.astimezone(UTC) + elapsed(self.begin, self.end) * (column / self.columns)


def hours_around(one: Power) -> tuple[datetime, datetime]:
    """The whole hours between which all points lie, in the site's time zone."""
    first, last = one.points[0][0], one.points[-1][0]
    begin = first - timedelta(minutes=first.minute)
    hours = max(1, ceil(elapsed(begin, last) / HOUR))
    return begin, (begin.astimezone(UTC) + hours * HOUR).astimezone(begin.tzinfo)


def ticks(begin: datetime, end: datetime, most: int) -> list[datetime]:
    """Whole hours of the site's clock from `begin` to `end` at equal distances, about `most` of them at most."""
    hours = round(elapsed(begin, end) / HOUR)
    step = next((step for step in HOURS_BETWEEN_TICKS if hours / step < most), HOURS_BETWEEN_TICKS[-1])
    local = [(begin.astimezone(UTC) + hour * HOUR).astimezone(begin.tzinfo) for hour in range(hours + 1)]
    return [hour for hour in local if hour.hour % step == 0]


def _curve(one: Power, width: int, paint: Paint) -> Iterator[str]:
    top = nice_top(max(watts for _, watts in one.points))
    labels = {HEIGHT * quarter // QUARTERS: f"{top * quarter / QUARTERS:g} W" for quarter in range(QUARTERS + 1)}
    margin = max(map(len, labels.values()))
    axis = _Axis(*hours_around(one), max(LEAST_COLUMNS, width - margin - 2))
    values = [_value(one, axis, column) for column in range(axis.columns)]
    for row in range(HEIGHT, 0, -1):
        label = labels.get(row, "")
        yield f"{label:>{margin}} {'┤' if label else '│'}{_row(values, row, top, paint)}".rstrip()
    yield from _time_axis(axis, margin, labels[0])
    for begin, end in time_series.gaps(one):
        yield paint(DIM, f"{UNKNOWN} {NO_DATA} from {begin:%H:%M} to {end:%H:%M}")


def _value(one: Power, axis: _Axis, column: int) -> float | None:
    """W of a column: the mean of its points, or a value between its two neighbors; None in a gap.

    Before the first point and after the last it is 0, and the column stays empty: no points are missing there.
    """
    times = [at for at, _ in one.points]
    first, behind = (bisect_left(times, axis.at(edge)) for edge in (column, column + 1))
    if first < behind:
        return sum(watts for _, watts in one.points[first:behind]) / (behind - first)
    if first in (0, len(times)):
        return 0
    (before, low), (after, high) = one.points[first - 1 : first + 1]
    between = elapsed(before, after)
    if between > LONGEST_GAP:
        return None
    return low + (high - low) * (elapsed(before, axis.at(column + 0.5)) / between)


def _row(values: Sequence[float | None], row: int, top: float, paint: Paint) -> str:
    """One of the HEIGHT lines of a curve; `row` counts from below."""
    cells = "".join(_cell(value, row, top) for value in values).rstrip()
    pieces = ("".join(some) for _, some in groupby(cells, lambda cell: cell == UNKNOWN))
    return "".join(paint(DIM if piece[0] == UNKNOWN else YELLOW, piece) for piece in pieces)


def _cell(value: float | None, row: int, top: float) -> str:
    if value is None:
        return UNKNOWN
    eighths = ceil(value / top * HEIGHT * 8)  # a value above 0 is always visible
    return BLOCKS[max(0, min(8, eighths - 8 * (row - 1)))]


def _time_axis(axis: _Axis, margin: int, zero: str) -> Iterator[str]:
    line, labels = ["─"] * axis.columns, [" "] * axis.columns
    for hour in ticks(axis.begin, axis.end, axis.columns // TICK_ROOM):
        column = min(axis.column(hour), axis.columns - 1)
        start = max(0, min(column - 2, axis.columns - 5))
        line[column], labels[start : start + 5] = "┬", f"{hour:%H:%M}"
    yield f"{zero:>{margin}} └{''.join(line)}"
    yield " " * (margin + 2) + "".join(labels).rstrip()


# -- energies ---------------------------------------------------------------------------------------------------------


class _Bar(NamedTuple):
    number: int  # of the day or of the month; the next one has the next number
    energy: float | None  # kWh; None: not known
    note: str = ""


def _bars(one: Energy, width: int, paint: Paint) -> Iterator[str]:
    """A line for each day, or each month, including those without a known energy."""
    by_month = one.by_month or len(one.points) > MOST_DAYS
    known = [*_months(one)] if by_month else [_Bar(day.toordinal(), kwh) for day, kwh in one.points]
    most = max(each.energy or 0 for each in known) or 1
    note = max(len(each.note) for each in known)
    taken, digits = MONTH_NAME if by_month else DAY_NAME, len(f"{most:.2f}")
    columns = max(LEAST_COLUMNS, min(width - taken - digits - note - BESIDE_A_BAR, WIDEST_BAR))
    for each in _with_gaps(known, "months" if by_month else "days"):
        name = _month(each.number) if by_month else _day(each.number)
        if each.energy is None:
            yield paint(DIM, f"{name:<{taken}}  {each.note}")
        else:
            drawn = bar(each.energy / most, columns)
            filled = f"{paint(YELLOW, drawn)}{' ' * (columns - len(drawn))}"
            yield f"{name:<{taken}}  {filled} {each.energy:>{digits}.2f} kWh{each.note}"


def _months(one: Energy) -> Iterator[_Bar]:
    """A bar for each month; one that is a sum of days notes the number of these days."""
    for month in time_series.months(one):
        days = f"{month.days}" if month.days == month.within else f"{month.days} of {month.within}"
        note = "" if one.by_month else f"  {days} {'day' if month.within == 1 else 'days'}"
        yield _Bar(12 * month.first.year + month.first.month - 1, month.energy, note)


def _with_gaps(known: Iterable[_Bar], unit: str) -> Iterator[_Bar]:
    """The bars and those missing between them: each one, or only one with the length of a long gap."""
    before: _Bar | None = None
    for each in known:
        left_out = range(before.number + 1, each.number) if before else range(0)
        if len(left_out) > MOST_LINES_OF_A_GAP:
            yield _Bar(left_out[0], None, f"{NO_DATA} for {len(left_out)} {unit}")
        else:
            yield from (_Bar(number, None, NO_DATA) for number in left_out)
        yield each
        before = each


def _day(number: int) -> str:
    day = date.fromordinal(number)
    return f"{day:%a} {day}"


def _month(number: int) -> str:
    return f"{date(number // 12, number % 12 + 1, 1):%b} {number // 12}"


# -- the screen -------------------------------------------------------------------------------------------------------


def _filled(parts: Iterable[str], width: int) -> Iterator[str]:
    """Yields lines of parts side by side; begins a new line where a part does not fit."""
    line = ""
    for part in parts:
        if line and len(line) + len(APART) + len(part) > width:
            yield line
            line = ""
        line += APART * bool(line) + part
    yield line
