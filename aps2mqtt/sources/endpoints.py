"""Where an ECU is, and how long it may take: its name resolved, the endpoint behind it, the limits in time."""

import socket
from typing import NamedTuple

from aps2mqtt.base.deadline import Deadline, bounded
from aps2mqtt.base.errors import EcuUnreachable


class Limits(NamedTuple):
    """How long to wait for an ECU, in seconds. A healthy ECU answers within 0.05 s."""

    resolve: float = 5.0
    connect: float = 5.0
    answer: float = 8.0  # from the request to the last byte, whatever the segmentation
    newline: float = 0.5  # for the final newline, when all other bytes have come
    pauses: tuple[float, ...] = (1.0, 2.0)  # before each retry
    conversation: float = 35.0  # all queries together


NORMAL = Limits()


class Endpoint(NamedTuple):
    """Where an ECU listens: the user's name for it, the address behind that, the port."""

    name: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


def resolve(name: str, port: int, limits: Limits) -> Endpoint:
    """The endpoint behind a host name or an address, IPv4 first as ECUs have no other; raises EcuUnreachable."""
    try:
        found = bounded(lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM), Deadline(limits.resolve))
    except TimeoutError as error:
        raise EcuUnreachable(
            f"the ECU's host name {name} was not resolved in time; set APS_ECU_IP to the ECU's IP address"
        ) from error
    except (OSError, UnicodeError) as error:
        raise EcuUnreachable(
            f"the ECU's host name {name} is unknown; check APS_ECU_IP, or set it to the ECU's IP address"
        ) from error
    best = min(found, key=lambda one: one[0] != socket.AF_INET)
    return Endpoint(name, str(best[4][0]), port)
