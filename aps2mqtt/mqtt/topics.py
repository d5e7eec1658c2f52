"""What is said on which topic: the one place where a value gets its name. Pure.

A metric is a named value with a unit. Discovery and documentation take topic and unit from the same rows, so that
what is announced is what is published.

    Report -> messages
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from aps2mqtt.model import KEPT, Inverter, Kept, Recalled, Report

Value = int | float | bool | str | datetime | Kept | None  # None: the topic is removed

ONLINE = "online"
OFFLINE = "offline"


class Message(NamedTuple):
    """One message at QoS 1. An empty payload removes what is retained, so it is retained itself in any case."""

    topic: str
    payload: str
    retain: bool = True


class Style(NamedTuple):
    """How messages are written, as the user configured it."""

    prefix: str = ""
    retain: bool = True  # of readings; status and removals are always retained
    fahrenheit: bool = False


class Metric(NamedTuple):
    """One named value: its topic below that of what it belongs to, and its unit; `None` where it has none."""

    topic: str
    unit: str | None


POWER = Metric("power", "W")
ENERGY_TODAY = Metric("energy/today", "kWh")
ENERGY_LIFETIME = Metric("energy/lifetime", "kWh")
REGISTERED = Metric("inverters/total", None)
INVERTERS_ONLINE = Metric("inverters/online", None)
TIMESTAMP = Metric("timestamp", None)
FIRMWARE = Metric("firmware", None)
STATUS = Metric("status", None)
ERROR = Metric("error", None)

INVERTER_ONLINE = Metric("online", None)
SIGNAL = Metric("signal", "%")
TEMPERATURE = Metric("temperature", "°C")  # or °F
FREQUENCY = Metric("frequency", "Hz")
VOLTAGE = Metric("voltage", "V")


def ecu_topic(style: Style, ecu_id: str) -> str:
    """Topic below which everything of one ECU stands."""
    return f"{_root(style)}/{ecu_id}"


def presence_topic(style: Style) -> str:
    """Topic that says whether `aps2mqtt run` lives."""
    return f"{_root(style)}/{STATUS.topic}"


def messages(style: Style, report: Report) -> tuple[Message, ...]:
    """Everything that `report` makes true.

    The firmware comes first; the status comes last, when all else is said.
    """
    root = ecu_topic(style, report.ecu_id)
    values = [(root, metric, value) for metric, value in _ecu(report)]
    for inverter in report.inverters:
        values += [(f"{root}/{inverter.uid}", metric, value) for metric, value in _inverter(inverter, style)]
    for inverter in report.gone:
        values += [(f"{root}/{inverter.uid}", metric, None) for metric, _ in _inverter(inverter, style)]
    readings = [
        Message(f"{below}/{metric.topic}", text, retain=style.retain or not text)
        for below, metric, value in values
        if value is not KEPT
        for text in [payload(value)]
    ]
    firmware = firmware_message(style, report.ecu_id, report.firmware)
    return (firmware, *readings, *status_messages(style, report.ecu_id, report.error))


def firmware_message(style: Style, ecu_id: str, firmware: str) -> Message:
    """The one reading that needs no memory to be true."""
    return Message(f"{ecu_topic(style, ecu_id)}/{FIRMWARE.topic}", firmware, retain=style.retain or not firmware)


def status_messages(style: Style, ecu_id: str, error: str) -> tuple[Message, Message]:
    """How the last job went; an empty `error`: well."""
    root = ecu_topic(style, ecu_id)
    return (
        Message(f"{root}/{ERROR.topic}", error),
        Message(f"{root}/{STATUS.topic}", OFFLINE if error else ONLINE),
    )


def payload(value: Value) -> str:
    """`value` as people read it: numbers as the shortest decimal, times as ISO 8601, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def recalled(lifetime: str, today: str, timestamp: str) -> Recalled:
    """The counters in what the broker retains: the reverse of `payload`. What cannot be read is not there."""
    return Recalled(_amount(lifetime), _amount(today), _moment(timestamp))


def _amount(text: str) -> float | None:
    try:
        amount = float(text)
    except ValueError:
        return None
    return amount if 0 <= amount < float("inf") else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _root(style: Style) -> str:
    return f"{style.prefix}/aps" if style.prefix else "aps"


def _ecu(report: Report) -> Iterator[tuple[Metric, Value]]:
    yield POWER, report.power
    yield ENERGY_TODAY, report.today
    yield ENERGY_LIFETIME, report.lifetime
    yield REGISTERED, report.registered
    yield INVERTERS_ONLINE, report.online
    yield TIMESTAMP, report.timestamp


def _inverter(inverter: Inverter, style: Style) -> Iterator[tuple[Metric, Value]]:
    yield INVERTER_ONLINE, inverter.online
    yield SIGNAL, inverter.signal
    yield TEMPERATURE, _temperature(inverter.temperature, style)
    yield FREQUENCY, inverter.frequency
    powers = [power for power in inverter.powers if power is not None]
    yield POWER, sum(powers) if powers else None
    voltages = [voltage for voltage in inverter.voltages if voltage is not None]
    yield VOLTAGE, round(sum(voltages) / len(voltages), 1) if voltages else None
    for panel, power in enumerate(inverter.powers, 1):
        yield Metric(f"{panel}/{POWER.topic}", POWER.unit), power
    for panel, voltage in enumerate(inverter.voltages, 1):
        yield Metric(f"{panel}/{VOLTAGE.topic}", VOLTAGE.unit), voltage


def _temperature(celsius: int | None, style: Style) -> Value:
    if celsius is None or not style.fahrenheit:
        return celsius
    return round(celsius * 9 / 5 + 32, 1)
