"""Versions of the protocol and types of inverters that nobody knows yet."""

import pytest
from case_checks import decode, decoded_records
from frame_cases import REAL_TIME_OF_ONE, SYSTEM_INFO_OF_ECU_R, TYPE_05_FOUR_CHANNELS, VERSION_02, with_end
from parts import replace

from aps2mqtt.base.errors import MalformedFrame
from aps2mqtt.sources.ecu8899.answers import Record, SystemInfo, encode_real_time

# -- the frame --------------------------------------------------------------------------------------------------------

ONE = Record(
    "703000000001", online=True, type="01", frequency=50.0, temperature=30, powers=(100, 101), voltages=(230, 231)
)


# -- formats and types nobody knows -----------------------------------------------------------------------------------


def test_an_unknown_version_of_0001_is_read_under_the_format_that_fits():
    """As 01 here, and the version stays what it is; the remark names it."""
    info = decode(SYSTEM_INFO_OF_ECU_R.replace(b"00000401", b"00000407"))
    assert isinstance(info, SystemInfo)
    assert (info.version, info.registered, info.firmware) == ("07", 6, "ECU_R_1.3.6C")
    assert [str(remark) for remark in info.remarks] == [
        "0001 has the unknown format '07': read with the layout that fits"
    ]


def test_an_unknown_version_of_0001_may_fit_format_02():
    info = decode(VERSION_02.data.replace(b"00000902", b"00000903"))
    assert isinstance(info, SystemInfo)
    assert (info.version, info.registered, info.online, info.firmware) == ("03", 9, 7, "ECU_R_1.2.22")
    assert [remark.what for remark in info.remarks] == ["0001 has the unknown format '03'"]


def test_an_unknown_version_of_0001_that_fits_no_format_is_malformed():
    """Neither at byte 49 nor at byte 52 stands the length of a text."""
    data = SYSTEM_INFO_OF_ECU_R.replace(b"00000401", b"00000407").replace(b"012ECU", b"ECU012")
    with pytest.raises(MalformedFrame, match="0001 cannot be decoded: the length of firmware at byte 52"):
        decode(data)


def test_a_known_version_of_0001_is_read_under_no_other_format():
    """What calls itself 01 and only fits 02 is malformed, not guessed at."""
    with pytest.raises(MalformedFrame, match="0001 cannot be decoded"):
        decode(VERSION_02.data.replace(b"00000902", b"00000901"))


def test_a_text_of_0001_that_is_longer_than_the_frame_is_malformed():
    """The frame is as long as it says, so nothing is missing: its content is wrong."""
    with pytest.raises(MalformedFrame, match="0001 cannot be decoded: the answer ends within firmware"):
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
    assert [remark.what for remark in answer.remarks] == [f"0002 has the unknown format '{version}'"]


def test_an_unknown_version_of_0002_whose_records_do_not_end_is_malformed():
    with pytest.raises(MalformedFrame):
        decode(with_end(REAL_TIME_OF_ONE.replace(b"0001\x00\x01", b"0002\x00\x01"), b"\x00\x00END"))


@pytest.mark.parametrize("count", [0, 2, 3, 65535])
def test_a_count_that_contradicts_the_records_makes_the_list_incomplete(count: int):
    """One record fills the frame, so it is good; which of both is wrong nobody knows."""
    answer = decoded_records(REAL_TIME_OF_ONE[:17] + count.to_bytes(2, "big") + REAL_TIME_OF_ONE[19:])
    assert (answer.count, answer.records, answer.complete) == (count, (ONE,), False)
    assert [str(remark) for remark in answer.remarks] == [
        f"the answer to 0002 contradicts itself: it declares {count} inverters and lists 1"
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
    with pytest.raises(MalformedFrame, match=f"1 of 1 records end at byte 47, but the answer ends at {end}$"):
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
        f"inverter {one.uid} has the unknown type Z7: left out; please report its record at byte {at}: "
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
    assert remark.what == f"the size of records of type {code} is unknown"
    assert remark.detail == (
        f"only 1 of {len(records)} inverters were read; please report from byte {at}: {data[at:-4].hex()}"
    )


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
        "inverter 70300000000a has a serial number that is not decimal: left out; please report its record at byte "
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
    with pytest.raises(MalformedFrame, match=r"1 of 3 records end at byte 47, .*END is missing"):
        decoded_records(listing(KNOWN, UNKNOWN, OTHER, end=end))


def test_type_05_needs_no_trailer():
    """Both its sizes are known, and where the declared length ends one of them fits."""
    answer = decoded_records(with_end(TYPE_05_FOUR_CHANNELS.data, b""))
    assert replace(answer, remarks=()) == decoded_records(TYPE_05_FOUR_CHANNELS.data)
    assert answer.complete
