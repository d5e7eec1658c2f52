"""What is said on which topic: the one place where a value gets its name. Pure.

A metric is a named value with a unit. Flat topics, JSON objects and Home Assistant's entities (discovery.py) are made
from the same rows, so that what is announced is what is published.

    Report -> messages
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count, takewhile
from typing import NamedTuple

from aps2mqtt.base.values import Inverter, Placement, Recalled, Report, Unchanged

Value = int | float | bool | str | datetime | Unchanged | None  # None: the topic is removed
Row = tuple["Metric", Value]

ONLINE = "online"
OFFLINE = "offline"
NO_PROBLEM = "none"


class Message(NamedTuple):
    """One message at QoS 1. An empty payload removes what is retained, so it is retained itself in any case."""

    topic: str
    payload: str
    retain: bool = True
    expiry: int | None = None  # seconds after which a broker of MQTT 5 forgets it


class Style(NamedTuple):
    """How messages are written, as the user configured it."""

    prefix: str = ""
    retain: bool = True  # of readings; status and removals are always retained
    fahrenheit: bool = False
    payload: str = "flat"  # flat, json or both
    discovery: str = ""  # for Home Assistant: device, component, or empty for none
    discovery_prefix: str = "homeassistant"
    expiry: int | None = None  # seconds that what is of the moment stays fresh
    presence: bool = False  # `run` says whether it lives
    unlike: frozenset[str] = frozenset()  # ids of ECUs whose temperatures are in the other unit

    def of(self, ecu_id: str) -> "Style":
        """How those of this ECU are."""
        return self._replace(fahrenheit=self.fahrenheit != (ecu_id in self.unlike))

    @property
    def flat(self) -> bool:
        """Each value on a topic of its own."""
        return self.payload != "json"

    @property
    def json(self) -> bool:
        """An object for each device."""
        return self.payload != "flat"

    def at(self, layout: Placement) -> "Style":
        """The same with another layout."""
        return self._replace(**layout._asdict())

    @property
    def layout(self) -> Placement:
        """Where messages of this style lie."""
        return Placement(self.prefix, self.payload, self.discovery, self.discovery_prefix, self.retain)


class Metric(NamedTuple):
    """One named value: where it is said, its unit, and what Home Assistant is told of it."""

    topic: str  # below that of what it belongs to
    name: str  # in the names of entities
    label: str = ""  # for people; empty: Home Assistant names it after the device class
    unit: str | None = None
    key: str = ""  # in JSON objects; empty: the name
    device_class: str | None = None
    state_class: str | None = None
    digits: int | None = None  # shown behind the point
    diagnostic: bool = False
    momentary: bool = False  # says something of now, and nothing when nobody renews it
    measured: bool = False  # of inverters that are awake; removed for the others

    def of_panel(self, panel: int) -> "Metric":
        """The same of one of an inverter's panels, which count from 1."""
        label = f"Panel {panel} {self.label.lower() or self.device_class}"
        return self._replace(topic=f"{panel}/{self.topic}", name=f"panel_{panel}_{self.name}", label=label)


def _measured(name: str, unit: str, device_class: str | None, digits: int, label: str = "") -> Metric:
    """What an inverter measures while it is awake."""
    metric = Metric(name, name, label, unit, "", device_class, "measurement", digits)
    return metric._replace(diagnostic=True, momentary=True, measured=True)


POWER = Metric("power", "power", "", "W", "", "power", "measurement", 0, momentary=True)
ENERGY_TODAY = Metric("energy/today", "today_energy", "Energy today", "kWh", "", "energy", "total_increasing", 2)
TIMESTAMP = Metric("timestamp", "timestamp", "Data of", device_class="timestamp", diagnostic=True)
ENERGY_LIFETIME = Metric(
    "energy/lifetime", "lifetime_energy", "Energy lifetime", "kWh", "", "energy", "total_increasing", 1
)

ECU_POWER = POWER._replace(key="current_power")
ENERGY_YESTERDAY = Metric("energy/yesterday", "yesterday_energy", "Energy yesterday", "kWh", "", "energy", digits=2)
REGISTERED = Metric("inverters/total", "inverters_total", "Inverters", state_class="measurement", diagnostic=True)
INVERTERS_ONLINE = Metric(
    "inverters/online",
    "inverters_online",
    "Inverters online",
    state_class="measurement",
    diagnostic=True,
    momentary=True,
)
FIRMWARE = Metric("firmware", "firmware", "Firmware", diagnostic=True)
STATUS = Metric("status", "status", "Status", device_class="connectivity", diagnostic=True, momentary=True)
ERROR = Metric("error", "error")
PROBLEM = Metric("problem", "problem", device_class="problem", diagnostic=True)

# What the ECU remembers, by period: lists as JSON, in every style. Only `aps2mqtt history` publishes them.
HISTORY = {
    "day": "history/power",
    "week": "history/energy/week",
    "month": "history/energy/month",
    "year": "history/energy/year",
}

