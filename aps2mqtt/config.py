"""The configuration: a YAML file and the environment, one parser for both. The one user of environs.

    file, environment -> a Config for each ECU          all mistakes at once, none of them with a secret

The environment wins; where neither has the broker's password, a file beside the configuration may have it. An empty
value is an unset one; YAML scalars are read as text, so a password of 0777 stays that.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from environs import Env, EnvValidationError, ValidationError

from aps2mqtt import credentials, files
from aps2mqtt.errors import DOTS, ConfigError, leading_word, shown
from aps2mqtt.model import Site

if TYPE_CHECKING:
    from aps2mqtt.configfile import Section

DEFAULT_FILE = Path("/etc/aps2mqtt/config.yaml")  # where it is there and no other is named
DEFAULT_POSITION = ("48.864716", "2.349014")  # Paris, as in aps2mqtt 2.x
MAX_FILE = 10_000_000  # bytes of what a value names: certificates of a system are 200,000
MAX_SECRET = 10_000  # characters
MAX_TEXT = 1000  # characters
READABLE_BY_OTHERS = 0o004
SERVICE_STATE = Path("/var/lib/aps2mqtt")  # of the units; a link into a folder that only root may enter


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


class Config(NamedTuple):
    """Everything a job has to be told: of one ECU, and of the broker."""

    ecu: EcuConfig
    broker: BrokerConfig
    state_directory: Path
    given: Mapping[str, Given]  # by key, of those that were given; secrets as dots
    warnings: tuple[str, ...] = ()
    log_level: str = ""  # one of logs.LEVELS; empty: by who reads the log


# -- what a value may be: each returns it or raises ValidationError, which says what is allowed -----------------------


def _text(value: str) -> str:
    if not value.isprintable() or len(value) > MAX_TEXT:  # what was no UTF-8 in the environment is not printable
        raise ValidationError(f"one line of printable text, at most {MAX_TEXT} characters")
    return value


def _secret(value: str) -> Secret:
    return Secret(_text(value))


def _host(value: str) -> str:
    value = value.strip()
    name = r"[\w-]{1,63}(\.[\w-]{1,63})*\.?"
    ipv6 = r"[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*(%[\w.-]+)?"
    if not re.fullmatch(f"{name}|{ipv6}", value) or not _is_encodable(value):
        raise ValidationError("one host name or address, without scheme, port or spaces")
    return value


def _is_encodable(name: str) -> bool:
    """True for a name that the resolver can be asked for."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return True


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        value = value.strip()
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise ValidationError(f"a whole number from {least} to {most}")
        return int(value)

    return parse


def _degrees(limit: int) -> Callable[[str], float]:
    def parse(value: str) -> float:
        allowed = f"degrees from -{limit} to {limit}, with a point (47.206)"
        try:
            degrees = float(value)
        except ValueError as error:
            raise ValidationError(allowed) from error
        if not -limit <= degrees <= limit:
            raise ValidationError(allowed)
        return degrees

    return parse


TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def _boolean(value: str) -> bool:
    word = value.strip().lower()
    if word not in TRUE + FALSE:
        raise ValidationError("True or False")
    return word in TRUE


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        for choice in choices:
            if value.strip().lower() == choice.lower():
                return choice
        raise ValidationError(" or ".join(filter(None, choices)))

    return parse


def is_topic(value: str) -> bool:
    """True for what topics may begin with, printable text as it is."""
    # What begins with $ is the broker's own, and no subscription to # hears of it.
    return not (re.search(r"[+#]", value) or value.startswith(("/", "$")) or value.endswith("/"))


def _topic(value: str) -> str:
    if not is_topic(_text(value)):
        raise ValidationError("a topic without + and #, that begins neither with / nor with $ and does not end with /")
    if value != value.strip():
        raise ValidationError("a topic without spaces around it")
    return value


def _path(value: str) -> str:
    """With the user's folder in place of ~; empty stays empty."""
    if not value:
        return value
    try:
        return str(Path(_text(value)).expanduser())
    except RuntimeError as error:
        raise ValidationError("a path; there is no such user") from error


