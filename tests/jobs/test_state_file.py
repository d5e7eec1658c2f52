"""The state file: round trip, every damage, whole or not at all."""

import json
import os
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from parts import no_room, replace

from aps2mqtt.base import physical_limits
from aps2mqtt.base.memory import Doubt, Hang, IdleInverter, Known, Memory, Rhythm, Standstill, Today, Watch
from aps2mqtt.base.values import Placement, Short
from aps2mqtt.jobs import state_file, state_table
from aps2mqtt.jobs.state_file import StateError, Store
from aps2mqtt.sources.ecu8899 import tables

READ = datetime(2026, 6, 21, 19, 35, tzinfo=UTC)
FULL = Memory(
    ecu_id="216000000001",
    read_at=datetime(2026, 6, 21, 19, 40, 1, 5, tzinfo=UTC),
    awake=True,
    firmware="ECU_R_1.2.31",
    timestamp=datetime(2026, 6, 21, 21, 38, tzinfo=ZoneInfo("Europe/Paris")),
    registered=3,
    lifetime=22310.9,
    doubt=Doubt(20.0, 21.1, 11, READ, READ, READ),
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
            "500000000001": IdleInverter(
                datetime(2026, 6, 21, 9, tzinfo=UTC), datetime(2026, 6, 21, 19, 38, tzinfo=UTC), told=True
            )
        },
        Standstill(4.02, datetime(2026, 6, 21, 12, tzinfo=UTC), 600.0, 150.5),
        None,
    ),
    rhythm=Rhythm(
        datetime(2026, 6, 21, 19, 40, 1, tzinfo=UTC),
        300.5,
        datetime(2026, 6, 21, 19, 35, tzinfo=UTC),
        datetime(2026, 6, 21, 19, 45, tzinfo=UTC),
    ),
    layout=Placement("home", "both", "device", "homeassistant", retain=False),
    restarts=2,
    error="the ECU at ecu:8899 refuses the connection; pöwer it off and on",
    told=("format '03' of 0001 is new", "inverter 1 is of the unknown type 09"),
)
RICH = FULL._replace(
    hang=Hang(FULL.read_at, 3),
    restarted_at=FULL.read_at,
    today=FULL.today._replace(doubt=FULL.doubt),
    watch=FULL.watch._replace(
        today=FULL.watch.today._replace(told=True), short=Short(1, 3), contradictory=FULL.read_at
    ),
    inverters={"700000000001": Known(2, 2, 1, 2, 67, powers=(60, None), energies=(0.5, 512.125), unlisted=2)},
)
BARE = Memory(
    ecu_id="216200000001",
    read_at=datetime(2026, 6, 21, tzinfo=UTC),
    awake=False,
    firmware="",
    timestamp=None,
    registered=None,
    lifetime=None,
    doubt=None,
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
    }
    assert set(state_file["rhythm"]) == {"at", "longest", "longest_at", "run_due"}
    assert set(state_file["layout"]) == {"prefix", "payload", "discovery", "discovery_prefix", "retain"}
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


def load(store: Store) -> tuple[Memory | None, str]:
    """What can be used of the file, and what is said of it."""
    try:
        return store.load(), ""
    except StateError as error:
        return error.left, str(error)


def _put(store: Store, text: str, place: tuple[str, ...], value: object) -> None:
    """Writes the state in `text` with `value` at `place`."""
    state_file = json.loads(text)
    inner = state_file
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    store.path.write_text(json.dumps(state_file))


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


def test_a_file_of_megabytes_is_not_read_even_if_a_state_is_in_it(saved):
    """It is read to a limit: no file fills the memory of a small computer."""
    saved.path.write_bytes(b" " * state_file.MAX_BYTES + saved.path.read_bytes())
    assert "cannot be read (it has more than 8 MB)" in refused(saved)


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
        memory, said = load(saved)
        assert memory is not None or "is damaged and begun anew" in said


