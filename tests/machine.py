"""A small Linux of its own: the project installed as its users install it, and a real systemd that boots on it.

It borrows /usr from the machine that the tests run on, read-only, and its network. All else is in one folder, and
mounts are made in namespaces, so nothing is left on the machine. All of it needs root.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = "/srv/aps2mqtt/bin/aps2mqtt"  # in the namespace and in the machine: a folder that every Linux has
PYTHON = "/usr/bin/python3"  # one that every user may run
PACKAGES = {"systemd-nspawn": "systemd-container", "cron": "cron", "ip": "iproute2"}
BOOT = 30.0  # seconds; it takes one
ENDING_WITH_US = ("setpriv", "--pdeathsig", "TERM")  # even if the tests are killed
SBIN = ":/usr/sbin:/sbin"


def find(program: str) -> str | None:
    """Path of a program, those for root included."""
    return shutil.which(program, path=os.environ.get("PATH", os.defpath) + SBIN)


def need(*programs: str) -> None:
    """Skips the test, and says why, where these programs or root are missing."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("root on Linux is needed: CONTRIBUTING.md says how")
    for program in programs:
        if find(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {PACKAGES.get(program, 'util-linux')}")
    namespace = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if namespace.returncode:
        pytest.skip(f"mounts cannot be made here, as in a container without privileges: {namespace.stderr.strip()}")
    version = subprocess.run([PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], check=False)
    if version.returncode:
        pytest.skip(f"{PYTHON} is older than Python 3.11, and others cannot be run by every user")


# -- the installation -------------------------------------------------------------------------------------------------

SYSTEM = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files systemd\ngroup: files systemd\nhosts: files\n",
    "etc/machine-id": "",
    "etc/systemd/system/default.target": "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n",
}


def install(tree: Path) -> None:
    """Makes the root of a system in `tree`, with the project's wheel in a virtual environment in /srv/aps2mqtt."""
    pytest.importorskip("build", reason="build is not installed: pip install --group dev")
    tree.chmod(0o755)
    for folder in ("dev", "etc/aps2mqtt", "home", "proc", "root", "run", "srv", "sys", "tmp", "usr", "var"):
        (tree / folder).mkdir(parents=True)
    for link in ("bin", "lib", "lib64", "sbin"):
        (tree / link).symlink_to(f"usr/{link}")
    for name, text in SYSTEM.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    for name in ("os-release", "ld.so.cache"):
        shutil.copy(f"/etc/{name}", tree / "etc")
    _build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tree / "root", ROOT]
    subprocess.run(_build, check=True, capture_output=True, timeout=60)
    (wheel,) = (tree / "root").glob("*.whl")
    in_namespace(
        tree,
        f'{PYTHON} -m venv --without-pip /srv/aps2mqtt\n"$0" -m pip --python /srv/aps2mqtt/bin/python install -q "$1"',
        sys.executable,
        f"{wheel}[metrics]",
    )


def in_namespace(tree: Path, script: str, *arguments: object, **options: object) -> None:
    """Runs a script of the shell that sees the /srv of `tree`; it gets `arguments` from $0 on."""
    command = ["unshare", "--mount", "/bin/sh", "-euc", 'mount --bind "$0" /srv; exec /bin/sh -euc "$@"', tree / "srv"]
    subprocess.run([*command, script, *arguments], check=True, timeout=100, **options)


# -- systemd ----------------------------------------------------------------------------------------------------------


NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--cgroup", "--root", "--wd")  # all but the network's


@dataclass
class Machine:
    """A systemd that was booted in `tree`; it is switched off when the context is left."""

    tree: Path
    name: str = field(default_factory=lambda: f"aps2mqtt-test-{os.getpid()}")
    began: float = 0.0  # s since the epoch, from when on the journal is of interest
    _nspawn: subprocess.Popen[bytes] | None = None
    _init: int = 0

    def __enter__(self) -> Self:
        options = ["--quiet", "--register=no", "--keep-unit", "--link-journal=no", "--console=read-only", "--boot"]
        command = ["systemd-nspawn", *options, f"--machine={self.name}", f"--directory={self.tree}", "--bind-ro=/usr"]
        enter = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs"; shift; done; shift; exec "$@"'
        log = self.tree / "root/boot.log"
        with log.open("wb") as output:
            self._nspawn = subprocess.Popen(
                [*ENDING_WITH_US, "/bin/sh", "-euc", enter, "sh", *self._make_groups(), "--", *command],
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + BOOT
        while not self._is_up():
            if self._nspawn.poll() is not None or time.monotonic() > until:
                self._kill()
                last = log.read_text(errors="replace").splitlines()[-1:]
                pytest.skip(f"systemd-nspawn cannot boot a machine here: {''.join(last)}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._nspawn is not None
        with contextlib.suppress(subprocess.SubprocessError):
            self.run("systemctl", "poweroff")
            self._nspawn.wait(20)
        self._kill()

    def run(self, *command: object, check: bool = True) -> str:
        """What a command prints in the machine, where it runs as root."""
        enter = ["nsenter", f"--target={self._init}", *NAMESPACES]
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        ended = subprocess.run(
            [*enter, *map(str, command)], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert not (check and ended.returncode), f"{command} ended with {ended.returncode}: {ended.stderr}"
        return ended.stdout.rstrip("\n")

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit)

    def journal(self, unit: str) -> list[dict[str, str]]:
        """What the processes of a unit logged; not what systemd says of it."""
        self.run("journalctl", "--sync")
        command = ("journalctl", f"--unit={unit}", f"--since=@{self.began}", "--output=json", "--quiet")
        return [
            entry for entry in map(json.loads, self.run(*command).splitlines()) if entry.get("_SYSTEMD_UNIT") == unit
        ]

    def _is_up(self) -> bool:
        self._init = self._init or self._find_init()
        return bool(self._init) and self.run("systemctl", "is-system-running", check=False) in {"running", "degraded"}

    def _find_init(self) -> int:
        """The child of systemd-nspawn that is process 1 of the machine."""
        assert self._nspawn is not None
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split():
                status = Path(f"/proc/{child}/status").read_text()
                ids = next(line.split() for line in status.splitlines() if line.startswith("NSpid:"))
                if len(ids) > 2 and ids[-1] == "1":
                    return int(child)
        return 0

    def _kill(self) -> None:
        """Ends what is still there: the end of its process 1 ends the machine."""
        assert self._nspawn is not None
        if self._nspawn.poll() is None:
            if self._init:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._init, signal.SIGKILL)
            self._nspawn.terminate()
            try:
                self._nspawn.wait(5)
            except subprocess.TimeoutExpired:
                self._nspawn.kill()
                self._nspawn.wait()
        for group in self._groups():
            for folder, _, _ in os.walk(group, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()

    def _make_groups(self) -> list[Path]:
        """Control groups of its own for systemd-nspawn, which leaves some behind where it is not started by systemd."""
        made = []
        for group in self._groups():
            with contextlib.suppress(OSError):
                group.mkdir()
                made.append(group)
        return made

    def _groups(self) -> Iterator[Path]:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            for _, mounted, kind, options, *_ in mounts:
                unified = number == "0" and kind == "cgroup2"
                if unified or (
                    controllers == "name=systemd" and kind == "cgroup" and controllers in options.split(",")
                ):
                    yield Path(mounted + path) / self.name
