"""The steps of `check` about names and places on the roof of devices that no ECU has."""

import pytest

from aps2mqtt.base.errors import ConfigError
from aps2mqtt.check import check, unknown_devices
from aps2mqtt.check.result import Finding, State, Step

LISTED = [{"uid": "704000000001", "panels": 2}, {"uid": "801000000003", "panels": 0}]
TOTALS = Step("0001", State.OK, details={"ecu_id": "216000000001"})
INVERTERS = Step("0002", State.WARNING, details={"inverters": LISTED})
UNKNOWN = {"704000000009": "West"}, (("704000000009/1",),)


def test_only_names_without_a_device_are_reported():
    names = {"216000000001": "Barn", "704000000001/2": "East", "704000000009/1": "West"}
    (step,) = unknown_devices.steps(names, (), [TOTALS, INVERTERS])
    assert [finding.text for finding in step.findings] == ["704000000009/1 is neither an ECU nor an inverter here"]
    assert (step.name, step.state) == ("names", State.WARNING)


def test_only_places_without_a_panel_are_reported():
    """An inverter that the ECU has not seen yet may have as many as any."""
    roof = (("704000000001/2", "", "704000000001/3"), ("801000000003/4", "704000000009/1"))
    (step,) = unknown_devices.steps({}, roof, [TOTALS, INVERTERS])
    assert [finding.text for finding in step.findings] == [
        "704000000001/3 is not a panel here",
        "704000000009/1 is not a panel here",
    ]
    assert (step.name, step.state) == ("roof", State.WARNING)


@pytest.mark.parametrize("names", [{}, {"216000000001": "Barn"}])
@pytest.mark.parametrize("roof", [(), (("704000000001/1", ""),)])
def test_with_a_device_for_each_there_is_no_step(names, roof):
    assert [*unknown_devices.steps(names, roof, [TOTALS, INVERTERS])] == []


def test_each_has_its_step():
    assert [step.name for step in unknown_devices.steps(*UNKNOWN, [TOTALS, INVERTERS])] == ["names", "roof"]


@pytest.mark.parametrize("state", [State.FAILED, State.SKIPPED])
def test_where_an_ecu_could_not_be_read_nobody_knows(state):
    unread = INVERTERS._replace(state=state, details={})
    assert [*unknown_devices.steps(*UNKNOWN, [TOTALS, unread])] == []


def test_where_the_ecu_leaves_inverters_out_nobody_knows():
    short = INVERTERS._replace(details={**INVERTERS.details, "complete": False})
    assert [*unknown_devices.steps(*UNKNOWN, [TOTALS, short])] == []


def test_the_value_of_a_setting_is_no_remedy():
    """It belongs to the cause."""
    mistake = "APS_ECU_PORT must be a whole number from 1 to 65535; it is 'x' (c.yaml)"
    configuration = next(iter(check.misconfigured(ConfigError(mistake))))
    assert configuration.findings[1:] == (Finding(mistake),)
