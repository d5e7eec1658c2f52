"""Whatever an ECU answers, the decoders end soon, with a value or with an error of their own."""

import itertools
import json
import random
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from xml.parsers import expat
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from parts import replace

from aps2mqtt.base.errors import FrameError, IncompleteFrame, MalformedFrame, NoFrame
from aps2mqtt.base.values import Snapshot
from aps2mqtt.history import time_series
from aps2mqtt.screen import chart, svg
from aps2mqtt.sources.ecu8899.answers import (
    RealTime,
    Record,
    Signal,
    SystemInfo,
    encode_real_time,
    encode_signal,
    encode_system_info,
)
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.history_answers import (
    DECODERS,
    EnergyByDay,
    PowerOfDay,
    calendar_date,
    encode_energy_by_day,
    encode_power_of_day,
)
from aps2mqtt.sources.ecu8899.layouts import Layout
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.sources.ecu8899.tables import RECORD_LAYOUTS

CAPTURES = {
    file.stem: bytes.fromhex(json.loads(file.read_text(encoding="utf-8"))["hex"])
    for file in sorted((Path(__file__).parents[1] / "captures").glob("*.json"))
}
# Literal bytes: no history was ever captured.
HISTORY = {
    "0003": b"APS110034000300" + bytes.fromhex("05350000 0540000c 13250d06 21550001") + b"END\n",
    "0004, wide": b"APS11004400040000" + bytes.fromhex("2024022800010000 2024022900000929 2024030100000a0a") + b"END\n",
    "0004, narrow": b"APS11003800040001" + bytes.fromhex("2023123003e8 20231231ffff 202401020001") + b"END\n",
}
FRAMES = CAPTURES | HISTORY
Answer = SystemInfo | RealTime | Signal | PowerOfDay | EnergyByDay
SITE = ZoneInfo("Europe/Paris")
SLOW = timedelta(seconds=10)  # on a busy machine: most decode in a tenth of a millisecond
INFO = SystemInfo("216000000001", "01", 1.0, 1, 0.01, 1, 1, "ECU_R_1.2.19")


def answer_to(data: bytes) -> Answer | FrameError:
    """What `data` decodes to, or why it does not. Any other exception is the finding."""
    try:
        frame = Frame.decode(data)
        if frame.command not in DECODERS:
            return MalformedFrame("another command")
        return DECODERS[frame.command](frame)
    except FrameError as error:
        return error


def endure(data: bytes) -> None:
    """What stands in an answer is safe to log and to publish, whatever it is."""
    answer = answer_to(data)
    if isinstance(answer, FrameError):
        assert type(answer) in {IncompleteFrame, MalformedFrame, NoFrame}
        assert str(answer).isprintable()
        return
    assert all(str(remark).isprintable() for remark in answer.remarks)
    if isinstance(answer, SystemInfo):
        own = answer.ecu_id if len(answer.ecu_id) == 12 and set(answer.ecu_id) <= set("0123456789") else INFO.ecu_id
        taken = snapshot(replace(answer, ecu_id=own), RealTime("00"), None, SITE)
        assert taken.firmware.isascii()
        assert taken.firmware.isprintable()
    elif isinstance(answer, RealTime):
        sound(snapshot(INFO, answer, None, SITE), answer)
    elif isinstance(answer, PowerOfDay | EnergyByDay):
        remembered(answer)
    else:
        records = tuple(Record(uid, online=True, type="01") for uid, _ in answer.levels)
        taken = snapshot(INFO, RealTime("00", records=records), answer, SITE)
        assert all(inverter.signal in range(101) for inverter in taken.inverters)


def remembered(answer: PowerOfDay | EnergyByDay) -> None:
    """Every point has a time or a date, and can be drawn, written and published."""
    if isinstance(answer, PowerOfDay):
        past: time_series.Series = time_series.power(INFO.ecu_id, date(2026, 6, 21), answer, SITE)
    else:
        past = time_series.energy(INFO.ecu_id, "year", answer)
        days = [calendar_date(day) for day, _ in answer.points]
        assert all(earlier <= later for earlier, later in itertools.pairwise(days))
    json.dumps(time_series.document(past))
    assert all(value.isprintable() for row in time_series.rows(past) for value in row)
    lines = chart.text(past, width=80, color=False)
    assert all(line.isprintable() and len(line) <= 80 for line in lines)
    assert len(lines) < 8 * len(past.points) + 30
    expat.ParserCreate().Parse(svg.picture([past]), True)


