"""The text of a configuration file. Pure.

addresses of ECUs, settings, panels -> YAML that config/yaml_file.py reads back as the same values
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from aps2mqtt.base.names import Names, panel_key
from aps2mqtt.base.values import Inverter

PLAIN = re.compile(r"[A-Za-z0-9](?:[\w.,/-]*\w)?", re.ASCII)  # text that YAML needs no quotes for
SUNSPEC, ADDRESS, PORT = "APS_ECU_SUNSPEC", "APS_ECU_IP", "APS_ECU_PORT"
USUAL_PORT = 8899
HINT = "#APS_ECU_SUNSPEC: True  # port 502 is open; see docs/sunspec.md"


class Ecu(NamedTuple):
    """An ECU of the configuration; `sunspec` is what is known of its port 502."""

    address: str
    sunspec: bool = False
    port: int = USUAL_PORT

    @property
    def endpoint(self) -> str:
        """HOST:PORT, with brackets around an IPv6 address."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def __str__(self) -> str:
        return self.address if self.port == USUAL_PORT else self.endpoint


def section_ecu(ecus: Sequence[Ecu], settings: Mapping[str, str], *, hint: bool = False) -> list[str]:
    """The section `ecu`, a list if SunSpec or the port differ. With `hint`, SunSpec is only a comment."""
    if len({(ecu.sunspec, ecu.port) for ecu in ecus}) > 1:
        items = (list(_values([ecu], settings, hint=hint)) for ecu in ecus)
        return ["ecu:", *(f"{'    ' if row else '  - '}{line}" for item in items for row, line in enumerate(item))]
    return ["ecu:", *(f"  {line}" for line in _values(ecus, settings, hint=hint))]


def _values(ecus: Sequence[Ecu], settings: Mapping[str, str], *, hint: bool) -> Iterator[str]:
    yield f"{ADDRESS}: {quoted(','.join(ecu.address for ecu in ecus))}"
    if ecus[0].port != USUAL_PORT:
        yield f"{PORT}: {ecus[0].port}"
    yield from _lines(settings)
    if ecus[0].sunspec:
        yield HINT if hint else f"{SUNSPEC}: True"


def _lines(settings: Mapping[str, str]) -> Iterator[str]:
    return (f"{name}: {quoted(text)}" for name, text in settings.items())


def section_roof(inverters: Iterable[Inverter], names: Names) -> list[str]:
    """The section `roof` with all known panels, a row for each inverter; empty if there are none."""
    rows = []
    for inverter in sorted(inverters, key=lambda inverter: inverter.uid):
        panels = " ".join(panel_key(inverter.uid, panel) for panel in range(1, len(inverter.powers) + 1))
        comment = f"  # {names[inverter.uid]}" if inverter.uid in names else ""
        rows += [f"  - {panels}{comment}"] if panels else []
    return ["roof:", *rows] if rows else []


def quoted(text: str) -> str:
    """`text` as a scalar of YAML: in quotes if it needs them. It is one line of printable characters."""
    return text if PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def whole(command: str, ecus: Sequence[Ecu], settings: Mapping[str, str]) -> str:
    """The whole file; `command` starts aps2mqtt with it, and `settings` are those of both sections."""
    sections = {
        word: {name: text for name, text in settings.items() if name.startswith(word)} for word in ("APS", "MQTT")
    }
    lines = [
        "# Configuration of aps2mqtt, written by `aps2mqtt init`. Keep it private: it may",
        "# contain a password. To test it:",
        "#",
        f"#   {command} check",
        "#",
        "# `aps2mqtt units --output FOLDER` writes config.yaml.example, which explains",
        "# all settings.",
        "",
        *section_ecu(ecus, sections["APS"]),
    ]
    if sections["MQTT"]:
        lines += ["", "mqtt:", *(f"  {line}" for line in _lines(sections["MQTT"]))]
    return "\n".join(lines) + "\n"
