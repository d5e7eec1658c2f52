"""Several ECUs in one configuration: side by side, and none in the way of another."""

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from parts import (
    AT_ONCE,
    PATIENCE,
    Broker,
    aps2mqtt,
    free_port,
    one_line,
    replace,
    start,
    start_with,
    sunny_ecu,
    until,
)

from aps2mqtt import __version__
from aps2mqtt.base.errors import GRAVITY, ExitStatus
from aps2mqtt.simulator.plant import ECU_MODELS, Plant
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources import lock

FIRST, SECOND, THIRD = ("216000000011", "216000000012", "216000000013")


def plant(ecu_id: str) -> Plant:
    """An array behind an ECU-R of this id."""
    return Plant(replace(ECU_MODELS["ECU-R"], ecu_id=ecu_id))


def ecu(ecu_id: str, fault: str = "") -> Simulator:
    """An ECU-R of this id."""
    return sunny_ecu(plant=plant(ecu_id), fault=fault)


def listed(folder: Path, *ecus: Simulator, broker_port: int = 1, hosts: str = "127.0.0.1") -> Path:
    """A file with a list of ECUs, polled every second by `run`; its state lies below `folder`."""
    lines = ["ecu:"]
    for number, one in enumerate(ecus):
        host = hosts.split()[number % len(hosts.split())]
        lines += [f"  - APS_ECU_IP: {host}", f"    APS_ECU_PORT: {one.port}", f"    APS_STATE_DIR: {folder}/state"]
        lines += ["    APS_ECU_TIMEZONE: UTC", "    APS_ECU_POLL_INTERVAL: 1"]
    path = folder / "config.yaml"
    path.write_text("\n".join([*lines, "mqtt:", f"  MQTT_BROKER_PORT: {broker_port}"]) + "\n")
    return path


def address(one: Simulator) -> str:
    """As the log names it."""
    return f"127.0.0.1:{one.port}"


FAR_APART = "from aps2mqtt.truth import poll_times; poll_times.STAGGER = 3.0"


@contextlib.contextmanager
def asked_when(*ids: str) -> Iterator[tuple[list[Simulator], list[list[float]]]]:
    """ECUs, and the times at which each was asked for 0001."""
    times: list[list[float]] = [[] for _ in ids]

    def noting(ecu_id: str, moments: list[float]) -> Simulator:
        answers = plant_answers(plant(ecu_id))

        def answer(command: str, asked: str, now: datetime) -> bytes:
            if command == "0001":
                moments.append(time.time())
            return answers(command, asked, now)

        return sunny_ecu(plant=plant(ecu_id), answers=answer)

    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(noting(*pair)) for pair in zip(ids, times, strict=True)], times


# -- once -------------------------------------------------------------------------------------------------------------


def test_one_job_reads_them_all(tmp_path: Path, broker: Broker) -> None:
    """Each with its state; silent, as cron wants it."""
    with ecu(FIRST) as one, ecu(SECOND) as two:
        ended = aps2mqtt("-c", listed(tmp_path, one, two, broker_port=broker.port), "once")
        assert (ended.status, ended.out, ended.err) == (0, "", "")
        states = sorted(path.name for path in (tmp_path / "state").iterdir())
        assert states == sorted(f"127.0.0.1_{one.port}.json" for one in (one, two))
    assert broker.retained("aps/+/status") == {f"aps/{FIRST}/status": "online", f"aps/{SECOND}/status": "online"}


