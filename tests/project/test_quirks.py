"""Every number of a quirk that is named has its row in docs/quirks.md, and no number has two."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quirks.md"
PLACES = ("aps2mqtt", "tests", "docs", "scripts")
# One number, or several: "quirks 2, 10", "quirks 36 to 38", "quirks 3, 15 and 20 to 22". They may stand on two lines.
NUMBERS = r"\d+(?: to \d+)?"
NAMED = re.compile(rf"\bquirks?[\s#]+({NUMBERS}(?:(?:,| and|, and)[\s#]+{NUMBERS})*)", re.IGNORECASE)


def numbers(text: str) -> set[int]:
    """The numbers of the quirks that `text` names."""
    found: set[int] = set()
    for listed in NAMED.findall(text):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", listed):
            found.update(range(int(first), int(last or first) + 1))
    return found


def files() -> Iterator[Path]:
    """All that people write there."""
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.is_file() and (path.suffix in {".py", ".md"} or (place == "scripts" and not path.suffix)):
                yield path


def rows() -> list[int]:
    return [int(number) for number in re.findall(r'<a id="quirk-(\d+)">', PAGE.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a frame (quirk 53).", {53}),
        ("Quirk 44, at 47 degrees", {44}),
        ("(quirks 2, 10)", {2, 10}),
        ("(quirks 28, 29, 36 to 38, 61)", {28, 29, 36, 37, 38, 61}),
        ("quirks 8 and 32", {8, 32}),
        ("quirk\n    # 22", {22}),
    ],
)
def test_numbers_are_found_alone_in_lists_and_in_ranges(text: str, expected: set[int]) -> None:
    assert numbers(text) == expected


def test_every_quirk_that_is_named_is_in_the_list() -> None:
    named = {str(path.relative_to(ROOT)): numbers(path.read_text(encoding="utf-8")) for path in files()}
    assert len(set().union(*named.values())) > 50
    assert {path: missing for path, found in named.items() if (missing := found - set(rows()))} == {}


def test_the_numbers_of_the_list_ascend_and_none_is_there_twice() -> None:
    listed = rows()
    assert listed == sorted(set(listed))


def test_every_row_shows_the_number_of_its_anchor_and_has_a_source() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if '<a id="' in line]
    assert len(lines) == len(rows())
    for line in lines:
        assert (found := re.fullmatch(r'\| <a id="quirk-(\d+)"></a>(\d+) \|(?: [^|]+ \|){3} (.+) \|', line)), line
        assert found[1] == found[2]
        assert re.search(r"\[[^]]+\][\[(]", found[3]), line
