"""A frame: its length, its header and its trailer."""

import pytest
from case_checks import ENCODE, decode, decoded_records
from frame_cases import (
    MONTH,
    NARROW,
    POWER,
    REAL_TIME_OF_ONE,
    SYSTEM_INFO_OF_ECU_R,
    VERSION_02,
    WIDE,
    captured,
    literal,
    with_end,
)
from parts import as_dict, replace

from aps2mqtt.base.errors import FrameError, IncompleteFrame, MalformedFrame
from aps2mqtt.sources.ecu8899 import frames, tables
from aps2mqtt.sources.ecu8899.answers import RealTime, Signal
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, PowerOfDay

# -- the frame --------------------------------------------------------------------------------------------------------


SIGNAL_OF_ONE = literal("""
    415053 3131 30303235 30303330   # APS 11 0025 0030
    3030                            # 13 status 00
    703000000001 b5                 # 15 level 181
    454e44 0a                       # END
""")


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
    with pytest.raises(MalformedFrame, match=f"begins with 0x{data[:8].hex()}.*, not with APS"):
        Frame.decode(data)


@pytest.mark.parametrize("length", [b"00x5", b" 025", b"-025", b"+025", b"2.50", b"\x00\x00\x00\x19", b"0x19"])
def test_a_length_field_that_is_no_number_is_malformed(length: bytes):
    with pytest.raises(MalformedFrame, match=f"length field is invalid: 0x{length.hex()}$"):
        Frame.decode(SIGNAL_OF_ONE[:5] + length + SIGNAL_OF_ONE[9:])


@pytest.mark.parametrize("length", [b"0000", b"0009", b"0012"])
def test_a_length_shorter_than_the_header_is_malformed(length: bytes):
    with pytest.raises(MalformedFrame, match="length field is invalid"):
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
    with pytest.raises(MalformedFrame, match="does not end at byte 26, as its length field declares"):
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


@pytest.mark.parametrize("whole", ENDINGS.values(), ids=ENDINGS)
def test_an_absent_trailer_is_remarked_and_the_values_are_used(whole: bytes):
    """Firmware of August 2025 leaves END out and counts it out of the length (quirk 8)."""
    answer = decode(with_end(whole, b""))
    assert replace(answer, remarks=()) == decode(whole)
    assert [remark.what for remark in answer.remarks] == [f"the answer to {whole[9:13].decode()} has no END"]
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
    with pytest.raises(MalformedFrame, match="END is missing"):
        decode(with_end(whole, end))


@pytest.mark.parametrize("end", [b"XND", b""])
def test_format_02_of_0001_may_lack_its_trailer_but_not_have_a_wrong_one(end: bytes):
    whole = VERSION_02.data.replace(b"\xb1\xb2END", b"END")
    if end:
        with pytest.raises(MalformedFrame, match="END is missing"):
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
    with pytest.raises(MalformedFrame, match="ends within a record"):
        decode(data)
