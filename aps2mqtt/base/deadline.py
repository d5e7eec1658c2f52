"""Deadlines: nothing in this program waits without one."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    """The moment on the monotonic clock that is `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds that are left, at least 0."""
        return max(0.0, self._at - time.monotonic())

    def within(self, seconds: float) -> "Deadline":
        """The earlier one of this deadline and of the one in `seconds`."""
        return Deadline(min(seconds, self.remaining()))


def bounded(call: Callable[[], T], deadline: Deadline) -> T:
    """Returns or raises what `call` does; raises TimeoutError if it does neither before the deadline.

    It is for calls without a time limit of their own, such as those of the resolver. A call that is late goes on in a
    daemon thread. The process does not wait for that thread when it exits.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(deadline.remaining())
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError
    return results[0]
