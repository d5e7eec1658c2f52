"""Series as a picture for a browser: SVG, readable by day and by night, without scripts. Pure: series in, text out.

An unknown value is hatched, never drawn as 0.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from html import escape
from itertools import pairwise

from aps2mqtt.base.axis import QUARTERS, nice_top
from aps2mqtt.base.elapsed import elapsed
from aps2mqtt.history import time_series
from aps2mqtt.history.time_series import Energy, Power, Series
from aps2mqtt.screen.chart import NO_DATA, hours_around, named, summary, ticks, title

WIDTH, HEIGHT = 860, 360  # of a drawing, with its title
LEFT, RIGHT, TOP, BOTTOM = 72, 36, 76, 40  # around its plot
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_TIMES = 12  # on the axis of a day
MOST_NAMES = 8  # of days or months on their axis
EACH_DAY = 62  # days with their dates as names; of more days, only the months are named
BAR = 0.8  # of a day's width
ROUNDED = 3  # largest radius of a bar's corners

STYLE = """\
svg { --paper: #ffffff; --ink: #1f2328; --pale: #59636e; --grid: #d8dee4; --sun: #b45309; --glow: #f59e0b;
      background: var(--paper); font: 13px system-ui, sans-serif }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0d1117; --ink: #e6edf3; --pale: #9198a1; --grid: #30363d; --sun: #fbbf24; --glow: #f59e0b }
}
.paper { fill: var(--paper) }
text { fill: var(--pale) }
.heading { fill: var(--ink); font-size: 18px; font-weight: 600 }
.grid { stroke: var(--grid); stroke-width: 1 }
.axis { stroke: var(--pale); stroke-width: 1 }
.area { fill: var(--glow); fill-opacity: .28 }
.curve { fill: none; stroke: var(--sun); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
.bar { fill: var(--glow) }
.bar:hover { fill: var(--sun) }
.hatch { stroke: var(--pale); stroke-width: 1.5; stroke-opacity: .45 }
.right { text-anchor: end }
.middle { text-anchor: middle }"""
UNKNOWN = "url(#unknown)"
HATCH = (
    '<pattern id="unknown" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<line class="hatch" x1="0" y1="0" x2="0" y2="7"/></pattern>'
)


def picture(drawn: Sequence[Series]) -> str:
    """The document: one drawing below the other."""
    height = HEIGHT * len(drawn)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<title id="title">{escape("; ".join(", ".join(title(one)) for one in drawn))}</title>',
        f'<desc id="description">{escape("; ".join(", ".join(summary(one)) for one in drawn))}</desc>',
        f"<style>\n{STYLE}\n</style>",
        f"<defs>{HATCH}</defs>",
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
    ]
    for number, one in enumerate(drawn):
        lines += [f'<g transform="translate(0 {HEIGHT * number})">', *_drawing(one), "</g>"]
    return "\n".join([*lines, "</svg>", ""])


def _drawing(one: Series) -> Iterator[str]:
    heading, whose = title(one)
    yield _text(LEFT, 30, heading, "heading")
    yield _text(WIDTH - RIGHT, 30, whose, "right")
    drawn = list(_curve(one) if isinstance(one, Power) else _bars(one))
    legend = (f"hatched: {NO_DATA}",) if any(UNKNOWN in shape for shape in drawn) else ()
    yield _text(LEFT, 52, " \N{MIDDLE DOT} ".join((*summary(one), *legend)))
    yield from drawn
    yield _line("axis", LEFT, _y(0, 1), WIDTH - RIGHT, _y(0, 1))


def _grid(top: float, unit: str) -> Iterator[str]:
    for quarter in range(QUARTERS + 1):
        y = _y(quarter, QUARTERS)
        yield _line("grid", LEFT, y, WIDTH - RIGHT, y)
        yield _text(LEFT - 8, y + 4, f"{top * quarter / QUARTERS:g} {unit}", "right")


# -- the power of a day -----------------------------------------------------------------------------------------------


def _curve(one: Power) -> Iterator[str]:
    top = nice_top(max((watts for _, watts in one.points), default=0))
    yield from _grid(top, time_series.POWER_UNIT)
    if not one.points:
        return
    begin, end = hours_around(one)

    def x(at: datetime) -> float:
        return LEFT + PLOT_WIDTH * (elapsed(begin, at) / elapsed(begin, end))

    for gone, back in time_series.gaps(one):
        yield _unknown(x(gone), x(back), f"{NO_DATA} from {gone:%H:%M} to {back:%H:%M}")
    for run in time_series.runs(one):
        corners = [f"{x(at):.1f} {_y(watts, top):.1f}" for at, watts in run]
        line = "M" + " L".join(corners)
        if len(run) == 1:
            line += " h0.1"  # a single point is a dot
        ground = _y(0, top)
        yield f'<path class="area" d="{line} L{x(run[-1][0]):.1f} {ground:.1f} L{x(run[0][0]):.1f} {ground:.1f} Z"/>'
        yield f'<path class="curve" d="{line}"/>'
    for hour in ticks(begin, end, MOST_TIMES):
        yield _line("axis", x(hour), _y(0, top), x(hour), _y(0, top) + 5)
        yield _text(x(hour), _y(0, top) + 21, f"{hour:%H:%M}", "middle")


# -- energies ---------------------------------------------------------------------------------------------------------


def _bars(one: Energy) -> Iterator[str]:
    top = nice_top(max((kwh for _, kwh in one.points), default=0))
    yield from _grid(top, time_series.ENERGY_UNIT)
    if not one.points:
        return
    number = _month_number if one.by_month else date.toordinal
    first, last = number(one.points[0][0]), number(one.points[-1][0])
    slot = PLOT_WIDTH / (last - first + 1)

    def x(of: int) -> float:
        return LEFT + slot * (of - first)

    for (before, _), (after, _) in pairwise(one.points):
        if number(after) - number(before) > 1:
            what = f"{NO_DATA} between {named(one, before)} and {named(one, after)}"
            yield _unknown(x(number(before) + 1), x(number(after)), what)
    for day, kwh in one.points:
        yield _bar(x(number(day)), slot, _y(kwh, top), f"{named(one, day)}: {kwh:.2f} {time_series.ENERGY_UNIT}")
    for of, name in _names(one, first, last):
        yield _text(x(of) + slot / 2, _y(0, top) + 21, name, "middle")


def _names(one: Energy, first: int, last: int) -> Iterator[tuple[int, str]]:
    """The names below the bars: days or months, as many as there is room for."""
    if one.by_month or last - first < EACH_DAY:
        for number in range(first, last + 1, (last - first) // MOST_NAMES + 1):
            yield number, _month_name(number) if one.by_month else f"{date.fromordinal(number):%a %-d %b}"
    else:
        months = [_month_number(date.fromordinal(day)) for day in (first, last)]
        year = ""
        for month in range(months[0] + 1, months[1] + 1, (months[1] - months[0]) // (2 * MOST_NAMES) + 1):
            name = _month_name(month).removesuffix(year)
            yield date(month // 12, month % 12 + 1, 1).toordinal(), name
            year = f" {month // 12}"


def _month_number(day: date) -> int:
    return 12 * day.year + day.month - 1


def _month_name(number: int) -> str:
    return f"{date(number // 12, number % 12 + 1, 1):%b} {number // 12}"


# -- shapes -----------------------------------------------------------------------------------------------------------


def _y(value: float, top: float) -> float:
    return TOP + PLOT_HEIGHT * (1 - value / top)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _line(kind: str, *ends: float) -> str:
    x1, y1, x2, y2 = ends
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _bar(left: float, slot: float, top: float, words: str) -> str:
    width = slot * BAR
    return (
        f'<rect class="bar" x="{left + (slot - width) / 2:.2f}" y="{top:.1f}" width="{width:.2f}" '
        f'height="{_y(0, 1) - top:.1f}" rx="{min(ROUNDED, width / 4):.1f}"><title>{escape(words)}</title></rect>'
    )


def _unknown(left: float, right: float, words: str) -> str:
    return (
        f'<rect fill="{UNKNOWN}" x="{left:.1f}" y="{TOP}" width="{right - left:.1f}" height="{PLOT_HEIGHT}">'
        f"<title>{escape(words)}</title></rect>"
    )
