"""Splits any frame into its fields, as far as it can be understood. For people who look at bytes.

Pure, and never raises: a frame that cannot be understood is a result as well.

    bytes -> Dissection

Layouts, sizes of records and verdict come from the decoder. Every byte is in exactly one part.
"""

import re
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from aps2mqtt.base.errors import FrameError, IncompleteFrame, MalformedFrame
from aps2mqtt.base.values import Remark
from aps2mqtt.sources.ecu8899 import answers, frames, history_answers, record_sizes, tables
from aps2mqtt.sources.ecu8899.answers import RealTime
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.history_answers import DECODERS, Answer
from aps2mqtt.sources.ecu8899.layouts import Field, Layout, Rest, Text, Value, size, walk
from aps2mqtt.sources.ecu8899.tables import BODY, NEWLINE, STATUS, TRAILER

REST = "rest"  # name of a part that is no field: its bytes are not understood
UNDECODED = "undecoded"  # name of the part behind the head, in a record of an unknown type
COUNT_AT = BODY + size(STATUS) + 2  # offset of the number of records in 0002

COMMANDS = {
    tables.SYSTEM_INFO: "system info",
    tables.REAL_TIME: "real-time data",
    tables.SIGNAL: "signal",
    tables.POWER_OF_DAY: "power of a day",
    tables.ENERGY_BY_DAY: "energy by day",
}
REQUEST = re.compile(rb"APS\d{6}(?:0001|\d{4}(?P<ecu_id>\d{12}))END(?:(?P<argument>\d{8}|\d{2})END)?\n?")
END: Layout = (Text("trailer", len(TRAILER)),)
LINE_END: Layout = (Text("newline", len(NEWLINE)),)


class Part(NamedTuple):
    """Some bytes: a field with its value, the beginning of a field that is cut, or bytes that are no field.

    `value` is None for the last two. `junk`: the record is that of an offline inverter, so the value means nothing.
    """

    name: str
    offset: int
    raw: bytes
    value: Value | None = None
    unit: str = ""
    junk: bool = False


class Section(NamedTuple):
    """Parts that belong together. A `row` has few parts and is one of many, so it is shown on one line.

    If it is not `whole`, fields at its end are missing.
    """

    title: str
    parts: tuple[Part, ...]
    row: bool = False
    whole: bool = True


class Fault(NamedTuple):
    """From the byte `offset` on, something cannot be understood."""

    offset: int
    why: str


class Dissection(NamedTuple):
    """A frame in its parts. `notes` are warnings; `declared` is the size in bytes by the answer's own header."""

    about: str
    data: bytes
    sections: tuple[Section, ...]
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    declared: int = 0

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts in their order."""
        return tuple(part for section in self.sections for part in section.parts)

    @property
    def is_cut(self) -> bool:
        """True if the end is missing; a missing newline does not count."""
        return len(self.data) < self.declared - len(NEWLINE)


def dissect(data: bytes) -> Dissection:
    """The parts of the request or answer in `data`, as far as it can be understood."""
    knife = _Knife(data)
    if request := REQUEST.fullmatch(data):
        return _request(knife, request)
    notes: tuple[Remark, ...] = ()
    try:
        notes = _answer(knife)
    except FrameError as error:
        knife.fault(knife.at, str(error))
    return knife.done(_about(data), notes)


def dissect_records(data: bytes, offset: int) -> Dissection:
    """The parts of records of 0002 that a log shows; they stood at `offset` in an answer that is not known."""
    knife = _Knife(bytes(offset) + data, offset)
    _records(knife, 0, record_sizes.KNOWN_SIZES)
    if code := record_sizes.type_at(knife.body, knife.at):
        knife.take(tables.RECORD_HEAD, "inverter of an unknown type")
        knife.fault(knife.at, f"records of type {code} are unknown")
    elif knife.at < knife.end:
        knife.fault(knife.at, "this is not the beginning of a record")
    return knife.done("records of an answer to 0002")


class _Knife:
    """Splits bytes from the front; `at` is the current offset, and the payload ends at `end`."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.first = self.at = at
        self.declared = 0
        self.payload_ends(len(data))
        self._sections: list[Section] = []
        self._faults: list[Fault] = []

    def payload_ends(self, end: int) -> None:
        self.body = self.data[:end]
        self.end = len(self.body)

    def take(self, layout: Layout, title: str = "", *, row: bool = False) -> dict[str, Value]:
        """Takes the next fields and returns their values; raises FrameError after it has taken the fields before."""
        parts: list[Part] = []
        values: dict[str, Value] = {}
        try:
            for item in walk(layout, self.body, self.at):
                field = item.field
                value = None if field.name == UNDECODED else item.value
                parts.append(Part(field.name, item.offset, item.raw, value, field.unit, _is_of_offline(values)))
                values[field.name] = item.value
                self.at += len(item.raw)
        except IncompleteFrame:
            if self.at < self.end:  # the field that is cut
                parts.append(Part(layout[len(parts)].name, self.at, self.body[self.at :]))
                self.at = self.end
            raise
        finally:
            if parts:
                self._sections.append(Section(title, tuple(parts), row, whole=len(values) == len(layout)))
        return values

    def rows(self, layout: Layout, title: str) -> None:
        """Takes all rows that are there; if the frame is cut, also the beginning of the last one."""
        while self.end - self.at >= size(layout):
            self.take(layout, title, row=True)
        if self.is_cut and self.at < self.end:
            self.take(layout, title)

    @property
    def is_cut(self) -> bool:
        return len(self.data) < self.declared - len(NEWLINE)

    def fault(self, offset: int, why: str) -> None:
        self._faults.append(Fault(offset, why))

    def done(self, about: str, notes: tuple[Remark, ...] = ()) -> Dissection:
        if self.at < len(self.data):
            self._sections.append(Section("", (Part(REST, self.at, self.data[self.at :]),)))
        return Dissection(
            about,
            self.data[self.first :],
            tuple(self._sections),
            tuple(f"{note.what}: {note.detail.partition('; please report')[0]}" for note in notes),
            tuple(self._faults),
            self.declared,
        )


