"""The project's own units on a real systemd: a small machine that is booted for it, see machine.py."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import machine
import pytest
import trustme
from machine import PROGRAM, ROOT, Machine
from parts import Broker, place, site_at_midnight, sunny_ecu, tls_settings, until, yaml_file

from aps2mqtt.simulator.plant import Plant
from aps2mqtt.simulator.server import Simulator

ONCE, TIMER, RUN = "aps2mqtt.service", "aps2mqtt.timer", "aps2mqtt-run.service"
TROUBLE, RUNNING = ROOT / "docs/trouble.md", ROOT / "docs/running.md"
MEMORY = 256 * 2**20
DYNAMIC = range(61184, 65520)  # systemd.exec(5), DynamicUser=


@pytest.fixture(scope="module")
def booted(installed: Path) -> Iterator[Machine]:
    """A machine with the units as `aps2mqtt units` writes them, and as it says that they are put in their place."""
    machine.need("systemd-nspawn", "nsenter", "setpriv")
    with Machine(installed) as running:
        running.run(PROGRAM, "units", "--output", "/etc/aps2mqtt")
        for name in (ONCE, TIMER, RUN):
            running.run("cp", f"/etc/aps2mqtt/{name}", "/etc/systemd/system/")
        running.run("systemctl", "daemon-reload")
        yield running


@pytest.fixture
def systemd(booted: Machine) -> Iterator[Machine]:
    """The machine with nothing configured and nothing running."""
    booted.began = time.time()
    yield booted
    booted.run("systemctl", "disable", "--now", TIMER, RUN)
    booted.run("systemctl", "stop", ONCE)
    booted.run("systemctl", "reset-failed")
    names = ("config.yaml", "mqtt-password", "mqtt-ca.pem", "mqtt-cert.pem", "mqtt-key.pem")
    booted.run("rm", "-rf", "/var/lib/aps2mqtt", "/var/lib/private/aps2mqtt", *(f"/etc/aps2mqtt/{it}" for it in names))


def configure(systemd: Machine, ecu: int, broker: int, **more: object) -> None:
    """Writes /etc/aps2mqtt/config.yaml, root's alone, for an ECU and a broker at these ports."""
    site = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": ecu, "APS_ECU_TIMEZONE": "UTC"}
    site |= {name: more.pop(name) for name in list(more) if name.startswith("APS_")}
    yaml_file(systemd.tree / "etc/aps2mqtt", {"ecu": site, "mqtt": {"MQTT_BROKER_PORT": broker, **more}})


def start(systemd: Machine) -> tuple[str, str]:
    """Starts a job and waits for its end; its result and exit status."""
    systemd.run("systemctl", "start", ONCE, check=False)
    return systemd.show(ONCE, "Result"), systemd.show(ONCE, "ExecMainStatus")


def test_the_timer_fires_one_job_after_the_other(systemd: Machine, broker: Broker) -> None:
    """Enabled as the README says; a drop-in makes it every 2 seconds, the units themselves are as they are shipped."""
    drop_in = systemd.tree / f"etc/systemd/system/{TIMER}.d/faster.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\nAccuracySec=100ms\n")
    with sunny_ecu() as ecu:
        configure(systemd, ecu.port, broker.port)
        systemd.run("systemctl", "enable", "--now", TIMER)
        until(lambda: len(ecu.requests) >= 9, "three jobs did not come")
        systemd.run("systemctl", "stop", TIMER)
        until(lambda: systemd.show(ONCE, "ActiveState") == "inactive", "the end of the job did not come")
    shutil.rmtree(drop_in.parent)
    assert systemd.show(ONCE, "Result") == "success"
    said = systemd.journal(ONCE)
    jobs = {entry["_SYSTEMD_INVOCATION_ID"] for entry in said}
    assert len(jobs) == len(said) == len(ecu.requests) / 3 >= 3  # one line for each
    assert all(re.match(r"ECU-R 216000000001: \d+ W", entry["MESSAGE"]) for entry in said)
    assert {entry["PRIORITY"] for entry in said} == {"6"}
    topics = broker.retained("aps/216000000001/+")
    assert topics["aps/216000000001/status"] == "online"
    assert int(topics["aps/216000000001/power"]) > 0


