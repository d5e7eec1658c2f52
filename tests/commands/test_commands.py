"""The commands around the job: run, simulate, demo, help, and the night."""

import asyncio
import re
import shlex
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time
from parts import AT_ONCE, PATIENCE, Broker, aps2mqtt, capture, one_line, place, settings, start, sunny_ecu, until

from aps2mqtt import __version__, cli, commands
from aps2mqtt.base import extras
from aps2mqtt.check.ecu_answers import FIRMWARE
from aps2mqtt.simulator import demo, modbus
from aps2mqtt.simulator.plant import ECU_MODELS, PARIS, EcuModel, Plant
from aps2mqtt.simulator.scenarios import FAULTS
from aps2mqtt.simulator.server import Simulator


def await_line(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """The first line of standard output that fits."""
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
    pytest.fail(f"no line with {pattern}; {process.stderr.read()}")


def has_handler(process: subprocess.Popen[str]) -> bool:
    """Whether it handles SIGTERM: proc(5)."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


# -- simulate ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_simulate_prints_its_port_and_answers_until_it_is_stopped(stop: signal.Signals, tmp_path: Path) -> None:
    """`--port 0` takes any; the job reads it."""
    simulator = start("simulate", "--port", 0, "--ecu", "ECU-R-Pro", "--inverters", "2xDS3,unseen")
    port = await_line(simulator, r"127\.0\.0\.1:(\d+)")[1]
    ended = aps2mqtt("once", "--dry-run", APS_ECU_IP="127.0.0.1", APS_ECU_PORT=port, APS_STATE_DIR=tmp_path)
    simulator.send_signal(stop)
    assert simulator.wait(PATIENCE) == 0
    simulator.communicate()
    assert ended.status == 0
    assert re.search(r"^aps/216200000001/inverters/total +3$", ended.out, re.MULTILINE)


def test_signals_that_come_all_at_once_stop_simulate() -> None:
    """As `timeout` sends two, or an impatient person: the later ones interrupt the handler of the first."""
    simulators = [start("simulate", "--port", 0) for _ in range(8)]
    for simulator in simulators:
        until(lambda process=simulator: has_handler(process))
        for _ in range(200):
            simulator.send_signal(signal.SIGTERM)
            simulator.send_signal(signal.SIGINT)
        assert simulator.wait(AT_ONCE) == 0


def test_simulate_replays_captured_frames(tmp_path: Path) -> None:
    """What the files do not have, the simulated array answers."""
    files = ("ecur-sysinfo-1.2.31-2025", "ecur-yc600-qs1-2025-redacted")
    simulator = start("simulate", "--port", 0, "--replay", *map(capture, files))  # as the shell writes *.json
    port = await_line(simulator, r"127\.0\.0\.1:(\d+)")[1]
    ended = aps2mqtt("once", "--dry-run", APS_ECU_IP="127.0.0.1", APS_ECU_PORT=port, APS_STATE_DIR=tmp_path)
    simulator.terminate()
    simulator.communicate(timeout=PATIENCE)
    assert ended.status == 0
    assert "408000000008" in ended.out


def test_simulate_lists_its_faults() -> None:
    """With what each does."""
    ended = aps2mqtt("simulate", "--fault", "list")
    assert ended.status == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == [*FAULTS, *modbus.FAULTS]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--fault", "tired"), "unknown fault 'tired'"),
        (("--fault", "mute", "--fault", "cut"), "--fault can be given once for port 8899 and once for SunSpec"),
        (("--fault", "sunspec-late"), "the fault sunspec-late needs SunSpec; add --sunspec 1502"),
        (("--ecu", "ECU-X"), "unknown ECU model 'ECU-X'"),
        (("--inverters", "2xDS9"), "unknown inverter model 'DS9'"),
        (("--inverters", "9" * 5_000 + "xDS3"), f"unknown inverter model '{'9' * 40}'"),
        (("--inverters", "0xDS3"), "unknown inverter model '0xDS3'; write for example 3xDS3,1xQS1"),
        (("--inverters", ",".join(["1000xunseen"] * 5_000)), "do not fit into one answer"),
        (("--port", "9" * 5_000), "--help"),
        (("--time", "25:00"), "'25:00' is not a time of day; write it as 12:00"),
        (("--refresh", "4.5"), "'4.5' is not a number of seconds; write it as 300 or 300+137"),
        (("--refresh", "300+"), "'300+' is not a number of seconds"),
        (("--refresh", "0"), "'0' is too short; the shortest time is 1 second"),
        (("--replay", "/nonexistent/x"), "/nonexistent/x cannot be read: No such file or directory; name a file that"),
        (("--replay", __file__, "/nonexistent"), "contains no captures"),
        (("--replay", __file__), "contains no captures"),
        (("--port", "-1"), "--help"),
    ],
)
def test_simulate_refuses_what_it_does_not_know(arguments: tuple[str, ...], says: str) -> None:
    """In one line, with what there is."""
    ended = aps2mqtt("simulate", *arguments)
    assert ended.status == 64
    assert says in one_line(ended.err)


def test_a_port_that_is_taken_is_told_without_brackets_in_brackets() -> None:
    """In the system's words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = aps2mqtt("simulate", "--port", port)
    assert ended.status == 64
    assert f"port {port} is in use; choose another with --port" in one_line(ended.err)


@pytest.mark.parametrize(("at", "night"), [("12:00", False), ("00:30", True)])
def test_simulate_takes_any_time_of_day_and_says_when_it_is_night(tmp_path: Path, at: str, *, night: bool) -> None:
    """The sun is highest at noon by this machine's clock, wherever it is."""
    simulator = start("simulate", "--port", 0, "--time", at)
    port = await_line(simulator, r"127\.0\.0\.1:(\d+)")[1]
    said = await_line(simulator, r"Stop it with|all inverters are offline, because it is night; set another time")[0]
    ended = aps2mqtt("once", "--dry-run", APS_ECU_IP="127.0.0.1", APS_ECU_PORT=port, APS_STATE_DIR=tmp_path)
    simulator.terminate()
    simulator.communicate(timeout=PATIENCE)
    assert said.startswith("all inverters are offline") is night
    online = re.search(r"inverters/online +(\d+)$", ended.out, re.MULTILINE)
    assert online is not None
    assert (online[1] == "0") is night


def test_simulate_has_new_data_as_often_and_as_late_as_it_is_told(tmp_path: Path) -> None:
    """Every minute, 17 s after the full one."""
    simulator = start("simulate", "--port", 0, "--refresh", "60+17")
    port = await_line(simulator, r"127\.0\.0\.1:(\d+)")[1]
    ended = aps2mqtt("once", "--dry-run", APS_ECU_IP="127.0.0.1", APS_ECU_PORT=port, APS_STATE_DIR=tmp_path)
    simulator.terminate()
    simulator.communicate(timeout=PATIENCE)
    stamp = re.search(r"/timestamp +(\S+)$", ended.out, re.MULTILINE)
    assert stamp is not None
    at = datetime.fromisoformat(stamp[1])
    assert at.second == 17
    assert timedelta() <= datetime.now(UTC) - at < timedelta(seconds=60 + PATIENCE)


@pytest.mark.parametrize(
    ("at", "stamp"),
    [("10:02:56", "10:00:17"), ("10:02:57", "10:02:17"), ("10:04:56", "10:02:17"), ("10:04:57", "10:04:17")],
)
def test_a_simulated_large_array_has_its_data_late(at: str, stamp: str) -> None:
    """Every two minutes, 17 s after the full two, 40 s after the time stamp."""
    plant = Plant(refresh=timedelta(minutes=2), phase=timedelta(seconds=17), late=timedelta(seconds=40))
    assert f"{plant.refreshed(datetime.fromisoformat(f'2026-06-21T{at}+00:00')):%H:%M:%S}" == stamp


@pytest.mark.parametrize("model", ECU_MODELS.values(), ids=ECU_MODELS)
def test_the_simulated_firmware_has_no_known_troubles(model: EcuModel) -> None:
    """Else `check` warns of it, and people look for a fault of theirs."""
    assert model.firmware not in FIRMWARE


# -- run --------------------------------------------------------------------------------------------------------------


def test_run_polls_at_once_and_on_its_interval_until_sigterm(tmp_path: Path, broker: Broker) -> None:
    """The default command: `aps2mqtt` alone is `aps2mqtt run`."""
    with sunny_ecu() as ecu:
        process = start(
            APS_ECU_IP="127.0.0.1",
            APS_ECU_PORT=ecu.port,
            APS_ECU_POLL_INTERVAL=1,
            MQTT_BROKER_PORT=broker.port,
            APS_STATE_DIR=tmp_path,
        )
        until(lambda: len(ecu.requests) >= 9)
        process.terminate()
        assert process.wait(PATIENCE) == 0
        process.communicate()
    assert len(ecu.requests) >= 9
    assert broker.retained("aps/216000000001/status") == {"aps/216000000001/status": "online"}


# -- the log ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "more", "levels"),
    [
        ((), {}, ""),  # cron mails nothing
        (("--log-level", "info"), {}, "i"),
        ((), {"APS_LOG_LEVEL": "info"}, "i"),
        ((), {"APS_LOG_LEVEL": " Debug "}, "di"),
        ((), {"APS_LOG_LEVEL": "error", "JOURNAL_STREAM": "8:1"}, ""),
        (("--log-level", "warning"), {"APS_LOG_LEVEL": "debug"}, ""),
        (("-D", "--log-level", "error"), {}, "di"),
        (("--log-level", "error"), {"DEBUG": "True"}, "di"),
    ],
    ids=str,
)
def test_the_log_begins_where_its_reader_wants(
    tmp_path: Path, arguments: tuple[str, ...], more: dict[str, str], levels: str
) -> None:
    """By option, by key, by default; the option wins, and debugging wins over both."""
    with sunny_ecu() as ecu:
        environment = settings(ecu.port, 1, tmp_path, **more)
        ended = aps2mqtt("once", "--dry-run", *arguments, **environment)
    assert ended.status == 0
    assert ("5 of 5 inverters online" in ended.err) is ("i" in levels)
    assert (f"127.0.0.1:{ecu.port} < " in ended.err) is ("d" in levels)


