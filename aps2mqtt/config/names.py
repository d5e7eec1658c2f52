"""The section `names:` of the configuration file: people's names for ECUs, inverters and panels (704000000001/2)."""

import re
from collections.abc import Iterable

from aps2mqtt.base.errors import leading_word, shown
from aps2mqtt.base.physical_limits import MOST_PANELS
from aps2mqtt.config.values import Section, is_nothing

SECTION = "names"
LONGEST = 60  # characters of a name
KEY = r"[0-9]{12}(?:/([0-9]{1,2}))?"
PANELS = tuple(map(str, range(1, MOST_PANELS + 1)))


def names_of(sections: Iterable[Section], mistakes: list[str]) -> dict[str, str]:
    """The names by serial number, or by serial number and panel; adds mistakes to `mistakes`."""
    names = {}
    for section in sections:
        for key, text in section.values.items():
            if mistake := _mistake(key, text):
                mistakes.append(f"{section.place}: {mistake}")
            elif not is_nothing(text):
                names[key] = text.strip()
    return names


def _mistake(key: str, text: str) -> str:
    """What is wrong with one name; empty: nothing."""
    found = re.fullmatch(KEY, key)
    if key == SECTION:
        return "section names must be lines of the form SERIAL NUMBER: NAME"
    if not found:
        word = shown(key) if key[:1].isdecimal() else leading_word(key)
        return f"{word!r} in section names must be the 12 digits of an ECU or an inverter"
    if found[1] and found[1] not in PANELS:
        return f"{key} in section names is not a panel; write a number from 1 to {MOST_PANELS} after the /"
    if not (text.isprintable() and len(text) <= LONGEST):
        return f"the name of {key} must be one line of at most {LONGEST} printable characters"
    return ""
