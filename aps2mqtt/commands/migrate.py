"""Has Home Assistant go on with the entities that aps2mqtt 2.x announced, so that
names and history stay, and clears the retained messages of 2.x that nobody
renews. Asks the ECU, and does a job. Run it when 2.x has been stopped for good.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml migrate --dry-run
"""

import argparse
import logging
from datetime import UTC, datetime

from aps2mqtt import console, upkeep
from aps2mqtt.config import Config
from aps2mqtt.errors import GRAVITY, ExitStatus, JobError

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--dry-run", action="store_true", help="show what would be moved and cleared")


def run(options: argparse.Namespace) -> int:
    """Moves the installation over, ECU by ECU."""
    status = ExitStatus.OK
    for config in console.load(options):
        try:
            _migrate(config, dry_run=options.dry_run)
        except JobError as error:  # the others can be moved all the same
            status = max(status, console.failed(error), key=GRAVITY.index)
    return status


def _migrate(config: Config, *, dry_run: bool) -> None:
    now, store = datetime.now(UTC), console.store(config)
    with console.waiting(f"the ECU at {config.ecu.address}"):
        left = upkeep.left_by_2x(config, now, store)
    counted = f"{len(left.announced)} entities of aps2mqtt 2.x to go on with, {len(left.readings)} topics to clear"
    console.show([f"{config.ecu.address}: {counted}", *(f"  {topic}" for topic in left.topics)])
    if not config.broker.discovery:
        log.warning("MQTT_DISCOVERY_ENABLED is not set: what 2.x announced to Home Assistant is left as it is")
    if not dry_run:
        upkeep.migrate(config, now, store, left)
        console.show(["done"])
