"""The configuration: file and environment, one parser, all mistakes at once, no secret in any of them."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from aps2mqtt.base.errors import ConfigError, leading_word, shown
from aps2mqtt.config import loading
from aps2mqtt.config.keys import KEYS, Key
from aps2mqtt.config.values import AccessPoint, Config, Secret

ROOT = Path(__file__).parents[2]
SECRET = "t0psecret"


def load_all(environ: dict[str, str], text: str | None = None, folder: Path | None = None) -> tuple[Config, ...]:
    """The configurations of an environment and of the text of a file, if any."""
    path = None
    if text is not None:
        path = folder / "config.yaml"
        path.write_text(text)
        path.chmod(0o600)
    return loading.load(path, environ)


def load(environ: dict[str, str] | None = None, text: str | None = None, folder: Path | None = None) -> Config:
    """The configuration of one ECU."""
    (loaded,) = load_all({"APS_ECU_IP": "192.168.1.42"} | (environ or {}), text, folder)
    return loaded


def mistakes(environ: dict[str, str] | None = None, text: str | None = None, folder: Path | None = None) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        load(environ, text, folder)
    assert SECRET not in str(caught.value)
    return list(caught.value.mistakes)


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
        "APS_ECU_IP is missing: no configuration file is named, and /etc/aps2mqtt/config.yaml was not found; "
        "name one with -c FILE, or set APS_ECU_IP in the environment"
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
        f"APS_ECU_PORT = '99999' in {path}: allowed is a whole number from 1 to 65535",
        f"APS_ECU_TIMEZONE = 'Mars/Olympus' in {path}: allowed is an IANA name such as Europe/Paris",
        "APS_ECU_POLL_INTERVAL = '5 min' in the environment: allowed is a whole number from 1 to 86400",
        "APS_ECU_POSITION_LAT = '91' in the environment: allowed is degrees from -90 to 90, with a point (47.206)",
        "APS_ECU_POSITION_LNG = '2,35' in the environment: allowed is degrees from -180 to 180, with a point (47.206)",
        "MQTT_TOPIC_PREFIX = '/a' in the environment: allowed is a topic without + and #, that begins neither with / "
        "nor with $ and does not end with /",
        f"MQTT_RETAIN = 'maybe' in {path}: allowed is True or False",
        "MQTT_PAYLOAD = 'xml' in the environment: allowed is flat or json or both",
    ]


@pytest.mark.parametrize("value", ["http://10.0.0.1", "10.0.0.1:8899", "my ecu", "ecu/1", "[::1]", 63 * "ß"])
def test_a_host_has_neither_scheme_nor_port(value: str):
    """The commonest slips in an address."""
    assert "without scheme, port or spaces" in mistakes({"APS_ECU_IP": value})[0]


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
        assert "a topic without + and #" in mistakes({name: value})[0]
    assert load({"MQTT_TOPIC_PREFIX": "home/$roof"}).broker.topic_prefix == "home/$roof"


def test_unknown_keys_of_the_file_are_mistakes_with_a_suggestion(tmp_path: Path):
    """A wrong key, one in the wrong section, one in none, a wrong section."""
    text = (
        "ecu:\n  APS_ECU_TIMEZON: Europe/Paris\n  MQTT_RETAIN: True\n"
        "MQTT_BROKER_PORT: 1883\nmqqt:\n  MQTT_CLIENT_ID: x\nmqtt:\n  COLOUR: red\n"
    )
    path = tmp_path / "config.yaml"
    assert mistakes(None, text, tmp_path) == [
        f"{path}: MQTT_BROKER_PORT stands outside of a section; put it below `mqtt:`, indented",
        f"{path}: there is no key 'APS_ECU_TIMEZON'; did you mean APS_ECU_TIMEZONE?",
        f"{path}: MQTT_RETAIN stands in section ecu; it belongs in mqtt",
        f"{path}: MQTT_CLIENT_ID stands in 'mqqt'; it belongs in section mqtt",
        f"{path}: there is no key 'COLOUR'; the sections are ecu and mqtt",
    ]


def test_near_misses_in_the_environment_are_warnings():
    """Other programs' variables are none of our business; values are not shown."""
    environ = {"MQTT_BROKER_PASSWORD": SECRET, "aps_ecu_port": "1", "MQTT_SERVICE_HOST": "x", "MQTT_PORT": "tcp://x"}
    assert load(environ).warnings == (
        "MQTT_BROKER_PASSWORD in the environment means nothing; did you mean MQTT_BROKER_PASSWD?",
        "aps_ecu_port in the environment means nothing; did you mean APS_ECU_PORT?",
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ecu: [10.0.0.1]\n", "ECU 1 has to be lines of the form KEY: value"),
        ("ecu: []\n", "the list of ECUs is empty"),
        ("mqtt: []\n", "section mqtt has to be lines of the form KEY: value"),
        ("ecu:\n  APS_ECU_IP: [10.0.0.1]\n", "APS_ECU_IP has to be one value"),
        ("- 1\n", "has to be lines of the form KEY: value"),
        ("ecu:\n\tAPS_ECU_IP: 1\n", "has a tab at line 2; use spaces instead"),
        ("ecu:\n  APS_ECU_IP:\t1\n", "has a tab at line 2; use spaces instead"),
        ("ecu:\n  APS_ECU_IP: 1\n\tAPS_ECU_PORT: 2\n", "has a tab at line 3; use spaces instead"),
        ("ecu: {\n", "is no YAML"),
        ("ecu:\n  APS_ECU_PORT: 1\n  APS_ECU_PORT: 2\n", "APS_ECU_PORT stands there twice; keep one"),
        ("a: 1\n---\nb: 2\n", "is no YAML"),
    ],
)
def test_what_is_no_configuration_file_is_told(tmp_path: Path, text: str, says: str):
    """Each form of it in one line."""
    (mistake,) = mistakes({"APS_ECU_IP": "10.0.0.1"}, text, tmp_path)
    assert mistake.startswith(str(tmp_path / "config.yaml"))
    assert says in mistake
    assert "\n" not in mistake


