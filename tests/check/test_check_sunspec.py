"""The step of the port of SunSpec, against a simulated ECU."""

from pathlib import Path

import pytest
from check_runs import HEALTHY, PARIS, remedies, states, text, walked
from parts import Broker, settings, sunny_ecu
from sunspec_units import patiently, sunspec

from aps2mqtt.base.errors import ExitStatus
from aps2mqtt.check import result
from aps2mqtt.check.result import State, Step
from aps2mqtt.simulator.modbus import Faults
from aps2mqtt.sources.sunspec import reading

OF_8899 = ("connection", "0001", "0002", "0030")


@pytest.fixture
def walk(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch):
    """Walks with both ports of an ECU."""
    monkeypatch.setattr(reading, "SILENCE", 4.0)  # a slow machine is no silent unit

    def of(fault: str = "", faults: Faults | None = None, **keys: object) -> dict[str, Step]:
        with sunny_ecu(plant=HEALTHY, fault=fault) as ecu, sunspec(ecu, faults=faults) as ports:
            units = {"APS_ECU_SUNSPEC_UNITS": "1-5"}
            on = {"APS_ECU_SUNSPEC": "on", "APS_ECU_SUNSPEC_PORT": ports.port, **units, **PARIS, **keys}
            return walked(tmp_path, ecu.port, broker.port, **on)

    return of


def test_units_are_listed_beside_8899(walk) -> None:
    step = walk()["sunspec"]
    assert step.state is State.OK
    assert text(step).startswith("port ")
    assert " is open, 5 units |   unit   1  704000000001  DS3 V5312, " in text(step)
    assert step.details["units"][0]["uid"] == "704000000001"


def test_an_inverter_without_a_unit_is_named(walk) -> None:
    step = walk(faults=Faults(silent=frozenset({2})))["sunspec"]
    assert step.state is State.WARNING
    assert "no unit for inverter 704000000002" in text(step)
    assert "that each inverter has a Modbus address" in remedies(step)


def test_a_port_that_is_shut_is_a_warning_while_8899_works(walk) -> None:
    taken = walk(faults=Faults(refuses=True))
    assert set(states(taken, OF_8899)) == {State.OK}
    step = taken["sunspec"]
    assert (step.state, step.status) == (State.WARNING, ExitStatus.OK)
    assert " is closed" in text(step)
    assert "turn on Modbus in the vendor's app" in remedies(step)
    assert "an ECU-R-Pro (2162) needs firmware 2.0.2" in remedies(step)
    assert result.status(taken.values()) is ExitStatus.OK


def test_8899_that_is_shut_is_a_warning_while_sunspec_works(walk) -> None:
    taken = walk(fault="refuse", APS_ECU_ID=HEALTHY.ecu.ecu_id)
    assert states(taken, (*OF_8899, "sunspec")) == [State.WARNING, *[State.SKIPPED] * 3, State.OK]
    assert "refuses the connection" in text(taken["connection"])
    assert result.status(taken.values()) is ExitStatus.OK


def test_sunspec_alone_needs_the_id(walk) -> None:
    taken = walk(fault="refuse")
    assert states(taken, ("connection", "sunspec")) == [State.FAILED, State.FAILED]
    assert "set APS_ECU_ID" in remedies(taken["sunspec"])
    assert " 5 units" in text(taken["sunspec"])
    assert result.status(taken.values()) is ExitStatus.UNAVAILABLE  # as that of a job


def test_where_neither_answers_the_status_is_that_of_a_job(walk) -> None:
    taken = walk(fault="refuse", faults=Faults(refuses=True))
    assert states(taken, ("connection", "sunspec")) == [State.FAILED, State.FAILED]
    assert result.status(taken.values()) is ExitStatus.UNAVAILABLE


def test_a_port_without_units_explains_its_silence(walk) -> None:
    taken = walk(faults=Faults(silent=frozenset(range(1, 248))), APS_ECU_SUNSPEC_UNITS="1-3")
    assert taken["sunspec"].state is State.WARNING
    assert "is open, but no unit answers" in text(taken["sunspec"])
    assert "an address without a unit does not answer" in remedies(taken["sunspec"])


@pytest.mark.parametrize(
    ("faults", "says"),
    [(Faults(refuses=True), "is closed"), (Faults(), "is open. SunSpec adds DC values")],
)
def test_where_it_is_off_only_the_port_is_looked_at(walk, faults: Faults, says: str) -> None:
    step = walk(faults=faults, APS_ECU_SUNSPEC="off")["sunspec"]
    assert step.state is State.SKIPPED
    assert says in text(step)


def test_a_search_that_goes_on_says_how_far_it_is(walk) -> None:
    step = walk(faults=Faults(silent=frozenset({5})), APS_ECU_SUNSPEC_UNITS="")["sunspec"]
    assert ", the next job tries more" in text(step)


def test_it_leaves_no_state_and_is_printed(tmp_path: Path, broker: Broker) -> None:
    with sunny_ecu(plant=HEALTHY) as ecu, sunspec(ecu) as ports:
        on = {"APS_ECU_SUNSPEC": "on", "APS_ECU_SUNSPEC_PORT": ports.port, "APS_ECU_SUNSPEC_UNITS": "1-5"}
        keys = settings(ecu.port, broker.port, tmp_path, **on)
        ended = patiently("check", **keys)
    assert ended.status == 0, ended.out
    assert "\n✓ SunSpec          port " in ended.out
    assert not (tmp_path / "state").exists()
    assert ports.refused == []
