"""Ports for servers of tests. No two workers of pytest-xdist are given the same one."""

import contextlib
import itertools
import os
import random
import socket
from collections.abc import Iterator


def free_port() -> int:
    """A port of the loopback interface on which nothing listens.

    The kernel does not give it to an outgoing connection, and no other test is given it soon. So a port that a test has
    closed stays closed until the test opens it again.
    """
    for port in itertools.islice(PORTS, 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("there is no free port")


def _ports_of_this_worker() -> Iterator[int]:
    """Every port that is for this worker alone, in turn and again, from a random one on."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = range(20_000 + worker, 32_000, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    return itertools.islice(itertools.cycle(ports), random.SystemRandom().randrange(len(ports)), None)


PORTS = _ports_of_this_worker()
