"""What one job costs: CPU, wall time and peak memory of the whole `aps2mqtt once` process; its parts alone.

Run with a mosquitto installed: python benchmarks/once.py [RUNS]. The ECU is the project's simulator and answers at
once. The baseline is what the given packages cost to import, measured in the same run, the two taking turns. The
program is compiled to bytecode before, as pip does when it installs it.
"""

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import aps2mqtt
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.ecu8899.answers import decode_real_time
from aps2mqtt.sources.ecu8899.client import read_ecu
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.sources.endpoints import NORMAL, resolve

BASELINE = [sys.executable, "-c", "import paho.mqtt.client, environs, yaml"]
ONCE = [sys.executable, "-m", "aps2mqtt", "-c"]
NOON = datetime(2026, 6, 21, 12, 2, tzinfo=UTC)
PORT = 18830


def cost(command: list[str], environment: Mapping[str, str]) -> tuple[float, float, float]:
    """CPU in s, wall time in s and peak memory in MiB of one process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=dict(environment))
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    if status:
        sys.exit(f"{command} ended with {status}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


@contextmanager
def broker(folder: Path) -> Iterator[None]:
    """A mosquitto on PORT."""
    config = folder / "mosquitto.conf"
    config.write_text(f"user root\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n")
    mosquitto = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if mosquitto is None:
        sys.exit("mosquitto is not installed")
    process = subprocess.Popen([mosquitto, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def whole_process(runs: int) -> None:
    """Prints the cost of `once` beside the baseline's."""
    compileall.compile_dir(Path(aps2mqtt.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plant = Plant(inverters=inverter_models("4xDS3"))
        frozen = {
            command: plant_answers(plant)(command, plant.ecu.ecu_id, NOON) for command in ("0001", "0002", "0030")
        }
        with broker(folder), Simulator(plant, answers=lambda command, _id, _now: frozen[command]) as ecu:
            config = folder / "config.yaml"
            config.write_text(
                f"ecu:\n  APS_ECU_IP: 127.0.0.1\n  APS_ECU_PORT: {ecu.port}\n  APS_ECU_TIMEZONE: UTC\n"
                f"  APS_STATE_DIR: {folder}\nmqtt:\n  MQTT_BROKER_PORT: {PORT}\n"
            )
            once = [*ONCE, str(config), "once"]
            cost(once, os.environ)
            pairs = [(cost(BASELINE, os.environ), cost(once, os.environ)) for _ in range(runs)]
    print(f"whole process, 4 inverters, median of {runs}")
    print(f"{'':10}{'baseline':>10}{'once':>10}{'ratio':>8}{'aim':>8}")
    for position, (label, aim) in enumerate((("CPU ms", "1.4"), ("wall ms", "400 ms"), ("peak MiB", "32 MiB"))):
        scale = 1 if position == 2 else 1000
        baseline, own = (statistics.median(run[who][position] for run in pairs) * scale for who in (0, 1))
        print(f"{label:10}{baseline:>10.1f}{own:>10.1f}{own / baseline:>8.2f}{aim:>8}")


def conversation() -> None:
    """Prints the time of a conversation with an ECU that takes 20 ms for each of its three answers."""
    plant = Plant(inverters=inverter_models("4xDS3"))
    frozen = plant_answers(plant)

    def answer(command: str, ecu_id: str, _now: datetime) -> bytes:
        time.sleep(0.02)
        return frozen(command, ecu_id, NOON)

    with Simulator(plant, answers=answer) as ecu:
        endpoint = resolve("127.0.0.1", ecu.port, NORMAL)
        times = []
        for _ in range(20):
            began = time.perf_counter()
            read_ecu(endpoint, UTC, NORMAL)
            times.append(time.perf_counter() - began)
    best = min(times) * 1000
    print(
        f"\nconversation, three answers of 20 ms each, best of 20: {best:.1f} ms, {best / 60:.2f} times the ECU's own"
    )


def decoding() -> None:
    """Prints the time from bytes to snapshot, the best of 50, beside that of 4 inverters."""
    print("\ndecoding, bytes to snapshot, best of 50")
    print(f"{'inverters':>10}{'bytes':>8}{'ms':>8}{'ratio':>8}")
    first = 0.0
    for count in (4, 40, 300):
        plant = Plant(inverters=inverter_models(f"{count}xQS1"))
        answers = plant_answers(plant)
        data = answers("0002", plant.ecu.ecu_id, NOON)
        info, signal = plant.system_info(NOON), plant.signal(NOON)
        times = []
        for _ in range(50):
            began = time.perf_counter()
            snapshot(info, decode_real_time(Frame.decode(data)), signal, UTC)
            times.append(time.perf_counter() - began)
        best = min(times) * 1000
        first = first or best
        print(f"{count:>10}{len(data):>8}{best:>8.2f}{best / first:>8.1f}")


if __name__ == "__main__":
    whole_process(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    conversation()
    decoding()
