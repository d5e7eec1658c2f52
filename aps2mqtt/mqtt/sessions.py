"""A session with the broker, whose waits all have an end. Beside `presence` the one user of paho.

A session has one thread: it drives paho's loop itself, so that everything happens when it is asked for, and a job
leaves nothing running.
"""

import logging
import os
import socket
import ssl
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from aps2mqtt.base.deadline import Deadline, bounded
from aps2mqtt.base.errors import BrokerRefusal, BrokerUnreachable, JobError, is_exhausted, shown
from aps2mqtt.base.printable import printable
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt import reason_codes, tls
from aps2mqtt.mqtt.topics import Message

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

log = logging.getLogger(__name__)

SESSION = 15.0  # seconds without an answer of the broker
LONGEST = 45.0  # seconds from connecting to the last acknowledgement
SETTLE = 2.0  # seconds for what we publish to come back, if the broker lets us read
QUIET = 0.3  # seconds without anything more that is retained
EMPTY = 1.0  # seconds without anything that is retained
STEP = 0.1  # seconds to wait for the network at a time
CLIENT_ID_LENGTH = 23  # a broker may refuse more (MQTT 3.1.1, section 3.1.3.1)
QOS = 1
WINDOW = 1000  # messages that are not acknowledged yet; a broker of MQTT 5 may ask for less
LATELY = 2.0  # seconds since the last answer of a broker that is not mute
CONNACK = b"\x20"  # what an answer to the login begins with
OTHER_VERSION = b"\x20\x02\x00\x01"  # the whole of one: not this version of MQTT
OF_3_1_1 = b"\x20\x02"  # how it begins there: MQTT 5 has a byte more
ALERT = b"\x15"  # what TLS begins with when it cannot understand
GARBLED = (MQTTException, ValueError, LookupError, struct.error)  # what paho raises of packets that are none
MAX_RETAINED = 65536  # bytes of a value that is read back; longer, and it is none of ours
MAX_TOPICS = 50_000  # that are read back
MAX_HELD = 64 << 20  # characters of them all, names and values
VERSIONS = {"3.1.1": (MQTTProtocolVersion.MQTTv311,), "5": (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)}


class OldBroker(BrokerUnreachable):
    """It does not know this version of MQTT, or hangs up as brokers do that do not."""


