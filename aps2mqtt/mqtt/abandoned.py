"""Topics of an earlier configuration that the broker would retain for ever. Pure."""

from typing import NamedTuple

from aps2mqtt.base.values import Placement, Report
from aps2mqtt.mqtt import discovery, topics
from aps2mqtt.mqtt.topics import Style


class Abandoned(NamedTuple):
    """Topics that have to be cleared."""

    announced: tuple[str, ...] = ()  # to Home Assistant
    readings: tuple[str, ...] = ()

    @property
    def topics(self) -> tuple[str, ...]:
        """All of them."""
        return self.announced + self.readings


NOTHING_ABANDONED = Abandoned()


def elsewhere(style: Style, before: Placement | None, report: Report) -> Abandoned:
    """The topics that jobs of the layout `before` published on and jobs of `style` do not renew.

    `report` has every inverter of which the broker may retain a message.
    """
    if before is None or before == style.layout:
        return NOTHING_ABANDONED
    was = style.at(before)
    announced = {message.topic for message in discovery.messages(style, report)}
    here = {topics.presence_topic(style), *topics.places(style, report)}
    if was.retain and not style.retain:  # no job would renew these, and every new subscriber would get them
        here = {message.topic for message in topics.messages(style, report) if message.retain}
        here.add(topics.presence_topic(style))
    return Abandoned(
        tuple(message.topic for message in discovery.messages(was, report) if message.topic not in announced),
        tuple(topic for topic in (topics.presence_topic(was), *topics.places(was, report)) if topic not in here),
    )
