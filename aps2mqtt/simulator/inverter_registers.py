"""What the inverters of a simulated array say over SunSpec: the same array through the ECU's second port.

Plant, time -> registers by the address of the unit
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from aps2mqtt.base.models import inverter_model
from aps2mqtt.simulator.plant import UNSEEN, Plant
from aps2mqtt.sources.ecu8899.answers import Record
from aps2mqtt.sources.sunspec.registers import DC_CHANNELS, Registers, Value, encode

LOSS = 0.95  # AC power of DC power; owners measured 0.89 to 0.92 of a DS3
PANEL_VOLTAGES = tuple(37.0 + 0.3 * channel for channel in range(DC_CHANNELS))  # V DC
POWER_FACTOR = 0.98  # of the DS3 family; other models report 1
MPPT = 4  # the state of an inverter, also at night
SCALES: Mapping[str, Value] = {
    "current_scale": -2,
    "voltage_scale": -1,
    "power_scale": -1,
    "frequency_scale": -2,
    "apparent_power_scale": -1,
    "reactive_power_scale": -1,
    "power_factor_scale": -3,
    "energy_scale": 0,
    "temperature_scale": -1,
    "power_limit_scale": -1,
    "power_factor_set_scale": -1,
    "reactive_power_set_scale": -1,
}
FIXED: Mapping[str, Value] = {
    "sunspec": "SunS",
    "common_model": 1,
    "common_length": 66,
    "manufacturer": "APsystems",
    "options": "unimplemented",
    "version": "V5312",
    "integer_length": 50,
    "state": MPPT,
    "events_1": 0,
    "float_length": 60,
    "controls_model": 123,
    "controls_length": 24,
    "connection": 1,
    "power_limit": 100.0,
    "power_limit_enabled": 1,
    "end_length": 0,
    "dc_model": 114,
    "dc_length": 48,
}


def units(plant: Plant, when: datetime) -> Mapping[int, Registers]:
    """The registers of every inverter that the ECU has heard, by address: the first inverter has address 1."""
    return _units(plant, plant.refreshed(when))


@lru_cache(maxsize=8)
def _units(plant: Plant, when: datetime) -> Mapping[int, Registers]:
    energies = plant.energies(when)
    return {
        address: of_inverter(address, record, energies[address - 1])
        for address, record in enumerate(plant.records(when), 1)
        if plant.inverters[address - 1] != UNSEEN
    }


def of_inverter(address: int, record: Record, energy: float) -> Registers:
    """The registers of one inverter, which has made so many Wh today."""
    dc_powers = record.powers if record.online else (0,) * len(record.powers)
    phases = len(record.voltages) if len(record.voltages) in (1, 3) else 1
    measured = _ac(record, LOSS * sum(dc_powers), phases) | {"energy": energy}
    return encode(
        {
            **SCALES,
            **FIXED,
            "model": inverter_model(record.uid),
            "serial_number": record.uid,
            "unit_id": address,
            "integer_model": 101 if phases == 1 else 103,
            "float_model": 111 if phases == 1 else 113,
            **measured,
            **{f"float_{name}": value for name, value in measured.items()},
            **_dc(dc_powers),
        }
    )


def _ac(record: Record, power: float, phases: int) -> dict[str, Value]:
    """The AC side of an inverter that gives so many watts."""
    volts = [float(volt) for volt in record.voltages[:phases]]
    factor = POWER_FACTOR if inverter_model(record.uid).startswith("DS3") else 1.0
    apparent = power / factor
    current = apparent / volts[0] if volts and volts[0] else 0.0
    measured: dict[str, Value] = {
        "current": current,
        "current_a": current / phases,
        "power": power,
        "frequency": record.frequency,
        "apparent_power": apparent,
        "reactive_power": (apparent**2 - power**2) ** 0.5,
        "power_factor": factor,
        "temperature": float(record.temperature),
    }
    if phases == 1:
        return measured | {"voltage_a": volts[0] if volts else None}
    measured |= {"current_b": current / phases, "current_c": current / phases}
    measured |= dict(zip(("voltage_ab", "voltage_bc", "voltage_ca"), volts, strict=True))
    return measured | {"voltage_a": 0.0, "voltage_b": 0.0, "voltage_c": 0.0}


def _dc(powers: tuple[int, ...]) -> dict[str, Value]:
    """The DC side; channels that the inverter does not have are 0."""
    values: dict[str, Value] = {}
    for channel in range(1, DC_CHANNELS + 1):
        there = channel <= len(powers)
        watts = float(powers[channel - 1]) if there else 0.0
        volts = PANEL_VOLTAGES[channel - 1]
        values |= {
            f"dc_voltage_{channel}": volts if there else 0.0,
            f"dc_current_{channel}": watts / volts,
            f"dc_power_{channel}": watts,
        }
    return values
