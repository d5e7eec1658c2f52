"""What a job leaves in files: its entry in the journal, and made from that the page and the metrics.

None of these files stops a job: what cannot be written is a warning.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.base.errors import BothFailed, EcuError, JobError
from aps2mqtt.base.memory import Memory
from aps2mqtt.base.names import named
from aps2mqtt.base.values import Report, Unchanged
from aps2mqtt.config.values import Config
from aps2mqtt.journal import mirror
from aps2mqtt.journal.entry import Entry, Left
from aps2mqtt.journal.store import Damaged, Journal, JournalError
from aps2mqtt.truth.data_age import RENEWED, age_of, no_new_data_since

PAGE = "index.html"
MOST_METRICS = 10_000_000  # bytes of a file; 300 inverters have 500,000


def of_report(config: Config, now: datetime, fresh_for: int, report: Report, memory: Memory) -> Left:
    """What a successful job leaves; `memory` is that for the next job."""
    timezone, today = config.ecu.timezone, memory.counters.today
    energies = {}
    if today is not None:
        energies[today.date] = today.published
        if today.yesterday is not None:
            energies[today.date - timedelta(days=1)] = today.yesterday
    age = age_of(report.timestamp, now, memory.phase) if report.timestamp is not None else timedelta()
    data_at = (now - age).astimezone(timezone)
    hangs = no_new_data_since(memory) is not None  # its data do not show the power of any later time
    return Left(
        config.ecu.address,
        now.astimezone(timezone),
        fresh_for,
        report.ecu_id,
        mirror.said(report),
        data_at=data_at,
        power=None if hangs or isinstance(report.power, Unchanged) else report.power,
        power_at=data_at if abs(age) <= RENEWED else None,  # older: the ECU's clock is wrong, or it is night
        energies=energies,
        fahrenheit=config.ecu.fahrenheit,
    )


def of_failure(config: Config, now: datetime, fresh_for: int, error: JobError, memory: Memory | None) -> Left:
    """What a job leaves that has failed with `error`; `memory` is that of the job before."""
    ecu_id = memory.ecu_id if memory is not None else ""
    said = {}
    of_ecu = error.ecu if isinstance(error, BothFailed) else error
    if isinstance(of_ecu, EcuError):
        ecu_id = of_ecu.ecu_id or ecu_id
        if ecu_id:
            said = mirror.said_of_failure(ecu_id, named(str(of_ecu), config.names))
    cause = named(str(error), config.names)
    at = now.astimezone(config.ecu.timezone)
    return Left(config.ecu.address, at, fresh_for, ecu_id, said, cause, fahrenheit=config.ecu.fahrenheit)


def leave(config: Config, left: Left, file_name: str, now: datetime) -> list[str]:
    """Writes all files, and returns the warnings. The file of the metrics is aps2mqtt_`file_name`.prom."""
    journal, warnings = Journal(config.state_directory), list[str]()
    try:
        entries = _record(journal, left, warnings)
    except JournalError as error:
        warnings.append(str(error))
        journal = Journal(None)
        entries = journal.record(left)
    try:
        if folder := config.page_directory:
            _write_page(folder, config, journal, entries, now)
    except (OSError, JournalError) as error:
        warnings.append(_unwritten("page", "APS_PAGE_DIR", error))
    try:
        if folder := config.metrics_directory:
            own = next(entry for entry in entries if entry.address == left.address)
            _write_metrics(folder / f"aps2mqtt_{file_name}.prom", config, own)
    except OSError as error:
        warnings.append(_unwritten("metrics", "APS_METRICS_DIR", error))
    return warnings


def _unwritten(what: str, key: str, error: OSError | JournalError) -> str:
    why = error.strerror if isinstance(error, OSError) else error
    return (
        f"the {what} cannot be written ({why}); create the folder {key} and let the user that runs the jobs write to "
        "it, or set another folder"
    )


def _record(journal: Journal, left: Left, warnings: list[str]) -> tuple[Entry, ...]:
    """The entries of all ECUs after this job; raises JournalError."""
    try:
        return journal.record(left)
    except Damaged as error:
        journal.begin_anew()
        warnings.append(str(error))
        return journal.record(left)


def _write_page(folder: Path, config: Config, journal: Journal, entries: Sequence[Entry], now: datetime) -> None:
    """Writes the page of all ECUs; raises OSError and JournalError."""
    from aps2mqtt.page.document import document

    for _ in entries:
        files.replace(folder / PAGE, document(entries, config.names, config.roof, now))
        # The job of another ECU may have written its page between our reading of the journal and our writing.
        latest = journal.entries() if len(entries) > 1 else entries
        if latest == entries:
            return
        entries = latest


def _write_metrics(path: Path, config: Config, entry: Entry) -> None:
    """Writes the metrics of one ECU, and removes those of its earlier addresses; raises OSError."""
    from aps2mqtt.prometheus.exposition import text

    files.replace(path, text(entry, config.names))
    if entry.report is not None:
        remove_metrics(path.parent, entry.report.ecu_id, but=path)


def remove_metrics(folder: Path, ecu_id: str, *, but: Path | None = None) -> None:
    """Removes each file with metrics of this ECU except `but`. A file that cannot be read or removed stays."""
    for path in folder.glob("aps2mqtt_*.prom"):
        with contextlib.suppress(OSError):
            if path != but and f'ecu="{ecu_id}"'.encode() in files.read(path, MOST_METRICS):
                path.unlink()
