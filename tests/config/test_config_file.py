"""The configuration's file: what YAML makes of it, and its commonest mistakes."""

from pathlib import Path

import pytest
from loading_settings import SECRET, load, mistakes

from aps2mqtt.base.errors import ConfigError
from aps2mqtt.config import loading


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ecu: [10.0.0.1]\n", "ECU 1 must have lines of the form NAME: value"),
        ("ecu: []\n", "the list of ECUs is empty"),
        ("mqtt: []\n", "section mqtt must have lines of the form NAME: value"),
        ("ecu:\n  APS_ECU_IP: [10.0.0.1]\n", "APS_ECU_IP must be a single value"),
        ("- 1\n", "must have lines of the form NAME: value"),
        ("ecu:\n\tAPS_ECU_IP: 1\n", "line 2: YAML allows no tabs; use spaces"),
        ("ecu:\n  APS_ECU_IP:\t1\n", "line 2: YAML allows no tabs; use spaces"),
        ("ecu:\n  APS_ECU_IP: 1\n\tAPS_ECU_PORT: 2\n", "line 3: YAML allows no tabs; use spaces"),
        ("ecu: {\n", "be parsed"),
        ("ecu:\n  APS_ECU_PORT: 1\n  APS_ECU_PORT: 2\n", "APS_ECU_PORT is set twice; remove one of them"),
        ("a: 1\n---\nb: 2\n", "be parsed"),
    ],
)
def test_what_is_no_configuration_file_is_told(tmp_path: Path, text: str, says: str):
    """Each form of it in one line."""
    (mistake,) = mistakes({"APS_ECU_IP": "10.0.0.1"}, text, tmp_path)
    assert mistake.startswith(str(tmp_path / "config.yaml"))
    assert says in mistake
    assert "\n" not in mistake


INDENTED = "the indentation differs from the lines before; start `ecu:` and `mqtt:` in the first column"
OPEN_QUOTE = "line 2: the quotation mark is not closed; add one"
LACKS_COLON = "there is no colon followed by a space; write NAME: value"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ecu:\n  APS_ECU_IP: a\n    APS_ECU_PORT: 8899\n", f"line 3: {INDENTED}"),
        ("ecu:\n    APS_ECU_IP: a\n\n  # the port\n  APS_ECU_PORT: 8899\n", f"line 5: {INDENTED}"),
        (
            "mqtt:\n    MQTT_BROKER_PASSWD: t0psecret\n  MQTT_BROKER_PORT: 1\necu:\n  APS_ECU_IP: a\n",
            f"line 3: {INDENTED}",
        ),
        ("mqtt:\n  MQTT_BROKER_PASSWD: t0psecret\n ecu:\n  APS_ECU_IP: a\n", f"line 3: {INDENTED}"),
        ("  ecu:\n    APS_ECU_IP: a\nmqtt:\n  MQTT_BROKER_PASSWD: t0psecret\n", f"line 3: {INDENTED}"),
        ('mqtt:\n  MQTT_BROKER_PASSWD: "t0psecret\n  MQTT_BROKER_HOST: h\necu:\n  APS_ECU_IP: a\n', OPEN_QUOTE),
        ("mqtt:\n  MQTT_BROKER_PASSWD: 't0psecret\necu:\n  APS_ECU_IP: a\n", OPEN_QUOTE),
        ("mqtt:\n  MQTT_BROKER_PASSWD: 't0psecret\n  MQTT_BROKER_USER: 'me'\n", OPEN_QUOTE),
        (
            "mqtt:\n  MQTT_BROKER_USER: 'a # b'\n  MQTT_BROKER_PASSWD: t0psecret: a\n",
            "line 3, column 32: cannot be parsed; put values",
        ),
        (
            "mqtt:\n  MQTT_BROKER_PASSWD: @t0psecret\n",
            "line 2, column 23: cannot be parsed; put values with special characters in quotes",
        ),
        (
            "mqtt:\n  MQTT_BROKER_PASSWD: {t0psecret\n  MQTT_BROKER_PORT: 1\n",
            "line 2, column 23: cannot be parsed; put values",
        ),
        ("mqtt:\n  MQTT_BROKER_PASSWD=t0psecret\n  MQTT_BROKER_PORT: 1\n", f"line 2: {LACKS_COLON}"),
        ("mqtt:\n  MQTT_BROKER_PORT: 1\n  MQTT_BROKER_PASSWD:t0psecret\n", f"line 3: {LACKS_COLON}"),
        ("ecu\n  APS_ECU_IP: a\n", f"line 1: {LACKS_COLON}"),
    ],
)
def test_the_commonest_mistakes_in_yaml_have_their_own_remedy(tmp_path: Path, text: str, says: str):
    """At the line that has to be changed, and without a word of the file."""
    (mistake,) = mistakes({"APS_ECU_IP": ""}, text, tmp_path)
    assert says in mistake


