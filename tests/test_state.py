"""The state file: round trip, every damage, whole or not at all."""

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from parts import replace

from aps2mqtt.ecu.protocol import MOST_PANELS, RECORD_LAYOUTS
from aps2mqtt.model import Idle, Known, Layout, Lower, Memory, Rhythm, Still, Today, Watch
from aps2mqtt.state import StateError, Store

FULL = Memory(
    ecu_id="216000000001",
    read_at=datetime(2026, 6, 21, 19, 40, 1, 5, tzinfo=UTC),
    awake=True,
    firmware="ECU_R_1.2.31",
    timestamp=datetime(2026, 6, 21, 21, 38, tzinfo=ZoneInfo("Europe/Paris")),
    registered=3,
    lifetime=22310.9,
    lower=Lower(20.0, 21.1, 11),
    today=Today(date(2026, 6, 21), 21.5, 4.02, renewed=True, before=(0.0, 12.25), yesterday=12.25),
    inverters={
        "700000000001": Known(2, 2, signal=67, powers=(60, None), energies=(0.5, 512.125)),
        "500000000001": Known(4, 3, missing=2),
        "806000000009": Known(0, 0),
    },
    online=2,
    energies_of=date(2026, 6, 21),
    watch=Watch(
        datetime(2026, 6, 21, 19, 38, tzinfo=UTC),
        907,
        {
            "500000000001": Idle(
                datetime(2026, 6, 21, 9, tzinfo=UTC), datetime(2026, 6, 21, 19, 38, tzinfo=UTC), told=True
            )
        },
        Still(4.02, datetime(2026, 6, 21, 12, tzinfo=UTC), 600.0, 150.5),
        None,
    ),
    rhythm=Rhythm(
        datetime(2026, 6, 21, 19, 40, 1, tzinfo=UTC),
        300.5,
        datetime(2026, 6, 21, 19, 35, tzinfo=UTC),
        datetime(2026, 6, 21, 19, 45, tzinfo=UTC),
    ),
    layout=Layout("home", "both", "device", "homeassistant", retain=False),
    restarts=2,
    error="the ECU at ecu:8899 refuses the connection; pöwer it off and on",
    told=("format '03' of 0001 is new", "inverter 1 is of the unknown type 09"),
)
BARE = Memory(
    ecu_id="216200000001",
    read_at=datetime(2026, 6, 21, tzinfo=UTC),
    awake=False,
    firmware="",
    timestamp=None,
    registered=None,
    lifetime=None,
    lower=None,
    today=None,
    inverters={},
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """The store of an ECU whose folder is not there yet."""
    return Store(tmp_path / "some" / "folder", "ecu", 8899)


def again(store: Store) -> Store:
    """The same file in the next process."""
    return Store(store.path.parent, "ecu", 8899)


@pytest.fixture
def saved(store: Store) -> Store:
    """A store whose file holds FULL."""
    store.save(FULL)
    return again(store)


# -- round trip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory", [FULL, BARE])
def test_what_one_job_saves_the_next_one_loads(store, memory):
    store.save(memory)
    assert again(store).load() == memory
    assert store.load() == memory


def test_a_time_keeps_the_sites_date(saved):
    """Which date an evening's reading is of depends on its offset."""
    assert saved.load().timestamp.isoformat() == "2026-06-21T21:38:00+02:00"


def test_a_saved_memory_takes_the_place_of_the_one_before(saved):
    saved.save(BARE)
    assert again(saved).load() == BARE
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
    assert again(store).load() == many


@pytest.mark.parametrize("layout", [one for layouts in RECORD_LAYOUTS.values() for one in layouts])
def test_an_inverter_of_any_layout_is_remembered(store, layout):
    """With panels that it has lost, too: it may have been read as the largest of all."""
    panels, voltages = (sum(field.name.startswith(word) for field in layout) for word in ("power_", "voltage_"))
    known = Known(panels, voltages, 2, MOST_PANELS - panels, powers=(300,) * panels, energies=(1.5,) * MOST_PANELS)
    memory = replace(BARE, inverters={"500000000001": known})
    store.save(memory)
    assert again(store).load() == memory


def test_the_file_is_for_the_user_alone_and_for_people_to_read(saved):
    assert saved.path.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(saved.path.read_text())["ecu_id"] == "216000000001"


def test_the_file_holds_these_values_and_no_secret(saved):
    """Literal: neither the broker's password nor the Wi-Fi's has a place in it."""
    state = json.loads(saved.path.read_text())
    assert set(state) == {
        "version",
        "ecu_id",
        "read_at",
        "awake",
        "firmware",
        "timestamp",
        "registered",
        "lifetime",
        "lower",
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
    }
    assert set(state["today"]) == {"date", "published", "reported", "renewed", "before", "yesterday"}
    assert set(state["lower"]) == {"first", "last", "readings"}
    assert {name for known in state["inverters"].values() for name in known} == {
        "panels",
        "voltages",
        "missing",
        "lost",
        "signal",
        "powers",
        "energies",
    }
    assert set(state["rhythm"]) == {"at", "longest", "longest_at", "run_due"}
    assert set(state["layout"]) == {"prefix", "payload", "discovery", "discovery_prefix", "retain"}
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
    assert [again.load().restarts for again in stores] == [0, 1, 2]


# -- damage -----------------------------------------------------------------------------------------------------------


def _either(store: Store) -> None:
    """The file is damaged or still a memory; a failure of any other kind is none of both."""
    try:
        assert isinstance(store.load(), Memory)
    except StateError as error:
        assert "is damaged and begun anew" in str(error)  # noqa: PT017 - either is right


def _put(store: Store, text: str, place: tuple[str, ...], value: object) -> None:
    """Writes the state in `text` with `value` at `place`."""
    state = json.loads(text)
    inner = state
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    store.path.write_text(json.dumps(state))


def _is_among(value: object, values: list[object]) -> bool:
    """True is no 1 here."""
    return any(type(value) is type(one) and value == one for one in values)


def refused(store: Store) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(StateError) as refusal:
        store.load()
    text = str(refusal.value)
    assert str(store.path) in text
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\0" * 500,
        b"rubbish",
        b"null",
        b"true",
        b"1",
        b'"text"',
        b"[]",
        b"{}",
        b'{"version": 1}',
        b"\xff\xfe\x00",
        b'{"version": 1, "ecu_id": "\xe4"}',
        b"[" * 100_000,
        b"9" * 100_000,
        b"[1" + b"," + b"1" * 10_000 + b"]",
        b" " * 2_000_000,
        b'"' + b"x" * 5_000_000 + b'"',
    ],
    ids=lambda content: content[:20].decode("latin-1"),
)
def test_a_file_that_is_no_state_is_damaged(store, content):
    """Truncated, zeroed by a power cut, someone else's: begun anew, never a traceback."""
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(content)
    assert "is damaged and begun anew" in refused(store)


