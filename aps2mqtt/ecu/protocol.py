"""The ECU's local protocol (TCP 8899) as tables, and the code that walks them.

Pure: no socket, clock, log or configuration. The vendor publishes no specification; the tables join what public
reverse-engineering agrees on with what captured frames show (tests/captures has the frames
with their sources). Integers are unsigned and big-endian. All offsets count from the first byte of the frame.

    bytes -> Frame -> SystemInfo | RealTime | Signal | PowerOfDay | EnergyByDay         and back, byte for byte
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, Self, cast

from aps2mqtt.ecu.wire import Bcd, Flag, Hex, Layout, Number, PrefixedText, Rest, Text, Value, read, size, write
from aps2mqtt.errors import FrameError, IncompleteFrame, MalformedFrame, NoFrame
from aps2mqtt.model import Remark

MAX_FRAME = 10_000  # the length has four digits, and does not count the final newline

SYSTEM_INFO = "0001"
REAL_TIME = "0002"
SIGNAL = "0030"
POWER_OF_DAY = "0003"
ENERGY_BY_DAY = "0004"

WEEK, MONTH, YEAR = "00", "01", "02"  # periods of 0004; a month is the last 30 days, today included (quirk 73)

STATUS_OK = "00"  # data follow
STATUS_NO_DATA = "01"  # there are none
STATUS_WRONG_ECU = "02"  # the ECU does not take the id in the request for its own (quirk 27)

HEADER: Layout = (
    Text("signature", 3),  # APS
    Text("group", 2),  # 11; 12 in the system info of 2162 and 215x: never matched on
    Text("length", 4),  # decimal text: bytes of the frame less its final newline
    Text("command", 4),  # that is answered
)
BODY = size(HEADER)
LENGTH_KNOWN = BODY - 4  # after so many bytes `declared_size` can tell
TRAILER = b"END"
NEWLINE = b"\n"

SYSTEM_INFO_LAYOUTS: dict[str, Layout] = {
    "01": (
        Text("ecu_id", 12),
        Text("version", 2),  # of this format
        Number("lifetime_energy", 4, "kWh", per=10),
        Number("power", 4, "W"),
        Number("energy_today", 4, "kWh", per=100),
        Bcd("last_contact", 7),  # with the vendor's cloud; d0 filler on 2160 and 2163, zeros on a new ECU
        Number("registered", 2),  # inverters
        Number("online", 2),  # of them
        Text("channel", 2),  # 10 in every frame so far
        PrefixedText("firmware", 0),
        PrefixedText("time_zone", 0),  # always Etc/GMT-8 on 2160 and 2163, where it means nothing
        Hex("wired_mac", 6),
        Hex("wireless_mac", 6),  # zeros on 2160 and 2163
        Rest("unknown", 0),  # twelve bytes on 2162 and 215x: 00 in text, then zeros
    ),
    # Only in other programs' code, never in a public frame (quirk 23).
    "02": (
        Text("ecu_id", 12),
        Text("version", 2),
        Number("lifetime_energy", 4, "kWh", per=10),
        Number("power", 4, "W"),
        Number("energy_today", 4, "kWh", per=100),
        Number("registered", 2),
        Number("online", 2),
        Hex("reserved", 6),
        PrefixedText("firmware", 0),
        Rest("unknown", 0),
    ),
}
SYSTEM_INFO_VERSION = slice(BODY + 12, BODY + 14)
KNOWN_UNKNOWN = (0, 24)  # lengths seen in `unknown`, in hexadecimal digits

STATUS: Layout = (Text("status", 2),)
REAL_TIME_HEAD: Layout = (
    Text("version", 2),
    Number("count", 2),  # of records
    Bcd("time", 7),  # yyyymmddhhmmss, wall time of the site: when the ECU last asked its inverters
)
RECORD_HEAD: Layout = (
    Bcd("uid", 6),  # its prefix names the model, and nothing else follows from it
    Flag("online", 1),
    Text("type", 2),  # says how long the record is
)
RECORD_HEAD_SIZE = size(RECORD_HEAD)
MEASURED: Layout = (
    Number("frequency", 2, "Hz", per=10),  # junk while offline, as all that follows
    Number("temperature", 2, "degC", less=100),
)


def _words(names: str) -> Layout:
    """16-bit words: P is the power of a channel in W, V an AC voltage in V."""
    return tuple(
        Number(f"power_{name[1:]}", 2, "W") if name[0] == "P" else Number(f"voltage_{name[1:]}", 2, "V")
        for name in names.split()
    )


TWO_CHANNELS = RECORD_HEAD + MEASURED + _words("P1 V1 P2 V2")
FOUR_CHANNELS_THREE_PHASES = RECORD_HEAD + MEASURED + _words("P1 V1 P2 V2 P3 V3 P4")
FOUR_CHANNELS = RECORD_HEAD + MEASURED + _words("P1 V1 P2 P3 P4")

# By type code, never by UID prefix (quirk 30). Where a type has two layouts, the one is right under which all records
# end exactly at the trailer (quirk 35).
RECORD_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "00": (RECORD_HEAD,),  # registered, never heard; can stand anywhere in the list (quirk 28)
    "01": (TWO_CHANNELS,),  # YC600, DS3
    "02": (FOUR_CHANNELS_THREE_PHASES,),  # YC1000, QT2; V1..V3 are L1..L3
    "03": (FOUR_CHANNELS,),  # QS1, QS1A
    "04": (TWO_CHANNELS,),  # DS3-H, DS3D-L by other programs' code
    "05": (TWO_CHANNELS, FOUR_CHANNELS_THREE_PHASES),  # nobody published a frame
}
NEVER_HEARD = "00"
MOST_PANELS = max(  # of an inverter: topics are numbered by its channels and by its voltages
    sum(field.name.startswith(word) for field in layout)
    for layouts in RECORD_LAYOUTS.values()
    for layout in layouts
    for word in ("power_", "voltage_")
)
MOST_INVERTERS = MAX_FRAME // size(RECORD_HEAD)  # that one answer can list

SIGNAL_RECORD: Layout = (
    Bcd("uid", 6),
    Number("level", 1),  # Zigbee link quality, 0..255
)

POWER_POINT: Layout = (
    Bcd("time", 2),  # hhmm, wall time of the site
    Number("power", 2, "W"),
)
PERIOD: Layout = (
    Text("period", 2),  # as it was asked for
)
# Most ECUs have four bytes of energy, some two. The layout is right under which the points fill the frame and their
# dates ascend, without a gap where both do (quirks 71 to 73).
ENERGY_POINTS: tuple[Layout, ...] = (
    (Bcd("date", 4), Number("energy", 4, "kWh", per=100)),  # the date is yyyymmdd
    (Bcd("date", 4), Number("energy", 2, "kWh", per=100)),
)

# The longest prefix that fits names the model.
INVERTER_MODELS = {
    "10": "YC500",
    "40": "YC600",
    "50": "YC1000",
    "70": "DS3",
    "702": "DS3-S",
    "703": "DS3-L",
    "80": "QS1",
    "804": "QS1A",
    "806": "QS1A",
    "90": "QT2",
}
ECU_MODELS = {"203": "ECU-3", "215": "ECU-C", "2160": "ECU-R", "2162": "ECU-R-Pro", "2163": "ECU-B"}


def _model(prefixes: Mapping[str, str], serial: str, unknown: str) -> str:
    fitting = [prefix for prefix in prefixes if serial.startswith(prefix)]
    return prefixes[max(fitting, key=len)] if fitting else unknown


def size_of(type_code: str) -> int:
    """Bytes of a record of a known type; where two are possible, the larger."""
    return max(size(layout) for layout in RECORD_LAYOUTS[type_code])


def inverter_model(uid: str) -> str:
    """Model of an inverter as its UID's prefix names it; "inverter" where it is not known."""
    return _model(INVERTER_MODELS, uid, "inverter")


