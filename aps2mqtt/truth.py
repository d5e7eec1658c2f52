"""What is true on the broker: a pure function of what was read, what is remembered and what the broker retains.

    (Snapshot, Memory, Recalled, now) -> (Report, Memory)

A memory belongs to one ECU: `memory_of` drops that of an ECU which was replaced.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from aps2mqtt import energy
from aps2mqtt.model import Inverter, Kept, Known, Lower, Memory, Recalled, Report, Snapshot, Today

READINGS_OF_A_LOWER_LIFETIME = 12  # an hour at the default interval
PAUSE = timedelta(hours=2)  # without a reading
GONE_AFTER = 3  # complete lists in a row without the inverter
MOST_PANELS = 4  # of any known inverter
CLOCK_SLACK = timedelta(minutes=1)  # that a clock may be set back by time synchronisation


def memory_of(ecu_id: str, memory: Memory | None) -> Memory | None:
    """`memory`, if it is of this ECU."""
    return memory if memory is not None and memory.ecu_id == ecu_id else None


def clock_is_behind(memory: Memory, now: datetime) -> bool:
    """True where `now` lies before the last reading: a Raspberry Pi that does not know the time yet."""
    return now < memory.read_at - CLOCK_SLACK


def wants_recall(memory: Memory | None) -> bool:
    """True where a counter is not remembered, so that only the broker can tell whether it was positive."""
    return memory is None or memory.lifetime is None or memory.today is None


def settle(
    snapshot: Snapshot, memory: Memory | None, recalled: Recalled, now: datetime, timezone: tzinfo
) -> tuple[Report, Memory]:
    """What a good reading makes true, and what the next job has to know of it.

    `now` is aware; `timezone` is the site's and says which date it is there.
    """
    site_date = now.astimezone(timezone).date()
    read_at = memory.read_at if memory is not None and snapshot.contradictory else now  # counters that count
    if memory is not None and clock_is_behind(memory, now) and _stamped(snapshot) != site_date:
        # The clock is behind the last reading, and the ECU's own does not agree with it: no new date from it.
        site_date = memory.today.date if memory.today is not None else site_date
        read_at = memory.read_at
    lifetime, lower = _lifetime(snapshot, memory, recalled)
    today = _today(snapshot, memory, recalled, site_date, _last_reading(memory, now, timezone))
    inverters, gone, known = _inverters(snapshot, memory, site_date)
    registered, online = _counts(snapshot, memory)
    report = Report(
        ecu_id=snapshot.ecu_id,
        power=0 if online == 0 else snapshot.power,
        today=_published(today and today.published, kept=snapshot.contradictory),
        yesterday=today.yesterday if today is not None else Kept(),
        lifetime=_published(lifetime, kept=snapshot.contradictory),
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
        lifetime=lifetime,
        lower=lower,
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
    return listed, sum(inverter.online for inverter in snapshot.inverters) + snapshot.skipped_online


# -- energy/lifetime --------------------------------------------------------------------------------------------------


def _lifetime(snapshot: Snapshot, memory: Memory | None, recalled: Recalled) -> tuple[float | None, Lower | None]:
    """The counter to publish, which never falls, and the lower value that may one day replace it (quirks 50, 53).

    An ECU that was replaced or reset counts from anew: a lower value is believed once it has stood and risen for
    READINGS_OF_A_LOWER_LIFETIME readings. A glitch does neither.
    """
    published = memory.lifetime if memory is not None else None
    lower = memory.lower if memory is not None else None
    if published is None:
        published = recalled.lifetime
    if snapshot.contradictory:
        return published, lower
    value = snapshot.lifetime
    if published is None and value == 0 and not recalled.readable:
        return None, None
    if published is None or value >= published:
        return value, None
    if lower is not None and value >= lower.last:
        lower = Lower(lower.first, value, lower.readings + 1)
    else:
        lower = Lower(value, value, 1)
    if lower.readings >= READINGS_OF_A_LOWER_LIFETIME and lower.last > lower.first:
        return value, None
    return published, lower


# -- energy/today -----------------------------------------------------------------------------------------------------


class _LastReading(NamedTuple):
    """The site's date of it, and whether more than PAUSE has passed; jobs of the night change the date without one."""

    on: date | None = None
    long_ago: bool = True


def _last_reading(memory: Memory | None, now: datetime, timezone: tzinfo) -> _LastReading:
    if memory is None:
        return _LastReading()
    return _LastReading(memory.read_at.astimezone(timezone).date(), now - memory.read_at > PAUSE)


