"""A connection to the broker: paho opens, runs and closes it; only this module and `presence` use paho.

A connection has one thread, which runs paho's loop itself. So everything happens when the caller asks for it, and a
job leaves nothing running. A `Session` publishes and reads over it.
"""

import logging
import os
import select
import socket
import ssl
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from aps2mqtt.base.deadline import Deadline, bounded
from aps2mqtt.base.errors import JobError, is_exhausted
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt import failures, reason_codes, tls
from aps2mqtt.mqtt.topics import Message

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

log = logging.getLogger(__name__)

SESSION = 15.0  # seconds to wait for an answer of the broker
LONGEST = 45.0  # seconds from connecting to the last acknowledgement
STEP = 0.1  # seconds to wait for the network at a time
LATELY = 2.0  # seconds since the last answer of a broker that is not mute
CLIENT_ID_LENGTH = 23  # a broker may refuse more (MQTT 3.1.1, section 3.1.3.1)
QOS = 1
WINDOW = 1000  # messages that are not acknowledged yet; a broker of MQTT 5 may ask for less
GARBLED = (MQTTException, ValueError, LookupError, struct.error)  # paho raises these for bytes that are no packet
MAX_UNREAD = 65536  # bytes to read at most after the broker has hung up
VERSIONS = {"3.1.1": (MQTTProtocolVersion.MQTTv311,), "5": (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)}


