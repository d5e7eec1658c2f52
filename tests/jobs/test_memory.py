"""A memory that no job can have left: every leaf of the state file, with every absurd value, costs comfort at most."""

import copy
import errno
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from memories import RICH
from parts import NOON, Broker, aps2mqtt, settings, sunny_ecu

from aps2mqtt.base import physical_limits
from aps2mqtt.base.errors import EcuSilent, MalformedFrame
from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import UNCHANGED, Inverter, Recalled, Snapshot
from aps2mqtt.config import loading
from aps2mqtt.jobs import state_format
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt import topics
from aps2mqtt.sources.ecu8899 import client
from aps2mqtt.sources.poll import Polled
from aps2mqtt.truth import freshness, hang, night, poll_times, true_values

MIDNIGHT = datetime(2026, 6, 22, 0, 5, tzinfo=UTC)
PLACE = {"APS_ECU_STOP_AT_NIGHT": True, "APS_ECU_POSITION_LAT": 48.8, "APS_ECU_POSITION_LNG": 2.3}
DISCOVERY = {"MQTT_DISCOVERY_ENABLED": True, "MQTT_PAYLOAD": "both"}
ABSURD = {
    str: [
        "",
        "text",
        "\0\x1b]0;",
        "\ud800",
        "a/+/#",
        "/",
        "x" * 100_000,
        "999999999999",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-06-21T12:00:00-23:59",
        "2099-12-31T23:59:59+00:00",
        "1970-01-01T00:00:00+00:00",
        "9999-12-31",
        "0001-01-01",
        "2099-12-31",
    ],
    float: [-0.5, 0.0, 5e-324, 1e9, 1e308, -1e308, math.inf, -math.inf, math.nan],
    int: [-1, 0, 5, 99, 10**6, 2**31, 2**63, 10**30, 10**400],
    bool: [True, False],
    list: [[], [[]], [None] * 10_000, [10**400], [1e308], ["\ud800"]],
    dict: [{}, {"x": {}}, {"704000000001": {"panels": 10**9, "voltages": -1}}],
    type(None): [None],
}
ALL = [value for values in ABSURD.values() for value in values]


