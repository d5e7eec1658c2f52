"""The terminal: its abilities, and drawing in place on a second screen; afterwards the shell's screen is as before."""

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

# xterm's control sequences; every terminal of today has them.
ENTER = "\033[?1049h\033[?25l\033[2J"  # to a screen other than the shell's, without a cursor
LEAVE = "\033[H\033[J\033[?25h\033[?1049l"  # cleared: tmux leaves the text of a resized screen to the shell
HOME, CLEAR_LINE = "\033[H", "\033[K"


def canvas() -> Canvas:
    """The size and the abilities of standard output."""
    return Canvas(output.width(), None, output.has_color())


def in_place_canvas() -> Canvas:
    """The screen as it is now, even if COLUMNS and LINES differ: its user may change its size."""
    width, height = os.get_terminal_size(sys.stdout.fileno())
    if not (width and height):  # a serial line has neither
        width, height = shutil.get_terminal_size()
    return canvas()._replace(width=width, height=height)


class Screen:
    """A screen to draw on in place."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def draw(self, lines: Sequence[str], size: Canvas) -> None:
        """Draws the lines from the top, if they differ from those before."""
        height = size.height or len(lines)
        page = [*lines, *[""] * (height - len(lines))][:height]
        if page != self._shown:
            # Each line is cleared before it is drawn: after a line of full width, the cursor is still on that line.
            output.write(output.drawable(HOME + "\r\n".join(CLEAR_LINE + line for line in page)))
            self._shown = page

    def suspend(self, number: int, _frame: FrameType | None) -> None:
        """Handles the signal of Ctrl-Z: the shell has its own screen until this process continues."""
        # Bypasses the buffer, as it may be in use: the signal may come between any two instructions.
        os.write(sys.stdout.fileno(), LEAVE.encode())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # returns when this process continues
        signal.signal(number, self.suspend)
        os.write(sys.stdout.fileno(), ENTER.encode())
        self._shown = []


@contextlib.contextmanager
def borrowed() -> Iterator[Screen]:
    """A screen other than the shell's; that comes back at the end of the context, and while we are suspended."""
    screen = Screen()
    with _quiet_log(), _quiet_keys(), _handled(signal.SIGTSTP, screen.suspend):
        try:
            output.write(ENTER)
            yield screen
        finally:  # a second Ctrl-C here could only do harm
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
    """Disables the log if it is on a terminal: a log line would disturb the picture."""
    if sys.stderr.isatty():
        logging.disable()
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@contextlib.contextmanager
def _quiet_keys() -> Iterator[None]:
    """Disables the echo of pressed keys: they would disturb the picture too."""
    try:
        before = termios.tcgetattr(sys.stdin)
    except (termios.error, OSError, ValueError):  # standard input is no terminal, or is closed
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
