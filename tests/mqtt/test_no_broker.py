"""What is no broker at all is told as that."""

import socket
import textwrap
import time
from pathlib import Path

import pytest
import trustme
from parts import Listener, mute, one_line, settings, start_script
from scripted_brokers import CONNECT, NONSENSE, broker_config, failed, packets, saying

from aps2mqtt.base.errors import BrokerUnreachable
from aps2mqtt.mqtt import connection
from aps2mqtt.mqtt.connection import STEP
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message
from aps2mqtt.simulator.server import Simulator


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("kind", NONSENSE)
@pytest.mark.parametrize("then", ["hangs up", "stays"])
@pytest.mark.parametrize("after", [0, 1.5], ids=["at once", "late"])
def test_what_speaks_no_mqtt_is_told(kind: str, version: str, then: str, after: float) -> None:
    """Whether it hangs up or not, and without another try; the answer may come in any step of the wait."""
    logins = 0

    def treat(connection: socket.socket) -> None:
        nonlocal logins
        logins += 1
        connection.recv(4096)
        time.sleep(after * STEP)
        connection.sendall(NONSENSE[kind])
        if then == "stays":
            mute(connection)

    began = time.monotonic()
    with Listener(treat) as server, pytest.raises(BrokerUnreachable, match="does not speak MQTT; check MQTT_BROKER_"):
        Session(broker_config(server.port, MQTT_VERSION=version)).__enter__()
    assert time.monotonic() - began < 10
    assert logins == 1


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize(
    "packet", ["4003000195", "400300019e", "30050001610001ff", "f000", "90030001ff", "2005000000ffff"]
)
def test_packets_that_mqtt_does_not_know_are_no_bug(packet: str, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the login, of a broker that is broken."""

    def treat(connection: socket.socket) -> None:
        for kind, _ in packets(connection):
            connection.sendall(bytes.fromhex("2003000000" if version == "5" else "20020000"))
            if kind == CONNECT:
                connection.sendall(bytes.fromhex(packet))

    monkeypatch.setattr(connection, "SESSION", 1.0)
    with Listener(treat) as server:
        error = failed(broker_config(server.port, MQTT_VERSION=version), [Message("aps/x", "1")])
    assert isinstance(error, BrokerUnreachable)


def test_a_broker_that_knows_3_1_only_is_told() -> None:
    """Return code 1 of CONNACK; none older is tried."""
    with (
        Listener(saying(bytes.fromhex("20020001"))) as server,
        pytest.raises(BrokerUnreachable, match="does not support this version of MQTT; update the broker"),
    ):
        Session(broker_config(server.port)).__enter__()


@pytest.mark.parametrize("answer", ["2000", "2003000000", "20020085"])
def test_an_answer_to_the_login_that_is_none_is_no_old_broker(answer: str) -> None:
    """Nor one whose message_size_limit is too low."""

    def treat(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes.fromhex(answer))

    with Listener(treat) as broker:
        error = failed(broker_config(broker.port), [Message("aps/x", "1")])
    assert "the login" in str(error) or "the session" in str(error)
    assert "does not support this version" not in str(error)
    assert "message_size_limit" not in str(error)


def test_a_broker_that_answers_as_in_3_1_1_is_tried_so() -> None:
    """Some take any version for their own."""
    with Listener(saying(bytes.fromhex("20020000"), b"\x40\x02id")) as broker:
        with Session(broker_config(broker.port, MQTT_VERSION=5)) as session:
            session.publish([Message("aps/x", "1")])
        assert session.version == "3.1.1"


def test_a_port_that_expects_tls_is_told() -> None:
    """By an alert in place of MQTT."""

    def treat(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes.fromhex("15030100020246"))

    with Listener(treat) as server:
        error = failed(broker_config(server.port), [])
    assert "expects TLS; set MQTT_BROKER_SECURED_CONNECTION: True" in str(error)


def test_a_name_server_that_does_not_answer_makes_no_name_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """EAI_AGAIN."""

    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    error = failed(broker_config(1883, MQTT_BROKER_HOST="x.lan"), [])
    assert "the broker's host name x.lan was not resolved because no name server answers; set MQTT_BROKER_HOST" in str(
        error
    )


NEVER_RESOLVED = """
import socket, sys, time
from aps2mqtt import cli
from aps2mqtt.jobs.job import Job
from aps2mqtt.mqtt import connection
truly = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **named: time.sleep(60) if host == "slow.lan" else truly(host, *more, **named)
connection.SESSION = 1.0
sys.exit(cli.main(["once"]))
"""


def test_a_name_that_is_never_resolved_is_no_mute_broker(tmp_path: Path, ecu: Simulator) -> None:
    """A name server that does not answer."""
    process = start_script(NEVER_RESOLVED, **settings(ecu.port, 1883, tmp_path, MQTT_BROKER_HOST="slow.lan"))
    _, err = process.communicate(timeout=40)
    assert process.returncode == 69
    assert "the broker's host name slow.lan was not resolved in time; set MQTT_BROKER_HOST" in one_line(err)


WITHOUT_FILES = """\
    import contextlib, os, resource, sys
    from aps2mqtt.base.errors import described
    from aps2mqtt.config import loading
    from aps2mqtt.mqtt.sessions import Session

    session = Session(loading.load(None, os.environ)[0].broker)
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    taken = []
    with contextlib.suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    try:
        getattr(session, sys.argv[1])()
    except Exception as error:
        print(described(error))
"""


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("does", ["reach", "__enter__"])
def test_a_machine_without_open_files_is_no_broker_that_fails(tmp_path: Path, does: str, *, secured: bool) -> None:
    """Nor a certificate that is none."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    environment = {
        "APS_ECU_IP": "127.0.0.1",
        "MQTT_BROKER_SECURED_CONNECTION": secured,
        "MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem" if secured else "",
    }
    process = start_script(textwrap.dedent(WITHOUT_FILES), does, **environment)
    said, _ = process.communicate(timeout=60)
    assert one_line(said).startswith("this machine has no more files, memory or threads for aps2mqtt (")
