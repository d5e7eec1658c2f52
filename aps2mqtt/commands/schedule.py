"""Shows when the ECU is polled on the next days: from sunrise to sunset at the
site. It is calculated, without the ECU and the broker. The bar shows the
daylight of each part of the day, by the clock of the site.

example:
  aps2mqtt schedule --days 30
"""

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from aps2mqtt.base.errors import ExitStatus
from aps2mqtt.commands import common
from aps2mqtt.config.values import Config, EcuConfig
from aps2mqtt.screen import output, timetable

log = logging.getLogger(__name__)

MOST_DAYS = 366


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    common.add_ecu(parser)
    parser.add_argument("--days", metavar="N", type=_days, default=7, help="days from today, 1 to 366 (default: 7)")
    parser.add_argument("--json", action="store_true", help="print JSON, with times in UTC")


def run(options: argparse.Namespace) -> int:
    """Prints a table for each site and interval."""
    now, listed = datetime.now(UTC), []
    for ecus in _alike(common.load(options)):
        ecu, today = ecus[0], now.astimezone(ecus[0].timezone).date()
        listed.append((ecus, timetable.days(ecu.site, ecu.timezone, ecu.poll_interval, today, options.days)))
        if not ecu.located:
            log.warning(
                "the schedule of %s uses the position of Paris; set APS_ECU_POSITION_LAT and APS_ECU_POSITION_LNG",
                ecu.address,
            )
    if options.json:
        document = [_plain(ecus, days) for ecus, days in listed]
        output.show(json.dumps(document, indent=1, default=lambda moment: moment.isoformat()).splitlines())
        return ExitStatus.OK
    for number, (ecus, days) in enumerate(listed):
        table = timetable.table(days, ecus[0].timezone, width=output.width(), color=output.has_color())
        output.draw([*[""] * (number > 0), *_heading(ecus), "", *table, "", *_explained(ecus[0])])
    return ExitStatus.OK


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_DAYS):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of days; write a whole number from 1 to {MOST_DAYS}"
        )
    return int(text)


def _alike(configs: Sequence[Config]) -> list[list[EcuConfig]]:
    """The ECUs, grouped if they have the same table."""
    groups: dict[tuple[Any, ...], list[EcuConfig]] = {}
    for ecu in (config.ecu for config in configs):
        groups.setdefault((ecu.site, ecu.timezone, ecu.poll_interval, ecu.stop_at_night), []).append(ecu)
    return list(groups.values())


def _heading(ecus: Sequence[EcuConfig]) -> Iterator[str]:
    site = ecus[0].site
    yield ", ".join(ecu.address for ecu in ecus)
    yield (
        f"at {abs(site.latitude):g} {'NS'[site.latitude < 0]}, {abs(site.longitude):g} {'EW'[site.longitude < 0]}; "
        f"times in {_zone(ecus[0].timezone)}"
    )


def _zone(timezone: tzinfo) -> str:
    """The name of the zone; "this machine" for one from a copy of /etc/localtime, as that has no name."""
    return getattr(timezone, "key", str(timezone)) or "this machine"


def _explained(ecu: EcuConfig) -> Iterator[str]:
    if not ecu.stop_at_night:
        yield f"APS_ECU_STOP_AT_NIGHT is not set, so `run` polls every {ecu.poll_interval} s, day and night."
        yield "If you set it, these are the polling windows."
        return
    yield f"`run` polls every {ecu.poll_interval} s within the window. A timer or cron starts jobs at all"
    yield "hours, but outside of the window they do not poll the ECU. After sunset, polling"
    yield "continues until no inverter is online. One job after midnight resets today's"
    yield "energy to 0, without polling the ECU."


def _plain(ecus: Sequence[EcuConfig], days: Sequence[timetable.Day]) -> dict[str, Any]:
    """The table in types that JSON knows, and dates."""
    ecu = ecus[0]
    return {
        "ecus": [one.address for one in ecus],
        "site": ecu.site._asdict(),
        "timezone": _zone(ecu.timezone),
        "interval": ecu.poll_interval,
        "stop_at_night": ecu.stop_at_night,
        "days": [
            {
                "date": day.date,
                "all_day": day.is_all_day,
                "windows": [window._asdict() for window in day.windows],
            }
            for day in days
        ],
    }
