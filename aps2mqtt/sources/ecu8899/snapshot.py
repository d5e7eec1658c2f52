"""Makes a snapshot from the wire's records; there is no reverse. Pure.

The records keep the junk of offline inverters, the snapshot does not (docs/guarantees.md; quirks 28, 29, 36 to 38, 61).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo

from aps2mqtt.base import physical_limits
from aps2mqtt.base.errors import MalformedFrame
from aps2mqtt.base.metrics import offline
from aps2mqtt.base.physical_limits import AWAKE, CHANNEL_POWERS, MOST_INVERTERS, TEMPERATURES, VOLTAGES
from aps2mqtt.base.printable import plain
from aps2mqtt.base.values import UNCHANGED, Inverter, Remark, Short, Snapshot, Unchanged
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.tables import NEVER_HEARD, RECORD_LAYOUTS, is_uid

ECU_ID_DIGITS = 12
MAX_LEVEL = 255
UNMEASURED = -100  # degC, the reading for raw 0 (quirk 37)
YEARS = range(2000, 9999)  # others are from a clock that was never set; times in the years 1 and 9999 may have no UTC


def snapshot(info: SystemInfo, real_time: RealTime, signal: Signal | None, timezone: tzinfo) -> Snapshot:
    """The snapshot from the three answers of one poll; if 0030 failed, `signal` is None and the signals are UNCHANGED.

    `timezone` is the site's: the ECU's own field is nonsense on most models (quirk 25). Raises MalformedFrame if the
    ECU's id is not valid.
    """
    identified(info)
    levels = None if signal is None else dict(signal.levels)
    records, twice = _by_uid(record for record in real_time.records if record.uid != info.ecu_id)
    remarks = info.remarks + real_time.remarks + (signal.remarks if signal else ())
    if twice:
        remarks += (Remark("the answer to 0002 contradicts itself", f"inverters that it lists twice: {twice}"),)
    understood = {uid: one for uid, one in records.items() if is_uid(uid) and one.type in RECORD_LAYOUTS}
    skipped = records.keys() - understood.keys()
    garbled = not all(map(is_uid, skipped))  # it is unknown which inverter that is
    for record in understood.values():
        remarks += tuple(impossible(record))
    nothing_of_some = not real_time.records and (info.power > 0 or not has_no_inverters(info))
    listed = len(real_time.records)
    contradictory, short = is_contradictory(info, listed), left_out(info, listed)
    counted = listed or MOST_INVERTERS  # for a contradictory 0001
    power, doubts = _power(info, counted if contradictory else max(1, info.registered, listed))
    return Snapshot(
        ecu_id=info.ecu_id,
        firmware=plain(info.firmware),
        power=power,
        lifetime=info.lifetime_energy,
        today=info.energy_today,
        registered=info.registered,
        online=info.online,
        contradictory=contradictory,
        timestamp=timestamp(real_time.time, timezone),
        inverters=tuple(_inverter(one, levels) for one in understood.values()),
        skipped=frozenset(skipped),
        skipped_online=sum(records[uid].online for uid in skipped),
        complete=real_time.complete and not (twice or garbled or nothing_of_some),
        short=short,
        remarks=(*remarks, *_of_counts(info, listed, short), *doubts),
    )


def identified(info: SystemInfo) -> SystemInfo:
    """`info`, if it has an ECU's id, which becomes part of requests and topics; else raises MalformedFrame."""
    if len(info.ecu_id) != ECU_ID_DIGITS or not (info.ecu_id.isascii() and info.ecu_id.isdecimal()):
        raise MalformedFrame(f"the ECU's id {info.ecu_id!r} is not a number of {ECU_ID_DIGITS} digits")
    return info


def has_no_inverters(info: SystemInfo) -> bool:
    """True for a new ECU; in the glitch of quirk 53 no inverter is registered either, but some are online."""
    return info.registered == 0 and info.online == 0


