"""The result of each step of a job, as text for people and as JSON for machines. Pure.

Step -> lines of a terminal
steps -> JSON document, exit status
"""

import re
import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from aps2mqtt.base.errors import ExitStatus, JobError, gravest
from aps2mqtt.base.names import Names, named
from aps2mqtt.base.printable import printable
from aps2mqtt.screen.canvas import BOLD, DIM, GREEN, RED, YELLOW, painted

# The titles of steps whose names people do not use.
TITLES = {
    "state": "state file",
    "0001": "totals (0001)",
    "0002": "inverters (0002)",
    "0030": "signals (0030)",
    "sunspec": "SunSpec",
    "broker": "connection",
}
MARGIN = 19  # columns of mark and title
REMEDY = "→ "
NARROWEST = 20  # columns of text, even in a narrower terminal


class State(StrEnum):
    """How a step ended. A job would succeed in spite of a warning."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


MARKS = {State.OK: ("✓", GREEN), State.WARNING: ("!", YELLOW), State.FAILED: ("✗", RED), State.SKIPPED: ("–", DIM)}  # noqa: RUF001 - a dash


class Finding(NamedTuple):
    """One thing that a step found, and its remedies if it is a problem.

    A text that begins with two blanks is a row of a table; its last column begins after the last two blanks.
    """

    text: str
    remedies: tuple[str, ...] = ()


BROKER = "broker"  # `Step.of` begins with this word in the steps of the broker


class Step(NamedTuple):
    """One step of a job, as it was tried."""

    name: str
    state: State
    findings: tuple[Finding, ...] = ()
    details: Mapping[str, object] = {}  # for machines; types that JSON knows
    status: ExitStatus = ExitStatus.OK  # exit status of a job that fails here
    of: str = ""  # which ECU or broker; empty: this machine
    brief: tuple[str, ...] | None = None  # the findings in short, for a step that is fine; empty: not worth a line

    def shown(self, *, everything: bool) -> tuple[Finding, ...]:
        """The findings for people: `everything`, or in short with all problems and their remedies."""
        if everything or self.brief is None or self.state is State.FAILED:
            return self.findings
        brief = [Finding(text) for text in self.brief]
        problems = [finding for finding in self.findings if finding.remedies]
        return (*brief[:1], *problems, *brief[1:])


def with_names(step: Step, names: Names) -> Step:
    """The step with people's names before the serial numbers in its texts."""
    findings = (one._replace(text=named(one.text, names)) for one in step.findings)
    brief = None if step.brief is None else tuple(named(text, names) for text in step.brief)
    return step._replace(findings=tuple(findings), brief=brief)


def judged(
    name: str,
    findings: Iterable[Finding | None],
    details: Mapping[str, object],
    brief: Iterable[str] | None = None,
) -> Step:
    """A step that was tried: a warning if a finding has a remedy, otherwise OK. None is no finding."""
    found = tuple(finding for finding in findings if finding is not None)
    state = State.WARNING if any(finding.remedies for finding in found) else State.OK
    return Step(name, state, found, details, brief=None if brief is None else tuple(brief))


def failed(name: str, error: JobError, *more: str) -> Step:
    """A step that failed with `error`; `more` are further remedies beside the one that the error names."""
    cause, remedies = explained(str(error))
    return Step(name, State.FAILED, (Finding(cause, remedies + more),), status=error.status)


def skipped(name: str, why: str, brief: Iterable[str] | None = None) -> Step:
    """A step that was not tried."""
    return Step(name, State.SKIPPED, (Finding(why),), brief=None if brief is None else tuple(brief))


def explained(line: str, otherwise: str = "") -> Finding:
    """The finding in an error's line: the cause and, after a semicolon, the remedy; `otherwise` if it has none."""
    cause, _, remedy = line.partition("; ")
    if remedy.startswith(("it is ", "they are ")):  # the value of a setting, and no remedy
        cause, remedy = line, ""
    remedy = remedy or otherwise
    return Finding(cause, (remedy,) if remedy else ())


