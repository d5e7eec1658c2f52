"""Inverters that the list leaves out: missing, gone, or only not told."""

import pytest
from parts import replace
from readings import (
    DAY,
    ECU,
    FIVE_MINUTES,
    NEVER,
    NEVER_HEARD,
    NOON,
    OFFLINE_THREE,
    OFFLINE_TWO,
    QUAD,
    RECORDS,
    THREE,
    TWO,
    Bridge,
    below,
    counts,
    read,
    short,
)

from aps2mqtt.base.values import Recalled, Short
from aps2mqtt.sources.ecu8899.answers import Record

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
    assert below(THREE, bridge.job(read(TWO))) == dict.fromkeys((*OFFLINE_THREE, "problem"), "")
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
        dict.fromkeys((*NEVER_HEARD, "problem"), ""),
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
    assert below(THREE, bridge.job(read(TWO))) == dict.fromkeys((*OFFLINE_THREE, "problem"), "")


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
    assert below(THREE, bridge.job(read(TWO))) == dict.fromkeys((*OFFLINE_THREE, "problem"), "")


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
    assert not bridge.memory.reading.awake


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
        dict.fromkeys((*OFFLINE_THREE, "problem"), ""),
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
    assert (
        str(remark)
        == "the ECU reports that it has no inverters: it lists 0 and reports 227 W, so no inverter is removed"
    )


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
    assert [remark.what for remark in glitch.remarks] == ["the ECU reports more power than its inverters can produce"]
    assert bridge.job(read(TWO, THREE, power=151))["power"] == "151"
    assert bridge.job(read(TWO, THREE, power=8000))["power"] == "8000"  # 4 kW each
    assert bridge.job(read(TWO, THREE, registered=1, online=2, power=8001))["power"] == ""  # the list counts
