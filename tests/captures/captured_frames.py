"""The captured frames, and hand-written ones, for those who show or find them."""

import json

from parts import CAPTURES

from aps2mqtt.captures.dissect import Dissection
from aps2mqtt.screen import listing

EVERY = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(CAPTURES.glob("*.json"))]
DOCUMENTS = {document["id"]: document for document in EVERY if document["decoded"] is not None}
FRAMES = {name: bytes.fromhex(document["hex"]) for name, document in DOCUMENTS.items()}
SIGNAL = FRAMES["ecur-signal-2025-redacted"]
INFO = FRAMES["ecurpro-sysinfo-2.0.7A-2022"]


KNOWN = "703000000001 01 3031 01f4 0082 0064 00e6 0065 00e7"
UNKNOWN = "999000000007 01 5a37 01f4 0082 1111 2222 3333"


def records(*listed: str, count: int | None = None, end: bytes = b"END") -> bytes:
    """An answer to 0002 with these records."""
    body = b"0001" + (len(listed) if count is None else count).to_bytes(2, "big")
    body += bytes.fromhex("20250621 120005" + "".join(listed)) + end
    return b"APS11%04d0002" % (len(body) + 13) + body + b"\n"


def sound(found: Dissection) -> Dissection:
    """`found`, every byte of which is shown once, in lines that a terminal of 80 columns can show."""
    assert b"".join(part.raw for part in found.parts) == found.data
    at = found.parts[0].offset if found.parts else 0
    for part in found.parts:
        assert part.offset == at
        at += len(part.raw)
    lines = list(listing.lines(found))
    assert all(line.isprintable() and line.isascii() and len(line) <= 80 for line in lines), lines
    return found


DIGITS = SIGNAL.hex()
PAIRS = SIGNAL.hex(" ")


XXD = """\
00000000: 4150 5331 3130 3033 3230 3033 3030 3040  APS110032003000@
00000010: 8000 0000 08b5 8060 0000 0005 c645 4e44  .......`.....END
00000020: 0a                                       .
"""
