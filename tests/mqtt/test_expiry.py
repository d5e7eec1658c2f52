"""Never stale: what a broker of MQTT 5 forgets by itself, what it keeps, and brokers that do not know 5."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import parts
import pytest
import trustme
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from parts import (
    NOON,
    PATIENCE,
    Broker,
    Ended,
    Listener,
    accounts,
    aps2mqtt,
    free_port,
    mute,
    one_line,
    relay_to,
    start,
    start_with,
    sunny_ecu,
    until,
)

from aps2mqtt.base.errors import BrokerUnreachable
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt import connection, sessions
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.truth import freshness

ECU = "aps/216000000001"
INVERTER = f"{ECU}/704000000001"
STATUS = f"{ECU}/status"
POWER = f"{ECU}/power"
MOMENTARY = {
    *(f"{ECU}/{name}" for name in ("power", "inverters/online", "status")),
    *(f"{INVERTER}/{name}" for name in ("online", "signal", "temperature", "frequency", "power", "voltage")),
    *(f"{INVERTER}/{panel}/{name}" for panel in (1, 2) for name in ("power", "voltage")),
}
LASTING = {
    *(f"{ECU}/{name}" for name in ("energy/today", "energy/lifetime", "inverters/total", "timestamp", "firmware")),
    f"{ECU}/problem",
    *(f"{INVERTER}{panel}/energy/today" for panel in ("", "/1", "/2")),
}


def settings(ecu_port: int, broker_port: int, folder: Path, **more: object) -> dict[str, object]:
    """An environment with MQTT 5, whose state lies below `folder`."""
    return parts.settings(ecu_port, broker_port, folder, **{"MQTT_VERSION": 5, **more})


def job(ecu: Simulator, broker_port: int, folder: Path, **more: object) -> Job:
    """A job of this process at noon."""
    environment = {name: str(value) for name, value in settings(ecu.port, broker_port, folder, **more).items()}
    (chosen,) = loading.load(None, environment)
    return Job(chosen, NOON, Store(chosen.state_directory, chosen.ecu.host, chosen.ecu.port))


@pytest.fixture
def ecu() -> Iterator[Simulator]:
    """An array at noon."""
    with sunny_ecu() as running:
        yield running


class Heard(NamedTuple):
    """A message as a subscriber of MQTT 5 gets it."""

    topic: str
    payload: str
    retain: bool
    expiry: int | None  # seconds that are left


@contextlib.contextmanager
def listening(port: int) -> Iterator[list[Heard]]:
    """What a subscriber of MQTT 5 gets while in the context, what is retained included; filled in when it is left."""
    heard: list[Heard] = []
    received: list[Heard] = []
    subscribed, arrived = threading.Event(), threading.Event()
    end = f"end/{uuid.uuid4().hex}"

    def on_message(_client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic == end:
            arrived.set()
        else:
            left = getattr(message.properties, "MessageExpiryInterval", None)
            received.append(Heard(message.topic, message.payload.decode(), message.retain, left))

    client = Client(CallbackAPIVersion.VERSION2, f"test-{uuid.uuid4().hex[:12]}", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        client.subscribe("#", 1)
        assert subscribed.wait(PATIENCE)
        yield heard
        client.publish(end, "", qos=1)
        assert arrived.wait(PATIENCE)
        heard += received
    finally:
        client.disconnect()
        client.loop_stop()


def lying_on(port: int) -> dict[str, Heard]:
    """What is retained, by topic."""
    with listening(port) as heard:
        pass
    return {one.topic: one for one in heard if one.retain}


def expiring(port: int) -> set[str]:
    """Topics of what is retained for a time only."""
    return {topic for topic, one in lying_on(port).items() if one.expiry is not None}


# -- a broker of MQTT 5 -----------------------------------------------------------------------------------------------


def test_what_is_of_the_moment_has_an_expiry_and_nothing_else_has(
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """A quarter of an hour after a first job; energy, counts, names and announcements stay for ever."""
    ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, MQTT_DISCOVERY_ENABLED=True))
    assert (ended.status, ended.err) == (0, "")
    lying = lying_on(broker.port)
    ours = {topic: one.expiry for topic, one in lying.items() if topic in MOMENTARY | LASTING}
    assert ours.keys() == MOMENTARY | LASTING
    assert {topic for topic, left in ours.items() if left is not None} == MOMENTARY
    assert all(840 <= ours[topic] <= 900 for topic in MOMENTARY)
    names = {topic.rpartition("/")[2] for topic, one in lying.items() if one.expiry is not None}
    assert names == {topic.rpartition("/")[2] for topic in MOMENTARY}
    assert "homeassistant/device/aps_704000000001/config" in lying


def test_removals_have_no_expiry(tmp_path: Path, broker: Broker) -> None:
    """Those of an array that sleeps, and that of the error."""
    with sunny_ecu(fault="night") as ecu, listening(broker.port) as heard:
        assert aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path)).status == 0
    removals = [one for one in heard if not one.payload]
    assert f"{INVERTER}/temperature" in {one.topic for one in removals}
    assert f"{ECU}/error" in {one.topic for one in removals}
    assert {one.expiry for one in removals} == {None}
    assert {one.expiry for one in heard if one.topic in (f"{INVERTER}/online", f"{INVERTER}/power")} == {900}


def test_a_failed_job_says_offline_for_as_long_and_its_cause_for_ever(tmp_path: Path, broker: Broker) -> None:
    """A dead bridge says nothing of the ECU."""
    with sunny_ecu() as ecu:
        environment = settings(ecu.port, broker.port, tmp_path)
        assert aps2mqtt("once", **environment).status == 0
    assert aps2mqtt("once", **environment).status == 69
    lying = lying_on(broker.port)
    assert lying[STATUS].payload == "offline"
    assert lying[STATUS].expiry is not None
    assert lying[f"{ECU}/error"].expiry is None


@pytest.mark.parametrize("payload", ["json", "both"])
def test_objects_do_not_expire(tmp_path: Path, broker: Broker, ecu: Simulator, payload: str) -> None:
    """They hold energy."""
    assert aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, MQTT_PAYLOAD=payload)).status == 0
    lying = lying_on(broker.port)
    assert {lying[topic].expiry for topic in (ECU, INVERTER)} == {None}
    assert "today_energy" in json.loads(lying[ECU].payload)
    assert (POWER in lying) == (payload == "both")
    assert lying[STATUS].expiry is not None


def test_without_retaining_what_is_delivered_late_is_none_of_now(
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """MQTT_RETAIN False: the expiry holds for who was away, too."""
    with listening(broker.port) as heard:
        assert aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, MQTT_RETAIN=False)).status == 0
    assert {(one.expiry, one.retain) for one in heard if one.topic == POWER} == {(900, False)}


def test_under_3_1_1_nothing_expires(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """The default."""
    environment = settings(ecu.port, broker.port, tmp_path)
    del environment["MQTT_VERSION"]
    for more in ({}, {"MQTT_VERSION": "3.1.1"}):
        with listening(broker.port) as heard:
            assert aps2mqtt("once", **environment, **more).status == 0
        assert {one.topic for one in heard} >= MOMENTARY | LASTING
        assert {one.expiry for one in heard} == {None}


def test_a_bridge_that_stops_leaves_no_watts_but_the_energy(
    tmp_path: Path, broker: Broker, ecu: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of an expiry that a test can wait for, and a new subscriber of 3.1.1; the next job brings all back."""
    with monkeypatch.context() as soon:
        soon.setattr(freshness, "LEAST", timedelta(seconds=2))
        soon.setattr(freshness, "STEP", 1)
        with broker.heard() as messages:
            job(ecu, broker.port, tmp_path).run()
    said = dict(messages)
    assert said.keys() >= MOMENTARY
    until(lambda: not MOMENTARY & broker.retained().keys())
    left = broker.retained()
    assert left.keys() & (MOMENTARY | LASTING) == LASTING
    assert {topic: said[topic] for topic in left} == left
    names = {topic.rpartition("/")[2] for topic in MOMENTARY}
    assert not [topic for topic in left if topic.rpartition("/")[2] in names]
    job(ecu, broker.port, tmp_path).run()
    assert broker.retained().keys() >= MOMENTARY | LASTING


