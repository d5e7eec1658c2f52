"""A stand-in for the Supervisor of Home Assistant, and the start script of the app as a process that asks it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from parts import AT_ONCE, PATIENCE, free_port, one_line, start_script

from aps2mqtt.simulator.server import Simulator

APP = Path(__file__).parents[2] / "home_assistant_app"
DOCS = (APP / "DOCS.md").read_text(encoding="utf-8")
TOKEN = "token-of-the-app"
# What differs from a container: addresses, the user, and the program of this checkout.
SCRIPT = """
import sys
sys.path.insert(0, {app!r})
import start
start.SUPERVISOR, start.DEADLINE, start.USER = {supervisor!r}, 2, {user}
start.INGRESS, start.ADDRESS = "127.0.0.1", ("127.0.0.1", {page})
start.PROGRAM = {program}
start.main()
"""
OURS = '(sys.executable, "-m", "aps2mqtt", "run")'


class Supervisor:
    """Answers every request with the same; `asked` has method, path and token of each."""

    def __init__(self, status: int, body: bytes) -> None:
        self.asked: list[tuple[str, str, str]] = []
        supervisor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                supervisor.asked.append((self.command, self.path, self.headers["Authorization"]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[Supervisor]:
    """A Supervisor, while in the context."""
    supervisor = Supervisor(status, body)
    with supervisor.server:
        threading.Thread(target=supervisor.server.serve_forever, daemon=True).start()
        yield supervisor
        supervisor.server.shutdown()


def knowing(broker: Mapping[str, object]) -> contextlib.AbstractContextManager[Supervisor]:
    """A Supervisor whose service is this broker."""
    service = {"addon": "core_mosquitto", "protocol": "3.1.1", **broker}
    return answering(200, json.dumps({"result": "ok", "data": service}).encode())


def start_app(
    folder: Path, options: object, supervisor: str = "127.0.0.1:1", **changes: object
) -> subprocess.Popen[str]:
    """Starts the app with these options, or with their text, in its own folder `folder`; None: without options.

    `changes` are the places of SCRIPT that differ.
    """
    if options is not None:
        (folder / "options.json").write_text(options if isinstance(options, str) else json.dumps(options))
    environment = {
        "CONFIG_FILE": folder / "config.yaml",
        "APS_STATE_DIR": folder / "state",
        "APS_PAGE_DIR": folder / "page",
        "SUPERVISOR_TOKEN": TOKEN,
        "HASSIO_TOKEN": TOKEN,
        "TZ": "Europe/Paris",
    }
    values = {"user": os.geteuid(), "page": free_port(), "program": OURS, **changes}
    return start_script(SCRIPT.format(app=str(APP), supervisor=supervisor, **values), **environment)


def options_for(ecu: Simulator, **more: object) -> dict[str, object]:
    """Those of a user who has entered the address; the port is the simulator's."""
    return {"aps_ecu_ip": ["127.0.0.1"], "settings": [f"APS_ECU_PORT={ecu.port}"], **more}


def stopped(process: subprocess.Popen[str]) -> str:
    """All that a running app has written, after Home Assistant has stopped it."""
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=AT_ONCE)
    assert process.returncode == 0, err
    return out + err


def refused(process: subprocess.Popen[str], status: int) -> str:
    """The only line of an app that has not started."""
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (status, ""), err
    assert TOKEN not in err
    return one_line(err).removeprefix("aps2mqtt: ")


def explained(line: str) -> bool:
    """True if the documentation of the app has a paragraph for the line."""
    messages = re.findall(r"^\| `(.*?)` \| \S", DOCS, re.MULTILINE)
    return any(re.match(re.escape(known).replace("…", ".+"), line) for known in messages)
