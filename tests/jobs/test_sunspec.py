"""Jobs that read the ECU through both ports, or through one of them, on a real broker."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from both_doors import DS3, ECU, QS1, YC1000, House, freeze
from parts import Broker, in_paris

from aps2mqtt.base.errors import EcuUnreachable
from aps2mqtt.jobs.forget import forget, remembered_by_broker
from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.modbus import Faults
from aps2mqtt.simulator.scenarios import plant_answers

OF_SUNSPEC = ("ac/", "dc/", "firmware")


@pytest.fixture
def house(broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> House:
    caplog.set_level("INFO")
    return House(broker, tmp_path)


def of(uid: str, retained: dict[str, str]) -> dict[str, str]:
    """The topics of one inverter."""
    return {topic.removeprefix(f"{uid}/"): text for topic, text in retained.items() if topic.startswith(uid)}


def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """The lines from WARNING on, and those that tell an end."""
    for record in caplog.records:
        if record.levelname == "WARNING" or "again" in record.getMessage():
            yield record.getMessage()


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
    assert told[0].startswith("port 8899 fails, so SunSpec is read alone: the ECU at")
    assert told[1] == "port 8899 works again"


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
    assert "And over SunSpec port " in text
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


# -- units ------------------------------------------------------------------------------------------------------------


def test_units_that_are_silent_at_night_are_asleep(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """It is not known what a unit does while its inverter sleeps. In the morning all is as before."""
    house.has_silent_units()
    house.now = datetime(2026, 6, 21, 20, 0, tzinfo=UTC)
    house.job()
    house.shuts_8899()
    freeze(house)
    for _ in range(4):
        house.passes(minutes=5)
        house.job()
    assert house.retained()["inverters/online"] == "0"
    house.faults = Faults(silent=frozenset({1, 2, 3}))
    caplog.clear()
    for _ in range(3):
        house.passes(hours=2)
        house.job()
    now = house.retained()
    assert (now["power"], now["inverters/online"], now[f"{DS3}/online"]) == ("0", "0", "False")
    assert (now[f"{DS3}/ac/power"], now[f"{DS3}/2/dc/power"], now[f"{DS3}/firmware"]) == ("0", "0", "V5312")
    assert "answer over SunSpec" not in now["problem"]
    assert not list(warnings(caplog))
    house.faults = Faults()
    house.registers = House(house.broker, house.folder).registers
    house.now = datetime(2026, 6, 22, 8, 0, tzinfo=UTC)
    house.job()
    assert house.retained()["inverters/online"] == "3"


def test_where_only_sleepers_answer_the_job_is_good(house: House) -> None:
    """Two units are lost at dusk, and the third one gives nothing."""
    house.has_silent_units()
    house.job()
    house.shuts_8899()
    house.passes(minutes=5)
    house.job()
    asleep = units(house.plant, datetime(2026, 6, 21, 23, 0, tzinfo=UTC))
    house.registers = lambda _: {3: asleep[3]}
    house.passes(minutes=5)
    house.job()
    now = house.retained()
    assert (now["status"], now[f"{YC1000}/online"], now[f"{DS3}/online"]) == ("online", "False", "False")


def test_units_renumbered_overnight_are_found_at_noon(house: House) -> None:
    """They were asleep when they were seen last, so their silence says nothing until all should be awake."""
    house.has_silent_units()
    house.now = datetime(2026, 6, 21, 23, 0, tzinfo=UTC)
    house.job()
    house.shuts_8899()
    house.passes(minutes=5)
    house.job()
    house.faults = Faults(moved=10)
    house.now = datetime(2026, 6, 22, 6, 0, tzinfo=UTC)
    house.job()
    assert house.retained()[f"{DS3}/online"] == "False"
    house.now = datetime(2026, 6, 22, 10, 0, tzinfo=UTC)
    house.job()
    assert house.retained()[f"{DS3}/online"] == "True"


def test_a_silent_unit_beside_8899_loses_what_only_sunspec_says(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.has_silent_units()
    house.job()
    house.faults = Faults(silent=frozenset({2}))
    for _ in range(2):
        house.passes(minutes=5)
        house.job()
    now = house.retained()
    assert {topic for topic in of(QS1, now) if topic.startswith(OF_SUNSPEC) or "/dc/" in topic} == set()
    assert (now[f"{QS1}/online"], f"{QS1}/signal" in now, f"{DS3}/ac/power" in now) == ("True", True, True)
    (told,) = warnings(caplog)
    assert told.startswith(f"inverters do not answer over SunSpec: {QS1}; ")


def test_of_a_silent_unit_nobody_knows_from_the_third_poll_on(house: House) -> None:
    """SunSpec alone: it may have another address, or the answer was lost. It keeps what it had for ten minutes."""
    house.has_silent_units()
    house.job()
    before = of(QS1, house.retained())
    house.shuts_8899()
    house.faults = Faults(silent=frozenset({2}))
    for _ in range(2):
        house.passes(minutes=5)
        house.job()
        assert of(QS1, house.retained()) == before
    assert "2 of 3 inverters answer over SunSpec" in house.retained()["problem"]
    house.passes(minutes=5)
    house.job()
    kept = {topic for topic in before if topic.endswith("energy/today")}
    assert of(QS1, house.retained()).keys() == kept
    house.faults = Faults()
    house.passes(minutes=5)
    house.job()
    assert of(QS1, house.retained()).keys() == before.keys() - {"signal"}


def test_renumbered_units_are_found_again(house: House) -> None:
    """Within the job that misses them: they are not far away."""
    house.has_silent_units()
    house.job()
    house.shuts_8899()
    house.faults = Faults(moved=10)
    house.passes(minutes=5)
    house.job()
    assert house.retained()[f"{DS3}/online"] == "True"
    assert [unit.address for unit in house.store.load().units.by_uid.values()] == [11, 12, 13]
    house.passes(minutes=5)
    house.job()
    assert {unit for unit, _, _ in house.server.requests} == {11, 12, 13}


def test_two_inverters_that_change_their_addresses_are_told_apart(house: House) -> None:
    house.job()
    straight = house.registers
    house.registers = lambda when: {1: straight(when)[2], 2: straight(when)[1], 3: straight(when)[3]}
    house.passes(minutes=5)
    house.job()
    known = house.store.load().units.by_uid
    assert (known[DS3].address, known[QS1].address) == (2, 1)
    assert house.retained()[f"{QS1}/4/dc/power"] == house.retained()[f"{QS1}/4/power"]


def test_a_search_that_has_not_found_all_is_begun_again_on_another_date(house: House) -> None:
    """Not at every poll: each wrong address takes time."""
    house.has_silent_units()
    house.addresses = range(1, 51)
    whole = house.registers
    house.registers = lambda when: {1: whole(when)[1], 2: whole(when)[2]}
    asked = 0
    while house.job() and {unit for unit, _, _ in house.server.requests} > {1, 2}:
        asked += 1
        house.passes(minutes=5)
    assert 2 <= asked <= 4  # jobs in which it searched
    house.registers = whole
    for _ in range(2):
        house.passes(minutes=5)
        house.job()
        assert {unit for unit, _, _ in house.server.requests} == {1, 2}
    house.passes(days=1)
    house.job()
    assert f"{YC1000}/ac/power" in house.retained()


def test_a_late_answer_is_not_taken_for_another(house: House) -> None:
    house.has_silent_units()
    house.job()
    house.shuts_8899()
    house.faults = Faults(late=frozenset({1}))
    house.passes(minutes=5)
    house.job()
    now = house.retained()
    record = {one.uid: one for one in house.plant.records(house.now)}
    assert now[f"{QS1}/1/power"] == str(record[QS1].powers[0])
    assert now[f"{YC1000}/1/power"] == str(record[YC1000].powers[0])


def test_a_connection_that_the_ecu_drops_is_opened_again(house: House) -> None:
    """It takes a search for idleness."""
    house.has_silent_units()
    house.faults = Faults(moved=10, idle=0.6)
    house.job()
    assert house.server.connections > 3
    assert f"{YC1000}/ac/power" in house.retained()


def test_configured_units_are_not_searched(house: House) -> None:
    house.keys["APS_ECU_SUNSPEC_UNITS"] = "1,3"
    house.job()
    assert {unit for unit, _, _ in house.server.requests} == {1, 3}
    assert (f"{DS3}/ac/power" in house.retained(), f"{QS1}/ac/power" in house.retained()) == (True, False)


@pytest.mark.parametrize("inverters", ["9xQT2", "60xDS3,40xQS1"])
def test_larger_arrays(broker: Broker, tmp_path: Path, inverters: str) -> None:
    house = House(broker, tmp_path, inverters)
    house.addresses = range(1, 120)
    house.job()
    house.shuts_8899()
    house.passes(minutes=5)
    house.job()
    number = str(len(house.plant.inverters))
    assert house.retained("inverters/+") == {"inverters/online": number, "inverters/total": number}
    powers = [float(power) for power in house.retained("+/ac/power").values()]
    assert str(len(powers)) == number
    assert float(house.retained("power")["power"]) == pytest.approx(sum(powers), abs=0.05)


# -- time -------------------------------------------------------------------------------------------------------------


def test_registers_that_do_not_change_are_of_an_inverter_that_is_offline(house: House) -> None:
    """As at dusk: the watts were seen to stay as they were, and the state stays 4."""
    house.shuts_8899()
    house.keys["APS_ECU_ID"] = ECU
    house.job()
    freeze(house)
    for _ in range(3):
        house.passes(minutes=5)
        house.job()
    assert house.retained()["inverters/online"] == "3"  # for 15 minutes
    energy = house.retained()["energy/today"]
    house.passes(minutes=5)
    house.job()
    now = house.retained()
    assert (now["power"], now["inverters/online"], now["energy/today"]) == ("0", "0", energy)
    assert {topic: text for topic, text in of(DS3, now).items() if "energy" not in topic} == {
        "online": "False",
        "power": "0",
        "ac/power": "0",
        "firmware": "V5312",
        "1/power": "0",
        "2/power": "0",
        "1/dc/power": "0",
        "2/dc/power": "0",
    }


def test_a_night_and_a_new_day_under_sunspec_alone(house: House) -> None:
    """Yesterday's total is not today's, today's begins at 0, and no energy falls within a date."""
    house.now = datetime(2026, 6, 21, 16, 0, 40, tzinfo=UTC)
    house.job()
    house.shuts_8899()
    last: dict[str, float] = {}
    seen: list[tuple[int, str, float]] = []
    while house.now < datetime(2026, 6, 22, 8, 0, tzinfo=UTC):
        house.passes(minutes=20)
        house.job()
        now = house.retained()
        date = str(house.now.astimezone(house.plant.timezone).date())
        for topic, text in now.items():
            if topic.endswith("energy/today"):
                assert float(text) >= last.get(f"{date} {topic}", 0.0), (house.now, topic)
                last[f"{date} {topic}"] = float(text)
        seen.append((int(now["inverters/online"]), now.get("energy/yesterday", ""), float(now["energy/today"])))
    asleep = [one for one in seen if one[0] == 0]
    assert len(asleep) > 15
    total = max(energy for _, yesterday, energy in seen if yesterday == seen[0][1])
    assert {yesterday for _, yesterday, _ in seen[-10:]} == {str(total)}
    assert 0 < seen[-1][2] < total / 2
    assert 0.0 in {energy for _, _, energy in asleep}


