"""The table of metrics: one row for each value. Topics, entities, Prometheus and docs/ follow from it.

A new value is a field of Report or Inverter, a row here, and a source that fills the field. Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from aps2mqtt.base.models import inverter_model
from aps2mqtt.base.values import ECU8899, SUNSPEC, Inverter, Report, Unchanged

Known = int | float | bool | str | datetime | None  # None: the topic is removed
Value = Known | Unchanged
Combine = Callable[[Sequence[float]], float]

ECU, INVERTER, PANEL = "ecu", "inverter", "panel"  # scopes
STATE = "state"  # is true now, and expires when no job renews it
FACT = "fact"  # stays true until the next job
POWER = "power"  # is true now; 0 where the inverter is offline
COUNTER = "counter"  # energy, which an offline inverter keeps
MEASURED = "measured"  # is true now; None where the inverter is offline
MEAN, RISING = "measurement", "total_increasing"  # state classes of Home Assistant
CELSIUS = "°C"
BOTH = (ECU8899, SUNSPEC)
DS3 = "DS3"


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
    own: str = ""  # field of an inverter's own value, which wins over the combined one
    sources: tuple[str, ...] = (ECU8899,)  # that say it; of two that were read, the first one wins
    family: str = ""  # of inverters that have it, by the name of their model; empty: all have it
    panel: int = 0  # of the inverter, from 1; 0: the metric is no panel's

    @property
    def key(self) -> str:
        """The key in JSON objects."""
        return self.json or self.name

    def label_of_panel(self, panel: str) -> str:
        """The label for people of a metric of the panel with this name."""
        label = self.label if self.label[:2].isupper() else self.label.lower()  # abbreviations stay
        return f"{panel} {label or self.device_class}"

    @property
    def momentary(self) -> bool:
        """True for what is true now only."""
        return self.kind in (STATE, POWER, MEASURED)

    @property
    def diagnostic(self) -> bool:
        """True for what Home Assistant lists below "Diagnostic"."""
        return self.kind in (STATE, FACT, MEASURED)

    @property
    def only_sunspec(self) -> bool:
        """True for what no other source says: it is published where SunSpec is on."""
        return self.sources == (SUNSPEC,)

    def of_panel(self, panel: int) -> "Metric":
        """The metric of one of an inverter's panels, which count from 1."""
        return self._replace(topic=f"{panel}/{self.topic}", name=f"panel_{panel}_{self.name}", panel=panel)

    def value(self, of: Report | Inverter) -> Value:
        """The value in a report or an inverter; of a metric that is no panel's."""
        own: Value = getattr(of, self.own) if self.own else None
        if own is not None:
            return own
        if self.combine is None:
            found: Value = getattr(of, self.field)
            return found
        known = [value for value in getattr(of, self.field) if value is not None]
        return self.combine(known) if known else None

    def values(self, inverter: Inverter) -> tuple[Value, ...]:
        """The values of an inverter's panels; of a metric of panels. What SunSpec has not said is None."""
        found: tuple[Value, ...] = getattr(inverter, self.field)
        missing = len(inverter.powers) - len(found) if self.only_sunspec else 0
        return (*found, *(None,) * missing)


Row = tuple[Metric, Value]


def last_known(value: Value) -> Known:
    """`value`; if it is unchanged, the one that was published last, None if that is not known."""
    return value.last if isinstance(value, Unchanged) else value


def _sum(values: Sequence[float]) -> float:
    return round(sum(values), 3)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 1)


# The messages have the order of these rows. docs/topics.md shows the unit of each and the comment above it.