INVERTER_ONLINE = Metric("online", "online", "Online", device_class="connectivity", diagnostic=True, momentary=True)
SIGNAL = _measured("signal", "%", None, 0, "Signal")
TEMPERATURE = _measured("temperature", "°C", "temperature", 0)
FREQUENCY = _measured("frequency", "Hz", "frequency", 1)
VOLTAGE = _measured("voltage", "V", "voltage", 0)


def root_topic(style: Style) -> str:
    """Topic below which everything stands."""
    return f"{style.prefix}/aps" if style.prefix else "aps"


def presence_topic(style: Style) -> str:
    """Topic that says whether `aps2mqtt run` lives."""
    return f"{root_topic(style)}/{STATUS.topic}"


def check_topic(style: Style) -> str:
    """Topic of the message by which the broker is tried, and which is removed again."""
    return f"{root_topic(style)}/check"


def ecu_topic(style: Style, ecu_id: str) -> str:
    """Topic below which everything of one ECU stands; in JSON, its own object's."""
    return f"{root_topic(style)}/{ecu_id}"


def inverter_topic(style: Style, ecu_id: str, uid: str) -> str:
    """Topic below which everything of one inverter stands; in JSON, its own object's."""
    return f"{ecu_topic(style, ecu_id)}/{uid}"


def messages(style: Style, report: Report) -> tuple[Message, ...]:
    """Everything that `report` makes true; the status comes last, when all else is said."""
    root = ecu_topic(style, report.ecu_id)
    readings = [*_device(style, root, list(ecu_rows(report)))]
    for inverter in report.inverters:
        rows = [*inverter_rows(style, inverter), *lost_rows(inverter)]
        said = _device(style, f"{root}/{inverter.uid}", rows)
        readings += _without_removals(said) if inverter.bare else said
    for inverter in report.gone:
        rows = [*inverter_rows(style, inverter), *lost_rows(inverter)]
        readings += [*_removed(style, f"{root}/{inverter.uid}", [metric for metric, _ in rows])]
    if not isinstance(report.problems, Unchanged):
        readings.append(Message(f"{root}/{PROBLEM.topic}", "; ".join(report.problems) or NO_PROBLEM, style.retain))
    return (*readings, *status_messages(style, report.ecu_id, report.error))


def places(style: Style, report: Report) -> Iterator[str]:
    """Every topic that something of `report` may lie on, what is kept included."""
    root = ecu_topic(style, report.ecu_id)
    yield from (one.topic for one in _removed(style, root, [metric for metric, _ in ecu_rows(report)]))
    for inverter in (*report.inverters, *report.gone):
        rows = [*inverter_rows(style, inverter), *lost_rows(inverter)]
        yield from (one.topic for one in _removed(style, f"{root}/{inverter.uid}", [metric for metric, _ in rows]))
    yield from (f"{root}/{topic}" for topic in (*HISTORY.values(), PROBLEM.topic, ERROR.topic, STATUS.topic))


def status_messages(style: Style, ecu_id: str, error: str) -> tuple[Message, Message]:
    """How the last job went; an empty `error`: well. Topics of their own in every style, and always retained."""
    root = ecu_topic(style, ecu_id)
    return (
        Message(f"{root}/{ERROR.topic}", error),
        Message(f"{root}/{STATUS.topic}", OFFLINE if error else ONLINE, expiry=style.expiry),
    )


def history_message(style: Style, ecu_id: str, period: str, said: Mapping[str, object]) -> Message:
    """What an ECU remembers of a day, week, month or year."""
    return Message(f"{ecu_topic(style, ecu_id)}/{HISTORY[period]}", json.dumps(said), style.retain)


def ecu_rows(report: Report) -> Iterator[Row]:
    """The readings of the ECU itself."""
    yield ECU_POWER, report.power
    yield ENERGY_TODAY, report.today
    yield ENERGY_LIFETIME, report.lifetime
    yield ENERGY_YESTERDAY, report.yesterday
    yield REGISTERED, report.registered
    yield INVERTERS_ONLINE, report.online
    yield TIMESTAMP, report.timestamp
    yield FIRMWARE, report.firmware


def inverter_rows(style: Style, inverter: Inverter) -> Iterator[Row]:
    """The readings of an inverter and of its panels."""
    yield INVERTER_ONLINE, inverter.online
    yield SIGNAL, inverter.signal
    yield _scaled(TEMPERATURE, style), _degrees(inverter.temperature, style)
    yield FREQUENCY, inverter.frequency
    powers = [power for power in inverter.powers if power is not None]
    yield POWER, sum(powers) if powers else None
    voltages = [voltage for voltage in inverter.voltages if voltage is not None]
    yield VOLTAGE, round(sum(voltages) / len(voltages), 1) if voltages else None
    yield ENERGY_TODAY, round(sum(inverter.energies), 3) if inverter.energies else None
    for panel, power in enumerate(inverter.powers, 1):
        yield POWER.of_panel(panel), power
    for panel, voltage in enumerate(inverter.voltages, 1):
        yield VOLTAGE.of_panel(panel), voltage
    for panel, energy in enumerate(inverter.energies, 1):
        yield ENERGY_TODAY.of_panel(panel), energy


