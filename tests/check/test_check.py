"""`aps2mqtt check`: the step that fails is the right one, with the right remedy; and nothing is left behind."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from check_runs import PARIS, remedies, text, walked
from parts import (
    NOON,
    Broker,
    aps2mqtt,
    closed,
    free_port,
    settings,
    start,
    sunny_ecu,
    without_rights,
    yaml_file,
)
from sunspec_units import sunspec

from aps2mqtt.base.errors import ConfigError, ExitStatus
from aps2mqtt.base.memory import Memory, Phase, Reading, Rhythm
from aps2mqtt.base.values import Site
from aps2mqtt.check import check, configuration, result, site
from aps2mqtt.check.result import Finding, State, Step
from aps2mqtt.config import keys, loading
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.plant import Plant
from aps2mqtt.simulator.server import Simulator

# -- this machine -----------------------------------------------------------------------------------------------------


def test_every_key_is_told_with_its_value_and_where_it_came_from(tmp_path: Path) -> None:
    """Section of the file, environment, a file with a secret, default."""
    (tmp_path / "password").write_text("itsasecret\n")
    path = yaml_file(
        tmp_path,
        {"ecu": {"APS_ECU_IP": "1.2.3.4", "APS_ECU_WIFI_PASSWD": "w1f1"}, "mqtt": {"MQTT_BROKER_USER": "johndoe"}},
    )
    environment = {"APS_ECU_PORT": "1", "MQTT_BROKER_PASSWD_FILE": f"{tmp_path}/password"}
    step = configuration.step(loading.load(path, environment))
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
    step = configuration.step(loading.load(path, {}))
    values = {row["key"]: (row["value"], row["where"]) for row in step.details["values"]}
    assert values["MQTT_BROKER_PASSWD"] == ("••••", f"in {tmp_path}/mqtt-password")
    assert "secret" not in str(step)
    assert "w1f1" not in str(step)


def test_a_state_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A folder below a file cannot be made, not even by root; a job would go on, so that it is a warning."""
    (tmp_path / "state").write_text("a file")
    taken = walked(tmp_path, free_port(), free_port(), APS_STATE_DIR=tmp_path / "state" / "below")
    assert taken["state"].state is State.WARNING
    assert f"{tmp_path}/state is not a folder" in text(taken["state"])
    assert "set APS_STATE_DIR" in remedies(taken["state"])


def test_a_state_directory_in_a_closed_folder_is_told(tmp_path: Path) -> None:
    """As /var/lib/aps2mqtt may be: a link into a folder of systemd."""
    (tmp_path / "state").symlink_to(closed(tmp_path) / "aps2mqtt")
    taken = without_rights("check", APS_ECU_IP="127.0.0.1", APS_ECU_PORT=free_port(), APS_STATE_DIR=tmp_path / "state")
    assert "cannot be written by this user" in " ".join(taken.out.split())
    assert taken.status == 69


def test_a_damaged_state_is_told(tmp_path: Path) -> None:
    """And left as it is."""
    (tmp_path / "state").mkdir()
    port = free_port()
    file = tmp_path / "state" / f"127.0.0.1_{port}.json"
    file.write_text("{")
    taken = walked(tmp_path, port, free_port())
    assert taken["state"].state is State.WARNING
    assert "is damaged and will be replaced" in text(taken["state"])
    assert file.read_text() == "{"
    assert list((tmp_path / "state").iterdir()) == [file]


def test_the_age_of_the_data_is_told_and_by_what_a_timer_would_be_better(tmp_path: Path) -> None:
    """With a timer on the full five minutes, with one that is soon after the data, and with `run`."""
    port = free_port()
    store = Store(tmp_path / "state", "127.0.0.1", port)
    stamp = datetime(2026, 6, 21, 10, 2, 17, tzinfo=UTC)

    def told(late: float, run_due: datetime | None = None) -> str:
        found = stamp + timedelta(seconds=late)
        phase = Phase(stamp, found, found, None, late, least=late - 300, least_at=found, periods=(300.0,) * 4)
        rhythm = Rhythm(found, run_due=run_due)
        store.save(Memory("216000000001", Reading(found), phase=phase, rhythm=rhythm))
        return text(walked(tmp_path, port, free_port())["state"])

    on_the_grid = told(163)
    assert "the last new data were 2 min old when a job read them" in on_the_grid
    assert "a timer at *:02/5:57 would read new data after 10 s instead of 2 min" in on_the_grid
    assert "aps2mqtt units" in on_the_grid
    assert "timer at" not in told(41)
    assert "`run` polls soon after the ECU has new data" in told(12, stamp + timedelta(minutes=10))