# now; 0 when no inverter is online
ECU_POWER = Metric(
    ECU, POWER, "power", float, "power", "power", "", "W", "power", MEAN, 0, "current_power", sources=BOTH
)
# by the ECU's own counter; with SunSpec alone, the sum of its inverters
TODAY = Metric(ECU, COUNTER, "today", float, "energy/today", "today_energy", "Energy today", "kWh", "energy", RISING, 2)
# by the ECU's own counter
LIFETIME = TODAY._replace(
    field="lifetime", topic="energy/lifetime", name="lifetime_energy", label="Energy lifetime", digits=1
)
# of the day before
YESTERDAY = TODAY._replace(
    field="yesterday", topic="energy/yesterday", name="yesterday_energy", label="Energy yesterday", state_class=None
)
# number of inverters of the ECU
REGISTERED = Metric(ECU, FACT, "registered", int, "inverters/total", "inverters_total", "Inverters", state_class=MEAN)
# number of inverters that are online
ONLINE = REGISTERED._replace(
    kind=STATE, field="online", topic="inverters/online", name="inverters_online", label="Inverters online"
)
# time of the ECU's data, ISO 8601; with SunSpec alone, the time at which they changed
TIMESTAMP = Metric(ECU, FACT, "timestamp", datetime, "timestamp", "timestamp", "Data of", device_class="timestamp")
# firmware of the ECU
FIRMWARE = Metric(ECU, FACT, "firmware", str, "firmware", "firmware", "Firmware")
# `8899`, `sunspec` or `8899+sunspec`: the ports that the last successful job has read
SOURCE = Metric(ECU, FACT, "source", str, "source", "source", "Source", sources=(SUNSPEC,))
# `online` after a job that could read the ECU, `offline` after one that could not
STATUS = Metric(ECU, STATE, "", bool, "status", "status", "Status", device_class="connectivity")
# why the last job failed; removed when a job succeeds
ERROR = Metric(ECU, FACT, "", str, "error", "error")
# what is wrong with the array, or `none`: inverters that the ECU does not list, an inverter that produces no power
# while the others do, a counter that does not change
PROBLEM = Metric(ECU, FACT, "", bool, "problem", "problem", device_class="problem")

# `True` or `False`
IS_ONLINE = Metric(
    INVERTER, STATE, "online", bool, "online", "online", "Online", device_class="connectivity", sources=BOTH
)
SIGNAL = Metric(INVERTER, MEASURED, "signal", int, "signal", "signal", "Signal", "%", None, MEAN, 0)
TEMPERATURE = Metric(
    INVERTER, MEASURED, "temperature", int, "temperature", "temperature", "", CELSIUS, "temperature", MEAN, 0,
    sources=BOTH,
)  # fmt: skip
FREQUENCY = Metric(
    INVERTER, MEASURED, "frequency", float, "frequency", "frequency", "", "Hz", "frequency", MEAN, 1, sources=BOTH
)
# of all its panels
INVERTER_POWER = ECU_POWER._replace(scope=INVERTER, field="powers", type=int, json="", combine=_sum)
# AC, mean of its phases or panels
INVERTER_VOLTAGE = Metric(
    INVERTER, MEASURED, "voltages", float, "voltage", "voltage", "", "V", "voltage", MEAN, 0,
    combine=_mean, sources=BOTH,
)  # fmt: skip
# by its own counter with SunSpec, otherwise calculated from its power
INVERTER_TODAY = TODAY._replace(scope=INVERTER, field="energies", combine=_sum, own="today", sources=(SUNSPEC, ECU8899))
# AC
AC_POWER = Metric(
    INVERTER, POWER, "ac_power", float, "ac/power", "ac_power", "AC power", "W", "power", MEAN, 1, sources=(SUNSPEC,)
)
# AC
AC_CURRENT = AC_POWER._replace(
    kind=MEASURED, field="ac_current", topic="ac/current", name="ac_current", label="AC current", unit="A",
    device_class="current", digits=2,
)  # fmt: skip
# AC; of the DS3 family only
APPARENT_POWER = AC_POWER._replace(
    kind=MEASURED, field="apparent_power", topic="ac/apparent_power", name="ac_apparent_power",
    label="AC apparent power", unit="VA", device_class="apparent_power", family=DS3,
)  # fmt: skip
# AC; of the DS3 family only
REACTIVE_POWER = APPARENT_POWER._replace(
    field="reactive_power", topic="ac/reactive_power", name="ac_reactive_power", label="AC reactive power", unit="var",
    device_class="reactive_power",
)  # fmt: skip
# AC, -1 to 1; of the DS3 family only
POWER_FACTOR = APPARENT_POWER._replace(
    field="power_factor", topic="ac/power_factor", name="ac_power_factor", label="AC power factor", unit=None,
    device_class="power_factor", digits=3,
)  # fmt: skip
# firmware of the inverter
INVERTER_FIRMWARE = FIRMWARE._replace(scope=INVERTER, sources=(SUNSPEC,))
# what is wrong with this inverter, or `none`
INVERTER_PROBLEM = PROBLEM._replace(scope=INVERTER, field="problem", type=str, sources=BOTH)

