"""The page of the app for Home Assistant: served to ingress only, as long as aps2mqtt runs."""

import http.client
import subprocess
from pathlib import Path

import pytest
from parts import Broker, free_port, until
from supervisor import options_for, start_app, stopped

from aps2mqtt.simulator.server import Simulator


def fetch(port: int, path: str = "/", source: str = "127.0.0.1", method: str = "GET") -> tuple[int, str, str]:
    """Status, Cache-Control and body; `source` is the address that asks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.getheader("Cache-Control", ""), answer.read().decode()
    connection.close()
    return found


@pytest.fixture
def running(broker: Broker, ecu: Simulator, tmp_path: Path):
    """Port of the page of an app, and its process; the first job has written the page."""
    port = free_port()
    names = ["216000000001=Barn in the south"]
    options = options_for(ecu, mqtt_broker_host="127.0.0.1", mqtt_broker_port=broker.port, names=names)
    process = start_app(tmp_path, options, page=port)
    until((tmp_path / "page" / "index.html").exists)
    return port, process


def test_the_page_of_the_jobs_is_served(running: tuple[int, subprocess.Popen[str]], tmp_path: Path) -> None:
    """No browser keeps it: the next poll writes it again."""
    port, process = running
    page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert "Barn in the south" in page
    assert fetch(port) == fetch(port, "/index.html") == (200, "no-store", page)
    assert fetch(port, method="HEAD") == (200, "no-store", "")
    assert fetch(port, "/../config.yaml")[0] == 404
    stopped(process)


def test_before_the_first_poll_there_is_no_list_of_files(
    running: tuple[int, subprocess.Popen[str]], tmp_path: Path
) -> None:
    port, process = running
    (tmp_path / "page" / "index.html").unlink()
    status, _, body = fetch(port)
    assert status == 404
    assert "No page yet. It appears after the first poll; see the log" in body
    stopped(process)


def test_nobody_but_ingress_sees_the_page(running: tuple[int, subprocess.Popen[str]]) -> None:
    """Home Assistant asks for a login; other apps in its network would not."""
    port, process = running
    with pytest.raises(ConnectionError):
        fetch(port, source="127.0.0.2")
    assert fetch(port)[0] == 200
    assert "Traceback" not in stopped(process)


def test_the_page_ends_with_aps2mqtt(running: tuple[int, subprocess.Popen[str]]) -> None:
    """Also if it was killed."""
    port, process = running
    process.kill()
    process.wait()

    def gone() -> bool:
        try:
            fetch(port)
        except ConnectionRefusedError:
            return True
        except (OSError, http.client.HTTPException):  # it ends just now
            return False
        return False

    until(gone, "the page is still served")
