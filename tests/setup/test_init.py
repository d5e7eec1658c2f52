"""`init`: with options alone, and with a person who types. Nothing is searched but this worker's loopback addresses."""

import os
import socket
import stat
import time
from pathlib import Path

import pytest
from devices import House
from parts import NOON, Broker, Ended, aps2mqtt, closed, one_line, start_with, without_rights
from typing_session import Session, session

from aps2mqtt.config import loading
from aps2mqtt.simulator import server
from aps2mqtt.simulator.plant import ECU_MODELS, Plant
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources import lock

POSITION = "Latitude,longitude of the site, such as 48.86,2.35 (Enter: poll at night, too)"
# The networks of this machine are those of the test.
SEARCHING = """
import sys
from aps2mqtt import cli
from aps2mqtt.commands import find
from aps2mqtt.setup import networks
find.area = lambda texts: networks.named(["{network}"])
sys.exit(cli.main(sys.argv[1:]))
"""


def init(path: Path, *arguments: object, **environment: object) -> Ended:
    """Without a terminal: nothing is asked."""
    return aps2mqtt("init", "-c", path, *arguments, XDG_STATE_HOME=path.parent / "state", **environment)


def at_a_terminal(house: House, path: Path, *arguments: object):
    """With one."""
    state = path.parent / "state"
    script = SEARCHING.format(network=house.network)
    return session(script, "init", "-c", path, *arguments, XDG_STATE_HOME=state, COLUMNS=80, TZ="Europe/Berlin")


def loaded(path: Path) -> dict[str, str]:
    """The settings of the file as the program reads them."""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (config,) = loading.load(path, {})
    assert config.warnings == ()
    return {name: given.text for name, given in config.given.items()}


# -- options alone ----------------------------------------------------------------------------------------------------


def test_options_alone_write_a_file_that_works(house: House, broker: Broker, tmp_path: Path) -> None:
    """And check it; the folder is made, and the next commands are named."""
    house.ecu(7)
    path = tmp_path / "new" / "config.yaml"
    address = f"127.0.0.1:{broker.port}"
    ended = init(
        path, "--ecu", house.address(7), "--broker", address, "--home-assistant", "--night", "--position=48.86,2.35"
    )
    assert (ended.status, ended.err) == (0, "")
    assert loaded(path) == {
        "APS_ECU_IP": house.address(7),
        "APS_ECU_STOP_AT_NIGHT": "True",
        "APS_ECU_POSITION_LAT": "48.86",
        "APS_ECU_POSITION_LNG": "2.35",
        "MQTT_BROKER_HOST": "127.0.0.1",
        "MQTT_BROKER_PORT": str(broker.port),
        "MQTT_DISCOVERY_ENABLED": "True",
    }
    assert "ECU-R 216000000001, firmware" in ended.out
    assert f"written  {path} (only its owner can read it)" in ended.out
    assert f"\n  aps2mqtt -c {path} once\n" in ended.out
    assert f"\n  aps2mqtt -c {path} show\n" in ended.out
    assert f"\n  aps2mqtt -c {path} units --output {path.parent}\n" in ended.out
    assert ended.out.endswith("\nIn Home Assistant: Settings, Devices & services, MQTT\n")
    assert broker.retained() == {}


def test_the_status_is_that_of_check(house: House, tmp_path: Path) -> None:
    """The file is there all the same: what failed may be the broker alone."""
    house.ecu(7)
    path = tmp_path / "config.yaml"
    ended = init(path, "--ecu", house.address(7), "--broker", "127.0.0.1:1")
    assert ended.status == 69
    assert loaded(path)["MQTT_BROKER_PORT"] == "1"
    assert ended.out.endswith(f"Fix what failed: edit {path}, then run\n  aps2mqtt -c {path} check\n")


