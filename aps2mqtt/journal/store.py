"""Keeps the journal of all ECUs of a state folder: one SQLite file, one short transaction for each job.

A journal that is damaged is begun anew, and one that cannot be written never stops a job.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.journal import mirror
from aps2mqtt.journal.entry import DAYS, Entry, Left, Point

FILE = "journal.sqlite"
VERSION = 1  # of the tables below
PATIENCE = 5.0  # seconds to wait for the job of another ECU
KEPT = 400  # days with an energy; they count, not the dates, so that a clock that is ahead for a day deletes one day

TABLES = """
CREATE TABLE ecu (
    address TEXT PRIMARY KEY, ecu_id TEXT, at TEXT, fresh_for INTEGER, failure TEXT, succeeded_at TEXT, data_at TEXT,
    retained TEXT, fahrenheit INTEGER
);
CREATE TABLE power (ecu_id TEXT, day TEXT, minute INTEGER, watts REAL, PRIMARY KEY (ecu_id, day, minute)) WITHOUT ROWID;
CREATE TABLE energy (ecu_id TEXT, day TEXT, kwh REAL, PRIMARY KEY (ecu_id, day)) WITHOUT ROWID;
"""
COLUMNS = "address, ecu_id, at, fresh_for, failure, succeeded_at, data_at, retained, fahrenheit"
FIRST_KEPT = "(SELECT day FROM energy WHERE ecu_id = :ecu ORDER BY day DESC LIMIT 1 OFFSET :kept)"
# What a value of the wrong form in a file that SQLite can read may raise.
ABSURD = (ValueError, TypeError, AttributeError, OverflowError, RecursionError)


class JournalError(Exception):
    """The journal cannot be read or written, or is damaged; the message has the cause and the remedy."""


class Damaged(JournalError):
    """The file is no journal of this version."""


class Journal:
    """The journal in the state folder `directory`; None: in memory, for this one job."""

    def __init__(self, directory: Path | None) -> None:
        self.path = directory / FILE if directory is not None else None

    def record(self, left: Left) -> tuple[Entry, ...]:
        """Adds what a job leaves, and returns the entries of all ECUs. Raises JournalError if nothing was added."""
        with self._open(create=True) as database:
            database.execute("BEGIN IMMEDIATE")
            _add(database, left)
            found = tuple(_entries(database))
            database.execute("COMMIT")
        return found

    def entries(self) -> tuple[Entry, ...]:
        """The entries of all ECUs; none if there is no journal. Raises JournalError."""
        with self._open() as database:
            return tuple(_entries(database))

    def power(self, ecu_id: str, day: date) -> tuple[Point, ...]:
        """The power of that date; empty if it is not known. Raises JournalError."""
        with self._open() as database:
            return _curve(database, ecu_id, day)

    def energies(self, ecu_id: str, first: date, last: date) -> dict[date, float]:
        """The energies in kWh of the dates from `first` to `last` that are known. Raises JournalError."""
        with self._open() as database:
            return _energies(database, ecu_id, first, last)

    def forget(self, serial: str) -> None:
        """Removes the ECU or the inverter of that serial number. Raises JournalError, but not for a damaged file."""
        with contextlib.suppress(Damaged), self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            for table in ("ecu", "power", "energy"):
                database.execute(f"DELETE FROM {table} WHERE ecu_id = ?", (serial,))  # noqa: S608 - a name of ours
            for address, text in database.execute("SELECT address, retained FROM ecu").fetchall():
                retained = json.dumps(mirror.without(json.loads(text), serial))
                database.execute("UPDATE ecu SET retained = ? WHERE address = ?", (retained, address))
            database.execute("COMMIT")

    def begin_anew(self) -> None:
        """Puts a damaged file aside, so that the next job begins a new one. Raises JournalError."""
        assert self.path is not None  # noqa: S101 - what is in memory is not damaged
        try:
            self.path.replace(self.path.with_suffix(".damaged"))
            self.path.with_name(f"{FILE}-journal").unlink(missing_ok=True)
        except OSError as error:
            raise JournalError(self._unusable(error.strerror or "")) from error

    @contextlib.contextmanager
    def _open(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection that is closed at the end; without a file and without `create` to an empty journal."""
        try:
            if self.path is not None and self.path.is_symlink():  # SQLite would make a file where it points
                raise ValueError("it is a link")
            if self.path is not None and create:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                files.create_private(self.path)
            at_hand = self.path if self.path is not None and os.path.lexists(self.path) else ":memory:"
            # Autocommit: each transaction begins and ends where it is written.
            with contextlib.closing(sqlite3.connect(at_hand, timeout=PATIENCE, isolation_level=None)) as database:
                _make_tables(database)
                yield database
        except OSError as error:
            raise JournalError(self._unusable(error.strerror or "")) from error
        except (sqlite3.Error, *ABSURD) as error:
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise JournalError(self._unusable(str(error))) from error
            raise Damaged(
                f"the journal {self.path} is damaged ({error}); no action is needed: a job begins a new one and keeps "
                "the old file beside it"
            ) from error

    def _unusable(self, why: str) -> str:
        return (
            f"the journal {self.path} cannot be used ({why}); make the user that runs the jobs the owner of its "
            "folder, or set APS_STATE_DIR to another folder"
        )


