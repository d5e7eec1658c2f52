"""Files that only root can read: systemd reads them for a service, and hands them over as credentials, systemd.exec(5).

The user names the file. Where the service cannot read it, the credential of the same name stands in.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from aps2mqtt.base import files

CONFIG = "config.yaml"  # the configuration's credential, whatever the file is called
PASSWORD = "mqtt-password"  # noqa: S105 - the name of a file, beside the configuration
BESIDE = (PASSWORD, "mqtt-ca.pem", "mqtt-cert.pem", "mqtt-key.pem")  # what the units hand over from there
STAND_IN = 1  # byte: what the units hand over for a file that is not there


def at_hand(path: Path, environ: Mapping[str, str], name: str = "") -> Path:
    """Where to read what `path` holds: there, or else in the credential `name`, by default that of the same name."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder or os.access(path, os.R_OK):
        return path
    credential = Path(folder, name or path.name)
    return credential if _is_handed_over(credential) else path


def _is_handed_over(path: Path) -> bool:
    """True for an empty file, too, which is one that is there."""
    try:
        return path.stat().st_size != STAND_IN
    except OSError:
        return False


def is_service(environ: Mapping[str, str]) -> bool:
    """True in the units, which have a StateDirectory=."""
    return bool(environ.get("STATE_DIRECTORY"))


def unreadable(path: Path, error: OSError, environ: Mapping[str, str]) -> str:
    """What to say of a file that has to be read."""
    cause = f"{files.whole(path)} cannot be read: {error.strerror}"
    if is_service(environ):
        return f"{cause}; systemd did not hand it over: in an LXC guest, repeat the unit's LoadCredential= in a drop-in"
    if isinstance(error, FileNotFoundError):
        return f"{cause}; name the file with -c FILE (`aps2mqtt units` writes an example)"
    if isinstance(error, PermissionError):
        return f"{cause}; run aps2mqtt as root, or let this user read the file"
    return f"{cause}; name another file"
