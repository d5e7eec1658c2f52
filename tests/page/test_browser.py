"""The page in a real Chromium: what people see, what a screen reader reads, and that nobody is asked for anything."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from chromium import Chromium
from pages import (
    ONE,
    PAGES,
    PARIS,
    ecu_down,
    entry,
    inverters_of,
    names_for,
    never,
    page,
    roof_of,
    with_inverters,
)
from parts import replace, until

from aps2mqtt.base.names import panel_key

SIZES = {"phone": (390, 844), "tablet": (1280, 800), "wall": (1920, 1080)}
# A clock that tests set forward.
CLOCK = "window.ahead = 0; const real = Date.now; Date.now = () => real.call(Date) + 1000 * window.ahead;"
HOSTILE = "<img src=x onerror=alert(1)><script>document.title = 'taken over'</script>"
PLACE = "document.querySelector('.inverter').getBoundingClientRect().top"
MARKS = "[...document.querySelectorAll('.mark')].filter((one) => one.checkVisibility()).map((one) => one.innerText)"
INK, PALE = "rgb(20, 23, 28)", "rgb(90, 99, 112)"  # of the light scheme


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as running:
        running.send("Page.addScriptToEvaluateOnNewDocument", source=CLOCK)
        yield running


def opened(browser: Chromium, folder: Path, html: str) -> Path:
    """The file with the page, which the browser shows."""
    file = folder / "solar.html"
    file.write_text(html, encoding="utf-8")
    browser.open(file.as_uri())
    return file


def rewritten(file: Path, html: str) -> None:
    """Replaces the page; a web server compares whole seconds."""
    before = file.stat().st_mtime
    file.write_text(html, encoding="utf-8")
    os.utime(file, (before + 60,) * 2)


def later(browser: Chromium, seconds: int) -> None:
    """Sets the browser's clock forward, and lets the page notice."""
    browser.evaluate(f"window.ahead = {seconds}; dispatchEvent(new Event('visibilitychange'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_fits_asks_for_nothing_and_breaks_no_rule(
    tmp_path: Path, browser: Chromium, size: str, scheme: str
) -> None:
    """No line is wider than the screen; no request but for the page; nothing in the console; dark means dark."""
    width, height = SIZES[size]
    browser.show(width, height, dark=scheme == "dark")
    for name, html in PAGES.items():
        file = opened(browser, tmp_path, html)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width, name
        assert browser.requests() == [file.as_uri()], name
        assert browser.complaints() == [], name
        paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        red, green, blue = map(int, re.findall(r"\d+", paper))
        assert (red + green + blue < 150) == (scheme == "dark"), name


def test_the_policy_is_in_force(tmp_path: Path, browser: Chromium) -> None:
    """With one more script and one more picture Chromium complains about both: it would have seen a violation."""
    browser.show(*SIZES["tablet"])
    html = PAGES["1-inverter"].replace("</main>", "<script>document.title = 1</script><img src='a.png'></main>")
    opened(browser, tmp_path, html)
    until(lambda: browser.evaluate("1") and len(browser.complaints()) >= 2)
    assert browser.evaluate("document.title") != "1"


def test_names_with_markup_are_text(tmp_path: Path, browser: Chromium) -> None:
    well = entry()
    names = dict.fromkeys(names_for(well), HOSTILE)
    (first, *others) = inverters_of(well)
    html = page(with_inverters(well, replace(first, problem=HOSTILE), *others), names=names, roof=roof_of(well))
    browser.show(*SIZES["phone"])
    opened(browser, tmp_path, html)
    assert browser.evaluate("document.querySelector('h1').innerText") == HOSTILE
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.evaluate("document.scripts.length") == 1
    assert browser.evaluate("document.title").endswith(HOSTILE)
    assert browser.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"][0]
    assert browser.complaints() == []


