"""What the last jobs of an ECU have left, for the tests of its metrics."""

from datetime import datetime, timedelta
from typing import Any

from reports import AT, DS3, ECU, QS1, QUAD, TWO, report

from aps2mqtt.base.metrics import offline
from aps2mqtt.base.values import Inverter, Report
from aps2mqtt.journal.entry import Entry

UNSEEN = "700000000002"
NAMES = {ECU: "Barn", TWO: 'Süd "unten"\\\n☀', f"{TWO}/2": "East"}
# Each of SunSpec's values is another one.
SUNNY = DS3._replace(
    today=1.013,
    ac_power=118.2,
    ac_current=0.52,
    apparent_power=119.1,
    reactive_power=-11.5,
    power_factor=0.992,
    dc_powers=(61.5, 62.5),
    dc_voltages=(33.1, 33.2),
    dc_currents=(1.86, 1.88),
    firmware="1.02",
    model="DS3-L",
)
ASLEEP = offline(QUAD, 4, 1)._replace(energies=QS1.energies, problem="produces no power")
ARRAY = report(
    SUNNY,
    ASLEEP,
    Inverter(UNSEEN, online=False),
    lifetime=1237.1,  # more than 2777 kWh are 1e+010 joules with prometheus_client before 0.26, and 1e+10 since
    problems=("an inverter sleeps",),
    source="8899+sunspec",
)


def entry(at: datetime = AT, fresh_for: int = 900, **changes: Any) -> Entry:
    """An ECU whose last job was at `at` and succeeded."""
    left = {"address": "192.168.1.42:8899", "at": at, "fresh_for": fresh_for, "report": ARRAY, "succeeded_at": at}
    return Entry(**left | changes)


def failed(at: datetime = AT, report: Report = ARRAY) -> Entry:
    """An ECU that could not be read by its last job, five minutes after one that could."""
    cause = "the ECU refuses the connection"
    left = report._replace(error=cause)
    return entry(at, failure=cause, succeeded_at=at - timedelta(minutes=5), report=left)
