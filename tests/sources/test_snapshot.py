"""From the wire's records to what they mean: the field's oddities, by the frames that show them.

The quirks have their numbers in docs/quirks.md.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from parts import replace

from aps2mqtt.base.errors import MalformedFrame
from aps2mqtt.base.models import inverter_model
from aps2mqtt.base.values import UNCHANGED, Inverter, Remark, Short, Snapshot
from aps2mqtt.sources.ecu8899.answers import (
    RealTime,
    Record,
    Signal,
    SystemInfo,
    decode_real_time,
    decode_signal,
    decode_system_info,
)
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.snapshot import snapshot

CAPTURES = Path(__file__).parents[1] / "captures"
PARIS = ZoneInfo("Europe/Paris")
INFO = SystemInfo(
    ecu_id="216000000004",
    version="01",
    lifetime_energy=4358.1,
    power=654,
    energy_today=0.17,
    registered=2,
    online=2,
    firmware="ECU_R_1.3.6C",
    time_zone="Etc/GMT-8",
)
DS3 = Record(
    "703000000001", online=True, type="01", frequency=50.0, temperature=30, powers=(100, 101), voltages=(230, 231)
)
QS1 = Record(
    "802000000002", online=True, type="03", frequency=49.9, temperature=6, powers=(2, 3, 5, 6), voltages=(231,)
)
YC1000 = Record(
    "502000000003",
    online=True,
    type="02",
    frequency=50.0,
    temperature=25,
    powers=(100, 110, 120, 130),
    voltages=(228, 234, 239),
)
NO_SIGNALS = Signal("00")
NEVER_HEARD = Record("704000000004", online=False, type="00")


def frame(name: str) -> Frame:
    return Frame.decode(bytes.fromhex(json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))["hex"]))


def info_of(name: str) -> SystemInfo:
    return decode_system_info(frame(name))


def records_of(name: str) -> RealTime:
    return decode_real_time(frame(name))


def levels_of(name: str) -> Signal:
    return decode_signal(frame(name))


def listing(*records: Record) -> RealTime:
    return RealTime("00", "01", len(records), "20250621120005", records)


def seen(*records: Record, signal: Signal | None = NO_SIGNALS, info: SystemInfo = INFO) -> Snapshot:
    """What these records mean; INFO has as many registered as there are."""
    if info is INFO and records:
        info = replace(INFO, registered=len(records), online=sum(record.online for record in records))
    return snapshot(info, listing(*records), signal, PARIS)


def one_inverter(record: Record, signal: Signal | None = NO_SIGNALS) -> Inverter:
    (inverter,) = seen(record, signal=signal).inverters
    return inverter


# -- all three answers ------------------------------------------------------------------------------------------------


def test_a_snapshot_holds_all_that_three_answers_say():
    """Six QT2 in the evening of 2023-11-20: 0001, 0002 and 0030 of the same minute."""
    taken = snapshot(
        info_of("ecur-sysinfo-1.3.6C-2023-11-20"),
        records_of("ecur-qt2-6-2023-11-20"),
        levels_of("ecur-signal-6-qt2-2023-11-20"),
        PARIS,
    )
    assert replace(taken, inverters=()) == Snapshot(
        ecu_id="216000000004",
        firmware="ECU_R_1.3.6C",
        power=654,
        lifetime=4358.1,
        today=0.17,
        registered=6,
        online=6,
        contradictory=False,
        timestamp=datetime(2023, 11, 20, 15, 19, 34, tzinfo=PARIS),
        inverters=(),
        skipped=frozenset(),
        complete=True,
        remarks=(),
    )
    assert len(taken.inverters) == 6
    assert taken.inverters[0] == Inverter(
        "901000000001",
        online=True,
        powers=(26, 26, 27, 25),
        voltages=(390, 391, 383),
        frequency=49.9,
        temperature=23,
        signal=67,
    )


def test_the_remarks_of_all_three_answers_reach_the_snapshot():
    """In the order of the conversation, before what the snapshot itself finds odd."""
    info = replace(INFO, remarks=(Remark("one", "of 0001"),))
    real_time = replace(listing(DS3, DS3), remarks=(Remark("two", "of 0002"),))
    signal = Signal("00", (), (Remark("three", "of 0030"),))
    taken = snapshot(info, real_time, signal, PARIS)
    short = "the ECU does not list all its inverters"
    assert [remark.what for remark in taken.remarks] == ["one", "two", "three", "0002 contradicts itself"]
    assert [remark.what for remark in snapshot(info, listing(DS3), None, PARIS).remarks] == ["one", short]


# -- 0001 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("ecurpro-sysinfo-2.0.7A-2022", "12"),
        ("ecurpro-sysinfo-2.1.29-2026", "12"),
        ("ecuc-sysinfo-C1.2.1-masked", "12"),
        ("ecur-sysinfo-1.2.31-2025", "11"),
        ("ecub-sysinfo-1.2.23-new-online", "11"),
        ("ecurpro-ds3-8-4unseen-2022", "11"),
        ("ecurpro-signal-8-2022", "11"),
    ],
)
def test_the_system_info_of_newer_models_is_of_group_12_and_all_else_of_group_11(name: str, group: str):
    """Quirk 20: the group tells no more than that, so nothing depends on it."""
    assert frame(name).group == group


@pytest.mark.parametrize(
    ("name", "unknown"),
    [
        ("ecurpro-sysinfo-2.0.7A-2022", "3030" + "00" * 10),
        ("ecuc-sysinfo-C1.2.1-masked", "3030" + "00" * 10),
        ("ecur-sysinfo-1.2.31-2025", ""),
        ("ecub-sysinfo-1.2.23-new-offline", ""),
    ],
)
def test_newer_models_have_twelve_more_bytes_behind_the_macs(name: str, unknown: str):
    """Quirk 21: nobody knows what they say, and they are kept as they came."""
    assert info_of(name).unknown == unknown


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("ecur-sysinfo-1.2.31-2025", "d0d0d0d0d0d0d0"),
        ("ecub-sysinfo-1.2.23-new-online", "d0d0d0d0d0d0d0"),
        ("ecurpro-sysinfo-2.0.7A-2022", "20220919202607"),
        ("ecuc-sysinfo-C1.2.1-masked", "00000000000000"),
    ],
)
def test_the_last_contact_may_be_filler(name: str, digits: str):
    """Quirk 22: a time on newer models only, zeros before the first contact; filler costs nobody the frame."""
    assert info_of(name).last_contact == digits


def test_format_02_of_the_system_info_makes_the_same_snapshot():
    """Quirk 23: its counts stand elsewhere, and it has neither last contact nor time zone."""
    payload = b"216000000004" + b"02" + bytes.fromhex("0000aa3d 0000028e 00000011 0002 0002 000000000000")
    body = b"APS1100670001" + payload + b"012ECU_R_1.3.6C"
    info = decode_system_info(Frame.decode(body + b"END\n"))
    assert snapshot(info, listing(DS3, QS1), None, PARIS) == seen(DS3, QS1, signal=None)


def test_the_firmware_ends_where_its_length_says():
    """Quirk 24: "ECU_R_1.2.19009" is the firmware with the length of the time zone glued to it."""
    taken = snapshot(info_of("ecur-sysinfo-1.2.19-life0-a"), listing(QS1), None, PARIS)
    assert taken.firmware == "ECU_R_1.2.19"


def test_the_time_zone_of_the_ecu_is_never_applied():
    """Quirk 25: it says Etc/GMT-8 wherever the site is; wall time is that of the site all the same."""
    info = info_of("ecur-sysinfo-1.3.6C-2023-11-20")
    assert info.time_zone == "Etc/GMT-8"
    for zone, hours in (("Europe/Amsterdam", 1), ("US/Pacific", -8), ("Asia/Kolkata", 5.5)):
        timestamp = snapshot(info, records_of("ecur-qt2-6-2023-11-20"), None, ZoneInfo(zone)).timestamp
        assert timestamp is not None
        assert timestamp.replace(tzinfo=None) == datetime(2023, 11, 20, 15, 19, 34)  # noqa: DTZ001 - wall time
        assert timestamp.utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("name", "mac"),
    [
        ("ecur-sysinfo-1.2.31-2025", "000000000000"),
        ("ecub-sysinfo-1.2.23-new-online", "000000000000"),
        ("ecurpro-sysinfo-2.0.7A-2022", "60c5a8000001"),
    ],
)
def test_older_models_have_zeros_for_the_wireless_mac(name: str, mac: str):
    """Quirk 26."""
    assert info_of(name).wireless_mac == mac


def test_a_new_ecu_has_counters_of_zero_and_is_read():
    """Zero is the truth there; which zero is believed is not decided here."""
    taken = snapshot(info_of("ecub-sysinfo-1.2.23-new-offline"), listing(), None, PARIS)
    assert (taken.power, taken.lifetime, taken.today, taken.registered, taken.online) == (0, 0, 0, 1, 0)
    assert not taken.contradictory


def test_more_inverters_online_than_registered_is_a_contradiction():
    """Quirk 53: the frame that forgets today's energy forgets the inverters too, and betrays itself."""
    taken = snapshot(info_of("ecurpro-sysinfo-2.1.17-today-zero"), listing(QS1), None, PARIS)
    assert (taken.registered, taken.online, taken.today, taken.contradictory) == (0, 6, 0, True)


