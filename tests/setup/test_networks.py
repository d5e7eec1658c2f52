"""Which networks are searched: what the kernel lists, literally, and what people write."""

import struct
from ipaddress import IPv4Interface

import pytest

from aps2mqtt.base.errors import UsageError
from aps2mqtt.setup import kernel, networks
from aps2mqtt.setup.networks import Interface

# A dump of a Linux 6.1 with lo, lan1 (172.17.0.1/16) and lan0 (10.77.5.1/24).
DUMP = bytes.fromhex(
    "4c0000001400020001000000e8330000020880fe01000000080001007f000001080002007f000001070003006c6f00000800080080000000"
    "14000600ffffffffffffffff96e0110096e01100"
    "500000001400020001000000e8330000021000000200000008000100ac11000108000200ac110001090003006c616e310000000008000800"
    "8000000014000600ffffffffffffffff97e0110097e01100"
    "580000001400020001000000e83300000218800003000000080001000a4d0501080002000a4d0501080004000a4d05ff090003006c616e30"
    "00000000080008008000000014000600ffffffffffffffff97e0110097e01100"
)
END = bytes.fromhex("140000000300020001000000e833000000000000")
REFUSED = bytes.fromhex("2400000002000000010000000000000095ffffff180000001600010301000000000000000200000000000000")[:36]
FOUND = [
    Interface("lo", IPv4Interface("127.0.0.1/8")),
    Interface("lan1", IPv4Interface("172.17.0.1/16")),
    Interface("lan0", IPv4Interface("10.77.5.1/24")),
]


def area(*found: tuple[str, str]) -> networks.Area:
    return networks.own(Interface(name, IPv4Interface(address)) for name, address in found)


def searched(found: networks.Area) -> list[str]:
    return [str(network.network) for network in found.networks]


def test_the_kernel_is_asked_for_all_addresses_of_ipv4() -> None:
    assert networks.REQUEST_ADDRESSES.hex() == "180000001600010301000000000000000200000000000000"


def test_the_dump_of_a_kernel_is_read() -> None:
    assert list(networks.interfaces(DUMP)) == FOUND
    assert not networks.is_end(DUMP)
    assert networks.is_end(END)
    assert networks.is_end(DUMP + END)


def test_of_a_tunnel_our_own_address_counts_not_that_of_its_peer() -> None:
    assert list(networks.interfaces(
        struct.pack("=IHHII", 48, 20, 2, 1, 0) + struct.pack("=BBBBI", 2, 32, 0, 0, 4)
        + struct.pack("=HH4s", 8, 1, bytes([10, 8, 0, 1])) + struct.pack("=HH4s", 8, 2, bytes([10, 8, 0, 6]))
        + struct.pack("=HH8s", 8, 3, b"tun0")
    )) == [Interface("tun0", IPv4Interface("10.8.0.6/32"))]  # fmt: skip


@pytest.mark.parametrize("cut", range(len(DUMP)))
def test_a_dump_that_is_cut_is_read_as_far_as_it_goes(cut: int) -> None:
    found = list(networks.interfaces(DUMP[:cut]))
    assert found == FOUND[: len(found)]


def test_an_error_of_the_kernel_is_an_error() -> None:
    with pytest.raises(OSError, match="does not list"):
        networks.is_end(REFUSED)


def test_this_machine_lists_its_loopback_interface() -> None:
    assert Interface("lo", IPv4Interface("127.0.0.1/8")) in kernel.interfaces()


def test_a_machine_that_lists_nothing_asks_for_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("socket.AF_NETLINK")
    with pytest.raises(UsageError, match=r"does not list its networks.*name the network"):
        kernel.interfaces()


@pytest.mark.parametrize("address", ["10.0.0.5/24", "172.31.1.5/24", "192.168.1.5/24", "192.168.178.5/22"])
def test_private_networks_are_searched(address: str) -> None:
    assert searched(area(("eth0", address))) == [str(IPv4Interface(address).network)]


@pytest.mark.parametrize("address", ["8.8.8.8/24", "100.64.1.1/24", "169.254.3.4/16", "192.0.2.2/24", "172.32.0.1/24"])
def test_other_networks_are_not_searched_and_it_is_said(address: str) -> None:
    found = area(("eth0", address))
    assert found.networks == ()
    assert [(one.interface, one.why) for one in found.skipped] == [("eth0", "not a private network")]


@pytest.mark.parametrize(
    "name",
    [
        "docker0",
        "br-0123456789ab",
        "vethab12",
        "virbr0",
        "hassio",
        "tun0",
        "tap1",
        "wg0",
        "tailscale0",
        "ztabc",
        "ppp0",
    ],
)
def test_interfaces_of_containers_machines_and_vpns_are_not_searched(name: str) -> None:
    found = area((name, "172.17.0.1/24"))
    assert found.networks == ()
    assert found.skipped[0].why == "of containers, virtual machines or a VPN"


@pytest.mark.parametrize("name", ["eth0", "wlan0", "end0", "enp3s0", "br0", "br-lan", "vmbr0", "bond0", "eth0.20"])
def test_interfaces_of_houses_are_searched(name: str) -> None:
    assert searched(area((name, "192.168.1.5/24"))) == ["192.168.1.0/24"]


def test_of_a_large_network_only_the_part_around_this_machine_is_searched() -> None:
    (network,) = area(("eth0", "10.1.2.3/8")).networks
    assert (str(network), network.note) == ("10.1.2.0/24", "a part of 10.0.0.0/8")


def test_a_network_that_two_interfaces_are_in_is_searched_once() -> None:
    found = area(("lo", "127.0.0.1/8"), ("eth0", "192.168.1.5/24"), ("wlan0", "192.168.1.6/24"))
    assert searched(found) == ["192.168.1.0/24"]
    assert len(found.addresses) == 254
    assert found.skipped == ()


def test_a_single_address_is_no_network() -> None:
    assert area(("eth0", "10.1.2.3/32")).skipped[0].why == "a single address"


def test_one_search_has_a_bound() -> None:
    found = area(*((f"eth{number}", f"10.0.{number}.1/24") for number in range(6)))
    assert (len(found.networks), len(found.skipped)) == (4, 2)
    assert {one.why for one in found.skipped} == {"too many addresses for one search; name this network to search it"}


@pytest.mark.parametrize(
    ("text", "network", "number"),
    [
        ("192.168.1.42", "192.168.1.42/32", 1),
        ("192.168.1.42/24", "192.168.1.0/24", 254),
        (" 192.168.1.0/255.255.255.0 ", "192.168.1.0/24", 254),
        ("127.0.0.0/22", "127.0.0.0/22", 1022),
        ("10.0.0.0/31", "10.0.0.0/31", 2),
    ],
)
def test_people_name_networks_and_addresses(text: str, network: str, number: int) -> None:
    found = networks.named([text, text])
    assert searched(found) == [network]
    assert len(found.addresses) == number


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["192.168.1"], "'192.168.1' is not an IPv4 address or network; write 192.168.1.42 or 192.168.1.0/24"),
        (["192.168.1.0/33"], "is not an IPv4 address or network"),
        (["fe80::1"], "is not an IPv4 address or network"),
        ([""], "is not an IPv4 address or network"),
        (["9" * 5000], "is not an IPv4 address or network"),
        (
            ["192.168.0.0/16"],
            "192.168.0.0/16 has more than 1024 addresses; name a smaller network, such as 192.",
        ),
        (["10.0.0.0/22", "10.0.4.0/24"], "these networks have more than 1024 addresses together; name fewer of them"),
    ],
)
def test_what_is_no_network_or_too_large_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        networks.named(texts)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 250
