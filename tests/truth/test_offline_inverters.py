"""Inverters that sleep, were never heard or are half awake: what is true of them on the broker."""

import pytest
from parts import replace
from readings import ECU, NEVER, NEVER_HEARD, OFFLINE_THREE, OFFLINE_TWO, QUAD, RECORDS, THREE, TWO, Bridge, below, read

from aps2mqtt.sources.ecu8899.answers import Record

# -- offline inverters ------------------------------------------------------------------------------------------------


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
