"""What SunSpec adds to a job: CPU, wall time and peak memory of `aps2mqtt once` with it and without, taking turns.

Run with a mosquitto installed: python benchmarks/sunspec.py [RUNS]. The simulated ECU answers both ports; a request of
SunSpec takes it 3 ms, as an owner measured on an ECU-R. The first job, which searches the units, is not counted.
"""

import compileall
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from once import NOON, ONCE, PORT, broker, cost

import aps2mqtt
from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.modbus import ModbusServer
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.sunspec.registers import Registers

ANSWER = 0.003  # seconds
LABELS = (("CPU ms", 1000), ("wall ms", 1000), ("peak MiB", 1))


def compare(inverters: int, runs: int) -> None:
    """Prints the cost with and without SunSpec for an array of so many inverters."""
    plant = Plant(inverters=inverter_models(f"{inverters}xDS3"))
    answers = plant_answers(plant)
    frozen = {command: answers(command, plant.ecu.ecu_id, NOON) for command in ("0001", "0002", "0030")}
    registers = units(plant, NOON)

    def answer(_: datetime) -> Mapping[int, Registers]:
        time.sleep(ANSWER)
        return registers

    with (
        tempfile.TemporaryDirectory() as name,
        Simulator(plant, answers=lambda command, _id, _now: frozen[command]) as ecu,
        ModbusServer(answer) as sunspec,
        broker(Path(name)),
    ):
        commands = []
        for switch in ("off", "on"):
            config = Path(name) / f"{switch}.yaml"
            config.write_text(
                f"ecu:\n  APS_ECU_IP: 127.0.0.1\n  APS_ECU_PORT: {ecu.port}\n  APS_ECU_TIMEZONE: UTC\n"
                f"  APS_ECU_SUNSPEC: {switch}\n  APS_ECU_SUNSPEC_PORT: {sunspec.port}\n"
                f"  APS_STATE_DIR: {name}/{switch}\nmqtt:\n  MQTT_BROKER_PORT: {PORT}\n"
                f"  MQTT_TOPIC_PREFIX: {switch}\n"
            )
            commands.append([*ONCE, str(config), "--log-level", "error", "once"])
            cost(commands[-1], os.environ)
        pairs = [tuple(cost(command, os.environ) for command in commands) for _ in range(runs)]
    print(f"\n{inverters} inverters, median of {runs}")
    print(f"{'':10}{'without':>10}{'with':>10}{'ratio':>8}{'more':>8}")
    for position, (label, scale) in enumerate(LABELS):
        without, own = (statistics.median(pair[who][position] for pair in pairs) * scale for who in (0, 1))
        print(f"{label:10}{without:>10.1f}{own:>10.1f}{own / without:>8.2f}{own - without:>8.1f}")


if __name__ == "__main__":
    compileall.compile_dir(Path(aps2mqtt.__file__).parent, quiet=1)
    for number in (4, 20, 100):
        compare(number, int(sys.argv[1]) if len(sys.argv) > 1 else 20)
