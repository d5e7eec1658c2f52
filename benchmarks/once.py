"""What one job costs: CPU, wall time and peak memory of the whole `aps2mqtt once` process; its parts alone.

Run with a mosquitto installed: python benchmarks/once.py [RUNS [CHECKOUT]]. The ECU is the project's simulator and
answers at once. The baseline is what the given packages cost to import. It is measured in the same run as `once`: with
all keys in the file, with all in the environment, and with a page, with metrics and with both, if prometheus_client is
installed. `once` of an older CHECKOUT is measured, too, if one is named. They take turns. The program is compiled to
bytecode before, as pip does when it installs it.
"""

import compileall
import json
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
from importlib.util import find_spec
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
CHECKOUT = Path(aps2mqtt.__file__).parents[1]
NOON = datetime(2026, 6, 21, 12, 2, tzinfo=UTC)
PORT = 18830


def cost(command: list[str], environment: Mapping[str, str], folder: Path | None = None) -> tuple[float, float, float]:
    """CPU in s, wall time in s and peak memory in MiB of one process, which runs in `folder`."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env=dict(environment), cwd=folder)
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


def once(checkout: Path, folder: Path, ecu_port: int) -> dict[str, tuple[list[str], Mapping[str, str]]]:
    """The commands and environments of `once`, of the program in `checkout`; the jobs have their state in `folder`."""
    compileall.compile_dir(checkout / "aps2mqtt", quiet=1)
    folder.mkdir()
    ecu = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": ecu_port, "APS_ECU_TIMEZONE": "UTC", "APS_STATE_DIR": folder}
    mqtt = {"MQTT_BROKER_PORT": PORT}
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    empty = folder / "empty.yaml"
    empty.touch()
    keys = {key: str(value) for key, value in (ecu | mqtt).items()}
    programs = {"once, environment": ([*ONCE, str(empty), "once"], environment | keys)}
    for what, files in {"file": {}, **leaving(checkout, folder)}.items():
        full = folder / f"{what}.yaml"
        full.write_text(json.dumps({"ecu": ecu | files, "mqtt": mqtt}, default=str))  # JSON is YAML, too
        programs[f"once, {what}"] = ([*ONCE, str(full), "once"], environment)
    return programs


def leaving(checkout: Path, folder: Path) -> dict[str, dict[str, str]]:
    """The settings with which a job leaves files, if the program in `checkout` knows them."""
    if not (checkout / "aps2mqtt" / "page").exists():
        return {}
    page, metrics = {"APS_PAGE_DIR": str(folder)}, {"APS_METRICS_DIR": str(folder)}
    return {"page": page} | ({"metrics": metrics, "both": page | metrics} if find_spec("prometheus_client") else {})


def whole_process(runs: int, older: Path | None) -> None:
    """Prints the cost of `once` below the baseline's."""
    plant = Plant(inverters=inverter_models("4xDS3"))
    frozen = {command: plant_answers(plant)(command, plant.ecu.ecu_id, NOON) for command in ("0001", "0002", "0030")}
    with (
        tempfile.TemporaryDirectory() as name,
        broker(folder := Path(name)),
        Simulator(plant, answers=lambda command, _id, _now: frozen[command]) as ecu,
    ):
        programs = {"baseline": (BASELINE, os.environ), **once(CHECKOUT, folder / "now", ecu.port)}
        if older is not None:
            before = once(older, folder / "before", ecu.port)
            programs |= {f"{label}, before": program for label, program in before.items()}
        for program in programs.values():  # the first job asks the broker, too
            cost(*program, folder)
        turns = [{label: cost(*program, folder) for label, program in programs.items()} for _ in range(runs)]
    print(f"whole process, 4 inverters, median of {runs}")
    print(f"{'':26}{'CPU ms':>8}{'ratio':>8}{'wall ms':>16}{'peak MiB':>10}")
    of_baseline = 0.0
    for label in programs:
        cpu, wall, peak = (statistics.median(turn[label][which] for turn in turns) for which in range(3))
        of_baseline = of_baseline or cpu
        print(f"{label:26}{cpu * 1000:>8.1f}{cpu / of_baseline:>8.2f}{wall * 1000:>16.1f}{peak:>10.1f}")
    print(f"{'aim':26}{'':8}{'1.2':>8}{'ECU + 200 ms':>16}{'27':>10}")


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
    whole_process(
        int(sys.argv[1]) if len(sys.argv) > 1 else 20, Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    )
    conversation()
    decoding()
