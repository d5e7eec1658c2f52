"""One job at a time for each ECU, across users, units and working directories of one machine.

The kernel frees the lock when its holder dies, for whatever reason. On Linux, the lock is a Unix socket with an
abstract name (unix(7)), which is no file. Elsewhere it is a locked file in the temporary directory. Containers share
neither.

The holder of the socket listens on it, so the kernel reports the holder's process to other jobs. Every user of the
machine can bind the name and so block all jobs, but the error message names that user.

An ECU is a box with fixed ports, and has one lock for all of them. A router or a tunnel forwards any other port,
perhaps to another box, so that port has a lock of its own: an ECU that hangs must not make the others behind the router
busy. A name from the address alone would be wrong, as several ECUs may be behind one address. A name that depends on
the configuration would be wrong, too: two programs with different configurations would take different locks for one
box. aps2mqtt 3.0 names the lock after the port 8899, so the lock still keeps it out.
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
LONGEST_NAME = 90  # characters; the name of a socket has at most 107 bytes
PORTS = (8899, 502)  # of every ECU: its own protocol and Modbus (docs/protocol.md); the first names the lock


@contextlib.contextmanager
def hold(address: str, port: int, patience: float) -> Iterator[None]:
    """Holds the lock of the box at `address` and `port`; raises EcuBusy after `patience` seconds of trying."""
    name = f"aps2mqtt:{address}:{PORTS[0] if port in PORTS else port}"
    if len(name) > LONGEST_NAME:  # a host name that cannot be resolved
        name = f"aps2mqtt:{hashlib.sha256(name.encode()).hexdigest()}"
    attempt = _bind if sys.platform == "linux" else _lock_file
    deadline = Deadline(patience)
    while (release := attempt(name)) is None:
        if deadline.remaining() == 0:
            raise EcuBusy(
                f"another aps2mqtt job is still using the ECU at {address}:{port} (waited {patience:g} s"
                f"{_holder(name)}); use only one of cron, timer and run"
            )
        time.sleep(RETRY)
    with release:
        yield


def _bind(name: str) -> contextlib.AbstractContextManager[object] | None:
    """Binds the abstract socket of this name; None if it is bound already."""
    try:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as error:
        if is_exhausted(error):  # another job may hold the socket: a file would not keep this job out
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
    """Names the process that holds the abstract socket of this name; empty if the kernel does not report it."""
    if sys.platform != "linux":
        return ""
    import struct

    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asking:
            asking.connect("\0" + name)
            process, user, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except ConnectionRefusedError:  # its holder does not listen
        return " for an unknown program: `ss -xap` as root lists it"
    except OSError:
        return ""
    return f" for {_process(process)} of user {_user(user)}"


def _process(process: int) -> str:
    if not process:  # it has no number in this process's namespace
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
    """Locks the file of this name; None if it is locked already.

    The file is never removed, or two jobs could hold the lock. Raises EcuBusy if the file cannot be opened or locked.
    """
    import fcntl
    import tempfile

    path = Path(tempfile.gettempdir(), re.sub(r"[^\w.]", "_", name) + ".lock")
    try:
        holder = os.fdopen(_open(path), "r+")
    except FileExistsError:  # another process has just created it
        return None
    except OSError as error:
        raise EcuBusy(
            f"the lock file {path} cannot be opened ({error.strerror}); remove it, or set TMPDIR to another folder"
        ) from error
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder.close()
        return None
    except OSError as error:  # a file system without locks
        holder.close()
        raise EcuBusy(f"the file {path} cannot be locked ({error.strerror}); set TMPDIR to another folder") from error
    return holder


def _open(path: Path) -> int:
    """Opens the file, and creates it if it is missing, so that every user can lock it, whatever the umask.

    It follows no link, and changes the mode of no file that exists. It opens an existing file without O_CREAT, which
    Linux can forbid for another user's file (sysctl fs.protected_regular).
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        os.fchmod(descriptor, 0o666)
        return descriptor