def test_jobs_wait_for_network_and_time(systemd: Machine) -> None:
    """Both are needed to know what is today; and the units are enabled where the manager starts them."""
    for unit in (ONCE, RUN):
        assert {"network-online.target", "time-sync.target"} <= set(systemd.show(unit, "After").split())
        assert "network-online.target" in systemd.show(unit, "Wants").split()
    assert "time-sync.target" in systemd.show(TIMER, "After").split()
    systemd.run("systemctl", "enable", TIMER, RUN)
    for target, unit in (("timers", TIMER), ("multi-user", RUN)):
        assert (systemd.tree / f"etc/systemd/system/{target}.target.wants/{unit}").is_symlink()


TIMES = {
    ONCE: {"Type": "oneshot", "TimeoutStartUSec": "2min 30s"},
    RUN: {"Type": "notify", "RestartUSec": "30s", "TimeoutStopUSec": "20s"},
    TIMER: {"RandomizedDelayUSec": "30s", "FixedRandomDelay": "yes", "AccuracyUSec": "5s", "Persistent": "no"},
}


@pytest.mark.parametrize("unit", TIMES)
def test_systemd_takes_every_time(systemd: Machine, unit: str) -> None:
    """As the manager has understood it."""
    assert {name: systemd.show(unit, name) for name in TIMES[unit]} == TIMES[unit]


CONFINED = {
    "DynamicUser": "yes",
    "User": "aps2mqtt",
    "CapabilityBoundingSet": "",
    "DevicePolicy": "closed",
    "LimitCORE": "0",
    "MemoryMax": str(MEMORY),
    "PrivateIPC": "yes",
    "PrivateMounts": "yes",
    "TasksMax": "256",
    "AmbientCapabilities": "",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "NoNewPrivileges": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "ProcSubset": "pid",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHome": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectProc": "invisible",
    "ProtectSystem": "strict",
    "RemoveIPC": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "StateDirectoryMode": "0700",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
}


SPACES = ("ipc", "mnt", "user", "uts")  # the namespaces that a service has of its own


@pytest.mark.parametrize("unit", [ONCE, RUN])
def test_systemd_takes_every_line_of_the_confinement(systemd: Machine, unit: str) -> None:
    """As the manager has understood it."""
    assert {name: systemd.show(unit, name) for name in CONFINED} == CONFINED
    assert set(systemd.show(unit, "RestrictAddressFamilies").split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}
    calls = set(systemd.show(unit, "SystemCallFilter").split())
    assert {"connect", "read", "write"} <= calls
    assert not {"mount", "reboot", "setuid", "ptrace", "sched_setscheduler"} & calls


def test_a_running_job_is_confined(systemd: Machine, broker: Broker) -> None:
    """Seen from outside, while an ECU keeps it waiting."""
    with sunny_ecu(fault="mute") as ecu:
        configure(systemd, ecu.port, broker.port)
        systemd.run("systemctl", "start", "--no-block", ONCE)
        until(lambda: ecu.requests, "a job did not come")
        process = job(systemd)
        status = dict(line.split(":\t", 1) for line in systemd.run("cat", f"/proc/{process}/status").splitlines())
        user = int(status["Uid"].split()[0])
        mounts = [line.split() for line in systemd.run("cat", f"/proc/{process}/mountinfo").splitlines()]
        environment = systemd.run("cat", f"/proc/{process}/environ").split("\0")
        credentials = systemd.run("ls", "-ln", f"/run/credentials/{ONCE}").splitlines()[1:]
        state = systemd.run("stat", "--dereference", "--format=%u %a", "/var/lib/aps2mqtt")
        limits = systemd.run("cat", f"/proc/{process}/limits")
        namespaces = [systemd.run("readlink", f"/proc/{process}/ns/{it}", f"/proc/1/ns/{it}").split() for it in SPACES]
        devices = systemd.run("find", f"/proc/{process}/root/dev", "-maxdepth", "1", "-type", "b,c", "-printf", "%f ")
        group = f"/sys/fs/cgroup{systemd.show(ONCE, 'ControlGroup')}"
        enforced = systemd.run("cat", f"{group}/memory.max", f"{group}/pids.max", check=False)
        controllers = systemd.run("cat", f"{group}/cgroup.controllers").split()
        systemd.run("systemctl", "stop", ONCE)
    assert user in DYNAMIC
    assert {status["CapEff"], status["CapPrm"], status["CapBnd"]} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    options = {point: flags for _, _, _, _, point, flags, *_ in mounts}
    assert "ro" in options["/"].split(",")
    assert {"/home", "/root", "/tmp", "/var/tmp", "/dev"} <= set(options)
    assert "rw" in options["/var/lib/private/aps2mqtt"].split(",")
    assert f"CREDENTIALS_DIRECTORY=/run/credentials/{ONCE}" in environment
    assert state == f"{user} 700"
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
    assert all(own != of_init for own, of_init in namespaces)
    assert set(devices.split()) <= {"full", "null", "ptmx", "random", "tty", "urandom", "zero"}
    if {"memory", "pids"} <= set(controllers):  # not on a machine with control groups of version 1
        assert enforced.split() == [str(MEMORY), "256"]
    names = {"config.yaml", "mqtt-password", "mqtt-ca.pem", "mqtt-cert.pem", "mqtt-key.pem"}
    assert {line.split()[-1] for line in credentials} == names


