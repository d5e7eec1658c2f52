"""`aps2mqtt run` as it lives: polls, presence, brokers that come and go, and its end."""

import contextlib
import gc
import json
import logging
import re
import signal
import socket
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from parts import (
    AT_ONCE,
    NOON,
    PATIENCE,
    Broker,
    Listener,
    aps2mqtt,
    free_port,
    hours_old,
    mute,
    pass_on,
    place,
    start,
    start_script,
    start_with,
    sunny_ecu,
    until,
    write_only,
)

from aps2mqtt import __version__
from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.errors import BrokerUnreachable, EcuSilent
from aps2mqtt.base.memory import Counters, Memory, Reading, Rhythm
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job, part
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.service.daemon import PollLog
from aps2mqtt.simulator.plant import PARIS, Plant
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.lock import hold

PRESENCE = "aps/status"
STATUS = "aps/216000000001/status"


def settings(ecu: Simulator, broker_port: int, folder: Path, **more: object) -> dict[str, object]:
    """An environment whose state lies below `folder`, with a poll every second."""
    return {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": ecu.port,
        "APS_ECU_TIMEZONE": "Europe/Paris",
        "APS_ECU_POLL_INTERVAL": 1,
        "MQTT_BROKER_PORT": broker_port,
        "APS_STATE_DIR": folder / "state",
        **more,
    }


def stop(process: subprocess.Popen[str], with_signal: signal.Signals = signal.SIGTERM) -> tuple[float, str]:
    """Seconds that the process took to end with 0, and its log."""
    began = time.monotonic()
    process.send_signal(with_signal)
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, log
    return time.monotonic() - began, log


def followed(process: subprocess.Popen[str]) -> list[str]:
    """The lines of its log, as they come."""
    log: list[str] = []
    threading.Thread(target=lambda: log.extend(process.stderr), daemon=True).start()
    return log


def test_it_polls_on_a_grid_and_tells_each_poll_in_one_line(tmp_path: Path, broker: Broker) -> None:
    """At once, then at every full second; under systemd from INFO on, with its level prefixes."""
    with sunny_ecu() as ecu:
        process = start("run", **settings(ecu, broker.port, tmp_path, JOURNAL_STREAM="8:1"))
        until(lambda: len(ecu.requests) >= 15)
        _, log = stop(process)
    polls = [line for line in log.splitlines() if "inverters online" in line]
    assert len(polls) >= 4
    assert all(re.match(r"<6>ECU-R 216000000001: \d+ W, .*; next poll at \d\d:\d\d:\d\d$", line) for line in polls)


def test_in_a_pipe_it_tells_its_start_and_each_poll(tmp_path: Path, broker: Broker) -> None:
    """As a container's log has it: nobody mails what `run` says."""
    with sunny_ecu() as ecu:
        process = start("run", **settings(ecu, broker.port, tmp_path))
        until(lambda: len(ecu.requests) >= 9)
        _, log = stop(process)
    first, *polls, last = log.splitlines()
    polled = f"polling 127.0.0.1:{ecu.port} every 1 s, publishing to 127.0.0.1:{broker.port}"
    assert first == f"aps2mqtt: version {__version__}, {polled}"
    assert len(polls) >= 2
    assert all(
        re.match(r"aps2mqtt: ECU-R 216000000001: \d+ W, .*; next poll at \d\d:\d\d:\d\d$", poll) for poll in polls
    )
    assert last == "aps2mqtt: stopped by SIGTERM"


@pytest.mark.parametrize(
    ("arguments", "more"), [(("--log-level", "warning"), {}), ((), {"APS_LOG_LEVEL": "Warning"})], ids=str
)
def test_its_log_is_silent_if_that_is_wanted(
    tmp_path: Path, broker: Broker, arguments: tuple[str, ...], more: dict[str, str]
) -> None:
    """By the option or the key, under systemd too."""
    with sunny_ecu() as ecu:
        process = start("run", *arguments, **settings(ecu, broker.port, tmp_path, JOURNAL_STREAM="8:1", **more))
        until(lambda: len(ecu.requests) >= 6)
        _, log = stop(process)
    assert log == ""


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_it_says_online_while_it_lives_and_offline_when_it_stops(
    tmp_path: Path, broker: Broker, with_signal: signal.Signals
) -> None:
    """SIGTERM and SIGINT alike, with exit 0, in less than three seconds."""
    with sunny_ecu() as ecu:
        process = start("run", **settings(ecu, broker.port, tmp_path))
        until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"})
        seconds, log = stop(process, with_signal)
    assert seconds < AT_ONCE
    assert log.splitlines()[-1] == f"aps2mqtt: stopped by {with_signal.name}"
    assert broker.retained(PRESENCE) == {PRESENCE: "offline"}


