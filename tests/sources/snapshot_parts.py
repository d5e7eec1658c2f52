"""Captured answers and hand-written records, and the snapshots that they make."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

from parts import replace

from aps2mqtt.base.values import Inverter, Snapshot
from aps2mqtt.sources.ecu8899.answers import (
    RealTime,
    Record,
    Signal,
    SystemInfo,
    decode_real_time,
    decode_signal,
    decode_system_info,
)
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.snapshot import snapshot

CAPTURES = Path(__file__).parents[1] / "captures"
PARIS = ZoneInfo("Europe/Paris")
INFO = SystemInfo(
    ecu_id="216000000004",
    version="01",
    lifetime_energy=4358.1,
    power=654,
    energy_today=0.17,
    registered=2,
    online=2,
    firmware="ECU_R_1.3.6C",
    time_zone="Etc/GMT-8",
)
DS3 = Record(
    "703000000001", online=True, type="01", frequency=50.0, temperature=30, powers=(100, 101), voltages=(230, 231)
)
QS1 = Record(
    "802000000002", online=True, type="03", frequency=49.9, temperature=6, powers=(2, 3, 5, 6), voltages=(231,)
)
NO_SIGNALS = Signal("00")


def frame(name: str) -> Frame:
    return Frame.decode(bytes.fromhex(json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))["hex"]))


def info_of(name: str) -> SystemInfo:
    return decode_system_info(frame(name))


def records_of(name: str) -> RealTime:
    return decode_real_time(frame(name))


def levels_of(name: str) -> Signal:
    return decode_signal(frame(name))


def listing(*records: Record) -> RealTime:
    return RealTime("00", "01", len(records), "20250621120005", records)


def seen(*records: Record, signal: Signal | None = NO_SIGNALS, info: SystemInfo = INFO) -> Snapshot:
    """What these records mean; INFO has as many registered as there are."""
    if info is INFO and records:
        info = replace(INFO, registered=len(records), online=sum(record.online for record in records))
    return snapshot(info, listing(*records), signal, PARIS)


def one_inverter(record: Record, signal: Signal | None = NO_SIGNALS) -> Inverter:
    (inverter,) = seen(record, signal=signal).inverters
    return inverter