class Session:
    """A connection to the broker while in the context; all it does ends within LONGEST seconds.

    The broker has SESSION seconds for each answer. Entering, `retained` and `publish` raise BrokerUnreachable,
    BrokerRefusal (what somebody has to be allowed) and, for files of TLS that are none, ConfigError. `reached`: a
    connection was made, under TLS a secured one, whatever came of it; `certificate` is the broker's then, as
    `ssl.SSLSocket.getpeercert` has it, `version` that of MQTT. `wildcards`: subscriptions may have some; `unread` is
    what to tell of the last subscription, if the broker refused it.
    """

    def __init__(self, broker: BrokerConfig) -> None:
        self._name = f"the broker at {broker.host}:{broker.port}"
        self._broker = broker
        self._end = Deadline(LONGEST)
        self._deadline = self._end.within(SESSION)
        self.reached = False
        self.certificate: Mapping[str, Any] | None = None
        self.version = ""
        self.wildcards = True
        self.unread: JobError | None = None
        self._resolved = False
        self._connection: socket.socket | None = None
        self._first = b""  # bytes of the broker
        self._connected = False
        self._answered = False  # since the last step
        self._lately = Deadline(0)  # until when the last answer is a late one
        self._failure: JobError | None = None
        self._window = WINDOW
        self._largest: int | None = None  # packet that the broker takes, in bytes
        self._unacknowledged: dict[int, str] = {}  # topics by message id
        self._refused: JobError | None = None  # what to tell of the first message that the broker does not take
        self._asked: tuple[str, ...] = ()  # topics of the last subscription
        self._confirmed = False
        self._retained: dict[str, str] = {}
        self._held = 0  # characters of them
        self._arrived = 0  # messages
        self._echo = ""  # topic of a probe that has not come back
        self._client: Client

    @property
    def _is_5(self) -> bool:
        return self._client.protocol == MQTTProtocolVersion.MQTTv5

    def reach(self) -> str:
        """The address at which something accepts connections, by one that is closed at once."""
        with self._reaching(), bounded(self._reach, self._deadline) as connection:
            return str(connection.getpeername()[0])

    def _reach(self) -> socket.socket:
        return socket.create_connection((self._broker.host, self._broker.port), self._resolve())

    def _resolve(self) -> float:
        """Ahead of who connects: a resolver that is mute is no broker that is. Seconds that each address has."""
        addresses = socket.getaddrinfo(self._broker.host, self._broker.port, type=socket.SOCK_STREAM)
        self._resolved = True
        return max(STEP, self._deadline.remaining() / len(addresses))

    def __enter__(self) -> Self:
        *newer, last = VERSIONS[self._broker.version]
        for version in newer:
            try:
                return self._enter(version)
            except OldBroker as error:
                _tell_fallback(
                    f"{self._name}: no MQTT {version:d} ({error}); trying the version before, without expiry"
                )
                self._failure = None
                self._deadline = self._end.within(SESSION)
        return self._enter(last)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    def retained(self, topics: Iterable[str], probe: Message) -> dict[str, str] | None:
        """What the broker retains under each of `topics` that has something; None where it does not let us read.

        A broker may confirm a subscription that it will never serve. So `probe` is published, which is subscribed to as
        well: by the time it comes back, what is retained has come before it.
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
        # No broker is bound to that order.
        self._settle(QUIET if self._retained.keys() - {probe.topic} else EMPTY)
        return self._retained

    def _settle(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Returns when nothing more has arrived for so long, or when it is `done`."""
        arrived, quiet = self._arrived, self._deadline.within(seconds)
        while quiet.remaining() and not done():
            self._step(min(STEP, quiet.remaining()))
            if self._arrived != arrived:
                arrived, quiet = self._arrived, self._deadline.within(seconds)

    def publish(self, messages: Iterable[Message]) -> None:
        """Publishes `messages` in their order; returns when the broker has acknowledged every one.

        One that the broker does not take keeps none of the others back, as half of them would be no truth; the first
        such is told behind them all.
        """
        self._refused = None
        for message in messages:
            if self._fits(message):
                self._loop_until(lambda: len(self._unacknowledged) < self._window, "does not acknowledge in time")
                self._send(message)
        self._loop_until(lambda: not self._unacknowledged, "does not acknowledge in time")
        if self._refused is not None:
            raise self._refused
        log.debug("%s > all acknowledged", self._name)

    def _send(self, message: Message) -> None:
        log.debug("%s < %s %s%s", self._name, message.topic, message.payload, " (retained)" * message.retain)
        info = self._client.publish(
            message.topic, message.payload, qos=QOS, retain=message.retain, properties=self._expiring(message)
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._lost()
        self._unacknowledged[info.mid] = message.topic

    def _fits(self, message: Message) -> bool:
        """False for one that is larger than the broker takes: it would end the session."""
        if self._largest is None or (size := _packet_size(message)) <= self._largest:
            return True
        self._refused = self._refused or BrokerUnreachable(
            f"{self._name} takes packets of {self._largest} bytes at most, and that on {message.topic} has "
            f"{size}; {reason_codes.SIZE}"
        )
        return False

    def _subscribe(self, topics: Iterable[str]) -> None:
        """Returns when the broker has confirmed it or, as `unread` has it then, refused."""
        self._asked = tuple(topics)
        self.unread, self._confirmed = None, False
        if not self.wildcards and any(set("+#") & set(topic) for topic in self._asked):  # which would end the session
            self.unread = self._of_reading(reason_codes.NO_WILDCARDS)
            return
        # Not at QoS 1: of that mosquitto queues 1000 messages for a client, and drops the others.
        self._client.subscribe([(topic, 0) for topic in self._asked])
        self._loop_until(lambda: self._confirmed, "does not confirm a subscription in time")

    def _expiring(self, message: Message) -> Properties | None:
        """What a broker of MQTT 5 is told beside a message."""
        if message.expiry is None or not self._is_5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no type for it
        properties.MessageExpiryInterval = message.expiry
        return properties

    def _enter(self, version: MQTTProtocolVersion) -> Self:
        self._client = client(self._broker, one_time_id(self._broker.client_id), version, reconnect=False)
        self._client.max_inflight_messages_set(0)  # its window knows nothing of what the broker asks for
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_socket_open = self._on_socket_open
        self._client.on_socket_close = self._on_socket_close
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        try:
            self._connect()
        except JobError:
            self._close()
            raise
        self.version = "5" if self._is_5 else "3.1.1"
        log.debug("%s > connected", self._name)
        return self

    def _connect(self) -> None:
        self._connection, self._first = None, b""
        with self._reaching():
            bounded(self._dial, self._deadline)
        self.reached = True
        if isinstance(secured := self._client.socket(), ssl.SSLSocket):
            self.certificate = secured.getpeercert()
        # With it, paho writes when it is asked to loop, behind reading: why a broker hung up must not be lost.
        self._client.on_socket_register_write = _nothing
        self._loop_until(lambda: self._connected, "accepts the connection, but not one byte came back")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Raises BrokerUnreachable for what fails on the way; a machine that has run out of things is not the way."""
        try:
            yield
        except (OSError, UnicodeError) as error:
            if is_exhausted(error):
                raise
            raise self._unreachable(error) from error

    def _dial(self) -> None:
        # paho's limit is for each address of a name and for each step of TLS, ours for all of it and the resolver.
        self._client.connect_timeout = self._resolve()
        self._client.connect(self._broker.host, self._broker.port)

    def _close(self) -> None:
        client = self._client
        # The callbacks are ours: held by them, the client would keep its sockets until the garbage collector comes.
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None
        client.on_socket_open = client.on_socket_close = client.on_socket_register_write = None
        client.disconnect()
        self._connection = None
        del self._client

    def _loop_until(self, done: Callable[[], bool], otherwise: str) -> None:
        while not done():
            if not self._deadline.remaining():
                raise self._late(otherwise)
            self._step(min(STEP, self._deadline.remaining()))

    def _late(self, otherwise: str) -> BrokerUnreachable:
        if self._unacknowledged and self._window < WINDOW and self._lately.remaining():
            return BrokerUnreachable(
                f"{self._name} takes {self._window} messages at once and is too far away for so many; raise that limit "
                "(mosquitto: max_inflight_messages), or set MQTT_VERSION: 3.1.1"
            )
        return BrokerUnreachable(f"{self._name} {otherwise}; look at its log, or restart it")

    def _step(self, seconds: float) -> None:
        if not self._connected:
            self._peek(seconds)
        try:
            result = self._client.loop(seconds)
        except GARBLED as error:
            raise self._garbled() from error
        if self._answered:  # and has as long for its next answer
            self._answered, self._deadline = False, self._end.within(SESSION)
            self._lately = Deadline(LATELY)
        if self._failure is not None:
            raise self._failure
        if not self._connected:
            self._judge_first()
        if result == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            raise self._garbled()
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._lost()

    def _peek(self, seconds: float) -> None:
        """Waits for the broker's first bytes, and leaves them where they are; under TLS that is not to be had."""
        if self._connection is None or isinstance(self._connection, ssl.SSLSocket):
            return
        with suppress(OSError):
            self._connection.settimeout(seconds)
            self._first = self._first or self._connection.recv(tls.BEGINNING, socket.MSG_PEEK)
        with suppress(OSError):
            self._connection.settimeout(0)

    def _judge_first(self) -> None:
        """Raises BrokerUnreachable where the broker's first bytes are none of MQTT."""
        if isinstance(self._connection, tls.Secured):
            self._first = self._connection.first
        if self._first.startswith(ALERT) and not self._broker.tls:
            raise BrokerUnreachable(f"{self._name} expects TLS; set MQTT_BROKER_SECURED_CONNECTION: True")
        if self._first and not self._first.startswith(CONNACK):
            raise BrokerUnreachable(
                f"{self._name} does not speak MQTT; check MQTT_BROKER_HOST, and that MQTT_BROKER_PORT is its port for "
                "MQTT (mostly 1883, with TLS 8883), not for web pages or WebSockets"
            )

    def _on_connect(
        self, _client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.value == reason_codes.UNSUPPORTED_VERSION:
            self._failure = OldBroker(f"{self._name} does not know this version of MQTT; {reason_codes.OTHER_VERSION}")
        elif code.is_failure and reason_codes.reason(code.value).of_authority:
            self._failure = self._refusal(f"{self._name} refuses the login", code.value, properties)
        elif code.is_failure:
            self._failure = self._refusal(f"{self._name} refuses the session", code.value, properties)
        else:
            self._connected = True
            self._answered = True
            self._heed(properties)

    def _heed(self, properties: Properties | None) -> None:
        """What a broker of MQTT 5 takes, where that is less than all (section 3.2.2.3 of the specification)."""
        if not getattr(properties, "RetainAvailable", 1):
            self._failure = BrokerUnreachable(f"{self._name} retains no messages; {reason_codes.RETAIN}")
        if not getattr(properties, "MaximumQoS", QOS):
            self._failure = BrokerUnreachable(f"{self._name} takes messages at QoS 0 only; {reason_codes.QOS}")
        self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        self._largest = getattr(properties, "MaximumPacketSize", None)
        self.wildcards = bool(getattr(properties, "WildcardSubscriptionAvailable", 1))

    def _on_disconnect(
        self, _client: Client, _userdata: object, flags: DisconnectFlags, code: ReasonCode, props: Properties | None
    ) -> None:
        """What the broker itself says of the end, which it can over MQTT 5 only."""
        if flags.is_disconnect_packet_from_server:
            self._failure = self._failure or self._refusal(f"{self._name} ends the session", code.value, props)

    def _on_socket_open(self, _client: Client, _userdata: object, connection: "SocketLike") -> None:
        self._connection = connection if isinstance(connection, socket.socket) else None

    def _on_socket_close(self, _client: Client, _userdata: object, connection: "SocketLike") -> None:
        """Where paho cannot write it closes, and leaves unread why the broker hung up: in a packet or an alert."""
        left = b""
        with suppress(OSError):
            left = connection.recv(MAX_RETAINED)
        code = reason_codes.farewell(left) if self._connected and self._is_5 else None
        if code is not None:
            self._failure = self._failure or self._refusal(f"{self._name} ends the session", code)

    def _on_publish(
        self, _client: Client, _userdata: object, mid: int, code: ReasonCode, properties: Properties
    ) -> None:
        topic = self._unacknowledged.pop(mid, "")
        self._answered = True
        if code.is_failure:  # MQTT 5 only; before that, a broker drops in silence what it does not take
            self._refused = self._refused or self._refusal(
                f"{self._name} refuses a message on {topic}", code.value, properties, reason_codes.WRITE
            )

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], properties: Properties | None
    ) -> None:
        refused = next((code for code in codes if code.is_failure), None)
        self.unread = None if refused is None else self._of_reading(refused.value, properties)
        self._confirmed = True
        self._answered = True

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._arrived += 1
        self._answered = True
        is_echo = message.topic == self._echo and not message.retain
        if is_echo:
            self._echo = ""
        if is_echo or message.retain:
            self._keep(message)

    def _keep(self, message: MQTTMessage) -> None:
        if len(message.payload) > MAX_RETAINED or len(self._retained) >= MAX_TOPICS:
            return
        text = message.payload.decode("utf-8", "replace")
        held = self._held + len(message.topic) + len(text)
        if held <= MAX_HELD:
            self._retained[message.topic] = text
            self._held = held

    def _of_reading(self, code: int, properties: Properties | None = None) -> JobError:
        """What to tell of a subscription that was refused with that code."""
        to_allow = f"allow the account to read {', '.join(self._asked)}"
        if code == reason_codes.UNSPECIFIED:  # the one code that MQTT 3.1.1 has, whatever the reason
            return BrokerRefusal(f"{self._name} does not let us read; {to_allow}")
        return self._refusal(f"{self._name} does not let us read", code, properties, to_allow)

    def _refusal(self, what: str, code: int, properties: Properties | None = None, to_allow: str = "") -> JobError:
        """`what` the broker does for that reason; `to_allow` is the remedy where somebody has to be allowed it."""
        reason = reason_codes.reason(code)
        words = f"{reason.words}{_own_words(properties)}"
        if reason.of_authority:
            return BrokerRefusal(f"{what} ({words}); {to_allow or reason.remedy}")
        return BrokerUnreachable(f"{what} ({words}); {reason.remedy}")

    def _garbled(self) -> BrokerUnreachable:
        if self._connected:
            return BrokerUnreachable(
                f"{self._name} answers with a packet that MQTT does not know; mosquitto does so to messages above its "
                "message_size_limit: raise that, or look at the broker's log"
            )
        other = "" if self._broker.version == "5" else ", or set MQTT_VERSION: 5"
        if self._first.startswith(OF_3_1_1 if self._is_5 else OTHER_VERSION):
            return OldBroker(f"{self._name} does not know this version of MQTT; update the broker{other}")
        return BrokerUnreachable(f"{self._name} answers the login as MQTT does not; look at its log{other}")

    def _lost(self) -> BrokerUnreachable:
        if self._connected and self._is_5:
            return BrokerUnreachable(f"{self._name} drops the connection; look at its log")
        if self._connected:
            return BrokerUnreachable(
                f"{self._name} drops the connection; look at its log, or set MQTT_VERSION: 5, over which it says why"
            )
        if isinstance(self._connection, tls.Secured) and self._connection.alert is not None:
            return self._unreachable(self._connection.alert)
        if self._broker.tls:
            return OldBroker(
                f"{self._name} drops the connection before the login; if it asks for a client certificate, set "
                "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH"
            )
        return OldBroker(
            f"{self._name} drops the connection before the login; if its port expects TLS, set "
            "MQTT_BROKER_SECURED_CONNECTION: True"
        )

    def _unreachable(self, error: Exception) -> BrokerUnreachable:
        if self._broker.tls and isinstance(error, ssl.SSLError | ConnectionResetError):
            return BrokerUnreachable(f"{self._name} {tls.failure(error, self._broker)}")
        if not self._resolved or isinstance(error, socket.gaierror | UnicodeError):
            return self._unresolved(error)
        if isinstance(error, ConnectionRefusedError):
            return BrokerUnreachable(
                f"{self._name} refuses the connection; start it, or check MQTT_BROKER_HOST and MQTT_BROKER_PORT"
            )
        if isinstance(error, TimeoutError):
            return BrokerUnreachable(
                f"{self._name} does not answer (time-out); check MQTT_BROKER_HOST and MQTT_BROKER_PORT"
                + (", and that the port speaks TLS" if self._broker.tls else "")
            )
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return BrokerUnreachable(f"{self._name} cannot be reached ({reason}); check MQTT_BROKER_HOST and the network")

    def _unresolved(self, error: Exception) -> BrokerUnreachable:
        host = self._broker.host
        remedy = "set MQTT_BROKER_HOST to its address, or check this machine's name server"
        if isinstance(error, TimeoutError):
            return BrokerUnreachable(f"the broker's name {host} was not resolved in time; {remedy}")
        if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
            return BrokerUnreachable(f"the broker's name {host} was not resolved, as no name server answers; {remedy}")
        return BrokerUnreachable(f"the broker's name {host} is unknown; check MQTT_BROKER_HOST")


