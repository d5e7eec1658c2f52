"""Shows people what is published on the broker, now or at every change.

retained messages -> Published -> BrokerView -> lines
"""

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from aps2mqtt.base.errors import BrokerRefusal, BrokerUnreachable, ExitStatus, JobError, UsageError
from aps2mqtt.base.roof import NO_ROOF, Roof
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt import reading_back, topics
from aps2mqtt.mqtt.reading_back import Published
from aps2mqtt.mqtt.sessions import Following
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.screen import picture, roof
from aps2mqtt.screen.canvas import DIM, RED, YELLOW, Canvas, cut, text

PACE = 0.5  # seconds from one view to the next
LONGEST_PAUSE = 20  # views between two attempts to connect; the first is 1
PATIENCE = 6  # views with news in a row, after which the last one is shown


class NothingThere(JobError):
    """Nothing of aps2mqtt is published on the broker."""

    status = ExitStatus.UNAVAILABLE


class Place(NamedTuple):
    """The broker to read from, and the topics on it."""

    broker: BrokerConfig
    style: Style
    ecu_id: str = ""  # empty: every ECU
    roof: Roof = NO_ROOF  # to be drawn instead of the inverters

    @property
    def root(self) -> str:
        """The topic below which everything of interest is published."""
        return topics.ecu_topic(self.style, self.ecu_id) if self.ecu_id else topics.root_topic(self.style)

    def published(self, retained: Mapping[str, str]) -> Published:
        """The values of the wanted ECUs in the `retained` messages."""
        published = reading_back.read_back(self.style, retained)
        return published.of(self.ecu_id) if self.ecu_id else published


class BrokerView(NamedTuple):
    """Everything that is published at one moment."""

    published: Published
    news: bool = False  # there were messages since the view before
    trouble: str = ""  # the reason why nothing is received any more


def once(at: Place) -> BrokerView:
    """A single view; raises JobError, also if nothing is published, and UsageError if nothing of the wanted ECU is."""
    with contextlib.closing(views(at._replace(ecu_id=""))) as seen:
        view = next(settled(seen))
    published = view.published.of(at.ecu_id) if at.ecu_id else view.published
    if not view.published.reports:
        remedy = "run `aps2mqtt once`, or check MQTT_TOPIC_PREFIX and that the MQTT account may read these topics"
        raise NothingThere(f"{_nothing(at)}; {remedy}")
    if not published.reports:
        others = ", ".join(report.ecu_id for report in view.published.reports)
        raise UsageError(f"{at.broker.name} has no topics of ECU {at.ecu_id}; --ecu can be one of {others}")
    return view._replace(published=published)


def views(at: Place) -> Generator[BrokerView, None, None]:
    """Yields a view every PACE seconds, without an end; raises JobError if not even the first is possible."""
    published, pause = None, 1
    while True:
        try:
            with Following(at.broker, reading_back.filters(at.style)) as session:
                is_first = True
                while True:
                    news = session.follow(PACE)
                    if news or is_first:
                        published = at.published(session.published)
                    yield BrokerView(published or at.published({}), news)
                    is_first, pause = False, 1
        except (BrokerUnreachable, BrokerRefusal) as error:
            if published is None:
                raise
            trouble = str(error)
        for _ in range(pause):
            yield BrokerView(published, trouble=trouble)
            time.sleep(PACE)
        pause = min(2 * pause, LONGEST_PAUSE)


def settled(seen: Iterable[BrokerView]) -> Iterator[BrokerView]:
    """Yields the views that differ from the one before, as soon as no more news comes, or PATIENCE views later."""
    shown, waited = None, 0
    for view in seen:
        waited = waited + 1 if view.news else 0
        look = (view.published, view.trouble)
        if look != shown and (waited == 0 or waited >= PATIENCE):
            yield view
            shown, waited = look, 0


def lines(at: Place, view: BrokerView, now: datetime, canvas: Canvas, hint: str = "") -> list[str]:
    """The picture of a view, below a line that names the broker; `hint` names the key that ends it."""
    run = f"aps2mqtt run: {view.published.presence}" if view.published.presence else ""
    head = text("   ".join(filter(None, (at.broker.name, run, hint))), canvas, DIM)
    if view.trouble:
        head += text(f"{view.trouble} (trying again)", canvas, RED)
    head.append("")
    if not view.published.reports:
        head += text(f"{_nothing(at)} yet: waiting for the next job", canvas, YELLOW)
        return cut(head, canvas)
    draw = partial(roof.panels, at.roof) if at.roof else picture.arrays
    return picture.below(head, partial(draw, view.published.reports, at.style, now), canvas)


def _nothing(at: Place) -> str:
    return f"{at.broker.name} has no topics below {at.root}"
