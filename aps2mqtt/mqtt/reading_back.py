"""Makes reports from the messages that the broker retains: the reverse of `topics.messages`. Pure.

The broker may retain anything. A value that cannot be understood is left out; all numbers and lengths have limits.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice, takewhile
from typing import Any, NamedTuple

from aps2mqtt.base import metrics
from aps2mqtt.base.metrics import Metric
from aps2mqtt.base.physical_limits import MOST_PANELS
from aps2mqtt.base.values import NO_PROBLEM, UNCHANGED, Inverter, Report, Unchanged
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.topics import Style

MOST_ECUS = 100
MOST_INVERTERS = 1200  # of an ECU
PANELS = tuple(range(1, 4 * MOST_PANELS + 1))  # of an inverter; another version may know larger ones
LONGEST = 1000  # characters of a text
MOST = 1e9  # of any number, whatever its unit
COLDEST, HOTTEST = -100, 200  # degC
SERIAL_DIGITS = 12

BY_PANEL = {metric: tuple(metric.of_panel(panel) for panel in PANELS) for metric in metrics.OF_PANEL}
KEPT = ("power", "today", "lifetime", "registered", "online", "source")  # UNCHANGED if nothing is published, not None
# Of the ECU, published on topics of their own, also beside JSON objects. An inverter's problem is in its object.
ALWAYS_FLAT = (metrics.STATUS, metrics.ERROR, metrics.PROBLEM)

FAILED = "the last job could not read the ECU; look at the log of aps2mqtt"
NOT_SAID = "the broker has no recent status of this ECU; check that cron, the timer or `run` is active"


class Published(NamedTuple):
    """The reports and the presence that the broker retains below a prefix."""

    presence: str  # of `aps2mqtt run`: online, offline; empty: not published
    reports: tuple[Report, ...]  # by the ECU's id

    def of(self, ecu_id: str) -> "Published":
        """The same with the report of one ECU only."""
        return self._replace(reports=tuple(report for report in self.reports if report.ecu_id == ecu_id))


def filters(style: Style) -> tuple[str, ...]:
    """Filters of the topics of all reports."""
    return (f"{topics.root_topic(style)}/#",)


def read_back(style: Style, retained: Mapping[str, str]) -> Published:
    """The reports in the messages `retained`; `style` has the prefix and each ECU's unit of temperatures.

    A missing value is UNCHANGED, or None if its field cannot be UNCHANGED. A status other than `online` becomes an
    error: nothing but `retained` is known of it.
    """
    root = f"{topics.root_topic(style)}/"
    below = [(topic.removeprefix(root).split("/"), text) for topic, text in retained.items() if topic.startswith(root)]
    devices: dict[tuple[str, ...], dict[str, str]] = {}
    for parts, text in below:
        serials = tuple(takewhile(_is_serial, parts[:2]))
        devices.setdefault(serials, {})["/".join(parts[len(serials) :])] = text
    said = {serials: _Said(style, texts) for serials, texts in devices.items()}
    ecus = islice(sorted({serials[0] for serials in said if serials}), MOST_ECUS)
    presence = retained.get(topics.presence_topic(style), "")
    return Published(
        presence if presence in (topics.ONLINE, topics.OFFLINE) else "",
        tuple(_report(style, ecu_id, said) for ecu_id in ecus),
    )


class _Said:
    """The published values of one device, on topics of their own or in a JSON object."""

    def __init__(self, style: Style, texts: Mapping[str, str]) -> None:
        readings = texts.keys() - {metric.topic for metric in ALWAYS_FLAT} - {""}
        is_object = bool(texts.get("")) and not (style.flat and readings)
        self._flat = texts
        self._object = topics.json_object(texts[""]) if is_object else None

    def text(self, metric: Metric) -> str:
        """The published text of `metric`; empty if there is none."""
        if self._object is None or metric in ALWAYS_FLAT:
            return self._flat.get(metric.topic, "")[:LONGEST]
        value = self._object.get(metric.key)
        return topics.payload(value)[:LONGEST] if isinstance(value, str | int | float) else ""

    def value(self, metric: Metric, style: Style) -> Any:  # noqa: ANN401 - of the metric's type
        """The value of `metric`, in degC if it is a temperature; None if it is missing or cannot be understood."""
        text = self.text(metric)
        if metric.unit == metrics.CELSIUS:
            return _celsius(style, topics.number(text, -MOST, MOST))
        return PARSERS[metric.type](text)

    def panels(self, metric: Metric, style: Style) -> tuple[Any, ...]:
        """The values by panel, up to the last known one; for a counter, up to the first unknown one."""
        values = [self.value(one, style) for one in BY_PANEL[metric]]
        if metric.kind == metrics.COUNTER:
            return tuple(takewhile(lambda value: value is not None, values))
        while values and values[-1] is None:
            values.pop()
        return tuple(values)


def _number(text: str) -> float | None:
    return topics.number(text, beyond=MOST)


def _whole(text: str) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number.is_integer() else None


PARSERS: dict[type[object], Callable[[str], object]] = {
    int: _whole,
    float: _number,
    str: str,
    bool: {"True": True, "False": False}.get,
    datetime: topics.aware,
}


def _report(style: Style, ecu_id: str, devices: Mapping[tuple[str, ...], _Said]) -> Report:
    style = style.of(ecu_id)
    said = devices.get((ecu_id,), _Said(style, {}))
    uids = sorted(serials[1] for serials in devices if len(serials) > 1 and serials[0] == ecu_id)
    inverters = (_inverter(style, uid, devices[ecu_id, uid]) for uid in uids)
    found = {metric.field: said.value(metric, style) for metric in metrics.OF_ECU}
    unknown = {field: UNCHANGED for field in KEPT if found[field] in (None, "")}
    return Report(
        ecu_id=ecu_id,
        inverters=tuple(islice((inverter for inverter in inverters if inverter is not None), MOST_INVERTERS)),
        error=_error(said),
        problems=_problems(said.text(metrics.PROBLEM)),
        **{**found, **unknown},
    )


def _inverter(style: Style, uid: str, said: _Said) -> Inverter | None:
    """The inverter; None if no message shows that it exists."""
    found = {metric.field: said.value(metric, style) for metric in metrics.OF_INVERTER if metric.combine is None}
    energy = said.value(metrics.INVERTER_TODAY, style)
    if found[metrics.IS_ONLINE.field] is None and energy is None:  # energy stays even if the ECU does not list it
        return None
    found |= {metric.field: said.panels(metric, style) for metric in metrics.OF_PANEL}
    texts = {"firmware": found["firmware"] or None, "problem": found["problem"] or UNCHANGED}
    inverter = Inverter(uid, **found | texts)
    return inverter if metrics.INVERTER_TODAY.value(inverter) == energy else inverter._replace(today=energy)


def _error(said: _Said) -> str:
    status = said.text(metrics.STATUS)
    if status == topics.ONLINE:
        return ""
    return (said.text(metrics.ERROR) or FAILED) if status == topics.OFFLINE else NOT_SAID


def _problems(text: str) -> tuple[str, ...] | Unchanged:
    if not text:
        return UNCHANGED
    return () if text == NO_PROBLEM else (text,)


def _celsius(style: Style, degrees: float | None) -> int | None:
    if degrees is None:
        return None
    celsius = round((degrees - 32) * 5 / 9 if style.fahrenheit else degrees)
    return celsius if COLDEST <= celsius <= HOTTEST else None


def _is_serial(text: str) -> bool:
    return len(text) == SERIAL_DIGITS and text.isascii() and text.isdecimal()
