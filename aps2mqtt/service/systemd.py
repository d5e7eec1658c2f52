"""Notifies systemd about the state of a service of Type=notify: sd_notify(3), in a few lines."""

import os
import socket


def notify(state: str) -> None:
    """Sends READY=1, WATCHDOG=1 or STOPPING=1 to the service manager, if one is listening."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.sendto(state.encode(), address)
        except OSError:  # nobody listens any more: a poll must not fail for that
            return
