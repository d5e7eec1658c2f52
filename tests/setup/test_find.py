"""`find` in networks of loopback addresses: several ECUs, and what is none."""

import json
import threading
import time

import pytest
from devices import House
from parts import Ended, aps2mqtt, one_line, start_with

from aps2mqtt.setup import find, networks, scan
from aps2mqtt.setup.find import Kind, Search
from aps2mqtt.sources import lock

PAGE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
SLACK = 8.0  # seconds that a busy machine may need beyond what is promised


def searched(house: House, **ports: int) -> Search:
    return find.search(networks.named([house.network]), **ports)


def kinds(found: Search) -> list[tuple[int, Kind]]:
    return [(int(device.address.rpartition(".")[2]), device.kind) for device in found.devices]


def ran(house: House, *arguments: str) -> Ended:
    return aps2mqtt("find", house.network, *arguments)


def test_every_device_with_an_open_port_is_named_for_what_it_is(house: House) -> None:
    """In the order of their addresses; each ECU was sent 0001 once, and connections do not overlap."""
    ecus = [house.ecu(7), house.ecu(20, "ECU-R-Pro"), house.ecu(200, "ECU-B")]
    house.ecu(30, "ECU-C", fault="mute")
    house.ecu(31, "ECU-C", fault="close")
    house.ecu(32, "ECU-C", fault="cut")
    house.answers(40, PAGE)
    house.drops(41)
    found = searched(house)
    assert kinds(found) == [
        (7, Kind.ECU),
        (20, Kind.ECU),
        (30, Kind.UNCLEAR),
        (31, Kind.UNCLEAR),
        (32, Kind.UNCLEAR),
        (40, Kind.OTHER),
        (200, Kind.ECU),
    ]
    assert [(ecu.model, ecu.info.ecu_id, ecu.info.registered) for ecu in found.ecus if ecu.info] == [
        ("ECU-R", "216000000001", 5),
        ("ECU-R-Pro", "216200000001", 5),
        ("ECU-B", "216300000001", 5),
    ]
    for ecu in ecus:
        assert [request[9:13] for request in ecu.requests] == ["0001"]
        assert ecu.collisions == 0


def test_the_port_of_sunspec_is_looked_at(house: House) -> None:
    for number in (7, 8):
        house.ecu(number, "ECU-R-Pro" if number == 7 else "ECU-C")
    house.listens(8, 1502)
    found = searched(house, sunspec_port=1502)
    assert [ecu.sunspec for ecu in found.ecus] == [False, True]


def test_an_ecu_with_two_addresses_is_one(house: House) -> None:
    """Wi-Fi and wire; both are listed, and the configuration has the first."""
    house.ecu(9, "ECU-C")
    house.ecu(10, "ECU-C")
    ended = ran(house)
    assert ended.status == 0
    assert f"the same ECU as {house.address(9)}, connected by Wi-Fi and by cable" in ended.out
    assert f"\necu:\n  APS_ECU_IP: {house.address(9)}\n" in ended.out


