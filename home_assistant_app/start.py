"""Starts aps2mqtt in an app of Home Assistant: its options become the configuration file. Standard library only.

options, the Supervisor's broker -> the configuration file -> `aps2mqtt run` in place of this process

An option has the name of its setting in lower case, so aps2mqtt itself checks the values and names what is wrong. The
Dockerfile sets the paths in the environment, because the health check of the image needs them too.
"""

import http.client
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from types import FrameType
from typing import Any, NoReturn

# https://developers.home-assistant.io/docs/apps/configuration: the options of the user lie in the app's own folder.
OPTIONS = "options.json"
PROGRAM = ("aps2mqtt", "run")
PROCESS = os.getpid()  # this one, and later aps2mqtt
USER = 10001  # of the image; an app starts as root, which alone may read the options

# https://developers.home-assistant.io/docs/apps/communication: /services can be asked with the app's token.
SUPERVISOR = "supervisor"
DEADLINE = 20  # seconds for the whole answer
MAX_ANSWER = 100_000  # bytes
# The Supervisor's words for what aps2mqtt calls differently. Its `protocol` is 3.1 or 3.1.1; aps2mqtt uses 3.1.1.
SERVICE = {
    "host": "MQTT_BROKER_HOST",
    "port": "MQTT_BROKER_PORT",
    "ssl": "MQTT_BROKER_SECURED_CONNECTION",
    "username": "MQTT_BROKER_USER",
    "password": "MQTT_BROKER_PASSWD",
}
ACCOUNT = ("MQTT_BROKER_USER", "MQTT_BROKER_PASSWD", "MQTT_BROKER_PASSWD_FILE")

# https://developers.home-assistant.io/docs/apps/presentation: ingress connects from this address, to this port.
INGRESS = "172.30.32.2"
ADDRESS = ("", 8099)

CONFIG, UNAVAILABLE = 78, 69  # exit statuses, as those of aps2mqtt
LISTS = ("names", "roof", "settings")  # the options that are no setting


class Stop(Exception):
    """The app cannot start; the text is cause and remedy, without a secret."""

    def __init__(self, text: str, status: int = CONFIG) -> None:
        super().__init__(text)
        self.status = status


# -- options ----------------------------------------------------------------------------------------------------------


def read_options(path: Path) -> dict[str, Any]:
    """The options of the user, as the Supervisor has written them."""
    try:
        options = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
        raise Stop(f"the options in {path} cannot be read ({reason}); save the options of the app again") from error
    if not isinstance(options, dict):
        raise Stop(f"the options in {path} are not a list of names and values; save the options of the app again")
    return options


def settings_of(options: Mapping[str, Any]) -> dict[str, str]:
    """The settings of aps2mqtt, from the options of their names and from the list `settings`."""
    settings = {name.upper(): text(value) for name, value in options.items() if name not in LISTS and text(value)}
    for name, value in pairs("settings", options).items():
        if name in settings:
            raise Stop(f"{name} is set twice, as an option and in the list settings; remove it from the list")
        settings[name] = value
    if not settings.get("APS_ECU_IP"):
        raise Stop("the option aps_ecu_ip is empty; enter the IP address of your ECU")
    return settings


def text(value: object) -> str:
    """A value as a configuration file has it; empty: not set."""
    if isinstance(value, list):
        return ",".join(map(text, value))
    return "" if value is None else str(value)


def pairs(option: str, options: Mapping[str, Any]) -> dict[str, str]:
    """The items NAME=VALUE of a list."""
    found: dict[str, str] = {}
    for number, item in enumerate(rows(option, options), 1):
        name, equals, value = item.partition("=")
        name = name.strip()
        if not name or not equals:  # the item itself is not shown: it may hold a password
            raise Stop(f"item {number} of the list {option} has no equals sign after a name; write it as NAME=VALUE")
        if name in found:
            raise Stop(f"item {number} of the list {option} has the name of an earlier one; remove one of the two")
        found[name] = value
    return found


def rows(option: str, options: Mapping[str, Any]) -> list[str]:
    """The items of a list, as text."""
    items = options.get(option) or []
    if not isinstance(items, list):
        raise Stop(f"the option {option} is not a list; start each of its lines with a dash and a space")
    return [text(item) for item in items]


# -- the broker -------------------------------------------------------------------------------------------------------


def with_broker(settings: Mapping[str, str], token: str) -> dict[str, str]:
    """The settings, with the Supervisor's broker if the user has not set the address of another one.

    A user's own account is used with it as a whole.
    """
    if "MQTT_BROKER_HOST" in settings:
        return dict(settings)
    service = {SERVICE[name]: text(value) for name, value in mqtt_service(token).items() if name in SERVICE}
    if any(name in settings for name in ACCOUNT):
        service = {name: value for name, value in service.items() if name not in ACCOUNT}
    say(f"using the broker of Home Assistant at {service['MQTT_BROKER_HOST']}:{service['MQTT_BROKER_PORT']}")
    return service | dict(settings)


def mqtt_service(token: str) -> dict[str, Any]:
    """What the Supervisor knows of its broker."""
    status, body = ask("/services/mqtt", token)
    own = "or set the option mqtt_broker_host to your own broker"
    if status == HTTPStatus.BAD_REQUEST:  # "Service not enabled"
        raise Stop(f"Home Assistant has no MQTT broker; install and start the app Mosquitto broker, {own}")
    if status != HTTPStatus.OK:
        raise Stop(
            f"the Supervisor does not tell its MQTT broker (HTTP status {status}); restart this app, {own}", UNAVAILABLE
        )
    try:
        service: dict[str, Any] = json.loads(body)["data"]
        if service["host"] and service["port"]:
            return service
    except (ValueError, LookupError, TypeError):
        pass
    raise Stop(f"the Supervisor's answer names no MQTT broker; restart the app Mosquitto broker, {own}", UNAVAILABLE)


