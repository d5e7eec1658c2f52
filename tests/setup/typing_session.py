"""A person at a terminal: the program on a pseudo-terminal of its own, and what is typed there."""

import contextlib
import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator

from parts import PATIENCE, STARTED, clean_environment


class Session:
    """The program on a terminal; `seen` is all that it has printed there."""

    def __init__(self, process: subprocess.Popen[str], terminal: int) -> None:
        self.process = process
        self.seen = ""
        self._terminal = terminal
        self._read_to = 0

    def answers(self, prompt: str, text: str) -> None:
        """Waits for the prompt and types the text and Enter."""
        self.waits_for(prompt)
        self.types(f"{text}\n".encode())

    def types(self, keys: bytes) -> None:
        """Types, without waiting."""
        os.write(self._terminal, keys)

    def waits_for(self, text: str) -> None:
        """Until the text stands behind what was waited for before."""
        end = time.monotonic() + PATIENCE
        while (at := self.seen.find(text, self._read_to)) < 0:
            assert time.monotonic() < end, f"no {text!r} in {self.seen!r}"
            assert self._read(), f"no {text!r} in {self.seen!r}"
        self._read_to = at + len(text)

    def ends(self) -> int:
        """Reads to the end; returns the exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], PATIENCE)
        assert ready, f"nothing more comes behind {self.seen!r}"
        try:
            data = os.read(self._terminal, 4096)
        except OSError:  # the program has ended
            return False
        self.seen = (self.seen + data.decode(errors="replace")).replace("\r\n", "\n")
        return bool(data)


@contextlib.contextmanager
def session(script: str, *arguments: object, **environment: object) -> Iterator[Session]:
    """The program, started by `script`, with a terminal that Ctrl-C works on."""
    ours, its = pty.openpty()

    def take_the_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=clean_environment() | {"TERM": "xterm"} | {name: str(value) for name, value in environment.items()},
        stdin=its,
        stdout=its,
        stderr=its,
        text=True,
        preexec_fn=take_the_terminal,  # noqa: PLW1509 - no other thread holds a lock that it needs
    )
    STARTED.append(process)
    os.close(its)
    try:
        yield Session(process, ours)
    finally:
        os.close(ours)
