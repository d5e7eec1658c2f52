"""The terminal: what it can show, and drawing in place on a screen that is given back as it was."""

import contextlib
import logging
import os
import shutil
import signal
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from aps2mqtt.screen import output
from aps2mqtt.screen.canvas import Canvas

Handler = Callable[[int, FrameType | None], Any] | signal.Handlers

# xterm's control sequences, as every terminal of today has them.
ENTER = "\033[?1049h\033[?25l\033[2J"  # another screen than that of the shell, without a cursor
LEAVE = "\033[H\033[J\033[?25h\033[?1049l"  # empty: of one that was resized, tmux leaves its text to the shell
HOME, CLEAR_LINE = "\033[H", "\033[K"


def canvas() -> Canvas:
    """What standard output can show."""
    return Canvas(output.width(), None, output.has_color())


def in_place_canvas() -> Canvas:
    """The screen as it is now: its user may change its size, whatever COLUMNS and LINES say."""
    width, height = os.get_terminal_size(sys.stdout.fileno())
    if not (width and height):  # a serial line knows neither
        width, height = shutil.get_terminal_size()
    return canvas()._replace(width=width, height=height)


class Screen:
    """A screen to draw on in place."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def draw(self, lines: Sequence[str], size: Canvas) -> None:
        """Draws the lines from the top, if they are others than before."""
        height = size.height or len(lines)
        page = [*lines, *[""] * (height - len(lines))][:height]
        if page != self._shown:
            # Each line is cleared before it is drawn: behind one that fills its line, the cursor still stands on it.
            output.write(output.drawable(HOME + "\r\n".join(CLEAR_LINE + line for line in page)))
            self._shown = page

    def suspend(self, number: int, _frame: FrameType | None) -> None:
        """Gives the shell its screen, by the signal of Ctrl-Z, until we go on."""
        # Past the buffer, which may be in use: this may come between any two instructions.
        os.write(sys.stdout.fileno(), LEAVE.encode())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when we go on
        signal.signal(number, self.suspend)
        os.write(sys.stdout.fileno(), ENTER.encode())
        self._shown = []


@contextlib.contextmanager
def borrowed() -> Iterator[Screen]:
    """Another screen than the shell's, which comes back however the context is left, and while we are suspended."""
    screen = Screen()
    with _quiet_log(), _quiet_keys(), _handled(signal.SIGTSTP, screen.suspend):
        try:
            output.write(ENTER)
            yield screen
        finally:  # a second Ctrl-C would come too late to do anything but harm
            with _handled(signal.SIGINT, signal.SIG_IGN), _handled(signal.SIGTERM, signal.SIG_IGN):
                output.write(LEAVE)


@contextlib.contextmanager
def _handled(number: signal.Signals, handler: Handler) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextlib.contextmanager
def _quiet_log() -> Iterator[None]:
    """On the same terminal a log line would fall into the picture."""
    if sys.stderr.isatty():
        logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextlib.contextmanager
def _quiet_keys() -> Iterator[None]:
    """So would keys that are pressed."""
    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError):  # it is no terminal, or closed
        yield
        return
    local_modes = 3
    quiet = [*before]
    quiet[local_modes] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
