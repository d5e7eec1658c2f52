"""From what lies on the broker back to reports: the reverse of `topics.messages`. Pure.

Anything may lie there. What cannot be understood is left out, and of all else there is only so much.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice, takewhile
from typing import NamedTuple, TypeVar

from aps2mqtt.base.physical_limits import MOST_PANELS
from aps2mqtt.base.values import UNCHANGED, Inverter, Report, Unchanged
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.topics import Metric, Style

Number = TypeVar("Number", int, float)

MOST_ECUS = 100
MOST_INVERTERS = 1200  # of an ECU
PANELS = tuple(range(1, 4 * MOST_PANELS + 1))  # of an inverter; another version may know larger ones
LONGEST = 1000  # characters of a text
MOST = 1e9  # of any number, whatever its unit
COLDEST, HOTTEST = -100, 200  # degC
SERIAL_DIGITS = 12

PANEL_POWERS, PANEL_VOLTAGES, PANEL_ENERGIES = (
    tuple(metric.of_panel(panel) for panel in PANELS) for metric in (topics.POWER, topics.VOLTAGE, topics.ENERGY_TODAY)
)
# Said on topics of their own, also beside JSON objects.
ALWAYS_FLAT = {metric.topic for metric in (topics.STATUS, topics.ERROR, topics.PROBLEM)}

FAILED = "the last job could not read it; look at the log of aps2mqtt"
NOT_SAID = "nothing on the broker says that it was read lately; look at what starts the jobs"


class Published(NamedTuple):
    """What lies on the broker below a prefix."""

    presence: str  # of `aps2mqtt run`: online, offline; empty: not said
    reports: tuple[Report, ...]  # by the ECU's id

    def of(self, ecu_id: str) -> "Published":
        """Of one ECU alone."""
        return self._replace(reports=tuple(report for report in self.reports if report.ecu_id == ecu_id))


def filters(style: Style) -> tuple[str, ...]:
    """Where it lies."""
    return (f"{topics.root_topic(style)}/#",)


def lying(style: Style, retained: Mapping[str, str]) -> Published:
    """The reports whose messages these are; `style` says the prefix and each ECU's unit of temperatures.

    A value that is not there is UNCHANGED, or None where a report knows no other. A status that is not `online` is told
    as an error: `retained` is all there is to know of it.
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
    """What is said of one device, on topics of their own or in an object."""

    def __init__(self, style: Style, texts: Mapping[str, str]) -> None:
        readings = texts.keys() - ALWAYS_FLAT - {""}
        is_object = bool(texts.get("")) and not (style.flat and readings)
        self._flat = texts
        self._object = topics.json_object(texts[""]) if is_object else None

    def text(self, metric: Metric) -> str:
        """Empty where nothing is said."""
        if self._object is None or metric.topic in ALWAYS_FLAT:
            return self._flat.get(metric.topic, "")[:LONGEST]
        value = self._object.get(metric.key or metric.name)
        return topics.payload(value)[:LONGEST] if isinstance(value, str | int | float) else ""

    def number(self, metric: Metric, lowest: float = 0) -> float | None:
        try:
            number = float(self.text(metric))
        except ValueError:
            return None
        return number if lowest <= number < MOST else None

    def whole(self, metric: Metric, lowest: float = 0) -> int | None:
        number = self.number(metric, lowest)
        return int(number) if number is not None and number.is_integer() else None

    def moment(self, metric: Metric) -> datetime | None:
        try:
            moment = datetime.fromisoformat(self.text(metric))
        except ValueError:
            return None
        return moment if moment.tzinfo is not None else None


def _report(style: Style, ecu_id: str, devices: Mapping[tuple[str, ...], _Said]) -> Report:
    style = style.of(ecu_id)
    said = devices.get((ecu_id,), _Said(style, {}))
    uids = sorted(serials[1] for serials in devices if len(serials) > 1 and serials[0] == ecu_id)
    inverters = (_inverter(style, uid, devices[ecu_id, uid]) for uid in uids)
    return Report(
        ecu_id=ecu_id,
        power=_or_kept(said.whole(topics.ECU_POWER)),
        today=_or_kept(said.number(topics.ENERGY_TODAY)),
        lifetime=_or_kept(said.number(topics.ENERGY_LIFETIME)),
        registered=_or_kept(said.whole(topics.REGISTERED)),
        online=_or_kept(said.whole(topics.INVERTERS_ONLINE)),
        timestamp=said.moment(topics.TIMESTAMP),
        firmware=said.text(topics.FIRMWARE),
        inverters=tuple(islice((inverter for inverter in inverters if inverter is not None), MOST_INVERTERS)),
        error=_error(said),
        yesterday=said.number(topics.ENERGY_YESTERDAY),
        problems=_problems(said.text(topics.PROBLEM)),
    )


def _inverter(style: Style, uid: str, said: _Said) -> Inverter | None:
    """None where nothing says that it is there."""
    online = {"True": True, "False": False}.get(said.text(topics.INVERTER_ONLINE))
    if online is None and said.number(topics.ENERGY_TODAY) is None:  # which stays where the ECU does not list it
        return None
    energies = takewhile(lambda energy: energy is not None, map(said.number, PANEL_ENERGIES))
    return Inverter(
        uid,
        online=online,
        powers=_known([said.whole(metric) for metric in PANEL_POWERS]),
        voltages=_known([said.whole(metric) for metric in PANEL_VOLTAGES]),
        frequency=said.number(topics.FREQUENCY),
        temperature=_celsius(style, said.number(topics.TEMPERATURE, lowest=-MOST)),
        signal=said.whole(topics.SIGNAL),
        energies=tuple(energy for energy in energies if energy is not None),
    )


def _error(said: _Said) -> str:
    status = said.text(topics.STATUS)
    if status == topics.ONLINE:
        return ""
    return (said.text(topics.ERROR) or FAILED) if status == topics.OFFLINE else NOT_SAID


def _problems(text: str) -> tuple[str, ...] | Unchanged:
    if not text:
        return UNCHANGED
    return () if text == topics.NO_PROBLEM else (text,)


def _celsius(style: Style, degrees: float | None) -> int | None:
    if degrees is None:
        return None
    celsius = round((degrees - 32) * 5 / 9 if style.fahrenheit else degrees)
    return celsius if COLDEST <= celsius <= HOTTEST else None


def _known(values: list[int | None]) -> tuple[int | None, ...]:
    """Up to the last that is known."""
    while values and values[-1] is None:
        values.pop()
    return tuple(values)


def _or_kept(value: Number | None) -> Number | Unchanged:
    return UNCHANGED if value is None else value


def _is_serial(text: str) -> bool:
    return len(text) == SERIAL_DIGITS and text.isascii() and text.isdecimal()
