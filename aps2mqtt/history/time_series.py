"""What an ECU remembers, as series: the power of a day, and the energies of days. Pure.

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
ENERGY_PERIODS = {"week": WEEK, "month": MONTH, "year": YEAR}  # as 0004 names them
PERIODS = (DAY, *ENERGY_PERIODS)
COLUMNS = ("ecu", "period", "time", "value", "unit")  # of `rows`
POWER_UNIT, ENERGY_UNIT = "W", "kWh"


class Power(NamedTuple):
    """The power of one date of the site."""

    ecu_id: str
    day: date
    points: tuple[tuple[datetime, int], ...]  # ascending, in the site's time zone; W


class Energy(NamedTuple):
    """The energies of the days of a period; days of which nothing is known are not there."""

    ecu_id: str
    period: str  # week, month or year
    points: tuple[tuple[date, float], ...]  # ascending; kWh
    by_month: bool = False  # each is that of the month which begins on its date


Series = Power | Energy


class Month(NamedTuple):
    """The energy of one month, as far as it is within its series."""

    first: date  # of the month
    energy: float  # kWh
    days: int  # of which there is an energy
    within: int  # days of the month between the first and the last of the series


def power(ecu_id: str, day: date, answer: PowerOfDay, timezone: tzinfo) -> Power:
    """What 0003 says of `day`; of two points of one time the later one. `timezone` is the site's."""
    wall = [(time(int(digits[:2]), int(digits[2:])), watts) for digits, watts in sorted(dict(answer.points).items())]
    return Power(ecu_id, day, tuple((datetime.combine(day, when, timezone), watts) for when, watts in wall))


def energy(ecu_id: str, period: str, answer: EnergyByDay) -> Energy:
    """What 0004 says of a week, month or year: days, or whole months where all are dated with day 00 or all with 01."""
    days = {digits[6:] for digits, _ in answer.points}
    by_month = days == {"00"} or (days == {"01"} and len(answer.points) > 1)
    kept = {calendar_date(digits): kwh for digits, kwh in answer.points}
    return Energy(ecu_id, period, tuple(sorted(kept.items())), by_month)


def period(series: Series) -> str:
    """Day, week, month or year."""
    return DAY if isinstance(series, Power) else series.period


# -- what follows from them -------------------------------------------------------------------------------------------


def runs(series: Power) -> list[list[tuple[datetime, int]]]:
    """The points between which nothing is missing, as pieces of the curve."""
    pieces: list[list[tuple[datetime, int]]] = []
    for point in series.points:
        if not pieces or elapsed(pieces[-1][-1][0], point[0]) > LONGEST_GAP:
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def gaps(series: Power) -> list[tuple[datetime, datetime]]:
    """From when to when the curve is not known, between its first point and its last."""
    return [(before[-1][0], after[0][0]) for before, after in pairwise(runs(series))]


def integral(series: Power) -> float:
    """Energy under the curve, kWh; nothing is added for gaps."""
    steps = (step for piece in runs(series) for step in pairwise(piece))
    joules = sum((one + other) / 2 * elapsed(at, then).total_seconds() for (at, one), (then, other) in steps)
    return joules / 3_600_000


def months(series: Energy) -> list[Month]:
    """The sums of the months of which anything is known, of a series that has points."""
    begin, end = series.points[0][0], series.points[-1][0]
    found = []
    for first, points in groupby(series.points, lambda point: point[0].replace(day=1)):
        energies = [kwh for _, kwh in points]
        found.append(Month(first, sum(energies), len(energies), _days_within(first, begin, end)))
    return found


def _days_within(first: date, begin: date, end: date) -> int:
    last = first.replace(day=monthrange(first.year, first.month)[1])
    return (min(last, end) - max(first, begin)).days + 1


# -- for other programs -----------------------------------------------------------------------------------------------


def document(series: Series) -> dict[str, object]:
    """For JSON: times are ISO 8601 with an offset, dates are those of the site, a whole month is yyyy-mm."""
    if isinstance(series, Power):
        said = [{"time": at.isoformat(), "power": watts} for at, watts in series.points]
        return {
            "ecu": series.ecu_id,
            "period": DAY,
            "date": series.day.isoformat(),
            "unit": POWER_UNIT,
            "points": said,
        }
    points = [{"date": _dated(series, day), "energy": kwh} for day, kwh in series.points]
    return {"ecu": series.ecu_id, "period": series.period, "unit": ENERGY_UNIT, "points": points}


def rows(series: Series) -> Iterator[tuple[str, ...]]:
    """For a table of the COLUMNS."""
    if isinstance(series, Power):
        for at, watts in series.points:
            yield series.ecu_id, DAY, at.isoformat(), str(watts), POWER_UNIT
    else:
        for day, kwh in series.points:
            yield series.ecu_id, series.period, _dated(series, day), f"{kwh:.2f}", ENERGY_UNIT


def _dated(series: Energy, day: date) -> str:
    return day.isoformat()[:7] if series.by_month else day.isoformat()
