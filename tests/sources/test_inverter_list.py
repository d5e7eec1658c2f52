"""The list of 0002: what its records mean, by the frames that show it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from parts import replace
from snapshot_parts import DS3, INFO, PARIS, QS1, frame, info_of, levels_of, listing, one_inverter, records_of, seen

from aps2mqtt.base.models import inverter_model
from aps2mqtt.base.values import Inverter, Remark
from aps2mqtt.sources.ecu8899.answers import Record, Signal, decode_real_time
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.snapshot import snapshot

YC1000 = Record(
    "502000000003",
    online=True,
    type="02",
    frequency=50.0,
    temperature=25,
    powers=(100, 110, 120, 130),
    voltages=(228, 234, 239),
)
NEVER_HEARD = Record("704000000004", online=False, type="00")


def test_a_status_other_than_00_is_read_from_a_frame_without_end():
    """Quirk 27: the frame ends after the status; its length is right."""
    answer = records_of("ecub-0002-status02-15")
    assert (answer.status, answer.records, answer.remarks) == ("02", (), ())


def test_an_inverter_never_heard_is_listed_and_has_nothing_but_online_false():
    """Quirk 28: four of eight are of type 00."""
    taken = snapshot(
        info_of("ecurpro-sysinfo-2.0.7A-2022"),
        records_of("ecurpro-ds3-8-4unseen-2022"),
        levels_of("ecurpro-signal-8-2022"),
        PARIS,
    )
    assert taken.inverters[4:] == tuple(Inverter(f"70400000000{n}", online=False) for n in range(5, 9))
    assert (len(taken.inverters), taken.complete, taken.remarks) == (8, True, ())


def test_an_inverter_never_heard_may_stand_in_the_middle():
    """Quirk 28: those behind it are read."""
    taken = seen(DS3, NEVER_HEARD, QS1)
    assert [one.uid for one in taken.inverters] == [DS3.uid, NEVER_HEARD.uid, QS1.uid]
    assert [one.powers for one in taken.inverters] == [(100, 101), (), (2, 3, 5, 6)]


def test_an_inverter_never_heard_is_offline_whatever_its_flag_says():
    """Quirk 28: type 00 has only `online` False; a flag of 1 measures nothing, and no such inverter produces."""
    levels = Signal("00", ((NEVER_HEARD.uid, 200),))
    assert one_inverter(replace(NEVER_HEARD, online=True), levels) == Inverter(NEVER_HEARD.uid, online=False)


def test_the_own_id_of_the_ecu_in_the_list_is_no_inverter():
    """Quirk 29: an installer's slip. It is dropped without a remark, and the list is complete."""
    taken = seen(DS3, replace(NEVER_HEARD, uid=INFO.ecu_id), QS1)
    assert [one.uid for one in taken.inverters] == [DS3.uid, QS1.uid]
    assert (taken.complete, taken.remarks, taken.skipped) == (True, (), frozenset())


def test_the_own_id_of_the_ecu_is_no_inverter_even_if_listed_twice_or_of_an_unknown_type():
    """Quirk 29."""
    own = replace(NEVER_HEARD, uid=INFO.ecu_id)
    taken = seen(own, DS3, own, replace(own, type="Z7", undecoded="00"))
    assert [one.uid for one in taken.inverters] == [DS3.uid]
    assert (taken.complete, taken.remarks, taken.skipped) == (True, (), frozenset())


@pytest.mark.parametrize("uid", ["406000000001", "706000000001", "805000000001", "970000000001", "000000000001"])
def test_a_record_is_framed_by_its_type_whatever_the_uid(uid: str):
    """Quirk 30: every new model has a new prefix; the prefix only names it."""
    body = b"APS110050000200" + b"01\x00\x01" + bytes.fromhex("20250621120005" + uid + "01")
    body += b"01" + bytes.fromhex("01f4 0082 0064 00e6 0065 00e7")
    real_time = decode_real_time(Frame.decode(body + b"END\n"))
    (inverter,) = snapshot(INFO, real_time, None, PARIS).inverters
    assert (inverter.uid, inverter.powers, inverter.voltages) == (uid, (100, 101), (230, 231))


