"""Fields and layouts in general: how bytes become values and values bytes.

Pure: no socket, clock, log or configuration. A layout is a tuple of fields in the order of the wire; reserved bytes
are fields too. Every field reads and writes symmetrically: `write(layout, read(layout, data))` is `data`.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aps2mqtt.base.errors import IncompleteFrame, MalformedFrame

Value = int | float | bool | str


class Field(NamedTuple):
    """One value on the wire."""

    name: str
    width: int  # in bytes; 0 if the bytes themselves determine it (`PrefixedText`, `Rest`)
    unit: str = ""  # of the value read; empty if it has none
    per: int = 1  # these two are for a `Number`
    less: int = 0

    def end(self, data: bytes, offset: int) -> int:
        """Offset behind this field, which begins at `offset`."""
        del data
        return offset + self.width

    def decode(self, raw: bytes) -> Value:
        """The value of exactly this field's bytes; raises MalformedFrame."""
        raise NotImplementedError

    def encode(self, value: Value) -> bytes:
        """The bytes of `value`."""
        raise NotImplementedError


class Number(Field):
    """Unsigned big-endian integer n, read as (n - less) / per: an int where `per` is 1, else a float.

    Dividing by a power of ten is rounded correctly, so the value prints as the shortest decimal.
    """

    def decode(self, raw: bytes) -> Value:
        number = int.from_bytes(raw, "big") - self.less
        return number if self.per == 1 else number / self.per

    def encode(self, value: Value) -> bytes:
        return (round(float(value) * self.per) + self.less).to_bytes(self.width, "big")


class Flag(Field):
    """One byte, 0 or 1."""

    def decode(self, raw: bytes) -> Value:
        if raw not in (b"\x00", b"\x01"):
            raise MalformedFrame(f"{self.name} is 0x{raw.hex()}, not 0 or 1")
        return raw == b"\x01"

    def encode(self, value: Value) -> bytes:
        return bytes([bool(value)])


class Text(Field):
    """ASCII text. Read as Latin-1, so that a byte that is not ASCII is kept and does not spoil the whole frame."""

    def decode(self, raw: bytes) -> Value:
        return raw.decode("latin-1")

    def encode(self, value: Value) -> bytes:
        return str(value).encode("latin-1")


class PrefixedText(Text):
    """Text with its length before it, as decimal text of three digits."""

    PREFIX = 3

    def end(self, data: bytes, offset: int) -> int:
        prefix = data[offset : offset + self.PREFIX]
        if len(prefix) < self.PREFIX:
            return offset + self.PREFIX
        if not prefix.isdigit():
            raise MalformedFrame(f"the length of {self.name} at byte {offset} is not a number: 0x{prefix.hex()}")
        return offset + self.PREFIX + int(prefix)

    def decode(self, raw: bytes) -> Value:
        return raw[self.PREFIX :].decode("latin-1")

    def encode(self, value: Value) -> bytes:
        text = str(value).encode("latin-1")
        return b"%03d" % len(text) + text


class Bcd(Field):
    """One decimal digit per nibble, as text of twice the width.

    Filler that is no decimal (the `d0` of quirk 22) is kept as hexadecimal digits: a caller that needs a
    number checks `isdecimal()`.
    """

    def decode(self, raw: bytes) -> Value:
        return raw.hex()

    def encode(self, value: Value) -> bytes:
        return bytes.fromhex(str(value))


class Hex(Bcd):
    """Bytes that are not a number (a MAC, or of unknown meaning), as hexadecimal text."""


class Rest(Hex):
    """All remaining bytes, of unknown meaning, as hexadecimal text."""

    def end(self, data: bytes, offset: int) -> int:
        return max(offset, len(data))


Layout = tuple[Field, ...]


class Item(NamedTuple):
    """One field found in some bytes: `raw` begins at `offset`."""

    field: Field
    offset: int
    raw: bytes
    value: Value


def size(layout: Layout) -> int:
    """Bytes of a layout in which every field has a fixed width."""
    return sum(field.width for field in layout)


def walk(layout: Layout, data: bytes, offset: int = 0) -> Iterator[Item]:
    """The fields of `layout` found in `data`, one by one, from `offset` on.

    Raises IncompleteFrame at the first field that is not whole, MalformedFrame at a field with an invalid value.
    """
    for field in layout:
        raw = _take(field, data, offset)
        yield Item(field, offset, raw, field.decode(raw))
        offset += len(raw)


def read(layout: Layout, data: bytes, offset: int = 0) -> dict[str, Value]:
    """The values of `layout` by name; raises as `walk` does."""
    values = {}
    for field in layout:
        raw = _take(field, data, offset)
        values[field.name] = field.decode(raw)
        offset += len(raw)
    return values


def _take(field: Field, data: bytes, offset: int) -> bytes:
    end = offset + field.width if field.width else field.end(data, offset)
    if end > len(data):
        raise IncompleteFrame(f"the answer ends within {field.name}, at byte {len(data)}")
    return data[offset:end]


def write(layout: Layout, values: Mapping[str, Value]) -> bytes:
    """The bytes of `values`, which has one for every field of `layout`."""
    return b"".join(field.encode(values[field.name]) for field in layout)
