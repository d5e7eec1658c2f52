"""The recipes speak of things that are there, and what they tell to copy can be read."""

import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from aps2mqtt import commands

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
REFERENCES = {
    "protocol.md",
    "hardware.md",
    "trouble.md",
    "quirks.md",
    "guarantees.md",
}  # no recipes: tests hold them to the program
RECIPES = [*PAGES, ROOT / "home_assistant_app" / "DOCS.md", ROOT / "Dockerfile", ROOT / "compose.yaml"]
READERS = {"yaml": lambda text: list(yaml.safe_load_all(text)), "json": json.loads, "toml": tomllib.loads}
PAGE_OF_COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
recipe = pytest.mark.parametrize("page", RECIPES, ids=lambda path: path.name)


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of each fenced block."""
    fence = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
    for match in fence.finditer(page.read_text(encoding="utf-8")):
        yield match[2], re.sub(rf"^{match[1]}", "", match[3], flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Those of headings, and those that are written out."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    named = re.findall(r'<a id="([^"]+)"></a>', text)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings} | set(named)


@recipe
def test_every_key_is_one_of_the_configuration(page: Path) -> None:
    keys = set(re.findall(r"\b(?:APS|MQTT)_[A-Z_]+\b", page.read_text(encoding="utf-8")))
    known = set(re.findall(r"\b(?:APS|MQTT)_[A-Z_]+\b", (ROOT / "config.yaml.example").read_text(encoding="utf-8")))
    assert keys <= known


@recipe
def test_every_command_is_one_of_the_program(page: Path) -> None:
    named = re.findall(r"(?:aps2mqtt|-c \S+) ([a-z]+)$", "\n".join(text for _, text in blocks(page)), re.MULTILINE)
    named += re.findall(r"`(?:aps2mqtt )([a-z]+)\b[^`]*`", page.read_text(encoding="utf-8"))
    assert set(named) <= commands.ABOUT.keys()


def test_the_readme_stays_short() -> None:
    """What a newcomer need not know has a page in docs/."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_readme_names_every_tested_inverter_and_ecu() -> None:
    """Those of docs/hardware.md."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    hardware = (ROOT / "docs" / "hardware.md").read_text(encoding="utf-8")
    for block in ("ecus", "inverters"):
        table = hardware.partition(f"begin {block} -->")[2].partition("<!--")[0]
        rows = re.findall(r"^\| ([A-Z][\w-]+)", table, re.MULTILINE)
        assert len(rows) > 4
        for model in rows:
            assert re.search(rf"\b{model}\b(?!-)", readme), model


def test_every_command_has_a_section_and_is_in_the_readme() -> None:
    """The section has an example."""
    sections = dict(re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", PAGE_OF_COMMANDS, re.MULTILINE | re.DOTALL))
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## Commands\n")[2].partition("\n## ")[0]
    for name in commands.ABOUT:
        assert re.search(rf"^\$ .*\baps2mqtt {name}\b", sections[name], re.MULTILINE), name
        assert f"`{name}`" in readme, name


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_is_to_be_copied_can_be_read(page: Path) -> None:
    for language, text in blocks(page):
        if read := READERS.get(language):
            assert read(text), text


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda path: path.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"\]\[(\w+)\]", text)) == set(re.findall(r"^\[(\w+)\]: https://", text, re.MULTILINE))
    for path, anchor in re.findall(r"\]\((?!https://)([^)#]*)#?([^)]*)\)", text):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor


def test_every_page_is_listed_and_says_whether_it_was_tried() -> None:
    """Or, of those that are no recipes, which test holds it to the program."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        first = page.read_text(encoding="utf-8").split("\n\n")[1]
        if page.name in REFERENCES:
            (test,) = re.findall(r"`(tests/\w+/test_\w+\.py)`", first)
            assert (ROOT / test).exists()
        elif page.name != "README.md":
            assert re.match("Tried|Untried", first), page
        assert page.name == "README.md" or f"({page.name})" in index, page


def test_the_flow_for_node_red_can_be_imported() -> None:
    nodes = json.loads((ROOT / "docs" / "node-red-flow.json").read_text(encoding="utf-8"))
    ids = {node["id"] for node in nodes}
    assert len(ids) == len(nodes)
    assert {target for node in nodes for output in node.get("wires", ()) for target in output} <= ids
    assert not any("credentials" in node for node in nodes)


def test_the_image_is_built_from_all_that_the_package_needs() -> None:
    """The context leaves out what `.dockerignore` does not let in, and the build then fails."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    allowed = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"], "LICENSE", "pyproject.toml"}
    needed |= set(re.findall(r"[\w-]+\.lock", (ROOT / "Dockerfile").read_text(encoding="utf-8")))
    assert {path for path in needed if not any(fnmatch(path, pattern) for pattern in allowed)} == set()


def test_the_image_has_one_base_which_a_release_can_replace_by_its_digest() -> None:
    """All stages come from it; a label names it, and another label describes the project as pyproject.toml does."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (base,) = re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}", "runtime", "runtime"]
    assert base in (ROOT / "scripts" / "test-image").read_text(encoding="utf-8")
    assert base in (ROOT / "docs" / "container.md").read_text(encoding="utf-8")
    assert "org.opencontainers.image.base.name=${BASE}" in text
    assert f'org.opencontainers.image.description="{project["description"]}"' in text


def test_compose_hands_in_the_secret_that_it_names() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["aps2mqtt"]
    assert [service["environment"]["MQTT_BROKER_PASSWD_FILE"]] == [f"/run/secrets/{key}" for key in service["secrets"]]
    assert set(compose["secrets"]) == set(service["secrets"])
    assert all(isinstance(value, str) for value in service["environment"].values())
