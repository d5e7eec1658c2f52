"""Notifies systemd about the state of a service of Type=notify: sd_notify(3), in a few lines."""

import os
import socket
from contextlib import suppress


def notify(state: str) -> None:
    """Sends READY=1, WATCHDOG=1 or STOPPING=1 to the service manager, if one is listening."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, suppress(OSError):
        channel.sendto(state.encode(), address)  # a poll must not fail because nobody listens any more
