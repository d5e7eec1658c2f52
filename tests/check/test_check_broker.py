"""`aps2mqtt check` on the way to the broker; nothing is left behind there."""

import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
import trustme
from check_runs import BROKER_STEPS, PARIS, check_ends_at, remedies, text, walked
from parts import (
    NOON,
    Broker,
    Listener,
    accounts,
    free_port,
    mute,
    relay_to,
    settings,
    sunny_ecu,
    tls_settings,
    write_only,
)

from aps2mqtt.check import check, ecu_answers, result
from aps2mqtt.check.result import State
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt import connection, sessions
from aps2mqtt.simulator.server import Simulator

# -- the broker -------------------------------------------------------------------------------------------------------


class Broken(NamedTuple):
    """A broker with which something is wrong: how to set it up, and what check says then."""

    port: Callable[[ExitStack, Path, trustme.CA], int]
    name: str
    cause: str
    remedy: str
    status: int
    more: Mapping[str, object] = MappingProxyType({})


def running(settings_of: Callable[[Path, trustme.CA], str]) -> Callable[[ExitStack, Path, trustme.CA], int]:
    """A mosquitto of these settings."""
    return lambda stack, folder, ca: stack.enter_context(Broker(folder, settings_of(folder, ca))).port


def listening(treat: Callable[..., None]) -> Callable[[ExitStack, Path, trustme.CA], int]:
    """No broker at all, but something that accepts connections."""
    return lambda stack, _folder, _ca: stack.enter_context(Listener(treat)).port


def relaying(most: int) -> Callable[[ExitStack, Path, trustme.CA], int]:
    """A connection that breaks after so many bytes."""
    return lambda stack, folder, _ca: (
        stack.enter_context(Listener(relay_to(stack.enter_context(Broker(folder)).port, most))).port
    )


def for_us(folder: Path, authority: trustme.CA) -> str:
    return tls_settings(folder, authority, "127.0.0.1")


TLS = {"MQTT_BROKER_SECURED_CONNECTION": True}
OWN_CA = {**TLS, "MQTT_BROKER_CACERTS_PATH": "{}/ca.pem"}
LOGIN = {"MQTT_BROKER_USER": "johndoe", "MQTT_BROKER_PASSWD": "h8dden"}
BROKEN = {
    "none": Broken(
        lambda *_: free_port(), "broker", "refuses the connection", "check MQTT_BROKER_HOST and MQTT_BROKER_PORT", 69
    ),
    "unknown name": Broken(
        lambda *_: 1883, "broker", "is unknown", "check MQTT_BROKER_HOST", 69, {"MQTT_BROKER_HOST": "broker.invalid"}
    ),
    "mute": Broken(
        listening(mute), "login", "does not answer the login", "check MQTT_BROKER_HOST and MQTT_BROKER_PORT", 69
    ),
    "mute under TLS": Broken(
        listening(mute), "TLS", "does not answer (time-out)", "that the port expects TLS", 69, TLS
    ),
    "drops before the login": Broken(
        listening(lambda _: None), "login", "closes the connection before the login", "if that port expects TLS", 69
    ),
    "drops midway": Broken(relaying(60), "message", "closes the connection", "look at the broker's log", 69),
    "wrong password": Broken(
        running(lambda folder, _: accounts(folder)), "login", "refuses the login", "check MQTT_BROKER_USER", 77, LOGIN
    ),
    "no password": Broken(
        running(lambda folder, _: accounts(folder)), "login", "refuses the login", "check MQTT_BROKER_USER", 77
    ),
    "wrong password under TLS": Broken(
        running(lambda folder, ca: f"{for_us(folder, ca)}\n{accounts(folder)}".replace("allow_anonymous true\n", "")),
        "login",
        "refuses the login",
        "check MQTT_BROKER_USER",
        77,
        {**OWN_CA, **LOGIN},
    ),
    "unknown CA": Broken(
        running(for_us), "TLS", "has a certificate of an unknown CA", "set MQTT_BROKER_CACERTS_PATH", 69, TLS
    ),
    "another's certificate": Broken(
        running(lambda folder, ca: tls_settings(folder, ca, "broker.example.org")),
        "TLS",
        "has a certificate for another host name",
        "set MQTT_BROKER_HOST",
        69,
        OWN_CA,
    ),
    "TLS to a plain port": Broken(
        running(lambda *_: "allow_anonymous true"),
        "TLS",
        "closes the connection during the TLS handshake",
        "set MQTT_BROKER_PORT",
        69,
        TLS,
    ),
    "plain to a TLS port": Broken(
        running(for_us), "login", "closes the connection before the login", "MQTT_BROKER_SECURED_CONNECTION: True", 69
    ),
    "no client certificate": Broken(
        running(lambda folder, ca: f"{for_us(folder, ca)}\nrequire_certificate true"),
        "login",
        "the broker at 127.0.0.1",
        "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH",
        69,
        OWN_CA,
    ),
    "may not retain": Broken(
        running(lambda *_: "allow_anonymous true\nretain_available false"),
        "message",
        "closes the connection",
        "retain_available (true)",
        69,
    ),
    "retains nothing, over 5": Broken(
        running(lambda *_: "allow_anonymous true\nretain_available false"),
        "login",
        "does not retain messages",
        "retain_available true",
        69,
        {"MQTT_VERSION": "5"},
    ),
    "takes no QoS 1, over 5": Broken(
        running(lambda *_: "allow_anonymous true\nmax_qos 0"),
        "login",
        "accepts only messages with QoS 0",
        "max_qos 1 or 2",
        69,
        {"MQTT_VERSION": "5"},
    ),
    "takes small messages, over 5": Broken(
        running(lambda *_: "allow_anonymous true\nmax_packet_size 1000"),
        "message",
        "accepts up to 1000 bytes",
        "MQTT_DISCOVERY_STYLE: component",
        69,
        {"MQTT_VERSION": "5", "MQTT_DISCOVERY_ENABLED": True},
    ),
    "may not write": Broken(
        running(lambda folder, _: write_only(folder, "elsewhere/#")),
        "message",
        "refuses a message on aps/check",
        "allow the MQTT account to write to this topic",
        77,
        {"MQTT_VERSION": "5"},
    ),
}


