"""Devices on loopback addresses of this process's own, all on port 8899, as in a house."""

import contextlib
import functools
import itertools
import socket
import threading
from collections.abc import Iterator

import pytest
from parts import NOON

from aps2mqtt.simulator import server
from aps2mqtt.simulator.plant import ECU_MODELS, Plant
from aps2mqtt.simulator.server import Simulator

NETWORKS = itertools.count()


@functools.cache
def own_network() -> tuple[int, socket.socket]:
    """A number that no other process of this machine has, in another run either, and what keeps it until we end."""
    for number in range(60, 250):
        kept = socket.socket(socket.AF_UNIX)
        try:
            kept.bind(f"\0aps2mqtt-tests:127.{number}")
        except OSError:
            kept.close()
        else:
            return number, kept
    raise RuntimeError("too many tests run on this machine")


class House:
    """A network of loopback addresses, with devices in it."""

    def __init__(self, stack: contextlib.ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stack = stack
        self._monkeypatch = monkeypatch
        self._prefix = f"127.{own_network()[0]}.{next(NETWORKS) % 256}"
        self.network = f"{self._prefix}.0/24"

    def address(self, number: int) -> str:
        """The address of this number."""
        return f"{self._prefix}.{number}"

    def ecu(self, number: int, model: str = "ECU-R", fault: str = "", port: int = 8899) -> Simulator:
        """An ECU there; port 0 is any free one."""
        self._monkeypatch.setattr(server, "HOST", self.address(number))
        ecu = Simulator(Plant(ECU_MODELS[model]), port=port, fault=fault, clock=lambda: NOON)
        return self._stack.enter_context(ecu)

    def answers(self, number: int, answer: bytes) -> None:
        """A server that answers whatever comes with the same bytes."""

        def treat(connection: socket.socket) -> None:
            if connection.recv(4096):
                connection.sendall(answer)

        self._serve(socket.create_server((self.address(number), 8899)), treat)

    def listens(self, number: int, port: int) -> None:
        """A port that accepts connections."""
        self._serve(socket.create_server((self.address(number), port)), lambda connection: connection.recv(1))

    def drops(self, number: int) -> None:
        """A port whose queue is full: as if packets were dropped."""
        listener = self._stack.enter_context(socket.socket())
        listener.bind((self.address(number), 8899))
        listener.listen(0)
        for _ in range(2):
            queued = self._stack.enter_context(socket.socket())
            queued.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                queued.connect(listener.getsockname())

    def _serve(self, listener: socket.socket, treat) -> None:
        stopped = threading.Event()
        listener.settimeout(0.05)

        def serve() -> None:
            while not stopped.is_set():
                with contextlib.suppress(OSError):
                    connection, _ = listener.accept()
                    with connection:
                        connection.settimeout(30)
                        treat(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self._stack.callback(listener.close)
        self._stack.callback(thread.join)
        self._stack.callback(stopped.set)


@contextlib.contextmanager
def a_house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A house whose devices end with the context."""
    with contextlib.ExitStack() as stack:
        yield House(stack, monkeypatch)