@pytest.mark.parametrize(("registered", "online", "contradictory"), [(2, 2, False), (2, 3, True), (2, 1, False)])
def test_all_inverters_online_is_no_contradiction(registered: int, online: int, *, contradictory: bool):
    assert seen(DS3, info=replace(INFO, registered=registered, online=online)).contradictory is contradictory


@pytest.mark.parametrize(
    "ecu_id",
    [
        "2150000*****",
        "21600000000",
        "2160000000041",
        "",
        "21600000000a",
        "21600000000²",
        "21600000000\u0663",
        "216000000 04",
    ],
)
def test_an_ecu_id_that_is_not_twelve_digits_is_malformed(ecu_id: str):
    """It becomes part of every topic; one that was masked or garbled must not."""
    with pytest.raises(MalformedFrame, match="is not one of 12 digits"):
        seen(DS3, info=replace(INFO, ecu_id=ecu_id))


def test_a_masked_ecu_id_in_a_captured_frame_is_malformed():
    with pytest.raises(MalformedFrame, match=r"'2150000\*\*\*\*\*'"):
        snapshot(info_of("ecuc-sysinfo-C1.2.1-masked"), listing(), None, PARIS)


@pytest.mark.parametrize(
    ("firmware", "printable"),
    [
        ("ECU_R_1.2.19", "ECU_R_1.2.19"),
        ("ECU\x00R\n1\x7f", "ECU?R?1?"),
        ("ECU\x1b[31m", "ECU?[31m"),
        ("ECU \xe9\x85", "ECU ??"),
        ("", ""),
    ],
)
def test_control_characters_in_the_firmware_become_printable(firmware: str, printable: str):
    """The text goes to topics and terminals."""
    assert seen(DS3, info=replace(INFO, firmware=firmware)).firmware == printable


