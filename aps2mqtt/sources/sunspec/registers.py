"""The registers of a Modbus unit, which is one inverter, as tables; the decoder and the encoder walk the same rows.

    registers (words of 16 bits from 40000 on) <-> values by name

Pure. The addresses are those on the wire, which count from 0; a value of more than one register is big-endian. The map
is SunSpec's (models 1, 101 or 103, 111 or 113, 123) and the vendor's own block of DC values behind the end marker; its
sources are in docs/sunspec.md.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Value = int | float | str | None  # None: the unit does not have this value

BEGIN = 40000
END = 40301  # one behind the last register that a unit answers for
DC_CHANNELS = 8
POWERS_OF_TEN = range(-10, 11)
LOWEST = 0x8000  # of a signed word: not implemented
NAN = 0x7FC00000


class Registers(NamedTuple):
    """Words of a unit, from the register `first` on."""

    first: int
    words: tuple[int, ...]

    @classmethod
    def of(cls, first: int, octets: bytes) -> "Registers":
        """The words in `octets`, from the register `first` on; half a word at the end is left out."""
        number = len(octets) // 2
        return cls(first, struct.unpack(f">{number}H", octets[: 2 * number]))

    @property
    def octets(self) -> bytes:
        """The words as they are sent."""
        return struct.pack(f">{len(self.words)}H", *self.words)

    def has(self, address: int, count: int) -> bool:
        """True if all of these registers are there."""
        return self.first <= address and address + count <= self.first + len(self.words)

    def take(self, address: int, count: int) -> tuple[int, ...]:
        """The words from `address` on."""
        begin = address - self.first
        return self.words[begin : begin + count]


class Point(NamedTuple):
    """One value in the registers."""

    name: str
    address: int
    unit: str = ""
    scale: int | None = None  # address of its power of ten, for an integer
    width: int = 1  # in registers

    def decode(self, words: Sequence[int], power: int) -> Value:
        """The value of this point's words, scaled by that power of ten; None where the unit does not have it."""
        raise NotImplementedError

    def encode(self, value: Value, power: int) -> tuple[int, ...]:
        """The words of `value`."""
        raise NotImplementedError


class Unsigned(Point):
    """An unsigned integer, an enumeration or a bit field; all bits set: not implemented."""

    def decode(self, words: Sequence[int], power: int) -> Value:
        number = _number(words)
        return None if number == _all_ones(self.width) else _scaled(number, power)

    def encode(self, value: Value, power: int) -> tuple[int, ...]:
        return _words(_all_ones(self.width) if value is None else _unscaled(value, power), self.width)


class Signed(Point):
    """A signed integer or a power of ten; the lowest one: not implemented."""

    def decode(self, words: Sequence[int], power: int) -> Value:
        number, half = _number(words), 1 << (16 * self.width - 1)
        if number == half:
            return None
        return _scaled(number - 2 * half if number > half else number, power)

    def encode(self, value: Value, power: int) -> tuple[int, ...]:
        half = 1 << (16 * self.width - 1)
        return _words(half if value is None else _unscaled(value, power) % (2 * half), self.width)


class Counter(Point):
    """A counter (acc32). It has no "not implemented": 0 may be either."""

    def decode(self, words: Sequence[int], power: int) -> Value:
        return _scaled(_number(words), power)

    def encode(self, value: Value, power: int) -> tuple[int, ...]:
        return _words(0 if value is None else _unscaled(value, power), self.width)


class Float(Point):
    """A number of 32 bits; any NaN and infinity: not implemented."""

    def decode(self, words: Sequence[int], power: int) -> Value:
        del power
        (number,) = struct.unpack(">f", struct.pack(">2H", *words))
        return float(number) if math.isfinite(number) else None

    def encode(self, value: Value, power: int) -> tuple[int, ...]:
        del power
        if value is None:
            return _words(NAN, self.width)
        return struct.unpack(">2H", struct.pack(">f", float(value)))


class Text(Point):
    """Text, with zeros behind it; only zeros: not implemented. Latin-1, so that no byte spoils the rest."""

    def decode(self, words: Sequence[int], power: int) -> Value:
        del power
        text = struct.pack(f">{self.width}H", *words).rstrip(b"\0").decode("latin-1")
        return text or None

    def encode(self, value: Value, power: int) -> tuple[int, ...]:
        del power
        return struct.unpack(f">{self.width}H", str(value or "").encode("latin-1").ljust(2 * self.width, b"\0"))


Table = tuple[Point, ...]


def _unsigned(name: str, address: int, unit: str = "", scale: int | None = None, width: int = 1) -> Point:
    return Unsigned(name, address, unit, scale, width)


