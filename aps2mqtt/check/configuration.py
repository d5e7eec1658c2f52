"""Makes the step of the configuration: every setting with its value and origin. Pure.

Config, Config, ... -> Step
"""

import platform
from collections.abc import Iterator, Sequence

from aps2mqtt import __version__
from aps2mqtt.check import ecu_answers
from aps2mqtt.check.result import Finding, Step, explained, judged
from aps2mqtt.config import systemd_credentials
from aps2mqtt.config.keys import KEYS, Key
from aps2mqtt.config.values import Config

IN_ENVIRONMENT = "in the environment"  # the words of config/file_and_environment.py
BY_DEFAULT = "by default"
UNLESS_MEANT = "change the setting, unless you want it so"

Row = tuple[str, str, str]  # a setting, its value and its origin


def version() -> Finding:
    """The versions that a bug report needs."""
    return Finding(f"aps2mqtt {__version__}, Python {platform.python_version()}, {platform.system()}")


def step(configs: Sequence[Config]) -> Step:
    """Every value, grouped by its origin; a value that several ECUs share is listed once."""
    rows = sorted(
        dict.fromkeys((key.name, *_value(config, key)) for config in configs for key in KEYS),
        key=lambda row: row[2] == BY_DEFAULT,
    )
    return judged(
        "configuration",
        (
            version(),
            *(explained(warning, UNLESS_MEANT) for config in configs for warning in config.warnings),
            *_table(rows),
        ),
        {
            "version": __version__,
            "values": [{"key": name, "value": text, "where": where} for name, text, where in rows],
        },
        brief=(version().text, *_in_short(rows)),
    )


def _table(rows: Sequence[Row]) -> Iterator[Finding]:
    """A line for each setting, below one for each origin."""
    table: dict[str, list[Finding]] = {}
    for name, text, where in rows:
        table.setdefault(where, [Finding(f"  {where}")]).append(Finding(f"    {name:<30}  {text or '(empty)'}"))
    for group in table.values():
        yield from group


def _in_short(rows: Sequence[Row]) -> Iterator[str]:
    """The settings of each file and of the environment, and the number of those that have their default values."""
    settings: dict[str, list[str]] = {}
    for name, text, where in rows:
        settings.setdefault(where.partition(", section ")[0], []).append(f"{name}={text}")
    defaults = len({setting.partition("=")[0] for setting in settings.pop(BY_DEFAULT, [])})
    for where, given in settings.items():
        yield f"  {where}: {', '.join(given)}"
    yield f"  {defaults} settings have their defaults; --all lists them"


def _value(config: Config, key: Key) -> tuple[str, str]:
    """The value of a setting and its origin."""
    given = config.given.get(key.name)
    if given is not None:
        in_file = not given.where.endswith((IN_ENVIRONMENT, systemd_credentials.PASSWORD))
        return given.text, given.where + (f", section {key.section}" if in_file else "")
    found = {
        "APS_ECU_TIMEZONE": ecu_answers.zone_name(config.ecu.timezone),
        "APS_STATE_DIR": str(config.state_directory),
    }
    return found.get(key.name, key.default or ""), BY_DEFAULT
