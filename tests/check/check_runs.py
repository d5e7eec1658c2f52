"""Runs of `aps2mqtt check`, and what its steps found."""

from pathlib import Path
from zoneinfo import ZoneInfo

from parts import (
    NOON,
    replace,
    settings,
)

from aps2mqtt.check import check
from aps2mqtt.check.result import State, Step
from aps2mqtt.config import loading
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.plant import ECU_MODELS, Plant
from aps2mqtt.sources.endpoints import Limits

QUICK = Limits(resolve=2.0, connect=2.0, answer=2.0, newline=0.1, pauses=(0.05, 0.05), conversation=7.0)
HEALTHY = Plant(replace(ECU_MODELS["ECU-R-Pro"], firmware="ECU_R_PRO_2.1.17"), timezone=ZoneInfo("Europe/Paris"))
PARIS = {"APS_ECU_TIMEZONE": "Europe/Paris"}
ECU_STEPS = ("name", "lock", "connection", "0001", "0002", "0030", "sunspec")
BROKER_STEPS = ("broker", "TLS", "login", "message")


def walked(folder: Path, ecu_port: int, broker_port: int, limits: Limits = QUICK, **more: object) -> dict[str, Step]:
    """The steps by their names, which are unique with one ECU, two minutes after the data of a summer's noon."""
    environment = {name: str(value) for name, value in settings(ecu_port, broker_port, folder, **more).items()}
    (chosen,) = loading.load(None, environment)
    store = Store(chosen.state_directory, chosen.ecu.host, chosen.ecu.port)
    taken = {step.name: step for step in check.walk([(chosen, store)], lambda: NOON, limits, patience=0.1)}
    assert tuple(taken) == ("configuration", "state", "site", *ECU_STEPS, *BROKER_STEPS)
    return taken


def text(step: Step) -> str:
    """What it found, in one line."""
    return " | ".join(finding.text for finding in step.findings)


def remedies(step: Step) -> str:
    """What it advises, in one line."""
    return " | ".join(remedy for finding in step.findings for remedy in finding.remedies)


def states(taken: dict[str, Step], names: tuple[str, ...]) -> list[State]:
    return [taken[name].state for name in names]


def check_ends_at(taken: dict[str, Step], names: tuple[str, ...], name: str) -> None:
    """Of `names`, `name` failed; those before it were taken, those behind it skipped."""
    at = names.index(name)
    assert taken[name].state is State.FAILED
    assert State.FAILED not in states(taken, names[:at])
    assert set(states(taken, names[at + 1 :])) <= {State.SKIPPED}
