"""The errors of a session: what failed at the broker, and the remedy. Each takes values and returns the error to raise.

After an `OldBroker`, an older version of MQTT may be tried. `properties` are those of paho, or None.
"""

import socket
import ssl
from collections.abc import Iterable

from aps2mqtt.base.errors import BrokerRefusal, BrokerUnreachable, JobError, shown
from aps2mqtt.base.printable import printable
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt import reason_codes, tls

CONNACK = b"\x20"  # first byte of an answer to the login
OTHER_VERSION = b"\x20\x02\x00\x01"  # the whole answer of MQTT 3.1.1: not this version
OF_3_1_1 = b"\x20\x02"  # its first bytes in MQTT 3.1.1; in MQTT 5 the answer is a byte longer
ALERT = b"\x15"  # first byte of the answer of TLS to bytes that it does not understand


class OldBroker(BrokerUnreachable):
    """The broker does not support this version of MQTT, or hangs up as such a broker does."""


def _refusal(what: str, code: int, properties: object = None, to_allow: str = "") -> JobError:
    """The error for `what` the broker does, with the reason of `code`; `to_allow` is the remedy for a missing right."""
    reason = reason_codes.reason(code)
    words = f"{reason.words}{_own_words(properties)}"
    if reason.of_authority:
        return BrokerRefusal(f"{what} ({words}); {to_allow or reason.remedy}")
    return BrokerUnreachable(f"{what} ({words}); {reason.remedy}")


def _own_words(properties: object) -> str:
    """The broker's own reason and the server it names, both made harmless; MQTT 5 only."""
    texts = (getattr(properties, name, "") for name in ("ReasonString", "ServerReference"))
    return "".join(f": {shown(printable(text)).replace(';', ',')}" for text in texts if text)


def refused_login(broker: BrokerConfig, code: int, properties: object) -> JobError:
    """The broker answers the login with `code`."""
    if code == reason_codes.UNSUPPORTED_VERSION:
        return OldBroker(f"{broker.name} does not support this version of MQTT; {reason_codes.OTHER_VERSION}")
    if reason_codes.reason(code).of_authority:
        return _refusal(f"{broker.name} refuses the login", code, properties)
    return _refusal(f"{broker.name} refuses the session", code, properties)


def refused_message(broker: BrokerConfig, topic: str, code: int, properties: object) -> JobError:
    """The broker answers a message on `topic` with `code`; MQTT 5 only."""
    return _refusal(f"{broker.name} refuses a message on {topic}", code, properties, reason_codes.WRITE)


def ended(broker: BrokerConfig, code: int, properties: object = None) -> JobError:
    """The broker ends the session with `code`; MQTT 5 only."""
    return _refusal(f"{broker.name} ends the session", code, properties)


def refused_subscription(broker: BrokerConfig, topics: Iterable[str], code: int, properties: object = None) -> JobError:
    """The broker answers a subscription to `topics` with `code`."""
    to_allow = f"allow the MQTT account to read {', '.join(topics)}"
    if code == reason_codes.UNSPECIFIED:  # the only code of MQTT 3.1.1, whatever the reason
        return BrokerRefusal(f"{broker.name} refuses the subscription; {to_allow}")
    return _refusal(f"{broker.name} refuses the subscription", code, properties, to_allow)


def lacking(broker: BrokerConfig, properties: object) -> BrokerUnreachable | None:
    """The broker reports at the login that it lacks what we need (MQTT 5, section 3.2.2.3); None if it does not."""
    if not getattr(properties, "MaximumQoS", 1):
        return BrokerUnreachable(f"{broker.name} accepts only messages with QoS 0; {reason_codes.QOS}")
    if not getattr(properties, "RetainAvailable", 1):
        return BrokerUnreachable(f"{broker.name} does not retain messages; {reason_codes.RETAIN}")
    return None


def too_large(broker: BrokerConfig, topic: str, size: int, largest: int) -> BrokerUnreachable:
    """A message has `size` bytes, and the broker takes `largest`."""
    return BrokerUnreachable(
        f"{broker.name} accepts up to {largest} bytes, but the message on {topic} has {size}; {reason_codes.SIZE}"
    )


def late(broker: BrokerConfig, otherwise: str, *, connected: bool) -> BrokerUnreachable:
    """The broker does not answer in time: it does `otherwise`. If it was not `connected`, it may be no broker."""
    first = "look at" if connected else "check MQTT_BROKER_HOST and MQTT_BROKER_PORT, look at"
    return BrokerUnreachable(f"{broker.name} {otherwise}; {first} the broker's log, or restart the broker")