def is_contradictory(info: SystemInfo, listed: int) -> bool:
    """True if 0001 contradicts itself or a list of so many inverters.

    More are online than registered (quirk 53), none is registered though some are listed or give power, or more are
    registered than any list can hold.
    """
    none_of_some = info.registered == 0 and (listed > 0 or info.power > 0)
    return info.online > info.registered or none_of_some or info.registered > MOST_INVERTERS


def left_out(info: SystemInfo, listed: int) -> Short | None:
    """The listed and the expected number of inverters if the list is shorter than 0001 states; else None.

    Firmware of April 2026 lists none while all of them produce; so inverters that are not listed may not be gone.
    """
    expected = max(number for number in (info.registered, info.online, 0) if number <= MOST_INVERTERS)
    return Short(listed, expected) if listed < expected else None


def _of_counts(info: SystemInfo, listed: int, short: Short | None) -> Iterator[Remark]:
    """Remarks on odd numbers of inverters. The glitch of quirk 53 is over by the next poll, so it gets no remark."""
    if short is not None:
        yield Remark("the ECU does not list all its inverters", f"it has {short.expected} and lists {listed}")
    if info.registered == info.online == 0 and is_contradictory(info, listed):
        yield Remark(
            "the ECU reports that it has no inverters",
            f"it lists {listed} and reports {info.power} W, so no inverter is removed",
        )


def _power(info: SystemInfo, inverters: int) -> tuple[int | None, tuple[Remark, ...]]:
    """The ECU's power if so many inverters can give it, else None and a remark."""
    if info.power <= physical_limits.power(inverters):
        return info.power, ()
    return None, (
        Remark(
            "the ECU reports more power than its inverters can produce",
            f"{info.power} W (inverters: {inverters}), ignored in this poll",
        ),
    )


def impossible(record: Record) -> Iterator[Remark]:
    """A remark on the values of `record` that are no readings, if there are any."""
    if not _measures(record):
        return
    values = [f"{watts} W on channel {n}" for n, watts in enumerate(record.powers, 1) if watts not in CHANNEL_POWERS]
    values += [f"{volts} V as V{n}" for n, volts in enumerate(record.voltages, 1) if volts not in VOLTAGES]
    if record.temperature != UNMEASURED and record.temperature not in TEMPERATURES:
        values.append(f"{record.temperature} degC")
    if values:
        yield Remark(
            f"inverter {record.uid} reports impossible values",
            f"{', '.join(values)}, ignored in this poll; restart the ECU if this continues",
        )


def _by_uid(listed: Iterable[Record]) -> tuple[dict[str, Record], int]:
    """The records by UID, and the number of repeated ones; of two records, the online one counts."""
    records: dict[str, Record] = {}
    twice = 0
    for record in listed:
        twice += record.uid in records
        if record.uid not in records or (record.online and not records[record.uid].online):
            records[record.uid] = record
    return records, twice


def timestamp(digits: str, timezone: tzinfo) -> datetime | None:
    """Wall time of the site; None for filler and for the time of a clock that was never set.

    If an hour occurs twice, the first one is taken: the frame does not show which one it is.
    """
    try:
        year = int(digits[:4])
        month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone) if year in YEARS else None
    except ValueError:
        return None


def _inverter(record: Record, levels: dict[str, int] | None) -> Inverter:
    if not _measures(record):
        return offline(record.uid, len(record.powers), len(record.voltages))
    awake = AWAKE[0] < record.frequency < AWAKE[1]
    return Inverter(
        record.uid,
        online=True,
        powers=tuple(power if power in CHANNEL_POWERS else None for power in record.powers),
        voltages=tuple(volts if awake and volts in VOLTAGES else None for volts in record.voltages),
        frequency=record.frequency if awake else None,
        temperature=record.temperature if record.temperature in TEMPERATURES else None,
        signal=_percent(record.uid, levels),
    )


def _measures(record: Record) -> bool:
    return record.online and record.type != NEVER_HEARD


def _percent(uid: str, levels: dict[str, int] | None) -> int | Unchanged | None:
    if levels is None:
        return UNCHANGED
    level = levels.get(uid)
    return None if level is None else level * 100 // MAX_LEVEL
