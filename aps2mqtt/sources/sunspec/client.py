"""Asks an ECU over Modbus TCP; only this module imports pymodbus.

A unit that is not there, and an address that it does not know, get no answer at all; so silence is an answer. Nothing
but registers is read (function code 3): a write on any unit would act on the whole array. An ECU drops a connection
that is idle for about 5 s, so there is one connection for each poll (docs/sunspec.md).
"""

import logging
from typing import Self

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException

from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.sources.endpoints import Endpoint
from aps2mqtt.sources.sunspec.registers import Registers

log = logging.getLogger(__name__)
CONNECT = 3.0  # seconds
LOST = (ConnectionException, OSError)  # a lost connection, as pymodbus or the socket tells it
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it logs as an error what is silence to us


class Connection:
    """A connection to the ECU's Modbus server as a context manager; entering raises EcuUnreachable.

    `connect` is in seconds.
    """

    def __init__(self, endpoint: Endpoint, connect: float) -> None:
        self._endpoint = endpoint
        self._connect = connect
        self._client = ModbusTcpClient(endpoint.address, port=endpoint.port, timeout=connect, retries=0)

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()  # type: ignore[no-untyped-call] # pymodbus has no type for it

    def read(self, unit: int, address: int, count: int, silence: float) -> Registers | None:
        """The registers; None where the unit does not answer within `silence` seconds.

        A lost connection is opened again once, because the ECU takes a search for idleness. Raises EcuUnreachable.
        """
        log.debug("%s < unit %d: %d registers from %d", self._endpoint, unit, count, address)
        try:
            return self._read(unit, address, count, silence)
        except LOST:
            self._client.close()  # type: ignore[no-untyped-call] # as above
            self._open()
        try:
            return self._read(unit, address, count, silence)
        except LOST as error:
            raise EcuUnreachable(
                f"port {self._endpoint.port} of the ECU at {self._endpoint.name} closes the connection during a poll; "
                "stop other programs that read it over Modbus"
            ) from error

    def _open(self) -> None:
        self._client.comm_params.timeout_connect = self._connect
        if not self._client.connect():  # type: ignore[no-untyped-call] # as above
            raise EcuUnreachable(
                f"port {self._endpoint.port} of the ECU at {self._endpoint.name} is closed; turn on Modbus in the "
                "vendor's app (ECU APP, Workspace, Modbus Configuration), or check APS_ECU_SUNSPEC_PORT"
            )

    def _read(self, unit: int, address: int, count: int, silence: float) -> Registers | None:
        self._client.comm_params.timeout_connect = silence  # pymodbus takes it for every wait
        try:
            answer = self._client.read_holding_registers(address, count=count, device_id=unit)
        except ModbusIOException as error:
            log.debug("%s > unit %d: %s", self._endpoint, unit, error)
            return None
        if answer.isError() or len(answer.registers) != count:
            log.debug("%s > unit %d: %s", self._endpoint, unit, answer)
            return None
        read = Registers(address, tuple(answer.registers))
        log.debug("%s > unit %d: %s", self._endpoint, unit, read.octets.hex())
        return read
