"""The answers to 0001, 0002 and 0030: values, decoders and encoders. Pure.

Frame -> SystemInfo | RealTime | Signal         and back, byte for byte
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from aps2mqtt.base.errors import FrameError, MalformedFrame
from aps2mqtt.base.values import Remark
from aps2mqtt.sources.ecu8899 import frames, tables
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.layouts import Layout, Value, read, size, write
from aps2mqtt.sources.ecu8899.record_sizes import Sizes, record_layouts, record_sizes, type_at

# -- 0001 -------------------------------------------------------------------------------------------------------------


class SystemInfo(NamedTuple):
    """Answer to 0001. The fields that format 02 lacks are empty."""

    ecu_id: str
    version: str
    lifetime_energy: float  # kWh, 0.1 each
    power: int  # W
    energy_today: float  # kWh, 0.01 each
    registered: int  # inverters
    online: int  # inverters
    firmware: str
    last_contact: str = ""  # yyyymmddhhmmss, or filler
    channel: str = ""
    time_zone: str = ""
    wired_mac: str = ""  # hexadecimal, as the next three
    wireless_mac: str = ""
    reserved: str = ""
    unknown: str = ""
    remarks: tuple[Remark, ...] = ()


def decode_system_info(frame: Frame) -> SystemInfo:
    """The system info in `frame`; raises FrameError.

    An unknown format is read under the first layout that fits.
    """
    failure: FrameError | None = None
    for layout in system_info_layouts(frame.body):
        try:
            info = SystemInfo(**cast("dict[str, Any]", read(layout, frame.body, tables.BODY)))
        except FrameError as error:
            failure = failure or error
            continue
        if not frame.trailer and len(info.unknown) not in tables.KNOWN_UNKNOWN:
            raise MalformedFrame("the answer to 0001 continues after its last field" + frames.wrong_end(frame))
        remarks = frames.absent_trailer(frame)
        if info.version not in tables.SYSTEM_INFO_LAYOUTS:
            remarks += (Remark(f"0001 has the unknown format {info.version!r}", "read with the layout that fits"),)
        return info._replace(remarks=remarks)
    raise MalformedFrame(f"the answer to 0001 cannot be decoded: {failure}") from failure


def system_info_layouts(body: bytes) -> tuple[Layout, ...]:
    """The layout of this answer's format; for an unknown format, all layouts."""
    known = tables.SYSTEM_INFO_LAYOUTS.get(body[tables.SYSTEM_INFO_VERSION].decode("latin-1"))
    return tuple(tables.SYSTEM_INFO_LAYOUTS.values()) if known is None else (known,)


def encode_system_info(info: SystemInfo, group: str = "11") -> Frame:
    """The frame of `info`, under the layout of its version."""
    return Frame.build(group, tables.SYSTEM_INFO, write(tables.SYSTEM_INFO_LAYOUTS[info.version], info._asdict()))


# -- 0002 -------------------------------------------------------------------------------------------------------------


class Record(NamedTuple):
    """One inverter in the answer to 0002, as on the wire: the values of an offline one are junk (quirks 36, 37)."""

    uid: str
    online: bool
    type: str
    frequency: float = 0.0  # Hz
    temperature: int = 0  # degC
    powers: tuple[int, ...] = ()  # W, by channel
    voltages: tuple[int, ...] = ()  # V AC, V1..Vn
    undecoded: str = ""  # hexadecimal: the bytes behind the type code, if the type is unknown


class RealTime(NamedTuple):
    """Answer to 0002. If `status` is not "00", all else is empty."""

    status: str
    version: str = ""
    count: int = 0  # type: ignore[assignment]  # not that of a tuple, which nobody calls here
    time: str = ""  # yyyymmddhhmmss, wall time of the site
    records: tuple[Record, ...] = ()
    complete: bool = True  # every record was decoded, and `count` is their number
    remarks: tuple[Remark, ...] = ()


def decode_real_time(frame: Frame) -> RealTime:
    """The records in `frame`; raises FrameError.

    A record of an unknown type is skipped if exactly one size fits (see record_sizes); if not, the list ends before it.
    A record with a garbled UID stays in the list, with a remark. Records that fill the frame are used even if their
    number is not `count`, but then the list is not complete.
    """
    status = frames.status_of(frame)
    if status != tables.STATUS_OK:
        return RealTime(status)
    head = frames.read_part(tables.REAL_TIME_HEAD, frame, tables.DATA)
    count = int(head["count"])
    remarks = frames.absent_trailer(frame)
    if head["version"] != "01":
        remarks += (Remark(f"0002 has the unknown format {head['version']!r}", "read as format 01"),)
    sizes = record_sizes(frame, count)
    records, end = _records(frame.body, sizes)
    return RealTime(
        status,
        str(head["version"]),
        count,
        str(head["time"]),
        records=tuple(record for _, record in records),
        complete=end == len(frame.body) and len(records) == count,
        remarks=(
            *remarks,
            *_of_skipped(frame.body, records, sizes),
            *_of_end(frame, end, sizes, len(records), count),
        ),
    )


