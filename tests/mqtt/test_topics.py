"""Topics and payloads, literally: what people's dashboards and scripts hang on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from reports import AT, DS3, ECU, QS1, YC1000, report

from aps2mqtt.base.values import UNCHANGED, Inverter, Recalled, Report
from aps2mqtt.mqtt.topics import Message, Style, ecu_topic, messages, payload, presence_topic, recalled, status_messages

LITERAL = [
    ("aps/216000000001/power", "907"),
    ("aps/216000000001/energy/today", "0.17"),
    ("aps/216000000001/energy/lifetime", "22310.9"),
    ("aps/216000000001/inverters/total", "3"),
    ("aps/216000000001/inverters/online", "3"),
    ("aps/216000000001/timestamp", "2026-06-21T13:45:09+02:00"),
    ("aps/216000000001/firmware", "ECU_R_1.2.31"),
    ("aps/216000000001/700000000001/online", "True"),
    ("aps/216000000001/700000000001/signal", "67"),
    ("aps/216000000001/700000000001/temperature", "31"),
    ("aps/216000000001/700000000001/frequency", "49.9"),
    ("aps/216000000001/700000000001/power", "121"),
    ("aps/216000000001/700000000001/voltage", "227.5"),
    ("aps/216000000001/700000000001/1/power", "60"),
    ("aps/216000000001/700000000001/2/power", "61"),
    ("aps/216000000001/700000000001/1/voltage", "227"),
    ("aps/216000000001/700000000001/2/voltage", "228"),
    ("aps/216000000001/800000000001/online", "True"),
    ("aps/216000000001/800000000001/signal", "100"),
    ("aps/216000000001/800000000001/temperature", "-7"),
    ("aps/216000000001/800000000001/frequency", "50"),
    ("aps/216000000001/800000000001/power", "356"),
    ("aps/216000000001/800000000001/voltage", "229"),
    ("aps/216000000001/800000000001/1/power", "1"),
    ("aps/216000000001/800000000001/2/power", "22"),
    ("aps/216000000001/800000000001/3/power", "333"),
    ("aps/216000000001/800000000001/4/power", "0"),
    ("aps/216000000001/800000000001/1/voltage", "229"),
    ("aps/216000000001/500000000001/online", "True"),
    ("aps/216000000001/500000000001/signal", "0"),
    ("aps/216000000001/500000000001/temperature", "0"),
    ("aps/216000000001/500000000001/frequency", "50.1"),
    ("aps/216000000001/500000000001/power", "370"),
    ("aps/216000000001/500000000001/voltage", "235.3"),
    ("aps/216000000001/500000000001/1/power", "91"),
    ("aps/216000000001/500000000001/2/power", "92"),
    ("aps/216000000001/500000000001/3/power", "93"),
    ("aps/216000000001/500000000001/4/power", "94"),
    ("aps/216000000001/500000000001/1/voltage", "235"),
    ("aps/216000000001/500000000001/2/voltage", "236"),
    ("aps/216000000001/500000000001/3/voltage", "235"),
    ("aps/216000000001/700000000001/energy/today", "1.012"),
    ("aps/216000000001/700000000001/problem", "none"),
    ("aps/216000000001/700000000001/1/energy/today", "0.5"),
    ("aps/216000000001/700000000001/2/energy/today", "0.512"),
    ("aps/216000000001/800000000001/energy/today", "3.101"),
    ("aps/216000000001/800000000001/problem", "none"),
    ("aps/216000000001/800000000001/1/energy/today", "0.001"),
    ("aps/216000000001/800000000001/2/energy/today", "0.1"),
    ("aps/216000000001/800000000001/3/energy/today", "3"),
    ("aps/216000000001/800000000001/4/energy/today", "0"),
    ("aps/216000000001/500000000001/energy/today", "1.6"),
    ("aps/216000000001/500000000001/problem", "none"),
    ("aps/216000000001/500000000001/1/energy/today", "0.4"),
    ("aps/216000000001/500000000001/2/energy/today", "0.4"),
    ("aps/216000000001/500000000001/3/energy/today", "0.4"),
    ("aps/216000000001/500000000001/4/energy/today", "0.4"),
    ("aps/216000000001/energy/yesterday", "12.25"),
    ("aps/216000000001/problem", "none"),
    ("aps/216000000001/error", ""),
    ("aps/216000000001/status", "online"),
]


def said(style: Style, made: Report) -> dict[str, str]:
    """Payload by topic below the ECU's."""
    return {one.topic.removeprefix(f"aps/{ECU}/"): one.payload for one in messages(style, made)}


