"""Loads the configuration of each ECU; reports all mistakes at once, and no secret in them.

file, environment -> given values -> parsed values -> a Config for each ECU
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aps2mqtt.base.errors import DOTS, ConfigError, shown
from aps2mqtt.base.values import Site
from aps2mqtt.config.contradictions import contradictions, doubts, is_located, near_misses, readable_by_others, twins
from aps2mqtt.config.file_and_environment import GivenEcu, each_ecu, password_beside, read_file
from aps2mqtt.config.keys import BROKER_PASSWORD, KEYS, SECRETS, SECTIONS, Key, NotAllowed, content_of, unquoted
from aps2mqtt.config.names import SECTION as NAMES
from aps2mqtt.config.names import names_of
from aps2mqtt.config.roof import SECTION as ROOF
from aps2mqtt.config.roof import roof_of
from aps2mqtt.config.values import AccessPoint, BrokerConfig, Config, EcuConfig, Given

DEFAULT_FILE = Path("/etc/aps2mqtt/config.yaml")  # used if it exists and the user names no other file
SERVICE_STATE = Path("/var/lib/aps2mqtt")  # of the units; a link into a folder that only root may enter


# -- loading ----------------------------------------------------------------------------------------------------------


def load(path: Path | None, environ: Mapping[str, str]) -> tuple[Config, ...]:
    """The configuration of each ECU, from the file at `path`, if any, and from `environ`.

    Raises ConfigError with all mistakes.
    """
    mistakes: list[str] = []
    sections = read_file(path, environ, mistakes) if path is not None else []
    unread = bool(mistakes) and not sections  # so the file may contain the missing keys
    names = names_of((section for section in sections if section.name == NAMES), mistakes)
    roof = roof_of((section for section in sections if section.name == ROOF), mistakes)
    ecus = each_ecu((section for section in sections if section.name not in (NAMES, ROOF)), environ, mistakes)
    if path is not None and not unread and BROKER_PASSWORD not in ecus[0].given:  # the broker is the same for all ECUs
        beside = password_beside(path, environ, mistakes)
        ecus = [ecu._replace(given=beside | ecu.given) for ecu in ecus]
    parsed = [_parse(ecu, path, environ, mistakes, unread=unread) for ecu in ecus]
    for ecu, values in zip(ecus, parsed, strict=True):
        mistakes += () if unread else contradictions(ecu, values)
    mistakes += twins(ecus, parsed)
    if mistakes:
        raise ConfigError(*dict.fromkeys(mistakes))  # a mistake that all ECUs share is reported once
    general = (*readable_by_others(path, sections, ecus, environ), *near_misses(environ))
    told: set[str] = set()
    configs = []
    for ecu, values in zip(ecus, parsed, strict=True):
        warnings = tuple(warning for warning in (*general, *doubts(ecu, values)) if warning not in told)
        told.update(warnings)
        configs.append(_config(values, environ, _shown(ecu), warnings)._replace(names=names, roof=roof))
    return tuple(configs)


def _shown(ecu: "GivenEcu") -> dict[str, Given]:
    return {
        name: given._replace(text=DOTS if name in SECRETS else shown(given.text)) for name, given in ecu.given.items()
    }


def _config(
    values: Mapping[str, Any], environ: Mapping[str, str], given: Mapping[str, Given], warnings: tuple[str, ...]
) -> Config:
    fields = {
        section: {key.field: values[key.name] for key in KEYS if key.field and key.section == section}
        for section in SECTIONS.values()
    }
    broker = fields["mqtt"] if values["MQTT_DISCOVERY_ENABLED"] else fields["mqtt"] | {"discovery": ""}
    access_point = values["APS_ECU_WIFI_SSID"], values["APS_ECU_WIFI_PASSWD"]
    return Config(
        ecu=EcuConfig(
            timezone=values["APS_ECU_TIMEZONE"] or _local_timezone(environ),
            site=Site(values["APS_ECU_POSITION_LAT"], values["APS_ECU_POSITION_LNG"]),
            located=is_located(given),
            fahrenheit=values["APS_ECU_TEMPERATURE_UNIT"] == "F",
            restart_with=AccessPoint(*access_point) if values["APS_ECU_AUTO_RESTART"] else None,
            **fields["ecu"],
        ),
        broker=BrokerConfig(**broker),
        state_directory=_state_directory(values["APS_STATE_DIR"], environ),
        given=given,
        warnings=warnings,
        log_level=values["APS_LOG_LEVEL"],
        page_directory=_directory(values["APS_PAGE_DIR"]),
        metrics_directory=_directory(values["APS_METRICS_DIR"]),
    )


def _parse(
    ecu: GivenEcu, path: Path | None, environ: Mapping[str, str], mistakes: list[str], *, unread: bool
) -> dict[str, Any]:
    """The values of all keys. Adds wrong values to `mistakes`, and missing ones unless the file is `unread`."""
    values: dict[str, Any] = {}
    for key in KEYS:
        given = ecu.given.get(key.name)
        values[key.name] = None
        if given is not None:
            try:
                values[key.name] = _value(key, given, environ)
            except NotAllowed as error:
                mistakes.append(_mistake(key, given, str(error)))
        elif key.default is not None:
            values[key.name] = key.parse(key.default)
        elif not unread:
            mistakes.append(_missing(key, ecu, path))
    return values


def _value(key: Key, given: Given, environ: Mapping[str, str]) -> Any:  # noqa: ANN401 - of the key's type
    """The value of `key`; raises NotAllowed."""

    def parse(text: str) -> Any:  # noqa: ANN401 - as above
        value = key.parse(text if given.file else unquoted(text))
        if key.is_file and value:
            content_of(value, environ)
        return value

    if not environ.get(key.name):
        return parse(given.text)
    from aps2mqtt.config import environment

    return environment.value(key.name, given.text, parse)


def _missing(key: Key, ecu: GivenEcu, path: Path | None) -> str:
    if ecu.place:
        return f"{key.name} is missing{ecu.place}; each ECU in the list needs one"
    if path is None:
        return (
            f"{key.name} is missing: {DEFAULT_FILE} was not found, and neither -c nor CONFIG_FILE names a file; "
            f"run `aps2mqtt init` to write the file, name one with -c, or set {key.name} in the environment"
        )
    return f"{key.name} is missing; set it in section {key.section} of {path} or in the environment"


def _mistake(key: Key, given: Given, allowed: str) -> str:
    if key.secret:
        return f"{key.name} must be {allowed} ({given.place})"
    return f"{key.name} must be {allowed}; it is {shown(given.text)!r} ({given.place})"


def _local_timezone(environ: Mapping[str, str]) -> tzinfo:
    """The zone $TZ if it is an IANA name, otherwise the system's zone, otherwise UTC."""
    for name in (environ.get("TZ", ""), os.path.realpath("/etc/localtime").rpartition("/zoneinfo/")[2]):
        if name:
            with suppress(ZoneInfoNotFoundError, ValueError, OSError):
                return ZoneInfo(name)
    with suppress(OSError, ValueError), Path("/etc/localtime").open("rb") as file:  # a copy, not a link
        return ZoneInfo.from_file(file)
    return UTC


def _directory(configured: str) -> Path | None:
    return Path(configured) if configured else None


def _state_directory(configured: str, environ: Mapping[str, str]) -> Path:
    if configured:
        return Path(configured)
    if environ.get("STATE_DIRECTORY"):  # from systemd: one or more folders, separated by colons
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    if os.access(SERVICE_STATE, os.R_OK | os.W_OK | os.X_OK) and SERVICE_STATE.is_dir():  # root starts a job by hand
        return SERVICE_STATE
    state_home = Path(environ.get("XDG_STATE_HOME", ""))
    if state_home.is_absolute():  # the specification of XDG says to ignore relative paths
        return state_home / "aps2mqtt"
    try:
        return Path("~/.local/state/aps2mqtt").expanduser()
    except RuntimeError:  # a user without a home
        return SERVICE_STATE
