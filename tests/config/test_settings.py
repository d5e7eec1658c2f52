"""Settings one by one and together: what they need, what is doubtful, where the defaults come from."""

import re
import sys
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from loading_settings import SECRET, load, mistakes

from aps2mqtt.base.errors import ConfigError
from aps2mqtt.base.extras import install_command
from aps2mqtt.config import loading
from aps2mqtt.config.keys import KEYS, Key
from aps2mqtt.config.values import AccessPoint, Secret


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"MQTT_BROKER_PASSWD": SECRET}, "MQTT_BROKER_PASSWD is set without MQTT_BROKER_USER"),
        ({"MQTT_BROKER_CERT_PATH": __file__}, "MQTT_BROKER_CERT_PATH is set without MQTT_BROKER_KEY_PATH"),
        ({"MQTT_BROKER_KEY_PATH": __file__}, "MQTT_BROKER_KEY_PATH is set without MQTT_BROKER_CERT_PATH"),
        (
            {"APS_ECU_AUTO_RESTART": "True", "APS_ECU_WIFI_SSID": "ap", "APS_ECU_WIFI_PASSWD": "null"},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_PASSWD",
        ),
        (
            {"APS_ECU_AUTO_RESTART": "True", "APS_ECU_WIFI_SSID": "~", "APS_ECU_WIFI_PASSWD": SECRET},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID",
        ),
        (
            {"APS_ECU_AUTO_RESTART": "True", "APS_ECU_WIFI_PASSWD": SECRET},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID",
        ),
        (
            {"APS_ECU_AUTO_RESTART": "1", "APS_ECU_WIFI_SSID": "ap"},
            "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_PASSWD",
        ),
    ],
)
def test_keys_that_need_another_say_so(environ: dict[str, str], says: str):
    """One without the other has no meaning."""
    (mistake,) = mistakes(environ)
    assert says in mistake


