"""The section `roof:` of the configuration file: rows of panels (704000000001/2), for pictures only."""

import re
from collections.abc import Iterable, Iterator

from aps2mqtt.base.errors import shown
from aps2mqtt.base.physical_limits import MOST_PANELS
from aps2mqtt.base.roof import Roof
from aps2mqtt.config.names import PANELS
from aps2mqtt.config.values import Section, is_nothing

SECTION = "roof"
EMPTY = "."  # a place without a panel
KEY = r"[0-9]{12}/([0-9]+)"
MOST_ROWS = 100
MOST_PLACES = 100  # in a row


def roof_of(sections: Iterable[Section], mistakes: list[str]) -> Roof:
    """The places of the panels; adds mistakes to `mistakes`."""
    roof: Roof = ()
    for section in sections:
        roof = tuple(tuple(text.split()) for text in section.values.values())
        mistakes += (f"{section.place}: {mistake}" for mistake in _mistakes(roof))
    return tuple(tuple("" if place == EMPTY else place for place in row) for row in roof)


def _mistakes(roof: Roof) -> Iterator[str]:
    if len(roof) > MOST_ROWS:
        yield f"section roof must have at most {MOST_ROWS} rows; it has {len(roof)}"
        return
    first: dict[str, int] = {}  # row of each panel
    for number, row in enumerate(roof, 1):
        if is_nothing(" ".join(row)):
            yield f"row {number} of section roof is empty; write a . for an empty place, or remove the row"
        elif len(row) > MOST_PLACES:
            yield f"row {number} of section roof must have at most {MOST_PLACES} places; it has {len(row)}"
        else:
            for place in row:
                if place != EMPTY:
                    yield from _mistakes_in(place, number, first)


def _mistakes_in(place: str, row: int, first: dict[str, int]) -> Iterator[str]:
    """What is wrong with one place; `first` has the panels before it, and then this one."""
    found = re.fullmatch(KEY, place)
    if not found:
        yield (
            f"{shown(place)!r} in row {row} of section roof must be 12 digits, / and a panel, such as 704000000001/2, "
            "or . for an empty place"
        )
    elif found[1] not in PANELS:
        yield (
            f"{shown(place)} in row {row} of section roof is not a panel; write a number from 1 to {MOST_PANELS} after "
            "the /"
        )
    elif place in first:
        yield f"{place} is in section roof twice, in rows {first[place]} and {row}; remove one of them"
    else:
        first[place] = row