def _content(value: str, environ: Mapping[str, str]) -> bytes:
    """What the file holds that is named so."""
    path = credentials.at_hand(Path(_path(value)), environ)
    try:
        return files.read(path, MAX_FILE)
    except FileNotFoundError as error:
        raise ValidationError("a file; there is none") from error
    except OSError as error:
        handed_over = f" (LoadCredential={path.name}:{path})" if credentials.is_service(environ) else ""
        raise ValidationError(f"a file that can be read: {error.strerror}{handed_over}") from error
    return path


QUOTES = ('""', "''", "“”", "„“", "„”", "‘’", "‚‘", "«»", "»«")  # noqa: RUF001 - all that keyboards have


def _is_quoted(value: str) -> bool:
    """True where all of it is in quotation marks: env files leave those of KEY="value" where they are."""
    value = value.strip()
    return len(value) > 1 and value[0] + value[-1] in QUOTES


def _bare(value: str) -> str:
    """`value`, if there are no quotation marks around it."""
    if _is_quoted(value):
        raise ValidationError("a value without quotation marks around it")
    return value


def _timezone(value: str) -> tzinfo | None:
    if not value:
        return None
    try:
        return ZoneInfo(value.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError("an IANA name such as Europe/Paris") from error


# -- the keys ---------------------------------------------------------------------------------------------------------


class Key(NamedTuple):
    """One key of the configuration: `default` is text too; None: mandatory."""

    name: str
    default: str | None
    parse: Callable[[str], Any]

    @property
    def section(self) -> str:
        """Section of the file."""
        return "ecu" if self.name.startswith("APS_") else "mqtt"

    @property
    def secret(self) -> bool:
        """Never printed; NAME_FILE names a file that holds it."""
        return self.name.endswith("_PASSWD")

    @property
    def is_file(self) -> bool:
        """It names a file that has to be readable."""
        return self.name.endswith("_PATH")


KEYS = (
    Key("APS_ECU_IP", None, _host),
    Key("APS_ECU_PORT", "8899", _whole(1, 65535)),
    Key("APS_ECU_TIMEZONE", "", _timezone),
    Key("APS_ECU_POLL_INTERVAL", "300", _whole(1, 86400)),
    Key("APS_ECU_STOP_AT_NIGHT", "False", _boolean),
    Key("APS_ECU_POSITION_LAT", DEFAULT_POSITION[0], _degrees(90)),
    Key("APS_ECU_POSITION_LNG", DEFAULT_POSITION[1], _degrees(180)),
    Key("APS_ECU_TEMPERATURE_UNIT", "C", _choice("C", "F")),
    Key("APS_ECU_AUTO_RESTART", "False", _boolean),
    Key("APS_ECU_WIFI_SSID", "", _text),
    Key("APS_ECU_WIFI_PASSWD", "", _secret),
    Key("APS_STATE_DIR", "", _path),
    Key("APS_LOG_LEVEL", "", _choice("", "debug", "info", "warning", "error")),
    Key("MQTT_BROKER_HOST", "127.0.0.1", _host),
    Key("MQTT_BROKER_PORT", "1883", _whole(1, 65535)),
    Key("MQTT_BROKER_USER", "", _text),
    Key("MQTT_BROKER_PASSWD", "", _secret),
    Key("MQTT_CLIENT_ID", "APS2MQTT", _text),
    Key("MQTT_TOPIC_PREFIX", "", _topic),
    Key("MQTT_BROKER_SECURED_CONNECTION", "False", _boolean),
    Key("MQTT_BROKER_CACERTS_PATH", "", _path),
    Key("MQTT_BROKER_CERT_PATH", "", _path),
    Key("MQTT_BROKER_KEY_PATH", "", _path),
    Key("MQTT_VERSION", "3.1.1", _choice("3.1.1", "5")),
    Key("MQTT_RETAIN", "True", _boolean),
    Key("MQTT_PAYLOAD", "flat", _choice("flat", "json", "both")),
    Key("MQTT_DISCOVERY_ENABLED", "False", _boolean),
    Key("MQTT_DISCOVERY_STYLE", "device", _choice("device", "component")),
    Key("MQTT_DISCOVERY_PREFIX", "homeassistant", _topic),
)
BROKER_PASSWORD, KEY_FILE = "MQTT_BROKER_PASSWD", "MQTT_BROKER_KEY_PATH"
SECTIONS = ("ecu", "mqtt")
FILE_SUFFIX = "_FILE"
OUR_WORDS = {"APS", "ECU", "MQTT", "BROKER"}  # who means one of our keys has one of them right
SECRETS = frozenset(key.name for key in KEYS if key.secret)
NAMES = frozenset(key.name for key in KEYS) | {name + FILE_SUFFIX for name in SECRETS}


# -- loading ----------------------------------------------------------------------------------------------------------


def load(path: Path | None, environ: Mapping[str, str]) -> tuple[Config, ...]:
    """The configuration of each ECU, of the file at `path`, if any, and of `environ`.

    Raises ConfigError with all mistakes.
    """
    mistakes: list[str] = []
    sections = _read_file(path, environ, mistakes) if path is not None else []
    unread = bool(mistakes) and not sections  # so what is missing may stand in the file
    ecus = _ecus(sections, environ, mistakes)
    if path is not None and not unread and BROKER_PASSWORD not in ecus[0].given:  # which is the same for all
        beside = _beside(path, environ, mistakes)
        ecus = [ecu._replace(given=beside | ecu.given) for ecu in ecus]
    parsed = [_parse(ecu, path, environ, mistakes, unread=unread) for ecu in ecus]
    for ecu, values in zip(ecus, parsed, strict=True):
        mistakes += () if unread else _contradictions(ecu, values)
    mistakes += _twins(ecus, parsed)
    if mistakes:
        raise ConfigError(*dict.fromkeys(mistakes))  # what holds for all ECUs is one mistake
    general = (*_readable_by_others(path, sections, ecus, environ), *_near_misses(environ))
    told: set[str] = set()
    configs = []
    for ecu, values in zip(ecus, parsed, strict=True):
        warnings = tuple(warning for warning in (*general, *_doubts(ecu, values)) if warning not in told)
        told.update(warnings)
        configs.append(_config(values, environ, _shown(ecu), warnings))
    return tuple(configs)


def _shown(ecu: "_Ecu") -> dict[str, Given]:
    return {
        name: given._replace(text=DOTS if name in SECRETS else shown(given.text)) for name, given in ecu.given.items()
    }


def _restart_with(values: Mapping[str, Any]) -> AccessPoint | None:
    if not values["APS_ECU_AUTO_RESTART"]:
        return None
    return AccessPoint(values["APS_ECU_WIFI_SSID"], values["APS_ECU_WIFI_PASSWD"])


def _config(
    values: Mapping[str, Any], environ: Mapping[str, str], given: Mapping[str, Given], warnings: tuple[str, ...]
) -> Config:
    return Config(
        ecu=EcuConfig(
            host=values["APS_ECU_IP"],
            port=values["APS_ECU_PORT"],
            timezone=values["APS_ECU_TIMEZONE"] or _local_timezone(environ),
            poll_interval=values["APS_ECU_POLL_INTERVAL"],
            stop_at_night=values["APS_ECU_STOP_AT_NIGHT"],
            site=Site(values["APS_ECU_POSITION_LAT"], values["APS_ECU_POSITION_LNG"]),
            located=_is_located(given),
            fahrenheit=values["APS_ECU_TEMPERATURE_UNIT"] == "F",
            restart_with=_restart_with(values),
        ),
        broker=BrokerConfig(
            host=values["MQTT_BROKER_HOST"],
            port=values["MQTT_BROKER_PORT"],
            user=values["MQTT_BROKER_USER"],
            password=values["MQTT_BROKER_PASSWD"],
            client_id=values["MQTT_CLIENT_ID"],
            topic_prefix=values["MQTT_TOPIC_PREFIX"],
            version=values["MQTT_VERSION"],
            retain=values["MQTT_RETAIN"],
            payload=values["MQTT_PAYLOAD"],
            discovery=values["MQTT_DISCOVERY_STYLE"] if values["MQTT_DISCOVERY_ENABLED"] else "",
            discovery_prefix=values["MQTT_DISCOVERY_PREFIX"],
            tls=values["MQTT_BROKER_SECURED_CONNECTION"],
            ca_file=values["MQTT_BROKER_CACERTS_PATH"],
            certificate_file=values["MQTT_BROKER_CERT_PATH"],
            key_file=values["MQTT_BROKER_KEY_PATH"],
        ),
        state_directory=_state_directory(values["APS_STATE_DIR"], environ),
        given=given,
        warnings=warnings,
        log_level=values["APS_LOG_LEVEL"],
    )


def _read_file(path: Path, environ: Mapping[str, str], mistakes: list[str]) -> "list[Section]":
    """The sections of the file, with the keys that are ours and have a value."""
    from aps2mqtt import configfile

    sections, errors = configfile.read(path, environ)
    mistakes += errors
    found = []
    for section in sections:
        values = {}
        for name, text in section.values.items():
            if mistake := _misplaced(name, section.name):
                mistakes.append(f"{section.place}: {mistake}")
            elif text:
                values[name] = text
        found.append(section._replace(values=values))
    return found


def _misplaced(name: str, section: str) -> str:
    """What is wrong with a key of this name in this section; empty: nothing."""
    belongs = "ecu" if name.startswith("APS_") else "mqtt"
    if name in SECTIONS:
        return f"{name} has to be a section, lines of the form KEY: value below it"
    if name not in NAMES:
        word = leading_word(name)
        if word in NAMES:
            return f"{word} lacks the colon and the space behind it; write {word}: VALUE"
        return f"there is no key {word!r}{_meant(word)}"
    if section not in SECTIONS:
        return f"{name} stands in {leading_word(section)!r}; it belongs in section {belongs}"
    if belongs != section:
        return f"{name} stands in section {section}; it belongs in {belongs}"
    return ""


def _meant(name: str) -> str:
    """A suggestion for a name that is none of ours."""
    import difflib

    close = difflib.get_close_matches(name.upper(), NAMES, 1)
    return f"; did you mean {close[0]}?" if close else f"; the sections are {' and '.join(SECTIONS)}"


class _Ecu(NamedTuple):
    """What was given for one ECU; `place` is its item in the file's list, empty where there is no list."""

    place: str
    given: dict[str, Given]


def _each_address(given: dict[str, Given]) -> Iterator[_Ecu]:
    """An ECU for each address in APS_ECU_IP; all else holds for all of them."""
    address = given.get("APS_ECU_IP")
    # A login or quotation marks are a mistake of the whole, with whatever commas are in it.
    if address is None or "@" in address.text or _is_quoted(address.text):
        yield _Ecu("", given)
        return
    for text in address.text.split(","):
        yield _Ecu("", {**given, "APS_ECU_IP": address._replace(text=text)})


def _with_secrets(
    named: Mapping[str, str], where: str, environ: Mapping[str, str], mistakes: list[str]
) -> dict[str, Given]:
    """`named`, with what the files hold that a NAME_FILE names, in place of that."""
    given = {}
    for name, text in named.items():
        if not name.endswith(FILE_SUFFIX):
            given[name] = Given(text, where)
            continue
        key = name.removesuffix(FILE_SUFFIX)
        if key in named:
            mistakes.append(f"{key} and {name} are both set {where}; keep one")
            continue
        try:
            secret = _secret_in(_content(_bare(text), environ))
        except (OSError, UnicodeDecodeError, ValidationError) as error:
            allowed = error.messages[0] if isinstance(error, ValidationError) else "a file of UTF-8 text"
            mistakes.append(f"{name} {where}: allowed is {allowed}")  # not its value: some put the password there
            given[key] = Given("", where)  # so that nobody misses it too
            continue
        if secret:  # an empty one is an unset one, as everywhere
            given[key] = Given(secret, f"by {name} {where}", Path(_path(text)))
    return given


def _secret_in(content: bytes) -> str:
    """What a file holds, less its final newline; some editors put a byte order mark before it."""
    return content.decode("utf-8-sig")[:MAX_SECRET].rstrip("\r\n")


def _beside(path: Path, environ: Mapping[str, str], mistakes: list[str]) -> dict[str, Given]:
    """The broker's password, where a file beside the configuration has it as its first line."""
    named = path.with_name(credentials.PASSWORD)
    found = credentials.at_hand(named, environ)
    if not os.path.exists(found):  # noqa: PTH110 - in a folder that is closed to us, Path.exists raises
        return {}
    where = f"in {named}"
    try:
        lines = _secret_in(files.read(found, MAX_FILE)).splitlines()
    except UnicodeDecodeError:
        mistakes.append(f"{BROKER_PASSWORD} {where}: allowed is a file of UTF-8 text")
    except OSError as error:
        mistakes.append(credentials.unreadable(named, error, environ))
    else:
        return {BROKER_PASSWORD: Given(lines[0], where, named)} if lines and lines[0] else {}
    return {BROKER_PASSWORD: Given("", where)}


def _ecus(sections: "Iterable[Section]", environ: Mapping[str, str], mistakes: list[str]) -> list[_Ecu]:
    """What the file and the environment give for each ECU; the environment wins."""
    below: dict[str, Given] = {}
    items: list[_Ecu] = []
    for section in sections:
        given = _with_secrets(section.values, f"in {section.place}", environ, mistakes)
        if section.listed:
            items.append(_Ecu(f" in {section.place}", given))
        else:
            below |= given
    in_environ = {name: environ[name] for name in NAMES if environ.get(name)}
    above = _with_secrets(in_environ, "in the environment", environ, mistakes)
    if items and "APS_ECU_IP" in above:
        mistakes.append(
            "APS_ECU_IP is set in the environment, and the file has a list of ECUs; keep one (--ecu picks of the list)"
        )
        del above["APS_ECU_IP"]
    return [item._replace(given=below | item.given | above) for item in items] or list(_each_address(below | above))


class _Given(Env):
    """environs over values that were gathered before, in place of the process environment."""

    def __init__(self, given: Mapping[str, Given]) -> None:
        super().__init__(eager=False)
        self._given = given

    def _get_value(self, env_key: str, default: Any) -> Any:  # noqa: ANN401 - as in environs
        return self._given[env_key].text if env_key in self._given else default


def _judge(key: Key, given: Given | None, environ: Mapping[str, str]) -> Callable[[str], Any]:
    """The parser of a key for a value that was given like that; None: the default."""

    def parse(text: str) -> Any:  # noqa: ANN401 - of the key's type
        value = key.parse(text if given is None or given.file else _bare(text))
        if key.is_file and value:
            _content(value, environ)
        return value

    return parse


def _parse(
    ecu: _Ecu, path: Path | None, environ: Mapping[str, str], mistakes: list[str], *, unread: bool
) -> dict[str, Any]:
    """The values of all keys; what is wrong is added to `mistakes`, what is missing unless the file is `unread`."""
    env = _Given(ecu.given)
    values = {}
    for key in KEYS:
        env.add_parser(key.name, _judge(key, ecu.given.get(key.name), environ))
        default = ... if key.default is None else key.default
        values[key.name] = getattr(env, key.name)(key.name, default)
    try:
        env.seal()
    except EnvValidationError as error:
        messages = cast("Mapping[str, list[str]]", error.error_messages)
        for key in KEYS:
            if key.name in messages and key.name in ecu.given:
                mistakes += [_mistake(key, ecu.given[key.name], text) for text in messages[key.name]]
            elif key.name in messages and not unread:
                mistakes.append(_missing(key, ecu, path))
    return values


def _missing(key: Key, ecu: _Ecu, path: Path | None) -> str:
    if ecu.place:
        return f"{key.name} is missing{ecu.place}; every ECU of the list needs its own"
    if path is None:
        return (
            f"{key.name} is missing: no configuration file is named, and {DEFAULT_FILE} was not found; name one with "
            f"-c FILE, or set {key.name} in the environment"
        )
    return f"{key.name} is missing; set it in section {key.section} of {path} or in the environment"


def _mistake(key: Key, given: Given, allowed: str) -> str:
    if key.secret:
        return f"{key.name} {given.where}: allowed is {allowed}"
    return f"{key.name} = {shown(given.text)!r} {given.where}: allowed is {allowed}"


def _contradictions(ecu: _Ecu, values: Mapping[str, Any]) -> Iterator[str]:
    given = ecu.given
    if BROKER_PASSWORD in given and "MQTT_BROKER_USER" not in given:
        yield (
            "MQTT_BROKER_PASSWD is set without MQTT_BROKER_USER; MQTT knows no password without a user "
            f"(it is {given[BROKER_PASSWORD].where})"
        )
    pair = ("MQTT_BROKER_CERT_PATH", "MQTT_BROKER_KEY_PATH")
    for one, other in (pair, pair[::-1]):
        if one in given and other not in given:
            yield f"{one} is set without {other}; a client certificate needs both"
    if values["APS_ECU_AUTO_RESTART"]:
        for needed in ("APS_ECU_WIFI_SSID", "APS_ECU_WIFI_PASSWD"):
            if needed not in given or is_nothing(given[needed].text):
                yield f"APS_ECU_AUTO_RESTART is set without {needed}{ecu.place}; the restart needs both"


def _twins(ecus: Iterable[_Ecu], parsed: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    seen = set()
    for ecu, values in zip(ecus, parsed, strict=True):
        host, port = values["APS_ECU_IP"], values["APS_ECU_PORT"]
        if host is None or port is None:  # a mistake of its own
            continue
        if (host.lower(), port) in seen:
            where = ecu.given["APS_ECU_IP"].where
            yield f"the ECU at {host}:{port} is named twice, the second time {where}; keep one"
        seen.add((host.lower(), port))


def _readable_by_others(
    path: Path | None, sections: "Iterable[Section]", ecus: Iterable[_Ecu], environ: Mapping[str, str]
) -> Iterator[str]:
    held = [key.name for key in KEYS if key.secret and any(key.name in section.values for section in sections)]
    if path is not None and held and _is_public(credentials.at_hand(path, environ, credentials.CONFIG)):
        yield f"{path} holds {' and '.join(held)} and can be read by everybody; chmod o-r {path}"
    files = {given.file: name for ecu in ecus for name, given in ecu.given.items() if given.file}
    files |= {Path(_path(ecu.given[KEY_FILE].text)): KEY_FILE for ecu in ecus if KEY_FILE in ecu.given}
    for file, name in files.items():
        if _is_public(credentials.at_hand(file, environ)):
            yield f"{file}, the file of {name}, can be read by everybody; chmod o-r {file}"


def _is_public(path: Path) -> bool:
    """True for a file that every user can read. In /run others put it, container engines for instance."""
    return not path.is_relative_to("/run") and bool(path.stat().st_mode & READABLE_BY_OTHERS)


def _near_misses(environ: Mapping[str, str]) -> Iterator[str]:
    strangers = [
        name
        for name, value in environ.items()
        if value and name not in NAMES and not OUR_WORDS.isdisjoint(name.upper().split("_"))
    ]
    if strangers:
        import difflib

        for name in sorted(strangers):
            for close in difflib.get_close_matches(name.upper(), NAMES, 1, 0.8):
                yield f"{name} in the environment means nothing; did you mean {close}?"


POSITION = ("APS_ECU_POSITION_LAT", "APS_ECU_POSITION_LNG")
NEED_POSITION = ("APS_ECU_STOP_AT_NIGHT", "APS_ECU_AUTO_RESTART")


def _is_located(given: Mapping[str, Given]) -> bool:
    return all(name in given for name in POSITION)


def _doubts(ecu: _Ecu, values: Mapping[str, Any]) -> Iterator[str]:
    needy = [name for name in NEED_POSITION if values[name]]
    if needy and not _is_located(ecu.given):
        yield f"{needy[0]} without {' and '.join(POSITION)}{ecu.place}: the site is assumed to be in Paris"
    if not values["MQTT_BROKER_SECURED_CONNECTION"] and values["MQTT_BROKER_CACERTS_PATH"]:
        yield "MQTT_BROKER_CACERTS_PATH is set without MQTT_BROKER_SECURED_CONNECTION: the connection is not secured"


def _local_timezone(environ: Mapping[str, str]) -> tzinfo:
    """$TZ if it is an IANA name, else the system's, else UTC."""
    for name in (environ.get("TZ", ""), os.path.realpath("/etc/localtime").rpartition("/zoneinfo/")[2]):
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    try:
        with Path("/etc/localtime").open("rb") as file:  # a copy, not a link
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC


def _state_directory(configured: str, environ: Mapping[str, str]) -> Path:
    if configured:
        return Path(configured)
    if environ.get("STATE_DIRECTORY"):  # systemd: one or more, with colons between
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    if os.access(SERVICE_STATE, os.R_OK | os.W_OK | os.X_OK) and SERVICE_STATE.is_dir():  # a job by hand, as root
        return SERVICE_STATE
    state_home = Path(environ.get("XDG_STATE_HOME", ""))
    if state_home.is_absolute():  # others are to be ignored, says the specification of XDG
        return state_home / "aps2mqtt"
    try:
        return Path("~/.local/state/aps2mqtt").expanduser()
    except RuntimeError:  # a user without a home
        return SERVICE_STATE
