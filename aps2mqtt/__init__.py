"""aps2mqtt reads APsystems ECUs and publishes what they say as retained MQTT messages."""

__version__ = "3.0.0"
