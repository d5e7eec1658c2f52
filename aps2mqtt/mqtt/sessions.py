"""A session with the broker: it publishes messages and reads retained ones. Every wait in it has a time limit."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.errors import JobError
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt import failures, reason_codes
from aps2mqtt.mqtt.connection import STEP, WINDOW, Connection
from aps2mqtt.mqtt.topics import Message

log = logging.getLogger(__name__)

SETTLE = 2.0  # seconds for our own message to come back, if the broker lets us read
QUIET = 0.3  # seconds without another retained message
EMPTY = 1.0  # seconds without any retained message
MAX_RETAINED = 65536  # bytes of a value that is read back; a longer one is not ours
MAX_TOPICS = 50_000  # topics that are read back
MAX_HELD = 64 << 20  # characters of all of them, names and values


class Session(Connection):
    """A connection for reading and publishing; `retained` and `publish` raise the same errors as entering.

    `unread` is the error for the last subscription, if the broker refused it.
    """

    def __init__(self, broker: BrokerConfig) -> None:
        super().__init__(broker)
        self.unread: JobError | None = None
        self._unacknowledged: dict[int, str] = {}  # topics by message id
        self._refused: JobError | None = None  # the error for the first message that the broker does not take
        self._asked: tuple[str, ...] = ()  # topics of the last subscription
        self._confirmed = False
        self._retained: dict[str, str] = {}
        self._held = 0  # characters of topics and payloads in `_retained`
        self._arrived = 0  # messages
        self._echo = ""  # topic of a probe that has not come back

    def retained(self, topics: Iterable[str], probe: Message) -> dict[str, str] | None:
        """The payloads that the broker retains on `topics`, by topic; None if the broker does not let us read.

        A broker may confirm a subscription that it will never serve. So the session also subscribes to the topic
        of `probe` and publishes it: the retained messages arrive before the probe comes back.
        """
        self._retained = {}
        self._held = 0
        self._echo = probe.topic
        self._subscribe((*topics, probe.topic))
        self.publish([probe])
        if self.unread is None:
            self._settle(SETTLE, lambda: not self._echo)
        if self._echo:
            return None
        # No broker has to keep that order.
        self._settle(QUIET if self._retained.keys() - {probe.topic} else EMPTY)
        return self._retained

    def _settle(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Returns when no message has arrived for so many seconds, or when `done` returns True."""
        arrived, quiet = self._arrived, self._deadline.within(seconds)
        while quiet.remaining() and not done():
            self._step(min(STEP, quiet.remaining()))
            if self._arrived != arrived:
                arrived, quiet = self._arrived, self._deadline.within(seconds)

    def publish(self, messages: Iterable[Message]) -> None:
        """Publishes `messages` in their order; returns when the broker has acknowledged every one.

        A message that the broker refuses does not hold back the others, as a part of them would be misleading. After
        all messages, `publish` raises the error for the first refused one.
        """
        self._refused = None
        for message in messages:
            if self._fits(message):
                self._loop_until(
                    lambda: len(self._unacknowledged) < self._window, "does not acknowledge messages in time"
                )
                self._unacknowledged[self._send(message)] = message.topic
        self._loop_until(lambda: not self._unacknowledged, "does not acknowledge messages in time")
        if self._refused is not None:
            raise self._refused
        log.debug("%s > all acknowledged", self._broker.name)

    def _fits(self, message: Message) -> bool:
        """False for a message that is larger than the broker takes, because it would end the session."""
        if self._largest is None or (size := _packet_size(message)) <= self._largest:
            return True
        self._refused = self._refused or failures.too_large(self._broker, message.topic, size, self._largest)
        return False

    def _subscribe(self, topics: Iterable[str]) -> None:
        """Returns when the broker has confirmed the subscription, or has refused it: then `unread` is set."""
        self._asked = tuple(topics)
        self.unread, self._confirmed = None, False
        if not self.wildcards and any(set("+#") & set(topic) for topic in self._asked):  # it would end the session
            self.unread = failures.refused_subscription(self._broker, self._asked, reason_codes.NO_WILDCARDS)
            return
        self._ask_for(self._asked)
        self._loop_until(lambda: self._confirmed, "does not confirm a subscription in time")

    def _late(self, otherwise: str) -> JobError:
        if self._unacknowledged and self._window < WINDOW and self._lately.remaining():
            return failures.too_far(self._broker, self._window)
        return super()._late(otherwise)

    def _acknowledged(self, mid: int, refusal: int | None, properties: object) -> None:
        topic = self._unacknowledged.pop(mid, "")
        if refusal is not None:
            self._refused = self._refused or failures.refused_message(self._broker, topic, refusal, properties)

    def _subscribed(self, refusal: int | None, properties: object) -> None:
        if refusal is not None:
            self.unread = failures.refused_subscription(self._broker, self._asked, refusal, properties)
        self._confirmed = True

    def _received(self, topic: str, payload: bytes, *, retained: bool) -> None:
        self._answered = True
        self._arrived += 1
        is_echo = topic == self._echo and not retained
        if is_echo:
            self._echo = ""
        if is_echo or retained:
            self._keep(topic, payload)

    def _keep(self, topic: str, payload: bytes) -> None:
        if len(payload) > MAX_RETAINED or len(self._retained) >= MAX_TOPICS:
            return
        text = payload.decode("utf-8", "replace")
        held = self._held + len(topic) + len(text)
        if held <= MAX_HELD:
            self._retained[topic] = text
            self._held = held


class Following(Session):
    """A session that stays open and keeps the current payloads on `topics`; only connecting has a time limit.

    Entering raises the errors of a session, and also raises one if the broker does not let us read; `follow` raises
    BrokerUnreachable when the connection to the broker ends.
    """

    def __init__(self, broker: BrokerConfig, topics: Iterable[str]) -> None:
        super().__init__(broker)
        self._topics = tuple(topics)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._subscribe(self._topics)
            if self.unread is not None:
                raise self.unread
        except JobError:
            self._close()
            raise
        return self

    def follow(self, seconds: float) -> bool:
        """Follows for so many seconds; returns True if a message has arrived meanwhile."""
        before, until = self._arrived, Deadline(seconds)
        while until.remaining():
            self._step(min(STEP, until.remaining()))
        return self._arrived != before

    @property
    def published(self) -> Mapping[str, str]:
        """Topics and payloads as they are now."""
        return self._retained

    def _received(self, topic: str, payload: bytes, *, retained: bool) -> None:  # noqa: ARG002 - late values count too
        self._arrived += 1
        before = self._retained.pop(topic, "")
        self._held -= len(topic) + len(before) if before else 0
        if payload:
            self._keep(topic, payload)


def _packet_size(message: Message) -> int:
    """Bytes of its packet of MQTT 5 (section 3.3): topic, payload, lengths, message id and properties."""
    texts = len(message.topic.encode()) + len(message.payload.encode())
    remaining = 2 + texts + 2 + 1 + 5 * (message.expiry is not None)
    return 1 + -(-remaining.bit_length() // 7) + remaining  # a length takes a byte for each 7 bits (section 1.5.5)
