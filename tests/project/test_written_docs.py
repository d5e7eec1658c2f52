"""The tables in docs/ are those of the code and of the captured frames; the project has one address."""

import json
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from aps2mqtt.sources.ecu8899 import layouts, tables

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def write_docs():
    """scripts/write-docs as a module."""
    loader = SourceFileLoader("write_docs", str(ROOT / "scripts" / "write-docs"))
    module = module_from_spec(spec_from_loader("write_docs", loader))
    loader.exec_module(module)
    return module


def test_the_written_tables_are_current(write_docs):
    """Run `scripts/write-docs` with the environment's Python, and commit what it changes."""
    for path, text in write_docs.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not current: run scripts/write-docs"


def test_every_layout_of_the_protocol_is_in_a_table(write_docs):
    """One that is added to the code has to find its place on the page."""
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    written = [
        value
        for value in vars(tables).values()
        if isinstance(value, tuple) and value and isinstance(value[0], layouts.Field)
    ]
    written += tables.SYSTEM_INFO_LAYOUTS.values()
    written += tables.ENERGY_POINTS
    assert len(written) > 10
    for layout in written:
        for field in layout:
            words = field.name.startswith(("power_", "voltage_"))
            assert words or f"`{field.name}` | {write_docs.ENCODINGS[type(field)]} |" in page


def test_every_capture_is_in_the_list_of_hardware():
    page = (ROOT / "docs" / "hardware.md").read_text(encoding="utf-8")
    for path in (ROOT / "tests" / "captures").glob("*.json"):
        capture = json.loads(path.read_text(encoding="utf-8"))
        assert f"| {capture['ecu_model']} | {capture['firmware'] or 'unknown'} |" in page, (
            f"{path.name} is not listed: run scripts/write-docs"
        )
        assert capture["source"] in page, f"the source of {path.name} is not listed: run scripts/write-docs"


def test_a_capture_that_nobody_understands_yet_is_in_the_list_of_hardware(write_docs):
    """`aps2mqtt capture` leaves `decoded` null then; its models are known by the UIDs, its types are not."""
    capture = {
        "command": "0002",
        "ecu_model": "ECU-R (2160)",
        "firmware": "ECU_R_1.4.0",
        "inverters": ["DS3"],
        "source": "https://github.com/somebody/something/issues/1",
        "decoded": None,
    }
    blocks = write_docs.hardware_blocks([capture])
    row = "| ECU-R (2160) | ECU_R_1.4.0 | DS3 | 0002 | [somebody #1](https://github.com/somebody/something/issues/1) |"
    assert row in blocks["ecus"]
    assert "DS3" not in blocks["inverters"]


def test_the_tables_say_what_literal_rows_of_them_say():
    """Offset, width, name, encoding, scale and unit, and the comment beside the row."""
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    for row in (
        "| 27 | 4 | `lifetime_energy` | unsigned | 0.1 kWh |  |",
        "| 35 | 4 | `energy_today` | unsigned | 0.01 kWh |  |",
        "| 46 | 2 | `registered` | unsigned |  | inverters |",
        "| 58 + f + t | 6 | `wired_mac` | bytes |  |  |",
        "| 11 | 2 | `temperature` | unsigned | degC, 100 more than it is |  |",
        "| `02` | 27 | P1 V1 P2 V2 P3 V3 P4 | YC1000, QT2; V1..V3 are L1..L3 |",
        "| 0002 | the inverters | `APS1100280002216000000001END` |",
        "From byte 26 on: the records, `count` of them, up to `END`.",
    ):
        assert f"{row}\n" in page


def test_readme_docs_and_forms_name_one_address_of_the_project(write_docs):
    """That of pyproject.toml. The predecessor's is another project's."""
    pages = [
        *(ROOT / name for name in ("README.md", "SECURITY.md", "Dockerfile")),
        *(ROOT / ".github").rglob("*.yml"),
        *(ROOT / "docs").glob("*.md"),
    ]
    named = {page: write_docs.addresses(page.read_text(encoding="utf-8")) for page in pages}
    assert set().union(*named.values()) == {write_docs.home()}, named
    assert named[ROOT / "README.md"]
    assert write_docs.PREDECESSOR in (ROOT / "README.md").read_text(encoding="utf-8")


def test_an_address_that_is_set_in_pyproject_reaches_every_link(write_docs):
    """Whatever stood there before."""
    text = "git clone https://github.com/OWNER/aps2mqtt, [x](https://old.example/o.w-n/aps2mqtt/issues), "
    text += f"{write_docs.PREDECESSOR}/issues, https://github.com/o/aps2mqtt2"
    changed = write_docs.addressed(text, "https://github.com/new/aps2mqtt")
    assert changed == text.replace("OWNER/aps2mqtt,", "new/aps2mqtt,").replace("old.example/o.w-n", "github.com/new")
    assert write_docs.addresses(text) == {"https://github.com/OWNER/aps2mqtt", "https://old.example/o.w-n/aps2mqtt"}


def test_the_name_of_the_image_follows_from_the_address(write_docs):
    """In lower case, as names of images are. The placeholder is no name of an image, so nothing is loaded."""
    text = "FROM ghcr.io/OWNER/aps2mqtt:1"
    assert write_docs.addressed(text, "https://github.com/New-Owner/aps2mqtt") == "FROM ghcr.io/new-owner/aps2mqtt:1"
    assert write_docs.addressed(text, "https://github.com/OWNER/aps2mqtt") == text


def test_a_marker_without_a_table_and_a_table_without_a_marker_are_refused(write_docs):
    """So that none is forgotten."""
    text = "<!-- begin one -->\nold\n<!-- end one -->\n"
    assert write_docs.filled(text, {"one": "new"}) == "<!-- begin one -->\nnew\n<!-- end one -->\n"
    for blocks in ({}, {"two": ""}, {"one": "", "two": ""}):
        with pytest.raises(ValueError, match="marked are"):
            write_docs.filled(text, blocks)
