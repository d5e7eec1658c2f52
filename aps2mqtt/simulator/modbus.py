"""The simulated ECU's second port: Modbus TCP, with a unit for each inverter. It is silent where a real ECU is.

A request for a unit that is not there, for registers beyond the map, or with another function code than 3 gets no
answer; an idle connection is closed (docs/sunspec.md).
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Self

from aps2mqtt.base.deadline import Deadline
from aps2mqtt.simulator import server
from aps2mqtt.simulator.server import HOST
from aps2mqtt.sources.sunspec.registers import BEGIN, END, Registers

IDLE = 5.0  # seconds until an ECU closes an idle connection
READ = 3  # the only function code that is answered
MOST_REGISTERS = 125  # of a request
HEADER = struct.Struct(">HHHB")  # transaction, protocol 0, bytes to come, unit
REQUEST = struct.Struct(">BHH")  # function code, first register, number of registers

Units = Callable[[datetime], Mapping[int, Registers]]  # the registers by the unit's address, at a time


class Faults(NamedTuple):
    """What the server does wrong."""

    refuses: bool = False  # it refuses connections, as an ECU does on which Modbus is switched off
    silent: frozenset[int] = frozenset()  # addresses of units that answer nothing
    late: frozenset[int] = frozenset()  # addresses of units whose answers come LATE
    frozen: bool = False  # the registers stay as they were at the first request
    moved: int = 0  # added to the address of each unit: the user has renumbered them
    idle: float = IDLE  # seconds after an answer until a connection is closed


LATE = 1.5  # seconds: a client has given up by then, and waits for another answer
FAULTS: dict[str, tuple[str, Faults]] = {
    "sunspec-refuse": ("the SunSpec port refuses the connection", Faults(refuses=True)),
    "sunspec-silent": ("the second inverter does not answer", Faults(silent=frozenset({2}))),
    "sunspec-late": ("the first inverter answers after 1.5 s, which is too late", Faults(late=frozenset({1}))),
    "sunspec-frozen": ("the registers of all inverters stay the same", Faults(frozen=True)),
    "sunspec-renumbered": ("the inverters have Modbus addresses from 31 on", Faults(moved=30)),
    "sunspec-idle": ("closes a connection that is idle for 0.6 s", Faults(idle=0.6)),
}


class ModbusServer:
    """The TCP server. It runs within the context. `requests` are unit, first register and number of registers."""

    def __init__(
        self,
        units: Units,
        *,
        port: int = 0,
        faults: Faults = Faults(),  # noqa: B008 - immutable
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.requests: list[tuple[int, int, int]] = []
        self.refused: list[int] = []  # function codes other than READ
        self.connections = 0
        self.faults = faults
        self._units = units
        self._clock = clock
        self._began: datetime | None = None
        self._open: list[socket.socket] = []
        self._socket = server.bound(port) if faults.refuses else socket.create_server((HOST, port))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        if not self.faults.refuses:
            threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, EOFError):
            idle = Deadline(self.faults.idle)  # a request that gets no answer does not count
            while True:
                connection.settimeout(max(0.001, idle.remaining()))
                head = _exactly(connection, HEADER.size)
                transaction, protocol, length, unit = HEADER.unpack(head)
                body = _exactly(connection, length - 1)
                answer = self._answer(unit, body)
                if answer and not protocol:
                    time.sleep(LATE if unit in self.faults.late else 0)
                    idle = Deadline(self.faults.idle)
                    connection.sendall(HEADER.pack(transaction, 0, len(answer) + 1, unit) + answer)

    def _answer(self, unit: int, body: bytes) -> bytes:
        """The answer without its header; empty for silence."""
        if len(body) != REQUEST.size or body[0] != READ:
            self.refused += body[:1]
            return b""
        _, first, count = REQUEST.unpack(body)
        self.requests.append((unit, first, count))
        self._began = self._began or self._clock()
        registers = self._units(self._began if self.faults.frozen else self._clock()).get(unit - self.faults.moved)
        within = first >= BEGIN and first + count <= END and 1 <= count <= MOST_REGISTERS
        if registers is None or not within or unit in self.faults.silent:
            return b""
        return struct.pack(f">BB{count}H", READ, 2 * count, *registers.take(first, count))


def _exactly(connection: socket.socket, size: int) -> bytes:
    """So many bytes; raises EOFError if the client closes the connection first."""
    received = b""
    while len(received) < size:
        segment = connection.recv(size - len(received))
        if not segment:
            raise EOFError
        received += segment
    return received
