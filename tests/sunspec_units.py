"""The second port of a simulated ECU: the same array over SunSpec."""

import time
from functools import partial

from parts import PATIENCE, Ended, start_with

from aps2mqtt.simulator.inverter_registers import units as units_of
from aps2mqtt.simulator.modbus import Faults, ModbusServer, Units
from aps2mqtt.simulator.server import Simulator


def sunspec(ecu: Simulator, *, units: Units | None = None, faults: Faults | None = None) -> ModbusServer:
    """The server; it has the ECU's clock."""
    return ModbusServer(units or partial(units_of, ecu.plant), faults=faults or Faults(), clock=ecu.clock)


# A unit of a slow machine is not silent.
PATIENT = "from aps2mqtt.sources.sunspec import reading\nreading.SILENCE = 15.0"


def patiently(*arguments: object, **environment: object) -> Ended:
    """Runs the program to its end; a unit has longer to answer than users give it."""
    began = time.monotonic()
    process = start_with(PATIENT, *arguments, **environment)
    out, err = process.communicate(timeout=2 * PATIENCE)
    return Ended(process.returncode, out, err, time.monotonic() - began)
