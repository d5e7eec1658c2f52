"""People's names in what the commands print, from the configuration file to the screen."""

from pathlib import Path

import pytest
from parts import Broker, aps2mqtt, settings, sunny_ecu, yaml_file

from aps2mqtt.simulator.plant import Plant, inverter_models

NAMED = {"'216000000001'": "Barn", "704000000001": "South roof", "704000000001/2": "East"}


@pytest.fixture
def configured(tmp_path: Path, broker: Broker):
    """Runs a command with these names, against an ECU of one DS3."""
    with sunny_ecu(plant=Plant(inverters=inverter_models("1xDS3"))) as ecu:
        values = settings(ecu.port, broker.port, tmp_path)
        sections = {
            section: {key: value for key, value in values.items() if key.startswith(start)}
            for section, start in (("ecu", "APS"), ("mqtt", "MQTT"))
        }
        path = yaml_file(tmp_path, {**sections, "names": NAMED})
        yield lambda *arguments: aps2mqtt("-c", path, *arguments)


def test_a_poll_is_logged_with_the_name_of_the_ecu(configured) -> None:
    ended = configured("once", "--log-level", "info")
    assert ended.status == 0
    assert "ECU-R Barn (216000000001): 593 W" in ended.err


@pytest.mark.parametrize("source", [(), ("--broker",)])
def test_the_array_is_shown_by_its_names(configured, source: tuple[str, ...]) -> None:
    assert configured("once").status == 0
    lines = configured("show", *source).out.splitlines()
    assert "Barn  ECU-R 216000000001  ECU_R_1.3.19C" in lines
    assert any(line.startswith("● South roof  DS3 704000000001  593 W") for line in lines)
    assert [line.split()[0] for line in lines if line.startswith("  ")][-1] == "East"


def test_check_names_the_ecu(configured) -> None:
    ended = configured("check")
    assert ended.status == 0
    assert "ECU-R Barn (216000000001)" in " ".join(ended.out.split())


def test_check_reports_a_name_whose_number_no_device_has(configured, tmp_path: Path) -> None:
    """A digit is easily mistyped; a job goes well all the same."""
    assert "neither an ECU" not in configured("check").out
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("704000000001: ", "704000000011: "))
    ended = configured("check")
    assert ended.status == 0
    assert "South roof (704000000011) is neither an ECU nor an inverter here" in " ".join(ended.out.split())
    assert "Ready: a job would succeed." in ended.out


def test_one_empty_line_separates_the_names_from_the_steps_of_the_ecu(configured, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("704000000001: ", "704000000011: "))
    lines = configured("check").out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("! names"))
    assert lines[at - 1] == ""
    assert lines[at - 2] != ""


def test_check_of_one_ecu_reports_no_name_of_the_others(configured, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"{path.read_text()}  704000000099: Barn of the neighbour\n")
    assert "neither an ECU" in configured("check").out
    assert "neither an ECU" not in configured("check", "--ecu", "127.0.0.1").out


def test_no_topic_and_no_unique_id_has_a_name(configured) -> None:
    out = configured("once", "--dry-run").out
    assert "aps/216000000001/704000000001/2/power" in out
    assert not [line for line in out.splitlines() if any(name in line for name in NAMED.values())]
