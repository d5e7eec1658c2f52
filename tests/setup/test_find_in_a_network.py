"""`find` in a network of the test's own, with its own kernel tables: two namespaces joined by a cable.

Nothing can leave it, so addresses without a device are as they are in a house: nobody answers.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
from parts import PATIENCE, Ended, clean_environment

from aps2mqtt.config import loading

HERE, THERE = f"aps2mqtt-here-{os.getpid()}", f"aps2mqtt-there-{os.getpid()}"
LAN = "10.77.5"
# ECUs on addresses of the other namespace; it prints a line when all of them listen.
ECUS = """
import socket, sys
from contextlib import ExitStack
from aps2mqtt.simulator import server
from aps2mqtt.simulator.plant import ECU_MODELS, Plant
with ExitStack() as stack:
    for text in sys.argv[1:]:
        server.HOST, model, fault = text.split(",")
        stack.enter_context(server.Simulator(Plant(ECU_MODELS[model]), port=8899, fault=fault))
    sunspec = socket.create_server(("10.77.5.20", 502))
    page = socket.create_server(("10.77.5.30", 8899))
    print("ready", flush=True)
    while True:
        connection, _ = page.accept()
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n")
        connection.close()
"""


def ip(*words: str) -> None:
    subprocess.run([machine.find("ip"), *words], check=True, capture_output=True)


def within(namespace: str, *words: str) -> None:
    ip("netns", "exec", namespace, machine.find("ip"), *words)


@pytest.fixture(scope="module")
def cable() -> Iterator[None]:
    """Two namespaces with an interface each: `lan0` here, with the address .1, and `lan1` there with all the others."""
    machine.need("ip")
    with contextlib.ExitStack() as stack:
        for namespace in (HERE, THERE):
            made = subprocess.run([machine.find("ip"), "netns", "add", namespace], capture_output=True, check=False)
            if made.returncode:
                pytest.skip(f"network namespaces cannot be made here: {made.stderr.decode().strip()}")
            stack.callback(ip, "netns", "del", namespace)
            within(namespace, "link", "set", "lo", "up")
        within(HERE, "link", "add", "lan0", "type", "veth", "peer", "name", "lan1", "netns", THERE)
        within(HERE, "addr", "add", f"{LAN}.1/24", "dev", "lan0")
        within(HERE, "link", "set", "lan0", "up")
        for number in (7, 20, 30, 40):
            within(THERE, "addr", "add", f"{LAN}.{number}/24", "dev", "lan1")
        within(THERE, "link", "set", "lan1", "up")
        yield


@pytest.fixture
def ecus(cable: None) -> Iterator[None]:  # noqa: ARG001 - it has to be there
    """The devices of the other namespace."""
    devices = (f"{LAN}.7,ECU-R,", f"{LAN}.20,ECU-R-Pro,", f"{LAN}.40,ECU-C,mute")
    command = [machine.find("ip"), "netns", "exec", THERE, sys.executable, "-c", ECUS, *devices]
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
        process.terminate()


def find(*arguments: str) -> Ended:
    """`aps2mqtt find` in the first namespace."""
    return program("find", *arguments)


def program(*arguments: str) -> Ended:
    """The program in the first namespace."""
    began = time.monotonic()
    command = [machine.find("ip"), "netns", "exec", HERE, sys.executable, "-m", "aps2mqtt", *arguments]
    done = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


@pytest.mark.usefixtures("ecus")
def test_find_searches_the_network_of_this_machine() -> None:
    """It is asked for nothing, and finds what is there."""
    ended = find()
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("searched         10.77.5.0/24 (lan0), port 8899\n")
    words = " ".join(ended.out.split())
    assert "10.77.5.7 ECU-R 216000000001, firmware ECU_R_1.3.19C" in words
    assert re.search(r"10\.77\.5\.20 ECU-R-Pro 216200000001, .{1,80} 502 \(SunSpec\) is open", words)
    assert "10.77.5.30 port 8899 is open, but the answer is not that of an ECU" in words
    assert "10.77.5.40 port 8899 is open, but nothing answers" in words
    assert "  - APS_ECU_IP: 10.77.5.7\n  - APS_ECU_IP: 10.77.5.20\n    #APS_ECU_SUNSPEC: True" in ended.out
    assert ended.out.endswith("\nTo write the configuration file:  aps2mqtt init\n")
    assert ended.seconds < 3 + 4 + 8  # the search, the device that does not answer, a busy machine


@pytest.mark.usefixtures("ecus")
def test_init_takes_the_ecus_that_it_finds(tmp_path: Path) -> None:
    """Asked for nothing at all; no broker is there."""
    path = tmp_path / "config.yaml"
    ended = program("init", "-c", str(path), "--yes", "--sunspec")
    assert ended.status == 69
    assert "Not ready: connection of broker" in ended.out
    configs = loading.load(path, {})
    assert [(config.ecu.host, config.ecu.sunspec) for config in configs] == [(f"{LAN}.7", False), (f"{LAN}.20", True)]


@pytest.mark.usefixtures("cable")
def test_where_nobody_answers_find_takes_three_seconds() -> None:
    ended = find(f"{LAN}.0/24")
    assert ended.status == 69
    assert f"no ECU answers on port 8899 in {LAN}.0/24" in ended.err
    assert ended.seconds < 3 + 8


@pytest.mark.usefixtures("ecus")
def test_a_large_network_is_searched_around_this_machine_and_others_are_named() -> None:
    """As of a company, or of a router of containers."""
    with contextlib.ExitStack() as stack:
        for words in (("10.77.5.1/24", "del"), ("10.77.5.1/16", "add"), ("8.8.4.4/24", "add")):
            address, verb = words
            within(HERE, "addr", verb, address, "dev", "lan0")
        stack.callback(within, HERE, "addr", "add", "10.77.5.1/24", "dev", "lan0")
        stack.callback(within, HERE, "addr", "flush", "dev", "lan0")
        ended = find()
    assert ended.status == 0
    assert "searched         10.77.5.0/24 (lan0, a part of 10.77.0.0/16), port 8899\n" in ended.out
    assert "not searched     8.8.4.0/24 (lan0): not a private network\n" in ended.out
    assert "10.77.5.7" in ended.out


@pytest.mark.usefixtures("cable")
def test_a_machine_without_a_private_network_asks_for_one() -> None:
    """It is in the loopback network alone."""
    with contextlib.ExitStack() as stack:
        within(HERE, "addr", "flush", "dev", "lan0")
        stack.callback(within, HERE, "addr", "add", "10.77.5.1/24", "dev", "lan0")
        ended = find()
    assert ended.status == 64
    assert "this machine is in no private IPv4 network; name the network" in ended.err


@pytest.mark.usefixtures("cable")
def test_a_machine_with_many_addresses_is_listed_to_the_end() -> None:
    """The kernel then sends several datagrams."""
    with contextlib.ExitStack() as stack:
        for number in range(2, 200):
            within(HERE, "addr", "add", f"10.78.{number}.1/24", "dev", "lan0")
        stack.callback(within, HERE, "addr", "add", "10.77.5.1/24", "dev", "lan0")
        stack.callback(within, HERE, "addr", "flush", "dev", "lan0")
        code = "from aps2mqtt.setup import kernel; print(*kernel.interfaces(), sep='\\n')"
        command = [machine.find("ip"), "netns", "exec", HERE, sys.executable, "-c", code]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(listed) == 200
