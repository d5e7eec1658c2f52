"""Truth on the broker, rule by rule: what was read and remembered goes in, topic and payload come out."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import replace

from aps2mqtt.base.memory import Doubt, Known, Memory, Today
from aps2mqtt.base.physical_limits import MOST_PANELS
from aps2mqtt.base.values import Inverter, Recalled, Remark, Short, Snapshot
from aps2mqtt.mqtt.topics import Style, messages, recalled
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import true_values

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 6, 21, 12, 0, tzinfo=PARIS)
FIVE_MINUTES = timedelta(minutes=5)
DAY = timedelta(days=1)

ECU = "216000000001"
TWO = "700000000001"  # a DS3: two channels
QUAD = "800000000001"  # a QS1: four channels, one voltage
THREE = "500000000001"  # a YC1000: four channels, three voltages
NEVER = "806000000009"  # of type 00: registered, never heard

RECORDS = {
    TWO: Record(TWO, online=True, type="01", frequency=49.9, temperature=31, powers=(60, 61), voltages=(230, 231)),
    QUAD: Record(QUAD, online=True, type="03", frequency=50.1, temperature=29, powers=(1, 2, 3, 4), voltages=(229,)),
    THREE: Record(
        THREE, online=True, type="02", frequency=50.0, temperature=0, powers=(9, 8, 7, 6), voltages=(235, 236, 235)
    ),
    NEVER: Record(NEVER, online=False, type="00"),
}

ASLEEP = replace(RECORDS[TWO], online=False)
SIGNALS = dict.fromkeys(RECORDS, 171)
NOTHING_RETAINED = Recalled()


def read(
    *records: Record | str,
    at: datetime | None = NOON,
    today: float = 3.5,
    lifetime: float = 1000.0,
    listed: int | None = None,
    levels: dict[str, int] | None = SIGNALS,
    **info: int,
) -> Snapshot:
    """What an ECU with these records says; `at` is its stamp, and it counts right unless told otherwise.

    `levels` is None where 0030 failed.
    """
    chosen = tuple(RECORDS[one] if isinstance(one, str) else one for one in records)
    numbers = {
        "power": sum(sum(one.powers) for one in chosen if one.online),
        "registered": len(chosen),
        "online": sum(one.online for one in chosen),
    } | info
    return snapshot(
        SystemInfo(ECU, "01", lifetime, energy_today=today, firmware="ECU_R_1.2.31", **numbers),
        RealTime(
            "00",
            "01",
            len(chosen) if listed is None else listed,
            f"{at:%Y%m%d%H%M%S}" if at else "d0" * 7,
            chosen,
            complete=listed is None or listed == len(chosen),
        ),
        None if levels is None else Signal("00", tuple(levels.items())),
        PARIS,
    )


@dataclass
class Bridge:
    """Jobs in a row: `retained` is what lies on the broker below the ECU's topic, `memory` what the last job told."""

    memory: Memory | None = None
    zone: ZoneInfo = PARIS
    retained: dict[str, str] = field(default_factory=dict)

    def job(self, read_now: Snapshot, now: datetime = NOON, recalled: Recalled = NOTHING_RETAINED) -> dict[str, str]:
        """Topic and payload of every message of one good job."""
        report, self.memory = true_values.settle(read_now, self.memory, recalled, now, self.zone)
        return self._tell(messages(Style(), report))

    def night(self, now: datetime) -> dict[str, str]:
        """Topic and payload of every message of one job that leaves the ECU alone."""
        assert self.memory is not None
        report, self.memory = true_values.night(self.memory, now, self.zone)
        return self._tell(messages(Style(), report))

    def _tell(self, told) -> dict[str, str]:
        said = {message.topic.removeprefix(f"aps/{ECU}/"): message.payload for message in told}
        assert len(said) == len(told), "a topic is named twice"
        self.retained |= said
        self.retained = {topic: payload for topic, payload in self.retained.items() if payload}
        return said


def below(uid: str, said: dict[str, str]) -> dict[str, str]:
    """What is said of one inverter."""
    return {topic.removeprefix(f"{uid}/"): payload for topic, payload in said.items() if topic.startswith(f"{uid}/")}


# -- offline inverters ------------------------------------------------------------------------------------------------

OFFLINE_TWO = {
    "online": "False",
    "signal": "",
    "temperature": "",
    "frequency": "",
    "power": "0",
    "voltage": "",
    "1/power": "0",
    "2/power": "0",
    "1/voltage": "",
    "2/voltage": "",
    "energy/today": "0",
    "1/energy/today": "0",
    "2/energy/today": "0",
}
OFFLINE_THREE = {
    "online": "False",
    "signal": "",
    "temperature": "",
    "frequency": "",
    "power": "0",
    "voltage": "",
    "1/power": "0",
    "2/power": "0",
    "3/power": "0",
    "4/power": "0",
    "1/voltage": "",
    "2/voltage": "",
    "3/voltage": "",
    "energy/today": "0",
    "1/energy/today": "0",
    "2/energy/today": "0",
    "3/energy/today": "0",
    "4/energy/today": "0",
}
NEVER_HEARD = {
    "online": "False",
    "signal": "",
    "temperature": "",
    "frequency": "",
    "power": "",
    "voltage": "",
    "energy/today": "",
    **{f"{panel}/{name}": "" for name in ("power", "voltage", "energy/today") for panel in range(1, MOST_PANELS + 1)},
}


def test_an_offline_inverter_has_power_0_at_every_level_and_nothing_measured():
    """Quirk 37: ECU-R-Pro and ECU-C answer an offline record with zeros, 0 being -100 degC."""
    asleep = replace(RECORDS[TWO], online=False, frequency=0.0, temperature=-100, powers=(0, 0), voltages=(0, 0))
    assert below(TWO, Bridge().job(read(asleep))) == OFFLINE_TWO


def test_stale_watts_and_volts_of_an_offline_record_are_nobodys():
    """Quirk 36: the ECU-R leaves 27 W and 393 V standing in the record of an offline inverter."""
    stale = replace(RECORDS[THREE], online=False, frequency=0.0, powers=(27, 27, 0, 0), voltages=(393, 393, 393))
    assert below(THREE, Bridge().job(read(stale, TWO))) == OFFLINE_THREE


def test_an_offline_inverter_is_removed_anew_in_every_job():
    """A broker that lost a removal, as by a restore from a backup, gets it again."""
    bridge = Bridge()
    asleep = replace(RECORDS[TWO], online=False)
    assert [below(TWO, bridge.job(read(asleep))) for _ in range(3)] == [OFFLINE_TWO] * 3


def test_what_an_inverter_measured_by_day_is_off_the_broker_once_it_sleeps():
    """Nobody takes yesterday's values for today's."""
    bridge = Bridge()
    bridge.job(read(TWO))
    assert below(TWO, bridge.retained)["temperature"] == "31"
    bridge.job(read(replace(RECORDS[TWO], online=False)))
    assert below(TWO, bridge.retained) == {topic: text for topic, text in OFFLINE_TWO.items() if text}


def test_the_last_signal_of_an_offline_inverter_is_not_published():
    """Quirk 61: the ECU-R-Pro keeps the last link quality of an inverter that is offline."""
    said = Bridge().job(read(replace(RECORDS[TWO], online=False), QUAD, levels={TWO: 200, QUAD: 255}))
    assert (below(TWO, said)["signal"], below(QUAD, said)["signal"]) == ("", "100")


def test_signals_stay_as_they_are_where_0030_failed():
    """A query whose 0030 fails is a good one: the topic is neither published nor removed."""
    said = Bridge().job(read(TWO, levels=None))
    assert f"{TWO}/signal" not in said
    assert said[f"{TWO}/temperature"] == "31"


def test_the_signal_of_an_offline_inverter_is_removed_even_where_0030_failed():
    """An offline inverter has nothing measured, whatever 0030 said."""
    assert below(TWO, Bridge().job(read(replace(RECORDS[TWO], online=False), levels=None))) == OFFLINE_TWO


def test_an_inverter_never_heard_has_only_online_false():
    """Quirk 28: type 00 is a record of nine bytes; the panels of any type may lie on the broker from elsewhere."""
    assert below(NEVER, Bridge().job(read(TWO, NEVER))) == NEVER_HEARD


def test_an_inverter_never_heard_is_offline_whatever_its_flag_says():
    """A record of type 00 has only `online` False; its flag has always been 0 so far (quirk 28)."""
    assert below(NEVER, Bridge().job(read(TWO, replace(RECORDS[NEVER], online=True)))) == NEVER_HEARD


def test_an_inverter_that_was_heard_and_is_of_type_00_again_leaves_only_online_false():
    """An ECU that was restarted lists all its inverters as never heard."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    bridge.job(read(TWO, Record(THREE, online=False, type="00")))
    assert below(THREE, bridge.retained) == {"online": "False"}


def test_the_panels_an_inverter_has_no_more_are_removed():
    """Type 05 is read as two or four channels by what fits the frame (quirk 35), so the next may fit otherwise."""
    bridge = Bridge()
    bridge.job(read(replace(RECORDS[THREE], type="05")))
    bridge.job(read(replace(RECORDS[THREE], type="05", powers=(9, 8), voltages=(235, 236))))
    assert below(THREE, bridge.retained) == {
        "online": "True",
        "signal": "67",
        "temperature": "0",
        "frequency": "50",
        "power": "17",
        "voltage": "235.5",
        "1/power": "9",
        "2/power": "8",
        "1/voltage": "235",
        "2/voltage": "236",
        "energy/today": "0",
        "1/energy/today": "0",
        "2/energy/today": "0",
    }


def test_the_ecus_own_id_in_the_list_is_no_inverter():
    """Quirk 29: installers register the ECU's own serial number as an inverter."""
    said = Bridge().job(read(TWO, Record(ECU, online=False, type="00")))
    assert not below(ECU, said)
    assert below(TWO, said)["online"] == "True"


# -- half awake -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frequency", [65.0, 45.0, 0.0, 6553.5, 44.9, 65.1])
def test_an_inverter_half_awake_has_its_power_but_no_frequency_and_no_voltage(frequency):
    """Quirk 38: a QS1 that is waking says 65.0 Hz and 5 V."""
    waking = replace(RECORDS[QUAD], frequency=frequency, powers=(0, 4, 0, 0), voltages=(5,))
    assert below(QUAD, Bridge().job(read(waking))) == {
        "online": "True",
        "signal": "67",
        "temperature": "29",
        "frequency": "",
        "power": "4",
        "voltage": "",
        "1/power": "0",
        "2/power": "4",
        "3/power": "0",
        "4/power": "0",
        "1/voltage": "",
        "energy/today": "0",
        "1/energy/today": "0",
        "2/energy/today": "0",
        "3/energy/today": "0",
        "4/energy/today": "0",
    }


