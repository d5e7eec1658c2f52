"""Keeps what one job tells the next: one small file for each ECU, replaced whole.

A file that is damaged or cannot be written costs comfort, never the job: the broker's own retained values then stand
in for the counters (truth.py).
"""

import json
import os
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from aps2mqtt.ecu.protocol import MOST_PANELS
from aps2mqtt.model import Doubt, Hang, Idle, Known, Layout, Memory, Rhythm, Short, Still, Today, Watch

T = TypeVar("T")
VERSION = 1
FIRST_YEAR = 2000  # earlier is a clock that was never set
MAX_BYTES = 1_000_000  # 300 inverters need 20,000


class StateError(Exception):
    """The state cannot be read or written; the message says why and what to do."""


class Store:
    """The state file of one ECU, named after its host and port as they are configured.

    What could not be written is kept in this object, for the jobs of the same process.
    """

    def __init__(self, directory: Path, host: str, port: int) -> None:
        self.path = directory / f"{re.sub(r'[^a-z0-9.-]', '_', host.lower())}_{port}.json"
        self._unwritten: Memory | None = None
        self.failed_before = False  # a save of this process, and the last one, too

    def load(self) -> Memory | None:
        """What the last job told; None where there was none. Raises StateError where it cannot be understood."""
        if self._unwritten is not None:
            return self._unwritten
        try:
            if self.path.is_fifo():  # opening it would wait for ever
                raise StateError(f"the state file {self.path} is a pipe; remove it, or set APS_STATE_DIR")
            with self.path.open(encoding="utf-8") as file:
                return _memory(json.loads(file.read(MAX_BYTES)))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(
                f"the state file {self.path} cannot be read ({error.strerror}); give its folder to the user that runs "
                "the jobs, or set APS_STATE_DIR"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise StateError(f"the state file {self.path} is damaged and begun anew ({error})") from error

    def remembered(self) -> Memory | None:
        """What `load` gives; None also where it cannot be understood."""
        try:
            return self.load()
        except StateError:
            return None

    def save(self, memory: Memory) -> None:
        """Replaces the file, whole or not at all, also when power fails; raises StateError."""
        text = json.dumps({"version": VERSION, **_plain(memory)}, indent=1)
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            self._unwritten, self.failed_before = None, False
        except OSError as error:
            self.failed_before = self._unwritten is not None
            self._unwritten = memory
            raise StateError(
                f"the state file {self.path} cannot be written ({error.strerror}); the next job knows less: "
                "set APS_STATE_DIR to a folder that can be written"
            ) from error

    def remove(self) -> None:
        """Forgets; raises StateError."""
        self._unwritten = None
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise StateError(f"the state file {self.path} cannot be removed ({error.strerror}); remove it") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON knows
    """What JSON knows of `value`: objects by the names of their fields, times and dates as text."""
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _memory(state: dict[str, Any]) -> Memory:
    """The memory in `state`; raises ValueError, TypeError, KeyError or AttributeError where it is none."""
    if state["version"] != VERSION:
        raise ValueError(f"version {state['version']!r}, not {VERSION}")
    today, hang, rhythm, layout = (state[name] for name in ("today", "hang", "rhythm", "layout"))
    return Memory(
        ecu_id=_digits(state["ecu_id"]),
        read_at=_moment(state["read_at"]),
        awake=_of(bool, state["awake"]),
        firmware=_text_of(state["firmware"]),
        timestamp=None if state["timestamp"] is None else _moment(state["timestamp"]),
        registered=None if state["registered"] is None else _of(int, state["registered"]),
        online=None if state["online"] is None else _of(int, state["online"]),
        lifetime=None if state["lifetime"] is None else _number(state["lifetime"]),
        doubt=_doubt(state.get("doubt")),
        today=None if today is None else _today(today),
        inverters={_digits(uid): _known(known) for uid, known in state["inverters"].items()},
        error=_text_of(state["error"]),
        told=tuple(_text_of(what) for what in state["told"]),
        hang=None if hang is None else Hang(_moment(hang["since"]), _of(int, hang["jobs"])),
        restarted_at=None if state["restarted_at"] is None else _moment(state["restarted_at"]),
        restarts=_of(int, state["restarts"]),
        energies_of=None if state["energies_of"] is None else date.fromisoformat(state["energies_of"]),
        watch=None if state["watch"] is None else _watch(state["watch"]),
        rhythm=None if rhythm is None else _rhythm(rhythm),
        layout=None if layout is None else _layout(layout),
    )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None or moment.year < FIRST_YEAR:
        raise ValueError(f"{text} is no time of a reading")
    return moment


def _doubt(doubt: dict[str, Any] | None) -> Doubt | None:
    if doubt is None:
        return None
    return Doubt(
        first=_number(doubt["first"]),
        last=_number(doubt["last"]),
        readings=_of(int, doubt["readings"]),
        since=None if doubt["since"] is None else _moment(doubt["since"]),
        at=_moment(doubt["at"]),
        timestamp=None if doubt["timestamp"] is None else _moment(doubt["timestamp"]),
    )


def _today(today: dict[str, Any]) -> Today:
    before = tuple(_number(value) for value in today["before"])
    renewed = _of(bool, today["renewed"])
    if not (renewed or before):
        raise ValueError("today knows nothing of the day before")
    return Today(
        date=date.fromisoformat(today["date"]),
        published=_number(today["published"]),
        reported=_number(today["reported"]),
        renewed=renewed,
        before=before,
        yesterday=None if today["yesterday"] is None else _number(today["yesterday"]),
        doubt=_doubt(today.get("doubt")),
    )


def _rhythm(rhythm: dict[str, Any]) -> Rhythm:
    return Rhythm(
        at=_moment(rhythm["at"]),
        longest=_number(rhythm["longest"]),
        longest_at=None if rhythm["longest_at"] is None else _moment(rhythm["longest_at"]),
        run_due=None if rhythm["run_due"] is None else _moment(rhythm["run_due"]),
    )


def _layout(layout: dict[str, Any]) -> Layout:
    return Layout(
        prefix=_text_of(layout["prefix"]),
        payload=_text_of(layout["payload"]),
        discovery=_text_of(layout["discovery"]),
        discovery_prefix=_text_of(layout["discovery_prefix"]),
        retain=_of(bool, layout["retain"]),
    )


def _watch(watch: dict[str, Any]) -> Watch:
    today, lifetime = watch["today"], watch["lifetime"]
    return Watch(
        at=None if watch["at"] is None else _moment(watch["at"]),
        power=_of(int, watch["power"]),
        idle={
            _digits(uid): Idle(_moment(idle["since"]), _moment(idle["seen"]), _of(bool, idle["told"]))
            for uid, idle in watch["idle"].items()
        },
        today=None if today is None else _still(today),
        lifetime=None if lifetime is None else _still(lifetime),
        short=_short(watch.get("short")),
        contradictory=None if watch.get("contradictory") is None else _moment(watch["contradictory"]),
    )


def _short(short: dict[str, Any] | None) -> Short | None:
    return None if short is None else Short(_of(int, short["listed"]), _of(int, short["expected"]))


def _still(still: dict[str, Any]) -> Still:
    return Still(
        value=_number(still["value"]),
        since=_moment(still["since"]),
        powered=_number(still["powered"]),
        energy=_number(still["energy"]),
        told=_of(bool, still["told"]),
    )


def _known(known: dict[str, Any]) -> Known:
    panels, voltages, missing, lost = numbers = [
        _of(int, known[name]) for name in ("panels", "voltages", "missing", "lost")
    ]
    if not all(0 <= number <= MOST_PANELS for number in numbers):
        raise ValueError(f"{known} is no inverter")
    return Known(
        panels,
        voltages,
        missing,
        lost,
        signal=None if known["signal"] is None else _of(int, known["signal"]),
        powers=tuple(None if power is None else _of(int, power) for power in known["powers"]),
        energies=tuple(_number(energy) for energy in known["energies"]),
        unlisted=_of(int, known.get("unlisted", 0)),
    )


def _text_of(value: object) -> str:
    text = _of(str, value)
    text.encode()
    return text


def _of(kind: type[T], value: object) -> T:
    if type(value) is not kind:  # True is an int, but no number of inverters
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise TypeError(f"{value!r} is no amount")
    return float(value)


def _digits(value: object) -> str:
    if not (isinstance(value, str) and re.fullmatch("[0-9]{12}", value)):
        raise ValueError(f"{value!r} is no serial number")
    return value
