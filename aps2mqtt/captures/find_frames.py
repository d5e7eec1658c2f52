"""Finds frames in files: raw bytes, hexadecimal digits, dumps, files of captures, logs. Pure.

bytes of a file -> FoundFrame, FoundFrame, ...
"""

import codecs
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from aps2mqtt.base.errors import FrameError, IncompleteFrame
from aps2mqtt.captures import hex_dumps
from aps2mqtt.sources.ecu8899.frames import declared_size
from aps2mqtt.sources.ecu8899.tables import LENGTH_KNOWN, MAX_FRAME, NEWLINE

START = re.compile(rb"APS\d\d")
BINARY = re.compile(rb"[^\t\r\n -\xff]")  # in a file without any, a line of text holds a whole frame or none
PADDING = b" \t\r\n\f\v\0"
SEPARATORS = re.compile(r"0x|\\x|[\s,;:-]", re.IGNORECASE)
BETWEEN = r"[ ,:-]{0,2}(?:0x|\\x)?"
# A frame in a line of text: pairs of digits from APS on, perhaps with separators.
FRAME = re.compile(rf"(?<![0-9a-f])41{BETWEEN}50{BETWEEN}53(?:{BETWEEN}[0-9a-f]{{2}})*", re.IGNORECASE)
DIGITS = re.compile(
    r"(?:(?:0x|\\x)?(?:[0-9a-f]{2})+(?:[\s,:-]{1,3}|(?=\\)|$))+", re.IGNORECASE
)  # matches a line that has nothing else
GROUP = re.compile(r"(?:0x|\\x)?([0-9a-f]+)", re.IGNORECASE)
COMMENT = re.compile(r"/\*.*|//.*")  # of C
QUOTED = re.compile(r"[\s>|]*")  # before each line that a mail quotes
LONGEST_GROUP = 8  # digits; a longer group is no number but a line that was wrapped
EXCHANGED = re.compile(r":\d{1,5} [<>] ((?:[0-9a-f]{2})+)[0-9a-f]?\s*$")  # the form in which the client logs with -D
RECORDS = re.compile(r"please report (?:its record at|from) byte (\d{1,4}): ((?:[0-9a-f]{2})+)")


class FoundFrame(NamedTuple):
    """A frame and its place; an empty place: the whole file. `offset`: the place of records in their frame."""

    where: str
    data: bytes
    offset: int | None = None
    breaks_off: bool = False  # it is cut, though more text follows
    registers: int | None = None  # the first register, where these are registers of a Modbus unit and no frame


def frames(content: bytes) -> list[FoundFrame]:
    """All frames in the bytes of a file, whole or cut; empty if nothing looks like a frame."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # PowerShell writes such files
        content = content.decode("utf-16", "replace").encode()
    text = content.decode("latin-1").removeprefix("\xef\xbb\xbf")
    if START.match(content):
        return _raw(hex_dumps.unescaped(text) if hex_dumps.is_escaped(text.strip()) else _as_bytes(content))
    return _captures(text) or _printed(text) or _digits(text) or _lines(text) or _raw(content)


def _as_bytes(content: bytes) -> bytes:
    """Restores a frame that was saved as UTF-8, each byte as a character. It is known by its length."""
    with suppress(UnicodeError):
        data = content.decode().encode("latin-1")
        if len(data.rstrip(b"\r\n")) == _declared(data) - len(NEWLINE):
            return data
    return content


def _raw(content: bytes) -> list[FoundFrame]:
    cut = [(at, data) for at, data in _split(content) if BINARY.search(content) or NEWLINE not in data[:-1]]
    return [FoundFrame(f"byte {at}" if at or len(cut) > 1 else "", data) for at, data in cut]


def _split(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames with their offsets. Bytes between two frames belong to the first one."""
    starts = [found.start() for found in START.finditer(content)]
    for at, following in pairwise([*starts, len(content)]):
        data = content[at : min(following, at + 2 * MAX_FRAME)]
        yield at, _unpadded(data)


def _unpadded(data: bytes) -> bytes:
    """`data` without blanks of a file or zeros of a receive buffer behind a whole frame."""
    end = _declared(data)
    return data if data[end:].strip(PADDING) else data[:end]


def _declared(data: bytes) -> int:
    """Size of the whole frame in bytes; MAX_FRAME if it is cut before its length, 0 if it has no length."""
    try:
        return declared_size(data[:LENGTH_KNOWN])
    except IncompleteFrame:
        return MAX_FRAME
    except FrameError:
        return 0


def _is_cut(data: bytes) -> bool:
    return len(data) < _declared(data) - len(NEWLINE)


def _lacks(data: bytes, more: bytes) -> bool:
    return _is_cut(data) or (more == NEWLINE and len(data) < _declared(data))


# -- text -------------------------------------------------------------------------------------------------------------


