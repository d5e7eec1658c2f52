"""How the connection to the broker is secured, and why that fails."""

import os
import ssl
from pathlib import Path

from aps2mqtt.base.errors import ConfigError, is_exhausted
from aps2mqtt.config.systemd_credentials import at_hand
from aps2mqtt.config.values import BrokerConfig

# Codes of X.509 verification, as OpenSSL numbers them.
NOT_YET_VALID, EXPIRED = 9, 10
SELF_SIGNED = 18
UNKNOWN_ISSUER = (2, 19, 20, 21)
OTHER_NAME = (62, 64)  # host name, IP address
# Words in OpenSSL's names of errors.
NO_COMMON_VERSION = ("UNSUPPORTED_PROTOCOL", "PROTOCOL_VERSION", "VERSION_TOO_LOW")
ABOUT_CERTIFICATES = ("CERTIFICATE", "UNKNOWN_CA")
NO_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH",
    "UNKNOWN_PROTOCOL",
)
BEGINNING = 4  # bytes


class Secured(ssl.SSLSocket):
    """Remembers its first bytes, and the alert that ended it: TLS 1.3 refuses a client after the handshake."""

    first = b""
    alert: ssl.SSLError | None = None

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as ssl has it
        """As a socket does; closes the socket if it fails, as paho leaves that to the garbage collector."""
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As a socket does."""
        try:
            data = super().recv(buflen, flags)
        except ssl.SSLError as error:
            self.alert = error if "ALERT" in str(error.reason) else None
            raise
        self.first = (self.first + data)[:BEGINNING]
        return data


def context(broker: BrokerConfig) -> ssl.SSLContext:
    """A TLS context that checks chain and host name; raises ConfigError for files that hold no certificate or key."""
    authority, certificate, key = (
        at_hand(Path(file), os.environ) if file else None
        for file in (broker.ca_file, broker.certificate_file, broker.key_file)
    )
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        if is_exhausted(error):
            raise
        raise ConfigError(
            f"MQTT_BROKER_CACERTS_PATH must be a file with PEM certificates; it is {broker.ca_file!r}"
        ) from error
    # Python 3.13 also refuses a CA as mosquitto's own instructions make it, which does not state the use of its key.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if certificate is not None:
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(certificate, key, password="")
        except OSError as error:
            if is_exhausted(error):
                raise
            raise ConfigError(
                "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH must be a PEM certificate and its key without a "
                f"password; they are {broker.certificate_file!r} and {broker.key_file!r}"
            ) from error
    context.sslsocket_class = Secured
    return context


def failure(error: Exception, broker: BrokerConfig) -> str:
    """What went wrong before the connection was secured, and the remedy, which is never to turn off TLS.

    An attacker between this machine and the broker could provoke that advice.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrust(error)
    reason = str(error.reason) if isinstance(error, ssl.SSLError) else ""
    words = reason.replace("_", " ").lower()
    if any(word in reason for word in NO_COMMON_VERSION):
        return f"has no TLS version in common with this machine ({words}); allow TLS 1.2 or later in the broker"
    if any(word in reason for word in NO_TLS):
        return "does not speak TLS on this port; set MQTT_BROKER_PORT to the TLS port (usually 8883)"
    if isinstance(error, ssl.SSLEOFError | ConnectionError) or not reason:
        return (
            "closes the connection during the TLS handshake; set MQTT_BROKER_PORT to the TLS port (usually 8883), or "
            "look at the broker's log"
        )
    if "ALERT" not in reason:
        return f"fails in the TLS handshake ({words}); look at the broker's log, or update the broker"
    return _refused(reason, words, broker)


def _refused(reason: str, words: str, broker: BrokerConfig) -> str:
    """Why the broker does not trust us."""
    if broker.certificate_file and any(word in reason for word in ABOUT_CERTIFICATES):
        return (
            f"refuses the client certificate ({words}); set MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH to a "
            "certificate that the broker trusts, and its key"
        )
    return (
        f"refuses the TLS connection ({words}); if the broker requires a client certificate, set "
        "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH"
    )


def _distrust(error: ssl.SSLCertVerificationError) -> str:
    """Why the broker's certificate cannot be trusted."""
    if error.verify_code in OTHER_NAME:
        return "has a certificate for another host name; set MQTT_BROKER_HOST to a name in that certificate"
    if error.verify_code == EXPIRED:
        return "has an expired certificate; check this machine's clock, or renew the certificate"
    if error.verify_code == NOT_YET_VALID:
        return "has a certificate that is not valid yet; check this machine's clock, or renew the certificate"
    if error.verify_code == SELF_SIGNED:
        return (
            "has a self-signed certificate; copy that certificate from the broker's machine, and set "
            "MQTT_BROKER_CACERTS_PATH to the copy"
        )
    if error.verify_code in UNKNOWN_ISSUER:
        return (
            f"has a certificate of an unknown CA ({error.verify_message}); set MQTT_BROKER_CACERTS_PATH to the "
            "certificate of that CA"
        )
    return (
        f"has a certificate that this machine does not accept ({error.verify_message}); issue a new one for the broker"
    )
