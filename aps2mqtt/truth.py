"""What is true on the broker: a pure function of what was read, what is remembered and what the broker retains.

    (Snapshot, Memory, Recalled, now) -> (Report, Memory)

A memory belongs to one ECU: `memory_of` drops that of an ECU which was replaced.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from aps2mqtt import counters, energy, limits
from aps2mqtt.counters import Lifetime, Moment
from aps2mqtt.ecu.protocol import MOST_INVERTERS, MOST_PANELS
from aps2mqtt.model import Inverter, Kept, Known, Memory, Recalled, Report, Snapshot, Today

PAUSE = timedelta(hours=2)  # without a reading
GONE_AFTER = 3  # complete lists in a row without the inverter
UNKNOWN_AFTER = 3  # short lists in a row without it
CLOCK_SLACK = timedelta(minutes=1)  # that a clock may be set back by time synchronisation
AHEAD = timedelta(hours=1)  # that the ECU's clock may be ahead of ours
NIGHT = timedelta(days=1)  # that data stand at the most
ALONE = timedelta(minutes=6)  # since the last reading; longer, and an ECU has had data that another state knows


def memory_of(ecu_id: str, memory: Memory | None) -> Memory | None:
    """`memory`, if it is of this ECU."""
    return memory if memory is not None and memory.ecu_id == ecu_id else None


def clock_is_behind(memory: Memory, now: datetime) -> bool:
    """True where `now` lies before the last reading: a Raspberry Pi that does not know the time yet."""
    return now < memory.read_at - CLOCK_SLACK


def wants_recall(snapshot: Snapshot, memory: Memory | None, now: datetime) -> bool:
    """True where the broker may know more: a counter is not remembered, or there were data that `memory` lacks."""
    if memory is None or None in (memory.lifetime, memory.today, memory.energies_of):
        return True
    missed = max(abs(now - memory.read_at), _advanced(snapshot, memory) or timedelta())
    return missed > ALONE


def settle(
    snapshot: Snapshot, memory: Memory | None, recalled: Recalled, now: datetime, timezone: tzinfo
) -> tuple[Report, Memory]:
    """What a good reading makes true, and what the next job has to know of it.

    `now` is aware; `timezone` is the site's and says which date it is there.
    """
    recalled = _dated(recalled, memory)
    read_at = memory.read_at if memory is not None and snapshot.contradictory else now  # counters that count
    site_date = now.astimezone(timezone).date()
    if memory is not None and memory.today is not None and _clock_leapt(snapshot, memory, now):
        site_date = memory.today.date
    if memory is not None and clock_is_behind(memory, now) and not _agrees(snapshot, memory, site_date, now):
        # The clock is behind the last reading, and the ECU's own does not agree with it: no new date from it.
        site_date = memory.today.date if memory.today is not None else site_date
        read_at = memory.read_at
    moment = _moment(snapshot, memory, now, datetime.combine(site_date, time(), timezone))
    lifetime = _lifetime(snapshot, memory, recalled, moment)
    today = _today(snapshot, memory, recalled, site_date, moment)
    inverters, gone, known = _inverters(snapshot, memory, site_date, _recalled_energies(snapshot, recalled, site_date))
    registered, online = _counts(snapshot, memory)
    report = Report(
        ecu_id=snapshot.ecu_id,
        power=0 if online == 0 else snapshot.power,
        today=_published(today and today.published, kept=snapshot.contradictory),
        yesterday=today.yesterday if today is not None else Kept(),
        lifetime=_published(lifetime.published, kept=snapshot.contradictory),
        registered=registered,
        online=online,
        timestamp=snapshot.timestamp,
        firmware=snapshot.firmware,
        inverters=inverters,
        gone=gone,
    )
    return report, Memory(
        ecu_id=snapshot.ecu_id,
        read_at=read_at,
        awake=online != 0 or any(inverter.online for inverter in inverters),
        firmware=snapshot.firmware,
        timestamp=snapshot.timestamp,
        registered=_count(registered),
        online=_count(online),
        lifetime=lifetime.published,
        doubt=lifetime.doubt,
        today=today,
        inverters=known,
        energies_of=site_date,
        told=tuple(sorted({remark.what for remark in snapshot.remarks})),
        restarted_at=memory.restarted_at if memory is not None else None,
    )


def night(memory: Memory, now: datetime, timezone: tzinfo) -> tuple[Report, Memory]:
    """What is true while the ECU is left alone: the last reading, which had no inverter online, and today's date."""
    site_date = now.astimezone(timezone).date()
    if memory.energies_of is not None:
        site_date = max(memory.energies_of, site_date)
    read_on = memory.read_at.astimezone(timezone).date()
    today = memory.today and _at_date(memory.today, max(memory.today.date, site_date), read_on)
    asleep = energy.at_date(memory.inverters, memory.energies_of, site_date)
    report = Report(
        ecu_id=memory.ecu_id,
        power=0,
        today=_published(today and today.published),
        yesterday=today.yesterday if today is not None else Kept(),
        lifetime=_published(memory.lifetime),
        registered=Kept() if memory.registered is None else memory.registered,
        online=0,
        timestamp=memory.timestamp,
        firmware=memory.firmware,
        inverters=tuple(_absent(uid, known) for uid, known in asleep.items()),
        error=memory.error,
    )
    return report, memory._replace(today=today, inverters=asleep, energies_of=site_date, online=0)