@pytest.mark.parametrize(("frequency", "payload"), [(45.1, "45.1"), (64.9, "64.9"), (50.0, "50"), (60.0, "60")])
def test_an_inverter_whose_frequency_is_a_grids_is_awake(frequency, payload):
    """The limits, 45 and 65 Hz, are outside."""
    said = below(QUAD, Bridge().job(read(replace(RECORDS[QUAD], frequency=frequency))))
    assert (said["frequency"], said["voltage"], said["1/voltage"]) == (payload, "229", "229")


# -- missing inverters ------------------------------------------------------------------------------------------------


def test_an_inverter_missing_once_or_twice_counts_as_offline():
    """Quirk 44: an inverter drops out of the list for a cycle though it feeds."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    assert below(THREE, bridge.job(read(TWO))) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(TWO))) == OFFLINE_THREE


def test_an_inverter_missing_three_times_is_gone_with_all_its_topics_and_that_is_said_once():
    """From three complete lists in a row it was missing: it was taken down."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    bridge.job(read(TWO))
    bridge.job(read(TWO))
    assert below(THREE, bridge.job(read(TWO))) == dict.fromkeys(OFFLINE_THREE, "")
    assert not below(THREE, bridge.retained)
    assert not below(THREE, bridge.job(read(TWO)))
    assert THREE not in bridge.memory.inverters


def test_an_inverter_never_heard_that_is_missing_three_times_is_gone_too():
    """An installer's slip is corrected in the app."""
    bridge = Bridge()
    bridge.job(read(TWO, NEVER))
    assert [below(NEVER, bridge.job(read(TWO))) for _ in range(4)] == [
        NEVER_HEARD,
        NEVER_HEARD,
        dict.fromkeys(NEVER_HEARD, ""),
        {},
    ]


def test_an_inverter_that_was_gone_comes_back_like_any_other():
    """A removal is no ban."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for _ in range(3):
        bridge.job(read(TWO))
    assert below(THREE, bridge.job(read(TWO, THREE)))["power"] == "30"
    assert below(THREE, bridge.job(read(TWO))) == OFFLINE_THREE


def test_an_inverter_listed_again_starts_to_be_missing_from_the_beginning():
    """Three lists in a row, not three lists."""
    bridge = Bridge()
    for _ in range(3):
        bridge.job(read(TWO, THREE))
        assert below(THREE, bridge.job(read(TWO))) == OFFLINE_THREE
        assert below(THREE, bridge.job(read(TWO))) == OFFLINE_THREE


def test_an_incomplete_list_removes_nothing_and_counts_nothing():
    """0002 says three records and holds one: who is not in it may be fine, and what is known of it stays."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    before = dict(bridge.retained)
    for _ in range(5):
        assert not below(THREE, bridge.job(read(TWO, listed=3, power=151)))
    assert {**bridge.retained, "power": "151", "inverters/total": "2", "inverters/online": "2"} == before
    assert below(THREE, bridge.job(read(TWO))) == OFFLINE_THREE


@pytest.mark.parametrize(
    "at_night",
    [
        read(replace(RECORDS[TWO], online=False), replace(RECORDS[TWO], online=False), registered=1),
        read(replace(RECORDS[TWO], online=False), listed=2),
        read(replace(RECORDS[TWO], online=False), replace(RECORDS[THREE], online=False, type="Z9")),
        read(replace(RECORDS[TWO], online=False), replace(RECORDS[THREE], online=False, uid="70400000000a")),
    ],
    ids=["twice the same", "incomplete", "an unknown type", "a garbled UID"],
)
def test_where_none_is_online_nobody_is_whatever_the_list_leaves_out(at_night):
    """0001 says so. Noon's watts would stand all night."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for _ in range(4):
        assert below(THREE, bridge.job(at_night)) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(TWO, THREE)))["power"] == "30"


@pytest.mark.parametrize(
    "lie", [{"registered": 0, "online": 0, "power": 227}, {"registered": 65535, "online": 1}], ids=str
)
def test_an_ecu_that_contradicts_itself_removes_no_inverter(lie):
    """One that its list does not have is offline, however long."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for _ in range(5):
        assert below(THREE, bridge.job(read(TWO, **lie))) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(TWO))) == dict.fromkeys(OFFLINE_THREE, "")


def test_an_inverter_that_only_the_broker_knows_is_missing_like_others():
    """The state is lost, and the list is complete without it."""
    bridge = Bridge()
    known = Recalled(1000.0, 3.5, NOON, energies={THREE: (0.01, 0.02, 0.0)})
    told = [below(THREE, bridge.job(read(TWO), NOON, known)) for _ in range(3)]
    assert [one.get("online") for one in told] == ["False", "False", ""]


def test_an_incomplete_list_between_complete_ones_neither_counts_nor_starts_over():
    """It says nothing of who is not in it."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    bridge.job(read(TWO))
    bridge.job(read(TWO))
    assert below(THREE, bridge.job(read(TWO, listed=2))) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(TWO))) == dict.fromkeys(OFFLINE_THREE, "")


def test_an_inverter_of_a_new_type_is_not_missing_and_keeps_its_topics():
    """Quirk 31: the record of an unknown type is skipped, its UID is known all the same."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    bridge.job(read(TWO))
    bridge.job(read(TWO))
    for _ in range(3):
        assert not below(THREE, bridge.job(read(TWO, replace(RECORDS[THREE], type="Z9"))))
    assert below(THREE, bridge.job(read(TWO))) == OFFLINE_THREE


def test_an_inverter_of_a_new_type_that_nobody_knew_has_no_topic():
    """What cannot be decoded is not published, nor is its absence later."""
    bridge = Bridge()
    assert not below(THREE, bridge.job(read(TWO, replace(RECORDS[THREE], type="Z9"))))
    assert not below(THREE, bridge.job(read(TWO)))


# -- lists that leave inverters out -----------------------------------------------------------------------------------

UNKNOWN_THREE = {topic: "" for topic in OFFLINE_THREE if not topic.endswith("energy/today")}


def short(*records: Record | str, at: datetime = NOON, **info: int) -> Snapshot:
    """A reading of an ECU that has TWO and THREE, both online, and lists what it likes."""
    return read(*records, at=at, **{"registered": 2, "online": 2, "power": 151} | info)


def test_what_a_short_list_leaves_out_is_kept_for_two_polls_and_unknown_from_the_third():
    """0001 has two and 0002 lists one: nobody may conclude that the other is offline or gone."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    before = below(THREE, bridge.retained)
    for _ in range(2):
        assert not below(THREE, bridge.job(short(TWO)))
        assert below(THREE, bridge.retained) == before
    for _ in range(20):
        said = below(THREE, bridge.job(short(TWO)))
        assert {topic: payload for topic, payload in said.items() if "energy" not in topic} == UNKNOWN_THREE
    assert below(THREE, bridge.retained) == {topic: "0" for topic in OFFLINE_THREE if "energy" in topic}
    assert below(TWO, bridge.retained)["online"] == "True"


def test_an_empty_list_of_inverters_that_produce_keeps_none_of_noons_watts():
    """Firmware C1.2.24B lists none of three for days, with a fresh time, while 0001 has all of them."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for step in range(1, 4):
        bridge.job(short(at=NOON + step * FIVE_MINUTES), NOON + step * FIVE_MINUTES)
    assert {topic for topic in bridge.retained if topic.startswith((TWO, THREE)) and "energy" not in topic} == set()
    assert bridge.retained["power"] == "151"
    assert counts(bridge.retained) == ("2", "2")


def test_where_0001_says_that_none_is_online_those_left_out_are_offline_at_once():
    """The evening of a day with empty lists."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    said = bridge.job(short(online=0, power=0))
    assert below(THREE, said) == OFFLINE_THREE
    assert below(TWO, said) == OFFLINE_TWO
    assert not bridge.memory.awake


def test_what_was_left_out_and_is_offline_stays_so_for_two_polls_of_the_morning():
    """A night of empty lists between two days of them."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for _ in range(4):
        bridge.job(short(online=0, power=0))
    said = [below(THREE, bridge.job(short())) for _ in range(3)]
    assert said[:2] == [{}, {}]
    assert said[2].items() >= UNKNOWN_THREE.items()


def test_an_inverter_that_is_listed_again_is_as_it_says():
    """A record that is lost now and then costs two polls at most."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for _ in range(5):
        assert not below(THREE, bridge.job(short(TWO)))
        assert not below(THREE, bridge.job(short(TWO)))
        assert below(THREE, bridge.job(read(TWO, THREE)))["power"] == "30"


def test_who_is_missing_from_a_whole_list_is_offline_after_a_short_one_too():
    """It was taken down, and 0001 says so by now."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for _ in range(4):
        bridge.job(short(TWO))
    assert [below(THREE, bridge.job(read(TWO))) for _ in range(3)] == [
        OFFLINE_THREE,
        OFFLINE_THREE,
        dict.fromkeys(OFFLINE_THREE, ""),
    ]


def test_more_online_than_are_listed_is_a_short_list_whatever_is_registered():
    """Quirk 53 beside a list of one: nobody is gone by it."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    for _ in range(5):
        said = bridge.job(short(TWO, registered=0, online=2))
    assert said[f"{THREE}/online"] == ""
    assert f"{THREE}/energy/today" in bridge.retained


def test_a_record_that_cannot_be_read_is_no_short_list():
    """It is listed, and who it is nobody knows."""
    assert short(TWO, replace(RECORDS[THREE], type="09")).short is None
    assert short(TWO, Record(ECU, online=False, type="00")).short is None  # quirk 29


def test_the_energy_of_an_inverter_that_is_left_out_stays_until_midnight():
    """What it made is known; what it makes is not."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    bridge.job(read(TWO, THREE, at=NOON + FIVE_MINUTES), NOON + FIVE_MINUTES)
    made = bridge.retained[f"{THREE}/energy/today"]
    assert made == "0.004"
    for step in range(2, 9):
        bridge.job(short(TWO, at=NOON + step * FIVE_MINUTES), NOON + step * FIVE_MINUTES)
    assert bridge.retained[f"{THREE}/energy/today"] == made
    bridge.job(short(TWO, at=NOON + DAY), NOON + DAY)
    assert bridge.retained[f"{THREE}/energy/today"] == "0"


