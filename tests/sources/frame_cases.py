"""Frames, and what each of them holds, written out without the project's help.

No frame here comes from the project's encoder: both walk the same tables, and would agree on the same mistake.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CAPTURES = Path(__file__).parents[1] / "captures"


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
REAL_TIME_OF_ONE = literal("""
    415053 3131 30303530 30303032   # APS 11 0050 0002
    3030 3031 0001                  # 13 status 00, version 01, 1 record
    20250621 120005                 # 19 2025-06-21 12:00:05
    703000000001 01 3031            # 26 703000000001 online, type 01
    01f4 0082 0064 00e6 0065 00e7   # 50.0 Hz, 30 degC, P1 100, V1 230, P2 101, V2 231
    454e44 0a                       # END
""")


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


def with_end(whole: bytes, end: bytes) -> bytes:
    """`whole` with another end than END, under the length that it then has."""
    body = whole.removesuffix(b"END\n") + end
    return body[:5] + b"%04d" % len(body) + body[9:] + b"\n"
