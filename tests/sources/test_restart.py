"""An ECU that hangs is restarted over HTTP: for good reasons, once, patiently, and never at the expense of a job."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from parts import Broker, Listener, free_port, replace

from aps2mqtt.base.errors import EcuRefusal, EcuSilent, EcuUnreachable, JobError
from aps2mqtt.base.memory import Counters, Hang, Memory, Reading
from aps2mqtt.base.values import Site
from aps2mqtt.config import loading
from aps2mqtt.config.values import AccessPoint, Config, Secret
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.plant import ECU_MODELS, Plant
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.ecu8899 import restart
from aps2mqtt.sources.endpoints import Endpoint, Limits
from aps2mqtt.truth.hang import failed, restart_is_due, restarted

PASSWORD = "w1f1 s&cret"
NOON = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
PARIS = Site(48.86, 2.35)
IMPATIENT = Limits(answer=0.1, pauses=())
FIVE_MINUTES = timedelta(minutes=5)


class WebServer(HTTPServer):
    """A stand-in for the ECU's: keeps what it was asked, answers with `status`, or hangs up where that is 0."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = status
        self.asked: list[tuple[str, dict[str, str], str | None]] = []


class _Handler(BaseHTTPRequestHandler):
    server: WebServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body, keep_blank_values=True))
        self.server.asked.append((self.path, form, self.headers["X-Requested-With"]))
        if self.server.status:
            self.send_response(self.server.status)
            self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    """A web server that answers 200, where the ECU's is looked for."""
    server = WebServer()
    monkeypatch.setattr(restart, "PORT", server.server_address[1])
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What is logged, down to everything."""
    caplog.set_level(logging.DEBUG)
    return caplog


def settings(port: int, broker: Broker, folder: Path, **more: str) -> Config:
    """A configuration with the restart."""
    environment = {
        "APS_ECU_IP": "127.0.0.1",
        "APS_ECU_PORT": str(port),
        "APS_ECU_TIMEZONE": "Europe/Paris",
        "APS_ECU_AUTO_RESTART": "True",
        "APS_ECU_WIFI_SSID": "ECU-WIFI",
        "APS_ECU_WIFI_PASSWD": PASSWORD,
        "MQTT_BROKER_PORT": str(broker.port),
        "APS_STATE_DIR": str(folder),
    }
    (chosen,) = loading.load(None, environment | more)
    return chosen


def hang(settings_: Config, polls: int, since: datetime, every: timedelta = FIVE_MINUTES, fault: str = "mute") -> None:
    """So many jobs that find the ECU failing, each with a store of its own as other processes have it."""
    limits = IMPATIENT if fault == "mute" else Limits(pauses=())
    with Simulator(port=settings_.ecu.port, fault=fault):
        for number in range(polls):
            store = Store(settings_.state_directory, settings_.ecu.host, settings_.ecu.port)
            with pytest.raises(JobError):
                Job(settings_, since + number * every, store, limits=limits).run()


def read_well(settings_: Config, now: datetime, ecu: str = "ECU-R-Pro") -> None:
    """One good job."""
    with Simulator(Plant(ECU_MODELS[ecu]), port=settings_.ecu.port, clock=lambda: now):
        store = Store(settings_.state_directory, settings_.ecu.host, settings_.ecu.port)
        Job(settings_, now, store).run()


def test_five_silent_jobs_over_twenty_minutes_bring_one_restart(
    tmp_path: Path, broker: Broker, web: WebServer, log: pytest.LogCaptureFixture
) -> None:
    """Exactly one POST with the right form, none in the hour after, and the password is in no log."""
    chosen = settings(free_port(), broker, tmp_path)
    read_well(chosen, NOON)
    hang(chosen, 4, NOON + FIVE_MINUTES)
    assert web.asked == []
    hang(chosen, 1, NOON + 5 * FIVE_MINUTES)
    form = {"SSID": "ECU-WIFI", "channel": "0", "method": "2", "psk_wep": "", "psk_wpa": PASSWORD}
    assert web.asked == [("/index.php/management/set_wlan_ap", form, "XMLHttpRequest")]
    hang(chosen, 11, NOON + 6 * FIVE_MINUTES)
    assert len(web.asked) == 1
    hang(chosen, 1, NOON + 17 * FIVE_MINUTES)
    assert len(web.asked) == 2
    hang(chosen, 23, NOON + 18 * FIVE_MINUTES)  # twice as patient
    assert len(web.asked) == 2
    assert "hangs and is being restarted" in log.text
    assert PASSWORD not in log.text
    assert "s%26cret" not in log.text
    assert PASSWORD not in "".join(path.read_text() for path in tmp_path.glob("*"))


@pytest.mark.parametrize("status", [404, 0])
def test_a_web_server_that_does_not_do_it_is_told_and_does_no_harm(
    tmp_path: Path, broker: Broker, web: WebServer, log: pytest.LogCaptureFixture, status: int
) -> None:
    """404, of firmware that removed it, is a warning; hanging up is what a restart looks like. One attempt each."""
    web.status = status
    chosen = settings(free_port(), broker, tmp_path)
    read_well(chosen, NOON)
    hang(chosen, 7, NOON + FIVE_MINUTES)
    assert len(web.asked) == 1
    assert ("answers 404, as some firmware of 2026 allows no restart" in log.text) == (status == 404)
    read_well(chosen, NOON + timedelta(hours=1))
    assert broker.retained("aps/+/status") == {"aps/216200000001/status": "online"}


def test_no_web_server_is_told_and_does_no_harm(
    tmp_path: Path, broker: Broker, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens there."""
    monkeypatch.setattr(restart, "PORT", free_port())
    chosen = settings(free_port(), broker, tmp_path)
    read_well(chosen, NOON)
    hang(chosen, 5, NOON + FIVE_MINUTES)
    assert "its web server cannot be reached" in log.text


