"""Everything that can fail, failing for real: one line that names cause and remedy, a status, nothing lost."""

import errno
import json
import socket
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from failing_jobs import ERROR, STATUS, check_line, readings
from parts import (
    HISTORY_FAULTS,
    NOON,
    Broker,
    Listener,
    aps2mqtt,
    clean_environment,
    deaf,
    free_port,
    one_line,
    settings,
    start_script,
    sunny_ecu,
    write_only,
    yaml_file,
)

from aps2mqtt.base.errors import EcuUnreachable, described
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.scenarios import FAULTS
from aps2mqtt.simulator.server import Simulator

# -- the ECU ----------------------------------------------------------------------------------------------------------


BAD_FAULTS = {
    "mute": (69, "does not answer (time-out)", "power the ECU off and on"),
    "refuse": (69, "refuses the connection", "check APS_ECU_IP and APS_ECU_PORT (an ECU-R or"),
    "close": (69, "closes it without an answer", "stop other programs that poll the ECU"),
    "cut": (76, "the answer ends at byte", "restart the ECU if this continues"),
    "garbage": (76, "is not an ECU: the answer begins with 0x", "check APS_ECU_IP and APS_ECU_PORT"),
    "wrong-length": (76, "the answer ends at byte", "restart the ECU if this continues"),
    "wrong-end": (76, "END is missing", "report the files that `aps2mqtt capture` writes"),
    "status-02": (76, "rejects its own id in 0002 (status 02)", "restart the ECU"),
}
GOOD_FAULTS = {"drip", "counter-glitch", "night", "flaky", "one-at-a-time"}


# Of what no job asks for: tests/history/test_history.py tries them.
def test_every_fault_of_the_simulator_is_tried() -> None:
    """A fault that is added has to be added here."""
    assert BAD_FAULTS.keys() | GOOD_FAULTS | HISTORY_FAULTS == FAULTS.keys()


@pytest.mark.parametrize("fault", BAD_FAULTS)
def test_a_failing_ecu_is_told_and_leaves_the_readings(tmp_path: Path, broker: Broker, fault: str) -> None:
    """Earlier readings stay; status and error say what happened, and a good job takes that back."""
    status, cause, remedy = BAD_FAULTS[fault]
    with sunny_ecu() as ecu:
        port = ecu.port
        assert aps2mqtt("once", **settings(port, broker.port, tmp_path)).status == 0
    before = readings(broker)
    with sunny_ecu(port=port, fault=fault):
        ended = aps2mqtt("once", **settings(port, broker.port, tmp_path))
    check_line(ended, status, cause, remedy)
    assert readings(broker) == before
    assert broker.retained(STATUS) == {STATUS: "offline"}
    assert cause in broker.retained(ERROR)[ERROR]
    with sunny_ecu(port=port):
        assert aps2mqtt("once", **settings(port, broker.port, tmp_path)).status == 0
    assert broker.retained(STATUS) == {STATUS: "online"}
    assert broker.retained(ERROR) == {}


def test_a_timer_tells_a_failed_job_in_one_line_too(tmp_path: Path) -> None:
    """An ECU that is down for days, asked three times by each job, costs no more of the journal."""
    ended = aps2mqtt("once", **settings(free_port(), free_port(), tmp_path, JOURNAL_STREAM="8:1"))
    assert one_line(ended.err).startswith("<3>the ECU at")


@pytest.mark.parametrize("fault", sorted(GOOD_FAULTS))
def test_an_ecu_that_is_only_odd_is_read(tmp_path: Path, broker: Broker, fault: str) -> None:
    """What can be read is read, however odd it comes, and nothing is said of it."""
    with sunny_ecu(fault=fault) as ecu:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path))
    assert (ended.status, ended.err) == (0, "")
    assert broker.retained(STATUS) == {STATUS: "online"}
    assert ended.seconds < 20