def test_by_night_the_ecu_is_left_alone(house: House) -> None:
    house.keys["APS_ECU_STOP_AT_NIGHT"] = "True"
    house.now = datetime(2026, 6, 21, 19, 30, tzinfo=UTC)
    house.job()
    house.shuts_8899()
    while not house.job().night:
        house.passes(minutes=15)
        assert house.now.day == 21
    assert house.server.connections == 0
    now = house.retained()
    assert (now["power"], now["inverters/online"], now[f"{DS3}/ac/power"]) == ("0", "0", "0")
    assert (now[f"{DS3}/firmware"], now["source"]) == ("V5312", "sunspec")
    assert "signals and energy/lifetime are missing" in now["problem"]


def test_a_lost_state_lets_no_energy_fall(house: House) -> None:
    """What the broker retains for the date counts, those of panels included."""
    for _ in range(4):
        house.job()
        house.passes(minutes=5)
    house.shuts_8899()
    house.job()
    before = {topic: text for topic, text in house.retained().items() if topic.endswith("energy/today")}
    house.store.remove()
    house.keys["APS_ECU_ID"] = ECU
    house.job()
    assert {topic: text for topic, text in house.retained().items() if topic.endswith("energy/today")} == before


def test_the_same_registers_twice_give_the_same_messages(house: House) -> None:
    house.job()
    house.shuts_8899()
    house.passes(minutes=5)
    house.job()
    before = house.retained()
    house.passes(minutes=1)
    house.job()
    now = house.retained()
    ports = ("problem",)  # the simulator's port differs
    assert {topic: text for topic, text in now.items() if topic not in ports} == {
        topic: text for topic, text in before.items() if topic not in ports
    }


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
