"""`aps2mqtt check`: the step that fails is the right one, with the right remedy; and nothing is left behind."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
import trustme
from parts import (
    HISTORY_FAULTS,
    NOON,
    Broker,
    Listener,
    accounts,
    aps2mqtt,
    capture,
    deaf,
    frame,
    free_port,
    mute,
    relay_to,
    replace,
    settings,
    start,
    sunny_ecu,
    tls_settings,
    write_only,
    yaml_file,
)

from aps2mqtt.base.errors import ConfigError, ExitStatus
from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Remark
from aps2mqtt.check import check, ecu_answers, result
from aps2mqtt.check.result import Finding, State, Step
from aps2mqtt.config import keys, loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt import connection, sessions
from aps2mqtt.simulator.plant import ECU_MODELS, Plant, inverter_models
from aps2mqtt.simulator.scenarios import FAULTS, plant_answers, replay_answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.ecu8899 import answers, client, frames, tables
from aps2mqtt.sources.lock import hold

QUICK = client.Limits(resolve=2.0, connect=0.3, answer=0.3, newline=0.1, pauses=(0.05, 0.05), conversation=5.0)
HEALTHY = Plant(replace(ECU_MODELS["ECU-R-Pro"], firmware="ECU_R_PRO_2.1.17"), timezone=ZoneInfo("Europe/Paris"))
ONE_ONLINE = answers.SystemInfo("216000000001", "01", 1.0, 9, 0.1, 1, 1, "ECU_R_1.2.31")
PARIS = {"APS_ECU_TIMEZONE": "Europe/Paris"}
ECU_STEPS = ("name", "lock", "connection", "0001", "0002", "0030")
BROKER_STEPS = ("broker", "TLS", "login", "message")


def walked(
    folder: Path, ecu_port: int, broker_port: int, limits: client.Limits = QUICK, **more: object
) -> dict[str, Step]:
    """The steps by their names, which are unique with one ECU, two minutes after the data of a summer's noon."""
    environment = {name: str(value) for name, value in settings(ecu_port, broker_port, folder, **more).items()}
    (chosen,) = loading.load(None, environment)
    store = Store(chosen.state_directory, chosen.ecu.host, chosen.ecu.port)
    taken = {step.name: step for step in check.walk([(chosen, store)], lambda: NOON, limits, patience=0.1)}
    assert tuple(taken) == ("configuration", "state", "site", *ECU_STEPS, *BROKER_STEPS)
    return taken


def text(step: Step) -> str:
    """What it found, in one line."""
    return " | ".join(finding.text for finding in step.findings)


def remedies(step: Step) -> str:
    """What it advises, in one line."""
    return " | ".join(remedy for finding in step.findings for remedy in finding.remedies)


def states(taken: dict[str, Step], names: tuple[str, ...]) -> list[State]:
    return [taken[name].state for name in names]


def check_ends_at(taken: dict[str, Step], names: tuple[str, ...], name: str) -> None:
    """Of `names`, `name` failed; those before it were taken, those behind it skipped."""
    at = names.index(name)
    assert taken[name].state is State.FAILED
    assert State.FAILED not in states(taken, names[:at])
    assert set(states(taken, names[at + 1 :])) <= {State.SKIPPED}


# -- the ECU ----------------------------------------------------------------------------------------------------------

