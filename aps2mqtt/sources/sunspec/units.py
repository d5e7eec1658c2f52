"""What a Modbus unit says of its inverter, made from its registers. Pure.

    Registers -> Unit

What the registers do not have, or cannot be, is None. VA, var and power factor are real for the DS3 family only; other
models report VA = W, var = 0 and power factor 1 whatever they do (docs/sunspec.md).
"""

from typing import NamedTuple

from aps2mqtt.base import physical_limits
from aps2mqtt.base.models import inverter_model
from aps2mqtt.sources.sunspec import registers
from aps2mqtt.sources.sunspec.registers import DC_CHANNELS, Registers, Value

UID_DIGITS = 12
PHASES = {101: 1, 103: 3}  # of the models of an inverter
WITH_REACTIVE_POWER = "DS3"  # the family's name
DC_VOLTAGES = range(201)  # V of a channel
MOST_CURRENT = 100.0  # A


class Unit(NamedTuple):
    """The values of one inverter as SunSpec has them."""

    uid: str  # 12 digits
    phases: int
    power: float | None  # W AC
    current: float | None  # A AC
    apparent_power: float | None  # VA
    reactive_power: float | None  # var
    power_factor: float | None
    frequency: float | None  # Hz
    voltages: tuple[float | None, ...]  # V AC, of each phase; between the phases where only these are known
    temperature: float | None  # degC
    energy: float | None  # Wh, a counter of one day
    dc_powers: tuple[float | None, ...]  # W, of every channel that a unit can have
    dc_voltages: tuple[float | None, ...]  # V
    dc_currents: tuple[float | None, ...]  # A


def unit(read: Registers) -> Unit | None:
    """The values in `read`; None if these are not the registers of an inverter."""
    values = registers.decode(read)
    uid, phases = values.get("serial_number"), PHASES.get(_whole(values.get("integer_model")))
    if phases is None or not isinstance(uid, str) or not (len(uid) == UID_DIGITS and uid.isascii() and uid.isdecimal()):
        return None
    real = inverter_model(uid).startswith(WITH_REACTIVE_POWER)
    return Unit(
        uid,
        phases,
        power=_best(values, "power", 1, physical_limits.INVERTER),
        current=_best(values, "current", 2, MOST_CURRENT),
        apparent_power=_best(values, "apparent_power", 1, physical_limits.INVERTER) if real else None,
        reactive_power=_best(values, "reactive_power", 1, physical_limits.INVERTER) if real else None,
        power_factor=_best(values, "power_factor", 3, 1.0) if real else None,
        frequency=_best(values, "frequency", 1, 1000.0),
        voltages=_voltages(values, phases),
        temperature=_best(values, "temperature", 1, max(physical_limits.TEMPERATURES)),
        energy=_best(values, "energy", 0, 1000 * physical_limits.energy(1, 25)),
        dc_powers=_channels(values, "power", 1, max(physical_limits.CHANNEL_POWERS)),
        dc_voltages=_channels(values, "voltage", 1, max(DC_VOLTAGES)),
        dc_currents=_channels(values, "current", 2, MOST_CURRENT),
    )


def _best(values: dict[str, Value], name: str, digits: int, most: float) -> float | None:
    """The value as a float, else as an integer; rounded; None where its amount is more than `most`."""
    value = values.get(f"float_{name}")
    if value is None:
        value = values.get(name)
    return _rounded(value, digits, most)


def _rounded(value: Value, digits: int, most: float) -> float | None:
    if value is None or isinstance(value, str) or abs(value) > most:
        return None
    return round(float(value), digits) + 0.0  # no -0.0


def _voltages(values: dict[str, Value], phases: int) -> tuple[float | None, ...]:
    if phases == 1:
        return (_best(values, "voltage_a", 1, max(physical_limits.VOLTAGES)),)
    of_phases, between = (
        tuple(_best(values, f"voltage_{name}", 1, max(physical_limits.VOLTAGES)) for name in names)
        for names in (("a", "b", "c"), ("ab", "bc", "ca"))
    )
    return of_phases if any(of_phases) else between


def _channels(values: dict[str, Value], what: str, digits: int, most: float) -> tuple[float | None, ...]:
    return tuple(_rounded(values.get(f"dc_{what}_{n}"), digits, most) for n in range(1, DC_CHANNELS + 1))


def _whole(value: Value) -> int:
    return value if isinstance(value, int) else 0
