"""The state file: every damage costs what is damaged, and no more."""

import json
import os
from collections.abc import Iterator

import pytest
from memories import FULL, RICH, refused, reopened
from parts import replace

from aps2mqtt.base import physical_limits
from aps2mqtt.base.memory import (
    Counters,
    Doubt,
    Failure,
    IdleInverter,
    Known,
    Memory,
    Reading,
    Rhythm,
    Standstill,
    Today,
    Watch,
)
from aps2mqtt.base.values import Placement
from aps2mqtt.jobs import state_file, state_format
from aps2mqtt.jobs.state_file import StateError, Store
from aps2mqtt.sources.ecu8899 import tables


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
    assert "is damaged and will be replaced" in refused(store)


def test_a_file_of_megabytes_is_not_read_even_if_a_state_is_in_it(saved):
    """It is read to a limit: no file fills the memory of a small computer."""
    saved.path.write_bytes(b" " * state_file.MAX_BYTES + saved.path.read_bytes())
    assert "cannot be read (more than 8 MB)" in refused(saved)


def test_a_file_truncated_anywhere_is_damaged(saved):
    whole = saved.path.read_bytes()
    for end in range(len(whole) - 2):  # less than the closing brace and the newline
        saved.path.write_bytes(whole[:end])
        assert "is damaged and will be replaced" in refused(saved)


def test_a_file_with_any_byte_spoilt_is_damaged_or_another_memory(saved):
    """An SD card's flipped bits may hit a digit; what they may not do is stop the job."""
    whole = saved.path.read_bytes()
    for at in range(len(whole)):
        spoilt = (b"\0", b"\xff", b'"', b"9", b"}", b"-", b"e")[at % 7]
        saved.path.write_bytes(whole[:at] + spoilt + whole[at + 1 :])
        memory, said = load(saved)
        assert memory is not None or "is damaged and will be replaced" in said


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
    ("layout", "sunspec"): [True],
    ("lifetime_at",): [None],
    ("units",): [None, {}, {"a": 1}],
    ("phase",): [None],
    ("watch", "missing"): ["", "text"],
    ("today", "yesterday"): [None, 1.5],
    ("inverters", "500000000001", "signal"): [None],
    ("inverters", "500000000001", "powers"): [[], [None]],
    ("inverters", "500000000001", "energies"): [[]],
    ("inverters", "500000000001", "counter"): [None],
    ("inverters", "500000000001", "sunspec"): [True],
    ("inverters", "500000000001", "model"): ["", "text"],
    ("inverters", "500000000001", "firmware"): ["", "text"],
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
    *((key,) for key in state_format.document_of(RICH)),
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
    return memory is not None and replace(memory, **{field: None}) == replace(FULL, **{field: None})


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
            assert "is damaged and will be replaced" in said
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
        assert "is damaged and will be replaced" in said
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
    assert kinds >= {Memory, Reading, Counters, Failure, Known, Today, Rhythm, Placement, IdleInverter, Standstill}
    assert set(off_default(RICH)) == {(kind, name) for kind in kinds for name in kind._field_defaults}
    assert state_format.memory_in(state_format.document_of(RICH), []) == RICH


def test_what_a_memory_can_do_without_has_a_default():
    """Else a file of before, or a damaged one, costs all of the memory."""
    essential = {"version"}
    for kind in (Memory, Reading, Counters, Failure):
        essential |= set(kind._fields) - set(kind._field_defaults)
    assert essential == {"version", "ecu_id", "reading", "at"}


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
    assert load(reopened(saved)) == (memory, "")


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
    assert "is damaged and will be replaced" in refused(saved)


def test_what_a_hostile_ecu_has_a_job_remember_can_be_read(store):
    """The most of everything: what is written is cut to what the next job reads."""
    beyond = 10**4
    panels = state_format.MOST_PANELS_IN_FILE
    inverter = Known(
        panels,
        panels,
        state_format.MOST,
        panels,
        100,
        (state_format.MOST,) * panels,
        (123456789012.34567,) * panels,
        state_format.MOST,
    )
    at = FULL.reading.at
    worst = FULL._replace(
        reading=FULL.reading._replace(firmware="😀" * beyond),
        failure=FULL.failure._replace(error="😀" * beyond),
        inverters={f"{uid:012}": inverter for uid in range(beyond)},
        told=("😀" * beyond,) * beyond,
        watch=FULL.watch._replace(idle={f"{uid:012}": IdleInverter(at, at, told=True) for uid in range(beyond)}),
    )
    store.save(worst)
    memory, said = load(reopened(store))
    assert said == ""
    assert store.path.stat().st_size < state_file.MAX_BYTES
    assert (
        len(memory.inverters)
        == len(memory.watch.idle)
        == state_format.MOST_INVERTERS_IN_FILE
        >= physical_limits.MOST_INVERTERS
    )
    assert memory.counters.lifetime == FULL.counters.lifetime


def test_more_channels_than_any_layout_has_can_be_remembered(store):
    """A model that is to come."""
    many = FULL._replace(inverters={"700000000001": Known(12, 3, powers=(1,) * 12, energies=(0.5,) * 12)})
    store.save(many)
    assert load(reopened(store)) == (many, "")
    assert all(
        len(layout) < state_format.MOST_PANELS_IN_FILE
        for layouts in tables.RECORD_LAYOUTS.values()
        for layout in layouts
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
    assert "cannot be read (not a regular file); make" in refused(store)
    store.save(FULL)
    assert reopened(store).load() == FULL


def test_a_folder_that_is_a_file_cannot_be_read(tmp_path):
    (tmp_path / "file").write_text("")
    text = refused(Store(tmp_path / "file", "ecu", 8899))
    assert "cannot be read (Not a directory)" in text
    assert "APS_STATE_DIR" in text


def test_a_damaged_file_is_replaced_by_the_next_save(store):
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(b"\0")
    store.save(FULL)
    assert reopened(store).load() == FULL