@pytest.mark.parametrize("unit", [ONCE, RUN])
def test_systemd_takes_the_lines_that_are_commented_out(systemd: Machine, unit: str) -> None:
    """As they are, once the # is removed."""
    lines = re.findall(r"^#(\w+=.*\n)", (ROOT / unit).read_text(encoding="utf-8"), re.MULTILINE)
    drop_in = systemd.tree / f"run/systemd/system/{unit}.d/all.conf"
    inside = Path("/") / drop_in.relative_to(systemd.tree)
    write = 'mkdir -p "${0%/*}" && printf "[Service]\n%s" "$1" > "$0" && systemctl daemon-reload'
    try:
        systemd.run("/bin/sh", "-c", write, inside, "".join(lines))
        assert set(systemd.show(unit, "IPAddressDeny").split()) == {"0.0.0.0/0", "::/0"}
        allowed = {"127.0.0.0/8", "192.168.1.0/24", "::1/128"}
        assert set(systemd.show(unit, "IPAddressAllow").split()) == allowed
        assert systemd.show(unit, "SupplementaryGroups") == "aps2mqtt-files"
        folders = ["-/var/www/html/solar", "-/var/lib/prometheus/node-exporter"]
        assert systemd.show(unit, "ReadWritePaths").split() == folders
    finally:
        systemd.run("rm", "-r", inside.parent)
        systemd.run("systemctl", "daemon-reload")


def test_a_job_writes_into_a_folder_that_is_opened_as_the_docs_say(systemd: Machine, broker: Broker) -> None:
    """The page, in a folder of the group; without these commands a job cannot write there, and says so."""
    (prepare, open_it), folder = commands("### Folders that the services write into"), "/var/www/html/solar"
    try:
        with sunny_ecu() as ecu:
            configure(systemd, ecu.port, broker.port, APS_PAGE_DIR=folder)
            systemd.run("/bin/sh", "-euc", f"PATH=$PATH:/usr/sbin; mkdir -p {folder}; {prepare}")
            assert start(systemd) == ("success", "0")
            warnings = [entry["MESSAGE"] for entry in systemd.journal(ONCE) if entry["PRIORITY"] == "4"]
            assert len(warnings) == 1
            assert "the page cannot be written (Read-only file system); create the folder" in warnings[0]
            systemd.run("/bin/sh", "-euc", open_it)
            assert start(systemd) == ("success", "0")
        user, *rest = systemd.run("stat", "--format=%u %a %F", f"{folder}/index.html").split(maxsplit=2)
        assert rest == ["644", "regular file"]
        assert int(user) in DYNAMIC
    finally:
        systemd.run("rm", "-rf", folder, f"/etc/systemd/system/{ONCE}.d")
        systemd.run("/usr/sbin/groupdel", "aps2mqtt-files")
        systemd.run("systemctl", "daemon-reload")


