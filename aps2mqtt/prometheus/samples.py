"""The samples that Prometheus gets of an ECU, with their names, types and units. Pure.

A row of base/metrics.py becomes one series: its name is made of the scope, the topic and the base unit. Texts become
labels of one `_info` series for each scope.

    Entry -> samples
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from aps2mqtt.base import metrics
from aps2mqtt.base.metrics import CELSIUS, ECU, INVERTER, PANEL, Metric, Row, Value, ecu_rows, inverter_rows, last_known
from aps2mqtt.base.models import ecu_model, inverter_model
from aps2mqtt.base.names import Names, panel_key
from aps2mqtt.base.values import NO_PROBLEM, Report, Unchanged
from aps2mqtt.journal.entry import Entry

PREFIX = "aps2mqtt"
GAUGE, COUNTER, INFO = "gauge", "counter", "info"  # types
LABELS = {ECU: ("ecu", "name"), INVERTER: ("ecu", "inverter", "name"), PANEL: ("ecu", "inverter", "panel", "name")}
SCOPES = {ECU: "ECU"}  # in words; the others are words already


class Unit(NamedTuple):
    """A base unit of Prometheus."""

    name: str  # at the end of the names of its series
    factor: float = 1  # from our unit to this one


UNITS = {
    "W": Unit("watts"),
    "VA": Unit("voltamperes"),
    "var": Unit("vars"),
    "kWh": Unit("joules", 3_600_000),
    "V": Unit("volts"),
    "A": Unit("amperes"),
    "Hz": Unit("hertz"),
    "%": Unit("ratio", 0.01),
    CELSIUS: Unit("celsius"),
    None: Unit(""),
}
DIGITS = 4  # behind the point: more than any value has, few enough to hide the errors of binary fractions


class Series(NamedTuple):
    """What the samples of one name have in common. It is the same for every ECU."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...]  # their names


class Sample(NamedTuple):
    """One value, or the texts of an `_info` series."""

    series: Series
    labels: tuple[str, ...]  # their values
    value: float | Mapping[str, str]


def _of_job(name: str, about: str) -> Series:
    return Series(f"{PREFIX}_{name}", GAUGE, about, ("ecu", "address"))


LAST_JOB = _of_job("last_job_timestamp_seconds", "Time of the last job.")
LAST_JOB_SUCCESS = _of_job("last_job_success", "1 if the last job succeeded, 0 if it failed.")
LAST_SUCCESS = _of_job("last_success_timestamp_seconds", "Time of the last successful job.")
NEXT_JOB = _of_job("next_job_timestamp_seconds", "Time by which the next job must have come; after it, one is overdue.")


# -- series -----------------------------------------------------------------------------------------------------------


def every_series() -> tuple[Series, ...]:
    """All series, in the order of the rows. The reason of a failure has none: it would change with each failure."""
    rows = (series(metric) for metric in metrics.TABLE.values() if metric is not metrics.ERROR)
    return (LAST_JOB, LAST_JOB_SUCCESS, LAST_SUCCESS, NEXT_JOB, *dict.fromkeys(rows))


def series(metric: Metric) -> Series:
    """The series of a row."""
    scope = SCOPES.get(metric.scope, metric.scope)
    if _is_text(metric):
        return Series(f"{PREFIX}_{metric.scope}_info", INFO, f"Texts of the {scope} as labels.", LABELS[metric.scope])
    topic, unit = _topic(metric), _unit(metric)
    words = unit.name or ("1 or 0" if metric.type is bool or metric.device_class == "problem" else "")
    name = "_".join(filter(None, (PREFIX, metric.scope, *topic.split("/"), unit.name))).removesuffix("_total")
    about = f"Topic {topic} of the {scope}" + (f" ({words})." if words else ".")
    if metric.state_class == metrics.RISING:
        return Series(f"{name}_total", COUNTER, about, LABELS[metric.scope])
    return Series(name, GAUGE, about, LABELS[metric.scope])


def _is_text(metric: Metric) -> bool:
    """True for firmware and the like; the words of a problem become 1 or 0."""
    return metric.type is str and metric.device_class != metrics.PROBLEM.device_class


def _topic(metric: Metric) -> str:
    """The topic below that of the ECU, the inverter or the panel."""
    return metric.topic.removeprefix(f"{metric.panel}/")


def _unit(metric: Metric) -> Unit:
    return Unit("seconds") if metric.type is datetime else UNITS[metric.unit]


# -- samples ----------------------------------------------------------------------------------------------------------


def samples(entry: Entry, names: Names) -> Iterator[Sample]:
    """The samples of one ECU. What is not known has none; after a failure, what was only true before has none."""
    report = entry.report
    yield from _job(entry, report.ecu_id if report else "")
    if report is None:
        return
    rows = [*_lasting(ecu_rows(report, sunspec=True), entry), *_states(report)]
    yield from _device(rows, (report.ecu_id,), ecu_model(report.ecu_id), names)
    for one in report.inverters:
        rows = _lasting(inverter_rows(one, sunspec=True), entry)
        yield from _device(rows, (report.ecu_id, one.uid), one.model or inverter_model(one.uid), names)


def _job(entry: Entry, ecu_id: str) -> Iterator[Sample]:
    labels = (ecu_id, entry.address)
    yield Sample(LAST_JOB, labels, entry.at.timestamp())
    yield Sample(LAST_JOB_SUCCESS, labels, float(not entry.failure))
    if entry.succeeded_at is not None:
        yield Sample(LAST_SUCCESS, labels, entry.succeeded_at.timestamp())
    yield Sample(NEXT_JOB, labels, (entry.at + timedelta(seconds=entry.fresh_for)).timestamp())


def _lasting(rows: Iterable[Row], entry: Entry) -> list[Row]:
    """The rows that are true: after a failure, nobody knows what is true now."""
    return [(metric, value) for metric, value in rows if not (entry.failure and metric.momentary)]


def _states(report: Report) -> Iterator[Row]:
    """The rows of the ECU that are no fields of the report. The status stays true if only the broker failed."""
    yield metrics.STATUS, not report.error
    yield metrics.PROBLEM, report.problems if isinstance(report.problems, Unchanged) else bool(report.problems)


def _device(rows: Iterable[Row], serials: tuple[str, ...], model: str, names: Names) -> Iterator[Sample]:
    """The samples of an ECU, or of an inverter and its panels."""
    texts: dict[tuple[Series, tuple[str, ...]], dict[str, str]] = {}
    for metric, value in rows:
        key = panel_key(serials[-1], metric.panel) if metric.panel else serials[-1]
        labels = (*serials, *([str(metric.panel)] if metric.panel else ()), names.get(key, ""))
        if _is_text(metric):
            known = {} if metric.panel else {"model": model}
            told = value if isinstance(value, str) else ""
            texts.setdefault((series(metric), labels), known)[_topic(metric).replace("/", "_")] = told
        elif (number := _number(metric, value)) is not None:
            yield Sample(series(metric), labels, number)
    for (info, labels), words in texts.items():
        yield Sample(info, labels, words)


def _number(metric: Metric, value: Value) -> float | None:
    """The value in the base unit; None if it is not known."""
    known = last_known(value)
    if known is None:
        return None
    if isinstance(known, datetime):
        return known.timestamp()
    if isinstance(known, str):
        return float(known != NO_PROBLEM)
    return round(known * _unit(metric).factor, DIGITS)
