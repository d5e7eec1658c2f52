"""The image, built as its users build it: what is in it, a job, the health check, and `run` until SIGTERM."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers import USER, Container, buildah, configuration, container
from parts import AT_ONCE, Broker, settings, until

from aps2mqtt.simulator.server import Simulator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def box() -> Iterator[Container]:
    with container() as made:
        yield made


def pins() -> set[str]:
    """Names and versions in the lock file."""
    return set(re.findall(r"^([\w-]+==\S+) ", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def test_the_image_tells_engines_all_that_the_recipes_rely_on() -> None:
    """The health check is there in Docker's format only."""
    configured = configuration()
    assert configured["Entrypoint"] == ["aps2mqtt"]
    assert configured["Cmd"] == ["run"]
    assert configured["User"] == f"{USER}:{USER}"
    assert set(configured["Volumes"]) == {"/state"}
    assert configured["Healthcheck"]["Test"] == ["CMD", "aps2mqtt", "health"]
    assert configured["Labels"]["org.opencontainers.image.base.name"] == "docker.io/library/debian:trixie-slim"


def test_the_image_has_what_is_locked_and_nothing_that_installs_or_compiles(box: Container, capsys) -> None:
    """No compiled file: the packages are the same on every platform."""
    packages = box.root / "opt/aps2mqtt/lib/python3.13/site-packages"  # the version that scripts/lock locks for
    found = {re.sub("[-_.]+", "-", path.name).lower() for path in packages.glob("*.dist-info")}
    wanted = {re.sub("[-_.=]+", "-", f"{pin}.dist-info").lower() for pin in pins()}
    assert {name for name in found if not name.startswith("aps2mqtt-")} == wanted
    assert list(packages.rglob("*.so")) == []
    names = {path.name for path in box.root.rglob("*") if not path.is_relative_to(box.root / "proc")}
    assert "python3.13" in names
    assert {name for name in names if re.match(r"(pip|ensurepip|setuptools|hatchling)(\d|[.-]|$)", name)} == set()
    assert [*(box.root / "mnt").iterdir(), *(box.root / "tmp").iterdir()] == []  # nothing is left of the build
    with capsys.disabled():
        print("\n" + buildah("images"))  # noqa: T201 - the size


def test_a_job_in_the_image_publishes_and_is_healthy_afterwards(
    box: Container, ecu: Simulator, broker: Broker, tmp_path: Path
) -> None:
    """As the image's own user; the page and the metrics are in the folders that the image has for them."""
    folders = {"APS_STATE_DIR": "/state", "APS_PAGE_DIR": "/page", "APS_METRICS_DIR": "/metrics"}
    environment = settings(ecu.port, broker.port, tmp_path, **folders)
    assert box.run("id", "-u").stdout == f"{USER}\n"
    before = box.run("aps2mqtt", "health", **environment)
    assert (before.returncode, before.stdout) == (69, ""), before.stderr
    ended = box.run("aps2mqtt", "once", **environment)
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
    assert float(broker.retained("aps/216000000001/power")["aps/216000000001/power"]) > 0
    assert [path.name for path in (box.root / "page").iterdir()] == ["index.html"]
    assert [path.suffix for path in (box.root / "metrics").iterdir()] == [".prom"]
    health = box.run("aps2mqtt", "health", **environment)
    assert health.returncode == 0, health.stderr


def test_run_is_process_1_of_a_read_only_container_and_ends_at_sigterm(
    box: Container, ecu: Simulator, broker: Broker, tmp_path: Path
) -> None:
    """With `offline` on the broker, well before `docker stop` would kill it."""
    configured = configuration()
    state = tmp_path / "state"
    state.mkdir()
    environment = settings(ecu.port, broker.port, tmp_path, APS_STATE_DIR="/state", APS_ECU_POLL_INTERVAL=1)
    process = box.start(state, *configured["Entrypoint"], *configured["Cmd"], **environment)
    try:
        until(lambda: len(ecu.requests) >= 9, "it did not poll")
        assert broker.retained("aps/status") == {"aps/status": "online"}
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        facts = dict(line.split(":\t", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines())
        assert facts["NSpid"].split()[-1] == "1"
        assert facts["Uid"].split() == [str(USER)] * 4
        assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
        began = time.monotonic()
        os.kill(int(child), signal.SIGTERM)
        log, _ = process.communicate(timeout=AT_ONCE)
    finally:
        process.kill()
    assert time.monotonic() - began < AT_ONCE
    assert process.returncode == 0, log
    assert log.splitlines()[-1] == "aps2mqtt: stopped by SIGTERM"
    assert broker.retained("aps/status") == {"aps/status": "offline"}
    assert {path.stat().st_uid for path in state.iterdir()} == {USER}


def test_nothing_can_be_written_outside_the_state(box: Container, tmp_path: Path) -> None:
    """Also in folders that are open to all, or to the user."""
    script = 'for folder in "$@"; do touch "$folder/x"; done; touch /state/x'
    folders = ("", "/etc", "/opt/aps2mqtt", "/tmp", "/var/tmp", "/page", "/metrics")
    process = box.start(tmp_path, "/bin/sh", "-c", script, "sh", *folders)
    said, _ = process.communicate(timeout=60)
    assert re.findall(r"'(.*)/x': Read-only file system$", said, re.MULTILINE) == list(folders)
    assert (tmp_path / "x").exists()
