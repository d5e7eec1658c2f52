"""What the program is told: the values of a configuration that holds no mistake."""

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Final, NamedTuple

from aps2mqtt.base.values import Site


class Secret(str):
    """Text that shows in no representation."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Given(NamedTuple):
    """A value as it was given, and by what."""

    text: str
    where: str
    file: Path | None = None  # which holds it, and nothing else


NOTHING = ("", "~", "null")  # YAML's words for it


def is_nothing(text: str) -> bool:
    """True for what nobody can have meant for a name or a password."""
    return text.strip().lower() in NOTHING


class AccessPoint:
    """The ECU's own access point. There is none without name and password: an ECU would set them empty."""

    __slots__ = ("password", "ssid")

    def __init__(self, ssid: str, password: Secret) -> None:
        if is_nothing(ssid) or is_nothing(password):
            raise ValueError("an access point has a name and a password")
        self.ssid: Final = ssid
        self.password: Final = password


class EcuConfig(NamedTuple):
    """The ECU, its site, and how often to ask it."""

    host: str
    port: int
    timezone: tzinfo  # of the site
    poll_interval: int  # seconds, of `run`
    stop_at_night: bool
    site: Site  # Paris, where the user has not said
    located: bool  # the user has said
    fahrenheit: bool
    restart_with: AccessPoint | None  # where it hangs; None: it is left alone

    @property
    def address(self) -> str:
        """By which the user knows it."""
        return f"{self.host}:{self.port}"


class BrokerConfig(NamedTuple):
    """The broker, how to log in, and what to tell it."""

    host: str
    port: int
    user: str
    password: Secret
    client_id: str
    topic_prefix: str
    version: str  # of MQTT: 3.1.1 or 5
    retain: bool
    payload: str  # flat, json or both
    discovery: str  # for Home Assistant: device, component, or empty for none
    discovery_prefix: str
    tls: bool
    ca_file: str  # PEM; empty: the system's
    certificate_file: str  # PEM, of the client; empty: none
    key_file: str  # PEM

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def name(self) -> str:
        """The subject of a message about it."""
        return f"the broker at {self.address}"


class Config(NamedTuple):
    """Everything a job has to be told: of one ECU, and of the broker."""

    ecu: EcuConfig
    broker: BrokerConfig
    state_directory: Path
    given: Mapping[str, Given]  # by key, of those that were given; secrets as dots
    warnings: tuple[str, ...] = ()
    log_level: str = ""  # one of logs.LEVELS; empty: by who reads the log
