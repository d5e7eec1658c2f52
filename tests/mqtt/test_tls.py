"""TLS: each failure has its true cause, and never the advice to go without."""

import re
import shutil
import socket
import ssl
import struct
import subprocess
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from parts import Broker, Listener
from scripted_brokers import NONSENSE, broker_config, failed

from aps2mqtt.mqtt import tls
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message


def secured_by(context: ssl.SSLContext, said: bytes = b"") -> Callable[[socket.socket], None]:
    """A server of TLS, which says that in place of MQTT."""

    def treat(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(said)

    return treat


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """With a certificate for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def of_old_tls(authority: trustme.CA) -> Callable[[socket.socket], None]:
    context = server_context(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
    return secured_by(context)


def of_a_certificate(issued: Mapping[str, object]) -> Callable[[trustme.CA], Callable[[socket.socket], None]]:
    """A server whose certificate is not of today."""

    def of(authority: trustme.CA) -> Callable[[socket.socket], None]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", **issued).configure_cert(context)
        return secured_by(context)

    return of


def demanding(version: ssl.TLSVersion) -> Callable[[trustme.CA], Callable[[socket.socket], None]]:
    """A server that wants a client certificate of its CA."""

    def of(authority: trustme.CA) -> Callable[[socket.socket], None]:
        context = server_context(authority)
        context.maximum_version = version
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
        return secured_by(context)

    return of


def resetting(connection: socket.socket) -> None:
    """Resets the connection in the middle of the handshake."""
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def self_signed(_authority: trustme.CA) -> Callable[[socket.socket], None]:
    """A CA that is its own server."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.private_key_pem.tempfile() as key, authority.cert_pem.tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    return secured_by(context)


PAST = datetime.now(UTC) - timedelta(days=30)
TO_COME = datetime.now(UTC) + timedelta(days=30)
OWN, FOREIGN = "own", "foreign"  # client certificates
TLS_FAILURES = {
    "HTTP": (lambda _: http, "", "does not speak TLS on this port; set MQTT_BROKER_PORT"),
    "a reset": (lambda _: resetting, "", "closes the connection during the TLS handshake"),
    "TLS 1.0": (of_old_tls, "", "has no TLS version in common with this machine"),
    "expired": (of_a_certificate({"not_after": PAST}), "", "has an expired certificate; check this machine's clock"),
    "not yet": (of_a_certificate({"not_before": TO_COME}), "", "has a certificate that is not valid yet; check"),
    "self-signed": (self_signed, "", "has a self-signed certificate; copy that certificate"),
    "no client certificate": (
        demanding(ssl.TLSVersion.TLSv1_3),
        "",
        "refuses the TLS connection (tlsv13 alert certificate",
    ),
    "a foreign one": (
        demanding(ssl.TLSVersion.TLSv1_3),
        FOREIGN,
        "refuses the client certificate (tlsv1 alert unknown ca)",
    ),
    "a foreign one, 1.2": (
        demanding(ssl.TLSVersion.TLSv1_2),
        FOREIGN,
        "refuses the client certificate (tlsv1 alert unk",
    ),
    "HTTPS": (
        lambda ca: secured_by(server_context(ca), NONSENSE["HTTP"]),
        "",
        "does not speak MQTT; check MQTT_BROKER",
    ),
}


def http(connection: socket.socket) -> None:
    """A web server without TLS."""
    connection.recv(4096)
    connection.sendall(NONSENSE["HTTP"])


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("kind", TLS_FAILURES)
def test_a_failure_of_tls_has_its_true_cause_and_never_the_advice_to_go_without(
    tmp_path: Path, authority: trustme.CA, kind: str, version: str
) -> None:
    """Whoever sits between could bring that advice about; and no older version of MQTT is tried."""
    treat, client, words = TLS_FAILURES[kind]
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    more = {"MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem", "MQTT_BROKER_SECURED_CONNECTION": True}
    if client:
        certificate = trustme.CA().issue_cert("aps2mqtt.example.org")
        certificate.private_key_pem.write_to_path(tmp_path / "client.key")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "client.pem")
        more |= {"MQTT_BROKER_CERT_PATH": tmp_path / "client.pem", "MQTT_BROKER_KEY_PATH": tmp_path / "client.key"}
    with Listener(treat(authority)) as server:
        error = failed(broker_config(server.port, MQTT_VERSION=version, **more), [Message("aps/x", "1")])
    assert f"the broker at 127.0.0.1:{server.port} {words}" in str(error)
    assert error.status == 69
    assert "SECURED_CONNECTION" not in str(error)


def openssl(folder: Path, *commands: str) -> None:
    """Certificates, as people make them by hand."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    for command in commands:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


CA_BY_HAND = "req -new -x509 -days 365 -nodes -subj /CN=ca -keyout ca.key -out ca.pem"
REQUEST = "req -new -nodes -newkey rsa:{bits} -subj /CN=localhost -keyout server.key -out server.csr"
SIGNED = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 30"
BY_HAND = "allow_anonymous true\ncafile {0}/ca.pem\ncertfile {0}/server.pem\nkeyfile {0}/server.key"


def test_certificates_by_mosquittos_own_recipe_are_trusted(tmp_path: Path) -> None:
    """Its CA does not say what its key may do, which Python 3.13 demands; chain and name are checked."""
    openssl(tmp_path, CA_BY_HAND, REQUEST.format(bits=2048), SIGNED)
    more = {"MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem", "MQTT_BROKER_SECURED_CONNECTION": True}
    with Broker(tmp_path, BY_HAND.format(tmp_path)) as broker:
        with Session(broker_config(broker.port, MQTT_BROKER_HOST="localhost", **more)) as session:
            session.publish([Message("aps/x", "1")])
        error = failed(broker_config(broker.port, **more), [])
        assert "has a certificate for another host name" in str(error)
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        more |= {"MQTT_BROKER_CACERTS_PATH": tmp_path / "other.pem", "MQTT_BROKER_HOST": "localhost"}
        error = failed(broker_config(broker.port, **more), [])
        assert "set MQTT_BROKER_CACERTS_PATH to the certificate of that CA" in str(error)


def test_a_certificate_that_no_ca_would_mend_has_to_be_issued_anew(tmp_path: Path) -> None:
    """One with a short key: another file of a CA would not help."""
    openssl(tmp_path, CA_BY_HAND, REQUEST.format(bits=1024), SIGNED)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    more = {"MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem", "MQTT_BROKER_SECURED_CONNECTION": True}
    with Listener(secured_by(context)) as server:
        error = failed(broker_config(server.port, MQTT_BROKER_HOST="localhost", **more), [])
    assert "does not accept (EE certificate key too weak); issue a new one" in str(error)


def test_other_failures_of_openssl_are_quoted() -> None:
    """Diffie-Hellman parameters that are too short are no port without TLS."""
    weak = ssl.SSLError(1, "[SSL: DH_KEY_TOO_SMALL] dh key too small")
    weak.reason = "DH_KEY_TOO_SMALL"
    said = tls.failure(weak, broker_config(8883))
    assert said.startswith("fails in the TLS handshake (dh key too small); ")


def test_nobody_is_advised_to_go_without_tls() -> None:
    """Neither by the program nor by its pages."""
    root = Path(__file__).parents[2]
    pages = [*(root / "aps2mqtt").rglob("*.py"), *(root / "docs").glob("*.md"), root / "README.md"]
    for page in pages:
        assert not re.search(r"SECURED_CONNECTION`?(:|=| to) ?\S*(False|off|no\b)", page.read_text(encoding="utf-8")), (
            page
        )