def test_a_counter_glitch_leaves_the_counters_as_they_were(tmp_path: Path, broker: Broker) -> None:
    """Counters 0 and more inverters online than registered (quirk 53): neither counter is touched."""
    counters = ("aps/216000000001/energy/lifetime", "aps/216000000001/energy/today")
    with sunny_ecu() as ecu:
        port = ecu.port
        aps2mqtt("once", **settings(port, broker.port, tmp_path))
    before = readings(broker)
    with sunny_ecu(port=port, fault="counter-glitch"), broker.heard() as messages:
        aps2mqtt("once", **settings(port, broker.port, tmp_path))
    after = readings(broker)
    assert [after[topic] for topic in counters] == [before[topic] for topic in counters]
    assert float(after[counters[0]]) > 1000
    assert after["aps/216000000001/inverters/total"] == "5"
    assert not {topic for topic, _ in messages} & set(counters)


def test_a_signal_that_cannot_be_read_costs_only_the_signal(tmp_path: Path, broker: Broker) -> None:
    """Where 0001 and 0002 succeed and 0030 fails, signals stay as they are; the warning comes once."""
    with sunny_ecu() as ecu:
        port, plant = ecu.port, ecu.plant
        aps2mqtt("once", **settings(port, broker.port, tmp_path))
    before = broker.retained("aps/+/+/signal")
    from aps2mqtt.simulator.scenarios import plant_answers

    whole = plant_answers(plant)
    with sunny_ecu(port=port, answers=lambda *asked: whole(*asked) if asked[0] != "0030" else b""):
        first = aps2mqtt("once", **settings(port, broker.port, tmp_path))
        second = aps2mqtt("once", **settings(port, broker.port, tmp_path))
    assert (first.status, second.status) == (0, 0)
    assert "warning: the signals could not be read" in one_line(first.err)
    assert second.err == ""
    assert broker.retained("aps/+/+/signal") == before


@pytest.mark.parametrize(("number", "fault"), [(10, "drip"), (266, "")])
def test_a_newline_inside_a_frame_does_not_end_it(tmp_path: Path, broker: Broker, number: int, fault: str) -> None:
    """Ten inverters are 0x000a, and 266 are 0x010a (quirk 10)."""
    from aps2mqtt.simulator.plant import Plant, inverter_models

    with sunny_ecu(plant=Plant(inverters=inverter_models(f"{number}xDS3")), fault=fault) as ecu:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path))
    assert (ended.status, ended.err) == (0, "")
    total = "aps/216000000001/inverters/total"
    assert broker.retained(total) == {total: str(number)}


def test_an_ecu_with_an_unknown_name_is_unreachable(tmp_path: Path, broker: Broker) -> None:
    """A name that the resolver does not know."""
    ended = aps2mqtt("once", **settings(8899, broker.port, tmp_path, APS_ECU_IP="ecu.invalid"))
    check_line(ended, 69, "name ecu.invalid", "check APS_ECU_IP, or set it to the ECU's IP address")


def test_an_ecu_on_a_closed_port_is_unreachable(tmp_path: Path, broker: Broker) -> None:
    """A port on which nothing listens."""
    ended = aps2mqtt("once", **settings(free_port(), broker.port, tmp_path))
    check_line(ended, 69, "refuses the connection", "check APS_ECU_IP and APS_ECU_PORT")


@pytest.mark.parametrize(
    ("says", "shown"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "'HTTP/1.1'"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "'SSH-2.0-'"),
        (b"220", "'220'"),
        (b"\x15\x03\x01\x00\x02\x02\x50", "0x15030100020250"),
    ],
    ids=["web server", "ssh", "three bytes", "TLS"],
)
def test_something_else_at_the_address_is_told_as_that(tmp_path: Path, broker: Broker, says: bytes, shown: str) -> None:
    """First what is likely: it is not the ECU. How it begins tells people what it is."""

    def another_server(connection: socket.socket) -> None:
        connection.recv(64)
        connection.sendall(says)

    with Listener(another_server) as elsewhere:
        ended = aps2mqtt("once", **settings(elsewhere.port, broker.port, tmp_path))
    check_line(
        ended, 76, f"the device at 127.0.0.1:{elsewhere.port} is not an ECU", "check APS_ECU_IP and APS_ECU_PORT"
    )
    assert shown in ended.err


