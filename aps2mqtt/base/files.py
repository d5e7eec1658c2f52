"""Files of the machine that we are a guest on: read to a limit, written whole or not at all, no link followed.

What is written gets a fresh name first, so nothing that lies there already is opened, waited for or overwritten.
"""

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

MODE = 0o644
FRESH = (".aps2mqtt-", ".new")  # how the fresh names begin and end
LEFT = 600  # seconds between two such files, by their file system: no write takes as long, the older was killed
MEGABYTE = 1_000_000


def read(path: Path, most: int) -> bytes:
    """What a regular file of at most `most` bytes holds; raises OSError, also for a pipe or a device."""
    # Opening a pipe would wait for somebody who writes.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        content = file.read(most + 1)
    if len(content) > most:
        size = f"{most // MEGABYTE} MB" if most >= MEGABYTE else f"{most} bytes"
        raise OSError(errno.EFBIG, f"it has more than {size}")
    return content


def whole(path: Path) -> Path:
    """`path` from the root on, a link as it is; as it was given where the working directory is gone."""
    with contextlib.suppress(OSError):
        return Path(os.path.abspath(path))  # noqa: PTH100 - it outlives what the link points to
    return path


def replace(path: Path, text: str, *, private: bool = False) -> None:
    """Writes `path`, readable for everybody, or `private` for its folder's owner; raises OSError.

    A link is replaced, not followed. What was killed before it came to an end is cleared away by one that does.
    """
    descriptor, name = tempfile.mkstemp(prefix=FRESH[0], suffix=FRESH[1], dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if private:  # as mkstemp makes it
                _give_to_owner(descriptor, path.parent)
            else:
                os.fchmod(descriptor, MODE)
            os.fsync(descriptor)
            written = os.fstat(descriptor).st_mtime
        new.replace(path)
    except OSError:
        new.unlink()
        raise
    _clear(path.parent, written)


def _give_to_owner(descriptor: int, folder: Path) -> None:
    """What root writes by hand into the folder of a service, the service can read."""
    owner, ours = folder.stat(), os.fstat(descriptor)
    if os.geteuid() == 0 and (owner.st_uid, owner.st_gid) != (ours.st_uid, ours.st_gid):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _clear(folder: Path, written: float) -> None:
    """Removes what others have left who were killed; one who writes just now keeps his.

    By the clock of the file system, which may have been set back since.
    """
    with contextlib.suppress(OSError):  # it costs comfort alone
        for path in folder.glob("*".join(FRESH)):
            if abs(path.lstat().st_mtime - written) > LEFT:
                path.unlink()
