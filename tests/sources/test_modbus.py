"""Modbus TCP on the wire: strangers read the simulator, and the reader asks a stranger's server.

Their tables are not ours: what they make of the simulated registers says that these are SunSpec.
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
import sunspec2.modbus.client as stranger
from free_ports import free_port
from parts import until
from pymodbus.client import ModbusTcpClient
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.exceptions import ModbusIOException
from pymodbus.server import ModbusTcpServer
from test_registers import DS3, QT2, captured

from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.base.memory import Units
from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.modbus import Faults, ModbusServer
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.sources.endpoints import Endpoint
from aps2mqtt.sources.sunspec import reading
from aps2mqtt.sources.sunspec.client import Connection
from aps2mqtt.sources.sunspec.reading import Answer, Wanted, read_units

NOON = datetime(2026, 6, 21, 12, 2, tzinfo=UTC)
PLANT = Plant(inverters=inverter_models("1xDS3,1xQT2"))
REAL = {11: captured(DS3), 1: captured(QT2)}


@contextmanager
def simulated(faults: Faults | None = None, registers=None) -> Iterator[ModbusServer]:
    """The simulator's port."""
    source = registers or partial(units, PLANT)
    with ModbusServer(source, faults=faults or Faults(), clock=lambda: NOON) as server:
        yield server


def answers(port: int, configured: tuple[int, ...]) -> dict[int, Answer]:
    """What the reader gets, by address."""
    with Connection(Endpoint("ecu", "127.0.0.1", port), 5.0) as connection:
        read = read_units(connection, configured, Units(), Wanted(), NOON)
    return {answer.address: answer for answer in read.answers}


# -- strangers read the simulator -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "model", "three_phases"), [(1, "DS3", False), (2, "QT2", True)])
def test_pysunspec2_scans_the_simulator_as_a_real_ecu(unit: int, model: str, three_phases: bool) -> None:  # noqa: FBT001
    (record,) = (one for number, one in enumerate(PLANT.records(NOON), 1) if number == unit)
    watts = 0.95 * sum(record.powers)
    integers, floats = (103, 113) if three_phases else (101, 111)
    with simulated() as server:
        device = stranger.SunSpecModbusClientDeviceTCP(slave_id=unit, ipaddr="127.0.0.1", ipport=server.port, timeout=5)
        device.scan()
        device.close()
        assert server.refused == []
    assert sorted(name for name in device.models if isinstance(name, int)) == [1, integers, floats, 123]
    common = device.common[0]
    assert (common.Mn.value, common.Md.value, common.SN.value) == ("APsystems", model, record.uid)
    for number in (integers, floats):
        points = device.models[number][0]
        assert points.W.cvalue == pytest.approx(watts, abs=0.06)
        assert points.Hz.cvalue == pytest.approx(record.frequency, abs=0.001)
        assert points.WH.cvalue == pytest.approx(PLANT.energies(NOON)[unit - 1], abs=0.6)
        assert points.TmpCab.cvalue == record.temperature
        voltage = points.PPVphAB.cvalue if three_phases else points.PhVphA.cvalue
        assert voltage == pytest.approx(record.voltages[0], abs=0.05)
    assert device.models[integers][0].St.value == 4
    assert device.models[123][0].WMaxLimPct.cvalue == 100


@pytest.mark.parametrize(("unit", "voltage", "current", "watts"), [(11, 33.405, 3.147, 105.136), (1, 0.0, 0.0, 0.0)])
def test_pymodbus_reads_the_dc_block_of_captured_registers(unit, voltage, current, watts) -> None:
    """Behind the end marker, where no reader of the standard looks; the owner's own numbers."""
    with simulated(registers=lambda _: REAL) as server:
        client = ModbusTcpClient("127.0.0.1", port=server.port, timeout=5, retries=0)
        assert client.connect()
        words = client.read_holding_registers(40210, count=52, device_id=unit).registers
        client.close()
    assert words[:4] == [0xFFFF, 0, 114, 48]
    values = struct.unpack(">24f", struct.pack(">48H", *words[4:]))
    if unit == 11:
        assert (values[0], values[8], values[16]) == pytest.approx((voltage, current, watts), abs=0.0006)


