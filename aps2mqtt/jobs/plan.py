"""What a job publishes: the plan of its messages. Pure.

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
    """How the user wants messages to be written."""
    broker = config.broker
    return Style(
        broker.topic_prefix,
        broker.retain,
        config.ecu.fahrenheit,
        broker.payload,
        broker.discovery,
        broker.discovery_prefix,
    )


def style_of_job(config: Config, memory: Memory | None, now: datetime, *, of_run: bool) -> Style:
    """How a job at `now` writes its messages, if it leaves `memory`; `of_run`: `run` fired it."""
    rhythm = memory.rhythm if memory is not None and memory.rhythm is not None else Rhythm(now)
    return style(config)._replace(
        expiry=freshness.expiry(rhythm, now), presence=of_run or freshness.run_is_in_use(rhythm, now)
    )


def messages(chosen: Style, report: Report, before: Memory | None, by_hand: Abandoned) -> tuple[Message, ...]:
    """All that `report` makes true, and the removal of what lies elsewhere since the configuration changed.

    `before` is what the last job remembered. `by_hand` are further topics to clear.
    """
    left = NOTHING_ABANDONED
    if before is not None:
        known = report._replace(inverters=(*report.inverters, *true_values.unread(before, report)))
        left = elsewhere(chosen, before.layout, known)
        if before.layout == chosen.layout:  # in another place anything may lie
            report = _with_bare(report, before)
    return (
        *discovery.moved((*by_hand.announced, *left.announced), discovery.messages(chosen, report)),
        *(Message(topic, "") for topic in (*by_hand.readings, *left.readings)),
        *topics.messages(chosen, report),
    )


def _with_bare(report: Report, before: Memory) -> Report:
    """`report` with a mark on each inverter that was never heard, neither by this job nor by the one before."""
    unheard = {uid for uid, known in before.inverters.items() if not known.panels}
    marked = (one._replace(bare=one.uid in unheard and not one.powers) for one in report.inverters)
    return report._replace(inverters=tuple(marked)) if unheard else report
