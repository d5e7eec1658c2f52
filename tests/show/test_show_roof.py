"""`aps2mqtt show --roof`: from the ECU, from the broker, and live."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from parts import Broker, Ended, aps2mqtt, settings, start, sunny_ecu, yaml_file

from aps2mqtt.config import loading
from aps2mqtt.simulator.plant import ECU_MODELS, Plant, inverter_models

ROOF = """\
roof:
  - . 704000000001/1 704000000001/2
  - 801000000002/4 801000000002/3 704000000009/1 704000000003/1
"""
DRAWN = [
    "       █ 284  █ 309",
    "▆ 220  ▆ 202  x      ?",
    "",
    "power in W   x not found   ? not seen yet",
    "without a place: Chimney (801000000002/1), 801000000002/2",
]
PROPOSED = """\
roof:
  - 704000000001/1 704000000001/2  # Garage
  - 801000000002/1 801000000002/2 801000000002/3 801000000002/4
"""
NO_ROOF = "the configuration file has no section roof; "


class House:
    """An ECU, a broker and a configuration file with names."""

    def __init__(self, folder: Path, broker: Broker, port: int) -> None:
        self.folder = folder
        values = settings(port, broker.port, folder)
        ecu = {key: value for key, value in values.items() if key.startswith("APS")}
        mqtt = {key: value for key, value in values.items() if key.startswith("MQTT")}
        names = {"704000000001": "Garage", "801000000002/1": "Chimney"}
        self.path = yaml_file(folder, {"ecu": ecu, "mqtt": mqtt, "names": names})

    def add(self, text: str) -> None:
        self.path.write_text(self.path.read_text() + text)

    def show(self, *arguments: str) -> Ended:
        return aps2mqtt("-c", self.path, "show", "--roof", *arguments, COLUMNS=80)


@pytest.fixture
def house(tmp_path: Path, broker: Broker) -> Iterator[House]:
    with sunny_ecu(plant=Plant(inverters=inverter_models("1xDS3,1xQS1,1xunseen"))) as ecu:
        yield House(tmp_path, broker, ecu.port)


def test_the_roof_is_drawn_below_the_totals(house: House) -> None:
    house.add(ROOF)
    ended = house.show()
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == "ECU-R 216000000001  ECU_R_1.3.19C"
    assert lines[3:] == ["", *DRAWN]


def test_the_broker_shows_the_same_roof(house: House) -> None:
    house.add(ROOF)
    assert aps2mqtt("-c", house.path, "once").status == 0
    ended = house.show("--broker")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("the broker at 127.0.0.1:")
    assert ended.out.splitlines()[-len(DRAWN) :] == DRAWN


def test_the_roof_is_watched(house: House) -> None:
    """The next job changes it."""
    house.add(ROOF)
    watching = start("-c", house.path, "show", "--roof", "--watch", COLUMNS=80)
    seen: list[str] = []
    assert aps2mqtt("-c", house.path, "once").status == 0
    for line in watching.stdout:
        seen.append(line.rstrip())
        if seen[-1] == DRAWN[-1]:
            break
    assert seen[-len(DRAWN) :] == DRAWN
    watching.terminate()
    assert watching.wait(10) == 0


@pytest.mark.parametrize("arguments", [(), ("--broker",), ("--watch",)])
def test_without_a_roof_a_section_with_all_panels_is_printed(house: House, arguments: tuple[str, ...]) -> None:
    """It can be copied into the file as it is."""
    assert aps2mqtt("-c", house.path, "once").status == 0
    ended = house.show(*arguments)
    assert (ended.status, ended.out) == (64, PROPOSED)
    assert f"{NO_ROOF}copy these lines into it and arrange them" in ended.err
    house.add(ended.out)
    assert loading.load(house.path, {})[0].roof == (
        ("704000000001/1", "704000000001/2"),
        ("801000000002/1", "801000000002/2", "801000000002/3", "801000000002/4"),
    )


def test_without_a_roof_and_without_an_ecu_there_is_a_page_to_read(tmp_path: Path, broker: Broker) -> None:
    ended = House(tmp_path, broker, 1).show()
    assert (ended.status, ended.out) == (64, "")
    assert f"{NO_ROOF}docs/configuration.md describes this section" in ended.err
    assert len(ended.err.splitlines()) == 2


def test_several_ecus_have_one_roof_that_lacks_what_does_not_answer(tmp_path: Path) -> None:
    """Totals of each that answers; the panels of the others are not found."""
    with sunny_ecu(plant=Plant(ECU_MODELS["ECU-R"])) as one, sunny_ecu(plant=Plant(ECU_MODELS["ECU-C"])) as two:
        path = tmp_path / "config.yaml"
        ports = (one.port, two.port, 1)
        items = "".join(f"  - APS_ECU_IP: 127.0.0.1\n    APS_ECU_PORT: {port}\n" for port in ports)
        path.write_text(f"ecu:\n{items}roof:\n  - 704000000001/1 999000000001/1\n")
        path.chmod(0o600)
        ended = aps2mqtt("-c", path, "show", "--roof", APS_STATE_DIR=tmp_path / "state", COLUMNS=80)
    assert ended.status == 69
    assert "127.0.0.1:1" in ended.err
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("ECU")] == ["ECU-R", "ECU-C"]
    (row,) = [line for line in lines if line.endswith("  x")]
    assert row.split()[1].isdecimal()


def test_check_reports_places_that_no_panel_has(house: House) -> None:
    house.add(ROOF)
    ended = aps2mqtt("-c", house.path, "check")
    assert ended.status == 0
    text = " ".join(ended.out.split())
    assert "! roof 704000000009/1 is not a panel here" in text
    assert text.count("not a panel") == 1
    assert "not a panel" not in aps2mqtt("-c", house.path, "check", "--ecu", "127.0.0.1").out