INDENTED = "is indented otherwise than the lines before it; begin `ecu:` and `mqtt:` in the first column"
OPEN_QUOTE = "the quotation mark at line 2 is not closed; close it"
LACKS_COLON = "lacks a colon with a space behind it; write KEY: value"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ecu:\n  APS_ECU_IP: a\n    APS_ECU_PORT: 8899\n", f"line 3 {INDENTED}"),
        ("ecu:\n    APS_ECU_IP: a\n\n  # the port\n  APS_ECU_PORT: 8899\n", f"line 5 {INDENTED}"),
        (
            "mqtt:\n    MQTT_BROKER_PASSWD: t0psecret\n  MQTT_BROKER_PORT: 1\necu:\n  APS_ECU_IP: a\n",
            f"line 3 {INDENTED}",
        ),
        ("mqtt:\n  MQTT_BROKER_PASSWD: t0psecret\n ecu:\n  APS_ECU_IP: a\n", f"line 3 {INDENTED}"),
        ("  ecu:\n    APS_ECU_IP: a\nmqtt:\n  MQTT_BROKER_PASSWD: t0psecret\n", f"line 3 {INDENTED}"),
        ('mqtt:\n  MQTT_BROKER_PASSWD: "t0psecret\n  MQTT_BROKER_HOST: h\necu:\n  APS_ECU_IP: a\n', OPEN_QUOTE),
        ("mqtt:\n  MQTT_BROKER_PASSWD: 't0psecret\necu:\n  APS_ECU_IP: a\n", OPEN_QUOTE),
        ("mqtt:\n  MQTT_BROKER_PASSWD: 't0psecret\n  MQTT_BROKER_USER: 'me'\n", OPEN_QUOTE),
        ("mqtt:\n  MQTT_BROKER_USER: 'a # b'\n  MQTT_BROKER_PASSWD: t0psecret: a\n", "line 3, column 32; put values"),
        (
            "mqtt:\n  MQTT_BROKER_PASSWD: @t0psecret\n",
            "line 2, column 23; put values with special characters in quotes",
        ),
        ("mqtt:\n  MQTT_BROKER_PASSWD: {t0psecret\n  MQTT_BROKER_PORT: 1\n", "line 2, column 23; put values"),
        ("mqtt:\n  MQTT_BROKER_PASSWD=t0psecret\n  MQTT_BROKER_PORT: 1\n", f"line 2 {LACKS_COLON}"),
        ("mqtt:\n  MQTT_BROKER_PORT: 1\n  MQTT_BROKER_PASSWD:t0psecret\n", f"line 3 {LACKS_COLON}"),
        ("ecu\n  APS_ECU_IP: a\n", f"line 1 {LACKS_COLON}"),
    ],
)
def test_the_commonest_mistakes_in_yaml_have_their_own_remedy(tmp_path: Path, text: str, says: str):
    """At the line that has to be changed, and without a word of the file."""
    (mistake,) = mistakes({"APS_ECU_IP": ""}, text, tmp_path)
    assert says in mistake


def test_keys_outside_of_a_section_or_without_a_colon_are_told_and_not_missed_as_well(tmp_path: Path):
    """Their values are taken, so that what is wrong with these is told, too."""
    place, alone = f"{tmp_path}/config.yaml", {"APS_ECU_IP": ""}
    outside = "stands outside of a section; put it below `ecu:`, indented"
    lacks = "lacks the colon and the space behind it; write"
    assert mistakes(alone, "APS_ECU_IP: a\n", tmp_path) == [f"{place}: APS_ECU_IP {outside}"]
    for text in ("ecu:\n  APS_ECU_IP:a\n", "ecu:\n  APS_ECU_IP=a\nmqtt:\n  MQTT_BROKER_PORT: 1\n"):
        assert mistakes(alone, text, tmp_path) == [f"{place}: APS_ECU_IP {lacks} APS_ECU_IP: VALUE"]
    assert mistakes(alone, "ecu:\n  APS_ECU_IP = a\n  APS_ECU_PORT:x\n", tmp_path) == [
        f"{place}: APS_ECU_IP {lacks} APS_ECU_IP: VALUE",
        f"{place}: APS_ECU_PORT {lacks} APS_ECU_PORT: VALUE",
        f"APS_ECU_PORT = 'x' in {place}: allowed is a whole number from 1 to 65535",
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
        (latin, "no text in UTF-8"),
    ):
        with pytest.raises(ConfigError, match=says):
            loading.load(path, {"APS_ECU_IP": "10.0.0.1"})


def test_what_a_file_that_cannot_be_read_may_hold_is_not_missed(tmp_path: Path):
    """What is wrong elsewhere is told."""
    environ = {"MQTT_BROKER_PASSWD": SECRET, "MQTT_PAYLOAD": "xml"}
    with pytest.raises(ConfigError) as raised:
        loading.load(tmp_path / "none.yaml", environ)
    assert raised.value.mistakes == (
        f"{tmp_path}/none.yaml cannot be read: No such file or directory; name the file with -c FILE "
        "(`aps2mqtt units` writes an example)",
        "MQTT_PAYLOAD = 'xml' in the environment: allowed is flat or json or both",
    )


@pytest.mark.parametrize("password", [f"!{SECRET}", f"!{SECRET} x", f"&{SECRET}"])
def test_a_value_that_yaml_does_not_take_for_text_is_a_mistake(tmp_path: Path, password: str):
    """A tag or an anchor; the login would be refused, and nobody would know why."""
    text = f"mqtt:\n  MQTT_BROKER_USER: u\n  MQTT_BROKER_PASSWD: {password}\n"
    assert mistakes({"APS_ECU_IP": "10.0.0.1"}, text, tmp_path) == [
        f"{tmp_path}/config.yaml: MQTT_BROKER_PASSWD begins with a character that YAML does not take for text; "
        "put the value in quotes"
    ]
    quoted = text.replace(password, f"'{password}'")
    assert load({"APS_ECU_IP": "10.0.0.1"}, quoted, tmp_path).broker.password == password


