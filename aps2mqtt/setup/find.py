"""Finds the ECUs in networks: tries port 8899 of every address, and sends query 0001 to each that has the port open.

It takes the lock of every address that it tries, so it never disturbs a job of this machine.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import NamedTuple

from aps2mqtt.base.errors import EcuBusy, EcuMute, EcuUnreachable, FrameError, NoFrame
from aps2mqtt.base.models import ecu_model
from aps2mqtt.setup import config_file, scan
from aps2mqtt.setup.networks import Area
from aps2mqtt.sources import ask
from aps2mqtt.sources.ecu8899.answers import SystemInfo
from aps2mqtt.sources.ecu8899.client import Conversation
from aps2mqtt.sources.endpoints import Endpoint, Limits

PORT, SUNSPEC_PORT = config_file.USUAL_PORT, 502
MOST_ASKED = 32  # devices with an open port
PATIENCE = 10.0  # seconds for a job to release an ECU
LIMITS = Limits(connect=2.0, answer=2.5, pauses=(0.5,), conversation=4.0)  # a healthy ECU answers within 0.05 s


class Kind(StrEnum):
    """What has the port open."""

    ECU = "ecu"
    UNCLEAR = "unclear"  # perhaps an ECU
    BUSY = "busy"  # another job uses it
    OTHER = "other"  # no ECU


class Device(NamedTuple):
    """A device with the port open; `note` says what it did, if it is no ECU that answers."""

    address: str
    kind: Kind
    note: str = ""
    info: SystemInfo | None = None  # of an ECU
    sunspec: bool = False  # port 502 is open
    twin: str = ""  # the address under which the same ECU is listed before

    @property
    def model(self) -> str:
        """The ECU's model by its id."""
        return ecu_model(self.info.ecu_id) if self.info else ""


class Search(NamedTuple):
    """What was searched and found; `unasked` have the port open, too, and are too many."""

    area: Area
    port: int
    devices: tuple[Device, ...] = ()
    unasked: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()

    @property
    def ecus(self) -> tuple[Device, ...]:
        """The ECUs that have answered, each once."""
        return tuple(device for device in self.devices if device.kind is Kind.ECU and not device.twin)


def search(area: Area, port: int = PORT, sunspec_port: int = SUNSPEC_PORT) -> Search:
    """Searches every address of `area`."""
    scanned = scan.open_ports(area.addresses, port, lambda address: _guard(address, port))
    wanted = sorted({*scanned.open, *scanned.busy}, key=area.addresses.index)
    asked = wanted[:MOST_ASKED]
    devices = _ask_all(asked, port, sunspec_port)
    return Search(area, port, _with_twins(devices), tuple(wanted[MOST_ASKED:]), scanned.untried)


def _guard(address: str, port: int) -> AbstractContextManager[None]:
    """The lock of this address; raises EcuBusy when entered. Elsewhere than on Linux it would leave a file for each."""
    return ask.hold_address(address, port, 0) if sys.platform == "linux" else nullcontext()


def _ask_all(addresses: list[str], port: int, sunspec_port: int) -> list[Device]:
    """Polls all at the same time: one that does not answer does not delay the others."""
    with ThreadPoolExecutor(MOST_ASKED) as pool:
        return list(pool.map(lambda address: _ask(address, port, sunspec_port), addresses))


def _ask(address: str, port: int, sunspec_port: int) -> Device:
    try:
        with ask.hold_address(address, port, PATIENCE):
            device = _answered(address, port)
            if device.kind is Kind.OTHER:
                return device
            return device._replace(sunspec=scan.is_open(address, sunspec_port))
    except EcuBusy:
        return Device(address, Kind.BUSY, "in use by another aps2mqtt job")


def _answered(address: str, port: int) -> Device:
    """The device, from its answer to 0001."""
    try:
        info = Conversation(Endpoint(address, address, port), LIMITS).system_info()
    except NoFrame:
        return Device(address, Kind.OTHER, "but the answer is not that of an ECU")
    except FrameError:
        return Device(address, Kind.UNCLEAR, "but the answer cannot be used")
    except EcuMute:
        return Device(address, Kind.UNCLEAR, "but nothing answers")
    except EcuUnreachable:
        return Device(address, Kind.UNCLEAR, "but a second connection was refused")
    return Device(address, Kind.ECU, info=info)


def _with_twins(devices: list[Device]) -> tuple[Device, ...]:
    """Marks an ECU that has answered at several addresses: some have one on Wi-Fi and one on the wire."""
    first: dict[str, str] = {}
    marked = []
    for device in devices:
        known = first.setdefault(device.info.ecu_id, device.address) if device.info else device.address
        marked.append(device._replace(twin=known) if known != device.address else device)
    return tuple(marked)
