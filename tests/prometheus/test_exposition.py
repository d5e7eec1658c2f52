"""The metrics of an ECU: every row of the table is one, in base units, and what is not known is none."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from entries import ARRAY, NAMES, SUNNY, UNSEEN, entry, failed
from reports import AT, DS3, ECU, QUAD, TWO, report

from aps2mqtt.base import metrics
from aps2mqtt.base.metrics import Metric
from aps2mqtt.base.names import NO_NAMES
from aps2mqtt.base.values import UNCHANGED, Inverter, Unchanged
from aps2mqtt.journal.entry import Entry
from aps2mqtt.prometheus import samples

pytest.importorskip("prometheus_client", reason="the metrics extra is not installed: pip install -e '.[metrics]'")

from prometheus_client.parser import text_string_to_metric_families

from aps2mqtt.prometheus.exposition import text

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.prom"
ROWS = {name: row for name, row in metrics.TABLE.items() if name != "ERROR"}
JOB = {"aps2mqtt_last_job_timestamp_seconds", "aps2mqtt_last_job_success", "aps2mqtt_next_job_timestamp_seconds"}
LAST_SUCCESS = "aps2mqtt_last_success_timestamp_seconds"


def read(left: Entry, names: Mapping[str, str] = NO_NAMES) -> dict[str, dict[tuple[str, ...], float]]:
    """The values by metric, and by the labels ecu, inverter and panel, as another parser than ours reads them."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text(left, names)):
        for sample in family.samples:
            labels = tuple(sample.labels[label] for label in ("ecu", "inverter", "panel") if label in sample.labels)
            assert labels not in found.setdefault(sample.name, {}), sample
            found[sample.name][labels] = sample.value
    return found


# -- the text ---------------------------------------------------------------------------------------------------------


def test_the_metrics_of_an_array_to_the_letter() -> None:
    """With SunSpec, an inverter that is offline, and one that was never heard. REWRITE_GOLDEN=1 writes the file."""
    written = text(entry(), NAMES)
    if os.environ.get("REWRITE_GOLDEN"):
        GOLDEN.write_text(written, encoding="utf-8")
    assert written == GOLDEN.read_text(encoding="utf-8")


def test_files_of_several_ecus_agree_on_type_and_help() -> None:
    """node_exporter reads them all, and reports an error where they differ."""
    told: dict[str, set[str]] = {}
    ecus = [entry(), failed(), entry(report=report(ecu_id="216200000002")), entry(report=None)]
    for left in ecus:
        for line in re.findall(r"^# (?:HELP|TYPE) .*$", text(left, NAMES), re.MULTILINE):
            told.setdefault(" ".join(line.split()[:3]), set()).add(line)
    assert len(told) > 50
    assert [lines for lines in told.values() if len(lines) > 1] == []


def test_names_of_any_letters_reach_the_reader() -> None:
    """A quotation mark, a backslash, a line break and a sun; no name is an empty label."""
    families = text_string_to_metric_families(text(entry(), NAMES))
    online = next(family for family in families if family.name == "aps2mqtt_inverter_online")
    names = {sample.labels["inverter"]: sample.labels["name"] for sample in online.samples}
    assert names == {TWO: NAMES[TWO], QUAD: "", UNSEEN: ""}


# -- the rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ROWS.values(), ids=ROWS)
def test_every_row_of_the_table_is_in_the_text(metric: Metric) -> None:
    """But for the reason of a failure: as a label it would begin a new series with each failure."""
    series = samples.series(metric)
    assert series in samples.every_series()
    assert series.name in read(entry())


def test_every_metric_is_one_of_the_series() -> None:
    """docs/prometheus.md has a table of them."""
    assert read(entry()).keys() == {series.name for series in samples.every_series()}