WRONG = [None, True, -1, 1.5, "", "text", [], [None], {}, {"a": 1}, float("nan"), float("inf")]
RIGHT = {  # of WRONG, what is no mistake there
    ("awake",): [True],
    ("registered",): [None],
    ("lifetime",): [None, 1.5],
    ("doubt",): [None],
    ("doubt", "first"): [1.5],
    ("doubt", "last"): [1.5],
    ("doubt", "since"): [None],
    ("doubt", "timestamp"): [None],
    ("today", "doubt"): [None],
    ("watch", "short"): [None],
    ("watch", "contradictory"): [None],
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
    ("layout",): [None, {}, {"a": 1}],
    ("watch", "today", "told"): [True],
    ("watch", "today", "value"): [1.5],
    ("watch", "today", "powered"): [1.5],
    ("watch", "today", "energy"): [1.5],
    ("watch", "idle", "500000000001", "told"): [True],
    ("layout", "prefix"): ["", "text"],
    ("layout", "discovery_prefix"): ["", "text"],
    ("layout", "discovery"): [""],
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
    ("doubt", "readings"): [-1],
    ("inverters", "500000000001", "panels"): [-1],
    ("inverters", "500000000001", "voltages"): [-1],
    ("inverters", "500000000001", "missing"): [-1],
}
PLACES = [
    *((key,) for key in json.loads(json.dumps({"version": 1, **dict.fromkeys(Memory._fields)}))),
    *(("doubt", name) for name in Doubt._fields),
    *(("today", name) for name in Today._fields),
    *(("rhythm", name) for name in Rhythm._fields),
    *(("layout", name) for name in Placement._fields),
    *(("watch", name) for name in Watch._fields),
    *(("watch", "today", name) for name in Standstill._fields),
    *(("watch", "idle", "500000000001", name) for name in IdleInverter._fields),
    ("inverters", "500000000001"),
    *(("inverters", "500000000001", name) for name in Known._fields),
]


ESSENTIAL = {"version", "ecu_id", "read_at"}  # nothing is known without them


def same_but(field: str, memory: Memory | None) -> bool:
    """Whether `memory` is FULL, whatever it has of that field."""
    return memory is not None and memory._replace(**{field: None}) == FULL._replace(**{field: None})


@pytest.mark.parametrize("place", PLACES, ids=".".join)
def test_a_value_of_the_wrong_kind_is_left_out_alone(saved, place):
    """At every key, every kind of value that JSON has: the rest is used."""
    whole = saved.path.read_text()
    for wrong in WRONG:
        _put(saved, whole, place, wrong)
        memory, said = load(saved)
        if _is_among(wrong, RIGHT.get(place, [])):
            assert said == ""
        elif place[0] in ESSENTIAL and not _is_among(wrong, HARMLESS.get(place, [])):
            assert "is damaged and begun anew" in said
        elif place[0] not in ESSENTIAL:
            assert same_but(place[0], memory)
            assert _is_among(wrong, HARMLESS.get(place, [])) or "is damaged in part" in said


@pytest.mark.parametrize("place", [place for place in PLACES if place != ("inverters", "500000000001")], ids=".".join)
def test_a_value_that_is_not_there_is_not_missed(saved, place):
    """A file of an earlier version, which did not have it: all else is used."""
    state_file = json.loads(saved.path.read_text())
    inner = state_file
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    saved.path.write_text(json.dumps(state_file))
    memory, said = load(saved)
    if place[0] in ESSENTIAL:
        assert "is damaged and begun anew" in said
    else:
        assert same_but(place[0], memory)


def off_default(value: object) -> Iterator[tuple[type, str]]:
    """The fields below `value`, by kind, that have another value than their default."""
    if isinstance(value, dict):
        for item in value.values():
            yield from off_default(item)
    if hasattr(value, "_fields"):
        for name, item in value._asdict().items():
            if name in value._field_defaults and item != value._field_defaults[name]:
                yield type(value), name
            yield from off_default(item)


def test_every_field_has_its_line_in_the_table():
    """RICH has no field at its default, so that one which is new and has no line is seen here."""
    kinds = {type(RICH), *(kind for kind, _ in off_default(RICH))}
    assert kinds >= {Memory, Known, Today, Rhythm, Placement, IdleInverter, Standstill}
    assert set(off_default(RICH)) == {(kind, name) for kind in kinds for name in kind._field_defaults}
    assert state_table.memory_in(state_table.document_of(RICH), []) == RICH


