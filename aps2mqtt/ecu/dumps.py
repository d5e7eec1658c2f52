"""Bytes as other programs print them: dumps with offsets, Python's literals, lists of decimal numbers. Pure.

text -> (where, bytes), (where, bytes), ...
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

# xxd and tcpdump: an offset with a colon, groups of digits, two spaces, text.
WITH_COLON = re.compile(
    r"\s*(?:0x)?([0-9a-f]{1,8}):\s+((?:[0-9a-f]{2})+(?: (?:[0-9a-f]{2})+)*)(?:\s.*)?", re.IGNORECASE
)
# hexdump -C and od -t x1: an offset, pairs of digits, perhaps text between bars or brackets.
PAIRS = re.compile(r"\s*([0-9a-f]{6,8})((?:\s{1,2}[0-9a-f]{2})+)\s*(?:[|>].*)?", re.IGNORECASE)
# hexdump and od -x: an offset, words of two bytes as little-endian machines have them.
WORDS = re.compile(r"\s*([0-9a-f]{6,8})((?:\s+[0-9a-f]{4})+)\s*", re.IGNORECASE)
SQUEEZED = "*"  # lines that are as the one before
MOST_SQUEEZED = 20_000  # bytes of a dump up to which these are filled in; no frame is longer
OCTAL = re.compile("[0-7]{7}")  # as od counts; hexdump has seven digits, too

LITERAL = re.compile(r"""b?(?P<quote>['"])(?P<inside>APS(?:\\.|(?!(?P=quote)|\\).)*)""")
ESCAPE = re.compile(r"\\(?:(?:x|u00)(?P<hex>[0-9a-fA-F]{2})|(?P<name>.))", re.DOTALL)
CUT_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]?)?$")
NAMED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}

DECIMALS = re.compile(r"(?<![\d.])65[\s,;]+80[\s,;]+83(?:[\s,;]+-?\d{1,3}(?![\d.]))*")  # Java's may be negative


class Row(NamedTuple):
    """One line of a dump; `squeezed`: before it some are left out that are as the one before."""

    line: int
    offset: str
    data: bytes
    squeezed: bool

    def gap(self, first: "Row", octets: int) -> int:
        """Bytes missing between it and the `octets` from `first` on; -1 where it does not go on there."""
        bases = (16, 8) if OCTAL.fullmatch(self.offset) and OCTAL.fullmatch(first.offset) else (16,)
        gaps = (int(self.offset, base) - int(first.offset, base) - octets for base in bases)
        return min((gap for gap in gaps if gap >= 0), default=-1)


def contents(text: str) -> Iterator[tuple[str, bytes]]:
    """What is printed in `text`, with the place where it begins."""
    lines = text.splitlines()
    yield from _dumped(lines)
    for number, line in enumerate(lines, 1):
        for literal in LITERAL.finditer(line):
            yield f"line {number}", unescaped(literal["inside"])
    for numbers in DECIMALS.finditer(text):
        yield f"byte {numbers.start()}", bytes(int(one) & 0xFF for one in re.findall(r"-?\d+", numbers[0]))


def is_escaped(text: str) -> bool:
    """Whether bytes are written in `text` as between quotation marks of Python."""
    return text.isascii() and text.isprintable() and r"\x" in text


def unescaped(inside: str) -> bytes:
    """The bytes of what stands between quotation marks, less an escape that is cut at the end."""
    with suppress(UnicodeError):  # a file of UTF-8, read byte by byte
        inside = inside.encode("latin-1").decode()
    return ESCAPE.sub(_character, CUT_ESCAPE.sub("", inside)).encode("latin-1", "ignore")


def is_dump(text: str) -> bool:
    """Whether `text` has offsets before its bytes, which must not be taken for some of them."""
    return any(True for _ in _dumped(text.splitlines()))


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape["hex"], 16)) if escape["hex"] else NAMED.get(escape["name"], escape["name"])


def _dumped(lines: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The bytes of each dump: several rows that go on from each other, or a single one that begins at 0."""
    run: list[Row] = []
    data = bytearray()
    for row in _rows(lines):
        gap = row.gap(run[0], len(data)) if run else -1
        if gap == 0 or (row.squeezed and 0 < gap <= MOST_SQUEEZED - len(data)):
            data += (run[-1].data * gap)[:gap] + row.data
            run.append(row)
            continue
        if _is_dump(run):
            yield f"line {run[0].line}", bytes(data)
        run, data = [row], bytearray(row.data)
    if _is_dump(run):
        yield f"line {run[0].line}", bytes(data)


def _is_dump(run: Sequence[Row]) -> bool:
    return len(run) > 1 or (bool(run) and not run[0].offset.strip("0"))


def _rows(lines: Iterable[str]) -> Iterator[Row]:
    squeezed = False
    for number, line in enumerate(lines, 1):
        found = next((match for form in (WITH_COLON, PAIRS, WORDS) if (match := form.fullmatch(line))), None)
        if found is not None:
            step = -1 if found.re is WORDS else 1
            data = b"".join(bytes.fromhex(group)[::step] for group in found[2].split())
            yield Row(number, found[1], data, squeezed)
        squeezed = line.strip() == SQUEEZED
