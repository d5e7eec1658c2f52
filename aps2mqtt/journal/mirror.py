"""What the broker retains of one ECU, as the journal keeps it: a payload for each topic. Pure.

The form does not depend on the user's: flat topics without a prefix, in degrees Celsius.

Report -> payloads by topic -> Report
"""

from collections.abc import Mapping

from aps2mqtt.base.values import Report
from aps2mqtt.mqtt import reading_back, topics
from aps2mqtt.mqtt.topics import Style

STYLE = Style(sunspec=True)  # without SunSpec its topics are empty, and so they are removed


def said(report: Report) -> dict[str, str]:
    """What a job says with `report`; an empty payload removes the topic."""
    return {message.topic: message.payload for message in topics.messages(STYLE, report)}


def said_of_failure(ecu_id: str, cause: str) -> dict[str, str]:
    """What a job says that could not read the ECU."""
    return {message.topic: message.payload for message in topics.status_messages(STYLE, ecu_id, cause)}


def after(retained: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """What is retained after a job has said that."""
    return {topic: payload for topic, payload in {**retained, **said}.items() if payload}


def without(retained: Mapping[str, str], uid: str) -> dict[str, str]:
    """What is retained of the others if all topics of that inverter are removed."""
    return {topic: payload for topic, payload in retained.items() if uid not in topic.split("/")}


def report(ecu_id: str, retained: Mapping[str, str]) -> Report | None:
    """The report that these payloads say; None if no job has read the ECU."""
    found = reading_back.read_back(STYLE, retained).of(ecu_id).reports
    return found[0] if found else None
