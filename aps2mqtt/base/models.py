"""The names of models, by the serial numbers of ECUs and inverters. Pure."""

from collections.abc import Mapping

# The longest prefix that fits names the model.
INVERTER_MODELS = {
    "10": "YC500",
    "40": "YC600",
    "50": "YC1000",
    "70": "DS3",
    "702": "DS3-S",
    "703": "DS3-L",
    "80": "QS1",
    "804": "QS1A",
    "806": "QS1A",
    "90": "QT2",
}
ECU_MODELS = {"203": "ECU-3", "215": "ECU-C", "2160": "ECU-R", "2162": "ECU-R-Pro", "2163": "ECU-B"}


def _model(prefixes: Mapping[str, str], serial: str, unknown: str) -> str:
    fitting = [prefix for prefix in prefixes if serial.startswith(prefix)]
    return prefixes[max(fitting, key=len)] if fitting else unknown


def inverter_model(uid: str) -> str:
    """Model of an inverter by the prefix of its UID; "inverter" if it is not known."""
    return _model(INVERTER_MODELS, uid, "inverter")


def ecu_model(ecu_id: str) -> str:
    """Model of an ECU by the prefix of its id; "ECU" if it is not known."""
    return _model(ECU_MODELS, ecu_id, "ECU")
