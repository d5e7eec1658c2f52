"""One job at a time for each ECU: real processes that hold the lock, let it go, and are killed."""

import contextlib
import os
import pwd
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from aps2mqtt.base.errors import EcuBusy
from aps2mqtt.sources import lock

HOLDER = """\
    import sys
    from aps2mqtt.sources import lock
    with lock.hold(sys.argv[1], int(sys.argv[2]), 0):
        print("held", flush=True)
        sys.stdin.read()
"""
SQUATTER = """\
    import socket, sys
    taken = socket.socket(socket.AF_UNIX)
    taken.bind(f"\\0aps2mqtt:{sys.argv[1]}:8899")
    if len(sys.argv) > 2:
        taken.listen()
    print("held", flush=True)
    sys.stdin.read()
"""
FILE_HOLDER = """\
    import sys
    from aps2mqtt.sources import lock
    holder = lock._lock_file(sys.argv[1])
    print("busy" if holder is None else "held", flush=True)
    sys.stdin.read()
"""
CRITICAL_SECTION = """\
    import os, sys, time
    from aps2mqtt.sources import lock
    attempt = {"bind": lock._bind, "file": lock._lock_file}[sys.argv[1]]
    for turn in range(10):
        while (holder := attempt(sys.argv[2])) is None:
            time.sleep(0.001)
        with holder:
            os.close(os.open(sys.argv[3], os.O_CREAT | os.O_EXCL))
            time.sleep(0.002)
            os.unlink(sys.argv[3])
"""
JOB = """\
    import os, sys, time
    from aps2mqtt.sources import lock
    for turn in range(10):
        with lock.hold(sys.argv[1], int(sys.argv[2]), 50):
            os.close(os.open(sys.argv[3], os.O_CREAT | os.O_EXCL))
            time.sleep(0.01)
            os.unlink(sys.argv[3])
"""
WITHOUT_FILES = """\
    import fcntl, os, resource, sys, tempfile
    from aps2mqtt.sources import lock
    tempfile.gettempdir()
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    taken = []
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass
    try:
        with lock.hold(sys.argv[1], 8899, 0):
            print("held", flush=True)
    except Exception as error:
        print(type(error).__name__, error, flush=True)
"""


@pytest.fixture
def address() -> str:
    """An ECU that no other test, nor any job on this machine, asks."""
    return f"ecu-{uuid.uuid4().hex}"


@contextlib.contextmanager
def another(program: str, *arguments: object, **environment: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process and the first line it says; it ends when its standard input does."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {name: str(value) for name, value in environment.items()},
    ) as process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


# -- lock.hold --------------------------------------------------------------------------------------------------------


