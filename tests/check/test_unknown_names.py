"""The step of `check` about names of devices that no ECU has."""

import pytest

from aps2mqtt.base.errors import ConfigError
from aps2mqtt.check import check, unknown_names
from aps2mqtt.check.result import Finding, State, Step

TOTALS = Step("0001", State.OK, details={"ecu_id": "216000000001"})
INVERTERS = Step("0002", State.WARNING, details={"inverters": [{"uid": "704000000001"}]})


def test_only_names_without_a_device_are_reported():
    names = {"216000000001": "Barn", "704000000001/2": "East", "704000000009/1": "West"}
    step = unknown_names.step(names, [TOTALS, INVERTERS])
    assert [finding.text for finding in step.findings] == ["704000000009/1 is neither an ECU nor an inverter here"]
    assert step.state is State.WARNING


@pytest.mark.parametrize("names", [{}, {"216000000001": "Barn"}])
def test_with_a_device_for_each_name_there_is_no_step(names):
    assert unknown_names.step(names, [TOTALS, INVERTERS]) is None


@pytest.mark.parametrize("state", [State.FAILED, State.SKIPPED])
def test_where_an_ecu_could_not_be_read_nobody_knows(state):
    unread = INVERTERS._replace(state=state, details={})
    assert unknown_names.step({"704000000009": "West"}, [TOTALS, unread]) is None


def test_where_the_ecu_leaves_inverters_out_nobody_knows():
    short = INVERTERS._replace(details={**INVERTERS.details, "complete": False})
    assert unknown_names.step({"704000000009": "West"}, [TOTALS, short]) is None


def test_the_value_of_a_setting_is_no_remedy():
    """It belongs to the cause."""
    mistake = "APS_ECU_PORT must be a whole number from 1 to 65535; it is 'x' (c.yaml)"
    configuration = next(iter(check.misconfigured(ConfigError(mistake))))
    assert configuration.findings[1:] == (Finding(mistake),)
