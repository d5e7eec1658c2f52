"""`aps2mqtt check` on the way to the ECU, and on what its answers say."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from check_runs import ECU_STEPS, HEALTHY, PARIS, QUICK, check_ends_at, remedies, text, walked
from parts import (
    HISTORY_FAULTS,
    NOON,
    Broker,
    Listener,
    capture,
    deaf,
    frame,
    free_port,
    replace,
    settings,
    sunny_ecu,
)

from aps2mqtt.base.errors import ExitStatus
from aps2mqtt.base.memory import Counters, Memory, Reading
from aps2mqtt.base.values import Remark
from aps2mqtt.check import ecu_answers, result
from aps2mqtt.check.result import State
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.plant import ECU_MODELS, Plant, inverter_models
from aps2mqtt.simulator.scenarios import FAULTS, plant_answers, replay_answers
from aps2mqtt.sources.ecu8899 import answers, frames, tables
from aps2mqtt.sources.lock import hold

ONE_ONLINE = answers.SystemInfo("216000000001", "01", 1.0, 9, 0.1, 1, 1, "ECU_R_1.2.31")


# -- the ECU ----------------------------------------------------------------------------------------------------------


# Fault: the step that fails, the cause, a remedy of the error's line, one of those that check adds, the exit status.
BAD_FAULTS = {
    "mute": ("0001", "does not answer (time-out)", "power the ECU off and on", "ten minutes after a restart", 69),
    "refuse": ("connection", "refuses the connection", "at its Wi-Fi address", "ECU_R_1.3.20", 69),
    "close": ("0001", "closes it without an answer", "stop other programs", "the vendor's app", 69),
    "cut": ("0001", "the answer ends at byte", "restart the ECU if this continues", "", 76),
    "garbage": ("0001", "not with APS", "check APS_ECU_IP and APS_ECU_PORT", "another device", 76),
    "wrong-length": ("0001", "the answer ends at byte", "restart the ECU if this continues", "", 76),
    "wrong-end": ("0001", "END is missing", "report the files that `aps2mqtt capture` writes", "", 76),
    "status-02": ("0002", "rejects its own id", "register it again in the vendor's app", "", 76),
}
# Fault: the step that warns, if any, and of what.
GOOD_FAULTS = {
    "drip": ("", ""),
    "counter-glitch": ("0001", "contradicts itself"),
    "night": ("", ""),
    "flaky": ("", ""),
    "one-at-a-time": ("", ""),
}


def test_every_fault_of_the_simulator_is_tried() -> None:
    """A fault that is added has to be added here."""
    assert BAD_FAULTS.keys() | GOOD_FAULTS.keys() | HISTORY_FAULTS == FAULTS.keys()


@pytest.mark.parametrize("fault", BAD_FAULTS)
def test_a_failing_ecu_fails_at_its_step(tmp_path: Path, broker: Broker, fault: str) -> None:
    """With the remedy of a job's error line and what else has helped; the broker is tried all the same."""
    name, cause, remedy, more, status = BAD_FAULTS[fault]
    with sunny_ecu(plant=HEALTHY, fault=fault) as ecu:
        taken = walked(tmp_path, ecu.port, broker.port, **PARIS)
    check_ends_at(taken, ECU_STEPS, name)
    assert cause in text(taken[name])
    assert remedy in remedies(taken[name])
    assert more in remedies(taken[name])
    assert result.status(taken.values()) == status
    assert taken["message"].state is State.OK


