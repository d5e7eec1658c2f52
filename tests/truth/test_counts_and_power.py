"""How many inverters there are, and what the array gives."""

from parts import replace
from readings import ECU, NEVER, NOON, QUAD, RECORDS, THREE, TWO, Bridge, counts, read

from aps2mqtt.base.memory import Failure, Memory, Reading


def test_the_counts_are_those_of_0001():
    """They hold for inverters that 0002 leaves out."""
    assert counts(Bridge().job(read(TWO, registered=7, online=5))) == ("7", "5")


def test_as_many_online_as_registered_is_no_contradiction():
    """The everyday case, at the rule's edge."""
    said = Bridge().job(read(TWO, registered=5, online=5))
    assert (*counts(said), said["energy/lifetime"], said["energy/today"]) == ("5", "5", "1000", "3.5")


def test_where_0001_contradicts_itself_the_records_of_0002_are_counted():
    """Quirk 53: the glitch frame has 0 inverters registered and 6 online."""
    asleep = replace(RECORDS[THREE], online=False)
    said = Bridge().job(read(TWO, QUAD, asleep, NEVER, registered=0, online=6))
    assert counts(said) == ("4", "2")


def test_skipped_inverters_are_counted_as_registered():
    """Quirk 31: the UID of a record of an unknown type is known."""
    said = Bridge().job(read(TWO, replace(RECORDS[THREE], type="Z9"), registered=0, online=6))
    assert counts(said) == ("2", "2")


def test_a_count_of_0_with_records_known_is_a_glitch():
    """Quirk 53: a count of 0 where 0002 has records is not believed."""
    assert counts(Bridge().job(read(TWO, QUAD, registered=0, online=0))) == ("2", "2")


def test_an_ecu_without_inverters_counts_0():
    """A new ECU before its installation."""
    said = Bridge().job(read(today=0, lifetime=0))
    assert counts(said) == ("0", "0")
    assert said["power"] == "0"


def test_counts_that_nobody_knows_are_kept():
    """0001 contradicts itself and 0002 is incomplete: what the broker has stays."""
    bridge = Bridge()
    bridge.job(read(TWO, THREE))
    assert counts(bridge.job(read(TWO, listed=2, registered=0, online=6))) == (None, None)
    assert counts(bridge.retained) == ("2", "2")
    assert counts(bridge.night(NOON))[0] == "2"


def test_power_is_0_where_no_inverter_is_online():
    """The ECU's power stands at its last value for a while when the last inverter has gone to sleep."""
    asleep = replace(RECORDS[TWO], online=False)
    assert Bridge().job(read(asleep, power=27))["power"] == "0"


def test_power_is_0_where_0001_contradicts_itself_and_no_record_is_online():
    """The records of 0002 count then."""
    asleep = replace(RECORDS[TWO], online=False)
    assert Bridge().job(read(asleep, power=27, registered=0, online=6))["power"] == "0"


def test_power_is_the_ecus_where_an_inverter_is_online():
    """0001 and 0002 are two snapshots and may differ (quirk 40)."""
    assert Bridge().job(read(TWO, THREE, power=462))["power"] == "462"


def test_a_good_job_removes_the_error_and_says_online_last():
    """Who waits for the status finds everything else said."""
    bridge = Bridge(Memory(ecu_id=ECU, reading=Reading(at=NOON), failure=Failure(error="the ECU is mute")))  # fmt: skip
    said = bridge.job(read(TWO))
    assert list(said.items())[-2:] == [("error", ""), ("status", "online")]
    assert (bridge.memory.failure.restarts, bridge.memory.failure.error) == (0, "")