def test_a_password_can_stand_in_a_file(tmp_path: Path):
    """Less its final newline; named in the environment or in the configuration."""
    secret = tmp_path / "secret"
    secret.write_text(f" {SECRET} \n")
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": str(secret)}
    assert load(environ).broker.password == f" {SECRET} "
    text = f"mqtt:\n  MQTT_BROKER_USER: u\n  MQTT_BROKER_PASSWD_FILE: {secret}\n"
    assert load(None, text, tmp_path).broker.password == f" {SECRET} "
    assert load({"MQTT_BROKER_PASSWD": "other"}, text, tmp_path).broker.password == "other"


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path):
    """Editors on Windows write one; of a password's file as of the configuration."""
    (tmp_path / "secret").write_bytes(b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n")
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": str(tmp_path / "secret")}
    assert load(environ).broker.password == SECRET
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbfecu:\r\n  APS_ECU_IP: ecu\r\n")
    assert loading.load(tmp_path / "config.yaml", {})[0].ecu.host == "ecu"
    (tmp_path / "secret").rename(tmp_path / "mqtt-password")
    assert loading.load(tmp_path / "config.yaml", {"MQTT_BROKER_USER": "u"})[0].broker.password == SECRET


def test_a_password_beside_the_configuration_is_the_brokers(tmp_path: Path):
    """The first line of `mqtt-password`, where neither file nor environment has one."""
    text = "ecu:\n  APS_ECU_IP: 10.0.0.1\nmqtt:\n  MQTT_BROKER_USER: u\n"
    beside = tmp_path / "mqtt-password"
    assert load(None, text, tmp_path).broker.password == ""
    beside.write_text(f"{SECRET}\nnot this\n")
    beside.chmod(0o600)
    loaded = load(None, text, tmp_path)
    assert loaded.broker.password == SECRET
    assert loaded.given["MQTT_BROKER_PASSWD"][:2] == ("••••", f"in {beside}")
    assert loaded.warnings == ()
    assert load(None, text + "  MQTT_BROKER_PASSWD: own\n", tmp_path).broker.password == "own"
    assert load({"MQTT_BROKER_PASSWD": "env"}, text, tmp_path).broker.password == "env"
    assert {chosen.broker.password for chosen in load_all({"MQTT_BROKER_USER": "u"}, TWO, tmp_path)} == {SECRET}
    assert load({"MQTT_BROKER_USER": "u"}).broker.password == ""  # no file, nothing beside it
    beside.write_text("\n")
    assert load(None, text, tmp_path).broker.password == ""
    beside.write_bytes(b"\xff")
    assert mistakes(None, text, tmp_path) == [f"MQTT_BROKER_PASSWD in {beside}: allowed is a file of UTF-8 text"]
    beside.unlink()
    beside.symlink_to("nothing")
    assert load(None, text, tmp_path).broker.password == ""
    beside.unlink()
    beside.mkdir()
    assert mistakes(None, text, tmp_path) == [f"{beside} cannot be read: Is a directory; name another file"]


def test_a_password_beside_the_configuration_is_not_looked_at_where_one_is_set(tmp_path: Path):
    """By the file or the environment, also by the name of a file: what nobody needs cannot be wrong."""
    text = "ecu:\n  APS_ECU_IP: 10.0.0.1\nmqtt:\n  MQTT_BROKER_USER: u\n"
    (tmp_path / "mqtt-password").mkdir()
    (tmp_path / "own").write_text(SECRET)
    assert load(None, f"{text}  MQTT_BROKER_PASSWD: {SECRET}\n", tmp_path).broker.password == SECRET
    for environ in ({"MQTT_BROKER_PASSWD": SECRET}, {"MQTT_BROKER_PASSWD_FILE": f"{tmp_path}/own"}):
        assert load(environ, text, tmp_path).broker.password == SECRET
        assert load_all(environ | {"MQTT_BROKER_USER": "u"}, TWO, tmp_path)[1].broker.password == SECRET
    assert mistakes({"MQTT_BROKER_PASSWD_FILE": "/nowhere"}, text, tmp_path) == [
        "MQTT_BROKER_PASSWD_FILE in the environment: allowed is a file; there is none"
    ]


def test_a_secret_file_of_several_lines_is_told_so(tmp_path: Path):
    """Of a file that is named, all is the secret."""
    (tmp_path / "secret").write_text(f"{SECRET}\n{SECRET}\n")
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": str(tmp_path / "secret")}
    (mistake,) = mistakes(environ)
    assert mistake.endswith("in the environment: allowed is one line of printable text, at most 1000 characters")


@contextlib.contextmanager
def not_root() -> Iterator[None]:
    """As a user who may not read everything; os.access asks for the real one."""
    real, effective, saved = os.getresuid()
    user = effective or 65534
    os.setresuid(user, user, saved)
    try:
        yield
    finally:
        os.setresuid(real, effective, saved)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, as `tmp_path` is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_configuration_that_this_user_may_not_read_says_who_can(open_folder: Path):
    """And of the password beside it."""
    path, beside = open_folder / "config.yaml", open_folder / "mqtt-password"
    path.write_text("ecu:\n  APS_ECU_IP: ecu\n")
    environ = {"MQTT_BROKER_USER": "u"}
    for file in (beside, path):
        file.touch()
        loading.load(path, environ)
        file.chmod(0)
        with not_root(), pytest.raises(ConfigError) as caught:
            loading.load(path, environ)
        assert caught.value.mistakes == (
            f"{file} cannot be read: Permission denied; run aps2mqtt as root, or let this user read the file",
        )
        file.chmod(0o644)


# -- what systemd hands over ------------------------------------------------------------------------------------------


def handed_over(folder: Path, **files: str) -> dict[str, str]:
    """The environment of a service that was handed these credentials, of files that it cannot read."""
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_", "-").replace("-dot-", ".")).write_text(text)
    return {"CREDENTIALS_DIRECTORY": str(folder), "STATE_DIRECTORY": "/var/lib/aps2mqtt"}


def test_what_the_service_cannot_read_is_read_from_its_credentials(tmp_path: Path):
    """Configuration, password and the files of TLS; messages and values name the files in their own place."""
    etc = tmp_path / "etc"
    text = "ecu:\n  APS_ECU_IP: ecu\n  APS_ECU_PORT: x\nmqtt:\n  MQTT_BROKER_USER: u\n"
    text += "".join(f"  MQTT_BROKER_{key}_PATH: {etc}/mqtt-{key.lower()}.pem\n" for key in ("CERT", "KEY"))
    environ = handed_over(
        tmp_path / "run", config_dot_yaml=text, mqtt_password=SECRET, mqtt_cert_dot_pem="cert", mqtt_key_dot_pem="key"
    )
    path = etc / "roof.yaml"
    with pytest.raises(ConfigError) as caught:
        loading.load(path, environ)
    assert caught.value.mistakes == (f"APS_ECU_PORT = 'x' in {path}: allowed is a whole number from 1 to 65535",)
    (loaded,) = loading.load(path, environ | {"APS_ECU_PORT": "1"})
    assert loaded.broker.password == SECRET
    assert (loaded.broker.certificate_file, loaded.broker.key_file) == (f"{etc}/mqtt-cert.pem", f"{etc}/mqtt-key.pem")
    assert loaded.given["MQTT_BROKER_PASSWD"].where == f"in {etc}/mqtt-password"


def test_an_empty_line_stands_in_for_a_credential_that_is_not_there(tmp_path: Path):
    """Of a password it is none; of a file that the configuration names, the mistake tells of the file."""
    text = "ecu:\n  APS_ECU_IP: ecu\nmqtt:\n  MQTT_BROKER_USER: u\n"
    environ = handed_over(tmp_path / "run", config_dot_yaml=text, mqtt_password="\n", mqtt_ca_dot_pem="\n")
    path = tmp_path / "etc/config.yaml"
    assert loading.load(path, environ)[0].broker.password == ""
    with pytest.raises(ConfigError) as caught:
        loading.load(path, environ | {"MQTT_BROKER_CACERTS_PATH": "/etc/aps2mqtt/mqtt-ca.pem"})
    assert caught.value.mistakes == (
        "MQTT_BROKER_CACERTS_PATH = '/etc/aps2mqtt/mqtt-ca.pem' in the environment: allowed is a file; there is none",
    )


def test_an_empty_file_or_none_where_only_root_can_read_is_no_password(open_folder: Path):
    """And it is not said that systemd did not hand it over."""
    path, beside = open_folder / "config.yaml", open_folder / "mqtt-password"
    text = "ecu:\n  APS_ECU_IP: ecu\nmqtt:\n  MQTT_BROKER_USER: u\n"
    environ = handed_over(open_folder / "run", config_dot_yaml=text, mqtt_password="")
    for file in (path, beside):
        file.touch(0)
    with not_root():
        assert loading.load(path, environ)[0].broker.password == ""
    (open_folder / "run/mqtt-password").write_text("\n")
    beside.unlink()
    closed = open_folder / "etc"
    closed.mkdir(0)
    with not_root():
        assert loading.load(closed / "config.yaml", environ)[0].broker.password == ""


def test_a_service_that_was_handed_nothing_says_so(tmp_path: Path):
    """As in LXC guests whose drop-in empties LoadCredential=; the empty lines of SetCredential= stay."""
    path = tmp_path / "config.yaml"
    for environ in ({"STATE_DIRECTORY": "/x"}, handed_over(tmp_path / "run", mqtt_password="\n")):
        with pytest.raises(ConfigError) as caught:
            loading.load(path, environ)
        assert caught.value.mistakes == (
            f"{path} cannot be read: No such file or directory; systemd did not hand it over: in an LXC guest, repeat "
            "the unit's LoadCredential= in a drop-in",
        )


def test_a_file_that_can_be_read_goes_before_a_credential(tmp_path: Path):
    """One of the same name may have been handed over from elsewhere."""
    (tmp_path / "config.yaml").write_text("ecu:\n  APS_ECU_IP: file\n")
    environ = handed_over(tmp_path / "run", config_dot_yaml="ecu:\n  APS_ECU_IP: credential\n")
    assert loading.load(tmp_path / "config.yaml", environ)[0].ecu.host == "file"


def test_an_empty_file_holds_no_password(tmp_path: Path):
    """As an empty value is an unset one: the other source counts then."""
    (tmp_path / "secret").write_text("\n")
    text = "mqtt:\n  MQTT_BROKER_USER: u\n  MQTT_BROKER_PASSWD: other\n"
    assert load({"MQTT_BROKER_PASSWD_FILE": str(tmp_path / "secret")}, text, tmp_path).broker.password == "other"


def test_a_password_and_its_file_in_one_source_are_a_mistake(tmp_path: Path):
    """Nobody could say which counts."""
    (tmp_path / "secret").write_text(SECRET)
    environ = {"MQTT_BROKER_PASSWD": SECRET, "MQTT_BROKER_PASSWD_FILE": str(tmp_path / "secret")}
    assert mistakes({**environ, "MQTT_BROKER_USER": "u"}) == [
        "MQTT_BROKER_PASSWD and MQTT_BROKER_PASSWD_FILE are both set in the environment; keep one"
    ]


def test_files_that_cannot_be_read_are_mistakes(tmp_path: Path):
    """Those of passwords and those of TLS."""
    environ = {
        "MQTT_BROKER_USER": "u",
        "MQTT_BROKER_PASSWD_FILE": str(tmp_path / "a"),
        "MQTT_BROKER_CACERTS_PATH": str(tmp_path / "b"),
    }
    found = mistakes(environ)
    assert len(found) == 2
    assert all("there is none" in mistake for mistake in found)


def test_a_password_without_a_user_says_where_it_is(tmp_path: Path):
    """A file beside the configuration may be forgotten."""
    (tmp_path / "mqtt-password").write_text(SECRET)
    (mistake,) = mistakes({}, "ecu:\n  APS_ECU_IP: ecu\n", tmp_path)
    assert mistake.endswith(f"(it is in {tmp_path}/mqtt-password)")


@pytest.mark.parametrize("prefix", ["solar ", " ", " $SYS", "a/ ", "\u00a0solar"])
def test_a_prefix_with_spaces_around_it_is_a_mistake(prefix: str):
    """Home Assistant would find nothing below it, and nobody sees why."""
    for name in ("MQTT_TOPIC_PREFIX", "MQTT_DISCOVERY_PREFIX"):
        assert "allowed is " in mistakes({name: prefix})[0]


@pytest.mark.parametrize("slip", [" {}", "_{}", "-{}", "{}", ": {}"])
def test_a_password_that_slipped_into_its_key_is_not_shown(slip: str):
    """The key is, and the file's."""
    assert leading_word("MQTT_BROKER_PASSWD" + slip.format(SECRET)) == "MQTT_BROKER_PASSWD"
    assert leading_word("MQTT_BROKER_PASSWD_FILE" + slip.format(SECRET)) != "MQTT_BROKER_PASSWD_FILE" + SECRET
    assert leading_word("MQTT_BROKER_PASSWD_FILE") == "MQTT_BROKER_PASSWD_FILE"


def test_a_long_value_is_shown_soon():
    """A file may have a megabyte of it."""
    began = time.monotonic()
    shown("pass" * 250_000)
    shown("pass@" * 200_000)
    assert time.monotonic() - began < 5


def test_a_password_in_place_of_its_file_is_not_shown():
    """As some write it who have not read on."""
    assert mistakes({"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": SECRET}) == [
        "MQTT_BROKER_PASSWD_FILE in the environment: allowed is a file; there is none"
    ]


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"MQTT_BROKER_PASSWD": SECRET}, "MQTT_BROKER_PASSWD is set without MQTT_BROKER_USER"),
        ({"MQTT_BROKER_CERT_PATH": __file__}, "MQTT_BROKER_CERT_PATH is set without MQTT_BROKER_KEY_PATH"),
        ({"MQTT_BROKER_KEY_PATH": __file__}, "MQTT_BROKER_KEY_PATH is set without MQTT_BROKER_CERT_PATH"),
        (
            {"APS_ECU_AUTO_RESTART": "True", "APS_ECU_WIFI_SSID": "ap", "APS_ECU_WIFI_PASSWD": "null"},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_PASSWD",
        ),
        (
            {"APS_ECU_AUTO_RESTART": "True", "APS_ECU_WIFI_SSID": "~", "APS_ECU_WIFI_PASSWD": SECRET},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID",
        ),
        (
            {"APS_ECU_AUTO_RESTART": "True", "APS_ECU_WIFI_PASSWD": SECRET},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID",
        ),
        (
            {"APS_ECU_AUTO_RESTART": "1", "APS_ECU_WIFI_SSID": "ap"},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_PASSWD",
        ),
    ],
)
def test_keys_that_need_another_say_so(environ: dict[str, str], says: str):
    """One without the other has no meaning."""
    (mistake,) = mistakes(environ)
    assert says in mistake


