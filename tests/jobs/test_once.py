"""`aps2mqtt once` on real parts: captured frames over TCP, a real mosquitto, the program as cron starts it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from parts import (
    PATIENCE,
    Broker,
    aps2mqtt,
    capture,
    clean_environment,
    one_line,
    start,
    start_with,
    sunny_ecu,
    until,
    without_coverage,
    yaml_file,
)

from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.scenarios import plant_answers, replay_answers
from aps2mqtt.simulator.server import Simulator

PARTIAL = ("ecur-sysinfo-1.3.6C-2023-11-21-am", "ecur-qt2-6-partial-2023-11-21-am", "ecur-signal-6-2023-11-21-am")
MIXED = ("ecur-sysinfo-1.2.31-2025", "ecur-yc600-qs1-2025-redacted", "ecur-signal-2025-redacted")


def replaying(*captures: str) -> Simulator:
    """An ECU that answers with captured frames."""
    return sunny_ecu(answers=replay_answers(map(capture, captures), plant_answers(Plant())))


# What the frames in MIXED say, written out from the frames.
MIXED_TOPICS = {
    "aps/216000000002/power": "31",
    "aps/216000000002/energy/today": "0",
    "aps/216000000002/energy/lifetime": "5457.3",
    "aps/216000000002/inverters/total": "2",
    "aps/216000000002/inverters/online": "2",
    "aps/216000000002/timestamp": "2025-01-10T14:49:22+01:00",
    "aps/216000000002/firmware": "ECU_R_1.2.31",
    "aps/216000000002/problem": "none",
    "aps/216000000002/status": "online",
    "aps/216000000002/408000000008/online": "True",
    "aps/216000000002/408000000008/signal": "70",
    "aps/216000000002/408000000008/temperature": "7",
    "aps/216000000002/408000000008/frequency": "49.9",
    "aps/216000000002/408000000008/power": "17",
    "aps/216000000002/408000000008/voltage": "231",
    "aps/216000000002/408000000008/1/power": "8",
    "aps/216000000002/408000000008/1/voltage": "231",
    "aps/216000000002/408000000008/2/power": "9",
    "aps/216000000002/408000000008/2/voltage": "231",
    "aps/216000000002/806000000005/online": "True",
    "aps/216000000002/806000000005/signal": "77",
    "aps/216000000002/806000000005/temperature": "6",
    "aps/216000000002/806000000005/frequency": "49.9",
    "aps/216000000002/806000000005/power": "14",
    "aps/216000000002/806000000005/voltage": "231",
    "aps/216000000002/806000000005/1/power": "2",
    "aps/216000000002/806000000005/1/voltage": "231",
    "aps/216000000002/806000000005/2/power": "2",
    "aps/216000000002/806000000005/3/power": "5",
    "aps/216000000002/806000000005/4/power": "5",
}
for _uid, _panels in (("408000000008", 2), ("806000000005", 4)):
    MIXED_TOPICS[f"aps/216000000002/{_uid}/energy/today"] = "0"
    MIXED_TOPICS[f"aps/216000000002/{_uid}/problem"] = "none"
    for _panel in range(1, _panels + 1):
        MIXED_TOPICS[f"aps/216000000002/{_uid}/{_panel}/energy/today"] = "0"

# What the frames in PARTIAL say, five of whose six inverters are offline, with stale watts and volts in their records.
PARTIAL_TOPICS = {
    "aps/216000000004/power": "63",
    "aps/216000000004/energy/today": "0",
    "aps/216000000004/energy/lifetime": "4358.5",
    "aps/216000000004/inverters/total": "6",
    "aps/216000000004/inverters/online": "1",
    "aps/216000000004/timestamp": "2023-11-21T10:03:54+01:00",
    "aps/216000000004/firmware": "ECU_R_1.3.6C",
    "aps/216000000004/problem": "none",
    "aps/216000000004/status": "online",
    "aps/216000000004/901000000002/online": "True",
    "aps/216000000004/901000000002/signal": "65",
    "aps/216000000004/901000000002/temperature": "16",
    "aps/216000000004/901000000002/frequency": "49.9",
    "aps/216000000004/901000000002/power": "63",
    "aps/216000000004/901000000002/voltage": "392",
    "aps/216000000004/901000000002/1/power": "15",
    "aps/216000000004/901000000002/1/voltage": "392",
    "aps/216000000004/901000000002/2/power": "16",
    "aps/216000000004/901000000002/2/voltage": "395",
    "aps/216000000004/901000000002/3/power": "16",
    "aps/216000000004/901000000002/3/voltage": "389",
    "aps/216000000004/901000000002/4/power": "16",
}
for _uid in (f"90100000000{number}" for number in range(1, 7)):
    PARTIAL_TOPICS[f"aps/216000000004/{_uid}/energy/today"] = "0"
    PARTIAL_TOPICS[f"aps/216000000004/{_uid}/problem"] = "none"
    for _panel in (1, 2, 3, 4):
        PARTIAL_TOPICS[f"aps/216000000004/{_uid}/{_panel}/energy/today"] = "0"
for _uid in ("901000000001", "901000000003", "901000000004", "901000000005", "901000000006"):
    PARTIAL_TOPICS[f"aps/216000000004/{_uid}/online"] = "False"
    PARTIAL_TOPICS[f"aps/216000000004/{_uid}/power"] = "0"
    for _panel in (1, 2, 3, 4):
        PARTIAL_TOPICS[f"aps/216000000004/{_uid}/{_panel}/power"] = "0"


def test_the_predecessors_example_puts_every_topic_on_the_broker(tmp_path: Path) -> None:
    """The example of the README of aps2mqtt 2.x, with a real login; silent, as cron wants it."""
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", passwords, "johndoe", "itsasecret"], check=True, capture_output=True)
    settings = f"allow_anonymous true\npassword_file {passwords}"
    with Broker(tmp_path, settings) as broker, replaying(*MIXED) as ecu:
        config = yaml_file(
            tmp_path,
            {
                "ecu": {
                    "APS_ECU_IP": "'127.0.0.1'",
                    "APS_ECU_PORT": ecu.port,
                    "APS_ECU_TIMEZONE": "'Europe/Paris'",
                    "APS_ECU_STOP_AT_NIGHT": True,
                    "APS_ECU_POSITION_LAT": 47.206,
                    "APS_ECU_POSITION_LNG": -1.5645,
                },
                "mqtt": {
                    "MQTT_BROKER_HOST": "'127.0.0.1'",
                    "MQTT_BROKER_PORT": broker.port,
                    "MQTT_BROKER_USER": "'johndoe'",
                    "MQTT_BROKER_PASSWD": "'itsasecret'",
                    "MQTT_RETAIN": True,
                },
            },
        )
        ended = aps2mqtt("-c", config, "once", APS_STATE_DIR=tmp_path / "state")
        assert (ended.status, ended.out, ended.err) == (0, "", "")
        assert broker.retained() == MIXED_TOPICS


def test_the_environment_alone_does_the_same(tmp_path: Path, broker: Broker) -> None:
    """And an offline inverter has power 0 at every level, with nothing measured."""
    with replaying(*PARTIAL) as ecu:
        ended = aps2mqtt("once", **settings(ecu, broker, tmp_path))
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert broker.retained() == PARTIAL_TOPICS


def settings(ecu: Simulator, broker: Broker, folder: Path, **more: object) -> dict[str, object]:
    """An environment for `ecu` and `broker`, whose state lies below `folder`."""
    return {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": ecu.port,
        "APS_ECU_TIMEZONE": "Europe/Paris",
        "MQTT_BROKER_PORT": broker.port,
        "APS_STATE_DIR": folder / "state",
        **more,
    }


def test_a_second_run_says_the_same_and_changes_nothing(tmp_path: Path, broker: Broker) -> None:
    """Every message comes again, removals included, so that a broker that forgot everything is filled."""
    with replaying(*PARTIAL) as ecu:
        environment = settings(ecu, broker, tmp_path)
        with broker.heard() as first:
            aps2mqtt("once", **environment)
        with broker.heard() as second:
            aps2mqtt("once", **environment)
    assert first[0] == ("aps/216000000004/error", "")  # by which a job that knows nothing sees whether it may read
    assert first[1:] == second
    assert [topic for topic, payload in first if not payload][-1] == "aps/216000000004/error"
    assert broker.retained() == PARTIAL_TOPICS


def test_what_the_ecu_changes_is_changed(tmp_path: Path, broker: Broker) -> None:
    """From the morning's frames to those of the afternoon: all six inverters are online."""
    afternoon = ("ecur-sysinfo-1.3.6C-2023-11-21-pm", "ecur-qt2-6-2023-11-21-pm", "ecur-signal-6-2023-11-21-pm")
    for frames in (PARTIAL, afternoon):
        with replaying(*frames) as ecu:
            assert aps2mqtt("once", **settings(ecu, broker, tmp_path)).status == 0
    after = broker.retained("aps/216000000004/+/power")
    assert {topic.split("/")[2]: watts for topic, watts in after.items()} == {
        "901000000001": "79",
        "901000000002": "77",
        "901000000003": "81",
        "901000000004": "77",
        "901000000005": "78",
        "901000000006": "70",
    }
    assert broker.retained("aps/216000000004/inverters/online") == {"aps/216000000004/inverters/online": "6"}


