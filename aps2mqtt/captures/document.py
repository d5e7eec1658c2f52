"""A captured answer as a document for a bug report; tests/captures takes it as it is. Pure.

Dissection of a scrubbed answer -> document, and the name of its file
"""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from aps2mqtt.base import models
from aps2mqtt.captures.dissect import REST, Dissection, Section
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.frames import request
from aps2mqtt.sources.ecu8899.tables import HEADER, NEWLINE, STATUS_OK, SYSTEM_INFO, SYSTEM_INFO_LAYOUTS

NAMES = {
    tables.SYSTEM_INFO: "sysinfo",
    tables.REAL_TIME: "realtime",
    tables.SIGNAL: "signal",
    tables.POWER_OF_DAY: "power",
    tables.ENERGY_BY_DAY: "energy",
}
PERIODS = {tables.WEEK: "-week", tables.MONTH: "-month", tables.YEAR: "-year"}
LISTED = {tables.SIGNAL: "levels", tables.POWER_OF_DAY: "points", tables.ENERGY_BY_DAY: "points"}
FRAMING = {field.name for field in HEADER if field.name != "group"} | {"trailer", "newline"}
SOURCE = "put the address of your report here"
LONGEST_VERSION = 24  # characters


class EcuVersion(NamedTuple):
    """The ECU of a document, with stand-ins for its numbers; empty: not known."""

    ecu_id: str = ""
    firmware: str = ""
    inverters: tuple[str, ...] = ()  # models

    @classmethod
    def of(cls, frames: Iterable[Dissection]) -> "EcuVersion":
        """The ECU of these scrubbed answers."""
        parts = [part for frame in frames for part in frame.parts if part.value is not None]
        told = {part.name: str(part.value) for part in parts if part.name in ("ecu_id", "firmware")}
        uids = dict.fromkeys(str(part.value) for part in parts if part.name == "uid")
        return cls(told.get("ecu_id", ""), told.get("firmware", ""), tuple(map(models.inverter_model, uids)))


class Query(NamedTuple):
    """A query; `argument` is the date or the period, if it asks for history."""

    command: str
    argument: str = ""

    @property
    def name(self) -> str:
        """The name of the query in file names."""
        return NAMES[self.command] + PERIODS.get(self.argument, "")

    def request(self, ecu_id: str) -> bytes:
        """The bytes of the request; that for the system info has no id."""
        return request(self.command, "" if self.command == SYSTEM_INFO else ecu_id, self.argument)


def named(ecu: EcuVersion, what: str) -> str:
    """Name of a document and, without the suffix, of its file: model, `what` was asked, version of the firmware."""
    model = re.sub("[^a-z]", "", models.ecu_model(ecu.ecu_id).lower())
    version = re.sub(r"[^\w.-]", "", ecu.firmware.rpartition("_")[2], flags=re.ASCII).strip(".")
    return f"{model}-{what}-{version[:LONGEST_VERSION] or 'unknown'}"


def document(ecu: EcuVersion, query: Query, frame: Dissection, day: date, called: str) -> dict[str, Any]:
    """The document of one answer; `day` is the date of the capture, `called` the document's name."""
    return {
        "id": called,
        "command": query.command,
        "ecu_model": f"{models.ecu_model(ecu.ecu_id)} ({ecu.ecu_id[:4] or '?'})",
        "firmware": ecu.firmware or None,
        "inverters": list(ecu.inverters),
        "complete": not frame.faults,
        "date": day.isoformat(),
        "request": query.request(ecu.ecu_id).decode("ascii").rstrip(),
        "note": "; ".join([*frame.notes, *(f"byte {fault.offset}: {fault.why}" for fault in frame.faults)]),
        "source": SOURCE,
        "scrubbed": ["ecu id", "uids", "MAC"],
        "stated_in_thread": {},
        "hex": frame.data.hex(),
        "decoded": decoded(frame),
    }


def decoded(frame: Dissection) -> dict[str, Any] | None:
    """The values of the answer, with `cut` if its end is missing; None if not all of it can be understood."""
    values = _values(frame)
    cut = {"cut": {"declared": frame.declared, "received": len(frame.data)}}
    if frame.is_cut:
        return values | cut if _is_simply_cut(frame, values) else None
    whole = len(frame.data) == frame.declared and not frame.faults and not frame.notes
    ends = (frame.data[: -len(NEWLINE)].endswith(tables.TRAILER)) == (values.get("status", STATUS_OK) == STATUS_OK)
    return values if whole and ends else None


def _is_simply_cut(frame: Dissection, values: dict[str, Any]) -> bool:
    """True if all is understood up to the field or record in which the answer is cut."""
    if frame.faults[0].offset < len(frame.data) or any(part.name == REST for part in frame.parts):
        return False
    if "version" in values and "ecu_id" in values:
        layout = SYSTEM_INFO_LAYOUTS.get(str(values["version"]), ())
        return len(values) < len(layout)  # `values` has the group as well; the end of the last field is not known
    return "status" in values


def _values(frame: Dissection) -> dict[str, Any]:
    """The values by their names, in the order of the frame; records and rows are lists."""
    values: dict[str, Any] = {}
    command = next((str(part.value) for part in frame.parts if part.name == "command"), "")
    for section in frame.sections:
        found = {part.name: part.value for part in section.parts if part.value is not None}
        if section.row:
            values.setdefault(LISTED[command], []).append(list(found.values()))
            if command == tables.ENERGY_BY_DAY:
                values["width"] = len(section.parts[-1].raw)
        elif section.title:
            if section.whole and "type" in found:
                values.setdefault("records", []).append(_record(section))
        else:
            values |= {name: value for name, value in found.items() if name not in FRAMING}
    if values.get("status") == STATUS_OK and not frame.is_cut:
        values.setdefault(LISTED.get(command, "records"), [])
    return values


def _record(section: Section) -> dict[str, Any]:
    named = {part.name: part.value for part in section.parts}
    record: dict[str, Any] = {
        name: value for name, value in named.items() if not name.startswith(("power_", "voltage_"))
    }
    if "frequency" in record:
        record["powers"] = [value for name, value in named.items() if name.startswith("power_")]
        record["voltages"] = [value for name, value in named.items() if name.startswith("voltage_")]
    return record