def test_an_inverter_of_an_unknown_type_is_skipped_and_not_missing():
    """Quirk 31: its UID is known, its values are not; nobody takes it for gone."""
    unknown = Record("999000000007", online=True, type="Z7", undecoded="01f40082")
    taken = seen(DS3, unknown, QS1)
    assert [one.uid for one in taken.inverters] == [DS3.uid, QS1.uid]
    assert (taken.skipped, taken.complete) == (frozenset({"999000000007"}), True)


def test_of_the_inverters_that_were_skipped_only_those_online_count_as_online():
    """Where 0001 contradicts itself, the count of inverters online is made of it."""
    online = [Record(f"99900000000{n}", online=n < 2, type="Z7", undecoded="00") for n in range(5)]
    taken = seen(DS3, *online, replace(QS1, uid="80200000000a", online=False))
    assert (len(taken.skipped), taken.skipped_online) == (6, 2)


def test_an_inverter_whose_uid_is_not_decimal_is_skipped_and_may_be_any_of_the_others():
    """A topic is never made of it, and the inverter that it may be is not taken for missing."""
    taken = seen(DS3, replace(QS1, uid="80200000000a"))
    assert [one.uid for one in taken.inverters] == [DS3.uid]
    assert (taken.skipped, taken.skipped_online, taken.complete) == (frozenset({"80200000000a"}), 1, False)


def test_a_list_that_could_not_be_read_to_its_end_is_not_complete():
    """Quirk 31: what stands behind an unknown record is lost, and nothing is concluded from that."""
    taken = snapshot(INFO, replace(listing(DS3), complete=False), None, PARIS)
    assert [one.uid for one in taken.inverters] == [DS3.uid]
    assert not taken.complete


def test_another_format_version_of_the_list_is_read_with_a_remark():
    """Quirk 32: other programs read no inverter then."""
    data = frame("ecurpro-ds3-8-4unseen-2022").encode()
    real_time = decode_real_time(Frame.decode(data[:15] + b"02" + data[17:]))
    taken = snapshot(INFO, real_time, None, PARIS)
    assert (len(taken.inverters), taken.complete) == (8, True)
    assert [remark.what for remark in taken.remarks] == ["0002 has the unknown format '02'"]


def test_qt2_reports_type_02_and_is_named_by_its_prefix():
    """Quirk 33."""
    records = records_of("ecur-qt2-6-2023-11-20").records
    assert {record.type for record in records} == {"02"}
    assert {inverter_model(record.uid) for record in records} == {"QT2"}
    assert {len(record.powers) for record in records} == {4}


def test_the_voltages_of_qt2_are_phase_to_phase():
    """Quirk 34: about 390 V each, passed on as they are."""
    taken = snapshot(INFO, records_of("ecur-qt2-6-2023-11-21-pm"), None, PARIS)
    voltages = [inverter.voltages for inverter in taken.inverters]
    assert voltages == [
        (389, 394, 393),
        (392, 393, 392),
        (395, 391, 390),
        (391, 395, 391),
        (394, 394, 388),
        (390, 398, 392),
    ]


@pytest.mark.parametrize(
    ("words", "length", "powers", "voltages"),
    [
        ("0064 00e6 0065 00e7", b"0050", (100, 101), (230, 231)),
        ("0064 0186 0065 0187 0066 0188 0067", b"0056", (100, 101, 102, 103), (390, 391, 392)),
    ],
    ids=["two channels", "four channels"],
)
def test_type_05_is_what_makes_the_records_end(words: str, length: bytes, powers: tuple, voltages: tuple):
    """Quirk 35: two channels for some programs, four for others, and no public frame to tell."""
    body = b"APS11" + length + b"000200" + b"01\x00\x01" + bytes.fromhex("20250621120005 707000000001 01")
    body += b"05" + bytes.fromhex("01f4 0082" + words)
    (inverter,) = snapshot(INFO, decode_real_time(Frame.decode(body + b"END\n")), None, PARIS).inverters
    assert (inverter.powers, inverter.voltages) == (powers, voltages)


