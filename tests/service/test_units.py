"""Units and crontabs: what `aps2mqtt units` writes, and what systemd's own tools say of it."""

import os
import re
import shlex
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path, PurePath

import pytest
from parts import Broker, Ended, aps2mqtt, clean_environment, closed, one_line, start_script, sunny_ecu, without_rights

from aps2mqtt.base.errors import UsageError
from aps2mqtt.base.memory import Memory, Phase, Reading
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.service.units import EXAMPLE, NAMES, Paths, render, templates
from aps2mqtt.simulator.plant import Plant, inverter_models

ROOT = Path(__file__).parents[2]
SERVICES = ("aps2mqtt.service", "aps2mqtt-run.service")
UNITS = (*SERVICES, "aps2mqtt.timer")
DEFAULTS = Paths(PurePath("/opt/aps2mqtt/bin/aps2mqtt"), PurePath("/etc/aps2mqtt/config.yaml"))


def script(folder: Path) -> Path:
    """A console script in `folder`, that of no environment in particular."""
    path = folder / "aps2mqtt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom aps2mqtt.cli import main\nsys.exit(main())\n")
    path.chmod(0o755)
    return path


def units(program: Path, *arguments: object, config: object = None, cwd: Path | None = None) -> Ended:
    """`aps2mqtt units` as this program."""
    given = () if config is None else ("-c", str(config))
    ended = subprocess.run(
        [program, *given, "units", *map(str, arguments)],
        env=clean_environment() | {"PYTHONPATH": str(ROOT)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr, 0.0)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with the files, for a program that exists."""
    folder = tmp_path / "units"
    assert units(script(tmp_path / "bin"), "--output", folder).status == 0
    return folder


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    """systemd-analyze, which needs no running systemd."""
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    try:
        return subprocess.run(
            command, env=os.environ | {"TZ": "UTC"}, capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")


def directives(text: str) -> list[str]:
    """The lines that are neither comments nor empty."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


# -- what systemd's tools say -----------------------------------------------------------------------------------------


def test_systemd_has_nothing_to_say_against_the_units(written: Path) -> None:
    """`verify` is silent."""
    ended = analyze("verify", *(written / name for name in UNITS))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize("name", SERVICES)
def test_the_exposure_of_a_service_is_at_most_1_1(written: Path, name: str) -> None:
    """An unhardened one has 8 and more."""
    ended = analyze("security", "--offline=true", "--threshold=11", written / name)
    assert ended.returncode == 0, ended.stdout.splitlines()[-1]
    assert "Overall exposure level" in ended.stdout


def test_the_timer_elapses_every_five_minutes() -> None:
    """By systemd's own reading of its calendar."""
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", templates()["aps2mqtt.timer"], re.MULTILINE)
    ended = analyze("calendar", "--iterations=3", "--base-time=2026-06-21 12:02:00 UTC", calendar)
    elapses = re.findall(r"(?:Next elapse|Iter\D*\d): \w+ 2026-06-21 (\d\d:\d\d):00 UTC", ended.stdout)
    assert elapses == ["12:05", "12:10", "12:15"], ended.stdout


@pytest.mark.parametrize(("second", "elapses"), [(152, ["02:32", "07:32"]), (7, ["05:07", "10:07"])])
def test_the_timer_elapses_at_the_second_that_the_jobs_have_learned(second: int, elapses: list[str]) -> None:
    """By systemd's own reading; at that second exactly, as there is no random delay then."""
    timer = render("aps2mqtt.timer", templates()["aps2mqtt.timer"], DEFAULTS, second)
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", timer, re.MULTILINE)
    ended = analyze("calendar", "--iterations=2", "--base-time=2026-06-21 12:01:00 UTC", calendar)
    assert re.findall(r"(?:Next elapse|Iter\D*\d): \w+ 2026-06-21 12:(\S+) UTC", ended.stdout) == elapses, ended.stdout
    assert "RandomizedDelaySec=0\n" in timer
    assert "AccuracySec=1s\n" in timer
    crontab = render("crontab.example", templates()["crontab.example"], DEFAULTS, second)
    assert crontab.splitlines()[-1].startswith({152: "3-59/5 * * * * /", 7: "1-59/5 * * * * /"}[second])
    crontab = render("cron.d.example", templates()["cron.d.example"], DEFAULTS, second)
    assert crontab.splitlines()[-1].startswith(
        {152: "3-59/5 * * * * aps2mqtt /", 7: "1-59/5 * * * * aps2mqtt /"}[second]
    )
    assert "OnCalendar" not in render("aps2mqtt.service", templates()["aps2mqtt.service"], DEFAULTS, second)


def test_a_job_with_300_inverters_takes_less_than_half_of_the_memory_of_a_service(
    broker: Broker, tmp_path: Path
) -> None:
    """With all that it can publish; the peak is that of the program alone."""
    script = (
        "import pathlib, sys\nfrom aps2mqtt import cli\nstatus = cli.main(sys.argv[1:])\n"
        "print(pathlib.Path('/proc/self/status').read_text())\nsys.exit(status)"
    )
    with sunny_ecu(plant=Plant(inverters=inverter_models("300xQS1"))) as ecu:
        more = {"MQTT_BROKER_PORT": broker.port, "MQTT_PAYLOAD": "both", "MQTT_DISCOVERY_ENABLED": True}
        more |= dict.fromkeys(("APS_STATE_DIR", "APS_PAGE_DIR", "APS_METRICS_DIR"), tmp_path)
        process = start_script(script, "once", APS_ECU_IP="127.0.0.1", APS_ECU_PORT=ecu.port, **more)
        out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, "")
    assert {".html", ".json", ".prom", ".sqlite"} <= {path.suffix for path in tmp_path.iterdir()}
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", out, re.MULTILINE)
    (most,) = re.findall(r"^MemoryMax=(\d+)M$", templates()["aps2mqtt.service"], re.MULTILINE)
    assert int(peak[1]) * 2 < int(most) * 1024, f"{peak[1]} kB"