def test_the_simulator_is_silent_where_a_real_ecu_is() -> None:
    """An unknown unit, registers beyond the map, and writing: no answer, not even an exception."""
    with simulated() as server:
        client = ModbusTcpClient("127.0.0.1", port=server.port, timeout=0.3, retries=0)
        assert client.connect()
        for ask in (
            lambda: client.read_holding_registers(40000, count=2, device_id=9),
            lambda: client.read_holding_registers(40300, count=2, device_id=1),
            lambda: client.read_holding_registers(39999, count=2, device_id=1),
            lambda: client.write_register(40188, 0, device_id=1),
        ):
            with pytest.raises(ModbusIOException):
                ask()
        client.close()
        assert server.refused == [6]


def test_the_simulator_drops_an_idle_connection() -> None:
    with simulated(Faults(idle=0.2)) as server, socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.settimeout(5)
        assert connection.recv(1) == b""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is no silent unit."""
    for name, seconds in {"SILENCE": 3.0, "SILENCE_OF_STRANGER": 1.5, "SEARCH": 60.0, "READING": 60.0}.items():
        monkeypatch.setattr(reading, name, seconds)


# -- the reader asks a stranger's server ------------------------------------------------------------------------------


@contextmanager
def pymodbus_server(late: float = 0.0) -> Iterator[int]:
    """The port of pymodbus's own server with captured registers; an exception that it answers is dropped."""
    loop = asyncio.new_event_loop()
    devices = {unit: _device(read.words) for unit, read in REAL.items()}
    port, servers = free_port(), []

    def dropped(sending: bool, packet: bytes) -> bytes:  # noqa: FBT001 - as pymodbus calls it
        if sending and packet[7] & 0x80:
            return b""
        if sending and packet[6] == 11 and late:
            time.sleep(late)
        return packet

    async def serve() -> None:
        context = ModbusServerContext(devices=devices, single=False)
        server = ModbusTcpServer(
            context, address=("127.0.0.1", port), ignore_missing_devices=True, trace_packet=dropped
        )
        servers.append(server)
        await server.serve_forever()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    until(lambda: servers and servers[0].transport is not None, "pymodbus's server does not listen")
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(servers[0].shutdown(), loop).result(10)
        thread.join(10)
        loop.close()


def _device(words: tuple[int, ...]) -> ModbusDeviceContext:
    return ModbusDeviceContext(hr=ModbusSequentialDataBlock(40001, list(words)))


@pytest.mark.usefixtures("patient")
def test_the_reader_reads_a_server_of_pymodbus() -> None:
    """With units that are not there between those that are."""
    with pymodbus_server() as port:
        found = answers(port, (1, 2, 11, 12))
    assert {address: answer.unit.uid for address, answer in found.items()} == {1: "901500000001", 11: "704000000038"}
    assert (found[11].unit.power, found[11].unit.dc_powers[:2]) == (182.0, (105.1, 98.5))


@pytest.mark.usefixtures("patient")
def test_a_search_finds_the_units_of_a_server_of_pymodbus() -> None:
    with pymodbus_server() as port, Connection(Endpoint("ecu", "127.0.0.1", port), 5.0) as connection:
        read = read_units(connection, (), Units(), Wanted(frozenset({"704000000038", "901500000001"})), NOON)
    assert {uid: unit.address for uid, unit in read.units.by_uid.items()} == {"901500000001": 1, "704000000038": 11}
    assert {uid: unit.firmware for uid, unit in read.units.by_uid.items()} == {
        "901500000001": "V1169",
        "704000000038": "V5312",
    }


@pytest.mark.usefixtures("patient")
def test_a_late_answer_of_a_server_of_pymodbus_is_not_taken_for_another() -> None:
    with pymodbus_server(late=3.5) as port:
        found = answers(port, (11, 1))
    assert found[1].unit.uid == "901500000001"


# -- what goes wrong on the wire --------------------------------------------------------------------------------------


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """The port of a server that answers everything with these bytes, and then closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        bytes(300),
        bytes.fromhex("000100000005010302 0001"),  # another number of registers
        bytes.fromhex("00010000 0003 01 83 02"),  # an exception
        bytes.fromhex("0001 0000 ffff 01 03"),
    ],
)
def test_what_is_no_answer_ends_in_one_line_or_in_nothing(answer: bytes) -> None:
    with answering(answer) as port:
        try:
            said: object = answers(port, (1,))
        except EcuUnreachable as error:
            said = str(error)
    assert said == {} or "closes the connection during a poll" in str(said)


def test_a_port_that_is_shut_is_told_with_its_remedy() -> None:
    with pytest.raises(EcuUnreachable, match="is closed; turn on Modbus in the vendor's app"):
        answers(free_port(), (1,))
