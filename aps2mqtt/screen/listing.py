"""A frame in a terminal: its parts, one a line, with offset, bytes, name and meaning of the value. Pure.

Dissection -> lines of at most 80 columns
"""

from collections.abc import Iterator
from itertools import zip_longest
from textwrap import wrap

from aps2mqtt.base import models
from aps2mqtt.captures.dissect import COMMANDS, REST, UNDECODED, Dissection, Part, Section
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.snapshot import MAX_LEVEL

WIDTH = 80
IN_A_ROW = 8  # bytes beside a name and its value
IN_A_DUMP = 16
NAME = 15  # columns of the longest name of a field
VALUE = 32  # columns

STATUSES = {
    tables.STATUS_OK: "data follow",
    tables.STATUS_NO_DATA: "no data",
    tables.STATUS_WRONG_ECU: "for another ECU",
}
PERIODS = {tables.WEEK: "week", tables.MONTH: "month", tables.YEAR: "year"}


def lines(found: Dissection) -> Iterator[str]:
    """The frame as a table, and the notes about it."""
    title = ""
    for section in found.sections:
        if section.title not in ("", title):
            title = section.title
            yield f"{title}{_of(section)}"
        if section.row:
            yield from _row(section.parts)
        else:
            for part in section.parts:
                yield from _dump(part) if part.name == REST else _part(part)
    for note in found.notes:
        yield from _wrapped(f"note: {_spelled(note)}")
    for fault in found.faults:
        yield from _wrapped(f"byte {fault.offset}: {_spelled(fault.why)}")


def _spelled(text: str) -> str:
    """Text of a frame, byte for byte: an escape in place of each byte that is not printable ASCII."""
    return "".join(char if char.isascii() and char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return {"\n": "\\n"}.get(char, f"\\x{ord(char):02x}")


def _of(section: Section) -> str:
    """The model and the state of a record's inverter, for the line of its title."""
    values = {part.name: part.value for part in section.parts}
    if "online" not in values or "uid" not in values:
        return ""
    junk = any(part.junk for part in section.parts)
    words = [
        _model(str(values["uid"])),
        "offline: its readings are invalid" if junk else "",
        "" if section.whole else "cut",
    ]
    return "".join(f", {word}" for word in words if word)


def _model(uid: str) -> str:
    """The model of an inverter; empty if it is unknown."""
    model = models.inverter_model(uid)
    return model if model in models.INVERTER_MODELS.values() else ""


def _part(part: Part) -> Iterator[str]:
    """Offset, bytes, name and value; long ones continue on the lines below."""
    octets = [part.raw[at : at + IN_A_ROW].hex(" ") for at in range(0, len(part.raw), IN_A_ROW)] or [""]
    shown = wrap(_shown(part), VALUE, break_on_hyphens=False) or [""]
    for number, (some, words) in enumerate(zip_longest(octets, shown, fillvalue="")):
        offset, name = (str(part.offset), part.name) if number == 0 else (" " * len(str(part.offset)), "")
        yield f"{offset:>4}  {some:<{3 * IN_A_ROW - 1}}  {name:<{NAME}}  {words}".rstrip()


def _row(parts: tuple[Part, ...]) -> Iterator[str]:
    octets = b"".join(part.raw for part in parts).hex(" ")
    words = "  ".join(f"{part.name} {_shown(part)}" for part in parts)
    yield f"{parts[0].offset:>4}  {octets:<{3 * IN_A_ROW - 1}}  {words}"


def _dump(part: Part) -> Iterator[str]:
    """Bytes that are not a field, in hex and as text."""
    for at in range(0, len(part.raw), IN_A_DUMP):
        some = part.raw[at : at + IN_A_DUMP]
        text = "".join(chr(byte) if chr(byte).isascii() and chr(byte).isprintable() else "." for byte in some)
        yield f"{part.offset + at:>4}  {some.hex(' '):<{3 * IN_A_DUMP - 1}}  {text}"


def _shown(part: Part) -> str:
    if part.value is None:
        return "cannot be decoded" if part.name == UNDECODED else "cut"
    if isinstance(part.value, bool):
        return "yes" if part.value else "no"
    value = str(part.value)
    if part.name in ("time", "last_contact", "date"):
        return _when(value)
    text = _spelled(value) + (f" {part.unit}" if part.unit else "")
    meaning = "invalid" if part.junk else _meaning(part.name, value)
    return f"{text} ({meaning})" if meaning else text


def _meaning(name: str, value: str) -> str:
    """The meaning of a value; empty if the value needs no explanation."""
    if name == "uid":
        return _model(value)
    if name == "ecu_id":
        return models.ecu_model(value)
    if name == "level":
        return f"{int(value) * 100 // MAX_LEVEL} %"
    words = {"command": COMMANDS, "status": STATUSES, "period": PERIODS, "type": {tables.NEVER_HEARD: "not seen yet"}}
    return words.get(name, {}).get(value, "")


def _when(digits: str) -> str:
    """A date, a time or both, as people write them."""
    if not digits.isdecimal() or (len(digits) > len("hhmm") and not digits.strip("0")):
        return f"{digits} (filler)"
    if len(digits) == len("hhmm"):
        return f"{digits[:2]}:{digits[2:]}"
    clock = ":".join(digits[at : at + 2] for at in range(8, len(digits), 2))
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {clock}".rstrip()


def _wrapped(text: str) -> Iterator[str]:
    yield from wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
