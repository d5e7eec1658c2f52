"""A session with the broker, with one deadline; and the presence of a process that stays. The one user of paho.

A session has one thread: it drives paho's loop itself, so that everything happens when it is asked for, and a job
leaves nothing running.
"""

import logging
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from aps2mqtt import tls
from aps2mqtt.config import BrokerConfig
from aps2mqtt.deadline import Deadline, bounded
from aps2mqtt.errors import BrokerRefusal, BrokerUnreachable, JobError
from aps2mqtt.mqtt.topics import OFFLINE, ONLINE, Message

log = logging.getLogger(__name__)

SESSION = 15.0  # seconds, from connecting to the last acknowledgement
SETTLE = 2.0  # seconds for what we publish to come back, if the broker lets us read
QUIET = 0.3  # seconds without anything more that is retained
STEP = 0.1  # seconds to wait for the network at a time
CLIENT_ID_LENGTH = 23  # a broker may refuse more (MQTT 3.1.1, section 3.1.3.1)
QOS = 1
KEEPALIVE = 60  # seconds; after half as many again the broker publishes the last will
RECONNECT = (1, 60)  # seconds between attempts, the first and the most
GOODBYE = 1.0  # seconds
LINGER = 0.1  # seconds: amqtt acknowledges before it does anything, and what is left when we go is lost
WRONG_LOGIN = ("Bad user name or password", "Not authorized")
MAX_RETAINED = 65536  # bytes of a value that is read back; longer, and it is none of ours
MAX_TOPICS = 50_000  # that are read back
MAX_HELD = 64 << 20  # characters of them all, names and values
VERSIONS = {"3.1.1": (MQTTProtocolVersion.MQTTv311,), "5": (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)}
HOST_MISMATCH = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
NOT_IN_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


