"""`aps2mqtt show`: from the ECU, from the broker, and live in a terminal."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from parts import (
    PATIENCE,
    Broker,
    Ended,
    Listener,
    aps2mqtt,
    clean_environment,
    free_port,
    mute,
    one_line,
    place,
    site_at_midnight,
    start,
    sunny_ecu,
)

from aps2mqtt.base.errors import BrokerUnreachable
from aps2mqtt.base.values import UNCHANGED, Report
from aps2mqtt.config import loading
from aps2mqtt.config.values import BrokerConfig
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.reading_back import Published
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.screen.canvas import Canvas
from aps2mqtt.screen.terminal import Screen
from aps2mqtt.show import live
from aps2mqtt.show.live import BrokerView, Place
from aps2mqtt.simulator.plant import ECU_MODELS, Plant, inverter_models
from aps2mqtt.simulator.server import Simulator

ECU = "216000000001"
ENTER, LEAVE, SHOW_CURSOR = "\033[?1049h", "\033[?1049l", "\033[?25h"
END = "\0the program has ended"
REPORT = Report(
    ECU, power=0, today=1.5, lifetime=2.5, registered=0, online=0, timestamp=None, firmware="", inverters=()
)


def settings(ecu: Simulator, folder: Path, broker: Broker | None = None, **more: object) -> dict[str, object]:
    return {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": ecu.port,
        "APS_ECU_TIMEZONE": "UTC",
        "APS_STATE_DIR": folder / "state",
        "MQTT_BROKER_PORT": broker.port if broker is not None else free_port(),
        "COLUMNS": 80,
        **more,
    }


def picture_of(ended: Ended) -> list[str]:
    """What was drawn, without the age of the data."""
    assert (ended.status, ended.err) == (0, "")
    assert "\033" not in ended.out
    return re.sub(r", \d+ \w+ (ago|ahead)", "", ended.out).splitlines()


# -- the ECU ----------------------------------------------------------------------------------------------------------


def test_the_ecu_is_asked_and_nobody_is_told(tmp_path: Path) -> None:
    """No broker runs; no state is written; no escape code in a pipe."""
    with sunny_ecu(plant=Plant(inverters=inverter_models("1xDS3,1xunseen"))) as ecu:
        lines = picture_of(aps2mqtt("show", **settings(ecu, tmp_path)))
        assert len(ecu.requests) == 3
    assert lines[0] == "ECU-R 216000000001  ECU_R_1.3.19C"
    assert lines[2] == "1 of 2 inverters online   data of 2026-06-21 12:00:00"
    assert lines[4].startswith("● DS3     704000000001  593 W")
    assert lines[-1] == "? DS3     704000000002  not seen yet"
    assert not (tmp_path / "state").exists()


def test_the_ecu_is_asked_at_night_too(tmp_path: Path, broker: Broker) -> None:
    """A person asks; a job would leave it alone."""
    site = site_at_midnight()
    with sunny_ecu(clock=lambda: datetime(2026, 6, 21, 0, 2, tzinfo=UTC)) as ecu:
        environment = settings(ecu, tmp_path, broker, APS_ECU_STOP_AT_NIGHT=True, **place(site))
        assert [aps2mqtt("once", **environment).status for _ in range(2)] == [0, 0]
        assert len(ecu.requests) == 3
        assert "0 of 5 inverters online" in aps2mqtt("show", **environment).out
        assert len(ecu.requests) == 6


def test_of_several_ecus_those_that_answer_are_shown(tmp_path: Path) -> None:
    """And those that do not are told, with the status of the gravest."""
    with sunny_ecu() as ecu:
        environment = settings(ecu, tmp_path) | {"APS_ECU_IP": "127.0.0.2,127.0.0.1"}
        ended = aps2mqtt("show", **environment)
    assert ended.status == 69
    assert "127.0.0.2" in one_line(ended.err)
    assert ended.out.startswith("ECU-R 216000000001")


# -- the broker -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", [{}, {"MQTT_PAYLOAD": "json", "MQTT_TOPIC_PREFIX": "home/roof"}])
def test_the_broker_shows_what_a_job_has_told_it(tmp_path: Path, broker: Broker, style: dict[str, str]) -> None:
    """The same picture as from the ECU, which lists its inverters in an order of its own."""
    with sunny_ecu(plant=Plant(inverters=inverter_models("1xQS1,2xDS3,1xunseen"))) as ecu:
        environment = settings(ecu, tmp_path, broker, **style)
        assert aps2mqtt("once", **environment).status == 0
        asked = picture_of(aps2mqtt("show", **environment))
        before = len(ecu.requests)
        found = picture_of(aps2mqtt("show", "--broker", "--ecu", ECU, **environment))
        assert len(ecu.requests) == before
    assert found[0] == f"the broker at 127.0.0.1:{broker.port}"
    assert found[2:] == asked
    uids = re.findall(r"^. \S+ +(\d{12})", "\n".join(asked), re.MULTILINE)
    assert len(uids) == 4
    assert uids == sorted(uids)


def test_the_temperatures_of_each_ecu_are_in_its_own_unit(tmp_path: Path, broker: Broker) -> None:
    """One in degrees Celsius and one in Fahrenheit, from the ECUs and from the broker alike."""
    models = (ECU_MODELS["ECU-C"], ECU_MODELS["ECU-R"])
    with sunny_ecu(plant=Plant(models[0])) as first, sunny_ecu(plant=Plant(models[1])) as second:
        items = [
            f"  - APS_ECU_IP: 127.0.0.1\n    APS_ECU_PORT: {ecu.port}\n    APS_ECU_TEMPERATURE_UNIT: {unit}\n"
            for ecu, unit in ((first, "C"), (second, "F"))
        ]
        file = tmp_path / "config.yaml"
        file.write_text(f"ecu:\n{''.join(items)}mqtt:\n  MQTT_BROKER_PORT: {broker.port}\n")
        environment = {"APS_STATE_DIR": tmp_path / "state", "COLUMNS": 120, "TZ": "UTC"}
        assert aps2mqtt("-c", file, "once", **environment).status == 0
        asked = picture_of(aps2mqtt("-c", file, "show", **environment))
        found = picture_of(aps2mqtt("-c", file, "show", "--broker", **environment))
    units = re.findall(r"-?\d+(?:\.\d)? (?:°[CF])", "\n".join(asked))
    assert {unit[-1] for unit in units} == {"C", "F"}
    assert re.findall(r"-?\d+(?:\.\d)? (?:°[CF])", "\n".join(found)) == units


def test_a_broker_that_has_nothing_is_told_with_a_remedy(tmp_path: Path, broker: Broker) -> None:
    """69, as for a broker that is not there: there is nothing to be had from it."""
    with sunny_ecu() as ecu:
        broker.publish("aps/status", "online")  # of `run`: of no ECU
        ended = aps2mqtt("show", "--broker", **settings(ecu, tmp_path, broker))
    assert (ended.status, ended.out) == (69, "")
    assert "has no topics below aps; run `aps2mqtt once`, or check MQTT_TOPIC_PREFIX" in one_line(ended.err)


@pytest.mark.parametrize(
    ("wanted", "says"), [("216000000009", "--ecu can be one of 216000000001"), ("192.168.1.42", "takes an ECU id")]
)
def test_an_ecu_that_the_broker_does_not_know_is_a_wrong_usage(
    tmp_path: Path, broker: Broker, wanted: str, says: str
) -> None:
    with sunny_ecu() as ecu:
        broker.publish(f"aps/{ECU}/status", "online")
        ended = aps2mqtt("show", "--broker", "--ecu", wanted, **settings(ecu, tmp_path, broker))
    assert ended.status == 64
    assert says in one_line(ended.err)


def test_no_broker_is_no_picture(tmp_path: Path) -> None:
    """Nor is there anything to watch."""
    with sunny_ecu() as ecu:
        environment = settings(ecu, tmp_path)
        for option in ("--broker", "--watch"):
            ended = aps2mqtt("show", option, **environment)
            assert (ended.status, ended.out) == (69, "")
            assert "refuses the connection" in one_line(ended.err)


def test_status_problem_and_presence_are_told_in_words(tmp_path: Path, broker: Broker) -> None:
    """With what the job could not do, as it said it; whatever else lies there does not reach the terminal."""
    for topic, payload in {
        "status": "offline",
        f"{ECU}/status": "offline",
        f"{ECU}/error": "the ECU is silent\033[2J",
        f"{ECU}/problem": "a counter stands still",
        f"{ECU}/firmware": "\033]0;title\a",
        f"{ECU}/704000000001/online": "\033[31m",
        f"{ECU}/power": "\x9b2J",
    }.items():
        broker.publish(f"aps/{topic}", payload)
    with sunny_ecu() as ecu:
        lines = picture_of(aps2mqtt("show", "--broker", **settings(ecu, tmp_path, broker)))
    assert lines[0].endswith("   aps2mqtt run: offline")
    assert lines[-2:] == ["offline: the ECU is silent?[2J", "problem: a counter stands still"]
    assert "".join(lines).isprintable()


def test_an_account_that_may_only_read_is_enough(tmp_path: Path) -> None:
    """Nothing is published in order to see."""
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    with Broker(tmp_path, f"allow_anonymous true\nacl_file {acl}") as broker, sunny_ecu() as ecu:
        ended = aps2mqtt("show", "--broker", **settings(ecu, tmp_path, broker))
    assert "has no topics below aps" in one_line(ended.err)


# -- what goes on -----------------------------------------------------------------------------------------------------


def view(power: int, *, news: bool = False, trouble: str = "") -> BrokerView:
    return BrokerView(Published("", (REPORT._replace(power=power),)), news, trouble)


def test_a_picture_waits_until_all_of_it_has_been_said() -> None:
    """And does not come again when it is the same."""
    seen = [view(1, news=True), view(2, news=True), view(2), view(2), view(2, news=True), view(2)]
    assert list(live.settled(seen)) == [view(2)]


def test_a_broker_that_never_falls_silent_is_shown_all_the_same() -> None:
    seen = [view(number, news=True) for number in range(3 * live.PATIENCE)]
    assert len(list(live.settled(seen))) == 3


def test_trouble_is_something_else_to_see() -> None:
    seen = [view(1), view(1, trouble="gone"), view(1, trouble="gone"), view(1)]
    assert [look.trouble for look in live.settled(seen)] == ["", "gone", ""]


def test_the_lines_of_a_glance_fit_the_screen_and_say_what_is_wrong() -> None:
    at = Place(broker=_Address(), style=Style())
    now = datetime(2026, 6, 21, tzinfo=UTC)
    lines = live.lines(at, view(7, trouble="it refuses"), now, Canvas(40, 5), "Ctrl-C stops")
    assert lines[:3] == ["the broker at a.example:1   Ctrl-C stops", "it refuses (trying again)", ""]
    assert len(lines) <= 5
    nothing = live.lines(at, BrokerView(Published("", ())), now, Canvas(80, 24))
    assert nothing[2] == "the broker at a.example:1 has no topics below aps yet: waiting for the next job"


class _Address:
    name = "the broker at a.example:1"


def test_in_a_pipe_each_change_is_a_new_picture(tmp_path: Path, broker: Broker) -> None:
    """Without escape codes; SIGINT ends it with 0."""
    with sunny_ecu() as ecu:
        process = start("show", "--watch", **settings(ecu, tmp_path, broker))
        assert "has no topics below aps yet" in _read_until(process, "yet")
        for message in topics.messages(Style(), REPORT._replace(power=77)):
            broker.publish(message.topic, message.payload)
        first = _read_until(process, "77 W now")
        broker.publish(f"aps/{ECU}/power", "88")
        second = _read_until(process, "88 W now")
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert "\033" not in first + second + rest


def _read_until(process: subprocess.Popen[str], text: str) -> str:
    found = ""
    for line in process.stdout:
        found += line
        if text in line:
            return found
    pytest.fail(f"no line with {text}")


# -- a terminal -------------------------------------------------------------------------------------------------------


class Terminal:
    """The program in a pseudo terminal, and what it has written there."""

    def __init__(self, *arguments: str, size: tuple[int, int] = (24, 80), **environment: object) -> None:
        self._master, slave = pty.openpty()
        self.resize(*size)
        self.written = ""
        # A character may come in two halves; one that Ctrl-C cut in the middle a terminal draws as some mark.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.modes = termios.tcgetattr(slave)
        names = {"TERM": "xterm-256color", **environment}
        inherited = {name: text for name, text in clean_environment().items() if name not in ("COLUMNS", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "aps2mqtt", *arguments],
            env=inherited | {name: str(value) for name, value in names.items()},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        self._slave = slave

    def resize(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def await_text(self, text: str, *, since: int = 0) -> str:
        """What was written since, once `text` is there."""
        until = time.monotonic() + PATIENCE
        while text not in self.written[since:]:
            assert time.monotonic() < until, f"{text!r} is not in {self.written[since:]!r}"
            self._read(0.1)
        return self.written[since:]

    def await_lines(self, lines: int, *, since: int) -> str:
        """The first page written since that has so many lines."""
        until = time.monotonic() + PATIENCE
        while not (pages := [page for page in self._pages(since) if page.count("\n") == lines - 1]):
            assert time.monotonic() < until, self.written[since:]
            self._read(0.1)
        return pages[0]

    def _pages(self, since: int) -> list[str]:
        return self.written[since:].split("\033[H")[1:]

    def end(self, number: signal.Signals) -> int:
        """Ends the program; its status. Once more if need be: Python loses an interrupt while it frees an object."""
        for _ in range(3):
            self.process.send_signal(number)
            until = time.monotonic() + PATIENCE / 4
            while self.process.poll() is None and time.monotonic() < until:
                self._read(0.05)
            if self.process.poll() is not None:
                break
        return self.wait()

    def wait(self) -> int:
        until = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < until
            self._read(0.05)
        # What the program wrote last may still be on its way here; what is written now comes after it.
        os.write(self._slave, END.encode())
        self.await_text(END)
        self.written = self.written.removesuffix(END)
        return self.process.returncode

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._slave)[3] & termios.ECHO)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        self.written += self._decoder.decode(os.read(self._master, 65536))
        return True

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._slave)
        os.close(self._master)


@contextlib.contextmanager
def terminal(*arguments: str, **options: object) -> Iterator[Terminal]:
    running = Terminal(*arguments, **options)
    try:
        yield running
    finally:
        running.close()


def without_columns(environment: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in environment.items() if name != "COLUMNS"}


def test_a_terminal_is_drawn_on_in_place_and_given_back(tmp_path: Path, broker: Broker) -> None:
    """A second job is seen, another size is followed, a broker that restarts is found again, and Ctrl-C ends it."""
    hour = [9]
    with Simulator(clock=lambda: datetime(2026, 6, 21, hour[0], 2, tzinfo=UTC)) as ecu:
        environment = without_columns(settings(ecu, tmp_path, broker))
        assert aps2mqtt("once", **environment).status == 0
        with terminal("show", "--watch", **environment) as screen:
            screen.await_text(ENTER)
            screen.await_text("data of 2026-06-21 09:00:00")
            screen.await_text("\033[38;5;")
            assert not screen.echoes

            hour[0], since = 12, len(screen.written)
            assert aps2mqtt("once", **environment).status == 0
            assert ENTER not in screen.await_text("data of 2026-06-21 12:00:00", since=since)

            since = len(screen.written)
            screen.resize(40, 60)
            page = screen.await_lines(40, since=since)
            assert ENTER not in page
            assert max(len(re.sub(r"\033\[[0-9;]*[mKH]|\r", "", line)) for line in page.split("\n")) <= 60
            assert "801000000004" in page

            since = len(screen.written)
            broker.__exit__()
            screen.await_text("trying again", since=since)
            since = len(screen.written)
            with broker:
                screen.await_text("has no topics below aps yet", since=since)
                assert aps2mqtt("once", **environment).status == 0
                screen.await_text("data of 2026-06-21 12:00:00", since=since)
                assert screen.end(signal.SIGINT) == 0
            assert screen.written.endswith(SHOW_CURSOR + LEAVE)
            assert screen.echoes
        broker.__enter__()  # for the fixture, which ends it


def test_sigterm_gives_the_terminal_back_as_well(tmp_path: Path, broker: Broker) -> None:
    broker.publish(f"aps/{ECU}/status", "online")
    with sunny_ecu() as ecu:
        environment = without_columns(settings(ecu, tmp_path, broker))
        with terminal("show", "--watch", **environment) as screen:
            screen.await_text(ECU)
            assert screen.end(signal.SIGTERM) == 0
            assert screen.written.endswith(SHOW_CURSOR + LEAVE)
            assert screen.echoes


def test_no_broker_leaves_the_terminal_as_it_is(tmp_path: Path) -> None:
    """The line is told on the shell's own screen."""
    with sunny_ecu() as ecu:
        environment = without_columns(settings(ecu, tmp_path))
        with terminal("show", "--watch", **environment) as screen:
            assert screen.wait() == 69
            assert ENTER not in screen.written
            assert "refuses the connection" in screen.written


