"""What is true on the broker: a pure function of the values that were read, are remembered and that the broker retains.

    (Snapshot, Memory, Recalled, now) -> (Report, Memory)

A memory belongs to one ECU: `memory_of` drops that of an ECU which was replaced.
"""

from datetime import date, datetime, time, timedelta, tzinfo

from aps2mqtt.base.elapsed import clock_is_behind, elapsed
from aps2mqtt.base.memory import Counters, Failure, Memory, Reading
from aps2mqtt.base.values import SUNSPEC, Inverter, Recalled, Report, Snapshot, Unchanged
from aps2mqtt.truth import inverter_energy
from aps2mqtt.truth.ecu_energy import PAUSE, Moment, at_date, date_of_data, lifetime_of, recalled_energies, today_of
from aps2mqtt.truth.inverters import absent, inverters_of, last_data

AHEAD = timedelta(hours=1)  # the ECU's clock may be ahead of ours by this
NIGHT = timedelta(days=1)  # the longest time for which data do not change
ALONE = timedelta(minutes=6)  # since the last reading; after a longer time another state may know later data


def memory_of(ecu_id: str, memory: Memory | None) -> Memory | None:
    """Returns `memory` if it is of this ECU, else None."""
    return memory if memory is not None and memory.ecu_id == ecu_id else None


def wants_recall(snapshot: Snapshot, memory: Memory | None, now: datetime) -> bool:
    """True if the broker may know more: a counter is not remembered, or there were data that `memory` lacks."""
    if memory is None or None in (memory.counters.lifetime, memory.counters.today, memory.energies_of):
        return True
    missed = max(abs(now - memory.reading.at), _advanced(snapshot, memory) or timedelta())
    return missed > ALONE


def settle(
    snapshot: Snapshot, memory: Memory | None, recalled: Recalled, now: datetime, timezone: tzinfo
) -> tuple[Report, Memory]:
    """Returns the report of a good reading at the aware `now`, and the next job's memory; `timezone`: the site's."""
    recalled = _dated(recalled, memory)
    read_at, site_date = _when(snapshot, memory, now, timezone)
    moment = _moment(snapshot, memory, now, datetime.combine(site_date, time(), timezone))
    lifetime = lifetime_of(snapshot, memory, recalled, moment)
    of_broker = recalled_energies(snapshot, recalled, site_date)
    inverters, gone, known = inverters_of(snapshot, memory, site_date, of_broker, moment)
    if snapshot.source == SUNSPEC:
        snapshot = snapshot._replace(today=inverter_energy.total(known.values()))
    today = today_of(snapshot, memory, recalled, site_date, moment)
    registered, online = _counts(snapshot, memory)
    report = Report(
        snapshot.ecu_id,
        power=0 if online == 0 else snapshot.power,
        today=_published(today and today.published, kept=snapshot.contradictory),
        yesterday=today.yesterday if today is not None else Unchanged(),
        lifetime=_published(lifetime.published, kept=snapshot.contradictory),
        registered=registered,
        online=online,
        timestamp=snapshot.timestamp,
        firmware=snapshot.firmware,
        inverters=inverters,
        gone=gone,
        source=snapshot.source,
    )
    return report, Memory(
        ecu_id=snapshot.ecu_id,
        reading=_reading(report, read_at, snapshot.source),
        counters=Counters(lifetime.published, lifetime.doubt, today, _lifetime_at(snapshot, memory)),
        inverters=known,
        energies_of=site_date,
        failure=Failure(restarted_at=memory.failure.restarted_at if memory is not None else None),
        told=tuple(sorted({remark.what for remark in snapshot.remarks})),
    )


def night(memory: Memory, now: datetime, timezone: tzinfo) -> tuple[Report, Memory]:
    """Report and memory while the ECU is not polled: the last reading, with no inverter online, and today's date."""
    site_date = now.astimezone(timezone).date()
    if memory.energies_of is not None:
        site_date = max(memory.energies_of, site_date)
    read_on = memory.reading.at.astimezone(timezone).date()
    today = memory.counters.today
    today = today and at_date(today, max(today.date, site_date), read_on)
    asleep = inverter_energy.at_date(memory.inverters, memory.energies_of, site_date)
    report = Report(
        ecu_id=memory.ecu_id,
        power=0,
        today=_published(today and today.published),
        yesterday=today.yesterday if today is not None else Unchanged(),
        lifetime=_published(memory.counters.lifetime),
        registered=Unchanged() if memory.reading.registered is None else memory.reading.registered,
        online=0,
        timestamp=memory.reading.timestamp,
        firmware=memory.reading.firmware,
        inverters=tuple(absent(uid, known) for uid, known in asleep.items()),
        error=memory.failure.error,
    )
    return report, memory._replace(
        reading=memory.reading._replace(online=0),
        counters=memory.counters._replace(today=today),
        inverters=asleep,
        energies_of=site_date,
    )


