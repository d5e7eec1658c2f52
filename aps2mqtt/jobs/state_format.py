"""The content of the state file: a table of all fields and the ranges of their values, to read and to write. Pure.

    Memory -> document -> Memory

Only a value out of its range is left out, and it is named. A memory to write goes through the same table, so that it
can be read. A new field of a named tuple needs a line here and a default there: an older file does not have it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aps2mqtt.base.memory import (
    Counters,
    Doubt,
    Failure,
    Hang,
    IdleInverter,
    Known,
    KnownUnit,
    Memory,
    Phase,
    Reading,
    Rhythm,
    Standstill,
    Today,
    Units,
    Watch,
)
from aps2mqtt.base.physical_limits import MODBUS_ADDRESSES
from aps2mqtt.base.values import ECU8899, SUNSPEC, Placement, Short
from aps2mqtt.config.keys import is_topic
from aps2mqtt.truth import ecu_energy
from aps2mqtt.truth.freshness import LONGEST_PAUSE
from aps2mqtt.truth.phase import PERIODS

VERSION = 1

# Everything that reading a document of the wrong form can raise.
ABSURD = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


def document_of(memory: Memory) -> dict[str, Any]:
    """Returns `memory` as a document for JSON."""
    document = _plain(memory)
    for group in GROUPS:
        document |= document.pop(group)
    return {"version": VERSION, "read_at": document.pop("at"), **document}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON knows
    """Returns `value` as JSON values: objects by the names of their fields, times and dates as text."""
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


# -- the table of the file --------------------------------------------------------------------------------------------

# Returns the value for a JSON value; raises one of ABSURD. It adds to the list the names of inner values it left out.
Reader = Callable[[Any, list[str]], Any]

FIRST, LAST = datetime(1969, 12, 31, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)  # a clock never set shows 1970
FURTHEST = timedelta(hours=15)  # the largest offset of a time zone from UTC
HALF_A_YEAR = timedelta(days=183)  # `run` polls again within this time, also after a polar night
MOST_INVERTERS_IN_FILE = 2000  # more than one answer of an ECU can list
MOST_PANELS_IN_FILE = 32  # of an inverter; the layouts of the protocol have fewer
MOST_TOLD = 500
LONGEST_TEXT = 500  # characters, of up to 12 bytes each in the file
MOST = 2**32  # of any value that the protocol has in four bytes
MOST_ENERGY = 1e12  # Wh, also seconds of power


def _checked(ok: Callable[[Any], object], what: str) -> Reader:
    """A value that is `ok`; `what` says of another one what it is not."""

    def read(value: object, _: list[str]) -> object:
        if not ok(value):
            raise ValueError(f"{value!r:.40} is {what}")
        return value

    return read


def _whole(most: int) -> Reader:
    """A whole number from 0 to `most`. True is an int, but not a number of inverters."""
    return _checked(lambda value: type(value) is int and 0 <= value <= most, f"not a whole number up to {most}")


def _amount(most: float, least: float = 0.0) -> Reader:
    """A number from `least` to `most`, as a float."""
    number = _checked(
        lambda value: type(value) in (int, float) and least <= value <= most, f"not a number from {least:g} to {most:g}"
    )
    return lambda value, left_out: float(number(value, left_out))


def _text(value: object, _: list[str]) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is not text")
    value.encode()  # half a surrogate cannot be published
    return value[:LONGEST_TEXT]


def _choice(*choices: str) -> Reader:
    return _checked(lambda value: value in choices, f"not one of {choices}")


def _prefix(value: object, left_out: list[str]) -> str:
    """A prefix of topics, as the configuration allows it."""
    text = _text(value, left_out)
    if not (text.isprintable() and is_topic(text)):
        raise ValueError(f"{text!r:.40} is not a topic")
    return text


_flag = _checked(lambda value: isinstance(value, bool), "neither true nor false")
_serial = _checked(lambda value: isinstance(value, str) and re.fullmatch("[0-9]{12}", value), "not a serial number")


def _moment(value: str, _: list[str]) -> datetime:
    """A time with its offset, in the range of times that every time zone can show."""
    moment = datetime.fromisoformat(value)
    offset = moment.utcoffset()
    if offset is None or abs(offset) > FURTHEST or not FIRST <= moment < LAST:
        raise ValueError(f"{value:.40} is not the time of a job")
    return moment


def _date(value: str, _: list[str]) -> date:
    day = date.fromisoformat(value)
    if not FIRST.date() <= day < LAST.date():
        raise ValueError(f"{value:.40} is not the date of a job")
    return day


def _maybe(reader: Reader) -> Reader:
    """Null, or a value that `reader` returns."""
    return lambda value, left_out: None if value is None else reader(value, left_out)


def _several(reader: Reader, most: int) -> Reader:
    """A list; items after the first `most` are ignored."""

    def read(value: object, left_out: list[str]) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{value!r:.40} is not a list")
        return tuple(reader(item, left_out) for item in value[:most])

    return read


def _by_serial(reader: Reader) -> Reader:
    """A value for each inverter, by serial number; inverters after the first MOST_INVERTERS_IN_FILE are ignored."""

    def read(value: dict[object, Any], left_out: list[str]) -> dict[str, Any]:
        found = {}
        for uid, item in list(value.items())[:MOST_INVERTERS_IN_FILE]:
            try:
                found[_serial(uid, left_out)] = reader(item, left_out)
            except ABSURD:
                left_out.append("an inverter")
        return found

    return read


def _fields(kind: type[Any], **readers: Reader) -> Reader:
    """A value of this kind. A field that cannot be read is left out if it has a default.

    A field with a default may be absent, as in a file of an earlier version; it is not named as left out.
    """
    defaults = kind._field_defaults

    def read(state: object, left_out: list[str]) -> Any:  # noqa: ANN401 - of the kind
        if not isinstance(state, dict):
            raise TypeError(f"{state!r:.40} is not a {kind.__name__}")
        values = dict(defaults)
        for name, reader in readers.items():
            if name not in state and name in defaults:
                continue
            below: list[str] = []
            try:
                values[name] = reader(state[name], below)
                left_out += (f"{name}: {one}" for one in below)
            except ABSURD:
                if name not in defaults:
                    raise
                left_out.append(name)
        return kind(**values)

    return read


def _as_it_is(value: object, _: list[str]) -> object:
    return value


_kwh = _amount(MOST)
_seconds = _amount(MOST, -MOST)
_doubt = _fields(
    Doubt,
    first=_kwh,
    last=_kwh,
    readings=_whole(MOST),
    since=_maybe(_moment),
    at=_moment,
    timestamp=_maybe(_moment),
)
_today = _fields(
    Today,
    date=_date,
    published=_kwh,
    reported=_kwh,
    renewed=_flag,
    before=_several(_kwh, MOST_TOLD),
    yesterday=_maybe(_kwh),
    doubt=_maybe(_doubt),
)
_rhythm = _fields(
    Rhythm,
    at=_moment,
    longest=_amount(LONGEST_PAUSE.total_seconds()),
    longest_at=_maybe(_moment),
    run_due=_maybe(_moment),
)
_still = _fields(
    Standstill, value=_kwh, since=_moment, powered=_amount(MOST_ENERGY), energy=_amount(MOST_ENERGY), told=_flag
)

_known = _fields(
    Known,
    panels=_whole(MOST_PANELS_IN_FILE),
    voltages=_whole(MOST_PANELS_IN_FILE),
    missing=_whole(MOST),
    lost=_whole(MOST_PANELS_IN_FILE),
    signal=_maybe(_whole(100)),
    powers=_several(_maybe(_whole(MOST)), MOST_PANELS_IN_FILE),
    energies=_several(_amount(MOST_ENERGY), MOST_PANELS_IN_FILE),
    unlisted=_whole(MOST),
    counter=_maybe(_today),
    sunspec=_flag,
    model=_text,
    firmware=_text,
)
_unit = _fields(
    KnownUnit,
    address=_checked(lambda value: type(value) is int and value in MODBUS_ADDRESSES, "not a Modbus address"),
    fingerprint=_whole(2**32),
    since=_maybe(_moment),
    model=_text,
    firmware=_text,
    silent=_whole(MOST),
)
_units = _fields(
    Units, by_uid=_by_serial(_unit), next=_whole(MODBUS_ADDRESSES.stop), failed_on=_maybe(_date), named_on=_maybe(_date)
)
_watch = _fields(
    Watch,
    at=_maybe(_moment),
    power=_whole(MOST),
    idle=_by_serial(_fields(IdleInverter, since=_moment, seen=_moment, told=_flag)),
    today=_maybe(_still),
    lifetime=_maybe(_still),
    short=_maybe(_fields(Short, listed=_whole(MOST), expected=_whole(MOST))),
    contradictory=_maybe(_moment),
    missing=_text,
)
_phase = _fields(
    Phase,
    stamp=_moment,
    found=_moment,
    asked=_moment,
    before=_maybe(_moment),
    most=_seconds,
    least=_maybe(_seconds),
    least_at=_maybe(_moment),
    periods=_several(_seconds, PERIODS),
    fruitless=_whole(MOST),
    misses=_whole(MOST),
    missed_at=_maybe(_moment),
)
_placement = _fields(
    Placement,
    prefix=_prefix,
    payload=_choice("flat", "json", "both"),
    discovery=_choice("", "device", "component"),
    discovery_prefix=_prefix,
    retain=_flag,
    sunspec=_flag,
)
# The file has the fields of these groups beside the others, as 3.0 wrote them, and calls Reading.at read_at.
GROUPS = {
    "reading": _fields(
        Reading,
        at=_moment,
        awake=_flag,
        firmware=_text,
        timestamp=_maybe(_moment),
        registered=_maybe(_whole(MOST)),
        online=_maybe(_whole(MOST)),
        source=_choice(ECU8899, SUNSPEC, f"{ECU8899}+{SUNSPEC}"),
    ),
    "counters": _fields(
        Counters, lifetime=_maybe(_kwh), doubt=_maybe(_doubt), today=_maybe(_today), lifetime_at=_maybe(_moment)
    ),
    "failure": _fields(
        Failure,
        error=_text,
        hang=_maybe(_fields(Hang, since=_moment, jobs=_whole(MOST))),
        restarted_at=_maybe(_moment),
        restarts=_whole(MOST),
    ),
}
_memory = _fields(
    Memory,
    ecu_id=_serial,
    **dict.fromkeys(GROUPS, _as_it_is),
    inverters=_by_serial(_known),
    energies_of=_maybe(_date),
    told=_several(_text, MOST_TOLD),
    watch=_maybe(_watch),
    rhythm=_maybe(_rhythm),
    layout=_maybe(_placement),
    units=_maybe(_units),
    phase=_maybe(_phase),
)


def memory_in(state: dict[str, Any], left_out: list[str]) -> Memory:
    """Returns the memory in `state`; adds names of left-out values to `left_out`. Raises one of ABSURD if none."""
    if state["version"] != VERSION:
        raise ValueError(f"version {state['version']!r:.40}, not {VERSION}")
    _serial(state["ecu_id"], left_out)  # without it nothing else counts
    flat = state | {"at": state["read_at"]}
    groups = {name: reader(flat, left_out) for name, reader in GROUPS.items()}
    memory: Memory = _memory(state | groups, left_out)
    return _possible(memory, left_out)


def _possible(memory: Memory, left_out: list[str]) -> Memory:
    """Returns `memory` without values that contradict the others, or that no such array makes; names them."""
    inverters = max(1, len(memory.inverters), min(memory.reading.registered or 0, MOST_INVERTERS_IN_FILE))
    day, today = ecu_energy.made(inverters, ecu_energy.DAY), memory.counters.today
    most_of_one = ecu_energy.made(1, ecu_energy.DAY) * 1000
    rhythm = memory.rhythm
    if (memory.counters.lifetime or 0) > ecu_energy.made(inverters, ecu_energy.LIFE):
        left_out.append("lifetime")
        memory = memory._replace(counters=memory.counters._replace(lifetime=None))
    if today is not None and (max(today.published, today.yesterday or 0) > day or not (today.renewed or today.before)):
        left_out.append("today")
        memory = memory._replace(counters=memory.counters._replace(today=None))
    beyond = [uid for uid, known in memory.inverters.items() if _made(known.counter) > most_of_one / 1000]
    if beyond:
        left_out.append("counter")
        memory = memory._replace(
            inverters={**memory.inverters, **{uid: memory.inverters[uid]._replace(counter=None) for uid in beyond}}
        )
    if any(sum(known.energies) > most_of_one for known in memory.inverters.values()):
        left_out += ("energies_of", "inverters")
        zeros = {uid: known._replace(energies=(0.0,) * len(known.energies)) for uid, known in memory.inverters.items()}
        memory = memory._replace(energies_of=None, inverters=zeros)  # unknown, so the job reads the broker
    if rhythm is not None and rhythm.run_due is not None and rhythm.run_due - rhythm.at > HALF_A_YEAR:
        left_out.append("rhythm: run_due")
        memory = memory._replace(rhythm=rhythm._replace(run_due=None))
    return memory


def _made(counter: Today | None) -> float:
    """Returns the most energy of a day in `counter`; more than any if it contradicts itself."""
    if counter is None:
        return 0.0
    return max(counter.published, counter.yesterday or 0) if counter.renewed or counter.before else MOST