def sound(taken: Snapshot, answer: RealTime) -> None:
    """Every record is one of the snapshot's inverters, skipped, or the ECU itself; offline ones are silent."""
    uids = [inverter.uid for inverter in taken.inverters]
    assert len(set(uids)) == len(uids)
    assert set(uids) | taken.skipped | {INFO.ecu_id} == {record.uid for record in answer.records} | {INFO.ecu_id}
    assert taken.timestamp is None or taken.timestamp.isoformat()
    for inverter in taken.inverters:
        assert len(inverter.uid) == 12
        assert inverter.uid.isdecimal()
        assert inverter.frequency is None or 45 < inverter.frequency < 65
        assert inverter.temperature is None or -60 <= inverter.temperature <= 150
        assert all(power is None or power <= 2_000 for power in inverter.powers)
        assert all(voltage is None or voltage <= 1_000 for voltage in inverter.voltages)
        if not inverter.online:
            assert not any(inverter.powers)
            assert {inverter.frequency, inverter.temperature, inverter.signal, *inverter.voltages} == {None}


# -- captured frames, damaged -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FRAMES)
def test_a_captured_frame_cut_at_any_byte_is_incomplete_or_lacks_only_its_newline(name: str):
    """No cut makes another value of it, and none makes another kind of error."""
    data = FRAMES[name]
    whole = answer_to(data)
    if isinstance(whole, MalformedFrame):  # captured because nobody understands it
        return
    declared = int(data[5:9])
    for received in range(len(data)):
        answer = answer_to(data[:received])
        if received >= declared:
            assert answer == whole
        else:
            assert isinstance(answer, IncompleteFrame)


@pytest.mark.parametrize("name", FRAMES)
def test_a_captured_frame_with_any_byte_changed_is_endured(name: str):
    """Every byte, and the values at which something might change: bounds, digits, letters, newline, each bit."""
    data = FRAMES[name]
    for at, byte in enumerate(data):
        for value in {0, 1, 2, 0x0A, 0x2F, 0x30, 0x31, 0x35, 0x37, 0x39, 0x3A, 0x41, 0x80, 0xFF, byte ^ 1, byte ^ 0x10}:
            endure(data[:at] + bytes([value]) + data[at + 1 :])