def test_a_web_server_that_answers_byte_by_byte_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has taken the request, so it counts as done."""

    def drip(connection: socket.socket) -> None:
        for _ in range(600):
            connection.sendall(b"H")
            time.sleep(0.05)

    monkeypatch.setattr(restart, "SECONDS", 0.3)
    began = time.monotonic()
    with Listener(drip) as server:
        monkeypatch.setattr(restart, "PORT", server.port)
        restart.restart(Endpoint("ecu", "127.0.0.1", 8899), AccessPoint("ECU-WIFI", Secret(PASSWORD)))
    assert time.monotonic() - began < 10


def test_an_ecu_without_a_web_server_is_told_once(
    tmp_path: Path, broker: Broker, web: WebServer, log: pytest.LogCaptureFixture
) -> None:
    """With the remedy; ECU-R and ECU-B have none."""
    chosen = settings(free_port(), broker, tmp_path)
    read_well(chosen, NOON, ecu="ECU-R")
    hang(chosen, 12, NOON + FIVE_MINUTES)
    assert web.asked == []
    assert log.text.count("aps2mqtt cannot restart this model; power the ECU off and on") == 1


@pytest.mark.parametrize(("fault", "wanted"), [("refuse", "True"), ("status-02", "True"), ("mute", "False")])
def test_there_is_no_restart_without_a_reason(
    tmp_path: Path, broker: Broker, web: WebServer, fault: str, wanted: str
) -> None:
    """A refused connection or an answer that refuses is no silence; nor is anything done unasked."""
    chosen = settings(free_port(), broker, tmp_path, APS_ECU_AUTO_RESTART=wanted)
    read_well(chosen, NOON)
    hang(chosen, 8, NOON + FIVE_MINUTES, fault=fault)
    assert web.asked == []


def test_there_is_no_restart_of_an_ecu_that_was_never_read(tmp_path: Path, broker: Broker, web: WebServer) -> None:
    """Its model is not known, nor that it ever answered."""
    hang(settings(free_port(), broker, tmp_path), 8, NOON)
    assert web.asked == []


# -- the rule, pure ---------------------------------------------------------------------------------------------------

MEMORY = Memory(
    ecu_id="216200000001", reading=Reading(at=NOON - timedelta(days=1), registered=5), counters=Counters(lifetime=1.0)
)
SILENT = EcuSilent("mute; restart it")


def due(now: datetime, **changes: object) -> bool:
    """Whether a restart is due at `now` for a memory that differs in `changes`, in Paris."""
    hanging = replace(MEMORY, hang=Hang(now - timedelta(minutes=20), 5))
    return restart_is_due(replace(hanging, **changes), PARIS, UTC, now)


def test_five_jobs_have_to_span_twenty_minutes() -> None:
    """By hand one can fail five times in a minute."""
    assert due(NOON)
    assert not due(NOON, hang=Hang(NOON - timedelta(minutes=19, seconds=59), 50))
    assert not due(NOON, hang=Hang(NOON - timedelta(hours=2), 4))
    assert not due(NOON, hang=None)


def test_what_a_damaged_state_says_of_time_restarts_nothing_and_keeps_no_ecu_from_it() -> None:
    """A hang from before the last good reading, or a restart that is to come."""
    assert not due(NOON, at=NOON - timedelta(minutes=5), hang=Hang(datetime(1970, 1, 1, tzinfo=UTC), 99))
    assert due(NOON, restarted_at=datetime(2099, 12, 31, tzinfo=UTC))


def test_the_twenty_minutes_have_to_be_daylight() -> None:
    """In Paris on that day the sun rises at 3:47 UTC and sets at 19:58."""
    for hour, minute, expected in ((3, 30, False), (4, 0, False), (4, 10, True), (19, 50, True), (20, 10, False)):
        now = NOON.replace(hour=hour, minute=minute)
        assert due(now, hang=Hang(now - timedelta(hours=3), 40)) is expected


def test_the_hours_of_maintenance_are_left_out() -> None:
    """Between 2:00 and 3:30 at the site, where the midnight sun may shine."""
    north_cape = Site(71.2, 25.8)
    for hour, minute, expected in ((1, 59, True), (2, 0, False), (3, 29, False), (3, 30, True)):
        now = NOON.replace(hour=hour, minute=minute)
        memory = replace(MEMORY, hang=Hang(now - timedelta(hours=1), 12))
        assert restart_is_due(memory, north_cape, UTC, now) is expected


def test_patience_grows_with_every_restart_that_did_not_help() -> None:
    """An hour, two, four, and sixteen at the most."""
    for restarts, hours in ((0, 1), (1, 1), (2, 2), (3, 4), (9, 16), (400, 16)):
        at = NOON - timedelta(hours=hours)
        assert due(NOON, restarted_at=at, restarts=restarts)
        assert not due(NOON, restarted_at=at + timedelta(minutes=1), restarts=restarts)


def test_anything_but_silence_ends_the_streak() -> None:
    """A refusal is a sign of life."""
    hanging = failed(failed(MEMORY, SILENT, NOON), SILENT, NOON + FIVE_MINUTES)
    assert hanging.failure.hang == Hang(NOON, 2)
    for error in (EcuRefusal("status 02; restart it"), EcuUnreachable("refused; use its Wi-Fi address")):
        assert failed(hanging, error, NOON + 2 * FIVE_MINUTES).failure.hang is None
    assert restarted(hanging, NOON) == replace(hanging, hang=None, restarted_at=NOON, restarts=1)