def ecu_model(ecu_id: str) -> str:
    """Model of an ECU as its id's prefix names it; "ECU" where it is not known."""
    return _model(ECU_MODELS, ecu_id, "ECU")


def request(command: str, ecu_id: str = "", argument: str = "") -> bytes:
    """The request for `command`; all but the system info name the ECU.

    Those for history have an `argument`: the date of 0003, yyyymmdd, or the period of 0004. They bear the length 39,
    which is not that of 0004; ECUs do not look at it, and this is the form that was seen to be answered (quirk 74).
    """
    if argument:
        return f"APS110039{command}{ecu_id}END{argument}END\n".encode("ascii")
    body = f"{command}{ecu_id}END"
    return f"APS11{len(body) + 9:04d}{body}\n".encode("ascii")


# -- frames -----------------------------------------------------------------------------------------------------------


def declared_size(head: bytes) -> int:
    """Bytes of the whole frame, its final newline included, told by its first LENGTH_KNOWN bytes.

    Raises MalformedFrame where these are no frame's, IncompleteFrame where they are too few.
    """
    if not head.startswith(b"APS"[: len(head)]):
        text = head[:8].decode("latin-1")
        words = f" {text!r}" if text.isascii() and text.strip().isprintable() else ""
        raise NoFrame(f"the answer does not begin with APS but with 0x{head[:8].hex()}{words}")
    if len(head) < LENGTH_KNOWN:
        raise IncompleteFrame(f"the answer ends within its header, at byte {len(head)}")
    length = head[5:LENGTH_KNOWN]
    if not length.isdigit() or int(length) < BODY:
        raise MalformedFrame(f"the answer's length field is no length: 0x{length.hex()}")
    return int(length) + len(NEWLINE)


