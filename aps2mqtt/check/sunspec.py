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
    "look in the vendor's app (ECU APP, Workspace, Modbus Configuration) whether each has a Modbus address",
    "set APS_ECU_SUNSPEC_UNITS if the addresses are far apart: a unit that is not there gives no answer at all",
)
OF_MODEL = {
    "ECU-B": "an ECU-B has no SunSpec; take APS_ECU_SUNSPEC out",
    "ECU-R": "an ECU-R (2160) needs firmware 1.3.7; three owners report that the port stays closed all the same",
    "ECU-R-Pro": "an ECU-R-Pro (2162) needs firmware 2.0.2",
    "ECU-C": "an ECU-C (215) needs firmware C1.1.3",
}


def answered(read: Read, inverters: Sequence[Inverter], port: int) -> Step:
    """The step for a port that is open; `inverters` are those of 8899, none if that was not read."""
    goes_on = ADDRESSES.start < read.units.next < ADDRESSES.stop
    uids = {answer.unit.uid for answer in read.answers}
    heard = [inverter for inverter in inverters if inverter.powers]
    missing = [inverter.uid for inverter in heard if inverter.uid not in uids]
    others = sorted(uids - {inverter.uid for inverter in inverters}) if inverters else []
    found = f"port {port} is open, {len(uids)} unit{'' if len(uids) == 1 else 's'}"
    return judged(
        NAME,
        (
            Finding(found if read.answers else f"port {port} is open, and no unit answers", () if uids else SILENT),
            *_rows(read),
            Finding(f"without a unit: {some(missing)}", SILENT) if missing and uids else None,
            Finding(f"8899 does not list: {some(others)}") if others else None,
            Finding(f"addresses up to {read.units.next - 1} were tried; a job goes on from there") if goes_on else None,
            *(Finding(f"{answer.unit.uid}: {', '.join(answer.unit.impossible)} is impossible", ("restart the ECU",))
              for answer in read.answers if answer.unit.impossible),
        ),
        {"port": port, "units": [_details(answer, read) for answer in read.answers], "missing": missing},
    )  # fmt: skip


def closed(error: EcuError, ecu_id: str) -> Step:
    """The step for a port that is not open; `ecu_id` is empty if it is not known."""
    more = OF_MODEL.get(ecu_model(ecu_id))
    return failed(NAME, error, *([more] if more else []))


def not_in_use(*, is_open: bool, port: int) -> Step:
    """The step where SunSpec is off, for people who do not know of it."""
    told = f"not in use (APS_ECU_SUNSPEC is off); port {port} is {'open' if is_open else 'closed'}"
    more = ": it has DC values of each panel, see docs/sunspec.md" if is_open else ""
    return skipped(NAME, f"{told}{more}")._replace(details={"port": port, "open": is_open})


def without_id(step: Step) -> Step:
    """The same where nobody knows the ECU's id: a job would fail."""
    error = EcuUnreachable("nobody knows the ECU's id; set APS_ECU_ID to the 12 digits on its label")
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