# Fault: the step that fails, the cause, a remedy of the error's line, one of those that check adds, the exit status.
BAD_FAULTS = {
    "mute": ("0001", "answers nothing (time-out)", "power it off and on", "ten minutes after a restart", 69),
    "refuse": ("connection", "refuses the connection", "its Wi-Fi interface", "ECU_R_1.3.20", 69),
    "close": ("0001", "closes it without a byte", "let nothing else ask it", "the EMA app", 69),
    "cut": ("0001", "the answer ends at byte", "restart it if this stays", "", 76),
    "garbage": ("0001", "does not begin with APS", "check APS_ECU_IP and APS_ECU_PORT", "another device", 76),
    "wrong-length": ("0001", "the answer ends at byte", "restart it if this stays", "", 76),
    "wrong-end": ("0001", "has a wrong end, not END", "report what `aps2mqtt capture` writes", "", 76),
    "status-02": ("0002", "does not accept its own id", "register it anew in the app", "", 76),
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
    assert "is no ECU" in text(taken["0001"])
    assert "check APS_ECU_IP and APS_ECU_PORT" in remedies(taken["0001"])
    assert "another device may have got" in remedies(taken["0001"])


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
        ("ecu.invalid", "name", "the ECU's name ecu.invalid", "set APS_ECU_IP to its address"),
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
    assert "look the ECU's address up in the router" in remedies(taken["connection"])
    assert "Wi-Fi" not in remedies(taken["connection"])


def test_another_job_that_holds_the_ecu_is_told(tmp_path: Path, broker: Broker) -> None:
    """75, and the ECU is left alone."""
    with sunny_ecu(plant=HEALTHY) as ecu:
        with hold("127.0.0.1", ecu.port, 1):
            taken = walked(tmp_path, ecu.port, broker.port, **PARIS)
        assert ecu.connections == 0
    check_ends_at(taken, ECU_STEPS, "lock")
    assert "another job has held the ECU" in text(taken["lock"])
    assert result.status(taken.values()) == 75


def test_signals_that_cannot_be_read_fail_no_job(tmp_path: Path, broker: Broker) -> None:
    """So they are a warning, with the cause."""
    whole = plant_answers(HEALTHY)
    with sunny_ecu(answers=lambda *asked: whole(*asked) if asked[0] != "0030" else b"") as ecu:
        taken = walked(tmp_path, ecu.port, broker.port, **PARIS)
    assert taken["0030"].state is State.WARNING
    assert "closes it without a byte" in text(taken["0030"])
    assert result.status(taken.values()) == 0


def test_a_firmware_that_closes_its_port_is_named_when_it_refuses(tmp_path: Path) -> None:
    """By what the last job has read of it."""
    plant = Plant(replace(ECU_MODELS["ECU-R"], firmware="ECU_R_1.3.20"))
    with Broker(tmp_path) as broker, sunny_ecu(plant=plant) as ecu:
        port = ecu.port
        environment = {name: str(value) for name, value in settings(port, broker.port, tmp_path).items()}
        (chosen,) = loading.load(None, environment)
        Job(chosen, NOON, Store(chosen.state_directory, "127.0.0.1", port)).run()
    taken = walked(tmp_path, port, free_port())
    assert "216000000001 read last at 2026-06-21 12:02:00, firmware ECU_R_1.3.20" in text(taken["state"])
    assert "its firmware was ECU_R_1.3.20, which refuses connections" in remedies(taken["connection"])


# -- what the answers say ---------------------------------------------------------------------------------------------


def info(name: str) -> answers.SystemInfo:
    return answers.decode_system_info(frames.Frame.decode(frame(name)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ecur-sysinfo-1.3.6C-2023-11-21-am", "counters of energy that stand still"),
        ("ecur-sysinfo-1.2.31-2025", "counters of energy that stand still"),
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
        ("ecub-sysinfo-1.2.23-new-online", "Europe/Paris", "Etc/GMT-8 means nothing", State.OK),
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
    memory = Memory("216000000009", NOON, True, "", None, 1, 1.0, None, None, {})
    step = ecu_answers.totals(info("ecub-sysinfo-1.2.23-new-online"), UTC, memory, NOON)
    assert "not the ECU that the last job has read here, 216000000009" in text(step)


@pytest.mark.parametrize(
    ("age", "words", "state"),
    [
        ({"minutes": 3}, "3 min old", State.OK),
        ({"minutes": -1}, "1 min ahead", State.OK),
        ({"hours": 9, "minutes": 4}, "in another time zone than Europe/Paris", State.WARNING),
        ({"hours": -1, "minutes": 3}, "in another time zone than Europe/Paris", State.WARNING),
        ({"hours": -5, "minutes": -26}, "in another time zone than Europe/Paris", State.WARNING),
        ({"minutes": -15}, "15 min ahead of this machine's clock", State.WARNING),
        ({"minutes": 33}, "33 min old though inverters are online", State.WARNING),
        ({"days": 12}, "12 days old though inverters are online", State.WARNING),
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
    assert "since then the inverters sleep" in text(step)


def test_inverters_are_told_by_model_and_condition() -> None:
    """Those that were never heard with a remedy, the ECU's own id as what it is (quirk 29)."""
    plant = replace(HEALTHY, inverters=inverter_models("2xDS3,1xQS1,2xunseen"))
    real_time = plant.real_time(NOON)
    own = answers.Record(plant.ecu.ecu_id, False, tables.NEVER_HEARD)
    step = ecu_answers.inverters(
        replace(real_time, records=(*real_time.records, own)), plant.system_info(NOON), plant.timezone, NOON
    )
    assert "5 inverters: 4 DS3, 1 QS1" in text(step)
    assert "online: DS3 704000000001, 704000000002; QS1 801000000003 | never heard: DS3 704000000004" in text(step)
    assert "lists itself as an inverter" in text(step)
    assert "compare its serial number" in remedies(step)


def test_an_inverter_of_a_new_type_is_to_be_reported() -> None:
    """With the bytes that are needed."""
    real_time = answers.RealTime(
        "00",
        time="20260621120000",
        records=(answers.Record("999000000001", True, "Z9"),),
        remarks=(Remark("inverter 999000000001 is of the unknown type Z9", "skipped; please report its record"),),
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
    assert "it lists 0 of its 8 inverters" in text(step)
    assert "sleep" not in text(step)
    assert "restart the ECU" in remedies(step)
    assert ecu_answers.totals(replace(said, registered=0, online=0), UTC, None, NOON).state is State.WARNING


def test_weak_signals_are_named_and_those_of_sleepers_are_not() -> None:
    """An inverter that is offline has a signal of 0, or its last (quirk 61)."""
    uids = ("704000000001", "704000000002", "704000000003", "704000000004")
    records = tuple(answers.Record(uid, uid != uids[2], "01") for uid in uids)
    signal = answers.Signal("00", tuple(zip(uids[:3], (255, 20, 0), strict=True)))
    step = ecu_answers.signals(signal, answers.RealTime("00", records=records))
    assert step.state is State.WARNING
    assert text(step) == "7 to 100 % | weak: 7 % of 704000000002 | none of: DS3 704000000004"
    assert "bring the ECU closer" in remedies(step)


def test_captured_answers_pass_through_the_whole_way(tmp_path: Path, broker: Broker) -> None:
    """Five of six inverters are offline, with junk in their records."""
    names = ("ecur-sysinfo-1.3.6C-2023-11-21-am", "ecur-qt2-6-partial-2023-11-21-am", "ecur-signal-6-2023-11-21-am")
    with sunny_ecu(answers=replay_answers(map(capture, names), plant_answers(Plant()))) as ecu:
        taken = walked(tmp_path, ecu.port, broker.port)
    assert "63 W now, 0 kWh today, 4358.5 kWh in all" in text(taken["0001"])
    assert "offline: QT2 901000000001, 901000000003" in text(taken["0002"])
    assert taken["0030"].details == {"percent": {"901000000002": 65}}


# -- this machine -----------------------------------------------------------------------------------------------------


def test_every_key_is_told_with_its_value_and_where_it_came_from(tmp_path: Path) -> None:
    """Section of the file, environment, a file with a secret, default."""
    (tmp_path / "password").write_text("itsasecret\n")
    path = yaml_file(
        tmp_path,
        {"ecu": {"APS_ECU_IP": "1.2.3.4", "APS_ECU_WIFI_PASSWD": "w1f1"}, "mqtt": {"MQTT_BROKER_USER": "johndoe"}},
    )
    environment = {"APS_ECU_PORT": "1", "MQTT_BROKER_PASSWD_FILE": f"{tmp_path}/password"}
    step = check._configuration(loading.load(path, environment))
    values = {row["key"]: (row["value"], row["where"]) for row in step.details["values"]}
    assert values.keys() == {key.name for key in keys.KEYS}
    assert values["APS_ECU_IP"] == ("1.2.3.4", f"in {path}, section ecu")
    assert values["MQTT_BROKER_USER"] == ("johndoe", f"in {path}, section mqtt")
    assert values["APS_ECU_PORT"] == ("1", "in the environment")
    assert values["MQTT_BROKER_PASSWD"] == ("••••", "by MQTT_BROKER_PASSWD_FILE in the environment")
    assert values["APS_ECU_WIFI_PASSWD"][0] == "••••"
    assert values["MQTT_BROKER_PORT"] == ("1883", "by default")
    assert values["APS_ECU_TIMEZONE"][0]
    assert values["APS_STATE_DIR"][0]
    (tmp_path / "password").rename(tmp_path / "mqtt-password")
    step = check._configuration(loading.load(path, {}))
    values = {row["key"]: (row["value"], row["where"]) for row in step.details["values"]}
    assert values["MQTT_BROKER_PASSWD"] == ("••••", f"in {tmp_path}/mqtt-password")
    assert "secret" not in str(step)
    assert "w1f1" not in str(step)


def test_a_state_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A folder below a file cannot be made, not even by root; a job would go on, so that it is a warning."""
    (tmp_path / "state").write_text("a file")
    taken = walked(tmp_path, free_port(), free_port(), APS_STATE_DIR=tmp_path / "state" / "below")
    assert taken["state"].state is State.WARNING
    assert f"{tmp_path}/state is no folder" in text(taken["state"])
    assert "set APS_STATE_DIR" in remedies(taken["state"])


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    """And left as it is."""
    (tmp_path / "state").mkdir()
    port = free_port()
    file = tmp_path / "state" / f"127.0.0.1_{port}.json"
    file.write_text("{")
    taken = walked(tmp_path, port, free_port())
    assert taken["state"].state is State.WARNING
    assert "is damaged and begun anew" in text(taken["state"])
    assert file.read_text() == "{"
    assert list((tmp_path / "state").iterdir()) == [file]


@pytest.mark.parametrize(
    ("position", "zone", "words", "state"),
    [
        ((48.86, 2.35), "Europe/Paris", "sunrise 05:47, sunset 21:58; the sun is up now", State.OK),
        ((69.65, 18.96), "Europe/Oslo", "today the sun does not set", State.OK),
        ((-77.85, 166.67), "Pacific/Auckland", "today the sun does not rise", State.OK),
        ((48.86, 2.35), "Asia/Tokyo", "position and time zone are", State.WARNING),
        ((64.15, -21.94), "Atlantic/Reykjavik", "today sunset 00:04, sunrise 02:55", State.OK),
    ],
)
def test_the_day_at_the_site_is_told(position: tuple[float, float], zone: str, words: str, state: State) -> None:
    """In the site's own time, of 21 June 2026, as almanacs have it."""
    lat, lng = position
    (chosen,) = loading.load(
        None,
        {
            "APS_ECU_IP": "ecu",
            "APS_ECU_TIMEZONE": zone,
            "APS_ECU_POSITION_LAT": str(lat),
            "APS_ECU_POSITION_LNG": str(lng),
        },
    )
    step = check._site(chosen, None, NOON)
    assert step.state is state
    assert words in text(step)


def test_stopping_at_night_without_a_position_is_a_doubt() -> None:
    """The night would be that of Paris."""
    for stop, state in ((True, State.WARNING), (False, State.OK)):
        (chosen,) = loading.load(
            None, {"APS_ECU_IP": "ecu", "APS_ECU_STOP_AT_NIGHT": str(stop), "APS_ECU_TIMEZONE": "Europe/Paris"}
        )
        step = check._site(chosen, None, NOON)
        assert step.state is state
        assert "Paris, as none is set" in text(step)
        assert ("set APS_ECU_POSITION_LAT" in remedies(step)) == stop


# -- the broker -------------------------------------------------------------------------------------------------------


class Broken(NamedTuple):
    """A broker with which something is wrong: how to set it up, and what check says then."""

    port: Callable[[ExitStack, Path, trustme.CA], int]
    name: str
    cause: str
    remedy: str
    status: int
    more: Mapping[str, object] = MappingProxyType({})


def running(settings_of: Callable[[Path, trustme.CA], str]) -> Callable[[ExitStack, Path, trustme.CA], int]:
    """A mosquitto of these settings."""
    return lambda stack, folder, ca: stack.enter_context(Broker(folder, settings_of(folder, ca))).port


def listening(treat: Callable[..., None]) -> Callable[[ExitStack, Path, trustme.CA], int]:
    """No broker at all, but something that accepts connections."""
    return lambda stack, _folder, _ca: stack.enter_context(Listener(treat)).port


def relaying(most: int) -> Callable[[ExitStack, Path, trustme.CA], int]:
    """A connection that breaks after so many bytes."""
    return lambda stack, folder, _ca: (
        stack.enter_context(Listener(relay_to(stack.enter_context(Broker(folder)).port, most))).port
    )


def for_us(folder: Path, authority: trustme.CA) -> str:
    return tls_settings(folder, authority, "127.0.0.1")


TLS = {"MQTT_BROKER_SECURED_CONNECTION": True}
OWN_CA = {**TLS, "MQTT_BROKER_CACERTS_PATH": "{}/ca.pem"}
LOGIN = {"MQTT_BROKER_USER": "johndoe", "MQTT_BROKER_PASSWD": "h8dden"}
BROKEN = {
    "none": Broken(
        lambda *_: free_port(), "broker", "refuses the connection", "check MQTT_BROKER_HOST and MQTT_BROKER_PORT", 69
    ),
    "unknown name": Broken(
        lambda *_: 1883, "broker", "is unknown", "check MQTT_BROKER_HOST", 69, {"MQTT_BROKER_HOST": "broker.invalid"}
    ),
    "mute": Broken(listening(mute), "login", "not one byte came back", "look at its log", 69),
    "mute under TLS": Broken(listening(mute), "TLS", "does not answer (time-out)", "that the port speaks TLS", 69, TLS),
    "drops before the login": Broken(
        listening(lambda _: None), "login", "drops the connection before the login", "if its port expects TLS", 69
    ),
    "drops midway": Broken(relaying(60), "message", "drops the connection", "look at its log", 69),
    "wrong password": Broken(
        running(lambda folder, _: accounts(folder)), "login", "refuses the login", "check MQTT_BROKER_USER", 77, LOGIN
    ),
    "no password": Broken(
        running(lambda folder, _: accounts(folder)), "login", "refuses the login", "check MQTT_BROKER_USER", 77
    ),
    "wrong password under TLS": Broken(
        running(lambda folder, ca: f"{for_us(folder, ca)}\n{accounts(folder)}".replace("allow_anonymous true\n", "")),
        "login",
        "refuses the login",
        "check MQTT_BROKER_USER",
        77,
        {**OWN_CA, **LOGIN},
    ),
    "unknown CA": Broken(running(for_us), "TLS", "cannot be trusted", "set MQTT_BROKER_CACERTS_PATH", 69, TLS),
    "another's certificate": Broken(
        running(lambda folder, ca: tls_settings(folder, ca, "broker.example.org")),
        "TLS",
        "has a certificate for another name",
        "set MQTT_BROKER_HOST",
        69,
        OWN_CA,
    ),
    "TLS to a plain port": Broken(
        running(lambda *_: "allow_anonymous true"), "TLS", "does not speak TLS", "set MQTT_BROKER_PORT", 69, TLS
    ),
    "plain to a TLS port": Broken(
        running(for_us), "login", "drops the connection before the login", "MQTT_BROKER_SECURED_CONNECTION: True", 69
    ),
    "no client certificate": Broken(
        running(lambda folder, ca: f"{for_us(folder, ca)}\nrequire_certificate true"),
        "login",
        "the broker at 127.0.0.1",
        "MQTT_BROKER_CERT_PATH and MQTT_BROKER_KEY_PATH",
        69,
        OWN_CA,
    ),
    "may not retain": Broken(
        running(lambda *_: "allow_anonymous true\nretain_available false"),
        "message",
        "drops the connection",
        "where its retain_available is false",
        69,
    ),
    "retains nothing, over 5": Broken(
        running(lambda *_: "allow_anonymous true\nretain_available false"),
        "login",
        "retains no messages",
        "retain_available true",
        69,
        {"MQTT_VERSION": "5"},
    ),
    "takes no QoS 1, over 5": Broken(
        running(lambda *_: "allow_anonymous true\nmax_qos 0"),
        "login",
        "takes messages at QoS 0 only",
        "max_qos 1 or 2",
        69,
        {"MQTT_VERSION": "5"},
    ),
    "takes small messages, over 5": Broken(
        running(lambda *_: "allow_anonymous true\nmax_packet_size 1000"),
        "message",
        "takes packets of 1000 bytes at most",
        "MQTT_DISCOVERY_STYLE: component",
        69,
        {"MQTT_VERSION": "5", "MQTT_DISCOVERY_ENABLED": True},
    ),
    "may not write": Broken(
        running(lambda folder, _: write_only(folder, "elsewhere/#")),
        "message",
        "refuses a message on aps/check",
        "allow the account to write there",
        77,
        {"MQTT_VERSION": "5"},
    ),
}


@pytest.fixture(scope="module")
def one_ecu() -> Iterator[Simulator]:
    """An ECU that is well, for all that ask it one after the other."""
    with sunny_ecu(plant=HEALTHY) as ecu:
        yield ecu


def test_where_both_fail_the_status_is_the_ecus_as_with_a_job(tmp_path: Path) -> None:
    """Whatever is graver."""
    with sunny_ecu(fault="refuse") as ecu, Broker(tmp_path, accounts(tmp_path)) as broker:
        taken = walked(tmp_path, ecu.port, broker.port, **PARIS, MQTT_BROKER_USER="user", MQTT_BROKER_PASSWD="wrong")
    assert (taken["connection"].status, taken["login"].status) == (69, 77)
    assert result.status(taken.values()) == 69
    assert result.status([step for name, step in taken.items() if name != "connection"]) == 77


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_broker_fails_at_its_step(
    tmp_path: Path, one_ecu: Simulator, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """With the remedy of a job's error line; the ECU is asked all the same."""
    broken = BROKEN[kind]
    if "mute" in kind:
        monkeypatch.setattr(connection, "SESSION", 0.5)
    with ExitStack() as stack:
        port = broken.port(stack, tmp_path, authority)
        more = {key: str(value).format(tmp_path) for key, value in broken.more.items()}
        taken = walked(tmp_path, one_ecu.port, port, **PARIS, **more)
    # A broker that hangs up after TLS can be faster than our first packet.
    name = "TLS" if kind == "no client certificate" and taken["TLS"].state is State.FAILED else broken.name
    check_ends_at(taken, BROKER_STEPS, name)
    assert broken.cause in text(taken[name])
    assert broken.remedy in remedies(taken[name])
    assert "Wi-Fi" not in remedies(taken[name])
    assert result.status(taken.values()) == broken.status
    assert taken["0030"].state is State.OK
    assert ("days left" in text(taken["TLS"])) == (taken["TLS"].state is State.OK)
    assert "h8dden" not in str(taken)


def test_a_broker_that_lets_nobody_read_is_a_doubt(
    tmp_path: Path, one_ecu: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job would go well, but compare nothing."""
    monkeypatch.setattr(sessions, "SETTLE", 0.3)
    with Broker(tmp_path, write_only(tmp_path)) as broker:
        taken = walked(tmp_path, one_ecu.port, broker.port, **PARIS)
    assert taken["message"].state is State.WARNING
    assert "lets this user not read" in text(taken["message"])
    assert result.status(taken.values()) == 0


@pytest.mark.parametrize("announced", [True, False])
def test_a_broker_that_drops_large_messages_is_a_doubt(tmp_path: Path, one_ecu: Simulator, *, announced: bool) -> None:
    """Over MQTT 3.1.1 mosquitto acknowledges them; what counts is what a job would send."""
    with Broker(tmp_path, "allow_anonymous true\nmessage_size_limit 1000") as broker:
        taken = walked(tmp_path, one_ecu.port, broker.port, **PARIS, MQTT_DISCOVERY_ENABLED=announced)
        assert broker.retained() == {}
    assert taken["message"].state is (State.WARNING if announced else State.OK)
    assert ("as a job's largest message has, do not arrive" in text(taken["message"])) == announced
    assert ("mosquitto: message_size_limit" in remedies(taken["message"])) == announced
    assert result.status(taken.values()) == 0


def test_the_message_of_check_is_as_large_as_the_largest_of_a_job(
    tmp_path: Path, one_ecu: Simulator, broker: Broker
) -> None:
    """Byte for byte, topic and payload; of a job of `run`, whose announcements name its presence, too."""
    more = {**PARIS, "MQTT_DISCOVERY_ENABLED": True}
    environment = {key: str(value) for key, value in settings(one_ecu.port, broker.port, tmp_path, **more).items()}
    (chosen,) = loading.load(None, environment)
    job = Job(chosen, NOON, Store(chosen.state_directory, "127.0.0.1", one_ecu.port), dry_run=True, of_run=True)
    largest = max(len(topic + payload) for topic, payload, *_ in job.run().messages)
    with broker.heard("aps/check") as said:
        walked(tmp_path, one_ecu.port, broker.port, **more)
    assert abs(max(len(topic + payload) for topic, payload in said) - largest) <= 1


def test_a_broker_that_retains_nothing_is_a_doubt(
    tmp_path: Path, one_ecu: Simulator, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Home Assistant would know nothing after its start."""

    class Forgetful(sessions.Session):
        def retained(self, topics: list[str], probe: sessions.Message) -> dict[str, str]:
            found = super().retained(topics, probe)
            return {topic: payload for topic, payload in found.items() if topic not in topics}

    monkeypatch.setattr(check, "Session", Forgetful)
    taken = walked(tmp_path, one_ecu.port, broker.port, **PARIS)
    assert taken["message"].state is State.WARNING
    assert "is not retained" in text(taken["message"])
    assert broker.retained() == {}


def test_all_is_well_over_tls(tmp_path: Path, one_ecu: Simulator, secured: Broker) -> None:
    """The certificate's names, who signed it, and how long it lasts."""
    own = {**TLS, "MQTT_BROKER_CACERTS_PATH": tmp_path / "ca.pem"}
    taken = walked(tmp_path, one_ecu.port, secured.port, **PARIS, **own)
    assert {step.state for step in taken.values()} == {State.OK}
    assert "signed by Testing CA" in text(taken["TLS"])
    assert "for 127.0.0.1, localhost" in text(taken["TLS"])
    assert re.search(r"\d+ days left", text(taken["TLS"]))


def test_a_certificate_that_ends_soon_is_a_doubt() -> None:
    """Before it is a failure."""
    peer = {
        "subject": ((("organizationName", "Home"),), (("commonName", "broker.lan"),)),
        "issuer": ((("commonName", "Home CA"),),),
        "subjectAltName": (("DNS", "broker.lan"),),
        "notAfter": "Jul  1 12:00:00 2026 GMT",
    }
    step = ecu_answers.certificate(peer, NOON)
    assert step.state is State.WARNING
    assert text(step) == "certificate of broker.lan, signed by Home CA | for broker.lan | 9 days left"
    assert ecu_answers.certificate(peer, NOON - timedelta(days=30)).state is State.OK


def rights(folder: Path, *lines: str) -> str:
    """Everybody may do this, and nothing else."""
    (folder / "acl").write_text("\n".join((*lines, "topic readwrite barrier/#", "")))
    (folder / "acl").chmod(0o600)
    return f"allow_anonymous true\nacl_file {folder}/acl"


@pytest.mark.parametrize("version", ["3.1.1", "5"])
@pytest.mark.parametrize("allowed", ["read", "write", "readwrite"])
def test_an_account_that_may_not_announce_is_told(
    tmp_path: Path, one_ecu: Simulator, monkeypatch: pytest.MonkeyPatch, version: str, allowed: str
) -> None:
    """Over MQTT 5 it is known; over 3.1.1 a message that does not come back tells of one right or the other."""
    monkeypatch.setattr(sessions, "SETTLE", 0.3)
    more = {**PARIS, "MQTT_DISCOVERY_ENABLED": True, "MQTT_VERSION": version}
    with Broker(tmp_path, rights(tmp_path, "topic readwrite aps/#", f"topic {allowed} homeassistant/#")) as broker:
        taken = walked(tmp_path, one_ecu.port, broker.port, **more)
        assert broker.retained() == {}
    step = taken["message"]
    if allowed == "readwrite" or (allowed, version) == ("write", "5"):
        assert "announcements below homeassistant are allowed" in text(step)
        assert step.state is State.OK
    elif version == "5":
        assert "refuses a message on homeassistant/" in text(step)
        assert step.status == 77
    else:
        assert "this user may not write there, or not read" in text(step)
        assert "allow the account to write homeassistant/#" in remedies(step)
        assert (step.state, step.status) == (State.WARNING, 0)


# -- nothing is left behind -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "home/roof"])
def test_the_broker_and_the_state_are_as_before(
    tmp_path: Path, one_ecu: Simulator, broker: Broker, prefix: str
) -> None:
    """The one message is on a topic of its own below the prefix, and is removed."""
    more = {**PARIS, "MQTT_TOPIC_PREFIX": prefix}
    environment = {key: str(value) for key, value in settings(one_ecu.port, broker.port, tmp_path, **more).items()}
    (chosen,) = loading.load(None, environment)
    Job(chosen, NOON, Store(chosen.state_directory, "127.0.0.1", one_ecu.port)).run()
    before, state = broker.retained(), [path.read_bytes() for path in (tmp_path / "state").iterdir()]
    assert len(before) > 30
    with broker.heard() as messages:
        taken = walked(tmp_path, one_ecu.port, broker.port, **more)
    assert {step.state for step in taken.values()} - {State.SKIPPED} == {State.OK}
    assert broker.retained() == before
    assert [path.read_bytes() for path in (tmp_path / "state").iterdir()] == state
    topic = f"{prefix}/aps/check".lstrip("/")
    assert {name for name, _ in messages} == {topic, f"{topic}/probe"}
    assert messages[-1] == (topic, "")


def test_a_check_writes_no_state(tmp_path: Path, one_ecu: Simulator) -> None:
    """Not even its folder."""
    walked(tmp_path, one_ecu.port, free_port())
    assert not (tmp_path / "state").exists()


# -- the screen -------------------------------------------------------------------------------------------------------

WELL = Step("name", State.OK, (Finding("an address, no name"),), of="ECU x")
ILL = Step(
    "0001", State.FAILED, (Finding("one two three four five six seven", ("eight nine ten eleven",)),), of="ECU x"
)


def test_lines_are_wrapped_behind_their_margin() -> None:
    """A finding hangs by two columns, a remedy behind its arrow, a row of a table below its last column."""
    table = Step("configuration", State.OK, (Finding("1.0"), Finding("    KEY  a value that is rather long")))
    assert list(result.lines(ILL, WELL, width=42, color=False)) == [
        "✗ totals (0001)    one two three four five",
        "                     six seven",
        "                   → eight nine ten eleven",
    ]
    assert list(result.lines(table, None, width=32, color=False)) == [
        "✓ configuration    1.0",
        "    KEY  a value that is rather",
        "         long",
    ]


def test_a_heading_stands_where_the_way_turns() -> None:
    """From this machine to an ECU, to the broker."""
    assert list(result.lines(WELL, None, width=80, color=False)) == [
        "",
        "ECU x",
        "✓ name             an address, no name",
    ]
    assert len(list(result.lines(WELL, ILL, width=80, color=False))) == 1


def test_colors_are_for_terminals_only() -> None:
    """And change nothing else; what steers a terminal and comes from outside becomes a question mark."""
    for step in (WELL, ILL, result.skipped("0002", "skipped")):
        plain = list(result.lines(step, None, width=60, color=False))
        colored = list(result.lines(step, None, width=60, color=True))
        assert "\033" not in "".join(plain)
        assert "\033" in "".join(colored)
        assert [re.sub(r"\033\[\d+m", "", line) for line in colored] == plain
    nasty = Step("0001", State.OK, (Finding("\033[31mred\x07"),))
    assert list(result.lines(nasty, None, width=80, color=False)) == ["✓ totals (0001)    ?[31mred?"]


def test_the_summary_names_what_failed_and_the_status() -> None:
    """And counts the warnings."""
    doubt = Step("state", State.WARNING)
    assert result.summary([WELL], 80) == ["A job would go well."]
    assert result.summary([WELL, doubt, doubt], 80) == ["A job would go well; 2 warnings."]
    failure = ILL._replace(status=ExitStatus.UNAVAILABLE)
    assert result.summary([failure, doubt], 80) == [
        "A job would fail: totals (0001) of ECU x; 1 warning. Exit status 69."
    ]


# -- the program ------------------------------------------------------------------------------------------------------


def test_the_program_tells_all_and_no_secret(tmp_path: Path, one_ecu: Simulator, broker: Broker) -> None:
    """As text without escape codes in a pipe, and with -D every frame too."""
    secrets = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD": "br0kersecret", "APS_ECU_WIFI_PASSWD": "w1f1secret"}
    environment = settings(one_ecu.port, broker.port, tmp_path, **PARIS, **secrets)
    ended = aps2mqtt("-D", "check", **environment)
    assert ended.status == 0
    assert "secret" not in ended.out + ended.err
    assert "4150533131" in ended.err
    assert "\033" not in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "MQTT_BROKER_PASSWD              ••••" in ended.out
    assert "✓ message          retained on aps/check, acknowledged" in ended.out


def test_each_step_is_told_as_soon_as_it_is_known(tmp_path: Path) -> None:
    """A person waits and watches: the configuration is there while a mute ECU is waited for."""
    with sunny_ecu(fault="mute") as ecu:
        waiting = start("check", **settings(ecu.port, free_port(), tmp_path))
        told = [waiting.stdout.readline()]
        while not told[-1].startswith("✓ connection"):
            told.append(waiting.stdout.readline())
        assert waiting.poll() is None
        waiting.kill()
        waiting.communicate()
    assert told[0].startswith("✓ configuration")


def test_json_has_the_same_facts(tmp_path: Path, one_ecu: Simulator, broker: Broker) -> None:
    """One document on standard output, for several ECUs, of which the gravest failure is the status."""
    path = tmp_path / "config.yaml"
    path.write_text(
        f"ecu:\n- APS_ECU_IP: 127.0.0.1\n  APS_ECU_PORT: {one_ecu.port}\n"
        f"- APS_ECU_IP: ecu.invalid\nmqtt:\n  MQTT_BROKER_PORT: {broker.port}\n"
    )
    secrets = {"MQTT_BROKER_USER": "u", "MQTT_BROKER_PASSWD": "br0kersecret", "APS_ECU_WIFI_PASSWD": "w1f1secret"}
    ended = aps2mqtt("-D", "-c", path, "check", "--json", APS_STATE_DIR=tmp_path / "state", **secrets)
    document = json.loads(ended.out)
    assert "secret" not in ended.out + ended.err
    assert ended.status == document["status"] == 69
    ecus = {step["of"] for step in document["steps"]}
    assert ecus == {"", f"ECU 127.0.0.1:{one_ecu.port}", "ECU ecu.invalid:8899", f"broker 127.0.0.1:{broker.port}"}
    (failure,) = (step for step in document["steps"] if step["state"] == "failed")
    assert (failure["of"], failure["name"]) == ("ECU ecu.invalid:8899", "name")
    assert failure["remedy"] == ["set APS_ECU_IP to its address"]
    assert [step["name"] for step in document["steps"]].count("message") == 1
    totals = next(step for step in document["steps"] if step["name"] == "0001")
    assert totals["details"]["ecu_id"] == "216200000001"


def test_one_of_several_ecus_is_picked(tmp_path: Path, broker: Broker) -> None:
    """By --ecu, and only its values are told."""
    port = free_port()
    path = tmp_path / "config.yaml"
    path.write_text(f"ecu:\n- APS_ECU_IP: 127.0.0.1\n  APS_ECU_PORT: {port}\n- APS_ECU_IP: ecu.invalid\n")
    environment = {"APS_STATE_DIR": tmp_path / "state", "MQTT_BROKER_PORT": broker.port}
    ended = aps2mqtt("-c", path, "check", "--ecu", "ecu.invalid", **environment)
    assert ended.status == 69
    assert str(port) not in ended.out
    assert "ECU ecu.invalid:8899" in ended.out


def test_mistakes_of_the_configuration_are_the_first_step(tmp_path: Path) -> None:
    """All of them; nothing else is tried."""
    config_file = yaml_file(tmp_path, {"ecu": {"APS_ECU_PORT": 0}, "mqtt": {"MQTT_BROKER_PORT": "x"}})
    ended = aps2mqtt("-c", config_file, "check", MQTT_BROKER_PASSWD="br0kersecret")
    assert "secret" not in ended.out
    assert (ended.status, ended.err) == (78, "")
    assert ended.out.startswith("✗ configuration")
    assert all(
        words in ended.out for words in ("APS_ECU_IP is missing", "APS_ECU_PORT = '0'", "MQTT_BROKER_PORT = 'x'")
    )
    assert ended.out.count(" skipped\n") == 12
    assert ended.out.splitlines()[-1] == "A job would fail: configuration. Exit status 78."


def test_misconfigured_walks_nowhere() -> None:
    """Every step is there, for machines too."""
    taken = list(check.misconfigured(ConfigError("one; do this", "two")))
    assert [step.state for step in taken] == [State.FAILED] + [State.SKIPPED] * 12
    assert remedies(taken[0]) == "do this"
    assert json.loads(json.dumps(result.document(taken)))["status"] == 78
