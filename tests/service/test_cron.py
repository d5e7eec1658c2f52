"""The crontabs on a real cron, which runs in a mount namespace with a spool and a mail system of its own."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_string
from pathlib import Path

import machine
import pytest
from machine import PROGRAM, in_namespace
from parts import Broker, free_port, place, site_at_midnight, sunny_ecu, until, yaml_file

from aps2mqtt.simulator.plant import Plant
from aps2mqtt.simulator.server import Simulator

USER, UID = "solar", 4711
MINUTE = 75.0  # seconds until cron has fired and its jobs have ended
AS_USER = f"setpriv --reuid={UID} --regid={UID} --clear-groups env -i HOME=/srv/home PATH=/usr/bin:/bin"
# cron's own: neither the host's crontabs are seen nor its pid file; /srv is the installation's.
NAMESPACE = """
mount --bind "$0"/spool /var/spool/cron/crontabs
mount --bind "$0"/sbin /usr/sbin
mount --bind "$0"/passwd /etc/passwd
mount --bind "$0"/cron.d /etc/cron.d
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
mount -t tmpfs tmpfs /run
crontab -u solar "$0"/crontab
exec /usr/sbin/cron -f
"""
SENDMAIL = '#!/bin/sh\nexec cat >"$(mktemp /srv/mail/XXXXXX)"\n'


class Mails:
    """What cron has mailed so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __len__(self) -> int:
        return len(list(self.folder.iterdir()))

    def by_command(self) -> dict[str, list[str]]:
        """What each command has printed, as lines."""
        found: dict[str, list[str]] = {}
        for mail in (message_from_string(path.read_text()) for path in self.folder.iterdir()):
            found.setdefault(mail["Subject"].partition("> ")[2], []).extend(mail.get_payload().splitlines())
        return found


@pytest.fixture
def tree(installed: Path, tmp_path: Path) -> Iterator[Path]:
    """An installation with the files that cron is to see in `srv` and in `cron`."""
    machine.need("cron", "crontab", "unshare", "setpriv")
    for name in ("spool", "sbin", "cron.d"):
        (tmp_path / name).mkdir()
    shutil.copy(machine.find("cron"), tmp_path / "sbin")
    (tmp_path / "sbin/sendmail").write_text(SENDMAIL)
    (tmp_path / "sbin/sendmail").chmod(0o755)
    (tmp_path / "passwd").write_text(Path("/etc/passwd").read_text() + f"{USER}:*:{UID}:{UID}::/srv/home:/bin/sh\n")
    for name in ("home", "mail"):
        (installed / "srv" / name).mkdir()
    shutil.chown(installed / "srv/home", UID, UID)
    (installed / "srv/mail").chmod(0o777)
    yield installed
    for name in ("home", "mail"):
        shutil.rmtree(installed / "srv" / name)