def test_an_offline_inverter_has_no_power_and_nothing_measured():
    """Quirk 36: five of these six records hold stale watts and volts, 0 Hz and 0 degC. The sixth is awake."""
    taken = snapshot(
        info_of("ecur-sysinfo-1.3.6C-2023-11-21-am"),
        records_of("ecur-qt2-6-partial-2023-11-21-am"),
        levels_of("ecur-signal-6-2023-11-21-am"),
        PARIS,
    )
    offline = {
        Inverter(f"90100000000{n}", online=False, powers=(0, 0, 0, 0), voltages=(None, None, None))
        for n in (1, 3, 4, 5, 6)
    }
    assert set(taken.inverters) == offline | {
        Inverter(
            "901000000002",
            online=True,
            powers=(15, 16, 16, 16),
            voltages=(392, 395, 389),
            frequency=49.9,
            temperature=16,
            signal=65,
        )
    }
    assert sum(sum(inverter.powers) for inverter in taken.inverters) == taken.power == 63


def test_an_offline_inverter_keeps_its_shape():
    """Quirk 36: as many channels and voltages as its type has, so that each of their topics is cleared."""
    for record in (DS3, QS1, YC1000):
        inverter = one_inverter(replace(record, online=False))
        assert inverter.powers == (0,) * len(record.powers)
        assert inverter.voltages == (None,) * len(record.voltages)


def test_an_offline_inverter_of_newer_models_is_not_at_minus_100_degrees():
    """Quirk 37: all is zero there, and so the raw temperature is."""
    real_time = records_of("ecurpro-ds3-8-4unseen-2022")
    assert real_time.records[0].temperature == -100
    taken = snapshot(INFO, real_time, levels_of("ecurpro-signal-8-2022"), PARIS)
    assert taken.inverters[0] == Inverter("704000000001", online=False, powers=(0, 0), voltages=(None, None))
    assert {inverter.temperature for inverter in taken.inverters} == {None}


def test_an_offline_inverter_has_no_signal_even_if_the_ecu_remembers_one():
    """Quirk 61: 216 is the level it had before it went to sleep."""
    signal = levels_of("ecurpro-signal-8-2022")
    assert dict(signal.levels)["704000000001"] == 216
    taken = snapshot(INFO, records_of("ecurpro-ds3-8-4unseen-2022"), signal, PARIS)
    assert {inverter.signal for inverter in taken.inverters} == {None}


def test_a_half_awake_inverter_has_power_and_no_frequency_and_no_voltage():
    """Quirk 38: online, 65.0 Hz, 5 V and 4 W. Temperature and signal are measured."""
    half = replace(QS1, frequency=65.0, voltages=(5,), powers=(0, 4, 0, 0))
    assert one_inverter(half, Signal("00", ((QS1.uid, 100),))) == Inverter(
        QS1.uid, online=True, powers=(0, 4, 0, 0), voltages=(None,), frequency=None, temperature=6, signal=39
    )


@pytest.mark.parametrize(
    ("frequency", "awake"),
    [
        (0.0, False),
        (44.9, False),
        (45.0, False),
        (45.1, True),
        (50.0, True),
        (59.9, True),
        (64.9, True),
        (65.0, False),
        (6553.5, False),
    ],
)
def test_an_inverter_is_awake_strictly_between_45_and_65_hz(frequency: float, *, awake: bool):
    """Quirk 38: the limits themselves are no frequency of a grid."""
    inverter = one_inverter(replace(YC1000, frequency=frequency))
    assert inverter.online
    assert inverter.powers == YC1000.powers
    assert inverter.frequency == (frequency if awake else None)
    assert inverter.voltages == (YC1000.voltages if awake else (None, None, None))


def test_a_site_of_60_hz_is_awake():
    """Seven QS1 at 59.9 Hz, some channels of which have 0 W and some 0 degC: these are measured, not unknown."""
    taken = snapshot(INFO, records_of("qs1-7-ecur-2020-day"), None, ZoneInfo("America/New_York"))
    assert {inverter.frequency for inverter in taken.inverters} == {59.9}
    assert [inverter.temperature for inverter in taken.inverters] == [1, 0, 1, 0, 1, 1, 2]
    assert taken.inverters[5].powers == (4, 0, 0, 0)