@pytest.mark.parametrize(
    ("environment", "has_color"), [({}, True), ({"NO_COLOR": 1}, False), ({"TERM": "dumb"}, False)], ids=str
)
def test_a_terminal_has_colors_unless_its_user_says_no(
    tmp_path: Path, environment: dict[str, object], *, has_color: bool
) -> None:
    """NO_COLOR, and terminals that cannot."""
    with sunny_ecu() as ecu:
        known = without_columns(settings(ecu, tmp_path))
        with terminal("show", **{**known, **environment}) as screen:
            assert screen.wait() == 0
            assert ("\033[38;5;" in screen.written) is has_color
            assert ("\033" in screen.written) is has_color


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (("show",), "waiting for the ECU at 127.0.0.1:{port} ..."),
        (("history",), "waiting for the ECU at 127.0.0.1:{port} ..."),
        (("once", "--dry-run"), "waiting for the ECU at 127.0.0.1:{port} ..."),
        (("check",), "port {port} of 127.0.0.1 is open"),  # between its steps
        (("migrate",), "waiting for the ECU at 127.0.0.1:{port} ..."),
        (("forget", ECU), "waiting for the broker at 127.0.0.1:{port} ..."),
        (("show", "--broker"), "waiting for the broker at 127.0.0.1:{port} ..."),
        (("show", "--watch"), "waiting for the broker at 127.0.0.1:{port} ..."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_who_looks_is_told_at_once_what_is_waited_for(tmp_path: Path, command: tuple[str, ...], says: str) -> None:
    """An ECU or a broker that hangs is given up after half a minute; Ctrl-C ends it before and clears the line."""
    with Listener(mute) as hangs, sunny_ecu() as ecu:
        known = without_columns(settings(ecu, tmp_path))
        with terminal(*command, **known | {"APS_ECU_PORT": hangs.port, "MQTT_BROKER_PORT": hangs.port}) as screen:
            screen.await_text(says.format(port=hangs.port))
            screen.end(signal.SIGINT)
        assert "waiting for " in screen.written
        assert "waiting" not in seen(screen.written)


def test_what_is_waited_for_leaves_no_trace(tmp_path: Path) -> None:
    """Neither behind a picture nor in front of a line of the log; and a pipe never sees it."""
    with sunny_ecu() as ecu:
        known = without_columns(settings(ecu, tmp_path))
        with terminal("show", "-D", **known) as screen:
            assert screen.wait() == 0
        assert "waiting for the ECU" in screen.written
        assert "waiting" not in seen(screen.written)
        assert f"aps2mqtt: 127.0.0.1:{ecu.port} < " in seen(screen.written)
        assert "waiting" not in aps2mqtt("show", "-D", **settings(ecu, tmp_path)).err


def test_nothing_is_said_to_be_waited_for_where_output_goes_through_another_program(tmp_path: Path) -> None:
    """As in `check | less`, which writes to the same line of the terminal whenever it likes."""
    with sunny_ecu() as ecu:
        reader, stderr = pty.openpty()
        names = {name: str(value) for name, value in settings(ecu, tmp_path, TERM="xterm").items()}
        command = [sys.executable, "-m", "aps2mqtt", "show"]
        ended = subprocess.run(
            command, env=clean_environment() | names, stdout=subprocess.PIPE, stderr=stderr, timeout=60, check=False
        )
        assert (ended.returncode, b"online" in ended.stdout) == (0, True)
        os.close(stderr)
        with contextlib.suppress(OSError):  # the end of a terminal that nobody holds open
            assert os.read(reader, 1000) == b""
        os.close(reader)


def seen(written: str) -> str:
    """What stays on the screen: a carriage return has the rest of its line written over."""
    lines = []
    for line in written.replace("\r\n", "\n").split("\n"):
        shown = ""
        for part in line.split("\r"):
            shown = part + shown[len(part) :]
        lines.append(shown.rstrip())
    return "\n".join(lines)


def test_a_console_without_blocks_gets_ascii(tmp_path: Path) -> None:
    """That of Linux has them not in its font; a locale may not know them either."""
    with sunny_ecu() as ecu:
        known = without_columns(settings(ecu, tmp_path))
        with terminal("show", **known, TERM="linux") as screen:
            assert screen.wait() == 0
            assert "####" in screen.written
            assert "█" not in screen.written
        ended = aps2mqtt("show", **settings(ecu, tmp_path, PYTHONIOENCODING="ascii"))
        assert "####" in ended.out
        assert "\\u" not in ended.out


def test_nor_does_it_get_blocks_in_place(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TERM", "linux")
    Screen().draw(["█▏ 70 W"], Canvas(80, 2))
    assert "#- 70 W" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "drawn"), [(("check",), r"^\+ configuration"), (("schedule",), "####"), (("history", "month"), "####")]
)
def test_no_command_draws_what_the_terminal_cannot_show(tmp_path: Path, command: tuple[str, ...], drawn: str) -> None:
    """Every character has one of ASCII in its place."""
    with sunny_ecu() as ecu:
        ended = aps2mqtt(*command, **settings(ecu, tmp_path, PYTHONIOENCODING="ascii", MQTT_BROKER_PORT=1, COLUMNS=100))
    assert re.search(drawn, ended.out, re.MULTILINE), ended.out
    assert "\\u" not in ended.out
    assert "\\x" not in ended.out


