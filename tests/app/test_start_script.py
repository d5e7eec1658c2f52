"""The start script of the app for Home Assistant, with and without a broker of the Supervisor."""

import contextlib
import json
import time
from pathlib import Path

import pytest
from parts import PATIENCE, Broker, Listener, accounts, aps2mqtt, free_port, mute, until
from supervisor import TOKEN, answering, explained, knowing, options_for, refused, start_app, stopped

from aps2mqtt.simulator.server import Simulator

PASSWORD = "only the broker knows it"  # of the account johndoe
POWER, STATUS = "aps/216000000001/power", "aps/status"
NO_BROKER = json.dumps({"result": "error", "message": "Service not enabled"}).encode()
OWN = "or set the option mqtt_broker_host to your own broker"


@pytest.fixture
def locked(tmp_path: Path):
    """A mosquitto that lets in who gives no account, and whoever gives one with the right password only."""
    settings = accounts(tmp_path).replace("allow_anonymous false", "allow_anonymous true")
    with Broker(tmp_path, settings) as running:
        yield running


# -- the broker -------------------------------------------------------------------------------------------------------


def test_with_the_broker_of_the_supervisor_the_values_arrive(locked: Broker, ecu: Simulator, tmp_path: Path) -> None:
    """The address of the ECU is all that the user has entered; no secret is in the log, and the file is private."""
    service = {"host": "127.0.0.1", "port": locked.port, "ssl": False, "username": "johndoe", "password": PASSWORD}
    options = options_for(ecu, mqtt_discovery_enabled=True)
    with knowing(service) as supervisor:
        process = start_app(tmp_path, options, supervisor.address)
        until(lambda: POWER in locked.retained())
        assert supervisor.asked == [("GET", "/services/mqtt", f"Bearer {TOKEN}")]
    retained = locked.retained()
    assert retained[STATUS] == "online"
    assert int(retained[POWER]) > 0
    assert retained["aps/216000000001/timestamp"].endswith("+02:00")  # the time zone of Home Assistant, in summer
    assert any(topic.startswith("homeassistant/device/") for topic in retained)
    log = stopped(process)
    assert f"using the broker of Home Assistant at 127.0.0.1:{locked.port}" in log
    assert PASSWORD not in log
    assert TOKEN not in log
    assert locked.retained()[STATUS] == "offline"
    assert (tmp_path / "config.yaml").stat().st_mode & 0o777 == 0o600
    assert list((tmp_path / "state").iterdir())


def test_a_wrong_password_of_the_supervisor_is_reported_and_not_shown(
    locked: Broker, ecu: Simulator, tmp_path: Path
) -> None:
    """So the test above shows that the account is used."""
    service = {"host": "127.0.0.1", "port": locked.port, "username": "johndoe", "password": "old password"}
    with knowing(service) as supervisor:
        process = start_app(tmp_path, options_for(ecu), supervisor.address)
        lines: list[str] = []
        assert process.stderr is not None
        while "refuses the login" not in "".join(lines):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
    assert "old password" not in "".join(lines) + stopped(process)


def test_with_a_broker_of_the_user_the_supervisor_is_not_asked(broker: Broker, ecu: Simulator, tmp_path: Path) -> None:
    options = options_for(ecu, mqtt_broker_host="127.0.0.1", mqtt_broker_port=broker.port)
    with answering(500, b"") as supervisor:
        process = start_app(tmp_path, options, supervisor.address)
        until(lambda: POWER in broker.retained())
        assert supervisor.asked == []
    assert "of Home Assistant" not in stopped(process)


def test_a_broker_in_the_list_of_settings_is_one_of_the_user(broker: Broker, ecu: Simulator, tmp_path: Path) -> None:
    more = [f"APS_ECU_PORT={ecu.port}", "MQTT_BROKER_HOST=127.0.0.1", f"MQTT_BROKER_PORT={broker.port}"]
    process = start_app(tmp_path, options_for(ecu, settings=more))
    until(lambda: POWER in broker.retained())
    stopped(process)


def test_an_account_of_the_user_replaces_that_of_the_supervisor(locked: Broker, ecu: Simulator, tmp_path: Path) -> None:
    """User and password, at the Supervisor's broker."""
    options = options_for(ecu, mqtt_broker_user="johndoe", mqtt_broker_passwd=PASSWORD)
    with knowing({"host": "127.0.0.1", "port": locked.port, "username": "addons", "password": "x"}) as supervisor:
        process = start_app(tmp_path, options, supervisor.address)
        until(lambda: POWER in locked.retained())
    assert PASSWORD not in stopped(process)