def test_a_password_comes_from_a_file_and_is_nowhere_shown(house: House, broker: Broker, tmp_path: Path) -> None:
    house.ecu(7)
    path, secret = tmp_path / "config.yaml", tmp_path / "secret"
    secret.write_text("it's #1: \\n0777 \nsecond line\n")
    arguments = ("--ecu", house.address(7), "--broker", f"127.0.0.1:{broker.port}", "--user", "solar")
    ended = init(path, *arguments, "--password-file", secret, "-D")
    assert ended.status == 0
    assert "0777" not in ended.out + ended.err
    (config,) = loading.load(path, {})
    assert (config.broker.user, config.broker.password) == ("solar", "it's #1: \\n0777 ")


@pytest.mark.parametrize("where", ["option", "environment", "link"])
def test_an_existing_file_is_replaced_with_force_only(house: House, tmp_path: Path, where: str) -> None:
    house.ecu(7)
    path = tmp_path / "config.yaml"
    path.write_text("mine")
    named = path
    if where == "link":
        named = tmp_path / "link.yaml"
        named.symlink_to(path)
    arguments = ("init", "--ecu", house.address(7), "--broker", "127.0.0.1:1")
    more = {"CONFIG_FILE": named} if where == "environment" else {}
    arguments += () if where == "environment" else ("-c", named)
    ended = aps2mqtt(*arguments, **more, APS_STATE_DIR=tmp_path)
    assert ended.status == 64
    assert f"{named} exists already" in one_line(ended.err)
    assert ended.out == ""
    assert path.read_text() == "mine"
    assert aps2mqtt(*arguments, "--force", **more, APS_STATE_DIR=tmp_path).status == 69
    assert loaded(named)["APS_ECU_IP"] == house.address(7)
    assert path.read_text() == "mine" or where != "link"


