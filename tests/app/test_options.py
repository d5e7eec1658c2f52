"""The options of the app for Home Assistant: wrong ones, what becomes of right ones, and who can read them."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from parts import PATIENCE, Broker, aps2mqtt, until
from supervisor import TOKEN, explained, options_for, refused, start_app, stopped

from aps2mqtt.simulator.server import Simulator

READY = {"aps_ecu_ip": ["127.0.0.1"], "mqtt_broker_host": "127.0.0.1"}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("", "the options in … cannot be read (it is not JSON); save the options of the app again"),
        ("[]", "the options in … are not a list of names and values; save the options of the app again"),
        ({}, "the option aps_ecu_ip is empty; enter the IP address of your ECU"),
        ({"aps_ecu_ip": []}, "the option aps_ecu_ip is empty; enter the IP address of your ECU"),
        (
            READY | {"settings": ["MQTT_BROKER_PASSWD secret"]},
            "item 1 of the list settings has no equals sign after a name; write it as NAME=VALUE",
        ),
        (
            READY | {"names": ["704000000001=South", "=secret"]},
            "item 2 of the list names has no equals sign after a name; write it as NAME=VALUE",
        ),
        (
            READY | {"names": ["704000000001=A", "704000000001 = B"]},
            "item 2 of the list names has the name of an earlier one; remove one of the two",
        ),
        (
            READY | {"settings": ["MQTT_BROKER_HOST=secret"]},
            "MQTT_BROKER_HOST is set twice, as an option and in the list settings; remove it from the list",
        ),
        (READY | {"roof": "secret"}, "the option roof is not a list; start each of its lines with a dash and a space"),
    ],
)
def test_wrong_options_are_one_line_with_the_remedy(options: object, line: str, tmp_path: Path) -> None:
    """And no value that may be a password."""
    found = refused(start_app(tmp_path, options), 78)
    assert found.replace(str(tmp_path / "options.json"), "…") == line
    assert explained(found)


def test_without_options_one_line_names_the_cause(tmp_path: Path) -> None:
    line = refused(start_app(tmp_path, None), 78)
    reason = "No such file or directory"
    assert (
        line == f"the options in {tmp_path}/options.json cannot be read ({reason}); save the options of the app again"
    )
    assert explained(line)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in place of the folder")
    line = refused(start_app(tmp_path, READY), 69)
    assert line == f"{tmp_path}/config.yaml cannot be written (File exists); free space on this machine"
    assert explained(line)


@pytest.mark.parametrize(
    ("options", "mistakes"),
    [
        ({"aps_ecu_ip": ["http://x"]}, ["APS_ECU_IP must be one host name or IP address"]),
        ({"aps_ecu_ip": ["192.168.1.9", "192.168.1.9"]}, ["the ECU at 192.168.1.9:8899 is listed twice"]),
        ({"mqtt_broker_port": 0}, ["MQTT_BROKER_PORT must be a whole number from 1 to 65535; it is '0'"]),
        ({"mqtt_broker_passwd": "secret"}, ["MQTT_BROKER_PASSWD is set without MQTT_BROKER_USER"]),
        ({"aps_ecu_timezone": "Europe/Pariss"}, ["APS_ECU_TIMEZONE must be the name of a time zone (did you mean"]),
        (
            {"aps_ecu_poll_interval": 0, "settings": ["APS_ECU_SUNSPECK=True"]},
            ["APS_ECU_POLL_INTERVAL must be", "'APS_ECU_SUNSPECK' is not a setting; did you mean APS_ECU_SUNSPEC?"],
        ),
        ({"names": ["7040=South"]}, ["'7040' in section names must be the 12 digits of an ECU or an inverter"]),
        ({"roof": [".", "7040/1"]}, ["'7040/1' in row 2 of section roof must be 12 digits, / and a panel, such as"]),
    ],
)
def test_a_wrong_value_is_reported_by_aps2mqtt_itself(
    options: dict[str, object], mistakes: list[str], tmp_path: Path
) -> None:
    """All at once, and the first line says how a setting becomes an option."""
    process = start_app(tmp_path, READY | options)
    _, err = process.communicate(timeout=PATIENCE)
    first, *lines = err.splitlines()
    assert process.returncode == 78
    assert first.endswith("names a setting such as APS_ECU_IP, change the option aps_ecu_ip")
    assert len(lines) == len(mistakes), err
    for mistake in mistakes:
        assert mistake in err
    assert "secret" not in err


def configured(folder: Path, options: dict[str, object]) -> dict[str, object]:
    """The sections of the configuration file."""
    process = start_app(folder, READY | options, program='("true",)')
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return json.loads((folder / "config.yaml").read_text())


def test_lists_become_the_sections_of_names_and_of_the_roof(tmp_path: Path) -> None:
    names = ["704000000001=South roof, left", "704000000001/2= 'East': # 50 % = \\ ü"]
    found = configured(tmp_path, {"names": names, "roof": ["704000000001/1 704000000001/2 .", "801000000004/1"]})
    assert found == {
        "ecu": {"APS_ECU_IP": "127.0.0.1"},
        "mqtt": {"MQTT_BROKER_HOST": "127.0.0.1"},
        "names": {"704000000001": "South roof, left", "704000000001/2": " 'East': # 50 % = \\ ü"},
        "roof": ["704000000001/1 704000000001/2 .", "801000000004/1"],
    }


def test_empty_options_are_not_set_and_several_ecus_are_one_setting(tmp_path: Path) -> None:
    found = configured(
        tmp_path,
        {
            "aps_ecu_ip": ["192.168.1.42", "192.168.1.43"],
            "aps_ecu_sunspec": False,
            "aps_ecu_position_lat": -33.9,
            "mqtt_broker_user": "",
            "aps_log_level": None,
            "names": None,
        },
    )
    assert found == {
        "ecu": {"APS_ECU_IP": "192.168.1.42,192.168.1.43", "APS_ECU_SUNSPEC": "False", "APS_ECU_POSITION_LAT": "-33.9"},
        "mqtt": {"MQTT_BROKER_HOST": "127.0.0.1"},
    }


def test_a_name_and_values_of_special_characters_reach_the_messages(
    broker: Broker, ecu: Simulator, tmp_path: Path
) -> None:
    """Quotes, colons, umlauts and emoji: what YAML would need care for."""
    name = "Süd: 'left' #1 \\ \"☀️🌞\""
    options = options_for(
        ecu,
        mqtt_broker_host="127.0.0.1",
        mqtt_broker_port=broker.port,
        mqtt_discovery_enabled=True,
        names=[f"216000000001={name}"],
        roof=["704000000001/1 . 704000000001/2"],
    )
    process = start_app(tmp_path, options)
    until(lambda: "aps/216000000001/status" in broker.retained())
    found = [payload for topic, payload in broker.retained("homeassistant/#").items() if "216000000001" in topic]
    assert name in [json.loads(payload)["device"]["name"] for payload in found]
    stopped(process)


def test_the_health_check_of_the_image_finds_file_and_state(broker: Broker, ecu: Simulator, tmp_path: Path) -> None:
    """It has the environment of the Dockerfile only, not that of the start script."""
    options = options_for(ecu, mqtt_broker_host="127.0.0.1", mqtt_broker_port=broker.port)
    process = start_app(tmp_path, options)
    environment = {"CONFIG_FILE": tmp_path / "config.yaml", "APS_STATE_DIR": tmp_path / "state"}
    until(lambda: "aps/216000000001/power" in broker.retained())
    until(lambda: aps2mqtt("health", **environment).status == 0)
    stopped(process)
    assert aps2mqtt("health", **environment | {"APS_STATE_DIR": tmp_path}).status == 69


SEEN = "id -u; id -g; id -G; stat -c %u:%a config.yaml state page state/old options.json; env"


def test_aps2mqtt_is_not_root_and_owns_its_files() -> None:
    """Also those of a restored backup, which are root's. It gets no token, and cannot read the options."""
    if os.geteuid() != 0:
        pytest.skip("root is needed to give up its rights")
    with tempfile.TemporaryDirectory(prefix="aps2mqtt-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "state").mkdir()
        (folder / "state" / "old").touch(0o600)
        program = ("sh", "-c", f"cd {folder}; {SEEN}; cat options.json")
        process = start_app(folder, READY, user=10001, program=program)
        (folder / "options.json").chmod(0o600)
        out, err = process.communicate(timeout=PATIENCE)
    assert out, err
    uid, gid, groups, config, state, page, old, options, *environment = out.splitlines()
    assert (uid, gid, groups) == ("10001", "10001", "10001")
    assert (config, old, options) == ("10001:600", "10001:600", "0:600")
    assert state.startswith("10001:")
    assert page.startswith("10001:")
    assert "options.json: Permission denied" in err
    assert not any(TOKEN in line for line in environment)