# -- the files as they are shipped ------------------------------------------------------------------------------------


def test_both_services_are_confined_alike() -> None:
    """From the state directory on; one is a job, the other stays and has a watchdog."""
    once, run = (templates()[name] for name in SERVICES)
    confinement = [text[text.index("\nStateDirectory=") :].partition("\n[Install]")[0] for text in (once, run)]
    assert directives(confinement[0]) == directives(confinement[1])
    own = set(directives(run)) - set(directives(once))
    assert own >= {
        "Conflicts=aps2mqtt.timer",
        "Type=notify",
        "WatchdogSec=10min",
        "Restart=on-failure",
        "RestartSec=30",
        "RestartPreventExitStatus=78",
        "WantedBy=multi-user.target",
    }
    assert set(directives(once)) - set(directives(run)) >= {"Type=oneshot", "TimeoutStartSec=150"}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("aps2mqtt.service", "ExecStart="),
        ("aps2mqtt.service", "LoadCredential=config.yaml:"),
        ("aps2mqtt.service", "LoadCredential=mqtt-password:"),
        ("aps2mqtt-run.service", "ExecStart="),
        ("aps2mqtt-run.service", "LoadCredential=config.yaml:"),
        ("aps2mqtt-run.service", "LoadCredential=mqtt-password:"),
        ("aps2mqtt-run.service", "WatchdogSec="),
        ("aps2mqtt.timer", "OnCalendar="),
    ],
)
def test_a_comment_says_when_to_change_a_line(name: str, line: str) -> None:
    """Right above it."""
    above = templates()[name].partition(f"\n{line}")[0].rpartition("\n\n")[2].splitlines()
    comment = []
    while above and above[-1].startswith("#"):
        comment.insert(0, above.pop().removeprefix("# "))
    assert re.search(r"Change (this line|the path)", " ".join(comment)), comment


def test_the_crontab_says_what_to_change_and_how_to_install_it() -> None:
    """It is one line for cron, and comments that fit a screen."""
    text = templates()["crontab.example"]
    assert directives(text) == ["*/5 * * * * /opt/aps2mqtt/bin/aps2mqtt -c /etc/aps2mqtt/config.yaml once"]
    for words in ("crontab crontab.example", "crontab -e", "first path", "the second if", "/usr/bin:/bin", "*/10"):
        assert words in text


def test_the_file_for_cron_d_names_a_user_and_who_gets_the_mail() -> None:
    """Its user has no mailbox. A file below /etc/cron.d has a column more than a crontab."""
    mail, line = directives(templates()["cron.d.example"])
    assert mail == "MAILTO=root"
    assert line == "*/5 * * * * aps2mqtt /opt/aps2mqtt/bin/aps2mqtt -c /etc/aps2mqtt/config.yaml once"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_fits_a_terminal(name: str) -> None:
    """80 columns, as it is read with `systemctl cat`; but a line for cron cannot be wrapped."""
    lines = [line for line in templates()[name].splitlines() if not line.startswith("*/5 ")]
    assert max(map(len, lines)) <= 80