def _today(
    snapshot: Snapshot, memory: Memory | None, recalled: Recalled, site_date: date, last: _LastReading
) -> Today | None:
    """Energy of `site_date`, which never falls within it (quirks 52, 56), nor begins with the day before's."""
    known = memory.today if memory is not None else None
    if known is None:
        known, last = _recalled_today(snapshot, recalled, site_date), _LastReading(_recalled_from(recalled))
    if known is None:
        return None if snapshot.contradictory else _first_today(snapshot, recalled, site_date)
    known, value = _at_date(known, site_date, last.on), snapshot.today
    if snapshot.contradictory:
        return known
    if known.renewed:
        return known._replace(published=max(value, known.published), reported=value)
    # Stamped with the day before, a counter that has grown did so after our last poll; after a pause it may have begun
    # that day anew without us.
    of_before = _is_of_day_before(snapshot, site_date) and (last.long_ago or value > max(known.before))
    if of_before and value:
        known = known._replace(yesterday=value)
    if value == 0 or value in known.before or of_before:
        return known._replace(reported=value, before=tuple(sorted({*known.before, value})))
    return known._replace(published=value, reported=value, renewed=True)


def _first_today(snapshot: Snapshot, recalled: Recalled, site_date: date) -> Today | None:
    """With nothing known: data of the day before are not today's, and a 0 is believed only if nobody knows better."""
    value = snapshot.today
    if _is_of_day_before(snapshot, site_date):
        return Today(site_date, 0, value, renewed=False, before=(value,), yesterday=value or None)
    if value == 0 and (recalled.today or not recalled.readable):
        return None
    return Today(site_date, value, value, renewed=True)


def _recalled_today(snapshot: Snapshot, recalled: Recalled, site_date: date) -> Today | None:
    """What the broker retains, under the date that its own time stamp gives it beside that of the ECU's data."""
    stamped = _stamped(snapshot)
    if recalled.today is None or recalled.timestamp is None or stamped is None or recalled.timestamp.date() > stamped:
        return None
    earlier = recalled.timestamp.date() < stamped or _is_of_day_before(snapshot, site_date)
    on = _day_before(site_date) if earlier else site_date
    return Today(on, recalled.today, recalled.today, renewed=True)


def _recalled_from(recalled: Recalled) -> date | None:
    """The date of what the broker retains; None for a 0, which may be that of the date after its time stamp."""
    return recalled.timestamp.date() if recalled.timestamp is not None and recalled.today else None


def _at_date(known: Today, site_date: date, read_on: date | None) -> Today:
    """`known` on `site_date`: on a later date 0, until the ECU says something else than it said last."""
    if site_date <= known.date:
        return known._replace(date=site_date)
    before = tuple(sorted({known.published, known.reported}))
    yesterday = known.published if read_on == _day_before(site_date) else None
    return Today(site_date, 0, known.reported, renewed=False, before=before, yesterday=yesterday)


def _is_of_day_before(snapshot: Snapshot, site_date: date) -> bool:
    return _stamped(snapshot) == _day_before(site_date)


def _stamped(snapshot: Snapshot) -> date | None:
    return snapshot.timestamp.date() if snapshot.timestamp is not None else None


def _day_before(site_date: date) -> date:
    return site_date - timedelta(days=1)


# -- inverters --------------------------------------------------------------------------------------------------------


def _inverters(
    snapshot: Snapshot, memory: Memory | None, site_date: date
) -> tuple[tuple[Inverter, ...], tuple[Inverter, ...], dict[str, Known]]:
    """The inverters to publish, those that are gone, and what to know of them next time."""
    before, passed = {}, 0.0
    if memory is not None:
        before = energy.at_date(memory.inverters, memory.energies_of, site_date)
        passed = energy.hours(memory.timestamp, snapshot.timestamp, site_date)
    inverters = []
    known = {uid: before[uid]._replace(missing=0) for uid in snapshot.skipped & before.keys()}
    for inverter in snapshot.inverters:
        was = before.get(inverter.uid)
        known[inverter.uid] = _known(inverter, was, energy.grown(was, inverter.powers, passed))
        inverters.append(_with_past(inverter, known[inverter.uid], was))
    gone = []
    for uid, was in _unlisted(snapshot, before):
        missing = was.missing + snapshot.complete
        if missing >= GONE_AFTER:
            gone.append(_absent(uid, was))
            continue
        known[uid] = was._replace(missing=missing, powers=(0,) * was.panels if missing else was.powers)
        if missing:
            inverters.append(_absent(uid, was))
    return tuple(inverters), tuple(gone), known


def _unlisted(snapshot: Snapshot, before: dict[str, Known]) -> Iterator[tuple[str, Known]]:
    listed = {inverter.uid for inverter in snapshot.inverters}
    for uid, was in before.items():
        if uid not in listed and uid not in snapshot.skipped:
            yield uid, was


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


def _kwh(energies: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(energy / 1000, 3) for energy in energies)


def _absent(uid: str, was: Known) -> Inverter:
    """An inverter that was not read, as it was known: offline."""
    inverter = Inverter(uid, online=False, powers=(0,) * was.panels, voltages=(None,) * was.voltages)
    return _with_past(inverter, was, was)
