"""Passwords: in files of their own, handed over by systemd, and never shown."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loading_settings import SECRET, TWO, load, load_all, mistakes

from aps2mqtt.base.errors import ConfigError, leading_word, shown
from aps2mqtt.config import loading


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
    assert mistakes(None, text, tmp_path) == [f"MQTT_BROKER_PASSWD must be a file of UTF-8 text ({beside})"]
    beside.unlink()
    beside.symlink_to("nothing")
    assert load(None, text, tmp_path).broker.password == ""
    beside.unlink()
    beside.mkdir()
    assert mistakes(None, text, tmp_path) == [f"{beside} cannot be read: Is a directory; name a plain file"]


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
        "MQTT_BROKER_PASSWD_FILE must be a file that exists (environment)"
    ]


def test_a_secret_file_of_several_lines_is_told_so(tmp_path: Path):
    """Of a file that is named, all is the secret."""
    (tmp_path / "secret").write_text(f"{SECRET}\n{SECRET}\n")
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": str(tmp_path / "secret")}
    (mistake,) = mistakes(environ)
    assert mistake.endswith(
        "must be one line of at most 1000 printable characters (by MQTT_BROKER_PASSWD_FILE in the environment)"
    )


@contextlib.contextmanager
def not_root() -> Iterator[None]:
    """As a user who may not read everything; os.access asks for the real one.

    A file is loaded before, because that user may not read what is imported late.
    """
    with tempfile.TemporaryDirectory() as folder:
        load({}, "mqtt:\n  MQTT_BROKER_USER: u\n", Path(folder))
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
            f"{file} cannot be read: Permission denied; run the command as root (sudo), or let this user read the file",
        )
        file.chmod(0o644)


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
    assert caught.value.mistakes == (f"APS_ECU_PORT must be a whole number from 1 to 65535; it is 'x' ({path})",)
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
        "MQTT_BROKER_CACERTS_PATH must be a file that exists; it is '/etc/aps2mqtt/mqtt-ca.pem' (environment)",
    )


def test_an_empty_file_or_none_where_only_root_can_read_is_no_password(open_folder: Path):
    """And no error names LoadCredential=."""
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
            f"{path} cannot be read: No such file or directory; check LoadCredential= in the unit, and in an LXC guest "
            "repeat that line in a drop-in",
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
        "MQTT_BROKER_PASSWD and MQTT_BROKER_PASSWD_FILE are both set in the environment; remove one of them"
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
    assert all("must be a file that exists" in mistake for mistake in found)


def test_a_password_without_a_user_says_where_it_is(tmp_path: Path):
    """A file beside the configuration may be forgotten."""
    (tmp_path / "mqtt-password").write_text(SECRET)
    (mistake,) = mistakes({}, "ecu:\n  APS_ECU_IP: ecu\n", tmp_path)
    assert f"without MQTT_BROKER_USER ({tmp_path}/mqtt-password); " in mistake


@pytest.mark.parametrize("prefix", ["solar ", " ", " $SYS", "a/ ", "\u00a0solar"])
def test_a_prefix_with_spaces_around_it_is_a_mistake(prefix: str):
    """Home Assistant would find nothing below it, and nobody sees why."""
    for name in ("MQTT_TOPIC_PREFIX", "MQTT_DISCOVERY_PREFIX"):
        assert "must be " in mistakes({name: prefix})[0]


@pytest.mark.parametrize("slip", [" {}", "_{}", "-{}", "{}", ": {}"])
def test_a_password_that_slipped_into_its_key_is_not_shown(slip: str):
    """The key is, and the file's."""
    assert leading_word("MQTT_BROKER_PASSWD" + slip.format(SECRET)) == "MQTT_BROKER_PASSWD"
    assert leading_word("MQTT_BROKER_PASSWD_FILE" + slip.format(SECRET)) != "MQTT_BROKER_PASSWD_FILE" + SECRET
    assert leading_word("MQTT_BROKER_PASSWD_FILE") == "MQTT_BROKER_PASSWD_FILE"


def test_a_long_value_is_shown_soon():
    """A file may have a megabyte of it."""
    began = time.thread_time()  # of this processor alone, however busy the machine is
    shown("pass" * 250_000)
    shown("pass@" * 200_000)
    assert time.thread_time() - began < 5