# -- with the paths of an installation --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_default_paths_give_the_file_as_it_is_shipped(name: str) -> None:
    """Byte for byte."""
    assert render(name, (ROOT / name).read_text(), DEFAULTS) == (ROOT / name).read_text()


HANDED_OVER = (
    "LoadCredential=config.yaml:/srv/etc/roof.yaml",
    "LoadCredential=mqtt-password:/srv/etc/mqtt-password",
    "LoadCredential=mqtt-ca.pem:/srv/etc/mqtt-ca.pem",
    "LoadCredential=mqtt-cert.pem:/srv/etc/mqtt-cert.pem",
    "LoadCredential=mqtt-key.pem:/srv/etc/mqtt-key.pem",
)


@pytest.mark.parametrize("name", NAMES)
def test_other_paths_change_nothing_else(name: str) -> None:
    """Comments, too, stay as they are."""
    template = templates()[name]
    changed = render(name, template, Paths(PurePath("/srv/x/aps2mqtt"), PurePath("/srv/etc/roof.yaml")))
    pairs = zip(template.splitlines(), changed.splitlines(), strict=True)
    assert [after for before, after in pairs if before != after] == {
        "aps2mqtt.service": [
            "ExecStart=/srv/x/aps2mqtt -c /srv/etc/roof.yaml once",
            *HANDED_OVER,
        ],
        "aps2mqtt-run.service": [
            "ExecStart=/srv/x/aps2mqtt -c /srv/etc/roof.yaml run",
            *HANDED_OVER,
        ],
        "aps2mqtt.timer": [],
        "crontab.example": ["*/5 * * * * /srv/x/aps2mqtt -c /srv/etc/roof.yaml once"],
        "cron.d.example": ["*/5 * * * * aps2mqtt /srv/x/aps2mqtt -c /srv/etc/roof.yaml once"],
    }[name]


def test_awkward_paths_are_quoted_for_systemd(tmp_path: Path) -> None:
    """Systemd finds the program; a percent sign is no specifier."""
    program = script(tmp_path / "so/100% & roof $HOME/bin")
    folder = tmp_path / "units"
    assert units(program, "--output", folder, config=tmp_path / '50% a"$b\\c/config.yaml').status == 0
    text = (folder / "aps2mqtt.service").read_text()
    assert f'LoadCredential=config.yaml:{tmp_path}/50%% a"$b\\c/config.yaml\n' in text
    assert f'/aps2mqtt" -c "{tmp_path}/50%% a\\"$$b\\\\c/config.yaml" once\n' in text
    ended = analyze("verify", *(folder / name for name in UNITS))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_awkward_paths_are_quoted_for_cron() -> None:
    """As cron and then the shell take it apart; no percent sign is bare, at which cron would end the command."""
    program, config = PurePath("/so/100% & roof $HOME/aps2mqtt"), PurePath("/50% o'clock/config.yaml")
    for name, columns in {"crontab.example": 5, "cron.d.example": 6}.items():
        line = directives(render(name, templates()[name], Paths(program, config)))[-1]
        command = line.split(None, columns)[columns]
        assert not re.search(r"(?<!\\)%", command)
        assert shlex.split(command.replace("\\%", "%")) == [str(program), "-c", str(config), "once"]


@pytest.mark.parametrize("path", ["/a\nExecStartPre=/bin/true", "/a\tb", "/a\x7f"])
def test_a_path_with_control_characters_is_refused(path: str) -> None:
    """It could be more than a path."""
    for paths in (Paths(PurePath(path), DEFAULTS.config), Paths(DEFAULTS.program, PurePath(path))):
        with pytest.raises(UsageError, match="choose a path of plain characters"):
            render("aps2mqtt.service", templates()["aps2mqtt.service"], paths)


@pytest.mark.parametrize("path", ['/"a"/aps2mqtt', "/it's/aps2mqtt", "/a\\b/aps2mqtt"])
def test_a_program_that_systemd_would_not_start_is_refused(path: str, tmp_path: Path) -> None:
    """Systemd takes no quotes and no backslash there."""
    ended = units(script(tmp_path / path[1:].rpartition("/")[0]), "--output", tmp_path / "units")
    assert ended.status == 64
    assert "the path of the program does not fit into a unit" in one_line(ended.err)


# -- the command ------------------------------------------------------------------------------------------------------