def test_cron_d_gets_a_user_who_goes_on_with_the_state_of_the_service(systemd: Machine, broker: Broker) -> None:
    """The commands in the example, then those of the docs; what cron then starts is in test_cron.py."""
    example, folder = (systemd.tree / "etc/aps2mqtt/cron.d.example").read_text(encoding="utf-8"), "/etc/aps2mqtt"
    install = re.findall(r"^#   (.*\n)", example, re.MULTILINE)
    systemd.run("mkdir", "/etc/cron.d")
    try:
        with sunny_ecu() as ecu:
            configure(systemd, ecu.port, broker.port)
            assert start(systemd) == ("success", "0")
            systemd.run("/bin/sh", "-euc", f"PATH=$PATH:/usr/sbin; cd {folder}; {''.join(install)}")
            systemd.run("/bin/sh", "-euc", commands("## cron")[1])
            as_user = ("setpriv", "--reuid=aps2mqtt", "--regid=aps2mqtt", "--clear-groups")
            systemd.run(*as_user, PROGRAM, "-c", f"{folder}/config.yaml", "once")
            assert len(ecu.requests) == 6
        state = f"/var/lib/aps2mqtt/127.0.0.1_{ecu.port}.json"
        owners = systemd.run("stat", "--format=%U %a", state, "/var/lib/aps2mqtt").splitlines()
        assert owners == ["aps2mqtt 600", "aps2mqtt 700"]
        assert systemd.run("stat", "--format=%U %a %F", "/etc/cron.d/aps2mqtt") == "root 644 regular file"
    finally:
        systemd.run("rm", "-r", "/etc/cron.d")
        forget_user(systemd)


def commands(heading: str) -> list[str]:
    """The blocks of commands below a heading of docs/running.md, up to the next one."""
    section = RUNNING.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    return re.findall(r"```sh\n(.*?)```", section.partition("\n#")[0], re.DOTALL)


def forget_user(systemd: Machine) -> None:
    """Without the user, the services get a dynamic one again."""
    systemd.run("/bin/sh", "-c", "/usr/sbin/userdel aps2mqtt; /usr/sbin/groupdel aps2mqtt", check=False)


def job(systemd: Machine) -> int:
    """The process of the job that runs, in the machine; 0 where none is in Python."""
    process = int(systemd.show(ONCE, "MainPID"))
    name = systemd.run("cat", f"/proc/{process}/comm", check=False) if process else ""
    return process if name == "aps2mqtt" else 0