def test_the_log_level_stands_in_the_file_of_several_ecus(tmp_path: Path) -> None:
    """The most talkative of them is that of the process; the environment wins."""
    with sunny_ecu() as one, sunny_ecu() as two:
        items = [f"  - {{APS_ECU_IP: 127.0.0.1, APS_ECU_PORT: {ecu.port}" for ecu in (one, two)]
        file = tmp_path / "config.yaml"
        file.write_text(f"ecu:\n{items[0]}, APS_LOG_LEVEL: error}}\n{items[1]}, APS_LOG_LEVEL: info}}\n")
        known = {"APS_STATE_DIR": tmp_path}
        told = aps2mqtt("-c", file, "once", "--dry-run", **known).err
        silent = aps2mqtt("-c", file, "once", "--dry-run", **known, APS_LOG_LEVEL="warning").err
    assert told.count("5 of 5 inverters online") == 2
    assert silent == ""


def test_there_is_no_other_log_level() -> None:
    """As a wrong option and as a wrong value."""
    ended = aps2mqtt("--log-level", "loud", "once")
    assert ended.status == 64
    assert "invalid choice: 'loud'" in one_line(ended.err)
    ended = aps2mqtt("once", APS_ECU_IP="127.0.0.1", APS_LOG_LEVEL="loud")
    assert ended.status == 78
    assert "APS_LOG_LEVEL must be debug, info, warning or error" in one_line(ended.err)