def test_kill_leaves_offline(tmp_path: Path, broker: Broker) -> None:
    """The last will."""
    with sunny_ecu() as ecu:
        process = start("run", **settings(ecu, broker.port, tmp_path))
        until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"})
        process.kill()
        process.communicate()
    until(lambda: broker.retained(PRESENCE) == {PRESENCE: "offline"})


def test_a_job_in_flight_is_cut_off(tmp_path: Path, broker: Broker) -> None:
    """While the ECU is mute, it ends in time all the same."""
    with sunny_ecu(fault="mute") as ecu:
        process = start("run", **settings(ecu, broker.port, tmp_path))
        until(lambda: bool(ecu.requests))
        seconds, _ = stop(process)
    assert seconds < AT_ONCE


def test_a_mute_broker_keeps_it_from_ending_no_longer(tmp_path: Path) -> None:
    """Nobody is there to be told goodbye."""
    with sunny_ecu() as ecu, Listener(mute) as broker:
        process = start("run", **settings(ecu, broker.port, tmp_path))
        until(lambda: len(ecu.requests) >= 3)
        seconds, _ = stop(process)
    assert seconds < AT_ONCE


def test_no_broker_at_start_is_no_reason_to_exit(tmp_path: Path) -> None:
    """The failure is one line; when the broker comes it is filled, and the log says so."""
    port = free_port()
    with sunny_ecu() as ecu:
        environment = settings(ecu, port, tmp_path, APS_ECU_POLL_INTERVAL=3600, JOURNAL_STREAM="8:1")
        process = start("run", **environment)
        log = followed(process)
        until(lambda: "<3>the broker at 127.0.0.1" in "".join(log))
        with Broker(tmp_path, port=port) as broker:
            until(lambda: broker.retained(STATUS) == {STATUS: "online"})
            until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"})
            until(lambda: "OK again; failed polls since" in "".join(log))
            process.terminate()
            assert process.wait(PATIENCE) == 0


RUN_AT = """
import sys
from datetime import datetime
from freezegun import freeze_time
# freezegun shows threads a mixture of true and frozen monotonic time, and paho counts its keepalive with it.
with freeze_time(datetime.fromisoformat(sys.argv[1]), tick=True, ignore=["paho"]):
    from aps2mqtt import cli
    from aps2mqtt.service import daemon
    daemon.FILLS, daemon.FLAPPING = float(sys.argv[2]), 2
    sys.exit(cli.main(["run"]))
"""


def run_at(moment: str, fills: float, environment: dict[str, object]) -> subprocess.Popen[str]:
    """`run` from that moment on, with so many seconds from one filling of the broker to the next."""
    return start_script(RUN_AT, moment, fills, **environment)


@pytest.mark.parametrize("moment", ["2026-06-21T10:02", "2026-06-21T23:30"])
def test_an_emptied_broker_is_filled_again(tmp_path: Path, moment: str) -> None:
    """Restarted without persistence, at noon and at midnight; by night without asking the ECU."""
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    port = free_port()
    with Simulator(Plant(site=PARIS), clock=lambda: now) as ecu:
        environment = settings(ecu, port, tmp_path, APS_ECU_POLL_INTERVAL=3600, APS_ECU_STOP_AT_NIGHT=True)
        environment |= place(PARIS)
        process = run_at(moment, 0, environment)
        with Broker(tmp_path, port=port) as broker:
            until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"})
            until(lambda: broker.retained(STATUS) == {STATUS: "online"})
            before = broker.retained()
        asked = len(ecu.requests)
        with Broker(tmp_path, port=port) as broker:
            until(lambda: broker.retained() == before)
        with Broker(tmp_path, port=port):
            stop(process)
    assert len(ecu.requests) - asked == (3 if "10:02" in moment else 0)


