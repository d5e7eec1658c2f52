"""Draws arrays for people in a terminal. Pure: reports in, lines out.

Three degrees of detail: a card with a bar for each panel, a row for each inverter, a tile for each inverter. It takes
the first one that suits the number of inverters and the height.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate, zip_longest
from typing import NamedTuple

from aps2mqtt.base import conditions, metrics
from aps2mqtt.base.conditions import as_shown, condition, strongest_panel
from aps2mqtt.base.elapsed import elapsed, in_words
from aps2mqtt.base.metrics import Metric, Row
from aps2mqtt.base.models import ecu_model, inverter_model
from aps2mqtt.base.names import panel_key
from aps2mqtt.base.values import Inverter, Report, Unchanged
from aps2mqtt.mqtt import readings, topics
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.screen.canvas import BOLD, DIM, GREEN, RED, YELLOW, Canvas, Line, bar, clean, cut, rendered, wrapped
from aps2mqtt.truth.data_age import RENEWED

COLORS = {  # of the glyphs of conditions; others are dim
    conditions.AWAKE: GREEN,
    conditions.HALF_AWAKE: YELLOW,
    conditions.NEVER_HEARD: RED,
    conditions.ILL: RED,
    conditions.NOT_LISTED: YELLOW,
}
LEVELS = "▁▂▃▄▅▆▇█"
STRENGTHS = "▂▄▆█"
UNKNOWN = "-"  # power of a panel without a reading
# From weak to strong; lighter with every step, so that people who see no red or green can distinguish them.
HEAT = tuple(f"\033[38;5;{number}m" for number in (61, 97, 133, 168, 203, 209, 215, 221))

MOST_CARDS = 12  # inverters; cards of more are too long to read
NARROWEST_CARD = 58  # columns, with another card beside it
WIDEST_CARD = 84
NARROWEST_ROW = 76
BETWEEN = 3  # columns between cards, rows or tiles side by side
INDENT = 4
SHORTEST_BAR = 4
SHORT_SERIAL = 4  # least digits of a serial number in a tile
LONGEST_WORD = 48  # columns of a text that others wrote
LONGEST_NAME = 24  # columns of the name of an inverter
LONGEST_PANEL_NAME = 12  # columns of the name of a panel
LONGEST_TILE_NAME = 14  # columns of the name of an inverter in a tile


class Mark(NamedTuple):
    """A sign for the condition of an inverter."""

    color: str
    glyph: str
    words: str


class TableRow(NamedTuple):
    """Cells in the order of their importance; an inverter without readings has a note behind the first cells."""

    cells: tuple[Line, ...]
    note: Line = ()


def arrays(reports: Sequence[Report], style: Style, now: datetime, canvas: Canvas) -> list[str]:
    """The totals of each ECU and its inverters, as far as the canvas has room."""
    reports = [as_shown(report) for report in reports]
    inverters = sum(len(report.inverters) for report in reports)
    details = [_cards, _rows, _tiles] if inverters <= MOST_CARDS else [_rows, _tiles]
    for detail in details:
        lines: list[Line] = []
        for report in reports:
            lines += [(), *totals(report, style, now, canvas.width)]
            if report.inverters:
                lines += [(), *detail(report.inverters, style.of(report.ecu_id), canvas.width)]
        if canvas.height is None or len(lines) <= canvas.height + 1:
            break
    return cut([rendered(line, canvas) for line in lines[1:]], canvas)


def below(head: Sequence[str], draw: Callable[[Canvas], list[str]], canvas: Canvas) -> list[str]:
    """The lines of `head` and a drawing below them, as far as the canvas has room for both."""
    rest = canvas if canvas.height is None else canvas._replace(height=max(1, canvas.height - len(head)))
    return [*head, *draw(rest)]


def strength(percent: float) -> str:
    """A signal as bars: four at most, and at least one while there is any signal."""
    lit = min(len(STRENGTHS), int(percent * len(STRENGTHS) / 100 + 1)) if percent > 0 else 0
    return STRENGTHS[:lit].ljust(len(STRENGTHS), "·")


def ago(age: timedelta) -> str:
    """The age of data in words; it may be negative, as clocks differ."""
    return f"{in_words(age)} {'ago' if age >= timedelta() else 'ahead'}"


# -- the ECU ----------------------------------------------------------------------------------------------------------


def totals(report: Report, style: Style, now: datetime, width: int) -> Iterator[Line]:
    """The ECU, its power and energies, its inverters online, the age of the data, and its problems."""
    said = _readings(metrics.ecu_rows(report))
    model = f"{ecu_model(report.ecu_id)} {report.ecu_id}"
    name = _named(style, report.ecu_id, LONGEST_WORD)
    title = [((BOLD, name),), ((DIM, model),)] if name else [((BOLD, model),)]
    yield from filled([*title, ((DIM, said.get("firmware", "")[:LONGEST_WORD]),)], width)
    energies = [
        (metrics.TODAY, "today"),
        (metrics.YESTERDAY, "yesterday"),
        (metrics.LIFETIME, "lifetime"),
    ]
    parts: list[Line] = [((BOLD, said["power"]), ("", " now"))] if "power" in said else []
    parts += [(("", f"{said[metric.name]} {when}"),) for metric, when in energies if metric.name in said]
    yield from filled(parts, width, gap=3)
    yield from filled([*_online(said), *_data_of(report, now)], width, gap=3)
    if report.error:
        yield from wrapped(f"offline: {report.error}", RED, width)
    for problem in () if isinstance(report.problems, Unchanged) else report.problems:
        yield from wrapped(f"problem: {problem}", YELLOW, width)


def _online(said: dict[str, str]) -> Iterator[Line]:
    if said.keys() >= {metrics.ONLINE.name, metrics.REGISTERED.name}:
        online, registered = said[metrics.ONLINE.name], said[metrics.REGISTERED.name]
        yield ((GREEN if online == registered else "", f"{online} of {registered} inverters online"),)


def _data_of(report: Report, now: datetime) -> Iterator[Line]:
    """When the data were made, marked if that is too long ago for inverters that are online."""
    if report.timestamp is None:
        return
    age = elapsed(report.timestamp, now)
    is_old = age > RENEWED and any(inverter.online for inverter in report.inverters)
    yield ((YELLOW if is_old else DIM, f"data of {report.timestamp:%Y-%m-%d %H:%M:%S}, {ago(age)}"),)


# -- the inverters ----------------------------------------------------------------------------------------------------


def _cards(inverters: Sequence[Inverter], style: Style, width: int) -> list[Line]:
    """Every inverter with its panels as bars; the strongest panel has the longest bar."""
    strongest = strongest_panel(inverters)
    beside = min(len(inverters), max(1, (width + BETWEEN) // (NARROWEST_CARD + BETWEEN)))
    each = min(WIDEST_CARD, _share(width, beside))
    panels = [len(_panel(style, one, panel)) for one in inverters for panel in range(1, len(one.powers) + 1)]
    indent = max([INDENT, *(columns + 3 for columns in panels)])
    cards = [[*_card(inverter, style, strongest, indent, each), ()] for inverter in inverters]
    lines = _side_by_side(cards, beside, each)
    return lines[:-1]


def _card(inverter: Inverter, style: Style, strongest: int, indent: int, width: int) -> Iterator[Line]:
    said = _readings(topics.inverter_rows(style, inverter))
    mark = mark_of(inverter)
    serial = ((DIM, f"{inverter_model(inverter.uid)} {inverter.uid}" if inverter.uid in style.names else ""),)
    name = [_name(inverter, style, mark), serial, ((mark.color, mark.words),)]
    if not inverter.online:
        yield from filled([*name, ((DIM, said.get(metrics.INVERTER_TODAY.name, "")),)], width, indent=INDENT)
        return
    measured = [metrics.INVERTER_TODAY, metrics.SIGNAL, metrics.TEMPERATURE, metrics.FREQUENCY]
    values = [_measured(metric, inverter, said) for metric in measured]
    power = ((BOLD, said.get(metrics.INVERTER_POWER.name, "")),)
    yield from filled([*name, power, *values, (("", readings.voltages(inverter)),)], width, indent=INDENT)
    for panel, power_of_it in enumerate(inverter.powers, 1):
        numbers = f"{UNKNOWN if power_of_it is None else power_of_it:>6} W"
        if inverter.energies and width >= NARROWEST_CARD:
            numbers += f"{said.get(metrics.PANEL_TODAY.of_panel(panel).name, ''):>11}"
        if width >= NARROWEST_CARD:
            numbers += _dc(inverter, panel)
        columns = max(SHORTEST_BAR, width - indent - len(numbers))
        drawn = bar((power_of_it or 0) / strongest, columns)
        space = " " * (columns - len(drawn))
        yield (
            ("", f"  {_panel(style, inverter, panel):<{indent - 2}}"),
            (_heat(power_of_it, strongest), drawn),
            ("", space + numbers),
        )


def _dc(inverter: Inverter, panel: int) -> str:
    """Volts and amperes DC of a panel, if SunSpec reports them; panels count from 1."""
    if not (any(inverter.dc_voltages) or any(inverter.dc_currents)):
        return ""
    columns = ((inverter.dc_voltages, metrics.DC_VOLTAGE), (inverter.dc_currents, metrics.DC_CURRENT))
    shown = []
    for values, metric in columns:
        value = values[panel - 1] if panel <= len(values) else None
        shown.append(f"{UNKNOWN if value is None else f'{value:.{metric.digits}f}':>7} {metric.unit}")
    return "".join(shown)


def _rows(inverters: Sequence[Inverter], style: Style, width: int) -> list[Line]:
    """A line for each inverter, its panels as glyphs."""
    beside = max(1, (width + BETWEEN) // (NARROWEST_ROW + BETWEEN))
    each = _share(width, beside)
    strongest = strongest_panel(inverters)
    table = _table([_row(inverter, style, strongest) for inverter in inverters], each)
    return _side_by_side([[line] for line in table], beside, each)


def _row(inverter: Inverter, style: Style, strongest: int) -> TableRow:
    said = _readings(topics.inverter_rows(style, inverter))
    mark = mark_of(inverter)
    if not inverter.online:
        energy = said.get(metrics.INVERTER_TODAY.name, "")
        return TableRow((_name(inverter, style, mark),), ((mark.color, f"{mark.words}  {energy}".rstrip()),))
    measured = [metrics.SIGNAL, metrics.TEMPERATURE, metrics.INVERTER_TODAY, metrics.FREQUENCY]
    return TableRow(
        (
            _name(inverter, style, mark),
            glyphs(inverter, strongest),
            ((BOLD, said.get("power", "")),),
            *(_measured(metric, inverter, said) for metric in measured),
            (("", readings.voltages(inverter)),),
        )
    )


def _tiles(inverters: Sequence[Inverter], style: Style, width: int) -> list[Line]:
    """Several inverters on a line, by their names or the end of their serial numbers."""
    digits = next(
        digits
        for digits in range(SHORT_SERIAL, max(SHORT_SERIAL, *(len(one.uid) for one in inverters)) + 1)
        if len({one.uid[-digits:] for one in inverters}) == len(inverters) or digits == len(inverters[0].uid)
    )
    strongest = strongest_panel(inverters)
    rows = []
    for inverter in inverters:
        mark = mark_of(inverter)
        words = _named(style, inverter.uid, LONGEST_TILE_NAME) or inverter.uid[-digits:]
        name = ((mark.color, f"{mark.glyph} "), ("" if inverter.online else DIM, words))
        power = (("", f"{sum(power or 0 for power in inverter.powers)} W"),)
        awake = TableRow((name, glyphs(inverter, strongest), power))
        rows.append(awake if inverter.online else TableRow((name,), ((mark.color, mark.words.removesuffix(" yet")),)))
    table = _table(rows, width, gap=1)
    each = max(_length(line) for line in table)
    return _side_by_side([[line] for line in table], max(1, (width + 2) // (each + 2)), each, gap=2)


def _name(inverter: Inverter, style: Style, mark: Mark) -> Line:
    color = BOLD if inverter.online else DIM
    words = _named(style, inverter.uid, LONGEST_NAME) or f"{inverter_model(inverter.uid):<7} {inverter.uid}"
    return (mark.color, f"{mark.glyph} "), (color, words)


def _panel(style: Style, inverter: Inverter, panel: int) -> str:
    """The name of a panel, or its number; panels count from 1."""
    return _named(style, panel_key(inverter.uid, panel), LONGEST_PANEL_NAME) or f"{panel}"


def _named(style: Style, serial: str, longest: int) -> str:
    """The name that people gave to an ECU, an inverter or a panel, cut to `longest` columns; empty if none."""
    name = clean(style.names.get(serial, ""))
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def mark_of(inverter: Inverter) -> Mark:
    """The mark of the condition of `inverter`."""
    found = condition(inverter)
    return Mark(COLORS.get(found, DIM), *found)


def glyphs(inverter: Inverter, strongest: int) -> Line:
    """A glyph for each panel, as high as its power."""
    return tuple(
        (DIM, UNKNOWN) if power is None else (_heat(power, strongest), _graded(LEVELS, power / strongest))
        for power in inverter.powers
    )


def _measured(metric: Metric, inverter: Inverter, said: dict[str, str]) -> Line:
    if metric.name not in said:
        return ()
    if metric is not metrics.SIGNAL:
        return (("", said[metric.name]),)
    percent = inverter.signal.last if isinstance(inverter.signal, Unchanged) else inverter.signal
    bars = strength(percent or 0)
    return (RED if bars.count("·") >= len(bars) - 1 else GREEN, bars), ("", f"{said[metric.name]:>6}")


def _readings(rows: Iterable[Row]) -> dict[str, str]:
    return {name: clean(text) for name, text in readings.readings(rows).items()}


def _heat(power: int | None, strongest: int) -> str:
    return _graded(HEAT, (power or 0) / strongest)


def _graded(scale: Sequence[str], share: float) -> str:
    return scale[min(len(scale) - 1, int(share * len(scale)))]


# -- lines ------------------------------------------------------------------------------------------------------------


def _share(width: int, beside: int) -> int:
    """Columns of each cell where `beside` cells are side by side."""
    return (width - BETWEEN * (beside - 1)) // beside


def _side_by_side(cells: Sequence[list[Line]], beside: int, width: int, gap: int = BETWEEN) -> list[Line]:
    """The cells in columns; one reads down a column first, then across."""
    height = -(-len(cells) // beside)
    columns = [[line for cell in cells[at : at + height] for line in cell] for at in range(0, len(cells), height)]
    lines = zip_longest(*columns, fillvalue=())
    return [joined([*(_padded(cell, width) for cell in line[:-1]), line[-1]], " " * gap) for line in lines]


def _table(rows: Sequence[TableRow], width: int, gap: int = 2) -> list[Line]:
    """The cells below each other: the first two aligned left, the others right. Leaves out columns that do not fit."""
    columns = list(zip_longest(*(row.cells for row in rows), fillvalue=()))
    widths = [max(map(_length, column)) for column in columns]
    ends = accumulate(taken + gap if taken else 0 for taken in widths)
    shown = [taken for taken, end in zip(widths, ends, strict=True) if end - gap <= width]
    return [joined([*_aligned(row.cells, shown), *([row.note] if row.note else [])], " " * gap) for row in rows]


def _aligned(cells: Iterable[Line], widths: Sequence[int]) -> Iterator[Line]:
    for number, (cell, taken) in enumerate(zip(cells, widths, strict=False)):
        if taken:
            yield _padded(cell, taken) if number <= 1 else (("", " " * (taken - _length(cell))), *cell)


def filled(parts: Iterable[Line], width: int, gap: int = 2, indent: int = 0) -> Iterator[Line]:
    """Yields lines of parts behind each other; begins a new line where a part does not fit."""
    line: Line = ()
    for part in parts:
        if not _length(part):
            continue
        if line and _length(line) + gap + _length(part) > width:
            yield line
            line = (("", " " * indent), *part)
        else:
            line = (*line, ("", " " * gap), *part) if line else part
    if line:
        yield line


def joined(cells: Iterable[Line], gap: str) -> Line:
    """A line of all cells with `gap` between them."""
    line: Line = ()
    for cell in cells:
        line = (*line, ("", gap), *cell) if line else cell
    return line


def _padded(line: Line, width: int) -> Line:
    return (*line, ("", " " * (width - _length(line))))


def _length(line: Line) -> int:
    return sum(len(part) for _, part in line)