def test_an_ecu_without_inverters_that_gives_power_contradicts_itself():
    """Nothing registered, nothing online, and 227 W: its counters are not taken, and nothing is removed."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    before = dict(bridge.retained)
    for _ in range(5):
        said = bridge.job(read(registered=0, online=0, power=227, today=9.0, lifetime=1200.0))
        assert said["power"] == "227"
    assert {**bridge.retained, "power": "151"} == before
    (remark,) = read(registered=0, online=0, power=227).remarks
    assert str(remark) == "the ECU says that it has no inverters: it lists 0 and gives 227 W; nothing is removed"


def test_the_glitch_of_counts_that_is_over_by_the_next_poll_is_not_told():
    """Quirk 53, about twice a week: under cron each line is a mail."""
    assert read(TWO, QUAD, registered=0, online=2).remarks == ()


def test_more_inverters_than_a_frame_can_hold_contradict_whatever_is_listed():
    """A bit of the count has flipped; the list counts."""
    assert short(TWO, registered=2 + 0x4000).short == Short(1, 2)
    said = Bridge().job(read(TWO, THREE, registered=2 + 0x4000))
    assert counts(said) == ("2", "2")
    assert "energy/lifetime" not in said


def test_a_power_that_the_inverters_cannot_give_is_removed_for_that_poll():
    """A frame has no checksum: bit 20 of 151 W."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE, power=151))
    glitch = read(TWO, THREE, power=151 + (1 << 20))
    assert bridge.job(glitch)["power"] == ""
    assert [remark.what for remark in glitch.remarks] == ["the ECU's power is more than its inverters can give"]
    assert bridge.job(read(TWO, THREE, power=151))["power"] == "151"
    assert bridge.job(read(TWO, THREE, power=8000))["power"] == "8000"  # 4 kW each
    assert bridge.job(read(TWO, THREE, registered=1, online=2, power=8001))["power"] == ""  # the list counts


# -- counts and power -------------------------------------------------------------------------------------------------


def counts(said: dict[str, str]) -> tuple[str | None, str | None]:
    """Published numbers of inverters, in all and online."""
    return said.get("inverters/total"), said.get("inverters/online")


def test_the_counts_are_those_of_0001():
    """They hold for inverters that 0002 leaves out."""
    assert counts(Bridge().job(read(TWO, registered=7, online=5))) == ("7", "5")


def test_as_many_online_as_registered_is_no_contradiction():
    """The everyday case, at the rule's edge."""
    said = Bridge().job(read(TWO, registered=5, online=5))
    assert (*counts(said), said["energy/lifetime"], said["energy/today"]) == ("5", "5", "1000", "3.5")


def test_where_0001_contradicts_itself_the_records_of_0002_are_counted():
    """Quirk 53: the glitch frame has 0 inverters registered and 6 online."""
    asleep = replace(RECORDS[THREE], online=False)
    said = Bridge().job(read(TWO, QUAD, asleep, NEVER, registered=0, online=6))
    assert counts(said) == ("4", "2")


def test_skipped_inverters_are_counted_as_registered():
    """Quirk 31: the UID of a record of an unknown type is known."""
    said = Bridge().job(read(TWO, replace(RECORDS[THREE], type="Z9"), registered=0, online=6))
    assert counts(said) == ("2", "2")


def test_a_count_of_0_with_records_known_is_a_glitch():
    """Quirk 53: a count of 0 where 0002 has records is not believed."""
    assert counts(Bridge().job(read(TWO, QUAD, registered=0, online=0))) == ("2", "2")


def test_an_ecu_without_inverters_counts_0():
    """A new ECU before its installation."""
    said = Bridge().job(read(today=0, lifetime=0))
    assert counts(said) == ("0", "0")
    assert said["power"] == "0"


def test_counts_that_nobody_knows_are_kept():
    """0001 contradicts itself and 0002 is incomplete: what the broker has stays."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    assert counts(bridge.job(read(TWO, listed=2, registered=0, online=6))) == (None, None)
    assert counts(bridge.retained) == ("2", "2")
    assert counts(bridge.night(NOON))[0] == "2"


def test_power_is_0_where_no_inverter_is_online():
    """The ECU's power stands at its last value for a while when the last inverter has gone to sleep."""
    asleep = replace(RECORDS[TWO], online=False)
    assert Bridge().job(read(asleep, power=27))["power"] == "0"


def test_power_is_0_where_0001_contradicts_itself_and_no_record_is_online():
    """The records of 0002 count then."""
    asleep = replace(RECORDS[TWO], online=False)
    assert Bridge().job(read(asleep, power=27, registered=0, online=6))["power"] == "0"


def test_power_is_the_ecus_where_an_inverter_is_online():
    """0001 and 0002 are two snapshots and may differ (quirk 40)."""
    assert Bridge().job(read(TWO, THREE, power=462))["power"] == "462"


def test_a_good_job_removes_the_error_and_says_online_last():
    """Who waits for the status finds everything else said."""
    bridge = Bridge(Memory(ECU, NOON, awake=True, firmware="", timestamp=None, registered=None, lifetime=None,
                           doubt=None, today=None, inverters={}, error="the ECU is mute"))  # fmt: skip
    said = bridge.job(read(TWO))
    assert list(said.items())[-2:] == [("error", ""), ("status", "online")]
    assert (bridge.memory.restarts, bridge.memory.error) == (0, "")


# -- energy/lifetime --------------------------------------------------------------------------------------------------


def lifetimes(bridge: Bridge, *values: float, **more: int) -> list[str | None]:
    """What is published of the lifetime counter for readings of new data in a row, five minutes apart."""
    now = bridge.memory.read_at + FIVE_MINUTES if bridge.memory is not None else NOON
    times = [now + FIVE_MINUTES * step for step in range(len(values))]
    return [
        bridge.job(read(TWO, at=time, lifetime=value, **more), time).get("energy/lifetime")
        for time, value in zip(times, values, strict=True)
    ]


def test_lifetime_rises_with_the_ecus_counter():
    assert lifetimes(Bridge(), 999.0, 1000.0, 1000.0, 1000.1, 1001.3) == ["999", "1000", "1000", "1000.1", "1001.3"]


def test_a_lifetime_of_0_is_a_glitch_and_the_last_one_is_said_again():
    """Quirk 50: 0 while producing, then right again; dashboards count the whole lifetime as one hour's energy."""
    assert lifetimes(Bridge(), 1000.0, 0.0, 0.0, 1000.1) == ["1000", "1000", "1000", "1000.1"]


def test_a_lower_lifetime_is_held_for_11_rising_readings_and_accepted_at_the_12th():
    """An ECU that was replaced or reset counts from anew."""
    rising = [20 + step / 10 for step in range(13)]
    assert lifetimes(Bridge(), 1000.0, *rising) == ["1000"] * 12 + ["21.1", "21.2"]


def test_a_lower_lifetime_that_only_stands_is_never_accepted():
    """Quirk 54: firmware 1.2.31 and 1.3.x freezes the counter for days."""
    assert lifetimes(Bridge(), 1000.0, *[20.0] * 100) == ["1000"] * 101


def test_a_lower_lifetime_of_0_that_stands_is_never_accepted():
    """Quirk 50: held until the ECU says more than before."""
    assert lifetimes(Bridge(), 1000.0, *[0.0] * 50, 1000.2) == ["1000"] * 51 + ["1000.2"]


def test_a_lower_lifetime_that_stood_long_is_accepted_as_soon_as_it_rises():
    """It has stood and risen for more than twelve readings."""
    assert lifetimes(Bridge(), 1000.0, *[20.0] * 30, 20.1) == ["1000"] * 31 + ["20.1"]


def test_a_lower_lifetime_that_rose_and_then_stood_is_accepted_at_the_12th():
    """The counter has a tenth of a kWh: by a grey day it stands for an hour between two of its steps."""
    assert lifetimes(Bridge(), 1000.0, 20.0, *[20.1] * 11) == ["1000"] * 12 + ["20.1"]


def test_a_lower_lifetime_that_falls_again_starts_over():
    """A counter only rises; what falls is a glitch."""
    rising = [20 + step / 10 for step in range(11)]
    again = [10 + step / 10 for step in range(12)]
    assert lifetimes(Bridge(), 1000.0, *rising, *again) == ["1000"] * 23 + ["11.1"]


def test_a_0_among_the_lower_readings_starts_them_over():
    """A replaced ECU has glitches of its own."""
    first = [20 + step / 10 for step in range(10)]
    second = [21 + step / 10 for step in range(12)]
    assert lifetimes(Bridge(), 1000.0, *first, 0.0, *second) == ["1000"] * 23 + ["22.1"]


def test_back_to_normal_forgets_the_lower_readings():
    """Eleven glitches in a row, one right reading, and eleven more: none of them counts."""
    rising = [20 + step / 10 for step in range(11)]
    assert lifetimes(Bridge(), 1000.0, *rising, 1000.0, *rising) == ["1000"] * 24


def test_the_published_lifetime_itself_is_back_to_normal():
    """Nothing of the lower readings is remembered then."""
    bridge = Bridge()
    lifetimes(bridge, 1000.0, 20.0, 20.1)
    assert bridge.memory.doubt == Doubt(20.0, 20.1, 2, NOON, NOON + 2 * FIVE_MINUTES, NOON + 2 * FIVE_MINUTES)
    lifetimes(bridge, 1000.0)
    assert bridge.memory.doubt is None


def test_an_accepted_lower_lifetime_never_falls_again():
    """It is the published one now."""
    rising = [20 + step / 10 for step in range(12)]
    assert lifetimes(Bridge(), 1000.0, *rising, 0.0, 21.0, 21.2) == ["1000"] * 12 + ["21.1", "21.1", "21.1", "21.2"]


def test_an_ecu_that_never_showed_a_positive_lifetime_may_say_0():
    """Quirk 51: on a new ECU a lifetime of 0 is true."""
    assert lifetimes(Bridge(), 0.0, 0.0, 0.1) == ["0", "0", "0.1"]


def test_behind_a_first_lifetime_of_0_any_other_is_believed_at_once():
    """Quirk 50 at the first job of all: who has published a 0 knows no more than who has published nothing."""
    assert lifetimes(Bridge(), 0.0, 1000.0, 1000.1) == ["0", "1000", "1000.1"]
    assert lifetimes(Bridge(), 0.0, 2e6) == ["0", "0"]


