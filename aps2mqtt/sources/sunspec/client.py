"""Asks an ECU over Modbus TCP; only this module imports pymodbus.

A unit that is not there, and an address that it does not know, get no answer at all; so silence is an answer. Nothing
but registers is read (function code 3): a write on any unit would act on the whole array. An ECU drops a connection
that is idle for about 5 s, so there is one connection for each poll (docs/sunspec.md).
"""

import logging
import struct
from typing import Self

from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusException

from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.sources.endpoints import Endpoint
from aps2mqtt.sources.sunspec.registers import Registers

log = logging.getLogger(__name__)
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)  # it logs as an error what is silence to us


class Connection:
    """A connection to the ECU's Modbus server as a context manager; entering raises EcuUnreachable."""

    def __init__(self, endpoint: Endpoint, connect: float, answer: float) -> None:
        self._endpoint = endpoint
        self._connect = connect
        self._answer = answer
        self._client = ModbusTcpClient(endpoint.address, port=endpoint.port, timeout=connect, retries=0)

    def __enter__(self) -> Self:
        if not self._client.connect():  # type: ignore[no-untyped-call] # pymodbus has no type for it
            raise EcuUnreachable(f"port {self._endpoint.port} of the ECU at {self._endpoint.name} is closed")
        self._client.comm_params.timeout_connect = self._answer
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()  # type: ignore[no-untyped-call] # nor for this

    def read(self, unit: int, address: int, count: int) -> Registers | None:
        """The registers; None where the unit does not answer. Raises EcuUnreachable if the connection is lost."""
        log.debug("%s < unit %d: %d registers from %d", self._endpoint, unit, count, address)
        try:
            answer = self._client.read_holding_registers(address, count=count, device_id=unit)
        except ConnectionException as error:
            raise EcuUnreachable(f"the ECU at {self._endpoint} drops the connection ({error})") from error
        except ModbusException as error:
            log.debug("%s > unit %d: %s", self._endpoint, unit, error)
            return None
        if answer.isError() or len(answer.registers) != count:
            log.debug("%s > unit %d: %s", self._endpoint, unit, answer)
            return None
        read = Registers(address, tuple(answer.registers))
        log.debug("%s > unit %d: %s", self._endpoint, unit, struct.pack(f">{count}H", *read.words).hex())
        return read
