"""Which values of the ECU's two counters are believed: energy/lifetime, and energy/today of a date. Pure.

Firmware errs and a frame has no checksum. So each value is checked against two bounds: the value published before it,
and the energy that the array can have made since the last believed value (energy/today: since midnight at most).

    energy/lifetime          the ECU reports                               published
    ------------------------------------------------------------------------------------------------
    nothing is known         0, and the broker lets nobody read            nothing
    nothing or 0 is known    more than an array makes in a LIFE            as before
                             anything else                                 that value
    p was published          p to p + the possible energy                  that value
                             anything else: a doubt                        p, until the doubt is BELIEVED

    energy/today             the ECU reports                               published
    ------------------------------------------------------------------------------------------------
    nothing is known         more than the array can make since midnight   nothing
    (data of today)          0, and the broker may know better             nothing
                             anything else                                 that value
    nothing is known         anything                                      0; it is yesterday's, if a day can make it
    (data of yesterday)
    p was published, and     p to p + the possible energy                  that value
    the ECU has renewed it   less: a doubt                                 p, also after the doubt is BELIEVED
                             more: a doubt                                 p, until the doubt is BELIEVED
    the date is new, and     0, or a value reported or doubted before it   0
    the ECU has not          a late value in data of yesterday             0; it is yesterday's
    renewed it               at most the possible energy                   that value
                             more: a doubt                                 0, until the doubt is BELIEVED

A doubt is a series of values. Each value continues from the one before. A doubt is believed after BELIEVED new data,
if it has risen: a replaced ECU counts like that, a glitch (quirks 50, 52, 53) or a flipped bit does not.
This module never gets a reading that contradicts itself (quirk 53).
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from aps2mqtt.base import physical_limits
from aps2mqtt.base.elapsed import LONGEST_GAP
from aps2mqtt.base.memory import Doubt, Today

BELIEVED = 12  # new data in a row: an hour at the default interval
LIFE = timedelta(days=30 * 365)  # longer than an array lives
SLACK = 1.0  # kWh: counters are late, and inverters report energy that they made before
DAY = timedelta(hours=25)  # the longest day of a year
CYCLE = timedelta(minutes=4)  # less than an ECU takes to have new data
HOUR = timedelta(hours=1)


class Moment(NamedTuple):
    """The times of a reading, and its distance from the one before."""

    now: datetime  # by this machine's clock
    timestamp: datetime | None  # time of the data, by the ECU's clock
    advanced: timedelta | None  # from the data of the reading before to these; None: it is not known
    midnight: datetime  # the beginning of the site's date
    inverters: int  # number of inverters that make energy

    def since(self, then: datetime | None) -> timedelta:
        """Returns at least the time between `then` and this reading; a LIFE if `then` is not known.

        Data may advance more than polls do. In the morning they advance by a night, and no inverter makes energy then.
        """
        if then is None:
            return LIFE
        passed, advanced = self.now - then, self.advanced or timedelta()
        return advanced if passed < timedelta() else max(passed, min(advanced, LONGEST_GAP))

    @property
    def into_the_day(self) -> timedelta:
        """The time from midnight to this reading, by a clock that shows this date (the later one), or a whole DAY."""
        since = [when - self.midnight for when in (self.now, self.timestamp) if when is not None]
        return max((span for span in since if timedelta() <= span <= DAY), default=DAY)

    def made(self, span: timedelta) -> float:
        """Returns the most energy that the counter can have gained in this time, in kWh."""
        return made(self.inverters, span)


def made(inverters: int, span: timedelta) -> float:
    """Returns the most energy that the counter of so many inverters can have gained in this time, in kWh."""
    return physical_limits.energy(inverters, span / HOUR) + SLACK


# -- energy/lifetime --------------------------------------------------------------------------------------------------


class Lifetime(NamedTuple):
    """The counter as it is known before a reading."""

    published: float | None = None  # kWh; None: it is not known
    doubt: Doubt | None = None  # about the values that the ECU reported last
    since: datetime | None = None  # when a value was believed last; None: it is not known


def of_life(value: float, known: Lifetime, moment: Moment) -> Lifetime:
    """Returns the counter after the ECU has reported `value`, in kWh."""
    most, published = moment.made(LIFE), known.published
    if not published:
        return Lifetime(value) if value <= most else known
    since = known.doubt.since if known.doubt is not None else known.since
    if published <= value <= published + moment.made(moment.since(since)):
        return Lifetime(value)
    doubt = _doubted(known.doubt, value, since, moment)
    if _is_believed(doubt) and value <= most:
        return Lifetime(value)
    return Lifetime(published, doubt)


# -- energy/today -----------------------------------------------------------------------------------------------------


def of_date(value: float, known: Today, since: datetime | None, moment: Moment, *, of_yesterday: bool) -> Today:
    """Returns the counter of the date of `known` after the ECU has reported `value`, in kWh.

    `since`: when a value was believed last. `of_yesterday`: the data are of yesterday, so `value` is not of this date.
    """
    doubt = known.doubt
    since = doubt.since if doubt is not None else since
    made = moment.made(min(moment.since(since), moment.into_the_day))
    if not known.renewed:
        late = _of_the_day_before(value, known, since, moment, of_yesterday=of_yesterday)
        if late is not None:
            return late
    elif value < known.published:
        doubt = _doubted(doubt, value, since, moment)
        counts_anew = _is_believed(doubt)  # so the time before does not bound the next value
        return known._replace(reported=value, doubt=doubt._replace(since=moment.now) if counts_anew else doubt)
    if value > known.published + made:
        doubt = _doubted(doubt, value, since, moment)
        if not (_is_believed(doubt) and value <= moment.made(moment.into_the_day)):
            return known._replace(doubt=doubt)
    return known._replace(published=value, reported=value, renewed=True, doubt=None)


def _of_the_day_before(
    value: float, known: Today, since: datetime | None, moment: Moment, *, of_yesterday: bool
) -> Today | None:
    """Returns the counter of a date that the ECU has not renewed, if `value` is not of that date; else None."""
    if of_yesterday:
        grown = moment.advanced if moment.advanced is not None else min(moment.since(since), DAY)
        return _of_yesterday(value, known, moment.made(grown))
    if value == 0:
        return known._replace(reported=value, doubt=None)
    if value in known.before or _stands_since_yesterday(known.doubt, value, moment):
        return known._replace(reported=value)
    return None


def _of_yesterday(value: float, known: Today, made: float) -> Today:
    """Returns `known` after a late value of the day before: it becomes that day's total if the day can have made it."""
    if value > max(known.before) + made:
        return known
    before = tuple(dict.fromkeys((*known.before, value)))
    yesterday = max(value, known.yesterday or 0.0) or known.yesterday
    return known._replace(yesterday=yesterday, reported=value, before=before)


