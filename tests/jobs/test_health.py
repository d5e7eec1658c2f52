"""`health`, after good jobs, failed ones and none."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from left_by_2x import OTHER_ECU, PLANT, of_two, settings, state_of, well
from parts import Broker, Ended, aps2mqtt, free_port, one_line, replace, sunny_ecu

from aps2mqtt.simulator.plant import ECU_MODELS
from aps2mqtt.simulator.server import Simulator


def aged(state: Path, by: timedelta) -> None:
    """The state as it would be so much later."""
    known = json.loads(state.read_text())
    for about, key in ((known, "read_at"), (known["rhythm"], "at"), (known["rhythm"], "run_due")):
        if about[key] is not None:
            about[key] = (datetime.fromisoformat(about[key]) - by).isoformat()
    state.write_text(json.dumps(known))


def sick(ended: Ended, cause: str, remedy: str = "") -> None:
    """69, and one line that names the ECU and the cause."""
    assert (ended.status, ended.out) == (69, "")
    line = one_line(ended.err)
    assert line.startswith("aps2mqtt: 127.0.0.1:")
    assert cause in line
    assert remedy in line


def test_health_is_none_before_the_first_job(tmp_path: Path) -> None:
    """Nor with a state that nobody can read."""
    environment = settings(8899, Broker(tmp_path), tmp_path)
    sick(aps2mqtt("health", **environment), "no successful poll is recorded for this user", "see the log")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "127.0.0.1_8899.json").write_text("{")
    sick(aps2mqtt("health", **environment), "is damaged and will be replaced")


def test_health_is_well_after_a_job_and_asks_nobody(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """A line with the time of the last reading, at the site."""
    environment = settings(array.port, broker, tmp_path)
    site = ZoneInfo(str(environment["APS_ECU_TIMEZONE"]))
    well(aps2mqtt("once", **environment))
    asked, before = array.connections, datetime.now(UTC)
    (line,) = well(aps2mqtt("health", **environment | {"MQTT_BROKER_PORT": free_port()}))
    address, _, at = line.partition(": last successful poll at ")
    assert address == f"127.0.0.1:{array.port}"
    assert timedelta() <= before - datetime.fromisoformat(at).replace(tzinfo=site) < timedelta(minutes=5)
    assert array.connections == asked


def test_health_tells_an_ecu_that_fails(tmp_path: Path, broker: Broker) -> None:
    """With the cause, until it can be read again."""
    with sunny_ecu(plant=PLANT) as ecu:
        environment = settings(ecu.port, broker, tmp_path)
        well(aps2mqtt("once", **environment))
    assert aps2mqtt("once", **environment).status == 69
    sick(aps2mqtt("health", **environment), "since then the ECU at 127.0.0.1", "refuses the connection")
    with sunny_ecu(plant=PLANT, port=ecu.port):
        well(aps2mqtt("once", **environment))
    well(aps2mqtt("health", **environment))


def test_health_tells_a_job_that_does_not_come(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """After a quarter of an hour with a rhythm that nobody knows; after two hours where they come every hour."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    aged(state_of(tmp_path, array), timedelta(minutes=13))
    well(aps2mqtt("health", **environment))
    aged(state_of(tmp_path, array), timedelta(minutes=3))
    sick(
        aps2mqtt("health", **environment),
        "no poll has succeeded since then, although one was due",
        "check the timer, cron",
    )
    aged(state_of(tmp_path, array), timedelta(minutes=44))
    well(aps2mqtt("once", **environment))
    aged(state_of(tmp_path, array), timedelta(minutes=115))
    well(aps2mqtt("health", **environment))
    aged(state_of(tmp_path, array), timedelta(minutes=15))
    sick(aps2mqtt("health", **environment), "no poll has succeeded since then, although one was due")


def test_the_health_of_several_ecus_is_that_of_the_sickest(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """The well are shown, the sick told."""
    plant = replace(PLANT, ecu=replace(ECU_MODELS["ECU-R"], ecu_id=OTHER_ECU))
    with sunny_ecu(plant=plant) as other:
        path = of_two(tmp_path, broker, array, other)
        well(aps2mqtt("-c", path, "once", "--ecu", f"127.0.0.1:{array.port}"))
        ended = aps2mqtt("-c", path, "health")
        assert ended.status == 69
        assert one_line(ended.out).startswith(f"127.0.0.1:{array.port}: last successful poll at ")
        assert one_line(ended.err).startswith(
            f"aps2mqtt: 127.0.0.1:{other.port}: no successful poll is recorded for this user"
        )
        well(aps2mqtt("-c", path, "once", "--ecu", f"127.0.0.1:{other.port}"))
        assert len(well(aps2mqtt("-c", path, "health"))) == 2


def test_health_tells_an_ecu_without_new_data(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """Half an hour of the same data while inverters are online, by this machine's clock."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    state = state_of(tmp_path, array)
    known = json.loads(state.read_text())
    known["awake"] = True
    found = datetime.fromisoformat(known["phase"]["found"]) - timedelta(minutes=31)
    known["phase"]["found"] = found.isoformat()
    state.write_text(json.dumps(known))
    sick(aps2mqtt("health", **environment), "has had no new data since", "restart the ECU")
    known["awake"] = False
    state.write_text(json.dumps(known))
    well(aps2mqtt("health", **environment))
