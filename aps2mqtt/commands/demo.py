"""A simulated ECU, an embedded broker and one job; then the array as a picture,
and the topics as they lie on the broker.

example:
  aps2mqtt demo --keep
"""

import argparse
import signal

from aps2mqtt import demo
from aps2mqtt.errors import ExitStatus
from aps2mqtt.screen import terminal


def arguments(parser: argparse.ArgumentParser) -> None:
    """What it takes."""
    parser.add_argument("--keep", action="store_true", help="go on polling until stopped")


def run(options: argparse.Namespace) -> int:
    """Shows the whole."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what it started ends with it
    demo.show(terminal.canvas(), keep=options.keep)
    return ExitStatus.OK