def test_the_prefix_stands_before_every_topic(tmp_path: Path, broker: Broker) -> None:
    """MQTT_TOPIC_PREFIX, of more than one level."""
    with replaying(*MIXED) as ecu:
        aps2mqtt("once", **settings(ecu, broker, tmp_path, MQTT_TOPIC_PREFIX="home/roof"))
    assert broker.retained() == {f"home/roof/{topic}": payload for topic, payload in MIXED_TOPICS.items()}


def test_readings_can_be_published_without_retaining(tmp_path: Path, broker: Broker) -> None:
    """MQTT_RETAIN False: only the status stays."""
    with replaying(*MIXED) as ecu, broker.heard() as messages:
        aps2mqtt("once", **settings(ecu, broker, tmp_path, MQTT_RETAIN="no"))
    assert ("aps/216000000002/power", "31") in messages
    assert broker.retained() == {"aps/216000000002/status": "online"}


def test_a_dry_run_prints_everything_and_tells_nobody(tmp_path: Path) -> None:
    """No broker is needed, and no state is written."""
    with replaying(*PARTIAL) as ecu:
        nowhere = Broker(tmp_path)
        ended = aps2mqtt("once", "--dry-run", **settings(ecu, nowhere, tmp_path))
    assert (ended.status, ended.err) == (0, "")
    printed = dict(line.split(maxsplit=1) for line in ended.out.splitlines())
    removed = {topic for topic, payload in printed.items() if payload == "(removed)"}
    assert {topic: payload for topic, payload in printed.items() if topic not in removed} == PARTIAL_TOPICS
    assert "aps/216000000004/901000000001/temperature" in removed
    assert not (tmp_path / "state").exists()


