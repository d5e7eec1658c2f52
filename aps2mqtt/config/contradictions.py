"""Checks values that are valid one by one but not together: yields mistakes and warnings."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aps2mqtt.config import systemd_credentials
from aps2mqtt.config.file_and_environment import GivenEcu
from aps2mqtt.config.keys import BROKER_PASSWORD, KEY_FILE, KEYS, NAMES, OUR_WORDS, expanded
from aps2mqtt.config.values import Given, Section, is_nothing

READABLE_BY_OTHERS = 0o004


def contradictions(ecu: GivenEcu, values: Mapping[str, Any]) -> Iterator[str]:
    """Mistakes: a setting without another one, or without a package, that it needs."""
    given = ecu.given
    if BROKER_PASSWORD in given and "MQTT_BROKER_USER" not in given:
        yield (
            f"MQTT_BROKER_PASSWD is set without MQTT_BROKER_USER ({given[BROKER_PASSWORD].place}); set the user too, "
            "or remove the password"
        )
    pair = ("MQTT_BROKER_CERT_PATH", "MQTT_BROKER_KEY_PATH")
    for one, other in (pair, pair[::-1]):
        if one in given and other not in given:
            yield f"{one} is set without {other}; a client certificate needs both"
    if values["APS_ECU_AUTO_RESTART"]:
        for needed in ("APS_ECU_WIFI_SSID", "APS_ECU_WIFI_PASSWD"):
            if needed not in given or is_nothing(given[needed].text):
                yield f"APS_ECU_AUTO_RESTART is set without {needed}{ecu.place}; the restart needs both settings"
    if values["APS_ECU_SUNSPEC"] and values["APS_ECU_SUNSPEC_PORT"] == values["APS_ECU_PORT"] is not None:
        yield (
            f"APS_ECU_SUNSPEC_PORT and APS_ECU_PORT are the same{ecu.place}; remove both settings (their defaults, "
            "502 and 8899, fit every ECU)"
        )
    if values["APS_METRICS_DIR"]:
        from importlib.util import find_spec

        if find_spec("prometheus_client") is None:
            from aps2mqtt.base.extras import install_command

            yield f"APS_METRICS_DIR needs prometheus_client, which is not installed; run {install_command('metrics')}"


def twins(ecus: Iterable[GivenEcu], parsed: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Mistakes: an ECU that is named twice."""
    seen: set[object] = set()
    for ecu, values in zip(ecus, parsed, strict=True):
        if ecu_id := values["APS_ECU_ID"]:
            if ecu_id in seen:
                where = ecu.given["APS_ECU_ID"].where
                yield f"APS_ECU_ID {ecu_id} is set for two ECUs, the second time {where}; each ECU has its own id"
            seen.add(ecu_id)
        host, port = values["APS_ECU_IP"], values["APS_ECU_PORT"]
        if host is None or port is None:  # reported as its own mistake
            continue
        if (host.lower(), port) in seen:
            where = ecu.given["APS_ECU_IP"].where
            yield f"the ECU at {host}:{port} is listed twice, the second time {where}; remove one of them"
        seen.add((host.lower(), port))


def readable_by_others(
    path: Path | None, sections: Iterable[Section], ecus: Iterable[GivenEcu], environ: Mapping[str, str]
) -> Iterator[str]:
    """Warnings: a file with a secret that every user can read."""
    held = [key.name for key in KEYS if key.secret and any(key.name in section.values for section in sections)]
    if path is not None and held and _is_public(systemd_credentials.at_hand(path, environ, systemd_credentials.CONFIG)):
        yield f"{path} contains {' and '.join(held)}, and every user can read it; run: chmod o-r {path}"
    files = {given.file: name for ecu in ecus for name, given in ecu.given.items() if given.file}
    files |= {Path(expanded(ecu.given[KEY_FILE].text)): KEY_FILE for ecu in ecus if KEY_FILE in ecu.given}
    for file, name in files.items():
        if _is_public(systemd_credentials.at_hand(file, environ)):
            yield f"every user can read {file} ({name}); run: chmod o-r {file}"


def _is_public(path: Path) -> bool:
    """True for a file that every user can read. False in /run: others, such as container engines, put files there."""
    return not path.is_relative_to("/run") and bool(path.stat().st_mode & READABLE_BY_OTHERS)


def near_misses(environ: Mapping[str, str]) -> Iterator[str]:
    """Warnings: a variable of the environment whose name resembles one of our keys."""
    strangers = [
        name
        for name, value in environ.items()
        if value and name not in NAMES and not OUR_WORDS.isdisjoint(name.upper().split("_"))
    ]
    if strangers:
        import difflib

        for name in sorted(strangers):
            for close in difflib.get_close_matches(name.upper(), NAMES, 1, 0.8):
                yield f"{name} in the environment is not a setting; did you mean {close}?"


POSITION = ("APS_ECU_POSITION_LAT", "APS_ECU_POSITION_LNG")
NEED_POSITION = ("APS_ECU_STOP_AT_NIGHT", "APS_ECU_AUTO_RESTART")
OF_SUNSPEC = ("APS_ECU_SUNSPEC_PORT", "APS_ECU_SUNSPEC_UNITS", "APS_ECU_ID")


def is_located(given: Mapping[str, Given]) -> bool:
    """True if the user has set the position."""
    return all(name in given for name in POSITION)


def doubts(ecu: GivenEcu, values: Mapping[str, Any]) -> Iterator[str]:
    """Warnings: a setting that has no effect, or one for which the position is assumed."""
    idle = [name for name in OF_SUNSPEC if name in ecu.given]
    if idle and not values["APS_ECU_SUNSPEC"]:
        yield f"{' and '.join(idle)} without APS_ECU_SUNSPEC{ecu.place} has no effect; set APS_ECU_SUNSPEC to True"
    needy = [name for name in NEED_POSITION if values[name]]
    if needy and not is_located(ecu.given):
        yield f"{needy[0]} without {' and '.join(POSITION)}{ecu.place} uses the position of Paris; set both"
    if not values["MQTT_BROKER_SECURED_CONNECTION"] and values["MQTT_BROKER_CACERTS_PATH"]:
        yield (
            "MQTT_BROKER_CACERTS_PATH is set without MQTT_BROKER_SECURED_CONNECTION, so the connection is not "
            "encrypted; set MQTT_BROKER_SECURED_CONNECTION to True"
        )