# -- demo -------------------------------------------------------------------------------------------------------------


def test_the_demo_shows_array_and_topics() -> None:
    """With nothing configured and nothing running."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed: pip install -e '.[demo]'")
    ended = aps2mqtt("demo")
    assert (ended.status, ended.err) == (0, "")
    assert "5 of 6 inverters online" in ended.out
    assert re.search(r"^  1 █+.* W +37.0 V +\d\.\d\d A$", ended.out, re.MULTILINE)
    assert "DS3     704000000006  not seen yet" in ended.out
    assert re.search(r"aps/216000000001/power +\d+$", ended.out, re.MULTILINE)
    assert re.search(r"aps/216000000001/status +online$", ended.out, re.MULTILINE)
    assert "\033" not in ended.out


def test_a_demo_without_its_extra_names_the_pip_of_its_own_installation(tmp_path: Path) -> None:
    """And the packages themselves, because aps2mqtt on the package index is another program."""
    (tmp_path / "amqtt.py").write_text("raise ImportError")
    ended = aps2mqtt("demo", PYTHONPATH=tmp_path)
    assert ended.status == 69
    own, told = Path(sys.executable).parent, shlex.split(one_line(ended.err).partition("; run ")[2])
    if told[0] == "sudo":
        told = told[1:]
    assert told in (
        [str(own / "pip"), "install", "amqtt<0.13,>=0.12"],
        [sys.executable, "-m", "pip", "install", "amqtt<0.13,>=0.12"],
    )


def test_a_demo_in_an_installation_of_root_says_sudo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a b" / "python"))
    monkeypatch.setattr(extras.os, "access", lambda *_: False)
    assert extras.install_command("demo").startswith(f"sudo '{tmp_path}/a b/python' -m pip install 'amqtt<")


def test_the_demo_that_is_kept_says_where_to_connect_and_polls_on() -> None:
    """Until it is stopped, which is no failure."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed: pip install -e '.[demo]'")
    process = start("demo", "--keep")
    port = await_line(process, r"mosquitto_sub -h 127\.0\.0\.1 -p (\d+)")[1]
    assert Broker(Path(), port=int(port)).retained("aps/#")["aps/216000000001/status"] == "online"
    await_line(process, r"ECU-R 216000000001: \d+ W")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


