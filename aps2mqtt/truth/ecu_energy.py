"""The ECU's two energies: which values of its counters are published. Pure.

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
A reading that contradicts itself (quirk 53) changes neither counter.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from aps2mqtt.base import physical_limits
from aps2mqtt.base.elapsed import LONGEST_GAP, clock_is_behind
from aps2mqtt.base.memory import Doubt, Memory, Reading, Today
from aps2mqtt.base.values import SUNSPEC, Recalled, Snapshot

BELIEVED = 12  # new data in a row: an hour at the default interval
LIFE = timedelta(days=30 * 365)  # longer than an array lives
SLACK = 1.0  # kWh: counters are late, and inverters report energy that they made before
DAY = timedelta(hours=25)  # the longest day of a year
CYCLE = timedelta(minutes=4)  # less than an ECU takes to have new data
HOUR = timedelta(hours=1)
PAUSE = timedelta(hours=2)  # without a reading


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


def lifetime_of(snapshot: Snapshot, memory: Memory | None, recalled: Recalled, moment: Moment) -> Lifetime:
    """Returns the counter to publish, and the doubt about it."""
    known = Lifetime()
    if memory is not None:
        since = memory.counters.lifetime_at or memory.reading.at
        known = Lifetime(memory.counters.lifetime, memory.counters.doubt, since)
    at_broker = recalled.lifetime
    if at_broker is not None and (
        known.published is None or _is_later(recalled, memory, more=at_broker > known.published)
    ):
        retained = of_life(at_broker, Lifetime(), moment)
        known = retained._replace(since=recalled.timestamp) if retained.published is not None else known
    nothing_is_known = known.published is None and snapshot.lifetime == 0 and not recalled.readable
    if snapshot.lifetime is None or snapshot.contradictory or nothing_is_known:
        return known
    return of_life(snapshot.lifetime, known, moment)


def _is_later(recalled: Recalled, memory: Memory | None, *, more: bool) -> bool:
    """True if another job published later data than those of `memory`; `more` decides if these had no time stamp."""
    if recalled.timestamp is None:
        return False
    if memory is None:
        return True
    return more if memory.reading.timestamp is None else recalled.timestamp > memory.reading.timestamp


# -- energy/today -----------------------------------------------------------------------------------------------------


class _LastReading(NamedTuple):
    """The last reading's time and date. A job at night changes the date of the counters without a reading."""

    at: datetime | None = None  # None: it is not known
    on: date | None = None  # the site's date
    long_ago: bool = True  # more than PAUSE has passed


def _last_reading(memory: Memory | None, moment: Moment) -> _LastReading:
    if memory is None:
        return _LastReading()
    on = memory.reading.at.astimezone(moment.midnight.tzinfo).date()
    return _LastReading(memory.reading.at, on, moment.now - memory.reading.at > PAUSE)


def today_of(
    snapshot: Snapshot, memory: Memory | None, recalled: Recalled, site_date: date, moment: Moment
) -> Today | None:
    """Energy of `site_date`. It never falls within that date or begins with yesterday's (quirks 52, 56).

    With SunSpec alone, the energy of `snapshot` is the sum of the inverters' energies, each of which is checked.
    """
    known, last = memory.counters.today if memory is not None else None, _last_reading(memory, moment)
    retained = _recalled_today(snapshot, recalled, site_date, moment)
    if retained is not None and (
        known is None
        or (
            (retained.date, retained.published) > (known.date, known.published)
            and _is_later(recalled, memory, more=True)
        )
    ):
        known, last = retained, _LastReading(recalled.timestamp, _recalled_from(recalled))
    value, is_sum = snapshot.today or 0.0, snapshot.source == SUNSPEC
    if known is None and is_sum:
        return _at_least(value, Today(site_date, 0, value, renewed=False, before=(0.0,)))
    if known is None:
        return None if snapshot.contradictory else _first_today(snapshot, recalled, site_date, moment)
    # In `memory`, the values from before its date belong to the date of its data.
    reading = memory.reading if memory is not None else None
    set_back = reading is not None and clock_is_behind(reading.at, moment.now) and date_of_data(reading) == site_date
    known = at_date(known, site_date, last.on, set_back=set_back)
    if snapshot.contradictory:
        return known
    if is_sum:
        return _at_least(value, known)
    # If the data are of the day before and the counter has grown, it grew after our last poll. After a pause it may
    # have begun that day anew before we polled. Data that are no later than those before are not of another date.
    not_renewed = last.long_ago or value > max(known.before, default=0) or moment.advanced == timedelta()
    of_yesterday = _is_of_day_before(snapshot, site_date) and not_renewed
    return of_date(value, known, last.at, moment, of_yesterday=of_yesterday)


def _at_least(of_inverters: float, known: Today) -> Today:
    """Returns `known` with at least the sum of the inverters' energies."""
    published = max(known.published, of_inverters)
    return known._replace(published=published, reported=of_inverters, renewed=known.renewed or published > 0)


def _first_today(snapshot: Snapshot, recalled: Recalled, site_date: date, moment: Moment) -> Today | None:
    """Today's energy if none is known: not from data of the day before, and no 0 if the broker may know better."""
    value = snapshot.today or 0.0
    if _is_of_day_before(snapshot, site_date):
        yesterday = value if 0 < value <= moment.made(DAY) else None
        total = yesterday or 0.0
        return Today(site_date, 0, total, renewed=False, before=(total,), yesterday=yesterday)
    if value > moment.made(moment.into_the_day) or (value == 0 and (recalled.today or not recalled.readable)):
        return None
    return Today(site_date, value, value, renewed=True)


