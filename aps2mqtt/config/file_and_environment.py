"""The values that the file and the environment set for each ECU, as text; the environment wins.

If neither has the broker's password, a file beside the configuration may have it. An empty value is an unset one.
YAML scalars are read as text, so a password of 0777 stays 0777.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from aps2mqtt.base import files
from aps2mqtt.base.errors import leading_word
from aps2mqtt.config import names, roof, systemd_credentials
from aps2mqtt.config.keys import (
    BROKER_PASSWORD,
    FILE_SUFFIX,
    MAX_FILE,
    NAMES,
    SECTIONS,
    NotAllowed,
    content_of,
    expanded,
    is_quoted,
    unquoted,
)
from aps2mqtt.config.values import Given, Section

MAX_SECRET = 10_000  # characters


def read_file(path: Path, environ: Mapping[str, str], mistakes: list[str]) -> list[Section]:
    """The sections of the file, with the known settings that have a value, names and roof; adds mistakes to `mistakes`.

    A setting in a wrong section counts all the same, so that it is not reported as missing too.
    """
    from aps2mqtt.config import yaml_file

    found = []
    for section in yaml_file.read(path, environ, mistakes):
        if section.name in (names.SECTION, roof.SECTION):
            found.append(section)
            continue
        values = {}
        for name, text in section.values.items():
            if mistake := _misplaced(name, section.name):
                mistakes.append(f"{section.place}: {mistake}")
            if text and name in NAMES:
                values[name] = text
        found.append(section._replace(values=values))
    return found


def _misplaced(name: str, section: str) -> str:
    """The mistake in a setting of this name in this section; empty: none."""
    if name in SECTIONS.values():
        return f"{name} must be a section; write its settings below it, indented, as NAME: value"
    if name not in NAMES:
        word = leading_word(name)
        if word in NAMES:
            return f"{word} has no colon and space after it; write {word}: VALUE"
        if section not in (*SECTIONS.values(), name):
            return f"{leading_word(section)!r} is not a section; use ecu, mqtt, names or roof"
        return f"{word!r} is not a setting{_meant(word)}"
    belongs = SECTIONS[name.partition("_")[0]]
    if belongs != section:
        case = " (lowercase)" if section.lower() == belongs else ""
        return f"{name} is in section {leading_word(section)!r}; move it to {belongs!r}{case}"
    return ""


def _meant(name: str) -> str:
    """A suggestion for a name that is not one of our keys."""
    import difflib

    close = difflib.get_close_matches(name.upper(), NAMES, 1)
    return f"; did you mean {close[0]}?" if close else "; see config.yaml.example for all settings"


class GivenEcu(NamedTuple):
    """The values that were set for one ECU; `place` is its item in the file's list, empty if there is no list."""

    place: str
    given: dict[str, Given]


def _each_address(given: dict[str, Given]) -> Iterator[GivenEcu]:
    """Yields an ECU for each address in APS_ECU_IP; all other values apply to all of them."""
    address = given.get("APS_ECU_IP")
    # A login or quotation marks are one mistake of the whole value, even if it contains commas.
    if address is None or "@" in address.text or is_quoted(address.text):
        yield GivenEcu("", given)
        return
    for text in address.text.split(","):
        yield GivenEcu("", {**given, "APS_ECU_IP": address._replace(text=text)})


def _with_secrets(
    named: Mapping[str, str], where: str, environ: Mapping[str, str], mistakes: list[str]
) -> dict[str, Given]:
    """The values of `named`; each NAME_FILE is replaced by NAME with the text of that file."""
    given = {}
    for name, text in named.items():
        if not name.endswith(FILE_SUFFIX):
            given[name] = Given(text, where)
            continue
        key = name.removesuffix(FILE_SUFFIX)
        if key in named:
            mistakes.append(f"{key} and {name} are both set {where}; remove one of them")
            continue
        try:
            secret = _secret_in(content_of(unquoted(text), environ))
        except (OSError, UnicodeDecodeError, NotAllowed) as error:
            allowed = str(error) if isinstance(error, NotAllowed) else "a file of UTF-8 text"
            # Without its value: some users put the password there.
            mistakes.append(f"{name} must be {allowed} ({Given(text, where).place})")
            given[key] = Given("", where)  # so that the key is not reported as missing too
            continue
        if secret:  # an empty value is an unset one, as everywhere
            given[key] = Given(secret, f"by {name} {where}", Path(expanded(text)))
    return given


def _secret_in(content: bytes) -> str:
    """The text of a file without its final newline and without the byte order mark of some editors."""
    return content.decode("utf-8-sig")[:MAX_SECRET].rstrip("\r\n")


def password_beside(path: Path, environ: Mapping[str, str], mistakes: list[str]) -> dict[str, Given]:
    """The broker's password: the first line of a file beside the configuration. Empty if there is none."""
    named = path.with_name(systemd_credentials.PASSWORD)
    found = systemd_credentials.at_hand(named, environ)
    if not os.path.exists(found):  # noqa: PTH110 - Path.exists raises in a folder that is closed to us
        return {}
    where = f"in {named}"
    try:
        lines = _secret_in(files.read(found, MAX_FILE)).splitlines()
    except UnicodeDecodeError:
        mistakes.append(f"{BROKER_PASSWORD} must be a file of UTF-8 text ({named})")
    except OSError as error:
        mistakes.append(systemd_credentials.unreadable(named, error, environ))
    else:
        return {BROKER_PASSWORD: Given(lines[0], where, named)} if lines and lines[0] else {}
    return {BROKER_PASSWORD: Given("", where)}


def each_ecu(sections: Iterable[Section], environ: Mapping[str, str], mistakes: list[str]) -> list[GivenEcu]:
    """The values that the file and the environment set for each ECU; the environment wins."""
    below: dict[str, Given] = {}
    items: list[GivenEcu] = []
    for section in sections:
        given = _with_secrets(section.values, f"in {section.place}", environ, mistakes)
        if section.listed:
            items.append(GivenEcu(f" in {section.place}", given))
        else:
            below |= given
    in_environ = {name: environ[name] for name in NAMES if environ.get(name)}
    above = _with_secrets(in_environ, "in the environment", environ, mistakes)
    if items and "APS_ECU_IP" in above:
        mistakes.append(
            "APS_ECU_IP is set in the environment, and the file has a list of ECUs; remove it from the environment "
            "(--ecu selects one of the list)"
        )
        del above["APS_ECU_IP"]
    return [item._replace(given=below | item.given | above) for item in items] or list(_each_address(below | above))
