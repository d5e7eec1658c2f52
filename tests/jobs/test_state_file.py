"""The state file: round trip, its name, whole or not at all."""

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from memories import FULL, refused, reopened
from parts import no_room, replace

from aps2mqtt.base.memory import Known, Memory, Reading
from aps2mqtt.jobs.state_file import StateError, Store

BARE = Memory(ecu_id="216200000001", reading=Reading(at=datetime(2026, 6, 21, tzinfo=UTC), awake=False))


# -- round trip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [FULL, BARE])
def test_what_one_job_saves_the_next_one_loads(store, memory):
    store.save(memory)
    assert reopened(store).load() == memory
    assert store.load() == memory


def test_a_time_keeps_the_sites_date(saved):
    """Which date an evening's reading is of depends on its offset."""
    assert saved.load().reading.timestamp.isoformat() == "2026-06-21T21:38:00+02:00"


def test_a_saved_memory_takes_the_place_of_the_one_before(saved):
    saved.save(BARE)
    assert reopened(saved).load() == BARE
    assert [path.name for path in saved.path.parent.iterdir()] == ["ecu_8899.json"]


def test_without_a_file_there_is_no_memory(store):
    assert store.load() is None


def test_what_is_loaded_saves_to_the_same_bytes(saved):
    """The file does not drift from job to job."""
    before = saved.path.read_bytes()
    saved.save(saved.load())
    assert saved.path.read_bytes() == before


def test_300_inverters_fit(store):
    """The most that the wire's length field lets an ECU list is about 370."""
    many = replace(FULL, inverters={f"{uid:012}": Known(4, 3, 2) for uid in range(400)})
    store.save(many)
    assert reopened(store).load() == many


def test_the_file_is_for_the_user_alone_and_for_people_to_read(saved):
    assert saved.path.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(saved.path.read_text())["ecu_id"] == "216000000001"


def test_the_file_holds_these_values_and_no_secret(saved):
    """Literal: neither the broker's password nor the Wi-Fi's has a place in it."""
    state_file = json.loads(saved.path.read_text())
    assert set(state_file) == {
        "version",
        "ecu_id",
        "read_at",
        "awake",
        "firmware",
        "timestamp",
        "registered",
        "lifetime",
        "doubt",
        "today",
        "inverters",
        "restarts",
        "restarted_at",
        "hang",
        "error",
        "told",
        "online",
        "energies_of",
        "watch",
        "rhythm",
        "layout",
        "source",
        "lifetime_at",
        "units",
        "phase",
    }
    assert set(state_file["today"]) == {"date", "published", "reported", "renewed", "before", "yesterday", "doubt"}
    assert set(state_file["doubt"]) == {"first", "last", "readings", "since", "at", "timestamp"}
    assert {name for known in state_file["inverters"].values() for name in known} == {
        "panels",
        "voltages",
        "missing",
        "lost",
        "signal",
        "powers",
        "energies",
        "unlisted",
        "counter",
        "sunspec",
        "model",
        "firmware",
    }
    assert set(state_file["rhythm"]) == {"at", "longest", "longest_at", "run_due"}
    assert set(state_file["layout"]) == {"prefix", "payload", "discovery", "discovery_prefix", "retain", "sunspec"}
    assert not re.search(r"passw|secret|user|ssid", saved.path.read_text(), re.IGNORECASE)


# -- its name ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("192.168.1.42", 8899, "192.168.1.42_8899.json"),
        ("ECU-R.lan", 8899, "ecu-r.lan_8899.json"),
        ("ecu", 9000, "ecu_9000.json"),
        ("fe80::1%eth0", 8899, "fe80__1_eth0_8899.json"),
        ("../../etc/passwd", 8899, ".._.._etc_passwd_8899.json"),
        ("..", 8899, ".._8899.json"),
        ("a\0b\nc", 8899, "a_b_c_8899.json"),
    ],
)
def test_the_file_is_named_after_host_and_port_and_stays_in_its_folder(tmp_path, host, port, name):
    store = Store(tmp_path, host, port)
    store.save(BARE)
    assert store.path == tmp_path / name
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_two_ecus_have_two_memories(tmp_path):
    """By port too: several may stand behind one router."""
    stores = [Store(tmp_path, host, port) for host, port in (("a", 1), ("b", 1), ("a", 2))]
    for number, store in enumerate(stores):
        store.save(replace(BARE, restarts=number))
    assert [again.load().failure.restarts for again in stores] == [0, 1, 2]


