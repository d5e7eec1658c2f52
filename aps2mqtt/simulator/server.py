"""A simulated ECU: a real TCP server on the loopback interface, with named faults.

It serves for experiments and for the project's tests. It encodes its answers with the decoder's own tables, so it
cannot prove these tables. The captured frames prove them.
"""

import contextlib
import random
import select
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from aps2mqtt.simulator.plant import Plant, ScenarioError
from aps2mqtt.simulator.scenarios import FAULTS, Answers, plant_answers

HOST = "127.0.0.1"
IDLE = 15.0  # seconds until an ECU closes an idle connection (quirk 1)
MAX_REQUEST = 64  # bytes


class Simulator:
    """The TCP server. It runs within the context. With `port` 0 it listens on a free port, which its `port` then names.

    `requests` are the requests received. `collisions` counts the connections made while another was open: a real ECU
    does not tolerate them (quirk 11).
    """

    def __init__(
        self,
        plant: Plant | None = None,
        *,
        port: int = 0,
        fault: str = "",
        answers: Answers | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        if fault and fault not in FAULTS:
            raise ScenarioError(f"unknown fault {fault!r}; `aps2mqtt simulate --fault list` lists the faults")
        self.plant = plant or Plant()
        self.fault = fault
        self.requests: list[str] = []
        self.connections = 0
        self.collisions = 0
        self._answers = answers or plant_answers(self.plant, fault)
        self.clock = clock or (lambda: datetime.now(UTC))
        self._open: list[socket.socket] = []
        self._stopped = threading.Event()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._socket = socket.create_server((HOST, port)) if fault != "refuse" else bound(port)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        if self.fault != "refuse":
            self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._acceptor.is_alive():
            self._acceptor.join()
        self._socket.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        self._socket.settimeout(0.05)
        while not self._stopped.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            if self._counted(connection):  # not in the threads: they may start in another order
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def _counted(self, connection: socket.socket) -> bool:
        """Counts the connection; returns False if the fault is to close it at once."""
        self._open = [other for other in self._open if not _closed_by_client(other)]
        is_alone = not self._open
        self._open.append(connection)
        self.connections += 1
        self.collisions += not is_alone
        if self.fault == "flaky":
            return self.connections % 2 == 0
        return is_alone or self.fault != "one-at-a-time"

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):  # the client has closed the connection
            self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(IDLE)
        while request := _request(connection):
            self.requests.append(request)
            if not _send(connection, self._answer(request), self.fault):
                return
            if self.plant.ecu.newer:
                connection.recv(MAX_REQUEST)  # a second request gets no answer (quirk 2)
                return

    def _answer(self, request: str) -> bytes:
        """The frame that answers `request`.

        In a request, END follows the ECU's id. In one for history, an argument follows, with or without another END.
        """
        argument = request[28:].strip().removesuffix("END")
        return self._answers(request[9:13], request[13:25], self.clock(), *([argument] if argument else []))


def bound(port: int) -> socket.socket:
    """A socket that is bound to the port and does not listen, so connections to it are refused."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    return bound


def _closed_by_client(connection: socket.socket) -> bool:
    """True if the client has closed the connection, even if the thread that serves it has not noticed."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # the simulator has closed it
        return True


def _request(connection: socket.socket) -> str:
    """One request, up to its newline; empty if the client closes the connection first."""
    received = b""
    while not received.endswith(b"\n") and len(received) < MAX_REQUEST:
        segment = connection.recv(MAX_REQUEST)
        if not segment:
            return ""
        received += segment
    return received.decode("latin-1")


def _send(connection: socket.socket, answer: bytes, fault: str) -> bool:
    """Sends `answer` with the `fault`; returns False if the connection must be closed."""
    if not answer or fault == "close":
        return False
    if fault == "mute":
        connection.settimeout(4 * IDLE)
        connection.recv(MAX_REQUEST)
        return False
    if fault == "garbage":
        answer = random.Random(answer).randbytes(len(answer))  # noqa: S311 - no secret
    if fault == "wrong-length":
        answer = answer[:5] + b"%04d" % (len(answer) + 6) + answer[9:]
    if fault == "wrong-end":
        answer = answer.replace(b"END\n", b"XND\n")
    if fault == "cut":
        answer = answer[: len(answer) // 2]
    if fault == "drip":
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(0.002)
        return True
    connection.sendall(answer)
    return fault not in ("cut", "wrong-length", "garbage")
