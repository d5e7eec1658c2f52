"""Keeps what one job tells the next: one small file for each ECU, replaced whole.

A file that is damaged or cannot be written costs comfort, never the job: the broker's own retained values then stand
in for the counters (truth/). What may be in it stands in state_table.py.
"""

import json
import re
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.base.memory import Memory
from aps2mqtt.jobs.state_table import ABSURD, document_of, memory_in

MAX_BYTES = 8_000_000  # 300 inverters need 100,000; this is more than the table lets pass
MOST_NAMED = 3  # values that were left out, in a message


class StateError(Exception):
    """The state cannot be read or written; the message says why and what to do. `left` can be used all the same."""

    def __init__(self, message: str, left: Memory | None = None) -> None:
        super().__init__(message)
        self.left = left


class Store:
    """The state file of one ECU, named after its host and port as they are configured.

    What could not be written is kept in this object, for the jobs of the same process.
    """

    def __init__(self, directory: Path, host: str, port: int) -> None:
        self.path = directory / f"{re.sub(r'[^a-z0-9.-]', '_', host.lower())}_{port}.json"
        self._unwritten: Memory | None = None
        self.failed_before = False  # a save of this process, and the last one, too

    def load(self) -> Memory | None:
        """What the last job told; None where there was none. Raises StateError for all that cannot be understood."""
        if self._unwritten is not None:
            return self._unwritten
        left_out: list[str] = []
        try:
            memory = memory_in(json.loads(files.read(self.path, MAX_BYTES)), left_out)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"the state file {self.path} cannot be read ({error.strerror}); give its folder to the user that runs "
                "the jobs, set APS_STATE_DIR, or remove what is no file"
            ) from error
        except ABSURD as error:
            raise StateError(f"the state file {self.path} is damaged and begun anew ({error})") from error
        if left_out:
            raise StateError(
                f"the state file {self.path} is damaged in part ({', '.join(left_out[:MOST_NAMED])}); "
                "these values are begun anew, the others are used",
                memory,
            )
        return memory

    def remembered(self) -> Memory | None:
        """What `load` gives; without a word where not all of it, or nothing, can be understood."""
        try:
            return self.load()
        except StateError as error:
            return error.left

    def save(self, memory: Memory) -> None:
        """Replaces the file, whole or not at all, also when power fails; raises StateError."""
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
                f"the state file {self.path} cannot be written ({why}); the next job knows less: "
                "set APS_STATE_DIR to a folder that can be written"
            ) from error

    def remove(self) -> None:
        """Forgets; raises StateError."""
        self._unwritten = None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"the state file {self.path} cannot be removed ({error.strerror}); remove it") from error
