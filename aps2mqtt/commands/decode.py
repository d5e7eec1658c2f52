"""Shows frames field by field (offset, bytes, name, value, unit), and the byte
from which they cannot be decoded. Reads raw bytes, hexadecimal digits, dumps of
xxd, hexdump and Wireshark, strings of Python, JSON and strace, lists of
numbers, files of `aps2mqtt capture` (registers, too) and logs of -D. Shows real
serial numbers: attach the files of `capture` to a report instead. Exit status
76 if a frame cannot be decoded completely.

example:
  aps2mqtt decode ecur-sysinfo-1.3.19.json
  journalctl -u aps2mqtt | aps2mqtt decode -
"""

import argparse
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.base.errors import ExitStatus, MalformedFrame, UsageError
from aps2mqtt.captures import dissect, find_frames
from aps2mqtt.captures.registers import dissect_registers
from aps2mqtt.screen import listing, output

MAX_INPUT = 20_000_000  # bytes: a log of weeks
STANDARD_INPUT = "-"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="file with frames; - is standard input")


def run(options: argparse.Namespace) -> int:
    """Shows the frames of all files; shows none unless all files are readable."""
    found = [(name, one) for name in options.files for one in _found(name)]
    bad = 0
    for number, (name, one) in enumerate(found):
        frame = _dissected(one)
        bad += bool(frame.faults)
        place = ": ".join(part for part in (name, one.where) if part)
        heading = f"{place}: {frame.about}, {len(one.data)} bytes"
        output.show([*([""] if number else []), heading, *listing.lines(frame)])
    if broken := sum(one.breaks_off for _, one in found):
        raise MalformedFrame(
            f"frames that are cut although text follows: {broken} of {len(found)}; write the bytes as plain "
            "hexadecimal digits, or get a new frame with `aps2mqtt capture`"
        )
    if bad:
        raise MalformedFrame(
            f"frames that cannot be decoded completely: {bad} of {len(found)}; "
            "get a new frame with `aps2mqtt capture`, and report that"
        )
    return ExitStatus.OK


def _dissected(found: find_frames.FoundFrame) -> dissect.Dissection:
    if found.registers is not None:
        return dissect_registers(found.registers, found.data)
    return dissect.dissect(found.data) if found.offset is None else dissect.dissect_records(found.data, found.offset)


def _found(name: str) -> list[find_frames.FoundFrame]:
    """The frames of a file; raises UsageError."""
    try:
        if name == STANDARD_INPUT:
            with open(0, "rb", closefd=False) as file:
                content = file.read(MAX_INPUT + 1)
        else:
            content = files.read(Path(name), MAX_INPUT)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}; name a file with frames") from error
    if len(content) > MAX_INPUT:
        raise UsageError(
            f"{name} has more than {MAX_INPUT // 10**6} MB; copy the lines with the frames into a smaller file"
        )
    found = find_frames.frames(content)
    if not found:
        raise UsageError(f"{name} contains no frame; a frame begins with APS, in hexadecimal digits 415053")
    return found