def test_the_demo_that_is_kept_draws_its_picture_in_place() -> None:
    """It stays on the screen, poll after poll; Ctrl-C gives the screen back, and is no failure."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed: pip install 'aps2mqtt[demo]'")
    with terminal("demo", "--keep", size=(30, 80)) as screen:
        for text in (ENTER, "13:00:00", "not seen yet", "mosquitto_sub -h 127.0.0.1"):
            screen.await_text(text)
        since = len(screen.written)
        assert ENTER not in screen.await_text("13:05:00", since=since)
        screen.await_text("not seen yet", since=since)
        assert all(page.count("\n") <= 29 for page in screen._pages(0))
        assert screen.end(signal.SIGINT) == 0
        assert screen.written.endswith(SHOW_CURSOR + LEAVE)


def address(port: int) -> BrokerConfig:
    return loading.load(None, {"APS_ECU_IP": "127.0.0.1", "MQTT_BROKER_PORT": str(port)})[0].broker


def test_the_first_glance_says_why_there_is_none() -> None:
    """Later ones go on with what was seen."""
    with pytest.raises(BrokerUnreachable):
        next(live.views(Place(address(free_port()), Style())))


def test_what_is_removed_is_seen_no_more(broker: Broker) -> None:
    """An empty message is none."""
    broker.publish(f"aps/{ECU}/status", "online")
    broker.publish(f"aps/{ECU}/power", "77")
    with contextlib.closing(live.settled(live.views(Place(address(broker.port), Style())))) as seen:
        assert next(seen).published.reports[0].power == 77
        broker.publish(f"aps/{ECU}/power", "")
        assert next(seen).published.reports[0].power == UNCHANGED
