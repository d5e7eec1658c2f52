"""Makes a snapshot from the answers of units. Pure.

    Answers, Units, Memory, now -> Snapshot

SunSpec has no id of the ECU, no totals, no time and no sign that an inverter is online. So an inverter is online while
it gives power at a frequency of the grid and its registers change, the totals are sums, and the time of the data is
that at which a unit was seen to change (docs/sunspec.md).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from aps2mqtt.base.memory import Known, KnownUnit, Memory
from aps2mqtt.base.physical_limits import AWAKE
from aps2mqtt.base.printable import some
from aps2mqtt.base.values import SUNSPEC, Inverter, Remark, Snapshot
from aps2mqtt.sources.joining import was_asleep
from aps2mqtt.sources.sunspec.reading import Answer, Read, Wanted
from aps2mqtt.sources.sunspec.units import Unit
from aps2mqtt.truth.problems import AROUND_NOON

FROZEN = timedelta(minutes=15)  # an ECU renews its registers every 5 minutes
NEW = Known(0, 0)
MOST_NAMED = 5


def snapshot(ecu_id: str, read: Read, memory: Memory | None, now: datetime) -> Snapshot:
    """What the units say at `now`, the site's time."""
    known = memory.inverters if memory is not None else {}
    inverters = tuple(
        _inverter(answer.unit, read.units.by_uid[answer.unit.uid], known.get(answer.unit.uid, NEW), now)
        for answer in read.answers
    )
    powers = [inverter.ac_power for inverter in inverters if inverter.online and inverter.ac_power is not None]
    return Snapshot(
        ecu_id=ecu_id,
        firmware=memory.reading.firmware if memory is not None else "",
        power=round(sum(powers), 1),
        lifetime=None,
        today=None,
        registered=max(_registered(memory), len(known.keys() | read.units.by_uid.keys())),
        online=sum(inverter.online is True for inverter in inverters),
        contradictory=False,
        timestamp=_changed_at(read, memory, now),
        inverters=inverters,
        skipped=frozenset(),
        complete=True,
        remarks=tuple(_impossible(read.answers)),
        source=SUNSPEC,
    )


def _changed_at(read: Read, memory: Memory | None, now: datetime) -> datetime | None:
    """When a unit was seen to change last; where that was never seen, when the registers were read first."""
    changed = [unit.since for unit in read.units.by_uid.values() if unit.since is not None]
    if changed:
        return max(changed).astimezone(now.tzinfo).replace(microsecond=0)
    if memory is not None and memory.reading.timestamp is not None:
        return memory.reading.timestamp
    return now.replace(microsecond=0) if read.answers else None


def wanted(ecu8899: Snapshot | None, memory: Memory | None, now: datetime) -> Wanted:
    """The inverters that should have a unit: by 8899, if that was read, and by the memory.

    With SunSpec alone, one that was asleep may be asleep still, but not at noon.
    """
    before = memory.inverters if memory is not None else {}
    heard = {uid for uid, was in before.items() if was.panels}
    if ecu8899 is None:
        awake = {uid for uid in heard if now.hour in AROUND_NOON or not was_asleep(before[uid])}
        return Wanted(frozenset(heard), frozenset(awake))
    heard |= {inverter.uid for inverter in ecu8899.inverters if inverter.powers}
    return Wanted(frozenset(heard), frozenset(inverter.uid for inverter in ecu8899.inverters if inverter.online))


def silent(said: Snapshot, of: Wanted) -> tuple[Remark, ...]:
    """A remark on the inverters that should have answered and did not, if there are any."""
    missing = sorted(of.awake - {inverter.uid for inverter in said.inverters})
    if not missing:
        return ()
    return (
        Remark(
            "inverters do not answer over SunSpec",
            f"{some(missing, MOST_NAMED)}; check in the vendor's app that they have Modbus addresses",
        ),
    )


def _registered(memory: Memory | None) -> int:
    return (memory.reading.registered or 0) if memory is not None else 0


def _inverter(said: Unit, unit: KnownUnit, was: Known, now: datetime) -> Inverter:
    """What the unit says; of registers that stand still while they show power, nothing that was measured."""
    panels = max(was.panels, said.channels)
    of_others = said.voltages[0] if said.phases == 1 else None  # 8899 repeats the grid's voltage for each channel
    voltages = (*said.voltages, *(of_others,) * (was.voltages - len(said.voltages)))
    gives_power = said.power is not None and said.power > 0
    named = Inverter(said.uid, online=False, firmware=unit.firmware or None, model=unit.model)
    if gives_power and (unit.since is None or now - unit.since > FROZEN):
        return named._replace(powers=(None,) * panels, voltages=(None,) * len(voltages))
    return named._replace(
        online=gives_power and said.frequency is not None and AWAKE[0] < said.frequency < AWAKE[1],
        powers=tuple(power if power is None else round(power) for power in said.dc_powers[:panels]),
        voltages=voltages,
        frequency=said.frequency,
        temperature=said.temperature if said.temperature is None else round(said.temperature),
        today=said.energy / 1000 if said.energy is not None else None,
        ac_power=said.power,
        ac_current=said.current,
        apparent_power=said.apparent_power,
        reactive_power=said.reactive_power,
        power_factor=said.power_factor,
        dc_powers=said.dc_powers[:panels],
        dc_voltages=said.dc_voltages[:panels],
        dc_currents=said.dc_currents[:panels],
    )


def _impossible(answers: Iterable[Answer]) -> Iterable[Remark]:
    for answer in answers:
        if answer.unit.impossible:
            yield Remark(
                f"inverter {answer.unit.uid} reports impossible values over SunSpec",
                f"{', '.join(answer.unit.impossible)}, ignored in this poll; restart the ECU if this continues",
            )
