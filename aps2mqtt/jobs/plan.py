"""The plan of the messages that a job publishes. Pure.

Config -> Style
Style, Report, Memory of the job before -> messages
"""

from datetime import datetime

from aps2mqtt.base.memory import Memory, Rhythm
from aps2mqtt.base.values import Report
from aps2mqtt.config.values import Config
from aps2mqtt.mqtt import discovery, topics
from aps2mqtt.mqtt.abandoned import NOTHING_ABANDONED, Abandoned, elsewhere
from aps2mqtt.mqtt.topics import Message, Style
from aps2mqtt.truth import freshness, true_values


def style(config: Config) -> Style:
    """Returns the style of messages that the user has configured."""
    broker = config.broker
    return Style(
        broker.topic_prefix,
        broker.retain,
        config.ecu.fahrenheit,
        broker.payload,
        broker.discovery,
        broker.discovery_prefix,
        config.ecu.sunspec,
        names=config.names,
    )


def style_of_job(config: Config, memory: Memory | None, now: datetime, *, of_run: bool) -> Style:
    """Returns the style of messages of a job at `now` that leaves `memory`; `of_run`: `run` started it."""
    rhythm = memory.rhythm if memory is not None and memory.rhythm is not None else Rhythm(now)
    return style(config)._replace(
        expiry=freshness.expiry(rhythm, now), presence=of_run or freshness.run_is_in_use(rhythm, now)
    )


def messages(chosen: Style, report: Report, before: Memory | None, by_hand: Abandoned) -> tuple[Message, ...]:
    """Returns the messages of `report`, and those that clear other places if the configuration has changed.

    `before` is the memory of the last job. `by_hand` are further topics to clear.
    """
    left = NOTHING_ABANDONED
    if before is not None:
        known = report._replace(inverters=(*report.inverters, *true_values.unread(before, report)))
        left = elsewhere(chosen, before.layout, known)
        dropped = before.layout is not None and before.layout.sunspec and not chosen.sunspec
        chosen = chosen._replace(drops_sunspec=dropped)
        if before.layout == chosen.layout:  # in another place anything may be retained
            report = _with_bare(report, before)
    return (
        *discovery.moved((*by_hand.announced, *left.announced), discovery.messages(chosen, report)),
        *(Message(topic, "") for topic in (*by_hand.readings, *left.readings)),
        *topics.messages(chosen, report),
    )


def _with_bare(report: Report, before: Memory) -> Report:
    """Returns `report` with a mark on each inverter that the ECU has not seen yet, in this job or an earlier one."""
    unheard = {uid for uid, known in before.inverters.items() if not known.panels}
    marked = (one._replace(bare=one.uid in unheard and not one.powers) for one in report.inverters)
    return report._replace(inverters=tuple(marked)) if unheard else report
