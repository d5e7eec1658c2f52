"""Brokers that are far away, that refuse with a reason, or that take less than others."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from faraway import far_from
from parts import NOON, PATIENCE, Broker, Listener, aps2mqtt, deaf, one_line, settings, start_script, sunny_ecu
from scripted_brokers import CONNECT, PUBLISH, SUBSCRIBE, broker_config, failed, message_id, packets, saying

from aps2mqtt.base.errors import BrokerRefusal, BrokerUnreachable, JobError
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt import connection, presence, reason_codes, sessions
from aps2mqtt.mqtt.sessions import Following, Session
from aps2mqtt.mqtt.topics import Message
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.server import Simulator

# mosquitto holds back no more than that of what a subscriber of QoS 1 has not taken yet.
ROOMY = "allow_anonymous true\nmax_queued_messages 0"


# -- distance ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inverters", "round_trip", "more"),
    [
        (300, 0.1, {}),
        (120, 0.2, {}),
        (20, 0.6, {"MQTT_DISCOVERY_ENABLED": True, "MQTT_DISCOVERY_STYLE": "component"}),
    ],
)
def test_a_broker_that_is_far_away_gets_everything_in_seconds(
    tmp_path: Path, inverters: int, round_trip: float, more: Mapping[str, object]
) -> None:
    """A first job and the next; there were 20 messages on the way at once, and 15 seconds for all of them."""
    plant = Plant(inverters=inverter_models(f"{inverters}xDS3"))
    with (
        sunny_ecu(plant=plant) as ecu,
        Broker(tmp_path, ROOMY) as broker,
        Listener(far_from(broker.port, round_trip)) as far,
    ):
        for _ in range(2):
            ended = aps2mqtt("once", **settings(ecu.port, far.port, tmp_path, **more))
            assert (ended.status, ended.err) == (0, "")
            assert ended.seconds < 20  # 2 on an idle machine
        assert len(broker.retained("aps/+/+/power")) == inverters


def test_each_acknowledgement_gives_the_broker_time_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But not for ever: a session has an end of its own."""
    messages = [Message(f"aps/{number}", "1") for number in range(30)]
    with Broker(tmp_path, f"{ROOMY}\nmax_inflight_messages 1") as broker, Listener(far_from(broker.port, 0.2)) as far:
        monkeypatch.setattr(connection, "SESSION", 5.0)
        began = time.monotonic()
        with Session(broker_config(far.port, MQTT_VERSION=5)) as session:
            session.publish(messages)
        assert time.monotonic() - began > 5.0
        monkeypatch.setattr(connection, "LONGEST", 2.0)
        with (
            pytest.raises(
                BrokerUnreachable, match="accepts 1 messages at a time, which is too slow over this network; raise"
            ),
            Session(broker_config(far.port, MQTT_VERSION=5)) as session,
        ):
            session.publish(messages)


def test_a_near_broker_acknowledges_many_messages_at_once(broker: Broker) -> None:
    """The broker sends the first acknowledgement and holds back the others until this machine confirms it."""
    messages = [Message(f"aps/{number}", "1") for number in range(20)]
    seconds = []
    for _ in range(5):
        with Session(broker_config(broker.port)) as session:
            began = time.perf_counter()
            session.publish(messages)
            seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.03  # 0.04 where Linux waits for more to confirm


TWO_ADDRESSES = """
import socket, sys
from aps2mqtt import cli
truly = socket.getaddrinfo
mute, port, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]

def of_both(host, asked, *more, **named):
    if host != "two.lan":
        return truly(host, asked, *more, **named)
    return [truly("127.0.0.1", one, *more, **named)[0] for one in (mute, port)]

socket.getaddrinfo = of_both
sys.exit(cli.main([command]))
"""


@pytest.mark.parametrize("command", ["once", "check"])
def test_the_second_address_of_a_name_is_tried_where_the_first_is_mute(
    tmp_path: Path, broker: Broker, ecu: Simulator, command: str
) -> None:
    """Each has its share of the time."""
    with deaf() as mute_port:
        more = settings(ecu.port, broker.port, tmp_path, MQTT_BROKER_HOST="two.lan")
        process = start_script(TWO_ADDRESSES, mute_port, broker.port, command, **more)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, ""), out


