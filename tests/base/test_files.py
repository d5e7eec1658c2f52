"""Files of the machine: read to a limit, and never waited for, wherever one is named; written under a fresh name."""

import os
import stat
from pathlib import Path

import pytest
from parts import Ended, aps2mqtt, no_room, one_line

from aps2mqtt.base import files

HUGE = 3 * 10**9  # bytes, of which none is on the disk


@pytest.fixture(params=["a pipe", "/dev/zero", "a huge file", "a folder"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A path at which reading would wait for ever, never end, or fill the memory."""
    path = tmp_path / "odd.svg"
    if request.param == "a pipe":
        os.mkfifo(path)
    elif request.param == "a huge file":
        path.touch()
        os.truncate(path, HUGE)
    elif request.param == "a folder":
        path.mkdir()
    else:
        return Path(request.param)
    return path


def told(ended: Ended, status: int) -> None:
    """One line that says why the file is not read."""
    assert ended.status == status
    line = one_line(ended.err)
    assert any(why in line for why in ("not a regular file", "more than ", "Is a directory")), line


# -- reading ----------------------------------------------------------------------------------------------------------


def test_a_file_is_read_to_its_limit(tmp_path: Path) -> None:
    """And a link is another name of it: secrets of a container are links."""
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    (tmp_path / "link").symlink_to(path)
    assert files.read(path, 5) == files.read(tmp_path / "link", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        files.read(path, 4)


def test_an_odd_file_is_no_configuration(odd: Path) -> None:
    """With -c, or by $CONFIG_FILE."""
    told(aps2mqtt("-c", odd, "once"), 78)
    told(aps2mqtt("schedule", CONFIG_FILE=odd), 78)


@pytest.mark.parametrize("key", ["MQTT_BROKER_PASSWD_FILE", "MQTT_BROKER_CACERTS_PATH"])
def test_an_odd_file_is_nothing_that_a_value_can_name(odd: Path, key: str) -> None:
    """Passwords and certificates."""
    told(aps2mqtt("once", APS_ECU_IP="127.0.0.1", MQTT_BROKER_USER="solar", **{key: odd}), 78)


def test_an_odd_file_holds_no_frames(odd: Path) -> None:
    """Of `decode` and of `simulate`."""
    told(aps2mqtt("decode", odd), 64)
    told(aps2mqtt("simulate", "--port", 0, "--replay", odd), 64)


# -- writing ----------------------------------------------------------------------------------------------------------


def test_a_link_in_the_way_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """The picture of `history`, a unit, a capture: written where others may write, too."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "link").symlink_to(victim)
    files.replace(tmp_path / "link", "ours")
    assert (tmp_path / "link").read_text() == "ours"
    assert not (tmp_path / "link").is_symlink()
    assert victim.read_text() == "mine"


def test_a_pipe_in_the_way_is_not_waited_for(tmp_path: Path) -> None:
    """Opening it to write would wait for a reader."""
    os.mkfifo(tmp_path / "pipe")
    files.replace(tmp_path / "pipe", "ours")
    assert (tmp_path / "pipe").read_text() == "ours"


@pytest.mark.parametrize(("private", "mode"), [(False, 0o644), (True, 0o600)])
def test_a_file_has_its_mode_whatever_the_umask(tmp_path: Path, private: bool, mode: int) -> None:  # noqa: FBT001
    """And whatever mode the one before had."""
    path = tmp_path / "file"
    path.touch(0o777)
    before = os.umask(0o077)
    try:
        files.replace(path, "ours", private=private)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Nor takes away what was there."""
    path = tmp_path / "file"
    path.write_text("before")
    with no_room(10), pytest.raises(OSError, match="File too large"):
        files.replace(path, "more than there is room for")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "before"


def test_a_folder_that_is_gone_is_no_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell may stand in one that another has removed."""
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ended = aps2mqtt("-c", "config.yaml", "once")
    assert ended.status == 78
    assert "config.yaml cannot be read: No such file or directory; check the path after -c" in one_line(ended.err)
    assert aps2mqtt("units", "--output", "x").status == 64
