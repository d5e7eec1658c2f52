"""The table of metrics has a row for each value, and each row a value of its type."""

import typing

import pytest

from aps2mqtt.base import metrics
from aps2mqtt.base.values import Inverter, Report

SOURCES = {metrics.ECU: Report, metrics.INVERTER: Inverter, metrics.PANEL: Inverter}
NO_READINGS = {
    Report: {"ecu_id", "inverters", "gone", "error", "problems"},
    Inverter: {"uid", "lost", "bare", "model"},
}
READINGS = [*metrics.OF_ECU, *metrics.OF_INVERTER, *metrics.OF_PANEL]


def types(metric: metrics.Metric) -> set[object]:
    """What the field of `metric` may hold; of a tuple, its items."""
    declared = typing.get_type_hints(SOURCES[metric.scope])[metric.field]
    if metric.scope == metrics.PANEL or metric.combine is not None:
        declared, rest = typing.get_args(declared)
        assert rest is ...
    return set(typing.get_args(declared)) or {declared}


@pytest.mark.parametrize("metric", READINGS, ids=lambda metric: f"{metric.scope}-{metric.topic}")
def test_the_field_of_each_row_holds_its_type(metric: metrics.Metric) -> None:
    assert metric.type in types(metric)


@pytest.mark.parametrize("source", NO_READINGS)
def test_each_field_of_a_report_and_of_an_inverter_has_a_row(source: type) -> None:
    rows = {metric.field for metric in READINGS if SOURCES[metric.scope] is source}
    rows |= {metric.own for metric in READINGS if metric.own and SOURCES[metric.scope] is source}
    assert rows == set(source._fields) - NO_READINGS[source]


@pytest.mark.parametrize("scope", SOURCES)
@pytest.mark.parametrize("column", ["topic", "name", "key"])
def test_no_two_rows_of_a_scope_share_a_topic_a_name_or_a_key(scope: str, column: str) -> None:
    found = [getattr(metric, column) for metric in metrics.TABLE.values() if metric.scope == scope]
    assert len(set(found)) == len(found) > 0


def test_an_inverter_has_the_sum_or_the_mean_of_what_is_known_of_its_panels() -> None:
    inverter = Inverter("700000000001", online=True, powers=(60, None, 61), voltages=(None, None), energies=())
    assert metrics.INVERTER_POWER.value(inverter) == 121
    assert metrics.INVERTER_VOLTAGE.value(inverter) is None
    assert metrics.INVERTER_TODAY.value(inverter) is None
    assert metrics.PANEL_POWER.values(inverter) == (60, None, 61)
