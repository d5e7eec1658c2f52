"""Has Home Assistant go on with the entities that aps2mqtt 2.x announced, so that
names and history stay, and clears the retained messages of 2.x that nobody
renews. Asks the ECU, and does a job. Run it when 2.x has been stopped for good.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml migrate --dry-run
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
    parser.add_argument("--dry-run", action="store_true", help="show what would be moved and cleared")


def run(options: argparse.Namespace) -> int:
    """Migrates the installation, ECU by ECU."""
    failures: list[ExitStatus] = []
    list(common.of_each(partial(_migrate, dry_run=options.dry_run), failures, common.load(options)))
    return gravest(failures)


def _migrate(config: Config, *, dry_run: bool) -> None:
    now, store = datetime.now(UTC), common.store(config)
    with output.waiting(f"the ECU at {config.ecu.address}"):
        left = migrate.left_by_2x(config, now, store)
    counted = f"{len(left.announced)} entities of aps2mqtt 2.x to go on with, {len(left.readings)} topics to clear"
    output.show([f"{config.ecu.address}: {counted}", *(f"  {topic}" for topic in left.topics)])
    if not config.broker.discovery:
        log.warning("MQTT_DISCOVERY_ENABLED is not set: what 2.x announced to Home Assistant is left as it is")
    if not dry_run:
        migrate.migrate(config, now, store, left)
        output.show(["done"])