def test_the_age_grows_and_the_mark_appears(tmp_path: Path, browser: Chromium) -> None:
    """Text is selected, so the page is not loaded again; its job was 10 minutes ago and is late from 15 minutes on."""
    at = datetime.now(PARIS) - timedelta(minutes=10)
    fresh = replace(entry(ONE), at=at, data_age=60.0)
    browser.show(*SIZES["tablet"])
    opened(browser, tmp_path, page(fresh, now=at))
    state = "document.querySelector('.state').innerText"
    assert re.search("data of .*, 1[12] min ago", browser.evaluate(state))
    assert re.search("updated .*, 1[01] min ago", browser.evaluate(state))
    assert browser.evaluate(MARKS) == []
    browser.evaluate("getSelection().selectAllChildren(document.body)")
    later(browser, 7200)
    assert "2 h ago" in browser.evaluate(state)
    (mark,) = browser.evaluate(MARKS)
    assert mark == f"No job since {at:%H:%M} (2 h ago); the values below are old."
    assert browser.evaluate("document.title").startswith("old: 593 W")
    assert "grayscale" in browser.evaluate("getComputedStyle(document.querySelector('.tile')).filter")
    assert browser.evaluate("getComputedStyle(document.querySelector('.awake .sign')).color") == PALE


def test_a_page_whose_jobs_have_stopped_is_marked_at_once(tmp_path: Path, browser: Chromium) -> None:
    """The file stays as the last job has left it."""
    at = datetime.now(PARIS) - timedelta(days=3)
    browser.show(*SIZES["phone"])
    opened(browser, tmp_path, page(replace(entry(ONE), at=at), now=at))
    (mark,) = browser.evaluate(MARKS)
    assert "3 days ago" in mark


@pytest.mark.parametrize(("third", "color"), [("none", INK), ("never read", INK), ("down", PALE), ("late", PALE)])
def test_the_sum_of_several_ecus_is_gray_if_an_old_value_is_in_it(
    tmp_path: Path, browser: Chromium, third: str, color: str
) -> None:
    now = datetime.now(UTC).astimezone(PARIS)
    well, other = replace(entry(), at=now), replace(entry(ONE), at=now, address="192.168.1.44:8899")
    more = {
        "none": (),
        "never read": (replace(never(), at=now),),
        "down": (replace(ecu_down(), at=now, address="192.168.1.45:8899"),),
        "late": (replace(other, at=now - timedelta(hours=2), address="192.168.1.45:8899"),),
    }[third]
    browser.show(*SIZES["tablet"])
    opened(browser, tmp_path, page(well, other, *more, now=now))
    sums = "[...document.querySelectorAll('.page > .totals b')].map((one) => getComputedStyle(one).color)"
    assert set(browser.evaluate(sums)) == {color}


@pytest.mark.parametrize("server", ["none", "http"])
def test_the_page_loads_itself_again_and_stays_where_it_is(tmp_path: Path, browser: Chromium, server: str) -> None:
    """New values are there; the scroll position and an open table are as they were."""
    now = datetime.now(UTC).astimezone(PARIS)
    well = replace(entry(), at=now)
    before, after = page(well, now=now), page(with_inverters(well, *inverters_of(well), power=1234.0), now=now)
    browser.show(*SIZES["phone"])
    with serving(tmp_path) as address:
        file = opened(browser, tmp_path, before)
        if server == "http":
            browser.open(f"{address}/solar.html")
        browser.evaluate("document.querySelectorAll('details')[1].open = true; scrollTo(0, 700)")
        browser.paint()
        place = browser.evaluate(PLACE)
        rewritten(file, after)
        later(browser, 61)
        browser.wait_for("Page.loadEventFired")
        until(lambda: browser.evaluate(PLACE) == place, "the page has moved", within=5)
        assert browser.evaluate("document.title").startswith("1234 W")
        assert browser.evaluate("document.querySelectorAll('details')[1].open")
        assert not browser.evaluate("document.querySelectorAll('details')[0].open")