@pytest.mark.parametrize("wanted", ["True ", " yes", "ON\t", "1\n"])
@pytest.mark.parametrize("given", [{}, {"APS_ECU_WIFI_SSID": " "}, {"APS_ECU_WIFI_PASSWD": "  "}])
def test_a_restart_needs_name_and_password_however_it_is_asked_for(wanted: str, given: dict[str, str]):
    """Blanks are neither: an ECU that was told them would have an open access point without a name."""
    assert mistakes({"APS_ECU_AUTO_RESTART": wanted, **given}) == [
        "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID; the restart needs both",
        "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_PASSWD; the restart needs both",
    ]
    both = {"APS_ECU_WIFI_SSID": "ap", "APS_ECU_WIFI_PASSWD": SECRET}
    made = load({"APS_ECU_AUTO_RESTART": wanted, **both}).ecu.restart_with
    assert (made.ssid, made.password) == ("ap", SECRET)
    assert load({"APS_ECU_AUTO_RESTART": " no", **both}).ecu.restart_with is None


@pytest.mark.parametrize(("ssid", "password"), [("", "p"), ("ap", ""), (" ", "p"), ("ap", "\t"), ("", "")])
def test_there_is_no_access_point_without_name_or_password(ssid: str, password: str):
    """Whoever makes one: what does not exist cannot be posted to an ECU."""
    with pytest.raises(ValueError, match="a name and a password"):
        AccessPoint(ssid, Secret(password))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
