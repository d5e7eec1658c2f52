"""Waiting with an end: nothing in this program waits without one."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    """A moment on the monotonic clock, so many seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, 0 at the least."""
        return max(0.0, self._at - time.monotonic())

    def within(self, seconds: float) -> "Deadline":
        """The earlier of this deadline and one in so many seconds."""
        return Deadline(min(seconds, self.remaining()))


def bounded(call: Callable[[], T], deadline: Deadline) -> T:
    """What `call` returns or raises; TimeoutError if it has done neither by the deadline.

    For calls that take no time limit themselves, as the resolver does. One that is late goes on in a daemon thread,
    which the process does not wait for when it exits.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whose it is
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError
    return results[0]