def test_the_broker_of_the_demo_drops_no_client_while_another_leaves() -> None:
    """While one connects, amqtt loops over the subscriptions of all, which change when another leaves."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed: pip install -e '.[demo]'")

    async def forget_two() -> None:
        broker = demo._mended_broker()(
            {"listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:0"}}, "plugins": {}}
        )
        broker._subscriptions.update({"aps/1": [], "aps/2": []})
        for topic in broker._subscriptions:
            del broker._subscriptions[topic]
        broker._subscriptions.update({"aps/1": [], "aps/2": []})
        for topic, clients in broker._subscriptions.items():
            assert clients == []
            del broker._subscriptions[topic]
        assert not broker._subscriptions

    asyncio.run(forget_two())


def test_the_demo_that_is_kept_ends_with_sigterm_as_well() -> None:
    """Between two polls."""
    pytest.importorskip("amqtt", reason="the demo extra is not installed: pip install -e '.[demo]'")
    process = start("demo", "--keep")
    await_line(process, "A poll every 5 s")
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


# -- the night --------------------------------------------------------------------------------------------------------


def night_job(ecu: Simulator, broker: Broker, folder: Path, *arguments: str, at: datetime, monkeypatch) -> int:
    """`aps2mqtt ... once` at a given time, with the clock of the whole process frozen but ticking."""
    for name, value in {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": ecu.port,
        "APS_ECU_TIMEZONE": "Europe/Paris",
        "APS_ECU_STOP_AT_NIGHT": "True",
        **place(PARIS),
        "MQTT_BROKER_PORT": broker.port,
        "APS_STATE_DIR": folder,
    }.items():
        monkeypatch.setenv(name, str(value))
    # A subscriber's thread asks for the time, too: it fails if freezegun puts the real clock back just then.
    with freeze_time(at, tick=True, ignore=["paho"]):
        return cli.main([*arguments, "once"])


def test_the_ecu_is_left_alone_at_night_and_the_broker_is_filled(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once the sun is down and the last reading had no inverter online; today's energy turns to 0 with the date."""
    clock = [datetime(2026, 6, 21, 20, 30, tzinfo=UTC)]  # the sun is down in Paris since 19:58 UTC
    with Simulator(Plant(site=PARIS), clock=lambda: clock[0]) as ecu:

        def job(*arguments: str, at: datetime) -> tuple[int, int]:
            clock[0] = at
            before = len(ecu.requests)
            status = night_job(ecu, broker, tmp_path, *arguments, at=at, monkeypatch=monkeypatch)
            return status, len(ecu.requests) - before

        assert job(at=datetime(2026, 6, 21, 19, 50, tzinfo=UTC)) == (0, 3)  # up, and awake
        assert broker.retained("aps/+/inverters/online") != {"aps/216000000001/inverters/online": "0"}
        assert job(at=datetime(2026, 6, 21, 20, 30, tzinfo=UTC)) == (0, 3)  # down, but was awake
        assert broker.retained("aps/+/inverters/online") == {"aps/216000000001/inverters/online": "0"}
        evening = broker.retained("aps/216000000001/energy/today")
        assert job(at=datetime(2026, 6, 21, 20, 35, tzinfo=UTC)) == (0, 0)  # night
        assert broker.retained("aps/216000000001/energy/today") == evening != {}
        with broker.heard() as messages:
            assert job("-D", at=datetime(2026, 6, 21, 22, 5, tzinfo=UTC)) == (0, 0)  # after midnight in Paris
        assert ("aps/216000000001/energy/today", "0") in messages
        assert ("aps/216000000001/704000000001/power", "0") in messages
        assert "until 2026-06-22 05:4" in capsys.readouterr().err
        assert job(at=datetime(2026, 6, 22, 4, 0, tzinfo=UTC)) == (0, 3)  # the sun is up since 3:47 UTC


