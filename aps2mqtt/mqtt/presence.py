"""The presence of a long-running process on the broker."""

import logging
from collections.abc import Callable
from contextlib import suppress

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt.connection import QOS, client
from aps2mqtt.mqtt.reason_codes import reason
from aps2mqtt.mqtt.topics import OFFLINE, ONLINE

log = logging.getLogger(__name__)

KEEPALIVE = 60  # seconds; after 1.5 times as many, the broker publishes the last will
RECONNECT = (1, 60)  # seconds between attempts: at first, and at most
GOODBYE = 1.0  # seconds


class Presence:
    """Publishes on `topic` that the process is online, over a connection of its own that reconnects by itself.

    When the process is killed, the broker publishes by the last will that it is offline. paho calls `connected` and
    `lost` in another thread, at every connection that is made or lost.
    """

    def __init__(
        self, broker: BrokerConfig, topic: str, connected: Callable[[], None], lost: Callable[[], None]
    ) -> None:
        self._broker = broker
        self._topic = topic
        self._connected = connected
        self._refused: int | None = None  # the code of the broker's last refusal
        self._leaving = False
        self._client = client(broker, broker.client_id, MQTTProtocolVersion.MQTTv311, reconnect=True)
        self._client.will_set(topic, OFFLINE, qos=QOS, retain=True)
        self._client.reconnect_delay_set(*RECONNECT)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: lost()
        self._client.on_message = self._on_message

    def start(self) -> None:
        """Connects in the background; a broker that cannot be reached is no error."""
        self._client.connect_async(self._broker.host, self._broker.port, KEEPALIVE)
        self._client.loop_start()

    def renew(self) -> None:
        """Publishes `online` again: another process may have published `offline` there, unnoticed by us."""
        if self._client.is_connected() and not self._leaving:
            self._client.publish(self._topic, ONLINE, qos=QOS, retain=True)

    def stop(self) -> None:
        """Publishes `offline`, if it can within GOODBYE seconds: a clean disconnection cancels the last will."""
        self._leaving = True
        if self._client.is_connected():
            said = self._client.publish(self._topic, OFFLINE, qos=QOS, retain=True)
            with suppress(RuntimeError):  # the connection has just been lost: the broker publishes the last will
                said.wait_for_publish(GOODBYE)
        self._client.disconnect()

    def _on_connect(
        self, client: Client, _userdata: object, _flags: ConnectFlags, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if code.is_failure:
            if code.value != self._refused:  # paho retries for as long as the process runs
                why = reason(code.value)
                log.warning("the broker refuses the connection for %s (%s); %s", self._topic, why.words, why.remedy)
            self._refused = code.value
            return
        self._refused = None
        self.renew()
        client.subscribe(self._topic, QOS)
        self._connected()

    def _on_message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        """Answers the last will of an earlier `run`, or the `offline` of another one: this process is online."""
        if message.payload == OFFLINE.encode():
            self.renew()