# -- the table --------------------------------------------------------------------------------------------------------


def test_every_topic_and_payload_of_three_inverters():
    """The contract's table: a DS3 of two channels, a QS1 with one voltage, a YC1000 with three."""
    assert sorted((one.topic, one.payload) for one in messages(Style(), report())) == sorted(LITERAL)


def test_every_topic_stands_below_the_prefix():
    """MQTT_TOPIC_PREFIX may have levels of its own."""
    told = messages(Style(prefix="home/roof"), report())
    assert sorted((one.topic, one.payload) for one in told) == sorted((f"home/roof/{t}", text) for t, text in LITERAL)


def test_no_topic_is_named_twice():
    topics = [one.topic for one in messages(Style(), report())]
    assert len(set(topics)) == len(topics)


def test_the_error_and_then_the_status_come_last():
    """Who waits for the status finds everything else said."""
    assert [one.topic for one in messages(Style(), report())][-2:] == [f"aps/{ECU}/error", f"aps/{ECU}/status"]


def test_the_presence_of_run_is_no_ecus_status():
    assert presence_topic(Style()) == "aps/status"
    assert presence_topic(Style(prefix="home")) == "home/aps/status"
    assert ecu_topic(Style(), ECU) == "aps/216000000001"
    assert ecu_topic(Style(prefix="home"), ECU) == "home/aps/216000000001"


# -- retained or not --------------------------------------------------------------------------------------------------


def test_everything_is_retained():
    """The default: a dashboard that connects sees the array at once."""
    assert all(one.retain for one in messages(Style(), report(Inverter("806000000009", online=False))))


def test_without_retain_readings_are_not_retained_but_status_error_and_removals_are():
    """MQTT_RETAIN is of readings; a removal that is not retained would remove nothing."""
    asleep = Inverter("700000000001", online=False, powers=(0, 0), voltages=(None, None))
    told = messages(Style(retain=False), report(asleep, gone=(DS3, QS1)))
    readings = [one for one in told if one.payload and one.topic != f"aps/{ECU}/status"]
    removals = [one for one in told if not one.payload]
    assert readings
    assert not [one for one in readings if one.retain]
    assert removals
    assert not [one for one in removals if not one.retain]
    assert told[-1] == Message(f"aps/{ECU}/status", "online", retain=True)


def test_without_retain_the_cause_of_a_failure_is_retained():
    told = messages(Style(retain=False), report(error="the ECU is mute"))
    assert told[-2:] == (
        Message(f"aps/{ECU}/error", "the ECU is mute", retain=True),
        Message(f"aps/{ECU}/status", "offline", retain=True),
    )


# -- what is not there ------------------------------------------------------------------------------------------------


