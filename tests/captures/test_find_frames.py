"""Frames are found in logs, dumps, literals and documents."""

import json
import pprint
import time

import pytest
from captured_frames import DIGITS, FRAMES, INFO, KNOWN, PAIRS, SIGNAL, UNKNOWN, XXD, records, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from aps2mqtt.captures import find_frames
from aps2mqtt.captures.dissect import dissect, dissect_records
from aps2mqtt.sources.ecu8899 import answers, tables
from aps2mqtt.sources.ecu8899.frames import Frame, declared_size, request

REFUSED = FRAMES["ecub-0002-status02-15"]


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
    assert time.process_time() - began < 60


@pytest.mark.parametrize("content", [b"", b"\n", b"nothing here", b"{}", b'{"hex": 5}', b"[" * 100_000, b"0123456789"])
def test_in_a_file_of_something_else_nothing_is_found(content: bytes) -> None:
    assert find_frames.frames(content) == []


@settings(max_examples=300)
@given(st.lists(st.sampled_from([DIGITS, PAIRS, "41 50 53", "0x", " ", "\n", "{", ":8899 > ", "aa", "APS11", "\xff"])))
def test_whatever_a_file_holds_finding_ends(pieces: list[str]) -> None:
    for found in find_frames.frames("".join(pieces).encode("latin-1")):
        sound(dissect(found.data))
