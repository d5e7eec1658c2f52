"""The arrays that the tests draw, and the golden files of drawings."""

import os
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from parts import NOON

from aps2mqtt.base.values import UNCHANGED, Inverter, Recalled, Report
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import true_values

AT = datetime(2026, 6, 21, 13, 45, 9, tzinfo=ZoneInfo("Europe/Paris"))
LATER = AT + timedelta(minutes=3)
ESCAPE = re.compile(r"\033\[[0-9;]*m")
SIXTY = "24xDS3,20xQS1,6xYC1000,5xQT2,4xYC600,1xunseen"

DS3 = Inverter(
    "700000000001",
    online=True,
    powers=(200, 50),
    voltages=(227, 228),
    frequency=49.9,
    temperature=31,
    signal=67,
    energies=(1.5, 0.123),
)
QS1 = Inverter(
    "800000000001",
    online=True,
    powers=(100, 2, 0, 400),
    voltages=(229,),
    frequency=50.0,
    temperature=-7,
    signal=100,
    energies=(0.7, 0.01, 0.0, 2.75),
)
YC1000 = Inverter(
    "500000000001",
    online=True,
    powers=(91, 92, 93, 94),
    voltages=(235, 236, 235),
    frequency=50.1,
    temperature=0,
    signal=UNCHANGED,
    energies=(0.4, 0.4, 0.4, 0.4),
)
QT2 = Inverter(
    "900000000001", online=True, powers=(391, 0, 393, 394), voltages=(396, 397, 398), frequency=50.0, temperature=71
)
HALF_AWAKE = Inverter("408000000001", online=True, powers=(3, None), voltages=(None, None), temperature=12, signal=9)
ONE_CHANNEL = Inverter("320000000001", online=True, powers=(250,), voltages=(230,), frequency=50.0, signal=0)
OFFLINE = Inverter("408000000002", online=False, powers=(0, 0), voltages=(None, None), energies=(0.25, 0.5))
NEVER = Inverter("806000000009", online=False, powers=(None,) * 4, voltages=(None,) * 4)

MIXED = Report(
    "216000000001",
    power=2653,
    today=12.34,
    yesterday=8.1,
    lifetime=22310.9,
    registered=8,
    online=6,
    timestamp=AT,
    firmware="ECU_R_1.2.31",
    inverters=(DS3, QS1, YC1000, QT2, HALF_AWAKE, ONE_CHANNEL, OFFLINE, NEVER),
    problems=(
        "inverter 408000000002 has produced no power since 2026-06-21 10:00 while the others produce power; "
        "check its breaker and its cables, or remove it from the ECU if it is gone",
    ),
)


def simulated(inverters: str) -> Report:
    """What is true of a simulated array at a summer's noon."""
    plant = Plant(inverters=inverter_models(inverters))
    read = snapshot(plant.system_info(NOON), plant.real_time(NOON), plant.signal(NOON), UTC)
    return true_values.settle(read, None, Recalled(), NOON, UTC)[0]


def columns(line: str) -> int:
    """Columns that a line takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in ESCAPE.sub("", line))


def assert_golden(file: Path, lines: str) -> None:
    """The drawing is that in `file`; with REWRITE_GOLDEN it becomes that."""
    if os.environ.get("REWRITE_GOLDEN"):
        file.write_text(lines, encoding="utf-8")
    assert lines == file.read_text(encoding="utf-8")
