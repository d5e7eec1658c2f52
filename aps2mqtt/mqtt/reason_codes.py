"""The reasons for which a broker refuses or ends something, in words. Pure.

MQTT 5 sends a code with each refusal (section 2.4 of the specification); those of MQTT 3.1.1's CONNACK are given
as the codes that mean the same.
"""

from typing import NamedTuple

UNSPECIFIED = 0x80
UNSUPPORTED_VERSION = 0x84
NO_WILDCARDS = 0xA2
DISCONNECT = 0xE0  # first byte of the packet
MORE = 0x80  # bit in a byte of a length: another byte follows

LOG = "look at the broker's log"
WRITE = "allow the MQTT account to write to this topic"
LOGIN = "check MQTT_BROKER_USER and MQTT_BROKER_PASSWD, and the accounts in the broker"
RIGHTS = f"{LOGIN}, and MQTT_CLIENT_ID if the broker accepts only certain ids"
OTHER_VERSION = "set MQTT_VERSION: 3.1.1, or update the broker"
CLIENT_ID = "set MQTT_CLIENT_ID to letters and digits"
PREFIX = "check MQTT_TOPIC_PREFIX and MQTT_DISCOVERY_PREFIX"
WAIT = "wait until the broker has started, or look at its log"
SLOWER = "raise the broker's limit, or use fewer clients at once"
SIZE = "raise the broker's limit, or set MQTT_DISCOVERY_STYLE: component, which sends smaller messages"
RETAIN = "allow retained messages in the broker (mosquitto: retain_available true)"
QOS = "allow QoS 1 in the broker (mosquitto: max_qos 1 or 2)"
ELSEWHERE = "set MQTT_BROKER_HOST to the broker's new address"
TWIN = (
    "if a second `aps2mqtt run` is active, stop it or set another MQTT_CLIENT_ID for it, and in mosquitto set "
    "use_username_as_clientid false"
)


class Reason(NamedTuple):
    """A reason in words, and the remedy."""

    words: str
    remedy: str = LOG
    of_authority: bool = False  # access has to be granted


REASONS = {
    0x00: Reason("no reason given"),
    UNSPECIFIED: Reason("no reason given"),
    0x81: Reason("malformed packet"),
    0x82: Reason("protocol error"),
    0x83: Reason("implementation specific error"),
    UNSUPPORTED_VERSION: Reason("unsupported version of MQTT", OTHER_VERSION),
    0x85: Reason("client identifier not valid", CLIENT_ID),
    0x86: Reason("bad user name or password", LOGIN, of_authority=True),
    0x87: Reason("not authorized", RIGHTS, of_authority=True),
    0x88: Reason("server unavailable", WAIT),
    0x89: Reason("server busy", WAIT),
    0x8A: Reason("banned", "remove the ban on this client in the broker", of_authority=True),
    0x8B: Reason("server shutting down", WAIT),
    0x8C: Reason("bad authentication method", LOGIN, of_authority=True),
    0x8D: Reason("keep alive timeout", "check the network between this machine and the broker"),
    0x8E: Reason("session taken over", TWIN),
    0x8F: Reason("topic filter invalid", PREFIX),
    0x90: Reason("topic name invalid", PREFIX),
    0x91: Reason("packet identifier in use"),
    0x93: Reason("too many messages at once", SLOWER),
    0x95: Reason("packet too large", SIZE),
    0x96: Reason("message rate too high", SLOWER),
    0x97: Reason("quota exceeded", "raise the broker's quota for this client"),
    0x98: Reason("administrative action"),
    0x99: Reason("payload format invalid", "allow payloads of any format in the broker"),
    0x9A: Reason("retain not supported", RETAIN),
    0x9B: Reason("QoS not supported", QOS),
    0x9C: Reason("use another server", ELSEWHERE),
    0x9D: Reason("server moved", ELSEWHERE),
    0x9F: Reason("connection rate exceeded", SLOWER),
    0xA0: Reason("maximum connect time"),
    0xA1: Reason("subscription identifiers not supported"),
    NO_WILDCARDS: Reason("wildcards not supported", "allow subscriptions with wildcards in the broker"),
}


def farewell(data: bytes) -> int | None:
    """The code of the DISCONNECT packet among the whole packets of MQTT 5 at the start of `data`; None without one.

    Sections 2.1 and 3.14 of the specification.
    """
    while len(data) > 1:
        head = 1 + next((place for place, byte in enumerate(data[1:5], 1) if byte < MORE), 4)
        length = sum((byte % MORE) << 7 * place for place, byte in enumerate(data[1:head]))
        if data[0] == DISCONNECT:
            return data[head] if length and head < len(data) else 0
        data = data[head + length :]
    return None


def reason(code: int) -> Reason:
    """The reason for `code`; an unknown code keeps its number."""
    return REASONS.get(code) or Reason(f"reason 0x{code:02x}")