def test_a_broker_that_comes_and_goes_does_not_have_the_ecu_asked_each_time(tmp_path: Path, broker: Broker) -> None:
    """As where two processes of one MQTT_CLIENT_ID throw each other out: at once, and then after a pause."""
    with sunny_ecu() as ecu:
        environment = settings(ecu, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=3600)
        process = run_at("2026-06-21T10:02", 4, environment | {"JOURNAL_STREAM": "8:1"})
        until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"} and len(ecu.requests) == 3)
        until(lambda: broker.retained(STATUS) == {STATUS: "online"})
        begin = time.monotonic()
        while time.monotonic() < begin + 6:
            broker.throw_out("APS2MQTT")
            time.sleep(0.3)
        asked = len(ecu.requests)
        assert 3 * 2 <= asked <= 3 * (2 + (time.monotonic() - begin) // 4)
        until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"})
        _, log = stop(process)
    assert log.count("the broker keeps closing our connection; stop a second `aps2mqtt run`") == 1


def test_a_broker_that_names_clients_by_their_user_is_told_of(tmp_path: Path) -> None:
    """Each poll throws the presence out, whatever MQTT_CLIENT_ID is: the option has to go."""
    with sunny_ecu() as ecu, Broker(tmp_path, "allow_anonymous true\nuse_username_as_clientid true") as broker:
        environment = settings(ecu, broker.port, tmp_path, MQTT_BROKER_USER="me", JOURNAL_STREAM="8:1")
        process = start("run", **environment | {"APS_ECU_POLL_INTERVAL": 3})
        log = followed(process)
        until(lambda: any("in mosquitto set use_username_as_clientid to false" in line for line in log))
        process.terminate()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize("client_id", ["APS2MQTT", "another"])
def test_the_run_that_lives_says_online_again(tmp_path: Path, broker: Broker, client_id: str) -> None:
    """Another one is stopped beside it, of the same MQTT_CLIENT_ID or of its own; long before the next poll."""
    with sunny_ecu() as ecu:
        environment = settings(ecu, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=3600)
        living = start("run", **environment)
        until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"})
        until(lambda: len(ecu.requests) >= 3)
        broker.publish(PRESENCE, "until the other says it")
        other = start("run", **environment | {"MQTT_CLIENT_ID": client_id, "APS_STATE_DIR": tmp_path / "other"})
        until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"} and len(ecu.requests) >= 6)
        with broker.heard(PRESENCE) as said:
            stop(other)
            time.sleep(1)
        assert (PRESENCE, "offline") in said or client_id == "APS2MQTT"
        until(lambda: broker.retained(PRESENCE) == {PRESENCE: "online"})
        time.sleep(1)
        assert broker.retained(PRESENCE) == {PRESENCE: "online"}
        stop(living)
    assert broker.retained(PRESENCE) == {PRESENCE: "offline"}


def test_the_run_that_lives_says_online_with_each_poll_where_it_may_not_read(tmp_path: Path) -> None:
    """An account that may write only does not hear what another one says."""
    said = bytearray()

    def overhear(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", broker.port)) as onward:
            threading.Thread(target=pass_on, args=(onward, connection), daemon=True).start()
            while data := connection.recv(4096):
                said.extend(data)
                onward.sendall(data)

    with (
        sunny_ecu() as ecu,
        Broker(tmp_path, write_only(tmp_path)) as broker,
        Listener(overhear) as relay,
    ):
        process = start("run", **settings(ecu, relay.port, tmp_path))
        until(lambda: len(re.findall(rb"aps/status..online", said, re.DOTALL)) >= 4)
        stop(process)


def test_a_presence_that_is_refused_is_told_once(tmp_path: Path) -> None:
    """By a broker that takes no such MQTT_CLIENT_ID: the topic would stay as it is, without a word."""
    refusal = bytes.fromhex("20020002")
    logins: list[bytes] = []

    def treat(connection: socket.socket) -> None:
        logins.append(connection.recv(4096))
        connection.sendall(refusal)

    with sunny_ecu() as ecu, Listener(treat) as broker:
        process = start("run", **settings(ecu, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=3600))
        until(lambda: len([login for login in logins if b"APS2MQTT" in login]) >= 3)
        _, log = stop(process)
    assert (
        log.count("the broker refuses the connection for aps/status (client identifier not valid); set MQTT_CLIENT_ID")
        == 1
    )


def test_who_stops_it_in_the_evening_need_not_wait_for_its_morning(tmp_path: Path, broker: Broker) -> None:
    """A job of the timer behind it tells Home Assistant nothing of a presence that will not come back."""
    with sunny_ecu() as ecu:
        environment = settings(ecu, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=3600, MQTT_DISCOVERY_ENABLED=True)
        process = start("run", **environment)
        until(lambda: broker.retained(STATUS) == {STATUS: "online"})
        state = tmp_path / "state" / f"127.0.0.1_{ecu.port}.json"
        log = followed(process)
        until(lambda: any("next poll" in line for line in log))  # the job has ended: nobody waits for one in flight
        assert json.loads(state.read_text())["rhythm"]["run_due"] is not None
        process.terminate()
        assert process.wait(PATIENCE) == 0
        assert json.loads(state.read_text())["rhythm"]["run_due"] is None
        assert aps2mqtt("once", **environment).status == 0
    assert PRESENCE not in "".join(broker.retained("homeassistant/#").values())


def test_many_ecus_keep_it_from_ending_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a card that takes half a second for each state."""
    now, deadline, written = datetime.now(UTC), Deadline(1), 0
    monkeypatch.setattr("os.fsync", lambda _: time.sleep(0.5))
    for number in range(5):
        ecu = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": str(number + 1), "APS_STATE_DIR": str(tmp_path)}
        (chosen,), store = loading.load(None, ecu), Store(tmp_path, "127.0.0.1", number + 1)
        alive = Memory(
            ecu_id="216000000001",
            reading=Reading(at=now, timestamp=now, registered=5),
            counters=Counters(lifetime=1.0),
            rhythm=Rhythm(now, run_due=now),
        )
        with monkeypatch.context() as quick:
            quick.setattr("os.fsync", lambda _: None)
            store.save(alive)
        began = time.monotonic()
        part(chosen, store, deadline)
        written += time.monotonic() - began >= 0.5
    assert written <= 3


def test_a_first_poll_that_finds_the_ecu_busy_keeps_the_warnings_for_the_next(tmp_path: Path, broker: Broker) -> None:
    """They are told once, by the poll that has the ECU."""
    with sunny_ecu() as ecu:
        environment = settings(ecu, broker.port, tmp_path, MQTT_BROKER_PASSWORD="x", JOURNAL_STREAM="8:1")
        with hold("127.0.0.1", ecu.port, 0):
            process = start_with("from aps2mqtt.sources import ask; ask.PATIENCE = 0.2", "run", **environment)
            said = [process.stderr.readline()]
            while "another aps2mqtt job" not in said[-1]:
                said.append(process.stderr.readline())
            assert not [line for line in said if "MQTT_BROKER_PASSWORD" in line]
        until(lambda: len(ecu.requests) >= 6)
        _, log = stop(process)
    assert log.count("MQTT_BROKER_PASSWORD in the environment is not a setting") == 1


def test_a_poll_that_overruns_its_interval_brings_no_burst(tmp_path: Path, broker: Broker) -> None:
    """An ECU that takes a second for each answer, and a poll every second: one after the other, none at once."""
    from aps2mqtt.simulator.scenarios import plant_answers

    plant = Plant()
    swift = plant_answers(plant)

    def slow(command: str, ecu_id: str, now: datetime) -> bytes:
        time.sleep(0.6)
        return swift(command, ecu_id, now)

    with sunny_ecu(plant=plant, answers=slow) as ecu:
        process = start("run", **settings(ecu, broker.port, tmp_path, JOURNAL_STREAM="8:1"))
        until(lambda: len(ecu.requests) >= 9)
        _, log = stop(process)
    assert ecu.collisions == 0
    assert not [line for line in log.splitlines() if not line.startswith("<6>")]


def test_a_process_that_slept_brings_no_burst(tmp_path: Path, broker: Broker) -> None:
    """A laptop that was closed: what was missed is not made up for."""
    with sunny_ecu() as ecu:
        process = start("run", **settings(ecu, broker.port, tmp_path))
        until(lambda: broker.retained(STATUS) == {STATUS: "online"})
        process.send_signal(signal.SIGSTOP)
        time.sleep(5)
        before = len(ecu.requests)
        process.send_signal(signal.SIGCONT)
        goes_on = time.monotonic()
        until(lambda: len(ecu.requests) >= before + 3)
        time.sleep(1)
        asked = len(ecu.requests) - before
        assert asked <= 3 * (time.monotonic() - goes_on + 2)
        stop(process)


QUICK_TICK = "from aps2mqtt.service import daemon; daemon.TICK = 0.1"


def test_a_process_that_was_stopped_goes_on(tmp_path: Path, broker: Broker) -> None:
    """Ctrl-Z and fg, or a container that was paused, for longer than it waits between two looks at the clock."""
    with sunny_ecu() as ecu:
        process = start_with(QUICK_TICK, "run", **settings(ecu, broker.port, tmp_path, APS_LOG_LEVEL="warning"))
        until(lambda: len(ecu.requests) >= 3)
        for _ in range(5):
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.3)
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        before = len(ecu.requests)
        until(lambda: len(ecu.requests) >= before + 3)
        assert stop(process)[1] == ""


def test_systemd_hears_that_it_is_ready_and_alive(tmp_path: Path, broker: Broker) -> None:
    """READY=1 and STOPPING=1 on the socket that systemd names."""
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel, sunny_ecu() as ecu:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(PATIENCE)
        environment = settings(ecu, broker.port, tmp_path, NOTIFY_SOCKET=tmp_path / "notify")
        process = start_with(QUICK_TICK, "run", **environment)
        while heard.count("WATCHDOG=1") < 2:
            heard.append(channel.recv(100).decode())
        process.terminate()
        while heard[-1] != "STOPPING=1":
            heard.append(channel.recv(100).decode())
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert heard == ["READY=1", *["WATCHDOG=1"] * (len(heard) - 2), "STOPPING=1"]


def test_a_mistake_in_the_configuration_ends_it_at_once() -> None:
    """With 78, which systemd does not restart."""
    process = start("run", APS_ECU_IP="127.0.0.1", MQTT_BROKER_PORT="x")
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 78


RUN_UNTIL_THE_CLOCK_JUMPS = """
import signal, sys, time
from datetime import UTC, datetime, timedelta
from freezegun import api, freeze_time
with freeze_time(datetime.now(UTC), tick=True, ignore=["paho"]) as clock:
    time.monotonic = api.real_monotonic  # no clock's business
    from aps2mqtt import cli
    signal.signal(signal.SIGUSR1, lambda *_: clock.tick(timedelta(days=int(sys.argv[1]))))
    sys.exit(cli.main(["run"]))
"""


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_jumps_stops_nothing(tmp_path: Path, broker: Broker, days: int) -> None:
    """A Raspberry Pi that learns the time, or a clock set back by a day: polls go on, one at a time."""
    with sunny_ecu() as ecu:
        environment = settings(ecu, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=10, JOURNAL_STREAM="8:1")
        process = start_script(RUN_UNTIL_THE_CLOCK_JUMPS, days, **environment)
        log = followed(process)
        until(lambda: any("next poll" in line for line in log))
        process.send_signal(signal.SIGUSR1)
        before = len(ecu.requests)
        until(lambda: len(ecu.requests) >= before + 3 and any("jumped" in line for line in log))
        assert before + 3 <= len(ecu.requests) <= before + 6
        process.terminate()
        assert process.wait(PATIENCE) == 0
    told = [re.fullmatch(r"<6>the clock has jumped by (\S+) s; the next polls are rescheduled\n", line) for line in log]
    assert [round(float(jump[1]) / 86400, 3) for jump in told if jump] == [days]
    assert all(line.startswith("<6>") for line in log)


# -- what Home Assistant is told --------------------------------------------------------------------------------------


def words(text: str, word: str) -> list[object]:
    """All values of `word` in an announcement."""
    found: list[object] = []

    def look(said: dict[str, object]) -> dict[str, object]:
        found.extend(value for name, value in said.items() if name == word)
        return said

    json.loads(text, object_hook=look)
    return found


@pytest.mark.parametrize("style", ["device", "component"])
def test_home_assistant_is_told_of_the_presence_and_a_job_by_hand_tells_it_the_same(
    tmp_path: Path, broker: Broker, style: str
) -> None:
    """Byte for byte, so that nothing becomes unavailable; before `run` and long after it a job is on its own."""
    discovery = {"MQTT_DISCOVERY_ENABLED": True, "MQTT_DISCOVERY_STYLE": style, "APS_ECU_POLL_INTERVAL": 3600}
    discovery["APS_ECU_TIMEZONE"] = hours_old()  # so that no job takes the ECU's energy for that of yesterday
    with sunny_ecu() as ecu:
        environment = settings(ecu, broker.port, tmp_path, **discovery)
        assert aps2mqtt("once", **environment).status == 0
        alone = broker.retained("homeassistant/#")
        process = start("run", **environment)
        (state,) = (tmp_path / "state").glob("*.json")
        until(lambda: json.loads(state.read_text())["rhythm"]["run_due"] is not None)
        by_run = broker.retained("homeassistant/#")
        for _ in range(2):
            with broker.heard("homeassistant/#") as by_hand:
                assert aps2mqtt("once", **environment).status == 0
            assert dict(by_hand) == by_run
        process.kill()
        process.communicate()
        (chosen,) = loading.load(None, {name: str(value) for name, value in environment.items()})
        later = datetime.now(UTC) + timedelta(hours=3)
        Job(chosen, later, Store(chosen.state_directory, chosen.ecu.host, chosen.ecu.port)).run()
    for retained, is_of_run in ((alone, False), (by_run, True), (broker.retained("homeassistant/#"), False)):
        everything = "".join(retained.values())
        assert (f'"topic": "{PRESENCE}"' in everything) == is_of_run
        assert ("expire_after" in everything) != is_of_run
    for text in by_run.values():
        conditions = [[condition["topic"] for condition in named] for named in words(text, "availability")]
        assert conditions
        assert all(PRESENCE in named for named in conditions)


# -- what the log is told ---------------------------------------------------------------------------------------------


def test_a_failure_that_lasts_is_told_once_and_then_hourly(caplog: pytest.LogCaptureFixture) -> None:
    """Two days of a dead broker, a poll every five minutes: a line at the beginning, one an hour, one at the end.

    In the site's time, as the time of the next poll is.
    """
    caplog.set_level(logging.INFO, logger="aps2mqtt.service.daemon")
    told, now = PollLog(ZoneInfo("Europe/Paris")), datetime(2026, 6, 1, tzinfo=UTC)
    for poll in range(2 * 288):
        told.tell(now + poll * timedelta(minutes=5), "", BrokerUnreachable("no broker; start it"), "next poll at 12:00")
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 48
    assert lines[0] == "no broker; start it; next poll at 12:00"
    assert lines[1] == "still failing, 13 polls since 2026-06-01 02:00: no broker; start it; next poll at 12:00"
    caplog.clear()
    later = now + timedelta(days=2)
    told.tell(later, "", EcuSilent("mute; restart it"), "next poll at 12:05")
    told.tell(later, "", EcuSilent("mute; restart it"), "next poll at 12:05")
    told.tell(later, "876 W", None, "next poll at 12:10")
    assert [record.getMessage() for record in caplog.records] == [
        "mute; restart it; next poll at 12:05",
        "OK again; failed polls since 2026-06-01 02:00: 578",
        "876 W; next poll at 12:10",
    ]


def test_a_failure_is_told_though_the_clock_was_set_back(caplog: pytest.LogCaptureFixture) -> None:
    """By a year: that is no year without a reminder."""
    told, now = PollLog(UTC), datetime(2026, 6, 1, tzinfo=UTC)
    for moment in (now, now - timedelta(days=365), now - timedelta(days=365, minutes=-59)):
        told.tell(moment, "", EcuSilent("mute; restart it"), "next poll at 12:05")
    assert len(caplog.records) == 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no /proc to count open files in")
def test_polls_leave_no_open_files_behind(tmp_path: Path, broker: Broker) -> None:
    """Not even until the garbage collector comes, and not where the broker refuses."""
    files = Path("/proc/self/fd")
    gc.collect()
    gc.disable()
    try:
        with sunny_ecu() as ecu:
            most = sum(1 for _ in files.iterdir()) + 1
            for broker_port in [broker.port] * 6 + [free_port()] * 6:
                environment = {name: str(value) for name, value in settings(ecu, broker_port, tmp_path).items()}
                (chosen,) = loading.load(None, environment)
                with contextlib.suppress(BrokerUnreachable):
                    Job(chosen, NOON, Store(tmp_path, "ecu", 1)).run()
                # The simulator closes its own ends of the connections a moment later.
                until(lambda: sum(1 for _ in files.iterdir()) <= most, "files stay open")
    finally:
        gc.enable()
