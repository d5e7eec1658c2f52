"""Replaces serial numbers and MACs in frames by stand-ins, with one table for all frames of a run. Pure.

    Dissection, Dissection, ... -> Redaction        Redaction, bytes -> as many bytes

A stand-in keeps what a decoder needs: the digits of an ECU's id or a UID that name the model; zeros stay zeros. No
stand-in is also an original, so none is replaced twice.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from aps2mqtt.captures.dissect import REST, Dissection, Part, dissect
from aps2mqtt.sources.ecu8899 import record_sizes

DIGITS = 12  # of an ECU's id, a UID and, hexadecimal, of a MAC
ECU_PREFIX = 4  # digits of an ECU's id that name its model
INVERTER_PREFIX = 3  # digits of a UID that name its model
MACS = {"wired_mac": "80971b", "wireless_mac": "60c5a8"}  # the beginnings of the stand-ins in tests/captures
KEPT = {"ecu_id": ECU_PREFIX, "uid": INVERTER_PREFIX, "wired_mac": 0, "wireless_mac": 0}
TELLING = 6  # digits; fewer of them may be there by chance
ECU_ID = re.compile(rb"2[01]\d{10}")


class Redaction(NamedTuple):
    """Stand-ins by originals, twelve digits each, MACs in hexadecimal; `kept`: how many digits of an original stay."""

    stand_ins: Mapping[str, str]
    kept: Mapping[str, int]

    @classmethod
    def of(cls, frames: Iterable[Dissection], uids: Iterable[str] = ()) -> "Redaction":
        """The table for these frames: a stand-in for each number in them, also for what only looks like one.

        `uids` are those that other sources name.
        """
        kinds: dict[str, str] = {}
        for frame in frames:
            for original, kind in _originals(frame):
                kinds.setdefault(original, kind)
        for uid in uids:
            kinds.setdefault(uid, "uid")
        numbers = {kind: count(1) for kind in KEPT}
        stand_ins: dict[str, str] = {}
        for original, kind in kinds.items():
            made = (_stand_in(original, kind, number) for number in numbers[kind])
            stand_ins[original] = next(one for one in made if one not in kinds)
        return cls(stand_ins, {original: KEPT[kind] for original, kind in kinds.items()})

    def scrub(self, data: bytes) -> bytes:
        """The frame with stand-ins; its size stays."""
        data = self._searched(data)
        return self._without_beginnings(b"".join(map(self._part, dissect(data).parts)))

    def text(self, text: str) -> str:
        """`text` with stand-ins for the originals in any spelling, and for their last digits."""
        spellings = self._spellings()
        if not spellings:
            return text
        pattern = re.compile("|".join(sorted(spellings, key=len, reverse=True)), re.IGNORECASE)
        return pattern.sub(lambda found: self._spelled(found[0]), text)

    def _part(self, part: Part) -> bytes:
        """The bytes of a part; zeros replace a number that is no stand-in yet because it is cut or not decimal."""
        if part.name not in KEPT:
            return part.raw
        if part.name == "ecu_id":
            return self._number(part.raw.decode("latin-1"), ECU_PREFIX).encode("latin-1")
        return bytes.fromhex(self._number(part.raw.hex(), KEPT[part.name]))

    def _number(self, digits: str, kept: int) -> str:
        """Zeros for a number that has no stand-in, or for the first digits of one; `kept` digits stay."""
        if digits in self.stand_ins.values() or not digits.strip("0"):
            return digits
        return digits[:kept] + re.sub("[0-9]" if kept else "[0-9a-f]", "0", digits[kept:])

    def _searched(self, raw: bytes) -> bytes:
        """`raw` with stand-ins for the originals, in text and as one digit per nibble at any nibble."""
        packed = {secret: made for secret, made in self._secrets() if len(secret) > TELLING} | dict(self.stand_ins)
        if packed:
            pattern = re.compile("|".join(sorted(packed, key=len, reverse=True)))
            raw = bytes.fromhex(pattern.sub(lambda found: packed[found[0]], raw.hex()))
        return self.text(raw.decode("latin-1")).encode("latin-1")

    def _without_beginnings(self, data: bytes) -> bytes:
        """The frame with a stand-in at its end if it is cut within an original, where no field shows it."""
        digits = data.hex()
        for octets in range(DIGITS // 2 - 1, TELLING // 2 - 1, -1):
            for original, made in self.stand_ins.items():
                if digits.endswith(original[: 2 * octets]) and _is_telling(original[: 2 * octets]):
                    return data[:-octets] + bytes.fromhex(made[: 2 * octets])
        return data

    def _secrets(self) -> Iterator[tuple[str, str]]:
        """The digits of the originals that must not stay, and those of their stand-ins."""
        for original, made in self.stand_ins.items():
            secret = original[self.kept[original] :] if self.kept[original] else original[DIGITS // 2 :]
            if _is_telling(secret):
                yield secret, made[-len(secret) :]

    def _spellings(self) -> list[str]:
        """Patterns of the originals in text: whole, with or without colons or hyphens, and their last digits."""
        whole = ["[:-]?".join(map("".join, zip(one[::2], one[1::2], strict=True))) for one in self.stand_ins]
        ends = [
            secret[-length:]
            for secret, _ in self._secrets()
            for length in range(TELLING, len(secret) + 1)
            if _is_telling(secret[-length:])
        ]
        return whole + ends

    def _spelled(self, found: str) -> str:
        """The stand-in for an original or for its last digits, with the same separators."""
        digits = re.sub("[:-]", "", found).lower()
        made = iter(next(made for one, made in self.stand_ins.items() if one.endswith(digits))[-len(digits) :])
        return "".join(char if char in ":-" else next(made) for char in found)


def _originals(frame: Dissection) -> Iterator[tuple[str, str]]:
    """The numbers in a frame with their kinds."""
    for part in frame.parts:
        if part.name == REST:
            yield from _guessed(part.raw)
        elif part.name in KEPT and part.value is not None:
            digits = str(part.value)
            if digits.strip("0") and re.fullmatch("[0-9]{12}" if KEPT[part.name] else "[0-9a-f]{12}", digits):
                yield digits, part.name


def _guessed(raw: bytes) -> Iterator[tuple[str, str]]:
    """The numbers in bytes that are not understood: what looks like an ECU's id, the head of a record or a MAC."""
    yield from ((found[0].decode("ascii"), "ecu_id") for found in ECU_ID.finditer(raw))
    for at in range(len(raw)):
        digits = raw[at : at + 6].hex()
        if record_sizes.type_at(raw, at) is not None and digits.strip("0"):
            yield digits, "uid"
        yield from (
            (digits, kind) for kind, maker in MACS.items() if digits.startswith(maker) and len(digits) == DIGITS
        )


def _is_telling(digits: str) -> bool:
    """True if the digits can hardly be there by chance, as zeros in a row can."""
    return len(digits.lstrip("0")) >= TELLING - 1 and len(digits) >= TELLING


def _stand_in(original: str, kind: str, number: int) -> str:
    beginning = MACS.get(kind) or original[: KEPT[kind]]
    width = DIGITS - len(beginning)
    return f"{beginning}{number:0{width}x}" if kind in MACS else f"{beginning}{number:0{width}d}"
