"""The topics that the broker retains for an ECU or an inverter, for commands that clear them by hand."""

from collections.abc import Iterable

from aps2mqtt.base.errors import BrokerRefusal, BrokerUnreachable
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.plan import style
from aps2mqtt.mqtt import discovery, topics
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message


def retained_topics(config: Config, readings: list[str]) -> dict[str, str]:
    """Returns payloads by topic, retained under these filters and for Home Assistant. Raises BrokerRefusal."""
    chosen = style(config)
    probe = Message(f"{topics.presence_topic(chosen).rpartition('/')[0]}/probe", "probe", retain=False)
    retained = _read(config, readings, probe)
    # Accounts may have other rights there. Home Assistant ignores an empty payload.
    announced = _read(config, discovery.filters(chosen), Message(discovery.probe_topic(chosen), "", retain=False))
    if retained is None or (announced is None and chosen.discovery):
        raise BrokerRefusal(
            f"the broker at {config.broker.host}:{config.broker.port} refuses the subscription; allow the MQTT "
            "account to read the topics of aps2mqtt and of Home Assistant's discovery"
        )
    found = {**retained, **(announced or {})}
    return {topic: payload for topic, payload in found.items() if payload and topic != probe.topic}


def _read(config: Config, filters: Iterable[str], probe: Message) -> dict[str, str] | None:
    with Session(config.broker) as session:
        found = session.retained(filters, probe)
        if isinstance(session.unread, BrokerUnreachable):  # no right is missing
            raise session.unread
        return found