def test_force_asks_at_night_too(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """And `--dry-run` obeys the night."""
    midnight = datetime(2026, 6, 21, 23, 0, tzinfo=UTC)
    with Simulator(Plant(site=PARIS), clock=lambda: midnight) as ecu:
        assert night_job(ecu, broker, tmp_path, at=midnight, monkeypatch=monkeypatch) == 0
        assert len(ecu.requests) == 3  # no last reading: poll
        assert night_job(ecu, broker, tmp_path, at=midnight, monkeypatch=monkeypatch) == 0
        with freeze_time(midnight, tick=True):
            assert cli.main(["once", "--dry-run"]) == 0
        assert len(ecu.requests) == 3
        with freeze_time(midnight, tick=True):
            assert cli.main(["once", "--force"]) == 0
        assert len(ecu.requests) == 6


# -- help -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", commands.ABOUT)
def test_every_command_has_a_help_that_fits_a_screen_and_names_an_example(command: str, monkeypatch, capsys) -> None:
    """24 lines of 80 columns; the command's own parser takes the example as it stands."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    examples = re.findall(r"^ +(?:[A-Z_]+=\S+ )*aps2mqtt ([^|>#\n]*)", text, re.MULTILINE)
    assert any(re.search(rf"\b{command}\b", example) for example in examples)
    for example in examples:
        words = shlex.split(example)
        cli._parser(cli._common_options(), words).parse_args(words)


def test_the_line_of_each_command_in_the_help_is_one(monkeypatch, capsys) -> None:
    """So that the whole can be looked over."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for name, about in commands.ABOUT.items():
        assert len(about) <= 57
        assert [name, about] in [line.strip().split(maxsplit=1) for line in lines]


def test_the_help_names_every_command_and_exit_status() -> None:
    """A user learns the program from it."""
    ended = aps2mqtt("--help", COLUMNS=80)
    for word in ("once", "run", "show", "simulate", "demo", "units", "64", "69", "70", "75", "76", "77", "78"):
        assert re.search(rf"\b{word}\b", ended.out)
    assert max(map(len, ended.out.splitlines())) <= 80


def test_the_module_is_the_same_program() -> None:
    """`python3 -m aps2mqtt` is what `start` runs; the script of the installation says the same."""
    script = Path(sys.executable).with_name("aps2mqtt")
    if not script.exists():
        pytest.skip("aps2mqtt is not installed in this environment: pip install -e .")
    shown = subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
    assert shown == aps2mqtt("--version").out == f"aps2mqtt {__version__}\n"


@pytest.mark.parametrize(("value", "logged"), [("True ", True), (" on", True), ("no", False)])
def test_debugging_is_asked_for_in_many_words(tmp_path: Path, value: str, *, logged: bool) -> None:
    """As every key that is true or false."""
    with sunny_ecu() as ecu:
        ended = aps2mqtt(
            "once", "--dry-run", DEBUG=value, APS_ECU_IP="127.0.0.1", APS_ECU_PORT=ecu.port, APS_STATE_DIR=tmp_path
        )
    assert ended.status == 0
    assert ("4150533131" in ended.err) is logged


# -- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("onec",), "there is no command 'onec'; did you mean once?"),
        (("-D", "chekc"), "there is no command 'chekc'; did you mean check?"),
        (("help",), "there is no command 'help'; did you mean aps2mqtt --help?"),
        (("version",), "there is no command 'version'; did you mean aps2mqtt --version?"),
        (("xyzzy",), "there is no command 'xyzzy'; see aps2mqtt --help"),
        (("-c",), "-c needs a file; for instance: aps2mqtt -c config.yaml once"),
        (("once", "--config"), "-c needs a file; for instance: aps2mqtt -c config.yaml once"),
        (("-c", "once"), "'once' is a command, and no file has that name; write -c FILE once; see aps2mqtt --help"),
    ],
)
def test_a_slip_on_the_command_line_is_told_with_its_remedy(arguments: tuple[str, ...], says: str) -> None:
    """In one line, whatever the version of Python."""
    ended = aps2mqtt(*arguments)
    assert ended.status == 64
    assert one_line(ended.err).endswith(says)


@pytest.mark.parametrize("command", [("once",), ("-D", "once"), ("check",), ("check", "--json")])
def test_a_login_in_a_wrong_place_is_nowhere_shown(tmp_path: Path, command: tuple[str, ...]) -> None:
    """Of the environment, the file and --ecu, in whatever is printed, -D included."""
    path = tmp_path / "config.yaml"
    path.write_text("ecu:\n  APS_ECU_IP: 127.0.0.1\nmqtt:\n  MQTT_BROKER_PASSWD h8dden: x\n")
    for environment in ({"MQTT_BROKER_HOST": "u:h8/dden@host"}, {"APS_ECU_IP": "127.0.0.1,u:h8,dden@host"}):
        ended = aps2mqtt("-c", path, *command, **environment)
        assert ended.status == 78
        assert "••••@host" in ended.out + ended.err or "\\u2022@host" in ended.out + ended.err
        assert "h8" not in ended.out + ended.err
        assert "dden" not in ended.out + ended.err
    ended = aps2mqtt(*command, "--ecu", "u:h8dden@host", APS_ECU_IP="127.0.0.1", APS_STATE_DIR=tmp_path)
    assert "h8dden" not in ended.out + ended.err
    assert ended.status == 64
