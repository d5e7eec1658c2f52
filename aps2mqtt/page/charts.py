"""Today's curve and the energies of the last days as SVG, each with a table of its numbers. Pure.

Colors and sizes of texts are those of the style sheet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

from aps2mqtt.base.axis import QUARTERS, nice_top
from aps2mqtt.base.elapsed import LONGEST_GAP
from aps2mqtt.journal.entry import DAYS, Point
from aps2mqtt.page.markup import hidden

WIDTH, HEIGHT = 400, 200
LEFT, RIGHT, TOP, BOTTOM = 54, 16, 8, 22  # around a plot
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
GROUND = TOP + PLOT_HEIGHT
FIRST_HOUR, LAST_HOUR = 6, 20  # a curve covers at least these
HOURS_APART = 3
DAYS_APART = 7
KILO = 10_000  # W from which the axis is in kW
BAR = 0.72  # of a day's width
LONGEST = LONGEST_GAP.total_seconds() / 60  # minutes between two points of one line


class Chart(NamedTuple):
    """A drawing with its words, and its numbers as a table; no text in it is by others."""

    title: str
    summary: str
    drawn: str  # SVG
    columns: tuple[str, str]  # their heads
    rows: Sequence[tuple[str, str]]


def curve(points: Sequence[Point], heading: str, ident: str) -> str:
    """The power of a day, as it was at each job; nothing is drawn between jobs too far apart."""
    lit = [point.minute for point in points if point.power > 0]
    begin = min([FIRST_HOUR, *(minute // 60 for minute in lit)]) * 60
    end = max([LAST_HOUR, *(minute // 60 + 1 for minute in lit)]) * 60
    shown = [point for point in points if begin <= point.minute <= end]
    top = nice_top(max((point.power for point in shown), default=0))
    best = max(points, key=lambda point: point.power)
    summary = f"peak {best.power:.0f} W at {_clock(best.minute)}" if lit else "no power yet"

    def x(minute: float) -> float:
        return LEFT + PLOT_WIDTH * (minute - begin) / (end - begin)

    drawn = [*(_grid(top, "W") if top < KILO else _grid(top / 1000, "kW"))]
    for run in _runs(shown):
        corners = " L".join(f"{x(point.minute):.1f} {_y(point.power, top):.1f}" for point in run)
        line = f"M{corners}" + " h.1" * (len(run) == 1)  # a single point is a dot
        drawn.append(f'<path class="area" d="{line} V{GROUND} H{x(run[0].minute):.1f}Z"/>')
        drawn.append(f'<path class="line" d="{line}"/>')
    hours = range(-(-begin // 60 // HOURS_APART) * HOURS_APART, end // 60 + 1, HOURS_APART)
    drawn += [_label(x(hour * 60), f"{hour:02}:00") for hour in hours]
    rows = [(f"{hour:02}:00", f"{watts:.0f} W") for hour, watts in _hours(shown)]
    return _figure(Chart("Power today", summary, "".join(drawn), ("Hour", "Mean power"), rows), heading, ident)


def bars(energies: Mapping[date, float], today: date, heading: str, ident: str) -> str:
    """The energies of the last 30 days until `today`; days that are not known have no bar."""
    last = max([today, *energies])
    days = [last - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    known = {day: energies[day] for day in days if day in energies}
    top = nice_top(max(known.values(), default=0))
    slot = PLOT_WIDTH / DAYS
    drawn = [*_grid(top, "kWh")]
    for number, day in enumerate(days):
        if day in known:
            height = PLOT_HEIGHT * known[day] / top
            kind = "bar now" if day == today else "bar"
            drawn.append(
                f'<rect class="{kind}" x="{LEFT + slot * (number + (1 - BAR) / 2):.1f}" y="{GROUND - height:.1f}" '
                f'width="{slot * BAR:.1f}" height="{height:.1f}" rx="1.5"><title>{_day(day)}: {known[day]:.2f} kWh'
                "</title></rect>"
            )
        if (DAYS - 1 - number) % DAYS_APART == 0:
            drawn.append(_label(LEFT + slot * (number + 0.5), f"{day.day} {day:%b}"))
    whole = f"{sum(known.values()):.1f} kWh in {len(known)} day{'s' * (len(known) != 1)}"
    rows = [(_day(day), f"{known[day]:.2f} kWh") for day in reversed(known)]
    return _figure(Chart(f"Last {DAYS} days", whole, "".join(drawn), ("Day", "Energy"), rows), heading, ident)


def _figure(chart: Chart, heading: str, ident: str) -> str:
    """The chart below its heading, which has the id `ident`."""
    head = "".join(f'<th scope="col">{name}</th>' for name in chart.columns)
    body = "".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in chart.rows)
    label, of = f"{chart.title}: {chart.summary}", f" of {chart.title}"
    return (
        f'<section class="chart" aria-labelledby="{ident}"><{heading} id="{ident}">{chart.title}</{heading}>'
        f'<p class="summary">{chart.summary}</p>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{chart.drawn}</svg>'
        f"<details><summary>Table{hidden(of)}</summary><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></details>"
        "</section>"
    )


def _grid(top: float, unit: str) -> Iterator[str]:
    for quarter in range(QUARTERS + 1):
        y, value = GROUND - PLOT_HEIGHT * quarter / QUARTERS, top * quarter / QUARTERS
        yield f'<path class="grid" d="M{LEFT} {y:g}H{WIDTH - RIGHT}"/>'
        words = f"{value:g} {unit}" if quarter == QUARTERS else f"{value:g}"
        yield f'<text class="end" x="{LEFT - 6}" y="{y + 4:g}">{words}</text>'


def _label(x: float, words: str) -> str:
    return f'<text class="middle" x="{x:.1f}" y="{HEIGHT - 6}">{words}</text>'


def _y(value: float, top: float) -> float:
    return GROUND - PLOT_HEIGHT * value / top


def _runs(points: Iterable[Point]) -> Iterator[list[Point]]:
    """The points in groups, each without a gap."""
    run: list[Point] = []
    for point in points:
        if run and point.minute - run[-1].minute > LONGEST:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _hours(points: Iterable[Point]) -> Iterator[tuple[int, float]]:
    for hour, group in groupby(points, key=lambda point: point.minute // 60):
        powers = [point.power for point in group]
        yield hour, sum(powers) / len(powers)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _day(day: date) -> str:
    return f"{day:%a} {day}"
