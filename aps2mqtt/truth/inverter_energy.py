"""Energy where the ECU has none: that of each inverter and panel, integrated from power. Pure.

The ECU has new data every five minutes or so. Between two of them power is taken to run straight, over the ECU's own
time stamps: the same data twice add nothing, and what was not seen for longer than LONGEST_GAP is not made up.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import zip_longest

from aps2mqtt.base.elapsed import LONGEST_GAP, elapsed
from aps2mqtt.base.memory import Known

HOUR = timedelta(hours=1)
DIGITS = 3  # of a Wh that are remembered


def hours(before: datetime | None, now: datetime | None, on: date) -> float:
    """From one time of the ECU's data to the next, where both are of the date `on` and near enough; else 0."""
    if before is None or now is None or before.date() != on or now.date() != on:
        return 0.0
    passed = elapsed(before, now)
    return passed / HOUR if timedelta() < passed <= LONGEST_GAP else 0.0


def grown(known: Known | None, powers: tuple[int | None, ...], passed: float) -> tuple[float, ...]:
    """Wh by channel, once the `powers` (W) are those of now and so many hours have passed since those of `known`.

    Channels that are not among `powers` keep theirs: an ECU that was restarted has none, until the inverter answers.
    One whose power is None, before or now, gains nothing: what it gave meanwhile is not known.
    """
    if known is None:
        return (0.0,) * len(powers)
    return tuple(
        energy if before is None or now is None else round(energy + (before + now) / 2 * passed, DIGITS)
        for energy, before, now in zip_longest(known.energies, known.powers, powers, fillvalue=0)
    )


def at_least(energies: tuple[float, ...], recalled: tuple[float, ...]) -> tuple[float, ...]:
    """`energies`, none of them less than what was published of that channel."""
    return tuple(max(one) for one in zip_longest(energies, recalled[: len(energies)], fillvalue=0.0))


def at_date(known: Mapping[str, Known], energies_of: date | None, on: date) -> dict[str, Known]:
    """`known`, with the energies of the date `on`: another date begins at 0."""
    if energies_of == on:
        return dict(known)
    return {uid: one._replace(energies=(0.0,) * len(one.energies)) for uid, one in known.items()}