class Frame(NamedTuple):
    """One answer. `body` is all of it up to the trailer, header included, so that offsets are those of the frame."""

    body: bytes
    trailer: bool = True  # END stood behind the body

    @property
    def group(self) -> str:
        """Command group, "11" or "12"."""
        return self.body[3:5].decode("latin-1")

    @property
    def command(self) -> str:
        """Command that was answered, four digits."""
        return self.body[LENGTH_KNOWN:BODY].decode("latin-1")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The frame in `data`, which has to be all of it.

        A missing newline is forgiven, a missing trailer noted: firmware of August 2025 leaves it out (quirk 8).
        Raises IncompleteFrame and MalformedFrame.
        """
        whole = declared_size(data)
        if len(data) < whole - len(NEWLINE):
            raise IncompleteFrame(f"the answer ends at byte {len(data)} of {whole}")
        if data[whole - len(NEWLINE) :] not in (NEWLINE, b""):
            raise MalformedFrame(f"the answer does not end where its length says, at byte {whole}")
        body = data[: whole - len(NEWLINE)]
        if body.endswith(TRAILER) and len(body) >= BODY + len(TRAILER):
            return cls(body[: -len(TRAILER)])
        return cls(body, trailer=False)

    def encode(self) -> bytes:
        """The bytes on the wire, newline included, under the length they really have."""
        whole = self.body + (TRAILER if self.trailer else b"")
        return whole[:5] + b"%04d" % len(whole) + whole[LENGTH_KNOWN:] + NEWLINE

    @classmethod
    def build(cls, group: str, command: str, payload: bytes, *, trailer: bool = True) -> Self:
        """A frame of these parts; `encode` fills in its length."""
        return cls(f"APS{group}0000{command}".encode("latin-1") + payload, trailer)


# -- 0001 -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """Answer to 0001. What format 02 lacks is empty."""

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
    remarks: tuple[Remark, ...] = field(default=(), compare=False)


def decode_system_info(frame: Frame) -> SystemInfo:
    """The system info in `frame`; raises FrameError.

    A format nobody has seen yet is read under the first layout that fits.
    """
    failure: FrameError | None = None
    for layout in system_info_layouts(frame.body):
        try:
            info = SystemInfo(**cast("dict[str, Any]", read(layout, frame.body, BODY)))
        except FrameError as error:
            failure = failure or error
            continue
        if not frame.trailer and len(info.unknown) not in KNOWN_UNKNOWN:
            raise MalformedFrame("the answer to 0001 does not end behind its last field" + _wrong_end(frame))
        remarks = _absent_trailer(frame)
        if info.version not in SYSTEM_INFO_LAYOUTS:
            remarks += (Remark(f"format {info.version!r} of 0001 is new", "read as the one that fits"),)
        return replace(info, remarks=remarks)
    raise MalformedFrame(f"the answer to 0001 cannot be understood: {failure}") from failure


def system_info_layouts(body: bytes) -> tuple[Layout, ...]:
    """The layout of this answer's format; of one that nobody has seen yet, all that it may have."""
    known = SYSTEM_INFO_LAYOUTS.get(body[SYSTEM_INFO_VERSION].decode("latin-1"))
    return tuple(SYSTEM_INFO_LAYOUTS.values()) if known is None else (known,)


