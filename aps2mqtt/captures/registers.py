"""Registers of a Modbus unit as a document for a bug report, and point by point for people. Pure.

RawUnit, Redaction -> document          words from a register on -> Dissection
"""

from typing import Any, NamedTuple

from aps2mqtt.base import models
from aps2mqtt.captures.dissect import Dissection, Fault, Part, Section
from aps2mqtt.captures.document import SOURCE, EcuVersion
from aps2mqtt.captures.redaction import Redaction
from aps2mqtt.sources.sunspec import registers
from aps2mqtt.sources.sunspec.registers import Registers

TITLES = {
    "model 1: the inverter": registers.COMMON,
    "model 101 or 103: AC, integers": registers.INTEGERS,
    "model 111 or 113: AC, floating-point numbers": registers.FLOATS,
    "model 123: connection and limit of power": registers.CONTROLS,
    "the vendor's block: DC": registers.DC,
}
SERIAL_NUMBER = next(point for point in registers.COMMON if point.name == "serial_number")
WORD = 2  # bytes
ROW = 8  # bytes beside a name and its value
NOT_IMPLEMENTED = "not implemented"


class RawUnit(NamedTuple):
    """The registers of a unit as they came."""

    address: int
    uid: str
    read: Registers


def document(ecu: EcuVersion, unit: RawUnit, table: Redaction, day: str, called: str) -> dict[str, Any]:
    """The document of one unit, with a stand-in for its serial number; `day` is the date of the capture."""
    read = scrubbed(unit, table)
    values = registers.decode(read)
    return {
        "id": f"{called}-unit-{unit.address}",
        "unit": unit.address,
        "first_register": read.first,
        "hex": read.octets.hex(),
        "model": f"{models.ecu_model(ecu.ecu_id)} ({ecu.ecu_id[:4] or '?'})",
        "firmware": ecu.firmware or None,
        "inverter": values.get("model"),
        "date": day,
        "source": SOURCE,
        "scrubbed": ["serial number"],
        "owner_said": "",
        "decoded": {name: value for name, value in values.items() if value is not None},
    }


def scrubbed(unit: RawUnit, table: Redaction) -> Registers:
    """The registers with the stand-in of the serial number, wherever it stands; their number stays."""
    text = table.text(unit.read.octets.decode("latin-1"))
    read = Registers.of(unit.read.first, text.encode("latin-1"))
    begin = SERIAL_NUMBER.address - read.first
    words = SERIAL_NUMBER.encode(table.stand_ins.get(unit.uid, ""), 0)
    return read._replace(words=(*read.words[:begin], *words, *read.words[begin + len(words) :]))


def dissect_registers(first: int, data: bytes) -> Dissection:
    """Every point whose registers are all there; `first` is the register that `data` begins with."""
    read = Registers.of(first, data)
    values = registers.decode(read)
    sections = [
        Section(title, (_part(point, read, values),), row=point.width * WORD <= ROW)
        for title, table in TITLES.items()
        for point in table
        if point.name in values
    ]
    marker = values.get("sunspec", "SunS")
    faults = () if marker == "SunS" else (Fault(first, f"these registers are not SunSpec: they begin with {marker!r}"),)
    odd = (Fault(len(data) - 1, "half a register"),) if len(data) % WORD else ()
    none = () if sections else (Fault(first, "not a SunSpec register"),)
    about = f"registers {first} to {first + len(read.words) - 1} of a Modbus unit"
    return Dissection(about, data, tuple(sections), (), (*faults, *odd, *none), len(data))


def _part(point: registers.Point, read: Registers, values: dict[str, registers.Value]) -> Part:
    value = values[point.name]
    raw = Registers(point.address, read.take(point.address, point.width)).octets
    shown = value if value is not None else NOT_IMPLEMENTED
    return Part(point.name, point.address, raw, shown, point.unit if value is not None else "")