def test_a_user_without_a_password_does_not_get_that_of_another_account(tmp_path: Path) -> None:
    with knowing({"host": "core-mosquitto", "port": 1883, "username": "addons", "password": "x"}) as supervisor:
        options = {"aps_ecu_ip": ["127.0.0.1"], "mqtt_broker_user": "solar"}
        start_app(tmp_path, options, supervisor.address, program='("true",)').communicate(timeout=PATIENCE)
    assert json.loads((tmp_path / "config.yaml").read_text())["mqtt"] == {
        "MQTT_BROKER_HOST": "core-mosquitto",
        "MQTT_BROKER_PORT": "1883",
        "MQTT_BROKER_USER": "solar",
    }


def test_tls_of_the_supervisors_broker_is_used(secured: Broker, ecu: Simulator, tmp_path: Path) -> None:
    """It is checked against the CA that the user names."""
    more = [f"APS_ECU_PORT={ecu.port}", f"MQTT_BROKER_CACERTS_PATH={tmp_path}/ca.pem"]
    with knowing({"host": "localhost", "port": secured.port, "ssl": True}) as supervisor:
        process = start_app(tmp_path, options_for(ecu, settings=more), supervisor.address)
        configured = tmp_path / "config.yaml"
        until(lambda: configured.exists() and configured.read_text())
        assert json.loads(configured.read_text())["mqtt"]["MQTT_BROKER_SECURED_CONNECTION"] == "True"
        until(lambda: aps2mqtt("health", CONFIG_FILE=configured, APS_STATE_DIR=tmp_path / "state").status == 0)
    stopped(process)


@pytest.mark.parametrize(
    ("status", "body", "exit_status", "line"),
    [
        (400, NO_BROKER, 78, f"Home Assistant has no MQTT broker; install and start the app Mosquitto broker, {OWN}"),
        (401, b"", 69, f"the Supervisor does not tell its MQTT broker (HTTP status 401); restart this app, {OWN}"),
        (403, b"{}", 69, f"the Supervisor does not tell its MQTT broker (HTTP status 403); restart this app, {OWN}"),
        *(
            (200, body, 69, f"the Supervisor's answer names no MQTT broker; restart the app Mosquitto broker, {OWN}")
            for body in (b"<html>", b"[]", b'{"data": null}', b'{"data": {"host": "x"}}', b"\xff", b"9" * 200_000, b"")
        ),
    ],
)
def test_without_a_broker_one_line_names_the_cause(
    status: int, body: bytes, exit_status: int, line: str, tmp_path: Path
) -> None:
    with answering(status, body) as supervisor:
        found = refused(start_app(tmp_path, {"aps_ecu_ip": ["127.0.0.1"]}, supervisor.address), exit_status)
    assert found == line
    assert explained(line)


def drip(connection) -> None:
    """Sends a byte of an answer every tenth of a second, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            connection.sendall(b" ")
            time.sleep(0.1)


def nonsense(connection) -> None:
    """Is no HTTP."""
    connection.recv(4096)
    connection.sendall(b"\0" * 100 + b"\r\n")


@pytest.mark.parametrize(
    ("treat", "why"), [(mute, "TimeoutError"), (drip, "TimeoutError"), (nonsense, "BadStatusLine")]
)
def test_a_supervisor_that_does_not_answer_is_not_waited_for(treat, why: str, tmp_path: Path) -> None:
    """The time-out of the tests is 2 s."""
    with Listener(treat) as listener:
        began = time.monotonic()
        line = refused(start_app(tmp_path, {"aps_ecu_ip": ["127.0.0.1"]}, f"127.0.0.1:{listener.port}"), 69)
    assert time.monotonic() - began < 20
    assert line == f"the Supervisor does not answer ({why}); restart this app, {OWN}"
    assert explained(line)


def test_without_a_supervisor_one_line_names_the_cause(tmp_path: Path) -> None:
    line = refused(start_app(tmp_path, {"aps_ecu_ip": ["127.0.0.1"]}, f"127.0.0.1:{free_port()}"), 69)
    assert line == f"the Supervisor does not answer (ConnectionRefusedError); restart this app, {OWN}"