def test_a_file_of_megabytes_is_damaged_even_if_a_state_is_in_it(saved):
    """It is read to a limit: no file fills the memory of a small computer."""
    saved.path.write_bytes(b" " * 2_000_000 + saved.path.read_bytes())
    assert "is damaged and begun anew" in refused(saved)


def test_a_file_truncated_anywhere_is_damaged(saved):
    whole = saved.path.read_bytes()
    for end in range(len(whole) - 2):  # less than the closing brace and the newline
        saved.path.write_bytes(whole[:end])
        assert "is damaged and begun anew" in refused(saved)


def test_a_file_with_any_byte_spoilt_is_damaged_or_another_memory(saved):
    """An SD card's flipped bits may hit a digit; what they may not do is stop the job."""
    whole = saved.path.read_bytes()
    for at in range(len(whole)):
        spoilt = (b"\0", b"\xff", b'"', b"9", b"}", b"-", b"e")[at % 7]
        saved.path.write_bytes(whole[:at] + spoilt + whole[at + 1 :])
        _either(saved)


WRONG = [None, True, -1, 1.5, "", "text", [], [None], {}, {"a": 1}, float("nan"), float("inf")]
RIGHT = {  # of WRONG, what is no mistake there
    ("awake",): [True],
    ("registered",): [None],
    ("lifetime",): [None, 1.5],
    ("lower",): [None],
    ("lower", "first"): [1.5],
    ("lower", "last"): [1.5],
    ("today",): [None],
    ("today", "published"): [1.5],
    ("today", "reported"): [1.5],
    ("today", "renewed"): [True],
    ("today", "before"): [[]],
    ("timestamp",): [None],
    ("firmware",): ["", "text"],
    ("error",): ["", "text"],
    ("told",): [[]],
    ("inverters",): [{}],
    ("hang",): [None],
    ("restarted_at",): [None],
    ("online",): [None],
    ("energies_of",): [None],
    ("watch",): [None],
    ("watch", "at"): [None],
    ("watch", "idle"): [{}],
    ("watch", "today"): [None],
    ("watch", "lifetime"): [None],
    ("rhythm",): [None],
    ("rhythm", "longest"): [1.5],
    ("rhythm", "longest_at"): [None],
    ("rhythm", "run_due"): [None],
    ("layout",): [None],
    ("watch", "today", "told"): [True],
    ("watch", "today", "value"): [1.5],
    ("watch", "today", "powered"): [1.5],
    ("watch", "today", "energy"): [1.5],
    ("watch", "idle", "500000000001", "told"): [True],
    **{("layout", name): ["", "text"] for name in Layout._fields if name != "retain"},
    ("layout", "retain"): [True],
    ("today", "yesterday"): [None, 1.5],
    ("inverters", "500000000001", "signal"): [None],
    ("inverters", "500000000001", "powers"): [[], [None]],
    ("inverters", "500000000001", "energies"): [[]],
}
HARMLESS = {  # what may be taken for damage or not
    ("version",): [True],
    ("told",): ["", "text", {}, {"a": 1}],
    ("watch", "power"): [-1],
    ("online",): [-1],
    ("inverters", "500000000001", "signal"): [-1],
    ("inverters", "500000000001", "powers"): ["", {}],
    ("inverters", "500000000001", "energies"): ["", {}],
    ("today", "before"): ["", {}],
    ("registered",): [-1],
    ("restarts",): [-1],
    ("lower", "readings"): [-1],
    ("inverters", "500000000001", "panels"): [-1],
    ("inverters", "500000000001", "voltages"): [-1],
    ("inverters", "500000000001", "missing"): [-1],
}
PLACES = [
    *((key,) for key in json.loads(json.dumps({"version": 1, **dict.fromkeys(Memory._fields)}))),
    *(("lower", name) for name in Lower._fields),
    *(("today", name) for name in Today._fields),
    *(("rhythm", name) for name in Rhythm._fields),
    *(("layout", name) for name in Layout._fields),
    *(("watch", name) for name in Watch._fields),
    *(("watch", "today", name) for name in Still._fields),
    *(("watch", "idle", "500000000001", name) for name in Idle._fields),
    ("inverters", "500000000001"),
    *(("inverters", "500000000001", name) for name in Known._fields),
]


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_value_of_the_wrong_kind_is_damage(saved, place):
    """At every key, every kind of value that JSON has."""
    whole = saved.path.read_text()
    for wrong in WRONG:
        _put(saved, whole, place, wrong)
        if _is_among(wrong, RIGHT.get(place, [])):
            assert isinstance(saved.load(), Memory)
        elif _is_among(wrong, HARMLESS.get(place, [])):
            _either(saved)
        else:
            assert "is damaged and begun anew" in refused(saved)


