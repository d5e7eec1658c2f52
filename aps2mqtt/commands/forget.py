"""Removes an ECU (with its inverters) or one inverter that you no longer have:
its retained topics, its entities in Home Assistant and its state. Without --yes
it only lists the topics. If the ECU still lists the inverter, the next job
publishes it again: remove it in the vendor's app first.

example:
  aps2mqtt forget 704000000001
"""

import argparse

from aps2mqtt.base.errors import ExitStatus, UsageError
from aps2mqtt.commands import common
from aps2mqtt.jobs import forget
from aps2mqtt.screen import output


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("serial", metavar="ECU_OR_INVERTER", type=common.serial, help="serial number (12 digits)")
    parser.add_argument("--yes", action="store_true", help="remove it (otherwise only list the topics)")


def run(options: argparse.Namespace) -> int:
    """Shows what is published under the serial number, and removes it with --yes."""
    configs = common.load(options)
    broker = configs[0].broker.name
    with output.waiting(broker):
        found = forget.remembered_by_broker(configs[0], options.serial)
    known = bool(found.topics)
    if options.yes:
        known = forget.forget([(config, common.store(config)) for config in configs], options.serial, found)
    if not known:
        remedy = "check the serial number and MQTT_TOPIC_PREFIX"
        raise UsageError(f"found no retained topics of {options.serial} on {broker}; {remedy}")
    listed = [f"  {topic}" for topic in found.topics]
    if options.yes:
        output.show([f"removed from {broker}:", *listed, f"{len(listed)} topics"])
    else:
        output.show([f"retained topics of {options.serial} on {broker}:", *listed])
        output.show([f"Nothing was removed. To remove these {len(listed)} topics, add --yes"])
    return ExitStatus.OK