# -- a broker by the letter -------------------------------------------------------------------------------------------

WELCOME = bytes.fromhex("2003000000")  # MQTT 5, without properties


def refused(treat: Callable[[socket.socket], None], **more: object) -> JobError:
    """What a session of MQTT 5 with such a broker ends with."""
    with Listener(treat) as broker:
        return failed(broker_config(broker.port, MQTT_VERSION=5, **more), [Message("aps/x", "1")])


OF_AUTHORITY = {0x86, 0x87, 0x8A, 0x8C}


@pytest.mark.parametrize("code", [0x80, 0x83, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x95, 0x97, 0x9C, 0x9D, 0x9F])
def test_a_refused_login_has_the_brokers_reason_and_is_not_tried_in_an_older_version(code: int) -> None:
    """The reason in words, with its remedy; 77 for what somebody has to be allowed, 69 for all else."""
    logins: list[bytes] = []

    def treat(connection: socket.socket) -> None:
        logins.append(b"")
        saying(bytes([0x20, 3, 0, code, 0]))(connection)

    error = refused(treat)
    assert len(logins) == 1
    assert reason_codes.reason(code).words in str(error)
    assert type(error) is (BrokerRefusal if code in OF_AUTHORITY else BrokerUnreachable)
    assert ("refuses the login" if code in OF_AUTHORITY else "refuses the session") in str(error)


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x90, 0x97, 0x99])
def test_a_refused_message_has_the_brokers_reason(code: int) -> None:
    """A full disk is not mended by allowing the account to write."""
    error = refused(saying(WELCOME, b"\x40\x03id" + bytes([code])))
    assert f"refuses a message on aps/x ({reason_codes.reason(code).words}); " in str(error)
    assert ("allow the MQTT account to write to this topic" in str(error)) == (code == 0x87)
    assert error.status == (77 if code == 0x87 else 69)


@pytest.mark.parametrize("code", [0x81, 0x82, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x93, 0x95, 0x96, 0x97, 0x98, 0x9A, 0x9B])
def test_a_broker_that_ends_the_session_is_quoted(code: int) -> None:
    """DISCONNECT has a reason in MQTT 5."""
    error = refused(saying(WELCOME, bytes([0xE0, 2, code, 0])))
    assert f"ends the session ({reason_codes.reason(code).words}); " in str(error)
    assert error.status == (77 if code == 0x87 else 69)


NOT_FOR_US = "topic readwrite aps/#\ntopic readwrite barrier/#\n"


@pytest.mark.parametrize("style", ["device", "component"])
def test_a_message_that_is_refused_keeps_none_of_the_others_back(tmp_path: Path, ecu: Simulator, style: str) -> None:
    """An account without rights where Home Assistant reads: all readings are there, and the job fails in the end."""
    more = {"MQTT_VERSION": 5, "MQTT_DISCOVERY_ENABLED": True, "MQTT_DISCOVERY_STYLE": style}
    (tmp_path / "acl").write_text(NOT_FOR_US)
    (tmp_path / "acl").chmod(0o600)
    with Broker(tmp_path, f"allow_anonymous true\nacl_file {tmp_path}/acl") as broker:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, **more))
        found = broker.retained("aps/#")
    assert (ended.status, "refuses a message on homeassistant/" in one_line(ended.err)) == (77, True)
    with Broker(tmp_path) as broker:
        aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path / "other"))
        assert broker.retained("aps/#") == found


def test_an_announcement_that_is_too_large_keeps_no_reading_back(tmp_path: Path, ecu: Simulator) -> None:
    """The broker says at the login what it takes."""
    more = {"MQTT_VERSION": 5, "MQTT_DISCOVERY_ENABLED": True}
    with Broker(tmp_path, "allow_anonymous true\nmax_packet_size 500") as broker:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, **more))
        assert len(broker.retained("aps/#")) > 30
        assert broker.retained("homeassistant/#") == {}
    assert ended.status == 69
    assert "accepts up to 500 bytes, but the message on homeassistant/device/" in one_line(ended.err)


def with_words(code: int, properties: bytes) -> bytes:
    """A reason of MQTT 5 and properties, as packets end with them."""
    return bytes([code, len(properties)]) + properties