class Session:
    """A connection to the broker while in the context; all it does ends within SESSION seconds.

    Entering, `retained` and `publish` raise BrokerUnreachable, BrokerRefusal (user or password) and, for files of
    TLS that are none, ConfigError. `reached`: a connection was made, under TLS a secured one, whatever came of it;
    `certificate` is the broker's then, as `ssl.SSLSocket.getpeercert` has it, `version` that of MQTT.
    """

    def __init__(self, broker: BrokerConfig) -> None:
        self._name = f"the broker at {broker.host}:{broker.port}"
        self._broker = broker
        self._deadline = Deadline(SESSION)
        self.reached = False
        self.certificate: Mapping[str, Any] | None = None
        self.version = ""
        self._connected = False
        self._failure: JobError | None = None
        self._unacknowledged: dict[int, str] = {}  # topics by message id
        self._granted: bool | None = None
        self._retained: dict[str, str] = {}
        self._held = 0  # characters of them
        self._echo = ""  # topic of a probe that has not come back
        self._client: Client

    def reach(self) -> str:
        """The address at which something accepts connections, by one that is closed at once."""
        try:
            with bounded(self._connection, self._deadline) as connection:
                return str(connection.getpeername()[0])
        except (OSError, UnicodeError) as error:
            raise self._unreachable(error) from error

    def _connection(self) -> socket.socket:
        return socket.create_connection((self._broker.host, self._broker.port), SESSION)

    def __enter__(self) -> Self:
        *newer, last = VERSIONS[self._broker.version]
        for version in newer:
            try:
                return self._enter(version)
            except BrokerUnreachable as error:
                if not (self.reached and self._deadline.remaining()):
                    raise
                _tell_fallback(
                    f"{self._name}: no MQTT {version:d} ({error}); trying the version before, without expiry"
                )
                self._failure = None
        return self._enter(last)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            time.sleep(LINGER)
        self._close()

    def retained(self, topics: Iterable[str], probe: Message) -> dict[str, str] | None:
        """What the broker retains under each of `topics` that has something; None where it does not let us read.

        A broker may confirm a subscription that it will never serve. So `probe` is published, which is subscribed to as
        well: by the time it comes back, what is retained has come before it.
        """
        self._echo = probe.topic
        self._subscribe((*topics, probe.topic))
        self.publish([probe])
        settled = self._deadline.within(SETTLE)
        while self._echo and self._granted and settled.remaining():
            self._step(min(STEP, settled.remaining()))
        if self._echo:
            return None
        quiet = self._deadline.within(QUIET)  # no broker is bound to that order
        while quiet.remaining():
            before = len(self._retained)
            self._step(min(STEP, quiet.remaining()))
            quiet = quiet if len(self._retained) == before else self._deadline.within(QUIET)
        return self._retained

    def publish(self, messages: Iterable[Message]) -> None:
        """Publishes `messages` in their order; returns when the broker has acknowledged every one."""
        for message in messages:
            log.debug("%s < %s %s%s", self._name, message.topic, message.payload, " (retained)" * message.retain)
            info = self._client.publish(
                message.topic, message.payload, qos=QOS, retain=message.retain, properties=self._expiring(message)
            )
            self._unacknowledged[info.mid] = message.topic
        self._loop_until(lambda: not self._unacknowledged, "does not acknowledge in time")
        log.debug("%s > all acknowledged", self._name)

    def _subscribe(self, topics: Iterable[str]) -> None:
        # Not at QoS 1: of that mosquitto queues 1000 messages for a client, and drops the others.
        self._client.subscribe([(topic, 0) for topic in topics])
        self._loop_until(lambda: self._granted is not None, "does not confirm a subscription in time")

    def _expiring(self, message: Message) -> Properties | None:
        """What a broker of MQTT 5 is told beside a message."""
        if message.expiry is None or self._client.protocol != MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no type for it
        properties.MessageExpiryInterval = message.expiry
        return properties

    def _enter(self, version: MQTTProtocolVersion) -> Self:
        self._client = _client(self._broker, one_time_id(self._broker.client_id), version, reconnect=False)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        try:
            self._connect()
        except JobError:
            self._close()
            raise
        self.version = "5" if version == MQTTProtocolVersion.MQTTv5 else "3.1.1"
        log.debug("%s > connected", self._name)
        return self

    def _connect(self) -> None:
        # paho's limit is for each address of a name and for each step of TLS, ours for all of it and the resolver.
        self._client.connect_timeout = SESSION
        try:
            bounded(lambda: self._client.connect(self._broker.host, self._broker.port), self._deadline)
        except (OSError, UnicodeError) as error:
            raise self._unreachable(error) from error
        self.reached = True
        if isinstance(secured := self._client.socket(), ssl.SSLSocket):
            self.certificate = secured.getpeercert()
        self._loop_until(lambda: self._connected, "accepts the connection, but not one byte came back")

    def _close(self) -> None:
        client = self._client
        # The callbacks are ours: held by them, the client would keep its sockets until the garbage collector comes.
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None
        client.disconnect()
        del self._client

    def _loop_until(self, done: Callable[[], bool], otherwise: str) -> None:
        while not done():
            if not self._deadline.remaining():
                raise BrokerUnreachable(f"{self._name} {otherwise}; look at its log, or restart it")
            self._step(min(STEP, self._deadline.remaining()))

    def _step(self, seconds: float) -> None:
        lost = self._client.loop(seconds) != MQTTErrorCode.MQTT_ERR_SUCCESS
        if self._failure is not None:
            raise self._failure
        if lost:
            raise self._lost()

    def _on_connect(
        self, _client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if not code.is_failure:
            self._connected = True
        elif str(code) in WRONG_LOGIN:
            self._failure = BrokerRefusal(
                f"{self._name} refuses the login ({str(code).lower()}); "
                "check MQTT_BROKER_USER and MQTT_BROKER_PASSWD, and the broker's list of accounts"
            )
        else:
            self._failure = BrokerUnreachable(
                f"{self._name} refuses the session ({str(code).lower()}); check MQTT_CLIENT_ID and the broker's log"
            )

    def _on_disconnect(
        self, _client: Client, _userdata: object, _flags: DisconnectFlags, _code: ReasonCode, _props: Properties | None
    ) -> None:
        self._failure = self._failure or self._lost()

    def _on_publish(
        self, _client: Client, _userdata: object, mid: int, code: ReasonCode, _properties: Properties
    ) -> None:
        topic = self._unacknowledged.pop(mid, "")
        if code.is_failure:  # MQTT 5 only; before that, a broker drops in silence what it does not allow
            self._failure = BrokerRefusal(
                f"{self._name} refuses a message on {topic} ({str(code).lower()}); allow the account to write there"
            )

    def _on_subscribe(
        self, _client: Client, _userdata: object, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        self._granted = not any(code.is_failure for code in codes)

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
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

    def _lost(self) -> BrokerUnreachable:
        if self._connected:
            return BrokerUnreachable(f"{self._name} drops the connection; look at its log")
        if self._broker.tls:
            return BrokerUnreachable(
                f"{self._name} drops the connection before the login; if it asks for a client certificate, set "
                "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH"
            )
        return BrokerUnreachable(
            f"{self._name} drops the connection before the login; if its port expects TLS, set "
            "MQTT_BROKER_SECURED_CONNECTION: True"
        )

    def _unreachable(self, error: Exception) -> BrokerUnreachable:
        if self._broker.tls and isinstance(error, ssl.SSLError | ConnectionResetError):
            return BrokerUnreachable(f"{self._name} {_tls_failure(error)}")
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
        self._changes = 0

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
        before, until = self._changes, Deadline(seconds)
        while until.remaining():
            self._step(min(STEP, until.remaining()))
        return self._changes != before

    @property
    def lying(self) -> Mapping[str, str]:
        """What lies there now."""
        return self._retained

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self._changes += 1
        before = self._retained.pop(message.topic, "")
        self._held -= len(message.topic) + len(before) if before else 0
        if message.payload:
            self._keep(message)


@cache
def _tell_fallback(what: str) -> None:
    """Once for a process: `run` has one line for each poll."""
    log.info("%s", what)


class Presence:
    """Says on `topic` that the process lives, on a connection of its own that reconnects by itself.

    The broker says for it that it does not: by the last will, when it is killed. `connected` and `lost` are called in
    another thread, at every connection that is made or lost.
    """

    def __init__(
        self, broker: BrokerConfig, topic: str, connected: Callable[[], None], lost: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._connected = connected
        self._lost = lost
        self._client = _client(broker, broker.client_id, MQTTProtocolVersion.MQTTv311, reconnect=True)
        self._client.will_set(topic, OFFLINE, qos=QOS, retain=True)
        self._client.reconnect_delay_set(*RECONNECT)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect

    def start(self) -> None:
        """Connects in the background; no broker is no failure."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE)
        self._client.loop_start()

    def stop(self) -> None:
        """Says goodbye, if it can within GOODBYE seconds: a clean disconnection takes the last will back."""
        if self._client.is_connected():
            self._client.publish(self._topic, OFFLINE, qos=QOS, retain=True).wait_for_publish(GOODBYE)
        self._client.disconnect()

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if not code.is_failure:
            client.publish(self._topic, ONLINE, qos=QOS, retain=True)
            self._connected()

    def _on_disconnect(
        self, _client: Client, _userdata: object, _flags: DisconnectFlags, _code: ReasonCode, _props: Properties | None
    ) -> None:
        self._lost()


def _client(broker: BrokerConfig, client_id: str, version: MQTTProtocolVersion, *, reconnect: bool) -> Client:
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


def _tls_failure(error: Exception) -> str:
    """What went wrong before the connection was secured, and the key that would mend it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in HOST_MISMATCH:
            return "has a certificate for another name; set MQTT_BROKER_HOST to a name in it"
        if error.verify_code in NOT_IN_TIME:
            return f"has a {error.verify_message}; renew it, or set this machine's clock"
        return (
            f"cannot be trusted ({error.verify_message}); set MQTT_BROKER_CACERTS_PATH to the certificate of the CA "
            "that signed the broker's"
        )
    if isinstance(error, ssl.SSLError) and "ALERT" in str(error.reason):
        return (
            f"refuses our side of TLS ({error.reason}); if it asks for a client certificate, set "
            "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH"
        )
    return (
        "does not speak TLS; set MQTT_BROKER_PORT to its TLS port (often 8883), or "
        "MQTT_BROKER_SECURED_CONNECTION: False"
    )