def ask(path: str, token: str) -> tuple[int, bytes]:
    """Status and body of the Supervisor's answer."""
    signal.signal(signal.SIGALRM, too_late)  # the time-out of a connection begins anew with every byte
    signal.alarm(DEADLINE)
    try:
        connection = http.client.HTTPConnection(SUPERVISOR)
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise Stop(
            f"the Supervisor does not answer ({type(error).__name__}); restart this app, "
            "or set the option mqtt_broker_host to your own broker",
            UNAVAILABLE,
        ) from error
    finally:
        signal.alarm(0)


def too_late(_number: int, _frame: FrameType | None) -> NoReturn:
    """Ends what takes too long."""
    raise TimeoutError


# -- the configuration file -------------------------------------------------------------------------------------------


def document(settings: Mapping[str, str], options: Mapping[str, Any]) -> str:
    """The configuration file as JSON, which is YAML too: so values need no care for YAML's special characters."""
    mqtt = {name: value for name, value in settings.items() if name.startswith("MQTT_")}
    sections: dict[str, object] = {
        "ecu": {name: value for name, value in settings.items() if name not in mqtt},
        "mqtt": mqtt,
        "names": pairs("names", options),
        "roof": rows("roof", options),
    }
    return json.dumps({name: section for name, section in sections.items() if section}, indent=2, ensure_ascii=False)


def write(path: Path, content: str) -> None:
    """Writes a file that only its owner can read."""
    path.unlink(missing_ok=True)
    path.touch(0o600)
    path.write_text(content, encoding="utf-8", errors="replace")


def give_up_root(paths: Iterable[Path]) -> None:
    """Gives `paths` to the user of the image, also after a backup was restored, and continues as that user."""
    if os.geteuid() != 0:
        return
    for path in paths:
        for one in (path, *path.rglob("*")):
            os.chown(one, USER, USER, follow_symlinks=False)
    os.setgroups([])
    os.setgid(USER)
    os.setuid(USER)


# -- the page ---------------------------------------------------------------------------------------------------------


class Page(SimpleHTTPRequestHandler):
    """Serves the page that the jobs write."""

    timeout = 30  # seconds

    def list_directory(self, _path: object) -> None:
        """There is no list of files, and no page before the first poll."""
        self.send_error(HTTPStatus.NOT_FOUND, "No page yet. It appears after the first poll; see the log")

    def end_headers(self) -> None:
        """Lets no browser keep an old page."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Requests are not logged."""


class Pages(ThreadingTCPServer):
    """Serves ingress, which has checked the user, until aps2mqtt has ended.

    It is no HTTPServer: that would ask the DNS for its own name at the start.
    """

    allow_reuse_address = daemon_threads = True

    def verify_request(self, _request: object, client_address: Any) -> bool:  # noqa: ANN401 - as in the standard library
        """True for ingress; the connection of another app is closed."""
        return bool(client_address[0] == INGRESS)

    def handle_error(self, _request: object, _client_address: object) -> None:
        """A browser that leaves early is not logged."""

    def service_actions(self) -> None:
        """Looks twice a second."""
        if os.getppid() != PROCESS:
            raise SystemExit


def serve(folder: str) -> None:
    """Serves the page from a process of its own, because aps2mqtt takes the place of this one."""
    with Pages(ADDRESS, partial(Page, directory=folder)) as pages:
        if os.fork() == 0:
            pages.serve_forever()


# -- the start --------------------------------------------------------------------------------------------------------


def say(line: str) -> None:
    """Logs a line as aps2mqtt does."""
    sys.stderr.write(f"aps2mqtt: {line}\n")


def prepare(environment: Mapping[str, str], token: str) -> None:
    """Writes the configuration file, and makes the folders that the environment names; raises Stop."""
    config, *folders = (Path(environment[name]) for name in ("CONFIG_FILE", "APS_STATE_DIR", "APS_PAGE_DIR"))
    options = read_options(config.with_name(OPTIONS))
    content = document(with_broker(settings_of(options), token), options)
    try:
        for folder in folders:
            folder.mkdir(exist_ok=True)
        write(config, content)
        give_up_root((config, *folders))
    except OSError as error:
        raise Stop(f"{config} cannot be written ({error.strerror}); free space on this machine", UNAVAILABLE) from error
    say(f"the options are in {config}; where a line names a setting such as APS_ECU_IP, change the option aps_ecu_ip")


def main() -> NoReturn:
    """Replaces this process by aps2mqtt, so that it receives the signals itself."""
    environment = dict(os.environ)
    token = environment.pop("SUPERVISOR_TOKEN", "")
    environment.pop("HASSIO_TOKEN", None)  # the same, under its old name
    try:
        prepare(environment, token)
    except Stop as stop:
        say(str(stop))
        raise SystemExit(stop.status) from None
    serve(environment["APS_PAGE_DIR"])
    os.execvpe(PROGRAM[0], PROGRAM, environment)  # noqa: S606 - a fixed command


if __name__ == "__main__":
    main()
