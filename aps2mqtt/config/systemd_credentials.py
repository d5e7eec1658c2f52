"""Files that only root can read: systemd reads them for a service and passes them as credentials, systemd.exec(5).

The user names the file. If the service cannot read it, it reads the credential of the same name.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from aps2mqtt.base import files

CONFIG = "config.yaml"  # the configuration's credential, even if its file has another name
PASSWORD = "mqtt-password"  # noqa: S105 - the name of a file, beside the configuration
BESIDE = (PASSWORD, "mqtt-ca.pem", "mqtt-cert.pem", "mqtt-key.pem")  # the units pass these files of that folder
STAND_IN = 1  # byte: size of what the units pass for a missing file


def at_hand(path: Path, environ: Mapping[str, str], name: str = "") -> Path:
    """`path` if it can be read, else the credential `name` if systemd passed it; by default that of the same name."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if not folder or os.access(path, os.R_OK):
        return path
    credential = Path(folder, name or path.name)
    with suppress(OSError):
        if credential.stat().st_size != STAND_IN:  # an empty one counts
            return credential
    return path


def is_service(environ: Mapping[str, str]) -> bool:
    """True in a process of our units: they set StateDirectory=."""
    return bool(environ.get("STATE_DIRECTORY"))


def unreadable(path: Path, error: OSError, environ: Mapping[str, str]) -> str:
    """The line, cause and remedy, for a required file that `error` made unreadable."""
    cause = f"{files.whole(path)} cannot be read: {error.strerror}"
    if is_service(environ):
        return f"{cause}; check LoadCredential= in the unit, and in an LXC guest repeat that line in a drop-in"
    if isinstance(error, FileNotFoundError):
        return f"{cause}; check the path after -c or in CONFIG_FILE, or run `aps2mqtt init` to write the file"
    if isinstance(error, PermissionError):
        return f"{cause}; run the command as root (sudo), or let this user read the file"
    return f"{cause}; name a plain file"
