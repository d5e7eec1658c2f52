"""What all pictures of an array share: the condition of an inverter, the order, the strongest panel. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from aps2mqtt.base.values import NO_PROBLEM, Inverter, Report


class Condition(NamedTuple):
    """The condition of an inverter, for people."""

    glyph: str
    words: str  # empty: nothing needs to be said


AWAKE = Condition("●", "")
HALF_AWAKE = Condition("◐", "starting up")
ASLEEP = Condition("○", "offline")
NEVER_HEARD = Condition("?", "not seen yet")
ILL = Condition("!", "problem")
NOT_LISTED = Condition("-", "not listed by the ECU")
NOT_FOUND = Condition("x", "not found")  # a place on the roof whose panel no ECU has


def condition(inverter: Inverter) -> Condition:
    """The condition of `inverter`; the first of these that is true of it."""
    if inverter.online is not None and problem(inverter):
        return ILL
    if inverter.online:
        return HALF_AWAKE if inverter.frequency is None else AWAKE
    if inverter.online is None:
        return NOT_LISTED
    return NEVER_HEARD if all(power is None for power in inverter.powers) else ASLEEP


def problem(inverter: Inverter) -> str:
    """What is wrong with `inverter` in words; empty if nothing is known to be."""
    return inverter.problem if isinstance(inverter.problem, str) and inverter.problem != NO_PROBLEM else ""


def strongest_panel(inverters: Iterable[Inverter]) -> int:
    """W of the strongest panel; 1 if there is none."""
    return max((power for inverter in inverters if inverter.online for power in inverter.powers if power), default=1)


def as_shown(report: Report) -> Report:
    """The report with inverters sorted by UID: an ECU lists them as it found them, a broker by their topics.

    It is without the inverters' energies if all are 0: they begin with the first job.
    """
    inverters = sorted(report.inverters, key=lambda inverter: inverter.uid)
    if not any(energy for inverter in inverters for energy in inverter.energies):
        inverters = [inverter._replace(energies=()) for inverter in inverters]
    return report._replace(inverters=tuple(inverters))
