"""`aps2mqtt decode`: any frame field by field, out of whatever it was kept in."""

import json
import pprint
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import CAPTURES, clean_environment, one_line

from aps2mqtt import cli
from aps2mqtt.base.errors import FrameError
from aps2mqtt.captures import find_frames
from aps2mqtt.captures.dissect import REST, Dissection, dissect, dissect_records
from aps2mqtt.captures.document import decoded
from aps2mqtt.commands import decode as command
from aps2mqtt.screen import listing
from aps2mqtt.sources.ecu8899 import answers, tables
from aps2mqtt.sources.ecu8899.answers import DECODERS, RealTime, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.frames import Frame, declared_size, request

EVERY = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(CAPTURES.glob("*.json"))]
DOCUMENTS = {document["id"]: document for document in EVERY if document["decoded"] is not None}
FRAMES = {name: bytes.fromhex(document["hex"]) for name, document in DOCUMENTS.items()}
SIGNAL = FRAMES["ecur-signal-2025-redacted"]
INFO = FRAMES["ecurpro-sysinfo-2.0.7A-2022"]
REFUSED = FRAMES["ecub-0002-status02-15"]


def literal(text: str) -> bytes:
    """The bytes of hand-written hexadecimal; what follows a # is a comment."""
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in text.splitlines()))


KNOWN = "703000000001 01 3031 01f4 0082 0064 00e6 0065 00e7"
UNKNOWN = "999000000007 01 5a37 01f4 0082 1111 2222 3333"
FIVE = "901000000002 01 3035 01f3 0083 00c8 0186 00c9 0187 00ca 0188 00cb"


def records(*listed: str, count: int | None = None, end: bytes = b"END") -> bytes:
    """An answer to 0002 with these records."""
    body = b"0001" + (len(listed) if count is None else count).to_bytes(2, "big")
    body += bytes.fromhex("20250621 120005" + "".join(listed)) + end
    return b"APS11%04d0002" % (len(body) + 13) + body + b"\n"


POWER = literal("""
    415053 3131 30303236 30303033   # APS 11 0026 0003
    3030                            # 13 status 00
    0535 0000                       # 15 05:35 0 W
    1325 0d06                       # 19 13:25 3334 W
    454e44 0a                       # END
""")
WIDE = literal("""
    415053 3131 30303336 30303034   # APS 11 0036 0004
    3030 3031                       # 13 status 00, period 01
    20240228 00010000               # 17 655.36 kWh
    20240229 00000929               # 25 23.45 kWh
    454e44 0a                       # END
""")
NARROW = literal("""
    415053 3131 30303332 30303034   # APS 11 0032 0004
    3030 3030                       # 13 status 00, period 00
    20231230 03e8                   # 17 10 kWh
    20231231 ffff                   # 23 655.35 kWh
    454e44 0a                       # END
""")
WHOLE = [
    *(data for name, data in FRAMES.items() if "cut" not in DOCUMENTS[name]["decoded"]),
    *(records(KNOWN, FIVE), records(), POWER, WIDE, NARROW),
]


def shown(data: bytes) -> list[str]:
    return list(listing.lines(dissect(data)))


def sound(found: Dissection) -> Dissection:
    """`found`, every byte of which is shown once, in lines that a terminal of 80 columns can show."""
    assert b"".join(part.raw for part in found.parts) == found.data
    at = found.parts[0].offset if found.parts else 0
    for part in found.parts:
        assert part.offset == at
        at += len(part.raw)
    lines = list(listing.lines(found))
    assert all(line.isprintable() and line.isascii() and len(line) <= 80 for line in lines), lines
    return found


# -- the fields -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FRAMES)
def test_a_captured_frame_is_shown_with_the_values_written_out_for_it(name: str) -> None:
    """By hand, under `decoded`; cut ones as far as they go."""
    found = sound(dissect(FRAMES[name]))
    written_out = DOCUMENTS[name]["decoded"]
    assert decoded(found) == written_out
    assert bool(found.faults) == ("cut" in written_out)


@pytest.mark.parametrize("data", WHOLE, ids=lambda data: f"{data[9:13].decode()}, {len(data)} bytes")
def test_a_frame_cut_at_any_byte_is_shown_up_to_there(data: bytes) -> None:
    """What was received whole has the values of the whole frame, and the end is named."""
    whole = {part.offset: part for part in dissect(data).parts}
    for received in range(len(data)):
        found = sound(dissect(data[:received]))
        if received == len(data) - 1:  # only the newline is missing, which is forgiven
            assert not found.faults
            continue
        assert found.faults
        for part in found.parts:
            if part.value is not None:
                assert part == whole[part.offset]
        if received >= tables.LENGTH_KNOWN and not any(part.name == REST for part in found.parts):
            assert f"at byte {received}" in found.faults[0].why


