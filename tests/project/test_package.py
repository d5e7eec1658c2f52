"""What is shipped: the wheel and the source distribution."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from aps2mqtt import __version__
from aps2mqtt.service import units

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    pytest.importorskip("build", reason="build is not installed: pip install --group dev")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_the_wheel_has_the_program_and_nothing_else(built: Path) -> None:
    """Types are announced, the script is there, tests are not."""
    with zipfile.ZipFile(built / f"aps2mqtt-{__version__}-py3-none-any.whl") as wheel:
        names = wheel.namelist()
        entry_points = wheel.read(f"aps2mqtt-{__version__}.dist-info/entry_points.txt").decode()
    assert "aps2mqtt/py.typed" in names
    assert {f"aps2mqtt/{path.relative_to(ROOT / 'aps2mqtt')}" for path in ROOT.glob("aps2mqtt/**/*.py")} <= set(names)
    assert {name.partition("/")[0] for name in names} == {"aps2mqtt", f"aps2mqtt-{__version__}.dist-info"}
    assert "aps2mqtt = aps2mqtt.cli:main" in entry_points


def test_the_metadata_have_the_addresses_of_the_project(built: Path) -> None:
    """All begin with the one that is set in pyproject.toml."""
    with zipfile.ZipFile(built / f"aps2mqtt-{__version__}-py3-none-any.whl") as wheel:
        metadata = wheel.read(f"aps2mqtt-{__version__}.dist-info/METADATA").decode()
    named = dict(re.findall(r"^Project-URL: (\w+), (https://\S+)$", metadata, re.MULTILINE))
    assert named == {
        "Homepage": named["Homepage"],
        "Repository": named["Homepage"],
        "Issues": f"{named['Homepage']}/issues",
        "Changelog": f"{named['Homepage']}/blob/main/CHANGELOG.md",
    }
    assert named["Homepage"].endswith("/aps2mqtt")


def test_the_wheel_has_the_units_the_crontab_and_the_example(built: Path) -> None:
    """As they stand at the top of the repository; `aps2mqtt units` reads them there."""
    with zipfile.ZipFile(built / f"aps2mqtt-{__version__}-py3-none-any.whl") as wheel:
        for name in (*units.NAMES, units.EXAMPLE):
            assert wheel.read(f"aps2mqtt/units_data/{name}") == (ROOT / name).read_bytes()


def test_the_source_distribution_has_all_that_the_readme_speaks_of(built: Path) -> None:
    """Whoever has it can configure, install units and run the tests."""
    with tarfile.open(built / f"aps2mqtt-{__version__}.tar.gz") as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "config.yaml.example",
        "crontab.example",
        "cron.d.example",
        "aps2mqtt.service",
        "aps2mqtt-run.service",
        "aps2mqtt.timer",
        "scripts/demo",
        "scripts/test",
        "scripts/test-debian",
        "scripts/test-home-assistant",
        "scripts/test-image",
        "tests/jobs/test_once.py",
        "tests/home_assistant/pytest.ini",
        "benchmarks/once.py",
        "docs/README.md",
        "docs/configuration.md",
        "docs/running.md",
        "docs/topics.md",
        "docs/commands.md",
        "Dockerfile",
        "requirements.lock",
        "requirements-build.lock",
        ".dockerignore",
        "compose.yaml",
        "repository.yaml",
        "home_assistant_app/config.yaml",
        "home_assistant_app/CHANGELOG.md",
    ):
        assert name in names