SAID = b"\x1f\x00\x0bdisk; \x1bfull"  # Reason String
OTHER = b"\x1c\x00\x07b2.home"  # Server Reference


@pytest.mark.parametrize(
    ("treat", "words"),
    [
        (saying(b"\x20\x11\x00" + with_words(0x97, SAID)), "refuses the session (quota exceeded: disk, ?full); "),
        (saying(b"\x20\x0d\x00" + with_words(0x9D, OTHER)), "refuses the session (server moved: b2.home); "),
        (saying(WELCOME, b"\x40\x12id" + with_words(0x97, SAID)), "refuses a message on aps/x (quota exceeded: disk, "),
        (saying(WELCOME, b"\xe0\x10" + with_words(0x97, SAID)), "ends the session (quota exceeded: disk, ?full); "),
    ],
)
def test_what_a_broker_says_beside_the_code_is_quoted(treat: Callable[[socket.socket], None], words: str) -> None:
    """Made harmless, and without a semicolon, which is ours."""
    assert words in str(refused(treat))


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0xA1, 0xA2])
def test_a_refused_subscription_has_the_brokers_reason(code: int) -> None:
    """Only what an account may not do is mended by allowing it; 0x80 is all that the older version knows."""

    def treat(connection: socket.socket) -> None:
        for kind, body in packets(connection):
            if kind == CONNECT:
                connection.sendall(WELCOME)
            elif kind == SUBSCRIBE:
                connection.sendall(b"\x90\x05" + body[:2] + bytes([0, 0, code]))

    with (
        Listener(treat) as broker,
        pytest.raises(JobError) as caught,
        Following(broker_config(broker.port, MQTT_VERSION=5), ["aps/#", "roof/#"]),
    ):
        pass
    allowed = code in (0x80, 0x87)
    assert "refuses the subscription" in str(caught.value)
    assert ("allow the MQTT account to read aps/#, roof/#" in str(caught.value)) == allowed
    assert (reason_codes.reason(code).words in str(caught.value)) == (code != 0x80)
    assert caught.value.status == (77 if allowed else 69)


WITHOUT_WILDCARDS = bytes.fromhex("2005000002" + "2800")


def without_wildcards(connection: socket.socket) -> None:
    """A broker that ends the session at a subscription with any, and gives back what is said on the other topics."""
    topics: list[bytes] = []
    for kind, body in packets(connection):
        if kind == CONNECT:
            connection.sendall(WITHOUT_WILDCARDS)
        elif kind == SUBSCRIBE and b"+" not in body and b"#" not in body:
            topics.append(body)
            connection.sendall(b"\x90\x04" + body[:2] + b"\x00\x00")
        elif kind == SUBSCRIBE:
            connection.sendall(b"\xe0\x02\xa2\x00")
        elif kind == PUBLISH:
            connection.sendall(b"\x40\x02" + message_id(body))


def test_a_broker_without_wildcards_fails_no_job_and_is_told_by_check(tmp_path: Path, ecu: Simulator) -> None:
    """A job without a state would ask for its counters with some."""
    with Listener(without_wildcards) as broker:
        more = settings(ecu.port, broker.port, tmp_path, MQTT_VERSION=5)
        ended = aps2mqtt("once", **more)
        assert (ended.status, ended.err) == (0, "")
        assert "allow subscriptions with wildcards" in aps2mqtt("check", **more).out
        assert "(wildcards not supported)" in aps2mqtt("show", "--broker", **more).err


def test_nothing_of_check_is_left_where_the_broker_ends_the_session_in_the_middle(
    tmp_path: Path, ecu: Simulator
) -> None:
    """It is removed over another one."""
    retained: dict[bytes, bytes] = {}

    def treat(connection: socket.socket) -> None:
        for kind, body in packets(connection):
            if kind == CONNECT:
                connection.sendall(WELCOME)
            elif kind == PUBLISH:
                (length,) = struct.unpack_from("!H", body)
                retained[body[2 : 2 + length]] = body[5 + length :]
                connection.sendall(b"\x40\x02" + message_id(body))
            elif kind == SUBSCRIBE:
                connection.sendall(b"\xe0\x02\x97\x00")
                return

    with Listener(treat) as broker:
        ended = aps2mqtt("check", **settings(ecu.port, broker.port, tmp_path, MQTT_VERSION=5))
    assert (ended.status, "quota exceeded" in " ".join(ended.out.split())) == (69, True)
    assert retained == {b"aps/check": b""}


