"""The problems of an array whose ECU can be read. Pure.

    (Snapshot, Watch, Site | None) -> Watch
    (Report, Watch) -> Report with the problems of the array and of each inverter, in words

The problems are: a source that reports less than both together do; a list that leaves inverters out; numbers of
inverters that contradict each other for an hour; an inverter that produces no power for an hour of daylight while the
others do; a counter of the ECU that does not change for an hour while the array produces power (quirk 54). The time is
that of the data: the same data twice change nothing.

At dawn and dusk the inverters on the roofs of one house start and stop up to hours apart. So an inverter is suspected
only while the sun is high at the site or, if the site is not configured, around noon by the data's wall time.
A problem that was reported stays, overnight too, until the inverter produces power or the counter changes.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from aps2mqtt.base.elapsed import LONGEST_GAP, elapsed
from aps2mqtt.base.memory import IdleInverter, Standstill, Watch
from aps2mqtt.base.names import NO_NAMES, Names, named
from aps2mqtt.base.values import NO_PROBLEM, Inverter, Report, Site, Snapshot

LONG = timedelta(hours=1)  # of giving nothing, or of power while a counter stands still
HIGH = 10.0  # degrees of the sun's elevation: diffuse light then starts the inverters on roofs that face away from it
OTHERS = 30  # W, average power of the others; in the twilight of a storm an inverter may be off
AROUND_NOON = range(11, 15)  # o'clock: noon in a time zone may be two hours from solar noon
OTHERS_AROUND_NOON = 100  # W; in midwinter of the far north even noon is dusk

STEPS = 3  # multiples of its resolution, by which a correct counter must have moved
TODAY, LIFETIME = 10, 100  # Wh, the resolutions of the counters
LATE = timedelta(hours=3)  # of power; today's total replaces yesterday's within this time (quirk 56)

NOTHING = Watch(None, 0, {}, None, None)


def look(snapshot: Snapshot, watch: Watch | None, site: Site | None) -> Watch:
    """Returns the watch to remember after `snapshot`; `site` is None if it is not known.

    Data without a time, or of the same time as the last data, change nothing but the short list.
    """
    watch = watch if watch is not None else NOTHING
    if (watch.short, watch.missing) != (snapshot.short, snapshot.missing):  # by any data, whatever their time
        watch = watch._replace(short=snapshot.short, missing=snapshot.missing)
    at = snapshot.timestamp
    if at is not None and (watch.at is None or elapsed(watch.at, at)):
        watch = _seen(snapshot, at, watch, site)
    return watch


def with_problems(report: Report, watch: Watch, names: Names = NO_NAMES) -> Report:
    """Returns `report` with the problems of the array and of each inverter."""
    inverters = (one._replace(problem=_of_inverter(one, watch)) for one in report.inverters)
    problems = tuple(named(words, names) for words in in_words(watch))
    return report._replace(problems=problems, inverters=tuple(inverters))


def in_words(watch: Watch) -> tuple[str, ...]:
    """Returns the problems in `watch`: those of the ECU's counts, then of inverters by UID, then of counters."""
    return (
        *_of_counts(watch),
        *(f"inverter {uid} has produced {_no_power(idle)}" for uid, idle in sorted(watch.idle.items()) if idle.told),
        *(
            f"the ECU's energy/{counter} has stayed at {still.value:.10g} kWh since {_time(still.since)} although the "
            "array produces power; restart the ECU, and use the energy/today of the inverters until then"
            for counter, still in (("today", watch.today), ("lifetime", watch.lifetime))
            if still is not None and still.told
        ),
    )


def _of_inverter(inverter: Inverter, watch: Watch) -> str | None:
    """Returns the problem of one inverter; None for one that the ECU has not seen yet, if that is no problem."""
    idle = watch.idle.get(inverter.uid)
    if idle is not None and idle.told:
        return _no_power(idle)
    if inverter.online is None and watch.missing:
        return "this inverter does not answer over SunSpec; set its Modbus address in the vendor's app"
    if inverter.online is None:
        return (
            "the ECU does not list this inverter; restart the ECU, or remove the inverter from the ECU in the vendor's "
            "app if it no longer exists"
        )
    return NO_PROBLEM if inverter.powers else None


def _no_power(idle: IdleInverter) -> str:
    return (
        f"no power since {_time(idle.since)} while the others produce power; check its breaker and its cables, or "
        "remove the inverter from the ECU in the vendor's app if it no longer exists"
    )


def _of_counts(watch: Watch) -> Iterator[str]:
    if watch.missing:
        yield watch.missing
    if watch.short is not None and watch.missing:
        yield (
            f"only {watch.short.listed} of {watch.short.expected} inverters answer over SunSpec; set the Modbus "
            "addresses of the others in the vendor's app"
        )
    elif watch.short is not None:
        yield (
            f"the ECU lists only {watch.short.listed} of its {watch.short.expected} inverters; restart the ECU, update "
            "its firmware, or use the vendor's app to remove inverters that no longer exist"
        )
    if watch.contradictory is not None and watch.at is not None and elapsed(watch.contradictory, watch.at) >= LONG:
        yield (
            f"the ECU's counts of inverters have contradicted each other since {_time(watch.contradictory)}, and its "
            "energies are not published until they agree; restart the ECU"
        )


