"""Entries that pages are drawn from, and those pages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import exp
from zoneinfo import ZoneInfo

from parts import NOON, replace

from aps2mqtt.base.metrics import offline
from aps2mqtt.base.names import panel_key
from aps2mqtt.base.roof import NO_ROOF, Roof
from aps2mqtt.base.values import UNCHANGED, Inverter, Recalled, Report
from aps2mqtt.journal.entry import Entry, Point
from aps2mqtt.page.document import document
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import true_values

PARIS = ZoneInfo("Europe/Paris")
AT = NOON.astimezone(PARIS) + timedelta(minutes=1)
LATER = AT + timedelta(seconds=42)
ONE = "1xDS3"
TWELVE = "4xDS3,2xQS1,2xYC1000,2xQT2,1xQS1A,1xunseen"
SIXTY = "24xDS3,20xQS1,6xYC1000,5xQT2,4xYC600,1xunseen"
REFUSED = "192.168.1.42:8899 refused the connection; check APS_ECU_IP, or power the ECU off and on"


def report(inverters: str) -> Report:
    """What is true of a simulated array at a summer's noon, a while after its first job."""
    plant = Plant(inverters=inverter_models(inverters))
    noon = NOON.astimezone(PARIS)
    read = snapshot(plant.system_info(noon), plant.real_time(noon), plant.signal(noon), PARIS)
    settled = true_values.settle(read, None, Recalled(), noon, PARIS)[0]
    counted = [
        replace(one, energies=tuple(round((power or 0) * 0.0041, 2) for power in one.powers))
        for one in settled.inverters
    ]
    return replace(
        settled,
        timestamp=AT - timedelta(seconds=140),
        yesterday=round(float(settled.today) * 1.7, 2),
        inverters=tuple(counted),
    )


def entry(inverters: str = TWELVE, **changes: object) -> Entry:
    """An ECU that is well, with a journal."""
    read = report(inverters)
    power = float(read.power)
    powers = [(minute, power * exp(-(((minute - 800) / 190) ** 2))) for minute in range(0, 843, 5)]
    curve = [Point(minute, round(watts * (0.6 if 620 < minute < 650 else 1))) for minute, watts in powers]
    days = {
        AT.date() - timedelta(days=back): round(power / 190 * (0.55 + (back * 37 % 50) / 100), 2) for back in range(30)
    }
    del days[AT.date() - timedelta(days=11)]
    made = Entry(
        "192.168.1.42:8899",
        AT,
        900,
        read,
        succeeded_at=AT,
        data_age=140.0,
        curve=tuple(point for point in curve if not 500 < point.minute < 540),
        energies=days,
    )
    return replace(made, **changes)


def inverters_of(of: Entry) -> tuple[Inverter, ...]:
    """Those of the ECU."""
    assert of.report is not None
    return of.report.inverters


def with_inverters(of: Entry, *inverters: Inverter, **changes: object) -> Entry:
    """The same entry with these inverters instead."""
    return replace(of, report=replace(of.report, inverters=inverters, **changes))


def one_dead() -> Entry:
    """One inverter is offline and has a problem."""
    well = entry()
    first, second, *others = inverters_of(well)
    words = "it has produced no power since 10:00 while the others produce power; check its breaker and its cables"
    dead = replace(offline(first.uid, len(first.powers), len(first.voltages)), energies=first.energies, problem=words)
    return with_inverters(well, dead, second, *others, online=10, problems=(f"inverter {first.uid}: {words}",))


def every_condition() -> Entry:
    """Each condition of an inverter, and values that are not known."""
    well = entry("3xDS3,1xQS1,1xYC1000")
    awake, half, ill, asleep, lost = inverters_of(well)
    unseen = Inverter("806000000009", online=False, powers=(None,) * 4, voltages=(None,) * 4)
    never_read = Inverter("806000000010", online=False)
    return with_inverters(
        well,
        awake,
        replace(half, powers=(3, None), frequency=None, voltages=(None, None), signal=9),
        replace(ill, problem="panel 2 gives 0 W while the others produce power; look at its plugs"),
        replace(offline(asleep.uid, 4, 1), energies=asleep.energies),
        replace(lost, online=None, powers=(None,) * 4, voltages=(), frequency=None, signal=None, temperature=None),
        unseen,
        never_read,
        registered=7,
        online=3,
    )


