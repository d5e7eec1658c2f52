"""What lies on the broker, for people: as it is now, or as it goes on.

retained messages -> Published -> BrokerView -> lines
"""

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from aps2mqtt.base.errors import BrokerRefusal, BrokerUnreachable, ExitStatus, JobError, UsageError
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt import reading_back, topics
from aps2mqtt.mqtt.reading_back import Published
from aps2mqtt.mqtt.sessions import Following
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.screen import picture
from aps2mqtt.screen.picture import DIM, RED, YELLOW, Canvas

PACE = 0.5  # seconds from one glance to the next
LONGEST_PAUSE = 20  # glances between two attempts to connect; the first is 1
PATIENCE = 6  # glances in a row that bring news, after which it is time to show them


class NothingThere(JobError):
    """The broker has nothing of ours."""

    status = ExitStatus.UNAVAILABLE


class Place(NamedTuple):
    """What is looked at, and where."""

    broker: BrokerConfig
    style: Style
    ecu_id: str = ""  # empty: every ECU

    @property
    def name(self) -> str:
        """As people know it."""
        return f"the broker at {self.broker.host}:{self.broker.port}"

    @property
    def root(self) -> str:
        """Topic below which everything of interest stands."""
        return topics.ecu_topic(self.style, self.ecu_id) if self.ecu_id else topics.root_topic(self.style)

    def lying(self, found: Mapping[str, str]) -> Published:
        """What is of interest in what was found."""
        lying = reading_back.lying(self.style, found)
        return lying.of(self.ecu_id) if self.ecu_id else lying


class BrokerView(NamedTuple):
    """What lies there at one moment."""

    lying: Published
    news: bool = False  # something has been said since the glance before
    trouble: str = ""  # why nothing is heard any more


def once(at: Place) -> BrokerView:
    """A single glance; raises JobError, also where there is nothing to see."""
    with contextlib.closing(glances(at._replace(ecu_id=""))) as seen:
        glance = next(settled(seen))
    lying = glance.lying.of(at.ecu_id) if at.ecu_id else glance.lying
    if not glance.lying.reports:
        remedy = "run `aps2mqtt once` and look again, or check MQTT_TOPIC_PREFIX and that the account may read there"
        raise NothingThere(f"{_nothing(at)}; {remedy}")
    if not lying.reports:
        others = ", ".join(report.ecu_id for report in glance.lying.reports)
        raise UsageError(f"{at.name} has nothing of ECU {at.ecu_id}; --ecu can be one of {others}")
    return glance._replace(lying=lying)


def glances(at: Place) -> Generator[BrokerView, None, None]:
    """A glance every PACE seconds, for ever; raises JobError where there can be no first one."""
    lying, pause = None, 1
    while True:
        try:
            with Following(at.broker, reading_back.filters(at.style)) as session:
                is_first = True
                while True:
                    news = session.follow(PACE)
                    if news or is_first:
                        lying = at.lying(session.lying)
                    yield BrokerView(lying or at.lying({}), news)
                    is_first, pause = False, 1
        except (BrokerUnreachable, BrokerRefusal) as error:
            if lying is None:
                raise
            trouble = str(error)
        for _ in range(pause):
            yield BrokerView(lying, trouble=trouble)
            time.sleep(PACE)
        pause = min(2 * pause, LONGEST_PAUSE)


def settled(seen: Iterable[BrokerView]) -> Iterator[BrokerView]:
    """Of these glances those that show something else than before, once all of it has been said."""
    shown, waited = None, 0
    for glance in seen:
        waited = waited + 1 if glance.news else 0
        look = (glance.lying, glance.trouble)
        if look != shown and (waited == 0 or waited >= PATIENCE):
            yield glance
            shown, waited = look, 0


def lines(at: Place, glance: BrokerView, now: datetime, canvas: Canvas, hint: str = "") -> list[str]:
    """The picture of a glance, under a line that says where it was had; `hint` is for who looks at it."""
    run = f"aps2mqtt run: {glance.lying.presence}" if glance.lying.presence else ""
    head = picture.text("   ".join(filter(None, (at.name, run, hint))), canvas, DIM)
    if glance.trouble:
        head += picture.text(f"{glance.trouble}; trying again", canvas, RED)
    head.append("")
    if not glance.lying.reports:
        head += picture.text(f"{_nothing(at)} yet; the next job brings it", canvas, YELLOW)
        return picture.cut(head, canvas)
    return picture.below(head, glance.lying.reports, at.style, now, canvas)


def _nothing(at: Place) -> str:
    return f"{at.name} has nothing below {at.root}"
