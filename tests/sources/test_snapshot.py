"""From the wire's records to what they mean: the field's oddities, by the frames that show them.

The quirks have their numbers in docs/quirks.md.
"""

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from parts import replace
from snapshot_parts import (
    CAPTURES,
    DS3,
    INFO,
    PARIS,
    QS1,
    frame,
    info_of,
    levels_of,
    listing,
    one_inverter,
    records_of,
    seen,
)

from aps2mqtt.base.errors import MalformedFrame
from aps2mqtt.base.values import UNCHANGED, Inverter, Remark, Short, Snapshot
from aps2mqtt.sources.ecu8899.answers import Signal, decode_system_info
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.snapshot import snapshot

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
    assert [remark.what for remark in taken.remarks] == ["one", "two", "three", "the answer to 0002 contradicts itself"]
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
    with pytest.raises(MalformedFrame, match="is not a number of 12 digits"):
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