def unread(memory: Memory, report: Report) -> tuple[Inverter, ...]:
    """The inverters of `memory` on which `report` is silent, and whose messages the broker keeps."""
    told = {inverter.uid for inverter in (*report.inverters, *report.gone)}
    return tuple(_absent(uid, known) for uid, known in memory.inverters.items() if uid not in told)


def _published(value: float | None, *, kept: bool = False) -> float | Kept:
    return Kept(value) if kept or value is None else value


def _count(count: int | Kept) -> int | None:
    if isinstance(count, Kept):
        return None if count.last is None else int(count.last)
    return count


def _counts(snapshot: Snapshot, memory: Memory | None) -> tuple[int | Kept, int | Kept]:
    """0001's counts; where it contradicts itself, those of the records, if all are known."""
    if not snapshot.contradictory:
        return snapshot.registered, snapshot.online
    if not snapshot.complete:
        return (Kept(memory.registered), Kept(memory.online)) if memory is not None else (Kept(), Kept())
    listed = len(snapshot.inverters) + len(snapshot.skipped)
    return listed, sum(inverter.online is True for inverter in snapshot.inverters) + snapshot.skipped_online


# -- time -------------------------------------------------------------------------------------------------------------


def _moment(snapshot: Snapshot, memory: Memory | None, now: datetime, midnight: datetime) -> Moment:
    advanced = _advanced(snapshot, memory) if memory is not None else None
    inverters = max(1, snapshot.registered, len(snapshot.inverters) + len(snapshot.skipped))
    return Moment(now, snapshot.timestamp, advanced, midnight, inverters)


def _advanced(snapshot: Snapshot, memory: Memory) -> timedelta | None:
    """By how much the data are later than those before; None where nobody can tell.

    By UTC: Python takes the difference of two times of the same zone by their clocks.
    """
    if snapshot.timestamp is None or memory.timestamp is None:
        return None
    return max(timedelta(), snapshot.timestamp.astimezone(UTC) - memory.timestamp.astimezone(UTC))


def _clock_leapt(snapshot: Snapshot, memory: Memory, now: datetime) -> bool:
    """True where our clock has gone on by hours more than the data of inverters that are awake.

    A clock that is ahead for one job makes no new date; by the second one it is believed.
    """
    advanced = _advanced(snapshot, memory) or timedelta()
    live = timedelta() < advanced <= PAUSE and any(inverter.online for inverter in snapshot.inverters)
    return live and now - memory.read_at - advanced > PAUSE and _stamped(snapshot) == _date_of(memory)


def _agrees(snapshot: Snapshot, memory: Memory, site_date: date, now: datetime) -> bool:
    """True where the data are of our date and not from behind our clock, and say more than they did.

    At night they only stand; then it is the clock of the last reading that was wrong, if they stood for too long.
    """
    at = snapshot.timestamp
    if at is None or at.date() != site_date or at > now + AHEAD:
        return False
    return at != memory.timestamp or memory.read_at - at > NIGHT


def _dated(recalled: Recalled, memory: Memory | None) -> Recalled:
    """`recalled`, without a time stamp that our last job published beside counters of which it knew no date."""
    ours = memory is not None and memory.today is None and recalled.timestamp == memory.timestamp
    return recalled._replace(timestamp=None) if ours else recalled


