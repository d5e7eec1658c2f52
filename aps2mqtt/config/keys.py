"""The keys of the configuration, and the parsers of their values.

Each parser returns the value or raises NotAllowed, which names the allowed values.
"""

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aps2mqtt.base import files
from aps2mqtt.base.physical_limits import MODBUS_ADDRESSES
from aps2mqtt.config import systemd_credentials
from aps2mqtt.config.values import Secret

DEFAULT_POSITION = ("48.864716", "2.349014")  # Paris, as in aps2mqtt 2.x
MAX_FILE = 10_000_000  # bytes of a file that a value names; a system's certificates have 200,000
MAX_TEXT = 1000  # characters
MAX_ZONE = 50  # characters of a mistyped time zone
LIKENESS = 0.8  # of it and the one that was meant, from 0 to 1


class NotAllowed(Exception):
    """A value is none of those that the message names."""


# -- the parsers: each returns the value or raises NotAllowed with the allowed values ---------------------------------


def _text(value: str) -> str:
    if not value.isprintable() or len(value) > MAX_TEXT:  # text that is not UTF-8 in the environment is not printable
        raise NotAllowed(f"one line of at most {MAX_TEXT} printable characters")
    return value


def _secret(value: str) -> Secret:
    return Secret(_text(value))


def _host(value: str) -> str:
    value = value.strip()
    name = r"[\w-]{1,63}(\.[\w-]{1,63})*\.?"
    ipv6 = r"[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*(%[\w.-]+)?"
    if not re.fullmatch(f"{name}|{ipv6}", value) or not _is_encodable(value):
        raise NotAllowed("one host name or IP address, without http://, port or spaces")
    return value


def _is_encodable(name: str) -> bool:
    """True for a name that the resolver accepts."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        value = value.strip()
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise NotAllowed(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def _degrees(limit: int) -> Callable[[str], float]:
    def parse(value: str) -> float:
        allowed = f"a number of degrees from -{limit} to {limit}, such as 47.206"
        try:
            degrees = float(value)
        except ValueError as error:
            raise NotAllowed(allowed) from error
        if not -limit <= degrees <= limit:
            raise NotAllowed(allowed)
        return degrees

    return parse


def _units(value: str) -> tuple[int, ...]:
    """Modbus addresses, each once: `1,2,11`, `1-9` or both."""
    units: dict[int, None] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        found = re.fullmatch(r"([0-9]{1,3})(?:\s*-\s*([0-9]{1,3}))?", part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not (first in MODBUS_ADDRESSES and last in MODBUS_ADDRESSES and first <= last):
            most = MODBUS_ADDRESSES[-1]
            raise NotAllowed(f"Modbus addresses from 1 to {most}, such as 1,2,11 or 1-9")
        units |= dict.fromkeys(range(first, last + 1))
    return tuple(units)


def _ecu_id(value: str) -> str:
    if value.strip() and not re.fullmatch(r"[0-9]{12}", value.strip()):
        raise NotAllowed("the 12 digits on the ECU's label")
    return value.strip()


TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _boolean(value: str) -> bool:
    word = value.strip().lower()
    if word not in TRUE + FALSE:
        raise NotAllowed("True or False")
    return word in TRUE


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        for choice in choices:
            if value.strip().lower() == choice.lower():
                return choice
        *others, last = filter(None, choices)
        raise NotAllowed(f"{', '.join(others)} or {last}")

    return parse


def is_topic(value: str) -> bool:
    """True for printable text that a topic may begin with."""
    # Topics that begin with $ belong to the broker, and a subscription to # does not receive them.
    return not (re.search(r"[+#]", value) or value.startswith(("/", "$")) or value.endswith("/"))


def _topic(value: str) -> str:
    if not is_topic(_text(value)):
        raise NotAllowed("a topic without + or #, without / or $ at its start, and without / at its end")
    if value != value.strip():
        raise NotAllowed("a topic without spaces at its start or end")
    return value


def expanded(value: str) -> str:
    """The path `value` with the user's folder in place of ~; empty stays empty. Raises NotAllowed."""
    if not value:
        return value
    try:
        return str(Path(_text(value)).expanduser())
    except RuntimeError as error:
        raise NotAllowed("a path with the name of an existing user after ~") from error


def content_of(value: str, environ: Mapping[str, str]) -> bytes:
    """The bytes of the file that `value` names; raises NotAllowed if it cannot be read."""
    path = systemd_credentials.at_hand(Path(expanded(value)), environ)
    try:
        return files.read(path, MAX_FILE)
    except FileNotFoundError as error:
        raise NotAllowed("a file that exists") from error
    except OSError as error:
        handed_over = (
            f"; the unit needs LoadCredential={path.name}:{path}" if systemd_credentials.is_service(environ) else ""
        )
        raise NotAllowed(f"a file that aps2mqtt can read ({error.strerror}{handed_over})") from error


QUOTES = ('""', "''", "“”", "„“", "„”", "‘’", "‚‘", "«»", "»«")  # noqa: RUF001 - all pairs on keyboards


def is_quoted(value: str) -> bool:
    """True if quotation marks enclose the whole value: env files keep those of KEY="value"."""
    value = value.strip()
    return len(value) > 1 and value[0] + value[-1] in QUOTES


def unquoted(value: str) -> str:
    """Returns `value` as it is; raises NotAllowed if quotation marks enclose it."""
    if is_quoted(value):
        raise NotAllowed("a value without quotation marks around it")
    return value