@pytest.mark.parametrize(
    "place",
    [("lifetime",), ("lower", "first"), ("lower", "last"), ("today", "published"), ("today", "reported")],
    ids=".".join,
)
def test_an_amount_beyond_all_numbers_is_damage(saved, place):
    """JSON has whole numbers of any length."""
    _put(saved, saved.path.read_text(), place, 10**400)
    assert "is damaged and begun anew" in refused(saved)


@pytest.mark.parametrize("place", [place for place in PLACES if place != ("inverters", "500000000001")], ids=".".join)
def test_a_value_that_is_not_there_is_damage(saved, place):
    state = json.loads(saved.path.read_text())
    inner = state
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    saved.path.write_text(json.dumps(state))
    assert "is damaged and begun anew" in refused(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ecu_id", "2160x"),
        ("ecu_id", "٢١٦"),
        ("read_at", "2026-06-21T19:40:00"),
        ("read_at", "2026-06-31T19:40:00+00:00"),
        ("read_at", "1999-12-31T23:59:59+00:00"),
        ("timestamp", "1999-12-31T23:59:59+00:00"),
        ("timestamp", "yesterday"),
        ("inverters", {"x": {"panels": 1, "voltages": 1, "missing": 0}}),
        ("told", [1]),
    ],
)
def test_a_value_that_cannot_be_is_damage(saved, key, value):
    state = json.loads(saved.path.read_text())
    saved.path.write_text(json.dumps(state | {key: value}))
    assert "is damaged and begun anew" in refused(saved)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_a_file_of_another_version_is_begun_anew(saved, version):
    """After an update, or back from one."""
    state = json.loads(saved.path.read_text())
    saved.path.write_text(json.dumps(state | {"version": version}))
    assert f"version {version!r}, not 1" in refused(saved)