def test_addresses_with_commas_between_do_the_same(tmp_path: Path, broker: Broker) -> None:
    """Two names of this machine, with one port for both; the lock is that of the ECU behind the names."""
    with ecu(FIRST) as one:
        ended = aps2mqtt(
            "once",
            APS_ECU_IP="127.0.0.1,127.0.0.2",
            APS_ECU_PORT=one.port,
            MQTT_BROKER_PORT=broker.port,
            APS_STATE_DIR=tmp_path,
        )
    assert ended.status == 69
    assert one_line(ended.err).startswith(f"aps2mqtt: the ECU at 127.0.0.2:{one.port} refuses the connection")
    assert broker.retained(f"aps/{FIRST}/status") == {f"aps/{FIRST}/status": "online"}


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_two_ecus_one_mute_the_others_readings_are_published_without_delay(
    tmp_path: Path, broker: Broker, stop: signal.Signals
) -> None:
    """The job goes on with the mute one, until it is stopped, at once."""
    with ecu(FIRST, "mute") as one, ecu(SECOND) as two:
        process = start("-c", listed(tmp_path, one, two, broker_port=broker.port), "once")
        until(lambda: broker.retained(f"aps/{SECOND}/status") != {})
        assert process.poll() is None
        process.send_signal(stop)
        began = time.monotonic()
        process.communicate(timeout=PATIENCE)
    assert time.monotonic() - began < AT_ONCE
    assert process.returncode == (130 if stop == signal.SIGINT else -signal.SIGTERM)


def test_they_are_asked_one_after_the_other(tmp_path: Path, broker: Broker) -> None:
    """In their order. Here three seconds apart: a busy machine is late by more than a tenth."""
    with asked_when(FIRST, SECOND, THIRD) as (ecus, times):
        process = start_with(FAR_APART, "-c", listed(tmp_path, *ecus, broker_port=broker.port), "once")
        assert process.communicate(timeout=PATIENCE) == ("", "")
    assert all(1 < later - earlier < 5 for (earlier,), (later,) in pairwise(times))


def test_each_failure_is_a_line_that_names_its_ecu_and_the_gravest_is_the_status(
    tmp_path: Path, broker: Broker
) -> None:
    """The one that is well is read."""
    with ecu(FIRST, "wrong-end") as one, ecu(SECOND, "refuse") as two, ecu(THIRD) as three:
        ended = aps2mqtt("-c", listed(tmp_path, one, two, three, broker_port=broker.port), "once")
    assert ended.status == 76
    lines = ended.err.splitlines()
    assert len(lines) == 2
    for failing in (one, two):
        (line,) = [line for line in lines if address(failing) in line]
        assert line.startswith("aps2mqtt: the ECU at ")
    assert broker.retained("aps/+/status") == {f"aps/{THIRD}/status": "online"}


def test_a_line_on_something_else_names_its_ecu_too(tmp_path: Path) -> None:
    """On the broker, or on a state; with a single ECU there is nothing to tell apart."""
    with ecu(FIRST) as one, ecu(SECOND) as two:
        port = free_port()
        ended = aps2mqtt("-c", listed(tmp_path, one, two, broker_port=port), "once")
        single = aps2mqtt("-c", listed(tmp_path, one, broker_port=port), "once")
    refused = f"the broker at 127.0.0.1:{port} refuses the connection"
    assert (ended.status, single.status) == (69, 69)
    lines = sorted(ended.err.splitlines())
    assert [line.partition("; ")[0] for line in lines] == sorted(
        f"aps2mqtt: {address(each)}: {refused}" for each in (one, two)
    )
    assert one_line(single.err).startswith(f"aps2mqtt: {refused}")


def test_an_ecu_that_another_job_holds_keeps_the_others_from_nothing(tmp_path: Path, broker: Broker) -> None:
    """Each has its lock."""
    with ecu(FIRST) as one, ecu(SECOND) as two:
        with lock.hold("127.0.0.1", one.port, 0):
            process = start("-c", listed(tmp_path, one, two, broker_port=broker.port), "once")
            until(lambda: broker.retained(f"aps/{SECOND}/status") != {})
            assert one.requests == []
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert len(broker.retained("aps/+/status")) == 2


def test_the_gravest_status_is_not_the_highest(tmp_path: Path, broker: Broker) -> None:
    """What another job does (75) weighs less than an ECU that cannot be reached (69)."""
    with ecu(FIRST, "refuse") as one, ecu(SECOND) as two, lock.hold("127.0.0.1", two.port, 0):
        path = listed(tmp_path, one, two, broker_port=broker.port)
        process = start_with("from aps2mqtt.sources import ask; ask.PATIENCE = 0.5", "-c", path, "once")
        _, said = process.communicate(timeout=PATIENCE)
    assert "another aps2mqtt job is still using the ECU" in said
    assert "refuses the connection" in said
    assert process.returncode == 69


