"""A frame, field by field: the values written out for it, and where it stops making sense."""

import pytest
from captured_frames import DOCUMENTS, FRAMES, INFO, KNOWN, SIGNAL, UNKNOWN, records, sound
from hypothesis import given, settings
from hypothesis import strategies as st

from aps2mqtt.base.errors import FrameError
from aps2mqtt.captures.dissect import REST, dissect, dissect_records
from aps2mqtt.captures.document import decoded
from aps2mqtt.screen import listing
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.answers import RealTime, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.frames import Frame, request
from aps2mqtt.sources.ecu8899.history_answers import DECODERS


def literal(text: str) -> bytes:
    """The bytes of hand-written hexadecimal; what follows a # is a comment."""
    return bytes.fromhex(" ".join(line.partition("#")[0] for line in text.splitlines()))


FIVE = "901000000002 01 3035 01f3 0083 00c8 0186 00c9 0187 00ca 0188 00cb"


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
    at = lines.index("inverter 1 of 6, QT2, offline: its readings are invalid")
    assert lines[at + 1 : at + 5] == [
        "  26  90 10 00 00 00 01        uid              901000000001 (QT2)",
        "  32  00                       online           no",
        "  33  30 32                    type             02",
        "  35  00 00                    frequency        0.0 Hz (invalid)",
    ]
    assert sum("(invalid)" in line for line in lines) == 5 * 9
    assert "inverter 2 of 6, QT2" in lines


def test_a_record_of_an_unknown_type_is_shown_by_its_head_and_the_next_ones_are_read() -> None:
    """Its size is told by arithmetic, as the decoder does; its bytes are no value."""
    lines = shown(records(KNOWN, UNKNOWN, KNOWN))
    assert "  56  01 f4 00 82 11 11 22 22  undecoded        cannot be decoded" in lines
    assert "byte 56: the fields of records of type Z7 are unknown" in lines
    assert "inverter 3 of 3, DS3-L" in lines
    assert "note: inverter 999000000007 has the unknown type Z7: left out" in lines


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
        (b"\x9f\x00APS", 0, "not with APS"),
        (b"", 0, "ends within its header, at byte 0"),
        (b"APS11" + b"0x25" + SIGNAL[9:], 5, "length field is invalid"),
        (SIGNAL[:13].replace(b"0030", b"0099") + SIGNAL[13:], 13, "answers to '0099' are unknown"),
        (SIGNAL[:-4] + b"XND\n", 29, "ends within a record, and END is missing"),
        (SIGNAL + b"more", 33, "does not end at byte 33, as its length field declares"),
        (records(KNOWN, KNOWN, count=3), 17, "it declares 3 inverters and lists 2"),
        (records(KNOWN, UNKNOWN, UNKNOWN.replace("5a37", "5a38")), 47, "the size of records of type Z7 is unknown"),
        (records(KNOWN, end=b"XND"), 47, "1 of 1 records end at byte 47, but the answer ends at 50"),
        (records(KNOWN, KNOWN.replace("01 3031", "02 3031")), 47, "1 of 2 records end at byte 47"),
        (records(KNOWN, FIVE)[:60], 47, "the size of records of type 05 is unknown, and the end is missing"),
        (INFO[:52] + b"0x6" + INFO[55:], 52, "the length of firmware at byte 52 is not a number"),
        (INFO[:-4] + b"XND\n", 102, "continues after its last field, and END is missing"),
        (b"APS110018000202" + b"abc\n", 15, "unexpected bytes follow the status '02'"),
        (WIDE[:17] + WIDE[25:33] + WIDE[17:25] + b"END\n", 17, "not a list of energies by date"),
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
        ["the answer to 0002 has no END"],
    )
    new = dissect(INFO[:25] + b"03" + INFO[27:])
    assert (new.faults, new.notes) == ((), ("0001 has the unknown format '03': read with the layout that fits",))


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
