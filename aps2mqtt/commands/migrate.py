"""Moves an installation of aps2mqtt 2.x to this version. Home Assistant keeps the
entities of 2.x with their names and history. Retained topics that only 2.x used
are removed. The command polls the ECU and publishes, as `once` does. Stop 2.x
for good before you run the command.

example:
  aps2mqtt migrate --dry-run
"""

import argparse
import logging
from datetime import UTC, datetime
from functools import partial

from aps2mqtt.base.errors import ExitStatus, gravest
from aps2mqtt.commands import common
from aps2mqtt.config.values import Config
from aps2mqtt.jobs import migrate
from aps2mqtt.screen import output

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "--dry-run", action="store_true", help="list what would be moved and removed, and change nothing"
    )


def run(options: argparse.Namespace) -> int:
    """Migrates the installation, ECU by ECU."""
    failures: list[ExitStatus] = []
    list(common.of_each(partial(_migrate, dry_run=options.dry_run), failures, common.load(options)))
    return gravest(failures)


def _migrate(config: Config, *, dry_run: bool) -> None:
    now, store = datetime.now(UTC), common.store(config)
    with output.waiting(f"the ECU at {config.ecu.address}"):
        left = migrate.left_by_2x(config, now, store)
    counted = f"{len(left.announced)} entities of aps2mqtt 2.x to keep, {len(left.readings)} topics to remove"
    output.show([f"{config.ecu.address}: {counted}", *(f"  {topic}" for topic in left.topics)])
    if not config.broker.discovery:
        log.warning(
            "MQTT_DISCOVERY_ENABLED is not set, so the entities of 2.x in Home Assistant stay as they are; set it to "
            "True to move them"
        )
    if not dry_run:
        migrate.migrate(config, now, store, left)
        output.show(["done"])