def _of_skipped(body: bytes, records: list[tuple[int, Record]], sizes: Sizes) -> Iterator[Remark]:
    """A remark on each record that gives no reading: first those of an unknown type, then those with a garbled UID."""
    for at, record in records:
        if record.type not in tables.RECORD_LAYOUTS:
            raw = body[at : at + sizes[record.type]].hex()
            yield Remark(
                f"inverter {record.uid} has the unknown type {record.type}",
                f"left out; please report its record at byte {at}: {raw}",
            )
    for at, record in records:
        if not tables.is_uid(record.uid):
            raw = body[at : at + sizes[record.type]].hex()
            yield Remark(
                f"inverter {record.uid} has a serial number that is not decimal",
                f"left out; please report its record at byte {at}: {raw}",
            )


def _of_end(frame: Frame, end: int, sizes: Sizes, listed: int, count: int) -> Iterator[Remark]:
    """A remark if the `listed` records, which end at byte `end`, are not the whole list of `count`.

    Raises MalformedFrame if what follows them is no record.
    """
    code = type_at(frame.body, end)
    if code is not None and code not in sizes and frame.trailer:
        yield Remark(
            f"the size of records of type {code} is unknown",
            f"only {listed} of {count} inverters were read; please report from byte {end}: {frame.body[end:].hex()}",
        )
    elif end < len(frame.body):
        raise MalformedFrame(
            f"{listed} of {count} records end at byte {end}, but the answer ends at {len(frame.body)}"
            + frames.wrong_end(frame)
        )
    elif listed != count:
        yield Remark("the answer to 0002 contradicts itself", f"it declares {count} inverters and lists {listed}")


def encode_real_time(real_time: RealTime, group: str = "11") -> Frame:
    """The frame of `real_time`; a status other than "00" has no trailer."""
    head = write(tables.REAL_TIME_HEAD, real_time._asdict())
    records = b"".join(map(_encode_record, real_time.records))
    return Frame.of_status(group, tables.REAL_TIME, real_time.status, head + records)


def _records(body: bytes, sizes: Sizes) -> tuple[list[tuple[int, Record]], int]:
    """The records of known size with their offsets, and where they end."""
    records, end = [], tables.RECORDS
    for offset, layout in record_layouts(body, sizes):
        records.append((offset, _record(read(layout, body, offset))))
        end = offset + size(layout)
    return records, end


def _record(values: dict[str, Value]) -> Record:
    named = cast("dict[str, Any]", values)
    powers = tuple(value for name, value in named.items() if name.startswith("power_"))
    voltages = tuple(value for name, value in named.items() if name.startswith("voltage_"))
    return Record(**{name: named[name] for name in Record._fields if name in named}, powers=powers, voltages=voltages)


def _encode_record(record: Record) -> bytes:
    values = record._asdict()
    values |= {f"power_{n}": power for n, power in enumerate(record.powers, 1)}
    values |= {f"voltage_{n}": voltage for n, voltage in enumerate(record.voltages, 1)}
    names = values.keys()
    layouts = tables.RECORD_LAYOUTS.get(record.type, (tables.RECORD_HEAD,))
    layout = max((one for one in layouts if {item.name for item in one} <= names), key=size)
    return write(layout, values) + bytes.fromhex(record.undecoded)


# -- 0030 -------------------------------------------------------------------------------------------------------------


class Signal(NamedTuple):
    """Answer to 0030. If `status` is not "00", all else is empty."""

    status: str
    levels: tuple[tuple[str, int], ...] = ()  # UID and link quality, 0..255; the list need not be that of 0002
    remarks: tuple[Remark, ...] = ()


def decode_signal(frame: Frame) -> Signal:
    """The link qualities in `frame`; raises FrameError."""
    status = frames.status_of(frame)
    if status != tables.STATUS_OK:
        return Signal(status)
    rows = frames.rows_of(tables.SIGNAL_RECORD, frame, tables.DATA)
    if rows is None:
        raise MalformedFrame("the answer to 0030 ends within a record" + frames.wrong_end(frame))
    levels = tuple((str(row["uid"]), int(row["level"])) for row in rows)
    return Signal(status, levels, frames.absent_trailer(frame))


def encode_signal(signal: Signal, group: str = "11") -> Frame:
    """The frame of `signal`; a status other than "00" has no trailer."""
    records = frames.encoded_rows(tables.SIGNAL_RECORD, signal.levels)
    return Frame.of_status(group, tables.SIGNAL, signal.status, records)
