"""Jobs that read the ECU through both ports, or through one of them, on a real broker: what is published of which."""

import json
from datetime import datetime

import pytest
from both_doors import DS3, ECU, QS1, YC1000, House, of, warnings
from parts import in_paris, settings
from sunspec_units import patiently

from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.jobs.forget import forget, remembered_by_broker
from aps2mqtt.simulator.modbus import Faults
from aps2mqtt.simulator.scenarios import plant_answers

OF_SUNSPEC = ("ac/", "dc/", "firmware")


# -- both -------------------------------------------------------------------------------------------------------------


def test_both_ports_say_one_array(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Literal: what 8899 says stands, and SunSpec adds its own topics."""
    house.job()
    retained = house.retained()
    assert {topic: text for topic, text in retained.items() if "/" not in topic or topic.startswith("energy")} == {
        "power": "2038",
        "energy/today": "7.97",
        "energy/lifetime": "3166.3",
        "timestamp": "2026-06-21T13:00:00+02:00",
        "firmware": "ECU_R_1.3.19C",
        "source": "8899+sunspec",
        "problem": "none",
        "status": "online",
    }
    assert of(DS3, retained) == {
        "online": "True",
        "signal": "65",
        "temperature": "36",
        "frequency": "49.9",
        "power": "617",
        "voltage": "232.5",
        "energy/today": "2.412",
        "ac/power": "586.2",
        "ac/current": "2.58",
        "ac/apparent_power": "598.1",
        "ac/reactive_power": "119",
        "ac/power_factor": "0.98",
        "firmware": "V5312",
        "problem": "none",
        "1/power": "295",
        "1/voltage": "232",
        "1/energy/today": "0",
        "1/dc/power": "295",
        "1/dc/voltage": "37",
        "1/dc/current": "7.97",
        "2/power": "322",
        "2/voltage": "233",
        "2/energy/today": "0",
        "2/dc/power": "322",
        "2/dc/voltage": "37.3",
        "2/dc/current": "8.63",
    }
    for other in (QS1, YC1000):  # of these, SunSpec makes the apparent power up
        assert {topic for topic in of(other, retained) if topic.startswith("ac/")} == {"ac/power", "ac/current"}
    assert not list(warnings(caplog))


def test_units_are_searched_once_and_nothing_but_registers_is_read(house: House) -> None:
    house.job()
    first = house.server.requests
    assert {unit for unit, _, _ in first} == {1, 2, 3}  # the search ends when all inverters are found
    house.passes(minutes=5)
    house.job()
    assert house.server.requests == [(unit, *part) for unit in (1, 2, 3) for part in ((40052, 125), (40177, 85))]
    assert (house.server.refused, house.server.connections) == ([], 1)


def test_the_energy_of_an_inverter_is_its_own_counter(house: House) -> None:
    """It does not fall where that counter is lower than what was integrated, nor where SunSpec is shut meanwhile."""
    house.job()
    before = float(house.retained()[f"{DS3}/energy/today"])
    open_doors = house.faults
    house.shuts_502()
    house.passes(minutes=5)
    house.job()
    between = float(house.retained()[f"{DS3}/energy/today"])
    assert before < between < before + 0.06  # the integral goes on from it
    house.faults = open_doors
    house.passes(minutes=5)
    house.job()
    assert float(house.retained()[f"{DS3}/energy/today"]) > between


# -- one door shut ----------------------------------------------------------------------------------------------------


def test_sunspec_carries_the_house_alone(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Every topic of the contract: sums, DC power in whole watts, no signals, the lifetime kept."""
    house.job()
    before = house.retained()
    house.shuts_8899()
    for _ in range(3):
        house.passes(minutes=5)
        outcome = house.job()
    now = house.retained()
    powers = [float(now[f"{uid}/ac/power"]) for uid in (DS3, QS1, YC1000)]
    energies = [float(now[f"{uid}/energy/today"]) for uid in (DS3, QS1, YC1000)]
    assert float(now["power"]) == pytest.approx(sum(powers))
    assert float(now["energy/today"]) == pytest.approx(sum(energies))
    assert float(now["energy/today"]) > float(before["energy/today"])
    assert {name: now[name] for name in ("energy/lifetime", "status", "source", "inverters/total", "firmware")} == {
        "energy/lifetime": before["energy/lifetime"],
        "status": "online",
        "source": "sunspec",
        "inverters/total": "3",
        "firmware": "ECU_R_1.3.19C",
    }
    assert now["timestamp"] == "2026-06-21T13:15:40+02:00"  # when the registers were seen to change
    assert "signals and energy/lifetime are missing" in now["problem"]
    assert "refuses the connection" in now["problem"]
    assert before.keys() - now.keys() == {f"{uid}/signal" for uid in (DS3, QS1, YC1000)}
    assert not now.keys() - before.keys()
    for uid in (DS3, QS1, YC1000):
        assert now[f"{uid}/online"] == "True"
        assert now[f"{uid}/1/power"] == str(round(float(now[f"{uid}/1/dc/power"])))
    assert outcome.summary.startswith("ECU-R 216000000001: ")
    house.fault = ""
    house.passes(minutes=5)
    house.job()
    assert house.retained().keys() == before.keys()
    assert house.retained()["problem"] == "none"
    told = list(warnings(caplog))
    assert len(told) == 2, told  # one line a change
    assert told[0].startswith("port 8899 fails, so all readings come from SunSpec: the ECU at")
    assert told[1] == "port 8899 works again"


def test_a_poll_says_how_old_the_data_are_where_the_ecu_knows(house: House) -> None:
    """Literal. What only SunSpec says has no time stamp of the ECU."""
    assert ", data of 2026-06-21 13:00:00, 40 s old; " in house.job().summary
    house.shuts_8899()
    house.passes(minutes=5)
    assert ", data of 2026-06-21 13:05:40; " in house.job().summary


def test_without_8899_from_the_first_job_the_id_is_configured(house: House) -> None:
    house.shuts_8899()
    assert "APS_ECU_ID" in house.fails()
    assert not house.retained()
    house.keys["APS_ECU_ID"] = ECU
    house.job()
    now = house.retained()
    assert (now["source"], now["inverters/total"], now[f"{DS3}/online"]) == ("sunspec", "3", "True")
    assert float(now["power"]) > 1500
    assert "energy/lifetime" not in now  # nobody has ever said it
    assert (now[f"{DS3}/1/power"], f"{DS3}/3/power" in now) == ("295", False)
    assert house.server.requests[0][0] == 1
    house.passes(minutes=5)
    house.job()
    house.fault = ""
    house.passes(minutes=5)
    house.job()
    assert house.retained()["energy/lifetime"] == "3166.7"


def test_where_502_is_shut_the_job_is_good_and_says_so_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.job()
    house.shuts_502()
    for _ in range(2):
        house.passes(minutes=5)
        house.job()
    now = house.retained()
    assert (now["source"], now["status"], now["problem"]) == ("8899", "online", "none")
    assert not [topic for topic in now if topic.removeprefix(f"{DS3}/").startswith(OF_SUNSPEC) and DS3 in topic]
    assert now[f"{DS3}/energy/today"] > "2.412"
    (told,) = warnings(caplog)
    assert told.startswith("SunSpec fails, so its values are missing: port ")
    assert "vendor's app" in told


def test_where_neither_answers_the_job_fails_and_the_values_stay(house: House) -> None:
    house.job()
    before = house.retained()
    house.shuts_8899()
    house.shuts_502()
    house.passes(minutes=5)
    text = house.fails()
    assert "refuses the connection" in text
    assert "And over SunSpec: port " in text
    now = house.retained()
    assert now.pop("error") == text
    assert now == before | {"status": "offline"}


def test_an_ecu_hangs_only_where_neither_answers(house: House) -> None:
    house.job()
    house.fault = "mute"
    house.passes(minutes=5)
    house.job()
    assert house.store.load().failure.hang is None
    house.shuts_502()
    house.passes(minutes=5)
    with pytest.raises(EcuUnreachable):
        house.job()
    assert house.store.load().failure.hang.jobs == 1
    house.faults = Faults()
    house.passes(minutes=5)
    house.job()
    assert house.store.load().failure.hang is None


# -- on and off -------------------------------------------------------------------------------------------------------


def test_where_sunspec_is_switched_off_its_topics_are_removed(house: House) -> None:
    house.job()
    house.keys["APS_ECU_SUNSPEC"] = "off"
    house.passes(minutes=5)
    house.job()
    now = house.retained()
    assert "source" not in now
    assert not [topic for topic in now if "/ac/" in topic or "/dc/" in topic or topic.endswith("/firmware")]
    assert house.server.connections == 0


def test_a_dry_run_says_the_same_and_leaves_nothing(house: House) -> None:
    outcome = house.job(dry_run=True)
    assert not house.retained()
    assert {one.topic for one in outcome.messages} >= {f"aps/{ECU}/{DS3}/2/dc/current", f"aps/{ECU}/source"}
    assert house.store.load() is None


def test_the_objects_of_json_have_the_same_values(house: House) -> None:
    """Keys are the topics with _ for /; null where a flat topic would be removed."""
    house.keys["MQTT_PAYLOAD"] = "json"
    house.job()
    said = json.loads(house.retained(DS3)[DS3])
    assert {
        key: said[key] for key in ("ac_power", "ac_power_factor", "firmware", "panel_1_dc_power", "panel_2_dc_voltage")
    } == {
        "ac_power": 586.2,
        "ac_power_factor": 0.98,
        "firmware": "V5312",
        "panel_1_dc_power": 295.0,
        "panel_2_dc_voltage": 37.3,
    }
    assert "ac_power_factor" not in json.loads(house.retained(QS1)[QS1])
    assert json.loads(house.broker.retained(f"aps/{ECU}")[f"aps/{ECU}"])["source"] == "8899+sunspec"
    house.shuts_502()
    house.passes(minutes=5)
    house.job()
    now = json.loads(house.retained(DS3)[DS3])
    assert now.keys() == said.keys()
    assert [now[key] for key in ("ac_power", "firmware", "panel_1_dc_power")] == [None, None, None]
    house.shuts_8899()
    house.faults = Faults()
    house.passes(minutes=5)
    house.job()
    now = json.loads(house.retained(DS3)[DS3])
    assert (now.keys(), now["signal"], now["online"]) == (said.keys(), None, True)


def test_an_inverter_that_is_forgotten_is_found_again_while_the_ecu_has_it(house: House) -> None:
    house.job()
    with house.ports() as (port, sunspec):
        keys = {"APS_ECU_SUNSPEC": "on", "APS_ECU_SUNSPEC_PORT": sunspec}
        config = in_paris(port, house.broker.port, house.folder, **keys)
        assert forget([(config, house.store)], QS1, remembered_by_broker(config, QS1))
    assert not of(QS1, house.retained())
    assert house.store.load().units.by_uid.keys() == {DS3, YC1000}
    house.passes(minutes=5)
    house.job()
    assert f"{QS1}/ac/power" in house.retained()


def test_an_inverter_of_a_type_that_nobody_knows_is_read_over_sunspec(house: House) -> None:
    """8899 lists it with a record that is not understood."""
    answers = plant_answers(house.plant)

    def strange(command: str, ecu_id: str, now: datetime, *argument: str) -> bytes:
        data = answers(command, ecu_id, now, *argument)
        return data.replace(bytes.fromhex(QS1) + b"\x0103", bytes.fromhex(QS1) + b"\x0109")

    house.answers = strange
    house.job()
    now = house.retained()
    assert (now[f"{QS1}/online"], f"{QS1}/1/power" in now, f"{QS1}/signal" in now) == ("True", True, False)


def test_inverters_that_8899_leaves_out_are_read_over_sunspec(house: House) -> None:
    """As firmware of April 2026, which lists none while all of them produce."""
    house.has_silent_units()
    answers = plant_answers(house.plant)
    none = plant_answers(house.plant._replace(inverters=()))
    house.answers = lambda command, *rest: (answers if command == "0001" else none)(command, *rest)
    house.job()
    now = house.retained()
    assert (now["inverters/total"], now["problem"]) == ("3", "none")
    assert [now[f"{uid}/online"] for uid in (DS3, QS1, YC1000)] == ["True"] * 3


EXITS = {
    "8899 alone": ("", Faults(refuses=True), 0),
    "SunSpec alone": ("refuse", Faults(), 0),
    "both refuse": ("refuse", Faults(refuses=True), 69),
    "8899 talks nonsense": ("garbage", Faults(refuses=True), 76),
}


@pytest.mark.parametrize("case", EXITS)
def test_the_exit_status_is_that_of_8899_where_neither_port_can_be_read(house: House, case: str) -> None:
    house.fault, house.faults, status = EXITS[case]
    with house.ports() as (port, sunspec):
        on = {"APS_ECU_SUNSPEC": "on", "APS_ECU_SUNSPEC_PORT": sunspec, "APS_ECU_SUNSPEC_UNITS": "1-3"}
        ended = patiently("once", **settings(port, house.broker.port, house.folder, APS_ECU_ID=ECU, **on))
    assert ended.status == status, ended.err
    assert ended.err.count("\n") == 1  # the warning, or the failure
    assert ("And over SunSpec: port" in ended.err) == (status != 0)