def test_where_both_fail_the_status_is_the_ecus_as_with_a_job(tmp_path: Path) -> None:
    """Whatever is graver."""
    with sunny_ecu(fault="refuse") as ecu, Broker(tmp_path, accounts(tmp_path)) as broker:
        taken = walked(tmp_path, ecu.port, broker.port, **PARIS, MQTT_BROKER_USER="user", MQTT_BROKER_PASSWD="wrong")
    assert (taken["connection"].status, taken["login"].status) == (69, 77)
    assert result.status(taken.values()) == 69
    assert result.status([step for name, step in taken.items() if name != "connection"]) == 77


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_broker_fails_at_its_step(
    tmp_path: Path, one_ecu: Simulator, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """With the remedy of a job's error line; the ECU is asked all the same."""
    broken = BROKEN[kind]
    if "mute" in kind:
        monkeypatch.setattr(connection, "SESSION", 2.0)
    with ExitStack() as stack:
        port = broken.port(stack, tmp_path, authority)
        more = {key: str(value).format(tmp_path) for key, value in broken.more.items()}
        taken = walked(tmp_path, one_ecu.port, port, **PARIS, **more)
    # A broker that hangs up after TLS can be faster than our first packet.
    name = "TLS" if kind == "no client certificate" and taken["TLS"].state is State.FAILED else broken.name
    check_ends_at(taken, BROKER_STEPS, name)
    assert broken.cause in text(taken[name])
    assert broken.remedy in remedies(taken[name])
    assert "Wi-Fi" not in remedies(taken[name])
    assert result.status(taken.values()) == broken.status
    assert taken["0030"].state is State.OK
    assert ("days left" in text(taken["TLS"])) == (taken["TLS"].state is State.OK)
    assert "h8dden" not in str(taken)


def test_a_broker_that_lets_nobody_read_is_a_doubt(tmp_path: Path, one_ecu: Simulator) -> None:
    """A job would go well, but compare nothing."""
    with Broker(tmp_path, write_only(tmp_path)) as broker:
        taken = walked(tmp_path, one_ecu.port, broker.port, **PARIS)
    assert taken["message"].state is State.WARNING
    assert "does not let this MQTT account read it" in text(taken["message"])
    assert result.status(taken.values()) == 0


@pytest.mark.parametrize("announced", [True, False])
def test_a_broker_that_drops_large_messages_is_a_doubt(tmp_path: Path, one_ecu: Simulator, *, announced: bool) -> None:
    """Over MQTT 3.1.1 mosquitto acknowledges them; what counts is what a job would send."""
    with Broker(tmp_path, "allow_anonymous true\nmessage_size_limit 1000") as broker:
        taken = walked(tmp_path, one_ecu.port, broker.port, **PARIS, MQTT_DISCOVERY_ENABLED=announced)
        assert broker.retained() == {}
    assert taken["message"].state is (State.WARNING if announced else State.OK)
    assert ("the size of a job's largest message, do not arrive" in text(taken["message"])) == announced
    assert ("mosquitto: message_size_limit" in remedies(taken["message"])) == announced
    assert result.status(taken.values()) == 0


def test_the_message_of_check_is_as_large_as_the_largest_of_a_job(
    tmp_path: Path, one_ecu: Simulator, broker: Broker
) -> None:
    """Byte for byte, topic and payload; of a job of `run`, whose announcements name its presence, too."""
    more = {**PARIS, "MQTT_DISCOVERY_ENABLED": True}
    environment = {key: str(value) for key, value in settings(one_ecu.port, broker.port, tmp_path, **more).items()}
    (chosen,) = loading.load(None, environment)
    job = Job(chosen, NOON, Store(chosen.state_directory, "127.0.0.1", one_ecu.port), dry_run=True, of_run=True)
    largest = max(len(topic + payload) for topic, payload, *_ in job.run().messages)
    with broker.heard("aps/check") as said:
        walked(tmp_path, one_ecu.port, broker.port, **more)
    assert abs(max(len(topic + payload) for topic, payload in said) - largest) <= 1


def test_a_broker_that_retains_nothing_is_a_doubt(
    tmp_path: Path, one_ecu: Simulator, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant would know nothing after its start."""

    class Forgetful(sessions.Session):
        def retained(self, topics: list[str], probe: sessions.Message) -> dict[str, str]:
            found = super().retained(topics, probe)
            return {topic: payload for topic, payload in found.items() if topic not in topics}

    monkeypatch.setattr(check, "Session", Forgetful)
    taken = walked(tmp_path, one_ecu.port, broker.port, **PARIS)
    assert taken["message"].state is State.WARNING
    assert "does not retain" in text(taken["message"])
    assert broker.retained() == {}


def test_all_is_well_over_tls(tmp_path: Path, one_ecu: Simulator, secured: Broker) -> None:
    """The certificate's names, who signed it, and how long it lasts."""
    own = {**TLS, "MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem"}
    taken = walked(tmp_path, one_ecu.port, secured.port, **PARIS, **own)
    assert {step.state for name, step in taken.items() if name != "sunspec"} == {State.OK}
    assert "signed by Testing CA" in text(taken["TLS"])
    assert "for 127.0.0.1, localhost" in text(taken["TLS"])
    assert re.search(r"\d+ days left", text(taken["TLS"]))


def test_a_certificate_that_ends_soon_is_a_doubt() -> None:
    """Before it is a failure."""
    peer = {
        "subject": ((("organizationName", "Home"),), (("commonName", "broker.lan"),)),
        "issuer": ((("commonName", "Home CA"),),),
        "subjectAltName": (("DNS", "broker.lan"),),
        "notAfter": "Jul  1 12:00:00 2026 GMT",
    }
    step = ecu_answers.certificate(peer, NOON)
    assert step.state is State.WARNING
    assert text(step) == "certificate of broker.lan, signed by Home CA | for broker.lan | 9 days left"
    assert ecu_answers.certificate(peer, NOON - timedelta(days=30)).state is State.OK


def rights(folder: Path, *lines: str) -> str:
    """Everybody may do this, and nothing else."""
    (folder / "acl").write_text("\n".join((*lines, "topic readwrite barrier/#", "")))
    (folder / "acl").chmod(0o600)
    return f"allow_anonymous true\nacl_file {folder}/acl"


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("allowed", ["read", "write", "readwrite"])
def test_an_account_that_may_not_announce_is_told(
    tmp_path: Path, one_ecu: Simulator, version: str, allowed: str
) -> None:
    """Over MQTT 5 it is known; over 3.1.1 a message that does not come back tells of one right or the other."""
    more = {**PARIS, "MQTT_DISCOVERY_ENABLED": True, "MQTT_VERSION": version}
    with Broker(tmp_path, rights(tmp_path, "topic readwrite aps/#", f"topic {allowed} homeassistant/#")) as broker:
        taken = walked(tmp_path, one_ecu.port, broker.port, **more)
        assert broker.retained() == {}
    step = taken["message"]
    if allowed == "readwrite" or (allowed, version) == ("write", "5"):
        assert "discovery messages below homeassistant are allowed" in text(step)
        assert step.state is State.OK
    elif version == "5":
        assert "refuses a message on homeassistant/" in text(step)
        assert step.status == 77
    else:
        assert "this MQTT account cannot write or cannot read there" in text(step)
        assert "allow the MQTT account to write homeassistant/#" in remedies(step)
        assert (step.state, step.status) == (State.WARNING, 0)


# -- nothing is left behind -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "home/roof"])
def test_the_broker_and_the_state_are_as_before(
    tmp_path: Path, one_ecu: Simulator, broker: Broker, prefix: str
) -> None:
    """The one message is on a topic of its own below the prefix, and is removed."""
    more = {**PARIS, "MQTT_TOPIC_PREFIX": prefix}
    environment = {key: str(value) for key, value in settings(one_ecu.port, broker.port, tmp_path, **more).items()}
    (chosen,) = loading.load(None, environment)
    Job(chosen, NOON, Store(chosen.state_directory, "127.0.0.1", one_ecu.port)).run()
    before, state = broker.retained(), [path.read_bytes() for path in (tmp_path / "state").iterdir()]
    assert len(before) > 30
    with broker.heard() as messages:
        taken = walked(tmp_path, one_ecu.port, broker.port, **more)
    assert {step.state for step in taken.values()} - {State.SKIPPED} == {State.OK}
    assert broker.retained() == before
    assert [path.read_bytes() for path in (tmp_path / "state").iterdir()] == state
    topic = f"{prefix}/aps/check".lstrip("/")
    assert {name for name, _ in messages} == {topic, f"{topic}/probe"}
    assert messages[-1] == (topic, "")


def test_a_check_writes_no_state(tmp_path: Path, one_ecu: Simulator) -> None:
    """Not even its folder."""
    walked(tmp_path, one_ecu.port, free_port())
    assert not (tmp_path / "state").exists()
