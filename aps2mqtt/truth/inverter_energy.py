"""The energy of each inverter and panel: integrated from power, and by the inverter's own counter over SunSpec. Pure.

The ECU has new data every five minutes or so. Between two data the power is taken as linear in time, by the ECU's own
time stamps. The same data twice add nothing, and a gap in the data of more than LONGEST_GAP adds nothing.

The counter of an inverter is checked like that of the ECU (ecu_energy.py). While it is not read, the integral goes on
from it. The data of SunSpec have no time: what an inverter counts that is offline before noon is of the day before.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from itertools import zip_longest
from typing import NamedTuple

from aps2mqtt.base.elapsed import LONGEST_GAP, elapsed
from aps2mqtt.base.memory import Known, Today
from aps2mqtt.base.values import Inverter
from aps2mqtt.truth import ecu_energy
from aps2mqtt.truth.ecu_energy import Moment, of_date

HOUR = timedelta(hours=1)
NOON = 12  # o'clock
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
    return {
        uid: one._replace(
            energies=(0.0,) * len(one.energies),
            counter=ecu_energy.at_date(one.counter, on, None) if one.counter is not None else None,
        )
        for uid, one in known.items()
    }


def published(known: Known) -> float | None:
    """Returns the energy of an inverter in kWh; None if the ECU has not seen it yet."""
    if known.counter is not None:
        return known.counter.published
    return integral(known.energies) if known.energies else None


def total(known: Iterable[Known]) -> float:
    """Returns the energy of all these inverters, in kWh."""
    return round(sum(published(one) or 0.0 for one in known), DIGITS)


def integral(energies: tuple[float, ...]) -> float:
    """Returns the sum of the Wh of channels, in kWh; as the sum of the published energies."""
    return round(sum(round(energy / 1000, DIGITS) for energy in energies), DIGITS)


class CounterReading(NamedTuple):
    """When a counter of an inverter was read."""

    date: date  # of the site
    moment: Moment  # of one inverter
    since: datetime | None  # time of the reading before; None: there was none
    of_yesterday: bool  # the value may not be of this date


def counted(was: Known | None, now: Known, value: float | None, recalled: float, read: CounterReading) -> Today | None:
    """Returns the counter of an inverter after it has reported `value` in kWh; None: it has reported nothing.

    `was` and `now` have the energies of one date, before this reading and after it. `recalled`: kWh of that date which
    the broker retains.
    """
    before = was.counter if was is not None else None
    grown = integral(now.energies)
    if before is None and recalled > grown:
        before = Today(read.date, recalled, recalled, renewed=True)
    if value is None:
        gained = grown - integral(was.energies) if was is not None else 0.0
        return before and before._replace(published=round(max(before.published + gained, recalled), DIGITS))
    value = round(value, DIGITS)
    if before is None:
        return _first(value, grown, read)
    counter = of_date(value, before, read.since, read.moment, of_yesterday=read.of_yesterday)
    return counter._replace(published=round(max(counter.published, before.published, recalled), DIGITS))


def _first(value: float, grown: float, read: CounterReading) -> Today | None:
    if read.of_yesterday:
        return Today(read.date, grown, value, renewed=grown > 0, before=(value,))
    if value > read.moment.made(read.moment.into_the_day):
        return None
    return Today(read.date, max(value, grown), value, renewed=True)


def may_be_of_yesterday(inverter: Inverter, data_of: date | None, site_date: date, moment: Moment) -> bool:
    """True if the counter of `inverter` may not be of this date: by the time of the data, or before it has woken."""
    before_noon = moment.now.astimezone(moment.midnight.tzinfo).hour < NOON
    return (data_of is not None and data_of < site_date) or (before_noon and not inverter.online)
