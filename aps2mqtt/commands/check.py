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

from aps2mqtt import check, console, steps
from aps2mqtt.errors import ConfigError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    console.add_ecu(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document, when all is done")


def run(options: argparse.Namespace) -> int:
    """Tells each step as soon as it is known; returns the status of a job that fails there."""
    taken: list[steps.Step] = []
    walk = iter(_walk(options))
    while (step := _next(walk)) is not None:
        if not options.json:
            before = taken[-1] if taken else None
            console.draw(steps.lines(step, before, width=console.width(), color=console.has_color()))
        taken.append(step)
    if options.json:
        console.show(json.dumps(steps.document(taken), indent=1).splitlines())
    else:
        console.show(["", *steps.summary(taken, console.width())])
    return steps.status(taken)


def _next(walk: Iterator[steps.Step]) -> steps.Step | None:
    with console.waiting("the next step"):
        return next(walk, None)


def _walk(options: argparse.Namespace) -> Iterable[steps.Step]:
    try:
        configs = console.load(options)
    except ConfigError as error:
        return check.misconfigured(error)
    return check.walk([(config, console.store(config)) for config in configs], lambda: datetime.now(UTC))