RUN_SOON = """
from datetime import timedelta
from aps2mqtt.truth import freshness
freshness.LEAST, freshness.STEP = timedelta(seconds=3), 1
"""


def test_a_run_that_is_killed_leaves_no_watts_but_the_energy(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """While it lives the watts stay, far longer than their expiry."""
    process = start_with(RUN_SOON, "run", **settings(ecu.port, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=1))
    until(lambda: len(ecu.requests) >= 3 * 8)
    lying = lying_on(broker.port)
    assert lying.keys() >= MOMENTARY | LASTING
    assert {lying[topic].expiry is None for topic in LASTING} == {True}
    assert all(0 <= lying[topic].expiry <= 5 for topic in MOMENTARY)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: not MOMENTARY & broker.retained().keys())
    left = broker.retained()
    assert left.keys() & (MOMENTARY | LASTING) == LASTING
    assert left["aps/status"] == "offline"


def test_run_says_how_long_until_its_next_poll_and_longer(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """Of an hour or a little more, in steps of five minutes."""
    process = start("run", **settings(ecu.port, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=3600))
    state = tmp_path / "state" / f"127.0.0.1_{ecu.port}.json"
    until(state.exists)
    rhythm = json.loads(state.read_text())["rhythm"]
    lying = lying_on(broker.port)
    process.terminate()
    process.communicate(timeout=PATIENCE)
    due = (datetime.fromisoformat(rhythm["run_due"]) - datetime.fromisoformat(rhythm["at"])).total_seconds()
    assert 0 < due <= 1.2 * 3600
    assert {one for one in lying if lying[one].expiry is not None} >= MOMENTARY
    assert due + 800 <= lying[POWER].expiry <= due + 1300


def test_a_job_outlives_the_next_by_the_spacing_that_was_seen(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """Two jobs an hour apart: two hours."""
    first = job(ecu, broker.port, tmp_path)
    first.run()
    assert 840 <= lying_on(broker.port)[POWER].expiry <= 900
    Job(first.config, NOON + timedelta(hours=1), first.store).run()
    assert 7140 <= lying_on(broker.port)[POWER].expiry <= 7200


def test_a_job_with_no_memory_asks_a_broker_of_5_for_its_counters(
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """A lost state, and an energy that never falls."""
    broker.publish(f"{ECU}/energy/lifetime", "99999.5")
    assert aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path)).status == 0
    assert broker.retained(f"{ECU}/energy/lifetime") == {f"{ECU}/energy/lifetime": "99999.5"}


def test_a_wrong_login_is_told(tmp_path: Path, ecu: Simulator) -> None:
    """A refusal of the login is none of the version: it is not tried again."""
    with Broker(tmp_path, accounts(tmp_path)) as broker:
        login = {"MQTT_BROKER_USER": "johndoe", "MQTT_BROKER_PASSWD": "wr0ng"}
        tried: list[int] = []
        with Listener(inspecting(broker.port, tried)) as relay:
            ended = aps2mqtt("once", **settings(ecu.port, relay.port, tmp_path, **login))
    check_line(ended, 77, "refuses the login", "check MQTT_BROKER_USER and MQTT_BROKER_PASSWD")
    assert "wr0ng" not in ended.err
    assert tried == [5]


def test_tls_is_the_same(tmp_path: Path, ecu: Simulator) -> None:
    """With expiry, and with the key that mends what fails."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    plain, files = free_port(), f"certfile {tmp_path}/server.pem\nkeyfile {tmp_path}/server.key"
    with Broker(tmp_path, f"{files}\nlistener {plain} 127.0.0.1\nallow_anonymous true") as broker:
        environment = settings(ecu.port, broker.port, tmp_path, MQTT_BROKER_SECURED_CONNECTION=True)
        untrusted = aps2mqtt("once", **environment)
        ended = aps2mqtt("once", **environment, MQTT_BROKER_CACERTS_PATH=tmp_path / "ca.pem")
        unsecured = aps2mqtt("once", **environment | {"MQTT_BROKER_SECURED_CONNECTION": False})
        assert expiring(plain) >= MOMENTARY
    check_line(untrusted, 69, "has a certificate of an unknown CA", "set MQTT_BROKER_CACERTS_PATH")
    assert (ended.status, ended.err) == (0, "")
    check_line(unsecured, 69, "closes the connection before the login", "set MQTT_BROKER_SECURED_CONNECTION: True")


def test_a_mute_broker_is_told_within_the_time_of_one_session(tmp_path: Path, ecu: Simulator) -> None:
    """There are no two of them because there are two versions."""
    with Listener(mute) as broker:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path))
    check_line(ended, 69, "does not answer the login", "check MQTT_BROKER_HOST and MQTT_BROKER_PORT")
    assert connection.SESSION <= ended.seconds < 2 * connection.SESSION


def test_no_broker_is_told_once(tmp_path: Path, ecu: Simulator) -> None:
    """Nothing listens there, of whatever version."""
    ended = aps2mqtt("once", **settings(ecu.port, free_port(), tmp_path))
    check_line(ended, 69, "refuses the connection", "check MQTT_BROKER_HOST")


@pytest.mark.parametrize("most", [60, 400, 2000])
def test_a_broker_that_drops_the_connection_midway_loses_nothing(
    tmp_path: Path, broker: Broker, ecu: Simulator, most: int
) -> None:
    """It is no matter of the version: the session had begun."""
    with Listener(relay_to(broker.port, most)) as relay:
        ended = aps2mqtt("once", **settings(ecu.port, relay.port, tmp_path))
    check_line(ended, 69, "closes the connection", "look at the broker's log")
    assert not (tmp_path / "state").exists()


def check_line(ended: Ended, status: int, cause: str, remedy: str) -> None:
    """The status, and the one line with the cause before the remedy."""
    assert ended.status == status, ended
    before, _, after = one_line(ended.err).partition("; ")
    assert cause in before
    assert remedy in after
    assert ended.out == ""


# -- brokers that do not know 5 ---------------------------------------------------------------------------------------


OLD_BROKER = """
import sys
from aps2mqtt.simulator import demo
with demo._broker() as port:
    print(port, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def old_broker() -> Iterator[int]:
    """Port of a real broker that knows 3.1.1 only: that of the demo."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed: pip install -e '.[demo]'")
    with subprocess.Popen(
        [sys.executable, "-c", OLD_BROKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def lying_on_old(port: int, prefix: str, folder: Path) -> dict[str, str]:
    """What a broker retains that may deliver it late. On a busy machine it pauses for seconds between messages."""
    (chosen,) = loading.load(
        None, {"APS_ECU_IP": "127.0.0.1", "MQTT_BROKER_PORT": str(port), "APS_STATE_DIR": str(folder)}
    )
    patient = mock.patch.multiple(sessions, SETTLE=10.0, QUIET=2.0, EMPTY=2.0)
    with contextlib.suppress(BrokerUnreachable), patient, Session(chosen.broker) as session:
        return session.retained([f"{prefix}/#", "homeassistant/#"], Message(f"{prefix}/probe", "", retain=False)) or {}
    return {}


@pytest.mark.parametrize("payload", ["flat", "both"])
def test_a_broker_that_refuses_5_gets_3_1_1(tmp_path: Path, ecu: Simulator, old_broker: int, payload: str) -> None:
    """Silently, as cron wants it; with recall, announcements and a second job."""
    environment = settings(
        ecu.port,
        old_broker,
        tmp_path,
        MQTT_PAYLOAD=payload,
        MQTT_DISCOVERY_ENABLED=True,
        MQTT_TOPIC_PREFIX=payload,
    )
    wanted = {f"{payload}/{topic}" for topic in MOMENTARY | LASTING}
    wanted.add("homeassistant/device/aps_704000000001/config")

    def fill() -> bool:
        # It drops a connection now and then, and on a busy machine it loses some of what it has acknowledged.
        ended = aps2mqtt("once", **environment)
        assert (ended.status, ended.err) == (0, "") or "closes the connection" in ended.err
        return ended.status == 0 and wanted <= lying_on_old(old_broker, payload, tmp_path).keys()

    until(fill)


def test_run_lives_with_a_broker_that_refuses_5(tmp_path: Path, ecu: Simulator, old_broker: int) -> None:
    """Poll by poll, with pauses in which the broker can deliver what it retains."""
    environment = settings(
        ecu.port, old_broker, tmp_path, APS_ECU_POLL_INTERVAL=6, MQTT_TOPIC_PREFIX="run", JOURNAL_STREAM="8:1"
    )
    process = start("run", **environment)
    wanted = {f"run/{topic}" for topic in (*MOMENTARY, *LASTING)} | {"run/aps/status"}
    until(lambda: wanted <= lying_on_old(old_broker, "run", tmp_path).keys())
    until(lambda: len(ecu.requests) >= 3 * 4)
    process.terminate()
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert len([line for line in log.splitlines() if "inverters online" in line]) >= 3


def inspecting(port: int, tried: list[int], answer: bytes | None = None) -> Callable[[socket.socket], None]:
    """Notes the version in each CONNECT in `tried`; closes after `answer` where that is 5, else passes on to `port`."""

    def treat(connection: socket.socket) -> None:
        packet = b""
        while b"MQTT" not in packet or packet.endswith(b"MQTT"):
            segment = connection.recv(4096)
            if not segment:
                return
            packet += segment
        tried.append(packet[packet.index(b"MQTT") + 4])
        if tried[-1] == 5 and answer is not None:
            connection.sendall(answer)
            return
        with socket.create_connection(("127.0.0.1", port)) as onward:
            onward.sendall(packet)
            threading.Thread(target=_back, args=(onward, connection), daemon=True).start()
            while data := connection.recv(4096):
                onward.sendall(data)

    return treat


def _back(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


REFUSALS = {
    "closes": b"",
    "refuses as 3.1.1 does": bytes.fromhex("20020001"),
    "refuses as 5 does": bytes.fromhex("2003008400"),
}


@pytest.mark.parametrize("answer", REFUSALS)
def test_however_a_broker_refuses_5_it_gets_3_1_1_once(
    tmp_path: Path, broker: Broker, ecu: Simulator, answer: str
) -> None:
    """In one session: 5 is tried first, and everything is said without an expiry."""
    tried: list[int] = []
    with Listener(inspecting(broker.port, tried, REFUSALS[answer])) as relay:
        ended = aps2mqtt("once", **settings(ecu.port, relay.port, tmp_path))
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert tried == [5, 4]
    lying = lying_on(broker.port)
    assert lying.keys() >= MOMENTARY | LASTING
    assert expiring(broker.port) == set()


def test_the_fallback_is_told_to_who_wants_to_know(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """From INFO on."""
    with Listener(inspecting(broker.port, [], b"")) as relay:
        ended = aps2mqtt("once", **settings(ecu.port, relay.port, tmp_path, JOURNAL_STREAM="8:1"))
    first, second = ended.err.splitlines()
    assert first.startswith("<6>")
    assert "MQTT 3.1.1 instead of 5" in first
    assert "without expiry" in first
    assert "inverters online" in second


def test_a_wrong_login_is_told_by_a_broker_that_refuses_5(tmp_path: Path, ecu: Simulator) -> None:
    """By 3.1.1, then."""
    with (
        Broker(tmp_path, accounts(tmp_path)) as broker,
        Listener(inspecting(broker.port, [], b"")) as relay,
    ):
        ended = aps2mqtt("once", **settings(ecu.port, relay.port, tmp_path))
    check_line(ended, 77, "refuses the login", "check MQTT_BROKER_USER and MQTT_BROKER_PASSWD")


def test_3_1_1_is_all_that_is_tried_where_5_is_not_wanted(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """The default."""
    tried: list[int] = []
    with Listener(inspecting(broker.port, tried)) as relay:
        assert aps2mqtt("once", **settings(ecu.port, relay.port, tmp_path, MQTT_VERSION="3.1.1")).status == 0
    assert tried == [4]


# -- a session --------------------------------------------------------------------------------------------------------


def test_a_message_without_an_expiry_takes_that_of_the_one_before_away(
    tmp_path: Path, broker: Broker, ecu: Simulator
) -> None:
    """And each message has its own."""
    chosen = job(ecu, broker.port, tmp_path).config
    with Session(chosen.broker) as session:
        session.publish([Message("a", "1", expiry=1), Message("b", "2", expiry=600), Message("c", "3")])
        session.publish([Message("b", "4"), Message("c", "5", expiry=600)])
    until(lambda: "a" not in broker.retained())
    lying = lying_on(broker.port)
    assert {topic: (one.payload, one.expiry is None) for topic, one in lying.items()} == {
        "b": ("4", True),
        "c": ("5", False),
    }