def encode_system_info(info: SystemInfo, group: str = "11") -> Frame:
    """The frame of `info`, under the layout of its version."""
    values = {name: getattr(info, name) for name in SystemInfo.__slots__}
    return Frame.build(group, SYSTEM_INFO, write(SYSTEM_INFO_LAYOUTS[info.version], values))


# -- 0002 -------------------------------------------------------------------------------------------------------------


class Record(NamedTuple):
    """One inverter in the answer to 0002, as the wire has it: an offline one's values are junk (quirks 36, 37)."""

    uid: str
    online: bool
    type: str
    frequency: float = 0.0  # Hz
    temperature: int = 0  # degC
    powers: tuple[int, ...] = ()  # W, by channel
    voltages: tuple[int, ...] = ()  # V AC, V1..Vn
    undecoded: str = ""  # of a type nobody knows: its bytes behind the type code, hexadecimal


@dataclass(frozen=True, slots=True)
class RealTime:
    """Answer to 0002. Where `status` is not "00" nothing else is there."""

    status: str
    version: str = ""
    count: int = 0
    time: str = ""  # yyyymmddhhmmss, wall time of the site
    records: tuple[Record, ...] = ()
    complete: bool = field(default=True, compare=False)  # every record was decoded and their number is `count`
    remarks: tuple[Remark, ...] = field(default=(), compare=False)


RECORDS = BODY + size(STATUS) + size(REAL_TIME_HEAD)  # offset of the first record
LARGEST_RECORD = 64  # of a type nobody knows; the largest known has 27 bytes
Sizes = dict[str, int]  # bytes of a record by type code
KNOWN_SIZES: Sizes = {code: size(layouts[0]) for code, layouts in RECORD_LAYOUTS.items() if len(layouts) == 1}


def decode_real_time(frame: Frame) -> RealTime:
    """The records in `frame`; raises FrameError.

    A record of an unknown type is skipped where exactly one size of it makes number and end of the records fit; else
    the records before it are the result. One whose UID is garbled is among them, with a remark. Records that fill the
    frame are good even if their number is not `count`, but the list is not complete then.
    """
    status = _status(frame)
    if status != STATUS_OK:
        return RealTime(status)
    head = cast("dict[str, Any]", _read(REAL_TIME_HEAD, frame, BODY + size(STATUS)))
    remarks = _absent_trailer(frame)
    if head["version"] != "01":
        remarks += (Remark(f"format {head['version']!r} of 0002 is new", "read as format 01"),)
    count: int = head["count"]
    sizes = record_sizes(frame, count)
    records, end = _records(frame.body, sizes)
    undecoded = [
        Remark(
            f"inverter {record.uid} is of the unknown type {record.type}",
            f"skipped; please report its record at byte {at}: {frame.body[at : at + sizes[record.type]].hex()}",
        )
        for at, record in records
        if record.type not in RECORD_LAYOUTS
    ]
    undecoded += [
        Remark(
            f"inverter {record.uid} has a UID that is not decimal",
            f"skipped; please report its record at byte {at}: {frame.body[at : at + sizes[record.type]].hex()}",
        )
        for at, record in records
        if not is_uid(record.uid)
    ]
    code = type_at(frame.body, end)
    if code is not None and code not in sizes and frame.trailer:
        undecoded.append(
            Remark(
                f"records of type {code} cannot be told apart",
                f"{len(records)} of {count} inverters read; please report from byte {end}: {frame.body[end:].hex()}",
            )
        )
    elif end < len(frame.body):
        raise MalformedFrame(
            f"{len(records)} of {count} records end at byte {end}, the answer at {len(frame.body)}" + _wrong_end(frame)
        )
    elif len(records) != count:
        undecoded.append(Remark("0002 contradicts itself", f"it says {count} inverters and lists {len(records)}"))
    return RealTime(
        status,
        **head,
        records=tuple(record for _, record in records),
        complete=end == len(frame.body) and len(records) == count,
        remarks=remarks + tuple(undecoded),
    )


def encode_real_time(real_time: RealTime, group: str = "11") -> Frame:
    """The frame of `real_time`; a status other than "00" has no trailer."""
    payload = write(STATUS, {"status": real_time.status})
    if real_time.status != STATUS_OK:
        return Frame.build(group, REAL_TIME, payload, trailer=False)
    payload += write(REAL_TIME_HEAD, {name: getattr(real_time, name) for name in ("version", "count", "time")})
    return Frame.build(group, REAL_TIME, payload + b"".join(map(_encode_record, real_time.records)))


