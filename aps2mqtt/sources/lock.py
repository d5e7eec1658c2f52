"""One job at a time for each ECU, across users, units and working directories of one machine.

The kernel frees the lock when its holder dies, however it dies. Linux has Unix sockets whose name is no file
(unix(7), "abstract"); elsewhere a file in the temporary directory is locked. Containers share neither.

Whoever holds the socket listens on it, so that the kernel tells others which process that is. Everybody may bind a
name first: it costs him nothing and us all jobs, but he does not stay unknown.
"""

import contextlib
import errno
import hashlib
import os
import re
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.errors import EcuBusy, is_exhausted

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
                f"another job has held the ECU at {address}:{port} for {patience:g} s{_holder(name)}; "
                "let fewer programs ask it, or less often"
            )
        time.sleep(RETRY)
    with release:
        yield


def _bind(name: str) -> contextlib.AbstractContextManager[object] | None:
    """Binds the abstract socket of this name; None where somebody has."""
    try:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        if is_exhausted(error):  # others may hold the socket: a file would not keep us from them
            raise
        return _lock_file(name)  # a unit without AF_UNIX in RestrictAddressFamilies=
    try:
        holder.bind("\0" + name)
        holder.listen()
    except OSError as error:
        holder.close()
        return None if error.errno == errno.EADDRINUSE else _lock_file(name)
    return holder


def _holder(name: str) -> str:
    """Which process holds the abstract socket of this name, in brackets; empty where that cannot be known."""
    if sys.platform != "linux":
        return ""
    import struct

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asking:
            asking.connect("\0" + name)
            process, user, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except ConnectionRefusedError:  # it is bound, and nobody listens
        return " (a program that does not say who it is: `ss -xap` tells root)"
    except OSError:
        return ""
    return f" ({_process(process)} of user {_user(user)})"


def _process(process: int) -> str:
    if not process:  # it has no number in our namespace
        return "a process in a container"
    try:
        name = Path(f"/proc/{process}/comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError:
        return f"process {process}"
    return f"process {process}, {name!a}"


def _user(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _lock_file(name: str) -> contextlib.AbstractContextManager[object] | None:
    """Locks the file of this name, which stays there: removing it would let two hold it; None where somebody has.

    Raises EcuBusy where that cannot be done.
    """
    import fcntl
    import tempfile

    path = Path(tempfile.gettempdir(), re.sub(r"[^\w.]", "_", name) + ".lock")
    try:
        holder = os.fdopen(_open(path), "r+")
    except FileExistsError:  # another has made it just now
        return None
    except OSError as error:
        raise EcuBusy(f"the lock {path} cannot be opened ({error.strerror}); remove it, or set TMPDIR") from error
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.close()
        return None
    except OSError as error:  # a file system without locks
        holder.close()
        raise EcuBusy(f"the lock {path} cannot be taken ({error.strerror}); set TMPDIR to another folder") from error
    return holder


def _open(path: Path) -> int:
    """The file, for every user to lock whatever our umask; no link is followed, nor the mode of others' files changed.

    One that is there is not opened to be created: Linux may forbid that where it is another's (protected_regular).
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        os.fchmod(descriptor, 0o666)
        return descriptor
