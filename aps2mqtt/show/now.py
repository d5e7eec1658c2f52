"""ECUs as they are now, for a web page: as they answer, or as the broker retains them. Pure.

Job, Place -> Entry -> page
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from aps2mqtt.base.elapsed import elapsed
from aps2mqtt.base.errors import JobError
from aps2mqtt.base.memory import Memory, Rhythm
from aps2mqtt.base.names import named
from aps2mqtt.base.values import Report
from aps2mqtt.config.values import Config
from aps2mqtt.journal.entry import Entry
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.truth import freshness
from aps2mqtt.truth.data_age import age_of


def read(config: Config, report: Report, memory: Memory | None, now: datetime) -> Entry:
    """An ECU that was read at `now`; `memory` is that of its last job."""
    at = now.astimezone(config.ecu.timezone)
    phase = memory.phase if memory is not None else None
    age = None if report.timestamp is None else age_of(report.timestamp, now, phase).total_seconds()
    return _entry(config, at)._replace(report=report, succeeded_at=at, data_age=age)


def unread(config: Config, error: JobError, now: datetime) -> Entry:
    """An ECU that could not be read."""
    return _entry(config, now.astimezone(config.ecu.timezone))._replace(failure=named(str(error), config.names))


def retained(configs: Sequence[Config], style: Style, report: Report, now: datetime) -> Entry:
    """An ECU on the broker. Nobody knows which of the configured ones it is, so the first one has its time zone."""
    age = None if report.timestamp is None else elapsed(report.timestamp, now).total_seconds()
    at = now.astimezone(configs[0].ecu.timezone)
    return _entry(configs[0], at)._replace(report=report, data_age=age, fahrenheit=style.of(report.ecu_id).fahrenheit)


def with_recorded(entry: Entry, recorded: Iterable[Entry]) -> Entry:
    """`entry` with the curve and the energies of the journal; if the ECU was not read, with its last values, too."""
    for last in recorded:
        if not _is_same_ecu(entry, last):
            continue
        entry = entry._replace(energies=last.energies, curve=last.curve if last.at.date() == entry.at.date() else ())
        if entry.report is None and last.data_age is not None:
            age = last.data_age + elapsed(last.at, entry.at).total_seconds()
            entry = entry._replace(report=last.report, succeeded_at=last.succeeded_at, data_age=age)
    return entry


def _is_same_ecu(entry: Entry, last: Entry) -> bool:
    if entry.report is None or last.report is None:
        return entry.address == last.address
    return entry.report.ecu_id == last.report.ecu_id


def _entry(config: Config, at: datetime) -> Entry:
    return Entry(config.ecu.address, at, freshness.expiry(Rhythm(at), at), fahrenheit=config.ecu.fahrenheit)
