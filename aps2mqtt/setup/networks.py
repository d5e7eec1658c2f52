"""The networks in which to look for ECUs: those of this machine, or those that the user names. Pure.

the kernel's answer -> interfaces -> networks to search
the user's words    -> networks to search
"""

import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import AddressValueError, IPv4Interface, IPv4Network, IPv6Network, NetmaskValueError, ip_network
from typing import NamedTuple

from aps2mqtt.base.errors import UsageError, shown

PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))  # RFC 1918
LARGEST = 22  # bits of the prefix: 1022 addresses
USUAL = 24  # bits of the prefix of a home network
SMALLEST = 30  # bits of the prefix: a smaller network has no room for an ECU
BITS, OCTETS = 32, 4  # of an address
MOST_ADDRESSES = 1024  # of one search
# Interfaces of containers, virtual machines and VPNs: no ECU is connected to them.
VIRTUAL = re.compile(
    r"docker|br-[0-9a-f]{12}$|veth|virbr|hassio|lxcbr|lxdbr|cni|flannel|cali|podman|vmnet|vboxnet"
    r"|tun|tap|wg|tailscale|zt|ppp|utun|nordlynx"
)
WITH_PORT = re.compile(r"[^:]+:([0-9]{1,5})")  # people write the port behind an address


class Interface(NamedTuple):
    """An IPv4 address of this machine, with its network, and the name of the interface that has it."""

    name: str
    address: IPv4Interface


class Network(NamedTuple):
    """A network to search; `note` is empty, the name of an address, or which part of the interface's network it is."""

    network: IPv4Network | IPv6Network
    interface: str = ""  # empty: the user has named the network
    note: str = ""

    def __str__(self) -> str:
        single = self.network.prefixlen == self.network.max_prefixlen
        return str(self.network.network_address if single else self.network)


class Skipped(NamedTuple):
    """A network of this machine that is not searched, and why."""

    network: IPv4Network
    interface: str
    why: str


class Area(NamedTuple):
    """Where to search."""

    networks: tuple[Network, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def addresses(self) -> list[str]:
        """Every address to search, each once."""
        return list(dict.fromkeys(str(one) for network in self.networks for one in network.network.hosts()))


# -- the kernel's answer, rtnetlink(7) --------------------------------------------------------------------------------

MESSAGE = struct.Struct("=IHHII")  # length, type, flags, sequence, sender
ADDRESS = struct.Struct("=BBBBI")  # family, bits of the prefix, flags, scope, number of the interface
ATTRIBUTE = struct.Struct("=HH")  # length, type
GET_ADDRESSES, NEW_ADDRESS, DONE, FAILED = 22, 20, 3, 2
REQUEST, DUMP = 0x1, 0x300
IPV4 = 2
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL = 1, 2, 3

REQUEST_ADDRESSES = MESSAGE.pack(
    MESSAGE.size + ADDRESS.size, GET_ADDRESSES, REQUEST | DUMP, 1, 0
) + ADDRESS.pack(IPV4, 0, 0, 0, 0)  # fmt: skip


def is_end(datagram: bytes) -> bool:
    """True if no datagram follows this one; raises OSError if the kernel reports an error."""
    for kind, _ in _messages(datagram):
        if kind == FAILED:
            raise OSError(0, "the kernel does not list the addresses")
        if kind == DONE:
            return True
    return False


def interfaces(datagram: bytes) -> Iterator[Interface]:
    """The IPv4 addresses in a datagram of the kernel; what is cut or unknown is left out."""
    for kind, content in _messages(datagram):
        if kind != NEW_ADDRESS or len(content) < ADDRESS.size:
            continue
        family, prefix, *_ = ADDRESS.unpack_from(content)
        attributes = dict(_attributes(content[ADDRESS.size :]))
        address = attributes.get(IFA_LOCAL) or attributes.get(IFA_ADDRESS) or b""  # of a tunnel, the latter is the peer
        if family == IPV4 and len(address) == OCTETS and prefix <= BITS:
            name = attributes.get(IFA_LABEL, b"").rstrip(b"\0").decode("ascii", "replace")
            yield Interface(name, IPv4Interface((address, prefix)))


def _messages(datagram: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each message."""
    at = 0
    while at + MESSAGE.size <= len(datagram):
        length, kind, *_ = MESSAGE.unpack_from(datagram, at)
        if not MESSAGE.size <= length <= len(datagram) - at:
            return
        yield kind, datagram[at + MESSAGE.size : at + length]
        at += _aligned(length)


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + ATTRIBUTE.size <= len(content):
        length, kind = ATTRIBUTE.unpack_from(content, at)
        if length < ATTRIBUTE.size:
            return
        yield kind, content[at + ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3


# -- where to search --------------------------------------------------------------------------------------------------


def own(found: Iterable[Interface]) -> Area:
    """The private networks of this machine; a large one is cut to the part around this machine's address."""
    searched: dict[IPv4Network, Network] = {}
    skipped = []
    left = MOST_ADDRESSES
    for name, address in found:
        network, note = address.network, ""
        if network.is_loopback or network in searched:
            continue
        if network.prefixlen < LARGEST:
            network = IPv4Network((address.ip, USUAL), strict=False)
            note = f"a part of {address.network}"
        why = _obstacle(name, network)
        if not why and network.num_addresses > left:
            why = "too many addresses for one search; name this network to search it"
        if why:
            skipped.append(Skipped(address.network, name, why))
        elif network not in searched:
            searched[network] = Network(network, name, note)
            left -= network.num_addresses
    return Area(tuple(searched.values()), tuple(skipped))


def _obstacle(name: str, network: IPv4Network) -> str:
    """The reason why this network is not searched; empty: it is."""
    if VIRTUAL.match(name):
        return "of containers, virtual machines or a VPN"
    if not any(network.subnet_of(private) for private in PRIVATE):
        return "not a private network"
    if network.prefixlen > SMALLEST:
        return "a single address"
    return ""


def named(texts: Sequence[str]) -> Area:
    """The networks and addresses that the user names; raises UsageError."""
    networks = []
    for text in texts:
        try:
            network = IPv4Network(text.strip(), strict=False)
        except (AddressValueError, NetmaskValueError, ValueError) as error:
            port = WITH_PORT.fullmatch(text.strip())
            remedy = f"for another port, add --port {port[1]}" if port else "write 192.168.1.42 or 192.168.1.0/24"
            raise UsageError(f"{shown(text)!r} is not an IPv4 address or network; {remedy}") from error
        if network.prefixlen < LARGEST:
            example = IPv4Network((network.network_address, USUAL))
            raise UsageError(
                f"{network} has more than {MOST_ADDRESSES} addresses; name a smaller network, such as {example}"
            )
        networks.append(Network(network))
    area = Area(tuple(dict.fromkeys(networks)))
    if sum(network.network.num_addresses for network in area.networks) > MOST_ADDRESSES:
        raise UsageError(f"these networks have more than {MOST_ADDRESSES} addresses together; name fewer of them")
    return area


def single(address: str, name: str) -> Network:
    """The network of one address; `name` is what the user calls it, such as ecu.local."""
    return Network(ip_network(address.partition("%")[0]), note="" if name == address else name)
