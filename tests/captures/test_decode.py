"""`aps2mqtt decode`: any frame field by field, out of whatever it was kept in."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from captured_frames import DIGITS, INFO, PAIRS, SIGNAL, XXD
from parts import CAPTURES, clean_environment, one_line

from aps2mqtt import cli
from aps2mqtt.commands import decode as command


def test_frames_that_make_sense_end_with_0_and_name_their_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Several files, an empty line between frames."""
    names = ("ecur-signal-2025-redacted", "ecub-0002-status02-15")
    files = [str(CAPTURES / f"{name}.json") for name in names]
    assert cli.main(["decode", *files]) == 0
    headings = [line for line in capsys.readouterr().out.splitlines() if ".json" in line]
    assert headings == [
        f"{files[0]}: answer to 0030, signal, 33 bytes",
        f"{files[1]}: answer to 0002, real-time data, 16 bytes",
    ]


def test_a_frame_that_makes_no_sense_to_its_end_ends_with_76(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """After all have been shown; one line says what to do."""
    (tmp_path / "log").write_text(f"1.2.3.4:8899 > {DIGITS}\n1.2.3.4:8899 > {DIGITS[:40]}\n")
    assert cli.main(["decode", str(tmp_path / "log")]) == 76
    printed = capsys.readouterr()
    assert printed.out.count("answer to 0030") == 2
    assert "1 of 2; get a new frame" in one_line(printed.err)


def test_a_frame_that_breaks_off_before_more_text_says_that_the_form_may_not_be_known(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A new frame from the ECU would help nobody whose dump is whole."""
    dump = tmp_path / "dump"
    for text in (f"000g {PAIRS[:47]}\n001g {PAIRS[48:95]} .......\n", f"{XXD.splitlines()[0]}\n0.1 {PAIRS[48:95]}\n"):
        dump.write_text(text)
        assert cli.main(["decode", str(dump)]) == 76
        assert "1 of 1; write the bytes as plain hexadecimal digits" in one_line(capsys.readouterr().err)
    dump.write_text(f"cut: {PAIRS[:47]}\n")
    assert cli.main(["decode", str(dump)]) == 76
    assert "get a new frame" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), (b"hello", "contains no frame"), (b" " * 101, "more than")],
)
def test_a_file_of_no_use_is_a_wrong_usage(
    content: bytes | None,
    says: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One line, and nothing is shown: not of the good ones either."""
    monkeypatch.setattr(command, "MAX_INPUT", 100)
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    good = tmp_path / "good"
    good.write_bytes(SIGNAL)
    assert cli.main(["decode", str(good), str(tmp_path / "file")]) == 64
    printed = capsys.readouterr()
    assert printed.out == ""
    assert says in one_line(printed.err)


def test_standard_input_is_read_and_no_configuration() -> None:
    """As in `journalctl | aps2mqtt decode -`."""
    ended = subprocess.run(
        [sys.executable, "-m", "aps2mqtt", "decode", "-"],
        env=clean_environment() | {"CONFIG_FILE": "/nowhere"},
        input=f"pi aps2mqtt: 1.2.3.4:8899 > {DIGITS}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("-: line 1: answer to 0030, signal, 33 bytes\n   0  41 50 53")


def test_what_a_file_says_of_itself_cannot_command_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The name of a capture, the text of a frame."""
    data = INFO.replace(b"ECU_R_PRO_2.0.7A", b"\x1b]0;owned\x07\x9b2J\r\n0")
    file = tmp_path / "captures"
    file.write_text(json.dumps([{"id": "\x1b[2J\u202e", "hex": data.hex()}, {"hex": DIGITS}]))
    assert cli.main(["decode", str(file)]) == 0
    printed = capsys.readouterr().out.replace("\n", "")
    assert printed.isprintable()
    assert printed.isascii()
