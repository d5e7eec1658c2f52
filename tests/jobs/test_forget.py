"""`forget`, on what 2.x and jobs of ours have left on a real broker."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from left_by_2x import (
    DS3,
    DS3_2,
    ECU,
    GONE,
    OTHER_ECU,
    OTHERS,
    PLANT,
    QS1,
    announced_by_2x,
    device_topic,
    lay,
    listed,
    objects_of_2x,
    of_two,
    settings,
    state_of,
    well,
)
from parts import Broker, aps2mqtt, free_port, no_room, one_line, replace, sunny_ecu

from aps2mqtt.simulator.plant import ECU_MODELS, inverter_models
from aps2mqtt.simulator.server import Simulator


def topics_of(retained: Mapping[str, str], serial: str) -> set[str]:
    """All that is of that ECU, with its inverters, or of that inverter."""
    return {
        topic
        for topic, payload in retained.items()
        if serial in topic or (topic.startswith("homeassistant/device/aps_") and serial in payload)
    }


@pytest.mark.parametrize("style", ["device", "component"])
@pytest.mark.parametrize("payload", ["flat", "json", "both"])
def test_forget_shows_an_inverter_and_removes_it_with_yes(
    tmp_path: Path, broker: Broker, array: Simulator, payload: str, style: str
) -> None:
    """Its topics, its entities, and what the state knows of it; all else stays, and it comes back if it is listed."""
    environment = settings(array.port, broker, tmp_path, MQTT_PAYLOAD=payload, MQTT_DISCOVERY_STYLE=style)
    lay(broker, OTHERS_BUT_OURS)
    assert aps2mqtt("once", **environment).status == 0
    before = broker.retained()
    his = {topic for topic in topics_of(before, DS3) if DS3 in topic}
    state = state_of(tmp_path, array).read_text()

    lines = well(aps2mqtt("forget", DS3, **environment))
    assert set(listed(lines)) == his
    assert lines[0].startswith(f"retained topics of {DS3} on the broker at ")
    assert lines[-1] == f"Nothing was removed. To remove these {len(his)} topics, add --yes"
    assert broker.retained() == before
    assert state_of(tmp_path, array).read_text() == state

    lines = well(aps2mqtt("forget", DS3, "--yes", **environment))
    assert set(listed(lines)) == his
    assert broker.retained() == {topic: text for topic, text in before.items() if topic not in his}
    known, was = (json.loads(text) for text in (state_of(tmp_path, array).read_text(), state))
    assert was.pop("inverters").keys() - known.pop("inverters").keys() == {DS3}
    assert known == was

    assert aps2mqtt("once", **environment).status == 0
    assert broker.retained().keys() == before.keys()


OTHERS_BUT_OURS = {topic: text for topic, text in OTHERS.items() if ECU not in topic and ECU not in text}


def test_forget_an_ecu_removes_all_its_inverters(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """And its state file; another ECU keeps all of its own."""
    second = replace(PLANT, ecu=replace(ECU_MODELS["ECU-R"], ecu_id=OTHER_ECU), inverters=inverter_models("3xQS1"))
    with sunny_ecu(plant=second) as other:
        path = of_two(tmp_path, broker, array, other)
        well(aps2mqtt("-c", path, "once"))
        before = broker.retained()
        kept_state = state_of(tmp_path, other).read_text()
        lines = well(aps2mqtt("-c", path, "forget", ECU, "--yes"))
    gone = topics_of(before, ECU)
    assert {device_topic(DS3), f"aps/{ECU}/{QS1}/4/power", f"aps/{ECU}/status"} <= gone
    assert set(listed(lines)) == gone
    assert lines[-1] == f"{len(gone)} topics"
    after = broker.retained()
    assert after == {topic: text for topic, text in before.items() if topic not in gone}
    assert topics_of(after, OTHER_ECU)
    assert not state_of(tmp_path, array).exists()
    assert state_of(tmp_path, other).read_text() == kept_state


def test_an_ecu_that_was_forgotten_comes_back_with_the_next_job(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """As if it were the first."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    well(aps2mqtt("forget", ECU, "--yes", **environment))
    assert broker.retained() == {}
    well(aps2mqtt("once", **environment))
    assert broker.retained() == before


