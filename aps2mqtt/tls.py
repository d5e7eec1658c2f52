"""How the connection to the broker is secured."""

import os
import ssl
from pathlib import Path

from aps2mqtt.config import BrokerConfig
from aps2mqtt.credentials import at_hand
from aps2mqtt.errors import ConfigError


def context(broker: BrokerConfig) -> ssl.SSLContext:
    """Checks chain and host name; raises ConfigError for files that hold no certificate or key."""
    authority, certificate, key = (
        at_hand(Path(file), os.environ) if file else None
        for file in (broker.ca_file, broker.certificate_file, broker.key_file)
    )
    try:
        context = ssl.create_default_context(cafile=authority)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"MQTT_BROKER_CACERTS_PATH = {broker.ca_file!r}: allowed is a file of PEM certificates"
        ) from error
    if certificate is not None:
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"MQTT_BROKER_CERT_PATH = {broker.certificate_file!r} and MQTT_BROKER_KEY_PATH = {broker.key_file!r}: "
                "allowed are a PEM certificate and its key, which has no password"
            ) from error
    return context