class Connection:
    """A connection to the broker as a context manager; it ends within LONGEST seconds.

    The broker has SESSION seconds for each answer. Entering raises BrokerUnreachable, BrokerRefusal (access has to
    be granted) and ConfigError (a TLS file holds no certificate or key).
    """

    def __init__(self, broker: BrokerConfig) -> None:
        self.reached = False  # a connection was made (with TLS, a secured one), even if it failed later
        self.certificate: Mapping[str, Any] | None = None  # of the broker, as `ssl.SSLSocket.getpeercert` returns it
        self.version = ""  # of MQTT, once connected
        self.wildcards = True  # the broker takes subscriptions with wildcards
        self._broker = broker
        self._end = Deadline(LONGEST)
        self._deadline = self._end.within(SESSION)
        self._resolved = False
        self._connection: socket.socket | None = None
        self._first = b""  # first bytes from the broker
        self._connected = False
        self._answered = False  # since the last step
        self._lately = Deadline(0)  # runs for LATELY seconds after each answer
        self._failure: JobError | None = None
        self._window = WINDOW
        self._largest: int | None = None  # size of the largest packet that the broker takes, in bytes
        self._client: Client

    @property
    def _is_5(self) -> bool:
        return self._client.protocol == MQTTProtocolVersion.MQTTv5

    def reach(self) -> str:
        """Opens a connection and closes it at once; returns the address that accepted it."""
        with self._reaching(), bounded(self._reach, self._deadline) as connection:
            return str(connection.getpeername()[0])

    def _reach(self) -> socket.socket:
        return socket.create_connection((self._broker.host, self._broker.port), self._resolve())

    def _resolve(self) -> float:
        """Resolves the name first, to tell a mute resolver from a mute broker; returns the seconds for each address."""
        addresses = socket.getaddrinfo(self._broker.host, self._broker.port, type=socket.SOCK_STREAM)
        self._resolved = True
        return max(STEP, self._deadline.remaining() / len(addresses))

    def __enter__(self) -> Self:
        *newer, last = VERSIONS[self._broker.version]
        for version in newer:
            try:
                return self._enter(version)
            except failures.OldBroker as error:
                _tell_fallback(
                    f"{str(error).partition('; ')[0]}; trying MQTT 3.1.1 instead of {version:d}, without expiry"
                )
                self._failure = None
                self._deadline = self._end.within(SESSION)
        return self._enter(last)

    def __exit__(self, *_: object) -> None:
        self._close()

    def _enter(self, version: MQTTProtocolVersion) -> Self:
        self._client = client(self._broker, one_time_id(self._broker.client_id), version, reconnect=False)
        self._client.max_inflight_messages_set(0)  # paho's own window ignores the broker's limit
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
        log.debug("%s > connected", self._broker.name)
        return self

    def _connect(self) -> None:
        self._connection, self._first = None, b""
        with self._reaching():
            bounded(self._dial, self._deadline)
        self.reached = True
        if isinstance(secured := self._client.socket(), ssl.SSLSocket):
            self.certificate = secured.getpeercert()
        # With this callback paho writes only in its loop, after reading: so the broker's reason for hanging up is read.
        self._client.on_socket_register_write = lambda *_: None
        self._loop_until(lambda: self._connected, "does not answer the login")

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Raises BrokerUnreachable for a failure to connect, except where this machine has run out of resources."""
        try:
            yield
        except (OSError, UnicodeError) as error:
            if is_exhausted(error):
                raise
            raise failures.unreachable(self._broker, error, resolved=self._resolved) from error

    def _dial(self) -> None:
        # paho's limit is for each address of a name and for each step of TLS, ours for all of these and the resolver.
        self._client.connect_timeout = self._resolve()
        self._client.connect(self._broker.host, self._broker.port)

    def _close(self) -> None:
        client = self._client
        # With our callbacks, the client would keep its sockets until the garbage collector runs.
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None
        client.on_socket_open = client.on_socket_close = client.on_socket_register_write = None
        client.disconnect()
        self._connection = None
        del self._client

    def _send(self, message: Message) -> int:
        """Returns the id by which the broker will acknowledge `message`."""
        log.debug("%s < %s %s%s", self._broker.name, message.topic, message.payload, " (retained)" * message.retain)
        properties = None
        if message.expiry is not None and self._is_5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no type for it
            properties.MessageExpiryInterval = message.expiry
        info = self._client.publish(message.topic, message.payload, QOS, message.retain, properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise self._lost()
        return info.mid

    def _ask_for(self, topics: Iterable[str]) -> None:
        # Not at QoS 1: mosquitto queues only 1000 such messages for a client, and drops the others.
        self._client.subscribe([(topic, 0) for topic in topics])

    def _loop_until(self, done: Callable[[], bool], otherwise: str) -> None:
        while not done():
            if not self._deadline.remaining():
                raise self._late(otherwise)
            self._step(min(STEP, self._deadline.remaining()))

    def _step(self, seconds: float) -> None:
        self._acknowledge_at_once()
        readable = self._connected or self._peek(seconds)
        try:
            # Before the login paho reads only what was looked at: it would take the first bytes out of the socket.
            result = self._client.loop(seconds) if readable else self._client.loop_write()
        except GARBLED as error:
            raise self._garbled() from error
        if self._answered:  # the broker has SESSION seconds for its next answer
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

    def _acknowledge_at_once(self) -> None:
        """Lets this machine confirm at once what arrives now; Linux forgets it again.

        By default it waits for 40 ms, and so long a broker may hold back its other acknowledgements (RFC 896).
        """
        if sys.platform == "linux" and self._connection is not None:
            with suppress(OSError):  # paho meets the same error
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _peek(self, seconds: float) -> bool:
        """Waits for the broker's first bytes, and leaves them in the socket; returns False if none came.

        With TLS they cannot be looked at there.
        """
        if self._connection is None or isinstance(self._connection, ssl.SSLSocket):
            return True
        readable, _, _ = select.select([self._connection], [], [], seconds)
        if readable and not self._first:
            with suppress(OSError):  # paho meets the same error
                self._first = self._connection.recv(tls.BEGINNING, socket.MSG_PEEK)
        return bool(readable)

    def _judge_first(self) -> None:
        """Raises BrokerUnreachable if the broker's first bytes are not MQTT."""
        if isinstance(self._connection, tls.Secured):
            self._first = self._connection.first
        if error := failures.no_mqtt(self._broker, self._first):
            raise error

    def _late(self, otherwise: str) -> JobError:
        return failures.late(self._broker, otherwise, connected=self._connected)

    def _garbled(self) -> JobError:
        if self._connected:
            return failures.garbled(self._broker)
        return failures.garbled_login(self._broker, self._first, is_5=self._is_5)

    def _lost(self) -> JobError:
        if self._connected:
            return failures.lost(self._broker, is_5=self._is_5)
        if isinstance(self._connection, tls.Secured) and self._connection.alert is not None:
            return failures.unreachable(self._broker, self._connection.alert, resolved=True)
        return failures.lost_early(self._broker)

    def _on_connect(
        self, _client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        if code.is_failure:
            self._failure = failures.refused_login(self._broker, code.value, properties)
            return
        self._connected = self._answered = True
        # A broker of MQTT 5 states its limits, if it has any (section 3.2.2.3).
        self._failure = failures.lacking(self._broker, properties) or self._failure
        self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        self._largest = getattr(properties, "MaximumPacketSize", None)
        self.wildcards = bool(getattr(properties, "WildcardSubscriptionAvailable", 1))

    def _on_disconnect(
        self, _client: Client, _userdata: object, flags: DisconnectFlags, code: ReasonCode, properties: object
    ) -> None:
        """Keeps the broker's own reason for the end, which only MQTT 5 has."""
        if flags.is_disconnect_packet_from_server:
            self._failure = self._failure or failures.ended(self._broker, code.value, properties)

    def _on_socket_open(self, _client: Client, _userdata: object, connection: "SocketLike") -> None:
        self._connection = connection if isinstance(connection, socket.socket) else None

    def _on_socket_close(self, _client: Client, _userdata: object, connection: "SocketLike") -> None:
        """Reads why the broker hung up: if paho cannot write, it closes without reading that packet or alert."""
        left = b""
        with suppress(OSError):
            left = connection.recv(MAX_UNREAD)
        if self._connected and self._is_5 and (code := reason_codes.farewell(left)) is not None:
            self._failure = self._failure or failures.ended(self._broker, code)

    def _on_publish(self, _client: Client, _userdata: object, mid: int, code: ReasonCode, properties: object) -> None:
        self._answered = True
        # Only MQTT 5 has refusals; in older versions, a broker silently drops a message that it does not take.
        self._acknowledged(mid, code.value if code.is_failure else None, properties)

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], properties: object
    ) -> None:
        self._answered = True
        self._subscribed(next((code.value for code in codes if code.is_failure), None), properties)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._received(message.topic, bytes(message.payload), retained=message.retain)

    # A session handles the broker's answers in these; `refusal` is the broker's code.
    def _acknowledged(self, mid: int, refusal: int | None, properties: object) -> None: ...
    def _subscribed(self, refusal: int | None, properties: object) -> None: ...
    def _received(self, topic: str, payload: bytes, *, retained: bool) -> None: ...


@cache
def _tell_fallback(what: str) -> None:
    """Logs `what` once for a process: `run` would log it at each poll."""
    log.info("%s", what)


def client(broker: BrokerConfig, client_id: str, version: MQTTProtocolVersion, *, reconnect: bool) -> Client:
    """A client that is not connected yet; raises ConfigError for TLS files that hold no certificate or key."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=reconnect)
    if broker.user:
        client.username_pw_set(broker.user, broker.password or None)
    if broker.tls:
        client.tls_set_context(tls.context(broker))
    return client


def one_time_id(client_id: str) -> str:
    """A client id for one connection: a broker disconnects one of two clients with the same id."""
    suffix = "-" + os.urandom(3).hex()
    return client_id[: CLIENT_ID_LENGTH - len(suffix)] + suffix