# -- counters that leap -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bit", range(4, 32))
def test_a_lifetime_that_leaps_by_a_bit_is_held_back(bit):
    """What one inverter can have made in five minutes is 1.33 kWh with all slack; 0.1 kWh is bit 0."""
    leapt = ((10_000 | 1 << bit) if not 10_000 >> bit & 1 else 10_000 + (1 << bit)) / 10
    assert lifetimes(Bridge(), 1000.0, leapt, 1000.1, leapt, 1000.2) == ["1000", "1000", "1000.1", "1000.1", "1000.2"]


def test_a_lifetime_may_rise_by_what_the_array_can_have_made_since_the_last_reading():
    """4 kW for each registered inverter, and 1 kWh of slack."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE, lifetime=1000.0))
    after = NOON + timedelta(hours=3)
    assert bridge.job(read(TWO, THREE, lifetime=1025.0, at=after), after)["energy/lifetime"] == "1025"
    again = after + timedelta(hours=3)
    assert bridge.job(read(TWO, THREE, lifetime=1050.1, at=again), again)["energy/lifetime"] == "1025"


def test_the_first_data_of_the_morning_excuse_no_leap():
    """The time of the data stands all night (quirk 39), and then leaps by hours in which nothing is made."""
    bridge = Bridge()
    midnight = NOON + DAY / 2
    for now in (midnight, midnight + FIVE_MINUTES):
        bridge.job(read(ASLEEP, lifetime=1000.0, at=NOON), now)
    morning = midnight + 2 * FIVE_MINUTES
    assert bridge.job(read(TWO, lifetime=1006.4, at=morning), morning)["energy/lifetime"] == "1000"


def test_what_a_counter_grew_by_behind_a_glitch_is_believed_at_once():
    """Three hours of zeros (quirk 50): the time since the last value that was believed counts."""
    bridge = Bridge()
    lifetimes(bridge, 1000.0, *[0.0] * 36)
    assert lifetimes(bridge, 1009.5) == ["1009.5"]


def test_a_higher_lifetime_is_believed_once_twelve_new_data_go_on_from_it():
    """A counter that hung for days has caught up (quirk 54)."""
    rising = [1500 + step / 10 for step in range(13)]
    assert lifetimes(Bridge(), 1000.0, *rising) == ["1000"] * 12 + ["1501.1", "1501.2"]


def test_a_higher_lifetime_that_leaps_on_is_not_believed():
    """Each value has to go on from the one before by what can have been made."""
    assert lifetimes(Bridge(), 1000.0, *[1500.0 + 3 * step for step in range(40)]) == ["1000"] * 41


def test_a_lifetime_that_no_array_can_make_is_believed_by_nobody():
    """Neither as the first one, nor in a row of them, nor from the broker."""
    assert lifetimes(Bridge(), *[1_100_000 + step / 10 for step in range(20)]) == [None] * 20
    assert lifetimes(Bridge(), 1000.0, *[1_100_000 + step / 10 for step in range(20)]) == ["1000"] * 21
    assert lifetimes(Bridge(), 1_000_000.0) == ["1000000"]  # 4 kW for 28 years
    for absurd in (1e308, 1.1e6):
        assert Bridge().job(read(TWO), recalled=Recalled(absurd, 3.5, NOON))["energy/lifetime"] == "1000"


@pytest.mark.parametrize("at", [NOON, None])
def test_polls_of_the_same_data_are_no_new_readings_of_a_lower_lifetime(at):
    """Thirteen jobs by hand within a minute; without a time of the data, the clock tells."""
    bridge = Bridge()
    bridge.job(read(TWO, at=at, lifetime=1000.0))
    for second in range(60):
        now = NOON + timedelta(seconds=second)
        assert bridge.job(read(TWO, at=at, lifetime=20 + second / 600), now)["energy/lifetime"] == "1000"


def test_without_a_time_of_the_data_a_lower_lifetime_is_believed_by_the_clock():
    """Twelve times as long as an ECU takes to have new data."""
    bridge = Bridge()
    bridge.job(read(TWO, at=None, lifetime=1000.0))
    said = [
        bridge.job(read(TWO, at=None, lifetime=20 + minute / 100), NOON + timedelta(minutes=minute))["energy/lifetime"]
        for minute in range(1, 60)
    ]
    assert said.index("20.45") == 44
    assert set(said[:44]) == {"1000"}


@pytest.mark.parametrize("bit", range(8, 32))
def test_a_today_that_leaps_by_a_bit_reaches_neither_today_nor_yesterday(bit):
    """0.01 kWh is bit 0; 2.56 kWh in five minutes are more than one inverter makes."""
    bridge = Bridge()
    leapt = (2100 + (1 << bit)) / 100
    assert todays(bridge, 21.0, leapt, 21.01, leapt, start=EVENING) == ["21", "21", "21.01", "21.01"]
    said = bridge.job(read(ASLEEP, today=leapt, at=EVENING + 3 * FIVE_MINUTES), MIDNIGHT + FIVE_MINUTES)
    assert (said["energy/today"], said["energy/yesterday"]) == ("0", "21.01")


def test_a_today_that_leaps_is_held_back_also_where_the_counter_began_anew_hours_before():
    """Quirk 56: it was restarted, and stays below what is published for the rest of the date."""
    anew = [1 + step / 100 for step in range(60)]
    assert todays(Bridge(), 10.0, *anew, 1.6 + 20.48, 1.61) == ["10"] * 63


def test_a_today_that_was_doubted_before_midnight_is_not_the_next_dates_where_it_stands():
    """By seven in the morning one inverter can have made so much, but nothing was."""
    bridge = of_evening(10.0)
    night = MIDNIGHT - FIVE_MINUTES
    assert bridge.job(read(ASLEEP, today=35.0, at=EVENING), night)["energy/today"] == "10"
    bridge.job(read(ASLEEP, today=35.0, at=EVENING), MIDNIGHT)
    assert todays(bridge, *[35.0] * 3, 0.02, start=MORNING + timedelta(hours=3)) == ["0", "0", "0", "0.02"]


def test_a_first_today_that_cannot_have_been_made_since_midnight_is_left_out():
    """One inverter, 4 kW, twelve hours."""
    assert Bridge().job(read(TWO, today=49.0))["energy/today"] == "49"
    assert "energy/today" not in Bridge().job(read(TWO, today=49.01))
    assert Bridge().job(read(TWO, today=3.0), recalled=Recalled(1000.0, 1e5, NOON))["energy/today"] == "3"


def test_a_higher_today_is_believed_once_twelve_new_data_go_on_from_it():
    """A counter that stood while the array produced (quirk 54), and caught up."""
    rising = [20 + step / 100 for step in range(13)]
    assert todays(Bridge(), 3.5, *rising) == ["3.5"] * 12 + ["20.11", "20.12"]


def test_a_reading_that_contradicts_itself_ends_no_pause():
    """Its counters are not taken, so that the next reading's may have grown since the one before."""
    bridge = Bridge()
    bridge.job(read(TWO, lifetime=1000.0))
    later = NOON + timedelta(hours=2)
    bridge.job(read(TWO, lifetime=0.0, registered=1, online=2, at=later), later)
    assert bridge.memory.read_at == NOON
    after = later + FIVE_MINUTES
    assert bridge.job(read(TWO, lifetime=1009.0, at=after), after)["energy/lifetime"] == "1009"


def test_a_good_reading_remembers_when_the_ecu_was_restarted():
    """The hour without a further restart begins with it, whatever is read meanwhile."""
    bridge = Bridge()
    bridge.job(read(TWO))
    bridge.memory = replace(bridge.memory, restarted_at=NOON)
    bridge.job(read(TWO))
    assert bridge.memory.restarted_at == NOON


# -- jobs of two states -----------------------------------------------------------------------------------------------


def test_a_job_with_an_older_state_publishes_no_less_than_the_broker_retains_of_the_date():
    """A job by hand beside the timer: its own state is of the morning."""
    morning = NOON - timedelta(hours=4)
    bridge = Bridge()
    bridge.job(read(TWO, QUAD, at=morning, today=1.0, lifetime=997.5), morning)
    retained = Recalled(
        1000.0, 3.5, NOON, yesterday=11.0, energies={TWO: (0.61, 0.62), QUAD: (0.2, 0.3, 0.1, 0.4), THREE: (9.0,)}
    )
    after = NOON + FIVE_MINUTES
    said = bridge.job(read(TWO, QUAD, at=after, today=0.0, lifetime=0.0), after, retained)
    assert (said["energy/today"], said["energy/lifetime"], said["energy/yesterday"]) == ("3.5", "1000", "11")
    assert (said[f"{TWO}/1/energy/today"], said[f"{TWO}/2/energy/today"]) == ("0.61", "0.62")
    assert (said[f"{TWO}/energy/today"], said[f"{QUAD}/energy/today"]) == ("1.23", "1")
    assert not below(THREE, said)
    later = after + FIVE_MINUTES
    assert bridge.job(read(TWO, QUAD, at=later, today=3.6), later)[f"{TWO}/1/energy/today"] == "0.615"


def test_without_a_state_the_energies_of_the_date_are_recalled():
    """A state that is lost costs nobody the day."""
    retained = Recalled(1000.0, 3.5, NOON - FIVE_MINUTES, energies={TWO: (0.61, 0.62)})
    assert Bridge().job(read(TWO), recalled=retained)[f"{TWO}/energy/today"] == "1.23"


def test_energies_that_are_not_of_the_date_or_that_no_inverter_can_make_are_not_recalled():
    """Yesterday's, and what somebody else has put there."""
    for energies, of in (((0.61, 0.62), NOON - DAY), ((101.0, 0.0), NOON), ((0.61, 1e300), NOON)):
        said = Bridge().job(read(TWO), recalled=Recalled(1000.0, 3.5, of, energies={TWO: energies}))
        assert said[f"{TWO}/energy/today"] == "0"


def test_energies_are_recalled_of_an_inverter_that_the_list_leaves_out():
    bridge = Bridge()
    morning = NOON - timedelta(hours=4)
    bridge.job(read(TWO, THREE, at=morning), morning)
    retained = Recalled(1000.0, 3.5, NOON, energies={THREE: (0.1, 0.2, 0.3, 0.4)})
    for step in range(3):
        now = NOON + step * FIVE_MINUTES
        said = bridge.job(short(TWO, at=now), now, retained if not step else NOTHING_RETAINED)
    assert said[f"{THREE}/energy/today"] == "1"


