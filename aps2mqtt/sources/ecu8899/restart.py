"""Restarts an ECU over HTTP: setting its own access point again has that side effect (2162 and 215x only, quirk 3)."""

import http.client
import logging
import urllib.parse

from aps2mqtt.base.deadline import Deadline, bounded
from aps2mqtt.config.values import AccessPoint
from aps2mqtt.sources.endpoints import Endpoint

log = logging.getLogger(__name__)

PORT = 80
PATH = "/index.php/management/set_wlan_ap"
WPA = "2"
SECONDS = 10.0  # to connect, and again for the whole answer, however slow
MOST = 1000  # bytes of the answer that are read


class RestartError(Exception):
    """The ECU did not take the request; the message says why."""


def restart(endpoint: Endpoint, access_point: AccessPoint) -> None:
    """Lets the ECU set its access point as it already is, and so restarts it; raises RestartError.

    A restart before the answer counts as a success.
    """
    form = {"SSID": access_point.ssid, "channel": "0", "method": WPA, "psk_wep": "", "psk_wpa": access_point.password}
    headers = {"X-Requested-With": "XMLHttpRequest", "Content-Type": "application/x-www-form-urlencoded"}
    connection = http.client.HTTPConnection(endpoint.address, PORT, timeout=SECONDS)
    try:
        connection.request("POST", PATH, urllib.parse.urlencode(form), headers)
    except OSError as error:
        raise RestartError(f"its web server cannot be reached ({error.strerror or 'time-out'})") from error
    try:
        status = bounded(lambda: _status(connection), Deadline(SECONDS))
    except (OSError, http.client.HTTPException) as error:
        log.debug("no answer to the restart: %s", str(error) or "time-out")
        return
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        raise RestartError(f"its web server answers {status}, as some firmware of 2026 allows no restart")


def _status(connection: http.client.HTTPConnection) -> int:
    response = connection.getresponse()
    response.read(MOST)
    return response.status