def test_an_old_copy_that_the_browser_has_kept_is_replaced_at_once(tmp_path: Path, browser: Chromium) -> None:
    """The server lets browsers keep the page for a month without asking, as Home Assistant does."""
    browser.show(*SIZES["phone"])
    now = datetime.now(UTC).astimezone(PARIS)
    with serving(tmp_path) as address:
        file = tmp_path / "solar.html"
        file.write_text(PAGES["late"], encoding="utf-8")
        browser.open(f"{address}/solar.html")
        until(lambda: browser.evaluate("performance.getEntriesByType('navigation')[0].type") == "reload")
        assert len(browser.evaluate(MARKS)) == 1
        browser.open("about:blank")
        rewritten(file, page(replace(entry(ONE), at=now), now=now))
        browser.open(f"{address}/solar.html")
        until(lambda: browser.evaluate("document.title") == "593 W - ECU-R 216000000001")
        assert browser.evaluate(MARKS) == []


def test_in_a_frame_of_a_dashboard_the_page_loads_itself_again(tmp_path: Path, browser: Chromium) -> None:
    """A card of Home Assistant is such a frame."""
    browser.show(*SIZES["tablet"])
    now = datetime.now(UTC).astimezone(PARIS)
    (tmp_path / "dashboard.html").write_text("<!DOCTYPE html><iframe src='solar.html'></iframe>")
    with serving(tmp_path) as address:
        file = tmp_path / "solar.html"
        file.write_text(page(replace(entry(ONE), at=now), now=now), encoding="utf-8")
        browser.open(f"{address}/dashboard.html")
        assert browser.evaluate("frames[0].document.title") == "593 W - ECU-R 216000000001"
        rewritten(file, page(replace(entry(), at=now), now=now))
        browser.evaluate("frames[0].ahead = 61; frames[0].dispatchEvent(new Event('visibilitychange'))")
        until(lambda: browser.evaluate("frames[0].document.title") == "8267 W - ECU-R 216000000001")


def test_the_page_is_not_loaded_again_while_nobody_sees_it(tmp_path: Path, browser: Chromium) -> None:
    browser.show(*SIZES["phone"])
    opened(browser, tmp_path, PAGES["1-inverter"])
    browser.evaluate("window.same = true; Object.defineProperty(document, 'hidden', {value: true, writable: true})")
    later(browser, 3600)
    browser.evaluate("Object.defineProperty(document, 'hidden', {value: false})")
    assert browser.evaluate("window.same")
    later(browser, 3600)
    browser.wait_for("Page.loadEventFired")
    assert not browser.evaluate("window.same")


def test_without_scripts_the_times_are_there_and_the_browser_loads_the_page_again(
    tmp_path: Path, browser: Chromium
) -> None:
    browser.show(*SIZES["phone"], script=False)
    try:
        opened(browser, tmp_path, PAGES["late"])
        assert ("StaticText", "No job since ") in browser.said()
        assert any(event["method"] == "Page.frameScheduledNavigation" for event in browser.events)
    finally:
        browser.show(*SIZES["phone"])


def test_a_screen_reader_reads_all_that_is_seen(tmp_path: Path, browser: Chromium) -> None:
    """Landmarks, headings, the power, each panel, the charts with their numbers."""
    browser.show(*SIZES["tablet"])
    well = entry(ONE)
    opened(browser, tmp_path, page(well, roof=((panel_key(inverters_of(well)[0].uid, 1),),)))
    said = browser.said()
    assert {"main", "heading", "list", "table", "region", "image"} <= {role for role, _ in said}
    assert ("heading", "ECU-R 216000000001") in said
    assert ("heading", "Roof") in said
    assert ("image", "Power today: peak 593 W at 13:15") in said
    words = " ".join(name for role, name in said if role == "StaticText")
    for text in ("593 W now", "1 of 1 inverters online", "DS3 704000000001, panel 1: 284 W", "panel 2 309 W"):
        assert text in re.sub(r"\s+", " ", words), text


class serving:  # noqa: N801 - a context, as contextlib names them
    """The address of a web server for a folder."""

    def __init__(self, folder: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))

    def __enter__(self) -> str:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    """Lets browsers keep a page for 31 days, as Home Assistant does below /local; tells nobody of requests."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "public, max-age=2678400")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass
