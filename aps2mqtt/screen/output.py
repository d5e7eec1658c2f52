"""Standard output: its abilities, and printing on it."""

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Iterable, Iterator

from aps2mqtt.base.errors import ExitStatus, OutputError
from aps2mqtt.base.printable import printable

BLOCKS = "█▏▁●◐✓→─"
WITHOUT_BLOCKS = ("linux",)  # the font of its console has 256 or 512 glyphs


# -- the screen -------------------------------------------------------------------------------------------------------


def show(lines: Iterable[str]) -> None:
    """Prints lines of text from any source, at once and whole; raises OutputError if it cannot."""
    write("".join(f"{printable(line)}\n" for line in lines))


def draw(lines: Iterable[str]) -> None:
    """Prints lines from screen/, as `show`; they may contain colors, and screen/ has made them printable."""
    write(drawable("\n".join(lines) + "\n"))


def drawable(text: str) -> str:
    """A drawing as standard output can show it: in ASCII if it has no blocks."""
    if has_blocks():
        return text
    from aps2mqtt.screen.canvas import ASCII

    return text.translate(ASCII)


def write(text: str) -> None:
    """Prints any text, also one that is not whole lines; raises OutputError if it cannot."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        silence()
        raise OutputError(
            f"standard output cannot be written: {error.strerror}; free some space on that disk"
        ) from error


def silence() -> int:
    """Discards further output, as its reader has ended (`head`, for example); returns OK: this is no error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return ExitStatus.OK


def width() -> int:
    """Columns of the terminal; 80 if there is none."""
    return shutil.get_terminal_size().columns


def has_color() -> bool:
    """True on a terminal that can show colors, unless the user has set NO_COLOR."""
    return is_capable() and not os.environ.get("NO_COLOR")


def has_blocks() -> bool:
    """True if standard output can show blocks; else drawings are in ASCII."""
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
    """Shows on the terminal what the program waits for, until the context ends; log lines replace it.

    It shows nothing if output goes through another program: `less`, for example, may write to the same line meanwhile.
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