def _date_of(memory: Memory) -> date | None:
    return memory.today.date if memory.today is not None else None


# -- energy/lifetime --------------------------------------------------------------------------------------------------


def _lifetime(snapshot: Snapshot, memory: Memory | None, recalled: Recalled, moment: Moment) -> Lifetime:
    """The counter to publish, and what is doubted of it (counters.py)."""
    known = Lifetime() if memory is None else Lifetime(memory.lifetime, memory.doubt, memory.read_at)
    at_broker = recalled.lifetime
    if at_broker is not None and (
        known.published is None or _is_later(recalled, memory, more=at_broker > known.published)
    ):
        retained = counters.of_life(at_broker, Lifetime(), moment)
        known = retained._replace(since=recalled.timestamp) if retained.published is not None else known
    if snapshot.contradictory or (known.published is None and snapshot.lifetime == 0 and not recalled.readable):
        return known
    return counters.of_life(snapshot.lifetime, known, moment)


def _is_later(recalled: Recalled, memory: Memory | None, *, more: bool) -> bool:
    """True where somebody has published data since those of `memory`; if these had no stamp, where it is `more`."""
    if recalled.timestamp is None:
        return False
    if memory is None:
        return True
    return more if memory.timestamp is None else recalled.timestamp > memory.timestamp


# -- energy/today -----------------------------------------------------------------------------------------------------


class _LastReading(NamedTuple):
    """The site's date of it, and whether more than PAUSE has passed; jobs of the night change the date without one."""

    at: datetime | None = None  # None: nobody knows
    on: date | None = None
    long_ago: bool = True


def _last_reading(memory: Memory | None, moment: Moment) -> _LastReading:
    if memory is None:
        return _LastReading()
    on = memory.read_at.astimezone(moment.midnight.tzinfo).date()
    return _LastReading(memory.read_at, on, moment.now - memory.read_at > PAUSE)


def _today(
    snapshot: Snapshot, memory: Memory | None, recalled: Recalled, site_date: date, moment: Moment
) -> Today | None:
    """Energy of `site_date`, which never falls within it (quirks 52, 56), nor begins with the day before's."""
    known, last = memory.today if memory is not None else None, _last_reading(memory, moment)
    retained = _recalled_today(snapshot, recalled, site_date, moment)
    if retained is not None and _is_more(retained, known) and (known is None or _is_later(recalled, memory, more=True)):
        known, last = retained, _LastReading(recalled.timestamp, _recalled_from(recalled))
    if known is None:
        return None if snapshot.contradictory else _first_today(snapshot, recalled, site_date, moment)
    # What `memory` has from before its date was of the date of its data.
    set_back = memory is not None and clock_is_behind(memory, moment.now) and _stamped(memory) == site_date
    known = _at_date(known, site_date, last.on, set_back=set_back)
    if snapshot.contradictory:
        return known
    # Stamped with the day before, a counter that has grown did so after our last poll; after a pause it may have begun
    # that day anew without us; and data that are no later than those before cannot be of another date.
    not_renewed = last.long_ago or snapshot.today > max(known.before, default=0) or moment.advanced == timedelta()
    of_yesterday = _is_of_day_before(snapshot, site_date) and not_renewed
    return counters.of_date(snapshot.today, known, last.at, moment, of_yesterday=of_yesterday)


def _is_more(retained: Today, known: Today | None) -> bool:
    return known is None or (retained.date, retained.published) > (known.date, known.published)


def _first_today(snapshot: Snapshot, recalled: Recalled, site_date: date, moment: Moment) -> Today | None:
    """With nothing known: data of the day before are not today's, and a 0 is believed only if nobody knows better."""
    value = snapshot.today
    if _is_of_day_before(snapshot, site_date):
        yesterday = value if 0 < value <= moment.made(counters.DAY) else None
        total = yesterday or 0.0
        return Today(site_date, 0, total, renewed=False, before=(total,), yesterday=yesterday)
    if value > moment.made(moment.into_the_day) or (value == 0 and (recalled.today or not recalled.readable)):
        return None
    return Today(site_date, value, value, renewed=True)