def test_forget_needs_no_ecu(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """It may be gone for good; and no state."""
    well(aps2mqtt("once", **settings(array.port, broker, tmp_path)))
    nowhere = settings(free_port(), broker, tmp_path / "elsewhere")
    asked = len(array.requests)
    well(aps2mqtt("forget", ECU, "--yes", **nowhere))
    assert "found no retained topics of" in one_line(
        aps2mqtt("forget", ECU, **nowhere | {"APS_ECU_IP": "ecu.invalid"}).err
    )
    assert len(array.requests) == asked
    assert broker.retained() == {}


def test_forget_finds_what_2x_left_of_an_inverter_that_is_gone(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """Objects and announcements, of that alone."""
    lay(broker, OTHERS, announced_by_2x(), objects_of_2x())
    before = broker.retained()
    lines = well(aps2mqtt("forget", GONE, "--yes", **settings(array.port, broker, tmp_path)))
    his = {topic for topic in before if GONE in topic}
    assert set(listed(lines)) == his
    assert broker.retained() == {topic: text for topic, text in before.items() if topic not in his}


def test_forget_finds_nothing_of_who_was_never_there(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """And says so with the status of a wrong usage, with --yes as without."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    for options in ((), ("--yes",)):
        ended = aps2mqtt("forget", "999999999999", *options, **environment)
        assert (ended.status, ended.out) == (64, "")
        assert f"found no retained topics of 999999999999 on the broker at 127.0.0.1:{broker.port}; " in one_line(
            ended.err
        )
    assert broker.retained() == before


def test_forget_of_what_only_the_state_knows_is_done(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """The broker has lost it already; a second time there is nothing."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    for topic in broker.retained():
        broker.publish(topic, "")
    assert well(aps2mqtt("forget", DS3, "--yes", **environment))[-1] == "0 topics"
    assert DS3 not in state_of(tmp_path, array).read_text()
    assert aps2mqtt("forget", DS3, "--yes", **environment).status == 64


@pytest.mark.parametrize(
    "serial", ["", "12345", "70400000000a", "7040000000011", "٧٠٤٠٠٠٠٠٠٠٠١", "aps/#", "+", "70400000000\n"]
)
def test_what_is_no_serial_number_is_wrong_usage(serial: str) -> None:
    """In one line; nothing is asked."""
    ended = aps2mqtt("forget", serial, "--yes")
    assert (ended.status, ended.out) == (64, "")
    assert "is not a serial number; write its 12 digits" in one_line(ended.err)


def test_forget_where_the_state_cannot_be_written_touches_nothing(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """The next job would publish the inverter again; it is no bug."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    with no_room(10):
        ended = aps2mqtt("forget", DS3, "--yes", **environment)
    assert (ended.status, ended.out) == (78, "")
    assert "cannot be written" in one_line(ended.err)
    assert "APS_STATE_DIR" in ended.err
    assert broker.retained() == before


def test_forget_where_the_state_cannot_be_read_touches_nothing(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """Nor there."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    before = broker.retained()
    state_of(tmp_path, array).unlink()
    state_of(tmp_path, array).mkdir()
    ended = aps2mqtt("forget", DS3, "--yes", **environment)
    assert (ended.status, ended.out) == (78, "")
    assert "cannot be read" in one_line(ended.err)
    assert broker.retained() == before


def test_forget_with_a_damaged_state_clears_the_broker(tmp_path: Path, broker: Broker, array: Simulator) -> None:
    """The next job begins anew anyway."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    state_of(tmp_path, array).write_text("{")
    well(aps2mqtt("forget", DS3, "--yes", **environment))
    assert topics_of(broker.retained(), DS3) == set()


def test_an_inverter_that_was_forgotten_is_no_problem_any_more(
    tmp_path: Path, broker: Broker, array: Simulator
) -> None:
    """What was told of it is told no more, also by night."""
    environment = settings(array.port, broker, tmp_path)
    well(aps2mqtt("once", **environment))
    known = json.loads(state_of(tmp_path, array).read_text())
    idle = {"since": "2026-06-21T10:00:00+00:00", "seen": "2026-06-21T12:00:00+00:00", "told": True}
    known["watch"]["idle"] = {DS3: idle, DS3_2: idle}
    state_of(tmp_path, array).write_text(json.dumps(known))
    well(aps2mqtt("forget", DS3, "--yes", **environment))
    assert json.loads(state_of(tmp_path, array).read_text())["watch"]["idle"].keys() == {DS3_2}
