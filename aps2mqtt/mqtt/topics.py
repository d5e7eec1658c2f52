"""What is published on which topic, from the rows of base/metrics.py. Pure.

Flat topics, JSON objects and Home Assistant's entities (discovery.py) are made from the same rows, so that the
announced entities are the published ones.

    Report -> messages
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import count, takewhile
from math import inf
from typing import Any, NamedTuple

from aps2mqtt.base import metrics
from aps2mqtt.base.metrics import INVERTER_TODAY, IS_ONLINE, PANEL_TODAY, Metric, Row, Value, ecu_rows, lost_rows
from aps2mqtt.base.names import NO_NAMES, Names
from aps2mqtt.base.values import NO_PROBLEM, Inverter, Placement, Recalled, Report, Unchanged

ONLINE = "online"
OFFLINE = "offline"


class Message(NamedTuple):
    """One message at QoS 1. An empty payload removes the retained message, so it is always retained itself."""

    topic: str
    payload: str
    retain: bool = True
    expiry: int | None = None  # seconds after which a broker of MQTT 5 deletes it


class Style(NamedTuple):
    """How messages are written, as the user configured it."""

    prefix: str = ""
    retain: bool = True  # of readings; status and removals are always retained
    fahrenheit: bool = False
    payload: str = "flat"  # flat, json or both
    discovery: str = ""  # for Home Assistant: device, component, or empty for none
    discovery_prefix: str = "homeassistant"
    sunspec: bool = False  # values that only SunSpec has are published
    drops_sunspec: bool = False  # the last job announced them, and this one does not
    expiry: int | None = None  # seconds that momentary values stay fresh
    presence: bool = False  # `run` publishes whether it is online
    unlike: frozenset[str] = frozenset()  # ids of ECUs whose temperatures are in the other unit
    names: Names = NO_NAMES  # for Home Assistant and the screen; in no topic

    def of(self, ecu_id: str) -> "Style":
        """The style of the messages of this ECU."""
        return self._replace(fahrenheit=self.fahrenheit != (ecu_id in self.unlike))

    @property
    def flat(self) -> bool:
        """True if each value has a topic of its own."""
        return self.payload != "json"

    @property
    def json(self) -> bool:
        """True if each device has a JSON object."""
        return self.payload != "flat"

    def at(self, layout: Placement) -> "Style":
        """The same style with another layout."""
        return self._replace(**layout._asdict())

    @property
    def layout(self) -> Placement:
        """The layout of the messages of this style."""
        return Placement(self.prefix, self.payload, self.discovery, self.discovery_prefix, self.retain, self.sunspec)


# Topics of the ECU's history, by period: lists as JSON, in every style. Only `aps2mqtt history` publishes them.
HISTORY = {
    "day": "history/power",
    "week": "history/energy/week",
    "month": "history/energy/month",
    "year": "history/energy/year",
}


def root_topic(style: Style) -> str:
    """Topic above all other topics."""
    return f"{style.prefix}/aps" if style.prefix else "aps"


def presence_topic(style: Style) -> str:
    """Topic of the presence of `aps2mqtt run`."""
    return f"{root_topic(style)}/{metrics.STATUS.topic}"


def check_topic(style: Style) -> str:
    """Topic of the message that tests the broker, and is then removed."""
    return f"{root_topic(style)}/check"


def ecu_topic(style: Style, ecu_id: str) -> str:
    """Topic above all topics of one ECU; in JSON, the topic of its own object. Those of an inverter: with its UID."""
    return f"{root_topic(style)}/{ecu_id}"


def messages(style: Style, report: Report) -> tuple[Message, ...]:
    """All messages of `report`; the status comes last, after all others."""
    root = ecu_topic(style, report.ecu_id)
    readings = [*_device(style, root, list(ecu_rows(report, sunspec=style.sunspec)))]
    for inverter in report.inverters:
        said = _device(style, f"{root}/{inverter.uid}", all_rows(style, inverter))
        if inverter.bare:  # the broker retains only `online` of it
            said = (one for one in said if one.payload or one.topic.endswith(f"/{IS_ONLINE.topic}"))
        readings += said
    for inverter in report.gone:
        readings += _removed(style, f"{root}/{inverter.uid}", all_rows(style, inverter))
    if not isinstance(report.problems, Unchanged):
        readings.append(
            Message(f"{root}/{metrics.PROBLEM.topic}", "; ".join(report.problems) or NO_PROBLEM, style.retain)
        )
    return (*readings, *status_messages(style, report.ecu_id, report.error))


def places(style: Style, report: Report) -> Iterator[str]:
    """Every topic on which a message of `report` may be retained, those with UNCHANGED values included."""
    root = ecu_topic(style, report.ecu_id)
    removals = [*_removed(style, root, ecu_rows(report, sunspec=style.sunspec))]
    for inverter in (*report.inverters, *report.gone):
        removals += _removed(style, f"{root}/{inverter.uid}", all_rows(style, inverter))
    yield from (removal.topic for removal in removals)
    others = (*HISTORY.values(), metrics.PROBLEM.topic, metrics.ERROR.topic, metrics.STATUS.topic)
    yield from (f"{root}/{topic}" for topic in others)


def status_messages(style: Style, ecu_id: str, error: str) -> tuple[Message, Message]:
    """Error and status of the last job; an empty `error` means success. Own topics in every style, always retained."""
    root = ecu_topic(style, ecu_id)
    return (
        Message(f"{root}/{metrics.ERROR.topic}", error),
        Message(f"{root}/{metrics.STATUS.topic}", OFFLINE if error else ONLINE, expiry=style.expiry),
    )


def history_message(style: Style, ecu_id: str, period: str, said: Mapping[str, object]) -> Message:
    """The message with an ECU's history of a day, week, month or year."""
    return Message(f"{ecu_topic(style, ecu_id)}/{HISTORY[period]}", json.dumps(said), style.retain)


