"""MQTT_PAYLOAD json and both: the objects key by key, and what is read back of them."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import AT, DS3, ECU, QS1, QUAD, TWO, report

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import UNCHANGED, Inverter, Recalled, Report, Snapshot, Unchanged
from aps2mqtt.mqtt.topics import Message, Style, messages, recall_topics, recalled
from aps2mqtt.sources.ecu8899.answers import RealTime, Record, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.snapshot import snapshot
from aps2mqtt.truth import true_values

PARIS = ZoneInfo("Europe/Paris")
NEVER = "806000000009"
JSON = Style(payload="json")


def said(made: Report, style: Style = JSON) -> dict[str, object]:
    """What is said by topic below `aps/`: objects, or the text where it is none."""
    told = messages(style, made)
    assert len({one.topic for one in told}) == len(told), "a topic is named twice"
    return {
        one.topic.removeprefix("aps/"): json.loads(one.payload) if one.payload.startswith("{") else one.payload
        for one in told
    }


# -- the objects ------------------------------------------------------------------------------------------------------


def test_every_topic_and_key_literally():
    """Those of 2.x, and the rest of what the flat topics have. Error, problem and status stay topics of their own."""
    assert said(report(DS3, QS1)) == {
        "216000000001": {
            "current_power": 907,
            "today_energy": 0.17,
            "lifetime_energy": 22310.9,
            "yesterday_energy": 12.25,
            "inverters_total": 3,
            "inverters_online": 3,
            "timestamp": "2026-06-21T13:45:09+02:00",
            "firmware": "ECU_R_1.2.31",
        },
        "216000000001/700000000001": {
            "online": True,
            "signal": 67,
            "temperature": 31,
            "frequency": 49.9,
            "power": 121,
            "voltage": 227.5,
            "today_energy": 1.012,
            "problem": "none",
            "panel_1_power": 60,
            "panel_2_power": 61,
            "panel_1_voltage": 227,
            "panel_2_voltage": 228,
            "panel_1_today_energy": 0.5,
            "panel_2_today_energy": 0.512,
        },
        "216000000001/800000000001": {
            "online": True,
            "signal": 100,
            "temperature": -7,
            "frequency": 50.0,
            "power": 356,
            "voltage": 229.0,
            "today_energy": 3.101,
            "problem": "none",
            "panel_1_power": 1,
            "panel_2_power": 22,
            "panel_3_power": 333,
            "panel_4_power": 0,
            "panel_1_voltage": 229,
            "panel_1_today_energy": 0.001,
            "panel_2_today_energy": 0.1,
            "panel_3_today_energy": 3.0,
            "panel_4_today_energy": 0.0,
        },
        "216000000001/problem": "none",
        "216000000001/error": "",
        "216000000001/status": "online",
    }


KEYS_OF_2X = {
    "216000000001": ("current_power", "today_energy", "lifetime_energy"),
    "216000000001/700000000001": (
        "online",
        "signal",
        "temperature",
        "frequency",
        "power",
        "voltage",
        "panel_1_power",
        "panel_1_voltage",
        "panel_2_power",
        "panel_2_voltage",
    ),
}


def test_the_text_is_json_as_scripts_read_it():
    """`online` is true, not True; a number is no text; one line."""
    text = next(one.payload for one in messages(JSON, report(DS3)) if one.topic.endswith(TWO))
    assert text.startswith('{"online": true, "signal": 67, "temperature": 31, "frequency": 49.9, "power": 121, ')
    assert "\n" not in text


@pytest.mark.parametrize(
    "inverter",
    [
        DS3,
        Inverter(TWO, online=False, powers=(0, 0), voltages=(None, None), energies=(0.5, 0.5)),
        Inverter(TWO, online=True, powers=(3, 4), voltages=(None, None), signal=UNCHANGED, energies=(0.0, 0.0)),
        Inverter(TWO, online=True, powers=(None, None), voltages=(None, 230), energies=(0.0, 0.0)),
    ],
)
def test_every_key_is_always_there(inverter):
    """Who reads `frequency` of a sleeping inverter finds null, no error."""
    made = report(
        inverter,
        power=UNCHANGED,
        today=UNCHANGED,
        lifetime=UNCHANGED,
        yesterday=None,
        registered=UNCHANGED,
        online=UNCHANGED,
        timestamp=None,
    )
    whole, told = said(report(DS3)), said(made)
    for topic, keys in KEYS_OF_2X.items():
        assert told[topic].keys() == whole[topic].keys()
        assert set(keys) <= told[topic].keys()


def test_an_inverter_that_sleeps_has_power_0_and_null_for_what_it_measures():
    asleep = Inverter(TWO, online=False, powers=(0, 0), voltages=(None, None), energies=(0.5, 0.512))
    assert said(report(asleep))["216000000001/700000000001"] == {
        "online": False,
        "signal": None,
        "temperature": None,
        "frequency": None,
        "power": 0,
        "voltage": None,
        "today_energy": 1.012,
        "problem": None,
        "panel_1_power": 0,
        "panel_2_power": 0,
        "panel_1_voltage": None,
        "panel_2_voltage": None,
        "panel_1_today_energy": 0.5,
        "panel_2_today_energy": 0.512,
    }


def test_an_inverter_never_heard_has_only_online_that_is_not_null():
    """What it may have had once is null, up to four panels."""
    told = said(report(Inverter(NEVER, online=False, lost=4)))["216000000001/806000000009"]
    assert {key for key, value in told.items() if value is not None} == {"online"}
    assert told["online"] is False
    assert {"signal", "power", "panel_1_power", "panel_4_power", "panel_4_today_energy"} <= told.keys()


def test_a_channel_that_was_lost_on_the_wire_is_null():
    cut = Inverter(TWO, online=True, powers=(9, None), voltages=(230, None), energies=(0.2, 0.1))
    told = said(report(cut))["216000000001/700000000001"]
    assert (told["panel_1_power"], told["panel_2_power"], told["power"]) == (9, None, 9)
    assert (told["panel_2_voltage"], told["voltage"], told["panel_2_today_energy"]) == (None, 230.0, 0.1)


def test_what_is_held_is_there_as_it_was_last():
    """An object has no topic for each value that could be left alone."""
    made = report(
        Inverter(TWO, online=True, powers=(1, 2), voltages=(230, 231), signal=Unchanged(66), energies=(0.0, 0.0)),
        power=Unchanged(5),
        today=Unchanged(4.5),
        lifetime=Unchanged(1234.5),
        yesterday=Unchanged(17.25),
        registered=Unchanged(6),
        online=Unchanged(4),
        problems=UNCHANGED,
    )
    told = said(made)
    assert told["216000000001"] == {
        "current_power": 5,
        "today_energy": 4.5,
        "lifetime_energy": 1234.5,
        "yesterday_energy": 17.25,
        "inverters_total": 6,
        "inverters_online": 4,
        "timestamp": "2026-06-21T13:45:09+02:00",
        "firmware": "ECU_R_1.2.31",
    }
    assert told["216000000001/700000000001"]["signal"] == 66
    assert "216000000001/problem" not in told


def test_what_is_held_and_nobody_remembers_is_null():
    told = said(report(today=UNCHANGED, lifetime=UNCHANGED, registered=UNCHANGED))["216000000001"]
    assert (told["today_energy"], told["lifetime_energy"], told["inverters_total"]) == (None, None, None)


def test_an_inverter_that_is_gone_takes_its_object_with_it():
    told = said(report(DS3, gone=(QS1, Inverter(NEVER, online=False, lost=4))))
    assert (told[f"{ECU}/{QUAD}"], told[f"{ECU}/{NEVER}"]) == ("", "")
    assert not [topic for topic in told if topic.startswith((f"{ECU}/{QUAD}/", f"{ECU}/{NEVER}/"))]


def test_temperatures_are_in_fahrenheit_where_that_is_configured():
    assert said(report(DS3), JSON._replace(fahrenheit=True))[f"{ECU}/{TWO}"]["temperature"] == 87.8


def test_objects_stand_below_the_prefix():
    topics = [one.topic for one in messages(JSON._replace(prefix="home/roof"), report(DS3))]
    assert topics == [
        "home/roof/aps/216000000001",
        "home/roof/aps/216000000001/700000000001",
        "home/roof/aps/216000000001/problem",
        "home/roof/aps/216000000001/error",
        "home/roof/aps/216000000001/status",
    ]


def test_both_publishes_what_flat_and_json_do():
    made = report(DS3, QS1, gone=(Inverter(NEVER, online=False, lost=4),), today=Unchanged(1.0))
    both = messages(Style(payload="both"), made)
    assert set(both) == {*messages(Style(), made), *messages(JSON, made)}
    assert len(both) == len({one.topic for one in both})


def test_without_retain_objects_are_not_retained_but_their_removals_are():
    told = {one.topic: one for one in messages(JSON._replace(retain=False), report(DS3, gone=(QS1,)))}
    assert not told[f"aps/{ECU}"].retain
    assert not told[f"aps/{ECU}/{TWO}"].retain
    assert told[f"aps/{ECU}/{QUAD}"] == Message(f"aps/{ECU}/{QUAD}", "", retain=True)
    assert told[f"aps/{ECU}/status"].retain


def test_objects_never_expire_and_the_status_does():
    """They hold energy, which is true for longer."""
    expiries = {one.topic: one.expiry for one in messages(JSON._replace(expiry=900), report(DS3))}
    assert expiries == {
        f"aps/{ECU}": None,
        f"aps/{ECU}/{TWO}": None,
        f"aps/{ECU}/problem": None,
        f"aps/{ECU}/error": None,
        f"aps/{ECU}/status": 900,
    }


# -- what is held, from job to job ------------------------------------------------------------------------------------


def read(*, levels: bool = True, at: datetime = AT, **changes: object) -> Snapshot:
    """What an ECU with one DS3 says."""
    info = {"lifetime_energy": 1000.0, "energy_today": 3.5, "power": 121, "registered": 1, "online": 1} | changes
    return snapshot(
        SystemInfo(ECU, "01", firmware="ECU_R_1.2.31", **info),
        RealTime("00", "01", 1, f"{at:%Y%m%d%H%M%S}", (Record(TWO, True, "01", 49.9, 31, (60, 61), (230, 231)),)),
        Signal("00", ((TWO, 171),)) if levels else None,
        PARIS,
    )


def jobs(*snapshots: Snapshot, recall: Recalled = Recalled()) -> dict[str, object]:  # noqa: B008 - it is frozen
    """What the last of these jobs in a row says."""
    memory: Memory | None = None
    for one in snapshots:
        made, memory = true_values.settle(one, memory, recall, AT, PARIS)
    return said(made)


def test_a_glitch_shows_the_last_good_counters():
    """0 kWh for one poll (quirk 53)."""
    told = jobs(read(), read(lifetime_energy=0.0, energy_today=0.0))[ECU]
    assert (told["lifetime_energy"], told["today_energy"]) == (1000.0, 3.5)


def test_a_reading_that_contradicts_itself_shows_the_last_good_counters():
    told = jobs(read(), read(registered=0, lifetime_energy=0.0, energy_today=0.0))[ECU]
    assert (told["lifetime_energy"], told["today_energy"]) == (1000.0, 3.5)


def test_counts_of_an_incomplete_list_that_contradicts_itself_are_the_last_good_ones():
    unknown = read(registered=0, online=1)._replace(complete=False)
    told = jobs(read(), unknown)[ECU]
    assert (told["inverters_total"], told["inverters_online"]) == (1, 1)


def test_where_0030_failed_the_last_signal_is_shown():
    """For as long as it fails."""
    silent = read(levels=False)
    assert jobs(read(), silent, silent)[f"{ECU}/{TWO}"]["signal"] == 67
    assert jobs(silent)[f"{ECU}/{TWO}"]["signal"] is None


def test_a_night_job_shows_the_last_known():
    """Today's energy by the date, and the inverters asleep."""
    _, memory = true_values.settle(read(), None, Recalled(), AT, PARIS)
    made, _ = true_values.night(memory, AT + timedelta(hours=9), PARIS)
    told = said(made)
    assert (told[ECU]["current_power"], told[ECU]["today_energy"], told[ECU]["lifetime_energy"]) == (0, 3.5, 1000.0)
    assert told[f"{ECU}/{TWO}"]["online"] is False
    made, _ = true_values.night(memory, AT + timedelta(hours=12), PARIS)
    assert (said(made)[ECU]["today_energy"], said(made)[ECU]["yesterday_energy"]) == (0, 3.5)


