"""What CONTRIBUTING promises: a new inverter is one row and one captured answer, and nothing else by hand.

A copy of the project gets both, and its tests are run. The inverter is made up, with three channels, as none that is
known.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from parts import without_coverage

ROOT = Path(__file__).parents[2]
FOLDERS = (".github", "aps2mqtt", "docs", "home_assistant_app", "scripts", "tests")
FILES = ("pyproject.toml", "repository.yaml", "README.md", "CONTRIBUTING.md", "SECURITY.md", "Dockerfile")
COPIED = (*FOLDERS, *FILES)
ROW = '    "06": (RECORD_HEAD + MEASURED + _words("P1 V1 P2 P3"),),  # made up\n'
CAPTURE = {
    "id": "ecur-xy12-2-2026",
    "command": "0002",
    "ecu_model": "ECU-R (2160)",
    "firmware": "ECU_R_1.4.0",
    "inverters": ["inverter", "DS3"],
    "complete": True,
    "note": "",
    "source": "https://github.com/somebody/something/issues/1",
    "scrubbed": ["uids"],
    "stated_in_thread": {},
    "hex": (
        "4150533131 30303731 30303032 3030 3031 0002 20260621120000"
        "981000000001 01 3036 01f4 0082 0001 00e6 0002 0003"
        "704000000002 01 3031 01f3 0081 0064 00e9 0065 00ea 454e44 0a"
    ).replace(" ", ""),
    "decoded": {
        "group": "11",
        "status": "00",
        "version": "01",
        "count": 2,
        "time": "20260621120000",
        "records": [
            {
                "uid": "981000000001",
                "online": True,
                "type": "06",
                "frequency": 50.0,
                "temperature": 30,
                "powers": [1, 2, 3],
                "voltages": [230],
            },
            {
                "uid": "704000000002",
                "online": True,
                "type": "01",
                "frequency": 49.9,
                "temperature": 29,
                "powers": [100, 101],
                "voltages": [233, 234],
            },
        ],
    },
}
# The tests over tables and captures, and those of what has room for as many panels as the largest inverter.
TESTS = (
    "sources",
    "captures/test_dissect.py",
    "captures/test_find_frames.py",
    "captures/test_decode.py",
    "project/test_written_docs.py",
    "jobs/test_state_file.py",
    "jobs/test_damaged_state_file.py",
    "mqtt/test_reading_back.py",
    "truth/test_offline_inverters.py",
    "truth/test_missing_inverters.py",
    "truth/test_counts_and_power.py",
    "truth/test_energy_counters.py",
    "truth/test_recalled_energies.py",
    "truth/test_new_date.py",
    "truth/test_night_jobs.py",
    "truth/test_same_data.py",
)
# What lasts, and asks the same of any bytes.
OTHERS = "not (endured or damaged or killed or long or soon or modbus)"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project with a row and a captured answer more."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "home_assistant"))
        else:
            shutil.copy(source, tmp_path / name)
    protocol = tmp_path / "aps2mqtt" / "sources" / "ecu8899" / "tables.py"
    text = protocol.read_text(encoding="utf-8")
    beginning = text.index("\n}", text.index("RECORD_LAYOUTS: dict")) + 1
    protocol.write_text(text[:beginning] + ROW + text[beginning:], encoding="utf-8")
    file = tmp_path / "tests" / "captures" / f"{CAPTURE['id']}.json"
    file.write_text(json.dumps(CAPTURE, indent=2), encoding="utf-8")
    return tmp_path


def in_copy(copy: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Python with the copy's modules."""
    environment = without_coverage(os.environ) | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


@pytest.mark.timeout(1000)  # runs hundreds of tests, one after the other, beside nine others
def test_a_new_inverter_is_one_row_and_one_captured_answer(copy: Path) -> None:
    """Tables and documentation follow; every test over them finds both."""
    where = in_copy(copy, "-c", "import aps2mqtt; print(aps2mqtt.__file__)")
    assert where.stdout.strip() == str(copy / "aps2mqtt" / "__init__.py"), where.stderr
    written = in_copy(copy, "scripts/write-docs")
    assert written.returncode == 0, written.stderr
    assert "| `06` | 21 | P1 V1 P2 P3 | made up |" in (copy / "docs" / "protocol.md").read_text(encoding="utf-8")
    assert "| inverter | `06` | ECU-R (2160) |" in (copy / "docs" / "hardware.md").read_text(encoding="utf-8")
    files = (f"tests/{name}" for name in TESTS)
    options = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not real", "-k", OTHERS)
    tests = in_copy(copy, "-m", "pytest", *options, *files)
    assert tests.returncode == 0, tests.stdout[-4000:] + tests.stderr[-1000:]