def test_an_older_state_follows_a_lifetime_that_others_have_come_to_believe():
    """The ECU was replaced, and the timer's jobs know: a job by hand does not go back to the old one's."""
    bridge = Bridge()
    bridge.job(read(TWO, lifetime=1000.0, at=NOON - DAY), NOON - DAY)
    said = bridge.job(read(TWO, lifetime=25.1), recalled=Recalled(25.0, 3.4, NOON - FIVE_MINUTES))
    assert said["energy/lifetime"] == "25.1"


def test_a_state_that_is_as_new_as_the_broker_is_not_overruled_by_it():
    """A broker that was restored from a backup."""
    bridge = Bridge()
    bridge.job(read(TWO, lifetime=1000.0))
    after = NOON + timedelta(hours=1)
    said = bridge.job(read(TWO, lifetime=1000.5, at=after), after, Recalled(990.0, 3.0, NOON - DAY))
    assert said["energy/lifetime"] == "1000.5"


# -- a clock that leaps ahead -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 3, 400])
def test_a_clock_that_is_ahead_for_one_job_makes_no_new_date(days):
    """The ECU's data go on as before, from inverters that are awake: neither total nor energies begin anew."""
    bridge = Bridge()
    first = {"today": 3.5, "at": NOON}
    bridge.job(read(TWO, **first), NOON)
    after = NOON + FIVE_MINUTES
    said = bridge.job(read(TWO, today=3.51, at=after), after + DAY * days)
    assert (said["energy/today"], said[f"{TWO}/energy/today"]) == ("3.51", "0.01")
    later = after + FIVE_MINUTES
    said = bridge.job(read(TWO, today=3.51, at=later), later)
    assert (said["energy/today"], said[f"{TWO}/energy/today"]) == ("3.51", "0.02")


def test_a_clock_that_was_ahead_for_some_jobs_gives_the_date_its_total_back():
    """The day is that of the ECU's data once the clock agrees with it, although the counter stands."""
    bridge = Bridge()
    todays(bridge, 3.5)
    bridge.job(read(TWO, today=3.5, at=NOON), NOON + DAY * 3)
    assert bridge.job(read(TWO, today=3.5, at=NOON), NOON + DAY * 3 + FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 3.5, 3.5, 3.52, start=NOON + FIVE_MINUTES) == ["3.5", "3.5", "3.52"]


def test_a_clock_that_leaps_at_night_does_not_give_the_new_date_yesterdays_total():
    """The ECU has not begun anew by then; set right, the date is as it was, whatever was said before midnight."""
    bridge = of_evening(21.5)
    for now in (MIDNIGHT + FIVE_MINUTES, MIDNIGHT + DAY * 400, MIDNIGHT + FIVE_MINUTES * 2):
        assert bridge.job(read(ASLEEP, today=21.5, at=EVENING), now)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.0, 0.02, start=MORNING) == ["0", "0", "0.02"]


@pytest.mark.parametrize("days", [1, 400])
def test_a_clock_that_was_ahead_in_the_evening_gives_the_date_its_total_back(days):
    """The data stand by then, but not for so long as that clock had it."""
    bridge = of_evening(21.5)
    asleep, later = read(ASLEEP, today=21.5, at=EVENING), EVENING + timedelta(hours=1)
    assert bridge.job(asleep, later + DAY * days)["energy/today"] == "0"
    assert bridge.job(asleep, later + FIVE_MINUTES)["energy/today"] == "21.5"
    assert bridge.job(asleep, MIDNIGHT + FIVE_MINUTES)["energy/today"] == "0"


def test_a_clock_that_leaps_at_night_does_not_keep_yesterdays_energies_of_inverters():
    """What the broker retains of them is of the date of the ECU's data, and not of whichever our clock says."""
    bridge = of_evening(21.5)
    asleep = read(ASLEEP, today=21.5, at=EVENING)
    retained = Recalled(1000.0, 21.5, EVENING, energies={TWO: (7.0, 7.0)})
    said = bridge.job(asleep, EVENING + DAY * 400, retained)
    assert (said["energy/today"], said[f"{TWO}/energy/today"]) == ("0", "0")


# -- energy/today within one date -------------------------------------------------------------------------------------


def todays(bridge: Bridge, *values: float, start: datetime = NOON) -> list[str | None]:
    """What is published of today's energy for readings five minutes apart."""
    times = [start + FIVE_MINUTES * step for step in range(len(values))]
    return [
        bridge.job(read(TWO, today=value, at=time), time).get("energy/today")
        for time, value in zip(times, values, strict=True)
    ]


def test_today_does_not_fall_to_0_for_a_glitch():
    """Quirk 52: 0 for one poll, back five minutes later, and the day is counted twice."""
    assert todays(Bridge(), 3.5, 0.0, 3.52, 3.53) == ["3.5", "3.5", "3.52", "3.53"]


def test_today_does_not_fall_where_the_ecu_begins_anew_within_the_date():
    """Quirk 56: the total falls when inverters restart."""
    assert todays(Bridge(), 3.5, 0.2, 0.4, 3.6) == ["3.5", "3.5", "3.5", "3.6"]


def test_today_may_honestly_be_0():
    """Firmware 1.2.31 with QT2 counts nothing at all (quirk 54); so does a new ECU (quirk 51)."""
    assert todays(Bridge(), 0.0, 0.0, 0.17) == ["0", "0", "0.17"]


# -- contradictory readings -------------------------------------------------------------------------------------------


def test_a_reading_that_contradicts_itself_publishes_neither_counter():
    """Quirk 53: the frame with today's energy at 0 has 0 inverters and 6 online."""
    bridge = Bridge()
    bridge.job(read(TWO, today=3.5))
    said = bridge.job(read(TWO, today=0.0, lifetime=2000.0, registered=0, online=6))
    assert not {"energy/today", "energy/lifetime"} & said.keys()
    assert (bridge.retained["energy/today"], bridge.retained["energy/lifetime"]) == ("3.5", "1000")


def test_the_counters_of_a_contradictory_reading_are_not_remembered():
    """Its higher lifetime is as wrong as its lower today."""
    bridge = Bridge()
    bridge.job(read(TWO, today=3.5))
    bridge.job(read(TWO, today=9.9, lifetime=2000.0, registered=1, online=2))
    said = bridge.job(read(TWO, today=3.6, lifetime=1000.1))
    assert (said["energy/today"], said["energy/lifetime"]) == ("3.6", "1000.1")


def test_a_contradictory_reading_is_no_reading_of_a_lower_lifetime():
    """It neither counts among the twelve nor starts them over."""
    bridge = Bridge()
    rising = [20 + step / 10 for step in range(11)]
    lifetimes(bridge, 1000.0, *rising)
    assert lifetimes(bridge, 0.0, 21.1, registered=1, online=2) == [None, None]
    assert lifetimes(bridge, 21.1) == ["21.1"]


def test_a_contradictory_first_reading_leaves_the_counters_to_the_next():
    """Nothing is known after it, so the next asks the broker again."""
    bridge = Bridge()
    said = bridge.job(read(TWO, today=0.0, lifetime=0.0, registered=0, online=6))
    assert not {"energy/today", "energy/lifetime"} & said.keys()
    assert true_values.wants_recall(read(TWO), bridge.memory, NOON)
    said = bridge.job(read(TWO), recalled=Recalled(999.0, 3.4, NOON))
    assert (said["energy/today"], said["energy/lifetime"]) == ("3.5", "1000")


def test_a_contradictory_reading_on_a_new_date_does_not_end_yesterdays_value():
    """The next reading with yesterday's total still finds it known as yesterday's."""
    bridge = Bridge()
    bridge.job(read(TWO, today=3.5), NOON)
    bridge.job(read(TWO, today=0.0, registered=0, online=6), NOON + DAY)
    assert bridge.job(read(TWO, today=3.5), NOON + DAY + FIVE_MINUTES)["energy/today"] == "0"


# -- without a memory -------------------------------------------------------------------------------------------------


def test_without_a_memory_a_0_is_published_where_the_broker_retains_nothing():
    """Quirk 51: a new ECU and a new bridge."""
    said = Bridge().job(read(TWO, today=0, lifetime=0), recalled=Recalled())
    assert (said["energy/today"], said["energy/lifetime"]) == ("0", "0")


def test_without_a_memory_a_0_is_published_where_the_broker_retains_a_0():
    said = Bridge().job(read(TWO, today=0, lifetime=0), recalled=Recalled(0.0, 0.0, NOON))
    assert (said["energy/today"], said["energy/lifetime"]) == ("0", "0")


def test_without_a_memory_a_0_is_not_published_where_the_broker_retains_more():
    """A lost state does not open the door to the glitch (quirks 50, 52)."""
    said = Bridge().job(read(TWO, today=0, lifetime=0), recalled=Recalled(999.5, 3.5, NOON))
    assert said.get("energy/today") in (None, "3.5")
    assert said.get("energy/lifetime") in (None, "999.5")


def test_without_a_memory_a_0_is_not_published_where_the_broker_retains_more_without_a_time():
    """MQTT_RETAIN was switched off in between, or the ECU's stamp was filler."""
    bridge = Bridge()
    for _ in range(3):
        said = bridge.job(read(TWO, today=0, lifetime=0), recalled=Recalled(999.5, 3.5))
        assert said.get("energy/today") is None
        assert said.get("energy/lifetime") in (None, "999.5")


def test_without_a_memory_a_0_is_not_published_where_the_broker_lets_nobody_read():
    """What it retains may be positive."""
    bridge = Bridge()
    for _ in range(2):
        said = bridge.job(read(TWO, today=0, lifetime=0), recalled=Recalled(readable=False))
        assert not {"energy/today", "energy/lifetime"} & said.keys()
        assert true_values.wants_recall(read(TWO), bridge.memory, NOON)
    said = bridge.job(read(TWO, today=0.1, lifetime=0.1), recalled=Recalled(readable=False))
    assert (said["energy/today"], said["energy/lifetime"]) == ("0.1", "0.1")


def test_without_a_memory_a_positive_counter_is_published_even_where_the_broker_lets_nobody_read():
    said = Bridge().job(read(TWO), recalled=Recalled(readable=False))
    assert (said["energy/today"], said["energy/lifetime"]) == ("3.5", "1000")


def test_without_a_memory_the_retained_lifetime_holds_for_twelve_readings_like_a_remembered_one():
    """The broker's own value is what must not fall."""
    bridge = Bridge()
    assert bridge.job(read(TWO, lifetime=20.0), recalled=Recalled(1000.0))["energy/lifetime"] == "1000"
    rising = [20 + step / 10 for step in range(1, 12)]
    assert lifetimes(bridge, *rising) == ["1000"] * 10 + ["21.1"]


