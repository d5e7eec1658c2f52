"""One job at a time for each ECU, across users, units and working directories of one machine.

The kernel frees the lock when its holder dies, however it dies. Linux has Unix sockets whose name is no file
(unix(7), "abstract"); elsewhere a file in the temporary directory is locked. Containers share neither.
"""

import contextlib
import errno
import hashlib
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from aps2mqtt.deadline import Deadline
from aps2mqtt.errors import EcuBusy

RETRY = 0.05  # seconds between attempts
LONGEST_NAME = 90  # of a socket it is 107 bytes


@contextlib.contextmanager
def hold(address: str, port: int, patience: float) -> Iterator[None]:
    """Holds the lock of the ECU at `address` and `port`; raises EcuBusy after `patience` seconds of trying."""
    name = f"aps2mqtt:{address}:{port}"
    if len(name) > LONGEST_NAME:  # a host name that cannot be resolved
        name = f"aps2mqtt:{hashlib.sha256(name.encode()).hexdigest()}"
    attempt = _bind if sys.platform == "linux" else _lock_file
    deadline = Deadline(patience)
    while (release := attempt(name)) is None:
        if deadline.remaining() == 0:
            raise EcuBusy(
                f"another job has held the ECU at {address}:{port} for {patience:g} s; "
                "let fewer programs ask it, or less often"
            )
        time.sleep(RETRY)
    with release:
        yield


def _bind(name: str) -> contextlib.AbstractContextManager[object] | None:
    """Binds the abstract socket of this name; None where somebody has."""
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind("\0" + name)
    except OSError as error:
        holder.close()
        return None if error.errno == errno.EADDRINUSE else _lock_file(name)
    return holder


def _lock_file(name: str) -> contextlib.AbstractContextManager[object] | None:
    """Locks the file of this name, which stays there: removing it would let two hold it; None where somebody has."""
    import fcntl

    path = Path(tempfile.gettempdir(), re.sub(r"[^\w.]", "_", name) + ".lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    holder = os.fdopen(descriptor, "r+")
    try:
        with contextlib.suppress(OSError):
            path.chmod(0o666)  # for the other users, whatever our umask
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.close()
        return None
    return holder