@settings(max_examples=1500, deadline=SLOW)
@given(
    st.sampled_from(list(FRAMES.values())),
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_captured_frame_with_some_bytes_changed_is_endured(data: bytes, changes: list[tuple[int, int]]):
    changed = bytearray(data)
    for at, value in changes:
        changed[at % len(changed)] = value
    endure(bytes(changed))


@settings(max_examples=500, deadline=SLOW)
@given(st.sampled_from(list(FRAMES.values())), st.integers(13, 255), st.integers(0, 40), st.binary(max_size=40))
def test_a_captured_frame_with_bytes_put_in_or_left_out_is_endured(data: bytes, at: int, without: int, more: bytes):
    """Under the length that the frame then has, so that its payload is looked at."""
    body = data[:-1]
    at = min(at, len(body))
    changed = body[:at] + more + body[at + without :]
    endure(changed[:5] + b"%04d" % len(changed) + changed[9:] + b"\n")


# -- frames of chance -------------------------------------------------------------------------------------------------


@settings(max_examples=800, deadline=SLOW)
@given(st.binary(max_size=300))
@example(b"")
@example(b"APS")
@example(b"APS110013\n")
@example(b"APS110013\n\n\n\n\n\n")
def test_random_bytes_are_endured(data: bytes):
    endure(data)
    endure(b"APS" + data)


@settings(max_examples=1500, deadline=SLOW)
@given(
    st.sampled_from(["0001", "0002", "0030", "0003", "0004", "0005", "\n\x00E\xff"]),
    st.sampled_from([b"", b"00", b"0001", b"01"]),
    st.binary(max_size=300),
    st.sampled_from([b"END\n", b"END", b"\n", b"", b"XND\n"]),
)
def test_random_bytes_behind_a_valid_header_are_endured(command: str, start: bytes, payload: bytes, end: bytes):
    payload = start + payload + end.removesuffix(b"\n")
    data = b"APS11%04d" % (13 + len(payload)) + command.encode("latin-1") + payload
    endure(data + b"\n" * end.endswith(b"\n"))


HEADS = st.tuples(
    st.text("0123456789", min_size=12, max_size=12).map(bytes.fromhex),
    st.sampled_from([b"\x00", b"\x01", b"\x01", b"\x02"]),
    st.sampled_from([b"00", b"01", b"02", b"03", b"04", b"05", b"Z6", b"Z7", b"ZZ", b"0\x00"]),
).map(b"".join)
BODIES = st.one_of(st.sampled_from([12, 14, 18]), st.integers(0, 70)).flatmap(
    lambda octets: st.binary(min_size=octets, max_size=octets)
)


@settings(max_examples=1500, deadline=SLOW)
@given(
    st.lists(st.tuples(HEADS, BODIES).map(b"".join), max_size=12),
    st.integers(-1, 1),
    st.sampled_from([b"END", b"", b"XND"]),
)
def test_random_records_of_known_and_unknown_types_are_endured(records: list[bytes], more: int, end: bytes):
    """With the right count and with a wrong one."""
    body = b"0001" + max(0, len(records) + more).to_bytes(2, "big") + bytes.fromhex("20250621120005")
    body += b"".join(records) + end
    endure(b"APS11%04d0002" % (13 + len(body)) + body + b"\n")


# -- there and back ---------------------------------------------------------------------------------------------------

LATIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
DIGITS = st.text("0123456789", min_size=12, max_size=12)
STAMPS = st.text("0123456789", min_size=14, max_size=14)
WORDS = st.integers(0, 0xFFFF)
LONGS = st.integers(0, 0xFFFF_FFFF)


def hexadecimal(octets: int) -> st.SearchStrategy[str]:
    return st.binary(min_size=octets, max_size=octets).map(bytes.hex)


INFOS_01 = st.builds(
    SystemInfo,
    ecu_id=DIGITS,
    version=st.just("01"),
    lifetime_energy=LONGS.map(lambda number: number / 10),
    power=LONGS,
    energy_today=LONGS.map(lambda number: number / 100),
    registered=WORDS,
    online=WORDS,
    firmware=LATIN,
    last_contact=hexadecimal(7),
    channel=st.text("0123456789", min_size=2, max_size=2),
    time_zone=LATIN,
    wired_mac=hexadecimal(6),
    wireless_mac=hexadecimal(6),
    reserved=st.just(""),
    remarks=st.just(()),
    unknown=st.one_of(st.just(""), hexadecimal(12), st.binary(max_size=30).map(bytes.hex)),
)
INFOS_02 = st.builds(
    SystemInfo,
    ecu_id=DIGITS,
    version=st.just("02"),
    lifetime_energy=LONGS.map(lambda number: number / 10),
    power=LONGS,
    energy_today=LONGS.map(lambda number: number / 100),
    registered=WORDS,
    online=WORDS,
    firmware=LATIN,
    reserved=hexadecimal(6),
    last_contact=st.just(""),
    channel=st.just(""),
    time_zone=st.just(""),
    wired_mac=st.just(""),
    wireless_mac=st.just(""),
    remarks=st.just(()),
    unknown=st.binary(max_size=30).map(bytes.hex),
)


@settings(max_examples=300, deadline=SLOW)
@given(st.one_of(INFOS_01, INFOS_02), st.sampled_from(["11", "12"]))
def test_any_system_info_is_the_same_after_writing_and_reading(info: SystemInfo, group: str):
    data = encode_system_info(info, group).encode()
    assert int(data[5:9]) == len(data) - 1
    assert replace(answer_to(data), remarks=()) == info
    assert Frame.decode(data).group == group


def shape(layout: Layout) -> tuple[int, int]:
    """How many powers and voltages a record of this layout has."""
    names = [field.name for field in layout]
    return sum(name.startswith("power_") for name in names), sum(name.startswith("voltage_") for name in names)


SHAPES = {code: [shape(layout) for layout in layouts] for code, layouts in RECORD_LAYOUTS.items()}


def record(*parts: object, **named: object) -> Record:
    """A record of just these parts: of a named tuple Hypothesis would make up the others, too."""
    return Record(*parts, **named)


def records_of(code: str, channels: int, voltages: int) -> st.SearchStrategy[Record]:
    if not channels:
        return st.builds(record, DIGITS, st.booleans(), st.just(code))
    return st.builds(
        record,
        DIGITS,
        st.booleans(),
        st.just(code),
        WORDS.map(lambda number: number / 10),
        WORDS.map(lambda number: number - 100),
        st.tuples(*[WORDS] * channels),
        st.tuples(*[WORDS] * voltages),
    )


KNOWN = st.one_of([records_of(code, *shapes[0]) for code, shapes in SHAPES.items() if len(shapes) == 1])
OPEN = st.sampled_from([(code, *one) for code, shapes in SHAPES.items() if len(shapes) > 1 for one in shapes])


def listing(records: list[Record], stamp: str) -> RealTime:
    return RealTime("00", "01", len(records), stamp, tuple(records))


@settings(max_examples=300, deadline=SLOW)
@given(st.lists(KNOWN, max_size=30), STAMPS)
def test_any_list_of_known_types_is_the_same_after_writing_and_reading(records: list[Record], stamp: str):
    real_time = listing(records, stamp)
    answer = answer_to(encode_real_time(real_time).encode())
    assert answer == real_time
    assert isinstance(answer, RealTime)
    assert answer.complete
    assert answer.remarks == ()


@settings(max_examples=200, deadline=SLOW)
@given(OPEN.flatmap(lambda one: st.lists(st.one_of(KNOWN, records_of(*one)), max_size=20)), STAMPS)
def test_any_list_with_a_type_of_two_layouts_is_the_same_after_writing_and_reading(records: list[Record], stamp: str):
    """Type 05 has two channels or four, which the written values tell and the bytes have to."""
    real_time = listing(records, stamp)
    answer = answer_to(encode_real_time(real_time).encode())
    assert answer == real_time


@st.composite
def one_unknown_type(draw: st.DrawFn) -> list[Record]:
    octets = draw(st.integers(0, 55))
    unknown = st.builds(
        record,
        DIGITS,
        st.booleans(),
        st.just("Z6"),
        undecoded=st.binary(min_size=octets, max_size=octets).map(bytes.hex),
    )
    return draw(st.lists(st.one_of(KNOWN, unknown), max_size=15))


@settings(max_examples=300, deadline=SLOW)
@given(one_unknown_type(), STAMPS)
def test_a_list_with_an_unknown_type_is_read_as_it_was_or_not_beyond_that_type(records: list[Record], stamp: str):
    """The true size always fits, so that the only one which fits is the true one."""
    answer = answer_to(encode_real_time(listing(records, stamp)).encode())
    assert isinstance(answer, RealTime)
    if answer.complete:
        assert answer.records == tuple(records)
    else:
        first = [record.type for record in records].index("Z6")
        assert answer.records == tuple(records[:first])
        assert answer.remarks


@settings(max_examples=200, deadline=SLOW)
@given(st.lists(st.tuples(DIGITS, st.integers(0, 255)), max_size=60))
def test_any_signals_are_the_same_after_writing_and_reading(levels: list[tuple[str, int]]):
    signal = Signal("00", tuple(levels))
    assert answer_to(encode_signal(signal).encode()) == signal


TIMES = st.times().map(lambda time: f"{time:%H%M}")
DATES = st.dates(date(1000, 1, 1)).map(lambda day: day.isoformat().replace("-", ""))


@settings(max_examples=200, deadline=SLOW)
@given(st.lists(st.tuples(TIMES, WORDS), max_size=300))
def test_any_powers_of_a_day_are_the_same_after_writing_and_reading(points: list[tuple[str, int]]):
    data = encode_power_of_day(PowerOfDay("00", tuple(points))).encode()
    assert answer_to(data) == PowerOfDay("00", tuple(points))
    endure(data)


@settings(max_examples=300, deadline=SLOW)
@given(st.dictionaries(DATES, WORDS, max_size=40), st.sampled_from([2, 4]), st.sampled_from(["00", "01", "02"]))
def test_any_energies_by_day_are_the_same_after_writing_and_reading(by_day: dict[str, int], width: int, period: str):
    """In both widths: dates of our millennia are none in the other. An empty list has no width."""
    points = tuple((day, number / 100) for day, number in sorted(by_day.items()) if day >= "1300")
    energy = EnergyByDay("00", period, points, width if points else 4)
    data = encode_energy_by_day(energy).encode()
    assert answer_to(data) == energy
    endure(data)


@settings(max_examples=100, deadline=SLOW)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=2, max_size=2).filter(lambda s: s != "00"))
def test_any_other_status_is_the_same_after_writing_and_reading(status: str):
    assert answer_to(encode_real_time(RealTime(status)).encode()) == RealTime(status)
    assert answer_to(encode_signal(Signal(status)).encode()) == Signal(status)
    assert answer_to(encode_power_of_day(PowerOfDay(status)).encode()) == PowerOfDay(status)
    assert answer_to(encode_energy_by_day(EnergyByDay(status)).encode()) == EnergyByDay(status)


