"""The image that scripts/test-image has built, and containers of it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

IMAGE = "aps2mqtt"
USER = 10001
# As `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` starts it, with a volume for the state.
# What is started becomes process 1. $0 is the root, $1 the folder of the state.
NAMESPACE = """
mount --bind "$0" "$0"
cd "$0"
mount --rbind /dev dev
mount -t proc proc proc
mount --bind "$1" state
mount -o remount,bind,ro .
shift
exec chroot . setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""


def buildah(*arguments: object) -> str:
    """What buildah prints."""
    return _buildah(arguments, check=True).stdout.strip()


def _buildah(arguments: tuple[object, ...], *, check: bool) -> subprocess.CompletedProcess[str]:
    if "CONTAINERS_STORAGE_CONF" not in os.environ:
        pytest.skip("there is no image: scripts/test-image builds it")
    command = ["buildah", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=check)


def configuration() -> dict[str, Any]:
    """What the image tells an engine."""
    inspected: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", IMAGE))
    configured: dict[str, Any] = inspected["Docker"]["config"]
    return configured


class Container:
    """A container of the image. `root` is its file system."""

    def __init__(self) -> None:
        self.name = buildah("from", "--pull-never", IMAGE)
        self.root = Path(buildah("mount", self.name))

    def run(self, *command: object, **environment: object) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, by buildah and as the image's user."""
        variables = [f"--env={name}={value}" for name, value in environment.items()]
        options = ["--isolation=chroot", "--network=host", *variables]
        return _buildah(("run", *options, self.name, "--", *command), check=False)

    def start(self, state: Path, *command: object, **environment: object) -> subprocess.Popen[str]:
        """Starts a command as process 1, with a root that is read-only and `state` as the volume of the state."""
        os.chown(state, USER, USER)
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-euc", NAMESPACE]
        return subprocess.Popen(
            [*unshare, str(self.root), str(state), *map(str, command)],
            env=variables_of_the_image() | {name: str(value) for name, value in environment.items()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def variables_of_the_image() -> Mapping[str, str]:
    """The environment that the image gives to its programs."""
    return dict(variable.split("=", 1) for variable in configuration()["Env"])


@contextmanager
def container() -> Iterator[Container]:
    """A container that is removed in the end."""
    made = Container()
    try:
        yield made
    finally:
        buildah("rm", made.name)
