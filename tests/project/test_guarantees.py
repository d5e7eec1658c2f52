"""Every rule of docs/guarantees.md names tests that hold it, and they are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RULE = re.compile(r"^(\d+)\. \*\*(.*?)(?=^\d+\. \*\*|^## |\Z)", re.MULTILINE | re.DOTALL)
RULES = RULE.findall((ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"))


def defined_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_rules_are_numbered_without_a_gap() -> None:
    assert [int(number) for number, _ in RULES] == list(range(1, len(RULES) + 1))
    assert len(RULES) > 20


def test_every_rule_names_tests_that_are_there() -> None:
    for number, text in RULES:
        named = re.findall(r"^ +- `(tests/\w+/test_\w+\.py)::(\w+)`$", text, re.MULTILINE)
        assert len(named) == text.count("::") > 0, number
        for path, name in named:
            assert name in defined_in(path), (number, path, name)