def test_the_password_is_handed_in_as_a_credential(systemd: Machine, tmp_path: Path) -> None:
    """Of a file that is root's alone; without the file, the job starts and the broker refuses it."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "solar", "0777 seven"], check=True, capture_output=True)
    passwords.chmod(0o600)
    settings = f"allow_anonymous false\npassword_file {passwords}"
    with Broker(tmp_path, settings) as broker, sunny_ecu() as ecu:
        configure(systemd, ecu.port, broker.port, MQTT_BROKER_USER="solar")
        assert start(systemd) == ("exit-code", "77")
        password = systemd.tree / "etc/aps2mqtt/mqtt-password"
        password.touch(0o600)
        assert start(systemd) == ("exit-code", "77")  # an empty one is none
        password.write_text("0777 seven\n")
        assert start(systemd) == ("success", "0")
        password.unlink()
        configure(systemd, ecu.port, broker.port, MQTT_BROKER_USER="solar", MQTT_BROKER_PASSWD="0777 seven")
        assert start(systemd) == ("success", "0")  # of the configuration
        password.write_text("wrong\n")
        assert start(systemd) == ("success", "0")  # the file is for where no password is set
        password.write_text("0777 seven\n")
        configure(systemd, ecu.port, broker.port, MQTT_BROKER_USER="solar")
        systemd.run(PROGRAM, "check")  # by hand, as root, of the file by default: it ends with 0
    assert not [entry for entry in systemd.journal(ONCE) if "seven" in entry["MESSAGE"]]


def test_files_of_tls_can_be_roots_alone(systemd: Machine, tmp_path: Path, authority: trustme.CA) -> None:
    """The CA's certificate, the client's and its key; one that is no certificate is told of where it is."""
    client, etc = authority.issue_cert("solar@example.org"), systemd.tree / "etc/aps2mqtt"
    authority.cert_pem.write_to_path(etc / "mqtt-ca.pem")
    client.cert_chain_pems[0].write_to_path(etc / "mqtt-cert.pem")
    client.private_key_pem.write_to_path(etc / "mqtt-key.pem")
    for file in etc.glob("*.pem"):
        file.chmod(0o600)
    tls = {"MQTT_BROKER_SECURED_CONNECTION": True, "MQTT_BROKER_CACERTS_PATH": "/etc/aps2mqtt/mqtt-ca.pem"}
    tls |= {f"MQTT_BROKER_{name}_PATH": f"/etc/aps2mqtt/mqtt-{name.lower()}.pem" for name in ("CERT", "KEY")}
    demanding = tls_settings(tmp_path, authority, "127.0.0.1") + "\nrequire_certificate true"
    with Broker(tmp_path, demanding) as broker, sunny_ecu() as ecu:
        configure(systemd, ecu.port, broker.port, **tls)
        assert start(systemd) == ("success", "0")
        (etc / "mqtt-key.pem").write_text("no key")
        assert start(systemd) == ("exit-code", "78")
    assert not [entry for entry in systemd.journal(ONCE)[:-1] if int(entry["PRIORITY"]) < 5]
    assert "MQTT_BROKER_KEY_PATH must be a PEM certificate and its key" in systemd.journal(ONCE)[-1]["MESSAGE"]


def test_mistakes_are_told_of_the_file_that_people_edit(systemd: Machine) -> None:
    """Not of the credential, which nobody can."""
    yaml_file(systemd.tree / "etc/aps2mqtt", {"ecu": {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": "x"}})
    assert start(systemd) == ("exit-code", "78")
    (entry,) = systemd.journal(ONCE)
    assert entry["MESSAGE"].startswith("APS_ECU_PORT must be a whole number")


def test_a_guest_of_lxc_is_told_that_nothing_was_handed_over(systemd: Machine, broker: Broker) -> None:
    """Its drop-in for all services empties LoadCredential=; the one that docs/trouble.md has mends that."""
    emptied = systemd.tree / "run/systemd/system/service.d/zzz-lxc-service.conf"
    empty = "[Service]\nLoadCredential=\nImportCredential=\n"
    mend = re.search(r"```sh\n(mkdir -p .*?)```", TROUBLE.read_text(encoding="utf-8"), re.DOTALL)
    assert mend is not None
    write = 'mkdir -p "${0%/*}" && printf "%s" "$1" > "$0" && systemctl daemon-reload'
    inside = Path("/") / emptied.relative_to(systemd.tree)
    try:
        with sunny_ecu() as ecu:
            configure(systemd, ecu.port, broker.port)
            systemd.run("/bin/sh", "-c", write, inside, empty)
            assert start(systemd) == ("exit-code", "78")
            assert "check LoadCredential= in the unit" in systemd.journal(ONCE)[-1]["MESSAGE"]
            systemd.run("/bin/sh", "-euc", mend[1])
            assert start(systemd) == ("success", "0")
    finally:
        systemd.run("rm", "-rf", inside.parent, f"/etc/systemd/system/{ONCE}.d")
        systemd.run("systemctl", "daemon-reload")


def test_the_timer_fires_a_job_when_it_is_enabled(systemd: Machine, broker: Broker) -> None:
    """Not up to five minutes later, and one only; the drop-in takes away nothing but the delay that is drawn."""
    drop_in = systemd.tree / f"etc/systemd/system/{TIMER}.d/soon.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Timer]\nRandomizedDelaySec=0\nAccuracySec=100ms\n")
    try:
        with sunny_ecu() as ecu:
            configure(systemd, ecu.port, broker.port)
            if (until_the_next := 300 - time.time() % 300) < 30:
                time.sleep(until_the_next + 1)  # which would be a job of the calendar
            enabled = time.time()
            systemd.run("systemctl", "enable", "--now", TIMER)
            until(lambda: len(ecu.requests) >= 3, "a job did not come")
            until(lambda: systemd.show(ONCE, "ActiveState") == "inactive", "the end of the job did not come")
            time.sleep(2)
            by_calendar = time.time() // 300 - enabled // 300  # jobs, on a slow machine
            assert 3 <= len(ecu.requests) <= 3 + 3 * by_calendar
    finally:
        shutil.rmtree(drop_in.parent)


def test_a_configuration_that_is_not_there_is_told(systemd: Machine) -> None:
    """By systemd, before the program starts: 243/CREDENTIALS."""
    assert start(systemd) == ("exit-code", "243")


def test_the_state_is_kept_between_jobs(systemd: Machine, broker: Broker) -> None:
    """At night the second job knows what the first one read, and leaves the ECU alone; so does the scheduler."""
    site = site_at_midnight()
    with Simulator(Plant(site=site)) as ecu:
        address = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": ecu.port, "APS_ECU_STOP_AT_NIGHT": True}
        folder = systemd.tree / "etc/aps2mqtt"
        yaml_file(folder, {"ecu": {**address, **place(site)}, "mqtt": {"MQTT_BROKER_PORT": broker.port}})
        assert start(systemd) == ("success", "0")
        assert len(ecu.requests) == 3
        assert start(systemd) == ("success", "0")
        assert len(ecu.requests) == 3
        with broker.heard("aps/216000000001/status") as heard:
            systemd.run("systemctl", "start", "--no-block", RUN)
            until(lambda: systemd.journal(RUN), "a job of the scheduler did not come")
            assert systemd.run("stat", "--dereference", "--format=%U", "/var/lib/aps2mqtt") == "aps2mqtt"
            assert start(systemd) == ("success", "0")  # by hand, while it runs: the same user, the same state
            systemd.run("systemctl", "stop", RUN)
        assert len(heard) >= 2
        assert len(ecu.requests) == 3
    assert not [entry for unit in (ONCE, RUN) for entry in systemd.journal(unit) if int(entry["PRIORITY"]) < 5]


def test_a_job_by_hand_is_one_of_the_services(systemd: Machine, broker: Broker) -> None:
    """Root by hand knows what the timer's job knew, and leaves a state that its next job can read and replace."""
    site = site_at_midnight()
    with Simulator(Plant(site=site)) as ecu:
        address = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": ecu.port, "APS_ECU_STOP_AT_NIGHT": True}
        mqtt = {"MQTT_BROKER_PORT": broker.port}
        folder, path = systemd.tree / "etc/aps2mqtt", f"/var/lib/aps2mqtt/127.0.0.1_{ecu.port}.json"
        yaml_file(folder, {"ecu": {**address, **place(site)}, "mqtt": mqtt})
        program = f"{PROGRAM} -c /etc/aps2mqtt/config.yaml"
        assert start(systemd) == ("success", "0")
        owner = systemd.run("stat", "--format=%u:%g %a", path)
        assert int(owner.partition(":")[0]) in DYNAMIC
        assert "last successful poll at" in systemd.run("sh", "-c", f"{program} health 2>&1")
        for _ in range(2):
            written = systemd.run("stat", "--format=%i", path)
            assert systemd.run("sh", "-c", f"{program} once 2>&1") == ""  # of the night, which it knows
            assert systemd.run("stat", "--format=%i", path) != written
            assert systemd.run("stat", "--format=%u:%g %a", path) == owner
            assert start(systemd) == ("success", "0")
        assert len(ecu.requests) == 3
        assert systemd.run("ls", "-A", "/var/lib/aps2mqtt/").split() == [path.rpartition("/")[2]]
        systemd.run("install", "-m", "644", "/etc/aps2mqtt/config.yaml", "/run/own.yaml")
        nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups env XDG_STATE_HOME=/tmp"
        said = systemd.run("sh", "-c", f"{nobody} {PROGRAM} -c /run/own.yaml health 2>&1", check=False)
        assert "no successful poll is recorded for this user; see the log, or run health as root" in said
    assert owner.endswith(" 600")
    assert not [entry for entry in systemd.journal(ONCE) if int(entry["PRIORITY"]) < 5]


