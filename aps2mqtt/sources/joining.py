"""Joins what the two sources say of one array; or what SunSpec says alone, with what is remembered. Pure.

    Snapshot of 8899, Snapshot of SunSpec -> Snapshot
    Snapshot of SunSpec, Memory -> Snapshot

The table of metrics says which source wins. The source that wins supplies a value also where it has none for now: what
8899 has not measured is not taken from SunSpec. Whether an inverter is online is 8899's, where that was read.
"""

from collections.abc import Mapping
from typing import Any

from aps2mqtt.base.memory import Known, Memory
from aps2mqtt.base.metrics import OF_INVERTER, OF_PANEL, PANEL, offline
from aps2mqtt.base.values import ECU8899, SUNSPEC, Inverter, Short, Snapshot


def joined(ecu8899: Snapshot, sunspec: Snapshot) -> Snapshot:
    """The two as one. All that is said of the ECU itself is 8899's; the inverters are joined by UID."""
    by_uid = {inverter.uid: inverter for inverter in sunspec.inverters}
    inverters = [_joined(inverter, by_uid.pop(inverter.uid, None)) for inverter in ecu8899.inverters]
    left_out = [_settled(one) for uid, one in by_uid.items() if ecu8899.short is not None or uid in ecu8899.skipped]
    listed = ecu8899.short.listed + sum(one.uid not in ecu8899.skipped for one in left_out) if ecu8899.short else 0
    return ecu8899._replace(
        inverters=(*inverters, *left_out),
        skipped=ecu8899.skipped - {inverter.uid for inverter in left_out},
        short=ecu8899.short._replace(listed=listed) if ecu8899.short and listed < ecu8899.short.expected else None,
        remarks=(*ecu8899.remarks, *sunspec.remarks),
        source=f"{ECU8899}+{SUNSPEC}" if sunspec.inverters else ECU8899,
    )


def alone(said: Snapshot, memory: Memory | None) -> Snapshot:
    """`said` with the inverters that said nothing: those that were asleep are offline, and of the others nobody knows.

    An inverter that was online may have another address now, or its answer was lost.
    """
    answered = {inverter.uid for inverter in said.inverters}
    silent = {uid: was for uid, was in (memory.inverters if memory is not None else {}).items() if uid not in answered}
    asleep = {uid: was for uid, was in silent.items() if was_asleep(was)}
    expected = len(answered) + len(silent) - len(asleep)
    return said._replace(
        inverters=(*map(_settled, said.inverters), *(_asleep(uid, was) for uid, was in asleep.items())),
        short=Short(len(answered), expected) if len(answered) < expected else None,
    )


def was_asleep(was: Known) -> bool:
    """True for an inverter that gave nothing when it was read last, or was never heard."""
    return all(power == 0 for power in was.powers)


def _joined(of_8899: Inverter, of_sunspec: Inverter | None) -> Inverter:
    """One inverter as both sources say it."""
    if of_sunspec is None or not of_8899.powers:  # one that 8899 has never heard is only offline
        return of_8899
    if not of_8899.online:
        return _offline(of_sunspec, len(of_8899.powers), len(of_8899.voltages))
    said: Mapping[str, Inverter] = {ECU8899: of_8899, SUNSPEC: of_sunspec}
    fields: dict[str, Any] = {}
    for metric in (*OF_INVERTER, *OF_PANEL):
        field = metric.own or metric.field
        fields[field] = getattr(said[metric.sources[0]], field)
        if metric.scope == PANEL and metric.only_sunspec:
            fields[field] = fields[field][: len(of_8899.powers)]
    return of_8899._replace(**fields, model=of_sunspec.model)


def _settled(of_sunspec: Inverter) -> Inverter:
    """An inverter as SunSpec alone says it: where it is not online, it gives nothing at any level."""
    if of_sunspec.online:
        return of_sunspec
    return _offline(of_sunspec, len(of_sunspec.powers), len(of_sunspec.voltages))


def _offline(of_sunspec: Inverter, panels: int, voltages: int) -> Inverter:
    shown = offline(of_sunspec.uid, panels, voltages, sunspec=True)
    return shown._replace(today=of_sunspec.today, firmware=of_sunspec.firmware, model=of_sunspec.model)


def _asleep(uid: str, was: Known) -> Inverter:
    """An inverter that has said nothing more since it was asleep."""
    shown = offline(uid, was.panels, was.voltages, sunspec=was.sunspec)
    return shown._replace(firmware=was.firmware or None if was.sunspec else None)
