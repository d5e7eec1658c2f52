"""The second port of a simulated ECU: the same array over SunSpec."""

from functools import partial

from aps2mqtt.simulator.inverter_registers import units as units_of
from aps2mqtt.simulator.modbus import Faults, ModbusServer, Units
from aps2mqtt.simulator.server import Simulator


def sunspec(ecu: Simulator, *, units: Units | None = None, faults: Faults | None = None) -> ModbusServer:
    """The server; it has the ECU's clock."""
    return ModbusServer(units or partial(units_of, ecu.plant), faults=faults or Faults(), clock=ecu.clock)