def test_a_web_server_in_the_ecus_place_is_told(tmp_path: Path, broker: Broker) -> None:
    """The connection is made; the first answer gives it away."""
    with Listener(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as elsewhere:
        taken = walked(tmp_path, elsewhere.port, broker.port, **PARIS)
    check_ends_at(taken, ECU_STEPS, "0001")
    assert "is not an ECU" in text(taken["0001"])
    assert "check APS_ECU_IP and APS_ECU_PORT" in remedies(taken["0001"])
    assert "another device may use APS_ECU_IP now" in remedies(taken["0001"])


@pytest.mark.parametrize("fault", GOOD_FAULTS)
def test_an_ecu_that_is_only_odd_passes(tmp_path: Path, broker: Broker, fault: str) -> None:
    """What a job can read is no failure; what is worth a word is a warning."""
    name, doubt = GOOD_FAULTS[fault]
    with sunny_ecu(plant=HEALTHY, fault=fault) as ecu:
        taken = walked(tmp_path, ecu.port, broker.port, QUICK._replace(answer=8.0), **PARIS)
    assert result.status(taken.values()) == ExitStatus.OK
    assert [step.name for step in taken.values() if step.state is State.WARNING] == [name] * bool(name)
    assert doubt in text(taken[name]) if name else True
    assert ecu.collisions == 0


@pytest.mark.parametrize(
    ("host", "name", "cause", "remedy"),
    [
        ("ecu.invalid", "name", "the ECU's host name ecu.invalid", "set it to the ECU's IP address"),
        ("255.255.255.255", "connection", "cannot be reached", "check APS_ECU_IP"),
    ],
)
def test_an_ecu_that_is_not_there_is_told(tmp_path: Path, host: str, name: str, cause: str, remedy: str) -> None:
    """An unknown name, and an address to which nobody connects."""
    taken = walked(tmp_path, free_port(), free_port(), APS_ECU_IP=host)
    check_ends_at(taken, ECU_STEPS, name)
    assert cause in text(taken[name])
    assert remedy in remedies(taken[name])
    assert result.status(taken.values()) == 69


def test_an_ecu_that_swallows_connections_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    """A time-out has other remedies: the address, the network."""
    with deaf() as port:
        taken = walked(tmp_path, port, free_port())
    check_ends_at(taken, ECU_STEPS, "connection")
    assert "(time-out)" in text(taken["connection"])
    assert "look up the ECU's address in the router" in remedies(taken["connection"])
    assert "Wi-Fi" not in remedies(taken["connection"])


def test_another_job_that_holds_the_ecu_is_told(tmp_path: Path, broker: Broker) -> None:
    """75, and the ECU is left alone."""
    with sunny_ecu(plant=HEALTHY) as ecu:
        with hold("127.0.0.1", ecu.port, 1):
            taken = walked(tmp_path, ecu.port, broker.port, **PARIS)
        assert ecu.connections == 0
    check_ends_at(taken, ECU_STEPS, "lock")
    assert "another aps2mqtt job is still using the ECU" in text(taken["lock"])
    assert result.status(taken.values()) == 75


def test_signals_that_cannot_be_read_fail_no_job(tmp_path: Path, broker: Broker) -> None:
    """So they are a warning, with the cause."""
    whole = plant_answers(HEALTHY)
    with sunny_ecu(answers=lambda *asked: whole(*asked) if asked[0] != "0030" else b"") as ecu:
        taken = walked(tmp_path, ecu.port, broker.port, **PARIS)
    assert taken["0030"].state is State.WARNING
    assert "closes it without an answer" in text(taken["0030"])
    assert result.status(taken.values()) == 0


def test_a_firmware_that_closes_its_port_is_named_when_it_refuses(tmp_path: Path) -> None:
    """By what the last job has read of it."""
    plant = Plant(replace(ECU_MODELS["ECU-R"], firmware="ECU_R_1.3.20"))
    with Broker(tmp_path) as broker, sunny_ecu(plant=plant) as ecu:
        port = ecu.port
        environment = {name: str(value) for name, value in settings(port, broker.port, tmp_path, **PARIS).items()}
        (chosen,) = loading.load(None, environment)
        Job(chosen, NOON, Store(chosen.state_directory, "127.0.0.1", port)).run()
    taken = walked(tmp_path, port, free_port(), **PARIS)
    assert "last successful poll 2026-06-21 14:02:00, ECU 216000000001" in text(taken["state"])
    assert "the ECU's firmware was ECU_R_1.3.20, which refuses connections" in remedies(taken["connection"])


# -- what the answers say ---------------------------------------------------------------------------------------------


def info(name: str) -> answers.SystemInfo:
    return answers.decode_system_info(frames.Frame.decode(frame(name)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ecur-sysinfo-1.3.6C-2023-11-21-am", "energy counters that do not change"),
        ("ecur-sysinfo-1.2.31-2025", "energy counters that do not change"),
        ("ecurpro-sysinfo-2.1.29-2026", "has no web interface"),
        ("ecurpro-sysinfo-2.1.17-today-zero", "contradicts itself: 6 of 0 inverters online"),
    ],
)
def test_a_captured_answer_with_known_trouble_warns(name: str, words: str) -> None:
    """From the frames of those who had it."""
    step = ecu_answers.totals(info(name), UTC, None, NOON)
    assert step.state is State.WARNING
    assert words in text(step)


@pytest.mark.parametrize(
    ("name", "zone", "words", "state"),
    [
        ("ecub-sysinfo-1.2.23-new-online", "Europe/Paris", "time zone Etc/GMT-8 (ignored", State.OK),
        ("ecurpro-sysinfo-2.0.7A-2022", "Europe/Paris", "Europe/Amsterdam agrees with APS_ECU_TIMEZONE", State.OK),
        ("ecurpro-sysinfo-2.0.7A-2022", "Asia/Tokyo", "APS_ECU_TIMEZONE is Asia/Tokyo", State.WARNING),
    ],
)
def test_the_time_zone_is_compared_where_it_means_something(name: str, zone: str, words: str, state: State) -> None:
    """Quirk 25: 2160 and 2163 say Etc/GMT-8 wherever they are."""
    step = ecu_answers.totals(info(name), ZoneInfo(zone), None, NOON)
    assert step.state is state
    assert words in text(step)


def test_an_ecu_that_was_exchanged_is_told() -> None:
    """The last job has read another one here."""
    memory = Memory(ecu_id="216000000009", reading=Reading(at=NOON, registered=1), counters=Counters(lifetime=1.0))
    step = ecu_answers.totals(info("ecub-sysinfo-1.2.23-new-online"), UTC, memory, NOON)
    assert "the last job polled another ECU at this address, 216000000009" in text(step)


@pytest.mark.parametrize(
    ("age", "words", "state"),
    [
        ({"minutes": 3}, "3 min old", State.OK),
        ({"minutes": -1}, "1 min ahead", State.OK),
        ({"hours": 9, "minutes": 4}, "another time zone than Europe/Paris", State.WARNING),
        ({"hours": -1, "minutes": 3}, "another time zone than Europe/Paris", State.WARNING),
        ({"hours": -5, "minutes": -26}, "another time zone than Europe/Paris", State.WARNING),
        ({"minutes": -15}, "15 min ahead of this machine's clock", State.WARNING),
        ({"minutes": 33}, "33 min old although inverters are online", State.WARNING),
        ({"days": 12}, "12 days old although inverters are online", State.WARNING),
    ],
)
def test_the_age_of_the_data_tells_of_clocks_and_zones(age: dict[str, int], words: str, state: State) -> None:
    """A whole number of hours is the mark of a wrong zone."""
    real_time = HEALTHY.real_time(NOON)
    of = datetime.strptime(real_time.time, "%Y%m%d%H%M%S").replace(tzinfo=HEALTHY.timezone)
    step = ecu_answers.inverters(real_time, HEALTHY.system_info(NOON), HEALTHY.timezone, of + timedelta(**age))
    assert step.state is state
    assert words in text(step)


def test_old_data_of_sleeping_inverters_are_in_order() -> None:
    """The time stays that of the evening all night (quirk 39)."""
    real_time = HEALTHY.real_time(NOON, asleep=True)
    step = ecu_answers.inverters(
        real_time, HEALTHY.system_info(NOON, asleep=True), HEALTHY.timezone, NOON + timedelta(hours=9)
    )
    assert step.state is State.OK
    assert "(the inverters are offline)" in text(step)


def test_inverters_are_told_by_model_and_condition() -> None:
    """Those that were never heard with a remedy, the ECU's own id as what it is (quirk 29)."""
    plant = replace(HEALTHY, inverters=inverter_models("2xDS3,1xQS1,2xunseen"))
    real_time = plant.real_time(NOON)
    own = answers.Record(plant.ecu.ecu_id, False, tables.NEVER_HEARD)
    step = ecu_answers.inverters(
        replace(real_time, records=(*real_time.records, own)), plant.system_info(NOON), plant.timezone, NOON
    )
    assert "5 inverters: 4 DS3, 1 QS1" in text(step)
    assert "online: DS3 704000000001, 704000000002; QS1 801000000003 | not seen yet: DS3 704000000004" in text(step)
    assert "lists itself as an inverter" in text(step)
    assert "compare the serial number" in remedies(step)


def test_an_inverter_of_a_new_type_is_to_be_reported() -> None:
    """With the bytes that are needed."""
    real_time = answers.RealTime(
        "00",
        time="20260621120000",
        records=(answers.Record("999000000001", True, "Z9"),),
        remarks=(Remark("inverter 999000000001 has the unknown type Z9", "left out; please report its record"),),
    )
    step = ecu_answers.inverters(real_time, ONE_ONLINE, UTC, NOON)
    assert step.state is State.WARNING
    assert "of unknown type: inverter 999000000001" in text(step)
    assert "please report its record" in remedies(step)


def test_an_inverter_with_a_garbled_uid_is_told() -> None:
    """Its type may be known: it is none of the others all the same."""
    real_time = answers.RealTime("00", records=(answers.Record("70300000000a", True, "01"),))
    step = ecu_answers.inverters(real_time, ONE_ONLINE, UTC, NOON)
    assert step.state is State.WARNING
    assert "garbled: DS3-L 70300000000a" in text(step)


def test_a_value_that_no_inverter_can_measure_is_told() -> None:
    """A job leaves it out with the same words."""
    record = answers.Record("704000000001", True, "01", 50.0, 30, (65_535, 100), (230, 231))
    step = ecu_answers.inverters(answers.RealTime("00", records=(record,)), ONE_ONLINE, UTC, NOON)
    assert step.state is State.WARNING
    assert "inverter 704000000001 reports impossible values: 65535 W on channel 1" in text(step)


def test_a_list_that_leaves_inverters_out_is_told_with_a_remedy() -> None:
    """The frame of an ECU-C whose owner has three DS3, all of them producing (C1.2.24B)."""
    empty = answers.decode_real_time(frames.Frame.decode(frame("ecuc-empty-list-C1.2.24B-2026")))
    said = replace(ONE_ONLINE, registered=8, online=4, power=227)
    of = datetime(2026, 4, 26, 15, 23, tzinfo=ZoneInfo("Europe/Amsterdam"))
    step = ecu_answers.inverters(empty, said, ZoneInfo("Europe/Amsterdam"), of)
    assert step.state is State.WARNING
    assert "the ECU lists 0 of its 8 inverters" in text(step)
    assert step.details["complete"] is False
    assert "offline" not in text(step)
    assert "restart the ECU" in remedies(step)
    assert ecu_answers.totals(replace(said, registered=0, online=0), UTC, None, NOON).state is State.WARNING


def test_weak_signals_are_named_and_those_of_sleepers_are_not() -> None:
    """An inverter that is offline has a signal of 0, or its last (quirk 61)."""
    uids = ("704000000001", "704000000002", "704000000003", "704000000004")
    records = tuple(answers.Record(uid, uid != uids[2], "01") for uid in uids)
    signal = answers.Signal("00", tuple(zip(uids[:3], (255, 20, 0), strict=True)))
    step = ecu_answers.signals(signal, answers.RealTime("00", records=records))
    assert step.state is State.WARNING
    assert text(step) == "7 to 100 % | weak: 704000000002 7 % | no signal from: DS3 704000000004"
    assert "move the ECU closer" in remedies(step)


def test_captured_answers_pass_through_the_whole_way(tmp_path: Path, broker: Broker) -> None:
    """Five of six inverters are offline, with junk in their records."""
    names = ("ecur-sysinfo-1.3.6C-2023-11-21-am", "ecur-qt2-6-partial-2023-11-21-am", "ecur-signal-6-2023-11-21-am")
    with sunny_ecu(answers=replay_answers(map(capture, names), plant_answers(Plant()))) as ecu:
        taken = walked(tmp_path, ecu.port, broker.port)
    assert "63 W now, 0 kWh today, 4358.5 kWh lifetime" in text(taken["0001"])
    assert "offline: QT2 901000000001, 901000000003" in text(taken["0002"])
    assert taken["0030"].details == {"percent": {"901000000002": 65}}
