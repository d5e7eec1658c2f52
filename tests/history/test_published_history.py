"""What an ECU remembers, published on the broker."""

import json
from pathlib import Path

from asking_history import ECU, WHOLE, Person, array, ecu
from parts import Broker, free_port, one_line

from aps2mqtt.mqtt import topics
from aps2mqtt.simulator.scenarios import plant_answers

ROOT = f"aps/{ECU}"
PUBLISHED = {f"{ROOT}/{topic}" for topic in topics.HISTORY.values()}


def test_what_is_published_is_retained_json_and_nothing_else_changes(person: Person, broker: Broker) -> None:
    """Neither another topic nor the state that the jobs leave each other, before it and after a failure."""
    person.configure(MQTT_BROKER_PORT=broker.port)
    job = ecu()
    person.configure(APS_ECU_PORT=job.port)
    with job:
        assert person.calls("once").status == 0
        said = json.loads(person.calls("history", *WHOLE, "--json").out)
        (state,) = (person.folder / "state").iterdir()
        before, remembered, written = broker.retained(), state.read_bytes(), state.stat().st_mtime_ns
        with broker.heard() as heard:
            ended = person.calls("history", *WHOLE, "--publish")
    assert ended == (0, "", "")
    after = broker.retained()
    assert [topic for topic, _ in heard] == [f"{ROOT}/{topics.HISTORY[period]}" for period in WHOLE]
    assert [json.loads(payload) for _, payload in heard] == said
    assert {topic: after[topic] for topic in before} == before
    assert after.keys() - before.keys() == PUBLISHED
    with broker.heard() as heard:
        assert person.asks(ecu("no-history"), *WHOLE, "--publish").status == 76
        assert person.asks(ecu("refuse"), *WHOLE, "--publish").status == 69
    assert heard == []
    assert broker.retained() == after
    assert (state.read_bytes(), state.stat().st_mtime_ns) == (remembered, written)
    assert list((person.folder / "state").iterdir()) == [state]


def test_of_several_that_are_wanted_the_others_are_published(person: Person, broker: Broker) -> None:
    """And the status says that one was not: here the week, for which the connection is closed."""
    truly = plant_answers(array())
    person.configure(MQTT_BROKER_PORT=broker.port, MQTT_TOPIC_PREFIX="roof/south")
    one = ecu(answers=lambda *query: b"" if query[3:] == ("00",) else truly(*query))
    ended = person.asks(one, *WHOLE, "--publish")
    assert ended.status == 76
    assert "does not support the energy of the week" in one_line(ended.err)
    missing = f"roof/south/{ROOT}/history/energy/week"
    assert broker.retained().keys() == {f"roof/south/{topic}" for topic in PUBLISHED} - {missing}
    power = json.loads(broker.retained()[f"roof/south/{ROOT}/history/power"])
    assert (power["date"], power["points"][0]["time"]) == ("2026-06-21", "2026-06-21T05:45:00+02:00")


def test_readings_that_are_not_to_be_retained_are_not(person: Person, broker: Broker) -> None:
    """MQTT_RETAIN holds for history, too."""
    person.configure(MQTT_BROKER_PORT=broker.port, MQTT_RETAIN="False")
    with broker.heard() as heard:
        assert person.asks(ecu(), "--publish").status == 0
    assert [topic for topic, _ in heard] == [f"{ROOT}/history/power"]
    assert broker.retained() == {}


def test_a_broker_that_is_down_is_told_as_by_a_job_and_keeps_no_picture_from_being_drawn(person: Person) -> None:
    """69; where the ECU failed too, the graver of the two."""
    person.configure(MQTT_BROKER_PORT=free_port())
    path = person.folder / "day.svg"
    ended = person.asks(ecu(), "--publish", "--plot", path, "--csv")
    assert ended.status == 69
    assert "the broker at 127.0.0.1" in one_line(ended.err)
    assert path.exists()
    assert ended.out.startswith("ecu,period")
    truly = plant_answers(array())
    one = ecu(answers=lambda *query: b"" if query[0] == "0004" else truly(*query))
    ended = person.asks(one, "day", "week", "--publish")
    assert ended.status == 76
    assert len(ended.err.splitlines()) == 2


def test_a_broker_that_refuses_the_login_is_77(person: Person, tmp_path: Path) -> None:
    with Broker(tmp_path, "allow_anonymous false") as broker:
        person.configure(MQTT_BROKER_PORT=broker.port)
        assert person.asks(ecu(), "--publish").status == 77


def test_forget_removes_it_with_the_ecu(person: Person, broker: Broker) -> None:
    person.configure(MQTT_BROKER_PORT=broker.port)
    assert person.asks(ecu(), *WHOLE, "--publish").status == 0
    assert broker.retained().keys() == PUBLISHED
    assert set(person.calls("forget", ECU).out.split()) >= PUBLISHED
    assert person.calls("forget", ECU, "--yes").status == 0
    assert broker.retained() == {}


def test_a_new_prefix_leaves_none_under_the_old_one(person: Person, broker: Broker) -> None:
    """The job that moves clears it; another payload moves nothing."""
    person.configure(MQTT_BROKER_PORT=broker.port)
    one = ecu()
    person.configure(APS_ECU_PORT=one.port)
    with one:
        person.calls("once")
        person.calls("history", *WHOLE, "--publish")
        person.configure(MQTT_PAYLOAD="json")
        person.calls("once")
        assert broker.retained().keys() >= PUBLISHED
        person.configure(MQTT_TOPIC_PREFIX="home")
        person.calls("once")
    assert not [topic for topic in broker.retained() if topic.startswith("aps/")]
