"""Series of an ECU's own history: the power of a day, and the energies of days. Pure.

PowerOfDay, EnergyByDay -> Power, Energy -> a JSON object, rows of a table          (chart.py and svg.py draw them)
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, tzinfo
from itertools import groupby, pairwise
from typing import NamedTuple

from aps2mqtt.base.elapsed import LONGEST_GAP, elapsed
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, PowerOfDay, calendar_date
from aps2mqtt.sources.ecu8899.tables import MONTH, WEEK, YEAR

DAY = "day"
ENERGY_PERIODS = {"week": WEEK, "month": MONTH, "year": YEAR}  # with their codes in 0004
PERIODS = (DAY, *ENERGY_PERIODS)
COLUMNS = ("ecu", "period", "time", "value", "unit")  # of `rows`
POWER_UNIT, ENERGY_UNIT = "W", "kWh"


class Power(NamedTuple):
    """The power of one date of the site."""

    ecu_id: str
    day: date
    points: tuple[tuple[datetime, int], ...]  # ascending, in the site's time zone; W


class Energy(NamedTuple):
    """The energies of the days of a period; days without a known energy are left out."""

    ecu_id: str
    period: str  # week, month or year
    points: tuple[tuple[date, float], ...]  # ascending; kWh
    by_month: bool = False  # each energy is that of a whole month, which begins on its date


Series = Power | Energy


class Month(NamedTuple):
    """The energy of one month; only days within the series count."""

    first: date  # of the month
    energy: float  # kWh
    days: int  # number of days with an energy
    within: int  # number of days of the month between the first and the last day of the series


def power(ecu_id: str, day: date, answer: PowerOfDay, timezone: tzinfo) -> Power:
    """The series of an answer to 0003 about `day`; of two points of one time the later. `timezone` is the site's."""
    wall = [(time(int(digits[:2]), int(digits[2:])), watts) for digits, watts in sorted(dict(answer.points).items())]
    return Power(ecu_id, day, tuple((datetime.combine(day, when, timezone), watts) for when, watts in wall))


def energy(ecu_id: str, period: str, answer: EnergyByDay) -> Energy:
    """The series of an answer to 0004. Its energies are those of months if all dates have day 00 or all have 01."""
    days = {digits[6:] for digits, _ in answer.points}
    by_month = days == {"00"} or (days == {"01"} and len(answer.points) > 1)
    kept = {calendar_date(digits): kwh for digits, kwh in answer.points}
    return Energy(ecu_id, period, tuple(sorted(kept.items())), by_month)


def period(series: Series) -> str:
    """The period of `series`: day, week, month or year."""
    return DAY if isinstance(series, Power) else series.period


# -- what follows from them -------------------------------------------------------------------------------------------


def runs(series: Power) -> list[list[tuple[datetime, int]]]:
    """The pieces of the curve; within a piece no point is missing."""
    pieces: list[list[tuple[datetime, int]]] = []
    for point in series.points:
        if not pieces or elapsed(pieces[-1][-1][0], point[0]) > LONGEST_GAP:
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def gaps(series: Power) -> list[tuple[datetime, datetime]]:
    """The beginnings and ends of the gaps between the pieces of the curve."""
    return [(before[-1][0], after[0][0]) for before, after in pairwise(runs(series))]


def integral(series: Power) -> float:
    """The energy under the curve in kWh; gaps add nothing."""
    steps = (step for piece in runs(series) for step in pairwise(piece))
    joules = sum((one + other) / 2 * elapsed(at, then).total_seconds() for (at, one), (then, other) in steps)
    return joules / 3_600_000


def months(series: Energy) -> list[Month]:
    """The months of `series` that have a known energy; `series` has points."""
    begin, end = series.points[0][0], series.points[-1][0]
    found = []
    for first, points in groupby(series.points, lambda point: point[0].replace(day=1)):
        energies = [kwh for _, kwh in points]
        last = first.replace(day=monthrange(first.year, first.month)[1])
        within = (min(last, end) - max(first, begin)).days + 1
        found.append(Month(first, sum(energies), len(energies), within))
    return found


# -- for other programs -----------------------------------------------------------------------------------------------


def document(series: Series) -> dict[str, object]:
    """A JSON object: times are ISO 8601 with an offset, dates are those of the site, a whole month is yyyy-mm."""
    head: dict[str, object] = {"ecu": series.ecu_id, "period": period(series)}
    if isinstance(series, Power):
        said = [{"time": at.isoformat(), "power": watts} for at, watts in series.points]
        return head | {"date": series.day.isoformat(), "unit": POWER_UNIT, "points": said}
    points = [{"date": _dated(series, day), "energy": kwh} for day, kwh in series.points]
    return head | {"unit": ENERGY_UNIT, "points": points}


def rows(series: Series) -> Iterator[tuple[str, ...]]:
    """The rows of a table with the columns COLUMNS."""
    if isinstance(series, Power):
        for at, watts in series.points:
            yield series.ecu_id, DAY, at.isoformat(), str(watts), POWER_UNIT
    else:
        for day, kwh in series.points:
            yield series.ecu_id, series.period, _dated(series, day), f"{kwh:.2f}", ENERGY_UNIT


def _dated(series: Energy, day: date) -> str:
    return day.isoformat()[:7] if series.by_month else day.isoformat()