def test_keys_outside_of_a_section_or_without_a_colon_are_told_and_not_missed_as_well(tmp_path: Path):
    """Their values are taken, so that what is wrong with these is told, too."""
    place, alone = f"{tmp_path}/config.yaml", {"APS_ECU_IP": ""}
    outside = "is not in a section; put it below `ecu:`, indented"
    lacks = "has no colon and space after it; write"
    assert mistakes(alone, "APS_ECU_IP: a\n", tmp_path) == [f"{place}: APS_ECU_IP {outside}"]
    for text in ("ecu:\n  APS_ECU_IP:a\n", "ecu:\n  APS_ECU_IP=a\nmqtt:\n  MQTT_BROKER_PORT: 1\n"):
        assert mistakes(alone, text, tmp_path) == [f"{place}: APS_ECU_IP {lacks} APS_ECU_IP: VALUE"]
    assert mistakes(alone, "ecu:\n  APS_ECU_IP = a\n  APS_ECU_PORT:x\n", tmp_path) == [
        f"{place}: APS_ECU_IP {lacks} APS_ECU_IP: VALUE",
        f"{place}: APS_ECU_PORT {lacks} APS_ECU_PORT: VALUE",
        f"APS_ECU_PORT must be a whole number from 1 to 65535; it is 'x' ({place})",
    ]
    assert mistakes(alone, "APS_ECU_IP=a\n", tmp_path) == [
        f"{place}: APS_ECU_IP {lacks} APS_ECU_IP: VALUE",
        f"{place}: APS_ECU_IP {outside}",
    ]


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path: Path):
    """A missing file, a folder, one in another encoding."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"ecu:\n  APS_ECU_WIFI_SSID: \xe9\n")
    for path, says in (
        (tmp_path / "none.yaml", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "is not UTF-8 text"),
    ):
        with pytest.raises(ConfigError, match=says):
            loading.load(path, {"APS_ECU_IP": "10.0.0.1"})


def test_what_a_file_that_cannot_be_read_may_hold_is_not_missed(tmp_path: Path):
    """What is wrong elsewhere is told."""
    environ = {"MQTT_BROKER_PASSWD": SECRET, "MQTT_PAYLOAD": "xml"}
    with pytest.raises(ConfigError) as raised:
        loading.load(tmp_path / "none.yaml", environ)
    assert raised.value.mistakes == (
        f"{tmp_path}/none.yaml cannot be read: No such file or directory; check the path after -c or in "
        "CONFIG_FILE, or run `aps2mqtt init` to write the file",
        "MQTT_PAYLOAD must be flat, json or both; it is 'xml' (environment)",
    )


@pytest.mark.parametrize("password", [f"!{SECRET}", f"!{SECRET} x", f"&{SECRET}"])
def test_a_value_that_yaml_does_not_take_for_text_is_a_mistake(tmp_path: Path, password: str):
    """A tag or an anchor; the login would be refused, and nobody would know why."""
    text = f"mqtt:\n  MQTT_BROKER_USER: u\n  MQTT_BROKER_PASSWD: {password}\n"
    assert mistakes({"APS_ECU_IP": "10.0.0.1"}, text, tmp_path) == [
        f"{tmp_path}/config.yaml: the value of MQTT_BROKER_PASSWD starts with a character that is special in YAML; "
        "put the value in quotes"
    ]
    quoted = text.replace(password, f"'{password}'")
    assert load({"APS_ECU_IP": "10.0.0.1"}, quoted, tmp_path).broker.password == password
