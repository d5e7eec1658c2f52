"""The table of metrics: one row for each value. Topics, JSON objects, entities and the README's table follow from it.

A new value is a field of Report or Inverter, a row here, and a source that fills the field. Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from aps2mqtt.base.values import Inverter, Report, Unchanged

Value = int | float | bool | str | datetime | Unchanged | None  # None: the topic is removed
Combine = Callable[[Sequence[float]], float]

ECU, INVERTER, PANEL = "ecu", "inverter", "panel"  # scopes
STATE = "state"  # is true now, and expires when no job renews it
FACT = "fact"  # stays true until the next job
POWER = "power"  # is true now; 0 where the inverter is offline
COUNTER = "counter"  # energy, which an offline inverter keeps
MEASURED = "measured"  # is true now; None where the inverter is offline
MEAN, RISING = "measurement", "total_increasing"  # state classes of Home Assistant
CELSIUS = "°C"


class Metric(NamedTuple):
    """One named value: its place, its unit, and what Home Assistant is told of it."""

    scope: str
    kind: str
    field: str  # of Report (ECU) or Inverter; empty: topics.py makes the value. That of a panel has a tuple of them
    type: type[object]
    topic: str  # below that of its ECU, inverter or panel
    name: str  # in the names of entities
    label: str = ""  # for people; empty: Home Assistant names it after the device class
    unit: str | None = None
    device_class: str | None = None
    state_class: str | None = None
    digits: int | None = None  # shown behind the point
    json: str = ""  # key in JSON objects; empty: the name
    combine: Combine | None = None  # makes the value of an inverter from those of its panels

    @property
    def key(self) -> str:
        """The key in JSON objects."""
        return self.json or self.name

    @property
    def momentary(self) -> bool:
        """True for what is true now only."""
        return self.kind in (STATE, POWER, MEASURED)

    @property
    def diagnostic(self) -> bool:
        """True for what Home Assistant lists below "Diagnostic"."""
        return self.kind in (STATE, FACT, MEASURED)

    def of_panel(self, panel: int) -> "Metric":
        """The metric of one of an inverter's panels, which count from 1."""
        label = f"Panel {panel} {self.label.lower() or self.device_class}"
        return self._replace(topic=f"{panel}/{self.topic}", name=f"panel_{panel}_{self.name}", label=label)

    def value(self, of: Report | Inverter) -> Value:
        """The value in a report or an inverter; of a metric that is no panel's."""
        if self.combine is None:
            found: Value = getattr(of, self.field)
            return found
        known = [value for value in getattr(of, self.field) if value is not None]
        return self.combine(known) if known else None

    def values(self, inverter: Inverter) -> tuple[Value, ...]:
        """The values of an inverter's panels; of a metric of panels."""
        found: tuple[Value, ...] = getattr(inverter, self.field)
        return found


Row = tuple[Metric, Value]


def _sum(values: Sequence[float]) -> float:
    return round(sum(values), 3)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 1)


# The messages have the order of these rows. The README says of each its unit and the comment above it.

# now; 0 when no inverter is online
ECU_POWER = Metric(ECU, POWER, "power", int, "power", "power", "", "W", "power", MEAN, 0, "current_power")
# by the ECU's own counter
TODAY = Metric(ECU, COUNTER, "today", float, "energy/today", "today_energy", "Energy today", "kWh", "energy", RISING, 2)
# by the ECU's own counter
LIFETIME = TODAY._replace(
    field="lifetime", topic="energy/lifetime", name="lifetime_energy", label="Energy lifetime", digits=1
)
# that energy/today had before midnight
YESTERDAY = TODAY._replace(
    field="yesterday", topic="energy/yesterday", name="yesterday_energy", label="Energy yesterday", state_class=None
)
# how many inverters the ECU has
REGISTERED = Metric(ECU, FACT, "registered", int, "inverters/total", "inverters_total", "Inverters", state_class=MEAN)
# how many of them are online
ONLINE = REGISTERED._replace(
    kind=STATE, field="online", topic="inverters/online", name="inverters_online", label="Inverters online"
)
# time of the ECU's data, ISO 8601
TIMESTAMP = Metric(ECU, FACT, "timestamp", datetime, "timestamp", "timestamp", "Data of", device_class="timestamp")
# of the ECU
FIRMWARE = Metric(ECU, FACT, "firmware", str, "firmware", "firmware", "Firmware")
# `online` after a job that read the ECU, `offline` after one that could not
STATUS = Metric(ECU, STATE, "", bool, "status", "status", "Status", device_class="connectivity")
# cause of the last failed job; removed by a good one
ERROR = Metric(ECU, FACT, "", str, "error", "error")
# inverters that the ECU leaves out, one that gives nothing while the others do, or a counter that stands still, in
# words; `none`
PROBLEM = Metric(ECU, FACT, "", bool, "problem", "problem", device_class="problem")

# `True` or `False`
IS_ONLINE = Metric(INVERTER, STATE, "online", bool, "online", "online", "Online", device_class="connectivity")
SIGNAL = Metric(INVERTER, MEASURED, "signal", int, "signal", "signal", "Signal", "%", None, MEAN, 0)
TEMPERATURE = Metric(
    INVERTER, MEASURED, "temperature", int, "temperature", "temperature", "", CELSIUS, "temperature", MEAN, 0
)
FREQUENCY = Metric(INVERTER, MEASURED, "frequency", float, "frequency", "frequency", "", "Hz", "frequency", MEAN, 1)
# of all its panels
INVERTER_POWER = ECU_POWER._replace(scope=INVERTER, field="powers", json="", combine=_sum)
# AC, mean
INVERTER_VOLTAGE = Metric(
    INVERTER, MEASURED, "voltages", int, "voltage", "voltage", "", "V", "voltage", MEAN, 0, combine=_mean
)
# integrated from its power
INVERTER_TODAY = TODAY._replace(scope=INVERTER, field="energies", combine=_sum)

# of the panel; panels count from 1
PANEL_POWER = INVERTER_POWER._replace(scope=PANEL, combine=None)
# AC; a three-phase inverter has its phases under panels 1 to 3, between phases on a QT2
PANEL_VOLTAGE = INVERTER_VOLTAGE._replace(scope=PANEL, combine=None)
# integrated from its power
PANEL_TODAY = INVERTER_TODAY._replace(scope=PANEL, combine=None)

TABLE = {name: row for name, row in tuple(globals().items()) if isinstance(row, Metric)}
OF_ECU, OF_INVERTER, OF_PANEL = (
    tuple(row for row in TABLE.values() if row.scope == scope and row.field) for scope in (ECU, INVERTER, PANEL)
)


def ecu_rows(report: Report) -> Iterator[Row]:
    """The readings of the ECU itself."""
    return ((metric, metric.value(report)) for metric in OF_ECU)


def lost_rows(inverter: Inverter) -> Iterator[Row]:
    """The panels that an inverter had once, which are removed."""
    panels = len(inverter.powers) + inverter.lost if inverter.lost else 0
    for metric in OF_PANEL:
        for panel in range(len(metric.values(inverter)) + 1, panels + 1):
            yield metric.of_panel(panel), None


def offline(uid: str, panels: int, voltages: int) -> Inverter:
    """An inverter that is offline: its panels give 0 W, and nothing is measured. Its counters are the caller's."""
    lost: dict[str, Any] = {
        metric.field: (0 if metric.kind == POWER else None,) * panels for metric in OF_PANEL if metric.kind != COUNTER
    }
    return Inverter(uid, online=False, **lost | {PANEL_VOLTAGE.field: (None,) * voltages})
