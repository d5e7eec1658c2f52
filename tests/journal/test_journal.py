"""The journal: what jobs leave in it, for how long, and what a file that is damaged or closed costs."""

import multiprocessing
import sqlite3
import stat
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from reports import DS3, ECU, QS1, TWO, report

from aps2mqtt.base.values import UNCHANGED, Inverter, Report
from aps2mqtt.journal import mirror
from aps2mqtt.journal.entry import Entry, Left, Point
from aps2mqtt.journal.store import KEPT, Damaged, Journal, JournalError
from aps2mqtt.mqtt import topics

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 6, 21, 12, 0, 40, tzinfo=PARIS)
OTHER = "216000000002"


def left(of: Report | None = None, at: datetime = NOON, **changes: object) -> Left:
    """What a good job leaves of `of`, whose data are two minutes old."""
    of = of or report()
    known = Left(
        "ecu:8899",
        at,
        900,
        of.ecu_id,
        mirror.said(of),
        data_at=at - timedelta(minutes=2),
        power=907.0,
        power_at=at - timedelta(minutes=2),
        energies={at.date(): 0.17},
    )
    return known._replace(**changes)


def failed(at: datetime, cause: str = "no route") -> Left:
    """What a job leaves that could not read the ECU."""
    return Left("ecu:8899", at, 900, ECU, mirror.said_of_failure(ECU, cause), cause)


def only(entries: tuple[Entry, ...]) -> Entry:
    """The entry of the only ECU."""
    (entry,) = entries
    return entry


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal whose folder is not there yet."""
    return Journal(tmp_path / "state")


# -- what is in an entry ----------------------------------------------------------------------------------------------


def test_an_entry_has_the_report_as_it_was_published(journal: Journal) -> None:
    """Every value, with the sums of inverters that no topic has."""
    entry = only(journal.record(left(report(DS3, QS1))))
    assert entry.report == report(*sorted((DS3, QS1), key=lambda inverter: inverter.uid), source=UNCHANGED)
    assert entry == only(journal.entries())
    assert (entry.address, entry.at, entry.succeeded_at) == ("ecu:8899", NOON, NOON)
    assert (entry.fresh_for, entry.failure, entry.data_age) == (900, "", 120.0)
    assert entry.curve == (Point(11 * 60 + 58, 907.0),)
    assert entry.energies == {date(2026, 6, 21): 0.17}


def test_what_a_job_leaves_unchanged_stays_in_the_journal(journal: Journal) -> None:
    """As on the broker."""
    journal.record(left(report(DS3, lifetime=22310.9)))
    entry = only(journal.record(left(report(DS3._replace(signal=UNCHANGED), lifetime=UNCHANGED, power=1))))
    assert entry.report is not None
    assert (entry.report.lifetime, entry.report.power, entry.report.inverters[0].signal) == (22310.9, 1, 67)


def test_what_a_job_removes_is_gone(journal: Journal) -> None:
    """A value that is not known, and an inverter."""
    journal.record(left(report(DS3, QS1)))
    entry = only(journal.record(left(report(DS3._replace(temperature=None), gone=(QS1,)))))
    assert entry.report is not None
    assert [(one.uid, one.temperature) for one in entry.report.inverters] == [(TWO, None)]


def test_an_inverter_that_was_never_seen_differs_from_one_that_is_offline(journal: Journal) -> None:
    """The first has no panels yet."""
    unseen = Inverter("704000000009", online=False)
    asleep = DS3._replace(
        online=False, powers=(0, 0), voltages=(None, None), frequency=None, temperature=None, signal=None
    )
    entry = only(journal.record(left(report(unseen, asleep))))
    assert entry.report is not None
    assert {one.uid: (one.online, one.powers) for one in entry.report.inverters} == {
        "704000000009": (False, ()),
        TWO: (False, (0, 0)),
    }


def test_a_job_that_cannot_read_the_ecu_keeps_the_values(journal: Journal) -> None:
    """The report says what is wrong; the last success and the age of the data go on from there."""
    journal.record(left())
    later = NOON + timedelta(minutes=5)
    entry = only(journal.record(failed(later, "the ECU is silent")))
    assert entry.report == only(journal.entries()).report
    assert entry.report is not None
    assert (entry.report.error, entry.report.power) == ("the ECU is silent", 907)
    assert (entry.failure, entry.at, entry.succeeded_at) == ("the ECU is silent", later, NOON)
    assert entry.data_age == 120 + 300
    assert entry.curve == (Point(11 * 60 + 58, 907.0),)


def test_an_ecu_that_never_answered_has_an_entry(journal: Journal) -> None:
    """With the cause, and without a report."""
    entry = only(journal.record(Left("ecu:8899", NOON, 900, failure="refused")))
    assert entry == Entry("ecu:8899", NOON, 900, failure="refused")


def test_the_same_data_give_the_same_entry(journal: Journal) -> None:
    """However often they are read."""
    assert journal.record(left()) == journal.record(left())


def test_the_last_data_of_a_day_keep_their_power(journal: Journal) -> None:
    """At night the ECU reports the same data again, and the power is 0."""
    journal.record(left())
    assert only(journal.record(left(power=0.0))).curve == (Point(11 * 60 + 58, 907.0),)


def test_the_curve_is_that_of_the_site_s_day(journal: Journal) -> None:
    """It begins anew at midnight, and the day before stays."""
    journal.record(left())
    entry = only(journal.record(left(at=NOON + timedelta(days=1, minutes=5), power=3.0)))
    assert entry.curve == (Point(12 * 60 + 3, 3.0),)
    assert journal.power(ECU, NOON.date()) == (Point(11 * 60 + 58, 907.0),)
    assert entry.energies == {date(2026, 6, 21): 0.17, date(2026, 6, 22): 0.17}


def test_an_energy_of_a_date_is_the_last_one(journal: Journal) -> None:
    """That of yesterday can still change, too."""
    journal.record(left())
    journal.record(left(energies={date(2026, 6, 20): 11.0, date(2026, 6, 21): 0.2}))
    assert only(journal.entries()).energies == {date(2026, 6, 20): 11.0, date(2026, 6, 21): 0.2}


# -- several ECUs -----------------------------------------------------------------------------------------------------


def test_every_job_sees_all_ecus(journal: Journal) -> None:
    """Sorted by their addresses."""
    journal.record(left())
    entries = journal.record(left(report(DS3, ecu_id=OTHER), address="another:8899"))
    assert [(entry.address, entry.report and entry.report.ecu_id) for entry in entries] == [
        ("another:8899", OTHER),
        ("ecu:8899", ECU),
    ]


def test_an_ecu_that_moves_takes_its_journal_along(journal: Journal) -> None:
    """It has one entry, at its new address."""
    journal.record(left())
    entry = only(journal.record(left(address="new:8899", at=NOON + timedelta(minutes=5))))
    assert (entry.address, len(entry.curve)) == ("new:8899", 2)


def test_an_ecu_that_was_replaced_leaves_nothing_behind(journal: Journal) -> None:
    """The new one begins at the same address with its own values."""
    journal.record(left(report(DS3, QS1)))
    entry = only(journal.record(left(report(DS3, ecu_id=OTHER), power=None, energies={})))
    assert entry.report is not None
    assert (entry.report.ecu_id, len(entry.report.inverters), entry.curve, entry.energies) == (OTHER, 1, (), {})


def test_forget_removes_an_ecu(journal: Journal) -> None:
    """And keeps the other one."""
    journal.record(left())
    journal.record(left(report(DS3, ecu_id=OTHER), address="another:8899"))
    journal.forget(ECU)
    assert only(journal.entries()).address == "another:8899"
    assert journal.power(ECU, NOON.date()) == ()
    assert journal.energies(ECU, date.min, date.max) == {}


def test_forget_removes_an_inverter(journal: Journal) -> None:
    """From its ECU's values."""
    journal.record(left(report(DS3, QS1)))
    journal.forget(TWO)
    entry = only(journal.entries())
    assert entry.report is not None
    assert [one.uid for one in entry.report.inverters] == [QS1.uid]