def test_a_new_row_needs_no_further_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of the inverter, a text of the panel, and a counter of the ECU."""
    number = metrics.AC_CURRENT._replace(topic="ac/neutral/current", field="ac_power")
    word = metrics.FIRMWARE._replace(scope=metrics.PANEL, field="dc_powers", topic="maker")
    counter = metrics.TODAY._replace(topic="energy/this_year", field="lifetime")
    monkeypatch.setattr(metrics, "OF_INVERTER", (*metrics.OF_INVERTER, number))
    monkeypatch.setattr(metrics, "OF_PANEL", (*metrics.OF_PANEL, word))
    monkeypatch.setattr(metrics, "OF_ECU", (*metrics.OF_ECU, counter))
    written = text(entry(report=ARRAY._replace(inverters=(SUNNY._replace(dc_powers=("Müller", "Meier")),))), NO_NAMES)
    assert f'aps2mqtt_inverter_ac_neutral_current_amperes{{ecu="{ECU}",inverter="{TWO}",name=""}} 118.2\n' in written
    assert f'aps2mqtt_panel_info{{ecu="{ECU}",inverter="{TWO}",maker="Müller",name="",panel="1"}} 1.0\n' in written
    assert f'aps2mqtt_ecu_energy_this_year_joules_total{{ecu="{ECU}",name=""}} 4.45356e+09\n' in written


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("aps2mqtt_ecu_power_watts", (ECU,), 907),
        ("aps2mqtt_ecu_energy_today_joules_total", (ECU,), 612_000),
        ("aps2mqtt_ecu_energy_lifetime_joules_total", (ECU,), 4_453_560_000),
        ("aps2mqtt_ecu_energy_yesterday_joules", (ECU,), 44_100_000),
        ("aps2mqtt_ecu_inverters", (ECU,), 3),
        ("aps2mqtt_ecu_timestamp_seconds", (ECU,), 1_782_042_309),
        ("aps2mqtt_ecu_problem", (ECU,), 1),
        ("aps2mqtt_inverter_signal_ratio", (ECU, TWO), 0.67),
        ("aps2mqtt_inverter_temperature_celsius", (ECU, TWO), 31),
        ("aps2mqtt_inverter_frequency_hertz", (ECU, TWO), 49.9),
        ("aps2mqtt_inverter_energy_today_joules_total", (ECU, TWO), 3_646_800),
        ("aps2mqtt_inverter_ac_reactive_power_vars", (ECU, TWO), -11.5),
        ("aps2mqtt_inverter_problem", (ECU, TWO), 0),
        ("aps2mqtt_inverter_problem", (ECU, QUAD), 1),
        ("aps2mqtt_inverter_online", (ECU, QUAD), 0),
        ("aps2mqtt_inverter_power_watts", (ECU, QUAD), 0),
        ("aps2mqtt_panel_dc_current_amperes", (ECU, TWO, "2"), 1.88),
        ("aps2mqtt_panel_energy_today_joules_total", (ECU, QUAD, "3"), 10_800_000),
    ],
)
def test_values_are_in_base_units(name: str, labels: tuple[str, ...], value: float) -> None:
    """Energies are joules, percent are a ratio, and words are 0 or 1."""
    assert read(entry())[name][labels] == value


@pytest.mark.parametrize("tenths", [1, 3, 7, 42_421, 123_456, 223_109])
def test_joules_are_whole_where_kwh_are_tenths(tenths: int) -> None:
    """A binary fraction of a kWh times 3,600,000 is not."""
    found = read(entry(report=report(lifetime=tenths / 10)))
    assert found["aps2mqtt_ecu_energy_lifetime_joules_total"] == {(ECU,): tenths * 360_000}


# -- the truth --------------------------------------------------------------------------------------------------------


def test_what_is_not_known_is_absent_and_never_0() -> None:
    """Also a value that the broker keeps, where nobody knows what it is."""
    dark = DS3._replace(powers=(None, 61), voltages=(None, None), temperature=None, signal=UNCHANGED, problem=UNCHANGED)
    unknown = report(dark, power=None, today=UNCHANGED, yesterday=None, timestamp=None, problems=UNCHANGED)
    found = read(entry(report=unknown, succeeded_at=None))
    for name in ("power_watts", "energy_today_joules_total", "energy_yesterday_joules", "timestamp_seconds", "problem"):
        assert f"aps2mqtt_ecu_{name}" not in found
    for name in ("temperature_celsius", "voltage_volts", "signal_ratio", "problem", "ac_power_watts"):
        assert f"aps2mqtt_inverter_{name}" not in found
    assert found["aps2mqtt_panel_power_watts"] == {(ECU, TWO, "2"): 61}
    assert LAST_SUCCESS not in found


def test_an_inverter_that_was_never_heard_is_offline_and_nothing_else() -> None:
    found = read(entry(report=report(Inverter(UNSEEN, online=False))))
    of_it = {name for name, values in found.items() if (ECU, UNSEEN) in values or (ECU, UNSEEN, "1") in values}
    assert of_it == {"aps2mqtt_inverter_online", "aps2mqtt_inverter_info"}
    assert found["aps2mqtt_inverter_online"] == {(ECU, UNSEEN): 0}


def test_a_value_that_the_broker_keeps_is_the_last_one() -> None:
    held = report(
        DS3._replace(signal=Unchanged(55)), today=Unchanged(1.5), lifetime=Unchanged(100), online=Unchanged(2)
    )
    found = read(entry(report=held))
    assert found["aps2mqtt_ecu_energy_today_joules_total"] == {(ECU,): 5_400_000}
    assert found["aps2mqtt_ecu_energy_lifetime_joules_total"] == {(ECU,): 360_000_000}
    assert found["aps2mqtt_ecu_inverters_online"] == {(ECU,): 2}
    assert found["aps2mqtt_inverter_signal_ratio"] == {(ECU, TWO): 0.55}


def test_after_a_failed_job_only_what_stays_true_is_left() -> None:
    """Counters and facts; whether the ECU can be read is known, and the answer is no."""
    good, bad = read(entry()), read(failed())
    status = "aps2mqtt_ecu_status"
    momentary = {samples.series(row).name for row in ROWS.values() if row.momentary} - {status}
    assert bad.keys() == good.keys() - momentary
    assert (good[status], bad[status]) == ({(ECU,): 1}, {(ECU,): 0})
    assert {"aps2mqtt_ecu_power_watts", "aps2mqtt_inverter_online", "aps2mqtt_panel_dc_voltage_volts"} <= momentary
    for name in ("aps2mqtt_ecu_energy_lifetime_joules_total", "aps2mqtt_panel_energy_today_joules_total"):
        assert bad[name] == good[name]


def test_a_broker_that_fails_does_not_make_the_ecu_offline() -> None:
    """The job failed, but it has read the ECU."""
    found = read(entry(failure="the broker refuses the connection"))
    assert (found["aps2mqtt_last_job_success"], found["aps2mqtt_ecu_status"]) == ({(ECU,): 0}, {(ECU,): 1})
    assert "aps2mqtt_ecu_power_watts" not in found


def test_the_job_says_when_it_was_how_it_went_and_when_the_next_is_due() -> None:
    """Also of an ECU that was never read: nobody knows its id."""
    at = AT.timestamp()
    good, bad, new = read(entry()), read(failed()), read(entry(report=None, failure="no route", succeeded_at=None))
    success, due = "aps2mqtt_last_job_success", "aps2mqtt_next_job_timestamp_seconds"
    assert (good[success], good[LAST_SUCCESS], good[due]) == ({(ECU,): 1}, {(ECU,): at}, {(ECU,): at + 900})
    assert (bad[success], bad[LAST_SUCCESS], bad[due]) == ({(ECU,): 0}, {(ECU,): at - 300}, {(ECU,): at + 900})
    assert new.keys() == JOB
    assert (new[success], new["aps2mqtt_last_job_timestamp_seconds"]) == ({("",): 0}, {("",): at})


def test_only_what_the_report_has_is_in_the_text() -> None:
    """An inverter that is gone leaves no series behind."""
    found = read(entry(report=ARRAY._replace(inverters=(SUNNY,), gone=ARRAY.inverters[1:])))
    assert {labels[1] for values in found.values() for labels in values if len(labels) > 1} == {TWO}


# -- its cost ---------------------------------------------------------------------------------------------------------


def test_a_job_without_the_setting_does_not_import_the_library() -> None:
    """It takes as long as all else that a job imports."""
    script = (
        "import sys, aps2mqtt.cli, aps2mqtt.commands.once, aps2mqtt.jobs.job, aps2mqtt.prometheus.samples\n"
        "from aps2mqtt.config import loading\n"
        "loading.load(None, {'APS_ECU_IP': '127.0.0.1'})\n"
        "print({'prometheus_client', 'importlib.metadata'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"
