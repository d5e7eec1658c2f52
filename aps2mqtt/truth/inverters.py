"""The inverters and their values, from a snapshot and what is remembered. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from aps2mqtt.base.memory import Known, Memory
from aps2mqtt.base.metrics import offline
from aps2mqtt.base.physical_limits import MOST_INVERTERS, MOST_PANELS
from aps2mqtt.base.values import SUNSPEC, Inverter, Snapshot, Unchanged
from aps2mqtt.truth import inverter_energy
from aps2mqtt.truth.ecu_energy import Moment, OfInverters, date_of_data

GONE_AFTER = 3  # complete lists in a row without the inverter
UNKNOWN_AFTER = 3  # short lists in a row without it


# -- inverters --------------------------------------------------------------------------------------------------------


def inverters_of(
    snapshot: Snapshot, memory: Memory | None, site_date: date, recalled: OfInverters, moment: Moment
) -> tuple[tuple[Inverter, ...], tuple[Inverter, ...], dict[str, Known]]:
    """Returns the inverters to publish, those that are gone, and what the next job has to know about them.

    `recalled`: the energies of `site_date` as the broker retains them.
    """
    before, passed, since = {}, 0.0, None
    if memory is not None:
        before = inverter_energy.at_date(memory.inverters, memory.energies_of, site_date)
        passed = inverter_energy.hours(last_data(memory, snapshot), snapshot.timestamp, site_date)
        since = memory.reading.at
    if snapshot.short is not None or memory is None:  # with a lost state, the broker may know one that is not listed
        before = {uid: Known(len(of), len(of), energies=of) for uid, of in recalled.panels.items()} | before
    inverters = []
    known = {uid: before[uid]._replace(missing=0, unlisted=0) for uid in snapshot.skipped & before.keys()}
    if _all_are_offline(snapshot):
        inverters += [absent(uid, was) for uid, was in known.items()]
        known = {uid: _without_power(was) for uid, was in known.items()}
    for inverter in snapshot.inverters:
        was = before.get(inverter.uid)
        grown = inverter_energy.grown(was, inverter.powers, passed)
        energies = inverter_energy.at_least(grown, recalled.panels.get(inverter.uid, ()))
        now = _known(inverter, was, energies)
        of_yesterday = inverter_energy.may_be_of_yesterday(inverter, date_of_data(snapshot), site_date, moment)
        read = inverter_energy.CounterReading(site_date, moment._replace(inverters=1), since, of_yesterday)
        whole = recalled.whole.get(inverter.uid, 0.0)
        now = now._replace(counter=inverter_energy.counted(was, now, inverter.today, whole, read))
        known[inverter.uid] = now
        inverters.append(_with_past(inverter, now))
    gone = []
    for uid, was in _unlisted(snapshot, before, recalled.panels):
        left, shown = _left_out(uid, was, snapshot) if snapshot.short is not None else _missing(uid, was, snapshot)
        if left is not None and len(known) < MOST_INVERTERS:  # if an ECU invents inverters, the rest is gone
            known[uid] = left
            inverters += [shown] if shown is not None else []
        else:
            gone.append(absent(uid, was))
    return tuple(inverters), tuple(gone), known


def _all_are_offline(snapshot: Snapshot) -> bool:
    return snapshot.online == 0 and not snapshot.contradictory


def _missing(uid: str, was: Known, snapshot: Snapshot) -> tuple[Known | None, Inverter | None]:
    """An inverter that is missing: offline after a complete list without it, gone (None) after GONE_AFTER of them.

    If the ECU contradicts itself, no inverter is gone.
    """
    missing = was.missing + snapshot.complete
    if missing >= GONE_AFTER and not snapshot.contradictory:
        return None, None
    if not (missing or _all_are_offline(snapshot)):
        return was, None
    return _without_power(was)._replace(missing=min(missing, GONE_AFTER - 1), unlisted=0), absent(uid, was)


def _left_out(uid: str, was: Known, snapshot: Snapshot) -> tuple[Known, Inverter | None]:
    """An inverter that short lists leave out: unchanged, unknown after UNKNOWN_AFTER of them; offline if all are."""
    if _all_are_offline(snapshot):
        return _without_power(was)._replace(unlisted=0), absent(uid, was)
    unlisted = was.unlisted + 1
    if unlisted < UNKNOWN_AFTER:
        return was._replace(unlisted=unlisted), None
    was = was._replace(unlisted=UNKNOWN_AFTER, powers=(None,) * was.panels, sunspec=False)
    return was, absent(uid, was)._replace(online=None, powers=was.powers)


def _without_power(was: Known) -> Known:
    return was._replace(powers=(0,) * was.panels)


def _unlisted(
    snapshot: Snapshot, before: dict[str, Known], recalled: Mapping[str, tuple[float, ...]]
) -> Iterator[tuple[str, Known]]:
    listed = {inverter.uid for inverter in snapshot.inverters}
    for uid, was in before.items():
        if uid not in listed and uid not in snapshot.skipped:
            yield uid, was._replace(energies=inverter_energy.at_least(was.energies, recalled.get(uid, ())))


def _known(inverter: Inverter, was: Known | None, energies: tuple[float, ...]) -> Known:
    panels = len(inverter.powers)
    most_panels = was.panels + was.lost if was is not None else 0
    signal = inverter.signal
    if isinstance(signal, Unchanged):
        signal = was.signal if was is not None else None
    return Known(
        panels,
        len(inverter.voltages),
        lost=max(0, most_panels - panels),
        signal=signal,
        powers=inverter.powers,
        energies=energies,
        sunspec=inverter.ac_power is not None or inverter.firmware is not None,
        model=inverter.model or (was.model if was is not None else ""),
        firmware=inverter.firmware or (was.firmware if was is not None else ""),
    )


def _with_past(inverter: Inverter, known: Known) -> Inverter:
    """Returns `inverter` with values that only memory has: energies, a signal that is kept, panels that it lost."""
    return inverter._replace(
        today=known.counter.published if known.counter is not None else None,
        model=known.model,
        signal=Unchanged(known.signal) if isinstance(inverter.signal, Unchanged) else inverter.signal,
        energies=tuple(round(energy / 1000, 3) for energy in known.energies[: len(inverter.powers)]),
        lost=known.lost if inverter.powers else MOST_PANELS,
    )


def absent(uid: str, was: Known) -> Inverter:
    """Returns an inverter that was not read: offline, with its remembered values."""
    shown = offline(uid, was.panels, was.voltages, sunspec=was.sunspec)
    return _with_past(shown._replace(firmware=was.firmware or None if was.sunspec else None), was)


def last_data(memory: Memory, snapshot: Snapshot) -> datetime | None:
    """Returns the time of the data before; None if that is not known, or by another clock than that of `snapshot`."""
    same_clock = (memory.reading.source == SUNSPEC) == (snapshot.source == SUNSPEC)
    return memory.reading.timestamp if same_clock else None
