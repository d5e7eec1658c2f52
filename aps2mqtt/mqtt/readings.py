"""The values of reports as texts for people, in the unit and with the digits of their metric. Pure."""

from collections.abc import Iterable

from aps2mqtt.base.metrics import Metric, Row, Value, last_known
from aps2mqtt.base.values import Inverter
from aps2mqtt.mqtt import topics


def readings(rows: Iterable[Row]) -> dict[str, str]:
    """Each known reading by its metric's name; the last good one if it is retained."""
    known = ((metric, last_known(value)) for metric, value in rows)
    return {metric.name: reading(metric, value) for metric, value in known if value is not None}


def reading(metric: Metric, value: Value) -> str:
    """One value as text, with its unit."""
    is_number = isinstance(value, int | float) and metric.digits is not None
    return f"{value:.{metric.digits}f} {metric.unit}" if is_number else topics.payload(value)


def voltages(inverter: Inverter) -> str:
    """The AC voltages of an inverter; empty if there are none."""
    known = [topics.payload(voltage) for voltage in inverter.voltages if voltage is not None]
    return f"{'/'.join(known)} V" if known else ""
