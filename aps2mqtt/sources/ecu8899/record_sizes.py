"""How long each record in the answer to 0002 is, where its type leaves that open. Pure."""

from collections.abc import Iterable, Iterator

from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.tables import RECORD_HEAD, RECORD_HEAD_SIZE, RECORD_LAYOUTS, RECORDS, is_uid
from aps2mqtt.sources.ecu8899.wire import Hex, Layout, size

LARGEST_RECORD = 64  # of a type nobody knows; the largest known has 27 bytes
Sizes = dict[str, int]  # bytes of a record by type code
KNOWN_SIZES: Sizes = {code: size(layouts[0]) for code, layouts in RECORD_LAYOUTS.items() if len(layouts) == 1}


def record_sizes(frame: Frame, count: int) -> Sizes:
    """Bytes of a record by type code: of all types whose size is known, or can be told from where the frame ends."""
    fitting = list(_fitting_sizes(frame, RECORDS, count, KNOWN_SIZES)) or list(
        _fitting_sizes(frame, RECORDS, None, KNOWN_SIZES)
    )
    return fitting[0] if len(fitting) == 1 else KNOWN_SIZES


def type_at(body: bytes, offset: int) -> str | None:
    """Type code of the record at `offset`, None where no record can begin.

    Online is 0 or 1, a type code is text: zeros, as offline records have them, begin no record. A UID is decimal; one
    that is not is believed to be garbled where the type is known, so that it costs nobody the rest of the list.
    """
    raw = body[offset : offset + RECORD_HEAD_SIZE]
    if len(raw) < RECORD_HEAD_SIZE or raw[6] > 1 or not raw[7:].isalnum():
        return None
    code = raw[7:].decode("ascii")
    return code if code in RECORD_LAYOUTS or is_uid(raw[:6].hex()) else None


def _fitting_sizes(frame: Frame, offset: int, count: int | None, sizes: Sizes) -> Iterator[Sizes]:
    """Every choice of a size for the types that leave it open under which `count` records end where the frame does.

    `count` None: however many. One unknown type at the most, and only with a count and a trailer that proves the end:
    else anything fits.
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
    if code in RECORD_LAYOUTS:
        return [size(layout) for layout in RECORD_LAYOUTS[code]]
    if frame.trailer and count is not None and sizes.keys() <= RECORD_LAYOUTS.keys():
        return range(RECORD_HEAD_SIZE, LARGEST_RECORD + 1)
    return ()


def record_layouts(body: bytes, sizes: Sizes, offset: int = RECORDS) -> Iterator[tuple[int, Layout]]:
    """Offset and layout of each record of known size, from `offset` to where none is, or none that is whole."""
    while (code := type_at(body, offset)) is not None and code in sizes and offset + sizes[code] <= len(body):
        yield offset, record_layout(code, sizes[code])
        offset += sizes[code]


def record_layout(code: str, octets: int) -> Layout:
    """Layout of a record of this type and size; of a type that nobody knows, its head and the rest as it is."""
    known = (layout for layout in RECORD_LAYOUTS.get(code, ()) if size(layout) == octets)
    return next(known, (*RECORD_HEAD, Hex("undecoded", octets - RECORD_HEAD_SIZE)))