def _float(name: str, address: int, unit: str = "") -> Point:
    return Float(name, address, unit, width=2)


def _states(prefix: str, address: int) -> Table:
    """State and events, which end both models of an inverter."""
    bits = ("events_1", "events_2", *(f"vendor_events_{n}" for n in range(1, 5)))
    return (
        Unsigned(f"{prefix}state", address),
        Unsigned(f"{prefix}vendor_state", address + 1),
        *(_unsigned(f"{prefix}{name}", address + 2 + 2 * n, width=2) for n, name in enumerate(bits)),
    )


# Model 1: who made the inverter, and which one it is.
COMMON: Table = (
    Text("sunspec", 40000, width=2),
    Unsigned("common_model", 40002),
    Unsigned("common_length", 40003),
    Text("manufacturer", 40004, width=16),
    Text("model", 40020, width=16),
    Text("options", 40036, width=8),
    Text("version", 40044, width=8),
    Text("serial_number", 40052, width=16),
    Unsigned("unit_id", 40068),
)

# Model 101 (one phase) or 103 (three): integers with powers of ten.
INTEGERS: Table = (
    Unsigned("integer_model", 40070),
    Unsigned("integer_length", 40071),
    Unsigned("current", 40072, "A", scale=40076),
    Unsigned("current_a", 40073, "A", scale=40076),
    Unsigned("current_b", 40074, "A", scale=40076),
    Unsigned("current_c", 40075, "A", scale=40076),
    Signed("current_scale", 40076),
    Unsigned("voltage_ab", 40077, "V", scale=40083),
    Unsigned("voltage_bc", 40078, "V", scale=40083),
    Unsigned("voltage_ca", 40079, "V", scale=40083),
    Unsigned("voltage_a", 40080, "V", scale=40083),
    Unsigned("voltage_b", 40081, "V", scale=40083),
    Unsigned("voltage_c", 40082, "V", scale=40083),
    Signed("voltage_scale", 40083),
    Signed("power", 40084, "W", scale=40085),
    Signed("power_scale", 40085),
    Unsigned("frequency", 40086, "Hz", scale=40087),
    Signed("frequency_scale", 40087),
    Signed("apparent_power", 40088, "VA", scale=40089),
    Signed("apparent_power_scale", 40089),
    Signed("reactive_power", 40090, "var", scale=40091),
    Signed("reactive_power_scale", 40091),
    Signed("power_factor", 40092, scale=40093),
    Signed("power_factor_scale", 40093),
    Counter("energy", 40094, "Wh", scale=40096, width=2),
    Signed("energy_scale", 40096),
    Unsigned("dc_current", 40097, "A", scale=40098),
    Signed("dc_current_scale", 40098),
    Unsigned("dc_voltage", 40099, "V", scale=40100),
    Signed("dc_voltage_scale", 40100),
    Signed("dc_power", 40101, "W", scale=40102),
    Signed("dc_power_scale", 40102),
    Signed("temperature", 40103, "degC", scale=40107),
    Signed("heat_sink_temperature", 40104, "degC", scale=40107),
    Signed("transformer_temperature", 40105, "degC", scale=40107),
    Signed("other_temperature", 40106, "degC", scale=40107),
    Signed("temperature_scale", 40107),
    *_states("", 40108),
)

# Model 111 (one phase) or 113 (three): the same values as floating-point numbers, which are more exact.
FLOATS: Table = (
    Unsigned("float_model", 40122),
    Unsigned("float_length", 40123),
    _float("float_current", 40124, "A"),
    _float("float_current_a", 40126, "A"),
    _float("float_current_b", 40128, "A"),
    _float("float_current_c", 40130, "A"),
    _float("float_voltage_ab", 40132, "V"),
    _float("float_voltage_bc", 40134, "V"),
    _float("float_voltage_ca", 40136, "V"),
    _float("float_voltage_a", 40138, "V"),
    _float("float_voltage_b", 40140, "V"),
    _float("float_voltage_c", 40142, "V"),
    _float("float_power", 40144, "W"),
    _float("float_frequency", 40146, "Hz"),
    _float("float_apparent_power", 40148, "VA"),
    _float("float_reactive_power", 40150, "var"),
    _float("float_power_factor", 40152),
    _float("float_energy", 40154, "Wh"),
    _float("float_dc_current", 40156, "A"),
    _float("float_dc_voltage", 40158, "V"),
    _float("float_dc_power", 40160, "W"),
    _float("float_temperature", 40162, "degC"),
    _float("float_heat_sink_temperature", 40164, "degC"),
    _float("float_transformer_temperature", 40166, "degC"),
    _float("float_other_temperature", 40168, "degC"),
    *_states("float_", 40170),
)

