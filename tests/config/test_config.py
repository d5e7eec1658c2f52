"""The configuration: file and environment, one parser, all mistakes at once, no secret in any of them."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from loading_settings import SECRET, load, load_all, mistakes

from aps2mqtt.config.keys import KEYS

ROOT = Path(__file__).parents[2]


def test_the_defaults_are_those_of_the_contract():
    """Written out, so that changing one is a decision."""
    loaded = load({"XDG_STATE_HOME": "/x", "TZ": "Europe/Paris"})
    ecu, broker = loaded.ecu, loaded.broker
    assert (ecu.host, ecu.port, ecu.poll_interval, ecu.stop_at_night) == ("192.168.1.42", 8899, 300, False)
    assert (ecu.site.latitude, ecu.site.longitude) == (48.864716, 2.349014)
    assert (ecu.fahrenheit, ecu.restart_with) == (False, None)
    assert (broker.host, broker.port, broker.user, broker.password) == ("127.0.0.1", 1883, "", "")
    assert (broker.client_id, broker.topic_prefix, broker.retain) == ("APS2MQTT", "", True)
    assert (broker.tls, broker.ca_file, broker.certificate_file, broker.key_file) == (False, "", "", "")
    assert loaded.state_directory == Path("/x/aps2mqtt")
    assert loaded.warnings == ()


def test_without_a_configuration_file_the_message_says_so():
    """And where one would be found."""
    assert mistakes({"APS_ECU_IP": ""}) == [
        "APS_ECU_IP is missing: /etc/aps2mqtt/config.yaml was not found, and neither -c nor CONFIG_FILE names a file; "
        "run `aps2mqtt init` to write the file, name one with -c, or set APS_ECU_IP in the environment"
    ]


def test_the_environment_wins_over_the_file(tmp_path: Path):
    """Key by key."""
    text = "ecu:\n  APS_ECU_IP: 10.0.0.1\n  APS_ECU_PORT: 1000\nmqtt:\n  MQTT_BROKER_PORT: 2000\n"
    loaded = load({"APS_ECU_IP": "10.0.0.2", "MQTT_BROKER_PORT": "3000"}, text, tmp_path)
    assert (loaded.ecu.host, loaded.ecu.port, loaded.broker.port) == ("10.0.0.2", 1000, 3000)


def test_an_empty_value_is_an_unset_one(tmp_path: Path):
    """In both sources: the file then counts, then the default."""
    text = "ecu:\n  APS_ECU_IP: 10.0.0.1\n  APS_ECU_PORT:\nmqtt:\n"
    loaded = load({"APS_ECU_IP": "", "APS_ECU_PORT": ""}, text, tmp_path)
    assert (loaded.ecu.host, loaded.ecu.port) == ("10.0.0.1", 8899)


@pytest.mark.parametrize("password", ["0777", "1e3", "yes", "~", "null", "2026-11-22", "0x1F", "  spaced  "])
def test_yaml_scalars_are_read_as_text(tmp_path: Path, password: str):
    """A password of 0777 stays 0777."""
    text = f"mqtt:\n  MQTT_BROKER_USER: u\n  MQTT_BROKER_PASSWD: {password!r}\n"
    assert load(None, text, tmp_path).broker.password == password
    bare = text.replace("'", "")
    assert load(None, bare, tmp_path).broker.password == password.strip()


@pytest.mark.parametrize(("words", "value"), [("True true YES on 1", True), ("False no oFF 0", False)])
def test_booleans_come_in_many_words(words: str, *, value: bool):
    """Any case."""
    for word in words.split():
        assert load({"MQTT_RETAIN": word}).broker.retain is value


def test_all_mistakes_come_at_once_with_key_value_and_what_is_allowed(tmp_path: Path):
    """From both sources, in the order of the keys."""
    text = "ecu:\n  APS_ECU_PORT: 99999\n  APS_ECU_TIMEZONE: Mars/Olympus\nmqtt:\n  MQTT_RETAIN: maybe\n"
    environ = {
        "APS_ECU_IP": "",
        "APS_ECU_POLL_INTERVAL": "5 min",
        "APS_ECU_POSITION_LAT": "91",
        "APS_ECU_POSITION_LNG": "2,35",
        "MQTT_TOPIC_PREFIX": "/a",
        "MQTT_PAYLOAD": "xml",
    }
    path = tmp_path / "config.yaml"
    assert mistakes(environ, text, tmp_path) == [
        f"APS_ECU_IP is missing; set it in section ecu of {path} or in the environment",
        f"APS_ECU_PORT must be a whole number from 1 to 65535; it is '99999' ({path})",
        f"APS_ECU_TIMEZONE must be the name of a time zone, such as Europe/Paris; it is 'Mars/Olympus' ({path})",
        "APS_ECU_POLL_INTERVAL must be a whole number from 1 to 86400; it is '5 min' (environment)",
        "APS_ECU_POSITION_LAT must be a number of degrees from -90 to 90, such as 47.206; it is '91' (environment)",
        "APS_ECU_POSITION_LNG must be a number of degrees from -180 to 180, such as 47.206; it is '2,35' (environment)",
        "MQTT_TOPIC_PREFIX must be a topic without + or #, without / or $ at its start, and without / at its end; "
        "it is '/a' (environment)",
        f"MQTT_RETAIN must be True or False; it is 'maybe' ({path})",
        "MQTT_PAYLOAD must be flat, json or both; it is 'xml' (environment)",
    ]


@pytest.mark.parametrize("value", ["http://10.0.0.1", "10.0.0.1:8899", "my ecu", "ecu/1", "[::1]", 63 * "ß"])
def test_a_host_has_neither_scheme_nor_port(value: str):
    """The commonest slips in an address."""
    assert "without http://, port or spaces" in mistakes({"APS_ECU_IP": value})[0]


@pytest.mark.parametrize("value", ["192.168.1.42", "ecu.local", "fe80::1%eth0", "::1", "my_ecu-2"])
def test_a_host_is_a_name_or_an_address(value: str):
    """Of either family."""
    assert load({"APS_ECU_IP": value}).ecu.host == value


@pytest.mark.parametrize("value", ["nan", "inf", "-181", "180.1", "east"])
def test_a_longitude_is_on_earth(value: str):
    """And is a number."""
    assert "from -180 to 180" in mistakes({"APS_ECU_POSITION_LNG": value})[0]


@pytest.mark.parametrize("value", ["a+b", "a/#", "/a", "a/", "#", "+", "$SYS", "$share/a"])
def test_a_prefix_is_a_topic(value: str):
    """Nothing that a subscriber would read as a wildcard; what begins with $ is the broker's own."""
    for name in ("MQTT_TOPIC_PREFIX", "MQTT_DISCOVERY_PREFIX"):
        assert "a topic without + or #" in mistakes({name: value})[0]
    assert load({"MQTT_TOPIC_PREFIX": "home/$roof"}).broker.topic_prefix == "home/$roof"