def test_without_a_memory_today_does_not_fall_under_what_the_broker_retains_of_the_same_date():
    """Quirk 56 on the day on which the state was lost."""
    said = Bridge().job(read(TWO, today=0.2), recalled=Recalled(1000.0, 3.5, NOON - FIVE_MINUTES))
    assert said["energy/today"] == "3.5"


def test_without_a_memory_a_contradictory_reading_remembers_what_the_broker_retains():
    """The next reading cannot fall under it."""
    bridge = Bridge()
    bridge.job(read(TWO, today=0, lifetime=0, registered=0, online=6), recalled=Recalled(1000.0, 3.5, NOON))
    assert lifetimes(bridge, 0.0) == ["1000"]
    assert todays(bridge, 0.0) == ["3.5"]


def test_without_a_memory_what_the_broker_retains_of_another_date_does_not_bound_today():
    """Yesterday's 21.5 kWh are no reason to hold back this morning's 0.3."""
    said = Bridge().job(read(TWO, today=0.3), recalled=Recalled(1000.0, 21.5, NOON - DAY))
    assert said["energy/today"] == "0.3"


def test_after_a_pause_data_stamped_yesterday_are_not_todays():
    """The program was off from before a late reset (quirk 56) until the next date: a lower total was yesterday's."""
    bridge = Bridge()
    bridge.job(read(TWO, today=12.0))
    morning = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=12.0, at=morning), morning)["energy/today"] == "0"
    late = datetime(2026, 6, 23, 0, 40, tzinfo=PARIS)
    evening = datetime(2026, 6, 22, 21, 0, tzinfo=PARIS)
    for now in (late, late + FIVE_MINUTES):
        said = bridge.job(read(TWO, today=8.0, at=evening), now)
        assert (said["energy/today"], said["energy/yesterday"]) == ("0", "8")
    morning += DAY
    assert bridge.job(read(TWO, today=0.01, at=morning), morning)["energy/today"] == "0.01"


def test_without_a_memory_data_stamped_yesterday_are_not_todays():
    """Quirk 39: the stamp stays at the evening's time all night, and many ECUs reset late (quirk 56)."""
    bridge = Bridge()
    early = datetime(2026, 6, 22, 4, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=21.5, at=evening), early)["energy/today"] == "0"
    assert bridge.job(read(TWO, today=21.5, at=evening), early + FIVE_MINUTES)["energy/today"] == "0"
    morning = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=0.02, at=morning), morning)["energy/today"] == "0.02"


def test_without_a_memory_yesterdays_total_on_the_broker_is_not_todays():
    """A state lost by night: what the broker retains is of the evening, as the ECU's own stamp says (quirk 39)."""
    early = datetime(2026, 6, 22, 4, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    said = Bridge().job(read(TWO, today=21.5, at=evening), early, Recalled(1000.0, 21.5, evening))
    assert said["energy/today"] == "0"


def test_without_a_memory_yesterdays_total_does_not_replace_a_0_of_the_new_date():
    """The state was lost after midnight: the broker retains today's 0 beside the evening's time stamp."""
    early = datetime(2026, 6, 22, 4, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    said = Bridge().job(read(TWO, today=21.5, at=evening), early, Recalled(1000.0, 0.0, evening))
    assert said["energy/today"] == "0"


def test_without_a_memory_what_the_broker_retains_of_yesterday_is_not_todays_in_the_morning():
    """Quirk 56: the ECU resets late, when its stamp is of the new date already."""
    morning = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)
    evening = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
    said = Bridge().job(read(TWO, today=21.5, at=morning), morning, Recalled(1000.0, 21.5, evening))
    assert said["energy/today"] == "0"


@pytest.mark.parametrize("hours", [8, 1])
def test_without_a_memory_yesterdays_total_is_not_todays_where_the_broker_has_begun_the_date(hours):
    """A job of another state has, at night or in the morning; the ECU begins late, behind its first data of the day."""
    retained = Recalled(1000.0, 0.0, MORNING - timedelta(hours=hours) + FIVE_MINUTES, yesterday=21.5)
    assert Bridge().job(read(TWO, today=21.5, at=MORNING), MORNING, retained)["energy/today"] == "0"
    assert Bridge().job(read(TWO, today=0.02, at=MORNING), MORNING, retained)["energy/today"] == "0.02"


def test_the_memory_of_another_ecu_is_none():
    """An ECU was replaced: the new one counts from 0, under topics of its own."""
    bridge = Bridge()
    bridge.job(read(TWO))
    other = replace(bridge.memory, ecu_id="216000000002")
    assert true_values.memory_of(ECU, other) is None
    assert true_values.memory_of(ECU, bridge.memory) is bridge.memory
    assert true_values.memory_of(ECU, None) is None


def test_the_broker_is_asked_for_what_is_not_remembered_and_for_nothing_else():
    bridge = Bridge()
    assert true_values.wants_recall(read(TWO), None, NOON)
    bridge.job(read(TWO))
    assert not true_values.wants_recall(read(TWO), bridge.memory, NOON)
    assert true_values.wants_recall(read(TWO), replace(bridge.memory, lifetime=None), NOON)
    assert true_values.wants_recall(read(TWO), replace(bridge.memory, today=None), NOON)
    assert not true_values.wants_recall(read(TWO), replace(bridge.memory, lifetime=0.0), NOON)


def test_the_broker_is_asked_where_others_may_have_published_since_the_last_reading():
    """Jobs of a timer come every five minutes; one by hand has a state of its own, of last week perhaps."""
    memory = true_values.settle(read(TWO), None, NOTHING_RETAINED, NOON, PARIS)[1]

    def wants(clock: int, data: int | None) -> bool:
        at = NOON + data * timedelta(minutes=1) if data is not None else None
        return true_values.wants_recall(read(TWO, at=at), memory, NOON + clock * timedelta(minutes=1))

    assert [wants(clock, None) for clock in (-7, -6, 0, 6, 7)] == [True, False, False, False, True]
    assert [wants(0, data) for data in (-30, 0, 6, 7)] == [False, False, False, True]


def test_without_a_state_what_a_short_list_leaves_out_goes_too():
    """Noon's watts lie on the broker, and no state remembers whose they are."""
    bridge = Bridge()
    retained = Recalled(1000.0, 3.4, NOON - FIVE_MINUTES, energies={THREE: (0.1, 0.2, 0.3, 0.4)})
    assert not below(THREE, bridge.job(short(TWO), recalled=retained))
    assert not below(THREE, bridge.job(short(TWO)))
    said = below(THREE, bridge.job(short(TWO)))
    assert said["energy/today"] == "1"
    assert {topic for topic, text in said.items() if not text} >= {"online", "power", "1/power", "4/power", "3/voltage"}


# -- energy/today on a new date ---------------------------------------------------------------------------------------

EVENING = datetime(2026, 6, 21, 21, 40, tzinfo=PARIS)
MIDNIGHT = datetime(2026, 6, 22, 0, 0, tzinfo=PARIS)
MORNING = datetime(2026, 6, 22, 6, 0, tzinfo=PARIS)


def of_evening(total: float) -> Bridge:
    """A bridge whose last reading was of the evening of 21 June."""
    bridge = Bridge()
    bridge.job(read(TWO, today=total, at=EVENING), EVENING)
    return bridge


def test_yesterdays_total_is_not_todays():
    """Quirk 56: the ECU resets late; until it says something else, today's energy is 0."""
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=21.5, at=EVENING), MIDNIGHT - FIVE_MINUTES)["energy/today"] == "21.5"
    assert bridge.job(read(TWO, today=21.5, at=EVENING), MIDNIGHT)["energy/today"] == "0"
    assert bridge.job(read(TWO, today=21.5, at=MORNING), MORNING)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.02, 0.05, start=MORNING + FIVE_MINUTES) == ["0", "0.02", "0.05"]


def test_an_ecu_that_resets_at_midnight_is_followed_at_once():
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=0.0, at=EVENING), MIDNIGHT)["energy/today"] == "0"
    assert todays(bridge, 0.0, 0.02, 0.01, start=MORNING) == ["0", "0.02", "0.02"]


def test_today_may_reach_yesterdays_total_in_the_end():
    """A day like the one before: the total is that of yesterday, and is true."""
    bridge = of_evening(21.5)
    assert todays(bridge, 0.02, start=MORNING) == ["0.02"]
    assert todays(bridge, 21.4, 21.5, 21.6, start=EVENING + DAY) == ["21.4", "21.5", "21.6"]


def test_neither_what_was_published_nor_what_was_reported_last_is_todays():
    """The ECU fell to 4 kWh by an inverter's restart (quirk 56), and 21.5 stayed published."""
    bridge = of_evening(21.5)
    assert todays(bridge, 4.0, start=EVENING + FIVE_MINUTES) == ["21.5"]
    assert todays(bridge, 21.5, 4.0, 21.5, 0.02, start=MORNING) == ["0", "0", "0", "0.02"]


def test_a_glitch_of_0_after_midnight_does_not_make_yesterdays_total_todays():
    """Quirk 52: 0 for one poll, back five minutes later; it is not the ECU's reset."""
    bridge = of_evening(21.5)
    said = [
        bridge.job(read(TWO, today=value, at=EVENING), MIDNIGHT + FIVE_MINUTES * step)["energy/today"]
        for step, value in enumerate([21.5, 0.0, 21.5])
    ]
    assert said == ["0", "0", "0"]
    assert todays(bridge, 0.02, start=MORNING) == ["0.02"]


def test_a_total_that_stands_for_days_is_the_first_days():
    """Snow on the panels: nothing is heard, and the ECU says the same for days."""
    bridge = of_evening(21.5)
    said = [bridge.job(read(TWO, today=21.5, at=EVENING), NOON + DAY * day)["energy/today"] for day in (1, 2, 3)]
    assert said == ["0", "0", "0"]
    late = MORNING + DAY * 3
    assert bridge.job(read(TWO, today=0.4, at=late), late)["energy/today"] == "0.4"


def test_what_the_counter_grew_by_after_the_last_poll_was_yesterdays_too():
    """The program slept over midnight; the ECU's stamp says of which date its total is (quirk 39)."""
    bridge = of_evening(21.5)
    last = EVENING + timedelta(minutes=20)
    assert bridge.job(read(ASLEEP, today=21.6, at=last), MORNING - FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 0.02, start=MORNING) == ["0.02"]


