"""What the frames of frame_cases.py have to be for the decoders and the tables."""

from collections.abc import Iterator
from typing import Any

import pytest
from frame_cases import Case
from parts import as_dict

from aps2mqtt.base.errors import FrameError, IncompleteFrame
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.answers import (
    RealTime,
    Signal,
    SystemInfo,
    decode_real_time,
    encode_real_time,
    encode_signal,
    encode_system_info,
)
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.history_answers import DECODERS, encode_energy_by_day, encode_power_of_day
from aps2mqtt.sources.ecu8899.layouts import Layout, size, walk

ENCODE = {
    "0001": encode_system_info,
    "0002": encode_real_time,
    "0030": encode_signal,
    "0003": encode_power_of_day,
    "0004": encode_energy_by_day,
}


TABLES: dict[str, Layout] = {
    "header": tables.HEADER,
    **{f"0001 version {version}": layout for version, layout in tables.SYSTEM_INFO_LAYOUTS.items()},
    "status": tables.STATUS,
    "0002 head": tables.REAL_TIME_HEAD,
    **{
        f"record {code}, {size(layout)} bytes": layout
        for code, layouts in tables.RECORD_LAYOUTS.items()
        for layout in layouts
    },
    "0030 record": tables.SIGNAL_RECORD,
    "0003 point": tables.POWER_POINT,
    "0004 period": tables.PERIOD,
    **{f"0004 point, {layout[-1].width} bytes": layout for layout in tables.ENERGY_POINTS},
}


