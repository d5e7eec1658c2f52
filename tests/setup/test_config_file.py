"""The text of a configuration file: literally, and read back by the project's own reader."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aps2mqtt.base.values import Inverter
from aps2mqtt.config import loading
from aps2mqtt.config.file_and_environment import read_file
from aps2mqtt.config.keys import is_quoted
from aps2mqtt.setup import config_file
from aps2mqtt.setup.config_file import Ecu, quoted

FIRST, SECOND = Ecu("192.168.1.42"), Ecu("192.168.1.43", sunspec=True)
PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=40)


def test_the_file_of_one_ecu_literally() -> None:
    text = config_file.whole(
        "aps2mqtt -c /srv/config.yaml",
        [FIRST],
        {
            "MQTT_BROKER_HOST": "192.168.1.10",
            "MQTT_BROKER_USER": "solar",
            "MQTT_BROKER_PASSWD": "it's #1: 0777",
            "APS_ECU_STOP_AT_NIGHT": "True",
            "APS_ECU_POSITION_LAT": "-33.86",
            "APS_ECU_TIMEZONE": "Etc/GMT+6",
        },
    )
    assert (
        text
        == """\
# Configuration of aps2mqtt, written by `aps2mqtt init`. Keep it private: it may
# contain a password. To test it:
#
#   aps2mqtt -c /srv/config.yaml check
#
# `aps2mqtt units --output FOLDER` writes config.yaml.example, which explains
# all settings.

ecu:
  APS_ECU_IP: 192.168.1.42
  APS_ECU_STOP_AT_NIGHT: True
  APS_ECU_POSITION_LAT: '-33.86'
  APS_ECU_TIMEZONE: 'Etc/GMT+6'

mqtt:
  MQTT_BROKER_HOST: 192.168.1.10
  MQTT_BROKER_USER: solar
  MQTT_BROKER_PASSWD: 'it''s #1: 0777'
"""
    )


def test_a_roof_has_a_row_for_each_inverter_whose_panels_are_known() -> None:
    """With its name as a comment."""
    east, west = Inverter("704000000002", online=True, powers=(1, None)), Inverter("704000000001", None, (0,))
    unknown = Inverter("704000000003", online=False)
    assert config_file.section_roof([east, west, unknown], {"704000000002": "East: #2"}) == [
        "roof:",
        "  - 704000000001/1",
        "  - 704000000002/1 704000000002/2  # East: #2",
    ]
    assert config_file.section_roof([unknown], {}) == []


def test_several_ecus_are_addresses_with_commas_or_a_list() -> None:
    """A list if their ports or SunSpec differ; as a hint, SunSpec is only a comment."""
    assert config_file.section_ecu([FIRST, FIRST._replace(address="ecu.local")], {}) == [
        "ecu:",
        "  APS_ECU_IP: 192.168.1.42,ecu.local",
    ]
    assert config_file.section_ecu([FIRST, SECOND._replace(port=8898)], {"APS_ECU_STOP_AT_NIGHT": "True"}) == [
        "ecu:",
        "  - APS_ECU_IP: 192.168.1.42",
        "    APS_ECU_STOP_AT_NIGHT: True",
        "  - APS_ECU_IP: 192.168.1.43",
        "    APS_ECU_PORT: 8898",
        "    APS_ECU_STOP_AT_NIGHT: True",
        "    APS_ECU_SUNSPEC: True",
    ]
    assert config_file.section_ecu([Ecu("a", port=8898), Ecu("b", port=8898)], {}) == [
        "ecu:",
        "  APS_ECU_IP: a,b",
        "  APS_ECU_PORT: 8898",
    ]
    two_ports = config_file.section_ecu([Ecu("a"), Ecu("a", port=8898)], {})
    assert two_ports == ["ecu:", "  - APS_ECU_IP: a", "  - APS_ECU_IP: a", "    APS_ECU_PORT: 8898"]
    hint = config_file.section_ecu([SECOND], {}, hint=True)
    assert hint[2].startswith("  #APS_ECU_SUNSPEC: True")
    assert max(map(len, hint)) <= 80


@pytest.mark.parametrize("text", ["0777", "1e3", "True", "null", "a.b", "x,y", "a-b_c/d"])
def test_plain_text_is_written_as_it_is(text: str) -> None:
    assert quoted(text) == text


@pytest.mark.parametrize("text", ["-", "a b", "a:", "#x", "~", "!x", "&x", "*x", "'", '"', "a\\", "é", "%x", "@x", "|"])
def test_other_text_is_quoted(text: str) -> None:
    assert quoted(text).startswith("'")


@given(password=PRINTABLE, user=PRINTABLE, ecus=st.sampled_from([[FIRST], [SECOND], [FIRST, SECOND]]))
def test_every_value_comes_back_as_it_was(tmp_path_factory, password: str, user: str, ecus: list[Ecu]) -> None:
    """A password of any printable characters."""
    path = tmp_path_factory.mktemp("file") / "config.yaml"
    settings = {"MQTT_BROKER_USER": user, "MQTT_BROKER_PASSWD": password}
    path.write_text(config_file.whole("aps2mqtt", ecus, settings), encoding="utf-8")
    mistakes: list[str] = []
    sections = read_file(path, {}, mistakes)
    assert mistakes == []
    assert sections[-1].values == settings
    assert [section.values["APS_ECU_IP"] for section in sections[:-1]] == [ecu.address for ecu in ecus]
    if not is_quoted(password) and not is_quoted(user):
        configs = loading.load(path, {})
        assert (configs[0].broker.user, configs[0].broker.password) == (user, password)
        assert [config.ecu.sunspec for config in configs] == [ecu.sunspec for ecu in ecus]


def test_whatever_the_path_is_it_stays_in_its_comment(tmp_path: Path) -> None:
    """The command is printable: see commands/init.py."""
    path = tmp_path / "config.yaml"
    path.write_text(config_file.whole("aps2mqtt -c '/srv/a: {b'", [FIRST], {}), encoding="utf-8")
    (config,) = loading.load(path, {})
    assert config.ecu.host == "192.168.1.42"