def test_a_second_process_does_not_get_the_ecu(address):
    """Two programs that ask at the same time get half an answer each."""
    with another(HOLDER, address, 8899) as (_, said):
        assert said == "held"
        with pytest.raises(EcuBusy) as busy, lock.hold(address, 8899, 0.2):
            pytest.fail("two hold it")
    assert busy.value.status == 75
    assert f"{address}:8899 (waited 0.2 s for process " in str(busy.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells")
def test_whoever_holds_the_ecu_is_named(address):
    """A job, as the kernel knows it, which cannot be lied to."""
    with another(HOLDER, address, 8899) as (process, _), pytest.raises(EcuBusy) as busy, lock.hold(address, 8899, 0):
        pytest.fail("two hold it")
    name = Path("/proc/self/comm").read_text().strip()
    user = pwd.getpwuid(os.getuid()).pw_name
    assert f" for process {process.pid}, '{name}' of user {user}); use" in str(busy.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no such names")
@pytest.mark.parametrize("listens", [(), ("listens",)])
def test_a_stranger_who_takes_the_locks_name_is_named(address, listens):
    """Every user may, and keeps all jobs from the ECU: nobody has to look for two timers."""
    with another(SQUATTER, address, *listens) as (process, said):
        assert said == "held"
        with pytest.raises(EcuBusy) as busy, lock.hold(address, 8899, 0):
            pytest.fail("two hold it")
    assert (
        f" for process {process.pid}, " if listens else " for an unknown program: `ss -xap` as root lists it"
    ) in str(busy.value)


def test_a_thousand_who_ask_do_not_disturb_who_holds_it(address):
    """Nor are they kept waiting."""
    with another(HOLDER, address, 8899) as (process, _):
        for _ in range(1000):
            with pytest.raises(EcuBusy), lock.hold(address, 8899, 0):
                pytest.fail("two hold it")
        process.stdin.close()
        with lock.hold(address, 8899, 50):
            pass


def test_whoever_waits_is_patient_for_as_long_as_told(address):
    with another(HOLDER, address, 8899):
        began = time.monotonic()
        with pytest.raises(EcuBusy), lock.hold(address, 8899, 0.5):
            pytest.fail("two hold it")
        assert 0.5 <= time.monotonic() - began < 10


def test_whoever_waits_gets_the_ecu_as_soon_as_it_is_free(address):
    with another(HOLDER, address, 8899) as (process, _):
        process.stdin.close()
        with lock.hold(address, 8899, 50):
            pass


def test_a_holder_that_is_killed_holds_no_longer(address):
    """By SIGKILL, as the kernel does when memory runs out: nothing is left that somebody has to remove."""
    with another(HOLDER, address, 8899) as (process, said):
        assert said == "held"
        process.kill()
        process.wait()
        with lock.hold(address, 8899, 0):
            pass


def test_a_job_that_fails_lets_go(address):
    with contextlib.suppress(ValueError), lock.hold(address, 8899, 0):
        raise ValueError
    with another(HOLDER, address, 8899) as (_, said):
        assert said == "held"


def test_the_same_process_excludes_itself_too(address):
    """A job of `run` that is late, and the next."""
    with lock.hold(address, 8899, 0), pytest.raises(EcuBusy), lock.hold(address, 8899, 0):
        pytest.fail("two hold it")
    with lock.hold(address, 8899, 0):
        pass


def test_other_ports_and_other_addresses_do_not_exclude_each_other(address):
    """Several ECUs behind one router."""
    with another(HOLDER, address, 8899) as (_, said), lock.hold(address, 8898, 0), lock.hold(address + "0", 8899, 0):
        assert said == "held"


def test_two_jobs_on_two_ports_of_one_box_do_not_overlap(address, tmp_path):
    """An ECU's own protocol and its Modbus: four jobs, of which each creates a file that must not be there."""
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(JOB), address, str(port), str(tmp_path / "inside")],
            stderr=subprocess.PIPE,
            text=True,
        )
        for port in lock.PORTS * 2
    ]
    assert [(one.communicate(timeout=60)[1], one.returncode) for one in crowd] == [("", 0)] * 4


@pytest.mark.parametrize(("held", "wanted"), [(8899, 502), (502, 8899)])
def test_a_job_that_waits_for_another_port_of_its_box_names_its_own(address, held, wanted):
    with (
        lock.hold(address, held, 0),
        pytest.raises(EcuBusy, match=rf"is still using the ECU at {address}:{wanted} \(waited 0 s"),
        lock.hold(address, wanted, 0),
    ):
        pytest.fail("two hold it")


def test_a_process_started_while_the_ecu_is_held_does_not_hold_it_on(address):
    """A child that outlives the job, as a hook would."""
    with lock.hold(address, 8899, 0):
        child = subprocess.Popen(["sleep", "60"])
    try:
        with lock.hold(address, 8899, 0):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_host_name_of_any_length_can_be_held(address):
    """A name has up to 253 characters, of which the name of a Unix socket would hold 107 (unix(7))."""
    name = f"{address}.{'long-label.' * 20}"[:252]
    with lock.hold(name, 8899, 0), pytest.raises(EcuBusy), lock.hold(name, 8899, 0):
        pytest.fail("two hold it")