def test_three_hundred_inverters_are_one_job(tmp_path: Path, broker: Broker) -> None:
    """The most that one frame of four length digits holds, of the type with the longest record."""
    plant = Plant(inverters=inverter_models("300xYC1000"))
    with sunny_ecu(plant=plant) as ecu:
        ended = aps2mqtt("once", **settings(ecu, broker, tmp_path))
    assert (ended.status, ended.err) == (0, "")
    assert len(broker.retained("aps/+/+/online")) == 300 + 1  # inverters/online is one of the ECU's own


def test_secrets_are_in_no_log_line(tmp_path: Path, broker: Broker) -> None:
    """Not even with -D, which shows every frame."""
    with replaying(*MIXED) as ecu:
        environment = settings(ecu, broker, tmp_path, APS_ECU_WIFI_PASSWD="w1f1secret", APS_ECU_WIFI_SSID="ap")
        ended = aps2mqtt("-D", "once", MQTT_BROKER_USER="u", MQTT_BROKER_PASSWD="br0kersecret", **environment)
    assert ended.status == 0
    assert "secret" not in ended.err + ended.out
    assert "4150533131303037333030303230303031" in ended.err


def test_once_imports_neither_scheduler_nor_sun(tmp_path: Path, broker: Broker) -> None:
    """Where the night plays no part, it pays for neither; PyYAML is for those who have a file."""
    program = (
        "import sys; from aps2mqtt.cli import main; status = main(['once']); "
        "print(status, sorted({name.partition('.')[0] for name in sys.modules} & {'apscheduler', 'astral', 'yaml'}))"
    )
    with replaying(*MIXED) as ecu:
        environment = {name: str(value) for name, value in settings(ecu, broker, tmp_path).items()}
        ended = subprocess.run(
            [sys.executable, "-c", program],
            env=clean_environment() | environment,
            capture_output=True,
            text=True,
            check=True,
        )
    assert ended.stdout == "0 []\n"


