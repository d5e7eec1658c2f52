"""Runs one job between a simulated ECU and an embedded broker. Then shows the
array as a picture, and the published topics. With --keep it continues to poll
in fast motion; on a terminal the picture is updated in place.

example:
  aps2mqtt demo --keep
"""

import argparse
import signal
import time

from aps2mqtt.base.errors import ExitStatus
from aps2mqtt.screen import canvas, output, terminal
from aps2mqtt.simulator import demo
from aps2mqtt.simulator.demo import INTERVAL, MINUTES_PER_POLL, Demo

GLANCES = 10  # checks of the terminal's size for each poll, so that the picture soon fits a new size
NEXT = "That was one job. With your own ECU:  APS_ECU_IP=192.168.1.42 aps2mqtt once --dry-run"
PACE = (
    f"A poll every {INTERVAL:g} s, while the simulated clock advances {MINUTES_PER_POLL} minutes. Stop it with Ctrl-C."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--keep", action="store_true", help="continue to poll until Ctrl-C")


def run(options: argparse.Namespace) -> int:
    """Runs the whole demo; with `--keep` until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that everything that it started ends too
    try:
        with demo.running() as shown:
            if not options.keep:
                _tell(shown)
                output.show(["", NEXT])
            elif output.is_capable():
                _draw(shown)
            else:
                _print(shown)
    except KeyboardInterrupt:
        if not options.keep:  # with --keep, Ctrl-C is the normal end
            raise
    return ExitStatus.OK


def _tell(shown: Demo) -> None:
    """Does one job and prints its result."""
    output.show([shown.parts, ""])
    outcome = shown.poll()
    output.draw(shown.picture(outcome, terminal.canvas()))
    output.show(["", "Published topics:", "", *shown.topics(outcome)])


def _print(shown: Demo) -> None:
    """Prints the first job, and then a line for each further poll."""
    _tell(shown)
    output.show(["", f"Read the topics with your own client:  {shown.client}", PACE, ""])
    while True:
        time.sleep(INTERVAL)
        shown.clock.advance()
        output.show([shown.poll().summary])


def _draw(shown: Demo) -> None:
    """Draws each poll in place."""
    with terminal.borrowed() as page:
        while True:
            outcome = shown.poll()
            for _ in range(GLANCES):
                size = terminal.in_place_canvas()
                words = (shown.parts, f"Read the topics with your own client:  {shown.client}", PACE)
                head = [line for text in words for line in canvas.text(text, size, canvas.DIM)]
                page.draw(shown.picture(outcome, size, [*head, ""]), size)
                time.sleep(INTERVAL / GLANCES)
            shown.clock.advance()