def test_units_tells_what_it_wrote_and_what_to_type_next(tmp_path: Path) -> None:
    """With full paths, wherever it was started."""
    program = script(tmp_path / "bin")
    (tmp_path / "config.yaml").touch()
    ended = units(Path("bin/aps2mqtt"), "--output", "new", config="config.yaml", cwd=tmp_path)
    assert ended.status == 0
    folder = tmp_path / "new"
    lines = ended.out.splitlines()
    assert lines[: len(NAMES)] == [f"written    {folder / name}" for name in NAMES]
    assert f"The files start {program} with {tmp_path}/config.yaml." in lines
    assert f"  cp {folder}/aps2mqtt.service {folder}/aps2mqtt.timer /etc/systemd/system/" in lines
    assert "  systemctl enable --now aps2mqtt.timer" in lines
    assert "  systemctl enable --now aps2mqtt-run.service" in lines
    assert f"  crontab {folder}/crontab.example" in lines
    assert f"  less {folder}/cron.d.example" in lines
    assert {path.name for path in folder.iterdir()} == {*NAMES, EXAMPLE}
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in NAMES} == {0o644}


def test_units_writes_when_the_ecu_has_new_data_once_the_jobs_have_learned_it(tmp_path: Path) -> None:
    """And says so. Without a state, or with a mistake in the configuration, the files are as they are shipped."""
    config, state = tmp_path / "config.yaml", tmp_path / "state"
    config.write_text(f"ecu:\n  APS_ECU_IP: 127.0.0.1\n  APS_STATE_DIR: {state}\n")
    program, timer = script(tmp_path / "bin"), tmp_path / "units" / "aps2mqtt.timer"

    def written() -> str:
        ended = units(program, "--output", tmp_path / "units", "--force", config=config)
        assert ended.status == 0, ended.err
        return ended.out

    assert "right after the ECU has new data" not in written()
    assert "OnCalendar=*:0/5\n" in timer.read_text()
    at = datetime(2026, 6, 21, 10, 2, 17, tzinfo=UTC)
    phase = Phase(at, at, at, None, 5.0, least=-5.0, least_at=at, periods=(300.0,) * 4)
    Store(state, "127.0.0.1", 8899).save(Memory("216000000001", Reading(at), phase=phase))
    assert "the timer at *:02/5:32" in " ".join(written().split())
    assert "OnCalendar=*:02/5:32\n" in timer.read_text()
    config.write_text("ecu:\n  APS_ECU_PI: 127.0.0.1\n")
    assert "right after the ECU has new data" not in written()


def test_units_names_the_files_of_the_contract_where_nothing_is_given(tmp_path: Path) -> None:
    """Else the file that CONFIG_FILE names."""
    program = script(tmp_path / "bin")
    units(program, "--output", tmp_path)
    assert f"{program} -c /etc/aps2mqtt/config.yaml once" in (tmp_path / "crontab.example").read_text()
    aps2mqtt("units", "--output", tmp_path, "--force", CONFIG_FILE="/etc/roof.yaml")
    assert "-c /etc/roof.yaml once" in (tmp_path / "crontab.example").read_text()


def test_units_are_written_where_the_configuration_is_closed_to_this_user(tmp_path: Path) -> None:
    """It is root's, and people write the files before they become root."""
    config = closed(tmp_path) / "config.yaml"
    ended = without_rights("-c", config, "units", "--output", tmp_path / "units")
    assert ended.status == 0
    assert f"-c {config} once" in (tmp_path / "units" / "crontab.example").read_text()


def test_a_second_time_changes_nothing(written: Path, tmp_path: Path) -> None:
    """And says so."""
    before = {path: path.stat().st_mtime_ns for path in written.iterdir()}
    ended = units(script(tmp_path / "bin"), "--output", written)
    assert ended.out.splitlines()[: len(NAMES)] == [f"unchanged  {written / name}" for name in NAMES]
    assert {path: path.stat().st_mtime_ns for path in written.iterdir()} == before


def test_a_file_that_differs_is_kept_without_force(written: Path, tmp_path: Path) -> None:
    """Nothing else is written either."""
    program = script(tmp_path / "bin")
    changed, missing = written / "aps2mqtt.timer", written / "crontab.example"
    changed.write_text("mine\n")
    missing.unlink()
    ended = units(program, "--output", written)
    assert ended.status == 64
    assert f"nothing was written, because these files differ: {changed}; " in one_line(ended.err)
    assert "--force" in ended.err
    assert (changed.read_text(), missing.exists()) == ("mine\n", False)
    ended = units(program, "--output", written, "--force")
    assert ended.status == 0
    assert ended.out.splitlines()[1] == f"written    {changed}"
    assert changed.read_text() == templates()["aps2mqtt.timer"]


