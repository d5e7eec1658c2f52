"""Fields and layouts in general, against literal bytes."""

import pytest

from aps2mqtt.base.errors import IncompleteFrame, MalformedFrame
from aps2mqtt.sources.ecu8899.layouts import (
    Bcd,
    Field,
    Flag,
    Hex,
    Item,
    Layout,
    Number,
    PrefixedText,
    Rest,
    Text,
    Value,
    read,
    size,
    walk,
    write,
)

# One row: a field, its bytes in hexadecimal, its value.
FIELDS: tuple[tuple[Field, str, Value], ...] = (
    (Number("count", 1), "ff", 255),
    (Number("count", 2), "000a", 10),
    (Number("power", 2, "W"), "028e", 654),
    (Number("power", 4, "W"), "fffffffe", 4_294_967_294),
    (Number("energy", 4, "kWh", per=10), "0000aa3d", 4358.1),
    (Number("energy", 4, "kWh", per=100), "0000001d", 0.29),
    (Number("energy", 4, "kWh", per=100), "ffffffff", 42_949_672.95),
    (Number("energy", 4, "kWh", per=100), "00000000", 0.0),
    (Number("frequency", 2, "Hz", per=10), "01f3", 49.9),
    (Number("temperature", 2, "degC", less=100), "007b", 23),
    (Number("temperature", 2, "degC", less=100), "0064", 0),
    (Number("temperature", 2, "degC", less=100), "0000", -100),
    (Flag("online", 1), "00", False),
    (Flag("online", 1), "01", True),
    (Text("version", 2), "3031", "01"),
    (Text("group", 2), "2a2a", "**"),
    (Text("channel", 2), "00ff", "\x00\xff"),
    (PrefixedText("firmware", 0), "303132 4543555f525f312e322e3139", "ECU_R_1.2.19"),
    (PrefixedText("firmware", 0), "303030", ""),
    (PrefixedText("firmware", 0), "303032 e90a", "\xe9\n"),
    (Bcd("uid", 6), "704000000001", "704000000001"),
    (Bcd("time", 7), "20231120151934", "20231120151934"),
    (Bcd("time", 7), "d0d0d0d0d0d0d0", "d0d0d0d0d0d0d0"),
    (Hex("mac", 6), "80971b00000a", "80971b00000a"),
    (Rest("unknown", 0), "30300a00ff", "30300a00ff"),
    (Rest("unknown", 0), "", ""),
)
IDS = [f"{type(field).__name__} {field.name} {raw}" for field, raw, _ in FIELDS]

PLACE: Layout = (Bcd("uid", 2), Flag("online", 1), PrefixedText("name", 0), Number("power", 2, "W"), Rest("unknown", 0))
# uid 7040, online, 2 characters "DS", 300 W, unknown aabb
PLACED = bytes.fromhex("7040 01 3030324453 012c aabb")


@pytest.mark.parametrize(("field", "raw", "value"), FIELDS, ids=IDS)
def test_a_field_reads_its_bytes_as_a_value(field: Field, raw: str, value: Value):
    """The value has the type that stands in the table too: a count is no float, a flag no number."""
    found = field.decode(bytes.fromhex(raw))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("field", "raw", "value"), FIELDS, ids=IDS)
def test_a_field_writes_its_value_as_the_same_bytes(field: Field, raw: str, value: Value):
    assert field.encode(value) == bytes.fromhex(raw)


@pytest.mark.parametrize(("field", "raw", "value"), FIELDS, ids=IDS)
def test_a_field_ends_behind_its_bytes_wherever_it_stands(field: Field, raw: str, value: Value):
    """Only `Rest` takes what follows; all others leave the next field alone."""
    data = b"\x99" * 5 + bytes.fromhex(raw)
    follows = b"" if isinstance(field, Rest) else b"030"
    assert field.end(data + follows, 5) == len(data)
    assert read((field,), data + follows, 5) == {field.name: value}


@pytest.mark.parametrize(
    ("value", "raw"), [(0.07, "0007"), (0.28, "001c"), (0.57, "0039"), (1.15, "0073"), (655.35, "ffff")]
)
def test_a_scaled_value_is_written_as_the_nearest_number(value: float, raw: str):
    """In binary 0.57 * 100 is a little less than 57, and is 57 on the wire all the same."""
    assert Number("energy", 2, "kWh", per=100).encode(value).hex() == raw


@pytest.mark.parametrize(
    ("per", "raw", "shown"), [(10, "01f3", "49.9"), (100, "0011", "0.17"), (100, "d705", "550.45"), (1, "0000", "0")]
)
def test_a_scaled_value_prints_as_the_shortest_decimal(per: int, raw: str, shown: str):
    assert str(Number("energy", 2, per=per).decode(bytes.fromhex(raw))) == shown