def test_the_timestamp_is_that_of_the_data_and_not_of_the_poll():
    """Quirk 39: at night it stands for hours."""
    taken = snapshot(INFO, records_of("ecurpro-ds3-8-4unseen-2022"), None, ZoneInfo("Europe/Amsterdam"))
    assert taken.timestamp is not None
    assert taken.timestamp.isoformat() == "2022-09-19T22:28:05+02:00"


@pytest.mark.parametrize(
    "digits",
    [
        "00000000000000",
        "d0d0d0d0d0d0d0",
        "",
        "20251301120000",
        "20250230120000",
        "20250621240000",
        "20250621126000",
        "20250621120060",
        "2025062112000a",
        "19700101000500",
        "19991231235959",
        "00010101000000",
        "99991231235959",
    ],
)
def test_a_timestamp_that_is_filler_or_of_a_clock_never_set_is_unknown(digits: str):
    """Nothing else is lost by it; a state that held such a time would be taken for damaged."""
    taken = snapshot(INFO, replace(listing(DS3), time=digits), None, PARIS)
    assert taken.timestamp is None
    assert len(taken.inverters) == 1


def test_the_first_year_of_a_clock_that_was_set_is_2000():
    """An ECU that was never set begins in 1970 or at another beginning before it."""
    taken = snapshot(INFO, replace(listing(DS3), time="20000101000000"), None, PARIS)
    assert taken.timestamp == datetime(2000, 1, 1, tzinfo=PARIS)


def test_of_an_hour_that_comes_twice_the_first_is_taken():
    """The frame does not tell which of both it was."""
    taken = snapshot(INFO, replace(listing(DS3), time="20251026023000"), None, PARIS)
    assert taken.timestamp is not None
    assert taken.timestamp.astimezone(UTC) == datetime(2025, 10, 26, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("info", "listed", "power", "added"),
    [
        ("ecur-sysinfo-1.3.6C-2023-11-20", "ecur-qt2-6-2023-11-20", 654, 654),
        ("ecur-sysinfo-1.3.6C-2023-11-21-am", "ecur-qt2-6-partial-2023-11-21-am", 63, 63),
        ("ecur-sysinfo-1.3.6C-2023-11-21-pm", "ecur-qt2-6-2023-11-21-pm", 398, 462),
    ],
)
def test_0001_and_0002_are_two_readings_and_need_not_agree(info: str, listed: str, power: int, added: int):
    """Quirk 40: the third pair straddles a refresh. Each number is passed on, nothing is remarked."""
    taken = snapshot(info_of(info), records_of(listed), None, PARIS)
    assert taken.power == power
    assert sum(sum(inverter.powers) for inverter in taken.inverters) == added
    assert (taken.remarks, taken.contradictory, taken.complete) == ((), False, True)


def test_the_power_of_a_channel_is_passed_on_as_it_is_reported():
    """Quirk 41: nobody knows for sure whether it is DC or AC."""
    taken = snapshot(INFO, records_of("yc600-7-ecur-2020"), None, PARIS)
    assert [inverter.powers for inverter in taken.inverters[:5]] == [(20, 20), (19, 20), (20, 20), (20, 19), (21, 20)]


def test_there_are_as_many_voltages_as_phases_or_ac_words_and_none_of_the_dc_side():
    """Quirk 42: all are AC; QS1 has four channels and one voltage."""
    taken = snapshot(INFO, records_of("ecur-yc600-qs1-2025-redacted"), None, PARIS)
    assert [inverter.voltages for inverter in taken.inverters] == [(231, 231), (231,)]
    assert [inverter.powers for inverter in taken.inverters] == [(8, 9), (2, 2, 5, 5)]


def test_yc1000_has_three_voltages_for_four_channels():
    """Quirk 43: V1 to V3 are L1 to L3, and the fourth channel has none."""
    body = b"APS110056000200" + b"01\x00\x01" + bytes.fromhex("20250621120005 502000000003 01") + b"02"
    body += bytes.fromhex("01f4 007d 0064 00e4 006e 00ea 0078 00ef 0082")
    (inverter,) = snapshot(INFO, decode_real_time(Frame.decode(body + b"END\n")), None, PARIS).inverters
    assert inverter.powers == (100, 110, 120, 130)
    assert inverter.voltages == (228, 234, 239)
    assert one_inverter(YC1000, None) == inverter


