"""The protocol's tables and decoders, against captured frames and hand-written ones.

No frame here comes from the project's encoder: both walk the same tables, and would agree on the same mistake.
"""

import doctest
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from parts import as_dict, names_of, replace

from aps2mqtt.base import models
from aps2mqtt.base.errors import FrameError, IncompleteFrame, MalformedFrame
from aps2mqtt.base.physical_limits import MOST_INVERTERS, MOST_PANELS
from aps2mqtt.sources.ecu8899 import frames, record_sizes, tables
from aps2mqtt.sources.ecu8899.answers import (
    DECODERS,
    RealTime,
    Record,
    Signal,
    SystemInfo,
    decode_real_time,
    encode_real_time,
    encode_signal,
    encode_system_info,
)
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, PowerOfDay, encode_energy_by_day, encode_power_of_day
from aps2mqtt.sources.ecu8899.wire import Field, Layout, size, walk

CAPTURES = Path(__file__).parents[1] / "captures"
ENCODE = {
    "0001": encode_system_info,
    "0002": encode_real_time,
    "0030": encode_signal,
    "0003": encode_power_of_day,
    "0004": encode_energy_by_day,
}


@dataclass(frozen=True)
class Case:
    """A frame, and what it holds, written out without the project's help."""

    name: str
    command: str
    data: bytes
    decoded: dict[str, Any]

    def __str__(self) -> str:
        return self.name


def literal(text: str) -> bytes:
    """The bytes of hand-written hexadecimal; what follows a # is a comment."""
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in text.splitlines()))


def captured(name: str) -> Case:
    capture = json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))
    return Case(name, capture["command"], bytes.fromhex(capture["hex"]), capture["decoded"])


EVERY_CAPTURE = [captured(file.stem) for file in sorted(CAPTURES.glob("*.json"))]
CAPTURED = [case for case in EVERY_CAPTURE if case.decoded is not None]
STRANGE = [case for case in EVERY_CAPTURE if case.decoded is None]
WHOLE = [case for case in CAPTURED if "cut" not in case.decoded]
CUT = [case for case in CAPTURED if "cut" in case.decoded]

# -- frames that nobody published -------------------------------------------------------------------------------------

