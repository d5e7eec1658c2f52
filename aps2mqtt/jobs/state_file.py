"""Keeps the memory of the last job for the next one: one small file for each ECU, replaced whole.

A file that is damaged or cannot be written never stops the job: the values that the broker retains then replace the
remembered counters (truth/). state_format.py defines the content of the file.
"""

import json
import re
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.base.memory import Memory
from aps2mqtt.jobs.state_format import ABSURD, document_of, memory_in

MAX_BYTES = 8_000_000  # 300 inverters need 100,000; this is more than the table allows
MOST_NAMED = 3  # number of left-out values that a message names


class StateError(Exception):
    """The state cannot be read or written; the message has the cause and the remedy. `left` can still be used."""

    def __init__(self, message: str, left: Memory | None = None) -> None:
        super().__init__(message)
        self.left = left


class Store:
    """The state file of one ECU, named after its configured host and port.

    A memory that could not be written is kept in this object, for the jobs of the same process.
    """

    def __init__(self, directory: Path, host: str, port: int) -> None:
        self.path = directory / f"{re.sub(r'[^a-z0-9.-]', '_', host.lower())}_{port}.json"
        self._unwritten: Memory | None = None
        self.failed_before = False  # the last two saves of this process failed

    def load(self) -> Memory | None:
        """Returns the memory of the last job; None if there was none. Raises StateError if any of it is damaged."""
        if self._unwritten is not None:
            return self._unwritten
        left_out: list[str] = []
        try:
            memory = memory_in(json.loads(files.read(self.path, MAX_BYTES)), left_out)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"the state file {self.path} cannot be read ({error.strerror}); make the user that runs the jobs the "
                "owner of its folder, or set APS_STATE_DIR to another folder"
            ) from error
        except ABSURD as error:
            raise StateError(
                f"the state file {self.path} is damaged and will be replaced ({error}); no action is needed"
            ) from error
        if left_out:
            raise StateError(
                f"the state file {self.path} is damaged in part ({', '.join(left_out[:MOST_NAMED])}); "
                "no action is needed, the other values are used",
                memory,
            )
        return memory

    def remembered(self) -> Memory | None:
        """Returns what `load` returns; if all or part of the file cannot be read, the usable rest, without an error."""
        try:
            return self.load()
        except StateError as error:
            return error.left

    def save(self, memory: Memory) -> None:
        """Replaces the file, whole or not at all, also when power fails. Raises StateError."""
        try:
            readable = memory_in(document_of(memory), [])
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.replace(self.path, json.dumps(document_of(readable), indent=1) + "\n", private=True)
            self._unwritten, self.failed_before = None, False
        except (OSError, *ABSURD) as error:
            self.failed_before = self._unwritten is not None
            self._unwritten = memory
            why = error.strerror if isinstance(error, OSError) else error
            raise StateError(
                f"the state file {self.path} cannot be written ({why}); set APS_STATE_DIR to a folder that this user "
                "can write to"
            ) from error

    def remove(self) -> None:
        """Removes the file and the unwritten memory. Raises StateError."""
        self._unwritten = None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(
                f"the state file {self.path} cannot be removed ({error.strerror}); remove it by hand"
            ) from error
