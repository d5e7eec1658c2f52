"""Gets the IPv4 addresses of this machine from the kernel (Linux only)."""

import socket

from aps2mqtt.base.errors import UsageError
from aps2mqtt.setup import networks
from aps2mqtt.setup.networks import Interface

PATIENCE = 2.0  # seconds; the kernel answers at once
MAX_DATAGRAM = 65536  # bytes
MOST_DATAGRAMS = 64


def interfaces() -> list[Interface]:
    """Every IPv4 address of this machine; raises UsageError if the kernel does not list them."""
    found: list[Interface] = []
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(PATIENCE)
            kernel.send(networks.REQUEST_ADDRESSES)
            for _ in range(MOST_DATAGRAMS):
                datagram = kernel.recv(MAX_DATAGRAM)
                found += networks.interfaces(datagram)
                if networks.is_end(datagram):
                    break
    except (OSError, AttributeError) as error:  # AttributeError: this is not Linux
        raise UsageError(
            f"this machine does not list its networks ({getattr(error, 'strerror', None) or 'not Linux'}); name the "
            "network: aps2mqtt find 192.168.1.0/24"
        ) from error
    return found
