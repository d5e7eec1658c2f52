"""Makes the steps of people's names and of the roof: those of devices that no ECU has. Pure.

names, roof, steps of the ECUs -> steps, none if every name and every place has its device
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aps2mqtt.base.names import Names, panel_key
from aps2mqtt.base.physical_limits import MOST_PANELS
from aps2mqtt.base.roof import Roof
from aps2mqtt.check.result import Finding, State, Step, judged

READ = (State.OK, State.WARNING)
REMEDY = "compare the number with those that `aps2mqtt show` draws"


def steps(names: Names, roof: Roof, taken: Iterable[Step]) -> Iterator[Step]:
    """Yields the steps for the configuration file; none, too, if an ECU was not read or leaves inverters out."""
    totals = [step for step in taken if step.name in ("0001", "0002")]
    if any(step.state not in READ or not step.details.get("complete", True) for step in totals):
        return
    known = {serial for step in totals for serial in _serials(step.details)}
    panels = {panel for step in totals for panel in _panels(step.details)}
    devices = [key for key in names if key.partition("/")[0] not in known]
    places = [key for row in roof for key in row if key and key not in panels]
    for name, unknown, what in (("names", devices, "neither an ECU nor an inverter"), ("roof", places, "not a panel")):
        if unknown:
            yield judged(name, (Finding(f"{key} is {what} here", (REMEDY,)) for key in unknown), {"unknown": unknown})


def _serials(details: Mapping[str, Any]) -> Iterator[str]:
    """The ECU's id in the step of 0001, the serial numbers of its inverters in that of 0002."""
    if "ecu_id" in details:
        yield details["ecu_id"]
    yield from (inverter["uid"] for inverter in details.get("inverters", ()))


def _panels(details: Mapping[str, Any]) -> Iterator[str]:
    """The panels of the inverters in the step of 0002; of one that the ECU has not seen yet, all that it may have."""
    for inverter in details.get("inverters", ()):
        panels = inverter["panels"] or MOST_PANELS
        yield from (panel_key(inverter["uid"], panel) for panel in range(1, panels + 1))