def test_a_job_may_write_metrics_as_docs_prometheus_says(systemd: Machine, broker: Broker) -> None:
    """With the commands and the drop-in of the page; without them it may not, and says so. Twice, with any user id."""
    page = (ROOT / "docs/prometheus.md").read_text(encoding="utf-8")
    commands = re.search(r"^ +groupadd .*?(?=^ +systemctl edit)", page, re.MULTILINE | re.DOTALL)[0]
    allowed = re.sub("^ +", "", re.search(r"```ini\n(.*?)```", page, re.DOTALL)[1], flags=re.MULTILINE)
    folder, drop_in = "/var/lib/prometheus/node-exporter", systemd.tree / f"etc/systemd/system/{ONCE}.d"
    systemd.run("mkdir", "-p", folder)
    with sunny_ecu() as ecu:
        configure(systemd, ecu.port, broker.port, APS_METRICS_DIR=folder)
        start(systemd)
        assert any("the metrics cannot be written" in said["MESSAGE"] for said in systemd.journal(ONCE))
        systemd.run("/bin/sh", "-euc", f"PATH=$PATH:/usr/sbin\n{commands}")
        drop_in.mkdir()
        (drop_in / "override.conf").write_text(allowed)
        systemd.run("systemctl", "daemon-reload")
        times = [_written(systemd, folder) for _ in range(2)]
    shutil.rmtree(drop_in)
    systemd.run("/usr/sbin/groupdel", "aps2mqtt-files")
    systemd.run("systemctl", "daemon-reload")
    assert times[0] < times[1]