def unread(memory: Memory, report: Report) -> tuple[Inverter, ...]:
    """Returns the inverters of `memory` that `report` does not have; the broker keeps their messages."""
    told = {inverter.uid for inverter in (*report.inverters, *report.gone)}
    return tuple(absent(uid, known) for uid, known in memory.inverters.items() if uid not in told)


def _lifetime_at(snapshot: Snapshot, memory: Memory | None) -> datetime | None:
    if snapshot.lifetime is not None or memory is None:
        return None
    return memory.counters.lifetime_at or memory.reading.at


def _reading(report: Report, at: datetime, source: str) -> Reading:
    """Returns the reading of `report` for the memory of the next job; `at`: when its counters were read."""
    return Reading(
        at=at,
        awake=report.online != 0 or any(inverter.online for inverter in report.inverters),
        firmware=report.firmware,
        timestamp=report.timestamp,
        registered=_count(report.registered),
        online=_count(report.online),
        source=source,
    )


def _published(value: float | None, *, kept: bool = False) -> float | Unchanged:
    return Unchanged(value) if kept or value is None else value


def _count(count: int | Unchanged) -> int | None:
    if isinstance(count, Unchanged):
        return None if count.last is None else int(count.last)
    return count


def _counts(snapshot: Snapshot, memory: Memory | None) -> tuple[int | Unchanged, int | Unchanged]:
    """Returns the counts of 0001; if 0001 contradicts itself, the counts of the records, if all are known."""
    if not snapshot.contradictory:
        return snapshot.registered, snapshot.online
    if not snapshot.complete:
        last = memory.reading if memory is not None else None
        return Unchanged(last and last.registered), Unchanged(last and last.online)
    listed = len(snapshot.inverters) + len(snapshot.skipped)
    return listed, sum(inverter.online is True for inverter in snapshot.inverters) + snapshot.skipped_online


# -- time -------------------------------------------------------------------------------------------------------------


def _when(snapshot: Snapshot, memory: Memory | None, now: datetime, timezone: tzinfo) -> tuple[datetime, date]:
    """Returns when the counters were read last, and the site's date of this reading, also if our clock is wrong."""
    site_date = now.astimezone(timezone).date()
    if memory is None:
        return now, site_date
    known_date = _date_of(memory) or site_date
    if _clock_leapt(snapshot, memory, now):
        site_date = known_date
    if clock_is_behind(memory.reading.at, now) and not _agrees(snapshot, memory, site_date, now):
        # The ECU's clock does not agree with ours, and ours is behind the last reading: ours gives no new date.
        return memory.reading.at, known_date
    return memory.reading.at if snapshot.contradictory else now, site_date


def _moment(snapshot: Snapshot, memory: Memory | None, now: datetime, midnight: datetime) -> Moment:
    advanced = _advanced(snapshot, memory) if memory is not None else None
    inverters = max(1, snapshot.registered, len(snapshot.inverters) + len(snapshot.skipped))
    return Moment(now, snapshot.timestamp, advanced, midnight, inverters)


def _advanced(snapshot: Snapshot, memory: Memory) -> timedelta | None:
    """Returns the time from the data before to these data, 0 at least; None if it is not known."""
    before = last_data(memory, snapshot)
    if snapshot.timestamp is None or before is None:
        return None
    return max(timedelta(), elapsed(before, snapshot.timestamp))


def _clock_leapt(snapshot: Snapshot, memory: Memory, now: datetime) -> bool:
    """True if our clock has advanced by hours more than the data of inverters that are awake.

    A clock that is ahead for one job makes no new date; at the second job it is believed.
    """
    advanced = _advanced(snapshot, memory) or timedelta()
    live = timedelta() < advanced <= PAUSE and any(inverter.online for inverter in snapshot.inverters)
    return live and now - memory.reading.at - advanced > PAUSE and date_of_data(snapshot) == _date_of(memory)


def _agrees(snapshot: Snapshot, memory: Memory, site_date: date, now: datetime) -> bool:
    """True if the data are of our date, not ahead of our clock by more than AHEAD, and newer than the last data.

    SunSpec has no clock that could agree.
    At night data do not change. If they are too old by the last reading's clock, that clock was wrong: also True.
    """
    at = snapshot.timestamp
    if snapshot.source == SUNSPEC or at is None or at.date() != site_date or at > now + AHEAD:
        return False
    return at != memory.reading.timestamp or memory.reading.at - at > NIGHT


def _dated(recalled: Recalled, memory: Memory | None) -> Recalled:
    """Returns `recalled`, without its time stamp if our last job published it with counters of an unknown date."""
    ours = memory is not None and memory.counters.today is None and recalled.timestamp == memory.reading.timestamp
    return recalled._replace(timestamp=None) if ours else recalled


def _date_of(memory: Memory) -> date | None:
    return memory.counters.today.date if memory.counters.today is not None else None
