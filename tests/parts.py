"""The real parts that tests run against: brokers, ECUs, and the program as its users start it."""

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeVar

import pytest
import trustme
from free_ports import free_port
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Site
from aps2mqtt.config import loading
from aps2mqtt.config.values import Config
from aps2mqtt.simulator.plant import PARIS
from aps2mqtt.simulator.server import Simulator

CAPTURES = Path(__file__).parent / "captures"
T = TypeVar("T")
STARTED: list[subprocess.Popen[str]] = []
PATIENCE = 50.0  # seconds for anything to come; long, as only a test that fails waits them, and CI's machine is slow
AT_ONCE = 10.0  # seconds: `docker stop` kills what has not ended by then


def replace(value: T, **changes: object) -> T:
    """`value` with other fields; of a memory also those of its groups."""
    if isinstance(value, Memory):
        for name in ("reading", "counters", "failure"):
            group = getattr(value, name)
            own = {field: changes.pop(field) for field in group._fields if field in changes}
            value = value._replace(**{name: group._replace(**own)})
    return value._replace(**changes) if hasattr(value, "_replace") else dataclasses.replace(value, **changes)


def names_of(kind: type) -> list[str]:
    """The fields of a named tuple or a dataclass."""
    return list(kind._fields) if hasattr(kind, "_fields") else [field.name for field in dataclasses.fields(kind)]


def as_dict(value: object) -> object:
    """Fields by their names, all the way down."""
    if hasattr(value, "_fields") or dataclasses.is_dataclass(value):
        return {name: as_dict(getattr(value, name)) for name in names_of(type(value))}
    return tuple(as_dict(item) for item in value) if isinstance(value, tuple) else value


def capture(name: str) -> Path:
    """File of a captured frame."""
    return CAPTURES / f"{name}.json"


def frame(name: str) -> bytes:
    """Bytes of a captured frame."""
    return bytes.fromhex(json.loads(capture(name).read_text())["hex"])


# -- the program ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """A run of the program that has ended; `seconds` is its wall time."""

    status: int
    out: str
    err: str
    seconds: float


