"""Draws the panels as they are on the roof, for people in a terminal. Pure: reports in, lines out.

Three degrees of detail for a panel: a sign and its power with space around them, both close together, the sign alone.
It takes the first one that is narrow enough.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from aps2mqtt.base import conditions
from aps2mqtt.base.conditions import strongest_panel
from aps2mqtt.base.names import panel_key
from aps2mqtt.base.roof import Roof
from aps2mqtt.base.values import Inverter, Report
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.screen import picture
from aps2mqtt.screen.canvas import DIM, YELLOW, Canvas, Line, Span, cut, rendered, wrapped
from aps2mqtt.screen.picture import LEVELS, Mark

NO_READING = Mark(DIM, "·", "no reading")
NOT_FOUND = Mark(YELLOW, *conditions.NOT_FOUND)
BLANK: Span = ("", " ")


class Cell(NamedTuple):
    """A place on the roof."""

    mark: Mark | None = None  # of a panel whose condition needs words
    level: Span = BLANK  # its power as a glyph
    watts: str = ""

    @property
    def sign(self) -> Span:
        """The mark, or the power if there is none."""
        return (self.mark.color, self.mark.glyph) if self.mark else self.level


def panels(roof: Roof, reports: Sequence[Report], style: Style, now: datetime, canvas: Canvas) -> list[str]:
    """The totals of each ECU, and one roof with the panels of all, as far as the canvas has room."""
    inverters = sorted((one for report in reports for one in report.inverters), key=lambda inverter: inverter.uid)
    strongest = strongest_panel(inverters)
    by_uid = {inverter.uid: inverter for inverter in inverters}
    rows = [[_cell(key, by_uid, strongest) for key in row] for row in roof]
    lines: list[Line] = []
    for report in reports:
        lines += [*picture.totals(report, style, now, canvas.width), ()]
    drawn, scale = _drawn(rows, strongest, canvas.width)
    lines += [*drawn, ()]
    marks = dict.fromkeys(cell.mark for row in rows for cell in row if cell.mark)
    words = (((mark.color, mark.glyph), ("", f" {mark.words}")) for mark in marks)
    lines += picture.filled([(("", scale),), *words], canvas.width, gap=3)
    if left := ", ".join(_without_place(roof, inverters, style)):
        lines += wrapped(f"without a place: {left}", YELLOW, canvas.width)
    return cut([rendered(line, canvas) for line in lines], canvas)


def _cell(key: str, inverters: Mapping[str, Inverter], strongest: int) -> Cell:
    if not key:
        return Cell()
    uid, _, number = key.partition("/")
    inverter, panel = inverters.get(uid), int(number)
    if inverter is None or (inverter.powers and panel > len(inverter.powers)):
        return Cell(NOT_FOUND)
    condition = picture.mark_of(inverter)
    mark = condition if condition.words else None
    power = inverter.powers[panel - 1] if inverter.powers else None
    if not inverter.online or power is None:
        return Cell(mark or NO_READING)
    return Cell(mark, picture.glyphs(inverter, strongest)[panel - 1], f"{power}")


def _drawn(rows: Sequence[Sequence[Cell]], strongest: int, width: int) -> tuple[list[Line], str]:
    """The rows in the first degree of detail that suits the width, and their scale in words."""
    most = max(map(len, rows))
    digits = max(len(cell.watts) for row in rows for cell in row)
    if most * (digits + 4) - 2 <= width:
        drawn = [picture.joined([(cell.sign, BLANK, _watts(cell, digits)) for cell in row], "  ") for row in rows]
    elif most * (digits + 1) <= width:
        drawn = [
            picture.joined([(cell.sign if cell.mark else BLANK, _watts(cell, digits)) for cell in row], "")
            for row in rows
        ]
    else:
        drawn = [tuple(cell.sign for cell in row) for row in rows]
        if most > width:
            drawn.append(((YELLOW, f"… {most - width} more columns; enlarge the terminal"),))
        return drawn, f"{LEVELS[0]} to {LEVELS[-1]}: up to {strongest} W"
    return drawn, "power in W" if digits else ""


def _watts(cell: Cell, digits: int) -> Span:
    color, _ = cell.level
    return color, cell.watts.rjust(digits)


def _without_place(roof: Roof, inverters: Sequence[Inverter], style: Style) -> Iterator[str]:
    """The panels that are not on the roof; of an inverter whose panels are not known, its serial number."""
    placed = {word for row in roof for key in row for word in (key, key.partition("/")[0])}
    for inverter in inverters:
        keys = [panel_key(inverter.uid, panel) for panel in range(1, len(inverter.powers) + 1)] or [inverter.uid]
        for key in keys:
            if key not in placed:
                yield f"{style.names[key]} ({key})" if key in style.names else key
