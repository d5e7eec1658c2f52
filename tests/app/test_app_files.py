"""The files of the app for Home Assistant fit together, and use documented keys only."""

import re
import zlib

import pytest
import yaml
from supervisor import APP, DOCS

from aps2mqtt import __version__
from aps2mqtt.config.keys import KEYS, Key

ROOT = APP.parent
CONFIG = yaml.safe_load((APP / "config.yaml").read_text(encoding="utf-8"))
TRANSLATIONS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in APP.glob("translations/*.yaml")}
DOCKERFILE = (APP / "Dockerfile").read_text(encoding="utf-8")
SETTINGS = {key.name: key for key in KEYS}
LISTS = {"names", "roof", "settings"}
# https://developers.home-assistant.io/docs/apps/configuration, of 2026: the keys that the app uses, and their forms.
REQUIRED = {"name": str, "version": str, "slug": str, "description": str, "arch": list}
OPTIONAL = {
    "url": str,
    "homeassistant": str,
    "services": list,
    "ingress": bool,
    "panel_title": str,
    "panel_icon": str,
    "panel_admin": bool,
    "map": list,
    "options": dict,
    "schema": dict,
}
NUMBER = r"-?\d+"
TYPE = rf"(str|bool|password|port|(int|float)(\({NUMBER},{NUMBER}\))?|list\([a-z|]+\))\??"
languages = pytest.mark.parametrize("language", TRANSLATIONS)


def test_the_configuration_has_documented_keys_of_the_right_form() -> None:
    assert REQUIRED.keys() <= CONFIG.keys() <= REQUIRED.keys() | OPTIONAL.keys()
    for key, value in CONFIG.items():
        assert isinstance(value, (REQUIRED | OPTIONAL)[key]), key
    assert set(CONFIG["arch"]) <= {"aarch64", "amd64"}  # the others are deprecated
    assert re.fullmatch(r"[-_.A-Za-z0-9]+", CONFIG["slug"])
    assert all(re.fullmatch("(mqtt|mysql):(provide|want|need)", service) for service in CONFIG["services"])
    assert CONFIG["map"] == [{"type": "ssl"}]  # read-only, which is the default


def test_the_version_is_that_of_the_program_and_of_the_image() -> None:
    """Home Assistant passes the version to the build."""
    assert CONFIG["version"] == __version__
    assert re.search(
        r"^ARG BUILD_VERSION\b.*\nFROM ghcr\.io/[\w.-]+/aps2mqtt:\$BUILD_VERSION$", DOCKERFILE, re.MULTILINE
    )
    assert not (APP / "build.yaml").exists()  # deprecated


@pytest.mark.parametrize("option", CONFIG["schema"])
def test_every_option_has_a_type_and_is_a_setting_or_a_list(option: str) -> None:
    """One that is neither given a default nor optional is asked for before the first start: the address alone."""
    kind = CONFIG["schema"][option]
    (element,) = kind if isinstance(kind, list) else [kind]
    assert re.fullmatch(TYPE, element)
    assert option in LISTS or option.upper() in SETTINGS
    assert (option in CONFIG["options"]) + element.endswith("?") == (option != "aps_ecu_ip")


def test_every_default_is_an_option_of_the_right_type() -> None:
    for option, default in CONFIG["options"].items():
        kind = CONFIG["schema"][option]
        assert isinstance(default, list) if isinstance(kind, list) else (kind, type(default)) == ("bool", bool), option
        assert option in LISTS or SETTINGS[option.upper()].parse(str(default)) is default


def ends_of(key: Key) -> list[str]:
    """The least and the greatest number that the schema allows."""
    return re.findall(NUMBER, str(CONFIG["schema"].get(key.name.lower(), "")))


@pytest.mark.parametrize("key", [key for key in KEYS if ends_of(key)], ids=lambda key: key.name)
def test_the_limits_of_a_number_are_those_of_the_setting(key: Key) -> None:
    least, greatest = ends_of(key)
    assert (key.parse(least), key.parse(greatest)) == (float(least), float(greatest))
    for number in (int(least) - 1, int(greatest) + 1):
        with pytest.raises(Exception, match="a "):
            key.parse(str(number))


