"""A frame: the request for one, its header, its length and its trailer. Pure."""

from collections.abc import Iterable
from typing import NamedTuple, Self

from aps2mqtt.base.errors import IncompleteFrame, MalformedFrame, NoFrame
from aps2mqtt.base.values import Remark
from aps2mqtt.sources.ecu8899.layouts import Layout, Value, read, size, write
from aps2mqtt.sources.ecu8899.tables import BODY, LENGTH_KNOWN, NEWLINE, STATUS, STATUS_OK, TRAILER


def request(command: str, ecu_id: str = "", argument: str = "") -> bytes:
    """The request for `command`; all but that for the system info name the ECU.

    Those for history have an `argument`: the date of 0003, yyyymmdd, or the period of 0004. They declare the length 39,
    which is wrong for 0004; ECUs ignore it, and have been seen to answer this form (quirk 74).
    """
    if argument:
        return f"APS110039{command}{ecu_id}END{argument}END\n".encode("ascii")
    body = f"{command}{ecu_id}END"
    return f"APS11{len(body) + 9:04d}{body}\n".encode("ascii")


# -- frames -----------------------------------------------------------------------------------------------------------


def declared_size(head: bytes) -> int:
    """Bytes of the whole frame, its final newline included, from its first LENGTH_KNOWN bytes.

    Raises MalformedFrame if these are not a frame's, IncompleteFrame if they are too few.
    """
    if not head.startswith(b"APS"[: len(head)]):
        text = head[:8].decode("latin-1")
        words = f" {text!r}" if text.isascii() and text.strip().isprintable() else ""
        raise NoFrame(f"the answer begins with 0x{head[:8].hex()}{words}, not with APS")
    if len(head) < LENGTH_KNOWN:
        raise IncompleteFrame(f"the answer ends within its header, at byte {len(head)}")
    length = head[5:LENGTH_KNOWN]
    if not length.isdigit() or int(length) < BODY:
        raise MalformedFrame(f"the answer's length field is invalid: 0x{length.hex()}")
    return int(length) + len(NEWLINE)


class Frame(NamedTuple):
    """One answer. `body` is all of it up to the trailer, header included, so that offsets are those of the frame."""

    body: bytes
    trailer: bool = True  # END follows the body

    @property
    def group(self) -> str:
        """Command group, "11" or "12"."""
        return self.body[3:5].decode("latin-1")

    @property
    def command(self) -> str:
        """Command that was answered, four digits."""
        return self.body[LENGTH_KNOWN:BODY].decode("latin-1")

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The frame in `data`, which must contain nothing else.

        A missing newline is accepted, a missing trailer noted: firmware of August 2025 leaves it out (quirk 8).
        Raises IncompleteFrame and MalformedFrame.
        """
        whole = declared_size(data)
        if len(data) < whole - len(NEWLINE):
            raise IncompleteFrame(f"the answer ends at byte {len(data)} of {whole}")
        if data[whole - len(NEWLINE) :] not in (NEWLINE, b""):
            raise MalformedFrame(f"the answer does not end at byte {whole}, as its length field declares")
        body = data[: whole - len(NEWLINE)]
        if body.endswith(TRAILER) and len(body) >= BODY + len(TRAILER):
            return cls(body[: -len(TRAILER)])
        return cls(body, trailer=False)

    def encode(self) -> bytes:
        """The bytes on the wire, newline included, with their real length."""
        whole = self.body + (TRAILER if self.trailer else b"")
        return whole[:5] + b"%04d" % len(whole) + whole[LENGTH_KNOWN:] + NEWLINE

    @classmethod
    def build(cls, group: str, command: str, payload: bytes, *, trailer: bool = True) -> Self:
        """A frame of these parts; `encode` fills in its length."""
        return cls(f"APS{group}0000{command}".encode("latin-1") + payload, trailer)

    @classmethod
    def of_status(cls, group: str, command: str, status: str, payload: bytes) -> Self:
        """The answer to anything but 0001; a status other than "00" has neither a payload nor a trailer."""
        has_data = status == STATUS_OK
        return cls.build(group, command, write(STATUS, {"status": status}) + payload * has_data, trailer=has_data)


def rows_of(layout: Layout, frame: Frame, offset: int) -> list[dict[str, Value]] | None:
    """The rows of `layout` that fill `frame` from `offset` on; None if they do not."""
    step = size(layout)
    if (len(frame.body) - offset) % step:
        return None
    return [read(layout, frame.body, at) for at in range(offset, len(frame.body), step)]


def encoded_rows(layout: Layout, rows: Iterable[Iterable[Value]]) -> bytes:
    """The bytes of rows of `layout`, the reverse of `rows_of`; a row has the values in the order of the layout."""
    names = [field.name for field in layout]
    return b"".join(write(layout, dict(zip(names, row, strict=True))) for row in rows)


# -- parts of a frame -------------------------------------------------------------------------------------------------


def status_of(frame: Frame) -> str:
    """The status of an answer to anything but 0001, two characters; raises MalformedFrame."""
    return str(read_part(STATUS, frame, BODY)["status"])


def read_part(layout: Layout, frame: Frame, offset: int) -> dict[str, Value]:
    """As `read`, for a frame that is whole: missing bytes make it malformed, not incomplete."""
    try:
        return read(layout, frame.body, offset)
    except IncompleteFrame as error:
        raise MalformedFrame(f"the answer to {frame.command} is too short: {error}") from error


def absent_trailer(frame: Frame) -> tuple[Remark, ...]:
    """A remark on a trailer that is missing (quirk 8)."""
    if frame.trailer:
        return ()
    return (Remark(f"the answer to {frame.command} has no END", "its length and content are right, so it is used"),)


def wrong_end(frame: Frame) -> str:
    """The end of an error message if the trailer is missing: the frame may be cut."""
    return "" if frame.trailer else ", and END is missing"