@pytest.mark.parametrize(
    ("position", "zone", "words", "state"),
    [
        ((48.86, 2.35), "Europe/Paris", "sunrise 05:47, sunset 21:58; the sun is up now", State.OK),
        ((69.65, 18.96), "Europe/Oslo", "the sun does not set today", State.OK),
        ((-77.85, 166.67), "Pacific/Auckland", "the sun does not rise today", State.OK),
        ((48.86, 2.35), "Asia/Tokyo", "position and time zone are", State.WARNING),
        ((64.15, -21.94), "Atlantic/Reykjavik", "sunset 00:04, sunrise 02:55", State.OK),
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
    step = site.step(chosen, None, NOON)
    assert step.state is state
    assert words in text(step)


def test_the_day_at_the_site_is_one_line_of_a_screen() -> None:
    """Where the sun rises and then sets, the two times alone."""
    (chosen,) = loading.load(None, {"APS_ECU_IP": "ecu", **PARIS})
    assert site.step(chosen, None, NOON).brief == ("Paris (no position set), Europe/Paris, daylight 05:47-21:58",)
    iceland = {"APS_ECU_POSITION_LAT": "64.15", "APS_ECU_POSITION_LNG": "-21.94", "APS_ECU_TIMEZONE": "UTC"}
    (chosen,) = loading.load(None, {"APS_ECU_IP": "ecu", **iceland})
    assert site.step(chosen, None, NOON).brief == ("64.15, -21.94, UTC, sunset 00:04, sunrise 02:55",)


def test_stopping_at_night_without_a_position_is_a_doubt() -> None:
    """The night would be that of Paris."""
    for stop, state in ((True, State.WARNING), (False, State.OK)):
        (chosen,) = loading.load(
            None, {"APS_ECU_IP": "ecu", "APS_ECU_STOP_AT_NIGHT": str(stop), "APS_ECU_TIMEZONE": "Europe/Paris"}
        )
        step = site.step(chosen, None, NOON)
        assert step.state is state
        assert "Paris, as no position is set" in text(step)
        assert ("set APS_ECU_POSITION_LAT" in remedies(step)) == stop


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


def test_a_step_that_is_fine_is_shown_in_short() -> None:
    """All of it with --all; a problem has its remedy between the first line and the rest; a failure has everything."""
    found = (Finding("long"), Finding("longer"), Finding("doubt", ("do this",)))
    fine = Step("name", State.OK, found[:2], brief=("short", "more"))

    def shown(step: Step, *, everything: bool = False) -> list[str]:
        return [line[19:] for line in result.lines(step, None, width=80, color=False, everything=everything)]

    assert shown(fine) == ["short", "more"]
    assert shown(fine, everything=True) == ["long", "longer"]
    assert shown(fine._replace(brief=None)) == ["long", "longer"]
    assert shown(fine._replace(brief=())) == []
    assert shown(fine._replace(brief=(), state=State.SKIPPED)) == []
    doubtful = fine._replace(state=State.WARNING, findings=found)
    assert shown(doubtful) == ["short", "doubt", "→ do this", "more"]
    assert shown(doubtful._replace(brief=())) == ["doubt", "→ do this"]
    assert shown(fine._replace(state=State.FAILED)) == ["long", "longer"]


def test_settings_are_listed_in_short_without_those_that_have_defaults(tmp_path: Path) -> None:
    """One line for each file and for the environment; the number of the others."""
    path = yaml_file(tmp_path, {"ecu": {"APS_ECU_IP": "1.2.3.4"}, "mqtt": {"MQTT_BROKER_USER": "johndoe"}})
    step = configuration.step(loading.load(path, {"APS_ECU_PORT": "1"}))
    assert step.brief is not None
    assert step.brief[1:] == (
        f"  in {path}: APS_ECU_IP=1.2.3.4, MQTT_BROKER_USER=johndoe",
        "  in the environment: APS_ECU_PORT=1",
        f"  {len(keys.KEYS) - 3} settings have their defaults; --all lists them",
    )


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
    assert result.summary([WELL], 80) == ["Ready: a job would succeed."]
    assert result.summary([WELL, doubt, doubt], 80) == ["Ready: a job would succeed. 2 warnings."]
    failure = ILL._replace(status=ExitStatus.UNAVAILABLE)
    assert result.summary([failure, doubt], 80) == [
        "Not ready: totals (0001) of ECU x failed. Exit status 69. 1 warning."
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
    assert "MQTT_BROKER_PASSWD=••••" in ended.out
    assert "✓ message          published, read back and removed\n" in ended.out
    everything = aps2mqtt("check", "--all", **environment).out
    assert "MQTT_BROKER_PASSWD              ••••" in everything
    assert "✓ message          published on aps/check, acknowledged" in everything
    assert "secret" not in everything


def test_all_that_is_well_fits_a_screen(broker: Broker) -> None:
    """24 lines of 80 columns, with the prompt below: one ECU, a broker, Home Assistant's discovery, SunSpec."""
    east = (23 - datetime.now(UTC).hour) % 24 - 11  # hours to where it is noon
    noon, lng = f"Etc/GMT{-east:+d}", 14.75 * east
    plant = Plant(timezone=ZoneInfo(noon), site=Site(48.86, lng))
    ecu_section = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_TIMEZONE": noon}
    ecu_section |= {"APS_ECU_POSITION_LAT": 48.86, "APS_ECU_POSITION_LNG": lng}
    mqtt = {"MQTT_BROKER_HOST": "127.0.0.1", "MQTT_BROKER_PORT": broker.port, "MQTT_DISCOVERY_ENABLED": True}
    mqtt |= {"MQTT_BROKER_USER": "aps2mqtt", "MQTT_BROKER_PASSWD": "secret"}
    with TemporaryDirectory() as short, Simulator(plant, port=free_port()) as ecu, sunspec(ecu) as ports:
        folder = Path(short)  # a name about as long as /etc/aps2mqtt
        for more in ({}, {"APS_ECU_SUNSPEC": True, "APS_ECU_SUNSPEC_PORT": ports.port}):
            path = yaml_file(folder, {"ecu": {**ecu_section, "APS_ECU_PORT": ecu.port, **more}, "mqtt": mqtt})
            ended = aps2mqtt("-c", path, "check", HOME=folder, COLUMNS=80)
            lines = ended.out.splitlines()
            assert (ended.status, lines[-1]) == (0, "Ready: a job would succeed."), ended.out
            assert len(lines) < 24, ended.out
            assert max(map(len, lines)) <= 80


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
    assert failure["remedy"] == ["check APS_ECU_IP, or set it to the ECU's IP address"]
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
    out = " ".join(ended.out.split())
    assert all(words in out for words in ("APS_ECU_IP is missing", "it is '0'", "it is 'x'"))
    assert "skipped" not in ended.out
    assert ended.out.splitlines()[-1] == "Not ready: configuration failed. Exit status 78."
    assert aps2mqtt("-c", config_file, "check", "--all").out.count(" skipped\n") == 13


def test_misconfigured_walks_nowhere() -> None:
    """Every step is there, for machines too."""
    taken = list(check.misconfigured(ConfigError("one; do this", "two")))
    assert [step.state for step in taken] == [State.FAILED] + [State.SKIPPED] * 13
    assert remedies(taken[0]) == "do this"
    assert json.loads(json.dumps(result.document(taken)))["status"] == 78
