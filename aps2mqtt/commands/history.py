"""Shows the ECU's own history: the power of a day, and the energy of a week, a
month or a year; or the journal of the jobs if the firmware keeps no history.

example:
  aps2mqtt history day week --plot solar.svg
"""

import argparse
import json
import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from aps2mqtt.base.errors import ExitStatus, JobError, UsageError, gravest
from aps2mqtt.commands import common
from aps2mqtt.config.values import Config
from aps2mqtt.history import query, time_series
from aps2mqtt.history.time_series import Series
from aps2mqtt.screen import chart, output, svg

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.usage = "%(prog)s [OPTION ...] [PERIOD ...]"
    parser.add_argument(
        "periods", metavar="PERIOD", type=_period, nargs="*", help="day, week, month, year, or several (default: day)"
    )
    common.add_date(parser, "day of the power (default: today at the site)")
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--csv", action="store_true", help="print a table (CSV)")
    printed.add_argument("--json", action="store_true", help="print JSON, as --publish sends it")
    parser.add_argument("--plot", metavar="FILE.svg", type=_svg, help="write a picture (SVG)")
    parser.add_argument("--publish", action="store_true", help="publish to history/power and history/energy/...")
    common.add_ecu(parser)


def run(options: argparse.Namespace) -> int:
    """Polls one ECU after the other; returns the most severe status."""
    periods = list(dict.fromkeys(options.periods)) or [time_series.DAY]
    if options.date and time_series.DAY not in periods:
        raise UsageError("--date is for the power of a day; add the period day, or omit --date")
    now, configs = datetime.now(UTC), common.load(options)
    days = [common.day(options.date, config, now) for config in configs]
    todays = [common.day(None, config, now) for config in configs]
    statuses: list[ExitStatus] = []
    found: list[Series] = []
    for read in common.of_each(partial(_read, periods), statuses, configs, days, todays):
        found += read.found
        statuses += [common.failed(error) for error in read.failures]
        for remark in read.remarks:
            log.warning("%s", remark)
    _print(options, found)
    if options.publish:
        try:
            count = query.publish(configs[0], found)
            log.info("%d messages to %s", count, configs[0].broker.address)
        except JobError as error:  # the picture is drawn all the same
            statuses.append(common.failed(error))
    if options.plot and found:
        common.write(options.plot, svg.picture(found))
    return gravest(statuses)


# -- the arguments ----------------------------------------------------------------------------------------------------


def _period(text: str) -> str:
    if text not in time_series.PERIODS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a period; choose from {', '.join(time_series.PERIODS)}")
    return text


def _svg(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() != ".svg":
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .svg; choose a name that does")
    return path


# -- queries and output -----------------------------------------------------------------------------------------------


def _read(periods: Sequence[str], config: Config, day: date, today: date) -> query.Recollection:
    with output.waiting(f"the ECU at {config.ecu.address}"):
        return query.read(config, periods, day, today=today)


def _print(options: argparse.Namespace, found: Sequence[Series]) -> None:
    if options.csv:
        rows = chain([time_series.COLUMNS], *map(time_series.rows, found))
        output.show(",".join(row) for row in rows)  # no value contains a comma
    elif options.json:
        said = ",\n".join(json.dumps(time_series.document(one)) for one in found)
        output.show(f"[{said}]".splitlines())
    elif found and not options.plot and not options.publish:
        color, width = output.has_color(), output.width()
        drawn = [chart.text(one, width=width, color=color) for one in found]
        output.draw("\n".join(lines) + "\n" * (lines is not drawn[-1]) for lines in drawn)