@contextmanager
def cron(tree: Path, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real cron with the crontab in `folder`; it is ended when its jobs have."""
    enter = 'mount --bind "$0" /srv; exec /bin/sh -euc "$@"'
    command = ["unshare", "--mount", "/bin/sh", "-euc", enter, tree / "srv", NAMESPACE, folder]
    log = folder / "cron.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*machine.ENDING_WITH_US, *command], stdout=output, stderr=output)
    try:
        yield process
        assert process.poll() is None, log.read_text()
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until(lambda: not children.read_text(), "the end of cron's jobs did not come")
    finally:
        process.terminate()
        process.wait(10)


def configure(tree: Path, name: str, ecu: dict[str, object], broker: Broker, example: str = "crontab.example") -> str:
    """Writes a configuration into a folder of this name, the last word of which is its prefix; the example's text."""
    folder = tree / "srv/home" / name
    folder.mkdir()
    path = yaml_file(
        folder,
        {
            "ecu": {"APS_ECU_IP": "127.0.0.1", "APS_ECU_TIMEZONE": "UTC", **ecu},
            "mqtt": {"MQTT_BROKER_PORT": broker.port, "MQTT_TOPIC_PREFIX": name.rsplit(maxsplit=1)[-1]},
        },
    )
    shutil.chown(path, UID, UID)
    in_namespace(
        tree, f'cd "$0"; {PROGRAM} -c config.yaml units --output .', f"/srv/home/{name}", stdout=subprocess.DEVNULL
    )
    return (folder / example).read_text()


def line(text: str) -> str:
    """The line for cron in a crontab."""
    return text.splitlines()[-1]


def put(folder: Path, name: str, text: str, mode: int) -> None:
    """A file in the folder that cron sees as /etc/cron.d, for every minute, with the user of these tests."""
    path = folder / "cron.d" / name
    path.write_text(re.sub(r"^\*/5 (.*) aps2mqtt ", rf"* \1 {USER} ", text, flags=re.MULTILINE))
    path.chmod(mode)


@pytest.mark.timeout(240)  # cron fires once a minute
def test_cron_is_silent_on_success_and_at_night_and_mails_one_line_on_failure(
    tree: Path, tmp_path: Path, broker: Broker
) -> None:
    """The line of crontab.example three times, for every minute, as a user; cron's environment is mailed too."""
    site = site_at_midnight()
    with sunny_ecu() as by_day, Simulator(Plant(site=site)) as asleep:
        at_night = {"APS_ECU_PORT": asleep.port, "APS_ECU_STOP_AT_NIGHT": True, **place(site)}
        lines = [
            line(configure(tree, "100% day", {"APS_ECU_PORT": by_day.port}, broker)),
            line(configure(tree, "night", at_night, broker)),
            line(configure(tree, "fails", {"APS_ECU_PORT": free_port()}, broker)),
        ]
        assert lines[1] == f"*/5 * * * * {PROGRAM} -c /srv/home/night/config.yaml once"
        crontab = [re.sub(r"^\*/5 ", "* ", line) for line in [*lines, "*/5 * * * * env"]]
        (tmp_path / "crontab").write_text("\n".join(crontab) + "\n")
        in_namespace(tree, f"{AS_USER} {PROGRAM} -c /srv/home/night/config.yaml once")  # all asleep: it is night
        assert len(asleep.requests) == 3
        broker.publish("night/aps/216000000001/power", "")

        mails = Mails(tree / "srv/mail")
        with cron(tree, tmp_path):
            published = {"day/aps/216000000001/power", "night/aps/216000000001/power"}
            until(lambda: len(mails) >= 2 and published <= pause(broker.retained()).keys(), "jobs are missing", MINUTE)
        assert len(asleep.requests) == 3
    printed = mails.by_command()
    fails = f"{PROGRAM} -c /srv/home/fails/config.yaml once"
    assert printed.keys() == {fails, "env"}
    assert "PATH=/usr/bin:/bin" in printed["env"]
    minutes = len(by_day.requests) / 3  # one, or two on a slow machine
    assert len(printed[fails]) == minutes
    assert re.fullmatch(r"aps2mqtt: the ECU at .* refuses the connection.*; .*", printed[fails][0])
    states = {path.name for path in (tree / "srv/home/.local/state/aps2mqtt").iterdir()}
    assert states >= {f"127.0.0.1_{port}.json" for port in (by_day.port, asleep.port)}


@pytest.mark.timeout(240)  # as above
def test_a_file_in_cron_d_runs_as_its_user_and_mails_root(tree: Path, tmp_path: Path, broker: Broker) -> None:
    """cron.d.example for every minute. As it says, cron ignores a name with a dot and a file that others may write."""
    (tmp_path / "crontab").touch()
    mails = Mails(tree / "srv/mail")
    with sunny_ecu() as ecu:
        port = {"APS_ECU_PORT": ecu.port}
        files = {"aps2mqtt": 0o644, "with.dot": 0o644, "writable": 0o664}
        for name, mode in files.items():
            put(tmp_path, name, configure(tree, name, port, broker, "cron.d.example"), mode)
        failing = {"APS_ECU_PORT": free_port()}
        put(tmp_path, "fails", configure(tree, "fails", failing, broker, "cron.d.example"), 0o644)
        with cron(tree, tmp_path):
            until(lambda: mails and "aps2mqtt/aps/216000000001/power" in pause(broker.retained()), "a job", MINUTE)
    assert {topic.partition("/")[0] for topic in broker.retained()} == {"aps2mqtt"}
    assert set(mails.by_command()) == {f"{PROGRAM} -c /srv/home/fails/config.yaml once"}
    assert {message_from_string(path.read_text())["To"] for path in mails.folder.iterdir()} == {"root"}
    states = list((tree / "srv/home/.local/state/aps2mqtt").glob("*.json"))
    assert {path.stat().st_uid for path in states} == {UID}


def pause(topics: dict[str, str]) -> dict[str, str]:
    """`topics`, after a while: there is no hurry."""
    time.sleep(1)
    return topics