def _timezone(value: str) -> tzinfo | None:
    if not value:
        return None
    try:
        return ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        meant = _meant_timezone(value)
        hint = f" (did you mean {meant}?)" if meant else ", such as Europe/Paris"
        raise NotAllowed(f"the name of a time zone{hint}") from error


def _meant_timezone(value: str) -> str:
    """The name of a time zone that looks like `value`, which may be its last part; empty: there is none."""
    import difflib
    from zoneinfo import available_timezones

    names = sorted(available_timezones())
    known = {name.rpartition("/")[2].lower(): name for name in names} | {name.lower(): name for name in names}
    word = value.strip().lower().replace(" ", "_")[:MAX_ZONE]
    close = difflib.get_close_matches(word, known, 1, LIKENESS)
    return known[close[0]] if close else ""


# -- the keys ---------------------------------------------------------------------------------------------------------


SECTIONS = {"APS": "ecu", "MQTT": "mqtt"}  # of the file, by the first word of their keys


class Key(NamedTuple):
    """One key of the configuration. `default` is text, as a given value is; None: the key is mandatory."""

    name: str
    default: str | None
    parse: Callable[[str], Any]
    field: str = ""  # of EcuConfig or BrokerConfig, which has the value as it is; empty: see loading.py

    @property
    def section(self) -> str:
        """The section of the file that the key belongs to."""
        return SECTIONS[self.name.partition("_")[0]]

    @property
    def secret(self) -> bool:
        """True for a value that is never printed; NAME_FILE may name a file that contains it."""
        return self.name.endswith("_PASSWD")

    @property
    def is_file(self) -> bool:
        """True if the value names a file that must be readable."""
        return self.name.endswith("_PATH")


KEYS = (
    Key("APS_ECU_IP", None, _host, "host"),
    Key("APS_ECU_PORT", "8899", _whole(1, 65535), "port"),
    Key("APS_ECU_TIMEZONE", "", _timezone),
    Key("APS_ECU_POLL_INTERVAL", "300", _whole(1, 86400), "poll_interval"),
    Key("APS_ECU_STOP_AT_NIGHT", "False", _boolean, "stop_at_night"),
    Key("APS_ECU_POSITION_LAT", DEFAULT_POSITION[0], _degrees(90)),
    Key("APS_ECU_POSITION_LNG", DEFAULT_POSITION[1], _degrees(180)),
    Key("APS_ECU_TEMPERATURE_UNIT", "C", _choice("C", "F")),
    Key("APS_ECU_AUTO_RESTART", "False", _boolean),
    Key("APS_ECU_WIFI_SSID", "", _text),
    Key("APS_ECU_WIFI_PASSWD", "", _secret),
    Key("APS_ECU_SUNSPEC", "False", _boolean, "sunspec"),
    Key("APS_ECU_SUNSPEC_PORT", "502", _whole(1, 65535), "sunspec_port"),
    Key("APS_ECU_SUNSPEC_UNITS", "", _units, "sunspec_units"),
    Key("APS_ECU_ID", "", _ecu_id, "ecu_id"),
    Key("APS_STATE_DIR", "", expanded),
    Key("APS_PAGE_DIR", "", expanded),
    Key("APS_METRICS_DIR", "", expanded),
    Key("APS_LOG_LEVEL", "", _choice("", "debug", "info", "warning", "error")),
    Key("MQTT_BROKER_HOST", "127.0.0.1", _host, "host"),
    Key("MQTT_BROKER_PORT", "1883", _whole(1, 65535), "port"),
    Key("MQTT_BROKER_USER", "", _text, "user"),
    Key("MQTT_BROKER_PASSWD", "", _secret, "password"),
    Key("MQTT_CLIENT_ID", "APS2MQTT", _text, "client_id"),
    Key("MQTT_TOPIC_PREFIX", "", _topic, "topic_prefix"),
    Key("MQTT_BROKER_SECURED_CONNECTION", "False", _boolean, "tls"),
    Key("MQTT_BROKER_CACERTS_PATH", "", expanded, "ca_file"),
    Key("MQTT_BROKER_CERT_PATH", "", expanded, "certificate_file"),
    Key("MQTT_BROKER_KEY_PATH", "", expanded, "key_file"),
    Key("MQTT_VERSION", "3.1.1", _choice("3.1.1", "5"), "version"),
    Key("MQTT_RETAIN", "True", _boolean, "retain"),
    Key("MQTT_PAYLOAD", "flat", _choice("flat", "json", "both"), "payload"),
    Key("MQTT_DISCOVERY_ENABLED", "False", _boolean),
    Key("MQTT_DISCOVERY_STYLE", "device", _choice("device", "component"), "discovery"),
    Key("MQTT_DISCOVERY_PREFIX", "homeassistant", _topic, "discovery_prefix"),
)
BROKER_PASSWORD, KEY_FILE = "MQTT_BROKER_PASSWD", "MQTT_BROKER_KEY_PATH"
FILE_SUFFIX = "_FILE"
OUR_WORDS = {"APS", "ECU", "MQTT", "BROKER"}  # a mistyped name of one of our keys has at least one of these words right
SECRETS = frozenset(key.name for key in KEYS if key.secret)
NAMES = frozenset(key.name for key in KEYS) | {name + FILE_SUFFIX for name in SECRETS}
