"""How old data are when `aps2mqtt run` publishes them, beside polls on the clock's grid, which is the baseline.

Run with a mosquitto installed: python benchmarks/fresh.py [MINUTES [INTERVAL [PHASE [LATE]]]], by default for 5
minutes with an interval of 30 s. The ECU is the project's simulator. It has new data every INTERVAL seconds, PHASE
seconds after each full INTERVAL, and LATE seconds after the time stamp of the data. The age is the time from that
moment until a subscriber has the time stamp. The first minute, in which the phase is found, is shown but not counted.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paho.mqtt.client as mqtt
from once import ONCE, PORT, broker

from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.server import Simulator


def ages(minutes: float, interval: int, phase: int, late: float) -> list[tuple[float, float]]:
    """Seconds since the start, and age in seconds, of all data that come in so many minutes."""
    seconds = timedelta(seconds=interval), timedelta(seconds=phase), timedelta(seconds=late)
    plant = Plant(inverters=inverter_models("4xDS3"), refresh=seconds[0], phase=seconds[1], late=seconds[2])
    seen: list[tuple[float, float]] = []
    began, stamps = time.time(), set[str]()

    def on_message(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        stamp = message.payload.decode()
        if stamp not in stamps:
            now = time.time()
            seen.append((now - began, now - datetime.fromisoformat(stamp).timestamp() - late))
        stamps.add(stamp)

    with tempfile.TemporaryDirectory() as name, broker(Path(name)), Simulator(plant) as ecu:
        time.sleep(1)
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_message = on_message
        client.connect("127.0.0.1", PORT)
        client.subscribe("aps/+/timestamp")
        client.loop_start()
        environment = os.environ | {
            "APS_ECU_IP": "127.0.0.1",
            "APS_ECU_PORT": str(ecu.port),
            "APS_ECU_TIMEZONE": "UTC",
            "APS_ECU_POLL_INTERVAL": str(interval),
            "APS_STATE_DIR": name,
            "MQTT_BROKER_PORT": str(PORT),
        }
        run = subprocess.Popen([*ONCE[:3], "run"], env=environment)
        try:
            time.sleep(minutes * 60)
        finally:
            run.terminate()
            run.wait()
            client.loop_stop()
    return seen


def main() -> None:
    """Prints each age, and the mean beside the grid's."""
    minutes, interval, phase, late = (
        float(sys.argv[place]) if len(sys.argv) > place else usual
        for place, usual in enumerate((5, 30, 11, 0), start=1)
    )
    seen = ages(minutes, int(interval), int(phase), late)
    print(f"interval {interval:g} s, phase {phase:g} s, late {late:g} s, from {datetime.now(UTC):%H:%M} UTC backwards")
    for at, age in seen:
        print(f"{at:>8.1f} s  age {age:>6.2f} s")
    counted = [age for at, age in seen if at >= 60]
    grid = -(phase + late) % interval
    mean = sum(counted) / len(counted)
    print(f"mean age from the second minute on: {mean:.2f} s; on the grid {grid:.2f} s; ratio {mean / grid:.2f}")


if __name__ == "__main__":
    main()
