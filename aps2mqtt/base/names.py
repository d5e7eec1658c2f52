"""The names that people give to serial numbers, in texts for people. Pure."""

import re
from collections.abc import Mapping
from types import MappingProxyType

Names = Mapping[str, str]  # by serial number of an ECU or an inverter, or by that of an inverter and its panel: UID/2
NO_NAMES: Names = MappingProxyType({})

SERIAL = r"(?<![\w/])[0-9]{12}(?![\w/])"  # not in a topic


def panel_key(uid: str, panel: int) -> str:
    """The key in Names of an inverter's panel; panels count from 1."""
    return f"{uid}/{panel}"


def named(text: str, names: Names) -> str:
    """`text` with the name before each serial number that has one: `South roof (704000000001)`."""
    if not names:
        return text

    def with_name(found: re.Match[str]) -> str:
        serial = found[0]
        return f"{names[serial]} ({serial})" if serial in names else serial

    return re.sub(SERIAL, with_name, text)
