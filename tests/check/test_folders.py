"""The step of `check` for the folders of page and metrics."""

from pathlib import Path

from check_runs import remedies, text
from parts import closed, free_port, in_paris, without_rights

from aps2mqtt.check import folders
from aps2mqtt.check.result import State, Step


def steps(tmp_path: Path, **settings: object) -> list[Step]:
    return list(folders.steps([in_paris(8899, 1883, tmp_path, **settings)] * 2))


def test_without_the_settings_there_is_no_step(tmp_path: Path) -> None:
    assert steps(tmp_path) == []


def test_folders_that_can_be_written_are_fine(tmp_path: Path) -> None:
    """Each once, whatever the number of ECUs; they need no line of their own."""
    (step,) = steps(tmp_path, APS_PAGE_DIR=tmp_path, APS_METRICS_DIR=tmp_path)
    assert (step.state, text(step)) == (State.OK, f"{tmp_path} can be written | {tmp_path} can be written")
    assert step.shown(everything=False) == ()


def test_a_folder_that_is_not_there_is_told_with_its_setting(tmp_path: Path) -> None:
    """Jobs do not create it: it is a web server's, or not mounted."""
    (step,) = steps(tmp_path, APS_PAGE_DIR=tmp_path / "missing", APS_METRICS_DIR=tmp_path)
    assert (step.state, text(step)) == (
        State.WARNING,
        f"{tmp_path}/missing is not a folder | {tmp_path} can be written",
    )
    assert remedies(step) == (
        "create it and let the user that runs the jobs write to it, or set APS_PAGE_DIR to another folder"
    )
    assert step.details == {
        "folders": [
            {"key": "APS_PAGE_DIR", "folder": f"{tmp_path}/missing", "writable": False},
            {"key": "APS_METRICS_DIR", "folder": str(tmp_path), "writable": True},
        ]
    }


def test_a_folder_of_another_user_is_told(tmp_path: Path) -> None:
    ended = without_rights(
        "check", APS_ECU_IP="127.0.0.1", APS_ECU_PORT=free_port(), APS_STATE_DIR=tmp_path, APS_PAGE_DIR=closed(tmp_path)
    )
    assert "closed cannot be written by this user" in " ".join(ended.out.split())