# -- the slowest frames -----------------------------------------------------------------------------------------------


def largest(records: bytes, count: int) -> bytes:
    """An answer to 0002 as long as its four digits allow, give or take a byte, full of `records`."""
    room = 9_998 - 26 - 3 - 1
    body = b"0001" + count.to_bytes(2, "big") + bytes.fromhex("20250621120005")
    body += (records * (room // len(records) + 1))[:room] + b"END"
    return b"APS11%04d0002" % (13 + len(body)) + body + b"\n"


def slow_patterns() -> Iterator[tuple[str, bytes]]:
    """What to fill a frame with."""
    head = bytes.fromhex("703000000001 01")
    unknown = [head + code.encode() for code in ("Z6", "Z7", "Z8", "Z9", "ZA", "ZZ")]
    anywhere = bytes.fromhex("003030")  # at every third byte a head of type 00: UID 003030003030, offline, 00
    yield "one unknown type", unknown[0]
    yield "many unknown types", b"".join(unknown)
    yield "an unknown type and then type 00", unknown[0] + (head + b"00") * 1200
    yield "an unknown type and then heads at every third byte", unknown[0] + anywhere * 4000
    yield "type 05, an unknown type and then heads at every third byte", head + b"05" + unknown[0] + anywhere * 4000
    yield "an unknown type, type 05 and then heads at every third byte", unknown[0] + head + b"05" + anywhere * 4000
    yield "heads of an unknown type at every third byte", bytes.fromhex("003131") * 3 + bytes.fromhex("003636")
    yield "type 05 only", head + b"05" + b"\x00"
    yield "type 05 and an unknown type in turn", head + b"05" + unknown[0]
    yield "type 00 only", head + b"00"


SLOW_PATTERNS = list(slow_patterns())


@pytest.mark.parametrize("count", [1, 2, 500, 1088, 1107, 1108, 65_535])
@pytest.mark.parametrize(("pattern", "records"), SLOW_PATTERNS, ids=[name for name, _ in SLOW_PATTERNS])
def test_the_search_for_the_size_of_an_unknown_type_ends_soon(pattern: str, records: bytes, count: int):
    """In a frame of 9,998 bytes that is full of heads every choice has to be followed to its end."""
    data = largest(records, count)
    assert len(data) == 9_998
    began = time.process_time()
    endure(data)
    assert time.process_time() - began < 0.5, pattern


def test_a_long_search_that_succeeds_ends_soon_too():
    """An unknown type in front of 1,050 records, and only one of its sizes makes number and end fit."""
    rng = random.Random(7)
    uids = [f"7030{rng.randrange(10**8):08d}" for _ in range(1050)]
    unknown = Record("999000000001", online=True, type="Z6", undecoded="a5" * 40)
    real_time = listing([unknown, *(Record(uid, online=False, type="00") for uid in uids)], "20250621120005")
    data = encode_real_time(real_time).encode()
    began = time.process_time()
    answer = answer_to(data)
    assert time.process_time() - began < 0.5
    assert replace(answer, remarks=()) == replace(real_time, complete=True)