def too_far(broker: BrokerConfig, window: int) -> BrokerUnreachable:
    """The broker acknowledges, but takes so few messages at once that the time is too short."""
    return BrokerUnreachable(
        f"{broker.name} accepts {window} messages at a time, which is too slow over this network; raise that limit "
        "(mosquitto: max_inflight_messages), or set MQTT_VERSION: 3.1.1"
    )


def no_mqtt(broker: BrokerConfig, first: bytes) -> BrokerUnreachable | None:
    """The broker's `first` bytes are not MQTT; None if they are, or have not come yet."""
    if first.startswith(ALERT) and not broker.tls:
        return BrokerUnreachable(f"{broker.name} expects TLS; set MQTT_BROKER_SECURED_CONNECTION: True")
    if first and not first.startswith(CONNACK):
        return BrokerUnreachable(
            f"{broker.name} does not speak MQTT; check MQTT_BROKER_HOST and MQTT_BROKER_PORT (usually 1883, with TLS "
            "8883, not a port for web pages or WebSockets)"
        )
    return None


def garbled_login(broker: BrokerConfig, first: bytes, *, is_5: bool) -> BrokerUnreachable:
    """The answer to the login, with these `first` bytes, is no packet of MQTT; `is_5`: the login was one of MQTT 5."""
    other = "" if broker.version == "5" else ", or set MQTT_VERSION: 5"
    if first.startswith(OF_3_1_1 if is_5 else OTHER_VERSION):
        return OldBroker(f"{broker.name} does not support this version of MQTT; update the broker{other}")
    return BrokerUnreachable(
        f"{broker.name} answers the login with an invalid packet; check MQTT_BROKER_PORT and the broker's log{other}"
    )


def garbled(broker: BrokerConfig) -> BrokerUnreachable:
    """A later answer is no packet of MQTT."""
    return BrokerUnreachable(
        f"{broker.name} answers with an invalid packet; if it is mosquitto, raise message_size_limit, or look at the "
        "broker's log"
    )


def lost_early(broker: BrokerConfig) -> OldBroker:
    """The connection has ended before the login."""
    remedy = "check MQTT_BROKER_PORT, and if that port expects TLS, set MQTT_BROKER_SECURED_CONNECTION: True"
    if broker.tls:
        remedy = "if it requires a client certificate, set MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH"
    return OldBroker(f"{broker.name} closes the connection before the login; {remedy}")


def lost(broker: BrokerConfig, *, is_5: bool) -> BrokerUnreachable:
    """The connection has ended after the login, without a reason."""
    other = "" if is_5 else ", or set MQTT_VERSION: 5 to get the reason from the broker"
    return BrokerUnreachable(f"{broker.name} closes the connection; look at the broker's log{other}")


def unreachable(broker: BrokerConfig, error: Exception, *, resolved: bool) -> BrokerUnreachable:
    """No connection could be made; `resolved` is True if the broker's name was resolved."""
    if broker.tls and isinstance(error, ssl.SSLError | ConnectionResetError):
        return BrokerUnreachable(f"{broker.name} {tls.failure(error, broker)}")
    if not resolved or isinstance(error, socket.gaierror | UnicodeError):
        return _unresolved(broker.host, error)
    if isinstance(error, ConnectionRefusedError):
        return BrokerUnreachable(
            f"{broker.name} refuses the connection; check MQTT_BROKER_HOST and MQTT_BROKER_PORT, or start the broker"
        )
    if isinstance(error, TimeoutError):
        return BrokerUnreachable(
            f"{broker.name} does not answer (time-out); check MQTT_BROKER_HOST and MQTT_BROKER_PORT"
            + (", and that the port expects TLS" if broker.tls else "")
        )
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return BrokerUnreachable(f"{broker.name} cannot be reached ({reason}); check MQTT_BROKER_HOST and the network")


def _unresolved(host: str, error: Exception) -> BrokerUnreachable:
    remedy = "set MQTT_BROKER_HOST to the broker's IP address, or check this machine's name server (DNS)"
    if isinstance(error, TimeoutError):
        return BrokerUnreachable(f"the broker's host name {host} was not resolved in time; {remedy}")
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return BrokerUnreachable(
            f"the broker's host name {host} was not resolved because no name server answers; {remedy}"
        )
    return BrokerUnreachable(f"the broker's host name {host} is unknown; check MQTT_BROKER_HOST")