# of the panel; with SunSpec alone, DC
PANEL_POWER = INVERTER_POWER._replace(scope=PANEL, combine=None)
# AC; a three-phase inverter has its phases under panels 1 to 3; a QT2 reports volts between phases
PANEL_VOLTAGE = INVERTER_VOLTAGE._replace(scope=PANEL, combine=None)
# calculated from its power
PANEL_TODAY = TODAY._replace(scope=PANEL, field="energies")
# DC
DC_POWER = AC_POWER._replace(scope=PANEL, field="dc_powers", topic="dc/power", name="dc_power", label="DC power")
# DC
DC_VOLTAGE = DC_POWER._replace(
    kind=MEASURED, field="dc_voltages", topic="dc/voltage", name="dc_voltage", label="DC voltage", unit="V",
    device_class="voltage",
)  # fmt: skip
# DC
DC_CURRENT = DC_VOLTAGE._replace(
    field="dc_currents", topic="dc/current", name="dc_current", label="DC current", unit="A", device_class="current",
    digits=2,
)  # fmt: skip

TABLE = {name: row for name, row in tuple(globals().items()) if isinstance(row, Metric)}
OF_ECU, OF_INVERTER, OF_PANEL = (
    tuple(row for row in TABLE.values() if row.scope == scope and row.field) for scope in (ECU, INVERTER, PANEL)
)


def ecu_rows(report: Report, *, sunspec: bool = False) -> Iterator[Row]:
    """The readings of the ECU itself; those of SunSpec only if it is on."""
    return ((metric, metric.value(report)) for metric in OF_ECU if sunspec or not metric.only_sunspec)


def inverter_rows(inverter: Inverter, *, sunspec: bool = False) -> Iterator[Row]:
    """The readings of an inverter and of its panels; those of SunSpec only if it is on."""
    model = inverter_model(inverter.uid)
    for metric in OF_INVERTER:
        if (sunspec or not metric.only_sunspec) and model.startswith(metric.family):
            yield metric, metric.value(inverter)
    for metric in OF_PANEL:
        if sunspec or not metric.only_sunspec:
            yield from ((metric.of_panel(panel), value) for panel, value in enumerate(metric.values(inverter), 1))


def lost_rows(inverter: Inverter, *, sunspec: bool = False) -> Iterator[Row]:
    """The panels that an inverter had once, which are removed."""
    panels = len(inverter.powers) + inverter.lost if inverter.lost else 0
    for metric in OF_PANEL:
        if metric.only_sunspec and not sunspec:
            continue
        for panel in range(len(metric.values(inverter)) + 1, panels + 1):
            yield metric.of_panel(panel), None


def offline(uid: str, panels: int, voltages: int, *, sunspec: bool = False) -> Inverter:
    """An inverter that is offline: its panels give 0 W, and nothing is measured. Its counters are the caller's.

    `sunspec`: SunSpec said something of it, so what it says of power is 0, too.
    """
    said = [metric for metric in (*OF_INVERTER, *OF_PANEL) if sunspec or not metric.only_sunspec]
    lost: dict[str, Any] = {
        metric.field: (0 if metric.kind == POWER else None,) * panels
        for metric in said
        if metric.scope == PANEL and metric.kind != COUNTER
    }
    zeros: dict[str, Any] = {
        metric.field: 0 for metric in said if metric.scope == INVERTER and metric.kind == POWER and not metric.combine
    }
    return Inverter(uid, online=False, **lost | zeros | {PANEL_VOLTAGE.field: (None,) * voltages})