def _captures(text: str) -> list[FoundFrame]:
    """Frames in JSON objects with the key `hex`: one object, a list of objects, or one object per line."""
    if not text.lstrip().startswith(("{", "[")):
        return []
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = [_json(line) for line in text.splitlines()]
    captures = document if isinstance(document, list) else [document]
    found = []
    for number, capture in enumerate(captures, 1):
        if isinstance(capture, dict) and (data := _bytes(str(capture.get("hex", "")))):
            name = str(capture.get("id", ""))[:80]
            where = "" if len(captures) == 1 else name or f"capture {number}"
            first = capture.get("first_register")
            if isinstance(first, int):
                found.append(FoundFrame(where, data, registers=first))
            else:
                found.append(FoundFrame(where, _unpadded(data)))
    return found


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _printed(text: str) -> list[FoundFrame]:
    """Frames in bytes as other programs print them."""
    return [
        FoundFrame(one.where, frame, breaks_off=one.more and _is_cut(frame))
        for one in hex_dumps.contents(text)
        if START.search(one.data)
        for _, frame in _split(one.data)
    ]


def _digits(text: str) -> list[FoundFrame]:
    """Frames in a text that consists of hexadecimal digits."""
    digits = SEPARATORS.sub("", text).lower()
    if not re.fullmatch("[0-9a-f]+", digits) or "415053" not in digits or not _is_plain(text, digits):
        return []
    cut = list(_split(_bytes(digits[digits.index("415053") :])))
    return [FoundFrame("" if len(cut) == 1 else f"frame {number}", data) for number, (_, data) in enumerate(cut, 1)]


def _is_plain(text: str, digits: str) -> bool:
    """False if the digits may not be bytes: they may have offsets, or groups without their leading zero."""
    widths = {len(group) for group in GROUP.findall(text)}
    lacks_zeros = max(widths) <= LONGEST_GROUP and any(width % 2 for width in widths)
    may_have_offsets = len(text.split("\n")) > 1 and not digits.startswith("415053")
    return not (lacks_zeros or may_have_offsets or hex_dumps.is_dump(text))


def _lines(text: str) -> list[FoundFrame]:
    """Frames in the lines of a log or a mail. A frame that is not whole may continue in the next lines."""
    found: list[FoundFrame] = []
    lines = text.rstrip().splitlines()
    form: _Form | None = None
    for number, line in enumerate(lines, 1):
        if form and found and (more := form.continuation(line)) and _lacks(found[-1].data, more):
            found[-1] = found[-1]._replace(data=found[-1].data + more, breaks_off=number < len(lines))
        elif pieces := _in_line(line, f"line {number}"):
            form = _Form.of(line)
            found += (piece._replace(breaks_off=number < len(lines)) for piece in pieces)
    return [one._replace(breaks_off=one.breaks_off and one.offset is None and _is_cut(one.data)) for one in found]


def _in_line(line: str, where: str) -> list[FoundFrame]:
    if records := RECORDS.search(line):
        return [FoundFrame(where, _bytes(records[2]), int(records[1]))]
    pieces = [data for frame in FRAME.finditer(line) for _, data in _split(_bytes(frame[0]))]
    if not pieces and (exchanged := EXCHANGED.search(line)):
        pieces = [_bytes(exchanged[1])]
    return [FoundFrame(where, piece) for piece in pieces]


class _Form(NamedTuple):
    """The form of the line in which a frame begins: only lines of the same form continue it."""

    prefix: str
    separators: frozenset[str]
    widths: frozenset[int]  # of groups of digits, without the last group

    @classmethod
    def of(cls, line: str) -> "_Form | None":
        """The form of `line`; None if digits before the frame may be an offset, or if half a byte follows the frame."""
        frame = next(iter(FRAME.finditer(line)), None)
        if frame is None or re.match("[0-9a-f]", line[frame.end() :], re.IGNORECASE):
            return None
        prefix = line[: frame.start()].removesuffix("0x").removesuffix("\\x")
        if prefix.strip() and re.fullmatch(r"[0-9a-fx\s:>|]+", prefix, re.IGNORECASE) and not QUOTED.fullmatch(prefix):
            return None
        return cls(_shape(prefix), *_grouped(frame[0]))

    def continuation(self, line: str) -> bytes:
        """The bytes of a line; empty if it has another form, or if a frame begins in it."""
        start = len(self.prefix) if _shape(line[: len(self.prefix)]) == self.prefix else 0
        rest = COMMENT.sub("", line[start:])
        rest = rest[QUOTED.match(rest).end() :].strip(" \t,;})\\")  # type: ignore[union-attr]
        if not DIGITS.fullmatch(rest) or FRAME.match(rest):
            return b""
        separators, widths = _grouped(rest)
        last = len(GROUP.findall(rest)[-1])
        alike = separators <= self.separators and widths <= self.widths and last <= max(self.widths, default=last)
        return _bytes(rest) if alike else b""


def _shape(prefix: str) -> str:
    """The part before each line, with 0 for every digit: in a log it is a time."""
    return re.sub(r"\d", "0", prefix)


def _grouped(digits: str) -> tuple[frozenset[str], frozenset[int]]:
    """The separators between groups of digits, and the widths of all groups but the last."""
    separators = re.sub(r"0x|\\x|[0-9a-f]", "", digits, flags=re.IGNORECASE)
    return frozenset(separators), frozenset(len(group) for group in GROUP.findall(digits)[:-1])


def _bytes(digits: str) -> bytes:
    """The bytes of digits with any separators, without half a byte at the end; empty if they are no digits."""
    plain = SEPARATORS.sub("", digits)
    try:
        return bytes.fromhex(plain[: len(plain) // 2 * 2])
    except ValueError:
        return b""
