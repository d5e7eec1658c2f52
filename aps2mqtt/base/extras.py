"""The optional packages (extras in pyproject.toml), and how to install them."""

import os
import re
import shlex
import sys
from importlib import metadata
from pathlib import Path


def install_command(extra: str) -> str:
    """The command that installs the packages of `extra` into the environment that this program runs in.

    It names the packages themselves, because `aps2mqtt[...]` on the package index is another program.
    """
    marked = re.compile(rf"extra\s*==\s*.{extra}\b")
    packages = [one.partition(";")[0].strip() for one in metadata.requires("aps2mqtt") or () if marked.search(one)]
    pip = Path(sys.executable).with_name("pip")
    command = [str(pip)] if pip.exists() else [sys.executable, "-m", "pip"]
    as_root = [] if os.access(sys.prefix, os.W_OK) else ["sudo"]
    return shlex.join([*as_root, *command, "install", *packages])