def clean_environment() -> dict[str, str]:
    """The environment without anything that configures the program."""
    ours = ("APS_", "MQTT_", "CONFIG_FILE", "DEBUG", "TZ", "JOURNAL_STREAM", "STATE_DIRECTORY", "XDG_STATE_HOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def without_coverage(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process whose coverage nobody measures: it has no room for the file, or no time."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


def start(*arguments: object, **environment: object) -> subprocess.Popen[str]:
    """Starts the program with nothing configured but what is given here."""
    return _start(("-m", "aps2mqtt", *arguments), environment)


def start_script(script: str, *arguments: object, **environment: object) -> subprocess.Popen[str]:
    """Starts a script around the program, for what the command line does not offer."""
    return _start(("-c", script, *arguments), environment)


def start_with(changes: str, *arguments: object, **environment: object) -> subprocess.Popen[str]:
    """Starts the program with other constants: `changes` is the Python code that sets them."""
    script = f"import sys\nfrom aps2mqtt import cli\n{changes}\nsys.exit(cli.main(sys.argv[1:]))"
    return start_script(script, *arguments, **environment)


def _start(
    arguments: Iterable[object], environment: Mapping[str, object], before: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Starts Python; `before` is a program that starts it in turn."""
    process = subprocess.Popen(
        [*before, sys.executable, *map(str, arguments)],
        env=clean_environment() | {name: str(value) for name, value in environment.items()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    STARTED.append(process)
    return process


def end_all() -> None:
    """Ends what a test that failed has left behind."""
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def aps2mqtt(*arguments: object, **environment: object) -> Ended:
    """Runs the program to its end, which has to come within 60 s."""
    return _ended(time.monotonic(), start(*arguments, **environment))


def _ended(began: float, process: subprocess.Popen[str]) -> Ended:
    """What a program that was started at `began` has left, once it has ended."""
    try:
        out, err = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err, time.monotonic() - began)


def one_line(text: str) -> str:
    """The only line of `text`."""
    lines = text.splitlines()
    assert len(lines) == 1, text
    return lines[0]


def closed(folder: Path) -> Path:
    """A folder below `folder` that `without_rights` may not enter; skips the test if we cannot make one."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("root and setpriv are needed to close a folder")
    path = folder / "closed"
    path.mkdir(0o700)
    os.chown(path, 61234, 61234)
    return path


def without_rights(*arguments: object, **environment: object) -> Ended:
    """Runs the program to its end as a user who may enter only folders that are open to all, or root's."""
    before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    return _ended(time.monotonic(), _start(["-m", "aps2mqtt", *arguments], environment, before))


@contextlib.contextmanager
def no_room(octets: int) -> Iterator[None]:
    """No file that this process writes, or one that it starts, grows beyond so many bytes: a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):  # its own file would not have room either
        os.environ.pop(name, None)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# -- ECUs -------------------------------------------------------------------------------------------------------------

NOON = datetime(2026, 6, 21, 12, 2, tzinfo=UTC)


# Of the simulator's faults, those that a job never meets.
HISTORY_FAULTS = {"no-history", "empty-history", "history-01", "history-gaps", "narrow-history"}


def sunny_ecu(**options) -> Simulator:
    """A simulated ECU on a summer's noon that does not pass."""
    return Simulator(**{"clock": lambda: NOON, "port": free_port(), **options})


def hours_old() -> str:
    """A time zone in which the date is hours old: on one that has just begun no job believes what `sunny_ecu` made."""
    return "UTC" if 2 <= datetime.now(UTC).hour < 23 else "Etc/GMT+6"


def site_at_midnight() -> Site:
    """A place on the equator where it is the middle of the night now."""
    now = datetime.now(UTC)
    east = -(now.hour + now.minute / 60) * 15
    return Site(0.0, round(east if east >= -180 else east + 360, 3))


# -- brokers ----------------------------------------------------------------------------------------------------------


@dataclass
class Broker:
    """A real mosquitto. `port` takes whatever its configuration allows."""

    folder: Path
    settings: str = "allow_anonymous true"
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if mosquitto is None:
            pytest.skip("mosquitto is not installed: apt-get install mosquitto")
        settings = self.folder / f"mosquitto-{self.port}.conf"
        user = "user root\n" if os.getuid() == 0 else ""
        settings.write_text(f"{user}persistence false\nlistener {self.port} 127.0.0.1\n{self.settings}\n")
        self.process = subprocess.Popen(
            [mosquitto, "-c", str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _await_listening(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:  # on a machine that stands still
            self.process.kill()
            self.process.wait(PATIENCE)

    def retained(self, topic: str = "#") -> dict[str, str]:
        """All that the broker retains."""
        return {name: payload for name, payload, retain in self._listen(topic, _nothing) if retain}

    @contextlib.contextmanager
    def heard(self, topic: str = "#") -> Iterator[list[tuple[str, str]]]:
        """The messages published while in the context, in their order; filled in when it is left."""
        messages: list[tuple[str, str]] = []
        client, received, barrier = self._subscriber(topic)
        try:
            barrier()
            received.clear()
            yield messages
            barrier()
            messages += [(name, payload) for name, payload, _ in received]
        finally:
            client.disconnect()
            client.loop_stop()

    def publish(self, topic: str, payload: str) -> None:
        """Publishes a retained message."""
        client, _, barrier = self._subscriber("none")
        client.publish(topic, payload, qos=1, retain=True).wait_for_publish(PATIENCE)
        barrier()
        client.disconnect()
        client.loop_stop()

    def throw_out(self, client_id: str) -> None:
        """Connects under the id of another client, which the broker then drops."""
        client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        until(client.is_connected)
        client.disconnect()
        client.loop_stop()

    def _listen(self, topic, during) -> list[tuple[str, str, bool]]:
        client, received, barrier = self._subscriber(topic)
        during()
        barrier()
        client.disconnect()
        client.loop_stop()
        return list(received)

    def _subscriber(self, topic: str):
        """A connected subscriber, what it receives, and a call that returns when all sent before has arrived."""
        received: list[tuple[str, str, bool]] = []
        barriers: dict[str, threading.Event] = {}
        subscribed = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"test-{uuid.uuid4().hex[:12]}")
        client.on_subscribe = lambda *_: subscribed.set()

        def on_message(_client, _userdata, message) -> None:
            if message.topic in barriers:
                barriers[message.topic].set()
            elif not message.topic.startswith("barrier/"):
                received.append((message.topic, message.payload.decode(), message.retain))

        client.on_message = on_message
        client.on_connect = lambda *_: client.subscribe([("barrier/#", 1), (topic, 1)])
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        assert subscribed.wait(PATIENCE)

        def barrier() -> None:
            name = f"barrier/{uuid.uuid4().hex}"
            barriers[name] = threading.Event()
            client.publish(name, "", qos=1)
            assert barriers[name].wait(PATIENCE)

        return client, received, barrier


def until(seen: Callable[[], object], otherwise: str = "it did not come in time", within: float = PATIENCE) -> None:
    """Waits for `seen`; fails with `otherwise` if it does not come within so many seconds."""
    end = time.monotonic() + within
    while not seen():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


def _nothing() -> None:
    pass


def _await_listening(port: int) -> None:
    until(lambda: _listens(port), f"nothing listens on port {port}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Listener:
    """A TCP server that does something wrong to every connection it accepts, while in the context."""

    def __init__(self, treat) -> None:
        self._treat = treat
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            self._treat(connection)


def mute(connection: socket.socket) -> None:
    """Accepts everything and says nothing."""
    while connection.recv(4096):
        pass


def relay_to(port: int, most: int):
    """Passes on to `port` and back, and drops the connection after `most` bytes towards it."""

    def treat(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as onward:
            threading.Thread(target=pass_on, args=(onward, connection), daemon=True).start()
            passed = 0
            while passed < most and (data := connection.recv(min(4096, most - passed))):
                onward.sendall(data)
                passed += len(data)

    return treat


def pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until `source` ends."""
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            target.sendall(data)


@contextlib.contextmanager
def deaf() -> Iterator[int]:
    """The port of a listener whose queue is full: it answers no connection request."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            queued = stack.enter_context(socket.socket())
            queued.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                queued.connect(listener.getsockname())
        yield listener.getsockname()[1]


# -- settings of brokers ----------------------------------------------------------------------------------------------


def tls_settings(folder: Path, authority: trustme.CA, *names: str) -> str:
    """TLS only, with a certificate for `names`; the CA's is in ca.pem."""
    certificate = authority.issue_cert(*names)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(folder / "server.pem")
    return f"allow_anonymous true\ncafile {folder}/ca.pem\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key"


def accounts(folder: Path) -> str:
    """Nobody is let in without a password, and no password is right."""
    passwords = folder / "passwords"
    passwords.write_text(f"johndoe:{_hashed('only the broker knows it')}\n")
    passwords.chmod(0o600)
    return f"allow_anonymous false\npassword_file {passwords}"


def _hashed(password: str) -> str:
    """As mosquitto_passwd has it (PBKDF2 with SHA-512): mosquitto 2.1 does not start on one that is malformed."""
    salt, rounds = os.urandom(12), 101
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$7${rounds}${base64.b64encode(salt).decode()}${base64.b64encode(hashed).decode()}"


def write_only(folder: Path, topic: str = "aps/#") -> str:
    """Everybody may write on `topic` and read nothing; subscriptions are confirmed all the same."""
    (folder / "acl").write_text(f"topic write {topic}\ntopic read $SYS/#\n")
    (folder / "acl").chmod(0o600)
    return f"allow_anonymous true\nacl_file {folder}/acl"


# -- configurations ---------------------------------------------------------------------------------------------------


def yaml_file(folder: Path, sections: Mapping[str, Mapping[str, object]]) -> Path:
    """A configuration file that nobody else can read."""
    lines = []
    for section, values in sections.items():
        lines += [f"{section}:", *(f"  {key}: {value}" for key, value in values.items())]
    path = folder / "config.yaml"
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path


def settings(ecu_port: int, broker_port: int, folder: Path, **more: object) -> dict[str, object]:
    """An environment whose state lies below `folder`."""
    return {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": ecu_port,
        "APS_ECU_TIMEZONE": hours_old(),
        "MQTT_BROKER_PORT": broker_port,
        "APS_STATE_DIR": folder / "state",
        **more,
    }


def place(site: Site) -> dict[str, object]:
    """The keys that tell where the array is."""
    return {"APS_ECU_POSITION_LAT": site.latitude, "APS_ECU_POSITION_LNG": site.longitude}


def in_paris(ecu_port: int, broker_port: int, folder: Path, **more: object) -> Config:
    """The configuration of an array that the simulator knows."""
    paris = {"APS_ECU_TIMEZONE": "Europe/Paris", **place(PARIS), **more}
    environment = settings(ecu_port, broker_port, folder, **paris)
    (chosen,) = loading.load(None, {name: str(value) for name, value in environment.items()})
    return chosen