def test_a_dry_run_prints_them_in_the_order_of_the_configuration(tmp_path: Path) -> None:
    """Also where the first answers last; those that fail are told of."""
    with ecu(SECOND, "drip") as one, ecu(FIRST) as two, ecu(THIRD, "refuse") as three:
        ended = aps2mqtt("-c", listed(tmp_path, one, two, three), "once", "--dry-run")
    assert ended.status == 69
    assert list(dict.fromkeys(line.split("/")[1] for line in ended.out.splitlines())) == [SECOND, FIRST]
    assert address(three) in one_line(ended.err)


def test_every_status_of_a_job_has_its_gravity() -> None:
    """From 0 to a bug; wrong usage is found before any job."""
    assert set(GRAVITY) == set(ExitStatus) - {ExitStatus.USAGE}
    assert GRAVITY == (0, 75, 69, 76, 77, 78, 70)


# -- --ecu ------------------------------------------------------------------------------------------------------------


def test_one_of_them_is_picked_by_address_or_id(tmp_path: Path, broker: Broker) -> None:
    """An id is known once its ECU has been read; log lines and status are then those of a single one."""
    with ecu(FIRST) as one, ecu(SECOND) as two:
        path = listed(tmp_path, one, two, broker_port=broker.port, hosts="127.0.0.1 localhost")

        def picked(name: object) -> list[int]:
            before = [len(one.requests), len(two.requests)]
            ended = aps2mqtt("-c", path, "once", "--ecu", name)
            assert (ended.status, ended.err) == (0, "")
            return [(len(each.requests) - count) // 3 for each, count in zip((one, two), before, strict=True)]

        assert picked("LOCALHOST") == [0, 1]
        assert picked(f"127.0.0.1:{one.port}") == [1, 0]
        assert picked(SECOND) == [0, 1]
        assert picked(FIRST) == [1, 0]


def test_who_is_not_there_or_there_twice_cannot_be_picked(tmp_path: Path, broker: Broker) -> None:
    """One line names who can be, of `run` as of `once`."""
    with ecu(FIRST) as one, ecu(SECOND) as two:
        path = listed(tmp_path, one, two, broker_port=broker.port)
        assert aps2mqtt("-c", path, "once", "--ecu", address(two)).status == 0
        asked = len(one.requests + two.requests)
        choices = f"--ecu can be one of {address(one)} (id unknown), {address(two)} ({SECOND})"
        for command, name, what in (
            ("once", "10.0.0.1", "no ECU has the id or address '10.0.0.1'"),
            ("once", "", "no ECU has the id or address ''"),
            ("once", "127.0.0.1", "several ECUs have the id or address '127.0.0.1'"),
            ("run", FIRST, f"no ECU has the id or address '{FIRST}'"),
        ):
            ended = aps2mqtt("-c", path, command, "--ecu", name)
            assert (ended.status, one_line(ended.err)) == (64, f"aps2mqtt: {what}; {choices}")
        assert len(one.requests + two.requests) == asked


# -- run --------------------------------------------------------------------------------------------------------------


def stop(process: subprocess.Popen[str]) -> list[str]:
    """The log of a process that ends with 0."""
    process.terminate()
    _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, log
    return log.splitlines()


def test_a_mute_ecu_delays_no_poll_of_another(tmp_path: Path, broker: Broker) -> None:
    """A poll every second, while the mute one is asked for half a minute; each line names its ECU."""
    with ecu(FIRST, "mute") as one, ecu(SECOND) as two:
        process = start("-c", listed(tmp_path, one, two, broker_port=broker.port), "run", JOURNAL_STREAM="8:1")
        until(lambda: len(two.requests) >= 3 * 5)
        assert len(one.requests) <= 3  # the tries of its first poll
        log = stop(process)
    polls = [line for line in log if "inverters online" in line]
    assert len(polls) >= 4
    assert all(line.startswith(f"<6>{address(two)}: ECU-R {SECOND}: ") for line in polls)


def test_polls_of_the_scheduler_are_staggered_too(tmp_path: Path, broker: Broker) -> None:
    """On a grid whose points are the same for all. Here by three seconds of six."""
    with asked_when(FIRST, SECOND) as (ecus, times):
        path = listed(tmp_path, *ecus, broker_port=broker.port)
        process = start_with(FAR_APART, "-c", path, "run", APS_ECU_POLL_INTERVAL=6)
        until(lambda: min(map(len, times)) >= 3)
        stop(process)
    apart = [(second - first) % 6 for first, second in zip(*times, strict=False)]
    assert 1 < median(apart) < 5


def test_a_broker_that_comes_is_filled_by_all(tmp_path: Path) -> None:
    """At once, where the next poll is an hour away; one process, one presence."""
    port = free_port()
    with ecu(FIRST) as one, ecu(SECOND) as two:
        path = listed(tmp_path, one, two, broker_port=port)
        process = start("-c", path, "run", APS_ECU_POLL_INTERVAL=3600)
        until(lambda: min(len(one.requests), len(two.requests)) >= 3)
        time.sleep(0.5)
        with Broker(tmp_path, port=port) as broker:
            until(lambda: len(broker.retained("aps/+/status")) == 2)
            assert broker.retained("aps/status") == {"aps/status": "online"}
            stop(process)


def test_the_first_line_of_run_names_every_ecu_and_no_secret(tmp_path: Path) -> None:
    """Version, ECUs with their intervals, and the broker; in a pipe too."""
    path, broker_port = tmp_path / "config.yaml", free_port()
    path.write_text(
        f"ecu:\n  - APS_ECU_IP: 127.0.0.1\n    APS_ECU_PORT: {free_port()}\n    APS_STATE_DIR: {tmp_path}\n"
        f"    APS_ECU_POLL_INTERVAL: 120\n"
        f"  - APS_ECU_IP: localhost\n    APS_ECU_PORT: {free_port()}\n    APS_STATE_DIR: {tmp_path}\n"
        f"mqtt:\n  MQTT_BROKER_PORT: {broker_port}\n  MQTT_BROKER_USER: us3r\n  MQTT_BROKER_PASSWD: t0psecret\n"
    )
    path.chmod(0o600)
    (one, two) = re.findall(r"PORT: (\d+)\n    APS_STATE", path.read_text())
    process = start("-c", path, "run")
    assert process.stderr is not None
    first = process.stderr.readline()
    log = stop(process)
    assert first == (
        f"aps2mqtt: version {__version__}, polling 127.0.0.1:{one} every 120 s, localhost:{two} every 300 s, "
        f"publishing to 127.0.0.1:{broker_port}\n"
    )
    assert not any(secret in line for line in log for secret in ("us3r", "t0psecret"))


def test_run_can_be_told_to_poll_one(tmp_path: Path, broker: Broker) -> None:
    """As if the others were not there."""
    with ecu(FIRST) as one, ecu(SECOND) as two:
        path = listed(tmp_path, one, two, broker_port=broker.port)
        process = start("-c", path, "run", "--ecu", address(two), JOURNAL_STREAM="8:1")
        until(lambda: len(two.requests) >= 6)
        log = stop(process)
    assert one.requests == []
    assert f"polling {address(two)} every" in log[0]
    assert log[1].startswith(f"<6>ECU-R {SECOND}: ")


STUCK_SOON = """
from aps2mqtt.service import daemon
daemon.STUCK, daemon.TICK = 3.0, 0.5
daemon.notify = lambda state: print(state, flush=True)
"""


def test_the_watchdog_barks_where_one_of_them_is_stuck(tmp_path: Path, broker: Broker) -> None:
    """However well the others are."""
    with ecu(FIRST, "mute") as one, ecu(SECOND) as two:
        process = start_with(STUCK_SOON, "-c", listed(tmp_path, one, two, broker_port=broker.port), "run")
        try:
            until(lambda: len(two.requests) >= 3 * 7)
        finally:
            process.terminate()
            out, _ = process.communicate(timeout=PATIENCE)
    assert 1 <= out.count("WATCHDOG=1") <= 7