class Following(Session):
    """A session that stays, and knows what lies on `topics` as it changes; only the way there has an end.

    Entering raises what a session does, and the same where it is not let to read; `follow` raises
    BrokerUnreachable when the broker goes.
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
        """Follows for so long; True if anything has been said meanwhile."""
        before, until = self._arrived, Deadline(seconds)
        while until.remaining():
            self._step(min(STEP, until.remaining()))
        return self._arrived != before

    @property
    def lying(self) -> Mapping[str, str]:
        """What lies there now."""
        return self._retained

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._arrived += 1
        before = self._retained.pop(message.topic, "")
        self._held -= len(message.topic) + len(before) if before else 0
        if message.payload:
            self._keep(message)


@cache
def _tell_fallback(what: str) -> None:
    """Once for a process: `run` has one line for each poll."""
    log.info("%s", what)


def _own_words(properties: Properties | None) -> str:
    """What a broker of MQTT 5 says beside a code, made harmless: why, and which server to use."""
    texts = (getattr(properties, name, "") for name in ("ReasonString", "ServerReference"))
    return "".join(f": {shown(printable(text)).replace(';', ',')}" for text in texts if text)


def _nothing(*_: object) -> None:
    pass


def _packet_size(message: Message) -> int:
    """Bytes of its packet of MQTT 5 (section 3.3): lengths, message id and properties beside topic and payload."""
    texts = len(message.topic.encode()) + len(message.payload.encode())
    remaining = 2 + texts + 2 + 1 + 5 * (message.expiry is not None)
    return 1 + -(-remaining.bit_length() // 7) + remaining  # a length takes a byte for each 7 bits (section 1.5.5)


def client(broker: BrokerConfig, client_id: str, version: MQTTProtocolVersion, *, reconnect: bool) -> Client:
    """A client that can log in, and has not; raises ConfigError for files of TLS that are none."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=reconnect)
    if broker.user:
        client.username_pw_set(broker.user, broker.password or None)
    if broker.tls:
        client.tls_set_context(tls.context(broker))
    return client


def one_time_id(client_id: str) -> str:
    """A client id of its own for one connection: two of the same name would throw each other out."""
    suffix = "-" + os.urandom(3).hex()
    return client_id[: CLIENT_ID_LENGTH - len(suffix)] + suffix