Walker = Callable[[_Knife, Frame | None], Layout]  # splits the payload of an answer; the frame is None if it is cut


def _is_of_offline(before: dict[str, Value]) -> bool:
    """True if the fields `before` are the head of an offline inverter's record."""
    return before.get("online") is False and "type" in before


def _about(data: bytes) -> str:
    if not data.startswith(b"APS"):
        return "not a frame"
    command = data[tables.LENGTH_KNOWN : BODY].decode("latin-1")
    return f"answer to {command}, {COMMANDS[command]}" if command in COMMANDS else "answer"


def _request(knife: _Knife, request: re.Match[bytes]) -> Dissection:
    command = knife.take(tables.HEADER)["command"]
    layout: Layout = ()
    if request["ecu_id"]:
        layout += (Text("ecu_id", 12),)
    layout += END
    if argument := request["argument"]:
        layout += (Text("period" if len(argument) == size(tables.PERIOD) else "date", len(argument)), *END)
    knife.take(layout + LINE_END[: len(knife.data) - knife.at - size(layout)])
    return knife.done(f"request for {command}, {COMMANDS.get(str(command), 'an unknown query')}")


# -- answers ----------------------------------------------------------------------------------------------------------


def _answer(knife: _Knife) -> tuple[Remark, ...]:
    """The decoder's warnings; raises FrameError if the answer cannot be understood to its end."""
    data = knife.data
    if data.startswith(b"APS"):
        knife.take(tables.HEADER[:2])
    knife.declared = frames.declared_size(data)
    knife.take(tables.HEADER[2:])
    end = knife.declared - len(NEWLINE)
    has_trailer = TRAILER.startswith(data[max(BODY, end - len(TRAILER)) : end])  # or may have one, if it is cut
    knife.payload_ends(max(BODY, end - len(TRAILER)) if has_trailer else end)
    command = data[tables.LENGTH_KNOWN : BODY].decode("latin-1")
    if command not in WALKERS:
        raise MalformedFrame(f"answers to {command!r} are unknown")
    walked = WALKERS[command]
    if knife.is_cut:
        _cut(knife, walked)
    frame = Frame.decode(data[: knife.declared])
    unproven: Layout = ()
    failure: FrameError | None = None
    try:
        unproven = walked(knife, frame)
    except FrameError as error:
        failure = error
    answer = DECODERS[command](frame)
    if failure is not None:
        raise failure
    knife.take(unproven)
    _doubt(knife, answer)
    if frame.trailer:
        knife.payload_ends(end)
        knife.take(END)
    knife.payload_ends(len(data))
    if data[end : end + 1] == NEWLINE:
        knife.take(LINE_END)
    if knife.at < knife.end:
        raise MalformedFrame(f"the answer does not end at byte {knife.declared}, as its length field declares")
    return answer.remarks


def _cut(knife: _Knife, walked: Walker) -> NoReturn:
    """Takes what is there of a frame that is cut; always raises FrameError."""
    data = knife.data
    ends = IncompleteFrame(f"the answer ends at byte {len(data)} of {knife.declared}")
    has_end = data.endswith(TRAILER + NEWLINE)  # then the length in its header is wrong
    if has_end:
        knife.payload_ends(max(BODY, len(data) - len(TRAILER + NEWLINE)))
    try:
        unproven = walked(knife, None)
        if has_end:
            knife.take(unproven)
        if knife.at == knife.end:
            knife.payload_ends(len(data))
            knife.take(END + LINE_END)
    except IncompleteFrame:
        raise ends from None
    raise ends


