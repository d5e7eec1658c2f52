"""Polls the ECU and saves its raw answers for a bug report: a file for each
answer, and one for SunSpec. All ids, serial numbers and MAC addresses in the
files are replaced, in the same way in all files. Needs no broker, changes no
state. (The log of -D and `decode` show the real numbers.)

example:
  aps2mqtt capture --output /tmp
"""

import argparse
import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.base.errors import ExitStatus, gravest
from aps2mqtt.captures import capture
from aps2mqtt.captures.capture import CapturedEcu, Document
from aps2mqtt.captures.redaction import Redaction
from aps2mqtt.commands import common
from aps2mqtt.config.values import Config
from aps2mqtt.screen import output

log = logging.getLogger(__name__)

NEXT = """\
The serial numbers and MAC addresses in these files are replaced. Check them
with `aps2mqtt decode FILE`, and attach them to your report."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    common.add_ecu(parser)
    parser.add_argument("--history", action="store_true", help="also save the history of power and energy")
    common.add_date(parser, "the same, with the power of this day (default: today)")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", default=Path(), help="folder for the files (default: the current one)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files that differ")


def run(options: argparse.Namespace) -> int:
    """Polls each ECU, and then writes all files with the same stand-ins."""

    def take(config: Config, day: date | None) -> tuple[Config, CapturedEcu]:
        with output.waiting(f"the ECU at {config.ecu.address}"):
            return config, capture.take(config, day, now.astimezone(config.ecu.timezone))

    now, configs = datetime.now(UTC), common.load(options)
    days = [common.day(options.date, config, now) if options.date or options.history else None for config in configs]
    failures: list[ExitStatus] = []
    all_taken = list(common.of_each(take, failures, configs, days))
    _write(
        capture.documents([(taken, common.day(None, config, now)) for config, taken in all_taken]),
        options.output,
        force=options.force,
    )
    table = capture.redaction([taken for _, taken in all_taken])
    return gravest([*failures, *(_told(config, taken, table) for config, taken in all_taken)])


def _write(documents: Sequence[Document], folder: Path, *, force: bool) -> None:
    """Writes the files and prints what to do with them; raises UsageError."""
    texts = {one.name: one.text for one in documents}
    if not texts:
        return
    new = files.write_all(texts, folder, force=force)
    output.show(
        [*(f"{'written' if new[name] else 'unchanged':<9}  {folder / name}" for name in texts), "", *NEXT.splitlines()]
    )
    for one in documents:
        if one.doubtful:
            log.warning("%s has bytes that cannot be decoded; check them for serial numbers", folder / one.name)


def _told(config: Config, taken: CapturedEcu, table: Redaction) -> ExitStatus:
    """Logs the errors of these answers; returns the exit status of a job with the same answers."""
    mute = [answer.query.name for answer in taken.history if not answer.data]
    if mute:
        log.warning(
            "the ECU at %s does not answer %s: its firmware does not support it", config.ecu.address, ", ".join(mute)
        )
    for answer in (*taken.answers, *taken.history):
        if answer.error is None or (answer in taken.history and not answer.data):
            continue
        level = logging.ERROR if answer.error is taken.error else logging.WARNING
        text = str(answer.error)
        if answer.data:
            asked = f"{answer.query.command} ({answer.query.name})"
            text = (
                f"the ECU at {config.ecu.address} sends an unusable answer to {asked}: {text}; "
                "attach the file to your report"
            )
        log.log(level, "%s", table.text(text))
    if taken.sunspec_error is not None:
        log.warning("%s", taken.sunspec_error)
    return taken.error.status if taken.error is not None else ExitStatus.OK
