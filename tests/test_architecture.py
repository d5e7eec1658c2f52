"""Imports point down, and third parties are confined."""

import ast
from pathlib import Path

import pytest

from aps2mqtt import commands

PACKAGE = Path(__file__).parent.parent / "aps2mqtt"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}
COMMANDS = sorted(module for module in MODULES if module.startswith("commands."))
# From the top down: a module imports only from those that come after it.
ORDER = (
    "__main__",
    "cli",
    *COMMANDS,
    "screen.terminal",
    "console",
    "logs",
    "demo",
    "daemon",
    "systemd",
    "schedule",
    "upkeep",
    "check",
    "diagnosis",
    "history",
    "capture",
    "view",
    "job",
    "lock",
    "state",
    "mqtt.presence",
    "mqtt.publisher",
    "mqtt.reasons",
    "screen.timetable",
    "steps",
    "screen.svg",
    "screen.chart",
    "series",
    "screen.picture",
    "screen.listing",
    "mqtt.retained",
    "mqtt.layout",
    "mqtt.discovery",
    "mqtt.topics",
    "window",
    "rhythm",
    "recovery",
    "problems",
    "truth",
    "counters",
    "energy",
    "ecu.simulator",
    "ecu.restart",
    "sun",
    "ecu.fixture",
    "ecu.redaction",
    "ecu.finder",
    "ecu.dumps",
    "ecu.dissect",
    "ecu.client",
    "ecu.snapshot",
    "ecu.protocol",
    "ecu.wire",
    "deadline",
    "tls",
    "config",
    "configfile",
    "units",
    "credentials",
    "files",
    "limits",
    "model",
    "errors",
    "printable",
)
CONFINED = {
    "paho": {"mqtt.publisher", "mqtt.presence"},
    "environs": {"config"},
    "yaml": {"configfile"},
    "apscheduler": {"schedule"},
    "astral": {"sun"},
    "amqtt": {"demo"},
    "http": {"ecu.restart"},
    "socket": {"ecu.client", "ecu.simulator", "lock", "mqtt.publisher", "demo", "systemd"},
}
PURE = (
    "ecu.wire",
    "ecu.protocol",
    "ecu.snapshot",
    "ecu.dissect",
    "ecu.finder",
    "ecu.dumps",
    "ecu.redaction",
    "ecu.fixture",
    "screen.listing",
    "counters",
    "energy",
    "limits",
    "truth",
    "problems",
    "rhythm",
    "mqtt.topics",
    "mqtt.discovery",
    "mqtt.layout",
    "mqtt.reasons",
    "mqtt.retained",
    "window",
    "recovery",
    "screen.picture",
    "screen.timetable",
    "steps",
    "diagnosis",
    "series",
    "screen.chart",
    "screen.svg",
    "model",
    "printable",
)
IMPURE = {"socket", "time", "logging", "os", "pathlib", "threading", "random", "subprocess"}
CLOCK_OWNERS = {*COMMANDS, "demo", "daemon", "schedule", "ecu.simulator"}
CLOCKS = {"now", "today", "utcnow", "time"}


def imported(module: str) -> set[str]:
    """Modules that `module` imports, wherever in it."""
    names = set()
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_every_module_has_its_place() -> None:
    """One that is added has to be put in order."""
    assert set(ORDER) == MODULES.keys()


def test_every_command_is_listed() -> None:
    """And only those that there are."""
    assert {f"commands.{name}" for name in commands.ABOUT} == set(COMMANDS)


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_down(module: str) -> None:
    """Data flows one way, and so does knowledge."""
    ours = {name.removeprefix("aps2mqtt.") for name in imported(module)} & MODULES.keys()
    assert ours <= set(ORDER[ORDER.index(module) + 1 :])


@pytest.mark.parametrize("library", CONFINED)
def test_a_library_is_known_to_few_modules(library: str) -> None:
    """So that it can be replaced; sockets are for those who talk to the network or hold the lock."""
    users = {module for module in MODULES if any(name.partition(".")[0] == library for name in imported(module))}
    assert users == CONFINED[library]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_know_no_socket_clock_log_or_file(module: str) -> None:
    """Time is an argument."""
    assert not {name.partition(".")[0] for name in imported(module)} & IMPURE


@pytest.mark.parametrize("module", sorted(set(ORDER) - CLOCK_OWNERS))
def test_nothing_below_the_command_line_asks_for_the_date(module: str) -> None:
    """The monotonic clock, of deadlines, is no date."""
    calls = [
        node.func.attr
        for node in ast.walk(MODULES[module])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    assert not CLOCKS & set(calls)


def test_a_session_with_the_broker_never_sleeps() -> None:
    """It waits for the network alone; the pause that the demo's broker needs is the demo's."""
    assert "time" not in imported("mqtt.publisher")


def test_broad_excepts_are_at_the_boundaries_only() -> None:
    """The command line's and the scheduler's; and the helper that hands a failure from thread to thread.

    And a job's, which a memory that it cannot bear must not end.
    """
    broad = {
        module
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    }
    assert broad == {"cli", "commands.once", "daemon", "deadline", "job"}