def test_unknown_keys_of_the_file_are_mistakes_with_a_suggestion(tmp_path: Path):
    """A wrong key, one in the wrong section, one in none, a wrong section."""
    text = (
        "ecu:\n  APS_ECU_TIMEZON: Europe/Paris\n  MQTT_RETAIN: True\n"
        "MQTT_BROKER_PORT: 1883\nmqqt:\n  MQTT_CLIENT_ID: x\nmqtt:\n  COLOUR: red\n"
    )
    path = tmp_path / "config.yaml"
    assert mistakes(None, text, tmp_path) == [
        f"{path}: MQTT_BROKER_PORT is not in a section; put it below `mqtt:`, indented",
        f"{path}: 'APS_ECU_TIMEZON' is not a setting; did you mean APS_ECU_TIMEZONE?",
        f"{path}: MQTT_RETAIN is in section 'ecu'; move it to 'mqtt'",
        f"{path}: MQTT_CLIENT_ID is in section 'mqqt'; move it to 'mqtt'",
        f"{path}: 'COLOUR' is not a setting; see config.yaml.example for all settings",
    ]


@pytest.mark.parametrize(
    ("text", "place", "section", "wanted"),
    [
        ("ECU:\n  APS_ECU_IP: a\n", "", "'ECU'", "'ecu' (lowercase)"),
        ("ECU:\n  - APS_ECU_IP: a\n", ", ECU 1", "'ECU'", "'ecu' (lowercase)"),
        ("mqtt:\n  APS_ECU_IP: a\n", "", "'mqtt'", "'ecu'"),
        ("inverters:\n  APS_ECU_IP: a\n", "", "'inverters'", "'ecu'"),
    ],
)
def test_a_setting_in_the_wrong_section_is_one_mistake(
    tmp_path: Path, text: str, place: str, section: str, wanted: str
):
    """It is not also reported as missing, and its value is checked like any other."""
    path = f"{tmp_path}/config.yaml"
    moved = f"{path}{place}: APS_ECU_IP is in section {section}; move it to {wanted}"
    assert mistakes({"APS_ECU_IP": ""}, text, tmp_path) == [moved]
    found = mistakes({"APS_ECU_IP": ""}, text.replace(": a", ": a b"), tmp_path)
    assert [mistake.partition(";")[0] for mistake in found] == [
        moved.partition(";")[0],
        "APS_ECU_IP must be one host name or IP address, without http://, port or spaces",
    ]