@pytest.mark.parametrize("quotes", ['""', "''", "“”", "„“", "‘’", "«»"])  # noqa: RUF001 - as people type them
def test_a_value_in_quotation_marks_is_a_mistake_that_is_named(tmp_path: Path, key: Key, quotes: str):
    """As env files leave them; of every key, in the environment and, nested, in the file; a secret is not shown."""
    value = f"{quotes[0]}{SECRET if key.secret else key.default or 'x,y'}{quotes[1]}"
    needed = {"MQTT_BROKER_USER": "u"} if key.name == "MQTT_BROKER_PASSWD" else {}
    allowed = "allowed is a value without quotation marks around it"
    section, text = ("ecu", "") if key.section == "ecu" else ("mqtt", "ecu:\n  APS_ECU_IP: ecu\n")
    nested = value.replace("'", "''")
    text += f"{section}:\n  {key.name}: '{nested}'\n"
    for found in (mistakes(needed | {key.name: value}), mistakes({"APS_ECU_IP": "", **needed}, text, tmp_path)):
        told = [mistake for mistake in found if mistake.startswith(key.name) and "set without" not in mistake]
        assert len(told) == 1
        assert allowed in told[0]


def test_a_file_holds_a_password_as_it_is(tmp_path: Path):
    """Quotation marks included; those around the file's name are a mistake."""
    (tmp_path / "secret").write_text('"quoted"\n')
    (tmp_path / "secret").chmod(0o600)
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": str(tmp_path / "secret")}
    assert load(environ).broker.password == '"quoted"'
    assert mistakes(environ | {"MQTT_BROKER_PASSWD_FILE": f'"{tmp_path}/secret"'}) == [
        "MQTT_BROKER_PASSWD_FILE in the environment: allowed is a value without quotation marks around it"
    ]


