"""Tries which of many addresses have a TCP port open: one attempt each, a bounded number at once, within a deadline."""

import errno
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from math import ceil
from typing import NamedTuple

from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.errors import EcuBusy, is_exhausted

AT_ONCE = 128  # connections
GLANCE = 1.2  # seconds for one port; the kernel repeats a lost request after 1 s
PER_USUAL = 3.0  # seconds for each USUAL addresses
USUAL = 254
WAITING = 0.8  # of the time allowed; the rest is for a slow machine

Guard = Callable[[str], AbstractContextManager[object]]  # entered while an address is tried; may raise EcuBusy


class Scan(NamedTuple):
    """The addresses with an open port, those that another job uses just now, and those for which time was short."""

    open: tuple[str, ...]
    busy: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()


class _Attempt(NamedTuple):
    address: str
    deadline: Deadline
    resources: ExitStack  # the socket and the guard


def allowed(number: int) -> float:
    """Seconds for the search of this number of addresses."""
    return PER_USUAL * max(1, ceil(number / USUAL))


def patience(number: int) -> float:
    """Seconds for each of this number of addresses: 1.2 of a usual network, more if there are few."""
    return WAITING * allowed(number) / max(1, ceil(number / AT_ONCE))


def open_ports(addresses: Iterable[str], port: int, guard: Guard) -> Scan:
    """Connects to `port` of each address, and closes the connection at once."""
    waiting = deque(addresses)
    order = {address: number for number, address in enumerate(waiting)}
    deadline, seconds = Deadline(allowed(len(waiting))), patience(len(waiting))
    found: list[str] = []
    busy: list[str] = []
    with selectors.DefaultSelector() as selector, ExitStack() as all_of_them:
        while (waiting or selector.get_map()) and deadline.remaining():
            while waiting and len(selector.get_map()) < AT_ONCE:
                address = waiting.popleft()
                try:
                    attempt = _begin((address, port), guard, seconds, selector)
                except EcuBusy:
                    busy.append(address)
                else:
                    all_of_them.push(attempt.resources)
            _collect(selector, deadline, found)
        late = [key.data.address for key in selector.get_map().values()]
    return Scan(tuple(sorted(found, key=order.__getitem__)), tuple(busy), (*late, *waiting))


def _begin(at: tuple[str, int], guard: Guard, seconds: float, selector: selectors.BaseSelector) -> _Attempt:
    """Starts to connect; the selector reports when the attempt has ended. Raises EcuBusy."""
    with ExitStack() as resources:
        resources.enter_context(guard(at[0]))
        family = socket.AF_INET6 if ":" in at[0] else socket.AF_INET
        connection = resources.enter_context(socket.socket(family, socket.SOCK_STREAM))
        connection.settimeout(0)
        attempt = _Attempt(at[0], Deadline(seconds), resources.pop_all())
    failure = connection.connect_ex(at)
    if failure in (0, errno.EINPROGRESS):
        selector.register(connection, selectors.EVENT_WRITE, attempt)
    else:
        attempt.resources.close()
        if is_exhausted(error := OSError(failure, "")):
            raise error
    return attempt


def _collect(selector: selectors.BaseSelector, deadline: Deadline, found: list[str]) -> None:
    """Waits for the next attempts to end; adds the addresses with an open port to `found`, and closes the sockets."""
    keys = selector.get_map()
    if not keys:
        return
    soonest = min(key.data.deadline.remaining() for key in keys.values())
    for key, _ in selector.select(deadline.within(soonest).remaining()):
        if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:  # type: ignore[union-attr]  # a socket
            found.append(key.data.address)
        _end(selector, key)
    for key in [key for key in keys.values() if not key.data.deadline.remaining()]:
        _end(selector, key)


def _end(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    selector.unregister(key.fileobj)
    key.data.resources.close()


def is_open(address: str, port: int) -> bool:
    """True if `port` of `address` accepts a connection in time."""
    try:
        socket.create_connection((address, port), GLANCE).close()
    except OSError as error:
        if is_exhausted(error):
            raise
        return False
    return True
