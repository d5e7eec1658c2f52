"""What a job at night publishes, and what one job leaves to the next."""

from datetime import UTC, date, timedelta

import pytest
from parts import replace
from readings import (
    ASLEEP,
    DAY,
    ECU,
    EVENING,
    FIVE_MINUTES,
    MIDNIGHT,
    MORNING,
    NEVER,
    NEVER_HEARD,
    NOON,
    OFFLINE_THREE,
    OFFLINE_TWO,
    QUAD,
    THREE,
    TWO,
    Bridge,
    below,
    read,
    todays,
)

from aps2mqtt.base.memory import Counters, Doubt, Known, Memory, Reading, Today
from aps2mqtt.base.values import Recalled, Remark

# -- the night --------------------------------------------------------------------------------------------------------


def test_a_night_job_publishes_what_was_last_known():
    """A broker that forgot everything is filled; the counters are the last ones, the date is yesterday's still."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, NEVER, today=21.5, lifetime=1021.5, at=EVENING, power=0), EVENING)
    assert bridge.night(EVENING + FIVE_MINUTES) == {
        "power": "0",
        "energy/today": "21.5",
        "energy/lifetime": "1021.5",
        "inverters/total": "2",
        "inverters/online": "0",
        "timestamp": "2026-06-21T21:40:00+02:00",
        "firmware": "ECU_R_1.2.31",
        "energy/yesterday": "",
        **{f"{TWO}/{topic}": payload for topic, payload in OFFLINE_TWO.items()},
        **{f"{NEVER}/{topic}": payload for topic, payload in NEVER_HEARD.items()},
        "error": "",
        "status": "online",
    }


def test_at_night_todays_energy_goes_by_the_sites_date():
    """From midnight on it is 0, and the morning's first readings are told from yesterday's total."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    assert bridge.night(MIDNIGHT - FIVE_MINUTES)["energy/today"] == "21.5"
    assert bridge.night(MIDNIGHT.astimezone(UTC))["energy/today"] == "0"
    assert bridge.night(MIDNIGHT + FIVE_MINUTES)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.02, start=MORNING) == ["0", "0.02"]


def test_at_night_the_date_does_not_go_back():
    """A clock behind the last reading."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    assert bridge.night(EVENING - DAY * 3)["energy/today"] == "21.5"
    assert bridge.memory.counters.today.date == date(2026, 6, 21)


def test_at_night_a_clock_that_is_set_back_over_midnight_does_not_bring_yesterdays_total_back():
    """The new date has begun on the broker, and stays begun."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    after, before = MIDNIGHT + timedelta(seconds=10), MIDNIGHT - timedelta(seconds=10)
    assert [bridge.night(now)["energy/today"] for now in (after, before, after)] == ["0", "0", "0"]


def test_nights_in_a_row_end_in_the_morning_of_the_last():
    """A polar night: the total of the last reading is still known as that."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=21.5, at=EVENING), EVENING)
    for night in range(1, 60):
        assert bridge.night(MIDNIGHT + DAY * night)["energy/today"] == "0"
    assert todays(bridge, 21.5, 0.02, start=MORNING + DAY * 60) == ["0", "0.02"]


def test_a_night_job_leaves_counters_alone_that_nobody_knows():
    """The broker lets nobody read, and the ECU says 0."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, today=0, lifetime=0), recalled=Recalled(readable=False))
    assert not {"energy/today", "energy/lifetime"} & bridge.night(EVENING).keys()


def test_a_night_job_counts_nobody_as_missing():
    """It has no list."""
    bridge = Bridge()
    bridge.job(read(ASLEEP, THREE))
    bridge.job(read(ASLEEP))
    for _ in range(5):
        assert below(THREE, bridge.night(EVENING)) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(ASLEEP))) == OFFLINE_THREE
    assert below(THREE, bridge.job(read(ASLEEP))) == dict.fromkeys((*OFFLINE_THREE, "problem"), "")


def test_a_night_job_repeats_the_failure_of_the_job_before():
    """It touches no ECU, so it does not know better."""
    bridge = Bridge()
    bridge.job(read(ASLEEP))
    bridge.memory = replace(bridge.memory, error="the ECU is mute")
    said = bridge.night(EVENING)
    assert (said["status"], said["error"]) == ("offline", "the ECU is mute")


# -- what is remembered -----------------------------------------------------------------------------------------------


def test_a_broker_that_forgot_everything_is_filled_by_the_next_job():
    """Held counters too: they are said again, though the ECU says 0."""
    bridge = Bridge()
    bridge.job(read(TWO, QUAD))
    before = dict(bridge.retained)
    bridge.retained.clear()
    bridge.job(read(TWO, QUAD, today=0, lifetime=0))
    assert bridge.retained == before


def test_the_memory_of_a_job_is_all_that_the_next_one_needs():
    """Literal, so that nothing is added or lost unseen."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE, NEVER))
    bridge.job(replace(read(TWO, NEVER, lifetime=999.0, today=3.0), remarks=(Remark("odd", "1"), Remark("odd", "2"))))
    assert bridge.memory == Memory(
        ecu_id=ECU,
        reading=Reading(at=NOON, firmware="ECU_R_1.2.31", timestamp=NOON, registered=2, online=1),
        counters=Counters(
            lifetime=1000.0,
            doubt=Doubt(999.0, 999.0, 1, NOON, NOON, NOON),
            today=Today(NOON.date(), 3.5, 3.0, renewed=True, doubt=Doubt(3.0, 3.0, 1, NOON, NOON, NOON)),
        ),
        inverters={
            TWO: Known(2, 2, signal=67, powers=(60, 61), energies=(0.0, 0.0)),
            NEVER: Known(0, 0),
            THREE: Known(4, 3, missing=1, signal=67, powers=(0, 0, 0, 0), energies=(0.0, 0.0, 0.0, 0.0)),
        },
        told=("odd",),
        energies_of=NOON.date(),
    )


@pytest.mark.parametrize(
    ("made", "awake"),
    [
        (read(TWO), True),
        (read(ASLEEP), False),
        (read(), False),
        (read(ASLEEP, registered=3, online=1), True),  # an inverter that 0002 does not list
        (read(TWO, registered=3, online=0), True),  # 0001 is older than 0002
        (read(ASLEEP, registered=0, online=6), False),  # a contradiction: the records count
        (read(ASLEEP, listed=2, registered=0, online=6), True),  # who knows
    ],
)
def test_the_array_is_awake_unless_no_inverter_was_online(made, awake):
    """What the rule of the night needs: in doubt the ECU is asked."""
    bridge = Bridge()
    bridge.job(made)
    assert bridge.memory.reading.awake is awake