# -- what the broker retains ------------------------------------------------------------------------------------------


def test_the_counters_are_recalled_from_the_object():
    assert recall_topics(JSON._replace(prefix="home"), ECU) == (f"home/aps/{ECU}", f"home/aps/{ECU}/+")
    retained = {one.topic: one.payload for one in messages(JSON, report(DS3))}
    assert recalled(JSON, ECU, retained) == Recalled(
        22310.9, 0.17, AT, yesterday=12.25, energies={DS3.uid: (0.5, 0.512)}
    )


def test_where_both_are_published_the_counters_are_recalled_from_the_flat_topics():
    """As from flat alone: a change between the two keeps them."""
    assert recall_topics(Style(payload="both"), ECU) == recall_topics(Style(), ECU)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        "null",
        "1",
        "[]",
        '"text"',
        "{}",
        "{",
        '{"lifetime_energy": null, "today_energy": null, "timestamp": null}',
        '{"lifetime_energy": true, "today_energy": [1], "timestamp": {}}',
        '{"lifetime_energy": NaN, "today_energy": Infinity, "timestamp": 5}',
        '{"lifetime_energy": -1, "today_energy": -0.01, "timestamp": "never"}',
        '{"lifetime_energy": 1e999, "today_energy": "x"}',
        '{"lifetime_energy": ' + "9" * 5000 + "}",
        "[" * 60_000,
        '{"today_energy":' * 4000,
        '{"today_energy": ' + "[" * 9000 + "]" * 9000 + "}",
    ],
)
def test_an_object_that_is_none_recalls_nothing(text):
    """Anybody may have published there."""
    assert recalled(JSON, ECU, {f"aps/{ECU}": text}) == Recalled(None, None, None)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_no_value_in_an_object_is_an_error(value):
    said = json.dumps({"lifetime_energy": value, "today_energy": 0.17, "timestamp": value})
    assert recalled(JSON, ECU, {f"aps/{ECU}": said}).today == 0.17


def test_what_can_be_read_is_recalled_beside_what_cannot():
    said = '{"lifetime_energy": null, "today_energy": 0.5, "timestamp": "2026-06-21T13:45:09+02:00"}'
    assert recalled(JSON, ECU, {f"aps/{ECU}": said}) == Recalled(None, 0.5, AT)
