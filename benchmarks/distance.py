"""What distance costs a job: wall time of `aps2mqtt once` where the broker is a round trip away.

Run with a mosquitto installed: python benchmarks/distance.py. A relay on the loopback interface makes every byte late
by half the round trip. The baseline is the same job without the delay, through the same relay and in the same run; the
column beside it counts the round trips that a job's further time comes to. The ECU is the project's simulator and
answers at once; all it says is known from a job before.
"""

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from once import NOON, ONCE, PORT, broker, cost

from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.simulator.server import Simulator

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from faraway import far_from

ROUND_TRIPS = (0.0, 0.02, 0.1, 0.2, 0.6)  # s: the same house, a city, an ocean, the other side, a satellite
# Inverters, by version of MQTT. Over 5, mosquitto takes 20 messages at once: a larger array that is far away does not
# get through in the 45 s that a job gives its broker.
ARRAYS = {"3.1.1": (4, 20, 120, 300), "5": (4, 20)}
AIM = 5.0  # s
RUNS = 3


@contextmanager
def relay(round_trip: float) -> Iterator[int]:
    """The port of a broker that is so far away."""
    serve = far_from(PORT, round_trip)

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


def walls(inverters: int, version: str) -> list[float]:
    """Wall time in s of one job at each of ROUND_TRIPS."""
    plant = Plant(inverters=inverter_models(f"{inverters}xDS3"))
    answers = plant_answers(plant)
    frozen = {command: answers(command, plant.ecu.ecu_id, NOON) for command in ("0001", "0002", "0030")}
    found = []
    with (
        tempfile.TemporaryDirectory() as name,
        broker(Path(name)),
        Simulator(plant, answers=lambda command, _id, _now: frozen[command]) as ecu,
    ):
        for round_trip in ROUND_TRIPS:
            with relay(round_trip) as port:
                config = Path(name) / "config.yaml"
                config.write_text(
                    f"ecu:\n  APS_ECU_IP: 127.0.0.1\n  APS_ECU_PORT: {ecu.port}\n  APS_ECU_TIMEZONE: UTC\n"
                    f"  APS_STATE_DIR: {name}\nmqtt:\n  MQTT_BROKER_PORT: {port}\n  MQTT_VERSION: '{version}'\n"
                )
                once = [*ONCE, str(config), "once"]
                cost(once, os.environ)
                found.append(min(cost(once, os.environ)[1] for _ in range(RUNS)))
    return found


def main() -> None:
    """Prints a row for each array and distance."""
    print(f"one job, best of {RUNS}; aim: under {AIM:g} s over MQTT 3.1.1")
    print("over MQTT 5, mosquitto takes 20 messages at once unless its max_inflight_messages says otherwise")
    print("".join(f"{head:>14}" for head in ("MQTT", "inverters", "round trip s", "wall s", "ratio", "round trips")))
    for version, arrays in ARRAYS.items():
        for inverters in arrays:
            near, *_ = times = walls(inverters, version)
            for round_trip, wall in zip(ROUND_TRIPS, times, strict=True):
                trips = (wall - near) / round_trip if round_trip else 0.0
                print(
                    f"{version:>14}{inverters:>14}{round_trip:>14.2f}{wall:>14.2f}{wall / near:>14.1f}{trips:>14.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
