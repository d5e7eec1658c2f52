"""The command line: picks the command, sets up the log, and returns the exit status."""

import argparse
import gc
import io
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from aps2mqtt import __version__, commands
from aps2mqtt.base import logs
from aps2mqtt.base.errors import ExitStatus
from aps2mqtt.base.printable import printable
from aps2mqtt.commands import common
from aps2mqtt.screen import output

DEFAULT_COMMAND = "run"
OPTIONS = ("help", "version")  # people take these options for commands
DESCRIPTION = "Polls an APsystems ECU over the local network and publishes its values to MQTT."
EPILOG = """\
first steps:
  sudo aps2mqtt init            find the ECU and write the configuration
  aps2mqtt check                test configuration, ECU and broker
  aps2mqtt once --dry-run       poll once and print what would be published
  aps2mqtt once                 one job, as cron and the systemd timer do it
  aps2mqtt                      a job every 5 minutes, until Ctrl-C (run)
  aps2mqtt units --output DIR   write the files for systemd and cron
  aps2mqtt demo                 see it work without an ECU (install amqtt first)

  aps2mqtt -c FILE check        use another configuration file
  APS_ECU_IP=192.168.1.42 aps2mqtt once --dry-run
                                use environment variables instead of a file
  aps2mqtt COMMAND --help       options and an example for each command

Settings have the same names in the YAML file and in the environment. The
environment wins. config.yaml.example explains every setting.

exit status:
   0  done, or nothing to do      75  another job is using the ECU
  64  wrong command line          76  the ECU's answer cannot be used
  69  ECU or broker unreachable   77  the broker refuses the login
  70  unexpected error (a bug)    78  wrong configuration
"""


# Column where the help of options begins: Python before 3.13 writes options longer and would leave less room.
_help = partial(argparse.RawDescriptionHelpFormatter, max_help_position=21)


class _Parser(argparse.ArgumentParser):
    """A parser that prints one line for a wrong usage and exits with the status of sysexits."""

    def error(self, message: str) -> NoReturn:
        words = _in_our_words(message) or f"{message}; see {self.prog} --help"
        self.exit(ExitStatus.USAGE, f"aps2mqtt: {printable(words)}\n")


def _in_our_words(message: str) -> str:
    """The text of argparse for the two most common mistakes, with a remedy; empty for all others."""
    if message == "argument -c/--config: expected one argument":
        return "-c needs a file; for instance: aps2mqtt -c config.yaml once"
    # From Python 3.15 on, argparse guesses what was meant, too.
    if unknown := re.match(r"argument COMMAND: invalid choice: '(.*?)'(?:, maybe you meant '.*?'\?)? \(", message):
        import difflib

        close = difflib.get_close_matches(unknown[1], commands.ABOUT, 1)
        remedy = f"did you mean {close[0]}?" if close else "see aps2mqtt --help"
        if unknown[1] in OPTIONS:
            remedy = f"did you mean aps2mqtt --{unknown[1]}?"
        return f"there is no command {unknown[1]!r}; {remedy}"
    return ""


def _config_file(text: str) -> Path:
    if text in commands.ABOUT and not os.path.lexists(text):
        raise argparse.ArgumentTypeError(f"{text!r} is a command, and no file has that name; write -c FILE {text}")
    return Path(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    _open_streams()
    given = sys.argv[1:] if arguments is None else arguments
    common_options = _common_options()
    known, left = common_options.parse_known_args(given, _defaults())  # before anything else can fail
    logs.set_up(debug=known.debug, level=known.log_level or os.environ.get("APS_LOG_LEVEL", ""))
    try:
        options = _parser(common_options, left).parse_args(given, _defaults())
        status: int = _module(options.command).run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 128 + 2
    except BrokenPipeError:
        return output.silence()
    except Exception as error:  # noqa: BLE001 - the last boundary: an error that is no JobError is a bug
        return common.failed(error)
    return status


def _open_streams() -> None:
    """Replaces closed standard streams by the null device; lets the others show escapes for what they cannot encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for the whole process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _common_options() -> _Parser:
    """The parser of the options that may stand before the command and after it; see `_defaults`."""
    parser = _Parser(prog="aps2mqtt", add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        type=_config_file,
        help="default: $CONFIG_FILE, then /etc/aps2mqtt/config.yaml",
    )
    parser.add_argument(
        "-D", "--debug", action="store_true", help="log everything, with all frames in hex (never passwords)"
    )
    about = f"lowest level to log: {', '.join(logs.LEVELS)}"
    parser.add_argument("--log-level", metavar="LEVEL", choices=logs.LEVELS, help=about)
    return parser


def _defaults() -> argparse.Namespace:
    """The options that nobody gave. The parsers set none of these, so that a command keeps what stands before it."""
    return argparse.Namespace(command=DEFAULT_COMMAND, config=None, debug=False, log_level="", ecu=None)


def _parser(common_options: _Parser, left: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command that the user calls; `left` is what the common options leave of the command line.

    If the command stands first there, the parser knows no other one: the others are for the help and for mistakes.
    """
    parser = _Parser(
        prog="aps2mqtt", description=DESCRIPTION, epilog=EPILOG, formatter_class=_help, parents=[common_options]
    )
    parser.add_argument(
        "--version", action="version", version=f"aps2mqtt {__version__}", help="show the version and exit"
    )
    known = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_Parser)
    called = [name for name in left[:1] if name in commands.ABOUT]
    for name in called or commands.ABOUT:
        parents = [common_options] if name in left else []
        command = known.add_parser(name, help=commands.ABOUT[name], formatter_class=_help, parents=parents)
        if name in left:
            module = _module(name)
            command.description = module.__doc__
            command.set_defaults(command=name)
            module.arguments(command)
    return parser


def _module(name: str) -> ModuleType:
    """Imports the module of a command.

    The garbage collector rests meanwhile, and leaves what was imported alone: nothing of it ever becomes garbage, and
    to look through it again and again takes a tenth of the CPU of a job.
    """
    gc.disable()
    module = import_module(f"aps2mqtt.commands.{name}")
    gc.freeze()
    gc.enable()
    return module