def test_a_link_is_replaced_and_not_followed(written: Path, tmp_path: Path) -> None:
    """A masked unit is a link to /dev/null."""
    program = script(tmp_path / "bin")
    unit = written / "aps2mqtt.timer"
    unit.unlink()
    unit.symlink_to("/dev/null")
    assert units(program, "--output", written).status == 64
    assert units(program, "--output", written, "--force").status == 0
    assert not unit.is_symlink()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Its parents are not made: that would be a typing error."""
    file = tmp_path / "file"
    file.touch()
    for folder, reason in ((tmp_path / "a/b", "No such file or directory"), (file, "File exists")):
        ended = aps2mqtt("units", "--output", folder)
        assert ended.status == 64
        assert one_line(ended.err) == (
            f"aps2mqtt: {folder} cannot be written ({reason}); choose another folder with --output, or run as root"
        )
    assert "--output" in one_line(aps2mqtt("units").err)


def test_a_folder_in_which_nobody_may_write_is_named() -> None:
    """One line, no traceback."""
    ended = aps2mqtt("units", "--output", "/sys/kernel/aps2mqtt")
    assert ended.status == 64
    assert re.match(r"aps2mqtt: /sys/kernel/aps2mqtt cannot be written \(.+\); choose another", one_line(ended.err))


def test_units_warns_of_what_would_not_run(tmp_path: Path) -> None:
    """A program that the services cannot see, and a configuration that is not there."""
    ended = units(script(tmp_path / "bin"), "--output", tmp_path / "units", config=tmp_path / "none.yaml")
    assert ended.status == 0
    example = tmp_path / "units" / EXAMPLE
    missing = (
        f"{tmp_path}/none.yaml does not exist yet; run `aps2mqtt init`, or copy {example} there and set APS_ECU_IP"
    )
    assert missing in ended.err
    if tmp_path.is_relative_to("/tmp"):
        assert f"systemd services cannot access {tmp_path}/bin/aps2mqtt" in ended.err


def test_the_example_of_all_settings_comes_along(tmp_path: Path) -> None:
    """Wherever the program comes from; one that is there already is left as it is."""
    program, folder = script(tmp_path / "bin"), tmp_path / "units"
    ended = units(program, "--output", folder, config=tmp_path / "none.yaml")
    assert f"written    {folder / EXAMPLE}" in ended.out.splitlines()
    assert (folder / EXAMPLE).read_text() == (ROOT / EXAMPLE).read_text()
    (folder / EXAMPLE).write_text("mine\n")
    assert units(program, "--output", folder, "--force", config=tmp_path / "none.yaml").status == 0
    assert (folder / EXAMPLE).read_text() == "mine\n"
    (folder / EXAMPLE).unlink()
    (tmp_path / "config.yaml").write_text("ecu:\n  APS_ECU_IP: 127.0.0.1\n")
    assert units(program, "--output", folder, "--force", config=tmp_path / "config.yaml").status == 0
    assert (folder / EXAMPLE).exists()


def test_a_configuration_with_mistakes_is_reported(tmp_path: Path) -> None:
    """The files are written all the same."""
    program, config = script(tmp_path / "bin"), tmp_path / "config.yaml"
    config.write_text("ecu:\n\tAPS_ECU_IP: 127.0.0.1\n")
    ended = units(program, "--output", tmp_path / "units", config=config)
    assert ended.status == 0
    assert f"{config} has mistakes (" in ended.err
    assert f"run `aps2mqtt -c {config} check`" in ended.err


def test_warnings_come_before_what_to_type_next(tmp_path: Path) -> None:
    """Else somebody has typed it."""
    command = [script(tmp_path / "bin"), "-c", tmp_path / "none.yaml", "units", "--output", tmp_path / "units"]
    environment = clean_environment() | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    said = subprocess.run(command, env=environment, text=True, timeout=60, check=True, **pipes).stdout
    assert 0 < said.index("warning: ") < said.rindex("warning: ") < said.index("\n\nNext, as root")


# -- where the files are ----------------------------------------------------------------------------------------------


def test_an_installed_wheel_has_the_files(installed: Path) -> None:
    """Byte for byte those of the repository."""
    (folder,) = installed.glob("srv/aps2mqtt/lib/python3*/site-packages/aps2mqtt/units_data")
    shipped = {name: (ROOT / name).read_text() for name in (*NAMES, EXAMPLE)}
    assert {path.name: path.read_text() for path in folder.iterdir()} == shipped
    assert templates() == {name: shipped[name] for name in NAMES}
