"""The announcements by which the array appears in Home Assistant by itself. Pure, from the rows of topics.py.

    Report -> messages

Style `device`: one message for the ECU and one for each inverter, on <prefix>/device/aps_<id>/config.
Style `component`: one message for each entity, on <prefix>/<platform>/aps_<id>_<name>/config.

Entities keep the unique ids of aps2mqtt 2.x, and with them their history. Home Assistant's reaction to these messages
was tried with 2026.2; tests/home_assistant checks it.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from aps2mqtt import __version__
from aps2mqtt.base.metrics import (
    ERROR,
    INVERTER_PROBLEM,
    IS_ONLINE,
    MEASURED,
    PROBLEM,
    STATUS,
    Metric,
    Row,
    ecu_rows,
    lost_rows,
)
from aps2mqtt.base.metrics import inverter_rows as metrics_of_inverter
from aps2mqtt.base.models import ecu_model, inverter_model
from aps2mqtt.base.names import panel_key
from aps2mqtt.base.values import NO_PROBLEM, Inverter, Report
from aps2mqtt.mqtt.topics import (
    OFFLINE,
    ONLINE,
    Message,
    Style,
    all_rows,
    ecu_topic,
    inverter_rows,
    presence_topic,
)

DEVICE = "device"
SENSOR, BINARY_SENSOR = "sensor", "binary_sensor"
MIGRATE = '{"migrate_discovery": true}'

Component = dict[str, Any]  # an entity, with Home Assistant's keys
Condition = dict[str, str]  # a condition that has to be met for an entity to be available


class Device(NamedTuple):
    """An ECU or an inverter, as Home Assistant knows it."""

    id: str
    about: dict[str, Any]
    available: list[Condition]  # of all its entities that have no conditions of their own
    components: dict[str, Component]  # by the metric's name
    removed: tuple[Metric, ...] = ()  # metrics that it had once


def messages(style: Style, report: Report) -> tuple[Message, ...]:
    """The announcements of the ECU and its inverters, and the removal of those that are gone.

    They are published before the readings: if an announcement changes, Home Assistant shows the entity as unavailable
    until its next value.
    """
    if not style.discovery:
        return ()
    devices = [_ecu(style, report), *(_inverter(style, report, inverter) for inverter in report.inverters)]
    return (
        *(message for device in devices for message in _announced(style, device)),
        *(message for inverter in report.gone for message in _cleared(style, inverter)),
    )


def moved(old: Iterable[str], new: Iterable[Message]) -> tuple[Message, ...]:
    """`new`, and messages that clear the `old` topics so that entities announced there keep names and history.

    MIGRATE is published on the old topics whose entities `new` announces elsewhere; the other entities are removed.
    """
    new = tuple(new)
    announced = {message.topic for message in new}
    stale = [topic for topic in old if topic not in announced]
    ids = {one for message in new for one in _ids(message)} if stale else set()
    return (
        *(Message(topic, MIGRATE) for topic in stale if _object_id(topic) in ids),
        *new,
        *(Message(topic, "") for topic in stale),
    )


def filters(style: Style) -> tuple[str, ...]:
    """Filters of all topics of announcements, those of other programs too."""
    return tuple(f"{style.discovery_prefix}/{kind}/+/config" for kind in (DEVICE, SENSOR, BINARY_SENSOR))


def probe_topic(style: Style) -> str:
    """A topic on which nothing is announced."""
    return f"{style.discovery_prefix}/{SENSOR}/aps_probe/config"


def device_of(topic: str, payload: str) -> tuple[str, str]:
    """The ids of the device in an announcement of ours and of its `via_device`, if any; empty if it is not ours."""
    try:
        about = json.loads(payload)["device"]
        if _object_id(topic).startswith("aps_"):
            return str(about["identifiers"][0]), str(about.get("via_device", ""))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        pass
    return "", ""


def is_component(topic: str) -> bool:
    """True for a topic of the style `component`, the style of 2.x."""
    return f"/{DEVICE}/" not in topic


def _object_id(topic: str) -> str:
    return topic.split("/")[-2]


def _ids(message: Message) -> Iterator[str]:
    """The unique ids of the entities that `message` announces, and the id of their device."""
    if message.payload:
        announcement = json.loads(message.payload)
        components = announcement.get("components", {"": announcement}).values()
        yield from (component["unique_id"] for component in components if "unique_id" in component)
        yield f"aps_{announcement['device']['identifiers'][0]}"


def _announced(style: Style, device: Device) -> Iterator[Message]:
    origin = {"name": "aps2mqtt", "sw_version": __version__}
    shared = {"device": device.about, "origin": origin, "availability_mode": "all", "availability": device.available}
    if style.discovery == DEVICE:
        removed = {metric.name: {"platform": _platform(metric)} for metric in device.removed}
        announcement = shared | {"components": device.components | removed}
        yield Message(_device_topic(style, device.id), json.dumps(announcement, ensure_ascii=False))
        return
    for name, component in device.components.items():
        topic = _component_topic(style, device.id, component["platform"], name)
        yield Message(topic, json.dumps(shared | component, ensure_ascii=False))
    for metric in device.removed:
        yield Message(_component_topic(style, device.id, _platform(metric), metric.name), "")


def _cleared(style: Style, inverter: Inverter) -> Iterator[Message]:
    """The removal of every announcement that there may be of an inverter, whatever is known of it now."""
    if style.discovery == DEVICE:
        yield Message(_device_topic(style, inverter.uid), "")
        return
    for metric, _ in all_rows(style, inverter):
        yield Message(_component_topic(style, inverter.uid, _platform(metric), metric.name), "")


def _device_topic(style: Style, device_id: str) -> str:
    return f"{style.discovery_prefix}/{DEVICE}/aps_{device_id}/config"


def _component_topic(style: Style, device_id: str, platform: str, name: str) -> str:
    return f"{style.discovery_prefix}/{platform}/aps_{device_id}_{name}/config"


def _ecu(style: Style, report: Report) -> Device:
    root = ecu_topic(style, report.ecu_id)
    # An unknown metric gets no entity, which would stay without a value; a time may be unknown in some polls.
    rows = ecu_rows(report, sunspec=style.sunspec)
    metrics = [metric for metric, value in rows if value is not None or _may_be_unknown(metric)]
    components = {metric.name: _component(style, report.ecu_id, root, metric) for metric in metrics}
    for metric in (STATUS, PROBLEM):
        components[metric.name] = _component(style._replace(payload="flat"), report.ecu_id, root, metric)
    # The status is known even if the ECU cannot be read.
    components[STATUS.name] |= {
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        "availability": _presence(style),
        "json_attributes_topic": f"{root}/{ERROR.topic}",
        "json_attributes_template": _attribute(ERROR.name),
    }
    components[PROBLEM.name] |= _problem(f"{root}/{PROBLEM.topic}", "value")
    about = _about(style, report.ecu_id, ecu_model(report.ecu_id)) | {"sw_version": report.firmware}
    return Device(
        report.ecu_id, about, _readable(style, root), components, _dropped(style, ecu_rows(report, sunspec=True))
    )


def _may_be_unknown(metric: Metric) -> bool:
    """True for a metric that may be known again at the next poll: its entity stays."""
    return metric.momentary or metric.device_class == "timestamp"


def _inverter(style: Style, report: Report, inverter: Inverter) -> Device:
    root = ecu_topic(style, report.ecu_id)
    topic = f"{root}/{inverter.uid}"
    # One that the ECU has not seen yet has only `online`; a metric that is unknown in this poll only stays announced.
    metrics = [metric for metric, _ in inverter_rows(style, inverter) if inverter.model or not metric.only_sunspec]
    if not inverter.powers:
        metrics = [IS_ONLINE, INVERTER_PROBLEM] if isinstance(inverter.problem, str) else [IS_ONLINE]
    components = {metric.name: _component(style, inverter.uid, topic, metric) for metric in metrics}
    for metric in metrics:
        if metric.type is bool:
            components[metric.name] |= {"payload_on": "True", "payload_off": "False"}
        if metric.kind == MEASURED:
            components[metric.name]["availability"] = [*_readable(style, root), *_measured(style, topic, metric)]
        if metric is INVERTER_PROBLEM:
            place = (f"{topic}/{metric.topic}", "value") if style.flat else (topic, f"value_json.{metric.key}")
            components[metric.name] |= _problem(*place)
    about = _about(style, inverter.uid, inverter_model(inverter.uid)) | {"via_device": report.ecu_id}
    if style.sunspec:
        about |= {"model": inverter.model or about["model"]}
        about |= {"sw_version": inverter.firmware} if inverter.firmware else {}
    is_gone = inverter.bare and style.discovery != DEVICE  # where each entity has a topic of its own
    removed = () if is_gone else tuple(metric for metric, _ in lost_rows(inverter, sunspec=style.sunspec))
    removed += _dropped(style, metrics_of_inverter(inverter, sunspec=True))
    return Device(inverter.uid, about, _readable(style, root), components, removed)


def _dropped(style: Style, rows: Iterable[Row]) -> tuple[Metric, ...]:
    """The metrics of SunSpec, where it was switched off: what a device leaves out, Home Assistant keeps."""
    return tuple(metric for metric, _ in rows if metric.only_sunspec) if style.drops_sunspec else ()


def _problem(topic: str, value: str) -> Component:
    """An entity that is on if there is a problem, with the words in the attribute `problem`; `value` is a template."""
    return {
        "value_template": f"{{{{ 'ON' if {_known(value)} and {value} != '{NO_PROBLEM}' else 'OFF' }}}}",
        "json_attributes_topic": topic,
        "json_attributes_template": _attribute(PROBLEM.name, value),
    }


def _about(style: Style, serial: str, model: str) -> dict[str, Any]:
    return {
        "identifiers": [serial],
        "name": style.names.get(serial, f"{model} {serial}"),
        "manufacturer": "APsystems",
        "model": model,
        "serial_number": serial,
    }


def _component(style: Style, device_id: str, topic: str, metric: Metric) -> Component:
    component: Component = {
        "platform": _platform(metric),
        "unique_id": f"aps_{device_id}_{metric.name}",
        "state_topic": f"{topic}/{metric.topic}" if style.flat else topic,
        # Without a template, Home Assistant keeps that of an earlier announcement, such as 2.x's for JSON.
        "value_template": "{{ value or none }}"
        if style.flat
        else f"{{{{ value_json.{metric.key} if value else none }}}}",
    }
    wanted = {
        "name": _label(style, device_id, metric),
        "device_class": metric.device_class,
        "state_class": metric.state_class,
        "unit_of_measurement": metric.unit,
        "suggested_display_precision": metric.digits,
        "entity_category": "diagnostic" if metric.diagnostic else None,
        # `run` publishes its presence instead. Other jobs run by night, too.
        "expire_after": style.expiry if metric.momentary and not style.presence else None,
    }
    return component | {word: value for word, value in wanted.items() if value is not None}


def _label(style: Style, device_id: str, metric: Metric) -> str | None:
    """The name of an entity behind that of its device; None: Home Assistant takes that of the device class."""
    if metric.panel:
        name = style.names.get(panel_key(device_id, metric.panel), f"Panel {metric.panel}")
        return metric.label_of_panel(name)
    return metric.label or None


def _platform(metric: Metric) -> str:
    return BINARY_SENSOR if metric.type is bool or metric is INVERTER_PROBLEM else SENSOR


def _presence(style: Style) -> list[Condition]:
    return [_condition(presence_topic(style), ONLINE, OFFLINE)] if style.presence else []


def _readable(style: Style, root: str) -> list[Condition]:
    """The conditions that the ECU could be read, and that `run` is online if it publishes its presence."""
    return [_condition(f"{root}/{STATUS.topic}", ONLINE, OFFLINE), *_presence(style)]


def _measured(style: Style, topic: str, metric: Metric) -> list[Condition]:
    """The conditions that the inverter is online and has measured `metric`: half awake, it has no frequency.

    What only one of two sources says is unknown while that one cannot be read, which may be for ever.
    """
    is_enough = style.sunspec and len(metric.sources) == 1
    if style.flat:
        online = _condition(f"{topic}/{IS_ONLINE.topic}", "True", "False")
        if is_enough:
            return [online]
        own = _condition(f"{topic}/{metric.topic}", ONLINE, OFFLINE)
        return [online, own | {"value_template": f"{{{{ '{ONLINE}' if value else '{OFFLINE}' }}}}"}]
    value = "value and value_json.online" + ("" if is_enough else f" and value_json.{metric.key} is not none")
    own = _condition(topic, ONLINE, OFFLINE)
    return [own | {"value_template": f"{{{{ '{ONLINE}' if {value} else '{OFFLINE}' }}}}"}]


def _condition(topic: str, available: str, unavailable: str) -> Condition:
    return {"topic": topic, "payload_available": available, "payload_not_available": unavailable}


def _attribute(name: str, value: str = "value") -> str:
    return f"{{{{ ({{'{name}': {value}}} if {_known(value)} else {{}}) | tojson }}}}"


def _known(value: str) -> str:
    """The condition that a template has a value: a removed object has none to look into."""
    return value if value == "value" else f"value and {value}"