def test_near_misses_in_the_environment_are_warnings():
    """Other programs' variables are none of our business; values are not shown."""
    environ = {"MQTT_BROKER_PASSWORD": SECRET, "aps_ecu_port": "1", "MQTT_SERVICE_HOST": "x", "MQTT_PORT": "tcp://x"}
    assert load(environ).warnings == (
        "MQTT_BROKER_PASSWORD in the environment is not a setting; did you mean MQTT_BROKER_PASSWD?",
        "aps_ecu_port in the environment is not a setting; did you mean APS_ECU_PORT?",
    )


def test_the_example_names_every_key_with_its_default(tmp_path: Path):
    """And is itself a configuration."""
    text = (ROOT / "config.yaml.example").read_text()
    for key in KEYS:
        default = key.default or ""
        line = f"  {key.name}:" if key.default is None else f"  #{key.name}: {default}".rstrip()
        assert any(shown.startswith(line) for shown in text.splitlines()), line
    uncommented = text.replace("\n  #APS_ECU_", "\n  APS_ECU_").replace("\n  #MQTT_", "\n  MQTT_")
    loaded = load({"APS_ECU_IP": ""}, uncommented, tmp_path)
    assert loaded.ecu.host == "192.168.1.42"
    assert loaded.ecu.timezone == ZoneInfo("Europe/Paris")


def yaml_blocks(page: str) -> list[str]:
    """The examples of a page."""
    return re.findall(r"^```yaml\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_lists_of_ecus_in_the_example_and_on_the_page_are_configurations(tmp_path: Path):
    """The one with its comment signs removed."""
    example = (ROOT / "config.yaml.example").read_text()
    _, _, commented = example.partition("\n#ecu:\n")
    commented, _, _ = commented.partition("\n\n")
    shown = [text for text in yaml_blocks("docs/configuration.md") if "192.168.1.43" in text]
    assert len(shown) == 2
    for text in ("ecu:\n" + commented.replace("#", ""), *shown):
        assert [chosen.ecu.host for chosen in load_all({}, text, tmp_path)] == ["192.168.1.42", "192.168.1.43"]


def test_the_eight_lines_of_the_readme_are_a_configuration(tmp_path: Path):
    """They are the first example of docs/configuration.md, too."""
    (shown,) = yaml_blocks("README.md")
    assert len(shown.splitlines()) == 8
    assert yaml_blocks("docs/configuration.md")[0] == shown
    loaded = load({"APS_ECU_IP": ""}, shown, tmp_path)
    assert (loaded.ecu.host, loaded.broker.host, loaded.broker.discovery) == ("192.168.1.42", "192.168.1.2", "device")


def test_the_names_of_the_example_and_of_the_page_are_a_configuration(tmp_path: Path):
    """Those of the example with its comment signs removed."""
    _, _, commented = (ROOT / "config.yaml.example").read_text().partition("\n#names:\n")
    commented, _, _ = commented.partition("\n\n")
    (shown,) = [text for text in yaml_blocks("docs/configuration.md") if text.startswith("names:")]
    for text in ("names:\n" + commented.replace("#", ""), shown):
        assert load({}, text, tmp_path).names["704000000001"] == "South roof, left"


def test_the_roof_of_the_example_and_of_the_page_is_a_configuration(tmp_path: Path):
    """That of the example with its comment signs removed."""
    _, _, commented = (ROOT / "config.yaml.example").read_text().partition("\n#roof:\n")
    commented, _, _ = commented.partition("\n\n")
    (shown,) = [text for text in yaml_blocks("docs/configuration.md") if text.startswith("roof:")]
    for text in ("roof:\n" + commented.replace("#", ""), shown):
        assert load({}, text, tmp_path).roof[:2] == (
            ("704000000001/1", "704000000001/2", ""),
            ("704000000002/1", "704000000002/2", "801000000003/1"),
        )


def test_the_page_names_every_key_with_its_default():
    """In a table."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| ")]
    shown = {row[1].strip(): row[2].strip() for row in rows}
    for key in KEYS:
        assert key.name in shown
        assert shown[key.name] == {None: "mandatory"}.get(key.default, key.default) or shown[key.name].startswith(
            ("the system's", "`$TZ`", "`$STATE_DIRECTORY`")
        )