def _recalled_today(snapshot: Snapshot, recalled: Recalled, site_date: date, moment: Moment) -> Today | None:
    """What the broker retains, under its date; a day has to be able to make it."""
    on, most = _recalled_date(snapshot, recalled, site_date), moment.made(counters.DAY)
    if on is None or recalled.today is None or recalled.today > most:
        return None
    yesterday = recalled.yesterday if (recalled.yesterday or 0) <= most else None
    known = Today(on, recalled.today, recalled.today, renewed=True, yesterday=yesterday if on == site_date else None)
    if recalled.today:
        return known
    # The date may have begun without the ECU, which then goes on with yesterday's total.
    return known._replace(renewed=False, reported=yesterday or 0.0, before=(0.0, yesterday or 0.0))


def _recalled_date(snapshot: Snapshot, recalled: Recalled, site_date: date) -> date | None:
    """The date of what the broker retains, as its own time stamp gives it beside that of the ECU's data.

    None where a clock is wrong by more than a time zone makes up.
    """
    stamped = _stamped(snapshot)
    if recalled.timestamp is None or stamped is None or recalled.timestamp.date() > stamped:
        return None
    if abs(site_date - stamped) > timedelta(days=1):
        return None
    earlier = recalled.timestamp.date() < stamped or _is_of_day_before(snapshot, site_date)
    return _day_before(site_date) if earlier else site_date


def _recalled_from(recalled: Recalled) -> date | None:
    """The date of what the broker retains; None for a 0, which may be that of the date after its time stamp."""
    return recalled.timestamp.date() if recalled.timestamp is not None and recalled.today else None


def _at_date(known: Today, site_date: date, read_on: date | None, *, set_back: bool = False) -> Today:
    """`known` on `site_date`: on a later date 0, until the ECU says something else than it said last.

    `set_back`: the clock was, and the ECU agrees with it; a date that has begun meanwhile never did.
    """
    if set_back and site_date < known.date and not known.renewed:
        total = known.before[0]  # of 0 nobody knows whether the ECU had renewed it
        return Today(site_date, total, known.reported, renewed=total > 0, before=known.before, doubt=known.doubt)
    if site_date <= known.date:
        return known._replace(date=site_date)
    yesterday = known.published if read_on == _day_before(site_date) else None
    before = (known.published, known.reported)
    return Today(site_date, 0, known.reported, renewed=False, before=before, yesterday=yesterday, doubt=known.doubt)


def _is_of_day_before(snapshot: Snapshot, site_date: date) -> bool:
    return _stamped(snapshot) == _day_before(site_date)


def _stamped(data: Snapshot | Memory) -> date | None:
    return data.timestamp.date() if data.timestamp is not None else None


def _day_before(site_date: date) -> date:
    return site_date - timedelta(days=1)


# -- inverters --------------------------------------------------------------------------------------------------------


def _inverters(
    snapshot: Snapshot, memory: Memory | None, site_date: date, recalled: Mapping[str, tuple[float, ...]]
) -> tuple[tuple[Inverter, ...], tuple[Inverter, ...], dict[str, Known]]:
    """The inverters to publish, those that are gone, and what to know of them next time.

    `recalled`: Wh of `site_date` as the broker retains them, by UID and channel.
    """
    before, passed = {}, 0.0
    if memory is not None:
        before = energy.at_date(memory.inverters, memory.energies_of, site_date)
        passed = energy.hours(memory.timestamp, snapshot.timestamp, site_date)
    if snapshot.short is not None or memory is None:  # of a lost state: the broker may know one that is not listed
        before = {uid: Known(len(of), len(of), energies=of) for uid, of in recalled.items()} | before
    inverters = []
    known = {uid: before[uid]._replace(missing=0, unlisted=0) for uid in snapshot.skipped & before.keys()}
    if _all_are_offline(snapshot):
        inverters += [_absent(uid, was) for uid, was in known.items()]
        known = {uid: _without_power(was) for uid, was in known.items()}
    for inverter in snapshot.inverters:
        was = before.get(inverter.uid)
        grown = energy.grown(was, inverter.powers, passed)
        energies = energy.at_least(grown, recalled.get(inverter.uid, ()))
        known[inverter.uid] = _known(inverter, was, energies)
        inverters.append(_with_past(inverter, known[inverter.uid], was))
    gone = []
    for uid, was in _unlisted(snapshot, before, recalled):
        now, shown = _left_out(uid, was, snapshot) if snapshot.short is not None else _missing(uid, was, snapshot)
        if now is not None and len(known) < MOST_INVERTERS:  # of an ECU that makes them up, the rest is gone
            known[uid] = now
            inverters += [shown] if shown is not None else []
        else:
            gone.append(_absent(uid, was))
    return tuple(inverters), tuple(gone), known