def test_a_password_in_place_of_its_file_is_not_shown():
    """As some write it who have not read on."""
    assert mistakes({"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": SECRET}) == [
        "MQTT_BROKER_PASSWD_FILE must be a file that exists (environment)"
    ]


def test_a_file_holds_a_password_as_it_is(tmp_path: Path):
    """Quotation marks included; those around the file's name are a mistake."""
    (tmp_path / "secret").write_text('"quoted"\n')
    (tmp_path / "secret").chmod(0o600)
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD_FILE": str(tmp_path / "secret")}
    assert load(environ).broker.password == '"quoted"'
    assert mistakes(environ | {"MQTT_BROKER_PASSWD_FILE": f'"{tmp_path}/secret"'}) == [
        "MQTT_BROKER_PASSWD_FILE must be a value without quotation marks around it (environment)"
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
        assert mistake.startswith(f"{name} must be ")
        assert "; it is '••••@host" in mistake
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
    assert mistake.startswith("MQTT_BROKER_HOST must be one host name")
    assert mistake.endswith(("••••' (environment)", "••••\\' (environment)"))
    assert SECRET not in repr(load({"MQTT_BROKER_USER": value}).given)
    given = load({"MQTT_TOPIC_PREFIX": "pass/secrets", "APS_STATE_DIR": "/run/password/x"}).given
    assert (given["MQTT_TOPIC_PREFIX"].text, given["APS_STATE_DIR"].text) == ("pass/secrets", "/run/password/x")


def test_a_long_value_is_cut():
    """It may be anything; so is one that is accepted, where `check` shows it."""
    (mistake,) = mistakes({"MQTT_PAYLOAD": "x" * 1000})
    assert mistake == f"MQTT_PAYLOAD must be flat, json or both; it is '{'x' * 100}…' (environment)"
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
            f"{path}: MQTT_BROKER_PASSWD has no colon and space after it; write MQTT_BROKER_PASSWD: VALUE",
            f"{path}: 'MQTT_BROKER_PASSWORD' is not a setting; did you mean MQTT_BROKER_PASSWD?",
            f"{path}: MQTT_BROKER_USER has no colon and space after it; write MQTT_BROKER_USER: VALUE",
            f"{path}: COLOUR must be a single value",
            f"{path}: the value of RED starts with a character that is special in YAML; put the value in quotes",
            f"{path}: MQTT_RETAIN is in section 'other'; move it to 'mqtt'",
            f"{path}: 'more' is not a setting; see config.yaml.example for all settings",
            f"{path}: 'last' is not a section; use ecu, mqtt, names or roof",
            f"{path}: MQTT_CLIENT_ID is set twice; remove one of them",
            f"{path}: MQTT_CLIENT_ID has no colon and space after it; write MQTT_CLIENT_ID: VALUE",
        ]
    )


def test_a_file_with_a_password_that_others_can_read_is_warned_of(tmp_path: Path):
    """One without a password may be read by all."""
    path = tmp_path / "config.yaml"
    path.write_text(f"ecu:\n  APS_ECU_IP: 10.0.0.1\nmqtt:\n  MQTT_BROKER_USER: u\n  MQTT_BROKER_PASSWD: {SECRET}\n")
    path.chmod(0o644)
    (warning,) = loading.load(path, {})[0].warnings
    assert warning == f"{path} contains MQTT_BROKER_PASSWD, and every user can read it; run: chmod o-r {path}"
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
        f"every user can read {tmp_path}/{file} ({key}); run: chmod o-r {tmp_path}/{file}"
        for file, key in files.items()
    )
    for name in files:
        (tmp_path / name).chmod(0o640)
    assert load(environ, "ecu:\n  APS_ECU_IP: ecu\n", tmp_path).warnings == ()


def test_secrets_are_not_in_the_representation():
    """Whoever logs a configuration logs no password."""
    environ = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD": SECRET, "APS_ECU_WIFI_PASSWD": SECRET}
    assert SECRET not in repr(load(environ | {"APS_ECU_AUTO_RESTART": "1", "APS_ECU_WIFI_SSID": "ap"}))
