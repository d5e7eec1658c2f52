"""Tests configuration, ECU and broker step by step, as a job uses them. Shows
which step fails and how to fix it. Polls the ECU at night, too. Leaves state
file and retained topics unchanged. The exit status is that of a job.

examples:
  aps2mqtt check
  aps2mqtt -c config.yaml check --all
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
    parser.add_argument("--all", action="store_true", help="show every setting and all details")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")


def run(options: argparse.Namespace) -> int:
    """Shows each step as soon as it has ended; returns the exit status of a job that fails there."""
    taken: list[result.Step] = []
    before: result.Step | None = None  # the last one that was shown
    walk = iter(_walk(options))
    while (step := _next(walk)) is not None:
        if not options.json:
            width, color = output.width(), output.has_color()
            if drawn := [*result.lines(step, before, width=width, color=color, everything=options.all)]:
                output.draw(drawn)
                before = step
        taken.append(step)
    if options.json:
        output.show(json.dumps(result.document(taken), indent=1).splitlines())
    else:
        output.draw(["", *result.summary(taken, output.width(), color=output.has_color())])
    return result.status(taken)


def _next(walk: Iterator[result.Step]) -> result.Step | None:
    with output.waiting("the next step"):
        return next(walk, None)


def _walk(options: argparse.Namespace) -> Iterable[result.Step]:
    try:
        configs = common.load(options)
    except ConfigError as error:
        return check.misconfigured(error)
    steps = check.walk(
        [(config, common.store(config)) for config in configs], lambda: datetime.now(UTC), whole=options.ecu is None
    )
    return (result.with_names(step, configs[0].names) for step in steps)
