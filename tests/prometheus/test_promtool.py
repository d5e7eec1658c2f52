"""Prometheus' own checks: the metrics keep its conventions, and the alerts of the docs fire when they have to."""

import subprocess
from pathlib import Path

import pytest
import yaml
from entries import NAMES, entry, failed

from aps2mqtt.journal.entry import Entry

RULES = Path(__file__).parents[2] / "docs" / "prometheus-rules.yml"
CASES = Path(__file__).with_name("alerts.yml")


def promtool(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """A check that has ended."""
    command = ["promtool", *map(str, arguments)]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)
    except FileNotFoundError:
        pytest.skip("promtool is not installed: apt-get install prometheus")


def text(left: Entry) -> str:
    """The metrics of an ECU."""
    pytest.importorskip("prometheus_client", reason="the metrics extra is not installed: pip install -e '.[metrics]'")
    from aps2mqtt.prometheus import exposition

    return exposition.text(left, NAMES)


@pytest.mark.parametrize("left", [entry(), failed(), entry(report=None, succeeded_at=None)], ids=["good", "bad", "new"])
def test_promtool_finds_nothing_wrong_with_the_metrics(left: Entry) -> None:
    """It knows the conventions: base units, help, `_total` for counters and for nothing else."""
    ended = promtool("check", "metrics", input=text(left))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_promtool_finds_a_gauge_that_is_named_as_a_counter() -> None:
    """So the test above tests something."""
    wrong = text(entry()).replace("aps2mqtt_ecu_inverters", "aps2mqtt_ecu_inverters_total")
    ended = promtool("check", "metrics", input=wrong)
    assert ended.returncode != 0
    assert "aps2mqtt_ecu_inverters_total" in ended.stdout + ended.stderr


def test_the_alerts_of_the_docs_fire_when_they_have_to() -> None:
    """alerts.yml has a case for each: when it fires, and when it does not."""
    for arguments in (("check", RULES), ("test", CASES)):
        ended = promtool(arguments[0], "rules", arguments[1])
        assert ended.returncode == 0, ended.stdout + ended.stderr
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    tested = [(case["alertname"], bool(case["exp_alerts"])) for test in cases for case in test["alert_rule_test"]]
    assert set(tested) == {(rule["alert"], fires) for rule in group["rules"] for fires in (True, False)}
