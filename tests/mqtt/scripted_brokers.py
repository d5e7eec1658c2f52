"""Brokers that say what a test has them say."""

import socket
import struct
from collections.abc import Callable, Iterable, Iterator

import pytest

from aps2mqtt.base.errors import JobError
from aps2mqtt.config import loading
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message


def broker_config(port: int, **more: object) -> BrokerConfig:
    """That of a broker on this port."""
    given = {"APS_ECU_IP": "127.0.0.1", "MQTT_BROKER_PORT": port, **more}
    (chosen,) = loading.load(None, {name: str(value) for name, value in given.items()})
    return chosen.broker


def packets(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """Kind and body of each packet that comes."""
    with connection.makefile("rb") as stream:
        while head := stream.read(1):
            length = shift = 0
            while True:
                (byte,) = stream.read(1)
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            yield head[0] >> 4, stream.read(length)


def message_id(published: bytes) -> bytes:
    """The two bytes behind the topic."""
    (length,) = struct.unpack_from("!H", published)
    return published[2 + length : 4 + length]


CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8


def saying(connack: bytes, to_message: bytes | None = None) -> Callable[[socket.socket], None]:
    """A broker that answers the login so, and each message so: its id is put in place of `id`."""

    def treat(connection: socket.socket) -> None:
        for kind, body in packets(connection):
            if kind == CONNECT:
                connection.sendall(connack)
                if connack[3] >= 0x80:
                    return
            elif kind == PUBLISH and to_message is not None:
                connection.sendall(to_message.replace(b"id", message_id(body)))
                if not to_message.startswith(b"\x40"):
                    return

    return treat


def failed(broker: BrokerConfig, messages: Iterable[Message]) -> JobError:
    """What a session that publishes `messages` ends with."""
    with pytest.raises(JobError) as caught, Session(broker) as session:
        session.publish(messages)
    return caught.value


NONSENSE = {
    "HTTP": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": bytes(100),
    "a byte": b"\xff",
}
