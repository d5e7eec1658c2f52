"""What several ECUs cost in one `aps2mqtt once`: time, CPU and peak memory of the process, in all and for each ECU.

Run with a mosquitto installed: python benchmarks/fleet.py [NUMBER_OF_ECUS ...]. The baseline is the job of a single
ECU, measured in the same run: as many of these would do the same. The ECUs answer at once, with frozen frames of the
project's simulator; one thread serves them all, as a thousand simulators would keep the machine from what is measured.
"""

import os
import resource
import selectors
import socket
import statistics
import sys
import tempfile
import threading
from contextlib import closing, suppress
from pathlib import Path

from once import NOON, ONCE, PORT, broker, cost

from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.scenarios import plant_answers

SIZES = (1, 10, 100, 1000)
AIM = 40  # ms of CPU for each ECU
COMMANDS = ("0001", "0002", "0030")


class Fleet:
    """So many ECUs with four inverters each, until it is closed, on `ports` of the loopback interface."""

    def __init__(self, size: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self.ports: list[int] = []
        plant = Plant(inverters=inverter_models("4xDS3"))
        for number in range(size):
            one = plant._replace(ecu=plant.ecu._replace(ecu_id=f"2160{number:08d}"))
            frames = {command: plant_answers(one)(command, one.ecu.ecu_id, NOON) for command in COMMANDS}
            server = socket.create_server(("127.0.0.1", 0))
            self.ports.append(server.getsockname()[1])
            self._selector.register(server, selectors.EVENT_READ, (self._accept, frames))
        self._thread.start()

    def close(self) -> None:
        """Closes all ports."""
        self._stopped.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._selector.select(0.1):
                react, frames = key.data
                react(key.fileobj, frames)

    def _accept(self, server: socket.socket, frames: dict[str, bytes]) -> None:
        connection, _ = server.accept()
        self._selector.register(connection, selectors.EVENT_READ, (self._answer, frames))

    def _answer(self, connection: socket.socket, frames: dict[str, bytes]) -> None:
        """A request comes in one segment, as the job sends it; nothing comes from who has gone."""
        with suppress(OSError):
            if request := connection.recv(64):
                connection.sendall(frames[request[9:13].decode()])
                return
        self._selector.unregister(connection)
        connection.close()


def poll(size: int) -> tuple[float, float, float]:
    """CPU in s, wall time in s and peak memory in MiB of one process that polls so many ECUs, all known to it."""
    with tempfile.TemporaryDirectory() as name, broker(Path(name)), closing(Fleet(size)) as fleet:
        config = Path(name) / "config.yaml"
        more = f"    APS_ECU_TIMEZONE: UTC\n    APS_STATE_DIR: {name}\n"
        ecus = "".join(f"  - APS_ECU_IP: 127.0.0.1\n    APS_ECU_PORT: {port}\n{more}" for port in fleet.ports)
        config.write_text(f"ecu:\n{ecus}mqtt:\n  MQTT_BROKER_PORT: {PORT}\n")
        once = [*ONCE, str(config), "once"]
        cost(once, os.environ)  # the first job asks the broker what it retains
        runs = [cost(once, os.environ) for _ in range(max(1, min(5, 50 // size)))]
    return tuple(map(statistics.median, zip(*runs, strict=True)))


def main(sizes: list[int]) -> None:
    """Prints a row for each number of ECUs."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    one = poll(1)
    print(f"one process, 4 inverters behind each ECU; aim: linear, under {AIM} ms of CPU for each further ECU")
    print("ratio: CPU beside that of as many processes with one ECU")
    head = ("ECUs", "wall s", "CPU s", "ratio", "ms/ECU", "ms/further", "peak MiB", "KiB/further")
    print("".join(f"{name:>12}" for name in head))
    for size in sizes:
        cpu, wall, peak = poll(size) if size > 1 else one
        further = max(size - 1, 1)
        row = (wall, cpu, cpu / one[0] / size, cpu / size * 1000, (cpu - one[0]) / further * 1000, peak)
        print(
            f"{size:>12}",
            *(f"{value:>11.2f}" for value in row),
            f"{(peak - one[2]) / further * 1024:>11.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