VERSION_02 = Case(
    "0001 in format version 02",
    "0001",
    literal("""
        415053 3131 30303639 30303031   # APS 11 0069 0001
        323136303030303030303039        # 13 ECU id 216000000009
        3032                            # 25 version 02
        00003039                        # 27 lifetime 12345: 1234.5 kWh
        000001f4                        # 31 power 500 W
        00000237                        # 35 today 567: 5.67 kWh
        0009                            # 39 registered 9
        0007                            # 41 online 7
        a1a2a3a4a5a6                    # 43 reserved
        303132                          # 49 length of the firmware 012
        4543555f525f312e322e3232        # 52 ECU_R_1.2.22
        b1b2                            # 64 unknown
        454e44 0a                       # END
    """),
    {
        "group": "11",
        "ecu_id": "216000000009",
        "version": "02",
        "lifetime_energy": 1234.5,
        "power": 500,
        "energy_today": 5.67,
        "registered": 9,
        "online": 7,
        "reserved": "a1a2a3a4a5a6",
        "firmware": "ECU_R_1.2.22",
        "unknown": "b1b2",
    },
)
TYPE_04 = Case(
    "0002 with type 04",
    "0002",
    literal("""
        415053 3131 30303731 30303032   # APS 11 0071 0002
        3030 3031 0002                  # 13 status 00, version 01, 2 records
        20250621 120005                 # 19 2025-06-21 12:00:05
        707000000001 01 3034            # 26 707000000001 online, type 04
        01f5 008c                       # 50.1 Hz, 40 degC
        0190 00e6 0191 00e7             # P1 400 W, V1 230 V, P2 401 W, V2 231 V
        707000000002 00 3034            # 47 707000000002 offline, type 04
        0000 0064                       # 0 Hz, 0 degC
        0000 0000 0003 00e5             # P1 0, V1 0, P2 3 W and V2 229 V, stale
        454e44 0a                       # END
    """),
    {
        "group": "11",
        "status": "00",
        "version": "01",
        "count": 2,
        "time": "20250621120005",
        "records": [
            {
                "uid": "707000000001",
                "online": True,
                "type": "04",
                "frequency": 50.1,
                "temperature": 40,
                "powers": [400, 401],
                "voltages": [230, 231],
            },
            {
                "uid": "707000000002",
                "online": False,
                "type": "04",
                "frequency": 0,
                "temperature": 0,
                "powers": [0, 3],
                "voltages": [0, 229],
            },
        ],
    },
)
TYPE_05_TWO_CHANNELS = Case(
    "0002 with type 05 of two channels among others",
    "0002",
    literal("""
        415053 3131 30313135 30303032   # APS 11 0115 0002
        3030 3031 0004                  # 13 status 00, version 01, 4 records
        20250621 120005                 # 19 2025-06-21 12:00:05
        707000000001 01 3035            # 26 707000000001 online, type 05
        01f4 0082 0064 00e6 0065 00e7   # 50.0 Hz, 30 degC, P1 100, V1 230, P2 101, V2 231
        408000000002 01 3031            # 47 408000000002 online, type 01
        01f3 0083 0066 00e8 0067 00e9   # 49.9 Hz, 31 degC, P1 102, V1 232, P2 103, V2 233
        707000000003 00 3035            # 68 707000000003 offline, type 05
        0000 0064 0000 0000 0000 0000   # 0 Hz, 0 degC, all 0
        802000000004 01 3033            # 89 802000000004 online, type 03
        01f2 0085 0068 00ea 0069        # 49.8 Hz, 33 degC, P1 104, V 234, P2 105
        006a 006b                       # P3 106, P4 107
        454e44 0a                       # END
    """),
    {
        "group": "11",
        "status": "00",
        "version": "01",
        "count": 4,
        "time": "20250621120005",
        "records": [
            {
                "uid": "707000000001",
                "online": True,
                "type": "05",
                "frequency": 50.0,
                "temperature": 30,
                "powers": [100, 101],
                "voltages": [230, 231],
            },
            {
                "uid": "408000000002",
                "online": True,
                "type": "01",
                "frequency": 49.9,
                "temperature": 31,
                "powers": [102, 103],
                "voltages": [232, 233],
            },
            {
                "uid": "707000000003",
                "online": False,
                "type": "05",
                "frequency": 0,
                "temperature": 0,
                "powers": [0, 0],
                "voltages": [0, 0],
            },
            {
                "uid": "802000000004",
                "online": True,
                "type": "03",
                "frequency": 49.8,
                "temperature": 33,
                "powers": [104, 105, 106, 107],
                "voltages": [234],
            },
        ],
    },
)
TYPE_05_FOUR_CHANNELS = Case(
    "0002 with type 05 of four channels among others",
    "0002",
    literal("""
        415053 3131 30313139 30303032   # APS 11 0119 0002
        3030 3031 0004                  # 13 status 00, version 01, 4 records
        20250621 120005                 # 19 2025-06-21 12:00:05
        502000000001 01 3032            # 26 502000000001 online, type 02
        01f4 0082                       # 50.0 Hz, 30 degC
        0064 00e6 0065 00e7 0066 00e8   # P1 100, V1 230, P2 101, V2 231, P3 102, V3 232
        0067                            # P4 103
        901000000002 01 3035            # 53 901000000002 online, type 05
        01f3 0083                       # 49.9 Hz, 31 degC
        00c8 0186 00c9 0187 00ca 0188   # P1 200, V1 390, P2 201, V2 391, P3 202, V3 392
        00cb                            # P4 203
        704000000003 00 3030            # 80 704000000003 never heard
        901000000004 00 3035            # 89 901000000004 offline, type 05
        0000 0064                       # 0 Hz, 0 degC
        0000 0000 0000 0000 0000 0000   # all 0
        0004                            # P4 4 W, stale
        454e44 0a                       # END
    """),
    {
        "group": "11",
        "status": "00",
        "version": "01",
        "count": 4,
        "time": "20250621120005",
        "records": [
            {
                "uid": "502000000001",
                "online": True,
                "type": "02",
                "frequency": 50.0,
                "temperature": 30,
                "powers": [100, 101, 102, 103],
                "voltages": [230, 231, 232],
            },
            {
                "uid": "901000000002",
                "online": True,
                "type": "05",
                "frequency": 49.9,
                "temperature": 31,
                "powers": [200, 201, 202, 203],
                "voltages": [390, 391, 392],
            },
            {"uid": "704000000003", "online": False, "type": "00"},
            {
                "uid": "901000000004",
                "online": False,
                "type": "05",
                "frequency": 0,
                "temperature": 0,
                "powers": [0, 0, 0, 4],
                "voltages": [0, 0, 0],
            },
        ],
    },
)
NEVER_HEARD_IN_THE_MIDDLE = Case(
    "0002 with type 00 in the middle, and marked online",
    "0002",
    literal("""
        415053 3131 30303830 30303032   # APS 11 0080 0002
        3030 3031 0003                  # 13 status 00, version 01, 3 records
        20250621 120005                 # 19 2025-06-21 12:00:05
        703000000001 01 3031            # 26 703000000001 online, type 01
        01f4 0082 0064 00e6 0065 00e7   # 50.0 Hz, 30 degC, P1 100, V1 230, P2 101, V2 231
        703000000002 01 3030            # 47 703000000002 never heard: nothing follows its head
        703000000003 01 3031            # 56 703000000003 online, type 01
        01f3 0083 0066 00e8 0067 00e9   # 49.9 Hz, 31 degC, P1 102, V1 232, P2 103, V2 233
        454e44 0a                       # END
    """),
    {
        "group": "11",
        "status": "00",
        "version": "01",
        "count": 3,
        "time": "20250621120005",
        "records": [
            {
                "uid": "703000000001",
                "online": True,
                "type": "01",
                "frequency": 50.0,
                "temperature": 30,
                "powers": [100, 101],
                "voltages": [230, 231],
            },
            {"uid": "703000000002", "online": True, "type": "00"},
            {
                "uid": "703000000003",
                "online": True,
                "type": "01",
                "frequency": 49.9,
                "temperature": 31,
                "powers": [102, 103],
                "voltages": [232, 233],
            },
        ],
    },
)
NO_DATA = Case(
    "0002 without data", "0002", literal("415053 3131 30303135 30303032 3031 0a"), {"group": "11", "status": "01"}
)
SIGNAL_REFUSED = Case(
    "0030 for another ECU", "0030", literal("415053 3131 30303135 30303330 3032 0a"), {"group": "11", "status": "02"}
)
POWER = Case(
    "0003",
    "0003",
    literal("""
        415053 3131 30303334 30303033   # APS 11 0034 0003
        3030                            # 13 status 00
        0535 0000                       # 15 05:35 0 W
        0540 000c                       # 05:40 12 W
        1325 0d06                       # 13:25 3334 W
        2155 0001                       # 21:55 1 W
        454e44 0a                       # END
    """),
    {"group": "11", "status": "00", "points": [["0535", 0], ["0540", 12], ["1325", 3334], ["2155", 1]]},
)
NO_POWER = Case(
    "0003 of a day without points",
    "0003",
    literal("415053 3131 30303138 30303033 3030 454e44 0a"),
    {"group": "11", "status": "00"},
)
POWER_REFUSED = Case(
    "0003 of a day that is not kept",
    "0003",
    literal("415053 3131 30303135 30303033 3031 0a"),
    {"group": "11", "status": "01"},
)
WIDE = Case(
    "0004, a week with four bytes of energy, without today",  # quirk 76
    "0004",
    literal("""
        415053 3131 30303638 30303034   # APS 11 0068 0004
        3030 3030                       # 13 status 00, period 00
        20240226 00000001               # 17 2024-02-26 0.01 kWh
        20240227 000003e8               # 10 kWh
        20240228 00010000               # 655.36 kWh
        20240229 00000929               # a leap year's day, 23.45 kWh
        20240301 00000000               # 0 kWh
        20240302 00000a0a               # 25.7 kWh
        454e44 0a                       # END
    """),
    {
        "group": "11",
        "status": "00",
        "period": "00",
        "points": [
            ["20240226", 0.01],
            ["20240227", 10],
            ["20240228", 655.36],
            ["20240229", 23.45],
            ["20240301", 0],
            ["20240302", 25.7],
        ],
    },
)
NARROW = Case(
    "0004, two bytes of energy, and a day left out",
    "0004",
    literal("""
        415053 3131 30303338 30303034   # APS 11 0038 0004
        3030 3031                       # 13 status 00, period 01
        20231230 03e8                   # 17 2023-12-30 10 kWh
        20231231 ffff                   # 655.35 kWh
        20240102 0001                   # 0.01 kWh, and no New Year's Day
        454e44 0a                       # END
    """),
    {
        "group": "11",
        "status": "00",
        "period": "01",
        "width": 2,
        "points": [["20231230", 10], ["20231231", 655.35], ["20240102", 0.01]],
    },
)
BY_MONTH = Case(
    "0004, a year of months, group 12",
    "0004",
    literal("""
        415053 3132 30303434 30303034   # APS 12 0044 0004
        3030 3032                       # 13 status 00, period 02
        20231100 00001388               # 17 November 2023 50 kWh
        20231200 00000fa0               # 40 kWh
        20240100 00007530               # 300 kWh
        454e44 0a                       # END
    """),
    {
        "group": "12",
        "status": "00",
        "period": "02",
        "points": [["20231100", 50], ["20231200", 40], ["20240100", 300]],
    },
)
# Not captured: made of the values that derived-0004-month.json has recovered from a list somebody printed (quirk 73).
MONTH = Case(
    "0004, the month that was derived",
    "0004",
    literal("""
        415053 3132 30323630 30303034                              # APS 12 0260 0004
        3030 3031                                                  # 13 status 00, period 01
        20230902 0000023d   20230903 0000027a   20230904 000003a5   # 5.73, 6.34, 9.33
        20230905 0000039a   20230906 000003a3   20230907 00000397   # 9.22, 9.31, 9.19
        20230908 00000386   20230909 0000037b   20230910 00000372   # 9.02, 8.91, 8.82
        20230911 00000362   20230912 00000329   20230913 00000180   # 8.66, 8.09, 3.84
        20230914 0000021b   20230915 00000319   20230916 00000351   # 5.39, 7.93, 8.49
        20230917 000002ff   20230918 000001ae   20230919 00000265   # 7.67, 4.30, 6.13
        20230920 0000027e   20230921 00000336   20230922 00000067   # 6.38, 8.22, 1.03
        20230923 000001dc   20230924 00000291   20230925 0000032c   # 4.76, 6.57, 8.12
        20230926 000002d1   20230927 000002f8   20230928 000002e2   # 7.21, 7.60, 7.38
        20230929 000000fd   20230930 0000022c   20231001 000001b6   # 2.53, 5.56, 4.38
        454e44 0a                                                  # END
    """),
    {
        "group": "12",
        "status": "00",
        "period": "01",
        "points": [
            [day["date"], day["raw"][0] / 100]
            for day in json.loads((Path(__file__).parents[1] / "derived-0004-month.json").read_text())["entries"]
        ],
    },
)
NO_ENERGY = Case(
    "0004 without points",
    "0004",
    literal("415053 3131 30303230 30303034 3030 3032 454e44 0a"),
    {"group": "11", "status": "00", "period": "02"},
)
ENERGY_REFUSED = Case(
    "0004 of what is not kept",
    "0004",
    literal("415053 3131 30303135 30303034 3031 0a"),
    {"group": "11", "status": "01"},
)
HISTORY = [POWER, NO_POWER, POWER_REFUSED, WIDE, NARROW, BY_MONTH, MONTH, NO_ENERGY, ENERGY_REFUSED]
HAND_WRITTEN = [
    VERSION_02,
    TYPE_04,
    TYPE_05_TWO_CHANNELS,
    TYPE_05_FOUR_CHANNELS,
    NEVER_HEARD_IN_THE_MIDDLE,
    NO_DATA,
    SIGNAL_REFUSED,
    *HISTORY,
]

# -- what a case says of each row of the tables -----------------------------------------------------------------------

TABLES: dict[str, Layout] = {
    "header": tables.HEADER,
    **{f"0001 version {version}": layout for version, layout in tables.SYSTEM_INFO_LAYOUTS.items()},
    "status": tables.STATUS,
    "0002 head": tables.REAL_TIME_HEAD,
    **{
        f"record {code}, {size(layout)} bytes": layout
        for code, layouts in tables.RECORD_LAYOUTS.items()
        for layout in layouts
    },
    "0030 record": tables.SIGNAL_RECORD,
    "0003 point": tables.POWER_POINT,
    "0004 period": tables.PERIOD,
    **{f"0004 point, {layout[-1].width} bytes": layout for layout in tables.ENERGY_POINTS},
}


