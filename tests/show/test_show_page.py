"""`aps2mqtt show --html`: a page of the ECUs as they are now, or as the broker retains them."""

import re
from pathlib import Path

import pytest
from parts import Broker, aps2mqtt, free_port, one_line, settings, sunny_ecu

from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.server import Simulator


def text_of(file: Path) -> str:
    """What the page says, without its markup."""
    body = file.read_text(encoding="utf-8").partition("<main")[2].partition("<script>")[0]
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", body))


@pytest.fixture
def ecu():
    with sunny_ecu(plant=Plant(inverters=inverter_models("1xDS3,1xunseen"))) as running:
        yield running


def test_the_page_of_an_ecu_is_written_and_nobody_is_told(tmp_path: Path, ecu: Simulator) -> None:
    """No broker runs; no state is written; nothing is printed."""
    page = tmp_path / "solar.html"
    ended = aps2mqtt("show", "--html", page, **settings(ecu.port, free_port(), tmp_path))
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    text = text_of(page)
    for words in ("ECU-R 216000000001", "593 W now", "1 of 2 inverters online", "704000000002", "not seen yet"):
        assert words in text, words
    assert page.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["solar.html"]


def test_an_ecu_that_does_not_answer_is_on_the_page_with_the_cause(tmp_path: Path, ecu: Simulator) -> None:
    """The other one is, too; the status is that of the failure."""
    page = tmp_path / "solar.html"
    environment = settings(ecu.port, free_port(), tmp_path) | {"APS_ECU_IP": "127.0.0.2,127.0.0.1"}
    ended = aps2mqtt("show", "--html", page, **environment)
    assert ended.status == 69
    assert "127.0.0.2" in one_line(ended.err)
    text = text_of(page)
    assert f"ECU at 127.0.0.2:{ecu.port}: The last job failed:" in text
    assert "This ECU was never read." in text
    assert "593 W now" in text


def test_the_page_of_the_broker_shows_what_a_job_has_published(tmp_path: Path, broker: Broker, ecu: Simulator) -> None:
    """In the user's unit, with the user's names."""
    page = tmp_path / "solar.html"
    file = tmp_path / "names.yaml"
    file.write_text("names:\n  '704000000001': South <b>roof</b>\n")
    environment = settings(ecu.port, broker.port, tmp_path, APS_ECU_TEMPERATURE_UNIT="F", CONFIG_FILE=file)
    assert aps2mqtt("once", **environment).status == 0
    assert aps2mqtt("show", "--broker", "--html", page, **environment).status == 0
    text = text_of(page)
    for words in ("593 W now", "South &lt;b&gt;roof&lt;/b&gt;", "95.0 °F", "1 of 2 inverters online"):
        assert words in text, words


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path, ecu: Simulator) -> None:
    page = tmp_path / "missing" / "solar.html"
    ended = aps2mqtt("show", "--html", page, **settings(ecu.port, free_port(), tmp_path))
    assert ended.status == 64
    assert f"{page} cannot be written (No such file or directory); choose another file" in one_line(ended.err)


def test_watching_and_writing_a_page_exclude_each_other() -> None:
    ended = aps2mqtt("show", "--watch", "--html", "solar.html")
    assert ended.status == 64
    assert "not allowed with argument --watch" in ended.err


def test_the_page_has_what_the_jobs_have_recorded(tmp_path: Path, broker: Broker) -> None:
    """The curve and the energies; while the ECU is down, its last values, too."""
    page = tmp_path / "solar.html"
    with sunny_ecu() as ecu:
        environment = settings(ecu.port, broker.port, tmp_path, APS_PAGE_DIR=tmp_path)
        assert aps2mqtt("once", **environment).status == 0
        assert aps2mqtt("show", "--html", page, **environment).status == 0
        read = text_of(page)
        assert aps2mqtt("show", "--broker", "--html", page, **environment).status == 0
        retained = text_of(page)
    assert aps2mqtt("show", "--html", page, **environment).status == 69
    unread = text_of(page)
    for text in (read, retained, unread):
        assert "Power today" in text
        assert "Last 30 days" in text
        assert "ECU-R 216000000001" in text
    assert "failed" in unread
    assert "failed" not in read


def test_a_damaged_journal_costs_a_line_and_no_page(tmp_path: Path, ecu: Simulator) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "journal.sqlite").write_text("nonsense" * 1000)
    page = tmp_path / "solar.html"
    ended = aps2mqtt("show", "--html", page, **settings(ecu.port, free_port(), tmp_path))
    assert ended.status == 0
    assert "is damaged" in one_line(ended.err)
    assert "593 W now" in text_of(page)
