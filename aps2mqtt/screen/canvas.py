"""The size and the abilities of a screen, and what all drawings share: colors, ASCII, texts and bars. Pure.

A text may come from anywhere, the broker too: drawings contain none of its control characters, and no line is too wide.
"""

import unicodedata
from collections.abc import Iterator
from textwrap import wrap
from typing import NamedTuple

from aps2mqtt.base.printable import printable

EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
FULL = "█"
# Every character that any module draws; ASCII omits the degree sign.
ASCII = str.maketrans("█▉▊▋▌▍▎▏▁▂▃▄▅▆▇●◐○·…░│┤└─┬✓✗–→", "####==--__.::++*%o.~?||+-++x->", "°")  # noqa: RUF001 - a dash

BOLD, DIM, RED, GREEN, YELLOW, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"
MOST_LINES = 4  # of a text that others wrote

Span = tuple[str, str]  # color, empty for none, and text
Line = tuple[Span, ...]


class Canvas(NamedTuple):
    """The size and the abilities of a screen."""

    width: int = 80  # columns
    height: int | None = None  # lines; None: it scrolls
    color: bool = False


def painted(code: str, drawn: str, *, color: bool = True) -> str:
    """`drawn` in the color of `code`; unchanged without `color`, or if `drawn` has only blanks."""
    return f"{code}{drawn}{PLAIN}" if color and code and drawn.strip() else drawn


def rendered(line: Line, canvas: Canvas) -> str:
    """The text of `line` for a terminal, cut off at the width of the canvas."""
    parts, room = [], canvas.width
    for code, words in line:
        shown = words[:room]
        room -= len(shown)
        parts.append(painted(code, shown, color=canvas.color))
    return "".join(parts).rstrip()


def text(words: str, canvas: Canvas, color: str = "") -> list[str]:
    """`words` from anywhere, on MOST_LINES lines at most."""
    return [rendered(line, canvas) for line in wrapped(words, color, canvas.width)]


def wrapped(words: str, color: str, width: int) -> Iterator[Line]:
    """The lines of `text`, `width` columns wide, not yet rendered."""
    lines = wrap(clean(words), max(width, 2), max_lines=MOST_LINES, placeholder="…")
    yield from (((color, line),) for line in lines)


def clean(words: str) -> str:
    """`words` without characters that a terminal obeys or that shift columns: wide and combining ones."""
    return "".join(
        "?" if unicodedata.east_asian_width(char) in "WF" or unicodedata.combining(char) else char
        for char in printable(words)
    )


def cut(lines: list[str], canvas: Canvas) -> list[str]:
    """`lines`; if the canvas lacks room, the first of them and a line with the number of the others."""
    if canvas.height is None or len(lines) <= canvas.height:
        return lines
    shown = max(0, canvas.height - 1)
    more = f"… {len(lines) - shown} more lines; enlarge the terminal"
    return [*lines[:shown], rendered(((YELLOW, more),), canvas)]


def bar(share: float, columns: int) -> str:
    """A bar of `share` times `columns`, precise to an eighth of a column."""
    full, eighths = divmod(round(share * columns * 8), 8)
    return FULL * full + EIGHTHS[eighths]