def record_sizes(frame: Frame, count: int) -> Sizes:
    """Bytes of a record by type code: of all types whose size is known, or can be told from where the frame ends."""
    fitting = list(_fitting_sizes(frame, RECORDS, count, KNOWN_SIZES)) or list(
        _fitting_sizes(frame, RECORDS, None, KNOWN_SIZES)
    )
    return fitting[0] if len(fitting) == 1 else KNOWN_SIZES


def type_at(body: bytes, offset: int) -> str | None:
    """Type code of the record at `offset`, None where no record can begin.

    Online is 0 or 1, a type code is text: zeros, as offline records have them, begin no record. A UID is decimal; one
    that is not is believed to be garbled where the type is known, so that it costs nobody the rest of the list.
    """
    raw = body[offset : offset + RECORD_HEAD_SIZE]
    if len(raw) < RECORD_HEAD_SIZE or raw[6] > 1 or not raw[7:].isalnum():
        return None
    code = raw[7:].decode("ascii")
    return code if code in RECORD_LAYOUTS or is_uid(raw[:6].hex()) else None


def is_uid(digits: str) -> bool:
    """True for an inverter's UID, which is decimal; False for one that was garbled on the way."""
    return digits.isdecimal()


def _fitting_sizes(frame: Frame, offset: int, count: int | None, sizes: Sizes) -> Iterator[Sizes]:
    """Every choice of a size for the types that leave it open under which `count` records end where the frame does.

    `count` None: however many. One unknown type at the most, and only with a count and a trailer that proves the end:
    else anything fits.
    """
    body, found = frame.body, 0
    while offset < len(body) and found != count:
        code = type_at(body, offset)
        if code is None:
            return
        if code not in sizes:
            left = None if count is None else count - found
            for candidate in _open_sizes(frame, code, sizes, left):
                yield from _fitting_sizes(frame, offset, left, {**sizes, code: candidate})
            return
        offset, found = offset + sizes[code], found + 1
    if offset == len(body) and count in (found, None):
        yield sizes


def _open_sizes(frame: Frame, code: str, sizes: Sizes, count: int | None) -> Iterable[int]:
    if code in RECORD_LAYOUTS:
        return [size(layout) for layout in RECORD_LAYOUTS[code]]
    if frame.trailer and count is not None and sizes.keys() <= RECORD_LAYOUTS.keys():
        return range(RECORD_HEAD_SIZE, LARGEST_RECORD + 1)
    return ()


def record_layouts(body: bytes, sizes: Sizes, offset: int = RECORDS) -> Iterator[tuple[int, Layout]]:
    """Offset and layout of each record of known size, from `offset` to where none is, or none that is whole."""
    while (code := type_at(body, offset)) is not None and code in sizes and offset + sizes[code] <= len(body):
        yield offset, record_layout(code, sizes[code])
        offset += sizes[code]


def record_layout(code: str, octets: int) -> Layout:
    """Layout of a record of this type and size; of a type that nobody knows, its head and the rest as it is."""
    known = (layout for layout in RECORD_LAYOUTS.get(code, ()) if size(layout) == octets)
    return next(known, (*RECORD_HEAD, Hex("undecoded", octets - RECORD_HEAD_SIZE)))


def _records(body: bytes, sizes: Sizes) -> tuple[list[tuple[int, Record]], int]:
    """The records of known size with their offsets, and where they end."""
    records, end = [], RECORDS
    for offset, layout in record_layouts(body, sizes):
        records.append((offset, _record(read(layout, body, offset))))
        end = offset + size(layout)
    return records, end


def _record(values: dict[str, Value]) -> Record:
    named = cast("dict[str, Any]", values)
    powers = tuple(value for name, value in named.items() if name.startswith("power_"))
    voltages = tuple(value for name, value in named.items() if name.startswith("voltage_"))
    return Record(
        named["uid"],
        named["online"],
        named["type"],
        named.get("frequency", 0.0),
        named.get("temperature", 0),
        powers,
        voltages,
        named.get("undecoded", ""),
    )


