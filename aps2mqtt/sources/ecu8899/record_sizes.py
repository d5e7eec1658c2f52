"""The size of each record in the answer to 0002, even if its type does not determine it. Pure.

A record of a new type has an unknown size, and the next record begins behind it. So every size is tried. A size is
right if the expected number of records then ends exactly where the frame ends. For example, the frame says that it
has 3 records, and they begin at byte 26:

    >>> known = bytes.fromhex("704000000001 01 3031" + 12 * "00")  # type 01 has 21 bytes: from 26 to 47
    >>> new = bytes.fromhex("990000000002 01 3737" + 10 * "11")  # type 77 begins at 47; how long is it?
    >>> unheard = bytes.fromhex("704000000003 00 3030")  # type 00 has 9 bytes
    >>> body = bytes(26) + known + new + unheard
    >>> len(body)
    75

The sizes 9 to 64 are tried for type 77. With 9 to 18, the next record would begin at byte 56 to 65, but no head of a
record is there. With 19, it begins at 66, has type 00 and 9 bytes, and ends at 75: 3 records, and the end of the frame.
With 20 to 27, less than a head is left. With 28, the frame ends at 75 too, but after 2 records. With 29 to 64, the
record would be longer than the frame.

    >>> [size for size in range(9, 65) if type_at(body, 47 + size)]
    [19]
    >>> record_sizes(Frame(body), 3)["77"]
    19
    >>> record_sizes(Frame(body), 2)["77"]
    28

If no size or more than one fits, none is used, and the list ends before the record. The example proves nothing about
ECUs; the frames in tests/captures do.
"""

from collections.abc import Iterable, Iterator

from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.layouts import Hex, Layout, size
from aps2mqtt.sources.ecu8899.tables import RECORD_HEAD, RECORD_HEAD_SIZE, RECORD_LAYOUTS, RECORDS, is_uid

LARGEST_RECORD = 64  # bytes, of an unknown type; the largest known type has 27
Sizes = dict[str, int]  # bytes of a record by type code
KNOWN_SIZES: Sizes = {code: size(layouts[0]) for code, layouts in RECORD_LAYOUTS.items() if len(layouts) == 1}


def record_sizes(frame: Frame, count: int) -> Sizes:
    """The known sizes, with those that follow from the end of `frame` and the `count` of records it declares.

    If no sizes fit with that count, any number of records is tried.
    """
    fitting = list(_fitting_sizes(frame, RECORDS, count, KNOWN_SIZES)) or list(
        _fitting_sizes(frame, RECORDS, None, KNOWN_SIZES)
    )
    return fitting[0] if len(fitting) == 1 else KNOWN_SIZES


def type_at(body: bytes, offset: int) -> str | None:
    """Type code of the record at `offset`, None if no record can begin there.

    Online is 0 or 1 and a type code is text, so the zeros of offline records begin no record. A UID is decimal. If it
    is not, but the type is known, the UID counts as garbled, so that the rest of the list can still be read.
    """
    raw = body[offset : offset + RECORD_HEAD_SIZE]
    if len(raw) < RECORD_HEAD_SIZE or raw[6] > 1 or not raw[7:].isalnum():
        return None
    code = raw[7:].decode("ascii")
    return code if code in RECORD_LAYOUTS or is_uid(raw[:6].hex()) else None


def _fitting_sizes(frame: Frame, offset: int, count: int | None, sizes: Sizes) -> Iterator[Sizes]:
    """Every choice of sizes with which `count` records from `offset` on end where the frame ends.

    `count` None stands for any number of records.
    """
    body, found = frame.body, 0
    while offset < len(body) and found != count:
        code = type_at(body, offset)
        if code is None:
            return
        if code not in sizes:
            left = None if count is None else count - found
            for candidate in _open_sizes(frame, code, sizes, left):
                yield from _fitting_sizes(frame, offset, left, {**sizes, code: candidate})
            return
        offset, found = offset + sizes[code], found + 1
    if offset == len(body) and count in (found, None):
        yield sizes


def _open_sizes(frame: Frame, code: str, sizes: Sizes, count: int | None) -> Iterable[int]:
    """The sizes to try for type `code`.

    Only one unknown type is tried, and only with a count and a trailer that proves the end, or too many sizes fit.
    """
    if code in RECORD_LAYOUTS:
        return [size(layout) for layout in RECORD_LAYOUTS[code]]
    if frame.trailer and count is not None and sizes.keys() <= RECORD_LAYOUTS.keys():
        return range(RECORD_HEAD_SIZE, LARGEST_RECORD + 1)
    return ()


def record_layouts(body: bytes, sizes: Sizes, offset: int = RECORDS) -> Iterator[tuple[int, Layout]]:
    """Offset and layout of each record from `offset` on, up to the first that has an unknown size or is not whole."""
    while (code := type_at(body, offset)) is not None and code in sizes and offset + sizes[code] <= len(body):
        yield offset, record_layout(code, sizes[code])
        offset += sizes[code]


def record_layout(code: str, octets: int) -> Layout:
    """Layout of a record of this type and size; for an unknown type, its head and the rest as raw bytes."""
    known = (layout for layout in RECORD_LAYOUTS.get(code, ()) if size(layout) == octets)
    return next(known, (*RECORD_HEAD, Hex("undecoded", octets - RECORD_HEAD_SIZE)))
