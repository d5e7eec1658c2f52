"""What the image installs is locked: the lock files fulfil pyproject.toml, and every file has its hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROGRAM = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["metrics"]]
WANTED = {
    "requirements.lock": PROGRAM,
    "requirements-build.lock": [*PROJECT["build-system"]["requires"], "setuptools"],  # the last one builds PyYAML
}
lock = pytest.mark.parametrize("lock", WANTED)


def lines(lock: str) -> list[str]:
    """Of the file, with its continuations, and without comments."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@lock
def test_the_lock_fulfils_pyproject(lock: str) -> None:
    """If it fails, run scripts/lock."""
    pinned = dict(re.split("==", line.split()[0]) for line in lines(lock))
    for requirement in map(Requirement, WANTED[lock]):
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, f"{requirement}: run scripts/lock"


@lock
def test_every_line_pins_a_version_with_its_hashes_and_names_no_index(lock: str) -> None:
    """One hash is the wheel's, one the source's; each platform with files of its own has one more."""
    for line in lines(lock):
        assert re.fullmatch(r"[\w-]+==[\w.]+(\s+--hash=sha256:[0-9a-f]{64}){2,}", line), line
