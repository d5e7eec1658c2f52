"""How the connection to the broker is secured."""

import ssl

from aps2mqtt.config import BrokerConfig
from aps2mqtt.errors import ConfigError


def context(broker: BrokerConfig) -> ssl.SSLContext:
    """Checks chain and host name; raises ConfigError for files that hold no certificate or key."""
    try:
        context = ssl.create_default_context(cafile=broker.ca_file or None)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"MQTT_BROKER_CACERTS_PATH = {broker.ca_file!r}: allowed is a file of PEM certificates"
        ) from error
    if broker.certificate_file:
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(broker.certificate_file, broker.key_file, password="")
        except (ssl.SSLError, OSError) as error:
            raise ConfigError(
                f"MQTT_BROKER_CERT_PATH = {broker.certificate_file!r} and MQTT_BROKER_KEY_PATH = {broker.key_file!r}: "
                "allowed are a PEM certificate and its key, which has no password"
            ) from error
    return context
