"""The built-in scheduler: does the job of `once` immediately, and then every
APS_ECU_POLL_INTERVAL seconds, until you stop it (Ctrl-C or SIGTERM). With
APS_ECU_STOP_AT_NIGHT it pauses while the sun is down.

The topic aps/status is `online` while it runs, and `offline` after it has
stopped or was killed.

example:
  APS_ECU_POLL_INTERVAL=120 aps2mqtt run
"""

import argparse
import signal

from aps2mqtt.base.errors import ExitStatus
from aps2mqtt.commands import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    common.add_ecu(parser)


def run(options: argparse.Namespace) -> int:
    """Polls until SIGTERM or SIGINT."""
    # Before any thread begins, so that all threads leave these signals to the daemon.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
    from aps2mqtt.service.daemon import Daemon

    Daemon(common.load(options)).run()
    return ExitStatus.OK