def _doubt(knife: _Knife, answer: Answer) -> None:
    """Raises MalformedFrame if the decoder has left bytes; notes a number of records that is wrong."""
    if not isinstance(answer, RealTime) or answer.status != tables.STATUS_OK:
        if knife.at < knife.end:
            raise MalformedFrame(f"unexpected bytes follow the status {getattr(answer, 'status', '')!r}")
        return
    if knife.at < knife.end:
        raise MalformedFrame(answer.remarks[-1].what)
    if not answer.complete:
        knife.fault(COUNT_AT, answer.remarks[-1].detail)


def _system_info(knife: _Knife, frame: Frame | None) -> Layout:
    """Takes all fields but the last of open length, which it returns: only the decoder tells it from a wrong end."""
    layouts = answers.system_info_layouts(knife.body)
    layout = next((one for one in layouts if frame is not None and _fits(one, knife)), layouts[0])
    rest: tuple[Field, ...] = tuple(field for field in layout if isinstance(field, Rest))
    knife.take(layout[: len(layout) - len(rest)])
    return rest


def _fits(layout: Layout, knife: _Knife) -> bool:
    try:
        return bool([*walk(layout, knife.body, knife.at)])
    except FrameError:
        return False


def _real_time(knife: _Knife, frame: Frame | None) -> Layout:
    if not _has_data(knife):
        return ()
    count = int(knife.take(tables.REAL_TIME_HEAD)["count"])
    sizes = record_sizes.KNOWN_SIZES if frame is None else record_sizes.record_sizes(frame, count)
    whole = _records(knife, count, sizes)
    if frame is None and knife.at < knife.end:
        _cut_record(knife, f"inverter {whole + 1} of {count}")
    return ()


def _records(knife: _Knife, count: int, sizes: record_sizes.Sizes) -> int:
    """Takes the records of known size and returns their number; `count` is the declared number, 0: not known."""
    number = 0
    for number, (offset, layout) in enumerate(record_sizes.record_layouts(knife.body, sizes, knife.at), 1):
        head = {item.field.name: item.value for item in walk(tables.RECORD_HEAD, knife.body, offset)}
        title = f"inverter {number} of {count}" if count else f"inverter {number}"
        knife.take(layout, title)
        if not tables.is_uid(str(head["uid"])):
            knife.fault(offset, "this UID is not decimal")
        if head["type"] not in tables.RECORD_LAYOUTS:
            at = offset + tables.RECORD_HEAD_SIZE
            knife.fault(at, f"the fields of records of type {head['type']} are unknown")
    return number


def _cut_record(knife: _Knife, title: str) -> None:
    """Takes what is there of the record in which the frame is cut; always raises FrameError."""
    code = record_sizes.type_at(knife.body, knife.at)
    if code is not None and code not in record_sizes.KNOWN_SIZES:
        raise MalformedFrame(f"the size of records of type {code} is unknown, and the end is missing")
    layout = tables.RECORD_HEAD if code is None else tables.RECORD_LAYOUTS[code][0]
    knife.take(layout, title)
    raise MalformedFrame("this is not the beginning of a record")


def _only_rows(layout: Layout, title: str) -> Walker:
    """The function that splits a payload of rows and nothing else."""

    def walked(knife: _Knife, _: Frame | None) -> Layout:
        if _has_data(knife):
            knife.rows(layout, title)
        return ()

    return walked


def _energy_by_day(knife: _Knife, frame: Frame | None) -> Layout:
    if _has_data(knife):
        knife.take(tables.PERIOD)
        fitting = [layout for layout in tables.ENERGY_POINTS if _is_width(layout, knife, frame)]
        if fitting:
            knife.rows(fitting[0], "points")
        elif knife.at < knife.end:
            raise MalformedFrame("the width of the energies is unknown")
    return ()


def _is_width(layout: Layout, knife: _Knife, frame: Frame | None) -> bool:
    """True if the decoder reads energies of this width; if the frame is cut, it gets the whole points only."""
    if frame is None:
        points = (knife.end - knife.at) // size(layout)
        if points < 2:  # noqa: PLR2004 - one date does not ascend yet
            return False
        frame = Frame(knife.body[: knife.at + points * size(layout)])
    try:
        return history_answers.decode_energy_by_day(frame).width == layout[-1].width
    except FrameError:
        return False


def _has_data(knife: _Knife) -> bool:
    return knife.take(STATUS)["status"] == tables.STATUS_OK


# For each command the function that splits its payload; it returns what only the decoder tells from a wrong end.
WALKERS: dict[str, Walker] = {
    tables.SYSTEM_INFO: _system_info,
    tables.REAL_TIME: _real_time,
    tables.SIGNAL: _only_rows(tables.SIGNAL_RECORD, "signals"),
    tables.POWER_OF_DAY: _only_rows(tables.POWER_POINT, "points"),
    tables.ENERGY_BY_DAY: _energy_by_day,
}