# -- the list of 0002 -------------------------------------------------------------------------------------------------


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
    assert [remark.what for remark in taken.remarks] == ["format '02' of 0002 is new"]


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
    assert taken.remarks == (Remark("0002 contradicts itself", "UIDs that it lists twice: 1"),)


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


# -- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "percent"),
    [(0, 0), (1, 0), (2, 0), (3, 1), (168, 65), (171, 67), (181, 70), (198, 77), (254, 99), (255, 100)],
)
def test_a_signal_is_whole_percent_of_255_rounded_down(level: int, percent: int):
    """Quirk 60: 181 is 70.98 % and was shown as 70."""
    assert one_inverter(DS3, Signal("00", ((DS3.uid, level),))).signal == percent


def test_signals_are_matched_by_uid():
    """Quirk 62: neither order nor number need be that of the list."""
    levels = Signal("00", (("999999999999", 1), (QS1.uid, 198), (DS3.uid, 181)))
    assert [one.signal for one in seen(DS3, QS1, signal=levels).inverters] == [70, 77]


def test_the_signals_of_a_captured_pair_are_those_of_its_inverters():
    """181 stood as 70 % in the log from which both come."""
    taken = snapshot(INFO, records_of("ecur-yc600-qs1-2025-redacted"), levels_of("ecur-signal-2025-redacted"), PARIS)
    assert {one.uid: one.signal for one in taken.inverters} == {"408000000008": 70, "806000000005": 77}


def test_an_inverter_without_a_signal_in_the_answer_has_none():
    """That is unknown, which is not 0."""
    levels = Signal("00", ((DS3.uid, 181),))
    assert [one.signal for one in seen(DS3, QS1, signal=levels).inverters] == [70, None]


def test_signals_stay_as_they_are_where_0030_failed():
    """Those of online inverters; an offline one has none in any case."""
    taken = seen(DS3, replace(QS1, online=False), signal=None)
    assert [one.signal for one in taken.inverters] == [UNCHANGED, None]


# -- what the owners said of their frames -----------------------------------------------------------------------------


def captures(command: str) -> list[dict[str, Any]]:
    """Those of which an owner has stated something."""
    files = sorted(CAPTURES.glob("*.json"))
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    return [one for one in found if one["command"] == command and one["stated_in_thread"]]


