"""Does one job: polls the ECU, publishes the values and exits. cron and the
systemd timer run this command.

With APS_ECU_STOP_AT_NIGHT it does not poll the ECU while the sun is down and
all inverters are offline. It still publishes the last known values.

example:
  aps2mqtt once --dry-run
"""

import argparse
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Thread

from aps2mqtt.base.errors import ExitStatus, gravest
from aps2mqtt.commands import common
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job, Outcome
from aps2mqtt.screen import output

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    common.add_ecu(parser)
    parser.add_argument("--force", action="store_true", help="poll the ECU at night too")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print topics and payloads; publish and save nothing (needs no broker)",
    )


def run(options: argparse.Namespace) -> int:
    """Does a job for each ECU; returns the most severe exit status."""

    def poll(config: Config) -> Outcome:
        store = common.store(config)
        done = Job(config, datetime.now(UTC), store, force=options.force, dry_run=options.dry_run).run()
        log.log(logging.WARNING if options.dry_run and done.night else logging.INFO, "%s", done.summary)
        return done

    configs = common.load(options)
    with output.waiting(f"the ECU at {', '.join(config.ecu.address for config in configs)}"):
        if len(configs) == 1:
            status, outcomes = ExitStatus.OK, [poll(configs[0])]
        else:
            status, outcomes = _side_by_side(poll, configs)
    if options.dry_run and outcomes:
        messages = [message for outcome in outcomes for message in outcome.messages]
        longest = max(len(message.topic) for message in messages)
        output.show(f"{message.topic:<{longest}}  {message.payload or '(removed)'}" for message in messages)
    return status


def _side_by_side(poll: Callable[[Config], Outcome], configs: Sequence[Config]) -> tuple[ExitStatus, list[Outcome]]:
    """Does each ECU's job in its own thread; returns the most severe exit status and the successful outcomes."""
    from aps2mqtt.truth import poll_times

    outcomes: dict[str, Outcome] = {}
    statuses = {config.ecu.address: ExitStatus.SOFTWARE for config in configs}  # until the job has ended

    def job(config: Config) -> None:
        try:
            outcomes[config.ecu.address] = poll(config)
            statuses[config.ecu.address] = ExitStatus.OK
        except Exception as error:  # noqa: BLE001 - the boundary of this job; `main` is that of a single job
            statuses[config.ecu.address] = common.failed(error)

    threads = [Thread(target=job, args=[config], name=config.ecu.address, daemon=True) for config in configs]
    for number, thread in enumerate(threads):
        time.sleep(poll_times.stagger(len(threads)) if number else 0)
        thread.start()
    for thread in threads:
        thread.join()
    return gravest(statuses.values()), [outcomes[address] for address in statuses if address in outcomes]
