"""What the ECU's two counters may say: energy/lifetime, and energy/today of a date. Pure.

Firmware errs and a frame has no checksum, so that a value is held against two bounds: what was published before it,
and what the array can have made since the last value that was believed; of a date, since midnight at the most.

    energy/lifetime          the ECU says                                  published
    ------------------------------------------------------------------------------------------------
    nothing is known         0, and the broker lets nobody read            nothing
    nothing is, or only a 0  more than is made in a LIFE                   as before
                             anything else                                 that
    p was published          p, or more by what can have been made         that
                             anything else: a doubt                        p, until the doubt is BELIEVED

    energy/today             the ECU says                                  published
    ------------------------------------------------------------------------------------------------
    nothing is known         more than can have been made since midnight   nothing
    (data of today)          0, and the broker may know better             nothing
                             anything else                                 that
    nothing is known         anything                                      0; it is yesterday's, if a day can make it
    (data of yesterday)
    p was published, and     p, or more by what can have been made         that
    the ECU has renewed it   less: a doubt                                 p, also once it is BELIEVED
                             more: a doubt                                 p, until the doubt is BELIEVED
    the date is new, and     0, or what was said or doubted before it      0
    the ECU has not          what data of yesterday say late               0; it is yesterday's
    renewed it               what can have been made                       that
                             more: a doubt                                 0, until the doubt is BELIEVED

A doubt is a row of values of which each goes on from the one before. It is believed once it has stood for BELIEVED new
data and has risen: an ECU that was replaced counts like that, a glitch (quirks 50, 52, 53) or a flipped bit does not.
A reading that contradicts itself (quirk 53) does not come here.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from aps2mqtt.base import physical_limits
from aps2mqtt.base.elapsed import LONGEST_GAP
from aps2mqtt.base.memory import Doubt, Today

BELIEVED = 12  # new data in a row: an hour at the default interval
LIFE = timedelta(days=30 * 365)  # of an array, and more
SLACK = 1.0  # kWh: counters are late, and inverters report what they made before
DAY = timedelta(hours=25)  # the longest there is
CYCLE = timedelta(minutes=4)  # less than an ECU takes to have new data
HOUR = timedelta(hours=1)


class Moment(NamedTuple):
    """A reading in time, and how far it is from the one before."""

    now: datetime  # by this machine's clock
    timestamp: datetime | None  # of the data, by the ECU's
    advanced: timedelta | None  # by how much the data are later than those of the reading before; None: nobody knows
    midnight: datetime  # with which the site's date began
    inverters: int  # that make energy

    def since(self, then: datetime | None) -> timedelta:
        """At least the time between `then` and this reading; a LIFE since nobody knows when.

        Data may be later than the polls of them, but in the morning they are later by a night in which nothing is made.
        """
        if then is None:
            return LIFE
        passed, advanced = self.now - then, self.advanced or timedelta()
        return advanced if passed < timedelta() else max(passed, min(advanced, LONGEST_GAP))

    @property
    def into_the_day(self) -> timedelta:
        """From midnight to this reading by whichever clock is of this date, or a whole DAY."""
        since = [when - self.midnight for when in (self.now, self.timestamp) if when is not None]
        return max((span for span in since if timedelta() <= span <= DAY), default=DAY)

    def made(self, span: timedelta) -> float:
        """What can have come to a counter in this time, in kWh."""
        return made(self.inverters, span)


def made(inverters: int, span: timedelta) -> float:
    """What can have come to the counter of so many inverters in this time, in kWh."""
    return physical_limits.energy(inverters, span / HOUR) + SLACK


# -- energy/lifetime --------------------------------------------------------------------------------------------------


class Lifetime(NamedTuple):
    """The counter as it is known before a reading."""

    published: float | None = None  # kWh; None: nobody knows
    doubt: Doubt | None = None  # of what the ECU said last
    since: datetime | None = None  # when it was believed last; None: nobody knows


def of_life(value: float, known: Lifetime, moment: Moment) -> Lifetime:
    """The counter once the ECU has said `value`."""
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
    """The counter of the date of `known` once the ECU has said `value`.

    `since`: when the ECU was believed last; `of_yesterday`: the data are, so that the value cannot be of this date.
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
        counts_anew = _is_believed(doubt)  # so that the time before says nothing of the next value
        return known._replace(reported=value, doubt=doubt._replace(since=moment.now) if counts_anew else doubt)
    if value > known.published + made:
        doubt = _doubted(doubt, value, since, moment)
        if not (_is_believed(doubt) and value <= moment.made(moment.into_the_day)):
            return known._replace(doubt=doubt)
    return known._replace(published=value, reported=value, renewed=True, doubt=None)


def _of_the_day_before(
    value: float, known: Today, since: datetime | None, moment: Moment, *, of_yesterday: bool
) -> Today | None:
    """What is known of a date that the ECU has not renewed, where `value` is no word of it; else None."""
    if of_yesterday:
        grown = moment.advanced if moment.advanced is not None else min(moment.since(since), DAY)
        return _of_yesterday(value, known, moment.made(grown))
    if value == 0:
        return known._replace(reported=value, doubt=None)
    if value in known.before or _stands_since_yesterday(known.doubt, value, moment):
        return known._replace(reported=value)
    return None


def _of_yesterday(value: float, known: Today, made: float) -> Today:
    """Said too late: it ends the day before, if that can have made so much more."""
    if value > max(known.before) + made:
        return known
    before = tuple(dict.fromkeys((*known.before, value)))
    yesterday = max(value, known.yesterday or 0.0) or known.yesterday
    return known._replace(yesterday=yesterday, reported=value, before=before)


# -- doubts -----------------------------------------------------------------------------------------------------------


def _doubted(doubt: Doubt | None, value: float, since: datetime | None, moment: Moment) -> Doubt:
    """The doubt with `value` behind it, or one that begins with it."""
    if doubt is None or not doubt.last <= value <= doubt.last + moment.made(moment.since(doubt.at)):
        return Doubt(value, value, 1, since, moment.now, moment.timestamp)
    if not _is_new(doubt, moment):
        return doubt._replace(last=value)
    return Doubt(doubt.first, value, doubt.readings + 1, since, moment.now, moment.timestamp)


def _stands_since_yesterday(doubt: Doubt | None, value: float, moment: Moment) -> bool:
    """True for what was doubted before midnight and has not moved since: no passing of time makes it today's."""
    return doubt is not None and doubt.at < moment.midnight and value == doubt.last


def _is_new(doubt: Doubt, moment: Moment) -> bool:
    """True for new data: jobs may come more often than these."""
    if doubt.timestamp is not None and moment.timestamp is not None:
        return moment.timestamp != doubt.timestamp
    return moment.now - doubt.at >= CYCLE


def _is_believed(doubt: Doubt) -> bool:
    return doubt.readings >= BELIEVED and doubt.last > doubt.first
