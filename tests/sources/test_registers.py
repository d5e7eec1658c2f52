"""The registers of SunSpec, against captured and literal ones."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parts import CAPTURES

from aps2mqtt.sources.sunspec.registers import (
    TABLE,
    Counter,
    Float,
    Point,
    Registers,
    Signed,
    Text,
    Unsigned,
    Value,
    decode,
    encode,
)
from aps2mqtt.sources.sunspec.units import Unit, unit

QT2, DS3 = "sunspec-qt2-ecuc-C1.2.26-dusk", "sunspec-ds3-ecurpro-day"


FILES = [json.loads(path.read_text()) for path in sorted((CAPTURES / "sunspec").glob("*.json"))]
# By id; a file of `aps2mqtt capture` is a list of units.
UNITS = {unit["id"]: unit for file in FILES for unit in (file if isinstance(file, list) else [file])}


def captured(name: str) -> Registers:
    """The registers of a real inverter."""
    read = UNITS[name]
    octets = bytes.fromhex(read["hex"])
    return Registers(read["first_register"], struct.unpack(f">{len(octets) // 2}H", octets))


# -- one point --------------------------------------------------------------------------------------------------------

# A row: a point, its words in hexadecimal, the power of ten, the value.
POINTS: tuple[tuple[Point, str, int, Value], ...] = (
    (Unsigned("current", 0), "004f", -2, 0.79),
    (Unsigned("current", 0), "fffe", 0, 65534),
    (Unsigned("current", 0), "ffff", -2, None),
    (Unsigned("events", 0, width=2), "0000 0001", 0, 1),
    (Unsigned("events", 0, width=2), "ffff ffff", 0, None),
    (Signed("power", 0), "071c", -1, 182.0),
    (Signed("power", 0), "fff6", 0, -10),
    (Signed("power", 0), "7fff", 1, 327670),
    (Signed("power", 0), "8000", 0, None),
    (Signed("power", 0), "8001", 0, -32767),
    (Counter("energy", 0, width=2), "0000 0975", 0, 2421),
    (Counter("energy", 0, width=2), "0000 0000", 0, 0),
    (Counter("energy", 0, width=2), "ffff ffff", 0, 4_294_967_295),
    (Float("power", 0, width=2), "4336 0000", 0, 182.0),
    (Float("power", 0, width=2), "c2b0 0000", 0, -88.0),
    (Float("power", 0, width=2), "7fc0 0000", 0, None),
    (Text("version", 0, width=4), "5635 3331 3200 0000", 0, "V5312"),
    (Text("version", 0, width=2), "0000 0000", 0, None),
)


@pytest.mark.parametrize(("point", "words", "power", "value"), POINTS, ids=str)
def test_a_point_is_read_and_written(point: Point, words: str, power: int, value: Value) -> None:
    numbers = tuple(int(word, 16) for word in words.split())
    assert point.decode(numbers, power) == value
    assert point.encode(value, power) == numbers


@pytest.mark.parametrize("words", [(0x7F80, 0), (0xFF80, 0), (0x7F80, 1), (0xFFFF, 0xFFFF)])
def test_whatever_is_no_number_is_not_implemented(words: tuple[int, ...]) -> None:
    """Both infinities, and NaN in each of its forms."""
    assert Float("power", 0, width=2).decode(words, 0) is None


def test_points_lie_side_by_side() -> None:
    """None is read twice, and each scale is a point that is read."""
    used = [address for point in TABLE for address in range(point.address, point.address + point.width)]
    assert len(used) == len(set(used))
    assert len({point.name for point in TABLE}) == len(TABLE)
    assert {point.scale for point in TABLE if point.scale is not None} <= {point.address for point in TABLE}
    assert sorted(set(range(40000, 40262)) - set(used)) == [40069]  # a pad


# -- captured registers: every point ----------------------------------------------------------------------------------

SAME = {
    "sunspec": "SunS",
    "common_model": 1,
    "common_length": 66,
    "manufacturer": "APsystems",
    "options": "unimplemented",
    "integer_length": 50,
    "current_scale": -2,
    "voltage_scale": -1,
    "power_scale": -1,
    "frequency_scale": -2,
    "apparent_power_scale": -1,
    "reactive_power_scale": -1,
    "power_factor_scale": -3,
    "energy_scale": 0,
    "temperature_scale": -1,
    "state": 4,
    "events_1": 0,
    "float_length": 60,
    "controls_model": 123,
    "controls_length": 24,
    "connection": 1,
    "power_limit_enabled": 1,
    "power_limit_scale": -1,
    "power_factor_set_scale": -1,
    "reactive_power_set_scale": -1,
    "end_length": 0,
    "dc_model": 114,
    "dc_length": 48,
}
ABSENT = 0.0  # of a channel that an inverter does not have
SAID: dict[str, dict[str, Value]] = {
    QT2: {
        "model": "QT2-3",
        "version": "V1169",
        "serial_number": "901500000001",
        "unit_id": 1,
        "integer_model": 103,
        "current": 0.0,
        "current_a": 0.0,
        "current_b": 0.0,
        "current_c": 0.0,
        "voltage_ab": 419.0,
        "voltage_bc": 418.0,
        "voltage_ca": 420.0,
        "voltage_a": 0.0,
        "voltage_b": 0.0,
        "voltage_c": 0.0,
        "power": 0.9,
        "frequency": 49.99,
        "apparent_power": 0.9,
        "reactive_power": 0.0,
        "power_factor": 1.0,
        "energy": 2114,
        "temperature": 24.0,
        "float_model": 113,
        "float_current": 0.003927,
        "float_current_a": 0.001309,
        "float_current_b": 0.001309,
        "float_current_c": 0.001309,
        "float_voltage_ab": 419.0,
        "float_voltage_bc": 418.0,
        "float_voltage_ca": 420.0,
        "float_voltage_a": 0.0,
        "float_voltage_b": 0.0,
        "float_voltage_c": 0.0,
        "float_power": 0.95,
        "float_frequency": 49.99,
        "float_apparent_power": 0.95,
        "float_reactive_power": 0.0,
        "float_power_factor": 1.0,
        "float_energy": 2114.685,
        "float_temperature": 24.0,
        "power_limit": 100.0,
        **dict.fromkeys((f"dc_voltage_{n}" for n in range(1, 5)), 37.772),
        "dc_current_1": 0.0234,
        "dc_current_2": 0.0117,
        "dc_current_3": 0.0234,
        "dc_current_4": 0.0351,
        "dc_power_1": 0.884,
        "dc_power_2": 0.442,
        "dc_power_3": 0.884,
        "dc_power_4": 1.326,
        **{f"dc_{what}_{n}": ABSENT for what in ("voltage", "current", "power") for n in range(5, 9)},
    },
    DS3: {
        "model": "DS3",
        "version": "V5312",
        "serial_number": "704000000038",
        "unit_id": 11,
        "integer_model": 101,
        "current": 0.79,
        "current_a": 0.79,
        "voltage_a": 234.0,
        "power": 182.0,
        "frequency": 50.0,
        "apparent_power": 186.3,
        "reactive_power": 40.0,
        "power_factor": 0.976,
        "energy": 2421,
        "temperature": 28.0,
        "float_model": 111,
        "float_current": 0.777778,
        "float_current_a": 0.777778,
        "float_voltage_a": 234.0,
        "float_power": 182.0,
        "float_frequency": 50.0,
        "float_apparent_power": 186.3,
        "float_reactive_power": 40.0,
        "float_power_factor": 0.976,
        "float_energy": 2421.0,
        "float_temperature": 28.0,
        "power_limit": 30.0,
        "dc_voltage_1": 33.405,
        "dc_voltage_2": 33.687,
        "dc_current_1": 3.1473,
        "dc_current_2": 2.925,
        "dc_power_1": 105.136,
        "dc_power_2": 98.536,
        **{f"dc_{what}_{n}": ABSENT for what in ("voltage", "current", "power") for n in range(3, 9)},
    },
}


@pytest.mark.parametrize("name", SAID)
def test_captured_registers_are_what_their_owners_stated(name: str) -> None:
    """Every point; whatever is not stated is not implemented."""
    read = decode(captured(name))
    stated = SAME | SAID[name]
    assert {point for point, value in read.items() if value is not None} == stated.keys()
    assert {point: read[point] for point in stated} == pytest.approx(stated, abs=0.0006)
    assert [read[point] for point in stated if isinstance(stated[point], int)] == [
        value for value in stated.values() if isinstance(value, int)
    ]


@pytest.mark.parametrize("name", UNITS)
def test_captured_registers_are_written_as_they_were_read(name: str) -> None:
    read = captured(name)
    assert encode(decode(read)).take(read.first, len(read.words)) == read.words


# -- what an inverter says --------------------------------------------------------------------------------------------


def test_what_the_units_say_of_their_inverters() -> None:
    """Rounded to the digits that carry meaning; VA, var and power factor of a QT2 are made up."""
    nothing = (0.0,) * 4
    assert unit(captured(QT2)) == Unit(
        "901500000001",
        phases=3,
        power=0.9,
        current=0.0,
        apparent_power=None,
        reactive_power=None,
        power_factor=None,
        frequency=50.0,
        voltages=(419.0, 418.0, 420.0),
        temperature=24.0,
        energy=2115.0,
        dc_powers=(0.9, 0.4, 0.9, 1.3, *nothing),
        dc_voltages=(37.8, 37.8, 37.8, 37.8, *nothing),
        dc_currents=(0.02, 0.01, 0.02, 0.04, *nothing),
    )
    assert unit(captured(DS3)) == Unit(
        "704000000038",
        phases=1,
        power=182.0,
        current=0.78,
        apparent_power=186.3,
        reactive_power=40.0,
        power_factor=0.976,
        frequency=50.0,
        voltages=(234.0,),
        temperature=28.0,
        energy=2421.0,
        dc_powers=(105.1, 98.5, 0.0, 0.0, *nothing),
        dc_voltages=(33.4, 33.7, 0.0, 0.0, *nothing),
        dc_currents=(3.15, 2.92, 0.0, 0.0, *nothing),
    )


def test_the_two_requests_of_a_poll_say_the_same() -> None:
    """125 registers from the serial number on, and 85 behind them."""
    whole = captured(DS3)
    read = Registers(40052, whole.take(40052, 125) + whole.take(40177, 85))
    assert unit(read) == unit(whole)


def changed(name: str, **values: Value) -> Registers:
    """The captured registers with other values."""
    return encode(decode(captured(name)) | values)


def test_an_integer_stands_in_for_a_float_that_is_missing() -> None:
    """With its power of ten."""
    said = unit(changed(DS3, float_power=None, float_frequency=None))
    assert said is not None
    assert (said.power, said.frequency) == (182.0, 50.0)


@pytest.mark.parametrize("power", [11, 32767, -11, -32767])
def test_a_power_of_ten_that_is_none_is_ignored(power: int) -> None:
    """SunSpec knows -10 to 10; others would take minutes to multiply."""
    assert decode(_with_scale(power))["power"] == 1820


def _with_scale(power: int) -> Registers:
    words = list(captured(DS3).words)
    words[40085 - 40000] = power % 0x10000
    return Registers(40000, tuple(words))


@pytest.mark.parametrize(
    "values",
    [
        {"serial_number": None},
        {"serial_number": "70400000003"},
        {"serial_number": "7040000000388"},
        {"serial_number": "70400000003x"},
        {"serial_number": "70400000003 "},
        {"integer_model": None},
        {"integer_model": 102},
        {"integer_model": 0},
    ],
)
def test_what_is_no_inverter_is_none(values: dict[str, Value]) -> None:
    assert unit(changed(DS3, **values)) is None


@pytest.mark.parametrize("missing", ["integer_model", "serial_number"])
def test_registers_that_are_not_there_are_no_inverter(missing: str) -> None:
    begin = next(point.address + point.width for point in TABLE if point.name == missing)
    whole = captured(DS3)
    assert unit(Registers(begin, whole.words[begin - 40000 :])) is None


@pytest.mark.parametrize(
    ("name", "value", "field", "said"),
    [
        ("float_power", 5000.0, "power", None),
        ("float_power", -0.04, "power", 0.0),
        ("float_frequency", 5000.0, "frequency", None),
        ("float_temperature", 200.0, "temperature", None),
        ("float_energy", 200_000.0, "energy", None),
        ("float_power_factor", 1.5, "power_factor", None),
        ("dc_power_1", 3000.0, "dc_powers", (None, 98.5)),
        ("dc_voltage_2", 400.0, "dc_voltages", (33.4, None)),
        ("dc_current_1", None, "dc_currents", (None, 2.92)),
    ],
)
def test_what_no_inverter_can_measure_is_not_known(name: str, value: Value, field: str, said: object) -> None:
    read = unit(changed(DS3, **{name: value}))
    assert read is not None
    found = getattr(read, field)
    assert (found[:2] if isinstance(found, tuple) else found) == said
    assert str(found) != "-0.0"


@given(st.data(), st.sampled_from([DS3, QT2]))
def test_whatever_the_registers_hold_no_value_is_impossible(data: st.DataObject, name: str) -> None:
    """A frame has no checksum either way; what cannot be is left out and named."""
    words = list(captured(name).words)
    for _ in range(data.draw(st.integers(1, 20))):
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(st.integers(0, 0xFFFF))
    said = unit(Registers(40000, tuple(words)))
    if said is None:
        return
    numbers = (said.power, said.current, said.frequency, *said.voltages, *said.dc_powers, *said.dc_voltages)
    assert all(number is None or abs(number) <= 4000 for number in numbers)
    assert all(value is None or 0 <= value <= 2000 for value in said.dc_powers)
    assert said.energy is None or 0 <= said.energy <= 100_000
    assert said.temperature is None or -60 <= said.temperature <= 150
    assert len(said.uid) == 12