# -- several at once --------------------------------------------------------------------------------------------------


def test_six_jobs_at_once_never_meet_at_the_ecu(tmp_path: Path, broker: Broker) -> None:
    """From six state directories, as six users have them."""
    with sunny_ecu(fault="drip") as ecu:
        patient = f"from aps2mqtt.sources import ask; ask.PATIENCE = {PATIENCE}"
        jobs = [start_with(patient, "once", **settings(ecu, broker, tmp_path / str(user))) for user in range(6)]
        said = [job.communicate(timeout=PATIENCE) for job in jobs]
    assert said == [("", "")] * 6
    assert [job.returncode for job in jobs] == [0] * 6
    assert len(ecu.requests) == 6 * 3
    assert ecu.collisions == 0


def test_a_job_that_cannot_have_the_ecu_ends_with_75(tmp_path: Path, broker: Broker) -> None:
    """After a bounded time, with one line that names cause and remedy."""
    with sunny_ecu(fault="mute") as ecu:
        holder = start("once", **settings(ecu, broker, tmp_path / "a"))
        until(lambda: bool(ecu.requests))
        ended = aps2mqtt("once", **settings(ecu, broker, tmp_path / "b"))
        holder.kill()
        holder.communicate()
    assert ended.status == 75
    assert "another aps2mqtt job is still using the ECU" in one_line(ended.err)
    assert "; use only one of cron, timer and run" in ended.err


def test_a_job_killed_at_any_moment_costs_nothing(tmp_path: Path, broker: Broker) -> None:
    """The state file is whole or not there, and the next job works."""
    moments = random.Random(1)
    with sunny_ecu() as ecu:
        environment = settings(ecu, broker, tmp_path)
        whole = aps2mqtt("once", **environment).seconds
        for _ in range(25):
            job = start("once", **environment)
            time.sleep(moments.uniform(0, 1.2 * whole))
            job.send_signal(signal.SIGKILL)
            job.communicate()
            (state,) = (tmp_path / "state").glob("*.json")
            assert json.loads(state.read_text())["ecu_id"] == "216000000001"
        ended = aps2mqtt("once", **environment)
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a job as another user")
def test_the_lock_holds_across_users(tmp_path: Path, broker: Broker) -> None:
    """A job of root and one of nobody wait for each other."""
    program = (
        "import os, sys, locale, zoneinfo, encodings.idna, aps2mqtt.commands.once; "
        "from aps2mqtt.config import environment, loading; "
        "from aps2mqtt.cli import main; os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(main(['once']))"
    )
    with sunny_ecu(fault="drip") as ecu:
        shared = settings(ecu, broker, tmp_path)
        as_nobody = {name: str(value) for name, value in shared.items()} | {"APS_STATE_DIR": "/nonexistent"}
        root = start("once", **shared)
        nobody = subprocess.run(
            [sys.executable, "-c", program],
            # nobody may not write what coverage measures in a subprocess
            env=without_coverage(clean_environment() | as_nobody),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        root.communicate(timeout=60)
    assert (root.returncode, nobody.returncode) == (0, 0), nobody.stderr
    assert ecu.collisions == 0
    assert "cannot be written" in one_line(nobody.stderr)