def _make_tables(database: sqlite3.Connection) -> None:
    """Makes the tables in an empty file; raises ValueError for tables that are not those of this version."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    database.execute("BEGIN IMMEDIATE")
    (version,) = database.execute("PRAGMA user_version").fetchone()  # another job may have made them
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version == 0 and not tables:
        for statement in filter(str.strip, TABLES.split(";")):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")
    elif version != VERSION:
        raise ValueError(f"its tables have version {version}, not {VERSION}")
    database.execute("COMMIT")


def _add(database: sqlite3.Connection, left: Left) -> None:
    # An ECU that has moved to another address keeps its values; a new one at this address begins with none.
    own, key = ("ecu_id", left.ecu_id) if left.ecu_id else ("address", left.address)
    known = f"SELECT ecu_id, succeeded_at, data_at, retained FROM ecu WHERE {own} = ?"  # noqa: S608 - names of ours
    found = database.execute(known, (key,)).fetchone()
    ecu_id, succeeded_at, data_at, retained = found or (left.ecu_id, None, None, "{}")
    database.execute("DELETE FROM ecu WHERE address = ? OR ecu_id = ?", (left.address, ecu_id or None))
    row = (
        left.address,
        ecu_id,
        left.at.isoformat(),
        left.fresh_for,
        left.failure,
        succeeded_at if left.failure else left.at.isoformat(),
        left.data_at.isoformat() if left.data_at is not None else data_at,
        json.dumps(mirror.after(json.loads(retained), left.said)),
        left.fahrenheit,
    )
    database.execute(f"INSERT INTO ecu ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)  # noqa: S608 - ours
    if left.power is not None:
        at = left.power_at or left.at
        database.execute(
            "INSERT OR IGNORE INTO power VALUES (?, ?, ?, ?)",  # at dusk the last data come again, with a power of 0
            (ecu_id, at.date().isoformat(), at.hour * 60 + at.minute, left.power),
        )
    days = [(ecu_id, day.isoformat(), kwh) for day, kwh in left.energies.items()]
    database.executemany("INSERT OR REPLACE INTO energy VALUES (?, ?, ?)", days)
    for table in ("power", "energy"):
        database.execute(
            f"DELETE FROM {table} WHERE ecu_id = :ecu AND day < {FIRST_KEPT}",  # noqa: S608 - names of ours
            {"ecu": ecu_id, "kept": KEPT - 1},
        )


def _entries(database: sqlite3.Connection) -> Iterator[Entry]:
    for row in database.execute(f"SELECT {COLUMNS} FROM ecu ORDER BY address").fetchall():  # noqa: S608 - ours
        address, ecu_id, at_text, fresh_for, failure, succeeded_at, data_at, retained, fahrenheit = row
        at = datetime.fromisoformat(at_text)
        today = at.date()
        yield Entry(
            address,
            at,
            int(fresh_for),
            mirror.report(ecu_id, json.loads(retained)) if ecu_id else None,
            failure,
            datetime.fromisoformat(succeeded_at) if succeeded_at else None,
            (at - datetime.fromisoformat(data_at)).total_seconds() if data_at else None,
            _curve(database, ecu_id, today),
            _energies(database, ecu_id, today - timedelta(days=DAYS - 1), today),
            bool(fahrenheit),
        )


def _curve(database: sqlite3.Connection, ecu_id: str, day: date) -> tuple[Point, ...]:
    query = "SELECT minute, watts FROM power WHERE ecu_id = ? AND day = ? ORDER BY minute"
    return tuple(Point(int(minute), float(watts)) for minute, watts in database.execute(query, (ecu_id, f"{day}")))


def _energies(database: sqlite3.Connection, ecu_id: str, first: date, last: date) -> dict[date, float]:
    query = "SELECT day, kwh FROM energy WHERE ecu_id = ? AND day BETWEEN ? AND ? ORDER BY day"
    return {
        date.fromisoformat(day): float(kwh) for day, kwh in database.execute(query, (ecu_id, f"{first}", f"{last}"))
    }
