"""The ECU's two energies, from the values that it reports, that are remembered and that the broker retains. Pure."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from aps2mqtt.base import physical_limits
from aps2mqtt.base.memory import Memory, Reading, Today
from aps2mqtt.base.values import Recalled, Snapshot
from aps2mqtt.truth import counter_checks
from aps2mqtt.truth.counter_checks import Lifetime, Moment

PAUSE = timedelta(hours=2)  # without a reading
CLOCK_SLACK = timedelta(minutes=1)  # time synchronisation may set a clock back by this


def clock_is_behind(memory: Memory, now: datetime) -> bool:
    """True if `now` is before the last reading: a Raspberry Pi that does not know the time yet."""
    return now < memory.reading.at - CLOCK_SLACK


# -- energy/lifetime --------------------------------------------------------------------------------------------------


def lifetime_of(snapshot: Snapshot, memory: Memory | None, recalled: Recalled, moment: Moment) -> Lifetime:
    """Returns the counter to publish, and the doubt about it (counter_checks.py)."""
    known = Lifetime()
    if memory is not None:
        known = Lifetime(memory.counters.lifetime, memory.counters.doubt, memory.reading.at)
    at_broker = recalled.lifetime
    if at_broker is not None and (
        known.published is None or _is_later(recalled, memory, more=at_broker > known.published)
    ):
        retained = counter_checks.of_life(at_broker, Lifetime(), moment)
        known = retained._replace(since=recalled.timestamp) if retained.published is not None else known
    if snapshot.contradictory or (known.published is None and snapshot.lifetime == 0 and not recalled.readable):
        return known
    return counter_checks.of_life(snapshot.lifetime, known, moment)


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
    """Energy of `site_date`. It never falls within that date or begins with yesterday's (quirks 52, 56)."""
    known, last = memory.counters.today if memory is not None else None, _last_reading(memory, moment)
    retained = _recalled_today(snapshot, recalled, site_date, moment)
    if retained is not None and _is_more(retained, known) and (known is None or _is_later(recalled, memory, more=True)):
        known, last = retained, _LastReading(recalled.timestamp, _recalled_from(recalled))
    if known is None:
        return None if snapshot.contradictory else _first_today(snapshot, recalled, site_date, moment)
    # In `memory`, the values from before its date belong to the date of its data.
    set_back = memory is not None and clock_is_behind(memory, moment.now) and date_of_data(memory.reading) == site_date
    known = at_date(known, site_date, last.on, set_back=set_back)
    if snapshot.contradictory:
        return known
    # If the data are of the day before and the counter has grown, it grew after our last poll. After a pause it may
    # have begun that day anew before we polled. Data that are no later than those before are not of another date.
    not_renewed = last.long_ago or snapshot.today > max(known.before, default=0) or moment.advanced == timedelta()
    of_yesterday = _is_of_day_before(snapshot, site_date) and not_renewed
    return counter_checks.of_date(snapshot.today, known, last.at, moment, of_yesterday=of_yesterday)


def _is_more(retained: Today, known: Today | None) -> bool:
    return known is None or (retained.date, retained.published) > (known.date, known.published)


def _first_today(snapshot: Snapshot, recalled: Recalled, site_date: date, moment: Moment) -> Today | None:
    """Today's energy if none is known: not from data of the day before, and no 0 if the broker may know better."""
    value = snapshot.today
    if _is_of_day_before(snapshot, site_date):
        yesterday = value if 0 < value <= moment.made(counter_checks.DAY) else None
        total = yesterday or 0.0
        return Today(site_date, 0, total, renewed=False, before=(total,), yesterday=yesterday)
    if value > moment.made(moment.into_the_day) or (value == 0 and (recalled.today or not recalled.readable)):
        return None
    return Today(site_date, value, value, renewed=True)


def _recalled_today(snapshot: Snapshot, recalled: Recalled, site_date: date, moment: Moment) -> Today | None:
    """Returns the energy that the broker retains, with its date; None if a day cannot make it or no date is known."""
    on, most = _recalled_date(snapshot, recalled, site_date), moment.made(counter_checks.DAY)
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


def recalled_energies(snapshot: Snapshot, recalled: Recalled, site_date: date) -> dict[str, tuple[float, ...]]:
    """Returns the retained Wh of `site_date` by UID and channel, without inverters that cannot have made so much."""
    if _recalled_date(snapshot, recalled, site_date) != site_date:
        return {}
    most = physical_limits.energy(1, counter_checks.DAY / counter_checks.HOUR)
    possible = {uid: of for uid, of in recalled.energies.items() if sum(of) <= most and all(kwh >= 0 for kwh in of)}
    return {uid: tuple(kwh * 1000 for kwh in of) for uid, of in possible.items()}