@pytest.mark.parametrize(
    "value",
    [
        f"u:{SECRET}@host:1883",
        f"u:{SECRET}/ss@host/x",
        f"mqtt:/u:{SECRET}@host:1",
        f"mqtt://u:x@{SECRET}@host:1",
        f"u:a,{SECRET}@host:1",
        f"u:{SECRET} \n@host:1",
        f"u:{SECRET}%40host:1",
    ],
)
def test_a_login_in_a_value_is_not_shown(value: str):
    """Everything before the last @ is dots, of every key whose value is shown, and of each address in a list."""
    for name in ("APS_ECU_IP", "MQTT_BROKER_HOST", "MQTT_BROKER_PORT", "APS_ECU_TIMEZONE", "MQTT_BROKER_CACERTS_PATH"):
        (mistake,) = mistakes({name: value})
        assert mistake.startswith(f"{name} = '••••@host")
    assert len(mistakes({"APS_ECU_IP": f"10.0.0.1,{value}"})) == 1


@pytest.mark.parametrize(
    "value",
    [
        f"10.0.0.1 MQTT_BROKER_PASSWD {SECRET}",
        f"mqtt://h?password={SECRET}",
        f"mqtt://h?password=x@{SECRET}",
        f"h:1883 pwd: {SECRET} x",
        f'h "password": "{SECRET}"',
        f"h passwd = {SECRET}",
        f"h?pw={SECRET}",
        f"h?token={SECRET}",
        f"h psk: {SECRET}",
    ],
)
def test_what_a_value_calls_a_password_is_not_shown(value: str):
    """YAML makes one value of a line and of the next, where that is indented and lacks its colon."""
    (mistake,) = mistakes({"MQTT_BROKER_HOST": value})
    assert "••••' in the environment: allowed is one host name" in mistake
    assert SECRET not in repr(load({"MQTT_BROKER_USER": value}).given)
    given = load({"MQTT_TOPIC_PREFIX": "pass/secrets", "APS_STATE_DIR": "/run/password/x"}).given
    assert (given["MQTT_TOPIC_PREFIX"].text, given["APS_STATE_DIR"].text) == ("pass/secrets", "/run/password/x")


def test_a_long_value_is_cut():
    """It may be anything; so is one that is accepted, where `check` shows it."""
    (mistake,) = mistakes({"MQTT_PAYLOAD": "x" * 1000})
    assert mistake == f"MQTT_PAYLOAD = '{'x' * 100}…' in the environment: allowed is flat or json or both"
    given = load({"MQTT_TOPIC_PREFIX": "y" * 101, "MQTT_BROKER_USER": f"u:{SECRET}@home"}).given
    assert given["MQTT_TOPIC_PREFIX"].text == "y" * 100 + "…"
    assert given["MQTT_BROKER_USER"].text == "••••@home"


def test_of_an_unknown_key_only_its_leading_word_is_shown(tmp_path: Path):
    """A slip makes a key of a key and its value: without the colon's space, with = or a space in its place."""
    text = (
        f"mqtt:\n  MQTT_BROKER_PASSWD {SECRET}: x\n  MQTT_BROKER_PASSWORD={SECRET}: x\n"
        f"  MQTT_BROKER_USER:{SECRET}: x\n  COLOUR {SECRET}: [1]\n  RED {SECRET}: !a\n"
        f"other {SECRET}:\n  MQTT_RETAIN: 1\nmore {SECRET}: 7\nlast {SECRET}: [1]\n"
        f"  \nMQTT_CLIENT_ID {SECRET}: 1\nMQTT_CLIENT_ID {SECRET}: 2\n"
    )
    path = tmp_path / "config.yaml"
    assert sorted(mistakes(None, text, tmp_path)) == sorted(
        [
            f"{path}: MQTT_BROKER_PASSWD lacks the colon and the space behind it; write MQTT_BROKER_PASSWD: VALUE",
            f"{path}: there is no key 'MQTT_BROKER_PASSWORD'; did you mean MQTT_BROKER_PASSWD?",
            f"{path}: MQTT_BROKER_USER lacks the colon and the space behind it; write MQTT_BROKER_USER: VALUE",
            f"{path}: COLOUR has to be one value",
            f"{path}: RED begins with a character that YAML does not take for text; put the value in quotes",
            f"{path}: MQTT_RETAIN stands in 'other'; it belongs in section mqtt",
            f"{path}: there is no key 'more'; the sections are ecu and mqtt",
            f"{path}: section last has to be lines of the form KEY: value",
            f"{path}: MQTT_CLIENT_ID stands there twice; keep one",
            f"{path}: MQTT_CLIENT_ID lacks the colon and the space behind it; write MQTT_CLIENT_ID: VALUE",
        ]
    )


