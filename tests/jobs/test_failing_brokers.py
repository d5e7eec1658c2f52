"""Brokers that fail for real: one line that names cause and remedy, and the exit status."""

from pathlib import Path

import pytest
import trustme
from failing_jobs import check_line, readings
from parts import (
    Broker,
    Listener,
    accounts,
    aps2mqtt,
    free_port,
    mute,
    one_line,
    relay_to,
    settings,
    tls_settings,
)

from aps2mqtt.simulator.server import Simulator


def test_no_broker_is_told(tmp_path: Path, ecu: Simulator) -> None:
    """And nothing is remembered, as nothing was acknowledged."""
    ended = aps2mqtt("once", **settings(ecu.port, free_port(), tmp_path))
    check_line(ended, 69, "the broker at 127.0.0.1", "check MQTT_BROKER_HOST and MQTT_BROKER_PORT")
    assert not (tmp_path / "state").exists()


def test_an_unknown_broker_is_told(tmp_path: Path, ecu: Simulator) -> None:
    """A name that the resolver does not know."""
    ended = aps2mqtt("once", **settings(ecu.port, 1883, tmp_path, MQTT_BROKER_HOST="broker.invalid"))
    check_line(ended, 69, "broker.invalid is unknown", "check MQTT_BROKER_HOST")


def test_a_mute_broker_is_told(tmp_path: Path, ecu: Simulator) -> None:
    """It accepts the connection and never answers."""
    with Listener(mute) as broker:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path))
    check_line(ended, 69, "does not answer the login", "check MQTT_BROKER_HOST and MQTT_BROKER_PORT")


@pytest.mark.parametrize("most", [40, 400, 1000, 2000])
def test_a_broker_that_drops_the_connection_midway_loses_nothing(
    tmp_path: Path, ecu: Simulator, broker: Broker, most: int
) -> None:
    """The next job, the broker well again, says everything."""
    assert aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path)).status == 0
    before = readings(broker)
    state = next((tmp_path / "state").glob("*.json")).read_text()
    with Listener(relay_to(broker.port, most)) as relay:
        ended = aps2mqtt("once", **settings(ecu.port, relay.port, tmp_path))
    check_line(ended, 69, "closes the connection", "look at the broker's log")
    assert readings(broker).keys() == before.keys()
    assert next((tmp_path / "state").glob("*.json")).read_text() == state
    assert aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path)).status == 0


@pytest.mark.parametrize(("user", "password"), [("johndoe", "wrong"), ("", "")])
def test_a_wrong_login_is_told(tmp_path: Path, ecu: Simulator, user: str, password: str) -> None:
    """A wrong password, and none where one is needed."""
    with Broker(tmp_path, accounts(tmp_path)) as broker:
        login = {"MQTT_BROKER_USER": user, "MQTT_BROKER_PASSWD": password}
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, **login))
    check_line(ended, 77, "refuses the login", "check MQTT_BROKER_USER and MQTT_BROKER_PASSWD")
    assert "wrong" not in ended.err


def test_tls_with_ones_own_ca_works(tmp_path: Path, ecu: Simulator, secured: Broker) -> None:
    """MQTT_BROKER_CACERTS_PATH names the CA; localhost is in the certificate."""
    own = {"MQTT_BROKER_SECURED_CONNECTION": True, "MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem"}
    for host in ("127.0.0.1", "localhost"):
        ended = aps2mqtt("once", **settings(ecu.port, secured.port, tmp_path, MQTT_BROKER_HOST=host, **own))
        assert (ended.status, ended.err) == (0, "")


def test_tls_with_a_ca_of_the_system_works(tmp_path: Path, ecu: Simulator, secured: Broker) -> None:
    """Without MQTT_BROKER_CACERTS_PATH the system's CAs count, here those that SSL_CERT_FILE names."""
    trusted = {"MQTT_BROKER_SECURED_CONNECTION": True, "SSL_CERT_FILE": tmp_path / "ca.pem"}
    ended = aps2mqtt("once", **settings(ecu.port, secured.port, tmp_path, **trusted))
    assert (ended.status, ended.err) == (0, "")


def test_an_unknown_ca_is_told(tmp_path: Path, ecu: Simulator, secured: Broker) -> None:
    """With the key that would mend it."""
    ended = aps2mqtt("once", **settings(ecu.port, secured.port, tmp_path, MQTT_BROKER_SECURED_CONNECTION=True))
    check_line(ended, 69, "has a certificate of an unknown CA", "set MQTT_BROKER_CACERTS_PATH")


def test_a_certificate_for_another_name_is_told(tmp_path: Path, ecu: Simulator, authority: trustme.CA) -> None:
    """The chain is right, the name is not."""
    with Broker(tmp_path, tls_settings(tmp_path, authority, "broker.example.org")) as broker:
        own = {"MQTT_BROKER_SECURED_CONNECTION": True, "MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem"}
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, **own))
    check_line(ended, 69, "has a certificate for another host name", "set MQTT_BROKER_HOST")


def test_tls_to_a_plain_port_is_told(tmp_path: Path, ecu: Simulator, broker: Broker) -> None:
    """The broker hangs up on what it does not understand."""
    ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, MQTT_BROKER_SECURED_CONNECTION=True))
    check_line(ended, 69, "closes the connection during the TLS handshake", "set MQTT_BROKER_PORT to the TLS port")


def test_a_plain_connection_to_a_tls_port_is_told(tmp_path: Path, ecu: Simulator, secured: Broker) -> None:
    """The broker hangs up before the login."""
    ended = aps2mqtt("once", **settings(ecu.port, secured.port, tmp_path))
    check_line(ended, 69, "closes the connection before the login", "set MQTT_BROKER_SECURED_CONNECTION: True")


def test_a_client_certificate_lets_in_who_has_one(tmp_path: Path, ecu: Simulator, authority: trustme.CA) -> None:
    """And who has none is told which keys are missing."""
    demanding = tls_settings(tmp_path, authority, "127.0.0.1") + "\nrequire_certificate true"
    client = authority.issue_cert("aps2mqtt.example.org")
    client.private_key_pem.write_to_path(tmp_path / "client.key")
    (tmp_path / "client.key").chmod(0o600)  # else it is warned of
    client.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
    with Broker(tmp_path, demanding) as broker:
        own = {"MQTT_BROKER_SECURED_CONNECTION": True, "MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem"}
        without = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, **own))
        own |= {"MQTT_BROKER_CERT_PATH": tmp_path / "client.pem", "MQTT_BROKER_KEY_PATH": tmp_path / "client.key"}
        with_one = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, **own))
    check_line(without, 69, "the broker at 127.0.0.1", "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH")
    assert (with_one.status, with_one.err) == (0, "")


def test_files_of_tls_that_are_none_are_mistakes_of_the_configuration(tmp_path: Path, ecu: Simulator) -> None:
    """A CA file without a certificate in it."""
    (tmp_path / "ca.pem").write_text("no certificate")
    own = {"MQTT_BROKER_SECURED_CONNECTION": True, "MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem"}
    ended = aps2mqtt("once", **settings(ecu.port, 8883, tmp_path, **own))
    assert ended.status == 78
    assert "MQTT_BROKER_CACERTS_PATH must be a file with PEM certificates" in one_line(ended.err)
    assert "PEM" in ended.err