def test_a_total_that_grew_after_the_last_poll_is_not_todays_when_the_stamp_moves_on():
    """The ECU said 21.6 of yesterday, and resets late (quirk 56): its first stamp of today stands beside 21.6."""
    bridge = of_evening(21.5)
    last = EVENING + timedelta(minutes=20)
    assert bridge.job(read(ASLEEP, today=21.6, at=last), MORNING - FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 21.6, 21.6, 0.02, start=MORNING) == ["0", "0", "0.02"]


def test_a_program_that_slept_over_midnight_takes_the_new_dates_energy_as_it_is():
    bridge = of_evening(21.5)
    assert todays(bridge, 7.25, start=NOON + DAY) == ["7.25"]


def test_more_than_yesterday_is_todays_where_the_stamp_is_of_today():
    """The program slept through a better day than the one before."""
    bridge = of_evening(21.5)
    assert todays(bridge, 22.0, start=EVENING + DAY) == ["22"]


def test_a_program_that_slept_for_days_does_not_take_yesterdays_higher_total_for_todays():
    """The stamp says whose it is."""
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=25.0, at=EVENING + DAY), MORNING + DAY)["energy/today"] == "0"


def test_a_program_that_slept_for_days_does_not_take_yesterdays_lower_total_for_todays():
    """The stamp says whose it is, whatever the day before that had."""
    bridge = of_evening(21.5)
    assert bridge.job(read(TWO, today=9.0, at=EVENING + DAY), MORNING + DAY)["energy/today"] == "0"


def test_the_date_is_the_sites_and_not_that_of_utc_in_auckland():
    """At 12:00 UTC the date changes there; noon there is midnight of UTC."""
    zone = ZoneInfo("Pacific/Auckland")
    bridge = Bridge(zone=zone)
    afternoon = datetime(2026, 6, 21, 15, 0, tzinfo=zone)

    def job(today: float, stamp: datetime, now: datetime) -> str:
        made = replace(read(TWO, today=today), timestamp=stamp)
        return bridge.job(made, now.astimezone(UTC))["energy/today"]

    assert job(8.0, afternoon, afternoon) == "8"
    assert job(8.0, afternoon, datetime(2026, 6, 21, 23, 59, tzinfo=zone)) == "8"
    assert job(8.0, afternoon, datetime(2026, 6, 22, 0, 1, tzinfo=zone)) == "0"
    morning = datetime(2026, 6, 22, 11, 0, tzinfo=zone)
    assert job(3.0, morning, morning) == "3"
    noon = datetime(2026, 6, 22, 12, 30, tzinfo=zone)  # a new date of UTC, not of the site
    assert job(0.0, noon, noon) == "3"


def test_the_date_is_the_sites_and_not_that_of_utc_in_los_angeles():
    """The sun sets there at 03:08 UTC of the next date."""
    zone = ZoneInfo("America/Los_Angeles")
    bridge = Bridge(zone=zone)

    def job(today: float, stamp: datetime, now: datetime) -> str:
        made = replace(read(TWO, today=today), timestamp=stamp)
        return bridge.job(made, now.astimezone(UTC))["energy/today"]

    before = datetime(2026, 6, 21, 16, 55, tzinfo=zone)
    after = datetime(2026, 6, 21, 17, 5, tzinfo=zone)  # a new date of UTC, not of the site
    assert job(20.0, before, before) == "20"
    assert job(0.0, after, after) == "20"
    assert job(20.0, after, datetime(2026, 6, 21, 23, 59, tzinfo=zone)) == "20"
    assert job(20.0, after, datetime(2026, 6, 22, 0, 1, tzinfo=zone)) == "0"


def test_a_clock_behind_the_last_reading_makes_no_new_date():
    """A Raspberry Pi before it knows the time says 1970; the ECU's stamp does not agree."""
    bridge = Bridge()
    todays(bridge, 3.5)
    wrong = datetime(1970, 1, 1, 1, 0, tzinfo=PARIS)
    assert bridge.job(read(TWO, today=3.6), wrong)["energy/today"] == "3.6"
    assert bridge.job(read(TWO, today=0.0), wrong)["energy/today"] == "3.6"
    assert bridge.memory.read_at == NOON
    assert todays(bridge, 3.7, start=NOON + FIVE_MINUTES) == ["3.7"]


def test_a_clock_behind_the_last_reading_is_distrusted_where_the_ecu_has_no_time():
    bridge = Bridge()
    todays(bridge, 3.5)
    assert bridge.job(read(TWO, today=0.0, at=None), NOON - DAY)["energy/today"] == "3.5"
    assert bridge.memory.read_at == NOON


def test_a_clock_behind_the_last_reading_is_right_where_the_ecus_own_stamp_agrees():
    """The clock was ahead before, and the ECU confirms it: the reading is of the date it says."""
    bridge = Bridge()
    todays(bridge, 3.5, start=NOON + DAY * 3)
    assert todays(bridge, 3.6) == ["3.6"]
    assert bridge.memory.read_at == NOON
    assert todays(bridge, 3.6, start=NOON + DAY) == ["0"]


def test_a_clock_that_was_ahead_and_is_put_right_takes_nothing_from_today():
    """What was published under the wrong date was of this one."""
    bridge = Bridge()
    todays(bridge, 3.5, start=NOON + DAY * 3)
    assert todays(bridge, 3.5, 3.6) == ["3.5", "3.6"]


def test_a_clock_put_back_does_not_let_today_fall():
    """A correction of a minute by the time server, within the date."""
    bridge = Bridge()
    todays(bridge, 3.5)
    assert todays(bridge, 0.0, start=NOON - timedelta(minutes=1)) == ["3.5"]


def test_a_clock_that_is_set_back_over_midnight_gives_yesterdays_total_to_neither_date():
    """Time synchronisation, seconds after the date has changed: the new date has begun, and stays begun."""
    bridge = of_evening(21.5)
    after, before = MIDNIGHT + timedelta(seconds=10), MIDNIGHT - timedelta(seconds=10)
    said = [bridge.job(read(TWO, today=21.5, at=EVENING), now)["energy/today"] for now in (after, before, after)]
    assert said == ["0", "0", "0"]
    assert todays(bridge, 21.5, 0.02, start=MORNING) == ["0", "0.02"]


@pytest.mark.parametrize("behind", [timedelta(hours=1), timedelta(hours=7), DAY])
def test_a_clock_that_is_behind_at_night_does_not_bring_yesterdays_total_back(behind):
    """A Raspberry Pi whose power failed after midnight: the data are of that date, as they stand all night."""
    bridge = of_evening(21.5)
    asleep = read(ASLEEP, today=21.5, at=EVENING)
    times = (MIDNIGHT + FIVE_MINUTES, MIDNIGHT + 2 * FIVE_MINUTES - behind, MIDNIGHT + 3 * FIVE_MINUTES)
    assert [bridge.job(asleep, now)["energy/today"] for now in times] == ["0", "0", "0"]


def test_new_data_from_behind_our_clock_do_not_make_it_right():
    """It is behind by a day, and the ECU's data are of the evening of that date: it has yet to see that."""
    bridge = of_evening(21.5)
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), MIDNIGHT + FIVE_MINUTES)
    last = read(ASLEEP, today=21.51, at=EVENING + FIVE_MINUTES)
    assert bridge.job(last, MIDNIGHT - DAY + 2 * FIVE_MINUTES)["energy/today"] == "0"


# -- the night --------------------------------------------------------------------------------------------------------


def test_a_night_job_publishes_what_was_last_known():
    """A broker that forgot everything is filled; the counters are the last ones, the date is yesterday's still."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, NEVER, today=21.5, lifetime=1021.5, at=EVENING, power=0), EVENING)
    assert bridge.night(EVENING + FIVE_MINUTES) == {
        "power": "0",
        "energy/today": "21.5",
        "energy/lifetime": "1021.5",
        "inverters/total": "2",
        "inverters/online": "0",
        "timestamp": "2026-06-21T21:40:00+02:00",
        "firmware": "ECU_R_1.2.31",
        "energy/yesterday": "",
        **{f"{TWO}/{topic}": payload for topic, payload in OFFLINE_TWO.items()},
        **{f"{NEVER}/{topic}": payload for topic, payload in NEVER_HEARD.items()},
        "error": "",
        "status": "online",
    }


def test_at_night_todays_energy_goes_by_the_sites_date():
    """From midnight on it is 0, and the morning's first readings are told from yesterday's total."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    assert bridge.night(MIDNIGHT - FIVE_MINUTES)["energy/today"] == "21.5"
    assert bridge.night(MIDNIGHT.astimezone(UTC))["energy/today"] == "0"
    assert bridge.night(MIDNIGHT + FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.02, start=MORNING) == ["0", "0.02"]


def test_at_night_the_date_does_not_go_back():
    """A clock behind the last reading."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    assert bridge.night(EVENING - DAY * 3)["energy/today"] == "21.5"
    assert bridge.memory.today.date == date(2026, 6, 21)


def test_at_night_a_clock_that_is_set_back_over_midnight_does_not_bring_yesterdays_total_back():
    """The new date has begun on the broker, and stays begun."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    after, before = MIDNIGHT + timedelta(seconds=10), MIDNIGHT - timedelta(seconds=10)
    assert [bridge.night(now)["energy/today"] for now in (after, before, after)] == ["0", "0", "0"]


def test_nights_in_a_row_end_in_the_morning_of_the_last():
    """A polar night: the total of the last reading is still known as that."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    for night in range(1, 60):
        assert bridge.night(MIDNIGHT + DAY * night)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.02, start=MORNING + DAY * 60) == ["0", "0.02"]


def test_a_night_job_leaves_counters_alone_that_nobody_knows():
    """The broker lets nobody read, and the ECU says 0."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=0, lifetime=0), recalled=Recalled(readable=False))
    assert not {"energy/today", "energy/lifetime"} & bridge.night(EVENING).keys()