LATE = 0.7  # seconds


def with_late_values(connection: socket.socket) -> None:
    """A broker whose retained messages come LATE seconds behind what is published meanwhile."""
    for kind, body in packets(connection):
        if kind == CONNECT:
            connection.sendall(bytes.fromhex("20020000"))
        elif kind == SUBSCRIBE:
            connection.sendall(b"\x90\x04" + body[:2] + b"\x00\x00")
        elif kind == PUBLISH:
            connection.sendall(b"\x40\x02" + message_id(body) + b"\x30\x07\x00\x04echo1")
            time.sleep(LATE)
            connection.sendall(b"\x31\x07\x00\x05aps/x")


def test_what_is_retained_may_come_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a job without a state would publish a lower lifetime."""
    monkeypatch.setattr(sessions, "EMPTY", 4.0)
    assert sessions.QUIET < LATE
    with Listener(with_late_values) as broker, Session(broker_config(broker.port)) as session:
        assert "aps/x" in (session.retained(["aps/x"], Message("echo", "1", retain=False)) or {})


def test_the_reason_is_not_lost_where_much_is_on_the_way() -> None:
    """The broker hangs up at the first of a thousand messages, and reads no more."""
    messages = [Message(f"aps/{number}", "1" * 1000) for number in range(1000)]
    with Listener(saying(WELCOME, bytes([0xE0, 2, 0x97, 0]))) as broker:
        error = failed(broker_config(broker.port, MQTT_VERSION=5), messages)
    assert "ends the session (quota exceeded)" in str(error)


def test_a_farewell_is_found_behind_other_packets() -> None:
    """Acknowledgements, one of them long; a reason is not always given, and a packet may be cut anywhere."""
    before = bytes.fromhex("40020001") + b"\x31\x81\x01" + bytes(129)
    assert reason_codes.farewell(before + b"\xe0\x02\x97\x00") == 0x97
    assert reason_codes.farewell(b"\xe0\x00") == 0
    assert reason_codes.farewell(before) is None
    for length in range(len(before)):
        assert reason_codes.farewell(before[:length]) is None


def test_a_reason_that_nobody_knows_keeps_its_number() -> None:
    """Those of a version to come."""
    assert reason_codes.reason(0xEE).words == "reason 0xee"


FORBIDDEN = {
    "retain_available false": "does not retain messages; allow retained messages in the broker",
    "max_qos 0": "accepts only messages with QoS 0; allow QoS 1 in the broker",
    "max_packet_size 200": "accepts up to 200 bytes, but the message on homeassistant/device/aps_216000000001",
    "message_size_limit 200": "answers with an invalid packet; if it is mosquitto, raise message_size_limit",
}


@pytest.mark.parametrize("setting", FORBIDDEN)
def test_what_a_broker_does_not_take_is_told(tmp_path: Path, ecu: Simulator, setting: str) -> None:
    """Over MQTT 5 it says so at the login, or once a message comes that is too large."""
    more = {"MQTT_VERSION": 5, "MQTT_DISCOVERY_ENABLED": True}
    with Broker(tmp_path, f"allow_anonymous true\n{setting}") as broker:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, **more))
    assert ended.status == 69
    assert FORBIDDEN[setting] in one_line(ended.err)


@pytest.mark.parametrize(
    ("setting", "words"), [("max_qos 0", "max_qos 1 or 2"), ("max_packet_size 40", "accepts up to 40 bytes")]
)
def test_a_broker_of_3_1_1_that_hangs_up_may_say_why_over_5(tmp_path: Path, setting: str, words: str) -> None:
    """It has no word for it in the older version: the remedy says where to look."""
    large = [Message("aps/x", "1" * 100)]
    with Broker(tmp_path, f"allow_anonymous true\n{setting}") as broker:
        silent = failed(broker_config(broker.port), large)
        telling = failed(broker_config(broker.port, MQTT_VERSION=5), large)
    assert "or set MQTT_VERSION: 5 to get the reason from the broker" in str(silent)
    assert words in str(telling)


def test_no_more_messages_are_on_the_way_than_the_broker_takes() -> None:
    """Receive Maximum, of a broker that counts and acknowledges late."""
    most, waiting = 0, []

    def treat(connection: socket.socket) -> None:
        nonlocal most
        for kind, body in packets(connection):
            if kind == CONNECT:
                connection.sendall(bytes.fromhex("2006000003210007"))  # Receive Maximum 7
            elif kind == PUBLISH:
                waiting.append(message_id(body))
                most = max(most, len(waiting))
                if len(waiting) == 7:
                    time.sleep(0.05)
                    connection.sendall(b"".join(b"\x40\x02" + waiting.pop(0) for _ in range(7)))

    with Listener(treat) as broker, Session(broker_config(broker.port, MQTT_VERSION=5)) as session:
        session.publish([Message(f"aps/{number}", "1") for number in range(70)])
    assert most == 7


def test_more_messages_than_there_are_ids_all_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    """MQTT numbers them from 1 to 65,535; a broker that counts what it acknowledges. It takes seconds."""
    monkeypatch.setattr(connection, "SESSION", 200.0)
    monkeypatch.setattr(connection, "LONGEST", 200.0)
    seen: set[bytes] = set()

    def treat(connection: socket.socket) -> None:
        for kind, body in packets(connection):
            if kind == CONNECT:
                connection.sendall(bytes.fromhex("20020000"))
            elif kind == PUBLISH:
                seen.add(body[-8:])
                connection.sendall(b"\x40\x02" + message_id(body))

    with Listener(treat) as broker, Session(broker_config(broker.port)) as session:
        session.publish(Message("a", f"{number:08d}") for number in range(66_000))
    assert len(seen) == 66_000


NEVER_HEARD = "aps/216000000001/704000000003"
ANNOUNCED = {"MQTT_DISCOVERY_ENABLED": True, "MQTT_DISCOVERY_STYLE": "component"}


@pytest.mark.parametrize("more", [{}, ANNOUNCED], ids=["flat", "announced"])
def test_an_inverter_that_was_never_heard_costs_its_removals_once(
    tmp_path: Path, broker: Broker, more: Mapping[str, object]
) -> None:
    """What the first job has removed is not there for the second; elsewhere anything may lie."""

    def removed(**changed: object) -> list[str]:
        given = settings(ecu.port, broker.port, tmp_path, **more, **changed)
        (chosen,) = loading.load(None, {name: str(value) for name, value in given.items()})
        messages = Job(chosen, NOON, Store(tmp_path, "127.0.0.1", ecu.port)).run().messages
        ours = [one for one in messages if "704000000003" in one.topic]
        assert [one.payload for one in ours if one.topic.endswith(f"{NEVER_HEARD}/online")][-1] == "False"
        return [one.topic for one in ours if not one.payload]

    with sunny_ecu(plant=Plant(inverters=inverter_models("2xDS3,1xunseen"))) as ecu:
        broker.publish(f"{NEVER_HEARD}/4/power", "100")
        assert len(removed()) >= 18
        assert removed() == []
        assert len(removed(MQTT_TOPIC_PREFIX="roof")) >= 18
        assert removed(MQTT_TOPIC_PREFIX="roof") == []
    assert set(broker.retained(f"roof/{NEVER_HEARD}/#")) == {f"roof/{NEVER_HEARD}/online"}
    assert broker.retained(f"{NEVER_HEARD}/#") == {}


def test_a_presence_that_has_just_lost_its_connection_ends_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a moment paho still takes it for connected."""
    monkeypatch.setattr(presence, "RECONNECT", (60, 60))
    lost = threading.Event()

    def treat(connection: socket.socket) -> None:
        for kind, _ in packets(connection):
            connection.sendall(b"\x20\x02\x00\x00" if kind == CONNECT else b"\x90\x00")

    with Listener(treat) as broker:
        alive = presence.Presence(broker_config(broker.port), "aps/status", lambda: None, lost.set)
        alive.start()
        assert lost.wait(PATIENCE)
        alive.stop()