def test_the_default_file_is_that_of_the_machine(tmp_path: Path) -> None:
    """Here with another constant."""
    path = tmp_path / "etc" / "config.yaml"
    changes = (
        f"from pathlib import Path\nfrom aps2mqtt.config import loading\nloading.DEFAULT_FILE = Path({str(path)!r})"
    )
    process = start_with(changes, "init", "--ecu", "ecu.invalid", "--broker", "127.0.0.1:1", APS_STATE_DIR=tmp_path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 69
    assert loaded(path)["APS_ECU_IP"] == "ecu.invalid"
    assert out.endswith(f"Fix what failed: edit {path}, then run\n  aps2mqtt check\n")


@pytest.mark.parametrize("name", ["/proc/none/config.yaml", "/dev/null/config.yaml", "/dev"])
def test_a_file_that_cannot_be_written_is_told_before_anything_else(name: str) -> None:
    ended = aps2mqtt("init", "-c", name, "--force", "--ecu", "127.0.0.1")
    assert ended.status == 78
    assert f"{name} c" in ended.err.splitlines()[-1]
    assert "name another file with -c FILE" in ended.err


def test_a_user_who_may_not_write_there_is_told_so(tmp_path: Path) -> None:
    """Root may write everywhere, so the test takes the right away."""
    process = start_with("import os\nos.access = lambda *_: False", "init", "-c", tmp_path / "c.yaml", "--ecu", "::1")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 78
    assert "cannot be written by this user; run aps2mqtt as root" in one_line(err)


def test_a_file_in_a_closed_folder_is_told_as_well(tmp_path: Path) -> None:
    ended = without_rights("init", "-c", closed(tmp_path) / "c.yaml", "--ecu", "::1")
    assert ended.status == 78
    assert "cannot be written by this user; run aps2mqtt as root" in one_line(ended.err)


def test_a_closed_standard_input_is_no_terminal(tmp_path: Path) -> None:
    changes = f"sys.stdin = None\nsys.argv[1:] = ['init', '-c', '{tmp_path}/c.yaml', '--ecu', '::1', '--broker', '::1']"
    process = start_with(changes, APS_STATE_DIR=tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == 69
    assert loaded(tmp_path / "c.yaml") == {"APS_ECU_IP": "::1", "MQTT_BROKER_HOST": "::1"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--ecu", "http://x"), "APS_ECU_IP must be"),
        (("--broker", "broker:0"), "MQTT_BROKER_PORT must be"),
        (("--night",), "--night needs the position of the site; add --position"),
        (("--position", "Paris"), "'Paris' is not a position"),
        (("--night", "--position="), "'' is not a position"),
        (("--timezone", "Paris"), "APS_ECU_TIMEZONE must be the name of a time zone (did you mean Europe/Paris?)"),
        (("--password-file", "/dev/null"), "the password file /dev/null cannot be read"),
        (("--password", "s3cret"), "other users can see a command line; type the password when asked"),
        (("--password=s3cret",), "other users can see a command line"),
    ],
)
def test_a_wrong_option_is_told_and_nothing_is_written(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    ended = init(tmp_path / "config.yaml", "--ecu", "127.0.0.1", *arguments)
    assert ended.status == 64
    assert says in one_line(ended.err)
    assert "s3cret" not in ended.err
    assert ended.out == ""  # nothing has been searched
    assert list(tmp_path.iterdir()) == []


def test_a_password_needs_a_user(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    ended = init(tmp_path / "config.yaml", "--ecu", "127.0.0.1", "--password-file", tmp_path / "secret")
    assert ended.status == 64
    assert "--password-file needs a user; add --user NAME" in one_line(ended.err)
    assert ended.out == ""
    assert not (tmp_path / "config.yaml").exists()


def test_ecus_at_other_ports_are_found_and_written(house: House, tmp_path: Path) -> None:
    """Each with the port of its own, as a list."""
    first = house.ecu(7, port=0)
    house.ecu(8, "ECU-B")
    path = tmp_path / "config.yaml"
    places = f"{house.address(7)}:{first.port},{house.address(8)}"
    ended = init(path, "--ecu", places, "--broker", "127.0.0.1:1")
    assert (ended.status, ended.err) == (69, "")  # there is no broker
    assert "ECU-R 216000000001" in ended.out
    assert "ECU-B 216300000001" in ended.out
    assert [config.ecu.address for config in loading.load(path, {})] == [
        f"{house.address(7)}:{first.port}",
        f"{house.address(8)}:8899",
    ]


def test_an_ecu_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has the name."""
    monkeypatch.setattr(server, "HOST", "127.0.0.1")
    path = tmp_path / "config.yaml"
    with Simulator(Plant(ECU_MODELS["ECU-R"]), port=0, clock=lambda: NOON) as ecu:
        ended = init(path, "--ecu", f"localhost:{ecu.port}", "--broker", "127.0.0.1:1")
    assert (ended.status, ended.err) == (69, "")
    assert f"searched         127.0.0.1 (localhost), port {ecu.port}\n" in ended.out
    assert (loaded(path)["APS_ECU_IP"], loaded(path)["APS_ECU_PORT"]) == ("localhost", str(ecu.port))


@pytest.mark.parametrize("place", ["127.0.0.9:1", "localhost:1", "[::1]:1", "ecu.invalid:1"])
def test_an_ecu_that_does_not_answer_is_a_warning_if_nobody_is_asked(place: str, tmp_path: Path) -> None:
    ended = init(tmp_path / "config.yaml", "--ecu", place, "--broker", "127.0.0.1:1", "--yes")
    assert ended.status == 69
    assert f"aps2mqtt: warning: no ECU answers at {place}; check the address" in one_line(ended.err)
    assert loaded(tmp_path / "config.yaml")["APS_ECU_PORT"] == "1"


def test_an_ecu_that_another_job_uses_is_no_warning(house: House, tmp_path: Path) -> None:
    house.ecu(7)
    path = tmp_path / "config.yaml"
    changes = "from aps2mqtt.setup import find\nfrom aps2mqtt.sources import ask\nfind.PATIENCE = ask.PATIENCE = 0.2"
    arguments = ("--ecu", house.address(7), "--broker", "127.0.0.1:1")
    with lock.hold(house.address(7), 8899, 0):
        process = start_with(changes, "init", "-c", path, *arguments, XDG_STATE_HOME=tmp_path)
        _, err = process.communicate(timeout=60)
    assert "no ECU answers" not in err
    assert path.exists()


def test_settings_that_only_the_environment_has_are_named(house: House, tmp_path: Path) -> None:
    """Never their values; a setting that the file has, too, is none."""
    ecu = house.ecu(7, port=0)
    path = tmp_path / "config.yaml"
    arguments = ("--ecu", house.address(7), "--broker", "127.0.0.1:1")
    ended = init(path, *arguments, APS_ECU_PORT=ecu.port, APS_ECU_IP=house.address(7), MQTT_BROKER_HOST="127.0.0.1")
    assert ended.err.splitlines()[-1] == (
        "aps2mqtt: warning: this check also used APS_ECU_PORT from the environment, which systemd and cron do not "
        f"see; add it to {path}"
    )
    ended = init(path, *arguments, "--force", MQTT_BROKER_PASSWD="s3cret", MQTT_CLIENT_ID="me")
    assert ended.err.splitlines()[-1].endswith(
        "this check also used MQTT_BROKER_PASSWD, MQTT_CLIENT_ID from the environment, which systemd and cron do not "
        f"see; add them to {path}"
    )
    assert "s3cret" not in ended.out + ended.err


def test_a_place_in_the_south_is_an_option_like_any_other(house: House, tmp_path: Path) -> None:
    """The minus sign makes no option of it."""
    house.ecu(7)
    path = tmp_path / "config.yaml"
    ended = init(path, "--ecu", house.address(7), "--broker", "127.0.0.1:1", "--night", "--position", "-33.9,151.2")
    assert (ended.status, ended.err) == (69, "")
    assert (loaded(path)["APS_ECU_POSITION_LAT"], loaded(path)["APS_ECU_POSITION_LNG"]) == ("-33.9", "151.2")


def test_without_a_known_ecu_nothing_is_written(house: House, tmp_path: Path) -> None:
    """Nobody can be asked."""
    path = tmp_path / "config.yaml"
    changes = SEARCHING.format(network=house.network).replace("sys.exit", "#")
    process = start_with(changes, "init", "-c", path)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 69
    assert f"no ECU answers on port 8899 in {house.network}" in one_line(err)
    assert not path.exists()


def test_without_a_terminal_all_ecus_found_are_taken(house: House, tmp_path: Path) -> None:
    for number, model in ((7, "ECU-R"), (8, "ECU-B")):
        house.ecu(number, model)
    path = tmp_path / "config.yaml"
    changes = SEARCHING.format(network=house.network).replace("sys.exit", "#")
    process = start_with(changes, "init", "-c", path, "--broker", "127.0.0.1:1", APS_STATE_DIR=tmp_path)
    process.communicate(timeout=60)
    assert [config.ecu.host for config in loading.load(path, {})] == [house.address(7), house.address(8)]


# -- a person who types -----------------------------------------------------------------------------------------------


def test_a_person_answers_the_questions(house: House, broker: Broker, tmp_path: Path) -> None:
    """Wrong answers are told, and the questions repeated; the password is not shown."""
    house.ecu(7)
    path = tmp_path / "config.yaml"
    with at_a_terminal(house, path) as person:
        person.waits_for("ECU-R 216000000001, firmware ECU_R_1.3.19C")
        person.answers(f"Address of the ECU [{house.address(7)}]: ", "http://ecu/")
        person.waits_for("APS_ECU_IP must be")
        person.answers(f"Address of the ECU [{house.address(7)}]: ", "")
        person.answers("MQTT broker (HOST or HOST:PORT) [127.0.0.1]: ", f"127.0.0.1:{broker.port}")
        person.answers("MQTT user (empty: none): ", "solar")
        person.answers("MQTT password of solar (is not shown): ", "pa ss'word")
        person.answers("Show the devices in Home Assistant (MQTT discovery)? [y/N]: ", "Y")
        person.answers("Stop polling at night? [y/N]: ", "maybe")
        person.waits_for("'maybe' is not an answer; type y or n")
        person.answers("Stop polling at night? [y/N]: ", "y")
        person.answers(f"{POSITION}: ", "52,5,13,4")
        person.waits_for("write a point in decimals and one")
        person.answers(f"{POSITION}: ", "52.5 13.4")
        person.answers("Time zone of the site [Europe/Berlin]: ", "")
        assert person.ends() == 0
    assert "ss'word" not in person.seen
    assert loaded(path) | {"MQTT_BROKER_PASSWD": ""} == {
        "APS_ECU_IP": house.address(7),
        "APS_ECU_STOP_AT_NIGHT": "True",
        "APS_ECU_POSITION_LAT": "52.5",
        "APS_ECU_POSITION_LNG": "13.4",
        "APS_ECU_TIMEZONE": "Europe/Berlin",
        "MQTT_BROKER_HOST": "127.0.0.1",
        "MQTT_BROKER_PORT": str(broker.port),
        "MQTT_BROKER_USER": "solar",
        "MQTT_BROKER_PASSWD": "",
        "MQTT_DISCOVERY_ENABLED": "True",
    }
    assert loading.load(path, {})[0].broker.password == "pa ss'word"
    before = person.seen.partition("written  ")[0]
    lines = [line.rpartition("\r")[2].removeprefix(POSITION) for line in before.split("\n")]
    assert max(map(len, lines)) <= 80


def all_but_the_last(person: Session, house: House) -> None:
    """Every answer but the time zone."""
    person.answers(f"Address of the ECU [{house.address(7)}]: ", "")
    person.answers("MQTT broker (HOST or HOST:PORT) [127.0.0.1]: ", "127.0.0.1:1")
    person.answers("MQTT user (empty: none): ", "")
    person.answers("Show the devices in Home Assistant (MQTT discovery)? [y/N]: ", "")
    person.answers("Stop polling at night? [y/N]: ", "")
    person.waits_for("Time zone of the site [Europe/Berlin]: ")


@pytest.mark.parametrize("key", [b"\x03", b"\x04"])
def test_ctrl_c_and_ctrl_d_leave_nothing_behind(house: House, tmp_path: Path, key: bytes) -> None:
    """At the last question, in a folder that is not there yet."""
    house.ecu(7)
    path = tmp_path / "new" / "config.yaml"
    with at_a_terminal(house, path) as person:
        all_but_the_last(person, house)
        time.sleep(0.2)  # until the terminal is read
        person.types(key)
        assert person.ends() == 130
    assert person.seen.endswith("\naps2mqtt: nothing was written\n")
    assert "Traceback" not in person.seen
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_the_password_leaves_nothing_behind(house: House, tmp_path: Path) -> None:
    house.ecu(7)
    options = ("--ecu", house.address(7), "--broker", "127.0.0.1:1", "--user", "solar")
    with at_a_terminal(house, tmp_path / "config.yaml", *options) as person:
        person.waits_for("MQTT password of solar (is not shown): ")
        time.sleep(0.2)  # until the terminal is read
        person.types(b"\x03")
        assert person.ends() == 130
    assert person.seen.endswith("\naps2mqtt: nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_without_a_position_polling_goes_on_at_night(house: House, tmp_path: Path) -> None:
    """Enter leads out of the question."""
    house.ecu(7)
    path = tmp_path / "config.yaml"
    options = ("--ecu", house.address(7), "--broker", "127.0.0.1:1", "--user", "", "--no-home-assistant")
    with at_a_terminal(house, path, *options) as person:
        person.answers("Stop polling at night? [y/N]: ", "y")
        person.answers(f"{POSITION}: ", "")
        person.answers("Time zone of the site [Europe/Berlin]: ", "")
        assert person.ends() == 69
    assert {name for name in loaded(path) if "NIGHT" in name or "POSITION" in name} == set()


def test_a_typed_ecu_is_searched_at_its_port(house: House, tmp_path: Path) -> None:
    """One that does not answer is asked about, and the question repeated after no."""
    ecu = house.ecu(9, port=0)
    path = tmp_path / "config.yaml"
    options = ("--broker", "127.0.0.1:1", "--user", "", "--no-home-assistant", "--no-night", "--timezone", "Etc/UTC")
    with at_a_terminal(house, path, *options) as person:
        person.answers("Address of the ECU: ", house.address(9))
        person.answers(f"No ECU answers at {house.address(9)}:8899. Write the file anyway? [y/N]: ", "")
        person.answers("Address of the ECU: ", f"{house.address(9)}:{ecu.port}")
        person.waits_for(f"searched         {house.address(9)}, port {ecu.port}\n")
        person.waits_for("ECU-R 216000000001, firmware")
        person.waits_for("written")
    assert (loaded(path)["APS_ECU_IP"], loaded(path)["APS_ECU_PORT"]) == (house.address(9), str(ecu.port))


@pytest.mark.parametrize("word", ["y", "n"])
def test_an_ecu_of_the_options_that_does_not_answer_is_asked_about(house: House, tmp_path: Path, word: str) -> None:
    path = tmp_path / "config.yaml"
    options = ("--broker", "127.0.0.1:1", "--user", "", "--no-home-assistant", "--no-night", "--timezone", "Etc/UTC")
    with at_a_terminal(house, path, "--ecu", house.address(9), *options) as person:
        person.waits_for(f"searched         {house.address(9)}, port 8899\n")
        person.answers(f"No ECU answers at {house.address(9)}:8899. Write the file anyway? [y/N]: ", word)
        assert person.ends() == 69
    assert path.exists() == (word == "y")
    assert (f"no ECU answers at {house.address(9)}:8899, so nothing was written" in person.seen) == (word == "n")


def test_a_person_without_an_ecu_types_its_address(house: House, tmp_path: Path) -> None:
    """It may be switched off."""
    path = tmp_path / "config.yaml"
    with at_a_terminal(house, path, "--broker", "127.0.0.1:1", "--user", "", "--no-home-assistant") as person:
        person.waits_for("no ECU answers on port 8899 in")
        person.answers("Address of the ECU: ", "")
        person.answers("Address of the ECU: ", "ecu.invalid")
        person.waits_for("the ECU's host name ecu.invalid is unknown")
        person.answers("No ECU answers at ecu.invalid:8899. Write the file anyway? [y/N]: ", "y")
        person.answers("Stop polling at night? [y/N]: ", "")
        person.answers("Time zone of the site [Europe/Berlin]: ", "America/Lima")
        assert person.ends() == 69
    assert loaded(path)["APS_ECU_IP"] == "ecu.invalid"
    assert loaded(path)["APS_ECU_TIMEZONE"] == "America/Lima"


def test_bytes_that_are_no_text_are_a_wrong_answer(house: House, tmp_path: Path) -> None:
    house.ecu(7)
    with at_a_terminal(house, tmp_path / "config.yaml") as person:
        person.waits_for("Address of the ECU")
        person.types(b"\xff\n")
        person.waits_for("APS_ECU_IP must be")
        person.answers("Address of the ECU", "")
        person.answers("MQTT broker", "")
        person.answers("MQTT user", "solar")
        person.waits_for("MQTT password")
        person.types(b"\xff\n")
        person.waits_for("the password is not UTF-8 text; type another one")
        person.waits_for("MQTT password")
        time.sleep(0.2)  # until the terminal is read
        person.types(b"\x03")
        assert person.ends() == 130
    assert "Traceback" not in person.seen


@pytest.mark.skipif(os.getuid() != 0, reason="root is needed to listen on port 502")
@pytest.mark.parametrize(("word", "status"), [("y", True), ("n", False)])
def test_sunspec_is_offered_if_its_port_is_open(house: House, tmp_path: Path, word: str, *, status: bool) -> None:
    house.ecu(7, "ECU-R-Pro")
    listener = socket.create_server((house.address(7), 502))
    path = tmp_path / "config.yaml"
    options = ("--broker", "127.0.0.1:1", "--user", "", "--home-assistant", "--no-night", "--timezone", "Etc/UTC")
    with listener, at_a_terminal(house, path, *options) as person:
        person.answers("Address of the ECU", "")
        person.answers("Read values of each panel from port 502 (SunSpec), too? [y/N]: ", word)
        person.waits_for("written")
    (config,) = loading.load(path, {})
    assert config.ecu.sunspec is status