def rows(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names of the tables along the frame of `case`, and the values by row that are written out for them."""
    decoded = case.decoded
    whole = decoded["cut"]["declared"] if "cut" in decoded else len(case.data)
    yield (
        "header",
        {"signature": "APS", "group": decoded["group"], "length": f"{whole - 1:04d}", "command": case.command},
    )
    body = {
        name: value for name, value in decoded.items() if name not in {"group", "cut", "records", "levels", "points"}
    }
    if case.command == "0001":
        yield f"0001 version {body['version']}", body
        return
    yield "status", {"status": body.pop("status")}
    if case.command in {"0003", "0004"}:
        yield from history_rows(case)
        return
    if body:
        yield "0002 head", body
    for record in decoded.get("records", ()):
        yield record_rows(record)
    for uid, level in decoded.get("levels", ()):
        yield "0030 record", {"uid": uid, "level": level}


def history_rows(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    points = case.decoded.get("points", ())
    if case.command == "0003":
        yield from (("0003 point", {"time": time, "power": power}) for time, power in points)
    elif "period" in case.decoded:
        yield "0004 period", {"period": case.decoded["period"]}
        table = f"0004 point, {case.decoded.get('width', 4)} bytes"
        yield from ((table, {"date": day, "energy": energy}) for day, energy in points)


def record_rows(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    values = {name: value for name, value in record.items() if name not in {"powers", "voltages"}}
    values |= {f"power_{n}": power for n, power in enumerate(record.get("powers", ()), 1)}
    values |= {f"voltage_{n}": voltage for n, voltage in enumerate(record.get("voltages", ()), 1)}
    fitting = (one for one in tables.RECORD_LAYOUTS[record["type"]] if {row.name for row in one} == set(values))
    return f"record {record['type']}, {size(next(fitting))} bytes", values


def expected(case: Case) -> dict[str, Any]:
    """Every field of the value that the frame of a sound case decodes to."""
    body = {name: value for name, value in case.decoded.items() if name != "group"}
    if case.command == "0001":
        lacking = dict.fromkeys(
            ("last_contact", "channel", "time_zone", "wired_mac", "wireless_mac", "reserved", "unknown"), ""
        )
        return lacking | body | {"remarks": ()}
    if case.command == "0030":
        levels = tuple((uid, level) for uid, level in body.get("levels", ()))
        return body | {"levels": levels, "remarks": ()}
    if case.command in {"0003", "0004"}:
        lacking = {"period": "", "width": 4} if case.command == "0004" else {}
        return lacking | body | {"points": tuple(map(tuple, body.get("points", ()))), "remarks": ()}
    nothing = {"version": "", "count": 0, "time": ""}
    listed = tuple(map(expected_record, body.get("records", ())))
    return nothing | body | {"records": listed, "complete": True, "remarks": ()}


def expected_record(record: dict[str, Any]) -> dict[str, Any]:
    unheard = {"frequency": 0.0, "temperature": 0, "powers": (), "voltages": (), "undecoded": ""}
    measured = {name: tuple(record[name]) for name in ("powers", "voltages") if name in record}
    return unheard | record | measured


def decode(data: bytes) -> SystemInfo | RealTime | Signal:
    frame = Frame.decode(data)
    return DECODERS[frame.command](frame)


def decoded_records(data: bytes) -> RealTime:
    return decode_real_time(Frame.decode(data))


# -- captured and hand-written frames ---------------------------------------------------------------------------------


def test_there_are_captures_of_every_answer_whole_and_cut():
    """A capture that were not found would be a test that passes without being run."""
    assert {case.command for case in WHOLE} == {"0001", "0002", "0030"}
    assert {case.command for case in CUT} == {"0001", "0002", "0030"}
    assert len(CAPTURED) >= 40


@pytest.mark.parametrize("case", WHOLE + HAND_WRITTEN, ids=str)
def test_a_whole_frame_decodes_to_exactly_the_values_written_out(case: Case):
    """All fields of all records are compared, so that a new one fails here until a frame asserts it."""
    answer = decode(case.data)
    assert as_dict(answer) == expected(case)
    assert Frame.decode(case.data).group == case.decoded["group"]
    assert Frame.decode(case.data).command == case.command


@pytest.mark.parametrize("case", WHOLE + HAND_WRITTEN, ids=str)
def test_a_whole_frame_is_encoded_to_the_identical_bytes(case: Case):
    answer = decode(case.data)
    assert ENCODE[case.command](answer, case.decoded["group"]).encode() == case.data


@pytest.mark.parametrize("case", WHOLE + HAND_WRITTEN, ids=str)
def test_every_byte_of_a_whole_frame_belongs_to_a_row_with_the_value_written_out(case: Case):
    """The tables leave no gap: header, payload, END where the status is 00, newline."""
    at = 0
    for table, values in rows(case):
        found = list(walk(TABLES[table], case.data.removesuffix(b"END\n"), at))
        assert {item.field.name: item.value for item in found} == values
        assert b"".join(item.raw for item in found) == case.data[at : at + sum(len(item.raw) for item in found)]
        at = found[-1].offset + len(found[-1].raw)
    assert case.data[at:] == (b"END\n" if case.decoded.get("status", "00") == "00" else b"\n")


@pytest.mark.parametrize("case", CUT, ids=str)
def test_a_cut_frame_is_incomplete_and_its_message_says_how_much_of_it_came(case: Case):
    cut = case.decoded["cut"]
    assert len(case.data) == cut["received"]
    with pytest.raises(IncompleteFrame, match=rf"\b{cut['received']} of {cut['declared']}\b"):
        decode(case.data)


@pytest.mark.parametrize("case", CUT, ids=str)
def test_walking_a_cut_frame_finds_exactly_what_was_received_whole(case: Case):
    """Of 0001 the values before the cut; of the lists every whole record, and no record more."""
    at = 0
    for table, values in rows(case):
        layout = TABLES[table][: len(values)]
        found = list(walk(layout, case.data, at))
        assert {item.field.name: item.value for item in found} == values
        at = found[-1].offset + len(found[-1].raw)
    rest = TABLES[table][len(values) :] or next_row(case, table, at)
    with pytest.raises(IncompleteFrame, match=rf"at byte {len(case.data)}\b"):
        list(walk(rest, case.data, at))


def next_row(case: Case, table: str, at: int) -> Layout:
    """The layout of what begins at `at`, where the rows of `table` are whole."""
    if case.command != "0002" or table == "status":
        lists = {"0030": tables.SIGNAL_RECORD, "0003": tables.POWER_POINT}
        return tables.ENERGY_POINTS[0] if table == "0004 period" else lists.get(case.command, TABLES[table])
    if len(case.data) < at + tables.RECORD_HEAD_SIZE:
        return tables.RECORD_HEAD
    return tables.RECORD_LAYOUTS[case.data[at + 7 : at + 9].decode()][0]


REFUSED_WITH_END = Case("0002 refused, with an END", "0002", b"APS110018000202END\n", {})


@pytest.mark.parametrize("case", [*STRANGE, REFUSED_WITH_END], ids=str)
def test_a_capture_without_decoded_values_is_one_that_is_not_understood_yet(case: Case):
    """`aps2mqtt capture` leaves them out of a frame that is not sound; who teaches the decoder writes them out."""
    try:
        answer = decode(case.data)
    except (FrameError, KeyError):  # KeyError: a command that nobody knows
        return
    understood = not answer.remarks and ENCODE[case.command](answer, case.data[3:5].decode()).encode() == case.data
    assert not understood, (
        f"the decoder understands {case.name}.json; put the values that stand in its hex in place of `decoded`: null "
        "(`aps2mqtt decode` shows them)"
    )


# -- the tables -------------------------------------------------------------------------------------------------------


def test_every_row_of_every_table_is_asserted_by_some_frame():
    """And with a value that is not 0 or blank: a row that only ever was 0 would fit anywhere."""
    asserted = {
        (table, name)
        for case in CAPTURED + HAND_WRITTEN
        for table, values in rows(case)
        for name, value in values.items()
        if str(value).strip("0. ") and value is not False
    }
    only_zero = {("record 00, 9 bytes", "type")}  # the code of this record is 00
    every = {(table, row.name) for table, layout in TABLES.items() for row in layout}
    assert every >= asserted | only_zero
    missing = every - asserted - only_zero
    assert not missing, (
        f"no frame with written out values has one other than 0 in {sorted(missing)}; "
        "if its capture has `decoded`: null, put the values there (`aps2mqtt decode` shows them)"
    )


def test_no_table_of_the_protocol_is_left_out_here():
    """A layout that someone adds has to be named in TABLES, and is asserted then."""
    layouts = [value for value in vars(tables).values() if is_layout(value)]
    assert {id(row) for layout in layouts for row in layout} <= {
        id(row) for layout in TABLES.values() for row in layout
    }
    assert set(tables.SYSTEM_INFO_LAYOUTS) == {"01", "02"}


def test_the_limits_hold_for_every_layout():
    """Whoever adds a larger type raises MOST_PANELS; no answer can list more inverters than MOST_INVERTERS."""
    words = [
        sum(row.name.startswith(word) for row in layout)
        for layouts in tables.RECORD_LAYOUTS.values()
        for layout in layouts
        for word in ("power_", "voltage_")
    ]
    assert max(words) == MOST_PANELS
    assert tables.MAX_FRAME // tables.RECORD_HEAD_SIZE == MOST_INVERTERS


def is_layout(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(row, Field) for row in value)


def test_names_within_a_table_are_unique():
    """Values go by name: the second of two rows of one name would hide the first."""
    for layout in TABLES.values():
        assert len({row.name for row in layout}) == len(layout)


def test_the_rows_of_the_tables_are_the_fields_of_the_values():
    for layout in tables.SYSTEM_INFO_LAYOUTS.values():
        assert {row.name for row in layout} < set(names_of(SystemInfo))
    rows_of_02 = {row.name for layout in tables.SYSTEM_INFO_LAYOUTS.values() for row in layout}
    assert rows_of_02 | {"remarks"} == set(names_of(SystemInfo))
    assert {row.name for row in tables.STATUS + tables.REAL_TIME_HEAD} | {"records", "complete", "remarks"} == set(
        names_of(RealTime)
    )
    assert {row.name for row in tables.STATUS + tables.PERIOD} | {"points", "width", "remarks"} == set(
        names_of(EnergyByDay)
    )
    assert {row.name for row in tables.STATUS} | {"points", "remarks"} == set(names_of(PowerOfDay))
    measured = tables.RECORD_HEAD + tables.MEASURED
    assert {row.name for row in measured} | {"powers", "voltages", "undecoded"} == set(names_of(Record))


def test_the_records_of_a_frame_begin_at_byte_26_and_those_of_the_signals_take_7():
    assert tables.RECORDS == 26
    assert size(tables.SIGNAL_RECORD) == 7
    assert tables.BODY == 13
    assert tables.LENGTH_KNOWN == 9


def test_the_worked_example_of_the_search_for_sizes_is_true():
    """The module's documentation has it, with literal bytes."""
    assert doctest.testmod(record_sizes) == (0, 8)  # failures, examples


# Of the types that other programs know, too; a captured frame proves the others.
WORDS = {
    "00": [""],
    "01": ["power_1 voltage_1 power_2 voltage_2"],
    "02": ["power_1 voltage_1 power_2 voltage_2 power_3 voltage_3 power_4"],
    "03": ["power_1 voltage_1 power_2 power_3 power_4"],
    "04": ["power_1 voltage_1 power_2 voltage_2"],
    "05": ["power_1 voltage_1 power_2 voltage_2", "power_1 voltage_1 power_2 voltage_2 power_3 voltage_3 power_4"],
}


@pytest.mark.parametrize(
    ("code", "sizes"), {"00": [9], "01": [21], "02": [27], "03": [23], "04": [21], "05": [21, 27]}.items()
)
def test_a_record_has_the_size_of_its_type(code: str, sizes: list[int]):
    """Type 05 as two or as four channels."""
    assert [size(layout) for layout in tables.RECORD_LAYOUTS[code]] == sizes


@pytest.mark.parametrize("layout", [one for layouts in tables.RECORD_LAYOUTS.values() for one in layouts])
def test_channels_and_voltages_count_from_1_without_a_gap(layout: Layout):
    """Their numbers are those of the panels' topics."""
    for word in ("power_", "voltage_"):
        names = [row.name for row in layout if row.name.startswith(word)]
        assert names == [f"{word}{number}" for number in range(1, len(names) + 1)]


@pytest.mark.parametrize(("code", "words"), WORDS.items())
def test_the_words_of_a_record_stand_in_the_order_of_its_type(code: str, words: list[str]):
    """Power and voltage take turns until the voltages, one for each phase, are out."""
    head = "uid online type" if code == "00" else "uid online type frequency temperature"
    assert [" ".join(row.name for row in layout) for layout in tables.RECORD_LAYOUTS[code]] == [
        f"{head} {one}".strip() for one in words
    ]


def test_every_row_has_the_unit_of_what_it_measures():
    """Energies are kWh, powers W, voltages V, and what only counts or names has none."""
    units = {"lifetime_energy": "kWh", "power": "W", "energy_today": "kWh", "frequency": "Hz", "temperature": "degC"}
    units |= {"energy": "kWh"}
    units |= {"power_": "W", "voltage_": "V"}
    for layout in TABLES.values():
        assert [row.unit for row in layout] == [units.get(row.name.rstrip("0123456789"), "") for row in layout]


def test_the_values_of_format_01_stand_where_the_protocol_says():
    """Behind the firmware text of v and the time zone text of t characters all offsets move by them: 16 each."""
    case = captured("ecurpro-sysinfo-2.0.7A-2022")
    items = walk(tables.SYSTEM_INFO_LAYOUTS["01"], case.data.removesuffix(b"END\n"), 13)
    assert {item.field.name: item.offset for item in items} == {
        "ecu_id": 13,
        "version": 25,
        "lifetime_energy": 27,
        "power": 31,
        "energy_today": 35,
        "last_contact": 39,
        "registered": 46,
        "online": 48,
        "channel": 50,
        "firmware": 52,
        "time_zone": 55 + 16,
        "wired_mac": 58 + 16 + 16,
        "wireless_mac": 64 + 16 + 16,
        "unknown": 70 + 16 + 16,
    }


def test_the_values_of_format_02_stand_where_other_programs_read_them():
    items = walk(tables.SYSTEM_INFO_LAYOUTS["02"], VERSION_02.data.removesuffix(b"END\n"), 13)
    offsets = {item.field.name: item.offset for item in items}
    assert [offsets[name] for name in ("registered", "online", "reserved", "firmware")] == [39, 41, 43, 49]


def test_the_requests_are_literally_those_of_the_protocol():
    """All but the system info name the ECU; a newline ends each."""
    assert frames.request("0001") == b"APS1100160001END\n"
    assert frames.request("0002", "216000000001") == b"APS1100280002216000000001END\n"
    assert frames.request("0030", "216000000001") == b"APS1100280030216000000001END\n"
    assert frames.request("0003", "216000000001", "20260621") == b"APS1100390003216000000001END20260621END\n"
    assert frames.request("0004", "216000000001", "02") == b"APS1100390004216000000001END02END\n"
    assert (tables.SYSTEM_INFO, tables.REAL_TIME, tables.SIGNAL) == ("0001", "0002", "0030")
    assert (tables.POWER_OF_DAY, tables.ENERGY_BY_DAY) == ("0003", "0004")
    assert (tables.WEEK, tables.MONTH, tables.YEAR) == ("00", "01", "02")
    assert (tables.STATUS_OK, tables.STATUS_NO_DATA, tables.STATUS_WRONG_ECU) == ("00", "01", "02")


@pytest.mark.parametrize(
    ("uid", "model"),
    [
        ("100000000001", "YC500"),
        ("408000000001", "YC600"),
        ("502000000001", "YC1000"),
        ("702000000001", "DS3-S"),
        ("703000000001", "DS3-L"),
        ("704000000001", "DS3"),
        ("802000000001", "QS1"),
        ("804000000001", "QS1A"),
        ("806000000001", "QS1A"),
        ("901000000001", "QT2"),
        ("999000000001", "inverter"),
        ("040000000001", "inverter"),
    ],
)
def test_the_longest_prefix_of_a_uid_names_the_model(uid: str, model: str):
    assert models.inverter_model(uid) == model


@pytest.mark.parametrize(
    ("ecu_id", "model"),
    [
        ("216000000001", "ECU-R"),
        ("216200000001", "ECU-R-Pro"),
        ("216300000001", "ECU-B"),
        ("215000000001", "ECU-C"),
        ("203000000001", "ECU-3"),
        ("999900000001", "ECU"),
    ],
)
def test_the_prefix_of_an_ecu_id_names_its_model(ecu_id: str, model: str):
    assert models.ecu_model(ecu_id) == model


# -- the frame --------------------------------------------------------------------------------------------------------

SIGNAL_OF_ONE = literal("""
    415053 3131 30303235 30303330   # APS 11 0025 0030
    3030                            # 13 status 00
    703000000001 b5                 # 15 level 181
    454e44 0a                       # END
""")
REAL_TIME_OF_ONE = literal("""
    415053 3131 30303530 30303032   # APS 11 0050 0002
    3030 3031 0001                  # 13 status 00, version 01, 1 record
    20250621 120005                 # 19 2025-06-21 12:00:05
    703000000001 01 3031            # 26 703000000001 online, type 01
    01f4 0082 0064 00e6 0065 00e7   # 50.0 Hz, 30 degC, P1 100, V1 230, P2 101, V2 231
    454e44 0a                       # END
""")
ONE = Record(
    "703000000001", online=True, type="01", frequency=50.0, temperature=30, powers=(100, 101), voltages=(230, 231)
)


@pytest.mark.parametrize(
    ("head", "whole"), [(b"APS110013", 14), (b"APS110094", 95), (b"APS121234", 1235), (b"APS119999", 10_000)]
)
def test_the_length_field_counts_all_but_the_final_newline(head: bytes, whole: int):
    """Four digits, so no frame is longer than 10,000 bytes."""
    assert frames.declared_size(head) == whole <= tables.MAX_FRAME


def test_the_size_of_a_frame_is_known_before_the_frame_is():
    """From its first nine bytes on; what follows does not change it."""
    assert frames.declared_size(SIGNAL_OF_ONE[:9]) == frames.declared_size(SIGNAL_OF_ONE) == len(SIGNAL_OF_ONE)


@pytest.mark.parametrize("received", range(9))
def test_a_frame_cut_within_its_header_is_incomplete(received: int):
    with pytest.raises(IncompleteFrame, match=f"ends within its header, at byte {received}$"):
        Frame.decode(SIGNAL_OF_ONE[:received])


@pytest.mark.parametrize("data", [b"X", b"AX", b"APX", b"aps1100160001END\n", b"HTTP/1.1 400 Bad Request\r\n", b"\x00"])
def test_an_answer_that_does_not_begin_with_aps_is_malformed(data: bytes):
    """However little of it there is; the message shows how it begins."""
    with pytest.raises(MalformedFrame, match=f"does not begin with APS but with 0x{data[:8].hex()}"):
        Frame.decode(data)


@pytest.mark.parametrize("length", [b"00x5", b" 025", b"-025", b"+025", b"2.50", b"\x00\x00\x00\x19", b"0x19"])
def test_a_length_field_that_is_no_number_is_malformed(length: bytes):
    with pytest.raises(MalformedFrame, match=f"length field is no length: 0x{length.hex()}$"):
        Frame.decode(SIGNAL_OF_ONE[:5] + length + SIGNAL_OF_ONE[9:])


@pytest.mark.parametrize("length", [b"0000", b"0009", b"0012"])
def test_a_length_shorter_than_the_header_is_malformed(length: bytes):
    with pytest.raises(MalformedFrame, match="length field is no length"):
        Frame.decode(SIGNAL_OF_ONE[:5] + length + SIGNAL_OF_ONE[9:])


@pytest.mark.parametrize("whole", [SIGNAL_OF_ONE, REAL_TIME_OF_ONE])
def test_a_missing_newline_is_forgiven(whole: bytes):
    """The length does not count it; nothing is remarked."""
    assert Frame.decode(whole[:-1]) == Frame.decode(whole)
    assert decode(whole[:-1]).remarks == ()


@pytest.mark.parametrize("cut", range(2, 36))
def test_a_frame_without_its_last_byte_before_the_newline_is_incomplete(cut: int):
    received = len(REAL_TIME_OF_ONE) - cut
    with pytest.raises(IncompleteFrame, match=f"the answer ends at byte {received} of 51$"):
        Frame.decode(REAL_TIME_OF_ONE[:received])


@pytest.mark.parametrize(
    ("data", "command", "trailer"), [(b"APS1100130END\n", "0END", False), (b"APS1100160001END\n", "0001", True)]
)
def test_end_is_a_trailer_only_behind_the_header(data: bytes, command: str, *, trailer: bool):
    """The shortest frame with a trailer has no payload; END within the header is none."""
    frame = Frame.decode(data)
    assert (frame.command, frame.trailer) == (command, trailer)
    assert frame.encode() == data


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n", b"\r", b" ", b"\nAPS", b"D\n"])
def test_a_frame_that_goes_on_behind_its_length_is_malformed(end: bytes):
    """Nothing but one newline may follow: what else comes is no part of this answer."""
    with pytest.raises(MalformedFrame, match="does not end where its length says, at byte 26"):
        Frame.decode(SIGNAL_OF_ONE[:-1] + end)


def test_newlines_and_end_within_the_payload_end_nothing():
    """Temperature, power and voltage can spell END and a newline between them."""
    frame = literal("""
        415053 3131 30303530 30303032   # APS 11 0050 0002
        3030 3031 0001                  # 13 status 00, version 01, 1 record
        20250621 101010                 # 19 2025-06-21 10:10:10
        703000000010 01 3031            # 26 703000000010 online, type 01
        01f4 0045 4e44 0a4e 440a 0a0a   # 50.0 Hz, -31 degC, P1 20036, V1 2638, P2 17418, V2 2570
        454e44 0a                       # END
    """)
    assert b"END\n" in frame[:-4]
    record = decoded_records(frame).records[0]
    assert (record.temperature, record.powers, record.voltages) == (-31, (20036, 17418), (2638, 2570))


def test_a_count_of_ten_is_a_newline_and_no_end():
    """Ten inverters are 000a: a client that reads up to a newline never saw more of them (quirk 10)."""
    frame = literal("""
        415053 3131 30313139 30303032   # APS 11 0119 0002
        3030 3031 000a                  # 13 status 00, version 01, 10 records
        20250621 120005                 # 19 2025-06-21 12:00:05
        703000000001 00 3030 703000000002 00 3030 703000000003 00 3030 703000000004 00 3030 703000000005 00 3030
        703000000006 00 3030 703000000007 00 3030 703000000008 00 3030 703000000009 00 3030 703000000010 00 3030
        454e44 0a                       # END
    """)
    answer = decoded_records(frame)
    assert (answer.count, len(answer.records), answer.complete) == (10, 10, True)


def test_a_signal_level_of_10_is_a_newline_and_no_end():
    frame = literal("""
        415053 3131 30303332 30303330   # APS 11 0032 0030
        3030                            # 13 status 00
        703000000001 0a                 # 15 level 10
        703000000002 0a                 # 22 level 10
        454e44 0a                       # END
    """)
    assert decode(frame) == Signal("00", (("703000000001", 10), ("703000000002", 10)))


@pytest.mark.parametrize("group", ["11", "12", "99", "xx"])
@pytest.mark.parametrize("name", ["ecurpro-sysinfo-2.0.7A-2022", "yc600-7-ecur-2020", "ecurpro-signal-8-2022"])
def test_the_command_group_is_never_matched_on(group: str, name: str):
    """It is 12 in the system info of some models only (quirk 20), so that the next model may have another."""
    case = captured(name)
    data = case.data[:3] + group.encode() + case.data[5:]
    assert decode(data) == decode(case.data)
    assert decode(data).remarks == ()
    assert Frame.decode(data).group == group
    assert ENCODE[case.command](decode(data), group).encode() == data


# -- the end of the frame ---------------------------------------------------------------------------------------------

SYSTEM_INFO_OF_ECU_R = literal("""
    415053 3131 30303934 30303031   # APS 11 0094 0001
    323136303030303030303034        # 13 ECU id 216000000004
    3031                            # 25 version 01
    0000aa3d 0000028e 00000011      # 27 lifetime 4358.1 kWh, power 654 W, today 0.17 kWh
    d0d0d0d0d0d0d0                  # 39 last contact: filler
    0006 0006 3130                  # 46 registered 6, online 6, channel 10
    303132 4543555f525f312e332e3643 # 52 ECU_R_1.3.6C
    303039 4574632f474d542d38       # 67 Etc/GMT-8
    80971b000001 000000000000       # 79 MACs
    454e44 0a                       # END
""")
SYSTEM_INFO_OF_ECU_C = literal("""
    415053 3132 30313036 30303031   # APS 12 0106 0001
    323135303030303030303031        # 13 ECU id 215000000001
    3031                            # 25 version 01
    0000aa3d 0000028e 00000011      # 27 lifetime 4358.1 kWh, power 654 W, today 0.17 kWh
    20240325 182524                 # 39 last contact
    0006 0006 3130                  # 46 registered 6, online 6, channel 10
    303132 4543555f435f312e332e3643 # 52 ECU_C_1.3.6C
    303039 4574632f474d542d38       # 67 Etc/GMT-8
    80971b000001 60c5a8000001       # 79 MACs
    3030 00000000000000000000       # 91 unknown
    454e44 0a                       # END
""")
ENDINGS = {
    "0001 of ECU-R": SYSTEM_INFO_OF_ECU_R,
    "0001 of ECU-C": SYSTEM_INFO_OF_ECU_C,
    "0002": REAL_TIME_OF_ONE,
    "0030": SIGNAL_OF_ONE,
    "0003": POWER.data,
    "0004, wide": WIDE.data,
    "0004, narrow": NARROW.data,
    "0004, a month": MONTH.data,
}


def with_end(whole: bytes, end: bytes) -> bytes:
    """`whole` with another end than END, under the length that it then has."""
    body = whole.removesuffix(b"END\n") + end
    return body[:5] + b"%04d" % len(body) + body[9:] + b"\n"


@pytest.mark.parametrize("whole", ENDINGS.values(), ids=ENDINGS)
def test_an_absent_trailer_is_remarked_and_the_values_are_used(whole: bytes):
    """Firmware of August 2025 leaves END out and counts it out of the length (quirk 8)."""
    answer = decode(with_end(whole, b""))
    assert replace(answer, remarks=()) == decode(whole)
    assert [remark.what for remark in answer.remarks] == [f"no END behind the answer to {whole[9:13].decode()}"]
    assert decode(whole).remarks == ()
    if isinstance(answer, RealTime):
        assert answer.complete


@pytest.mark.parametrize("whole", ENDINGS.values(), ids=ENDINGS)
def test_an_absent_trailer_that_the_length_counts_is_a_cut_frame(whole: bytes):
    """Three bytes are missing: what else is missing nobody knows."""
    with pytest.raises(IncompleteFrame, match=f"ends at byte {len(whole) - 4} of {len(whole)}$"):
        decode(whole[:-4])


@pytest.mark.parametrize("end", [b"XND", b"EN", b"ENDEN", b"end", b"\x00\x00\x00", b"E"])
@pytest.mark.parametrize("whole", ENDINGS.values(), ids=ENDINGS)
def test_a_wrong_trailer_is_malformed(whole: bytes, end: bytes):
    """Neither END nor nothing: the message says that the end is wrong."""
    with pytest.raises(MalformedFrame, match="wrong end, not END"):
        decode(with_end(whole, end))


@pytest.mark.parametrize("end", [b"XND", b""])
def test_format_02_of_0001_may_lack_its_trailer_but_not_have_a_wrong_one(end: bytes):
    whole = VERSION_02.data.replace(b"\xb1\xb2END", b"END")
    if end:
        with pytest.raises(MalformedFrame, match="wrong end, not END"):
            decode(with_end(whole, end))
    else:
        assert decode(with_end(whole, end)).firmware == "ECU_R_1.2.22"


@pytest.mark.parametrize("command", ["0002", "0030", "0003", "0004"])
@pytest.mark.parametrize("status", ["01", "02", "07", "1\x00"])
def test_an_answer_of_another_status_has_nothing_but_the_status(command: str, status: str):
    """No END, no records, nothing remarked (quirk 27)."""
    data = b"APS110015" + command.encode() + status.encode() + b"\n"
    empty = {"0002": RealTime, "0030": Signal, "0003": PowerOfDay, "0004": EnergyByDay}[command](status)
    assert decode(data) == decode(data[:-1]) == empty
    assert decode(data).remarks == ()
    assert ENCODE[command](empty).encode() == data


@pytest.mark.parametrize("command", ["0002", "0030", "0003", "0004"])
def test_a_status_other_than_00_is_read_before_the_end_is_looked_for(command: str):
    """A refusal that did have an END is the same refusal."""
    assert decode(b"APS110018" + command.encode() + b"02END\n").status == "02"


@pytest.mark.parametrize(
    ("data", "missing"),
    [
        (b"APS1100130002\n", "status"),
        (b"APS1100140030\x30\n", "status"),
        (b"APS1100140003\x30\n", "status"),
        (b"APS110016000400\x30\n", "period"),
        (b"APS110015000200\n", "version"),
        (b"APS11001800020001\x00\n", "count"),
        (b"APS110022000200" + b"01\x00\x01\x20\x25\x06\n", "time"),
        (b"APS1100250001216000000004\n", "version"),
    ],
)
def test_a_payload_that_is_too_short_for_its_values_is_refused(data: bytes, missing: str):
    """The frame is as long as it says, and holds less than it has to; the message names what is not there."""
    with pytest.raises(FrameError, match=missing):
        decode(data)


def test_an_empty_list_of_inverters_is_an_answer():
    """A new ECU without inverters has no records and no signals."""
    data = literal("415053 3131 30303239 30303032 3030 3031 0000 20250621 120005 454e44 0a")
    assert as_dict(decode(data)) == {
        "status": "00",
        "version": "01",
        "count": 0,
        "time": "20250621120005",
        "records": (),
        "complete": True,
        "remarks": (),
    }
    assert decode(literal("415053 3131 30303138 30303330 3030 454e44 0a")) == Signal("00")


@pytest.mark.parametrize("octets", [*range(1, 7), 8, 13])
def test_signals_that_end_within_a_record_are_malformed(octets: int):
    data = with_end(SIGNAL_OF_ONE, b"\x70" * octets + b"END")
    with pytest.raises(MalformedFrame, match="does not end with a whole record"):
        decode(data)


# -- formats and types nobody knows -----------------------------------------------------------------------------------


def test_an_unknown_version_of_0001_is_read_under_the_format_that_fits():
    """As 01 here, and the version stays what it is; the remark names it."""
    info = decode(SYSTEM_INFO_OF_ECU_R.replace(b"00000401", b"00000407"))
    assert isinstance(info, SystemInfo)
    assert (info.version, info.registered, info.firmware) == ("07", 6, "ECU_R_1.3.6C")
    assert [str(remark) for remark in info.remarks] == ["format '07' of 0001 is new: read as the one that fits"]


def test_an_unknown_version_of_0001_may_fit_format_02():
    info = decode(VERSION_02.data.replace(b"00000902", b"00000903"))
    assert isinstance(info, SystemInfo)
    assert (info.version, info.registered, info.online, info.firmware) == ("03", 9, 7, "ECU_R_1.2.22")
    assert [remark.what for remark in info.remarks] == ["format '03' of 0001 is new"]


def test_an_unknown_version_of_0001_that_fits_no_format_is_malformed():
    """Neither at byte 49 nor at byte 52 stands the length of a text."""
    data = SYSTEM_INFO_OF_ECU_R.replace(b"00000401", b"00000407").replace(b"012ECU", b"ECU012")
    with pytest.raises(MalformedFrame, match="0001 cannot be understood: the length of firmware at byte 52"):
        decode(data)


def test_a_known_version_of_0001_is_read_under_no_other_format():
    """What calls itself 01 and only fits 02 is malformed, not guessed at."""
    with pytest.raises(MalformedFrame, match="0001 cannot be understood"):
        decode(VERSION_02.data.replace(b"00000902", b"00000901"))


def test_a_text_of_0001_that_is_longer_than_the_frame_is_malformed():
    """The frame is as long as it says, so nothing is missing: its content is wrong."""
    with pytest.raises(MalformedFrame, match="0001 cannot be understood: the answer ends within firmware"):
        decode(SYSTEM_INFO_OF_ECU_R.replace(b"012ECU", b"912ECU"))


@pytest.mark.parametrize("unknown", [b"\x01", b"00" + bytes(11), b"00" + bytes(10), bytes(40)])
def test_more_bytes_before_the_end_of_0001_are_kept_as_they_are(unknown: bytes):
    """The trailer proves that they belong there (quirk 21)."""
    info = decode(with_end(SYSTEM_INFO_OF_ECU_R, unknown + b"END"))
    assert isinstance(info, SystemInfo)
    assert (info.unknown, info.remarks) == (unknown.hex(), ())


@pytest.mark.parametrize("version", ["02", "00", "99", "A1"])
def test_an_unknown_version_of_0002_is_tried_and_remarked(version: str):
    """Where its records end where they should, they are good (quirk 32)."""
    answer = decoded_records(REAL_TIME_OF_ONE.replace(b"0001\x00\x01", b"00" + version.encode() + b"\x00\x01"))
    assert (answer.version, answer.records, answer.complete) == (version, (ONE,), True)
    assert [remark.what for remark in answer.remarks] == [f"format '{version}' of 0002 is new"]


def test_an_unknown_version_of_0002_whose_records_do_not_end_is_malformed():
    with pytest.raises(MalformedFrame):
        decode(with_end(REAL_TIME_OF_ONE.replace(b"0001\x00\x01", b"0002\x00\x01"), b"\x00\x00END"))


@pytest.mark.parametrize("count", [0, 2, 3, 65535])
def test_a_count_that_contradicts_the_records_makes_the_list_incomplete(count: int):
    """One record fills the frame, so it is good; which of both is wrong nobody knows."""
    answer = decoded_records(REAL_TIME_OF_ONE[:17] + count.to_bytes(2, "big") + REAL_TIME_OF_ONE[19:])
    assert (answer.count, answer.records, answer.complete) == (count, (ONE,), False)
    assert [str(remark) for remark in answer.remarks] == [
        f"0002 contradicts itself: it says {count} inverters and lists 1"
    ]


@pytest.mark.parametrize(
    "junk",
    [
        "00",  # one byte
        "703000000001 01 30",  # a head without its last byte
        "703000000001 02 3031 01f4 0082 0064 00e6 0065 00e7",  # online is neither 0 nor 1
        "703000000001 01 3000 01f4 0082 0064 00e6 0065 00e7",  # the type is no text
        "703000000001 01 3031 01f4 0082 0064 00e6 0065 00",  # a known type that lacks its last byte
    ],
)
def test_bytes_behind_the_records_that_are_no_record_are_malformed(junk: str):
    """The message says where the records end and where the answer does."""
    data = with_end(REAL_TIME_OF_ONE, bytes.fromhex(junk) + b"END")
    end = len(data) - 4
    with pytest.raises(MalformedFrame, match=f"1 of 1 records end at byte 47, the answer at {end}$"):
        decode(data)


KNOWN = "703000000001 01 3031 01f4 0082 0064 00e6 0065 00e7"  # ONE
OTHER = "802000000004 01 3033 01f2 0085 0068 00ea 0069 006a 006b"  # type 03
# Types nobody knows, and no ECU will: the next real ones are digits.
UNKNOWN = "999000000007 01 5a37 01f4 0082 1111 2222 3333"  # type Z7 of 19 bytes
UNKNOWN_AGAIN = "999000000008 00 5a37 0000 0064 4444 5555 6666"  # type Z7 of 19 bytes
UNKNOWN_ELSE = "999000000009 01 5a38 01f4 0082 7777"  # type Z8 of 15 bytes
TWO = Record(
    "802000000004", online=True, type="03", frequency=49.8, temperature=33, powers=(104, 105, 106, 107), voltages=(234,)
)
SKIPPED = Record("999000000007", online=True, type="Z7", undecoded="01f40082111122223333")
SKIPPED_AGAIN = Record("999000000008", online=False, type="Z7", undecoded="00000064444455556666")


def listing(*records: str, count: int | None = None, end: bytes = b"END") -> bytes:
    """An answer to 0002 with these records."""
    body = b"00" + b"01" + (len(records) if count is None else count).to_bytes(2, "big")
    body += bytes.fromhex("20250621 120005" + "".join(records)) + end
    return b"APS11%04d0002" % (len(body) + 13) + body + b"\n"


@pytest.mark.parametrize(
    ("records", "found", "places"),
    [
        ([KNOWN, UNKNOWN, OTHER], (ONE, SKIPPED, TWO), [47]),
        ([UNKNOWN, KNOWN, OTHER], (SKIPPED, ONE, TWO), [26]),
        ([KNOWN, OTHER, UNKNOWN], (ONE, TWO, SKIPPED), [70]),
        ([UNKNOWN], (SKIPPED,), [26]),
        ([UNKNOWN, UNKNOWN_AGAIN], (SKIPPED, SKIPPED_AGAIN), [26, 45]),
        ([KNOWN, UNKNOWN, OTHER, UNKNOWN_AGAIN], (ONE, SKIPPED, TWO, SKIPPED_AGAIN), [47, 89]),
        ([UNKNOWN, KNOWN, UNKNOWN_AGAIN], (SKIPPED, ONE, SKIPPED_AGAIN), [26, 66]),
    ],
    ids=["middle", "first", "last", "alone", "twice", "twice apart", "first and last"],
)
def test_an_unknown_type_of_one_fitting_size_is_skipped(
    records: list[str], found: tuple[Record, ...], places: list[int]
):
    """All others are read; a remark for each of its records shows inverter, type, offset and bytes (quirk 31)."""
    answer = decoded_records(listing(*records))
    assert answer.records == found
    assert answer.complete
    skipped = [one for one in found if one.type == "Z7"]
    raw = {"999000000007": UNKNOWN, "999000000008": UNKNOWN_AGAIN}
    assert [str(remark) for remark in answer.remarks] == [
        f"inverter {one.uid} is of the unknown type Z7: skipped; please report its record at byte {at}: "
        + raw[one.uid].replace(" ", "")
        for one, at in zip(skipped, places, strict=True)
    ]
    assert encode_real_time(answer).encode() == listing(*records)


@pytest.mark.parametrize("octets", [9, 10, 64])
def test_an_unknown_type_may_have_any_size_between_a_head_and_64_bytes(octets: int):
    """A head alone is what type 00 has; the largest known record has 27."""
    unknown = "999000000007 01 5a37" + "a5" * (octets - 9)
    answer = decoded_records(listing(KNOWN, unknown, OTHER))
    assert answer.complete
    assert [one.type for one in answer.records] == ["01", "Z7", "03"]
    assert answer.records[1].undecoded == "a5" * (octets - 9)


def test_an_unknown_record_is_not_shorter_than_its_head():
    """With 6 bytes for type Z7 a record of type 02 would begin within its head, and fit; only 12 bytes count."""
    unknown = "999000000007 01 5a37 111111"
    other = "003032000001 01 3031 01f4 0082 0064 00e6 0065 00e7"  # 0x00 and 0x3032 within the UID: offline, type 02
    answer = decoded_records(listing(unknown, other))
    assert answer.complete
    assert [(one.uid, one.type) for one in answer.records] == [("999000000007", "Z7"), ("003032000001", "01")]


def test_an_unknown_type_beside_type_05_leaves_both_open_and_the_arithmetic_decides():
    """Of the two sizes of 05 times all of the unknown one, one pair fits."""
    five = "707000000001 01 3035 01f4 0082 0064 00e6 0065 00e7"
    for records in ([five, UNKNOWN, OTHER], [UNKNOWN, OTHER, five], [OTHER, UNKNOWN, five, UNKNOWN_AGAIN]):
        answer = decoded_records(listing(*records))
        assert answer.complete
        assert [one.powers for one in answer.records if one.type == "05"] == [(100, 101)]


# A record of type 01 (33 degC, P1 16 W, V1 256 V, P2 1 W, V2 12336 V) whose last nine bytes are a record of type 00.
AMBIGUOUS = "703000000002 01 3031 01f4 0085 0010 0100 0001 3030"
HIDDEN = "85 0010 0100 00 01 3030"  # its last nine bytes: UID 850010010000, online, type 00


@pytest.mark.parametrize(
    ("records", "code", "at"),
    [
        ([KNOWN, "999000000007 01 5a37" + "a5" * 56, OTHER], "Z7", 47),  # of 65 bytes
        ([KNOWN, UNKNOWN, UNKNOWN_ELSE], "Z7", 47),  # two unknown types
        ([KNOWN, "999000000007 01 5a37", AMBIGUOUS], "Z7", 47),  # 9 bytes and a type 01, or 21 bytes and a type 00
        ([KNOWN, UNKNOWN, UNKNOWN_AGAIN + "00"], "Z7", 47),  # two sizes of one type
        ([KNOWN, "707000000001 01 3035" + "00" * 13, OTHER], "05", 47),  # type 05 of neither size
    ],
    ids=["too long", "two types", "ambiguous", "two sizes", "05 of another size"],
)
def test_an_unknown_type_of_none_or_many_fitting_sizes_ends_what_is_read(records: list[str], code: str, at: int):
    """What stands before it is used, the list is incomplete, and the remark shows type, offset and all the rest."""
    data = listing(*records)
    answer = decoded_records(data)
    assert answer.records == (ONE,)
    assert not answer.complete
    (remark,) = answer.remarks
    assert remark.what == f"records of type {code} cannot be told apart"
    assert remark.detail == f"1 of {len(records)} inverters read; please report from byte {at}: {data[at:-4].hex()}"


def test_the_ambiguous_record_is_indeed_two_records():
    """Each reading is sound by itself, so the test above is about two sizes and not about none."""
    assert bytes.fromhex(AMBIGUOUS)[-9:] == bytes.fromhex(HIDDEN)
    assert decoded_records(listing(AMBIGUOUS)).complete
    assert decoded_records(listing(HIDDEN)).complete


GARBLED = "70300000000a 01 3031 01f4 0082 0064 00e6 0065 00e7"  # ONE, with a bit too many in its UID


@pytest.mark.parametrize(
    "records",
    [[GARBLED], [KNOWN, GARBLED, OTHER], [GARBLED, KNOWN, OTHER], [KNOWN, OTHER, GARBLED], [KNOWN, GARBLED, UNKNOWN]],
    ids=["alone", "middle", "first", "last", "beside an unknown type"],
)
def test_a_record_with_a_uid_that_is_not_decimal_costs_nobody_the_rest(records: list[str]):
    """It is framed by its type as any other; a remark shows where it stands and its bytes."""
    data = listing(*records)
    answer = decoded_records(data)
    assert len(answer.records) == len(records)
    assert answer.records[records.index(GARBLED)] == ONE._replace(uid="70300000000a")
    at = 26 + sum(len(bytes.fromhex(one)) for one in records[: records.index(GARBLED)])
    assert (
        "inverter 70300000000a has a UID that is not decimal: skipped; please report its record at byte "
        f"{at}: {GARBLED.replace(' ', '')}"
    ) in [str(remark) for remark in answer.remarks]
    assert encode_real_time(answer).encode() == data


@pytest.mark.parametrize("head", ["70300000000a 01 5a37", "70300000000a 02 3031", "70300000000a 01 3000"])
def test_a_garbled_uid_before_a_type_nobody_knows_begins_no_record(head: str):
    """Else almost anything would."""
    with pytest.raises(MalformedFrame, match="1 of 2 records end at byte 47"):
        decode(listing(KNOWN, head + "01f4 0082 0064 00e6 0065 00e7"))


@pytest.mark.parametrize("count", [0, 1, 4, 5])
def test_an_unknown_type_is_not_skipped_where_the_count_is_wrong(count: int):
    """Number and end of the records have to fit, else any size would."""
    answer = decoded_records(listing(KNOWN, UNKNOWN, OTHER, count=count))
    assert answer.records == (ONE,)
    assert not answer.complete


def test_an_unknown_type_first_that_cannot_be_skipped_leaves_no_inverter():
    answer = decoded_records(listing(UNKNOWN, UNKNOWN_ELSE))
    assert (answer.records, answer.complete, answer.count) == ((), False, 2)


@pytest.mark.parametrize("end", [b"", b"XND"])
def test_an_unknown_type_without_a_trailer_is_malformed(end: bytes):
    """Where nothing proves the end, any size fits."""
    with pytest.raises(MalformedFrame, match=r"1 of 3 records end at byte 47, .*wrong end, not END"):
        decoded_records(listing(KNOWN, UNKNOWN, OTHER, end=end))


def test_type_05_needs_no_trailer():
    """Both its sizes are known, and where the declared length ends one of them fits."""
    answer = decoded_records(with_end(TYPE_05_FOUR_CHANNELS.data, b""))
    assert answer == decoded_records(TYPE_05_FOUR_CHANNELS.data)
    assert answer.complete


# -- 0003 and 0004: history -------------------------------------------------------------------------------------------


def energies(*points: str, trailer: bytes = b"END") -> bytes:
    """An answer to 0004 with these points in hexadecimal, under the length that it has."""
    body = b"0001" + bytes.fromhex("".join(points)) + trailer
    return b"APS11%04d0004" % (13 + len(body)) + body + b"\n"


def powers(*points: str, trailer: bytes = b"END") -> bytes:
    """An answer to 0003 with these points in hexadecimal."""
    body = b"00" + bytes.fromhex("".join(points)) + trailer
    return b"APS11%04d0003" % (13 + len(body)) + body + b"\n"


def test_the_derived_month_is_that_of_its_file():
    """30 days in a row, today included, and the length that quirk 73 says."""
    derived = json.loads((Path(__file__).parents[1] / "derived-0004-month.json").read_text())
    assert derived["source"].startswith("https://")
    answer = decode(MONTH.data)
    assert [day for day, _ in answer.points] == [day["date"] for day in derived["entries"]]
    assert all(round(100 * kwh) in day["raw"] for (_, kwh), day in zip(answer.points, derived["entries"], strict=True))
    assert (len(answer.points), answer.width, MONTH.data[5:9]) == (30, 4, b"0260")


@pytest.mark.parametrize("left_out", [slice(0, 3), slice(5, 6), slice(10, 25), slice(29, 30)])
def test_days_that_are_left_out_of_the_derived_month_are_gaps_and_no_other_width(left_out: slice):
    points = [MONTH.data[at : at + 8].hex() for at in range(17, 257, 8)]
    del points[left_out]
    answer = decode(energies(*points))
    assert answer.width == 4
    assert answer.points == tuple((point[:8], int(point[8:], 16) / 100) for point in points)


def test_a_payload_that_divides_by_8_and_by_6_has_the_width_that_gives_dates():
    """24 bytes are three points of 8 or four of 6."""
    wide = decode(energies("20260619 00000901", "20260620 00000902", "20260621 00000903"))
    narrow = decode(energies("20260618 0901", "20260619 0902", "20260620 0903", "20260621 0904"))
    gaps = decode(energies("20260601 0901", "20260619 0902", "20260620 0903", "20260621 0904"))
    assert (wide.width, narrow.width, gaps.width) == (4, 2, 2)
    assert wide.points == (("20260619", 23.05), ("20260620", 23.06), ("20260621", 23.07))
    assert narrow.points == (("20260618", 23.05), ("20260619", 23.06), ("20260620", 23.07), ("20260621", 23.08))
    assert len(gaps.points) == 4


def test_where_both_widths_give_ascending_dates_the_one_without_a_gap_is_right():
    """It takes a year like 101: the first two digits of a year are no month in this millennium."""
    wide = decode(energies("01010101 00000102", "01010102 01020201", "01010103 01010000"))
    assert (wide.width, [day for day, _ in wide.points]) == (4, ["01010101", "01010102", "01010103"])
    narrow = decode(energies("01010101 0001", "01010102 0101", "01010103 0103", "01010104 0001"))
    assert (narrow.width, [day for day, _ in narrow.points]) == (2, ["01010101", "01010102", "01010103", "01010104"])


@pytest.mark.parametrize(
    "points",
    [
        ["20260620 00000901", "20260619 00000902"],  # descending
        ["20260620 00000901", "20260620 00000902"],  # twice the same
        ["20260631 00000901"],  # no date of the calendar
        ["20261301 00000901"],
        ["20230229 00000901"],  # no leap year
        ["454e440a 00000901"],  # quirk 76: what others read behind the end
        ["20260620 00000901 00"],  # a byte too many
        ["20260620 000009"],
    ],
)
def test_what_is_no_list_of_ascending_dates_is_malformed(points: list[str]):
    with pytest.raises(MalformedFrame, match="no list of ascending dates"):
        decode(energies(*points))


@pytest.mark.parametrize("filler", ["00000000", "d0d0d0d0", "ffffffff"])
def test_energies_whose_date_is_filler_are_left_out_and_remarked(filler: str):
    """Wherever they stand, and in both widths."""
    for energy in ("0000", "00000000"):
        answer = decode(energies(f"{filler}{energy}", f"20260620{energy[4:]}0901", f"{filler}{energy}"))
        assert answer.points == (("20260620", 23.05),)
        assert [str(remark) for remark in answer.remarks] == [
            "points without a time in the answer to 0004: 2 of them are left out"
        ]


@pytest.mark.parametrize("filler", ["d0d0", "ffff", "2400", "1260", "454e"])
def test_points_whose_time_is_filler_are_left_out_and_remarked(filler: str):
    """2400 is no time of a day either."""
    answer = decode(powers("0535 0001", f"{filler} 0000", "0540 0002"))
    assert answer.points == (("0535", 1), ("0540", 2))
    assert [str(remark) for remark in answer.remarks] == [
        "points without a time in the answer to 0003: 1 of them are left out"
    ]


def test_filler_in_an_answer_without_a_trailer_may_be_a_wrong_end():
    """XNDX is as long as a point."""
    for data in (powers("0535 0001", trailer=b"XNDX"), energies("00000000 0000", "20260620 0001", trailer=b"")):
        with pytest.raises(MalformedFrame, match="has points without a time, and has a wrong end, not END"):
            decode(data)


@pytest.mark.parametrize("octets", [1, 2, 3, 5])
def test_powers_that_end_within_a_point_are_malformed(octets: int):
    with pytest.raises(MalformedFrame, match="does not end with a whole point"):
        decode(powers("0535 0001", "05" * octets))


def test_the_largest_histories_are_read_whole():
    """A point every 5 minutes of a day, and a year of days: more than 1024 bytes (quirk 9)."""
    times = [f"{minute // 60:02d}{minute % 60:02d}" for minute in range(0, 1440, 5)]
    day = decode(powers(*(f"{time} 0a0a" for time in times)))
    assert [time for time, _ in day.points] == times
    dates = [f"2025{month:02d}{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    year = decode(energies(*(f"{one} 000a0a0a" for one in dates)))
    assert [one for one, _ in year.points] == dates