@pytest.mark.parametrize("raw", ["02", "30", "31", "ff"])
def test_a_flag_that_is_neither_0_nor_1_is_malformed(raw: str):
    with pytest.raises(MalformedFrame, match=f"online is 0x{raw}, not 0 or 1"):
        Flag("online", 1).decode(bytes.fromhex(raw))


@pytest.mark.parametrize("prefix", ["ECU", "1 2", "-12", "+12", "1.2", "\xb2\xb2\xb2", "0x1"])
def test_a_text_whose_length_is_no_number_is_malformed(prefix: str):
    """The message names the field, where its length stands, and the bytes."""
    raw = prefix.encode("latin-1")
    with pytest.raises(MalformedFrame) as caught:
        read((PrefixedText("firmware", 0),), b"\x00" * 4 + raw + b"ECU_R_1.2.19", 4)
    assert str(caught.value) == f"the length of firmware at byte 4 is not a number: 0x{raw.hex()}"


@pytest.mark.parametrize("received", range(len("012ECU_R_1.2.19")))
def test_a_cut_text_is_incomplete_wherever_the_cut_is(received: int):
    """In its length as well as in its characters."""
    with pytest.raises(IncompleteFrame, match=f"the answer ends within firmware, at byte {received}"):
        read((PrefixedText("firmware", 0),), b"012ECU_R_1.2.19"[:received])


@pytest.mark.parametrize(
    "field", [Number("power", 2), Flag("online", 1), Text("status", 2), Bcd("uid", 6), Hex("mac", 6)]
)
def test_a_cut_field_is_incomplete(field: Field):
    """One byte too few is enough; the message names the field and how far the answer goes."""
    with pytest.raises(IncompleteFrame, match=f"the answer ends within {field.name}, at byte {2 + field.width}"):
        read((Text("version", 3), field), b"\x00" * (2 + field.width))


def test_a_layout_reads_and_writes_the_same_bytes():
    values = {"uid": "7040", "online": True, "name": "DS", "power": 300, "unknown": "aabb"}
    assert read(PLACE, PLACED) == values
    assert write(PLACE, values) == PLACED


def test_a_layout_is_written_in_its_own_order():
    """However the values are ordered, and whatever else is among them."""
    values = {"power": 300, "unknown": "aabb", "more": 1, "name": "DS", "online": True, "uid": "7040"}
    assert write(PLACE, values) == PLACED


def test_walk_gives_offsets_and_raw_bytes():
    """Offsets count from the first byte of the data, not from where the layout begins."""
    assert list(walk(PLACE, b"\xee\xee\xee" + PLACED, 3)) == [
        Item(PLACE[0], 3, b"\x70\x40", "7040"),
        Item(PLACE[1], 5, b"\x01", True),
        Item(PLACE[2], 6, b"002DS", "DS"),
        Item(PLACE[3], 11, b"\x01\x2c", 300),
        Item(PLACE[4], 13, b"\xaa\xbb", "aabb"),
    ]


def test_walk_gives_what_is_there_before_it_raises_at_a_cut():
    found = walk(PLACE, PLACED[:9])
    assert [next(found).value, next(found).value, next(found).value] == ["7040", True, "DS"]
    with pytest.raises(IncompleteFrame, match="the answer ends within power, at byte 9"):
        next(found)


def test_walk_gives_what_is_there_before_it_raises_at_nonsense():
    found = walk(PLACE, PLACED.replace(b"002", b"00?"))
    assert [next(found).value, next(found).value] == ["7040", True]
    with pytest.raises(MalformedFrame, match="the length of name at byte 3 is not a number"):
        next(found)


def test_read_raises_at_a_flag_that_makes_no_sense():
    with pytest.raises(MalformedFrame, match="online"):
        read(PLACE, PLACED.replace(b"\x01\x30", b"\x07\x30"))


@pytest.mark.parametrize("received", range(11))
def test_read_and_walk_raise_alike_at_every_cut(received: int):
    """The last field takes whatever is left, so the layout is whole from its byte 10 on."""
    data = PLACED[:received]
    if received == 10:
        assert read(PLACE, data)["unknown"] == ""
        return
    with pytest.raises(IncompleteFrame) as by_read:
        read(PLACE, data)
    with pytest.raises(IncompleteFrame) as by_walk:
        list(walk(PLACE, data))
    assert str(by_read.value) == str(by_walk.value)


def test_the_rest_behind_the_end_is_incomplete_and_not_negative():
    """A layout that is asked to begin behind the data finds nothing there."""
    with pytest.raises(IncompleteFrame):
        read((Rest("unknown", 0),), b"\x00\x00", 5)


def test_the_size_of_a_layout_is_the_sum_of_its_fields():
    assert size((Bcd("uid", 6), Flag("online", 1), Text("type", 2))) == 9
    assert size(()) == 0


def test_a_field_knows_its_unit():
    """The topics take units from here; what has none says so with an empty text."""
    assert Number("power", 2, "W").unit == "W"
    assert Bcd("uid", 6).unit == ""