def _recalled_today(snapshot: Snapshot, recalled: Recalled, site_date: date, moment: Moment) -> Today | None:
    """Returns the energy that the broker retains, with its date; None if a day cannot make it or no date is known."""
    on, most = _recalled_date(snapshot, recalled, site_date), moment.made(DAY)
    if on is None or recalled.today is None or recalled.today > most:
        return None
    yesterday = recalled.yesterday if (recalled.yesterday or 0) <= most else None
    known = Today(on, recalled.today, recalled.today, renewed=True, yesterday=yesterday if on == site_date else None)
    if recalled.today:
        return known
    # The date may have begun before the ECU renewed its counter: the ECU then still reports yesterday's total.
    return known._replace(renewed=False, reported=yesterday or 0.0, before=(0.0, yesterday or 0.0))


def _recalled_date(snapshot: Snapshot, recalled: Recalled, site_date: date) -> date | None:
    """Returns the date of the retained energy, from the retained time stamp and the time stamp of the ECU's data.

    None if a clock is wrong by more than a time zone explains.
    """
    stamped = date_of_data(snapshot)
    if recalled.timestamp is None or stamped is None or recalled.timestamp.date() > stamped:
        return None
    if abs(site_date - stamped) > timedelta(days=1):
        return None
    earlier = recalled.timestamp.date() < stamped or _is_of_day_before(snapshot, site_date)
    return _day_before(site_date) if earlier else site_date


def _recalled_from(recalled: Recalled) -> date | None:
    """Returns the date of the retained energy; None for a 0, because a 0 may be of the date after its time stamp."""
    return recalled.timestamp.date() if recalled.timestamp is not None and recalled.today else None


def at_date(known: Today, site_date: date, read_on: date | None, *, set_back: bool = False) -> Today:
    """Returns `known` on `site_date`: on a later date 0, until the ECU reports another value than its last one.

    `set_back`: the clock was set back and the ECU agrees with it, so a date that has begun meanwhile is undone.
    """
    if set_back and site_date < known.date and not known.renewed:
        total = known.before[0]  # if it is 0, the ECU may not have renewed it
        return Today(site_date, total, known.reported, renewed=total > 0, before=known.before, doubt=known.doubt)
    if site_date <= known.date:
        return known._replace(date=site_date)
    yesterday = known.published if read_on == _day_before(site_date) else None
    before = (known.published, known.reported)
    return Today(site_date, 0, known.reported, renewed=False, before=before, yesterday=yesterday, doubt=known.doubt)


def _is_of_day_before(snapshot: Snapshot, site_date: date) -> bool:
    return date_of_data(snapshot) == _day_before(site_date)


def date_of_data(data: Snapshot | Reading) -> date | None:
    """Returns the date of the data by the ECU's clock; None if the ECU gives none."""
    return data.timestamp.date() if data.timestamp is not None else None


def _day_before(site_date: date) -> date:
    return site_date - timedelta(days=1)


def of_date(value: float, known: Today, since: datetime | None, moment: Moment, *, of_yesterday: bool) -> Today:
    """Returns the counter of the date of `known` after the ECU has reported `value`, in kWh.

    `since`: when a value was believed last. `of_yesterday`: the data are of yesterday, so `value` is not of this date.
    """
    doubt = known.doubt
    since = doubt.since if doubt is not None else since
    most = moment.made(min(moment.since(since), moment.into_the_day))
    if not known.renewed:
        late = _of_the_day_before(value, known, since, moment, of_yesterday=of_yesterday)
        if late is not None:
            return late
    elif value < known.published:
        doubt = _doubted(doubt, value, since, moment)
        counts_anew = _is_believed(doubt)  # so the time before does not bound the next value
        return known._replace(reported=value, doubt=doubt._replace(since=moment.now) if counts_anew else doubt)
    if value > known.published + most:
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


def _of_yesterday(value: float, known: Today, most: float) -> Today:
    """Returns `known` after a late value of the day before: it becomes that day's total if the day can have made it."""
    if value > max(known.before) + most:
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


# -- the inverters' energies on the broker ----------------------------------------------------------------------------


class OfInverters(NamedTuple):
    """The energies of one date that the broker retains for inverters."""

    panels: Mapping[str, tuple[float, ...]] = MappingProxyType({})  # Wh, by UID and channel
    whole: Mapping[str, float] = MappingProxyType({})  # kWh, by UID


def recalled_energies(snapshot: Snapshot, recalled: Recalled, site_date: date) -> OfInverters:
    """Returns the retained energies of `site_date`, without inverters that cannot have made so much."""
    if _recalled_date(snapshot, recalled, site_date) != site_date:
        return OfInverters()
    most = physical_limits.energy(1, DAY / HOUR)
    possible = {uid: of for uid, of in recalled.energies.items() if sum(of) <= most and all(kwh >= 0 for kwh in of)}
    return OfInverters(
        {uid: tuple(kwh * 1000 for kwh in of) for uid, of in possible.items()},
        {uid: kwh for uid, kwh in recalled.inverters.items() if kwh <= most},
    )
