"""Removes an ECU or an inverter from the broker and from the state of the jobs."""

from collections.abc import Sequence

from aps2mqtt.base.errors import ConfigError
from aps2mqtt.config.values import Config
from aps2mqtt.jobs import leaving
from aps2mqtt.jobs.plan import style
from aps2mqtt.jobs.retained_topics import retained_topics
from aps2mqtt.jobs.state_file import StateError, Store
from aps2mqtt.journal.store import Journal, JournalError
from aps2mqtt.mqtt import discovery, topics
from aps2mqtt.mqtt.abandoned import Abandoned
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message
from aps2mqtt.sources import ask


def remembered_by_broker(config: Config, serial: str) -> Abandoned:
    """Returns the topics that the broker retains for the ECU (with its inverters) or inverter of that serial number."""
    chosen = style(config)
    below = topics.root_topic(chosen)
    retained = retained_topics(config, [f"{below}/{serial}/#", f"{below}/+/{serial}/#"])
    announced = [topic for topic, payload in retained.items() if serial in discovery.device_of(topic, payload)]
    readings = [topic for topic in retained if topic.startswith(f"{below}/") and serial in topic.split("/")]
    return Abandoned(tuple(announced), tuple(readings))


def forget(ecus: Sequence[tuple[Config, Store]], serial: str, found: Abandoned) -> bool:
    """Clears the topics that were found, and that ECU or inverter in the state, journal and metrics of these ECUs.

    Returns True if there was anything to clear.

    Raises JobError; if a state cannot be changed, before any topic is cleared: a job would publish all of it again.
    """
    known = bool(found.topics)
    for config, store in ecus:
        with ask.turn_or_failure(config.ecu):
            try:
                known |= _forget(store, serial)
                Journal(config.state_directory).forget(serial)
            except (StateError, JournalError) as error:
                raise ConfigError(str(error)) from error
            if config.metrics_directory is not None:
                leaving.remove_metrics(config.metrics_directory, serial)
    if found.topics:
        with Session(ecus[0][0].broker) as session:
            session.publish([Message(topic, "") for topic in found.topics])
    return known


def _forget(store: Store, serial: str) -> bool:
    """Removes it from this state; returns True if the state had it. Raises StateError."""
    try:
        memory = store.load()
    except StateError as error:
        if isinstance(error.__cause__, OSError):
            raise
        memory = error.left  # if this is None, the next job begins anew
    if memory is None or serial not in (memory.ecu_id, *memory.inverters):
        return False
    if memory.ecu_id == serial:
        store.remove()
    else:
        inverters = {uid: known for uid, known in memory.inverters.items() if uid != serial}
        watch = memory.watch
        if watch is not None:
            watch = watch._replace(idle={uid: idle for uid, idle in watch.idle.items() if uid != serial})
        units = memory.units
        if units is not None:
            units = units._replace(by_uid={uid: unit for uid, unit in units.by_uid.items() if uid != serial})
        store.save(memory._replace(inverters=inverters, watch=watch, units=units))
    return True
