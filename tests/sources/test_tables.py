"""The tables of the protocol: complete, unambiguous, and each row asserted by some frame."""

import doctest

import pytest
from case_checks import TABLES, rows
from frame_cases import CAPTURED, HAND_WRITTEN, VERSION_02, captured
from parts import names_of

from aps2mqtt.base import models
from aps2mqtt.base.physical_limits import MOST_INVERTERS, MOST_PANELS
from aps2mqtt.sources.ecu8899 import frames, record_sizes, tables
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, SystemInfo
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, PowerOfDay
from aps2mqtt.sources.ecu8899.layouts import Field, Layout, size, walk


def test_every_row_of_every_table_is_asserted_by_some_frame():
    """And with a value that is not 0 or blank: a row that only ever was 0 would fit anywhere."""
    asserted = {
        (table, name)
        for case in CAPTURED + HAND_WRITTEN
        for table, values in rows(case)
        for name, value in values.items()
        if str(value).strip("0. ") and value is not False
    }
    only_zero = {("record 00, 9 bytes", "type")}  # the code of this record is 00
    every = {(table, row.name) for table, layout in TABLES.items() for row in layout}
    assert every >= asserted | only_zero
    missing = every - asserted - only_zero
    assert not missing, (
        f"no frame with written out values has one other than 0 in {sorted(missing)}; "
        "if its capture has `decoded`: null, put the values there (`aps2mqtt decode` shows them)"
    )


def test_no_table_of_the_protocol_is_left_out_here():
    """A layout that someone adds has to be named in TABLES, and is asserted then."""
    layouts = [value for value in vars(tables).values() if is_layout(value)]
    assert {id(row) for layout in layouts for row in layout} <= {
        id(row) for layout in TABLES.values() for row in layout
    }
    assert set(tables.SYSTEM_INFO_LAYOUTS) == {"01", "02"}


def test_the_limits_hold_for_every_layout():
    """Whoever adds a larger type raises MOST_PANELS; no answer can list more inverters than MOST_INVERTERS."""
    words = [
        sum(row.name.startswith(word) for row in layout)
        for layouts in tables.RECORD_LAYOUTS.values()
        for layout in layouts
        for word in ("power_", "voltage_")
    ]
    assert max(words) == MOST_PANELS
    assert tables.MAX_FRAME // tables.RECORD_HEAD_SIZE == MOST_INVERTERS


def is_layout(value: object) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(row, Field) for row in value)


def test_names_within_a_table_are_unique():
    """Values go by name: the second of two rows of one name would hide the first."""
    for layout in TABLES.values():
        assert len({row.name for row in layout}) == len(layout)


def test_the_rows_of_the_tables_are_the_fields_of_the_values():
    for layout in tables.SYSTEM_INFO_LAYOUTS.values():
        assert {row.name for row in layout} < set(names_of(SystemInfo))
    rows_of_02 = {row.name for layout in tables.SYSTEM_INFO_LAYOUTS.values() for row in layout}
    assert rows_of_02 | {"remarks"} == set(names_of(SystemInfo))
    assert {row.name for row in tables.STATUS + tables.REAL_TIME_HEAD} | {"records", "complete", "remarks"} == set(
        names_of(RealTime)
    )
    assert {row.name for row in tables.STATUS + tables.PERIOD} | {"points", "width", "remarks"} == set(
        names_of(EnergyByDay)
    )
    assert {row.name for row in tables.STATUS} | {"points", "remarks"} == set(names_of(PowerOfDay))
    measured = tables.RECORD_HEAD + tables.MEASURED
    assert {row.name for row in measured} | {"powers", "voltages", "undecoded"} == set(names_of(Record))


def test_the_records_of_a_frame_begin_at_byte_26_and_those_of_the_signals_take_7():
    assert tables.RECORDS == 26
    assert size(tables.SIGNAL_RECORD) == 7
    assert tables.BODY == 13
    assert tables.LENGTH_KNOWN == 9


def test_the_worked_example_of_the_search_for_sizes_is_true():
    """The module's documentation has it, with literal bytes."""
    assert doctest.testmod(record_sizes) == (0, 8)  # failures, examples


# Of the types that other programs know, too; a captured frame proves the others.
WORDS = {
    "00": [""],
    "01": ["power_1 voltage_1 power_2 voltage_2"],
    "02": ["power_1 voltage_1 power_2 voltage_2 power_3 voltage_3 power_4"],
    "03": ["power_1 voltage_1 power_2 power_3 power_4"],
    "04": ["power_1 voltage_1 power_2 voltage_2"],
    "05": ["power_1 voltage_1 power_2 voltage_2", "power_1 voltage_1 power_2 voltage_2 power_3 voltage_3 power_4"],
}


@pytest.mark.parametrize(
    ("code", "sizes"), {"00": [9], "01": [21], "02": [27], "03": [23], "04": [21], "05": [21, 27]}.items()
)
def test_a_record_has_the_size_of_its_type(code: str, sizes: list[int]):
    """Type 05 as two or as four channels."""
    assert [size(layout) for layout in tables.RECORD_LAYOUTS[code]] == sizes