def status(steps: Iterable[Step]) -> ExitStatus:
    """The exit status of a job: the ECU's if it failed, else the broker's; the gravest of several ECUs."""
    worst: dict[str, ExitStatus] = {}
    for step in steps:
        worst[step.of] = gravest((worst.get(step.of, ExitStatus.OK), step.status))
    machine = worst.pop("", ExitStatus.OK)
    broker = next((found for of, found in worst.items() if of.startswith(BROKER)), ExitStatus.OK)
    ecus = (found or broker for of, found in worst.items() if not of.startswith(BROKER))
    return gravest((machine, *ecus))


# -- for people -------------------------------------------------------------------------------------------------------


def lines(step: Step, before: Step | None, *, width: int, color: bool, everything: bool = False) -> Iterator[str]:
    """The lines of `step`, below those of `before`, the last step that has lines. Colors are the only escape codes.

    Without `everything`, a step that is fine is shown in short, or not at all.
    """
    shown = step.shown(everything=everything)
    if not shown and step.state in (State.OK, State.SKIPPED):
        return
    if step.of != (before.of if before is not None else ""):
        yield ""
        if step.of:
            yield painted(BOLD, printable(step.of), color=color)
    mark, paint = MARKS[step.state]
    beside, *below = [*_wrapped(shown, width), ""]
    title = f" {_title(step)}".ljust(MARGIN - len(mark))
    if step.state is State.SKIPPED:
        whole = [f"{mark}{title}{beside[MARGIN:]}".rstrip(), *below[:-1]]
        yield from (painted(DIM, line, color=color) for line in whole)
    else:
        yield f"{painted(paint, mark, color=color)}{title}{beside[MARGIN:]}".rstrip()
        yield from below[:-1]


def summary(steps: Collection[Step], width: int, *, color: bool = False) -> list[str]:
    """How the steps ended, in lines of `width` columns."""
    warnings = sum(step.state is State.WARNING for step in steps)
    counted = f" {warnings} warning{'s' if warnings > 1 else ''}." if warnings else ""
    failures = ", ".join(_whole_title(step) for step in steps if step.state is State.FAILED)
    outcome, paint, ending = "Ready", GREEN, "a job would succeed."
    if failures:
        outcome, paint, ending = "Not ready", RED, f"{failures} failed. Exit status {status(steps):d}."
    first, *others = _wrap(f"{outcome}: {ending}{counted}", width, "", "")
    return [painted(paint, outcome, color=color) + first.removeprefix(outcome), *others]


def _title(step: Step) -> str:
    return TITLES.get(step.name, step.name)


def _whole_title(step: Step) -> str:
    return f"{_title(step)} of {printable(step.of)}" if step.of else _title(step)


def _wrapped(findings: Iterable[Finding], width: int) -> Iterator[str]:
    """The findings, each with its remedies below it, behind a margin for the title of the step."""
    for finding in findings:
        text = printable(finding.text)
        table = re.match(r"  (?:.*\s\s)?(?=\S)", text)
        margin, hanging = ("", " " * table.end()) if table else (" " * MARGIN, " " * (MARGIN + 2))
        yield from _wrap(text, width, margin, hanging)
        for remedy in finding.remedies:
            yield from _wrap(printable(remedy), width, " " * MARGIN + REMEDY, " " * (MARGIN + len(REMEDY)))


def _wrap(text: str, width: int, first: str, others: str) -> list[str]:
    widest = max(width, len(others) + NARROWEST)
    return textwrap.wrap(text, widest, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


# -- for machines -----------------------------------------------------------------------------------------------------


def document(steps: Collection[Step]) -> dict[str, object]:
    """All steps in types that JSON knows, and the exit status."""
    return {"status": int(status(steps)), "steps": [_object(step) for step in steps]}


def _object(step: Step) -> dict[str, object]:
    return {
        "of": step.of,
        "name": step.name,
        "state": step.state,
        "found": [finding.text.strip() for finding in step.findings],
        "remedy": [remedy for finding in step.findings for remedy in finding.remedies],
        "status": int(step.status),
        "details": step.details,
    }
