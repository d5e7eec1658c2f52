"""Makes the step of people's names: those of a serial number that no ECU has. Pure.

names, steps of the ECUs -> Step, or None if every name has its device
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aps2mqtt.base.names import Names
from aps2mqtt.check.result import Finding, State, Step, judged

READ = (State.OK, State.WARNING)
REMEDY = "compare the number with those that `aps2mqtt show` draws"


def step(names: Names, taken: Iterable[Step]) -> Step | None:
    """The step for the names in the configuration file; None, too, if an ECU was not read or leaves inverters out."""
    totals = [step for step in taken if step.name in ("0001", "0002")]
    if not names or any(step.state not in READ or not step.details.get("complete", True) for step in totals):
        return None
    known = {serial for step in totals for serial in _serials(step.details)}
    unknown = [key for key in names if key.partition("/")[0] not in known]
    if not unknown:
        return None
    found = (Finding(f"{key} is neither an ECU nor an inverter here", (REMEDY,)) for key in unknown)
    return judged("names", found, {"unknown": unknown})


def _serials(details: Mapping[str, Any]) -> Iterator[str]:
    """The ECU's id in the step of 0001, the serial numbers of its inverters in that of 0002."""
    if "ecu_id" in details:
        yield details["ecu_id"]
    yield from (inverter["uid"] for inverter in details.get("inverters", ()))
