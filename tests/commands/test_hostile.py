"""What others wrote, in an ECU, on a broker, in files and in their names, never steers the terminal."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from parts import Broker, Ended, Listener, aps2mqtt, settings, sunny_ecu

from aps2mqtt.base import logs
from aps2mqtt.base.printable import printable
from aps2mqtt.config import loading
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.mqtt.topics import Message
from aps2mqtt.screen import output
from aps2mqtt.simulator import demo
from aps2mqtt.simulator.plant import ECU_MODELS, Plant, inverter_models
from aps2mqtt.simulator.server import Simulator

ECU, GONE = "216000000001", "704000000009"
CLEARS = "\033[2J\033]0;title\a"  # the screen, and names the window
OBEYED = f"{CLEARS}\x9b31m\r\b\x7f\u202e\u2028"  # with the control characters beyond ASCII
FIRMWARE = "ECU\033[2J\x9b31m"
# mosquitto refuses control characters in a topic, and lets through what turns a line around.
TOPICS = (f"aps/{ECU}/{GONE}/power\u202e", f"aps/{ECU}/\u2066note")
PAYLOADS = {
    f"aps/{ECU}/firmware": OBEYED,
    f"aps/{ECU}/status": "offline",
    f"aps/{ECU}/error": OBEYED,
    f"aps/{ECU}/problem": OBEYED,
    f"aps/{ECU}/{GONE}/online": "True",
    f"aps/{ECU}/{GONE}/power": OBEYED,
    f"aps/{ECU}/{GONE}": json.dumps({"online": OBEYED}),
    f"homeassistant/sensor/aps_{GONE}/config": json.dumps(
        {"unique_id": f"aps_{GONE}_power", "device": {"identifiers": [ECU, GONE], "name": OBEYED}}
    ),
    **dict.fromkeys(TOPICS, OBEYED),
}


@pytest.fixture
def ecu() -> Iterator[Simulator]:
    """One whose firmware's name is a command to the terminal."""
    model = ECU_MODELS["ECU-R"]._replace(firmware=FIRMWARE)
    with sunny_ecu(plant=Plant(ecu=model, inverters=inverter_models("2xDS3"))) as running:
        yield running


@pytest.fixture
def environment(ecu: Simulator, broker: Broker, tmp_path: Path) -> dict[str, object]:
    """Settings for that ECU, and a broker on which somebody has left such things."""
    for topic, payload in PAYLOADS.items():
        broker.publish(topic, payload)
    return settings(ecu.port, broker.port, tmp_path, MQTT_DISCOVERY_ENABLED=True)


def harmless(ended: Ended) -> str:
    """All that was printed, which has to be lines of text."""
    printed = ended.out + ended.err
    assert [line for line in printed.split("\n") if not line.isprintable()] == []
    return printed


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("once",), ""),
        (("once", "--dry-run"), "ECU?[2J?31m"),
        (("once", "--dry-run", "-D"), "ECU?[2J?31m"),
        (("show",), "ECU?[2J?31m"),
        (("show", "--broker"), "offline: ?[2J"),
        (("show", "--broker", "-D"), "offline: ?[2J"),
        (("check",), "ECU?[2J?31m"),
        (("check", "--json"), "ECU?[2J?31m"),
        (("migrate", "--dry-run"), "entities of aps2mqtt 2.x"),
        (("forget", ECU), "note"),
        (("forget", GONE, "--yes"), "power?"),
        (("history", "day", "week"), "Energy of the last week"),
        (("health",), "no successful poll is recorded for this user"),
        (("schedule",), "window"),
        (("capture", "--output", "DIR"), "written"),
    ],
    ids=" ".join,
)
def test_no_command_prints_what_a_terminal_would_obey(
    command: tuple[str, ...], says: str, environment: dict[str, object], tmp_path: Path
) -> None:
    """From the ECU and from the broker, at every level of the log."""
    words = [tmp_path if word == "DIR" else word for word in command]
    assert says in harmless(aps2mqtt(*words, **environment))


