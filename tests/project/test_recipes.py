"""Each topic and each entity that the recipes and the README name is one of the table of metrics."""

import re
from pathlib import Path

import pytest

from aps2mqtt.base import metrics
from aps2mqtt.mqtt import topics

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "docs" / "node-red-flow.json", ROOT / "README.md"]
DEVICES = {metrics.ECU: "E", metrics.INVERTER: "E/I", metrics.PANEL: "E/I/1"}
KNOWN = {
    *(f"{DEVICES[metric.scope]}/{metric.topic}" for metric in metrics.TABLE.values()),
    *(f"E/{topic}" for topic in topics.HISTORY.values()),
    *("E", "E/I", "status", "check"),  # the objects in JSON, the presence of `run`, the message that `check` removes
}
page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)


def topics_in(text: str) -> set[str]:
    """Topics below `aps/`, with wildcards and names of devices as they are."""
    found = re.findall(r"""(?<![\w.-])aps/([^\s"'`),;|<]+)""", text)
    return {topic.rstrip("/.:") for topic in found} - {""}


def is_known(topic: str) -> bool:
    """True where a topic of ours matches `topic`."""
    parts = {"+": "[^/]+", "#": ".*"}
    device = r"\d{12}|\[(ECU|INVERTER)_ID\]|E|I"
    levels = [
        parts.get(level)
        or ("[EI]" if re.fullmatch(device, level) else r"\d" if level == "[PANEL_ID]" else None)
        or (r"\d" if level.isdigit() else re.escape(level))
        for level in topic.split("/")
    ]
    return any(re.fullmatch("/".join(levels), one) for one in KNOWN)


@page
def test_each_topic_is_one_of_the_table(page: Path) -> None:
    assert {topic for topic in topics_in(page.read_text(encoding="utf-8")) if not is_known(topic)} == set()


@page
def test_each_entity_is_one_of_the_table(page: Path) -> None:
    """Home Assistant names entities after the device and the label, or else the device class."""
    names = {True: set(), False: set()}
    for metric in metrics.TABLE.values():
        label = metric.label_of_panel("Panel 1") if metric.scope == metrics.PANEL else metric.label
        is_binary = metric.type is bool or metric is metrics.INVERTER_PROBLEM
        names[is_binary].add((label or metric.device_class or "").lower().replace(" ", "_"))
    for platform, name in re.findall(r"\b(sensor|binary_sensor)\.\w+?_\d{12}_(\w+)", page.read_text(encoding="utf-8")):
        assert re.sub(r"panel_\d", "panel_1", name) in names[platform == "binary_sensor"], name


def test_a_topic_and_an_entity_that_are_not_ours_are_found() -> None:
    """And those that are ours are read at all."""
    assert is_known("216000000001/801000000004/2/power")
    assert is_known("+/+/+/energy/today")
    assert not is_known("216000000001/801000000004/2/signal")
    assert not is_known("+/+/energy/lifetime")
    assert len(topics_in((ROOT / "docs" / "telegraf.md").read_text(encoding="utf-8"))) > 10
