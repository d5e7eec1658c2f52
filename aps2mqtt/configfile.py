"""The configuration file: YAML of two levels, sections with keys, every scalar read as text. The one user of PyYAML.

Section `ecu` may be a list of sections, one for each ECU.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from aps2mqtt import credentials, files
from aps2mqtt.errors import leading_word

MAX_BYTES = 1_000_000
ENCODING = "utf-8-sig"  # some editors put a byte order mark before the text
TEXT = "tag:yaml.org,2002:str"
NOTHING = ("", "~", "null", "Null", "NULL")  # where a section is expected; as a value they are text


class Section(NamedTuple):
    """A section as it stands in the file."""

    name: str
    place: str  # the file, and which ECU of the list
    listed: bool  # it is an item of a list
    values: dict[str, str]


def read(path: Path, environ: Mapping[str, str]) -> tuple[list[Section], list[str]]:
    """What the file says, and what is wrong with its form: one line per mistake.

    A key that stands outside of every section comes with its own name as the section.
    """
    text = ""
    try:
        text = files.read(credentials.at_hand(path, environ, credentials.CONFIG), MAX_BYTES).decode(ENCODING)
        document = yaml.compose(text, Loader=yaml.BaseLoader)
    except OSError as error:
        return [], [credentials.unreadable(path, error, environ)]
    except UnicodeDecodeError:
        return [], [f"{path} is no text in UTF-8; save it as that"]
    except (yaml.YAMLError, RecursionError) as error:
        return [], [_malformed(path, text, getattr(error, "problem_mark", None))]
    mistakes: list[str] = []
    return list(_sections(path, document, mistakes)), mistakes


def _malformed(path: Path, text: str, mark: yaml.Mark | None) -> str:
    """Without the error's text and without the line: both may hold a password."""
    if mark is not None and "\t" in "".join(text.splitlines()[mark.line : mark.line + 1]):
        return f"{path} has a tab at line {mark.line + 1}; use spaces instead"
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return f"{path} is no YAML{where}; put values with special characters in quotes"


def _sections(path: Path, document: yaml.Node | None, mistakes: list[str]) -> Iterator[Section]:
    for name, node in _pairs(document, f"{path}", mistakes):
        if isinstance(node, yaml.ScalarNode):
            if node.value not in NOTHING:
                yield Section(name, f"{path}", listed=False, values={name: node.value})
        elif isinstance(node, yaml.SequenceNode) and name == "ecu":
            if not node.value:
                mistakes.append(f"{path}: the list of ECUs is empty")
            for number, item in enumerate(node.value, 1):
                place = f"{path}, ECU {number}"
                if _is_section(item, place, mistakes):
                    yield Section(name, place, listed=True, values=_values(item, place, place, mistakes))
        else:
            values = _values(node, f"{path}", f"{path}: section {leading_word(name)}", mistakes)
            yield Section(name, f"{path}", listed=False, values=values)


def _values(node: yaml.Node, place: str, where: str, mistakes: list[str]) -> dict[str, str]:
    values = {}
    for name, value in _pairs(node, where, mistakes):
        if not isinstance(value, yaml.ScalarNode):
            mistakes.append(f"{place}: {leading_word(name)} has to be one value")
        elif _is_text(value):
            values[name] = str(value.value)
        else:
            mistakes.append(
                f"{place}: {leading_word(name)} begins with a character that YAML does not take for text; "
                "put the value in quotes"
            )
    return values


def _is_text(node: yaml.ScalarNode) -> bool:
    """False for a tag, or for an anchor with nothing behind it: a password may begin with ! or &."""
    is_empty = node.start_mark.index == node.end_mark.index
    return node.tag == TEXT and (is_empty or bool(node.value or node.style))


def _pairs(node: yaml.Node | None, where: str, mistakes: list[str]) -> Iterator[tuple[str, yaml.Node]]:
    """Keys and values of a mapping, each key once; PyYAML lets a second one pass."""
    if not _is_section(node, where, mistakes) or not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            mistakes.append(f"{where} has a key at line {key.start_mark.line + 1} that is no word")
            continue
        name = str(key.value)
        if name in seen:
            mistakes.append(f"{where}: {leading_word(name)} stands there twice; keep one")
            continue
        seen.add(name)
        yield name, value


def _is_section(node: yaml.Node | None, where: str, mistakes: list[str]) -> bool:
    """True for keys with values, and for nothing at all."""
    if node is None or isinstance(node, yaml.MappingNode):
        return True
    if isinstance(node, yaml.ScalarNode) and node.value in NOTHING:
        return True
    mistakes.append(f"{where} has to be lines of the form KEY: value")
    return False