def test_a_directory_in_the_files_place_cannot_be_read(store):
    store.path.mkdir(parents=True)
    assert "cannot be read (Is a directory)" in refused(store)
    for again in (False, True):  # `run` tells it once
        with pytest.raises(StateError, match="cannot be written"):
            store.save(FULL)
        assert store.failed_before == again


def test_a_pipe_in_the_files_place_is_not_waited_for(store):
    store.path.parent.mkdir(parents=True)
    os.mkfifo(store.path)
    assert "is a pipe; remove it" in refused(store)


def test_a_folder_that_is_a_file_cannot_be_read(tmp_path):
    (tmp_path / "file").write_text("")
    text = refused(Store(tmp_path / "file", "ecu", 8899))
    assert "cannot be read (Not a directory)" in text
    assert "APS_STATE_DIR" in text


def test_a_damaged_file_is_replaced_by_the_next_save(store):
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(b"\0")
    store.save(FULL)
    assert again(store).load() == FULL


# -- whole or not at all ----------------------------------------------------------------------------------------------


def test_what_cannot_be_written_leaves_the_old_file_as_it_was(saved):
    """The disk is full, which /dev/full always is."""
    before = saved.path.read_bytes()
    saved.path.with_suffix(".new").symlink_to("/dev/full")
    with pytest.raises(StateError, match="No space left on device"):
        saved.save(BARE)
    assert saved.path.read_bytes() == before
    assert again(saved).load() == FULL


def test_a_job_killed_while_writing_leaves_the_old_file_as_it_was(saved):
    """Its half a file lies beside, is never read, and does not disturb the next."""
    saved.path.with_suffix(".new").write_text('{"version": 1, "ecu_')
    assert saved.load() == FULL
    saved.save(BARE)
    assert again(saved).load() == BARE
    assert not saved.path.with_suffix(".new").exists()


def test_a_reader_never_sees_half_a_file(saved):
    """Whenever it looks: one memory or the other."""
    seen: list[object] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            try:
                seen.append(again(saved).load())
            except StateError as error:
                seen.append(error)

    reader = threading.Thread(target=look)
    reader.start()
    long = replace(FULL, told=tuple(f"remark {number}" for number in range(2000)))
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
        from aps2mqtt.state import Store
        store = Store(Path(sys.argv[1]), "ecu", 8899)
        memory = store.load()
        first = memory.restarts
        while True:
            memory = memory._replace(restarts=memory.restarts + 1, told=("remark" * (memory.restarts % 900),))
            store.save(memory)
            if memory.restarts == first + 1:
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
        now = again(saved).load().restarts
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
    again(store).save(FULL)
    assert store.load() == FULL


def test_a_file_of_a_user_who_is_not_ours_cannot_be_read(saved):
    """Started once as root, then as the service's user."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    saved.path.chmod(0)
    text = refused(saved)
    assert "cannot be read (Permission denied)" in text
    assert "APS_STATE_DIR" in text