@pytest.mark.parametrize(
    ("record", "powers", "voltages", "temperature", "told"),
    [
        (replace(DS3, powers=(65_535, 101)), (None, 101), (230, 231), 30, "65535 W on channel 1"),
        (replace(DS3, powers=(2_000, 2_001)), (2_000, None), (230, 231), 30, "2001 W on channel 2"),
        (replace(DS3, powers=(40_000, 40_000)), (None, None), (230, 231), 30, "40000 W on channel 1, 40000 W"),
        (replace(DS3, voltages=(1_000, 1_001)), (100, 101), (1_000, None), 30, "1001 V as V2"),
        (replace(DS3, temperature=65_435), (100, 101), (230, 231), None, "65435 degC"),
        (replace(DS3, temperature=151), (100, 101), (230, 231), None, "151 degC"),
        (replace(DS3, temperature=-61), (100, 101), (230, 231), None, "-61 degC"),
        (
            replace(DS3, powers=(9_000, 1), voltages=(5_000, 2), temperature=500),
            (None, 1),
            (None, 2),
            None,
            "9000 W on channel 1, 5000 V as V1, 500 degC",
        ),
    ],
)
def test_a_value_that_no_inverter_can_measure_is_no_reading(record, powers, voltages, temperature, told: str):
    """The frame has no checksum: a bit that was lost is left out and named, the rest of the record is good."""
    taken = seen(record, QS1)
    assert taken.inverters[0] == Inverter(
        DS3.uid, online=True, powers=powers, voltages=voltages, frequency=50.0, temperature=temperature
    )
    assert taken.inverters[1].powers == QS1.powers
    (remark,) = taken.remarks
    assert remark.what == f"inverter {DS3.uid} reports impossible values"
    assert told in remark.detail
    assert taken.complete


@pytest.mark.parametrize("temperature", [-60, 0, 150])
def test_the_coldest_and_the_hottest_temperature_are_readings(temperature: int):
    taken = seen(replace(DS3, temperature=temperature))
    assert (taken.inverters[0].temperature, taken.remarks) == (temperature, ())


@pytest.mark.parametrize("record", [replace(DS3, online=False), replace(NEVER_HEARD, online=True)])
def test_the_junk_of_an_inverter_that_measures_nothing_is_not_remarked(record: Record):
    """Quirk 36: it is left out whatever it is. A raw temperature of 0 is no lost bit either (quirk 37)."""
    assert seen(replace(record, powers=(65_535,) * len(record.powers), temperature=65_435)).remarks == ()
    assert seen(replace(DS3, temperature=-100)).remarks == ()


def test_an_online_inverter_of_0_w_stays_online():
    """Quirk 44: it may only have been missed this time; nothing is concluded from a 0."""
    inverter = one_inverter(replace(DS3, powers=(0, 0)))
    assert (inverter.online, inverter.powers, inverter.frequency) == (True, (0, 0), 50.0)


def test_an_inverter_listed_twice_is_one_and_the_list_not_complete():
    """Which inverter the second stands for nobody knows, so none is taken for missing."""
    taken = seen(DS3, QS1, DS3)
    assert [one.uid for one in taken.inverters] == [DS3.uid, QS1.uid]
    assert not taken.complete
    assert taken.remarks == (Remark("the answer to 0002 contradicts itself", "inverters that it lists twice: 1"),)


def test_of_an_inverter_listed_twice_the_online_record_counts():
    """Whichever comes first; of two online ones the first."""
    offline, other = replace(DS3, online=False), replace(DS3, powers=(7, 8))
    for records in ((offline, DS3), (DS3, offline), (DS3, other), (offline, DS3, other)):
        (inverter,) = seen(*records).inverters
        assert (inverter.online, inverter.powers) == (True, (100, 101))


def test_a_list_without_inverters_is_complete_only_if_none_is_registered():
    """Otherwise the ECU has forgotten them for the moment."""
    assert seen(info=replace(INFO, registered=0, online=0, power=0)).complete
    assert not seen(info=replace(INFO, registered=0, online=0)).complete  # none, and 654 W
    assert not seen(info=replace(INFO, registered=1, online=0)).complete
    assert not seen(info=INFO).complete
    assert not seen(info=replace(INFO, registered=0, online=6)).complete  # quirk 53