def _encode_record(record: Record) -> bytes:
    values: dict[str, Value] = {name: getattr(record, name) for name in Record._fields}
    values |= {f"power_{n}": power for n, power in enumerate(record.powers, 1)}
    values |= {f"voltage_{n}": voltage for n, voltage in enumerate(record.voltages, 1)}
    names = values.keys()
    layouts = RECORD_LAYOUTS.get(record.type, (RECORD_HEAD,))
    layout = max((one for one in layouts if {item.name for item in one} <= names), key=size)
    return write(layout, values) + bytes.fromhex(record.undecoded)


# -- 0030 -------------------------------------------------------------------------------------------------------------


class Signal(NamedTuple):
    """Answer to 0030. Where `status` is not "00" nothing else is there."""

    status: str
    levels: tuple[tuple[str, int], ...] = ()  # UID and link quality, 0..255; the list need not be that of 0002
    remarks: tuple[Remark, ...] = ()


def decode_signal(frame: Frame) -> Signal:
    """The link qualities in `frame`; raises FrameError."""
    status = _status(frame)
    if status != STATUS_OK:
        return Signal(status)
    rows = _rows(SIGNAL_RECORD, frame, BODY + size(STATUS))
    if rows is None:
        raise MalformedFrame("the answer to 0030 does not end with a whole record" + _wrong_end(frame))
    levels = tuple((str(row["uid"]), int(row["level"])) for row in rows)
    return Signal(status, levels, _absent_trailer(frame))


def encode_signal(signal: Signal, group: str = "11") -> Frame:
    """The frame of `signal`; a status other than "00" has no trailer."""
    payload = write(STATUS, {"status": signal.status})
    payload += b"".join(write(SIGNAL_RECORD, {"uid": uid, "level": level}) for uid, level in signal.levels)
    return Frame.build(group, SIGNAL, payload, trailer=signal.status == STATUS_OK)


# -- 0003 and 0004: history -------------------------------------------------------------------------------------------


class PowerOfDay(NamedTuple):
    """Answer to 0003. Where `status` is not "00" nothing else is there. No real frame was ever published."""

    status: str
    points: tuple[tuple[str, int], ...] = ()  # hhmm, a time of day, and W
    remarks: tuple[Remark, ...] = ()


def decode_power_of_day(frame: Frame) -> PowerOfDay:
    """The points in `frame`, less those whose time is filler; raises FrameError."""
    status = _status(frame)
    if status != STATUS_OK:
        return PowerOfDay(status)
    rows = _rows(POWER_POINT, frame, BODY + size(STATUS))
    if rows is None:
        raise MalformedFrame("the answer to 0003 does not end with a whole point" + _wrong_end(frame))
    points = tuple((str(row["time"]), int(row["power"])) for row in rows if _is_time(str(row["time"])))
    remarks = _absent_trailer(frame) + _filler(frame, len(rows) - len(points))
    return PowerOfDay(status, points, remarks)


def encode_power_of_day(power: PowerOfDay, group: str = "11") -> Frame:
    """The frame of `power`; a status other than "00" has no trailer."""
    payload = write(STATUS, {"status": power.status})
    payload += b"".join(write(POWER_POINT, {"time": time, "power": watts}) for time, watts in power.points)
    return Frame.build(group, POWER_OF_DAY, payload, trailer=power.status == STATUS_OK)


class EnergyByDay(NamedTuple):
    """Answer to 0004. Where `status` is not "00" nothing else is there. No real frame was ever published."""

    status: str
    period: str = ""
    points: tuple[tuple[str, float], ...] = ()  # yyyymmdd, ascending, and kWh; day 00 stands for the whole month
    width: int = 4  # bytes of an energy
    remarks: tuple[Remark, ...] = ()


ENERGIES = BODY + size(STATUS) + size(PERIOD)  # offset of the first point
FILLER = ("00000000", "d0d0d0d0", "ffffffff")  # for a date


def decode_energy_by_day(frame: Frame) -> EnergyByDay:
    """The points in `frame`, less those whose date is filler; raises FrameError.

    Where both widths of an energy give ascending dates, the one is right under which no day is left out.
    """
    status = _status(frame)
    if status != STATUS_OK:
        return EnergyByDay(status)
    period = str(_read(PERIOD, frame, BODY + size(STATUS))["period"])
    fitting = [energy for layout in ENERGY_POINTS if (energy := _energies(layout, frame, period)) is not None]
    if not fitting:
        raise MalformedFrame("the answer to 0004 is no list of ascending dates with energies" + _wrong_end(frame))
    return max(fitting, key=lambda energy: _is_without_gap([day for day, _ in energy.points]))


