"""The metrics on their way: files, a real node_exporter, a real Prometheus, and the alerts of the docs in it."""

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from entries import ARRAY, NAMES, SUNNY, entry, failed
from free_ports import free_port
from parts import PATIENCE, Broker, settings, start_with, until
from reports import DS3, ECU, QS1, TWO, report

from aps2mqtt.base import files
from aps2mqtt.journal.entry import Entry
from aps2mqtt.simulator.server import Simulator

pytest.importorskip("prometheus_client", reason="the metrics extra is not installed: pip install -e '.[metrics]'")

from aps2mqtt.prometheus.exposition import text

pytestmark = pytest.mark.real
DOCS = Path(__file__).parents[2] / "docs"
RULES = DOCS / "prometheus-rules.yml"
PAGE = (DOCS / "prometheus.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```promql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SECOND = "216200000002"


@contextmanager
def running(package: str, ready: str, folder: Path, *options: str) -> Iterator[str]:
    """The program of a Debian package, at the address that it gives, once its path `ready` answers."""
    if shutil.which(package) is None:
        pytest.skip(f"{package} is not installed: apt-get install {package}")
    address = f"127.0.0.1:{free_port()}"
    with (folder / f"{package}.log").open("w", encoding="utf-8") as output:
        command = [package, f"--web.listen-address={address}", *options]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            until(lambda: answer(f"http://{address}/{ready}"), f"{package} does not answer")
            yield address
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:  # on a machine that stands still
                process.kill()
                process.wait(PATIENCE)


def answer(address: str) -> str:
    """What a server of ours answers; empty if it does not."""
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE) as response:  # noqa: S310 - on the loopback interface
            return response.read().decode()
    except OSError:
        return ""


