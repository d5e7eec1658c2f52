"""The configuration of several ECUs, in the file and in the environment."""

from pathlib import Path

from loading_settings import SECRET, TWO, load_all, mistakes

from aps2mqtt.config import loading


def test_a_list_in_the_file_is_an_ecu_for_each_item(tmp_path: Path):
    """Each with its own keys, defaults for the rest, and the same broker."""
    one, two = load_all({"TZ": "Asia/Tokyo"}, TWO, tmp_path)
    assert (one.ecu.address, str(one.ecu.timezone)) == ("10.0.0.1:8899", "Europe/Paris")
    assert (two.ecu.address, str(two.ecu.timezone)) == ("10.0.0.2:1000", "Asia/Tokyo")
    assert one.broker == two.broker
    assert one.broker.client_id == "roof"
    assert len(load_all({}, "ecu:\n  - APS_ECU_IP: ecu\n", tmp_path)) == 1


def test_the_environment_wins_over_every_item_of_the_list(tmp_path: Path):
    """As over a section."""
    assert [chosen.ecu.port for chosen in load_all({"APS_ECU_PORT": "7"}, TWO, tmp_path)] == [7, 7]


def test_addresses_with_commas_between_are_an_ecu_each(tmp_path: Path):
    """In the environment and in a section; all other keys hold for each."""
    environ = {"APS_ECU_IP": "10.0.0.1, 10.0.0.2,fe80::1", "APS_ECU_PORT": "7"}
    assert [chosen.ecu.address for chosen in load_all(environ)] == ["10.0.0.1:7", "10.0.0.2:7", "fe80::1:7"]
    assert mistakes({"APS_ECU_IP": "10.0.0.1,"}) == [
        "APS_ECU_IP must be one host name or IP address, without http://, port or spaces; it is '' (environment)"
    ]
    text = "ecu:\n  APS_ECU_IP: 10.0.0.1,10.0.0.2\n  APS_ECU_TEMPERATURE_UNIT: F\n"
    assert [(chosen.ecu.host, chosen.ecu.fahrenheit) for chosen in load_all({}, text, tmp_path)] == [
        ("10.0.0.1", True),
        ("10.0.0.2", True),
    ]


def test_addresses_in_the_environment_and_a_list_in_the_file_are_a_mistake(tmp_path: Path):
    """Nobody could say which counts; one line, whatever the number of items."""
    assert mistakes({"APS_ECU_IP": "10.0.0.3"}, TWO, tmp_path) == [
        "APS_ECU_IP is set in the environment, and the file has a list of ECUs; remove it from the environment "
        "(--ecu selects one of the list)"
    ]


def test_the_same_ecu_twice_is_a_mistake(tmp_path: Path):
    """By host and port, in any case of letters; the same host with another port is another ECU."""
    assert mistakes({"APS_ECU_IP": "ecu,roof,ECU"}) == [
        "the ECU at ECU:8899 is listed twice, the second time in the environment; remove one of them"
    ]
    text = TWO.replace("10.0.0.2", "10.0.0.1")
    assert len(load_all({}, text, tmp_path)) == 2
    assert mistakes({"APS_ECU_IP": ""}, text.replace("1000", "8899"), tmp_path) == [
        f"the ECU at 10.0.0.1:8899 is listed twice, the second time in {tmp_path}/config.yaml, ECU 2; remove one "
        "of them"
    ]


def test_all_mistakes_of_all_ecus_come_at_once_each_with_its_place(tmp_path: Path):
    """What the broker's keys have wrong comes once."""
    text = (
        "ecu:\n  - APS_ECU_IP: 10.0.0.1,10.0.0.2\n  - APS_ECU_PORT: x\n  - 7\n  -\n"
        "  - APS_ECU_IP: ecu\n    APS_ECU_TIMEZON: UTC\n    APS_ECU_PORT: [1]\n    APS_ECU_AUTO_RESTART: 1\n"
        f"    APS_ECU_WIFI_PASSWD: {SECRET}\n"
        "mqtt:\n  MQTT_RETAIN: maybe\n"
    )
    path = tmp_path / "config.yaml"
    assert mistakes({"APS_ECU_IP": "", "APS_ECU_POLL_INTERVAL": "0"}, text, tmp_path) == [
        f"{path}, ECU 3 must have lines of the form NAME: value",
        f"{path}, ECU 5: APS_ECU_PORT must be a single value",
        f"{path}, ECU 5: 'APS_ECU_TIMEZON' is not a setting; did you mean APS_ECU_TIMEZONE?",
        "APS_ECU_IP must be one host name or IP address, without http://, port or spaces; it is '10.0.0.1,10.0.0.2' "
        f"({path}, ECU 1)",
        "APS_ECU_POLL_INTERVAL must be a whole number from 1 to 86400; it is '0' (environment)",
        f"MQTT_RETAIN must be True or False; it is 'maybe' ({path})",
        f"APS_ECU_IP is missing in {path}, ECU 2; each ECU in the list needs one",
        f"APS_ECU_PORT must be a whole number from 1 to 65535; it is 'x' ({path}, ECU 2)",
        f"APS_ECU_IP is missing in {path}, ECU 4; each ECU in the list needs one",
        f"APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID in {path}, ECU 5; the restart needs both settings",
    ]


def test_every_ecu_of_the_list_can_have_its_password_in_a_file(tmp_path: Path):
    """And warnings of a file with passwords hold for the list."""
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(0o600)
    text = (
        f"ecu:\n  - APS_ECU_IP: a\n    APS_ECU_WIFI_PASSWD_FILE: {tmp_path}/secret\n"
        "  - APS_ECU_IP: b\n    APS_ECU_WIFI_PASSWD: other\n"
    )
    loaded = load_all({"APS_ECU_AUTO_RESTART": "1", "APS_ECU_WIFI_SSID": "ap"}, text, tmp_path)
    assert [chosen.ecu.restart_with.password for chosen in loaded] == [SECRET, "other"]
    (tmp_path / "config.yaml").chmod(0o644)
    one, two = loading.load(tmp_path / "config.yaml", {})
    assert "contains APS_ECU_WIFI_PASSWD, and every user can read it" in one.warnings[0]
    assert two.warnings == ()
    twice = text.replace("PASSWD: other", f"PASSWD: x\n    APS_ECU_WIFI_PASSWD_FILE: {tmp_path}/none")
    assert mistakes({"APS_ECU_IP": ""}, twice, tmp_path) == [
        f"APS_ECU_WIFI_PASSWD and APS_ECU_WIFI_PASSWD_FILE are both set in {tmp_path}/config.yaml, ECU 2; "
        "remove one of them"
    ]


def test_warnings_that_hold_for_all_ecus_are_the_first_ones(tmp_path: Path):
    """So they are told once; those of one ECU are its own."""
    environ = {"APS_ECU_STOP_AT_NIGHT": "1", "APS_ECU_PORTS": "1"}
    one, two = load_all({**environ, "APS_ECU_IP": "a,b"})
    assert len(one.warnings) == 2
    assert two.warnings == ()
    one, two = load_all(environ, TWO, tmp_path)
    assert len(one.warnings) == 2
    (warning,) = two.warnings
    assert f"in {tmp_path}/config.yaml, ECU 2 uses the position of Paris; set both" in warning
