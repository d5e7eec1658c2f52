"""The configuration file that is used if nobody names one."""

from pathlib import Path

import pytest
from parts import free_port, start_with, yaml_file


def ended(default: Path, *arguments: object, **environment: object) -> tuple[int, str]:
    """Exit status and log of a program whose default file is this one."""
    changes = (
        f"from pathlib import Path\nfrom aps2mqtt.config import loading\nloading.DEFAULT_FILE = Path({str(default)!r})"
    )
    process = start_with(changes, *arguments, **environment)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.fixture
def default(tmp_path: Path) -> Path:
    """One that names an ECU which refuses the connection."""
    ecu = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": free_port(), "APS_STATE_DIR": tmp_path / "state"}
    return yaml_file(tmp_path, {"ecu": ecu, "mqtt": {"MQTT_BROKER_PORT": free_port()}})


def test_it_is_read_and_a_job_says_so(default: Path) -> None:
    status, err = ended(default, "once", "--log-level", "info")
    assert status == 69
    assert f"aps2mqtt: the configuration file is {default}\n" in err
    assert "refuses the connection" in err


def test_other_commands_do_not_repeat_it(default: Path) -> None:
    status, err = ended(default, "show", "--log-level", "info")
    assert status == 69
    assert "the configuration file is" not in err


@pytest.mark.parametrize("named", ["-c", "CONFIG_FILE"])
def test_a_file_that_is_named_is_used_instead(default: Path, tmp_path: Path, named: str) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("ecu:\n  APS_ECU_IP: 127.0.0.1:x\n")
    arguments, environment = (("-c", other), {}) if named == "-c" else ((), {named: other})
    status, err = ended(default, *arguments, "once", "--log-level", "info", **environment)
    assert status == 78
    assert str(other) in err
    assert str(default) not in err


def test_without_any_file_the_error_says_what_was_looked_for(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "config.yaml"
    status, err = ended(missing, "once")
    assert status == 78
    for part in ("APS_ECU_IP is missing", str(missing), "was not found", "-c", "CONFIG_FILE"):
        assert part in err
    assert len(err.splitlines()) == 1
