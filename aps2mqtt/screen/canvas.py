"""The size and the abilities of a screen, and what every drawing on it shares: colors, ASCII, texts and bars. Pure.

A text may come from anywhere, the broker too: no control character of it is drawn, and no line is too wide.
"""

import unicodedata
from collections.abc import Iterator
from textwrap import wrap
from typing import NamedTuple

from aps2mqtt.base.printable import printable

EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
FULL = "█"
# Every character that any module draws; the degree sign is left out.
ASCII = str.maketrans("█▉▊▋▌▍▎▏▁▂▃▄▅▆▇●◐○·…░│┤└─┬✓✗–→", "####==--__.::++*%o.~?||+-++x->", "°")  # noqa: RUF001 - a dash

BOLD, DIM, RED, GREEN, YELLOW, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"
MOST_LINES = 4  # of a text that is not ours

Span = tuple[str, str]  # color, or none, and text
Line = tuple[Span, ...]


class Canvas(NamedTuple):
    """What is drawn on."""

    width: int = 80  # columns
    height: int | None = None  # lines; None: it scrolls
    color: bool = False


def painted(code: str, drawn: str, *, color: bool = True) -> str:
    """`drawn` in the color of `code`; as it is without `color`, or where only blanks would be colored."""
    return f"{code}{drawn}{PLAIN}" if color and code and drawn.strip() else drawn


def rendered(line: Line, canvas: Canvas) -> str:
    """The text of `line` for a terminal; what is too wide is cut off."""
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
    """As `text`, in columns of `width`, before it is rendered."""
    lines = wrap(clean(words), max(width, 2), max_lines=MOST_LINES, placeholder="…")
    yield from (((color, line),) for line in lines)


def clean(words: str) -> str:
    """`words` without what a terminal would obey and what shifts columns: wide and combining characters."""
    return "".join(
        "?" if unicodedata.east_asian_width(char) in "WF" or unicodedata.combining(char) else char
        for char in printable(words)
    )


def cut(lines: list[str], canvas: Canvas) -> list[str]:
    """`lines`, no more than the canvas has room for."""
    if canvas.height is None or len(lines) <= canvas.height:
        return lines
    shown = max(0, canvas.height - 1)
    more = f"… {len(lines) - shown} more lines; enlarge the terminal"
    return [*lines[:shown], rendered(((YELLOW, more),), canvas)]


def bar(share: float, columns: int) -> str:
    """A bar that has `columns` at a share of 1, drawn to an eighth of a column."""
    full, eighths = divmod(round(share * columns * 8), 8)
    return FULL * full + EIGHTHS[eighths]