# -- whole or not at all ----------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_cannot_be_written_leaves_the_old_file_as_it_was(saved):
    """Half of it had room."""
    before = saved.path.read_bytes()
    with no_room(300), pytest.raises(StateError, match="cannot be written"):
        saved.save(BARE)
    assert saved.path.read_bytes() == before
    assert reopened(saved).load() == FULL
    assert names(saved.path.parent) == [saved.path.name]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_nothing_that_lies_in_the_way_is_opened(saved, tmp_path, kind):
    """In the place of the file, or of one that is being written: put there by whoever may."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    saved.path.unlink()
    for place in (saved.path, saved.path.with_suffix(".new"), saved.path.with_name(f".{saved.path.name}")):
        if kind == "link":
            place.symlink_to(victim)
        elif kind == "pipe":
            os.mkfifo(place)
        elif place != saved.path:
            place.mkdir()
    saved.save(FULL)
    assert reopened(saved).load() == FULL
    assert victim.read_text() == "mine"


def test_what_killed_jobs_have_left_goes_with_a_later_one(saved):
    """Of one that writes just now, the file stays."""
    folder = saved.path.parent
    for number in range(20):
        (folder / f".aps2mqtt-{number}.new").write_text('{"version": 1, "ecu_')
    saved.save(BARE)
    assert len(names(folder)) == 21
    for number in range(10):
        os.utime(folder / f".aps2mqtt-{number}.new", (0, 0))
    (folder / ".aps2mqtt-link.new").symlink_to("/etc/passwd")
    os.utime(folder / ".aps2mqtt-link.new", (0, 0), follow_symlinks=False)
    (folder / "mine.new").write_text("")
    os.utime(folder / "mine.new", (0, 0))
    saved.save(BARE)
    young = [f".aps2mqtt-{number}.new" for number in range(10, 20)]
    assert names(folder) == [*young, saved.path.name, "mine.new"]
    assert reopened(saved).load() == BARE


def test_the_file_is_for_its_folders_owner_alone(saved):
    """Written by root by hand, the next job of a service has to read and replace it."""
    assert saved.path.stat().st_mode & 0o777 == 0o600
    if os.geteuid() != 0:
        pytest.skip("root is needed to give files away")
    os.chown(saved.path.parent, 61234, 61235)
    saved.save(BARE)
    assert (saved.path.stat().st_uid, saved.path.stat().st_gid) == (61234, 61235)
    assert saved.path.stat().st_mode & 0o777 == 0o600


def test_a_reader_never_sees_half_a_file(saved):
    """Whenever it looks: one memory or the other."""
    seen: list[object] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            try:
                seen.append(reopened(saved).load())
            except StateError as error:
                seen.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    long = replace(FULL, told=tuple(f"remark {number}" for number in range(400)))
    saves = 0
    while saves < 100 or len(seen) < 20:
        saved.save(long)
        saved.save(FULL)
        saves += 1
    stop.set()
    reader.join()
    assert not [one for one in seen if one not in (FULL, long)]


def test_a_process_killed_at_any_moment_leaves_a_whole_file(saved):
    """SIGKILL while it saves without a pause, ten times."""
    program = textwrap.dedent("""\
        import sys
        from pathlib import Path
        from aps2mqtt.jobs.state_file import Store
        store = Store(Path(sys.argv[1]), "ecu", 8899)
        memory = store.load()
        first = memory.failure.restarts
        while memory.failure.restarts < first + 100_000:  # an end, should nobody kill it
            restarts = memory.failure.restarts + 1
            failure = memory.failure._replace(restarts=restarts)
            memory = memory._replace(failure=failure, told=("remark" * (restarts % 900),))
            store.save(memory)
            if memory.failure.restarts == first + 1:
                print("saving", flush=True)
    """)
    restarts = 2
    for number in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(saved.path.parent)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout.readline() == "saving\n"
            threading.Event().wait(0.01 + number * 0.003)
            writer.kill()
        now = reopened(saved).load().failure.restarts
        assert now > restarts
        restarts = now


# -- a folder that cannot be written ----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["file", "/proc/aps2mqtt"])
def test_without_a_folder_the_process_remembers_all_the_same(tmp_path, place):
    """`run` goes on with what it has; the next process knows less, and the message says what to do."""
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / place / "below", "ecu", 8899)
    with pytest.raises(StateError) as refusal:
        store.save(FULL)
    assert str(store.path) in str(refusal.value)
    assert "cannot be written" in str(refusal.value)
    assert "APS_STATE_DIR" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert store.load() == FULL
    with pytest.raises(StateError):
        store.save(BARE)
    assert store.load() == BARE


def test_once_the_folder_can_be_written_the_file_counts_again(tmp_path):
    """A disk that was mounted late."""
    blocked = tmp_path / "folder"
    blocked.write_text("")
    store = Store(blocked, "ecu", 8899)
    with pytest.raises(StateError):
        store.save(FULL)
    blocked.unlink()
    store.save(BARE)
    assert store.load() == BARE
    reopened(store).save(FULL)
    assert store.load() == FULL


def test_a_file_of_a_user_who_is_not_ours_cannot_be_read(saved):
    """Started once as root, then as the service's user."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    saved.path.chmod(0)
    text = refused(saved)
    assert "cannot be read (Permission denied)" in text
    assert "APS_STATE_DIR" in text