def test_what_a_memory_can_do_without_has_a_default():
    """In the model or in the table: else a file of before, or a damaged one, costs all of the memory."""
    assert set(Memory._fields) - set(Memory._field_defaults) == {*ESSENTIAL - {"version"}, *state_table.ABSENT}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("rhythm", "longest"), 1e308),
        (("rhythm", "run_due"), "9999-12-31T23:59:59+00:00"),
        (("rhythm", "run_due"), "2099-12-31T23:59:59+00:00"),
        (("timestamp",), "2026-06-21T19:40:00-23:59"),
        (("timestamp",), "2026-06-31T19:40:00+00:00"),
        (("timestamp",), "yesterday"),
        (("restarted_at",), "1900-01-01T00:00:00+00:00"),
        (("energies_of",), "9999-12-31"),
        (("today", "date"), "0001-01-01"),
        (("today", "published"), 10**400),
        (("lifetime",), 1e300),
        (("doubt", "first"), 10**400),
        (("layout", "prefix"), "a/+/#"),
        (("layout", "prefix"), "a/\0"),
        (("layout", "discovery_prefix"), "/"),
        (("layout", "payload"), "xml"),
        (("inverters", "700000000001", "powers"), [10**400]),
        (("inverters", "700000000001", "energies"), [1e200]),
        (("lifetime",), 4e9),
        (("today", "published"), 4e9),
        (("today", "yesterday"), 4e9),
        (("inverters", "700000000001", "panels"), 10**6),
        (("inverters", "700000000001", "lost"), 10**9),
        (("inverters", "x"), {"panels": 1, "voltages": 1}),
        (("watch", "idle", "x"), {"since": "2026-06-21T19:40:00+00:00", "seen": "2026-06-21T19:40:00+00:00"}),
        (("watch", "power"), 10**30),
        (("restarts",), 10**30),
        (("told",), [1]),
        (("error",), "\ud800"),
    ],
    ids=str,
)
def test_a_value_that_is_absurd_is_left_out_alone(saved, place, value):
    """Of the right type, and nothing that a job could have written."""
    _put(saved, saved.path.read_text(), place, value)
    memory, said = load(saved)
    assert same_but(place[0], memory)
    assert f"is damaged in part ({place[0]}" in said
    saved.save(memory)
    assert load(again(saved)) == (memory, "")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ecu_id", "2160x"),
        ("ecu_id", "٢١٦"),
        ("read_at", "2026-06-21T19:40:00"),
        ("read_at", "2026-06-21T19:40:00-23:59"),
        ("read_at", "2026-06-31T19:40:00+00:00"),
        ("read_at", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_without_the_ecu_or_the_time_of_its_reading_nothing_is_known(saved, key, value):
    _put(saved, saved.path.read_text(), (key,), value)
    assert "is damaged and begun anew" in refused(saved)


def test_what_a_hostile_ecu_has_a_job_remember_can_be_read(store):
    """The most of everything: what is written is cut to what the next job reads."""
    beyond = 10**4
    panels = state_table.MOST_PANELS
    inverter = Known(
        panels,
        panels,
        state_table.MOST,
        panels,
        100,
        (state_table.MOST,) * panels,
        (123456789012.34567,) * panels,
        state_table.MOST,
    )
    at = FULL.read_at
    worst = FULL._replace(
        inverters={f"{uid:012}": inverter for uid in range(beyond)},
        told=("😀" * beyond,) * beyond,
        error="😀" * beyond,
        firmware="😀" * beyond,
        watch=FULL.watch._replace(idle={f"{uid:012}": IdleInverter(at, at, told=True) for uid in range(beyond)}),
    )
    store.save(worst)
    memory, said = load(again(store))
    assert said == ""
    assert store.path.stat().st_size < state_file.MAX_BYTES
    assert (
        len(memory.inverters) == len(memory.watch.idle) == state_table.MOST_INVERTERS >= physical_limits.MOST_INVERTERS
    )
    assert memory.lifetime == FULL.lifetime


def test_more_channels_than_any_layout_has_can_be_remembered(store):
    """A model that is to come."""
    many = FULL._replace(inverters={"700000000001": Known(12, 3, powers=(1,) * 12, energies=(0.5,) * 12)})
    store.save(many)
    assert load(again(store)) == (many, "")
    assert all(
        len(layout) < state_table.MOST_PANELS for layouts in tables.RECORD_LAYOUTS.values() for layout in layouts
    )


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_a_file_of_another_version_is_begun_anew(saved, version):
    """After an update, or back from one."""
    state_file = json.loads(saved.path.read_text())
    saved.path.write_text(json.dumps(state_file | {"version": version}))
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
    assert "cannot be read (it is no regular file); give" in refused(store)
    store.save(FULL)
    assert again(store).load() == FULL


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


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_cannot_be_written_leaves_the_old_file_as_it_was(saved):
    """Half of it had room."""
    before = saved.path.read_bytes()
    with no_room(300), pytest.raises(StateError, match="cannot be written"):
        saved.save(BARE)
    assert saved.path.read_bytes() == before
    assert again(saved).load() == FULL
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
    assert again(saved).load() == FULL
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
    assert again(saved).load() == BARE


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
                seen.append(again(saved).load())
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
        first = memory.restarts
        while memory.restarts < first + 100_000:  # an end, should nobody kill it
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
