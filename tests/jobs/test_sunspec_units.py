"""Units that are silent, late, renumbered or asleep, and days with SunSpec alone, on a real broker."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from both_doors import DS3, ECU, QS1, YC1000, House, freeze, of, warnings
from parts import Broker

from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.modbus import Faults

OF_SUNSPEC = ("ac/", "dc/", "firmware")


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


def test_where_no_unit_answers_by_day_the_job_fails_and_the_values_stay(house: House) -> None:
    house.has_silent_units()
    house.job()
    before = house.retained()
    house.shuts_8899()
    house.faults = Faults(silent=frozenset(range(1, 248)))
    house.passes(minutes=5)
    assert "And over SunSpec: no inverter answers; set APS_ECU_SUNSPEC_UNITS" in house.fails()
    now = house.retained()
    del now["error"]
    assert now == before | {"status": "offline"}


def test_the_units_of_an_ecu_that_was_replaced_are_searched_anew(house: House) -> None:
    house.job()
    house.plant = house.plant._replace(ecu=house.plant.ecu._replace(ecu_id="216000000009"))
    house.passes(minutes=5)
    house.job()
    assert house.broker.retained("aps/216000000009/source")["aps/216000000009/source"] == "8899+sunspec"
    assert house.retained()["error"] == "replaced by 216000000009"
    assert house.store.load().units.named_on == house.now.date()


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
    kept = {topic for topic in before if topic.endswith(("energy/today", "problem"))}
    assert of(QS1, house.retained()).keys() == kept
    assert of(QS1, house.retained())["problem"].startswith("this inverter does not answer over SunSpec; set its Modbus")
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
    house.addresses, house.search = range(1, 120), 60.0
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
        "problem": "none",
        "1/power": "0",
        "2/power": "0",
        "1/dc/power": "0",
        "2/dc/power": "0",
    }


def test_registers_that_stand_still_are_left_out_while_8899_says_that_the_inverter_is_online(house: House) -> None:
    """They are stale, which is no 0: its topics of SunSpec are removed, and its energy goes on by the integral."""
    house.job()
    freeze(house)
    energies = [float(house.retained()[f"{DS3}/energy/today"])]
    for _ in range(5):
        house.passes(minutes=5)
        house.job()
        energies.append(float(house.retained()[f"{DS3}/energy/today"]))
    now = house.retained()
    assert (now[f"{DS3}/online"], int(now[f"{DS3}/power"]) > 500) == ("True", True)
    assert [topic for topic in now if topic.startswith(DS3) and ("/ac/" in topic or "/dc/" in topic)] == []
    assert now[f"{DS3}/firmware"] == "V5312"
    assert energies[0] == energies[1] < energies[4] < energies[5]
    house.registers = House(house.broker, house.folder).registers
    house.passes(minutes=5)
    house.job()
    assert float(house.retained()[f"{DS3}/ac/power"]) > 500


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
