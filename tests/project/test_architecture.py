"""Rooms import downwards, third parties are confined, the core is pure. CONTRIBUTING draws the same house."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aps2mqtt import commands

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "aps2mqtt"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
# From the top down, as CONTRIBUTING draws them: a room imports only from those that come after it.
ROOMS = re.findall(r"^    (\w+)(?:\.py|/) ", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
# Their docstrings say so: data in, data out.
PURE = [module for module, text in MODULES.items() if re.search(r'\A"""[^"]*\b[Pp]ure\b', text)]
IMPURE = {"socket", "time", "logging", "os", "pathlib", "threading", "random", "subprocess"}
CONFINED = {
    "paho": {"mqtt.connection", "mqtt.presence"},
    "environs": {"config.environment"},
    "yaml": {"config.yaml_file"},
    "apscheduler": {"service.scheduler"},
    "astral": {"base.sun"},
    "amqtt": {"simulator.demo"},
    "pymodbus": {"sources.sunspec.client"},
    "prometheus_client": {"prometheus.exposition"},
    "http": {"sources.ecu8899.restart"},
    "socket": {
        "sources.endpoints",
        "sources.ecu8899.client",
        "sources.lock",
        "mqtt.connection",
        "mqtt.failures",
        "service.systemd",
        "setup.kernel",
        "setup.scan",
        "simulator.server",
        "simulator.modbus",
        "simulator.demo",
    },
}
MAY_ASK_FOR_THE_DATE = ("commands.", "service.", "simulator.")
CLOCKS = {"now", "today", "utcnow", "time"}
BROAD = {"cli", "commands.once", "service.daemon", "base.deadline", "jobs.job"}


def room(module: str) -> str:
    """The first part of its name."""
    return module.partition(".")[0]


@functools.cache  # not while tests are collected, which every process of them does
def tree(module: str) -> ast.Module:
    """The code of a module."""
    return ast.parse(MODULES[module])


def imported(module: str) -> Iterator[str]:
    """What `module` imports, wherever in it; ours without the name of the package."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
            yield from (name.removeprefix("aps2mqtt.") for name in names)


def test_the_map_in_contributing_has_every_room() -> None:
    """At the root of the package lies nothing else."""
    assert sorted(ROOMS) == sorted({room(module) for module in MODULES} - {"__init__"})


@pytest.mark.parametrize("module", MODULES)
def test_rooms_import_downwards(module: str) -> None:
    """Data flows one way, and so does knowledge; so there is no circle between rooms either."""
    ours = {room(name) for name in imported(module)} & set(ROOMS)
    assert room(module) == "__init__" or ours <= set(ROOMS[ROOMS.index(room(module)) :])


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Within a room: the modules that import no other are taken away, until none is left."""
    left = {module: {name for name in imported(module) if name in MODULES} - {module} for module in MODULES}
    while free := {module for module, below in left.items() if not below & left.keys()}:
        left = {module: below for module, below in left.items() if module not in free}
    assert not left


def test_every_command_is_listed() -> None:
    """`common` is what they share."""
    modules = {module.removeprefix("commands.") for module in MODULES if module.startswith("commands.")}
    assert set(commands.ABOUT) == modules - {"__init__", "common"}


@pytest.mark.parametrize("library", CONFINED)
def test_a_library_is_known_to_few_modules(library: str) -> None:
    """So that it can be replaced; sockets are for those who talk to the network, tell its errors or hold the lock."""
    assert {module for module in MODULES if library in map(room, imported(module))} == CONFINED[library]


def test_what_is_true_and_how_frames_are_read_is_pure() -> None:
    """As their docstrings say: of these rooms every module, but for what talks to the ECU."""
    ours = {module for module in MODULES if module.startswith(("truth.", "sources.ecu8899.", "sources.sunspec."))}
    assert ours - set(PURE) == {
        "sources.sunspec.__init__",
        "sources.sunspec.client",
        "sources.sunspec.reading",
        "sources.ecu8899.__init__",
        "sources.ecu8899.client",
        "sources.ecu8899.history_client",
        "sources.ecu8899.restart",
    }


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_know_no_socket_clock_log_or_file(module: str) -> None:
    """Time is an argument."""
    assert not IMPURE & set(map(room, imported(module)))


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith(MAY_ASK_FOR_THE_DATE)])
def test_nothing_below_the_commands_asks_for_the_date(module: str) -> None:
    """The monotonic clock, of deadlines, is no date."""
    calls = (node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call))
    assert not CLOCKS & {function.attr for function in calls if isinstance(function, ast.Attribute)}


def test_a_session_with_the_broker_never_sleeps() -> None:
    """It waits for the network alone; the pause that the demo's broker needs is the demo's."""
    assert "time" not in {*imported("mqtt.sessions"), *imported("mqtt.connection")}


def test_broad_excepts_are_at_the_boundaries_only() -> None:
    """The command line's and the scheduler's; and the helper that hands a failure from thread to thread.

    And a job's, which a memory that it cannot bear must not end.
    """
    broad = {"Exception", "BaseException"}
    assert {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in broad)
    } == BROAD


@pytest.mark.parametrize("module", MODULES)
def test_files_and_functions_are_short(module: str) -> None:
    """400 lines and 40 at the most."""
    assert len(MODULES[module].splitlines()) <= 400
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name