def rows(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names of the tables along the frame of `case`, and the values by row that are written out for them."""
    decoded = case.decoded
    whole = decoded["cut"]["declared"] if "cut" in decoded else len(case.data)
    yield (
        "header",
        {"signature": "APS", "group": decoded["group"], "length": f"{whole - 1:04d}", "command": case.command},
    )
    body = {
        name: value for name, value in decoded.items() if name not in {"group", "cut", "records", "levels", "points"}
    }
    if case.command == "0001":
        yield f"0001 version {body['version']}", body
        return
    yield "status", {"status": body.pop("status")}
    if case.command in {"0003", "0004"}:
        yield from history_rows(case)
        return
    if body:
        yield "0002 head", body
    for record in decoded.get("records", ()):
        yield record_rows(record)
    for uid, level in decoded.get("levels", ()):
        yield "0030 record", {"uid": uid, "level": level}


def history_rows(case: Case) -> Iterator[tuple[str, dict[str, Any]]]:
    points = case.decoded.get("points", ())
    if case.command == "0003":
        yield from (("0003 point", {"time": time, "power": power}) for time, power in points)
    elif "period" in case.decoded:
        yield "0004 period", {"period": case.decoded["period"]}
        table = f"0004 point, {case.decoded.get('width', 4)} bytes"
        yield from ((table, {"date": day, "energy": energy}) for day, energy in points)


def record_rows(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    values = {name: value for name, value in record.items() if name not in {"powers", "voltages"}}
    values |= {f"power_{n}": power for n, power in enumerate(record.get("powers", ()), 1)}
    values |= {f"voltage_{n}": voltage for n, voltage in enumerate(record.get("voltages", ()), 1)}
    fitting = (one for one in tables.RECORD_LAYOUTS[record["type"]] if {row.name for row in one} == set(values))
    return f"record {record['type']}, {size(next(fitting))} bytes", values


def expected(case: Case) -> dict[str, Any]:
    """Every field of the value that the frame of a sound case decodes to."""
    body = {name: value for name, value in case.decoded.items() if name != "group"}
    if case.command == "0001":
        lacking = dict.fromkeys(
            ("last_contact", "channel", "time_zone", "wired_mac", "wireless_mac", "reserved", "unknown"), ""
        )
        return lacking | body | {"remarks": ()}
    if case.command == "0030":
        levels = tuple((uid, level) for uid, level in body.get("levels", ()))
        return body | {"levels": levels, "remarks": ()}
    if case.command in {"0003", "0004"}:
        lacking = {"period": "", "width": 4} if case.command == "0004" else {}
        return lacking | body | {"points": tuple(map(tuple, body.get("points", ()))), "remarks": ()}
    nothing = {"version": "", "count": 0, "time": ""}
    listed = tuple(map(expected_record, body.get("records", ())))
    return nothing | body | {"records": listed, "complete": True, "remarks": ()}


def expected_record(record: dict[str, Any]) -> dict[str, Any]:
    unheard = {"frequency": 0.0, "temperature": 0, "powers": (), "voltages": (), "undecoded": ""}
    measured = {name: tuple(record[name]) for name in ("powers", "voltages") if name in record}
    return unheard | record | measured


def decode(data: bytes) -> SystemInfo | RealTime | Signal:
    frame = Frame.decode(data)
    return DECODERS[frame.command](frame)


def decoded_records(data: bytes) -> RealTime:
    return decode_real_time(Frame.decode(data))


def decodes_to_the_values_written_out(case: Case) -> None:
    """All fields of all records are compared, so that a new one fails here until a frame asserts it."""
    answer = decode(case.data)
    assert as_dict(answer) == expected(case)
    assert Frame.decode(case.data).group == case.decoded["group"]
    assert Frame.decode(case.data).command == case.command


def is_encoded_to_the_identical_bytes(case: Case) -> None:
    answer = decode(case.data)
    assert ENCODE[case.command](answer, case.decoded["group"]).encode() == case.data


def has_a_row_for_every_byte(case: Case) -> None:
    """The tables leave no gap: header, payload, END where the status is 00, newline."""
    at = 0
    for table, values in rows(case):
        found = list(walk(TABLES[table], case.data.removesuffix(b"END\n"), at))
        assert {item.field.name: item.value for item in found} == values
        assert b"".join(item.raw for item in found) == case.data[at : at + sum(len(item.raw) for item in found)]
        at = found[-1].offset + len(found[-1].raw)
    assert case.data[at:] == (b"END\n" if case.decoded.get("status", "00") == "00" else b"\n")


def is_incomplete_and_says_how_much_came(case: Case) -> None:
    cut = case.decoded["cut"]
    assert len(case.data) == cut["received"]
    with pytest.raises(IncompleteFrame, match=rf"\b{cut['received']} of {cut['declared']}\b"):
        decode(case.data)


def walks_to_what_was_received_whole(case: Case) -> None:
    """Of 0001 the values before the cut; of the lists every whole record, and no record more."""
    at = 0
    for table, values in rows(case):
        layout = TABLES[table][: len(values)]
        found = list(walk(layout, case.data, at))
        assert {item.field.name: item.value for item in found} == values
        at = found[-1].offset + len(found[-1].raw)
    rest = TABLES[table][len(values) :] or next_row(case, table, at)
    with pytest.raises(IncompleteFrame, match=rf"at byte {len(case.data)}\b"):
        list(walk(rest, case.data, at))


def next_row(case: Case, table: str, at: int) -> Layout:
    """The layout of what begins at `at`, where the rows of `table` are whole."""
    if case.command != "0002" or table == "status":
        lists = {"0030": tables.SIGNAL_RECORD, "0003": tables.POWER_POINT}
        return tables.ENERGY_POINTS[0] if table == "0004 period" else lists.get(case.command, TABLES[table])
    if len(case.data) < at + tables.RECORD_HEAD_SIZE:
        return tables.RECORD_HEAD
    return tables.RECORD_LAYOUTS[case.data[at + 7 : at + 9].decode()][0]


def is_not_understood_yet(case: Case) -> None:
    """`aps2mqtt capture` leaves them out of a frame that is not sound; who teaches the decoder writes them out."""
    try:
        answer = decode(case.data)
    except (FrameError, KeyError):  # KeyError: a command that nobody knows
        return
    understood = not answer.remarks and ENCODE[case.command](answer, case.data[3:5].decode()).encode() == case.data
    assert not understood, (
        f"the decoder understands {case.name}.json; put the values that stand in its hex in place of `decoded`: null "
        "(`aps2mqtt decode` shows them)"
    )