def leaves(value: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where there is something in a document, containers included."""
    if place:
        yield place
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*place, key))


def put(document: dict[str, Any], place: tuple[str | int, ...], value: object) -> None:
    """Replaces what is at `place`, if it is still there."""
    inner: Any = document
    for key in place[:-1]:
        if not _is_there(inner, key):
            return
        inner = inner[key]
    if isinstance(inner, dict) or _is_there(inner, place[-1]):
        inner[place[-1]] = value


def _is_there(inner: object, key: str | int) -> bool:
    if isinstance(inner, list):
        return isinstance(key, int) and key < len(inner)
    return isinstance(inner, dict) and key in inner


DOCUMENT = json.loads(json.dumps(state_format.document_of(RICH)))
PLACES = tuple(leaves(DOCUMENT))


def kind_of(place: tuple[str | int, ...]) -> type:
    """The type of what is at `place`."""
    inner: Any = DOCUMENT
    for key in place:
        inner = inner[key]
    return type(inner)


def write(store: Store, *changes: tuple[tuple[str | int, ...], object]) -> None:
    """Writes the file of RICH with other values at these places."""
    document = copy.deepcopy(DOCUMENT)
    for place, value in changes:
        put(document, place, value)
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_text(json.dumps(document))


# -- what a job makes of it, without sockets --------------------------------------------------------------------------


def snapshot(stamp: datetime) -> Snapshot:
    """What the ECU of RICH says: an inverter that it knows, and one that is new."""
    inverters = (
        Inverter("700000000001", online=True, powers=(60, 61), voltages=(230, 231), frequency=50.0, temperature=30),
        Inverter("800000000001", online=True, powers=(1, 2, 3, 4), voltages=(229,), frequency=50.0, signal=UNCHANGED),
    )
    return Snapshot(RICH.ecu_id, "1.2.31", 131, 22311.0, 4.5, 2, 2, False, stamp, inverters, frozenset(), True)


def jobs_over(store: Store, memory: Memory | None) -> None:
    """Every kind of job, with this memory; what it would remember can be read again."""
    environ = settings(8899, 1883, store.path.parent, **PLACE, **DISCOVERY)
    (chosen,) = loading.load(None, {name: str(value) for name, value in environ.items()})
    for now in (NOON, MIDNIGHT):
        for of_run in (False, True):
            a_job = Job(chosen, now, store, dry_run=True, of_run=of_run)
            read = snapshot(now.astimezone(chosen.ecu.timezone))
            assert a_job._publish(Polled(read), true_values.memory_of(RICH.ecu_id, memory), "").messages
            if memory is None:
                continue
            assert a_job._leave_alone(memory).messages
            night.is_night(chosen.ecu.site, memory, now)
            pace = poll_times.pace(300, chosen.ecu.site, chosen.ecu.timezone, memory, now)
            assert poll_times.next_poll(pace, now) > now
            freshness.is_overdue(memory.rhythm, now)
            failed = a_job._timed(hang.failed(memory, EcuSilent("the ECU is silent; wait"), now), memory)
            hang.restart_is_due(failed, chosen.ecu.site, chosen.ecu.timezone, now)
            for left in (failed, *settled(a_job, read, memory)):
                assert state_format.memory_in(json.loads(json.dumps(state_format.document_of(left))), []) == left


def settled(a_job: Job, read: Snapshot, memory: Memory) -> Iterator[Memory]:
    """What jobs that read the ECU, and one at night, have the next one know."""
    if memory.ecu_id == read.ecu_id:
        yield a_job._settle(read, memory, Recalled())[1]
    yield a_job._timed(true_values.night(memory, a_job.now, a_job.config.ecu.timezone)[1], memory)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_no_value_in_the_state_file_fails_a_job(tmp_path: Path, place: tuple[str | int, ...]) -> None:
    """Of its own type and of every other; with the very code of the job, which has no second try here.

    Most values are refused and leave the same memory, over which jobs are tried once.
    """
    store = Store(tmp_path, "127.0.0.1", 8899)
    tried = set()
    for value in ALL:
        write(store, (place, value))
        memory = store.remembered()
        if memory is None and place[0] not in {"version", "ecu_id", "read_at"}:
            pytest.fail(f"{value!r:.60} at {place} costs the whole memory")
        if repr(memory) not in tried:
            tried.add(repr(memory))
            jobs_over(store, memory)


@limits(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(ALL)), min_size=2, max_size=12))
def test_no_values_together_fail_a_job(tmp_path: Path, changes: list[tuple[tuple[str | int, ...], object]]) -> None:
    """Of several places at once: what belongs together need not fit."""
    store = Store(tmp_path, "127.0.0.1", 8899)
    write(store, *changes)
    jobs_over(store, store.remembered())


# -- whole jobs -------------------------------------------------------------------------------------------------------


def test_a_job_over_any_absurd_leaf_goes_well(tmp_path: Path, broker: Broker) -> None:
    """Against a real broker, the same for all: what one job tells of it is no word to the next."""
    with sunny_ecu() as ecu:
        environ = settings(ecu.port, broker.port, tmp_path, **DISCOVERY)
        (chosen,) = loading.load(None, {name: str(value) for name, value in environ.items()})
        store = Store(tmp_path / "state", "127.0.0.1", ecu.port)
        for number, place in enumerate(PLACES):
            values = ABSURD[kind_of(place)]
            write(store, (place, values[number % len(values)]))
            Job(chosen, NOON, store).run()
            assert Store(tmp_path / "state", "127.0.0.1", ecu.port).load() is not None


COMMANDS = (["health"], ["once", "--dry-run"], ["check"], ["schedule"], ["show"], ["forget", "704000000001", "--yes"])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_command_fails_over_an_absurd_state(tmp_path: Path, broker: Broker, command: list[str]) -> None:
    """The times, numbers and topics that once did, all of them together; then a job puts it right."""
    with sunny_ecu() as ecu:
        environment = settings(ecu.port, broker.port, tmp_path)
        assert aps2mqtt("once", **environment).status == 0
        (path,) = (tmp_path / "state").glob("*.json")
        document = json.loads(path.read_text())
        document["rhythm"] |= {"longest": 1e308, "run_due": "9999-12-31T23:59:59+00:00"}
        document["layout"]["prefix"] = "a/+/#"
        document["timestamp"] = "9999-12-31T23:59:59-23:59"
        for known in document["inverters"].values():
            known["powers"] = [10**400]
        path.write_text(json.dumps(document))
        ended = aps2mqtt(*command, **environment)
        assert ended.status == 0, ended.err
        job_after = aps2mqtt("once", **environment)
        assert (job_after.status, aps2mqtt("once", **environment).err) == (0, "")


# -- a bug over a memory ----------------------------------------------------------------------------------------------


@pytest.fixture
def fussy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug that nobody knows: whoever remembers anything fails."""
    settle = true_values.settle

    def settle_nothing_else(read: Snapshot, memory: Memory | None, *arguments: Any) -> Any:
        if memory is not None:
            raise ZeroDivisionError("surprise")
        return settle(read, memory, *arguments)

    monkeypatch.setattr(true_values, "settle", settle_nothing_else)


@pytest.mark.usefixtures("fussy")
def test_a_job_that_fails_over_its_memory_is_done_without_it(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the bug is: the next job does not meet it again for want of a good one."""
    with sunny_ecu() as ecu:
        environ = settings(ecu.port, broker.port, tmp_path)
        (chosen,) = loading.load(None, {name: str(value) for name, value in environ.items()})
        store = Store(tmp_path, "127.0.0.1", ecu.port)
        for _ in range(2):
            Job(chosen, NOON, store).run()
        (warning,) = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
        assert "because of its state file (ZeroDivisionError: surprise) and is repeated without the file" in warning
        assert broker.retained("aps/216000000001/status")["aps/216000000001/status"] == "online"
        assert len(ecu.requests) == 9  # of one job, and of two tries


def test_a_machine_that_has_run_out_of_things_does_not_cost_the_memory(
    tmp_path: Path, broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job would fail again, and nothing is to be reported."""

    def settle(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with sunny_ecu() as ecu:
        environ = settings(ecu.port, broker.port, tmp_path)
        (chosen,) = loading.load(None, {name: str(value) for name, value in environ.items()})
        store = Store(tmp_path, "127.0.0.1", ecu.port)
        Job(chosen, NOON, store).run()
        monkeypatch.setattr(true_values, "settle", settle)
        with pytest.raises(RuntimeError, match="new thread"):
            Job(chosen, NOON, store).run()
        assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_an_ecu_or_a_machine_that_fails_is_not_asked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory would have helped."""
    store = Store(tmp_path, "127.0.0.1", 8899)
    store.save(RICH)
    (chosen,) = loading.load(None, {"APS_ECU_IP": "127.0.0.1", "APS_STATE_DIR": str(tmp_path)})
    for error in (MalformedFrame("odd; ask anew"), MemoryError(), OSError(errno.EMFILE, "Too many open files")):
        asked = []

        def ask(*_: object, asked: list[object] = asked, error: Exception = error) -> Snapshot:
            asked.append(None)
            raise error

        monkeypatch.setattr(client, "read_ecu", ask)
        with pytest.raises(type(error)):
            Job(chosen, NOON, store, dry_run=True).run()
        assert len(asked) == 1


# -- an ECU that makes inverters up -----------------------------------------------------------------------------------


def test_an_ecu_that_lists_new_inverters_at_every_poll_fills_neither_state_nor_broker(tmp_path: Path) -> None:
    """No more are remembered than one answer can list; of the others, all topics are removed."""
    store = Store(tmp_path, "127.0.0.1", 8899)
    there: set[str] = set()
    for poll in range(6):
        uids = [f"{poll * 1000 + number:012}" for number in range(1000)]
        inverters = tuple(Inverter(uid, online=True, powers=(60, 61), voltages=(230, 231)) for uid in uids)
        now = NOON + poll * timedelta(minutes=5)
        read = snapshot(now)._replace(inverters=inverters, registered=1000, online=1000)
        report, memory = true_values.settle(read, store.load(), Recalled(), now, UTC)
        for message in topics.messages(topics.Style(), report):
            (there.add if message.payload else there.discard)(message.topic)
        assert len(memory.inverters) <= physical_limits.MOST_INVERTERS
        store.save(memory)
        assert store.load() == memory
        assert len({topic.split("/")[2] for topic in there if topic.count("/") > 2 and "energy/" not in topic}) <= 1112