def test_forget_without_a_journal_makes_none(journal: Journal) -> None:
    """Nobody has asked for one."""
    journal.forget(ECU)
    assert journal.entries() == ()
    assert journal.path is not None
    assert not journal.path.exists()


def _record_many(folder: Path, address: str, ecu_id: str) -> None:
    for minute in range(20):
        at = NOON + timedelta(minutes=minute)
        Journal(folder).record(left(report(DS3, ecu_id=ecu_id), at, address=address))


def test_jobs_of_several_ecus_write_at_the_same_time(tmp_path: Path) -> None:
    """Processes of their own: none loses a point, also of those that make the file."""
    fresh = multiprocessing.get_context("spawn")
    folder = tmp_path / "state"
    jobs = [
        fresh.Process(target=_record_many, args=(folder, f"ecu-{number}:8899", f"21600000000{number}"))
        for number in range(4)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    assert [job.exitcode for job in jobs] == [0, 0, 0, 0]
    assert [len(entry.curve) for entry in Journal(folder).entries()] == [20, 20, 20, 20]


# -- how long it is kept ----------------------------------------------------------------------------------------------


def test_the_journal_keeps_400_days(journal: Journal) -> None:
    """And an entry has the last 30."""
    days = [NOON + timedelta(days=number) for number in range(KEPT + 5)]
    for at in days:
        journal.record(left(at=at, said={}))
    kept = journal.energies(ECU, date.min, date.max)
    assert (len(kept), min(kept)) == (400, days[5].date())
    assert journal.power(ECU, days[4].date()) == ()
    assert journal.power(ECU, days[5].date()) != ()
    assert list(only(journal.entries()).energies) == [at.date() for at in days[-30:]]


def test_a_clock_that_is_ahead_for_a_day_removes_no_history(journal: Journal) -> None:
    """One date of the next century is one date."""
    for number in range(10):
        journal.record(left(at=NOON + timedelta(days=number)))
    journal.record(left(at=NOON.replace(year=2099)))
    entry = only(journal.record(left(at=NOON + timedelta(days=10))))
    assert list(entry.energies) == [date(2026, 6, 21) + timedelta(days=number) for number in range(11)]


def test_a_year_of_a_large_array_is_a_small_file(journal: Journal) -> None:
    """A point for every five minutes of 400 days: below 8 MB for an SD card."""
    journal.record(left())
    assert journal.path is not None
    with sqlite3.connect(journal.path) as database:
        rows = (
            (ECU, (NOON.date() - timedelta(days=day)).isoformat(), minute, 1234.0)
            for day in range(400)
            for minute in range(0, 1440, 5)
        )
        database.executemany("INSERT OR REPLACE INTO power VALUES (?, ?, ?, ?)", rows)
    database.close()
    assert journal.path.stat().st_size < 8_000_000


# -- a file that is not as it should be -------------------------------------------------------------------------------


def test_the_file_is_readable_for_its_owner_only(journal: Journal) -> None:
    """As the state file is."""
    journal.record(left())
    assert journal.path is not None
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def spoil(path: Path, how: str) -> None:
    """Damages a journal."""
    content = path.read_bytes()
    if how == "no database":
        path.write_bytes(b"nonsense" * 1000)
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "torn":
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    else:
        statement = {
            "another version": "PRAGMA user_version = 99",
            "tables of another program": "PRAGMA user_version = 0",
            "no table": "DROP TABLE ecu",
            "no json": "UPDATE ecu SET retained = '[1'",
            "json of another kind": "UPDATE ecu SET retained = '[1]'",
            "no time": "UPDATE ecu SET at = 'soon'",
            "no number": "UPDATE ecu SET fresh_for = 'long'",
            "no minute": "UPDATE power SET minute = 'x' || minute",
            "no date": "UPDATE energy SET day = day || 'x', kwh = 'much'",
        }[how]
        with sqlite3.connect(path) as database:
            database.execute(statement)
        database.close()


@pytest.mark.parametrize(
    "how",
    [
        "no database",
        "cut",
        "torn",
        "another version",
        "tables of another program",
        "no table",
        "no json",
        "json of another kind",
        "no time",
        "no number",
        "no minute",
    ],
)
def test_a_damaged_journal_is_begun_anew(journal: Journal, how: str) -> None:
    """The old file stays beside the new one. A job replaces its own row, so the damage is in that of another ECU."""
    journal.record(left(report(DS3, ecu_id=OTHER), address="another:8899"))
    assert journal.path is not None
    spoil(journal.path, how)
    with pytest.raises(Damaged, match=r"^the journal /.*/journal.sqlite is damaged \(.*\); no action is needed: a job"):
        journal.record(left())
    journal.begin_anew()
    assert only(journal.record(left())).report is not None
    assert journal.path.with_suffix(".damaged").exists()


@pytest.mark.parametrize("exists", [True, False])
def test_no_link_is_followed(journal: Journal, tmp_path: Path, *, exists: bool) -> None:
    """A job of root writes nowhere but into the state folder, which belongs to another user."""
    elsewhere = tmp_path / "elsewhere"
    if exists:
        Journal(tmp_path).record(left())
        (tmp_path / "journal.sqlite").rename(elsewhere)
    before = elsewhere.read_bytes() if exists else None
    assert journal.path is not None
    journal.path.parent.mkdir()
    journal.path.symlink_to(elsewhere)
    for use in (journal.entries, lambda: journal.record(left())):
        with pytest.raises(Damaged, match="it is a link"):
            use()
    journal.begin_anew()
    assert only(journal.record(left(power=3.0))).curve[0].power == 3.0
    assert (elsewhere.read_bytes() if elsewhere.exists() else None) == before
    assert not journal.path.is_symlink()


@pytest.mark.parametrize("how", ["a folder in its place", "a file in place of its folder"])
def test_a_journal_that_cannot_be_written_is_told(journal: Journal, how: str) -> None:
    """With the cause and the remedy; nothing is removed."""
    assert journal.path is not None
    if how == "a folder in its place":
        journal.path.mkdir(parents=True)
    else:
        journal.path.parent.write_text("")
    with pytest.raises(JournalError, match=r"^the journal .* cannot be used \(.+\); make the user") as caught:
        journal.record(left())
    assert not isinstance(caught.value, Damaged)


def test_a_journal_in_memory_has_this_job_only() -> None:
    """For a job whose state folder is closed."""
    assert only(Journal(None).record(left())).report is not None
    assert Journal(None).entries() == ()


def test_the_form_of_the_user_s_messages_does_not_matter() -> None:
    """The journal has flat topics without a prefix, whatever is published."""
    assert topics.root_topic(mirror.STYLE) == "aps"
    assert mirror.STYLE.flat
