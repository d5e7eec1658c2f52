"""Memories of a job: full, rich and bare."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

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
from aps2mqtt.base.values import Placement, Short
from aps2mqtt.jobs.state_file import StateError, Store

READ = datetime(2026, 6, 21, 19, 35, tzinfo=UTC)
FULL = Memory(
    ecu_id="216000000001",
    reading=Reading(
        at=datetime(2026, 6, 21, 19, 40, 1, 5, tzinfo=UTC),
        firmware="ECU_R_1.2.31",
        timestamp=datetime(2026, 6, 21, 21, 38, tzinfo=ZoneInfo("Europe/Paris")),
        registered=3,
        online=2,
    ),
    counters=Counters(
        lifetime=22310.9,
        doubt=Doubt(20.0, 21.1, 11, READ, READ, READ),
        today=Today(date(2026, 6, 21), 21.5, 4.02, renewed=True, before=(0.0, 12.25), yesterday=12.25),
    ),
    failure=Failure(error="the ECU at ecu:8899 refuses the connection; pöwer it off and on", restarts=2),
    inverters={
        "700000000001": Known(2, 2, signal=67, powers=(60, None), energies=(0.5, 512.125)),
        "500000000001": Known(4, 3, missing=2),
        "806000000009": Known(0, 0),
    },
    energies_of=date(2026, 6, 21),
    watch=Watch(
        datetime(2026, 6, 21, 19, 38, tzinfo=UTC),
        907,
        {
            "500000000001": IdleInverter(
                datetime(2026, 6, 21, 9, tzinfo=UTC), datetime(2026, 6, 21, 19, 38, tzinfo=UTC), told=True
            )
        },
        Standstill(4.02, datetime(2026, 6, 21, 12, tzinfo=UTC), 600.0, 150.5),
        None,
    ),
    rhythm=Rhythm(
        datetime(2026, 6, 21, 19, 40, 1, tzinfo=UTC),
        300.5,
        datetime(2026, 6, 21, 19, 35, tzinfo=UTC),
        datetime(2026, 6, 21, 19, 45, tzinfo=UTC),
    ),
    layout=Placement("home", "both", "device", "homeassistant", retain=False, sunspec=True),
    told=("0001 has the unknown format '03'", "inverter 1 has the unknown type 09"),
)
RICH = FULL._replace(
    reading=FULL.reading._replace(awake=False, source="8899+sunspec"),
    counters=FULL.counters._replace(
        today=FULL.counters.today._replace(doubt=FULL.counters.doubt), lifetime_at=FULL.reading.at
    ),
    failure=FULL.failure._replace(hang=Hang(FULL.reading.at, 3), restarted_at=FULL.reading.at),
    watch=FULL.watch._replace(
        today=FULL.watch.today._replace(told=True),
        short=Short(1, 3),
        contradictory=FULL.reading.at,
        missing="signals are missing",
    ),
    inverters={
        "700000000001": Known(
            2,
            2,
            1,
            2,
            67,
            powers=(60, None),
            energies=(0.5, 512.125),
            unlisted=2,
            counter=FULL.counters.today._replace(doubt=FULL.counters.doubt),
            sunspec=True,
            model="DS3",
            firmware="V5312",
        )
    },
    units=Units(
        {"700000000001": KnownUnit(11, 4_000_000_000, FULL.reading.at, "DS3", "V5312", silent=2)},
        12,
        date(2026, 6, 20),
        date(2026, 6, 21),
    ),
    phase=Phase(
        stamp=datetime(2026, 6, 21, 21, 38, tzinfo=ZoneInfo("Europe/Paris")),
        found=FULL.reading.at,
        asked=FULL.reading.at,
        before=READ,
        most=4.75,
        least=-3600.5,
        least_at=READ,
        periods=(300.0, -3300.0, 300.0),
        fruitless=7,
        misses=2,
        missed_at=READ,
    ),
)


def reopened(store: Store) -> Store:
    """The same file in the next process."""
    return Store(store.path.parent, "ecu", 8899)


def refused(store: Store) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(StateError) as refusal:
        store.load()
    text = str(refusal.value)
    assert str(store.path) in text
    assert "\n" not in text
    return text
