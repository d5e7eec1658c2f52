"""From the wire's records to what they mean: one way, pure.

The wire keeps the junk of offline records; here it ends (contract "Truth on the broker", quirks 28, 29, 36 to 38, 61).
"""

from collections.abc import Iterable
from datetime import datetime, tzinfo

from aps2mqtt.ecu.protocol import NEVER_HEARD, RECORD_LAYOUTS, RealTime, Record, Signal, SystemInfo
from aps2mqtt.errors import MalformedFrame
from aps2mqtt.model import KEPT, Inverter, Kept, Remark, Snapshot
from aps2mqtt.printable import printable

ECU_ID_DIGITS = 12
MAX_LEVEL = 255
UNMEASURED = -100  # degC, what raw 0 reads as (quirk 37)
YEARS = range(2000, 9999)  # others are those of a clock that was never set, and none of UTC at their ends
AWAKE = (45.0, 65.0)  # Hz, exclusive; an inverter that is half awake says 65.0 (quirk 38)


def snapshot(info: SystemInfo, real_time: RealTime, signal: Signal | None, timezone: tzinfo) -> Snapshot:
    """What the three answers of one poll mean; `signal` is None where 0030 failed, and signals then stay as they are.

    `timezone` is the site's: the ECU's own field is nonsense on most models (quirk 25). Raises MalformedFrame where
    the ECU's id is none.
    """
    identified(info)
    levels = None if signal is None else dict(signal.levels)
    records, twice = _by_uid(record for record in real_time.records if record.uid != info.ecu_id)
    remarks = info.remarks + real_time.remarks + (signal.remarks if signal else ())
    if twice:
        remarks += (Remark("0002 contradicts itself", f"UIDs that it lists twice: {twice}"),)
    unknown = [one for one in records.values() if one.type not in RECORD_LAYOUTS]
    nothing_of_some = not real_time.records and not has_no_inverters(info)
    return Snapshot(
        ecu_id=info.ecu_id,
        firmware=plain(info.firmware),
        power=info.power,
        lifetime=info.lifetime_energy,
        today=info.energy_today,
        registered=info.registered,
        online=info.online,
        contradictory=info.online > info.registered or (info.registered == 0 and bool(records)),
        timestamp=timestamp(real_time.time, timezone),
        inverters=tuple(_inverter(one, levels) for one in records.values() if one.type in RECORD_LAYOUTS),
        skipped=frozenset(one.uid for one in unknown),
        skipped_online=sum(one.online for one in unknown),
        complete=real_time.complete and not twice and not nothing_of_some,
        remarks=remarks,
    )


def identified(info: SystemInfo) -> SystemInfo:
    """`info`, if it has an ECU's id, which becomes part of requests and topics; else raises MalformedFrame."""
    if len(info.ecu_id) != ECU_ID_DIGITS or not (info.ecu_id.isascii() and info.ecu_id.isdecimal()):
        raise MalformedFrame(f"the ECU's id {info.ecu_id!r} is not one of {ECU_ID_DIGITS} digits")
    return info


def has_no_inverters(info: SystemInfo) -> bool:
    """True for a new ECU; in the glitch of quirk 53 none is registered either, but some are online."""
    return info.registered == 0 and info.online == 0


def plain(text: str) -> str:
    """`text` of an ECU as it is published: printable ASCII, with a question mark for all else."""
    return printable(text.encode("ascii", "replace").decode())


def _by_uid(listed: Iterable[Record]) -> tuple[dict[str, Record], int]:
    """The records by UID, and how many came again; of two the one that is online counts."""
    records: dict[str, Record] = {}
    twice = 0
    for record in listed:
        twice += record.uid in records
        if record.uid not in records or (record.online and not records[record.uid].online):
            records[record.uid] = record
    return records, twice


def timestamp(digits: str, timezone: tzinfo) -> datetime | None:
    """Wall time of the site; None for filler and for that of a clock that was never set.

    Of an hour that comes twice, the first: the frame does not tell.
    """
    try:
        year = int(digits[:4])
        month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone) if year in YEARS else None
    except ValueError:
        return None


def _inverter(record: Record, levels: dict[str, int] | None) -> Inverter:
    if not record.online or record.type == NEVER_HEARD:
        return Inverter(record.uid, online=False, powers=(0,) * len(record.powers), voltages=_none(record))
    awake = AWAKE[0] < record.frequency < AWAKE[1]
    return Inverter(
        record.uid,
        online=True,
        powers=record.powers,
        voltages=record.voltages if awake else _none(record),
        frequency=record.frequency if awake else None,
        temperature=record.temperature if record.temperature != UNMEASURED else None,
        signal=_percent(record.uid, levels),
    )


def _none(record: Record) -> tuple[None, ...]:
    return (None,) * len(record.voltages)


def _percent(uid: str, levels: dict[str, int] | None) -> int | Kept | None:
    if levels is None:
        return KEPT
    level = levels.get(uid)
    return None if level is None else level * 100 // MAX_LEVEL
