"""Finds frames in what they were kept in: raw bytes, hexadecimal, dumps, files of captures, logs. Pure.

bytes of a file -> Found, Found, ...
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from aps2mqtt.ecu import dumps, protocol
from aps2mqtt.ecu.protocol import LENGTH_KNOWN, MAX_FRAME, NEWLINE
from aps2mqtt.errors import FrameError

START = re.compile(rb"APS\d\d")
PADDING = b" \t\r\n\f\v\0"
SEPARATORS = re.compile(r"0x|\\x|[\s,;:]", re.IGNORECASE)
# A frame in a line of text: pairs of digits from APS on, which something may separate.
FRAME = re.compile(
    r"(?<![0-9a-f])41[ ,:]{0,2}(?:0x)?50[ ,:]{0,2}(?:0x)?53(?:[ ,:]{0,2}(?:0x)?[0-9a-f]{2})*", re.IGNORECASE
)
EXCHANGED = re.compile(r":\d{1,5} [<>] ((?:[0-9a-f]{2})+)[0-9a-f]?\s*$")  # what the client logs with -D
RECORDS = re.compile(r"please report (?:its record at|from) byte (\d{1,4}): ((?:[0-9a-f]{2})+)")


class Found(NamedTuple):
    """A frame and where it was, empty for all of a file. `offset` is for records that stood there in a frame."""

    where: str
    data: bytes
    offset: int | None = None


def frames(content: bytes) -> list[Found]:
    """All frames in the bytes of a file, as whole as they are there; empty where nothing looks like one."""
    text = content.decode("latin-1").removeprefix("\xef\xbb\xbf")
    if START.match(content):
        return _raw(dumps.unescaped(text) if dumps.is_escaped(text.strip()) else content)
    return _captures(text) or _printed(text) or _digits(text) or _lines(text) or _raw(content)


def _raw(content: bytes) -> list[Found]:
    cut = list(_split(content))
    return [Found(f"byte {at}" if at or len(cut) > 1 else "", data) for at, data in cut]


def _split(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The frames one after the other, with their offsets. What stands between two belongs to the first."""
    starts = [found.start() for found in START.finditer(content)]
    for at, following in pairwise([*starts, len(content)]):
        data = content[at : min(following, at + 2 * MAX_FRAME)]
        yield at, _unpadded(data)


def _unpadded(data: bytes) -> bytes:
    """`data` without the blanks of a file, or the zeros of a receive buffer, that stand behind a whole frame."""
    end = _declared(data)
    return data if data[end:].strip(PADDING) else data[:end]


def _declared(data: bytes) -> int:
    try:
        return protocol.declared_size(data[:LENGTH_KNOWN])
    except FrameError:
        return 0


# -- text -------------------------------------------------------------------------------------------------------------


def _captures(text: str) -> list[Found]:
    """Those of JSON objects with `hex`: one, a list of them, or one a line."""
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
            found.append(Found("" if len(captures) == 1 else name or f"capture {number}", _unpadded(data)))
    return found


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _printed(text: str) -> list[Found]:
    """Those in what other programs print of bytes."""
    printed = [(where, data) for where, data in dumps.contents(text) if START.search(data)]
    return [Found(where, frame) for where, data in printed for _, frame in _split(data)]


def _digits(text: str) -> list[Found]:
    """Those of a text that is nothing but hexadecimal digits."""
    digits = "" if dumps.is_dump(text) else SEPARATORS.sub("", text).lower()
    if not re.fullmatch("[0-9a-f]+", digits) or "415053" not in digits:
        return []
    cut = list(_split(_bytes(digits[digits.index("415053") :])))
    return [Found("" if len(cut) == 1 else f"frame {number}", data) for number, (_, data) in enumerate(cut, 1)]


def _lines(text: str) -> list[Found]:
    """Those in the lines of a log or a letter. One that is not whole may go on in the next lines."""
    found: list[Found] = []
    for number, line in enumerate(text.splitlines(), 1):
        if found and found[-1].offset is None and (more := _continuation(line, found[-1].data)):
            found[-1] = found[-1]._replace(data=found[-1].data + more)
        else:
            found += _in_line(line, f"line {number}")
    return found


def _in_line(line: str, where: str) -> Iterable[Found]:
    if records := RECORDS.search(line):
        return [Found(where, _bytes(records[2]), int(records[1]))]
    pieces = [data for frame in FRAME.finditer(line) for _, data in _split(_bytes(frame[0]))]
    if not pieces and (exchanged := EXCHANGED.search(line)):
        pieces = [_bytes(exchanged[1])]
    return [Found(where, piece) for piece in pieces]


def _continuation(line: str, before: bytes) -> bytes:
    """The bytes in a line that is nothing but digits, where those before it are no whole frame."""
    data = _bytes(line)
    is_whole = len(before) >= _declared(before) - len(NEWLINE)
    return b"" if is_whole or START.match(data) else data


def _bytes(digits: str) -> bytes:
    """The bytes of digits, whatever separates them, without half a byte at the end; none where they are no digits."""
    plain = SEPARATORS.sub("", digits)
    try:
        return bytes.fromhex(plain[: len(plain) // 2 * 2])
    except ValueError:
        return b""