def test_doubtful_settings_are_warned_of(tmp_path: Path):
    """They may be meant."""
    (tmp_path / "ca.pem").touch()
    environ = {
        "APS_ECU_STOP_AT_NIGHT": "True",
        "APS_ECU_POSITION_LAT": "47",
        "MQTT_BROKER_CACERTS_PATH": str(tmp_path / "ca.pem"),
    }
    warnings = load(environ).warnings
    assert len(warnings) == 2
    assert "the site is assumed to be in Paris" in warnings[0]
    assert "the connection is not secured" in warnings[1]
    assert load({"MQTT_DISCOVERY_ENABLED": "yes", "MQTT_PAYLOAD": "both"}).warnings == ()


def test_a_site_is_located_only_by_both_of_its_coordinates():
    """Half a position is none; what needs one says that Paris is assumed."""
    position = {"APS_ECU_POSITION_LAT": "-33.9", "APS_ECU_POSITION_LNG": "151.2"}
    wifi = {"APS_ECU_WIFI_SSID": "ECU", "APS_ECU_WIFI_PASSWD": SECRET}
    assert [load(given).ecu.located for given in ({}, dict([*position.items()][:1]), position)] == [False, False, True]
    restarted = {"APS_ECU_AUTO_RESTART": "yes", **wifi}
    assert "APS_ECU_AUTO_RESTART without APS_ECU_POSITION_LAT" in load(restarted).warnings[0]
    assert load(restarted | position).warnings == ()


def test_discovery_has_a_style_only_where_it_is_wanted():
    """`device` by default; Home Assistant before 2024.11 needs `component`."""
    assert load({"MQTT_DISCOVERY_STYLE": "component"}).broker.discovery == ""
    assert load({"MQTT_DISCOVERY_ENABLED": "yes"}).broker.discovery == "device"
    assert load({"MQTT_DISCOVERY_ENABLED": "yes", "MQTT_DISCOVERY_STYLE": "Component"}).broker.discovery == "component"


def test_a_file_with_a_password_that_others_can_read_is_warned_of(tmp_path: Path):
    """One without a password may be read by all."""
    path = tmp_path / "config.yaml"
    path.write_text(f"ecu:\n  APS_ECU_IP: 10.0.0.1\nmqtt:\n  MQTT_BROKER_USER: u\n  MQTT_BROKER_PASSWD: {SECRET}\n")
    path.chmod(0o644)
    (warning,) = loading.load(path, {})[0].warnings
    assert warning == f"{path} holds MQTT_BROKER_PASSWD and can be read by everybody; chmod o-r {path}"
    path.chmod(0o640)
    assert loading.load(path, {})[0].warnings == ()
    path.write_text("ecu:\n  APS_ECU_IP: 10.0.0.1\n")
    path.chmod(0o644)
    assert loading.load(path, {})[0].warnings == ()


def test_a_file_with_a_secret_alone_that_others_can_read_is_warned_of(tmp_path: Path):
    """The key of a certificate and a password's own file; what others put below /run is theirs."""
    for name in ("config.yaml", "mqtt-password", "wifi", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o644)
    environ = {
        "MQTT_BROKER_USER": "u",
        "APS_ECU_WIFI_PASSWD_FILE": f"{tmp_path}/wifi",
        "MQTT_BROKER_CERT_PATH": f"{tmp_path}/cert.pem",
        "MQTT_BROKER_KEY_PATH": f"{tmp_path}/key.pem",
    }
    files = {"wifi": "APS_ECU_WIFI_PASSWD", "mqtt-password": "MQTT_BROKER_PASSWD", "key.pem": "MQTT_BROKER_KEY_PATH"}
    assert sorted(load(environ, "ecu:\n  APS_ECU_IP: ecu\n", tmp_path).warnings) == sorted(
        f"{tmp_path}/{file}, the file of {key}, can be read by everybody; chmod o-r {tmp_path}/{file}"
        for file, key in files.items()
    )
    for name in files:
        (tmp_path / name).chmod(0o640)
    assert load(environ, "ecu:\n  APS_ECU_IP: ecu\n", tmp_path).warnings == ()


def test_the_time_zone_is_the_configured_one_else_that_of_the_environment():
    """$TZ counts if it is an IANA name; POSIX rules do not."""
    assert load({"APS_ECU_TIMEZONE": "Asia/Tokyo", "TZ": "Europe/Paris"}).ecu.timezone == ZoneInfo("Asia/Tokyo")
    assert load({"TZ": "Europe/Paris"}).ecu.timezone == ZoneInfo("Europe/Paris")
    system = load({}).ecu.timezone
    assert load({"TZ": "CET-1CEST"}).ecu.timezone == system
    assert system == UTC or str(system)


def test_the_state_lies_where_the_platform_keeps_it(tmp_path, monkeypatch):
    """Systemd's folder, XDG's, the home's; a relative XDG_STATE_HOME does not count."""
    monkeypatch.setattr(loading, "SERVICE_STATE", tmp_path / "none")
    everything = {"APS_STATE_DIR": "/a", "STATE_DIRECTORY": "/b:/c", "XDG_STATE_HOME": "/d"}
    assert load(everything).state_directory == Path("/a")
    assert load({**everything, "APS_STATE_DIR": ""}).state_directory == Path("/b")
    assert load({"XDG_STATE_HOME": "/d"}).state_directory == Path("/d/aps2mqtt")
    home = Path("~/.local/state/aps2mqtt").expanduser()
    assert load({"XDG_STATE_HOME": "d"}).state_directory == home
    assert load({}).state_directory == home


