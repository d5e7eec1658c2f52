"""What systemd wants to hear of a service of Type=notify: sd_notify(3), in the few lines that it takes."""

import os
import socket


def notify(state: str) -> None:
    """Tells the service manager, if one is listening: READY=1, WATCHDOG=1, STOPPING=1."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract socket
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.sendto(state.encode(), address)
        except OSError:  # nobody listens any more: nothing that a poll should die of
            return