def test_an_ecu_at_a_wrong_address_is_unreachable(tmp_path: Path, broker: Broker) -> None:
    """An address of the loopback network's broadcast kind, to which nobody connects."""
    ended = aps2mqtt("once", **settings(8899, broker.port, tmp_path, APS_ECU_IP="255.255.255.255"))
    check_line(ended, 69, "the ECU at 255.255.255.255:8899 cannot be reached", "check APS_ECU_IP")


def test_an_ecu_that_swallows_connections_times_out(tmp_path: Path, broker: Broker) -> None:
    """A listener whose queue is full answers no connection request, as a host behind a firewall does."""
    with deaf() as port:
        ended = aps2mqtt("once", **settings(port, broker.port, tmp_path))
    check_line(ended, 69, "(time-out)", "check APS_ECU_IP")


def test_both_down_are_named_in_one_line(tmp_path: Path) -> None:
    """The ECU's status, and the broker's cause too."""
    ended = aps2mqtt("once", **settings(free_port(), free_port(), tmp_path))
    check_line(ended, 69, "the ECU at 127.0.0.1", "And the broker at 127.0.0.1")


# -- the state --------------------------------------------------------------------------------------------------------


def test_a_damaged_state_file_costs_comfort_not_the_job(tmp_path: Path, ecu: Simulator, broker: Broker) -> None:
    """It is said once, and the file is begun anew."""
    environment = settings(ecu.port, broker.port, tmp_path)
    aps2mqtt("once", **environment)
    (state,) = (tmp_path / "state").glob("*.json")
    state.write_text(state.read_text()[:100])
    damaged = aps2mqtt("once", **environment)
    mended = aps2mqtt("once", **environment)
    assert damaged.status == 0
    assert "is damaged and will be replaced" in one_line(damaged.err)
    assert (mended.status, mended.err) == (0, "")


def test_a_state_that_cannot_be_written_costs_comfort_not_the_job(
    tmp_path: Path, ecu: Simulator, broker: Broker
) -> None:
    """A folder below a file cannot be made, not even by root."""
    (tmp_path / "state").write_text("a file")
    ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path, APS_STATE_DIR=tmp_path / "state" / "below"))
    assert ended.status == 0
    assert all("APS_STATE_DIR" in line for line in ended.err.splitlines())
    assert broker.retained(STATUS) == {STATUS: "online"}


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["onec"], "did you mean once?"),
        (["xyz"], "--help"),
        (["once", "--frce"], "--help"),
        (["-c"], "aps2mqtt -c config.yaml once"),
        (["simulate", "--port", "99999"], "--help"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], remedy: str) -> None:
    """That names the mistake and what to do."""
    ended = aps2mqtt(*arguments)
    assert (ended.status, ended.out) == (64, "")
    assert remedy in one_line(ended.err)


def test_all_mistakes_of_the_configuration_come_at_once(tmp_path: Path) -> None:
    """A line each."""
    config = yaml_file(tmp_path, {"ecu": {"APS_ECU_PORT": 0}, "mqtt": {"MQTT_BROKER_PORT": "x"}})
    ended = aps2mqtt("-c", config, "once")
    assert ended.status == 78
    assert len(ended.err.splitlines()) == 3
    assert "APS_ECU_IP is missing" in ended.err


