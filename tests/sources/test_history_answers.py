"""The answers to 0003 and 0004, which tell what the ECU remembers."""

import json
from pathlib import Path

import pytest
from case_checks import decode
from frame_cases import MONTH

from aps2mqtt.base.errors import MalformedFrame


def energies(*points: str, trailer: bytes = b"END") -> bytes:
    """An answer to 0004 with these points in hexadecimal, under the length that it has."""
    body = b"0001" + bytes.fromhex("".join(points)) + trailer
    return b"APS11%04d0004" % (13 + len(body)) + body + b"\n"


def powers(*points: str, trailer: bytes = b"END") -> bytes:
    """An answer to 0003 with these points in hexadecimal."""
    body = b"00" + bytes.fromhex("".join(points)) + trailer
    return b"APS11%04d0003" % (13 + len(body)) + body + b"\n"


def test_the_derived_month_is_that_of_its_file():
    """30 days in a row, today included, and the length that quirk 73 says."""
    derived = json.loads((Path(__file__).parents[1] / "derived-0004-month.json").read_text())
    assert derived["source"].startswith("https://")
    answer = decode(MONTH.data)
    assert [day for day, _ in answer.points] == [day["date"] for day in derived["entries"]]
    assert all(round(100 * kwh) in day["raw"] for (_, kwh), day in zip(answer.points, derived["entries"], strict=True))
    assert (len(answer.points), answer.width, MONTH.data[5:9]) == (30, 4, b"0260")


@pytest.mark.parametrize("left_out", [slice(0, 3), slice(5, 6), slice(10, 25), slice(29, 30)])
def test_days_that_are_left_out_of_the_derived_month_are_gaps_and_no_other_width(left_out: slice):
    points = [MONTH.data[at : at + 8].hex() for at in range(17, 257, 8)]
    del points[left_out]
    answer = decode(energies(*points))
    assert answer.width == 4
    assert answer.points == tuple((point[:8], int(point[8:], 16) / 100) for point in points)


def test_a_payload_that_divides_by_8_and_by_6_has_the_width_that_gives_dates():
    """24 bytes are three points of 8 or four of 6."""
    wide = decode(energies("20260619 00000901", "20260620 00000902", "20260621 00000903"))
    narrow = decode(energies("20260618 0901", "20260619 0902", "20260620 0903", "20260621 0904"))
    gaps = decode(energies("20260601 0901", "20260619 0902", "20260620 0903", "20260621 0904"))
    assert (wide.width, narrow.width, gaps.width) == (4, 2, 2)
    assert wide.points == (("20260619", 23.05), ("20260620", 23.06), ("20260621", 23.07))
    assert narrow.points == (("20260618", 23.05), ("20260619", 23.06), ("20260620", 23.07), ("20260621", 23.08))
    assert len(gaps.points) == 4


def test_where_both_widths_give_ascending_dates_the_one_without_a_gap_is_right():
    """It takes a year like 101: the first two digits of a year are no month in this millennium."""
    wide = decode(energies("01010101 00000102", "01010102 01020201", "01010103 01010000"))
    assert (wide.width, [day for day, _ in wide.points]) == (4, ["01010101", "01010102", "01010103"])
    narrow = decode(energies("01010101 0001", "01010102 0101", "01010103 0103", "01010104 0001"))
    assert (narrow.width, [day for day, _ in narrow.points]) == (2, ["01010101", "01010102", "01010103", "01010104"])


@pytest.mark.parametrize(
    "points",
    [
        ["20260620 00000901", "20260619 00000902"],  # descending
        ["20260620 00000901", "20260620 00000902"],  # twice the same
        ["20260631 00000901"],  # no date of the calendar
        ["20261301 00000901"],
        ["20230229 00000901"],  # no leap year
        ["454e440a 00000901"],  # quirk 76: what others read behind the end
        ["20260620 00000901 00"],  # a byte too many
        ["20260620 000009"],
    ],
)
def test_what_is_no_list_of_ascending_dates_is_malformed(points: list[str]):
    with pytest.raises(MalformedFrame, match="not a list of energies by date"):
        decode(energies(*points))


@pytest.mark.parametrize("filler", ["00000000", "d0d0d0d0", "ffffffff"])
def test_energies_whose_date_is_filler_are_left_out_and_remarked(filler: str):
    """Wherever they stand, and in both widths."""
    for energy in ("0000", "00000000"):
        answer = decode(energies(f"{filler}{energy}", f"20260620{energy[4:]}0901", f"{filler}{energy}"))
        assert answer.points == (("20260620", 23.05),)
        assert [str(remark) for remark in answer.remarks] == [
            "points without a time in the answer to 0004: 2 of them are left out"
        ]


@pytest.mark.parametrize("filler", ["d0d0", "ffff", "2400", "1260", "454e"])
def test_points_whose_time_is_filler_are_left_out_and_remarked(filler: str):
    """2400 is no time of a day either."""
    answer = decode(powers("0535 0001", f"{filler} 0000", "0540 0002"))
    assert answer.points == (("0535", 1), ("0540", 2))
    assert [str(remark) for remark in answer.remarks] == [
        "points without a time in the answer to 0003: 1 of them are left out"
    ]


def test_filler_in_an_answer_without_a_trailer_may_be_a_wrong_end():
    """XNDX is as long as a point."""
    for data in (powers("0535 0001", trailer=b"XNDX"), energies("00000000 0000", "20260620 0001", trailer=b"")):
        with pytest.raises(MalformedFrame, match="has points without a time, and END is missing"):
            decode(data)


@pytest.mark.parametrize("octets", [1, 2, 3, 5])
def test_powers_that_end_within_a_point_are_malformed(octets: int):
    with pytest.raises(MalformedFrame, match="ends within a point"):
        decode(powers("0535 0001", "05" * octets))


def test_the_largest_histories_are_read_whole():
    """A point every 5 minutes of a day, and a year of days: more than 1024 bytes (quirk 9)."""
    times = [f"{minute // 60:02d}{minute % 60:02d}" for minute in range(0, 1440, 5)]
    day = decode(powers(*(f"{time} 0a0a" for time in times)))
    assert [time for time, _ in day.points] == times
    dates = [f"2025{month:02d}{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    year = decode(energies(*(f"{one} 000a0a0a" for one in dates)))
    assert [one for one, _ in year.points] == dates