# -- doubts -----------------------------------------------------------------------------------------------------------


def _doubted(doubt: Doubt | None, value: float, since: datetime | None, moment: Moment) -> Doubt:
    """Returns the doubt with `value` added, or a new doubt that begins with `value`."""
    if doubt is None or not doubt.last <= value <= doubt.last + moment.made(moment.since(doubt.at)):
        return Doubt(value, value, 1, since, moment.now, moment.timestamp)
    if not _is_new(doubt, moment):
        return doubt._replace(last=value)
    return Doubt(doubt.first, value, doubt.readings + 1, since, moment.now, moment.timestamp)


def _stands_since_yesterday(doubt: Doubt | None, value: float, moment: Moment) -> bool:
    """True if `value` was doubted before midnight and has not changed since: it never becomes today's."""
    return doubt is not None and doubt.at < moment.midnight and value == doubt.last


def _is_new(doubt: Doubt, moment: Moment) -> bool:
    """True if the data are new: jobs may come more often than new data."""
    if doubt.timestamp is not None and moment.timestamp is not None:
        return moment.timestamp != doubt.timestamp
    return moment.now - doubt.at >= CYCLE


def _is_believed(doubt: Doubt) -> bool:
    return doubt.readings >= BELIEVED and doubt.last > doubt.first