def _written(systemd: Machine, folder: str) -> float:
    """The time of the last job, from the metrics that it has just written."""
    assert start(systemd) == ("success", "0")
    (line,) = systemd.run("grep", "-rh", "^aps2mqtt_last_job_timestamp_seconds{", folder).splitlines()
    return float(line.split()[-1])


# -- the built-in scheduler --------------------------------------------------------------------------------------------


def test_the_scheduler_takes_the_place_of_the_timer(systemd: Machine, broker: Broker) -> None:
    """One stops the other; a scheduler that is killed is started again."""
    with sunny_ecu() as ecu:
        configure(systemd, ecu.port, broker.port)
        systemd.run("systemctl", "start", TIMER)
        systemd.run("systemctl", "start", "--no-block", RUN)
        until(lambda: len(ecu.requests) >= 3, "a poll did not come")
        assert systemd.show(TIMER, "ActiveState") == "inactive"
        systemd.run("systemctl", "kill", "--signal=KILL", RUN)
        until(lambda: systemd.show(RUN, "SubState") == "auto-restart", "a restart in waiting did not come")
        assert systemd.show(RUN, "Result") == "signal"
        systemd.run("systemctl", "start", TIMER)
        until(lambda: systemd.show(RUN, "ActiveState") == "inactive", "the end of the scheduler did not come")


def test_the_scheduler_says_when_it_is_ready_and_that_it_lives(systemd: Machine, broker: Broker) -> None:
    """Type=notify: `systemctl start` returns when it is ready; the watchdog is fed; `stop` ends it at once."""
    with sunny_ecu() as ecu:
        configure(systemd, ecu.port, broker.port)
        systemd.run("systemctl", "start", RUN)
        assert systemd.show(RUN, "ActiveState") == "active"
        assert systemd.show(RUN, "WatchdogUSec") == "10min"
        assert systemd.show(RUN, "WatchdogTimestampMonotonic") != "0"
        until(lambda: len(ecu.requests) >= 3, "a poll did not come")
        systemd.run("systemctl", "stop", RUN)
    assert systemd.show(RUN, "Result") == "success"


def test_a_mistake_in_the_configuration_ends_the_scheduler(systemd: Machine) -> None:
    """Starting again would not mend it."""
    yaml_file(systemd.tree / "etc/aps2mqtt", {"ecu": {"APS_ECU_PORT": 8899}})
    systemd.run("systemctl", "start", RUN, check=False)
    assert systemd.show(RUN, "ExecMainStatus") == "78"
    assert systemd.show(RUN, "SubState") == "failed"
    assert systemd.show(RUN, "NRestarts") == "0"
    assert "APS_ECU_IP is missing" in systemd.journal(RUN)[-1]["MESSAGE"]
