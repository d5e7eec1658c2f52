"""Writes aps2mqtt.service, aps2mqtt.timer, aps2mqtt-run.service, crontab.example
and cron.d.example for this installation, and prints the next steps. The files
contain the paths of this program and of the configuration (-c, $CONFIG_FILE or
/etc/aps2mqtt/config.yaml). config.yaml.example, which explains all settings,
comes with them. Run it again after half an hour of polling: then timer and
crontabs poll right after the ECU has new data.

example:
  aps2mqtt units --output /etc/aps2mqtt
"""

import argparse
import logging
import os
import sys
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.base.errors import ConfigError, ExitStatus
from aps2mqtt.commands import common
from aps2mqtt.screen import output
from aps2mqtt.service import units
from aps2mqtt.truth import timer

log = logging.getLogger(__name__)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("--output", metavar="DIR", type=Path, required=True, help="folder for the files")
    parser.add_argument("--force", action="store_true", help="overwrite existing files that differ")


def run(options: argparse.Namespace) -> int:
    """Writes the files and prints the next steps."""
    script = _console_script()
    config = files.whole(common.config_path(options) or Path(units.DEFAULT.config))
    paths = units.Paths(script or units.DEFAULT.program, config)
    folder = files.whole(options.output)
    second = _learned_second(options, config)
    texts = {name: units.render(name, template, paths, second) for name, template in units.templates().items()}
    if not os.path.lexists(folder / units.EXAMPLE):
        texts[units.EXAMPLE] = units.shipped(units.EXAMPLE)
    new = files.write_all(texts, folder, force=options.force)
    output.show(f"{'written' if new[name] else 'unchanged':<9}  {folder / name}" for name in texts)
    output.show(["", f"The files start {paths.program} with {paths.config}."])
    if second is not None:
        output.show(
            [
                f"They poll right after the ECU has new data: the timer at {timer.calendar(second)}, the",
                f"crontab at {timer.crontab(second)}.",
            ]
        )
    _warn(script, paths, folder)
    output.show(["", *units.next_steps(folder).splitlines()])
    return ExitStatus.OK


def _learned_second(options: argparse.Namespace, config: Path) -> int | None:
    """The best second of every five minutes, as the jobs of this configuration have learned it; None: not known."""
    if not os.path.isfile(config):  # noqa: PTH113 - Path.is_file raises in a folder that is closed to us
        return None
    options.ecu = None  # one timer polls all of them
    try:
        memories = [common.store(one).remembered() for one in common.load(options)]
    except ConfigError as error:
        log.warning("%s has mistakes (%s); run `aps2mqtt -c %s check`", config, error.mistakes[0], config)
        return None
    return timer.best_second([memory.phase if memory is not None else None for memory in memories])


def _warn(script: Path | None, paths: units.Paths, folder: Path) -> None:
    """Logs a warning for everything that would keep the files from working."""
    if script is None:
        log.warning("this aps2mqtt is not installed as a program; install it so that %s exists (README)", paths.program)
    elif unseen := units.hidden((script, script.resolve(), Path(sys.base_prefix).resolve())):
        log.warning(
            "systemd services cannot access %s; install aps2mqtt in /opt, with a Python that is outside of /home and "
            "/root too",
            unseen[0],
        )
    if not os.path.lexists(paths.config):
        log.warning(
            "%s does not exist yet; run `aps2mqtt init`, or copy %s there and set APS_ECU_IP in it",
            paths.config,
            folder / units.EXAMPLE,
        )


def _console_script() -> Path | None:
    """The program that users start; None if there is none."""
    for path in (Path(sys.argv[0]), Path(sys.executable).with_name("aps2mqtt")):
        if path.name == "aps2mqtt" and path.is_file():
            return files.whole(path)
    return None