def inverter_rows(style: Style, inverter: Inverter) -> Iterator[Row]:
    """The readings of an inverter and of its panels, in the user's unit of temperature."""
    rows = metrics.inverter_rows(inverter, sunspec=style.sunspec)
    return (_in_fahrenheit(*row) if style.fahrenheit and row[0].unit == metrics.CELSIUS else row for row in rows)


def all_rows(style: Style, inverter: Inverter) -> list[Row]:
    """The same, and the panels that it has lost."""
    return [*inverter_rows(style, inverter), *lost_rows(inverter, sunspec=style.sunspec)]


def payload(value: Value) -> str:
    """The payload for `value`: numbers as the shortest decimal, times as ISO 8601, empty for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


RECALLED = (*(metric for metric in metrics.OF_ECU if metric.kind == metrics.COUNTER), metrics.TIMESTAMP)


def recall_topics(style: Style, ecu_id: str) -> tuple[str, ...]:
    """The topics on which the counters of the ECU, its inverters and their panels are retained."""
    root = ecu_topic(style, ecu_id)
    if not style.flat:
        return (root, f"{root}/+")
    of_inverters = (f"{root}/+/{INVERTER_TODAY.topic}",) if style.sunspec else ()  # else the sum of its panels
    return (*(f"{root}/{metric.topic}" for metric in RECALLED), *of_inverters, f"{root}/+/+/{PANEL_TODAY.topic}")


def recalled(style: Style, ecu_id: str, retained: Mapping[str, str]) -> Recalled:
    """The counters in the messages `retained`: the reverse of `messages`. An unreadable value counts as missing."""
    root = ecu_topic(style, ecu_id)
    if style.flat:
        texts = {metric.field: retained.get(f"{root}/{metric.topic}", "") for metric in RECALLED}
    else:
        said = json_object(retained.get(root, ""))
        texts = {metric.field: str(said.get(metric.key)) for metric in RECALLED}
    moment = aware(texts.pop(metrics.TIMESTAMP.field))
    counters: dict[str, Any] = {field: number(text) for field, text in texts.items()}
    panels: dict[str, dict[int, float | None]] = {}
    for uid, panel, text in _of_panels(style, root, retained):
        panels.setdefault(uid, {})[panel] = number(text)
    energies = {uid: _in_order(amounts) for uid, amounts in panels.items()}
    whole = {uid: amount for uid, text in _of_inverters(style, root, retained) if (amount := number(text)) is not None}
    return Recalled(timestamp=moment, energies=energies, inverters=whole, **counters)


def _of_inverters(style: Style, root: str, retained: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """UID and published text of the energy today, for each inverter that has one of its own."""
    for topic, text in retained.items() if style.sunspec else ():
        uid, _, below = topic.removeprefix(f"{root}/").partition("/")
        if re.fullmatch("[0-9]{12}", uid) and below == (INVERTER_TODAY.topic if style.flat else ""):
            yield uid, text if style.flat else str(json_object(text).get(INVERTER_TODAY.key))


def _of_panels(style: Style, root: str, retained: Mapping[str, str]) -> Iterator[tuple[str, int, str]]:
    """UID, panel and published text of its energy today, for each panel that has one."""
    for topic, text in retained.items():
        below = topic.removeprefix(f"{root}/")
        if style.flat:
            if match := re.fullmatch(rf"([0-9]{{12}})/([0-9]{{1,2}})/{PANEL_TODAY.topic}", below):
                yield match[1], int(match[2]), text
        elif re.fullmatch("[0-9]{12}", below):
            for key, value in json_object(text).items():
                if match := re.fullmatch(rf"panel_([0-9]{{1,2}})_{PANEL_TODAY.name}", key):
                    yield below, int(match[1]), str(value)


def _in_order(amounts: Mapping[int, float | None]) -> tuple[float, ...]:
    """The amounts of panels 1, 2 and so on, up to the first unknown one."""
    known = takewhile(lambda amount: amount is not None, (amounts.get(panel) for panel in count(1)))
    return tuple(amount for amount in known if amount is not None)


def json_object(text: str) -> dict[str, object]:
    """The JSON object in `text`; empty if `text` is no object."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def number(text: str, lowest: float = 0, beyond: float = inf) -> float | None:
    """The number in `text`, at least `lowest` and below `beyond`; None if there is no such number."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if lowest <= found < beyond else None


def aware(text: str) -> datetime | None:
    """The time in `text`, in ISO 8601 with its zone; None if there is no such time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _device(style: Style, topic: str, rows: list[Row]) -> Iterator[Message]:
    """The messages of an ECU or an inverter, in the user's style."""
    if style.flat:
        for metric, value in rows:
            if not isinstance(value, Unchanged):
                text = payload(value)
                expiry = style.expiry if metric.momentary and text else None
                yield Message(f"{topic}/{metric.topic}", text, style.retain or not text, expiry)
    if style.json:
        # Without an expiry: the object holds energy, which never expires.
        said = {metric.key: _plain(value) for metric, value in rows}
        yield Message(topic, json.dumps(said), style.retain)


def _removed(style: Style, topic: str, rows: Iterable[Row]) -> Iterator[Message]:
    """The messages that remove the values of an ECU or an inverter."""
    if style.flat:
        yield from (Message(f"{topic}/{metric.topic}", "") for metric, _ in rows)
    if style.json:
        yield Message(topic, "")


def _plain(value: Value) -> float | str | None:
    """`value` for JSON; the last good value if it is Unchanged, where a topic of its own would be kept."""
    known = metrics.last_known(value)
    return known.isoformat() if isinstance(known, datetime) else known


def _in_fahrenheit(metric: Metric, celsius: Value) -> Row:
    degrees = round(celsius * 9 / 5 + 32, 1) if isinstance(celsius, int | float) else celsius
    return metric._replace(unit="°F", digits=1), degrees