def lost_rows(inverter: Inverter) -> Iterator[Row]:
    """The panels that an inverter had once, which are removed."""
    if not inverter.lost:
        return
    panels = len(inverter.powers) + inverter.lost
    for metric, kept in ((POWER, inverter.powers), (VOLTAGE, inverter.voltages), (ENERGY_TODAY, inverter.energies)):
        for panel in range(len(kept) + 1, panels + 1):
            yield metric.of_panel(panel), None


def payload(value: Value) -> str:
    """`value` as people read it: numbers as the shortest decimal, times as ISO 8601, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


RECALLED = (ENERGY_LIFETIME, ENERGY_TODAY, ENERGY_YESTERDAY, TIMESTAMP)


def recall_topics(style: Style, ecu_id: str) -> tuple[str, ...]:
    """Where the counters of the ECU, its inverters and their panels lie on the broker."""
    root = ecu_topic(style, ecu_id)
    if not style.flat:
        return (root, f"{root}/+")
    return (*(f"{root}/{metric.topic}" for metric in RECALLED), f"{root}/+/+/{ENERGY_TODAY.topic}")


def recalled(style: Style, ecu_id: str, retained: Mapping[str, str]) -> Recalled:
    """The counters in what the broker retains: the reverse of `messages`. What cannot be read is not there."""
    root = ecu_topic(style, ecu_id)
    if style.flat:
        texts = [retained.get(f"{root}/{metric.topic}", "") for metric in RECALLED]
    else:
        said = json_object(retained.get(root, ""))
        texts = [str(said.get(metric.key or metric.name)) for metric in RECALLED]
    lifetime, today, yesterday, timestamp = texts
    panels: dict[str, dict[int, float | None]] = {}
    for uid, panel, text in _of_panels(style, root, retained):
        panels.setdefault(uid, {})[panel] = _amount(text)
    energies = {uid: _in_order(amounts) for uid, amounts in panels.items()}
    return Recalled(
        _amount(lifetime), _amount(today), _moment(timestamp), yesterday=_amount(yesterday), energies=energies
    )


def _of_panels(style: Style, root: str, retained: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """UID, panel and what is said of its energy today, wherever any is."""
    for topic, text in retained.items():
        below = topic.removeprefix(f"{root}/")
        if style.flat:
            if match := re.fullmatch(rf"([0-9]{{12}})/([0-9]{{1,2}})/{ENERGY_TODAY.topic}", below):
                yield match[1], int(match[2]), text
        elif re.fullmatch("[0-9]{12}", below):
            for key, value in json_object(text).items():
                if match := re.fullmatch(rf"panel_([0-9]{{1,2}})_{ENERGY_TODAY.name}", key):
                    yield below, int(match[1]), str(value)


def _in_order(amounts: Mapping[int, float | None]) -> tuple[float, ...]:
    """Those of panels 1, 2 and so on, up to the first of which nothing is known."""
    known = takewhile(lambda amount: amount is not None, (amounts.get(panel) for panel in count(1)))
    return tuple(amount for amount in known if amount is not None)


def json_object(text: str) -> dict[str, object]:
    """What is said of a device in JSON; nothing where it is no object."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _amount(text: str) -> float | None:
    try:
        amount = float(text)
    except ValueError:
        return None
    return amount if 0 <= amount < float("inf") else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _device(style: Style, topic: str, rows: list[Row]) -> Iterator[Message]:
    """What is said of an ECU or an inverter, in the user's style."""
    if style.flat:
        for metric, value in rows:
            if not isinstance(value, Unchanged):
                text = payload(value)
                expiry = style.expiry if metric.momentary and text else None
                yield Message(f"{topic}/{metric.topic}", text, style.retain or not text, expiry)
    if style.json:
        # Without an expiry: the object holds energy, which never expires.
        said = {metric.key or metric.name: _plain(value) for metric, value in rows}
        yield Message(topic, json.dumps(said), style.retain)


def _without_removals(said: Iterable[Message]) -> Iterator[Message]:
    """Of an inverter of which nothing but `online` lies on the broker."""
    return (one for one in said if one.payload or one.topic.endswith(f"/{INVERTER_ONLINE.topic}"))


def _removed(style: Style, topic: str, metrics: list[Metric]) -> Iterator[Message]:
    """That nothing more is said of an ECU or an inverter."""
    if style.flat:
        yield from (Message(f"{topic}/{metric.topic}", "") for metric in metrics)
    if style.json:
        yield Message(topic, "")


def _plain(value: Value) -> float | str | None:
    """`value` for JSON; the last good one where a topic of its own would be kept."""
    if isinstance(value, Unchanged):
        return value.last
    return value.isoformat() if isinstance(value, datetime) else value


def _scaled(metric: Metric, style: Style) -> Metric:
    return metric._replace(unit="°F", digits=1) if style.fahrenheit else metric


def _degrees(celsius: int | None, style: Style) -> Value:
    if celsius is None or not style.fahrenheit:
        return celsius
    return round(celsius * 9 / 5 + 32, 1)
