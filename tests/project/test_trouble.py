"""Every message of the program has its paragraph in docs/trouble.md, and every paragraph its message.

A message is known by its constant words up to the semicolon, with … for what differs from case to case.
"""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aps2mqtt.base import errors

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "trouble.md"
# Errors that are no JobError, and whose text becomes a line all the same; remarks, which become warnings.
ALSO = {"StateError", "JournalError", "Damaged", "RestartError", "ScenarioError", "Remark"}
LOGGED = {"warning", "error", "critical"}
# Functions that make a part of a message, or a mistake of the configuration.
PARTS = {
    "sources.ecu8899.client": {"_answer"},
    "sources.poll": {"_missing", "_of_both"},
    "mqtt.connection": {"_loop_until"},
    "mqtt.sessions": {"_loop_until"},
    "mqtt.failures": {"_refusal"},
    "mqtt.tls": {"failure", "_refused", "_distrust"},
    "jobs.job": {"_write_files"},
    "jobs.leaving": {"_unwritten"},
    "journal.store": {"_unusable"},
    "commands.health": {"_condition"},
    "truth.problems": {"in_words", "_of_counts", "_of_inverter", "_no_power"},
    "config.yaml_file": {
        "read",
        "_malformed",
        "_items",
        "_outside",
        "_slipped",
        "_rows",
        "_row",
        "_values",
        "_pairs",
        "_is_section",
    },
    "base.errors": {"described"},
    "config.systemd_credentials": {"unreadable"},
    "config.file_and_environment": {"_misplaced", "password_beside", "_with_secrets", "each_ecu"},
    "config.loading": {"_mistake", "_missing"},
    "config.names": {"_mistake"},
    "config.roof": {"_mistakes", "_mistakes_in"},
    "config.contradictions": {"contradictions", "twins", "readable_by_others", "near_misses", "doubts"},
}
FEWEST_WORDS = 2  # of a part: less is a name
KNOWN = {"broker.name": "the broker at …"}


def errors_of(modules: dict[str, ast.Module]) -> set[str]:
    """Names of the errors whose text is a message: JobError and its subclasses, wherever they are, and ALSO."""
    names = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    for tree in modules.values():
        names |= {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and {ast.unparse(base) for base in node.bases} & names
        }
    return names | ALSO


def shape(node: ast.AST, constants: dict[str, str]) -> str:
    """The constant words of a text, with … in place of all else; empty for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"%[-.0-9]*[sdfgr]", "…", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else KNOWN.get(ast.unparse(part.value), "…")
            for part in node.values
        )
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return shape(node.left, constants) + (shape(node.right, constants) or "…")
    return constants.get(ast.unparse(node), "")


def known_by(text: str) -> str:
    """What a message is known by: its cause, without what stands before its first word and behind its last."""
    cause = re.sub(r"\(…\)|(?<=…)[ :]*…", "", text.partition(";")[0])
    return re.sub(r"\s+", " ", cause).strip(" …:,.()=")


def texts(module: str, tree: ast.Module, errors: set[str]) -> Iterator[tuple[int, str]]:
    """Line and shape of each message, and of each part of one."""
    constants = {
        ast.unparse(node.targets[0]): node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            logged = name in LOGGED and ast.unparse(node.func).startswith("log.")
            raised = name in errors or ast.unparse(node.func) == "type(error)"
            if (logged or raised) and node.args:
                text = shape(node.args[0], constants)
                if text == "…" and len(node.args) > 1:
                    text = shape(node.args[1], constants)
                yield node.lineno, text
            if name in PARTS.get(module, ()):
                yield from ((one.lineno, shape(one, constants)) for one in node.args)
        if isinstance(node, ast.FunctionDef) and node.name in PARTS.get(module, ()):
            yield from _within(node, constants)


def _within(function: ast.FunctionDef, constants: dict[str, str]) -> Iterator[tuple[int, str]]:
    """The texts in the body of a function, its docstring and the messages of its own errors left out."""
    inner = {id(part) for node in ast.walk(function) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    logs = {id(one) for node in calls if ast.unparse(node.func).startswith("log.") for one in ast.walk(node)}
    for statement in function.body[bool(ast.get_docstring(function)) :]:
        for node in ast.walk(statement):
            if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and id(node) not in inner):
                text = shape(node, constants)
                if id(node) not in logs and len(re.findall(r"\w{2,}", text)) >= FEWEST_WORDS:
                    yield node.lineno, text


@functools.cache  # not while tests are collected, which every process of them does
def messages() -> dict[str, str]:
    """What each message of the program is known by, and where it is."""
    modules = {
        ".".join(path.relative_to(ROOT / "aps2mqtt").with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / "aps2mqtt").rglob("*.py"))
    }
    errors = errors_of(modules)
    return {
        known: f"{module}, line {line}"
        for module, tree in modules.items()
        for line, text in texts(module, tree, errors)
        if re.search(r"\w\W+\w", known := known_by(text))
    }


def listed() -> list[str]:
    """The messages as the page has them: headings of the third level, and the lists right below them."""
    page = PAGE.read_text(encoding="utf-8")
    return [match[1] for match in re.finditer(r"^(?:###|-) `([^`]*)`$", page, re.MULTILINE)]


def test_there_are_messages_of_every_kind():
    """The walk finds what is raised, logged, remarked, put together and constant."""
    assert len(messages()) > 100
    for known in (
        "the ECU at … refuses the connection",
        "closes it without an answer",
        "the broker at … refuses the login",
        "does not speak TLS on this port",
        "does not acknowledge messages in time",
        "inverter … has the unknown type",
        "the ECU hangs, and aps2mqtt cannot restart this model",
        "the state file … is damaged and will be replaced",
        "the list of ECUs is empty",
        "unknown inverter model",
    ):
        assert known in messages()


def test_every_message_has_its_paragraph():
    """Whoever searches the page for the words of a line finds what to do."""
    page = "\n".join(listed())
    assert not {known: place for known, place in messages().items() if known not in page}


@pytest.mark.parametrize("message", listed())
def test_every_paragraph_has_its_message(message):
    """What the program does not say any more leaves the page."""
    left = message
    for known in sorted(messages(), key=len, reverse=True):
        left = left.replace(known, "")
    assert not re.search(r"\w", left), f"{left!r} of {message!r} is in no message of the program"


def test_every_paragraph_says_something():
    """Behind a heading and its list stands text."""
    page = PAGE.read_text(encoding="utf-8")
    for part in page.split("\n### ")[1:]:
        words = re.sub(r"^- `.*`$", "", part.partition("\n")[2].partition("\n## ")[0], flags=re.MULTILINE)
        assert len(words.split()) > 5, part


def test_a_message_is_known_by_its_constant_words():
    """Up to the semicolon, without what differs."""
    for code, known in (
        ('f"the ECU at {name}:{port} is gone ({why}); look"', "the ECU at … is gone"),
        ('"%s is not there; make it"', "is not there"),
        ('f"{broker.name} sleeps"', "the broker at … sleeps"),
        ('"one " + "two; three"', "one two"),
    ):
        assert known_by(shape(ast.parse(code, mode="eval").body, {})) == known