class Monitoring:
    """A folder of metrics, and a Prometheus that sees them."""

    def __init__(self, metrics: Path, prometheus: str) -> None:
        self.metrics, self._prometheus = metrics, prometheus

    def leave(self, left: Entry) -> None:
        """Writes the file of an ECU as a job does."""
        files.replace(self.metrics / f"aps2mqtt_{left.address.replace(':', '_')}.prom", text(left, NAMES))

    def ask(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers to a query now; it must be one that it understands."""
        words = urllib.parse.urlencode({"query": query})
        found = json.loads(answer(f"http://{self._prometheus}/api/v1/query?{words}"))
        assert found["status"] == "success"
        return found["data"]["result"]

    def value(self, query: str) -> float | None:
        """The value if there is one series; None if there is none."""
        found = self.ask(query)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def alerts(self) -> set[tuple[str, str]]:
        """The alerts that fire: their names, and the ECU that they are about."""
        found = [one["metric"] for one in self.ask('ALERTS{alertstate="firing"}')]
        return {(labels["alertname"], labels.get("ecu", "")) for labels in found}


@pytest.fixture
def monitoring(tmp_path: Path) -> Iterator[Monitoring]:
    """A node_exporter reads the folder, Prometheus scrapes it each second, and the alerts of the docs do not wait."""
    metrics = tmp_path / "metrics"
    metrics.mkdir()
    rules = re.sub(r"for: \w+", "for: 1s", RULES.read_text(encoding="utf-8"))
    (tmp_path / "rules.yml").write_text(rules, encoding="utf-8")
    collector = "--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={metrics}"
    with running("prometheus-node-exporter", "metrics", tmp_path, *collector) as exporter:
        scraping = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [exporter]}]}],
        }
        file = tmp_path / "prometheus.yml"
        file.write_text(yaml.safe_dump(scraping), encoding="utf-8")
        options = f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'storage'}"
        with running("prometheus", "-/ready", tmp_path, *options) as prometheus:
            yield Monitoring(metrics, prometheus)


def now(**ago: float) -> datetime:
    """The time of this machine, or an earlier one."""
    return datetime.now(UTC) - timedelta(**ago)


def test_prometheus_sees_the_values_of_two_ecus(monitoring: Monitoring) -> None:
    """Each has a file of its own; node_exporter finds nothing wrong with them."""
    monitoring.leave(entry(now()))
    monitoring.leave(entry(now(), address="barn:8899", report=report(DS3, ecu_id=SECOND)))
    until(lambda: len(monitoring.ask("aps2mqtt_ecu_power_watts")) == 2)
    assert monitoring.value(f'aps2mqtt_ecu_energy_lifetime_joules_total{{ecu="{SECOND}"}} / 3.6e6') == 22310.9
    assert monitoring.value(f'aps2mqtt_panel_dc_voltage_volts{{inverter="{TWO}", panel="2", name="East"}}') == 33.2
    (info,) = monitoring.ask(f'aps2mqtt_ecu_info{{ecu="{ECU}"}}')
    told = {name: info["metric"][name] for name in ("name", "model", "firmware", "source")}
    assert told == {"name": "Barn", "model": "ECU-R", "firmware": "ECU_R_1.2.31", "source": "8899+sunspec"}
    (online,) = monitoring.ask(f'aps2mqtt_inverter_online{{ecu="{ECU}", inverter="{TWO}"}}')
    assert online["metric"]["name"] == NAMES[TWO]
    assert monitoring.value("node_textfile_scrape_error") == 0


def test_an_alert_fires_when_the_job_stops_and_ends_when_it_runs_again(monitoring: Monitoring) -> None:
    """The file stays as the last job has left it; only the time goes on. The job of another ECU goes on, too."""
    monitoring.leave(entry(now(), report=report()))
    stops = {"address": "barn:8899", "report": report(ecu_id=SECOND)}
    monitoring.leave(entry(now(), fresh_for=2, **stops))
    until(lambda: monitoring.alerts() == {("Aps2mqttJobOverdue", SECOND)}, "the alert does not fire")
    monitoring.leave(entry(now(), fresh_for=900, **stops))
    until(lambda: not monitoring.alerts(), "the alert does not end")


OFTEN = """
from datetime import timedelta
from aps2mqtt.truth import freshness
freshness.LEAST, freshness.STEP = timedelta(seconds=5), 1
"""


def test_an_alert_fires_when_run_is_killed(
    monitoring: Monitoring, broker: Broker, ecu: Simulator, tmp_path: Path
) -> None:
    """The program, an ECU, a broker, node_exporter and Prometheus; a job is overdue sooner than it would be."""
    keys = {"APS_METRICS_DIR": monitoring.metrics, "APS_ECU_POLL_INTERVAL": 1}
    process = start_with(OFTEN, "run", **settings(ecu.port, broker.port, tmp_path, **keys))
    until(lambda: monitoring.value("aps2mqtt_ecu_power_watts"), "the power does not come")
    assert f"{monitoring.value('aps2mqtt_ecu_power_watts'):g}" == broker.retained()[f"aps/{ECU}/power"]
    until(lambda: not monitoring.alerts(), "an alert fires while jobs come")
    process.kill()
    until(lambda: monitoring.alerts() == {("Aps2mqttJobOverdue", ECU)}, "the alert does not fire")


def test_an_alert_fires_when_jobs_fail(monitoring: Monitoring) -> None:
    """And nothing is said any more of what was true before."""
    monitoring.leave(failed(now(), report=report()))
    until(lambda: monitoring.alerts() == {("Aps2mqttJobFails", ECU)}, "the alert does not fire")
    assert monitoring.value("aps2mqtt_ecu_status") == 0
    assert monitoring.ask("aps2mqtt_ecu_power_watts") == []
    assert monitoring.value("aps2mqtt_ecu_energy_lifetime_joules_total") > 0


def test_an_alert_fires_for_an_inverter_that_sleeps_while_the_array_produces(monitoring: Monitoring) -> None:
    """Its ECU has a problem with it, too."""
    monitoring.leave(entry(now()))
    alerts = {("Aps2mqttInverterOffline", ECU), ("Aps2mqttEcuProblem", ECU)}
    until(lambda: monitoring.alerts() == alerts, "the alerts do not fire")


ANSWERS = [
    [907],
    [0],  # the counter stands still here
    [1.013, 3.101],
    [0, 0.013, 0.277, 0.755, 0.767, 4.189],
    [121, 356],
    [pytest.approx(180, abs=PATIENCE)],
]


def test_every_query_of_the_docs_is_answered(monitoring: Monitoring) -> None:
    """In the units that the page names."""
    array = ARRAY._replace(inverters=(SUNNY, QS1), timestamp=now(minutes=3))
    monitoring.leave(entry(now(), report=array))
    until(lambda: monitoring.ask("increase(aps2mqtt_ecu_energy_lifetime_joules_total[1d])"))
    answers = [sorted(round(float(one["value"][1]), 3) for one in monitoring.ask(query)) for query in QUERIES]
    assert answers == ANSWERS
    models = monitoring.ask(next(query for query in QUERIES if "model" in query))
    assert {one["metric"]["model"] for one in models} == {"DS3-L", "QS1"}
