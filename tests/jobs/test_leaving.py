"""What jobs leave in files: journal, page and metrics, beside a real broker."""

import logging
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from both_doors import DS3, ECU, QS1, YC1000, House, warnings
from parts import Broker, aps2mqtt, free_port, hours_old, replace, settings, sunny_ecu

from aps2mqtt.base.errors import JobError
from aps2mqtt.jobs import leaving
from aps2mqtt.journal.entry import Entry
from aps2mqtt.journal.store import Journal
from aps2mqtt.mqtt.reading_back import read_back
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.simulator.plant import ECU_MODELS, Plant
from aps2mqtt.simulator.scenarios import plant_answers


class Home(House):
    """A house whose jobs leave a page and metrics."""

    def __init__(self, broker: Broker, folder: Path, **keys: object) -> None:
        self.page, self.metrics = folder / "page", folder / "metrics"
        super().__init__(broker, folder, APS_PAGE_DIR=self.page, APS_METRICS_DIR=self.metrics, **keys)
        self.page.mkdir()
        self.metrics.mkdir()

    def entry(self) -> Entry:
        """The entry that is left."""
        return Journal(self.folder / "state").entries()[0]


@pytest.fixture
def home(broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Home:
    """An array whose jobs leave files."""
    caplog.set_level(logging.INFO)
    return Home(broker, tmp_path)


def test_the_journal_has_what_the_broker_retains(home: Home) -> None:
    """After every job: all is well, an inverter is offline, the ECU is down, SunSpec alone, night."""
    for fault, hours in (("", 0.0), ("night", 0.1), ("refuse", 0.2), ("", 0.3), ("", 12.0), ("", 24.0)):
        home.fault = fault
        home.passes(hours=hours)
        cause = ""
        try:
            home.job()
        except JobError as error:
            cause = str(error)
        assert home.entry().failure == cause
        (published,) = read_back(Style(sunspec=True), home.broker.retained("aps/#")).of(ECU).reports
        assert home.entry().report == published, fault


def test_the_curve_and_the_energies_are_those_of_the_site_s_day(home: Home) -> None:
    """13:00 in Paris, by the time of the data; the energy is the published one."""
    home.job()
    entry = home.entry()
    assert [(point.minute, point.power) for point in entry.curve] == [(13 * 60, 2038.0)]
    assert entry.energies == {date(2026, 6, 21): 7.97}
    assert entry.at == datetime(2026, 6, 21, 13, 0, 40, tzinfo=ZoneInfo("Europe/Paris"))
    assert (entry.data_age, entry.succeeded_at) == (40.0, entry.at)


def test_page_and_metrics_are_replaced_by_every_job(home: Home) -> None:
    """Whole files, which everybody may read, and nothing beside them."""
    home.job()
    page = home.page / "index.html"
    first = page.read_text(encoding="utf-8")
    home.passes(minutes=5)
    home.job()
    assert page.read_text(encoding="utf-8") != first
    assert all(uid in first for uid in (DS3, QS1, YC1000))
    assert [path.name for path in home.page.iterdir()] == ["index.html"]
    assert [path.name for path in home.metrics.iterdir()] == ["aps2mqtt_127.0.0.1_8899.prom"]
    assert page.stat().st_mode & 0o777 == 0o644
    assert f'ecu="{ECU}"' in next(home.metrics.iterdir()).read_text(encoding="utf-8")


def test_a_failed_job_leaves_files_that_say_so(home: Home) -> None:
    """With the cause; the values stay in the journal."""
    home.job()
    home.passes(minutes=5)
    home.fault = "mute"
    home.keys["APS_ECU_SUNSPEC"] = "off"
    cause = home.fails()
    entry = home.entry()
    assert entry.failure == cause
    assert entry.report is not None
    assert (entry.report.error, entry.report.lifetime) == (cause, 3166.3)
    assert "does not answer" in (home.page / "index.html").read_text(encoding="utf-8")


def test_a_job_that_cannot_publish_leaves_files_that_say_so(home: Home) -> None:
    """The values are those that were published last."""
    home.job()
    published = home.entry().report
    home.passes(minutes=5)
    home.keys["MQTT_BROKER_PORT"] = free_port()
    cause = home.fails()
    assert home.entry().failure == cause
    assert home.entry().report == published
    assert "refuses the connection" in (home.page / "index.html").read_text(encoding="utf-8")


def test_a_dry_run_leaves_nothing(home: Home) -> None:
    """It writes no state either."""
    home.job(dry_run=True)
    assert not (home.folder / "state" / "journal.sqlite").exists()
    assert list(home.page.iterdir()) == list(home.metrics.iterdir()) == []


def test_without_the_settings_there_is_no_journal(house: House) -> None:
    """Off costs nothing."""
    house.job()
    assert not (house.folder / "state" / "journal.sqlite").exists()


def test_a_folder_that_is_missing_is_told_once(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """The job succeeds all the same; when the folder is there, it is told again if it goes."""
    shutil.rmtree(home.page)
    home.job()
    assert list(warnings(caplog)) == [
        "the page cannot be written (No such file or directory); create the folder APS_PAGE_DIR and let the user that "
        "runs the jobs write to it, or set another folder"
    ]
    caplog.clear()
    home.passes(minutes=5)
    home.job()
    assert list(warnings(caplog)) == []
    home.page.mkdir()
    home.passes(minutes=5)
    home.job()
    assert (home.page / "index.html").exists()
    shutil.rmtree(home.page)
    home.passes(minutes=5)
    home.job()
    assert len(list(warnings(caplog))) == 1


def test_a_folder_that_is_missing_is_told_once_while_the_ecu_is_down(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not the failure that is told again and again."""
    home.job()
    shutil.rmtree(home.page)
    home.keys["APS_ECU_SUNSPEC"] = "off"
    home.fault = "refuse"
    told = 0
    for _ in range(3):
        home.passes(minutes=5)
        home.fails()
        told += sum("the page cannot be written" in text for text in warnings(caplog))
        caplog.clear()
    assert told == 1


def test_a_damaged_journal_is_begun_anew_with_a_word(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Once; the page goes on."""
    home.job()
    journal = home.folder / "state" / "journal.sqlite"
    journal.write_bytes(b"\\0" * 5000)
    home.passes(minutes=5)
    home.job()
    assert [text.partition(" (")[0] for text in warnings(caplog)] == [f"the journal {journal} is damaged"]
    assert len(home.entry().curve) == 1
    caplog.clear()
    home.passes(minutes=5)
    home.job()
    assert (list(warnings(caplog)), len(home.entry().curve)) == ([], 2)


def test_a_page_is_left_although_the_journal_cannot_be_written(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """With what this job has read."""
    journal = home.folder / "state" / "journal.sqlite"
    journal.mkdir(parents=True)
    home.job()
    assert [text.partition(" (")[0] for text in warnings(caplog)] == [f"the journal {journal} cannot be used"]
    assert DS3 in (home.page / "index.html").read_text(encoding="utf-8")


def test_a_bug_in_the_page_does_not_stop_the_job(
    home: Home, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker has the values, and so has the next job's memory."""

    def fails(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(leaving, "leave", fails)
    home.job()
    assert list(warnings(caplog)) == [
        "the page and the metrics were not written: unexpected error (ZeroDivisionError: a bug); run the command again "
        "with -D and report its output"
    ]
    assert home.retained()["status"] == "online"
    assert home.store.load() is not None


def test_two_ecus_share_one_page(broker: Broker, tmp_path: Path) -> None:
    """Their jobs run side by side, and the page has both in the end, each with its own unit of temperatures."""
    page = tmp_path / "page"
    page.mkdir()
    plants = [Plant(replace(ECU_MODELS["ECU-R"], ecu_id=f"21600000000{number}")) for number in (1, 2)]
    with sunny_ecu(plant=plants[0]) as one, sunny_ecu(plant=plants[1]) as other:
        common = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_TIMEZONE": hours_old(), "APS_STATE_DIR": tmp_path / "state"}
        config = tmp_path / "config.yaml"
        ecus = [
            {**common, "APS_ECU_PORT": port, "APS_ECU_TEMPERATURE_UNIT": unit}
            for port, unit in ((one.port, "C"), (other.port, "F"))
        ]
        lines = ["ecu:"]
        for ecu in ecus:
            lines += [
                f"{'- ' if number == 0 else '  '}{name}: {value}" for number, (name, value) in enumerate(ecu.items())
            ]
        config.write_text("\n".join([*lines, "mqtt:", f"  MQTT_BROKER_PORT: {broker.port}", ""]))
        ended = aps2mqtt("-c", config, "once", APS_PAGE_DIR=page)
    assert (ended.status, ended.err) == (0, "")
    shown = (page / "index.html").read_text(encoding="utf-8")
    assert "216000000001" in shown
    assert "216000000002" in shown
    assert ("°C" in shown, "°F" in shown) == (True, True)


def test_an_ecu_that_moves_leaves_no_metrics_at_its_old_address(home: Home) -> None:
    """node_exporter would keep its old values, or refuse both. Those of another ECU, and of other programs, stay."""
    before = {"aps2mqtt_192.168.1.9_8899": ECU, "aps2mqtt_other": "216000000002", "backup": ECU}
    for name, ecu_id in before.items():
        home.metrics.joinpath(f"{name}.prom").write_text(f'a{{ecu="{ecu_id}",name="{ECU}"}} 1\n', encoding="utf-8")
    home.metrics.joinpath("aps2mqtt_dir.prom").mkdir()
    home.job()
    names = ["aps2mqtt_127.0.0.1_8899.prom", "aps2mqtt_dir.prom", "aps2mqtt_other.prom", "backup.prom"]
    assert sorted(path.name for path in home.metrics.iterdir()) == names


def test_forget_removes_the_metrics_of_an_ecu(broker: Broker, tmp_path: Path) -> None:
    """Otherwise node_exporter would have its last values for ever."""
    with sunny_ecu() as ecu:
        keys = settings(ecu.port, broker.port, tmp_path, APS_METRICS_DIR=tmp_path)
        assert aps2mqtt("once", **keys).status == 0
    assert len(list(tmp_path.glob("*.prom"))) == 1
    assert aps2mqtt("forget", ECU, "--yes", **keys).status == 0
    assert list(tmp_path.glob("*.prom")) == []


def test_history_falls_back_to_the_journal(broker: Broker, tmp_path: Path) -> None:
    """Where the firmware keeps none, and it says so."""
    page = tmp_path / "page"
    page.mkdir()
    with sunny_ecu(fault="no-history") as ecu:
        keys = settings(ecu.port, broker.port, tmp_path, APS_PAGE_DIR=page)
        assert aps2mqtt("history", "day", "week", **keys).status == 76
        assert aps2mqtt("once", **keys).status == 0
        ended = aps2mqtt("history", "day", "week", "--csv", **keys)
    assert ended.status == 0, ended.err
    assert "the ECU keeps no history of the day: this one is from the journal of aps2mqtt" in ended.err
    assert "the ECU keeps no history of the week: this one is from the journal of aps2mqtt" in ended.err
    rows = [line.split(",")[1] for line in ended.out.splitlines()[1:]]
    assert rows.count("day") == 1
    assert 1 <= rows.count("week") <= 2


def test_forget_removes_an_inverter_from_the_journal(broker: Broker, tmp_path: Path) -> None:
    """As from the broker and the state: the next page is without it."""
    page = tmp_path / "page"
    page.mkdir()
    with sunny_ecu() as ecu:
        keys = settings(ecu.port, broker.port, tmp_path, APS_PAGE_DIR=page)
        assert aps2mqtt("once", **keys).status == 0
    gone = Journal(tmp_path / "state").entries()[0].report.inverters[0].uid
    assert aps2mqtt("forget", gone, "--yes", **keys).status == 0
    assert gone not in {one.uid for one in Journal(tmp_path / "state").entries()[0].report.inverters}


def test_old_power_of_an_ecu_without_new_data_is_not_in_the_curve(home: Home) -> None:
    """It hangs: its inverters are online, and it reports the same data for hours."""
    home.keys["APS_ECU_SUNSPEC"] = "off"
    fresh = plant_answers(home.plant)
    until = home.now + timedelta(minutes=5)
    home.answers = lambda command, ecu_id, now, *date: fresh(command, ecu_id, min(now, until), *date)
    for _ in range(6):
        home.job()
        home.passes(minutes=10)
    assert [point.minute for point in home.entry().curve] == [13 * 60, 13 * 60 + 5]
    assert home.entry().data_age == 45 * 60 + 40
