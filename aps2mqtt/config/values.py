"""The values of a configuration without mistakes."""

from collections.abc import Mapping
from datetime import tzinfo
from pathlib import Path
from typing import Final, NamedTuple

from aps2mqtt.base.names import NO_NAMES, Names
from aps2mqtt.base.roof import NO_ROOF, Roof
from aps2mqtt.base.values import Site


class Secret(str):
    """Text that no `repr` shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Given(NamedTuple):
    """A value as it was set, and its origin in words."""

    text: str
    where: str
    file: Path | None = None  # a file that contains only this value

    @property
    def place(self) -> str:
        """`where` for brackets: `c.yaml`, `environment`."""
        return self.where.removeprefix("in ").removeprefix("the ")


class Section(NamedTuple):
    """A section of the configuration file, as text."""

    name: str
    place: str  # the file, and which ECU of the list
    listed: bool  # it is an item of a list
    values: dict[str, str]


NOTHING = ("", "~", "null")  # YAML's words for it


def is_nothing(text: str) -> bool:
    """True for text that nobody can have meant as a name or a password."""
    return text.strip().lower() in NOTHING


class AccessPoint:
    """The ECU's own access point. Raises ValueError without name or password: an ECU would set them empty."""

    __slots__ = ("password", "ssid")

    def __init__(self, ssid: str, password: Secret) -> None:
        if is_nothing(ssid) or is_nothing(password):
            raise ValueError("an access point has a name and a password")
        self.ssid: Final = ssid
        self.password: Final = password


class EcuConfig(NamedTuple):
    """The ECU, its site, and how often to poll it."""

    host: str
    port: int
    timezone: tzinfo  # of the site
    poll_interval: int  # seconds, of `run`
    sunspec: bool  # the ECU is read over SunSpec, too
    sunspec_port: int
    sunspec_units: tuple[int, ...]  # Modbus addresses; empty: they are searched for
    ecu_id: str  # used if the ECU has never reported its id; empty: none
    stop_at_night: bool
    site: Site  # Paris if the user has not set it
    located: bool  # the user has set `site`
    fahrenheit: bool
    restart_with: AccessPoint | None  # used if the ECU hangs; None: no restart

    @property
    def address(self) -> str:
        """Host and port, by which the user knows the ECU."""
        return f"{self.host}:{self.port}"


class BrokerConfig(NamedTuple):
    """The broker, the login, and the form of what is published."""

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
        """The broker as the subject of a message to the user."""
        return f"the broker at {self.address}"


class Config(NamedTuple):
    """Everything that a job needs to know about one ECU and the broker."""

    ecu: EcuConfig
    broker: BrokerConfig
    state_directory: Path
    given: Mapping[str, Given]  # by key, only keys that were set; secrets as dots
    warnings: tuple[str, ...] = ()
    log_level: str = ""  # one of logs.LEVELS; empty: it depends on the reader of the log
    names: Names = NO_NAMES
    roof: Roof = NO_ROOF
    page_directory: Path | None = None  # None: jobs write no page
    metrics_directory: Path | None = None  # None: jobs write no metrics
