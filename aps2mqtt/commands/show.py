"""Shows the array as a picture. Polls the ECU, at night too. Publishes nothing and
writes no state. --broker shows the retained topics of all ECUs instead; --watch
each change of them until Ctrl-C. With APS_PAGE_DIR every job writes the page.

examples:
  APS_ECU_IP=192.168.1.42 aps2mqtt show
  aps2mqtt show --html solar.html
"""

import argparse
import logging
import signal
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NoReturn

from aps2mqtt.base.errors import ExitStatus, JobError, UsageError, gravest
from aps2mqtt.base.names import Names
from aps2mqtt.base.roof import NO_ROOF
from aps2mqtt.base.values import Report
from aps2mqtt.commands import common
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.plan import style
from aps2mqtt.journal.entry import Entry
from aps2mqtt.journal.store import Journal, JournalError
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.page.document import document
from aps2mqtt.screen import output, picture, roof, terminal
from aps2mqtt.setup import config_file
from aps2mqtt.show import live, now
from aps2mqtt.show.live import BrokerView, Place

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    common.add_ecu(parser)
    parser.add_argument("--broker", action="store_true", help="show the retained topics (--ecu then takes an id)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--watch", action="store_true", help="show the retained topics, and each change")
    how.add_argument("--html", metavar="FILE", type=Path, help="write a web page instead of a picture")
    parser.add_argument("--roof", action="store_true", help="draw the panels where section roof has placed them")


def run(options: argparse.Namespace) -> int:
    """Shows the array from the ECU, from the broker, or live."""
    if not (options.broker or options.watch):
        configs = common.load(options)
        if options.html is not None:
            return _write_polled(configs, options.html)
        return _poll_roof(configs) if options.roof else _poll(configs)
    at, configs = _place(options)
    if options.watch and (at.roof or not options.roof):
        return _watch(at)
    with output.waiting(at.broker.name):
        view = live.once(at)
    current = datetime.now(UTC)
    if options.html is not None:
        reports = view.published.reports
        entries = _with_journal(configs, (now.retained(configs, at.style, report, current) for report in reports))
        common.write(options.html, document(entries, configs[0].names, configs[0].roof, current))
    elif options.roof and not at.roof:
        _propose_roof(view.published.reports, at.style.names)
    else:
        output.draw(live.lines(at, view, current, terminal.canvas()))
    return ExitStatus.OK


def _poll(configs: Sequence[Config]) -> int:
    """Draws every ECU that answers; returns the most severe exit status."""
    failures: list[ExitStatus] = []
    for number, lines in enumerate(common.of_each(_picture, failures, configs)):
        output.draw(["", *lines] if number else lines)
    return gravest(failures)


def _picture(config: Config) -> list[str]:
    current = datetime.now(UTC)
    return picture.arrays([_read(config, current)], style(config), current, terminal.canvas())


def _poll_roof(configs: Sequence[Config]) -> int:
    """Draws one roof with the panels of every ECU that answers; returns the most severe exit status."""
    failures: list[ExitStatus] = []
    current = datetime.now(UTC)
    reports = [*common.of_each(_read, failures, configs, [current] * len(configs))]
    places, usual = configs[0].roof, style(configs[0])  # the roof is the same for all
    if not places:
        _propose_roof(reports, usual.names)
    if reports:
        output.draw(roof.panels(places, reports, usual, current, terminal.canvas()))
    return gravest(failures)


def _propose_roof(reports: Sequence[Report], names: Names) -> NoReturn:
    """Prints a section `roof` with all panels, and raises UsageError because there is none."""
    lines = config_file.section_roof((inverter for report in reports for inverter in report.inverters), names)
    output.show(lines)
    remedy = "copy these lines into it and arrange them" if lines else "docs/configuration.md describes this section"
    raise UsageError(f"the configuration file has no section roof; {remedy}")


def _write_polled(configs: Sequence[Config], path: Path) -> int:
    """Writes a page with every ECU, also those that do not answer; returns the most severe exit status."""
    failures: list[ExitStatus] = []
    entries = []
    for config in configs:
        current = datetime.now(UTC)
        try:
            entries.append(now.read(config, _read(config, current), common.store(config).remembered(), current))
        except JobError as error:
            failures.append(common.failed(error))
            entries.append(now.unread(config, error, current))
    shown = _with_journal(configs, entries)
    common.write(path, document(shown, configs[0].names, configs[0].roof, datetime.now(UTC)))
    return gravest(failures)


def _with_journal(configs: Sequence[Config], entries: Iterable[Entry]) -> list[Entry]:
    """The entries with what the jobs have recorded of these ECUs."""
    try:
        recorded = Journal(configs[0].state_directory).entries()
    except JournalError as error:
        log.warning("%s", error)
        recorded = ()
    return [now.with_recorded(entry, recorded) for entry in entries]


def _read(config: Config, current: datetime) -> Report:
    """What the ECU reports now; nothing is published or remembered."""
    with output.waiting(f"the ECU at {config.ecu.address}"):
        return Job(config, current, common.store(config), force=True, dry_run=True).run().report


def _place(options: argparse.Namespace) -> tuple[Place, tuple[Config, ...]]:
    """The broker and the topics of the jobs; the ECU need not be in this configuration."""
    ecu_id = _serial(options.ecu)
    options.ecu = None
    configs = common.load(options)
    broker = configs[0].broker
    if not broker.retain:
        log.warning("MQTT_RETAIN is False: only the status is retained, so there are no readings to show")
    return Place(broker, _style(configs), ecu_id, configs[0].roof if options.roof else NO_ROOF), configs


def _style(configs: Sequence[Config]) -> Style:
    """The style of all jobs, with the unit of temperatures of each ECU, by the id that its last job has stored."""
    known, unknown = {}, []
    for config in configs:
        memory = common.store(config).remembered()
        if memory is not None:
            known[memory.ecu_id] = config.ecu.fahrenheit
        else:
            unknown.append(config)
    usual = style((unknown or configs)[0])
    return usual._replace(unlike=frozenset(ecu for ecu, unit in known.items() if unit != usual.fahrenheit))


def _serial(ecu: str | None) -> str:
    try:
        return common.serial(ecu) if ecu is not None else ""
    except argparse.ArgumentTypeError as error:
        raise UsageError(
            f"with --broker and --watch, --ecu takes an ECU id: {error}; omit --ecu to see all ECUs"
        ) from error


def _watch(at: Place) -> int:
    """Shows the array live until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        seen = live.views(at)
        with output.waiting(at.broker.name):
            first = next(seen)  # its failure is logged on the screen of the shell
        (_draw if output.is_capable() else _print)(at, chain([first], seen))
    except KeyboardInterrupt:
        pass
    return ExitStatus.OK


def _draw(at: Place, seen: Iterator[BrokerView]) -> None:
    """Draws each view in place."""
    with terminal.borrowed() as page:
        for view in seen:
            size = terminal.in_place_canvas()
            page.draw(live.lines(at, view, datetime.now(UTC), size, "Ctrl-C stops"), size)


def _print(at: Place, seen: Iterator[BrokerView]) -> None:
    """Prints each view that differs from the one before, below that one."""
    for view in live.settled(seen):
        output.draw([*live.lines(at, view, datetime.now(UTC), terminal.canvas()), ""])