def test_a_job_that_polls_an_ecu_is_not_disturbed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it holds the lock, nobody connects, on either port."""
    ecu = house.ecu(9)
    monkeypatch.setattr(find, "PATIENCE", 0.2)
    with lock.hold(house.address(9), 8899, 0):
        found = searched(house)
        assert kinds(found) == [(9, Kind.BUSY)]
        assert ecu.connections == 0
    assert kinds(searched(house)) == [(9, Kind.ECU)]


def test_where_every_ecu_is_in_use_the_status_says_so(house: House) -> None:
    house.ecu(9)
    with lock.hold(house.address(9), 8899, 0):
        process = start_with("from aps2mqtt.setup import find\nfind.PATIENCE = 0.2", "find", house.network)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert f"{house.address(9):<17}in use by another aps2mqtt job\n" in out
    assert f"every ECU in {house.network} is in use by another aps2mqtt job; try again" in one_line(err)


def test_find_waits_for_a_job_that_soon_ends(house: House) -> None:
    ecu = house.ecu(9)
    with lock.hold(house.address(9), 8899, 0):
        found: list[Search] = []
        searching = threading.Thread(target=lambda: found.append(searched(house)))
        searching.start()
        time.sleep(0.5)
        assert ecu.connections == 0
    searching.join()
    assert kinds(found[0]) == [(9, Kind.ECU)]


def test_a_network_without_listeners_takes_a_moment(house: House) -> None:
    began = time.monotonic()
    assert searched(house).devices == ()
    assert time.monotonic() - began < 1 + SLACK


def test_a_network_that_drops_everything_takes_three_seconds(house: House) -> None:
    """Every address of it."""
    for number in range(1, 255):
        house.drops(number)
    began = time.monotonic()
    found = searched(house)
    assert found.devices == ()
    assert 2 < time.monotonic() - began < 3 + SLACK


def test_the_search_ends_with_its_deadline_whatever_is_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "PER_USUAL", 0.5)
    monkeypatch.setattr(scan, "WAITING", 10.0)
    for number in range(1, 255):
        house.drops(number)
    began = time.monotonic()
    found = searched(house)
    assert time.monotonic() - began < 0.5 + SLACK
    assert len(found.untried) == 254


def test_no_more_connections_are_open_at_once_than_allowed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "AT_ONCE", 10)
    most = []

    def collect(selector, deadline, found, _collect=scan._collect) -> None:
        most.append(len(selector.get_map()))
        _collect(selector, deadline, found)

    monkeypatch.setattr(scan, "_collect", collect)
    for number in range(1, 60):
        house.drops(number)
    searched(house)
    assert max(most) == 10


@pytest.mark.parametrize(("number", "least"), [(1, 2.0), (128, 2.0), (254, 1.1), (1022, 1.1)])
def test_each_address_has_the_time_for_a_second_request(number: int, least: float) -> None:
    """The kernel repeats the first one after a second; all of them end within the time allowed."""
    assert scan.patience(number) >= least
    assert scan.patience(number) * -(-number // scan.AT_ONCE) < scan.allowed(number) <= 3 * -(-number // 254)


def test_of_many_open_ports_only_some_are_asked(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "MOST_ASKED", 2)
    for number in (5, 6, 7):
        house.answers(number, PAGE)
    found = searched(house)
    assert kinds(found) == [(5, Kind.OTHER), (6, Kind.OTHER)]
    assert found.unasked == (house.address(7),)


def test_what_is_printed_fits_80_columns_and_goes_into_a_file(house: House) -> None:
    for number, model in ((110, "ECU-R-Pro"), (111, "ECU-R")):
        house.ecu(number, model)
    house.ecu(112, fault="mute")
    house.answers(113, PAGE)
    ended = ran(house)
    assert (ended.status, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= 80
    assert ended.out.startswith(f"searched         {house.network}, port 8899\n")
    assert f"\n{house.address(110):<17}ECU-R-Pro 216200000001, firmware ECU_R_PRO_2.1.29D\n" in ended.out
    assert "port 8899 answers, port 502 (SunSpec) is closed\n" in ended.out
    assert f"\necu:\n  APS_ECU_IP: {house.address(110)},{house.address(111)}\n" in ended.out
    assert "port 8899 is open, but nothing answers\n" in ended.out
    assert "port 8899 is open, but the answer is not that of an ECU\n" in ended.out


def test_json_has_the_same(house: House) -> None:
    house.ecu(7)
    ended = ran(house, "--json")
    assert (ended.status, ended.err) == (0, "")
    document = json.loads(ended.out)
    assert document["searched"] == [{"network": house.network, "interface": "", "note": ""}]
    (device,) = document["devices"]
    assert device["ecu_id"] == "216000000001"
    assert device["kind"] == "ecu"
    assert document["configuration"] == f"ecu:\n  APS_ECU_IP: {house.address(7)}\n"


def test_no_ecu_is_an_error_that_says_what_to_check(house: House) -> None:
    """What has the port open is listed all the same."""
    house.ecu(9, fault="mute")
    ended = ran(house)
    assert ended.status == 69
    assert f"no ECU answers on port 8899 in {house.network}; check that" in one_line(ended.err)
    assert "If this is your ECU, power it off and on." in " ".join(ended.out.split())


def test_another_port_goes_into_the_lines_and_into_the_next_command(house: House) -> None:
    ecu = house.ecu(7, port=0)
    ended = ran(house, "--port", str(ecu.port))
    assert (ended.status, ended.err) == (0, "")
    assert f"\necu:\n  APS_ECU_IP: {house.address(7)}\n  APS_ECU_PORT: {ecu.port}\n" in ended.out
    last = f"\nTo write the configuration file:  aps2mqtt init --ecu {house.address(7)}:{ecu.port}\n"
    assert ended.out.endswith(last)
    ended = ran(house, "--port", "8898")
    assert ended.status == 69
    assert "on port 8898" in ended.err
    assert aps2mqtt("find", "--port", "0").status == 64


def test_the_next_command_names_the_ecus_of_a_named_network(house: House) -> None:
    """On a line of its own if it is long."""
    for number, model in ((100, "ECU-R"), (101, "ECU-B"), (102, "ECU-C")):
        house.ecu(number, model)
    addresses = ",".join(house.address(number) for number in (100, 101, 102))
    ended = ran(house)
    assert ended.out.endswith(f"\nTo write the configuration file:\n  aps2mqtt init --ecu {addresses}\n")
    ended = aps2mqtt("find", house.address(100))
    assert ended.out.endswith(f"\nTo write the configuration file:  aps2mqtt init --ecu {house.address(100)}\n")


def test_a_port_behind_an_address_is_told_how_to_name_it() -> None:
    ended = aps2mqtt("find", "127.0.0.1:28899")
    assert ended.status == 64
    assert "is not an IPv4 address or network; for another port, add --port 28899" in one_line(ended.err)


def test_a_wrong_network_is_an_error_of_usage() -> None:
    ended = aps2mqtt("find", "ecu.local")
    assert ended.status == 64
    assert "'ecu.local' is not an IPv4 address or network" in one_line(ended.err)