def test_what_is_kept_is_neither_published_nor_removed():
    """The broker has the last good one."""
    made = report(
        Inverter(
            "700000000001", online=True, powers=(1, 2), voltages=(230, 231), signal=UNCHANGED, energies=(0.0, 0.0)
        ),
        power=UNCHANGED,
        today=UNCHANGED,
        yesterday=UNCHANGED,
        lifetime=UNCHANGED,
        problems=UNCHANGED,
        registered=UNCHANGED,
        online=UNCHANGED,
    )
    assert said(Style(), made) == {
        "timestamp": "2026-06-21T13:45:09+02:00",
        "firmware": "ECU_R_1.2.31",
        "700000000001/online": "True",
        "700000000001/temperature": "",
        "700000000001/frequency": "",
        "700000000001/power": "3",
        "700000000001/voltage": "230.5",
        "700000000001/1/power": "1",
        "700000000001/2/power": "2",
        "700000000001/1/voltage": "230",
        "700000000001/2/voltage": "231",
        "700000000001/energy/today": "0",
        "700000000001/1/energy/today": "0",
        "700000000001/2/energy/today": "0",
        "error": "",
        "status": "online",
    }


def test_a_timestamp_that_is_none_is_removed():
    """A new ECU's time is filler (quirk 22)."""
    assert said(Style(), report(timestamp=None))["timestamp"] == ""


def test_an_inverter_that_is_gone_takes_all_its_topics_with_it():
    told = said(Style(), report(DS3, gone=(YC1000,)))
    assert {topic: text for topic, text in told.items() if topic.startswith("5000")} == {
        "500000000001/online": "",
        "500000000001/signal": "",
        "500000000001/temperature": "",
        "500000000001/frequency": "",
        "500000000001/power": "",
        "500000000001/voltage": "",
        "500000000001/1/power": "",
        "500000000001/2/power": "",
        "500000000001/3/power": "",
        "500000000001/4/power": "",
        "500000000001/1/voltage": "",
        "500000000001/2/voltage": "",
        "500000000001/3/voltage": "",
        "500000000001/energy/today": "",
        "500000000001/1/energy/today": "",
        "500000000001/2/energy/today": "",
        "500000000001/3/energy/today": "",
        "500000000001/4/energy/today": "",
        "500000000001/problem": "",
    }


def test_a_channel_that_is_lost_counts_neither_in_the_sum_nor_in_the_mean():
    """Its topics are removed; 0 W and 0 V would be readings."""
    told = said(Style(), report(Inverter("5", online=True, powers=(9, 8, None, None), voltages=(240, None, 230, None))))
    assert (told["5/power"], told["5/voltage"], told["5/3/power"], told["5/2/voltage"]) == ("17", "235", "", "")


def test_an_offline_inverter_has_a_power_of_0_and_no_voltage():
    told = said(Style(), report(Inverter("5", online=False, powers=(0, 0), voltages=(None, None))))
    assert (told["5/online"], told["5/power"], told["5/voltage"], told["5/1/voltage"]) == ("False", "0", "", "")


# -- payloads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (49.9, "49.9"),
        (227.5, "227.5"),
        (0.17, "0.17"),
        (0, "0"),
        (0.0, "0"),
        (100.0, "100"),
        (10.0, "10"),
        (1500, "1500"),
        (-7, "-7"),
        (22310.9, "22310.9"),
        (429496729.5, "429496729.5"),
        (42949672.95, "42949672.95"),
        (True, "True"),
        (False, "False"),
        ("ECU_R_1.2.31.0", "ECU_R_1.2.31.0"),
        ("", ""),
        (None, ""),
        (AT, "2026-06-21T13:45:09+02:00"),
        (datetime(2026, 6, 21, 11, 45, tzinfo=UTC), "2026-06-21T11:45:00+00:00"),
    ],
)
def test_payloads_are_the_shortest_that_say_it(value, text):
    assert payload(value) == text


@pytest.mark.parametrize("per", [10, 100])
def test_every_amount_of_the_wire_is_published_at_its_own_scale(per):
    """Energies come in tenths or hundredths of a kWh: no 0.30000000000000004."""
    digits = len(str(per)) - 1
    for steps in (*range(3000), 2**16, 2**32 - 1):
        whole, fraction = divmod(steps, per)
        literal = f"{whole}.{fraction:0{digits}}".rstrip("0").removesuffix(".")
        assert payload(steps / per) == literal


