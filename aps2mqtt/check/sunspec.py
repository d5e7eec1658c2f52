"""Makes the step of the port of SunSpec from what its units have answered. Pure.

Read, records of 8899 -> Step
"""

from collections.abc import Iterator, Sequence

from aps2mqtt.base.errors import EcuError, EcuUnreachable
from aps2mqtt.base.models import ecu_model
from aps2mqtt.base.printable import some
from aps2mqtt.base.values import Inverter
from aps2mqtt.check.result import Finding, Step, explained, failed, judged, skipped
from aps2mqtt.sources.sunspec.reading import ADDRESSES, Answer, Read

NAME = "sunspec"
SILENT = (
    "check in the vendor's app (ECU APP, Workspace, Modbus Configuration) that each inverter has a Modbus address",
    "set APS_ECU_SUNSPEC_UNITS if the addresses are far apart: an address without a unit does not answer",
)
OF_MODEL = {
    "ECU-B": "an ECU-B has no SunSpec; remove APS_ECU_SUNSPEC",
    "ECU-R": "an ECU-R (2160) needs firmware 1.3.7 or later (three owners report that the port stays closed even then)",
    "ECU-R-Pro": "an ECU-R-Pro (2162) needs firmware 2.0.2 or later",
    "ECU-C": "an ECU-C (215) needs firmware C1.1.3 or later",
}


def answered(read: Read, inverters: Sequence[Inverter], port: int) -> Step:
    """The step for an open port; `inverters` are those that port 8899 lists, none if that port was not read."""
    goes_on = ADDRESSES.start < read.units.next < ADDRESSES.stop
    uids = {answer.unit.uid for answer in read.answers}
    heard = [inverter for inverter in inverters if inverter.powers]
    missing = [inverter.uid for inverter in heard if inverter.uid not in uids]
    others = sorted(uids - {inverter.uid for inverter in inverters}) if inverters else []
    next_address = f"addresses up to {read.units.next - 1} were tried, the next job tries more"
    found = f"port {port} is open, {len(uids)} unit{'' if len(uids) == 1 else 's'}"
    return judged(
        NAME,
        (
            Finding(found if read.answers else f"port {port} is open, but no unit answers", () if uids else SILENT),
            *_rows(read),
            Finding(f"no unit for inverter {some(missing)}", SILENT) if missing and uids else None,
            Finding(f"port 8899 does not list inverter {some(others)}") if others else None,
            Finding(next_address) if goes_on else None,
            *(Finding(f"inverter {answer.unit.uid} reports impossible values: {', '.join(answer.unit.impossible)}",
                      ("restart the ECU",))
              for answer in read.answers if answer.unit.impossible),
        ),
        {"port": port, "units": [_details(answer, read) for answer in read.answers], "missing": missing},
        brief=(*([found] if uids else []), *([next_address] if goes_on else [])),
    )  # fmt: skip


def closed(error: EcuError, ecu_id: str) -> Step:
    """The step for a closed port; `ecu_id` is empty if it is not known."""
    more = OF_MODEL.get(ecu_model(ecu_id))
    return failed(NAME, error, *([more] if more else []))


def not_in_use(*, is_open: bool, port: int) -> Step:
    """The step if SunSpec is off, for people who do not know SunSpec."""
    port_is = f"port {port} is {'open' if is_open else 'closed'}"
    more = ". SunSpec adds DC values of each panel, see docs/sunspec.md" if is_open else ""
    brief = [f"not in use, but {port_is}: see docs/sunspec.md"] if is_open else []
    found = f"not in use (APS_ECU_SUNSPEC is off); {port_is}{more}"
    return skipped(NAME, found, brief=brief)._replace(details={"port": port, "open": is_open})


def without_id(step: Step) -> Step:
    """The same if the ECU's id is not known: a job would fail."""
    error = EcuUnreachable("the ECU's id is not known; set APS_ECU_ID to the 12 digits on the ECU's label")
    return failed(NAME, error)._replace(findings=(*step.findings, explained(str(error))), details=step.details)


def _rows(read: Read) -> Iterator[Finding]:
    """A line for each unit: address, serial number, model and power."""
    for answer in read.answers:
        power = "no power" if answer.unit.power is None else f"{answer.unit.power:g} W"
        unit = read.units.by_uid[answer.unit.uid]
        yield Finding(f"  unit {answer.address:>3}  {answer.unit.uid}  {unit.model} {unit.firmware}, {power}")


def _details(answer: Answer, read: Read) -> dict[str, object]:
    known = read.units.by_uid[answer.unit.uid]
    return {
        "address": answer.address,
        "uid": answer.unit.uid,
        "model": known.model,
        "firmware": known.firmware,
        "power": answer.unit.power,
    }
