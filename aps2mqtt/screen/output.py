"""Standard output: what it can show, and printing on it."""

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Iterable, Iterator

from aps2mqtt.base.errors import ExitStatus, OutputError
from aps2mqtt.base.printable import printable

BLOCKS = "█▏▁●◐✓→─"
WITHOUT_BLOCKS = ("linux",)  # whose console has a font of 256 or 512 glyphs


# -- the screen -------------------------------------------------------------------------------------------------------


def show(lines: Iterable[str]) -> None:
    """Prints lines of text, whoever wrote them, at once and whole; raises OutputError where it cannot."""
    write("".join(f"{printable(line)}\n" for line in lines))


def draw(lines: Iterable[str]) -> None:
    """Prints lines of screen/, which may hold colors and have been made printable there; as `show`."""
    write(drawable("\n".join(lines) + "\n"))


def drawable(text: str) -> str:
    """A drawing as standard output can show it: in ASCII where it has no blocks."""
    if has_blocks():
        return text
    from aps2mqtt.screen.canvas import ASCII

    return text.translate(ASCII)


def write(text: str) -> None:
    """Prints what may be no lines; raises OutputError where it cannot."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        silence()
        raise OutputError(f"standard output cannot be written: {error.strerror}; make room for it") from error


def silence() -> int:
    """The reader of our output has gone, as `head` does: no reason for a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitStatus.OK


def width() -> int:
    """Columns of the terminal; 80 where there is none."""
    return shutil.get_terminal_size().columns


def has_color() -> bool:
    """True on a terminal that can, whose user has not said NO_COLOR."""
    return is_capable() and not os.environ.get("NO_COLOR")


def has_blocks() -> bool:
    """True where what is drawn can be shown as it is; else it is drawn in ASCII."""
    if os.environ.get("TERM") in WITHOUT_BLOCKS:
        return False
    try:
        BLOCKS.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def is_capable() -> bool:
    """True on a terminal that knows escape codes."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Says on the terminal what is waited for, until the context is left; log lines take its place.

    Not where output goes through another program, as `less`, which may write to the same line meanwhile.
    """
    if not (sys.stderr.isatty() and is_capable()):
        yield
        return
    shown = printable(f"waiting for {what} ...")[: width() - 1]

    def clear(_record: logging.LogRecord | None = None) -> bool:
        print(f"\r{' ' * len(shown)}\r", end="", file=sys.stderr, flush=True)
        return True

    handlers = logging.getLogger("aps2mqtt").handlers
    try:
        print(shown, end="", file=sys.stderr, flush=True)
        for handler in handlers:
            handler.addFilter(clear)
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(clear)
        clear()
