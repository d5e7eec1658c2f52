"""What a Modbus unit says of its inverter, made from its registers. Pure.

    Registers -> Unit

What the registers do not have, or cannot be, is None. VA, var and power factor are real for the DS3 family only; other
models report VA = W, var = 0 and power factor 1 whatever they do (docs/sunspec.md).
"""

from math import inf
from typing import NamedTuple

from aps2mqtt.base import physical_limits
from aps2mqtt.base.metrics import DS3
from aps2mqtt.base.models import inverter_model
from aps2mqtt.base.physical_limits import CHANNEL_POWERS, INVERTER, TEMPERATURES, VOLTAGES
from aps2mqtt.sources.sunspec import registers
from aps2mqtt.sources.sunspec.registers import DC_CHANNELS, Registers, Value

UID_DIGITS = 12
PHASES = {101: 1, 103: 3}  # of the models of an inverter
CHANNELS = range(1, DC_CHANNELS + 1)
MOST_DC_VOLTAGE = 200.0  # V of a channel
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
    impossible: tuple[str, ...] = ()  # values that are no readings, in words

    @property
    def channels(self) -> int:
        """The number of its channels, as far as these values show it: unused ones are 0."""
        used = [n for n, pair in enumerate(zip(self.dc_voltages, self.dc_powers, strict=True), 1) if any(pair)]
        return max(used, default=0)


def unit(read: Registers) -> Unit | None:
    """The values in `read`; None if these are not the registers of an inverter."""
    values, impossible = _possible(registers.decode(read))
    uid, phases = values.get("serial_number"), PHASES.get(_whole(values.get("integer_model")))
    if phases is None or not isinstance(uid, str) or not (len(uid) == UID_DIGITS and uid.isascii() and uid.isdecimal()):
        return None
    real = inverter_model(uid).startswith(DS3)
    return Unit(
        uid,
        phases,
        power=_best(values, "power", 1),
        current=_best(values, "current", 2),
        apparent_power=_best(values, "apparent_power", 1) if real else None,
        reactive_power=_best(values, "reactive_power", 1) if real else None,
        power_factor=_best(values, "power_factor", 3) if real else None,
        frequency=_best(values, "frequency", 1),
        voltages=_voltages(values, phases),
        temperature=_best(values, "temperature", 1),
        energy=_best(values, "energy", 0),
        dc_powers=_channels(values, "power", 1),
        dc_voltages=_channels(values, "voltage", 1),
        dc_currents=_channels(values, "current", 2),
        impossible=impossible,
    )


# By the name of a point without its number; that of an integer counts for the floating-point number, too.
LIMITS = {
    "power": (-INVERTER, INVERTER),
    "current": (0, MOST_CURRENT),
    "apparent_power": (-INVERTER, INVERTER),
    "reactive_power": (-INVERTER, INVERTER),
    "power_factor": (-1, 1),
    "frequency": (0, 1000),  # of one that is half awake, any
    "temperature": (TEMPERATURES.start, TEMPERATURES.stop - 1),
    "energy": (0, 1000 * physical_limits.energy(1, 25)),
    **{f"voltage_{name}": (0, VOLTAGES.stop - 1) for name in ("a", "b", "c", "ab", "bc", "ca")},
    **{f"dc_power_{n}": (0, CHANNEL_POWERS.stop - 1) for n in CHANNELS},
    **{f"dc_voltage_{n}": (0, MOST_DC_VOLTAGE) for n in CHANNELS},
    **{f"dc_current_{n}": (0, MOST_CURRENT) for n in CHANNELS},
}


def _possible(values: dict[str, Value]) -> tuple[dict[str, Value], tuple[str, ...]]:
    """`values` without those that are no readings, and these in words."""
    impossible = []
    for name, value in values.items():
        low, high = LIMITS.get(name.removeprefix("float_"), (-inf, inf))
        if isinstance(value, int | float) and not low <= value <= high:
            impossible.append(f"{value:.6g} as {name}")
    odd = {text.partition(" as ")[2].removeprefix("float_") for text in impossible}
    return (
        {name: None if name.removeprefix("float_") in odd else value for name, value in values.items()},
        tuple(impossible),
    )


def _best(values: dict[str, Value], name: str, digits: int) -> float | None:
    """The value as a floating-point number, else as an integer; rounded."""
    value = values.get(f"float_{name}")
    return _rounded(values.get(name) if value is None else value, digits)


def _rounded(value: Value, digits: int) -> float | None:
    return None if value is None or isinstance(value, str) else round(float(value), digits) + 0.0  # no -0.0


def _voltages(values: dict[str, Value], phases: int) -> tuple[float | None, ...]:
    if phases == 1:
        return (_best(values, "voltage_a", 1),)
    of_phases, between = (
        tuple(_best(values, f"voltage_{name}", 1) for name in names) for names in (("a", "b", "c"), ("ab", "bc", "ca"))
    )
    return of_phases if any(of_phases) else between


def _channels(values: dict[str, Value], what: str, digits: int) -> tuple[float | None, ...]:
    return tuple(_rounded(values.get(f"dc_{what}_{n}"), digits) for n in CHANNELS)


def _whole(value: Value) -> int:
    return value if isinstance(value, int) else 0
