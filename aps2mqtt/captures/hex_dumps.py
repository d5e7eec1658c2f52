"""Bytes as other programs print them: dumps with offsets, literals of Python, C and JSON, decimal numbers. Pure.

text -> Printed, Printed, ...
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

# A row of a dump: an offset, perhaps with a colon, and groups of digits. Text follows them, and some of it may look
# like a group. A log or a mail may have put something before the offset.
OFFSET = re.compile(r"(?<!\S)(?:0x)?([0-9a-f]{4,16})(?::|(?=\s))", re.IGNORECASE)
GROUP = r"(?:0x)?(?:[0-9a-f]{2})+(?![^\s-])"
GROUPS = re.compile(rf"\s+{GROUP}(?:(?:\s{{1,2}}|-){GROUP})*", re.IGNORECASE)
BASES = (16, 8, 10)  # of offsets: `od` uses any of them
DIGITS_OF_BASE = {16: re.compile("[0-9a-f]+", re.IGNORECASE), 8: re.compile("[0-7]{7}"), 10: re.compile("[0-9]+")}
USUAL_ROWS = (8, 16)  # bytes
SQUEEZED = "*"  # stands for rows that are equal to the one before
MOST_SQUEEZED = 20_000  # bytes of a dump; such rows are not filled in beyond it, because no frame is longer

# Another literal may continue a literal, on the same line or the next.
SIGNATURE = r"(?:APS|\\x41\\x50\\x53|\\u0041\\u0050\\u0053|\\101\\120\\123)"
LITERAL = re.compile(rf"""b?(?P<quote>['"])(?P<inside>{SIGNATURE}(?:\\.|(?!(?P=quote)|[\\\n]).)*)(?P=quote)?""")
NEXT_LITERAL = re.compile(
    rf"""\s*b?(?P<quote>['"])(?!{SIGNATURE})(?P<inside>(?:\\.|(?!(?P=quote)|[\\\n]).)*)(?P=quote)"""
)
CHARACTER = re.compile(
    r"\\(?:(?:x|u00)(?P<hex>[0-9a-fA-F]{2})|(?P<octal>[0-3]?[0-7]{1,2})|(?P<name>.))|(?P<plain>[^\\])", re.DOTALL
)
NAMED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "e": "\x1b"}
THEMSELVES = "\\'\"/`"
MAX_BYTE = 0xFF

# Java prints negative bytes.
DECIMAL = r"(?:-(?:12[0-8]|1[01]\d|\d{1,2})|25[0-5]|2[0-4]\d|[01]?\d{1,2})(?![\d.])"
DECIMALS = re.compile(rf"(?<![\d.])65[\s,;]+80[\s,;]+83(?:[\s,;]+{DECIMAL})*")


class Printed(NamedTuple):
    """Bytes that a program has printed, their place, and whether `more` text follows them."""

    where: str
    data: bytes
    more: bool


class Row(NamedTuple):
    """One line of a dump; `squeezed`: before it, rows are left out that are equal to the one before them."""

    line: int
    offset: str
    data: bytes
    squeezed: bool

    def beyond(self, first: "Row", base: int) -> int | None:
        """Bytes between the offsets of `first` and this row; None if they are no numbers of that base."""
        if not all(DIGITS_OF_BASE[base].fullmatch(offset) for offset in (self.offset, first.offset)):
            return None
        return int(self.offset, base) - int(first.offset, base)


def contents(text: str) -> Iterator[Printed]:
    """All bytes that are printed in `text`."""
    last = len(text.rstrip().splitlines())
    for rows, data in _dumped(text):
        yield Printed(f"line {rows[0].line}", data, rows[-1].line < last)
    end = line = 0
    for literal in LITERAL.finditer(text):
        line += text.count("\n", end, literal.start())
        end = literal.start()
        inside, behind = _joined(text, literal)
        yield Printed(f"line {line + 1}", unescaped(inside), _goes_on(text, behind))
    for numbers in DECIMALS.finditer(text):
        data = bytes(int(one) & 0xFF for one in re.findall(r"-?\d+", numbers[0]))
        yield Printed(f"byte {numbers.start()}", data, _goes_on(text, numbers.end()))


def _goes_on(text: str, behind: int) -> bool:
    """Whether something follows at `behind` that does not just close a list or a literal."""
    return re.compile(r"[\s\]}),;'\"]*+$").match(text, behind) is None


def is_escaped(text: str) -> bool:
    """Whether `text` has bytes in the form of a literal, without its quotation marks."""
    return text.isascii() and text.isprintable() and "\\" in text


def unescaped(inside: str) -> bytes:
    """The bytes of a literal; they end before an escape that is not understood, such as one that is cut."""
    with suppress(UnicodeError):  # a file of UTF-8, read byte by byte
        inside = inside.encode("latin-1").decode()
    found, at = [], 0
    while (one := CHARACTER.match(inside, at)) and (character := _character(one)) and ord(character) <= MAX_BYTE:
        found.append(character)
        at = one.end()
    return "".join(found).encode("latin-1")


def is_dump(text: str) -> bool:
    """Whether `text` has offsets before its bytes: offsets must not be read as bytes."""
    return any(True for _ in _dumped(text))


# -- literals ---------------------------------------------------------------------------------------------------------


def _joined(text: str, literal: re.Match[str]) -> tuple[str, int]:
    """The text of a literal and of those that continue it, and the offset of their end."""
    pieces, end = [literal["inside"]], literal.end()
    while text[end - 1] == literal["quote"] and (following := NEXT_LITERAL.match(text, end)):
        pieces.append(following["inside"])
        end = following.end()
    return "".join(pieces), end


def _character(one: re.Match[str]) -> str:
    """The character; empty if the escape is unknown."""
    if one["hex"]:
        return chr(int(one["hex"], 16))
    if one["octal"]:
        return chr(int(one["octal"], 8))
    if one["plain"]:
        return one["plain"]
    return one["name"] if one["name"] in THEMSELVES else NAMED.get(one["name"], "")


# -- dumps ------------------------------------------------------------------------------------------------------------


def _dumped(text: str) -> Iterator[tuple[Sequence[Row], bytes]]:
    """The rows of each dump with their bytes: several rows in sequence, or a single row with offset 0.

    Groups of several bytes are read in either byte order: only the right one gives a frame.
    """
    lines = text.splitlines()
    return chain(_runs(_rows(lines, little_endian=False)), _runs(_rows(lines, little_endian=True)))


def _runs(rows: Iterator[Row]) -> Iterator[tuple[Sequence[Row], bytes]]:
    run: list[Row] = []
    data = bytearray()
    bases: Sequence[int] = BASES
    for row in rows:
        fitting = _fitting(row, run, len(data), bases) if run else {}
        if fitting:
            bases = tuple(fitting)
            lacks = fitting[bases[0]] - len(data)
            if lacks < 0:
                run[-1] = run[-1]._replace(data=run[-1].data[:lacks])
                del data[lacks:]
            data += (run[-1].data * lacks)[: max(lacks, 0)] + row.data
            run.append(row)
            continue
        if _is_dump(run):
            yield run, _trimmed(run, data)
        run, data, bases = [row], bytearray(row.data), BASES
    if _is_dump(run):
        yield run, _trimmed(run, data)


def _fitting(row: Row, run: Sequence[Row], octets: int, bases: Sequence[int]) -> dict[int, int]:
    """The bases in which `row` continues a run of `octets` bytes, with the number of bytes before it.

    That is less than was read if text behind the last row looks like bytes, and more if rows are left out.
    """
    sizes = {base: size for base in bases if (size := row.beyond(run[0], base)) is not None}
    exact = {base: size for base, size in sizes.items() if size == octets}
    least, most = octets - len(run[-1].data), MOST_SQUEEZED if row.squeezed else octets
    return exact or {base: size for base, size in sizes.items() if base == BASES[0] and least < size <= most}


def _trimmed(run: Sequence[Row], data: bytearray) -> bytes:
    """The bytes of a run without those that are text behind its last row."""
    if len(run) == 1:
        return bytes(data)
    widest = max(len(row.data) for row in run[:-1])
    widest = widest if widest in USUAL_ROWS else max(USUAL_ROWS[-1], widest)  # a row may end early, with its packet
    return bytes(data[: len(data) - max(0, len(run[-1].data) - widest)])


def _is_dump(run: Sequence[Row]) -> bool:
    return len(run) > 1 or (bool(run) and not run[0].offset.strip("0"))


def _rows(lines: Sequence[str], *, little_endian: bool) -> Iterator[Row]:
    squeezed = False
    for number, line in enumerate(lines, 1):
        for offset in OFFSET.finditer(line):
            if digits := GROUPS.match(line, offset.end()):
                every = [bytes.fromhex(group) for group in re.findall("[0-9a-fA-F]{2,}", digits[0])]
                wider = (at for at, group in enumerate(every) if len(group) > len(every[0]))
                groups = every[: next(wider, len(every))]
                if not little_endian:
                    yield Row(number, offset[1], b"".join(groups), squeezed)
                elif len(groups[0]) > 1:
                    yield Row(number, offset[1], b"".join(group[::-1] for group in groups), squeezed)
                break
        squeezed = line.strip() == SQUEEZED
