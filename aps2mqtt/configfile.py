"""The configuration file: YAML of two levels, sections with keys, every scalar read as text. The one user of PyYAML."""

from collections.abc import Iterator
from pathlib import Path

import yaml

NOTHING = ("", "~", "null", "Null", "NULL")  # where a section is expected; as a value they are text
Entry = tuple[str, str, str]  # section, key, value


def read(path: Path) -> tuple[list[Entry], list[str]]:
    """What the file says, and what is wrong with its form: one line per mistake.

    A key that stands outside of every section comes with its own name as the section.
    """
    try:
        document = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        return [], [f"{path} cannot be read: {error.strerror}"]
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        # Neither the error's text nor the line: both may hold a password.
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        return [], [f"{path} is no YAML{where}; put values with special characters in quotes"]
    mistakes: list[str] = []
    return list(_entries(path, document, mistakes)), mistakes


def _entries(path: Path, document: yaml.Node | None, mistakes: list[str]) -> Iterator[Entry]:
    for section, node in _pairs(document, f"{path}", mistakes):
        if isinstance(node, yaml.ScalarNode):
            if node.value not in NOTHING:
                yield section, section, node.value
            continue
        if isinstance(node, yaml.SequenceNode) and section == "ecu":
            mistakes.append(f"{path}: several ECUs are not there yet; give each a file and a job of its own")
            continue
        for name, value in _pairs(node, f"{path}: section {section}", mistakes):
            if isinstance(value, yaml.ScalarNode):
                yield section, name, value.value
            else:
                mistakes.append(f"{path}: {name} has to be one value")


def _pairs(node: yaml.Node | None, where: str, mistakes: list[str]) -> Iterator[tuple[str, yaml.Node]]:
    """Keys and values of a mapping, each key once; PyYAML lets a second one pass."""
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value in NOTHING):
        return
    if not isinstance(node, yaml.MappingNode):
        mistakes.append(f"{where} has to be lines of the form KEY: value")
        return
    seen = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            mistakes.append(f"{where} has a key at line {key.start_mark.line + 1} that is no word")
            continue
        name = str(key.value)
        if name in seen:
            mistakes.append(f"{where}: {name} stands there twice; keep one")
            continue
        seen.add(name)
        yield name, value