@settings(max_examples=1500)
@given(
    st.sampled_from(WHOLE),
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), max_size=6),
    st.integers(0, 255),
)
def test_a_damaged_frame_is_shown_as_the_decoder_reads_it(
    data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    """Whatever is shown as a value is the decoder's; where it refuses, a fault is named."""
    changed = bytearray(data)
    for at, value in changes:
        changed[at % len(changed)] = value
    agrees(bytes(changed[: len(changed) - cut] if cut < 40 else changed))


@settings(max_examples=500)
@given(st.sampled_from(["0001", "0002", "0030", "0003", "0004", "0099"]), st.binary(max_size=120), st.booleans())
def test_a_frame_of_chance_is_shown_as_the_decoder_reads_it(asked: str, payload: bytes, end: bool) -> None:  # noqa: FBT001
    agrees(Frame.build("11", asked, payload, trailer=end).encode())


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_bytes_of_chance_are_shown(data: bytes) -> None:
    assert sound(dissect(data)).faults
    sound(dissect(b"APS11" + data))
    sound(dissect_records(data, 47))


def agrees(data: bytes) -> None:
    """Asserts that what is shown of `data` is what the decoder reads."""
    found = sound(dissect(data))
    try:
        answer = DECODERS[Frame.decode(data).command](Frame.decode(data))
    except (FrameError, KeyError):
        assert found.faults or found.about.startswith("request")
        return
    values = {part.name: part.value for part in found.parts if part.value is not None}
    if isinstance(answer, SystemInfo):
        assert {name: getattr(answer, name) for name in values if hasattr(answer, name)}.items() <= values.items()
    elif isinstance(answer, RealTime):
        uids = [part.value for part in found.parts if part.name == "uid" and part.value is not None]
        assert uids[: len(answer.records)] == [record.uid for record in answer.records]
        watts = [part.value for part in found.parts if part.name.startswith("power_")]
        assert watts == [power for record in answer.records for power in record.powers]
        assert answer.complete or found.faults
    elif isinstance(answer, Signal):
        assert [part.value for part in found.parts if part.name == "level"] == [level for _, level in answer.levels]


def test_each_field_is_shown_with_offset_bytes_name_value_and_unit() -> None:
    """What is long goes on below; models, filler and text that is no text are told."""
    data = INFO.replace(b"Amsterdam", b"Ams\x1b\xffrdam")
    assert shown(data) == [
        "   0  41 50 53                 signature        APS",
        "   3  31 32                    group            12",
        "   5  30 31 31 37              length           0117",
        "   9  30 30 30 31              command          0001 (system info)",
        "  13  32 31 36 32 30 30 30 30  ecu_id           216200000002 (ECU-R-Pro)",
        "      30 30 30 32",
        "  25  30 31                    version          01",
        "  27  00 00 03 7d              lifetime_energy  89.3 kWh",
        "  31  00 00 00 00              power            0 W",
        "  35  00 00 03 d6              energy_today     9.82 kWh",
        "  39  20 22 09 19 20 26 07     last_contact     2022-09-19 20:26:07",
        "  46  00 08                    registered       8",
        "  48  00 00                    online           0",
        "  50  31 30                    channel          10",
        "  52  30 31 36 45 43 55 5f 52  firmware         ECU_R_PRO_2.0.7A",
        "      5f 50 52 4f 5f 32 2e 30",
        "      2e 37 41",
        r"  71  30 31 36 45 75 72 6f 70  time_zone        Europe/Ams\x1b\xffrdam",
        "      65 2f 41 6d 73 1b ff 72",
        "      64 61 6d",
        "  90  80 97 1b 00 00 01        wired_mac        80971b000001",
        "  96  60 c5 a8 00 00 01        wireless_mac     60c5a8000001",
        " 102  30 30 00 00 00 00 00 00  unknown          303000000000000000000000",
        "      00 00 00 00",
        " 114  45 4e 44                 trailer          END",
        r" 117  0a                       newline          \n",
    ]


def test_the_rows_of_a_list_take_a_line_each() -> None:
    assert shown(SIGNAL)[4:] == [
        "  13  30 30                    status           00 (data follow)",
        "signals",
        "  15  40 80 00 00 00 08 b5     uid 408000000008 (YC600)  level 181 (70 %)",
        "  22  80 60 00 00 00 05 c6     uid 806000000005 (QS1A)  level 198 (77 %)",
        "  29  45 4e 44                 trailer          END",
        r"  32  0a                       newline          \n",
    ]
    assert shown(POWER)[6:8] == [
        "  15  05 35 00 00              time 05:35  power 0 W",
        "  19  13 25 0d 06              time 13:25  power 3334 W",
    ]
    assert shown(WIDE)[5:9] == [
        "  15  30 31                    period           01 (month)",
        "points",
        "  17  20 24 02 28 00 01 00 00  date 2024-02-28  energy 655.36 kWh",
        "  25  20 24 02 29 00 00 09 29  date 2024-02-29  energy 23.45 kWh",
    ]
    assert shown(NARROW)[7:9] == [
        "  17  20 23 12 30 03 e8        date 2023-12-30  energy 10.0 kWh",
        "  23  20 23 12 31 ff ff        date 2023-12-31  energy 655.35 kWh",
    ]


def test_what_an_offline_inverter_measured_is_marked_as_junk() -> None:
    """Its number, its model and its head are none."""
    lines = shown(FRAMES["ecur-qt2-6-partial-2023-11-21-am"])
    at = lines.index("inverter 1 of 6, QT2, offline: what it measured is junk")
    assert lines[at + 1 : at + 5] == [
        "  26  90 10 00 00 00 01        uid              901000000001 (QT2)",
        "  32  00                       online           no",
        "  33  30 32                    type             02",
        "  35  00 00                    frequency        0.0 Hz (junk)",
    ]
    assert sum("(junk)" in line for line in lines) == 5 * 9
    assert "inverter 2 of 6, QT2" in lines


def test_a_record_of_an_unknown_type_is_shown_by_its_head_and_the_next_ones_are_read() -> None:
    """Its size is told by arithmetic, as the decoder does; its bytes are no value."""
    lines = shown(records(KNOWN, UNKNOWN, KNOWN))
    assert "  56  01 f4 00 82 11 11 22 22  undecoded        cannot be understood" in lines
    assert "byte 56: nobody knows what records of type Z7 hold" in lines
    assert "inverter 3 of 3, DS3-L" in lines
    assert "note: inverter 999000000007 is of the unknown type Z7: skipped" in lines


def test_a_record_whose_uid_is_not_decimal_is_shown_and_told() -> None:
    """As the decoder reads it: the records behind it are shown, too."""
    found = dissect(records(KNOWN, KNOWN.replace("703000000001", "70300000000a"), KNOWN))
    assert [(fault.offset, fault.why) for fault in found.faults] == [(47, "this UID is not decimal")]
    assert [part.value for part in found.parts if part.name == "power_1"] == [100, 100, 100]


def test_type_05_is_read_by_arithmetic() -> None:
    found = dissect(records(KNOWN, FIVE))
    assert not found.faults
    assert [part.value for part in found.parts if part.name == "power_4"] == [203]


@pytest.mark.parametrize(
    ("data", "at", "why"),
    [
        (b"\x9f\x00APS", 0, "does not begin with APS"),
        (b"", 0, "ends within its header, at byte 0"),
        (b"APS11" + b"0x25" + SIGNAL[9:], 5, "length field is no length"),
        (SIGNAL[:13].replace(b"0030", b"0099") + SIGNAL[13:], 13, "nobody knows the answer to '0099'"),
        (SIGNAL[:-4] + b"XND\n", 29, "does not end with a whole record, and has a wrong end"),
        (SIGNAL + b"more", 33, "does not end where its length says, at byte 33"),
        (records(KNOWN, KNOWN, count=3), 17, "it says 3 inverters and lists 2"),
        (records(KNOWN, UNKNOWN, UNKNOWN.replace("5a37", "5a38")), 47, "records of type Z7 cannot be told apart"),
        (records(KNOWN, end=b"XND"), 47, "1 of 1 records end at byte 47, the answer at 50"),
        (records(KNOWN, KNOWN.replace("01 3031", "02 3031")), 47, "1 of 2 records end at byte 47"),
        (records(KNOWN, FIVE)[:60], 47, "nobody can tell the size of records of type 05"),
        (INFO[:52] + b"0x6" + INFO[55:], 52, "the length of firmware at byte 52 is no number"),
        (INFO[:-4] + b"XND\n", 102, "does not end behind its last field, and has a wrong end"),
        (b"APS110018000202" + b"abc\n", 15, "nobody knows what follows the status '02'"),
        (WIDE[:17] + WIDE[25:33] + WIDE[17:25] + b"END\n", 17, "no list of ascending dates"),
        (SIGNAL[:5] + b"0040" + SIGNAL[9:], 33, "the answer ends at byte 33 of 41"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_where_it_stops_making_sense_is_told_with_the_reason(data: bytes, at: int, why: str) -> None:
    found = sound(dissect(data))
    assert [fault.offset for fault in found.faults] == [at]
    assert why in found.faults[0].why
    assert f"byte {at}: " in "\n".join(listing.lines(found))


def test_what_makes_no_sense_is_shown_as_16_bytes_a_line_with_their_text() -> None:
    assert shown(b"\x9f\x00" + b"HTTP/1.1 400 Bad")[:2] == [
        "   0  9f 00 48 54 54 50 2f 31 2e 31 20 34 30 30 20 42  ..HTTP/1.1 400 B",
        "  16  61 64                                            ad",
    ]


def test_a_missing_end_and_a_new_format_are_noted_and_stop_nobody() -> None:
    """As for a job (quirks 8 and 32)."""
    no_end = dissect(records(KNOWN, end=b""))
    assert (no_end.faults, [note.partition(":")[0] for note in no_end.notes]) == (
        (),
        ["no END behind the answer to 0002"],
    )
    new = dissect(INFO[:25] + b"03" + INFO[27:])
    assert (new.faults, new.notes) == ((), ("format '03' of 0001 is new: read as the one that fits",))


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        (("0001",), []),
        (("0002", "216000000001"), ["216000000001"]),
        (("0030", "216000000001"), ["216000000001"]),
        (("0003", "216000000001", "20260621"), ["216000000001", "20260621"]),
        (("0004", "216000000001", "02"), ["216000000001", "02"]),
    ],
)
def test_requests_are_shown_too(asked: tuple[str, ...], fields: list[str]) -> None:
    found = sound(dissect(request(*asked)))
    assert found.about.startswith(f"request for {asked[0]}, ")
    assert not found.faults
    named = [part.value for part in found.parts if part.name in ("ecu_id", "date", "period")]
    assert named == fields


# -- where frames are found -------------------------------------------------------------------------------------------

DIGITS = SIGNAL.hex()
PAIRS = SIGNAL.hex(" ")


@pytest.mark.parametrize(
    "content",
    [
        SIGNAL,
        SIGNAL + b"\r\n",
        DIGITS.encode(),
        DIGITS.upper().encode() + b"\n",
        f"0x{DIGITS}".encode(),
        PAIRS.encode(),
        PAIRS.replace(" ", "\n").encode(),
        ", ".join(f"0x{byte:02X}" for byte in SIGNAL).encode(),
        "".join(f"\\x{byte:02x}" for byte in SIGNAL).encode(),
        "\ufeff".encode() + DIGITS.encode(),
        f"{DIGITS[:17]}\n  {DIGITS[17:]}\n".encode(),
        json.dumps({"command": "0030", "hex": DIGITS}).encode(),
        json.dumps([{"hex": PAIRS}], indent=2).encode(),
        f"aps2mqtt: 192.168.1.42:8899 > {DIGITS}\n".encode(),
        f"Nov 24 05:31:31 pi aps2mqtt[312]: <7>192.168.1.42:8899 > {DIGITS}\n".encode(),
        f"2026-11-24T05:31:31+0100 pi aps2mqtt[312]: 192.168.1.42:8899 > {DIGITS}\n2026-11-24 x".encode(),
        json.dumps({"MESSAGE": f"192.168.1.42:8899 > {DIGITS}", "PRIORITY": "7"}).encode(),
        f"my ECU says:\n{PAIRS[:48]}\n{PAIRS[48:]}\nand nothing else\n".encode(),
    ],
)
def test_a_frame_is_found_in_whatever_it_was_kept(content: bytes) -> None:
    """Raw, hexadecimal of any kind, captures, logs of every collector, letters."""
    assert [one.data for one in find_frames.frames(content)] == [SIGNAL]


@pytest.mark.parametrize("kept", ["raw", "hex", "spaced", "lines", "log", "captures", "one a line"])
def test_several_frames_of_one_file_are_told_apart(kept: str) -> None:
    """Cut ones among them too: a new one begins with APS."""
    frames = [REFUSED, INFO[:60], SIGNAL, INFO, request("0001")]
    content = {
        "raw": b"".join(frames),
        "hex": b"".join(frames).hex().encode(),
        "spaced": b"\n\n".join(frame.hex(" ").encode() for frame in frames),
        "lines": b"\n".join(b"  " + frame.hex().encode() + b" # a frame" for frame in frames),
        "log": b"\n".join(b"aps2mqtt: 1.2.3.4:8899 > %s" % frame.hex().encode() for frame in frames),
        "captures": json.dumps([{"hex": frame.hex()} for frame in frames]).encode(),
        "one a line": b"\n".join(json.dumps({"hex": frame.hex()}).encode() for frame in frames),
    }[kept]
    found = find_frames.frames(content)
    assert [one.data for one in found] == frames
    assert len({one.where for one in found}) == len(frames)


def test_a_frame_of_a_log_is_found_with_its_line() -> None:
    content = f"starts\n1.2.3.4:8899 < {request('0030', '216000000001').hex()}\n1.2.3.4:8899 > {DIGITS}\n"
    assert [(one.where, one.data[:4]) for one in find_frames.frames(content.encode())] == [
        ("line 2", b"APS1"),
        ("line 3", b"APS1"),
    ]


def test_a_line_of_digits_belongs_to_the_frame_before_it_only_if_that_is_not_whole() -> None:
    """And begins no frame itself."""
    content = f"cut:\n{DIGITS[:40]}\n{DIGITS}\n2026\nwhole\n"
    assert [one.data for one in find_frames.frames(content.encode())] == [SIGNAL[:20], SIGNAL]


def test_an_answer_in_a_log_that_is_no_frame_is_found_all_the_same() -> None:
    """And an empty one is none."""
    content = b"aps2mqtt: 1.2.3.4:8899 > 9f00aa33\naps2mqtt: 1.2.3.4:8899 > nothing\n"
    assert find_frames.frames(content) == [find_frames.FoundFrame("line 1", bytes.fromhex("9f00aa33"))]


def test_a_warning_that_asks_for_a_report_is_shown_at_the_bytes_that_it_names() -> None:
    """Its record, and what follows one that cannot be skipped; the decoder's own words are taken."""
    skipped, left = (
        answers.decode_real_time(Frame.decode(data)).remarks[0]
        for data in (records(KNOWN, UNKNOWN), records(KNOWN, UNKNOWN, UNKNOWN.replace("5a37", "5a38")))
    )
    content = f"aps2mqtt: warning: {skipped}\naps2mqtt: warning: {left}\n".encode()
    first, second = find_frames.frames(content)
    assert first == find_frames.FoundFrame("line 1", bytes.fromhex(UNKNOWN), 47)
    assert second.data == bytes.fromhex(UNKNOWN + UNKNOWN.replace("5a37", "5a38"))
    found = sound(dissect_records(first.data, 47))
    assert (found.parts[0].offset, found.parts[0].value) == (47, "999000000007")
    assert [fault.offset for fault in found.faults] == [56]
    assert not sound(dissect_records(bytes.fromhex(KNOWN), 47)).faults


def test_a_line_that_a_collector_has_cut_ends_the_frame_there() -> None:
    """Half a byte is none."""
    (found,) = find_frames.frames(f"pi aps2mqtt: 1.2.3.4:8899 > {DIGITS[:41]}\nnext\n".encode())
    assert found.data == SIGNAL[:20]


XXD = """\
00000000: 4150 5331 3130 3033 3230 3033 3030 3040  APS110032003000@
00000010: 8000 0000 08b5 8060 0000 0005 c645 4e44  .......`.....END
00000020: 0a                                       .
"""
HEXDUMP = """\
00000000  41 50 53 31 31 30 30 33  32 30 30 33 30 30 30 40  |APS110032003000@|
00000010  80 00 00 00 08 b5 80 60  00 00 00 05 c6 45 4e 44  |.......`.....END|
00000020  0a 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
00000030  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00000400
"""
WORDS = """\
0000000 5041 3153 3031 3330 3032 3330 3030 4030
0000010 0080 0000 b508 6080 0000 0500 45c6 444e
0000020 000a
"""
OD = """\
0000000 41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 40
0000020 80 00 00 00 08 b5 80 60 00 00 00 05 c6 45 4e 44
0000040 0a
0000041
"""
TCPDUMP = """\
	0x0000:  0100 4150 5331 3130 3033 3230 3033 3030  ..APS11003200300
	0x0010:  3040 8000 0000 08b5 8060 0000 0005 c645  0@.......`.....E
	0x0020:  4e44 0a                                  ND.
"""


@pytest.mark.parametrize(
    "text",
    [
        XXD,
        XXD.upper(),
        HEXDUMP,
        WORDS,
        OD,
        TCPDUMP,
        f"this came:\n{HEXDUMP}\nand then nothing\n",
        ", ".join(f"0x{byte:02x}" for byte in SIGNAL),
        f"unsigned char answer[] = {{\n  {', '.join(f'0x{byte:02x}' for byte in SIGNAL)}\n}};\n",
        repr(SIGNAL),
        f"2026-11-24 05:31:31 DEBUG received data: {SIGNAL!r} from the ECU\n",
        f'{{"data": "{repr(SIGNAL)[2:-1]}"}}',
        repr(SIGNAL)[2:-1],
        repr(SIGNAL.decode("latin-1")),
        str(list(SIGNAL)),
        " ".join(map(str, SIGNAL)),
        json.dumps(list(SIGNAL), indent=1),
        ",".join(str(byte - 256 if byte > 127 else byte) for byte in SIGNAL),
        SIGNAL.ljust(1024, b"\0").hex(),
        json.dumps({"hex": SIGNAL.ljust(1024, b"\0").hex()}),
        SIGNAL.ljust(1024, b"\0").decode("latin-1"),
        repr(SIGNAL.ljust(1024, b"\0")),
    ],
)
def test_a_frame_is_found_as_other_programs_print_it(text: str) -> None:
    """Dumps of every kind, logs of Python, lists of numbers, receive buffers with zeros behind the frame."""
    assert [one.data for one in find_frames.frames(text.encode("latin-1"))] == [SIGNAL]


FOLLOWED = """\
    00000000  41 50 53 31 31 30 30 33  32 30 30 33 30 30 30 70   APS11003 2003000p
    00000010  20 00 00 00 02 ff 70 00  00 00 00 01 b2 45 4e 44    .....p. .....END
    00000020  0a                                                 .
"""
HXD = """\
Offset(h) 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F

00000000  41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 70  APS110032003000p
00000010  20 00 00 00 02 FF 70 00 00 00 00 01 B2 45 4E 44   .....p......END
00000020  0A                                               .
"""
FORMAT_HEX = """\
           Path: C:\\answer.bin

           00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F

00000000   41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 70  APS110032003000p
00000010   20 00 00 00 02 FF 70 00 00 00 00 01 B2 45 4E 44   ....ÿp.....²END
00000020   0A                                               .
"""
FORMAT_HEX_7 = """\
   Label: String (System.String) <5C5CA1F6>

          Offset Bytes                                           Ascii
                 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F
          ------ ----------------------------------------------- -----
0000000000000000 41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 70 APS110032003000p
0000000000000010 20 00 00 00 02 FF 70 00 00 00 00 01 B2 45 4E 44  �...
0000000000000020 0A                                              .
"""
WIRESHARK = """\
0000   41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 70   APS110032003000p
0010   20 00 00 00 02 ff 70 00 00 00 00 01 b2 45 4e 44    .....p......END
0020   0a                                                .
"""
C_ARRAY = """\
/* Frame (33 bytes) */
static const unsigned char pkt1[33] = {
0x41, 0x50, 0x53, 0x31, 0x31, 0x30, 0x30, 0x33, /* APS11003 */
0x32, 0x30, 0x30, 0x33, 0x30, 0x30, 0x30, 0x70, /* 2003000p */
0x20, 0x00, 0x00, 0x00, 0x02, 0xff, 0x70, 0x00, /*  .....p. */
0x00, 0x00, 0x00, 0x01, 0xb2, 0x45, 0x4e, 0x44, /* .....END */
0x0a /* . */
};
"""
C_ARRAY_IN_ITS_FIRST_LINE = """\
uint8_t answer[] = { 0x41, 0x50, 0x53, 0x31, 0x31, 0x30, 0x30, 0x33,
                     0x32, 0x30, 0x30, 0x33, 0x30, 0x30, 0x30, 0x70,
                     0x20, 0x00, 0x00, 0x00, 0x02, 0xff, 0x70, 0x00,
                     0x00, 0x00, 0x00, 0x01, 0xb2, 0x45, 0x4e, 0x44, 0x0a };
"""
OD_X = """\
000000 41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 70
000010 20 00 00 00 02 ff 70 00 00 00 00 01 b2 45 4e 44
000020 0a
000021
"""
OD_WITH_DECIMAL_OFFSETS = """\
0000000 41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 70
0000016 20 00 00 00 02 ff 70 00 00 00 00 01 b2 45 4e 44
0000032 0a
0000033
"""
GDB = """\
0x7ffe0010:	0x41	0x50	0x53	0x31	0x31	0x30	0x30	0x33
0x7ffe0018:	0x32	0x30	0x30	0x33	0x30	0x30	0x30	0x70
0x7ffe0020:	0x20	0x00	0x00	0x00	0x02	0xff	0x70	0x00
0x7ffe0028:	0x00	0x00	0x00	0x01	0xb2	0x45	0x4e	0x44
0x7ffe0030:	0x0a	0x00	0x00	0x00	0x00	0x00	0x00	0x00
"""
MODULE_HEXDUMP = """\
00000000: 41 50 53 31 31 30 30 33  32 30 30 33 30 30 30 70  APS110032003000p
00000010: 20 00 00 00 02 FF 70 00  00 00 00 01 B2 45 4E 44   .....p......END
00000020: 0A                                                .
"""
DOS = """\
00000000  41 50 53 31 31 30 30 33-32 30 30 33 30 30 30 70   APS110032003000p
00000010  20 00 00 00 02 FF 70 00-00 00 00 01 B2 45 4E 44    .....p......END
00000020  0A                                                .
"""
PPRINT = """\
(b'APS110032003000p \\x00\\x00\\x00\\x02'
 b'\\xffp\\x00\\x00\\x00\\x00\\x01\\xb2END\\n')
"""
STRACE = r"""recvfrom(3, "APS110032003000p \0\0\0\2\377p\0\0\0\0\1\262END\n", 1024, 0, NULL, NULL) = 33"""
JSON = r"""{"payload": "APS110032003000p \u0000\u0000\u0000\u0002\u00ffp\u0000\u0000\u0000\u0000\u0001\u00b2END\n"}"""
LIKE_TEXT = b"APS110032003000p \0\0\0\2\xffp\0\0\0\0\1\xb2END\n"


@pytest.mark.parametrize(
    "text",
    [
        FOLLOWED,
        "00000000  41 50 53 31 31 30 30 31  36 30 30 30 31 45 4e 44   APS11001 60001END\n"
        f"00000010  0a     .\n{FOLLOWED}",
        HXD,
        FORMAT_HEX,
        FORMAT_HEX_7,
        WIRESHARK,
        C_ARRAY,
        C_ARRAY_IN_ITS_FIRST_LINE,
        OD_X,
        OD_WITH_DECIMAL_OFFSETS,
        GDB,
        MODULE_HEXDUMP,
        DOS,
        PPRINT,
        STRACE,
        JSON,
        "".join(f"> {line}\n" for line in FOLLOWED.splitlines()),
        "".join(f">> {line}\n" for line in LIKE_TEXT.hex(" ", -16).splitlines()),
        "".join(f"Nov 24 05:31:{31 + at} pi socat[312]: {line}\n" for at, line in enumerate(HXD.splitlines())),
        "".join(f"2026-11-24 05:31:{31 + at},5 DEBUG {line}\n" for at, line in enumerate(OD_X.splitlines())),
        "".join(f"Nov 24 05:31:{31 + at} pi x[312]: {LIKE_TEXT[8 * at : 8 * at + 8].hex(' ')}\n" for at in range(5)),
        '"' + "".join(f"\\x{byte:02x}" for byte in LIKE_TEXT) + '"',
        'x = "' + "".join(f"\\{byte:03o}" for byte in LIKE_TEXT) + '";',
        LIKE_TEXT.hex("-"),
        f"it says {LIKE_TEXT.hex('-').upper()}.",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_frame_whose_text_looks_like_its_bytes_is_found_in_every_form(text: str, encoding: str) -> None:
    """UTF-16 is what `>` of PowerShell writes."""
    assert [one.data for one in find_frames.frames(text.encode(encoding)) if one.data[9:13] == b"0030"] == [LIKE_TEXT]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_frame_saved_as_text_is_the_bytes_that_it_was(encoding: str) -> None:
    """As editors and shells save what they take for Latin-1; the length in the frame tells."""
    for data in FRAMES.values():
        if len(data) == declared_size(data[: tables.LENGTH_KNOWN]):
            assert [one.data for one in find_frames.frames(data.decode("latin-1").encode(encoding))] == [data]


def test_escapes_of_json_and_c_are_the_bytes_that_they_stand_for() -> None:
    text = (
        r"""{"payload":"APS110032003000@\u0080\u0000\u0000\u0000\b\u00b5\u0080`\u0000\u0000\u0000\u0005\u00c6END\n"}"""
    )
    assert [one.data for one in find_frames.frames(text.encode())] == [SIGNAL]
    (found,) = find_frames.frames(rb"'APS11\0\7\10\200\a\b\f\v\t\r\n\\\"\/\x41'")
    assert found.data == b'APS11\0\7\10\200\7\b\f\v\t\r\n\\"/A'


@pytest.mark.parametrize(
    "text",
    [
        r'"APS110032003000@\u2022\u0000\u0000\u0000\b\u00b5"',
        '"APS110032003000@\ufffd\\u0000\\u0000\\u0000"',
        r'"APS110032003000@\q\u0000\u0000"',
        "41 50 53 31 31 30 30 33 32 30 30 33 30 30 30 40 0 0 1 2 3",
        "0x41,0x50,0x53,0x31,0x31,0x30,0x30,0x33,0x32,0x30,0x30,0x33,0x30,0x30,0x30,0x40,0x0,0x1,0x12",
        f"{PAIRS[:47]}\nit is 05:31:31\n05:31:31\n2026-11-24\n2026\n",
        f"cut: {DIGITS[:33]}\n{DIGITS[33:]}",
        f"00 {PAIRS[:47]}\n10 {PAIRS[48:95]}\n",
        f"00: {PAIRS[:47]}\n10: {PAIRS[48:95]}\n",
        f"0x00: {PAIRS[:47]}\n0x10: {PAIRS[48:95]}\n",
        f"000g {PAIRS[:47]}\n001g {PAIRS[48:95]} .......\n",
        "65 80 83 49 49 48 48 51 50 48 48 51 48 48 48 64 300 0 0",
    ],
)
def test_what_is_not_understood_is_no_byte_of_a_frame(text: str) -> None:
    """A frame ends before it, and nothing behind it is guessed."""
    assert [one.data for one in find_frames.frames(text.encode())] == [SIGNAL[:16]]


FORMS = {
    "followed": lambda data: _rows(data, "    {at:08X}  ", 16, half="  ", text="   "),
    "hxd": lambda data: _rows(data, "{at:08X}  ", 16, half=" ", text="  "),
    "format-hex 7": lambda data: _rows(data, "{at:016X} ", 16, half=" ", text=" "),
    "wireshark": lambda data: _rows(data, "{at:04x}   ", 16, half=" ", text="   "),
    "hexdump -C": lambda data: _rows(data, "{at:08x}  ", 16, half="  ", text="  |"),
    "eight a row": lambda data: _rows(data, "0x{at:04x}: ", 8, half=" ", text="  "),
    "quoted": lambda data: "> " + _rows(data, "{at:08x}  ", 16, half="  ", text="   ").replace("\n", "\n> "),
    "od": lambda data: "".join(f"{at:07o} {data[at : at + 16].hex(' ')}\n" for at in range(0, len(data), 16)),
    "no offsets": lambda data: "".join(f" {data[at : at + 16].hex(' ')}\n" for at in range(0, len(data), 16)),
    "C": lambda data: "".join(
        f"  {', '.join(f'0x{byte:02x}' for byte in data[at : at + 12])},\n" for at in range(0, len(data), 12)
    ),
    "hyphens": lambda data: data.hex("-"),
    "Python": repr,
    "pprint": lambda data: pprint.pformat(data, width=40),
    "JSON": lambda data: json.dumps({"payload": data.decode("latin-1")}),
    "JSON in UTF-8": lambda data: json.dumps({"payload": data.decode("latin-1")}, ensure_ascii=False),
    "strace": lambda data: f'recv(3, "{"".join(map(_octal, data))}", 9999, 0) = {len(data)}',
    "decimal": lambda data: str(list(data)),
}


def _rows(data: bytes, offset: str, width: int, *, half: str, text: str) -> str:
    """A dump with text behind its bytes."""
    lines = ""
    for at in range(0, len(data), width):
        row = data[at : at + width]
        digits = f"{row[: width // 2].hex(' ')}{half if len(row) > width // 2 else ''}{row[width // 2 :].hex(' ')}"
        shown = "".join(chr(byte) if chr(byte).isascii() and chr(byte).isprintable() else "." for byte in row)
        lines += f"{offset.format(at=at)}{digits:<{3 * width - 2 + len(half)}}{text}{shown}\n"
    return lines


def _octal(byte: int) -> str:
    return chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03o}"


@pytest.mark.parametrize("form", FORMS)
def test_every_captured_frame_is_read_back_from_every_form(form: str) -> None:
    for name, data in FRAMES.items():
        read = find_frames.frames(FORMS[form](data).encode())
        assert [one.data for one in read] == [data], name


def test_an_offset_is_never_taken_for_bytes_of_the_frame() -> None:
    """A dump that goes on elsewhere is two, and what is not understood is no frame."""
    first, second, third = XXD.splitlines()
    for lines in ([second, third], [first, third], [first], [third, second, first]):
        found = find_frames.frames("\n".join(lines).encode())
        assert all(SIGNAL.startswith(one.data) for one in found)


XXD_B = """\
00000000: 01000001 01010000 01010011 00110001 00110001 00110000  APS110
00000006: 00110000 00110011 00110010 00110000 00110000 00110011  032003
0000000c: 00110000 00110000 00110000 01000000 10000000 00000000  000@..
"""
OF_BITS = "00110001" * 16
BESIDE_BITS = f"row 1 {OF_BITS} APS110032003000@\nrow 2 {OF_BITS} @0000000000000\n"


@pytest.mark.parametrize("text", [XXD_B, BESIDE_BITS], ids=["xxd -b", "wide"])
def test_the_text_beside_bytes_is_no_frame(text: str) -> None:
    assert find_frames.frames(text.encode()) == []
    whole = f"it says {REFUSED[:-1].decode()}\n"  # as text, which a few frames are to their end
    assert [one.data for one in find_frames.frames(whole.encode())] == [REFUSED]


OFFSETS = ("followed", "hxd", "format-hex 7", "wireshark", "hexdump -C", "eight a row", "quoted", "od")


@pytest.mark.parametrize("form", OFFSETS)
def test_a_dump_with_a_spoilt_row_ends_before_it(form: str) -> None:
    """Whatever is left of that row, no byte comes to stand in another's place."""
    for data in FRAMES.values():
        rows = FORMS[form](data).splitlines()
        for at, row in enumerate(rows[:12]):
            for spoilt in ([], [row[:30]], ["..."], [row.replace("0", "g", 1)], [row, row], [row[5:]]):
                text = "\n".join([*rows[:at], *spoilt, *rows[at + 1 :]])
                assert all(data.startswith(one.data) for one in find_frames.frames(text.encode()))


def test_a_literal_that_is_cut_ends_before_the_escape() -> None:
    (found,) = find_frames.frames(repr(SIGNAL).split("\\x08")[0].encode() + b"\\x0")
    assert found.data == SIGNAL[: SIGNAL.index(8)]


def test_the_frames_of_a_long_dump_are_found_soon() -> None:
    """A log of weeks has as many rows; lines that are left out fill no memory."""
    began = time.process_time()
    rows = "".join(f"{at:08x}: {SIGNAL[:16].hex()}\n" for at in range(0, 1_600_000, 16))
    assert len(find_frames.frames(rows.encode())) == 100_000
    find_frames.frames(("00000000: 00\n*\nffffffff: 00\n" * 50_000).encode())
    assert time.process_time() - began < 20


@pytest.mark.parametrize("content", [b"", b"\n", b"nothing here", b"{}", b'{"hex": 5}', b"[" * 100_000, b"0123456789"])
def test_in_a_file_of_something_else_nothing_is_found(content: bytes) -> None:
    assert find_frames.frames(content) == []


@settings(max_examples=300)
@given(st.lists(st.sampled_from([DIGITS, PAIRS, "41 50 53", "0x", " ", "\n", "{", ":8899 > ", "aa", "APS11", "\xff"])))
def test_whatever_a_file_holds_finding_ends(pieces: list[str]) -> None:
    for found in find_frames.frames("".join(pieces).encode("latin-1")):
        sound(dissect(found.data))


# -- the command ------------------------------------------------------------------------------------------------------


def test_frames_that_make_sense_end_with_0_and_name_their_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Several files, an empty line between frames."""
    names = ("ecur-signal-2025-redacted", "ecub-0002-status02-15")
    files = [str(CAPTURES / f"{name}.json") for name in names]
    assert cli.main(["decode", *files]) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if ".json" in line]
    assert headings == [
        f"{files[0]}: answer to 0030, signal, 33 bytes",
        f"{files[1]}: answer to 0002, real-time data, 16 bytes",
    ]


def test_a_frame_that_makes_no_sense_to_its_end_ends_with_76(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """After all have been shown; one line says what to do."""
    (tmp_path / "log").write_text(f"1.2.3.4:8899 > {DIGITS}\n1.2.3.4:8899 > {DIGITS[:40]}\n")
    assert cli.main(["decode", str(tmp_path / "log")]) == 76
    printed = capsys.readouterr()
    assert printed.out.count("answer to 0030") == 2
    assert "1 of 2; ask the ECU anew" in one_line(printed.err)


def test_a_frame_that_breaks_off_before_more_text_says_that_the_form_may_not_be_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """To ask the ECU anew would help nobody whose dump is whole."""
    dump = tmp_path / "dump"
    for text in (f"000g {PAIRS[:47]}\n001g {PAIRS[48:95]} .......\n", f"{XXD.splitlines()[0]}\n0.1 {PAIRS[48:95]}\n"):
        dump.write_text(text)
        assert cli.main(["decode", str(dump)]) == 76
        assert "1 of 1; if the rest is there, this form of dump is not known" in one_line(capsys.readouterr().err)
    dump.write_text(f"cut: {PAIRS[:47]}\n")
    assert cli.main(["decode", str(dump)]) == 76
    assert "ask the ECU anew" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), (b"hello", "nothing that looks like a frame"), (b" " * 101, "more than")],
)
def test_a_file_of_no_use_is_a_wrong_usage(
    content: bytes | None,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line, and nothing is shown: not of the good ones either."""
    monkeypatch.setattr(command, "MAX_INPUT", 100)
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    good = tmp_path / "good"
    good.write_bytes(SIGNAL)
    assert cli.main(["decode", str(good), str(tmp_path / "file")]) == 64
    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in one_line(printed.err)


def test_standard_input_is_read_and_no_configuration() -> None:
    """As in `journalctl | aps2mqtt decode -`."""
    ended = subprocess.run(
        [sys.executable, "-m", "aps2mqtt", "decode", "-"],
        env=clean_environment() | {"CONFIG_FILE": "/nowhere"},
        input=f"pi aps2mqtt: 1.2.3.4:8899 > {DIGITS}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("-: line 1: answer to 0030, signal, 33 bytes\n   0  41 50 53")


def test_what_a_file_says_of_itself_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The name of a capture, the text of a frame."""
    data = INFO.replace(b"ECU_R_PRO_2.0.7A", b"\x1b]0;owned\x07\x9b2J\r\n0")
    file = tmp_path / "captures"
    file.write_text(json.dumps([{"id": "\x1b[2J\u202e", "hex": data.hex()}, {"hex": DIGITS}]))
    assert cli.main(["decode", str(file)]) == 0
    printed = capsys.readouterr().out.replace("\n", "")
    assert printed.isprintable()
    assert printed.isascii()
