"""Reads the configuration file: YAML of two levels, sections with keys, every scalar as text. Only user of PyYAML.

Section `ecu` may be a list of sections, one for each ECU. Section `roof` is a list of texts.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from aps2mqtt.base import files
from aps2mqtt.base.errors import leading_word
from aps2mqtt.config import systemd_credentials
from aps2mqtt.config.keys import SECTIONS
from aps2mqtt.config.names import SECTION as NAMES
from aps2mqtt.config.roof import EMPTY
from aps2mqtt.config.roof import SECTION as ROOF
from aps2mqtt.config.values import Section, is_nothing

MAX_BYTES = 1_000_000
ENCODING = "utf-8-sig"  # some editors put a byte order mark before the text
TEXT = "tag:yaml.org,2002:str"
# Patterns: a correct file needs none of them, so none is compiled beforehand.
OUR_KEY = r"(?P<key>(?P<word>APS|MQTT)_[A-Z_]+)"
# A key without a colon and a space before its value.
SLIP = rf"{OUR_KEY}(?::| *=) *(?P<value>\S+)"
KEY = r" *(?:- +)*[^\s:#'\"]+:(?=\s|$)"
OPENED = r"""[^#]*?: +(?P<quote>["'])(?:(?!(?P=quote)).)*$"""  # a single quotation mark on its line


def read(path: Path, environ: Mapping[str, str], mistakes: list[str]) -> list[Section]:
    """The sections of the file; adds the mistakes in its form to `mistakes`, one line each.

    A key outside of every section becomes a section of its own name, unless it is clear where it belongs.
    """
    text = ""
    try:
        readable = systemd_credentials.at_hand(path, environ, systemd_credentials.CONFIG)
        text = files.read(readable, MAX_BYTES).decode(ENCODING)
        document = yaml.compose(text, Loader=yaml.BaseLoader)
    except OSError as error:
        mistakes.append(systemd_credentials.unreadable(path, error, environ))
    except UnicodeDecodeError:
        mistakes.append(f"{path} is not UTF-8 text; save the file as UTF-8")
    except (yaml.YAMLError, RecursionError) as error:
        mistakes.append(_malformed(path, text, error))
    else:
        return list(_sections(path, document, mistakes))
    return []


def _malformed(path: Path, text: str, error: Exception) -> str:
    """The mistake in a file that is no YAML, without the error's text and the line: both may contain a password."""
    mark: yaml.Mark | None = getattr(error, "problem_mark", None)
    if mark is None:
        return f"{path} cannot be parsed as YAML; put values with special characters in quotes"
    if "flow" in str(getattr(error, "context", "")):  # a bracket that is not closed
        mark = getattr(error, "context_mark", mark) or mark
    raw = text.splitlines()
    lines = ["" if line.lstrip().startswith("#") else line.partition(" #")[0].rstrip(" ") for line in raw]
    here = lines[mark.line] if mark.line < len(lines) else ""
    before = next((number for number in reversed(range(min(mark.line, len(lines)))) if lines[number]), mark.line)
    if "\t" in here:
        return f"{path}, line {mark.line + 1}: YAML allows no tabs; use spaces"
    opened = next((number for number, line in enumerate(raw[: mark.line + 1], 1) if re.match(OPENED, line)), None)
    if opened is not None:
        return f"{path}, line {opened}: the quotation mark is not closed; add one at the end of the value"
    for number in (before, mark.line):
        if number < len(lines) and re.match(r" *[A-Za-z]", lines[number]) and not re.search(r":(\s|$)", lines[number]):
            return f"{path}, line {number + 1}: there is no colon followed by a space; write NAME: value"
    if (key := re.match(KEY, here)) and mark.column <= key.end() and _indent(here) != _indent(lines[before]):
        return (
            f"{path}, line {mark.line + 1}: the indentation differs from the lines before; start `ecu:` and `mqtt:` in "
            "the first column, and indent all settings of a section alike"
        )
    line, column = mark.line + 1, mark.column + 1
    return f"{path}, line {line}, column {column}: cannot be parsed; put values with special characters in quotes"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _sections(path: Path, document: yaml.Node | None, mistakes: list[str]) -> Iterator[Section]:
    if isinstance(document, yaml.ScalarNode) and (
        values := _slipped(path, document, list(SECTIONS.values()), mistakes)
    ):
        yield from (_outside(path, key, value, mistakes) for key, value in values.items())
        return
    for name, node in _pairs(document, f"{path}", mistakes):
        if name.lower() == ROOF:
            yield Section(name, f"{path}", listed=False, values=_rows(node, path, mistakes))
        elif isinstance(node, yaml.ScalarNode):
            if values := _slipped(path, node, [name], mistakes):
                yield Section(name, f"{path}", listed=False, values=values)
            elif not is_nothing(node.value):
                yield _outside(path, name, node.value, mistakes)
        elif isinstance(node, yaml.SequenceNode) and name.lower() == "ecu":
            yield from _items(path, name, node, mistakes)
        elif isinstance(node, yaml.SequenceNode) and name.lower() not in (*SECTIONS.values(), NAMES):
            yield Section(name, f"{path}", listed=False, values={"-": ""})  # is reported as no section of ours
        else:
            values = _values(node, f"{path}", f"{path}: section {leading_word(name)}", mistakes)
            yield Section(name, f"{path}", listed=False, values=values)


def _items(path: Path, name: str, node: yaml.SequenceNode, mistakes: list[str]) -> Iterator[Section]:
    if not node.value:
        mistakes.append(f"{path}: the list of ECUs is empty; add an item with APS_ECU_IP")
    for number, item in enumerate(node.value, 1):
        place = f"{path}, ECU {number}"
        if _is_section(item, place, mistakes):
            yield Section(name, place, listed=True, values=_values(item, place, place, mistakes))


def _outside(path: Path, name: str, value: str, mistakes: list[str]) -> Section:
    """A section for a key outside of every section; one of our keys is reported, and goes where it belongs."""
    section = name
    if ours := re.fullmatch(OUR_KEY, name):
        section = SECTIONS[ours["word"]]
        mistakes.append(f"{path}: {name} is not in a section; put it below `{section}:`, indented")
    return Section(section, f"{path}", listed=False, values={name: value})


def _slipped(path: Path, node: yaml.ScalarNode, names: Sequence[str], mistakes: list[str]) -> dict[str, str]:
    """The values of our keys if the user wrote KEY:value or KEY=value; YAML reads all of these as one text."""
    if node.style or not set(names) <= set(SECTIONS.values()) or not re.match(SLIP, node.value):
        return {}
    slips = list(re.finditer(SLIP, node.value))
    mistakes += [f"{path}: {slip['key']} has no colon and space after it; write {slip['key']}: VALUE" for slip in slips]
    return {slip["key"]: slip["value"] for slip in slips}


def _rows(node: yaml.Node, path: Path, mistakes: list[str]) -> dict[str, str]:
    """The texts of a list by their number, from 1; those with a mistake are an empty place."""
    if isinstance(node, yaml.ScalarNode) and is_nothing(node.value):
        return {}
    if not isinstance(node, yaml.SequenceNode):
        mistakes.append(f"{path}: section roof must be a list of rows; begin each row with a hyphen and a space")
        return {"1": EMPTY}
    return {f"{number}": _row(row, number, path, mistakes) for number, row in enumerate(node.value, 1)}


def _row(node: yaml.Node, number: int, path: Path, mistakes: list[str]) -> str:
    if not (isinstance(node, yaml.ScalarNode) and _is_text(node)):
        mistakes.append(f"{path}: row {number} of section roof must be text; write its panels with spaces between")
    elif node.start_mark.line != node.end_mark.line:
        mistakes.append(f"{path}: row {number} of section roof has several lines; begin each row with a hyphen")
    else:
        return str(node.value)
    return EMPTY


def _values(node: yaml.Node, place: str, where: str, mistakes: list[str]) -> dict[str, str]:
    values = {}
    for name, value in _pairs(node, where, mistakes):
        if name in (NAMES, ROOF) or (name in SECTIONS.values() and not isinstance(value, yaml.ScalarNode)):
            mistakes.append(f"{place}: {name} is a section of its own; start it in the first column")
        elif not isinstance(value, yaml.ScalarNode):
            mistakes.append(f"{place}: {leading_word(name)} must be a single value")
        elif _is_text(value):
            values[name] = str(value.value)
        else:
            mistakes.append(
                f"{place}: the value of {leading_word(name)} starts with a character that is special in YAML; "
                "put the value in quotes"
            )
    return values


def _is_text(node: yaml.ScalarNode) -> bool:
    """False for a tag, and for an anchor without text behind it: a password may begin with ! or &."""
    is_empty = node.start_mark.index == node.end_mark.index
    return node.tag == TEXT and (is_empty or bool(node.value or node.style))


def _pairs(node: yaml.Node | None, where: str, mistakes: list[str]) -> Iterator[tuple[str, yaml.Node]]:
    """Yields the keys and values of a mapping, each key once: PyYAML accepts a second one."""
    if not _is_section(node, where, mistakes) or not isinstance(node, yaml.MappingNode):
        return
    seen = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            mistakes.append(f"{where}: line {key.start_mark.line + 1} does not start with a name; write NAME: value")
            continue
        name = str(key.value)
        if name in seen:
            mistakes.append(f"{where}: {leading_word(name)} is set twice; remove one of them")
            continue
        seen.add(name)
        yield name, value


def _is_section(node: yaml.Node | None, where: str, mistakes: list[str]) -> bool:
    """True for a mapping and for an empty node; else adds a mistake to `mistakes`."""
    if node is None or isinstance(node, yaml.MappingNode):
        return True
    if isinstance(node, yaml.ScalarNode) and is_nothing(node.value):
        return True
    mistakes.append(f"{where} must have lines of the form NAME: value")
    return False