def test_metrics_need_their_package_and_name_the_pip_of_this_installation(monkeypatch: pytest.MonkeyPatch):
    """Found when the configuration is loaded, before a job polls. Without the setting nothing is missing."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    (mistake,) = mistakes({"APS_ECU_IP": "192.168.1.42,192.168.1.43", "APS_METRICS_DIR": "/srv/metrics"})
    assert (
        mistake == f"APS_METRICS_DIR needs prometheus_client, which is not installed; run {install_command('metrics')}"
    )
    assert re.search(r" install 'prometheus[-_]client<1,>=0\.\d+'$", mistake)
    assert load().metrics_directory is None


def test_the_folder_of_the_metrics_is_the_one_that_is_set():
    pytest.importorskip("prometheus_client", reason="the metrics extra is not installed: pip install -e '.[metrics]'")
    assert load({"APS_METRICS_DIR": "/srv/metrics"}).metrics_directory == Path("/srv/metrics")


@pytest.mark.parametrize("wanted", ["True ", " yes", "ON\t", "1\n"])
@pytest.mark.parametrize("given", [{}, {"APS_ECU_WIFI_SSID": " "}, {"APS_ECU_WIFI_PASSWD": "  "}])
def test_a_restart_needs_name_and_password_however_it_is_asked_for(wanted: str, given: dict[str, str]):
    """Blanks are neither: an ECU that was told them would have an open access point without a name."""
    assert mistakes({"APS_ECU_AUTO_RESTART": wanted, **given}) == [
        "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_SSID; the restart needs both settings",
        "APS_ECU_AUTO_RESTART is set without APS_ECU_WIFI_PASSWD; the restart needs both settings",
    ]
    both = {"APS_ECU_WIFI_SSID": "ap", "APS_ECU_WIFI_PASSWD": SECRET}
    made = load({"APS_ECU_AUTO_RESTART": wanted, **both}).ecu.restart_with
    assert (made.ssid, made.password) == ("ap", SECRET)
    assert load({"APS_ECU_AUTO_RESTART": " no", **both}).ecu.restart_with is None


@pytest.mark.parametrize(("ssid", "password"), [("", "p"), ("ap", ""), (" ", "p"), ("ap", "\t"), ("", "")])
def test_there_is_no_access_point_without_name_or_password(ssid: str, password: str):
    """Whoever makes one: what does not exist cannot be posted to an ECU."""
    with pytest.raises(ValueError, match="a name and a password"):
        AccessPoint(ssid, Secret(password))


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
@pytest.mark.parametrize("quotes", ['""', "''", "“”", "„“", "‘’", "«»"])  # noqa: RUF001 - as people type them
def test_a_value_in_quotation_marks_is_a_mistake_that_is_named(tmp_path: Path, key: Key, quotes: str):
    """As env files leave them; of every key, in the environment and, nested, in the file; a secret is not shown."""
    value = f"{quotes[0]}{SECRET if key.secret else key.default or 'x,y'}{quotes[1]}"
    needed = {"MQTT_BROKER_USER": "u"} if key.name == "MQTT_BROKER_PASSWD" else {}
    allowed = "must be a value without quotation marks around it"
    section, text = ("ecu", "") if key.section == "ecu" else ("mqtt", "ecu:\n  APS_ECU_IP: ecu\n")
    nested = value.replace("'", "''")
    text += f"{section}:\n  {key.name}: '{nested}'\n"
    for found in (mistakes(needed | {key.name: value}), mistakes({"APS_ECU_IP": "", **needed}, text, tmp_path)):
        told = [mistake for mistake in found if mistake.startswith(key.name) and "set without" not in mistake]
        assert len(told) == 1
        assert allowed in told[0]


def test_doubtful_settings_are_warned_of(tmp_path: Path):
    """They may be meant."""
    (tmp_path / "ca.pem").touch()
    environ = {
        "APS_ECU_STOP_AT_NIGHT": "True",
        "APS_ECU_POSITION_LAT": "47",
        "MQTT_BROKER_CACERTS_PATH": str(tmp_path / "ca.pem"),
    }
    warnings = load(environ).warnings
    assert len(warnings) == 2
    assert "uses the position of Paris; set both" in warnings[0]
    assert "so the connection is not encrypted" in warnings[1]
    assert load({"MQTT_DISCOVERY_ENABLED": "yes", "MQTT_PAYLOAD": "both"}).warnings == ()


def test_a_site_is_located_only_by_both_of_its_coordinates():
    """Half a position is none; what needs one says that Paris is assumed."""
    position = {"APS_ECU_POSITION_LAT": "-33.9", "APS_ECU_POSITION_LNG": "151.2"}
    wifi = {"APS_ECU_WIFI_SSID": "ECU", "APS_ECU_WIFI_PASSWD": SECRET}
    assert [load(given).ecu.located for given in ({}, dict([*position.items()][:1]), position)] == [False, False, True]
    restarted = {"APS_ECU_AUTO_RESTART": "yes", **wifi}
    assert "APS_ECU_AUTO_RESTART without APS_ECU_POSITION_LAT" in load(restarted).warnings[0]
    assert load(restarted | position).warnings == ()


def test_discovery_has_a_style_only_where_it_is_wanted():
    """`device` by default; Home Assistant before 2024.11 needs `component`."""
    assert load({"MQTT_DISCOVERY_STYLE": "component"}).broker.discovery == ""
    assert load({"MQTT_DISCOVERY_ENABLED": "yes"}).broker.discovery == "device"
    assert load({"MQTT_DISCOVERY_ENABLED": "yes", "MQTT_DISCOVERY_STYLE": "Component"}).broker.discovery == "component"


def test_the_time_zone_is_the_configured_one_else_that_of_the_environment():
    """$TZ counts if it is an IANA name; POSIX rules do not."""
    assert load({"APS_ECU_TIMEZONE": "Asia/Tokyo", "TZ": "Europe/Paris"}).ecu.timezone == ZoneInfo("Asia/Tokyo")
    assert load({"TZ": "Europe/Paris"}).ecu.timezone == ZoneInfo("Europe/Paris")
    system = load({}).ecu.timezone
    assert load({"TZ": "CET-1CEST"}).ecu.timezone == system
    assert system == UTC or str(system)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("europe/paris", " (did you mean Europe/Paris?)"),
        ("Europe/Pariss", " (did you mean Europe/Paris?)"),
        ("paris", " (did you mean Europe/Paris?)"),
        ("America/New York", " (did you mean America/New_York?)"),
        ("utc+1", ", such as Europe/Paris"),
        ("?" * 100_000, ", such as Europe/Paris"),
    ],
)
def test_a_mistyped_time_zone_is_answered_with_the_one_that_was_meant(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        load({"APS_ECU_TIMEZONE": text})
    assert str(wrong.value).startswith(f"APS_ECU_TIMEZONE must be the name of a time zone{hint}; it is ")


def test_the_state_lies_where_the_platform_keeps_it(tmp_path, monkeypatch):
    """Systemd's folder, XDG's, the home's; a relative XDG_STATE_HOME does not count."""
    monkeypatch.setattr(loading, "SERVICE_STATE", tmp_path / "none")
    everything = {"APS_STATE_DIR": "/a", "STATE_DIRECTORY": "/b:/c", "XDG_STATE_HOME": "/d"}
    assert load(everything).state_directory == Path("/a")
    assert load({**everything, "APS_STATE_DIR": ""}).state_directory == Path("/b")
    assert load({"XDG_STATE_HOME": "/d"}).state_directory == Path("/d/aps2mqtt")
    home = Path("~/.local/state/aps2mqtt").expanduser()
    assert load({"XDG_STATE_HOME": "d"}).state_directory == home
    assert load({}).state_directory == home


def test_a_job_by_hand_finds_the_state_of_the_services(tmp_path, monkeypatch):
    """If this user may write there: a folder, or the link that systemd makes of it. One that is named goes first."""
    service, link = tmp_path / "private", tmp_path / "aps2mqtt"
    monkeypatch.setattr(loading, "SERVICE_STATE", link)
    elsewhere = {"XDG_STATE_HOME": "/d"}
    assert load(elsewhere).state_directory == Path("/d/aps2mqtt")
    service.mkdir()
    link.symlink_to(service)
    assert load(elsewhere).state_directory == link
    assert load({}).state_directory == link
    assert load({**elsewhere, "STATE_DIRECTORY": "/b"}).state_directory == Path("/b")
    assert load({**elsewhere, "APS_STATE_DIR": "/a"}).state_directory == Path("/a")
    link.unlink()
    link.touch(0o777)
    assert load(elsewhere).state_directory == Path("/d/aps2mqtt")
