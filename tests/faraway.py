"""A broker that is far away: a relay on the loopback interface by which every byte comes later."""

import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

MOST_AT_ONCE = 65536  # bytes


def far_from(port: int, round_trip: float) -> Callable[[socket.socket], None]:
    """Serves a connection: passes on to `port` and back, half of `round_trip` seconds later each way."""

    def serve(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as onward:
            for end in (connection, onward):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=_pass_on, args=(onward, connection, round_trip / 2), daemon=True)
            back.start()
            _pass_on(connection, onward, round_trip / 2)
            back.join(60)

    return serve


def _pass_on(source: socket.socket, target: socket.socket, delay: float) -> None:
    """Returns when `source` has ended and its last byte has arrived."""
    on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
    arriving = threading.Thread(target=_arrive, args=(on_the_way, target), daemon=True)
    arriving.start()
    data = b"-"
    while data:
        try:
            data = source.recv(MOST_AT_ONCE)
        except OSError:
            data = b""
        on_the_way.put((time.monotonic() + delay, data))
    arriving.join(60)


def _arrive(on_the_way: "queue.SimpleQueue[tuple[float, bytes]]", target: socket.socket) -> None:
    with suppress(OSError):
        while True:
            due, data = on_the_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                target.shutdown(socket.SHUT_WR)
                return
            target.sendall(data)
