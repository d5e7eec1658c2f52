"""The only access to an ECU: resolves its name, locks its box and gives its endpoint.

    with ask.turn(config.ecu, limits) as endpoint: ...

A box is the device behind a configured ECU, with all its ports. A source reads the box within a turn only, so no two
of its ports are asked at once. The deadline of a poll starts after the lock is taken: see client.Conversation.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.config.values import EcuConfig
from aps2mqtt.sources import endpoints, lock
from aps2mqtt.sources.endpoints import NORMAL, Endpoint, Limits

PATIENCE = 20.0  # seconds for another job to release the box


@contextmanager
def turn(ecu: EcuConfig, limits: Limits = NORMAL, patience: float | None = None) -> Iterator[Endpoint]:
    """The endpoint of `ecu`, with the box locked; `patience` is in seconds, None for PATIENCE.

    Raises EcuUnreachable if the name cannot be resolved, EcuBusy if another job holds the box.
    """
    endpoint = resolve(ecu, limits)
    with hold(ecu, endpoint, patience):
        yield endpoint


@contextmanager
def turn_or_failure(ecu: EcuConfig, limits: Limits = NORMAL) -> Iterator[Endpoint | EcuUnreachable]:
    """As `turn`, for a caller that needs the lock in any case: yields the error if the name cannot be resolved."""
    found: Endpoint | EcuUnreachable
    try:
        found = resolve(ecu, limits)
    except EcuUnreachable as error:
        found = error
    with hold(ecu, found):
        yield found


def resolve(ecu: EcuConfig, limits: Limits) -> Endpoint:
    """The endpoint of `ecu`; raises EcuUnreachable."""
    return endpoints.resolve(ecu.host, ecu.port, limits)


def hold(
    ecu: EcuConfig, found: Endpoint | EcuUnreachable, patience: float | None = None
) -> AbstractContextManager[None]:
    """The lock of the box, named after the configured host if that could not be resolved; entering raises EcuBusy."""
    address = ecu.host if isinstance(found, EcuUnreachable) else found.address
    return lock.hold(address, ecu.port, PATIENCE if patience is None else patience)


def resolve_address(name: str, port: int, limits: Limits) -> str:
    """The address behind a host name that nobody has configured; raises EcuUnreachable."""
    return endpoints.resolve(name, port, limits).address


def hold_address(address: str, port: int, patience: float) -> AbstractContextManager[None]:
    """The lock of whatever is at an address that nobody has configured; entering raises EcuBusy."""
    return lock.hold(address, port, patience)