def test_a_bug_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    """Whatever nobody thought of ends with 70; -D adds the traceback."""
    broken = {"PYTHONPATH": tmp_path, "APS_ECU_IP": "127.0.0.1"}
    (tmp_path / "environs.py").write_text("raise ZeroDivisionError('surprise')\n")
    (tmp_path / "aps2mqtt").symlink_to(Path(__file__).parents[2] / "aps2mqtt")
    ended = aps2mqtt("once", **broken)
    assert ended.status == 70
    assert "unexpected error (ZeroDivisionError: surprise); run the command again with -D" in one_line(ended.err)
    assert "Traceback" in aps2mqtt("-D", "once", **broken).err


FEW_FILES = """\
    import resource, sys
    from aps2mqtt.cli import main
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
    sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("most", [4, 5, 6, 7])
def test_a_job_without_open_files_is_no_bug(tmp_path: Path, ecu: Simulator, broker: Broker, most: int) -> None:
    """Whichever of its files it is that cannot be opened."""
    environment = settings(ecu.port, broker.port, tmp_path)
    process = start_script(textwrap.dedent(FEW_FILES), most, "once", **environment)
    _, said = process.communicate(timeout=60)
    assert process.returncode in {0, 69, 70}
    assert process.returncode == 0 or "Too many open files" in said.splitlines()[-1]
    assert "a bug" not in said
    assert most > 5 or "this machine has no more files, memory or threads" in said


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        ImportError("libssl.so.3: failed to map segment from shared object"),
    ],
    ids=repr,
)
def test_a_machine_that_has_no_more_is_no_bug(error: Exception) -> None:
    """Which of these comes where it is full is chance: none can be had for certain."""
    assert described(error).startswith("this machine has no more files, memory or threads for aps2mqtt (")
    assert "; stop other programs, or raise the limit" in described(error)
    assert described(ValueError("x")).startswith("unexpected error (ValueError: x); ")


# -- what a careful reader found --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "MQTT_BROKER_PASSWD: @hunter2",
        "MQTT_BROKER_PASSWD:hunter2",
        'MQTT_BROKER_PASSWD: "hunter2\\q"',
        "MQTT_BROKER_PASSWD: *hunter2",
        "? {MQTT_BROKER_PASSWD: hunter2}",
        "MQTT_BROKER_PASSWD:hunter2: x",
        "MQTT_BROKER_HOST: mqtt://me:hunter2@broker",
    ],
)
def test_a_password_in_a_broken_file_is_not_printed(tmp_path: Path, line: str) -> None:
    """Not even to show where the file is broken."""
    config = tmp_path / "config.yaml"
    config.write_text(f"ecu:\n  APS_ECU_IP: 127.0.0.1\nmqtt:\n  MQTT_BROKER_USER: me\n  {line}\n")
    config.chmod(0o600)
    ended = aps2mqtt("-D", "-c", config, "once")
    assert ended.status == 78
    assert "hunter2" not in ended.out + ended.err


def test_a_broker_that_lets_nobody_read_gets_no_0(tmp_path: Path) -> None:
    """It confirms the subscription all the same; a counter that cannot be compared is not turned to 0."""
    lifetime, today = "aps/216000000001/energy/lifetime", "aps/216000000001/energy/today"
    with Broker(tmp_path, write_only(tmp_path)) as broker, sunny_ecu() as ecu:
        from aps2mqtt.simulator.scenarios import plant_answers

        truly = plant_answers(ecu.plant)

        def new(command: str, ecu_id: str, now: object) -> bytes:
            answer = truly(command, ecu_id, now)
            return answer[:27] + bytes(4) + answer[31:35] + bytes(4) + answer[39:] if command == "0001" else answer

        ecu._answers = new
        ended = aps2mqtt("-D", "once", **settings(ecu.port, broker.port, tmp_path))
    assert ended.status == 0
    assert "aps/216000000001/power" in ended.err
    assert lifetime not in ended.err
    assert today not in ended.err


@pytest.mark.parametrize("ecu_id", [b"21600000000\xff", b"2160END\n0045", b"2160000*****", b"21600000000/"])
def test_an_id_that_is_none_goes_no_further(tmp_path: Path, broker: Broker, ecu_id: bytes) -> None:
    """Neither into a request nor into a topic."""
    from aps2mqtt.simulator.plant import Plant
    from aps2mqtt.simulator.scenarios import plant_answers

    truly = plant_answers(Plant())
    with sunny_ecu(answers=lambda *asked: truly(*asked).replace(b"216000000001", ecu_id)) as ecu:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path))
    check_line(ended, 76, "is not a number of 12 digits", "report the files that `aps2mqtt capture` writes")
    assert {request[9:13] for request in ecu.requests} == {"0001"}
    assert broker.retained() == {}


def test_an_ecu_that_says_its_id_and_no_more_is_told_of(tmp_path: Path, broker: Broker) -> None:
    """Its first job ever fails: status and error are there all the same (quirk 27)."""
    with sunny_ecu(fault="status-02") as ecu:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path))
    assert ended.status == 76
    assert broker.retained(STATUS) == {STATUS: "offline"}
    assert "status 02" in broker.retained(ERROR)[ERROR]


@pytest.mark.parametrize(("registered", "online", "status"), [(0, 0, 0), (0, 6, 76), (1, 0, 76)])
def test_no_data_is_right_of_an_ecu_without_inverters_only(
    tmp_path: Path, broker: Broker, registered: int, online: int, status: int
) -> None:
    """A new one; in the glitch of quirk 53 it has none registered and six online."""
    from aps2mqtt.simulator.plant import Plant
    from aps2mqtt.simulator.scenarios import plant_answers

    truly = plant_answers(Plant())

    def without_data(command: str, ecu_id: str, now: datetime) -> bytes:
        if command != "0001":
            return b"APS110015%s01\n" % command.encode()
        answer = truly(command, ecu_id, now)
        return answer[:46] + registered.to_bytes(2, "big") + online.to_bytes(2, "big") + answer[50:]

    with sunny_ecu(answers=without_data) as ecu:
        ended = aps2mqtt("once", **settings(ecu.port, broker.port, tmp_path))
    assert ended.status == status
    assert broker.retained(STATUS) == {STATUS: "offline" if status else "online"}
    assert broker.retained("aps/+/timestamp") == {}


def test_an_ecu_that_was_replaced_is_offline(tmp_path: Path, broker: Broker) -> None:
    """At the same address another one answers."""
    from aps2mqtt.simulator.plant import ECU_MODELS, Plant

    with sunny_ecu() as ecu:
        port = ecu.port
        aps2mqtt("once", **settings(port, broker.port, tmp_path))
    with sunny_ecu(plant=Plant(ECU_MODELS["ECU-C"]), port=port):
        assert aps2mqtt("once", **settings(port, broker.port, tmp_path)).status == 0
    assert broker.retained("aps/+/status") == {STATUS: "offline", "aps/215000000001/status": "online"}
    assert broker.retained(ERROR) == {ERROR: "replaced by 215000000001"}


@pytest.mark.parametrize("redirection", [">&-", "2>&-", ">&- 2>&-", "| head -n 1", "> /dev/full"])
def test_standard_streams_may_be_closed(tmp_path: Path, ecu: Simulator, redirection: str) -> None:
    """The job is done all the same; a full disk is told."""
    environment = clean_environment() | {name: str(value) for name, value in settings(ecu.port, 1, tmp_path).items()}
    command = f"{sys.executable} -m aps2mqtt once --dry-run {redirection}"
    ended = subprocess.run(
        ["/bin/bash", "-o", "pipefail", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    if redirection == "> /dev/full":
        assert (ended.returncode, len(ended.stderr.splitlines())) == (70, 1)
        assert "cannot be written: No space left on device" in ended.stderr
    else:
        assert (ended.returncode, ended.stderr) == (0, "")


def test_a_state_that_is_absurd_costs_comfort_not_the_job(tmp_path: Path, ecu: Simulator, broker: Broker) -> None:
    """A number beyond all numbers, a time before all times, text that is none."""
    environment = settings(ecu.port, broker.port, tmp_path)
    aps2mqtt("once", **environment)
    (state,) = (tmp_path / "state").glob("*.json")
    good = json.loads(state.read_text())
    for key, value, said in (
        ("lifetime", 10**400, "is damaged in part (lifetime)"),
        ("read_at", "0001-01-01T00:00:00+14:00", "is damaged and will be replaced"),
        ("error", "\ud800x", "is damaged in part (error)"),
    ):
        state.write_text(json.dumps(good | {key: value}))
        ended = aps2mqtt("once", **environment)
        assert ended.status == 0
        assert said in one_line(ended.err)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("lifetime",), 4e9),
        (("today", "published"), 4e9),
        (("today", "yesterday"), 4e9),
        (("inverters", "704000000001", "energies"), [1e12, 5e5]),
    ],
    ids=str,
)
def test_energies_of_the_state_that_no_array_makes_come_from_the_broker(
    tmp_path: Path, ecu: Simulator, broker: Broker, place: tuple[str, ...], value: object
) -> None:
    """They are not published; what the broker retains goes on."""
    environment = settings(ecu.port, broker.port, tmp_path)
    aps2mqtt("once", **environment)
    before = readings(broker)
    (state,) = (tmp_path / "state").glob("*.json")
    damaged = json.loads(state.read_text())
    inner = damaged
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    state.write_text(json.dumps(damaged))
    ended = aps2mqtt("once", **environment)
    assert ended.status == 0
    assert "is damaged in part" in one_line(ended.err)
    assert readings(broker) == before
    assert aps2mqtt("once", **environment).err == ""


def test_doubts_about_the_configuration_are_told_once(tmp_path: Path, ecu: Simulator, broker: Broker) -> None:
    """Under cron each line is a mail."""
    (tmp_path / "ca.pem").touch()
    environment = settings(ecu.port, broker.port, tmp_path, MQTT_BROKER_CACERTS_PATH=tmp_path / "ca.pem")
    down = aps2mqtt("once", **environment | {"APS_ECU_PORT": free_port()})
    first, second = aps2mqtt("once", **environment), aps2mqtt("once", **environment)
    assert "warning: MQTT_BROKER_CACERTS_PATH" in down.err.splitlines()[0]
    assert "MQTT_BROKER_CACERTS_PATH" in one_line(first.err)
    assert second.err == ""


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MQTT_BROKER_CACERTS_PATH", "~nosuchuser/ca.pem", 78),
        ("APS_STATE_DIR", "~nosuchuser", 78),
        ("MQTT_BROKER_USER", "u" * 70000, 78),
        ("MQTT_TOPIC_PREFIX", "a\x01b", 78),
        ("APS_ECU_IP", ".".join(["ecu"] * 30), 69),
    ],
)
def test_odd_values_are_no_bugs(tmp_path: Path, broker: Broker, key: str, value: str, status: int) -> None:
    """Each ends with the status of its kind."""
    ended = aps2mqtt("once", **settings(8899, broker.port, tmp_path, **{key: value}))
    assert ended.status == status
    assert "a bug" not in one_line(ended.err)


def test_jobs_at_a_time_before_all_readings_leave_a_state_that_can_be_read(tmp_path: Path, broker: Broker) -> None:
    """A Raspberry Pi without a clock of its own, in 1970: with an ECU that is read, and with one that is mute."""
    long_ago = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    with sunny_ecu() as ecu:
        environment = {name: str(value) for name, value in settings(ecu.port, broker.port, tmp_path).items()}
        (chosen,) = loading.load(None, environment)
        store = Store(tmp_path, "ecu", 1)
        Job(chosen, NOON, store).run()
        Job(chosen, long_ago, store).run()
        assert store.load().reading.at == NOON
    with pytest.raises(EcuUnreachable):
        Job(chosen, long_ago, store).run()
    assert store.load().rhythm.at == NOON