def test_a_night_job_counts_nobody_as_missing():
    """It has no list."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, THREE))
    bridge.job(read(ASLEEP))
    for _ in range(5):
        assert below(THREE, bridge.night(EVENING)) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(ASLEEP))) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(ASLEEP))) == dict.fromkeys(OFFLINE_THREE, "")


def test_a_night_job_repeats_the_failure_of_the_job_before():
    """It touches no ECU, so it does not know better."""
    bridge = Bridge()
    bridge.job(read(ASLEEP))
    bridge.memory = replace(bridge.memory, error="the ECU is mute")
    said = bridge.night(EVENING)
    assert (said["status"], said["error"]) == ("offline", "the ECU is mute")


# -- what is remembered -----------------------------------------------------------------------------------------------


def test_a_broker_that_forgot_everything_is_filled_by_the_next_job():
    """Held counters too: they are said again, though the ECU says 0."""
    bridge = Bridge()
    bridge.job(read(TWO, QUAD))
    before = dict(bridge.retained)
    bridge.retained.clear()
    bridge.job(read(TWO, QUAD, today=0, lifetime=0))
    assert bridge.retained == before


def test_the_memory_of_a_job_is_all_that_the_next_one_needs():
    """Literal, so that nothing is added or lost unseen."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE, NEVER))
    bridge.job(replace(read(TWO, NEVER, lifetime=999.0, today=3.0), remarks=(Remark("odd", "1"), Remark("odd", "2"))))
    assert bridge.memory == Memory(
        ecu_id=ECU,
        read_at=NOON,
        awake=True,
        firmware="ECU_R_1.2.31",
        timestamp=NOON,
        registered=2,
        lifetime=1000.0,
        doubt=Doubt(999.0, 999.0, 1, NOON, NOON, NOON),
        today=Today(NOON.date(), 3.5, 3.0, renewed=True, doubt=Doubt(3.0, 3.0, 1, NOON, NOON, NOON)),
        inverters={
            TWO: Known(2, 2, signal=67, powers=(60, 61), energies=(0.0, 0.0)),
            NEVER: Known(0, 0),
            THREE: Known(4, 3, missing=1, signal=67, powers=(0, 0, 0, 0), energies=(0.0, 0.0, 0.0, 0.0)),
        },
        told=("odd",),
        online=1,
        energies_of=NOON.date(),
    )


@pytest.mark.parametrize(
    ("made", "awake"),
    [
        (read(TWO), True),
        (read(ASLEEP), False),
        (read(), False),
        (read(ASLEEP, registered=3, online=1), True),  # an inverter that 0002 does not list
        (read(TWO, registered=3, online=0), True),  # 0001 is older than 0002
        (read(ASLEEP, registered=0, online=6), False),  # a contradiction: the records count
        (read(ASLEEP, listed=2, registered=0, online=6), True),  # who knows
    ],
)
def test_the_array_is_awake_unless_no_inverter_was_online(made, awake):
    """What the rule of the night needs: in doubt the ECU is asked."""
    bridge = Bridge()
    bridge.job(made)
    assert bridge.memory.awake is awake


# -- the same data ----------------------------------------------------------------------------------------------------

COUNTERS = st.sampled_from([0.0, 0.02, 3.5, 21.5, 999.9, 1000.0])
FEW = st.sampled_from(range(4))  # of a whole number Hypothesis makes what the loaded modules contain, too
STAMPS = st.sampled_from([None, NOON - DAY * 2, NOON - DAY, NOON - FIVE_MINUTES, NOON])
INVERTERS = {
    uid: st.sampled_from(
        [
            None,
            Inverter(uid, online=False, powers=(0,) * panels, voltages=(None,) * phases),
            Inverter(uid, online=True, powers=(5,) * panels, voltages=(230,) * phases, frequency=50.0, temperature=9),
            Inverter(uid, online=False),
        ]
    )
    for uid, panels, phases in ((TWO, 2, 2), (QUAD, 4, 1), (THREE, 4, 3))
}


@st.composite
def snapshots(draw) -> Snapshot:
    """Any reading of three inverters, each of them online, offline, never heard, skipped or not listed."""
    listed = tuple(one for uid in INVERTERS if (one := draw(INVERTERS[uid])) is not None)
    skipped = frozenset(draw(st.sets(st.sampled_from(sorted(INVERTERS))))) - {one.uid for one in listed}
    registered, online = draw(FEW), draw(FEW)
    return Snapshot(
        ECU,
        "ECU_R_1.2.31",
        power=draw(st.sampled_from(range(10))),
        lifetime=draw(COUNTERS),
        today=draw(COUNTERS),
        registered=registered,
        online=online,
        contradictory=online > registered,
        timestamp=draw(STAMPS),
        inverters=listed,
        skipped=skipped,
        complete=draw(st.booleans()),
    )


RECALLED = st.builds(Recalled, st.none() | COUNTERS, st.none() | COUNTERS, STAMPS, st.just(True)) | st.just(
    Recalled(readable=False)
)


def test_a_reading_without_a_stamp_does_not_let_lifetime_fall_to_what_the_broker_retains():
    """Nobody can tell which is later; then it is the higher one. A broker may have lost its last half an hour."""
    bridge, retained = Bridge(), Recalled(999.5, None, NOON - FIVE_MINUTES)
    assert bridge.job(read(lifetime=1000.0, at=None), NOON, retained)["energy/lifetime"] == "1000"
    assert bridge.job(read(lifetime=0.0, at=None), NOON + FIVE_MINUTES, retained)["energy/lifetime"] == "1000"
    more = retained._replace(lifetime=1000.5)
    assert bridge.job(read(lifetime=0.0, at=None), NOON + 2 * FIVE_MINUTES, more)["energy/lifetime"] == "1000.5"


@pytest.mark.parametrize("step", [FIVE_MINUTES, timedelta(hours=1)], ids=str)
@pytest.mark.parametrize("lie", [7.67, 7.5, 2.51, 0.0])
def test_data_of_yesterday_that_stand_are_not_todays_after_a_lie(step, lie):
    """The data stand all night. One frame, before or after midnight, has another total: nothing was made since."""
    evening = NOON.replace(hour=21)
    midnight = evening.replace(day=22, hour=0)
    for lies_at in (midnight - step, midnight + 2 * step):
        bridge, now = Bridge(), evening
        while now < midnight.replace(hour=6):
            told = bridge.job(read(TWO, today=lie if now == lies_at else 7.63, at=evening), now)
            assert now < midnight or told["energy/today"] == "0"
            now += step
        assert bridge.job(read(TWO, today=0.1, at=now), now)["energy/today"] == "0.1"
        assert float(bridge.retained["energy/yesterday"]) in {7.63, 7.67}


def test_a_first_reading_of_yesterday_that_no_day_can_make_opens_no_door_to_the_next():
    """The second one is of yesterday, too."""
    evening, now = NOON.replace(hour=21), NOON.replace(day=22, hour=1)
    bridge = Bridge()
    for today in (662.99, 7.63, 7.63, 7.63):
        assert bridge.job(read(TWO, today=today, at=evening), now)["energy/today"] == "0"
        now += timedelta(hours=1)


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=30)], ids=str)
def test_a_clock_that_was_ahead_for_days_and_is_set_right_after_midnight_brings_no_total_back(ahead):
    """What was made before that was of the day before."""
    bridge, now, evening = Bridge(), NOON.replace(hour=20), NOON.replace(hour=21)
    while now < evening.replace(day=22, hour=9):
        is_day = 6 <= now.hour < 21
        today = round((now.hour - 6) * 0.5, 2) if is_day else 0.0 if now.day == 22 else 7.5
        stamp = now if is_day else evening
        bridge.job(read(TWO, today=today, at=stamp), now + ahead if now < evening.replace(day=22, hour=1) else now)
        if now.day == 22 and now.hour >= 1:
            assert float(bridge.retained["energy/today"]) <= today
        now += FIVE_MINUTES


def test_a_total_without_a_date_gets_none_from_the_next_reading():
    """The broker retains 8 kWh without a stamp: nobody knows of which date, also once a 0 of today has been read."""
    bridge, undated = Bridge(), Recalled(1000.0, 8.0, None, energies={TWO: (4.0, 4.0)})
    assert "energy/today" not in bridge.job(read(TWO, today=0.0), NOON, undated)
    stamped, later = undated._replace(timestamp=NOON), NOON + FIVE_MINUTES
    told = bridge.job(read(today=0.0, registered=1, online=1, at=later), later, stamped)
    assert not {"energy/today", f"{TWO}/energy/today"} & told.keys()
    stamped, later = stamped._replace(timestamp=later), later + FIVE_MINUTES
    assert bridge.job(read(TWO, today=0.1, at=later), later, stamped)["energy/today"] == "0.1"


@settings(max_examples=400)
@given(st.none() | snapshots(), st.sampled_from([NOON, NOON - DAY, NOON + DAY]), snapshots(), RECALLED)
def test_the_same_data_polled_twice_give_the_same_messages(earlier, then, made, retained):
    """Whatever was read before. The rules that count lists and readings to three and twelve do not come that far."""
    none = retained._replace(energies={})  # by the third list an inverter that only the broker knows is gone
    memory = true_values.settle(earlier, None, none, then, PARIS)[1] if earlier else None
    first, memory = true_values.settle(made, memory, retained, NOON, PARIS)
    told = messages(Style(), first)
    if retained.readable:
        by_now = recalled(Style(), ECU, {message.topic: message.payload for message in told if message.payload})
        kept = {name: value for name, value in by_now._asdict().items() if value is not None or name == "timestamp"}
        retained = retained._replace(**kept)
    second, memory_after = true_values.settle(made, memory, retained, NOON + FIVE_MINUTES, PARIS)
    assert messages(Style(), second) == told
    assert (memory_after.lifetime, memory_after.awake) == (memory.lifetime, memory.awake)


@settings(max_examples=200)
@given(st.lists(snapshots(), min_size=1, max_size=20), RECALLED)
def test_today_never_falls_within_one_date_whatever_is_read(made, recalled):
    """Zeros, drops, contradictions, stamps of any date, and whatever the broker retains."""
    bridge = Bridge()
    said = [bridge.job(one, NOON + timedelta(seconds=step), recalled) for step, one in enumerate(made)]
    published = [float(one["energy/today"]) for one in said if "energy/today" in one]
    assert published == sorted(published)


@settings(max_examples=200)
@given(snapshots(), RECALLED, st.sampled_from(range(60 * 48)))
def test_two_night_jobs_give_the_same_messages(made, recalled, minutes):
    """A night job is as idempotent as any; and it keeps nothing measured."""
    bridge = Bridge()
    bridge.job(made, NOON, recalled)
    now = NOON + timedelta(minutes=minutes)
    first = bridge.night(now)
    assert bridge.night(now) == first
    assert first["power"] == first["inverters/online"] == "0"
    assert not [topic for topic, payload in first.items() if payload and topic.endswith(("voltage", "frequency"))]
