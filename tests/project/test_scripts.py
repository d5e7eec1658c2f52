"""The scripts on machines with other Pythons than this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("cat", "cut", "dirname", "grep", "head", "sed", "sort")
# What runs like the Python of these tests and says that it is another one.
OTHER = """#!/bin/sh
exec {python} -c 'import sys; sys.version_info = ({version}, 0); sys.executable = "{path}"; exec(sys.stdin.read())'
"""
BROKEN = """#!/bin/sh
echo "pyenv: python: command not found" >&2
exit 127
"""


def run(shell: str, folder: Path, home: Path) -> str:
    """What a line of shell prints after `common.sh`, with the programs of `folder` and no others."""
    environment = {"PATH": str(folder), "HOME": str(home)}
    line = f". scripts/common.sh; {shell}"
    return subprocess.run(
        ["/bin/sh", "-c", line, "scripts/demo"], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of programs without any Python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(shutil.which(tool, path=os.defpath) or pytest.skip(f"there is no {tool} here"))
    return folder


def install(path: Path, version: str) -> None:
    """A Python that says it has this version, or that does not run."""
    major, _, minor = version.partition(".")
    text = OTHER.format(python=sys.executable, version=f"{major}, {minor}", path=path) if version else BROKEN
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_every_python_from_3_11_on_is_used_the_oldest_first(machine: Path, tmp_path: Path) -> None:
    """Also one that came out after this was written; shims that do not run are passed over."""
    for name, version in {
        "python3": "3.14",
        "python3.9": "3.9",
        "python3.10": "3.10",
        "python3.11": "",
        "python3.12": "3.12",
        "python3.14": "3.14",
        "python3.101": "3.101",
    }.items():
        install(machine / name, version)
    install(tmp_path / ".pyenv" / "versions" / "3.11.7" / "bin" / "python3.11", "3.11")
    install(tmp_path / ".pyenv" / "versions" / "3.30.1" / "bin" / "python3", "3.30")
    assert run("pythons", machine, tmp_path).split() == ["3.11", "3.12", "3.14", "3.30"]
    assert run("python_of 3.14", machine, tmp_path) == f"{machine}/python3\n"
    assert run("python_of 3.11", machine, tmp_path) == f"{tmp_path}/.pyenv/versions/3.11.7/bin/python3.11\n"
    assert run("python_of 3.1; python_of 3.13", machine, tmp_path) == ""


def test_a_machine_with_older_pythons_only_has_none(machine: Path, tmp_path: Path) -> None:
    install(machine / "python3", "3.10")
    assert run("pythons; python_of 3.10", machine, tmp_path) == ""


@pytest.mark.parametrize("script", ["common.sh", "demo", "test"])
def test_no_version_is_written_down_but_the_oldest(script: str) -> None:
    """So that the next one needs no change."""
    text = (ROOT / "scripts" / script).read_text()
    assert "3.11" in text
    assert not [version for version in map(str, range(12, 30)) if f"3.{version}" in text]


@pytest.mark.parametrize(
    ("user", "why"), [(1000, "this needs root"), (0, "apt-get of this system knows no mirror of Debian")]
)
def test_a_machine_that_cannot_install_debian_is_told_what_was_not_tested(machine: Path, user: int, why: str) -> None:
    """It is no failure: whoever has such a machine can work all the same."""
    (machine / "id").write_text(f"#!/bin/sh\necho {user}\n")
    (machine / "id").chmod(0o755)
    command = ["/bin/sh", "scripts/test-debian"]
    ended = subprocess.run(command, env={"PATH": str(machine)}, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "\n!! NOT TESTED with python3.14, python3.15 and mosquitto of Debian forky: " in ended.stderr
    assert ended.stderr.endswith(f": {why}\n\n")
    assert ended.stdout == ""
