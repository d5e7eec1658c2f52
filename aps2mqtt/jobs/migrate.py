"""Migrates an installation of aps2mqtt 2.x: finds the topics that 2.x has left on the broker, and clears them."""

import re
from datetime import datetime

from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.plan import style
from aps2mqtt.jobs.retained_topics import retained_topics
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt import discovery, topics
from aps2mqtt.mqtt.abandoned import Abandoned


def left_by_2x(config: Config, now: datetime, store: Store) -> Abandoned:
    """Returns the topics that aps2mqtt 2.x has left for this ECU and that this configuration does not use.

    Polls the ECU for its id. Raises JobError.
    """
    outcome = Job(config._replace(warnings=()), now, store, dry_run=True).run()  # the job of `migrate` logs them
    ecu_id = outcome.report.ecu_id
    chosen = style(config)
    root = topics.ecu_topic(chosen, ecu_id)
    said = {message.topic for message in outcome.messages if message.payload}
    retained = retained_topics(config, [root, f"{root}/+"])
    left = {topic: payload for topic, payload in retained.items() if topic not in said}
    announced = [
        topic
        for topic, payload in left.items()
        if discovery.is_component(topic) and ecu_id in discovery.device_of(topic, payload)
    ]
    place = re.compile(rf"{re.escape(root)}(/[0-9]{{12}})?")  # of a JSON object: that of the ECU or of an inverter
    objects = [topic for topic, payload in left.items() if place.fullmatch(topic) and payload.startswith("{")]
    return Abandoned(tuple(announced) if chosen.discovery else (), tuple(objects))


def migrate(config: Config, now: datetime, store: Store, left: Abandoned) -> None:
    """Runs a job that clears what is left; Home Assistant keeps its entities. Raises JobError."""
    Job(config, now, store, abandoned=left).run()