def test_a_job_by_hand_finds_the_state_of_the_services(tmp_path, monkeypatch):
    """If this user may write there: a folder, or the link that systemd makes of it. One that is named goes first."""
    service, link = tmp_path / "private", tmp_path / "aps2mqtt"
    monkeypatch.setattr(loading, "SERVICE_STATE", link)
    elsewhere = {"XDG_STATE_HOME": "/d"}
    assert load(elsewhere).state_directory == Path("/d/aps2mqtt")
    service.mkdir()
    link.symlink_to(service)
    assert load(elsewhere).state_directory == link
    assert load({}).state_directory == link
    assert load({**elsewhere, "STATE_DIRECTORY": "/b"}).state_directory == Path("/b")
    assert load({**elsewhere, "APS_STATE_DIR": "/a"}).state_directory == Path("/a")
    link.unlink()
    link.touch(0o777)
    assert load(elsewhere).state_directory == Path("/d/aps2mqtt")


def test_secrets_are_not_in_the_representation():
    """Whoever logs a configuration logs no password."""
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD": SECRET, "APS_ECU_WIFI_PASSWD": SECRET}
    assert SECRET not in repr(load(environ | {"APS_ECU_AUTO_RESTART": "1", "APS_ECU_WIFI_SSID": "ap"}))


# -- several ECUs -----------------------------------------------------------------------------------------------------

TWO = """\
ecu:
  - APS_ECU_IP: 10.0.0.1
    APS_ECU_TIMEZONE: Europe/Paris
  - APS_ECU_IP: 10.0.0.2
    APS_ECU_PORT: 1000
mqtt:
  MQTT_CLIENT_ID: roof
"""


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
        "APS_ECU_IP = '' in the environment: allowed is one host name or address, without scheme, port or spaces"
    ]
    text = "ecu:\n  APS_ECU_IP: 10.0.0.1,10.0.0.2\n  APS_ECU_TEMPERATURE_UNIT: F\n"
    assert [(chosen.ecu.host, chosen.ecu.fahrenheit) for chosen in load_all({}, text, tmp_path)] == [
        ("10.0.0.1", True),
        ("10.0.0.2", True),
    ]


def test_addresses_in_the_environment_and_a_list_in_the_file_are_a_mistake(tmp_path: Path):
    """Nobody could say which counts; one line, whatever the number of items."""
    assert mistakes({"APS_ECU_IP": "10.0.0.3"}, TWO, tmp_path) == [
        "APS_ECU_IP is set in the environment, and the file has a list of ECUs; keep one (--ecu picks of the list)"
    ]


def test_the_same_ecu_twice_is_a_mistake(tmp_path: Path):
    """By host and port, in any case of letters; the same host with another port is another ECU."""
    assert mistakes({"APS_ECU_IP": "ecu,roof,ECU"}) == [
        "the ECU at ECU:8899 is named twice, the second time in the environment; keep one"
    ]
    text = TWO.replace("10.0.0.2", "10.0.0.1")
    assert len(load_all({}, text, tmp_path)) == 2
    assert mistakes({"APS_ECU_IP": ""}, text.replace("1000", "8899"), tmp_path) == [
        f"the ECU at 10.0.0.1:8899 is named twice, the second time in {tmp_path}/config.yaml, ECU 2; keep one"
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
        f"{path}, ECU 3 has to be lines of the form KEY: value",
        f"{path}, ECU 5: APS_ECU_PORT has to be one value",
        f"{path}, ECU 5: there is no key 'APS_ECU_TIMEZON'; did you mean APS_ECU_TIMEZONE?",
        f"APS_ECU_IP = '10.0.0.1,10.0.0.2' in {path}, ECU 1: allowed is one host name or address, without scheme, "
        "port or spaces",
        "APS_ECU_POLL_INTERVAL = '0' in the environment: allowed is a whole number from 1 to 86400",
        f"MQTT_RETAIN = 'maybe' in {path}: allowed is True or False",
        f"APS_ECU_IP is missing in {path}, ECU 2; every ECU of the list needs its own",
        f"APS_ECU_PORT = 'x' in {path}, ECU 2: allowed is a whole number from 1 to 65535",
        f"APS_ECU_IP is missing in {path}, ECU 4; every ECU of the list needs its own",
        f"APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID in {path}, ECU 5; the restart needs both",
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
    assert "holds APS_ECU_WIFI_PASSWD and can be read by everybody" in one.warnings[0]
    assert two.warnings == ()
    twice = text.replace("PASSWD: other", f"PASSWD: x\n    APS_ECU_WIFI_PASSWD_FILE: {tmp_path}/none")
    assert mistakes({"APS_ECU_IP": ""}, twice, tmp_path) == [
        f"APS_ECU_WIFI_PASSWD and APS_ECU_WIFI_PASSWD_FILE are both set in {tmp_path}/config.yaml, ECU 2; keep one"
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
    assert f"in {tmp_path}/config.yaml, ECU 2: the site is assumed to be in Paris" in warning


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


def test_the_lists_of_ecus_in_the_example_and_in_the_readme_are_configurations(tmp_path: Path):
    """The one with its comment signs removed."""
    example = (ROOT / "config.yaml.example").read_text()
    _, _, commented = example.partition("\n#ecu:\n")
    commented, _, _ = commented.partition("\n\n")
    shown = (ROOT / "README.md").read_text().partition("```yaml\n")[2].partition("```")[0]
    for text in ("ecu:\n" + commented.replace("#", ""), shown):
        assert [chosen.ecu.host for chosen in load_all({}, text, tmp_path)] == ["192.168.1.42", "192.168.1.43"]


def test_the_readme_names_every_key_with_its_default():
    """In a table."""
    rows = [line.split("|") for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| ")]
    shown = {row[1].strip(): row[2].strip() for row in rows}
    for key in KEYS:
        assert key.name in shown
        assert shown[key.name] == {None: "mandatory"}.get(key.default, key.default) or shown[key.name].startswith(
            ("the system's", "`$TZ`", "`$STATE_DIRECTORY`")
        )
