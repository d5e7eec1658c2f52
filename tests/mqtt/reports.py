"""Reports of an array, for the tests of what is published of them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from aps2mqtt.base.values import NO_PROBLEM, Inverter, Report

ECU = "216000000001"
TWO = "700000000001"  # a DS3: two channels
QUAD = "800000000001"  # a QS1: four channels, one voltage
THREE = "500000000001"  # a YC1000: four channels, three voltages
AT = datetime(2026, 6, 21, 13, 45, 9, tzinfo=ZoneInfo("Europe/Paris"))

DS3 = Inverter(TWO, True, (60, 61), (227, 228), 49.9, 31, 67, (0.5, 0.512), problem=NO_PROBLEM)
QS1 = Inverter(QUAD, True, (1, 22, 333, 0), (229,), 50.0, -7, 100, (0.001, 0.1, 3.0, 0.0), problem=NO_PROBLEM)
YC1000 = Inverter(THREE, True, (91, 92, 93, 94), (235, 236, 235), 50.1, 0, 0, (0.4, 0.4, 0.4, 0.4), problem=NO_PROBLEM)


def report(*inverters: Inverter, **changes: object) -> Report:
    """A report of these inverters; with none, of three that are online."""
    return Report(
        **{
            "ecu_id": ECU,
            "power": 907,
            "today": 0.17,
            "lifetime": 22310.9,
            "registered": 3,
            "online": 3,
            "timestamp": AT,
            "firmware": "ECU_R_1.2.31",
            "yesterday": 12.25,
            "problems": (),
            "inverters": inverters or (DS3, QS1, YC1000),
        }
        | changes
    )
