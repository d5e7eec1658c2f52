"""One ECU on the page: its totals, what is wrong, how old the data are, charts and inverters. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from aps2mqtt.base import metrics
from aps2mqtt.base.models import ecu_model
from aps2mqtt.base.values import Report, Unchanged
from aps2mqtt.journal.entry import Entry
from aps2mqtt.mqtt.readings import readings
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.page import charts, panels
from aps2mqtt.page.markup import ago, moment, text
from aps2mqtt.truth.data_age import RENEWED

ENERGIES = ((metrics.TODAY, "today"), (metrics.YESTERDAY, "yesterday"), (metrics.LIFETIME, "lifetime"))


class Part(NamedTuple):
    """One ECU and its place on the page."""

    entry: Entry
    style: Style  # of this ECU
    number: int  # of the ECU on the page, from 0
    alone: bool  # it is the only ECU of the page
    now: datetime

    @property
    def name(self) -> str:
        """The name that people gave to the ECU, or its model and id, or its address."""
        report = self.entry.report
        if report is None:
            return f"ECU at {self.entry.address}"
        return self.style.names.get(report.ecu_id) or f"{ecu_model(report.ecu_id)} {report.ecu_id}"

    @property
    def failure(self) -> str:
        """Why the values are not those of the last job; empty: they are."""
        return self.entry.failure or (self.entry.report.error if self.entry.report is not None else "")

    @property
    def overdue(self) -> datetime:
        """When another job should have come."""
        return self.entry.at + timedelta(seconds=self.entry.fresh_for)

    @property
    def is_late(self) -> bool:
        """True if it has not come."""
        return self.now > self.overdue

    @property
    def kinds(self) -> str:
        """The classes that let the values look old."""
        return " failed" * bool(self.failure) + " late" * self.is_late

    @property
    def headings(self) -> tuple[str, str, str]:
        """The tags of headings: of the ECU, its parts, and its inverters."""
        return ("h1", "h2", "h3") if self.alone else ("h2", "h3", "h4")


def totals(part: Part) -> str:
    """The name of the ECU and its most important numbers."""
    tag, report = part.headings[0], part.entry.report
    head = f'<{tag} id="ecu-{part.number}">{text(part.name)}</{tag}>'
    if report is None:
        return f'<header class="totals">{head}</header>'
    said = readings(metrics.ecu_rows(report))
    about = [ecu_model(report.ecu_id), report.ecu_id] if report.ecu_id in part.style.names else []
    about += filter(None, (report.firmware,))
    return (
        f'<header class="totals">{head}<p class="about">{text(" ".join(about))}</p>'
        f"{power_now(said.get(metrics.ECU_POWER.name))}"
        f"{energies([(when, said[metric.name]) for metric, when in ENERGIES if metric.name in said])}"
        f'<ul class="state">{"".join(f"<li>{one}</li>" for one in _state(part, report, said))}</ul></header>'
    )


def power_now(said: str | None) -> str:
    """The power in large digits."""
    return f'<p class="power">{_with_unit(said or panels.UNKNOWN)} <span class="hidden">now</span></p>'


def energies(said: list[tuple[str, str]]) -> str:
    """Energies with their periods."""
    listed = "".join(f"<div><dt>{when}</dt><dd>{_with_unit(energy)}</dd></div>" for when, energy in said)
    return f'<dl class="energies">{listed}</dl>' if listed else ""


def _with_unit(said: str) -> str:
    number, _, unit = said.partition(" ")
    return f"<b>{text(number)}</b> {text(unit)}"


def _state(part: Part, report: Report, said: dict[str, str]) -> Iterator[str]:
    if said.keys() >= {metrics.ONLINE.name, metrics.REGISTERED.name}:
        yield text(f"{said[metrics.ONLINE.name]} of {said[metrics.REGISTERED.name]} inverters online")
    if report.timestamp is not None:
        shown = moment(report.timestamp.astimezone(part.entry.at.tzinfo), part.now)
        yield f"data of {shown}{_age(part)}"
    done = "tried" if part.failure else "updated"
    yield f"{done} {moment(part.entry.at, part.now)}, {ago(part.entry.at, part.now)}"


def _age(part: Part) -> str:
    if part.entry.data_age is None:
        return ""
    return f", {ago(part.entry.at - timedelta(seconds=part.entry.data_age), part.now)}"


# -- what is wrong ----------------------------------------------------------------------------------------------------


def marks(part: Part) -> str:
    """What is wrong, from the most important to the least."""
    return f'<div class="marks">{"".join(_marks(part))}</div>'


def _marks(part: Part) -> Iterator[str]:
    entry, now = part.entry, part.now
    name = "" if part.alone else f"{text(part.name)}: "
    yield (
        f'<p class="mark bad" role="status" data-of="{part.number}" data-overdue="{part.overdue.timestamp():.0f}"'
        f"{'' if part.is_late else ' hidden'}>{name}No job since {moment(entry.at, now)} ({ago(entry.at, now)}); "
        "the values below are old.</p>"
    )
    if part.failure:
        since = ""
        if entry.report is None:
            since = " This ECU was never read."
        elif entry.failure and entry.succeeded_at is not None:
            at = entry.succeeded_at
            since = f" The values below are of {moment(at, now)} ({ago(at, now)})."
        end = "" if part.failure.endswith((".", "?")) else "."
        what = "job" if entry.failure else "poll"  # the jobs of a night succeed without a poll
        failed = f"The last {what} failed: {text(part.failure)}{end}"
        yield f'<p class="mark bad">{name}{failed}{since}</p>'
    elif _is_stale(entry):
        since = ago(entry.at - timedelta(seconds=entry.data_age or 0), now)
        yield f'<p class="mark warn">{name}The ECU has no new data; its last ones were made {since}.</p>'
    if entry.report is not None and not isinstance(entry.report.problems, Unchanged):
        yield from (f'<p class="mark warn">{name}{text(problem)}</p>' for problem in entry.report.problems)


def _is_stale(entry: Entry) -> bool:
    """True if inverters are online and the data are older than an ECU ever has them."""
    awake = entry.report is not None and any(inverter.online for inverter in entry.report.inverters)
    return awake and entry.data_age is not None and entry.data_age > RENEWED.total_seconds()


# -- below ------------------------------------------------------------------------------------------------------------


def drawings(part: Part) -> str:
    """Today's curve and the energies of the last days, if there are any."""
    entry, tag = part.entry, part.headings[1]
    drawn = charts.curve(entry.curve, tag, f"curve-{part.number}") if entry.curve else ""
    if entry.energies:
        drawn += charts.bars(entry.energies, entry.at.date(), tag, f"days-{part.number}")
    return f'<div class="charts">{drawn}</div>' if drawn else ""


def inverters(part: Part, top: float, placed: frozenset[str], legend: str) -> str:
    """The inverters, without the panels that are `placed` on the roof, and the legend of their colors."""
    report = part.entry.report
    if report is None or not report.inverters:
        return ""
    _, tag, below = part.headings
    ident = f"inverters-{part.number}"
    listed = panels.cards(report.inverters, part.style, top, placed, below)
    head = f'<div class="head"><{tag} id="{ident}">Inverters</{tag}>{legend}</div>'
    return f'<section aria-labelledby="{ident}">{head}{listed}</section>'