def encode_energy_by_day(energy: EnergyByDay, group: str = "11") -> Frame:
    """The frame of `energy`; a status other than "00" has no trailer."""
    payload = write(STATUS, {"status": energy.status})
    if energy.status != STATUS_OK:
        return Frame.build(group, ENERGY_BY_DAY, payload, trailer=False)
    payload += write(PERIOD, {"period": energy.period})
    layout = next(layout for layout in ENERGY_POINTS if layout[-1].width == energy.width)
    payload += b"".join(write(layout, {"date": day, "energy": kwh}) for day, kwh in energy.points)
    return Frame.build(group, ENERGY_BY_DAY, payload)


def _rows(layout: Layout, frame: Frame, offset: int) -> list[dict[str, Value]] | None:
    """The rows of `layout` that fill `frame` from `offset` on; None where they do not."""
    step = size(layout)
    if (len(frame.body) - offset) % step:
        return None
    return [read(layout, frame.body, at) for at in range(offset, len(frame.body), step)]


def _energies(layout: Layout, frame: Frame, period: str) -> EnergyByDay | None:
    """What 0004 says under `layout`; None where its points do not fill the frame, or have no ascending dates."""
    rows = _rows(layout, frame, ENERGIES)
    if rows is None:
        return None
    points = tuple((str(row["date"]), float(row["energy"])) for row in rows if row["date"] not in FILLER)
    days = [day for day, _ in points]
    if not all(map(_is_date, days)) or any(later <= earlier for earlier, later in pairwise(days)):
        return None
    remarks = _absent_trailer(frame) + _filler(frame, len(rows) - len(points))
    return EnergyByDay(STATUS_OK, period, points, layout[-1].width, remarks)


def calendar_date(digits: str) -> date:
    """The date of a point of 0004, yyyymmdd; the first of the month for day 00. Raises ValueError."""
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]) or 1)


def _is_date(digits: str) -> bool:
    try:
        calendar_date(digits)
    except ValueError:
        return False
    return True


def _is_time(digits: str) -> bool:
    return digits.isdecimal() and digits[:2] < "24" and digits[2:] < "60"


def _is_without_gap(days: Sequence[str]) -> bool:
    """True for dates of which each is the day after the one before."""
    dates = [calendar_date(day) for day in days]
    return all(later - earlier == timedelta(days=1) for earlier, later in pairwise(dates))


def _filler(frame: Frame, points: int) -> tuple[Remark, ...]:
    """What is to be said of so many points without a time; raises MalformedFrame where they may be a wrong end."""
    if not points:
        return ()
    if not frame.trailer:
        raise MalformedFrame(f"the answer to {frame.command} has points without a time" + _wrong_end(frame))
    return (Remark(f"points without a time in the answer to {frame.command}", f"{points} of them are left out"),)


DECODERS: dict[str, Callable[[Frame], SystemInfo | RealTime | Signal | PowerOfDay | EnergyByDay]] = {
    SYSTEM_INFO: decode_system_info,
    REAL_TIME: decode_real_time,
    SIGNAL: decode_signal,
    POWER_OF_DAY: decode_power_of_day,
    ENERGY_BY_DAY: decode_energy_by_day,
}


# -- shared -----------------------------------------------------------------------------------------------------------


def _status(frame: Frame) -> str:
    return str(_read(STATUS, frame, BODY)["status"])


def _read(layout: Layout, frame: Frame, offset: int) -> dict[str, Value]:
    """As `read`, of a frame that is whole: what it lacks makes it malformed, not incomplete."""
    try:
        return read(layout, frame.body, offset)
    except IncompleteFrame as error:
        raise MalformedFrame(f"the answer to {frame.command} is too short: {error}") from error


def _absent_trailer(frame: Frame) -> tuple[Remark, ...]:
    if frame.trailer:
        return ()
    return (Remark(f"no END behind the answer to {frame.command}", "length and content fit, so it is used"),)


def _wrong_end(frame: Frame) -> str:
    return "" if frame.trailer else ", and has a wrong end, not END"