@pytest.mark.parametrize("capture", captures("0001"), ids=lambda one: one["id"])
def test_the_totals_are_those_that_the_owner_stated(capture: dict[str, Any]):
    """As his program or the vendor's app showed them. A text may go on with words of his own."""
    read = Frame.decode(bytes.fromhex(capture["hex"]))
    info = decode_system_info(read)
    found = {
        "ecu_id": info.ecu_id,
        "format": info.version,
        "lifetime": info.lifetime_energy,
        "power": info.power,
        "today": info.energy_today,
        "registered": info.registered,
        "inverters": info.registered,
        "online": info.online,
        "firmware": info.firmware,
        "channel": info.channel,
        "tz": info.time_zone,
        "length": len(read.encode()) - 1,
    }
    for name, stated in capture["stated_in_thread"].items():
        if name != "comment":
            assert (stated.partition(" (")[0] if isinstance(stated, str) else stated) == found[name], name


@pytest.mark.parametrize(
    "name",
    ["ecub-ds3-2-2023-07-31", "ecur-qs1-2-2021-night", "ecurpro-ds3-8-4unseen-2022-day"],
)
def test_the_inverters_are_those_that_the_owner_stated(name: str):
    """Time, order, flags, watts and volts."""
    stated = json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))["stated_in_thread"]
    taken = snapshot(INFO, records_of(name), None, PARIS)
    if "time" in stated:
        assert f"{taken.timestamp:%Y-%m-%d %H:%M:%S}" == stated["time"]
        assert len(taken.inverters) == stated["count"]
    if "online" in stated:
        assert [one.online for one in taken.inverters] == stated["online"]
    awake = [one for one in taken.inverters if one.online]
    claims = [*zip(awake, stated.get("inverters", []), strict="inverters" in stated)]
    claims += [(awake[-1], stated["last_inverter"])] if "last_inverter" in stated else []
    for inverter, claim in claims:
        found = {
            "uid": inverter.uid,
            "online": inverter.online,
            "power": list(inverter.powers),
            "voltage": list(inverter.voltages),
            "frequency": inverter.frequency,
        }
        assert claim == {key: found[key] for key in claim}


def test_the_signals_are_those_that_the_owner_stated():
    """In the reverse order of the list; 211 was shown as 82 %, and the inverter with 0 was offline."""
    name = "ecub-signal-2-1offline-2023-08-06"
    stated = json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))["stated_in_thread"]
    assert dict(levels_of(name).levels) == stated["levels"]
    listed = records_of("ecub-ds3-2-2023-07-31").records
    asleep = [replace(record, online=record.uid in stated["percent"]) for record in listed]
    taken = seen(*asleep, signal=levels_of(name))
    assert {one.uid: one.signal for one in taken.inverters if one.online} == stated["percent"]
    assert [one.signal for one in taken.inverters] == [82, None]


def test_an_offline_qs1_leaves_stale_watts_on_its_last_channels():
    """Quirk 46: as QT2 does (36); none of them is power."""
    listed = records_of("ecur-qs1-2-2021-night")
    assert [record.powers for record in listed.records] == [(0, 0, 2, 3), (0, 0, 2, 2)]
    taken = snapshot(info_of("ecur-sysinfo-1.2.18-2021-night"), listed, None, PARIS)
    assert [one.powers for one in taken.inverters] == [(0, 0, 0, 0)] * 2
    assert (taken.power, taken.registered, taken.online, taken.complete) == (0, 2, 0, True)


def test_an_empty_list_with_a_fresh_time_is_read_and_is_not_complete():
    """Quirk 45: three DS3 were installed and gave power, for days."""
    taken = snapshot(INFO, records_of("ecuc-empty-list-C1.2.24B-2026"), None, PARIS)
    assert taken.timestamp == datetime(2026, 4, 26, 15, 20, tzinfo=PARIS)
    assert (taken.inverters, taken.complete, taken.short) == ((), False, Short(0, 2))
    assert list(map(str, taken.remarks)) == ["the ECU does not list all its inverters: it has 2 and lists 0"]


def test_a_day_of_an_ecu_r_pro_fits_together():
    """0001, 0002 and 0030 of the same minute: four of eight DS3 are online and add up to the ECU's watts."""
    taken = snapshot(
        info_of("ecurpro-sysinfo-2.0.7A-2022-day"),
        records_of("ecurpro-ds3-8-4unseen-2022-day"),
        levels_of("ecurpro-signal-8-2022-day"),
        ZoneInfo("Europe/Amsterdam"),
    )
    assert (taken.power, taken.registered, taken.online) == (227, 8, 4)
    assert sum(sum(inverter.powers) for inverter in taken.inverters) == 227
    assert [one.signal for one in taken.inverters] == [84, 89, 88, 80, None, None, None, None]
