"""Reads and writes files. A file is read up to a limit; it is written whole or not at all, and no link is followed.

A file is written under a fresh name and then renamed. So no existing file is opened, waited for or written to.
"""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aps2mqtt.base.errors import UsageError

MODE = 0o644
FRESH = (".aps2mqtt-", ".new")  # how the fresh names begin and end
LEFT = 600  # seconds; a fresh file that is older was left by a process that was killed: no write takes as long
MEGABYTE = 1_000_000


def read(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes; raises OSError, also for a pipe or a device."""
    # Without O_NONBLOCK, opening a pipe waits until another process writes to it.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "not a regular file")
        content = file.read(most + 1)
    if len(content) > most:
        size = f"{most // MEGABYTE} MB" if most >= MEGABYTE else f"{most} bytes"
        raise OSError(errno.EFBIG, f"more than {size}")
    return content


def whole(path: Path) -> Path:
    """`path` as an absolute path, links unresolved; `path` itself if the working directory does not exist."""
    with contextlib.suppress(OSError):
        return Path(os.path.abspath(path))  # noqa: PTH100 - a resolved link may point elsewhere later
    return path


def nearest(folder: Path) -> Path:
    """`folder`, or the first of those above it that exists; it may be no folder, or closed to this user."""
    return next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)


def is_folder(path: Path) -> bool:
    """True for a folder; False if this user cannot find that out, where Path.is_dir raises before Python 3.14."""
    return os.path.isdir(path)  # noqa: PTH112


def replace(path: Path, text: str, *, private: bool = False) -> None:
    """Writes `text` to `path`, readable for everybody, or if `private` for its folder's owner; raises OSError.

    A link is replaced, not followed. Files that killed processes have left in the folder are removed.
    """
    descriptor, name = tempfile.mkstemp(prefix=FRESH[0], suffix=FRESH[1], dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if private:  # mkstemp has created it so
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


def create_private(path: Path) -> None:
    """Creates an empty file, readable for its folder's owner only, where there is none; raises OSError."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            _give_to_owner(descriptor, path.parent)
        finally:
            os.close(descriptor)


def _give_to_owner(descriptor: int, folder: Path) -> None:
    """Gives the file to the owner of `folder`: a service can then read what root writes into its folder."""
    owner, ours = folder.stat(), os.fstat(descriptor)
    if os.geteuid() == 0 and (owner.st_uid, owner.st_gid) != (ours.st_uid, ours.st_gid):
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _clear(folder: Path, written: float) -> None:
    """Removes the fresh files of killed processes, and keeps those that are being written now.

    Their age is the difference from `written`, in either direction: the clock may have been set back.
    """
    with contextlib.suppress(OSError):  # a file that stays does no harm
        for path in folder.glob("*".join(FRESH)):
            if abs(path.lstat().st_mtime - written) > LEFT:
                path.unlink()


# -- several files -----------------------------------------------------------------------------------------------------


def write_all(texts: Mapping[str, str], folder: Path, *, force: bool) -> dict[str, bool]:
    """Creates `folder` and writes all files or none into it; returns by name whether the file is new or changed.

    Raises UsageError; without `force` it replaces no file that differs.
    """
    try:
        folder.mkdir(exist_ok=True)
        new = {name: not _holds(folder / name, text) for name, text in texts.items()}
        differing = [name for name in texts if new[name] and os.path.lexists(folder / name)]
        if differing and not force:
            raise UsageError(
                f"nothing was written, because these files differ: "
                f"{', '.join(str(folder / name) for name in differing)}; write to another folder and compare, or "
                "overwrite them with --force"
            )
        for name in texts:
            if new[name]:
                replace(folder / name, texts[name])
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written ({error.strerror}); choose another folder with --output, or run as root"
        ) from error
    return new


def _holds(path: Path, text: str) -> bool:
    """True if a plain file with this text exists at `path`."""
    try:
        found, wanted = path.lstat(), text.encode()
        return stat.S_ISREG(found.st_mode) and found.st_size == len(wanted) and path.read_bytes() == wanted
    except FileNotFoundError:
        return False