def sunspec(inverters: str = "2xDS3,1xQS1") -> Entry:
    """With DC values."""
    well = entry(inverters)
    return with_inverters(
        well,
        *(
            replace(
                one,
                dc_powers=tuple(float(power or 0) for power in one.powers),
                dc_voltages=tuple(31.5 + number for number in range(len(one.powers))),
                dc_currents=tuple(round((power or 0) / 33, 2) for power in one.powers),
            )
            for one in inverters_of(well)
        ),
    )


def ecu_down() -> Entry:
    """The ECU has refused connections for 20 minutes."""
    well = entry()
    return replace(
        well,
        report=replace(well.report, error=REFUSED),
        failure=REFUSED,
        succeeded_at=AT - timedelta(minutes=20),
        data_age=1340.0,
    )


def night() -> Entry:
    """All inverters are asleep, which is no alarm."""
    well = entry()
    asleep = [
        replace(offline(one.uid, len(one.powers), len(one.voltages)), energies=one.energies)
        for one in inverters_of(well)
    ]
    return replace(with_inverters(well, *asleep, power=0, online=0), data_age=9000.0)


def never() -> Entry:
    """An ECU that no job has read."""
    return Entry("192.168.1.43:8899", AT, 900, failure=REFUSED.replace("42", "43"))


NAMES = {"216000000001": "Barn"}


def names_for(of: Entry) -> dict[str, str]:
    """Names for the ECU, some inverters and some panels."""
    first, second, third, *_ = (one.uid for one in inverters_of(of))
    return NAMES | {
        of.report.ecu_id: "Barn",
        first: "South roof, left of the chimney and below the large antenna",
        second: "Garage",
        panel_key(first, 1): "East",
        panel_key(first, 2): "Panel with a long name",
        panel_key(third, 1): "A",
    }


def roof_of(of: Entry, columns: int = 9) -> Roof:
    """Most panels of the ECU in rows, with a gap for a window, and one that nobody knows."""
    keys = [panel_key(one.uid, panel) for one in inverters_of(of)[:-2] for panel in range(1, len(one.powers) + 1)]
    keys[columns * 2 + 3 : columns * 2 + 3] = ["", ""]
    keys.append("704000009999/1")
    return tuple(tuple(keys[at : at + columns]) for at in range(0, len(keys), columns))


def page(*entries: Entry, names: dict[str, str] | None = None, roof: Roof = NO_ROOF, now: datetime = LATER) -> str:
    """The page of these ECUs, drawn 42 s after their job."""
    return document(entries, names or {}, roof, now)


PAGES: dict[str, str] = {}


def _pages() -> Sequence[tuple[str, str]]:
    well, both = entry(), sunspec()
    other = replace(entry(ONE), address="192.168.1.43:8899")
    of_it = [replace(one, uid=f"{int(one.uid) + 500}") for one in inverters_of(other)]
    other = with_inverters(other, *of_it, ecu_id="216200000002")
    return (
        ("1-inverter", page(entry(ONE))),
        ("12-inverters", page(well)),
        ("60-inverters", page(entry(SIXTY))),
        ("one-dead", page(one_dead())),
        ("every-condition", page(every_condition())),
        ("sunspec", page(both)),
        ("60-sunspec", page(sunspec(SIXTY))),
        ("ecu-down", page(ecu_down())),
        ("data-old", page(replace(well, data_age=3000.0))),
        ("late", page(well, now=AT + timedelta(hours=2))),
        ("night", page(night())),
        ("never-read", page(never())),
        ("no-journal", page(replace(well, curve=(), energies={}))),
        ("names-and-roof", page(well, names=names_for(well), roof=roof_of(well))),
        ("roof-one-dead", page(one_dead(), roof=roof_of(one_dead()))),
        ("60-roof", page(entry(SIXTY), roof=roof_of(entry(SIXTY), 20))),
        ("several", page(well, other, never(), names=names_for(well), roof=roof_of(well))),
        ("unchanged", page(with_inverters(well, power=UNCHANGED, lifetime=UNCHANGED))),
    )


PAGES.update(_pages())