@pytest.mark.parametrize("layout", [one for layouts in tables.RECORD_LAYOUTS.values() for one in layouts])
def test_channels_and_voltages_count_from_1_without_a_gap(layout: Layout):
    """Their numbers are those of the panels' topics."""
    for word in ("power_", "voltage_"):
        names = [row.name for row in layout if row.name.startswith(word)]
        assert names == [f"{word}{number}" for number in range(1, len(names) + 1)]


@pytest.mark.parametrize(("code", "words"), WORDS.items())
def test_the_words_of_a_record_stand_in_the_order_of_its_type(code: str, words: list[str]):
    """Power and voltage take turns until the voltages, one for each phase, are out."""
    head = "uid online type" if code == "00" else "uid online type frequency temperature"
    assert [" ".join(row.name for row in layout) for layout in tables.RECORD_LAYOUTS[code]] == [
        f"{head} {one}".strip() for one in words
    ]


def test_every_row_has_the_unit_of_what_it_measures():
    """Energies are kWh, powers W, voltages V, and what only counts or names has none."""
    units = {"lifetime_energy": "kWh", "power": "W", "energy_today": "kWh", "frequency": "Hz", "temperature": "degC"}
    units |= {"energy": "kWh"}
    units |= {"power_": "W", "voltage_": "V"}
    for layout in TABLES.values():
        assert [row.unit for row in layout] == [units.get(row.name.rstrip("0123456789"), "") for row in layout]


def test_the_values_of_format_01_stand_where_the_protocol_says():
    """Behind the firmware text of v and the time zone text of t characters all offsets move by them: 16 each."""
    case = captured("ecurpro-sysinfo-2.0.7A-2022")
    items = walk(tables.SYSTEM_INFO_LAYOUTS["01"], case.data.removesuffix(b"END\n"), 13)
    assert {item.field.name: item.offset for item in items} == {
        "ecu_id": 13,
        "version": 25,
        "lifetime_energy": 27,
        "power": 31,
        "energy_today": 35,
        "last_contact": 39,
        "registered": 46,
        "online": 48,
        "channel": 50,
        "firmware": 52,
        "time_zone": 55 + 16,
        "wired_mac": 58 + 16 + 16,
        "wireless_mac": 64 + 16 + 16,
        "unknown": 70 + 16 + 16,
    }


def test_the_values_of_format_02_stand_where_other_programs_read_them():
    items = walk(tables.SYSTEM_INFO_LAYOUTS["02"], VERSION_02.data.removesuffix(b"END\n"), 13)
    offsets = {item.field.name: item.offset for item in items}
    assert [offsets[name] for name in ("registered", "online", "reserved", "firmware")] == [39, 41, 43, 49]


def test_the_requests_are_literally_those_of_the_protocol():
    """All but the system info name the ECU; a newline ends each."""
    assert frames.request("0001") == b"APS1100160001END\n"
    assert frames.request("0002", "216000000001") == b"APS1100280002216000000001END\n"
    assert frames.request("0030", "216000000001") == b"APS1100280030216000000001END\n"
    assert frames.request("0003", "216000000001", "20260621") == b"APS1100390003216000000001END20260621END\n"
    assert frames.request("0004", "216000000001", "02") == b"APS1100390004216000000001END02END\n"
    assert (tables.SYSTEM_INFO, tables.REAL_TIME, tables.SIGNAL) == ("0001", "0002", "0030")
    assert (tables.POWER_OF_DAY, tables.ENERGY_BY_DAY) == ("0003", "0004")
    assert (tables.WEEK, tables.MONTH, tables.YEAR) == ("00", "01", "02")
    assert (tables.STATUS_OK, tables.STATUS_NO_DATA, tables.STATUS_WRONG_ECU) == ("00", "01", "02")


@pytest.mark.parametrize(
    ("uid", "model"),
    [
        ("100000000001", "YC500"),
        ("408000000001", "YC600"),
        ("502000000001", "YC1000"),
        ("702000000001", "DS3-S"),
        ("703000000001", "DS3-L"),
        ("704000000001", "DS3"),
        ("802000000001", "QS1"),
        ("804000000001", "QS1A"),
        ("806000000001", "QS1A"),
        ("901000000001", "QT2"),
        ("999000000001", "inverter"),
        ("040000000001", "inverter"),
    ],
)
def test_the_longest_prefix_of_a_uid_names_the_model(uid: str, model: str):
    assert models.inverter_model(uid) == model


@pytest.mark.parametrize(
    ("ecu_id", "model"),
    [
        ("216000000001", "ECU-R"),
        ("216200000001", "ECU-R-Pro"),
        ("216300000001", "ECU-B"),
        ("215000000001", "ECU-C"),
        ("203000000001", "ECU-3"),
        ("999900000001", "ECU"),
    ],
)
def test_the_prefix_of_an_ecu_id_names_its_model(ecu_id: str, model: str):
    assert models.ecu_model(ecu_id) == model
