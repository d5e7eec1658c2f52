"""The questions of `init`: each has an option and a default, and is repeated after a mistake.

option, answer or default -> settings of the configuration, as text
"""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from aps2mqtt.base.errors import UsageError, shown
from aps2mqtt.config.keys import BROKER_PASSWORD, KEYS, NotAllowed, unquoted
from aps2mqtt.setup import config_file
from aps2mqtt.setup.config_file import Ecu

Answer = TypeVar("Answer")
Settings = dict[str, str]
Prompt = Callable[[str], str]

BY_NAME = {key.name: key for key in KEYS}
YES, NO = ("y", "yes"), ("n", "no")
HOST_AND_PORT = re.compile(r"\[(?P<ipv6>.*)\](?::(?P<behind>.*))?|(?P<host>[^:]*)(?::(?P<port>[^:/@]*))?")
LOCAL_BROKER, USUAL_PORT = "127.0.0.1", "1883"
PARTS = 2  # of a position


class Terminal(NamedTuple):
    """How to ask a person: a line, a line without echo, and how to show a mistake."""

    line: Prompt
    secret: Prompt
    complain: Callable[[str], None]


class Interview:
    """Gets the answers: an option is an answer, too. Without a terminal, the default is the answer."""

    def __init__(self, terminal: Terminal | None) -> None:
        self._terminal = terminal

    @property
    def asks(self) -> bool:
        """True if there is a person to ask."""
        return self._terminal is not None

    def answer(self, given: str | None, prompt: str, default: str, parse: Callable[[str], Answer]) -> Answer:
        """What `parse` makes of the answer; raises UsageError for a wrong option."""
        if given is not None or self._terminal is None:
            return parse(default if given is None else given)
        offered = f" [{default}]" if default else ""
        return self._repeated(lambda line: parse(line.strip() or default), f"{prompt}{offered}: ", self._terminal.line)

    def agrees(self, given: bool | None, prompt: str) -> bool:  # noqa: FBT001 - an option, or None
        """The answer to a question; no by default."""
        if given is not None or self._terminal is None:
            return bool(given)
        return self._repeated(_yes, f"{prompt} [y/N]: ", self._terminal.line)

    def password(self, user: str) -> Settings:
        """The broker's password, if a person can be asked for it."""
        if self._terminal is None:
            return {}
        prompt = f"MQTT password of {shown(user)} (is not shown): "
        return self._repeated(password, prompt, self._terminal.secret)

    def _repeated(self, parse: Callable[[str], Answer], prompt: str, ask: Prompt) -> Answer:
        if self._terminal is None:
            raise RuntimeError("there is nobody to ask")
        while True:
            try:
                return parse(ask(prompt))
            except UsageError as error:
                self._terminal.complain(str(error))


def _yes(line: str) -> bool:
    word = line.strip().lower()
    if word not in (*YES, *NO, ""):
        raise UsageError(f"{shown(line)!r} is not an answer; type y or n")
    return word in YES


# -- answers as settings: each raises UsageError ----------------------------------------------------------------------


def setting(name: str, text: str) -> Settings:
    """The setting `name`; none if `text` is empty."""
    key = BY_NAME[name]
    try:
        key.parse(unquoted(text))
    except NotAllowed as error:
        if key.secret:
            raise UsageError(f"{name} must be {error}; its value is not shown") from error
        raise UsageError(f"{name} must be {error}; it is {shown(text)!r}") from error
    return {name: text} if text else {}


def ecus(text: str) -> tuple[Ecu, ...]:
    """The ECUs, each HOST or HOST:PORT, with commas between."""
    found = []
    for part in text.split(",") if "@" not in text else [text]:
        host, port = _host_and_port(part)
        setting(config_file.ADDRESS, host)
        if port:
            setting(config_file.PORT, port)
        found.append(Ecu(host, port=int(port or config_file.USUAL_PORT)))
    return tuple(dict.fromkeys(found))


def _host_and_port(text: str) -> tuple[str, str]:
    """HOST, HOST:PORT, or an IPv6 address, which needs brackets before a port."""
    text = text.strip()
    if found := HOST_AND_PORT.fullmatch(text):
        return found["ipv6"] or found["host"] or "", found["behind"] or found["port"] or ""
    return text, ""


def broker(text: str) -> Settings:
    """Host and port of the broker."""
    host, port = _host_and_port(text)
    settings = setting("MQTT_BROKER_HOST", host)
    return settings if port in ("", USUAL_PORT) else settings | setting("MQTT_BROKER_PORT", port)


def user(text: str) -> Settings:
    """The user of the broker; empty: none."""
    return setting("MQTT_BROKER_USER", text)


def password(text: str) -> Settings:
    """The password of the broker; empty: none."""
    return setting(BROKER_PASSWORD, text)


def timezone(text: str) -> Settings:
    """The time zone of the site; empty: this machine's."""
    return setting("APS_ECU_TIMEZONE", text)


def position(text: str) -> Settings:
    """Latitude and longitude of the site, with a comma or a space between."""
    parts = text.replace(",", " ").split()
    if len(parts) != PARTS or text.count(",") > 1:
        remedy = "write a point in decimals and one comma between" if "," in text else "write latitude and longitude"
        raise UsageError(f"{shown(text)!r} is not a position; {remedy}: 48.86,2.35")
    latitude, longitude = parts
    return setting("APS_ECU_POSITION_LAT", latitude) | setting("APS_ECU_POSITION_LNG", longitude)
