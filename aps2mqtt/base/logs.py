"""Sets up the log: standard error, its level, and the form of a line."""

import logging
import os
import sys
from collections.abc import Iterable
from typing import TextIO

from aps2mqtt.base.names import NO_NAMES, Names, named
from aps2mqtt.base.printable import printable

# Level prefixes of sd-daemon(3); the journal knows warnings and errors by them.
JOURNAL_LEVELS = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


LEVELS = ("debug", "info", "warning", "error")  # the most talkative first


def set_up(  # noqa: PLR0913 - all by name
    *,
    debug: bool,
    level: str = "",
    stays: bool = False,
    stream: TextIO | None = None,
    ecus: Iterable[str] = (),
    names: Names = NO_NAMES,
) -> None:
    """Logs from `level` on, which is one of LEVELS; with `debug` everything.

    Without either it logs from INFO on if standard error is a terminal or the journal, or if the process `stays`. Else
    it logs from WARNING on, so that cron mails failures only. `ecus` are the addresses of ECUs that a line has to name:
    the job of each runs in a thread of that name. `names` are added to serial numbers, except in debug lines.
    """
    stream = stream or sys.stderr
    terminal = stream.isatty()
    journal = not terminal and "JOURNAL_STREAM" in os.environ
    if debug or os.environ.get("DEBUG", "").strip().lower() in ("true", "yes", "on", "1"):
        level = "debug"
    elif level not in LEVELS:
        level = "info" if terminal or journal or stays else "warning"
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Lines(journal=journal, debug=level == "debug", ecus=ecus, names=names))
    ours = logging.getLogger("aps2mqtt")
    ours.handlers = [handler]
    ours.setLevel(level.upper())
    ours.propagate = False


class _Lines(logging.Formatter):
    """Formats a record as one line, whatever its text; a traceback follows in debugging only."""

    def __init__(self, *, journal: bool, debug: bool, ecus: Iterable[str], names: Names) -> None:
        super().__init__()
        self._journal = journal
        self._debug = debug
        self._ecus = frozenset(ecus)
        self._names = names

    def format(self, record: logging.LogRecord) -> str:
        text = " ".join(record.getMessage().split())
        if record.levelno > logging.DEBUG:
            text = named(text, self._names)
        text = printable(text)
        ecu = record.threadName or ""
        if ecu in self._ecus and ecu not in text:
            text = f"{ecu}: {text}"
        warning = "warning: " if record.levelno == logging.WARNING else ""
        prefix = f"<{JOURNAL_LEVELS.get(record.levelno, 3)}>" if self._journal else "aps2mqtt: "
        if self._debug and record.exc_info:
            text = "\n".join((text, *map(printable, self.formatException(record.exc_info).splitlines())))
        return prefix + warning + text