def test_topics_with_control_characters_are_listed_without_them() -> None:
    """Not every broker refuses them; they can be removed all the same."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed: pip install -e '.[demo]'")
    topic = f"aps/{ECU}/{CLEARS}"
    with demo._broker() as port:
        with Session(_broker_config(port)) as session:
            session.publish([Message(topic, "1")])
        environment = {"APS_ECU_IP": "127.0.0.1", "MQTT_BROKER_PORT": port}
        assert f"aps/{ECU}/?[2J?]0;title?" in harmless(aps2mqtt("forget", ECU, **environment))


def _broker_config(port: int) -> BrokerConfig:
    return loading.load(None, {"APS_ECU_IP": "127.0.0.1", "MQTT_BROKER_PORT": str(port)})[0].broker


@pytest.mark.parametrize("banner", [f"SSH-2.0-{CLEARS}\r\n", f"HTTP/1.1 200 {CLEARS}\r\n\r\n", f"APS110027{CLEARS}"])
def test_a_server_that_is_no_ecu_steers_nothing(banner: str, tmp_path: Path, broker: Broker) -> None:
    """Its greeting stands in the failure, in the debug log and on the broker's topic of errors."""
    with Listener(lambda connection: connection.sendall(banner.encode())) as server:
        for command in (("once", "-D"), ("check",)):
            assert "127.0.0.1" in harmless(aps2mqtt(*command, **settings(server.port, broker.port, tmp_path)))
    assert all(payload.isprintable() for payload in broker.retained().values())


@pytest.mark.parametrize("banner", [f"SSH-2.0-{CLEARS}\r\n", f"\x20\x02\x00\x05{CLEARS}"])
def test_a_server_that_is_no_broker_steers_nothing(banner: str, ecu: Simulator, tmp_path: Path) -> None:
    """Whatever it calls its reason."""
    with Listener(lambda connection: connection.sendall(banner.encode())) as server:
        for version in ("3.1.1", "5"):
            environment = settings(ecu.port, server.port, tmp_path, MQTT_VERSION=version)
            assert "the broker at 127.0.0.1" in harmless(aps2mqtt("once", "-D", **environment))


@pytest.mark.parametrize("content", ["", f"APS{CLEARS}", f"{OBEYED}: 41 50 53 31 31 30 30 32 37 1b 5b 32 4a", "{"])
def test_names_and_contents_of_files_steer_nothing(content: str, tmp_path: Path) -> None:
    """Of frames to decode, captures to replay, and the configuration."""
    path = tmp_path / f"{CLEARS.replace('/', '')}\u202e\udcff.yaml"
    path.write_bytes(content.encode("latin-1", "ignore"))
    for command in (
        ("decode", path),
        ("simulate", "--replay", path.with_suffix(".gone")),
        ("simulate", "--fault", OBEYED),
        ("-c", path, "once"),
        ("-c", path, "check"),
        ("-c", path, "units", "--output", tmp_path / "units"),
        ("units", "--output", path),
        ("history", "--plot", path),
        (OBEYED,),
    ):
        harmless(aps2mqtt(*command))


def test_a_traceback_of_the_debug_log_is_lines_of_text() -> None:
    """The message of an error stands in it once more."""
    stream = StringIO()
    logs.set_up(debug=True, stream=stream)
    try:
        int(OBEYED)
    except ValueError:
        logging.getLogger("aps2mqtt.test").exception("%s", OBEYED)
    lines = stream.getvalue().split("\n")
    assert len(lines) > 3
    assert all(line.isprintable() for line in lines)


def test_what_is_shown_is_one_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody adds one of his own."""
    output.show(["one\ntwo", OBEYED, "größer █"])
    assert capsys.readouterr().out.split("\n") == ["one?two", printable(OBEYED), "größer █", ""]


def test_characters_that_print_nothing_become_question_marks() -> None:
    assert printable("a\033b\n\x9b\u202e") == "a?b???"
    assert printable("größer █ °C, 太陽") == "größer █ °C, 太陽"
