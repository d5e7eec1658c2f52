"""Looks for ECUs in the networks of this machine, or in those that you name, and
prints the lines for the configuration file. It connects once to port 8899 of
each address and sends query 0001 to each device that has the port open. This
takes up to 3 s for 254 addresses. Exit status 69: no ECU was found.

examples:
  aps2mqtt find
  aps2mqtt find 192.168.1.0/24
"""

import argparse
import json
from collections.abc import Iterator
from functools import partial
from textwrap import wrap

from aps2mqtt.base.errors import EcuBusy, EcuUnreachable, ExitStatus, UsageError
from aps2mqtt.base.printable import plain, some
from aps2mqtt.commands import common
from aps2mqtt.screen import output
from aps2mqtt.setup import config_file, find, kernel, networks
from aps2mqtt.setup.config_file import Ecu
from aps2mqtt.setup.find import Device, Kind, Search
from aps2mqtt.setup.networks import Area

WIDTH = 80
MARGIN = 17  # columns of an address
MOST_NAMED = 4
NEXT = "To write the configuration file:"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("networks", metavar="NETWORK", nargs="*", help="192.168.1.0/24, or one address")
    parser.add_argument("--port", type=partial(common.port, least=1), default=find.PORT, help="TCP port (default 8899)")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Searches and prints what was found; raises EcuUnreachable if there is no ECU."""
    found = search(area(options.networks), options.port)
    if options.json:
        output.show(json.dumps(document(found), indent=1).splitlines())
    else:
        output.show(lines(found))
        if found.ecus:
            known = options.networks or options.port != find.PORT
            command = f"aps2mqtt init --ecu {','.join(map(str, _ecus(found)))}" if known else "aps2mqtt init"
            output.show(["", "Lines for the configuration file:", "", *configuration(found), "", *_next_step(command)])
    require_ecu(found)
    return ExitStatus.OK


def _next_step(command: str) -> list[str]:
    """The command that writes the file, on a line of its own if it is long."""
    line = f"{NEXT}  {command}"
    return [line] if len(line) <= WIDTH else [NEXT, f"  {command}"]


def area(texts: list[str]) -> Area:
    """The networks that the user names, else those of this machine; raises UsageError."""
    if texts:
        return networks.named(texts)
    own = networks.own(kernel.interfaces())
    if not own.networks:
        raise UsageError("this machine is in no private IPv4 network; name the network: aps2mqtt find 192.168.1.0/24")
    return own


def search(where: Area, port: int = find.PORT) -> Search:
    """Searches, and shows on a terminal that it does."""
    with output.waiting(f"answers from {some([str(network) for network in where.networks], MOST_NAMED)}"):
        return find.search(where, port)


def require_ecu(found: Search) -> None:
    """Raises EcuBusy or EcuUnreachable if no ECU has answered."""
    if found.ecus:
        return
    searched = some([str(network) for network in found.area.networks], MOST_NAMED)
    if any(device.kind is Kind.BUSY for device in found.devices):
        raise EcuBusy(f"every ECU in {searched} is in use by another aps2mqtt job; try again in a minute")
    raise EcuUnreachable(
        f"no ECU answers on port {found.port} in {searched}; check that this machine and the ECU are in the same "
        "network, and try the ECU's Wi-Fi address: aps2mqtt find 192.168.1.42"
    )


def configuration(found: Search) -> list[str]:
    """The section `ecu` of the configuration file for the ECUs found."""
    return config_file.section_ecu(_ecus(found), {}, hint=True)


def _ecus(found: Search) -> list[Ecu]:
    return [Ecu(ecu.address, ecu.sunspec, found.port) for ecu in found.ecus]


# -- for people -------------------------------------------------------------------------------------------------------


def lines(found: Search) -> Iterator[str]:
    """What was searched, and each device."""
    for network in found.area.networks:
        notes = ", ".join(filter(None, (network.interface, network.note)))
        yield from _wrapped("searched", f"{network}{f' ({notes})' if notes else ''}, port {found.port}")
    for skipped in found.area.skipped:
        yield from _wrapped("not searched", f"{skipped.network} ({skipped.interface}): {skipped.why}")
    if found.untried:
        yield from _wrapped(
            "not searched", f"{len(found.untried)} addresses, because the search took too long; name them to try again"
        )
    for device in found.devices:
        yield ""
        first, *others = _words(device, found.port)
        yield from _wrapped(device.address, first)
        for text in others:
            yield from _wrapped("", text)
    if found.unasked:
        yield ""
        yield f"{len(found.unasked)} more devices have port {found.port} open: {some(found.unasked, MOST_NAMED)}"


def _words(device: Device, port: int) -> Iterator[str]:
    sunspec = f"port 502 (SunSpec) is {'open' if device.sunspec else 'closed'}"
    if device.info is None:
        yield device.note if device.kind is Kind.BUSY else f"port {port} is open, {device.note}"
        if device.kind is Kind.UNCLEAR:
            yield "Other devices use this port, too. If this is your ECU, power it off and on."
            yield sunspec
        return
    yield f"{device.model} {device.info.ecu_id}, firmware {plain(device.info.firmware)}"
    yield f"{device.info.registered} inverters, {device.info.online} online"
    yield f"port {port} answers, {sunspec}"
    if device.twin:
        yield f"the same ECU as {device.twin}, connected by Wi-Fi and by cable"


def _wrapped(title: str, text: str) -> list[str]:
    return wrap(
        text, WIDTH, initial_indent=f"{title:<{MARGIN}}", subsequent_indent=" " * MARGIN, break_on_hyphens=False
    )


# -- for machines -----------------------------------------------------------------------------------------------------


def document(found: Search) -> dict[str, object]:
    """All of it in types that JSON knows."""
    return {
        "port": found.port,
        "searched": [
            {"network": str(one.network), "interface": one.interface, "note": one.note} for one in found.area.networks
        ],
        "skipped": [
            {"network": str(one.network), "interface": one.interface, "why": one.why} for one in found.area.skipped
        ],
        "untried": found.untried,
        "devices": [_object(device) for device in found.devices],
        "unasked": found.unasked,
        "configuration": "".join(f"{line}\n" for line in configuration(found)) if found.ecus else "",
    }


def _object(device: Device) -> dict[str, object]:
    info = device.info
    return {
        "address": device.address,
        "kind": device.kind,
        "note": device.note,
        "model": device.model,
        "ecu_id": info.ecu_id if info else "",
        "firmware": plain(info.firmware) if info else "",
        "inverters": info.registered if info else None,
        "online": info.online if info else None,
        "sunspec": device.sunspec,
        "same_as": device.twin,
    }
