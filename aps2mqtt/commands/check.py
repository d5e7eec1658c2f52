"""Walks the way of a job, from the configuration over the ECU to the broker, and
says at each step what it found and, where it ends, what to do about it. Leaves
nothing behind: no state, and no message on the broker. Asks the ECU at night,
too. Exit status: that of a job which fails there.

example:
  aps2mqtt -c /etc/aps2mqtt/config.yaml check
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from aps2mqtt.base.errors import ConfigError
from aps2mqtt.check import check, result
from aps2mqtt.commands import common
from aps2mqtt.screen import output


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    common.add_ecu(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document, when all is done")


def run(options: argparse.Namespace) -> int:
    """Reports each step as soon as it has ended; returns the exit status of a job that fails there."""
    taken: list[result.Step] = []
    walk = iter(_walk(options))
    while (step := _next(walk)) is not None:
        if not options.json:
            before = taken[-1] if taken else None
            output.draw(result.lines(step, before, width=output.width(), color=output.has_color()))
        taken.append(step)
    if options.json:
        output.show(json.dumps(result.document(taken), indent=1).splitlines())
    else:
        output.show(["", *result.summary(taken, output.width())])
    return result.status(taken)


def _next(walk: Iterator[result.Step]) -> result.Step | None:
    with output.waiting("the next step"):
        return next(walk, None)


def _walk(options: argparse.Namespace) -> Iterable[result.Step]:
    try:
        configs = common.load(options)
    except ConfigError as error:
        return check.misconfigured(error)
    return check.walk([(config, common.store(config)) for config in configs], lambda: datetime.now(UTC))
