"""Joins what the two sources say of one array. Pure.

    Snapshot of 8899, Snapshot of SunSpec -> Snapshot

The table of metrics says which source wins. The source that wins supplies a value also where it has none for now: what
8899 has not measured is not taken from SunSpec.
"""

from collections.abc import Mapping
from typing import Any

from aps2mqtt.base.metrics import OF_INVERTER, OF_PANEL, PANEL, offline
from aps2mqtt.base.values import ECU8899, SUNSPEC, Inverter, Snapshot


def joined(ecu8899: Snapshot, sunspec: Snapshot) -> Snapshot:
    """The two as one. All that is said of the ECU itself is 8899's; the inverters are joined by UID."""
    by_uid = {inverter.uid: inverter for inverter in sunspec.inverters}
    inverters = [_joined(inverter, by_uid.pop(inverter.uid, None)) for inverter in ecu8899.inverters]
    left_out = [inverter for uid, inverter in by_uid.items() if ecu8899.short is not None or uid in ecu8899.skipped]
    listed = ecu8899.short.listed + sum(one.uid not in ecu8899.skipped for one in left_out) if ecu8899.short else 0
    return ecu8899._replace(
        inverters=(*inverters, *left_out),
        skipped=ecu8899.skipped - {inverter.uid for inverter in left_out},
        short=ecu8899.short._replace(listed=listed) if ecu8899.short and listed < ecu8899.short.expected else None,
        remarks=(*ecu8899.remarks, *sunspec.remarks),
        source=f"{ECU8899}+{SUNSPEC}" if sunspec.inverters else ECU8899,
    )


def _joined(of_8899: Inverter, of_sunspec: Inverter | None) -> Inverter:
    """One inverter as both sources say it."""
    if of_sunspec is None or not of_8899.powers:  # one that 8899 has never heard is only offline
        return of_8899
    said: Mapping[str, Inverter] = {ECU8899: of_8899, SUNSPEC: of_sunspec}
    if not of_8899.online:
        inverter = offline(of_8899.uid, len(of_8899.powers), len(of_8899.voltages), sunspec=True)
        return inverter._replace(today=of_sunspec.today, firmware=of_sunspec.firmware, model=of_sunspec.model)
    fields: dict[str, Any] = {}
    for metric in (*OF_INVERTER, *OF_PANEL):
        field = metric.own or metric.field
        fields[field] = getattr(said[metric.sources[0]], field)
        if metric.scope == PANEL and metric.only_sunspec:
            fields[field] = fields[field][: len(of_8899.powers)]
    return of_8899._replace(**fields, model=of_sunspec.model)
