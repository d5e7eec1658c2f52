"""Registers as `capture` writes them and `decode` shows them."""

import json
import struct
from pathlib import Path

import pytest
from parts import aps2mqtt, capture, one_line, settings, sunny_ecu
from sunspec_units import patiently, sunspec

from aps2mqtt.captures.registers import dissect_registers
from aps2mqtt.sources.sunspec import registers
from aps2mqtt.sources.sunspec.registers import Registers

DS3 = json.loads(capture("sunspec/ds3-ecurpro-day").read_text())
SERIAL = slice(2 * (40052 - 40000), 2 * (40068 - 40000))


def written(folder: Path, ecu_port: int, sunspec_port: int, units: str) -> tuple[dict[str, str], str]:
    """The files of a capture by name, and what the command has logged."""
    on = {"APS_ECU_SUNSPEC": "on", "APS_ECU_SUNSPEC_PORT": sunspec_port, "APS_ECU_SUNSPEC_UNITS": units}
    keys = settings(ecu_port, 1, folder, **on)
    ended = patiently("capture", "--output", folder / "made", **keys)
    assert ended.status == 0, ended.err
    return {path.name: path.read_text() for path in (folder / "made").iterdir()}, ended.err


def test_registers_are_captured_whole_without_serial_numbers(tmp_path: Path) -> None:
    with sunny_ecu() as ecu, sunspec(ecu) as ports:
        files, said = written(tmp_path, ecu.port, ports.port, "1-5")
        real = {record.uid for record in ecu.plant.records(ecu.clock())}
    assert said == ""
    units = json.loads(files["ecur-sunspec-1.3.19C.json"])
    assert [unit["unit"] for unit in units] == [1, 2, 3, 4, 5]
    for unit in units:
        assert (unit["first_register"], len(unit["hex"])) == (40000, 4 * 262)
        words = struct.unpack(">262H", bytes.fromhex(unit["hex"]))
        read = Registers(unit["first_register"], words)
        assert registers.encode(registers.decode(read)).words[:262] == words
    uids = [unit["decoded"]["serial_number"] for unit in units]
    records = json.loads(files["ecur-realtime-1.3.19C.json"])["decoded"]["records"]
    assert uids == [record["uid"] for record in records]  # the stand-ins are the same as in the frames
    assert not set(uids) & real


def test_a_serial_number_is_replaced_wherever_it_stands(tmp_path: Path) -> None:
    """Also one that 8899 does not list, and in a text where none belongs."""
    octets = bytearray.fromhex(DS3["hex"])
    octets[SERIAL] = b"704000987654".ljust(32, b"\0")
    octets[2 * 36 : 2 * 36 + 12] = b"704000987654"
    strange = Registers(40000, struct.unpack(f">{len(octets) // 2}H", octets))
    with sunny_ecu(fault="refuse") as ecu, sunspec(ecu, units=lambda _: {11: strange}) as ports:
        files, said = written(tmp_path, ecu.port, ports.port, "11")
    (text,) = files.values()
    (unit,) = json.loads(text)
    assert b"704000987654" not in bytes.fromhex(unit["hex"])
    assert "704000987654" not in text
    assert unit["decoded"]["serial_number"].startswith("704")
    assert unit["decoded"]["power"] == 182.0
    assert "refuses the connection" in one_line(said)


def test_a_capture_of_registers_is_shown_point_by_point(tmp_path: Path) -> None:
    ended = aps2mqtt("decode", capture("sunspec/ds3-ecurpro-day"))
    assert ended.status == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0].endswith("registers 40000 to 40300 of a Modbus unit, 602 bytes")
    assert "40084  07 1c                    power 182.0 W" in lines
    assert "40097  ff ff                    dc_current not implemented" in lines
    assert any(line.startswith("40214  ") and "dc_voltage_1 33.4" in line for line in lines)
    assert all(len(line) <= 80 for line in lines[1:])
    both = tmp_path / "both.json"
    both.write_text(json.dumps([DS3, DS3 | {"id": "other", "unit": 12}]))
    assert aps2mqtt("decode", both).out.count("of a Modbus unit") == 2


@pytest.mark.parametrize(
    ("first", "octets", "why"),
    [
        (40000, b"SunX" + bytes(8), "not SunSpec"),
        (1, bytes(8), "not a SunSpec register"),
        (40000, b"SunS\0", "half a register"),
        (40000, b"", "not a SunSpec register"),
    ],
)
def test_what_makes_no_sense_is_said(first: int, octets: bytes, why: str) -> None:
    found = dissect_registers(first, octets)
    assert why in " ".join(fault.why for fault in found.faults)
