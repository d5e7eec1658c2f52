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

from aps2mqtt import tls
from aps2mqtt.config import BrokerConfig
from aps2mqtt.deadline import Deadline, bounded
from aps2mqtt.errors import BrokerRefusal, BrokerUnreachable, JobError, is_exhausted
from aps2mqtt.mqtt import reasons
from aps2mqtt.mqtt.topics import Message

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

log = logging.getLogger(__name__)

SESSION = 15.0  # seconds without an answer of the broker
LONGEST = 45.0  # seconds from connecting to the last acknowledgement
SETTLE = 2.0  # seconds for what we publish to come back, if the broker lets us read
QUIET = 0.3  # seconds without anything more that is retained
STEP = 0.1  # seconds to wait for the network at a time
CLIENT_ID_LENGTH = 23  # a broker may refuse more (MQTT 3.1.1, section 3.1.3.1)
QOS = 1
WINDOW = 1000  # messages that are not acknowledged yet; a broker of MQTT 5 may ask for less
CONNACK = b"\x20"  # what an answer to the login begins with
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
    `ssl.SSLSocket.getpeercert` has it, `version` that of MQTT.
    """

    def __init__(self, broker: BrokerConfig) -> None:
        self._name = f"the broker at {broker.host}:{broker.port}"
        self._broker = broker
        self._end = Deadline(LONGEST)
        self._deadline = self._end.within(SESSION)
        self.reached = False
        self.certificate: Mapping[str, Any] | None = None
        self.version = ""
        self._resolved = False
        self._connection: socket.socket | None = None
        self._first = b""  # byte of the broker
        self._connected = False
        self._answered = False  # since the last step
        self._failure: JobError | None = None
        self._window = WINDOW
        self._largest: int | None = None  # packet that the broker takes, in bytes
        self._unacknowledged: dict[int, str] = {}  # topics by message id
        self._granted: bool | None = None
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
        self._resolve()
        return socket.create_connection((self._broker.host, self._broker.port), SESSION)

    def _resolve(self) -> None:
        """Ahead of who connects: a resolver that is mute is no broker that is."""
        socket.getaddrinfo(self._broker.host, self._broker.port, type=socket.SOCK_STREAM)
        self._resolved = True

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
        if self._granted:
            self._settle(SETTLE, lambda: not self._echo)
        if self._echo:
            return None
        self._settle(QUIET)  # no broker is bound to that order
        return self._retained

    def _settle(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        """Returns when nothing more has arrived for so long, or when it is `done`."""
        arrived, quiet = self._arrived, self._deadline.within(seconds)
        while quiet.remaining() and not done():
            self._step(min(STEP, quiet.remaining()))
            if self._arrived != arrived:
                arrived, quiet = self._arrived, self._deadline.within(seconds)

    def publish(self, messages: Iterable[Message]) -> None:
        """Publishes `messages` in their order; returns when the broker has acknowledged every one."""
        messages = tuple(messages)
        self._measure(messages)
        for message in messages:
            self._loop_until(lambda: len(self._unacknowledged) < self._window, "does not acknowledge in time")
            self._send(message)
        self._loop_until(lambda: not self._unacknowledged, "does not acknowledge in time")
        log.debug("%s > all acknowledged", self._name)

    def _send(self, message: Message) -> None:
        log.debug("%s < %s %s%s", self._name, message.topic, message.payload, " (retained)" * message.retain)
        info = self._client.publish(
            message.topic, message.payload, qos=QOS, retain=message.retain, properties=self._expiring(message)
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._lost()
        self._unacknowledged[info.mid] = message.topic

    def _measure(self, messages: Iterable[Message]) -> None:
        """Raises BrokerUnreachable for the first that is larger than the broker takes, before any is sent."""
        if self._largest is None:
            return
        for message in messages:
            if (size := _packet_size(message)) > self._largest:
                raise BrokerUnreachable(
                    f"{self._name} takes packets of {self._largest} bytes at most, and that on {message.topic} has "
                    f"{size}; {reasons.SIZE}"
                )

    def _subscribe(self, topics: Iterable[str]) -> None:
        self._granted = None
        # Not at QoS 1: of that mosquitto queues 1000 messages for a client, and drops the others.
        self._client.subscribe([(topic, 0) for topic in topics])
        self._loop_until(lambda: self._granted is not None, "does not confirm a subscription in time")

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
        # paho's limit is for each address of a name and for each step of TLS, ours for all of it and the resolver.
        self._client.connect_timeout = SESSION
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
        self._resolve()
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
                raise BrokerUnreachable(f"{self._name} {otherwise}; look at its log, or restart it")
            self._step(min(STEP, self._deadline.remaining()))

    def _step(self, seconds: float) -> None:
        if not self._connected:
            self._peek(seconds)
        try:
            result = self._client.loop(seconds)
        except GARBLED as error:
            raise self._garbled() from error
        if self._answered:  # and has as long for its next answer
            self._answered, self._deadline = False, self._end.within(SESSION)
        if self._failure is not None:
            raise self._failure
        if not self._connected:
            self._judge_first()
        if result == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            raise self._garbled()
        if result != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._lost()

    def _peek(self, seconds: float) -> None:
        """Waits for the broker's first byte, and leaves it where it is; under TLS that is not to be had."""
        if self._connection is None or isinstance(self._connection, ssl.SSLSocket):
            return
        with suppress(OSError):
            self._connection.settimeout(seconds)
            self._first = self._first or self._connection.recv(1, socket.MSG_PEEK)
        with suppress(OSError):
            self._connection.settimeout(0)

    def _judge_first(self) -> None:
        """Raises BrokerUnreachable where the broker's first byte is none of MQTT."""
        if isinstance(self._connection, tls.Secured):
            self._first = self._connection.first
        if self._first not in (b"", CONNACK):
            raise BrokerUnreachable(
                f"{self._name} does not speak MQTT; check MQTT_BROKER_HOST, and that MQTT_BROKER_PORT is its port for "
                "MQTT (mostly 1883, with TLS 8883), not for web pages or WebSockets"
            )

    def _on_connect(
        self, _client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.value == reasons.UNSUPPORTED_VERSION:
            self._failure = OldBroker(f"{self._name} does not know this version of MQTT; {reasons.OTHER_VERSION}")
        elif code.is_failure and reasons.reason(code.value).of_authority:
            self._failure = self._refusal(f"{self._name} refuses the login", code.value)
        elif code.is_failure:
            self._failure = self._refusal(f"{self._name} refuses the session", code.value)
        else:
            self._connected = True
            self._answered = True
            self._heed(properties)

    def _heed(self, properties: Properties | None) -> None:
        """What a broker of MQTT 5 takes, where that is less than all (section 3.2.2.3 of the specification)."""
        if not getattr(properties, "RetainAvailable", 1):
            self._failure = BrokerUnreachable(f"{self._name} retains no messages; {reasons.RETAIN}")
        if not getattr(properties, "MaximumQoS", QOS):
            self._failure = BrokerUnreachable(f"{self._name} takes messages at QoS 0 only; {reasons.QOS}")
        self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        self._largest = getattr(properties, "MaximumPacketSize", None)

    def _on_disconnect(
        self, _client: Client, _userdata: object, flags: DisconnectFlags, code: ReasonCode, _props: Properties | None
    ) -> None:
        """What the broker itself says of the end, which it can over MQTT 5 only."""
        if flags.is_disconnect_packet_from_server:
            self._failure = self._failure or self._refusal(f"{self._name} ends the session", code.value)

    def _on_socket_open(self, _client: Client, _userdata: object, connection: "SocketLike") -> None:
        self._connection = connection if isinstance(connection, socket.socket) else None

    def _on_socket_close(self, _client: Client, _userdata: object, connection: "SocketLike") -> None:
        """Where paho cannot write it closes, and leaves unread why the broker hung up: in a packet or an alert."""
        left = b""
        with suppress(OSError):
            left = connection.recv(MAX_RETAINED)
        code = reasons.farewell(left) if self._connected and self._is_5 else None
        if code is not None:
            self._failure = self._failure or self._refusal(f"{self._name} ends the session", code)

    def _on_publish(
        self, _client: Client, _userdata: object, mid: int, code: ReasonCode, _properties: Properties
    ) -> None:
        topic = self._unacknowledged.pop(mid, "")
        self._answered = True
        if code.is_failure:  # MQTT 5 only; before that, a broker drops in silence what it does not take
            self._failure = self._failure or self._refusal(
                f"{self._name} refuses a message on {topic}", code.value, reasons.WRITE
            )

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._granted = not any(code.is_failure for code in codes)
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

    def _refusal(self, what: str, code: int, to_allow: str = "") -> JobError:
        """`what` the broker does for that reason; `to_allow` is the remedy where somebody has to be allowed it."""
        reason = reasons.reason(code)
        if reason.of_authority:
            return BrokerRefusal(f"{what} ({reason.words}); {to_allow or reason.remedy}")
        return BrokerUnreachable(f"{what} ({reason.words}); {reason.remedy}")

    def _garbled(self) -> BrokerUnreachable:
        if not self._connected and not self._is_5:
            # paho's word for return code 1: it would try an older one.
            return OldBroker(f"{self._name} does not know this version of MQTT; update the broker")
        return BrokerUnreachable(
            f"{self._name} answers with a packet that MQTT does not know; mosquitto does so to messages above its "
            "message_size_limit: raise that, or look at the broker's log"
        )

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
        if isinstance(error, TimeoutError) and not self._resolved:
            return BrokerUnreachable(
                f"the broker's name {self._broker.host} was not resolved in time; set MQTT_BROKER_HOST to its address, "
                "or check this machine's name server"
            )
        if isinstance(error, socket.gaierror | UnicodeError):
            return BrokerUnreachable(f"the broker's name {self._broker.host} is unknown; check MQTT_BROKER_HOST")
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


class Following(Session):
    """A session that stays, and knows what lies on `topics` as it changes; only the way there has an end.

    Entering raises what a session does, and BrokerRefusal where it is not let to read; `follow` raises
    BrokerUnreachable when the broker goes.
    """

    def __init__(self, broker: BrokerConfig, topics: Iterable[str]) -> None:
        super().__init__(broker)
        self._topics = tuple(topics)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._subscribe(self._topics)
            if not self._granted:
                places = ", ".join(self._topics)
                raise BrokerRefusal(f"{self._name} does not let us read; allow the account to read {places}")
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