def test_the_levels_of_the_log_are_those_of_the_setting() -> None:
    levels = re.findall(r"[a-z]+", CONFIG["schema"]["aps_log_level"].removeprefix("list"))
    assert [SETTINGS["APS_LOG_LEVEL"].parse(level) for level in levels] == levels
    assert len(levels) == 4


@languages
def test_every_option_is_translated(language: str) -> None:
    """With the name of its setting, which the log has."""
    assert TRANSLATIONS[language].keys() == {"configuration"}
    texts = TRANSLATIONS[language]["configuration"]
    assert list(texts) == list(CONFIG["schema"])
    for option, words in texts.items():
        assert words.keys() == {"name", "description"}
        assert all(isinstance(word, str) and word for word in words.values()), option
        assert option in LISTS or words["description"].endswith(f"({option.upper()})"), option


def test_there_are_four_languages_and_no_two_are_the_same() -> None:
    assert TRANSLATIONS.keys() == {"en", "de", "fr", "nl"}
    descriptions = {
        tuple(words["description"] for words in one["configuration"].values()) for one in TRANSLATIONS.values()
    }
    assert len(descriptions) == len(TRANSLATIONS)


def test_the_documentation_names_every_option_and_its_example_is_valid() -> None:
    table, example = DOCS.partition("| option |")[2].partition("```yaml\n")[::2]
    named = re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    assert set(named) == set(CONFIG["schema"])
    assert yaml.safe_load(example.partition("```")[0]).keys() <= CONFIG["schema"].keys()


def test_the_links_of_the_documentation_lead_to_pages_of_the_project() -> None:
    pages = re.findall(r"/blob/main/([\w./-]+)", DOCS)
    assert len(pages) > 2
    assert all((ROOT / page).is_file() for page in pages)


def test_home_assistant_finds_one_app_in_the_project() -> None:
    """It looks for files config.yaml, config.yml and config.json in all folders; a second one would be a broken app."""
    found = [
        path
        for path in ROOT.glob("**/config.*")
        if path.suffix in {".yaml", ".yml", ".json"}
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]
    assert found == [APP / "config.yaml"]
    repository = yaml.safe_load((ROOT / "repository.yaml").read_text(encoding="utf-8"))
    assert repository.keys() == {"name", "url"}
    assert repository["url"] == CONFIG["url"]


def test_the_changelog_is_that_of_the_project() -> None:
    assert (APP / "CHANGELOG.md").read_bytes() == (ROOT / "CHANGELOG.md").read_bytes()


def test_the_dockerfile_keeps_data_in_the_folder_of_the_app_and_copies_what_is_there() -> None:
    """The build sees that folder only. The environment wins over the file, and the image sets a state folder in it."""
    assert dict(re.findall(r"(\w+)=(/data/\S+)", DOCKERFILE)) == {
        "CONFIG_FILE": "/data/config.yaml",
        "APS_STATE_DIR": "/data/state",
        "APS_PAGE_DIR": "/data/page",
    }
    assert all((APP / name).is_file() for name in re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE))
    assert 'CMD ["aps2mqtt", "health"]' in DOCKERFILE


@pytest.mark.parametrize("name", ["icon.png", "logo.png"])
def test_the_pictures_are_those_that_the_script_draws(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pixel by pixel; the compressed bytes depend on the version of zlib."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import app_pictures

    def unpacked(png: bytes) -> tuple[bytes, bytes]:
        return png[:33], zlib.decompress(png[png.index(b"IDAT") + 4 : -16])  # the header, and the pixels

    kept = (APP / name).read_bytes()
    assert unpacked(kept) == unpacked(app_pictures.png(*app_pictures.SIZES[name]))
    assert len(kept) < 5000


def test_the_app_is_not_longer_than_a_module_may_be() -> None:
    assert len((APP / "start.py").read_text(encoding="utf-8").splitlines()) <= 400