@pytest.mark.parametrize(
    ("voltages", "mean"),
    [((235, 236, 235), "235.3"), ((235, 236, 236), "235.7"), ((100, 100), "100"), ((229,), "229"), ((0, 0), "0")],
)
def test_the_voltage_of_an_inverter_is_the_mean_to_a_tenth(voltages, mean):
    """Whole volts on the wire: a tenth is all that a mean of three can say."""
    assert said(Style(), report(Inverter("5", online=True, powers=(1,), voltages=voltages)))["5/voltage"] == mean


@pytest.mark.parametrize(
    ("celsius", "fahrenheit"),
    [(0, "32"), (31, "87.8"), (-7, "19.4"), (100, "212"), (-40, "-40"), (-18, "-0.4"), (44, "111.2"), (None, "")],
)
def test_temperatures_are_in_fahrenheit_where_that_is_configured(celsius, fahrenheit):
    made = report(Inverter("5", online=True, powers=(1,), voltages=(230,), temperature=celsius, frequency=50.0))
    told = said(Style(fahrenheit=True), made)
    assert (told["5/temperature"], told["5/frequency"]) == (fahrenheit, "50")


# -- failed jobs ------------------------------------------------------------------------------------------------------


def test_a_failed_job_says_nothing_but_its_cause_and_the_status():
    """A failed query changes nothing else on the broker."""
    assert status_messages(Style(prefix="home", retain=False), ECU, "the ECU refuses; restart it") == (
        Message("home/aps/216000000001/error", "the ECU refuses; restart it", retain=True),
        Message("home/aps/216000000001/status", "offline", retain=True),
    )


def test_a_good_job_removes_the_cause():
    assert status_messages(Style(), ECU, "") == (
        Message("aps/216000000001/error", "", retain=True),
        Message("aps/216000000001/status", "online", retain=True),
    )


# -- what the broker retains ------------------------------------------------------------------------------------------


def recalled_from(lifetime: str, today: str, timestamp: str) -> Recalled:
    """What these three payloads on the ECU's flat topics say."""
    retained = {"energy/lifetime": lifetime, "energy/today": today, "timestamp": timestamp}
    return recalled(Style(), ECU, {f"aps/{ECU}/{topic}": payload for topic, payload in retained.items()})


def test_what_was_published_is_read_back():
    """The reverse of the payloads, so that a lost state is no lost counter."""
    told = said(Style(), report())
    assert recalled_from(told["energy/lifetime"], told["energy/today"], told["timestamp"]) == Recalled(
        22310.9, 0.17, AT
    )


def test_a_time_is_read_back_with_its_offset():
    """Its date is the site's, not that of UTC."""
    moment = recalled_from("", "", "2026-06-22T00:10:00+12:00").timestamp
    assert moment == datetime(2026, 6, 22, 0, 10, tzinfo=timezone(timedelta(hours=12)))
    assert moment.utcoffset() == timedelta(hours=12)


def test_nothing_retained_is_nothing_recalled():
    assert recalled_from("", "", "") == Recalled(None, None, None, readable=True)


@pytest.mark.parametrize("rubbish", ["", "rubbish", "nan", "-nan", "inf", "-inf", "-1", "-0.01", "1,5", "None", "{}"])
def test_an_amount_that_is_none_is_not_there(rubbish):
    """Anybody may have published there."""
    assert recalled_from(rubbish, rubbish, "").lifetime is None
    assert recalled_from(rubbish, rubbish, "").today is None


@pytest.mark.parametrize("rubbish", ["", "rubbish", "13:45", "2026-06-31T00:00:00", "1750000000.5x", "None"])
def test_a_time_that_is_none_is_not_there(rubbish):
    assert recalled_from("1", "1", rubbish).timestamp is None


def test_what_can_be_read_is_recalled_beside_what_cannot():
    assert recalled_from("0", "nan", "never") == Recalled(0.0, None, None)
    assert recalled_from("x", "0.5", AT.isoformat()) == Recalled(None, 0.5, AT)
