"""What a person does now and then: moving an installation of aps2mqtt 2.x over, and having things forgotten.

Both begin with what lies on the broker, and change nothing before they have said what.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from aps2mqtt.config import Config
from aps2mqtt.ecu import client
from aps2mqtt.errors import BrokerRefusal, BrokerUnreachable, ConfigError, EcuUnreachable
from aps2mqtt.job import PATIENCE, Job, style
from aps2mqtt.lock import hold
from aps2mqtt.mqtt import discovery, topics
from aps2mqtt.mqtt.publisher import Session
from aps2mqtt.mqtt.topics import Message
from aps2mqtt.state import StateError, Store

SERIAL = re.compile("[0-9]{12}")


class Found(NamedTuple):
    """What lies on the broker of one ECU, or of one inverter: topics."""

    announced: tuple[str, ...]  # to Home Assistant
    readings: tuple[str, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """All of them."""
        return self.announced + self.readings


def left_by_2x(config: Config, now: datetime, store: Store) -> Found:
    """What aps2mqtt 2.x has left of this ECU, and what this configuration has no use for.

    Asks the ECU, for its id. Raises JobError.
    """
    outcome = Job(config._replace(warnings=()), now, store, dry_run=True).run()  # the job behind it tells them
    ecu_id = outcome.report.ecu_id
    chosen = style(config)
    root = topics.ecu_topic(chosen, ecu_id)
    said = {message.topic for message in outcome.messages if message.payload}
    retained = _retained(config, [root, f"{root}/+"])
    left = {topic: payload for topic, payload in retained.items() if topic not in said}
    announced = [
        topic
        for topic, payload in left.items()
        if discovery.is_component(topic) and ecu_id in discovery.device_of(topic, payload)
    ]
    objects = [topic for topic, payload in left.items() if _is_object(topic, root) and payload.startswith("{")]
    return Found(tuple(announced) if chosen.discovery else (), tuple(objects))


def migrate(config: Config, now: datetime, store: Store, left: Found) -> None:
    """A job by which Home Assistant goes on with its entities, and which clears what is left."""
    Job(config, now, store, replaces=left.announced, clears=left.readings).run()


def remembered_by_broker(config: Config, serial: str) -> Found:
    """What lies on the broker of the ECU, with its inverters, or of the inverter of that serial number."""
    chosen = style(config)
    below = topics.root_topic(chosen)
    retained = _retained(config, [f"{below}/{serial}/#", f"{below}/+/{serial}/#"])
    announced = [topic for topic, payload in retained.items() if serial in discovery.device_of(topic, payload)]
    readings = [topic for topic in retained if topic.startswith(f"{below}/") and serial in topic.split("/")]
    return Found(tuple(announced), tuple(readings))


def forget(ecus: Sequence[tuple[Config, Store]], serial: str, found: Found) -> bool:
    """Clears the topics that were found, and what the jobs of these ECUs remember of that ECU or inverter.

    True where there was anything to clear.

    Raises JobError, before anything is cleared where a state cannot be changed: a job would bring it all back.
    """
    known = bool(found.topics)
    for config, store in ecus:
        with hold(_address(config), config.ecu.port, PATIENCE):
            try:
                known |= _forget(store, serial)
            except StateError as error:
                raise ConfigError(str(error)) from error
    if found.topics:
        with Session(ecus[0][0].broker) as session:
            session.publish([Message(topic, "") for topic in found.topics])
    return known


def _forget(store: Store, serial: str) -> bool:
    """True where it was remembered."""
    try:
        memory = store.load()
    except StateError as error:
        if isinstance(error.__cause__, OSError):
            raise
        memory = error.left  # without any, the next job begins anew
    if memory is None or serial not in (memory.ecu_id, *memory.inverters):
        return False
    if memory.ecu_id == serial:
        store.remove()
    else:
        inverters = {uid: known for uid, known in memory.inverters.items() if uid != serial}
        watch = memory.watch
        if watch is not None:
            watch = watch._replace(idle={uid: idle for uid, idle in watch.idle.items() if uid != serial})
        store.save(memory._replace(inverters=inverters, watch=watch))
    return True


def _address(config: Config) -> str:
    """The address by which jobs lock the ECU."""
    try:
        return client.resolve(config.ecu.host, config.ecu.port, client.NORMAL).address
    except EcuUnreachable:
        return config.ecu.host


def _retained(config: Config, readings: list[str]) -> dict[str, str]:
    """What the broker retains under these filters, and of all announcements to Home Assistant."""
    chosen = style(config)
    probe = Message(f"{topics.presence_topic(chosen).rpartition('/')[0]}/probe", "probe", retain=False)
    retained = _read(config, readings, probe)
    # Accounts may have rights of their own there. Empty, it is nothing to Home Assistant.
    announced = _read(config, discovery.filters(chosen), Message(discovery.probe_topic(chosen), "", retain=False))
    if retained is None or (announced is None and chosen.discovery):
        raise BrokerRefusal(
            f"the broker at {config.broker.host}:{config.broker.port} does not let us read; allow the account to read "
            "the topics of aps2mqtt and of Home Assistant's discovery"
        )
    found = {**retained, **(announced or {})}
    return {topic: payload for topic, payload in found.items() if payload and topic != probe.topic}


def _read(config: Config, filters: Iterable[str], probe: Message) -> dict[str, str] | None:
    with Session(config.broker) as session:
        found = session.retained(filters, probe)
        if isinstance(session.unread, BrokerUnreachable):  # no right is missing
            raise session.unread
        return found


def _is_object(topic: str, root: str) -> bool:
    """True for the topics of JSON objects: the ECU's, and its inverters'."""
    return topic == root or (
        topic.startswith(f"{root}/") and SERIAL.fullmatch(topic.removeprefix(f"{root}/")) is not None
    )
