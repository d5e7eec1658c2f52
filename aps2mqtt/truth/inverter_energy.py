"""The energy of each inverter and panel, integrated from power, because the ECU has no such counters. Pure.

The ECU has new data every five minutes or so. Between two data the power is taken as linear in time, by the ECU's own
time stamps. The same data twice add nothing, and a gap in the data of more than LONGEST_GAP adds nothing.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import zip_longest

from aps2mqtt.base.elapsed import LONGEST_GAP, elapsed
from aps2mqtt.base.memory import Known

HOUR = timedelta(hours=1)
DIGITS = 3  # decimal places of a Wh that are remembered


def hours(before: datetime | None, now: datetime | None, on: date) -> float:
    """Returns the hours between two times of the ECU's data, if both are of the date `on` and near enough; else 0."""
    if before is None or now is None or before.date() != on or now.date() != on:
        return 0.0
    passed = elapsed(before, now)
    return passed / HOUR if timedelta() < passed <= LONGEST_GAP else 0.0


def grown(known: Known | None, powers: tuple[int | None, ...], passed: float) -> tuple[float, ...]:
    """Returns the Wh by channel, if `powers` (W) are those of now and those of `known` are `passed` hours old.

    A channel that is not in `powers` keeps its energy: a restarted ECU has no channels until the inverter answers.
    A channel with power None, before or now, gains nothing: the power that it gave meanwhile is not known.
    """
    if known is None:
        return (0.0,) * len(powers)
    return tuple(
        energy if before is None or now is None else round(energy + (before + now) / 2 * passed, DIGITS)
        for energy, before, now in zip_longest(known.energies, known.powers, powers, fillvalue=0)
    )


def at_least(energies: tuple[float, ...], recalled: tuple[float, ...]) -> tuple[float, ...]:
    """Returns `energies`, none of them less than the published energy of that channel."""
    return tuple(max(one) for one in zip_longest(energies, recalled[: len(energies)], fillvalue=0.0))


def at_date(known: Mapping[str, Known], energies_of: date | None, on: date) -> dict[str, Known]:
    """Returns `known` with the energies of the date `on`: another date begins at 0."""
    if energies_of == on:
        return dict(known)
    return {uid: one._replace(energies=(0.0,) * len(one.energies)) for uid, one in known.items()}
