"""Checks whether polling works, for the health check of a container. It reads the
state file of the last job, and polls neither the ECU nor the broker. The exit
status is 0 if polling works, otherwise 69.

example:
  aps2mqtt health
"""

import argparse
import logging
from datetime import UTC, datetime

from aps2mqtt.base.errors import ExitStatus
from aps2mqtt.commands import common
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.state_file import StateError
from aps2mqtt.screen import output
from aps2mqtt.truth import data_age, freshness

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: the command has no options of its own."""


def run(options: argparse.Namespace) -> int:
    """Prints a line for each ECU; returns the exit status."""
    now, status = datetime.now(UTC), ExitStatus.OK
    for config in common.load(options):
        read, trouble = _condition(config, now)
        if trouble:
            log.error("%s: %s", config.ecu.address, f"{read}; {trouble}" if read else trouble)
            status = ExitStatus.UNAVAILABLE
        else:
            output.show([f"{config.ecu.address}: {read}"])
    return status


def _condition(config: Config, now: datetime) -> tuple[str, str]:
    """The time of the last reading of the ECU, and the problem of its jobs; empty if there is none."""
    try:
        memory = common.store(config).load()
    except StateError as error:
        if error.left is None:
            return "", str(error)
        memory = error.left
    if memory is None:
        return (
            "",
            "no successful poll is recorded for this user; see the log, or run health as root if systemd runs the jobs",
        )
    read = f"last successful poll at {memory.reading.at.astimezone(config.ecu.timezone):%Y-%m-%d %H:%M:%S}"
    if memory.failure.error:
        return read, f"since then {memory.failure.error}"
    if freshness.is_overdue(memory.rhythm, now):
        return (
            read,
            "no poll has succeeded since then, although one was due; see the log, and check the timer, cron or `run`",
        )
    if since := data_age.no_new_data_since(memory):
        local = since.astimezone(config.ecu.timezone)
        return read, f"the ECU has had no new data since {local:%H:%M} although inverters are online; restart the ECU"
    return read, ""