def test_two_long_host_names_that_begin_alike_do_not_exclude_each_other(address):
    name = f"{address}.{'long-label.' * 20}"[:250]
    with lock.hold(name + "a", 8899, 0), lock.hold(name + "b", 8899, 0):
        pass


@pytest.mark.parametrize("variant", ["bind", "file"])
def test_processes_that_compete_never_hold_it_together(address, tmp_path, variant):
    """Four processes, ten turns each; who is inside creates a file that must not be there."""
    crowd = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CRITICAL_SECTION), variant, address, str(tmp_path / "inside")],
            env=os.environ | {"TMPDIR": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [(one.communicate(timeout=60)[1], one.returncode) for one in crowd] == [("", 0)] * 4


def test_a_machine_without_open_files_does_not_fall_back_to_a_file(address):
    """It would keep nobody away who holds the socket, and is as little to be had."""
    with another(WITHOUT_FILES, address) as (_, said):
        assert said == "OSError [Errno 24] Too many open files"


# -- where Unix sockets have no abstract names ------------------------------------------------------------------------


def test_a_locked_file_excludes_a_second_process(address, tmp_path):
    with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (_, first):
        with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (_, second):
            assert (first, second) == ("held", "busy")
        with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (_, third):
            assert third == "busy"


def test_a_locked_file_is_free_when_its_holder_is_killed(address, tmp_path):
    """The file stays: removing it would let two hold it."""
    with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (process, first):
        process.kill()
        process.wait()
        with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (_, second):
            assert (first, second) == ("held", "held")
    assert [path.name for path in tmp_path.iterdir()] == [f"{address.replace('-', '_')}.lock"]


def test_a_locked_file_is_free_when_its_holder_ends(address, tmp_path):
    with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (process, _):
        process.stdin.close()
        process.wait()
        with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (_, second):
            assert second == "held"


def test_files_of_other_ecus_do_not_exclude_each_other(tmp_path):
    with (
        another(FILE_HOLDER, "aps2mqtt:ecu:8899", TMPDIR=tmp_path) as (_, first),
        another(FILE_HOLDER, "aps2mqtt:ecu:8898", TMPDIR=tmp_path) as (_, second),
    ):
        assert (first, second) == ("held", "held")


def test_a_locked_file_can_be_locked_by_every_user(address, tmp_path):
    """Whatever the first one's umask was."""
    before = os.umask(0o077)
    try:
        with another(FILE_HOLDER, address, TMPDIR=tmp_path) as (_, said):
            assert said == "held"
    finally:
        os.umask(before)
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o666


def lock_file(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """What a job gets where it locks a file in `folder`."""
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return lock._lock_file(address)


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_lies_in_the_files_place_is_told_and_left_alone(address, tmp_path, monkeypatch, kind):
    """The temporary directory is everybody's: no link is followed, and it is no bug."""
    victim, path = tmp_path / "victim", tmp_path / f"{address.replace('-', '_')}.lock"
    victim.write_text("")
    victim.chmod(0o600)
    path.symlink_to(victim) if kind == "link" else path.mkdir()
    with pytest.raises(EcuBusy, match=r"the lock file .* cannot be opened \(.*\); remove it, or set TMPDIR") as busy:
        lock_file(address, tmp_path, monkeypatch)
    assert busy.value.status == 75
    assert victim.stat().st_mode & 0o777 == 0o600


def test_the_mode_of_a_file_that_is_there_stays(address, tmp_path, monkeypatch):
    """It may be another name of somebody's file."""
    path = tmp_path / f"{address.replace('-', '_')}.lock"
    path.write_text("")
    path.chmod(0o600)
    with lock_file(address, tmp_path, monkeypatch):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_temporary_directory_that_is_gone_is_told(address, tmp_path, monkeypatch):
    with pytest.raises(EcuBusy, match="cannot be opened"):
        lock_file(address, tmp_path / "none", monkeypatch)