def _seen(snapshot: Snapshot, at: datetime, watch: Watch, site: Site | None) -> Watch:
    """Returns `watch` after new data of the time `at`."""
    power = round(snapshot.power or 0) if snapshot.online else 0
    today, lifetime = watch.today, watch.lifetime
    if not snapshot.contradictory:
        flow = _flow(watch, at, power)
        today = _still(snapshot.today, today, at, flow, TODAY) if snapshot.today is not None else today
        lifetime = (
            _still(snapshot.lifetime, lifetime, at, flow, LIFETIME) if snapshot.lifetime is not None else lifetime
        )
    contradictory = (watch.contradictory or at) if snapshot.contradictory else None
    idle = _idle(snapshot, at, watch.idle, site)
    return watch._replace(at=at, power=power, idle=idle, today=today, lifetime=lifetime, contradictory=contradictory)


# -- inverters --------------------------------------------------------------------------------------------------------


def _idle(
    snapshot: Snapshot, at: datetime, before: dict[str, IdleInverter], site: Site | None
) -> dict[str, IdleInverter]:
    """Returns the inverters without power while others have it, and the reported ones that have had none since."""
    powers = {inverter.uid: _power(inverter) for inverter in snapshot.inverters}
    unread = {inverter.uid for inverter in snapshot.inverters if set(inverter.powers) == {None}}
    idle = {uid: was for uid, was in before.items() if uid not in powers and _may_be_there(uid, was, snapshot, at)}
    suspects = []
    for uid, power in powers.items():
        if power:
            continue
        if uid in unread:  # its power is not known, so it is neither suspected nor cleared
            idle |= {uid: before[uid]} if uid in before else {}
        elif uid in before and before[uid].told:
            idle[uid] = before[uid]._replace(seen=at)
        else:
            suspects.append(uid)
    others = sum(powers.values()) / max(1, len(powers) - 1)
    if suspects and _is_broad_daylight(site, at, others):
        idle |= {uid: _suspected(before.get(uid), at) for uid in suspects}
    return idle


def _power(inverter: Inverter) -> int:
    return sum(power or 0 for power in inverter.powers)


def _may_be_there(uid: str, was: IdleInverter, snapshot: Snapshot, at: datetime) -> bool:
    """True if an inverter without a reading may still be registered in the ECU."""
    return uid in snapshot.skipped or not snapshot.complete or _is_bridged(was.seen, at)


def _suspected(was: IdleInverter | None, at: datetime) -> IdleInverter:
    since = was.since if was is not None and _is_bridged(was.seen, at) else at
    return IdleInverter(since, at, told=elapsed(since, at) >= LONG)


def _is_broad_daylight(site: Site | None, at: datetime, others: float) -> bool:
    """True if the sun is high, or at noon without a site, and the `others` produce enough (average power in W)."""
    if site is None:
        return at.hour in AROUND_NOON and others >= OTHERS_AROUND_NOON
    from aps2mqtt.base.sun import elevation

    return others >= OTHERS and elevation(site, at) >= HIGH


# -- counters ---------------------------------------------------------------------------------------------------------


class _Flow(NamedTuple):
    """The flow of power between two data; zero if power may not have flowed all the time."""

    seconds: float = 0.0
    energy: float = 0.0  # Wh


def _flow(watch: Watch, at: datetime, power: int) -> _Flow:
    if watch.at is None or not _is_bridged(watch.at, at) or watch.power <= 0 or power <= 0:
        return _Flow()
    passed = elapsed(watch.at, at)
    return _Flow(passed.total_seconds(), (watch.power + power) / 2 * (passed / timedelta(hours=1)))


def _still(value: float, was: Standstill | None, at: datetime, flow: _Flow, resolution: int) -> Standstill:
    """Returns the standstill of a counter at `value`. It needs energy too: at dusk it moves less than once an hour."""
    if was is None or value != was.value:
        return Standstill(value, at)
    powered, energy = was.powered + flow.seconds, was.energy + flow.energy
    is_of_yesterday = resolution == TODAY and value > 0 and was.since.date() != at.date()
    patience = LATE if is_of_yesterday else LONG
    told = was.told or (powered >= patience.total_seconds() and energy >= STEPS * resolution)
    return Standstill(value, was.since, powered, energy, told)


# -- time -------------------------------------------------------------------------------------------------------------


def _is_bridged(start: datetime, end: datetime) -> bool:
    """False across a gap in the data, or if the ECU's clock was set back."""
    return timedelta() <= elapsed(start, end) <= LONGEST_GAP


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M}"