# Model 123: connection and limit of power. What is read there is a memory that differs from what the inverter does, so
# nothing of it is published; and it is never written, because a write on any unit acts on the whole array.
CONTROLS: Table = (
    Unsigned("controls_model", 40184),
    Unsigned("controls_length", 40185),
    Unsigned("connection_window", 40186, "s"),
    Unsigned("connection_revert", 40187, "s"),
    Unsigned("connection", 40188),
    Unsigned("power_limit", 40189, "%", scale=40207),
    Unsigned("power_limit_window", 40190, "s"),
    Unsigned("power_limit_revert", 40191, "s"),
    Unsigned("power_limit_ramp", 40192, "s"),
    Unsigned("power_limit_enabled", 40193),
    Signed("power_factor_set", 40194, scale=40208),
    Unsigned("power_factor_window", 40195, "s"),
    Unsigned("power_factor_revert", 40196, "s"),
    Unsigned("power_factor_ramp", 40197, "s"),
    Unsigned("power_factor_enabled", 40198),
    Signed("reactive_power_of_maximum", 40199, "%", scale=40209),
    Signed("reactive_power_of_rating", 40200, "%", scale=40209),
    Signed("reactive_power_of_available", 40201, "%", scale=40209),
    Unsigned("reactive_power_window", 40202, "s"),
    Unsigned("reactive_power_revert", 40203, "s"),
    Unsigned("reactive_power_ramp", 40204, "s"),
    Unsigned("reactive_power_mode", 40205),
    Unsigned("reactive_power_enabled", 40206),
    Signed("power_limit_scale", 40207),
    Signed("power_factor_set_scale", 40208),
    Signed("reactive_power_set_scale", 40209),
    Unsigned("end", 40210),
    Unsigned("end_length", 40211),
)

# The vendor's block behind the end marker: the DC side. Channels that an inverter does not have are 0.
DC: Table = (
    Unsigned("dc_model", 40212),
    Unsigned("dc_length", 40213),
    *(_float(f"dc_voltage_{n}", 40212 + 2 * n, "V") for n in range(1, DC_CHANNELS + 1)),
    *(_float(f"dc_current_{n}", 40228 + 2 * n, "A") for n in range(1, DC_CHANNELS + 1)),
    *(_float(f"dc_power_{n}", 40244 + 2 * n, "W") for n in range(1, DC_CHANNELS + 1)),
)

TABLE: Table = (*COMMON, *INTEGERS, *FLOATS, *CONTROLS, *DC)


def decode(registers: Registers, table: Table = TABLE) -> dict[str, Value]:
    """The values of the points of which all registers are there; None where the unit does not have the value."""
    return {
        point.name: point.decode(registers.take(point.address, point.width), _power_of_ten(registers, point.scale))
        for point in table
        if registers.has(point.address, point.width)
    }


def encode(values: Mapping[str, Value], table: Table = TABLE) -> Registers:
    """All registers of a unit with these values; a point without a value is encoded as not implemented."""
    words = [0] * (END - BEGIN)
    addresses = {point.address: point.name for point in table}
    for point in table:
        power = values.get(addresses[point.scale]) if point.scale is not None else 0
        if power is not None or point.scale is None:
            encoded = point.encode(values.get(point.name), int(power or 0))
        else:
            encoded = point.encode(None, 0)
        words[point.address - BEGIN : point.address - BEGIN + point.width] = encoded
    return Registers(BEGIN, tuple(words))


def _power_of_ten(registers: Registers, address: int | None) -> int:
    """The power of ten at `address`; 0 where there is none, or one that SunSpec does not know."""
    if address is None or not registers.has(address, 1):
        return 0
    (word,) = registers.take(address, 1)
    power = word - 0x10000 * (word > LOWEST)
    return power if power in POWERS_OF_TEN else 0


def _number(words: Sequence[int]) -> int:
    number = 0
    for word in words:
        number = number << 16 | word
    return number


def _words(number: int, width: int) -> tuple[int, ...]:
    return tuple(number >> 16 * place & 0xFFFF for place in reversed(range(width)))


def _all_ones(width: int) -> int:
    return (1 << 16 * width) - 1


def _scaled(number: int, power: int) -> int | float:
    """An integer where the power of ten is not negative. Dividing by a power of ten is rounded correctly."""
    return number * int(10**power) if power >= 0 else number / int(10**-power)


def _unscaled(value: Value, power: int) -> int:
    return round(float(value or 0) * 10.0**-power)
