"""Polls an ECU by both sources, where both are on. One of them is enough for a good job.

Endpoint, Memory -> Snapshot, Units for the memory
"""

from datetime import datetime
from typing import NamedTuple

from aps2mqtt.base.errors import EcuError, EcuUnreachable
from aps2mqtt.base.memory import Memory, Units
from aps2mqtt.base.values import Remark, Snapshot
from aps2mqtt.config.values import EcuConfig
from aps2mqtt.sources.ecu8899 import client
from aps2mqtt.sources.endpoints import Endpoint, Limits

NOTHING_REMEMBERED = Units()
ECU8899_FAILED = "port 8899 fails, so all readings come from SunSpec"
SUNSPEC_FAILED = "SunSpec fails, so its values are missing"
FAILURES = {ECU8899_FAILED: "port 8899 works again", SUNSPEC_FAILED: "SunSpec works again"}
NO_UNIT = "no inverter answers; set APS_ECU_SUNSPEC_UNITS to their Modbus addresses, as the vendor's app lists them"
NO_ID = "the inverters answer, but only port 8899 has the ECU's id; set APS_ECU_ID to the 12 digits on the ECU's label"


class Polled(NamedTuple):
    """What was read, and what the next job has to know of the Modbus units; None: nothing new."""

    snapshot: Snapshot
    units: Units | None = None


def poll(endpoint: Endpoint, ecu: EcuConfig, memory: Memory | None, now: datetime, limits: Limits) -> Polled:
    """Reads the ECU; raises the EcuError of 8899 if no source could be read, with that of SunSpec in its text."""
    try:
        ecu8899: Snapshot | EcuError = client.read_ecu(endpoint, ecu.timezone, limits)
    except EcuError as error:
        ecu8899 = error
    if ecu.sunspec:
        return _with_sunspec(ecu8899, endpoint, ecu, memory, now.astimezone(ecu.timezone))
    if isinstance(ecu8899, EcuError):
        raise ecu8899
    return Polled(ecu8899)


def _with_sunspec(
    ecu8899: Snapshot | EcuError, endpoint: Endpoint, ecu: EcuConfig, memory: Memory | None, now: datetime
) -> Polled:
    """`ecu8899` with what SunSpec says at `now`, the site's time."""
    from aps2mqtt.sources.joining import alone, joined
    from aps2mqtt.sources.sunspec import snapshot
    from aps2mqtt.sources.sunspec.client import CONNECT, Connection
    from aps2mqtt.sources.sunspec.reading import read_units

    ecu_id = ecu8899.ecu_id or (memory.ecu_id if memory is not None else "") or ecu.ecu_id
    if memory is not None and memory.ecu_id != ecu_id:  # the ECU was replaced
        memory = None
    before = memory.units if memory is not None and memory.units is not None else NOTHING_REMEMBERED
    wanted = snapshot.wanted(None if isinstance(ecu8899, EcuError) else ecu8899, memory, now)
    try:
        with Connection(endpoint._replace(port=ecu.sunspec_port), CONNECT) as connection:
            read = read_units(connection, ecu.sunspec_units, before, wanted, now)
    except EcuUnreachable as error:
        if isinstance(ecu8899, EcuError):
            raise _of_both(ecu8899, str(error)) from error
        return Polled(_with_remark(ecu8899, Remark(SUNSPEC_FAILED, str(error))))
    said = snapshot.snapshot(ecu_id, read, memory, now)
    said = said._replace(remarks=(*said.remarks, *snapshot.silent(said, wanted)))
    if not isinstance(ecu8899, EcuError):
        return Polled(joined(ecu8899, said), read.units)
    said = alone(said, memory)
    if not read.answers and (said.short is not None or not said.inverters):
        raise _of_both(ecu8899, NO_UNIT)
    if not ecu_id:
        raise _of_both(ecu8899, NO_ID)
    said = said._replace(missing=_missing(ecu8899))
    return Polled(_with_remark(said, Remark(ECU8899_FAILED, str(ecu8899))), read.units)


def _missing(error: EcuError) -> str:
    """What SunSpec alone does not say, and why 8899 does not."""
    cause, _, _ = str(error).partition("; ")
    return (
        f"signals and energy/lifetime are missing, and energy/today is the sum of all inverters, because {cause}; "
        "check APS_ECU_PORT, then restart the ECU"
    )


def _with_remark(snapshot: Snapshot, remark: Remark) -> Snapshot:
    return snapshot._replace(remarks=(*snapshot.remarks, remark))


def _of_both(error: EcuError, of_sunspec: str) -> EcuError:
    """The error of 8899 with that of SunSpec in its text."""
    both = type(error)(f"{error}. And over SunSpec: {of_sunspec}")
    both.ecu_id = error.ecu_id
    return both
