"""Draws lines of a terminal, with their colors, as an SVG picture. Pure.

Bars are rectangles, so they have no gaps, whatever font the reader has.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import NamedTuple

CELL, LINE, MARGIN = 8.4, 19, 18  # pixels
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
PAPER, INK = "#16181d", "#d7dae0"
NAMED = {"2": "#8b919c", "31": "#ff7b72", "32": "#56d364", "33": "#e3b341"}  # by code of the escape sequence
LEFT = dict(zip("▏▎▍▌▋▊▉█", range(1, 9), strict=True))  # eighths of a cell, from the left
LOWER = dict(zip("▁▂▃▄▅▆▇", range(1, 8), strict=True))  # eighths of a cell, from below
BARS = "".join((*LEFT, *LOWER))


class Run(NamedTuple):
    """Characters of one look, and the column of the first one."""

    column: int
    text: str
    color: str
    bold: bool


def svg(lines: Iterable[str], columns: int, about: str) -> str:
    """The picture of `lines`, which have escape sequences for colors; `about` is its text for people who hear it."""
    rows = list(lines)
    width, height = round(columns * CELL + 2 * MARGIN), len(rows) * LINE + 2 * MARGIN
    size = f'width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {size} role="img">',
        f"<style>text {{ font: 14px {FONT}; white-space: pre }} .b {{ font-weight: bold }}</style>",
        f"<title>{escape(about)}</title>",
        f'<rect {size} rx="8" fill="{PAPER}"/>',
    ]
    for number, row in enumerate(rows):
        top = MARGIN + number * LINE
        parts += [part for run in _runs(row) for part in _drawn(run, top)]
    return "\n".join([*parts, "</svg>", ""])


def _runs(row: str) -> Iterator[Run]:
    column, color, bold = 0, INK, False
    for part in re.split(r"(\033\[[0-9;]*m)", row):
        if not part.startswith("\033"):
            yield Run(column, part, color, bold)
            column += len(part)
        elif (code := part[2:-1]) == "0":
            color, bold = INK, False
        elif code == "1":
            bold = True
        else:
            color = _xterm(int(code.rpartition(";")[2])) if ";" in code else NAMED[code]


def _xterm(number: int) -> str:
    """The color with this number in the cube of 6 x 6 x 6 colors that terminals have."""
    levels = (0, 95, 135, 175, 215, 255)
    red, rest = divmod(number - 16, 36)
    green, blue = divmod(rest, 6)
    return f"#{levels[red]:02x}{levels[green]:02x}{levels[blue]:02x}"


def _drawn(run: Run, top: int) -> Iterator[str]:
    for found in re.finditer(rf"[{BARS}]+|[^{BARS} ]+(?: [^{BARS} ]+)*", run.text):
        left, words = MARGIN + (run.column + found.start()) * CELL, found[0]
        if words[0] in BARS:
            yield from _bars(words, left, top, run.color)
        else:
            weight = ' class="b"' if run.bold else ""
            yield (
                f'<text x="{left:g}" y="{top + 14}" fill="{run.color}"{weight} textLength="{len(words) * CELL:g}" '
                f'lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
            )


def _bars(words: str, left: float, top: int, color: str) -> Iterator[str]:
    """A bar along the line as one rectangle, or columns side by side."""
    if words[0] in LEFT:
        width = sum(LEFT[char] for char in words) * CELL / 8
        yield f'<rect x="{left:g}" y="{top + 2}" width="{width:.1f}" height="{LINE - 4}" fill="{color}"/>'
        return
    for number, char in enumerate(words):
        height = LOWER.get(char, 8) * 14 / 8
        x, y = left + number * CELL, top + 16 - height
        yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{CELL - 1:.1f}" height="{height:.1f}" fill="{color}"/>'
