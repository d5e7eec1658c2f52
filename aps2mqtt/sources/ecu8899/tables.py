"""The ECU's local protocol (TCP 8899) as tables: a row for each field.

Pure: no socket, clock, log or configuration. The vendor publishes no specification. The tables combine what public
reverse engineering agrees on with what captured frames show (tests/captures has the frames with their sources).
Integers are unsigned and big-endian. All offsets count from the first byte of the frame.
"""

from aps2mqtt.sources.ecu8899.layouts import Bcd, Flag, Hex, Layout, Number, PrefixedText, Rest, Text, size

MAX_FRAME = 10_000  # the length has four digits, and does not count the final newline

SYSTEM_INFO = "0001"
REAL_TIME = "0002"
SIGNAL = "0030"
POWER_OF_DAY = "0003"
ENERGY_BY_DAY = "0004"

WEEK, MONTH, YEAR = "00", "01", "02"  # periods of 0004; a month is the last 30 days, today included (quirk 73)

STATUS_OK = "00"  # data follow
STATUS_NO_DATA = "01"  # no data
STATUS_WRONG_ECU = "02"  # the ECU does not accept the id in the request as its own (quirk 27)

HEADER: Layout = (
    Text("signature", 3),  # APS
    Text("group", 2),  # 11; 12 in the system info of 2162 and 215x; not checked
    Text("length", 4),  # decimal text: bytes of the frame without its final newline
    Text("command", 4),  # the command that is answered
)
BODY = size(HEADER)
LENGTH_KNOWN = BODY - 4  # `declared_size` needs so many bytes
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
        Number("online", 2),  # inverters
        Text("channel", 2),  # 10 in every frame so far
        PrefixedText("firmware", 0),
        PrefixedText("time_zone", 0),  # always Etc/GMT-8 on 2160 and 2163: not valid
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
DATA = BODY + size(STATUS)  # offset of what follows the status
REAL_TIME_HEAD: Layout = (
    Text("version", 2),
    Number("count", 2),  # number of records
    Bcd("time", 7),  # yyyymmddhhmmss, wall time of the site: when the ECU last polled its inverters
)
RECORD_HEAD: Layout = (
    Bcd("uid", 6),  # its prefix names the model only
    Flag("online", 1),
    Text("type", 2),  # determines the length of the record
)
RECORD_HEAD_SIZE = size(RECORD_HEAD)
MEASURED: Layout = (
    Number("frequency", 2, "Hz", per=10),  # invalid while offline, like all fields after it
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

# By type code, never by UID prefix (quirk 30). If a type has two layouts, the right one is that with which all records
# end exactly at the trailer (quirk 35).
RECORD_LAYOUTS: dict[str, tuple[Layout, ...]] = {
    "00": (RECORD_HEAD,),  # registered, not seen yet; can be anywhere in the list (quirk 28)
    "01": (TWO_CHANNELS,),  # YC600, DS3
    "02": (FOUR_CHANNELS_THREE_PHASES,),  # YC1000, QT2; V1..V3 are L1..L3
    "03": (FOUR_CHANNELS,),  # QS1, QS1A
    "04": (TWO_CHANNELS,),  # DS3-H, DS3D-L according to other programs' code
    "05": (TWO_CHANNELS, FOUR_CHANNELS_THREE_PHASES),  # no frame published
}
NEVER_HEARD = "00"

SIGNAL_RECORD: Layout = (
    Bcd("uid", 6),
    Number("level", 1),  # Zigbee link quality, 0..255
)

POWER_POINT: Layout = (
    Bcd("time", 2),  # hhmm, wall time of the site
    Number("power", 2, "W"),
)
PERIOD: Layout = (
    Text("period", 2),  # as in the request
)
# Most ECUs have four bytes of energy, some two. With the right layout the points fill the frame and their dates ascend.
# If both layouts do that, the right one has no gap between dates (quirks 71 to 73).
ENERGY_POINTS: tuple[Layout, ...] = (
    (Bcd("date", 4), Number("energy", 4, "kWh", per=100)),  # the date is yyyymmdd
    (Bcd("date", 4), Number("energy", 2, "kWh", per=100)),
)


def size_of(type_code: str) -> int:
    """Bytes of a record of a known type; if two sizes are possible, the larger."""
    return max(size(layout) for layout in RECORD_LAYOUTS[type_code])


RECORDS = DATA + size(REAL_TIME_HEAD)  # offset of the first record


def is_uid(digits: str) -> bool:
    """True for an inverter's UID, which is decimal; False for a garbled one."""
    return digits.isdecimal()


ENERGIES = DATA + size(PERIOD)  # offset of the first point