def _all_are_offline(snapshot: Snapshot) -> bool:
    return snapshot.online == 0 and not snapshot.contradictory


def _missing(uid: str, was: Known, snapshot: Snapshot) -> tuple[Known | None, Inverter | None]:
    """One that a list without it makes offline, if nobody can be missing from that, and gone by the third (None).

    An ECU that contradicts itself removes nothing.
    """
    missing = was.missing + snapshot.complete
    if missing >= GONE_AFTER and not snapshot.contradictory:
        return None, None
    if not (missing or _all_are_offline(snapshot)):
        return was, None
    return _without_power(was)._replace(missing=min(missing, GONE_AFTER - 1), unlisted=0), _absent(uid, was)


def _left_out(uid: str, was: Known, snapshot: Snapshot) -> tuple[Known, Inverter | None]:
    """One that a short list leaves out: it keeps what it had, until nobody knows; offline if all are."""
    if _all_are_offline(snapshot):
        return _without_power(was)._replace(unlisted=0), _absent(uid, was)
    unlisted = was.unlisted + 1
    if unlisted < UNKNOWN_AFTER:
        return was._replace(unlisted=unlisted), None
    nobody_knows = _absent(uid, was)._replace(online=None, powers=(None,) * was.panels)
    return was._replace(unlisted=UNKNOWN_AFTER, powers=(None,) * was.panels), nobody_knows


def _without_power(was: Known) -> Known:
    return was._replace(powers=(0,) * was.panels)


def _unlisted(
    snapshot: Snapshot, before: dict[str, Known], recalled: Mapping[str, tuple[float, ...]]
) -> Iterator[tuple[str, Known]]:
    listed = {inverter.uid for inverter in snapshot.inverters}
    for uid, was in before.items():
        if uid not in listed and uid not in snapshot.skipped:
            yield uid, was._replace(energies=energy.at_least(was.energies, recalled.get(uid, ())))


def _known(inverter: Inverter, was: Known | None, energies: tuple[float, ...]) -> Known:
    panels = len(inverter.powers)
    signal = inverter.signal
    if isinstance(signal, Kept):
        signal = was.signal if was is not None else None
    return Known(
        panels,
        len(inverter.voltages),
        lost=max(0, _most_panels(was) - panels),
        signal=signal,
        powers=inverter.powers,
        energies=energies,
    )


def _most_panels(was: Known | None) -> int:
    return was.panels + was.lost if was is not None else 0


def _with_past(inverter: Inverter, known: Known, was: Known | None) -> Inverter:
    """`inverter` with what only the jobs before can tell: energies, a signal that is kept, panels that it lost."""
    return inverter._replace(
        signal=Kept(known.signal) if isinstance(inverter.signal, Kept) else inverter.signal,
        energies=_kwh(known.energies[: len(inverter.powers)]),
        lost=max(0, _most_panels(was) - known.panels) if inverter.powers else MOST_PANELS,
    )


def _recalled_energies(snapshot: Snapshot, recalled: Recalled, site_date: date) -> dict[str, tuple[float, ...]]:
    """Wh of `site_date` as the broker retains them, by UID and channel, of inverters that can have made so much."""
    if _recalled_date(snapshot, recalled, site_date) != site_date:
        return {}
    most = limits.energy(1, counters.DAY / counters.HOUR)
    possible = {uid: of for uid, of in recalled.energies.items() if sum(of) <= most and all(kwh >= 0 for kwh in of)}
    return {uid: tuple(kwh * 1000 for kwh in of) for uid, of in possible.items()}


def _kwh(energies: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(energy / 1000, 3) for energy in energies)


def _absent(uid: str, was: Known) -> Inverter:
    """An inverter that was not read, as it was known: offline."""
    inverter = Inverter(uid, online=False, powers=(0,) * was.panels, voltages=(None,) * was.voltages)
    return _with_past(inverter, was, was)
