"""The page, to the letter, and what must be true of any page.

Whole pages are in golden/page. After a change that is meant, run this with REWRITE_GOLDEN=1 and look at those that git
finds changed, in a browser.
"""

import base64
import hashlib
import os
import re
from datetime import UTC, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import (
    AT,
    NAMES,
    ONE,
    PAGES,
    REFUSED,
    SIXTY,
    ecu_down,
    entry,
    every_condition,
    inverters_of,
    never,
    night,
    page,
    roof_of,
    sunspec,
    with_inverters,
)
from parts import replace

from aps2mqtt.base import conditions
from aps2mqtt.base.names import panel_key
from aps2mqtt.base.printable import printable
from aps2mqtt.base.values import UNCHANGED, Unchanged
from aps2mqtt.journal.entry import Point
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.page import panels
from aps2mqtt.page.style_sheet import STYLE

GOLDEN = Path(__file__).parents[1] / "golden" / "page"
EMPTY = {"meta"}  # elements without an end
GOLDEN_PAGES = ("1-inverter", "12-inverters", "every-condition", "ecu-down", "late", "names-and-roof", "several")
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&\u202e\x1b[31m"


class Outline(HTMLParser):
    """The elements of a page, and the text that people see."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[str, str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((tag, ""))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "title"} & set(self._open):
            self.text += data
        if self._open and re.fullmatch("h[1-6]", self._open[-1]):
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each element of this name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        """The attributes of each element of this class."""
        return [one for _, one in self.elements if name in str(one.get("class") or "").split()]


every_page = pytest.mark.parametrize("name", PAGES)


# -- every page -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN_PAGES)
def test_a_page_is_drawn_to_the_letter(name: str):
    file = GOLDEN / f"{name}.html"
    if os.environ.get("REWRITE_GOLDEN"):
        file.write_text(PAGES[name], encoding="utf-8")
    assert PAGES[name] == file.read_text(encoding="utf-8")


def test_every_golden_page_is_drawn():
    assert {f"{name}.html" for name in GOLDEN_PAGES} == {file.name for file in GOLDEN.iterdir()}


@every_page
def test_the_policy_lets_nothing_in_but_the_style_and_the_script_of_the_page(name: str):
    """Their hashes are recomputed here from what a browser sees between the tags."""
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', PAGES[name])
    directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
    for element, directive in (("style", "style-src"), ("script", "script-src")):
        (inline,) = re.findall(rf"<{element}>(.*?)</{element}>", PAGES[name], re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert directives.pop(directive) == f"'sha256-{digest}'"
    assert directives == {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}


@every_page
def test_nothing_in_a_page_points_anywhere(name: str):
    """No address, no style or handler in an attribute, which the policy would refuse."""
    for tag, attributes in Outline(PAGES[name]).elements:
        assert tag not in {"link", "img", "iframe", "object", "form", "base", "use", "image"}
        assert not {"src", "href", "style", "action", "data", "srcset"} & attributes.keys()
        assert not [attribute for attribute in attributes if attribute.startswith("on")]
    assert "url(" not in PAGES[name]
    assert "@import" not in PAGES[name]


@every_page
def test_headings_are_in_order_and_every_reference_leads_somewhere(name: str):
    """One h1; no level is left out; ids are there once."""
    outline = Outline(PAGES[name])
    levels = [int(tag[1]) for tag, _ in outline.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(words for _, words in outline.headings)
    ids = [str(attributes["id"]) for _, attributes in outline.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {str(one["aria-labelledby"]) for _, one in outline.elements if "aria-labelledby" in one} <= set(ids)
    assert len(outline.all("main")) == 1
    assert outline.all("html") == [{"lang": "en"}]


@every_page
def test_a_page_is_small(name: str):
    """Also that of 60 inverters with all that SunSpec says: a phone loads it each minute."""
    assert len(PAGES[name].encode()) < 100_000


def test_every_text_on_a_tile_has_enough_contrast():
    """4.5 to 1, as WCAG 2 asks for; each color is lighter than the one before, so its order is seen without hues."""
    colors = re.findall(r"\.h(\d) \{ background-color: #(\w{6}); color: #(\w{3,6}) \}", PAGES["1-inverter"])
    assert [int(step) for step, _, _ in colors] == list(range(panels.HEATS))
    lights = [luminance(paper) for _, paper, _ in colors]
    assert lights == sorted(lights)
    for _, paper, ink in colors:
        light, dark = sorted((luminance(paper), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (paper, ink)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_other_text_has_enough_contrast(scheme: int):
    """On the page, on cards, and on the papers of marks."""
    declared = re.findall(r"--([\w-]+): (#\w{6})", STYLE)
    colors = dict(declared[scheme * len(declared) // 2 :][: len(declared) // 2])
    pairs = [(ink, paper) for ink in ("ink", "pale", "good", "bad", "warn") for paper in ("paper", "card")]
    for ink, paper in [*pairs, ("bad", "bad-paper"), ("warn", "warn-paper")]:
        dark, light = sorted((luminance(colors[ink][1:]), luminance(colors[paper][1:])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, paper)


def luminance(color: str) -> float:
    """The relative luminance of a color of sRGB."""
    digits = color if len(color) == 6 else "".join(2 * digit for digit in color)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# -- texts of others --------------------------------------------------------------------------------------------------


def test_whatever_others_wrote_stays_text():
    """Names, the firmware, failures and problems; characters that print nothing become question marks."""
    well = entry(ONE)
    (inverter,) = inverters_of(well)
    hostile = with_inverters(
        well,
        replace(inverter, problem=f"inverter {HOSTILE}"),
        firmware=f"firmware {HOSTILE}",
        error=f"error {HOSTILE}",
        problems=(f"problem {HOSTILE}",),
    )
    hostile = replace(hostile, failure=f"failure {HOSTILE}")
    assert hostile.report is not None
    serials = (hostile.report.ecu_id, inverter.uid, panel_key(inverter.uid, 1))
    names = dict.fromkeys(serials, f"name {HOSTILE}")
    roof = ((panel_key(inverter.uid, 1), "704000000099/1"),)
    drawn = page(hostile, names=names, roof=roof)
    outline = Outline(drawn)
    assert len(outline.all("script")) == 1
    assert not outline.all("img")
    assert not re.search("[\u202e\x1b]", drawn)
    shown = HOSTILE.replace("\u202e", "?").replace("\x1b", "?")
    for what in ("inverter", "firmware", "failure", "problem", "name"):
        assert f"{what} {shown}" in outline.text, what
    assert f"name {shown}, panel name {shown} (problem)" in [one.get("title") for one in outline.of_class("tile")]
    assert "&lt;script&gt;" in re.findall("<title>(.*?)</title>", drawn)[0]


@given(words=st.text(min_size=1))
def test_any_text_is_shown_as_it_is(words: str):
    """But for characters that print nothing, and for spaces that HTML joins anyway."""
    outline = Outline(page(replace(never(), failure=words)))
    assert f"failed: {printable(words)}" in outline.text
    assert len(outline.all("p")) == 2


def test_an_address_with_markup_stays_text():
    drawn = page(replace(never(), address=HOSTILE))
    assert len(Outline(drawn).all("script")) == 1


# -- what is shown ----------------------------------------------------------------------------------------------------


def test_the_totals_are_shown_as_show_does():
    text = Outline(page(entry(ONE), names={"216000000001": "Barn"})).text
    for words in ("Barn", "ECU-R 216000000001", "593 W now", "3.00 kWh", "5.10 kWh", "1 of 1 inverters online"):
        assert words in text, words


def test_the_title_has_the_power_and_the_name():
    """It is what a browser's tab shows."""
    assert "<title>593 W - ECU-R 216000000001</title>" in page(entry(ONE))
    assert "<title>failed - Barn</title>" in page(ecu_down(), names=NAMES)
    assert "<title>8860 W - 2 ECUs</title>" in page(entry(), entry(ONE))


def test_each_condition_has_a_sign_words_and_a_class_of_its_own():
    """Offline and never heard above all: the first sleeps, the second may be broken."""
    outline = Outline(page(every_condition()))
    classes = ["unlisted", "awake", "half", "ill", "asleep", "unseen", "unseen"]
    cards = [str(one["class"]).split()[1] for one in outline.of_class("inverter")]
    assert cards == classes
    for found in (conditions.HALF_AWAKE, conditions.ASLEEP, conditions.NEVER_HEARD, conditions.NOT_LISTED):
        assert found.words in outline.text
        assert found.glyph in outline.text
    assert "panel 2 gives 0 W while the others produce power" in outline.text


@pytest.mark.parametrize(
    ("power", "kind"), [(0, "h0"), (29, "h0"), (30, "h1"), (150, "h5"), (299, "h9"), (300, "h9"), (None, "unknown")]
)
def test_a_tile_is_the_brighter_the_more_power_its_panel_gives(power: int | None, kind: str):
    (inverter,) = inverters_of(entry(ONE))
    drawn = panels.panels_of(replace(inverter, powers=(power, 300)), Style(), 300)
    assert drawn[panel_key(inverter.uid, 1)].kind == kind


def test_at_dawn_no_panel_is_bright():
    """The brightest color stands for 50 W at least."""
    (inverter,) = inverters_of(entry(ONE))
    outline = Outline(page(with_inverters(entry(ONE), replace(inverter, powers=(3, 4)))))
    assert len(outline.of_class("h0")) == 3  # one is in the legend


def test_dc_values_and_energies_are_on_the_tiles():
    text = Outline(page(sunspec())).text
    for words in ("31.5 V", "8.61 A", "1.16 kWh"):
        assert words in text, words


def test_temperatures_are_in_the_users_unit_for_each_ecu():
    warm = page(entry(ONE), replace(entry(ONE), fahrenheit=True))
    assert ("35 °C" in warm, "95.0 °F" in warm) == (True, True)


def test_what_is_held_is_shown_as_it_was_published_last_and_what_is_unknown_is_not():
    (inverter,) = inverters_of(entry(ONE))
    held = with_inverters(
        entry(ONE),
        replace(inverter, signal=Unchanged(30)),
        lifetime=Unchanged(100.5),
        power=UNCHANGED,
        today=UNCHANGED,
        timestamp=None,
        problems=UNCHANGED,
    )
    outline = Outline(page(held))
    assert "100.5 kWh" in outline.text
    assert "signal 30 %" in outline.text
    assert "today" not in outline.text.partition("Inverters")[0].partition("yesterday")[0]
    assert "data of" not in outline.text


# -- what is wrong ----------------------------------------------------------------------------------------------------


def marks(html: str) -> list[str]:
    """The texts of the marks that can be seen."""
    found = re.findall(r'<p class="mark ([^>]*)>(.*?)</p>', html)
    return [Outline(f"<p>{inner}</p>").text for attributes, inner in found if not attributes.endswith(" hidden")]


def test_a_page_without_a_job_for_too_long_says_so():
    """At the second after the job is due."""
    well = entry(ONE)
    assert marks(page(well, now=AT + timedelta(seconds=900))) == []
    late = page(well, now=AT + timedelta(seconds=901))
    assert marks(late) == ["No job since 14:03 (15 min ago); the values below are old."]
    assert [one["class"] for one in Outline(late).of_class("ecu")] == ["ecu late"]


def test_an_ecu_that_is_down_is_told_with_the_time_of_its_values():
    drawn = page(ecu_down())
    (mark,) = marks(drawn)
    assert mark.startswith("The last job failed: 192.168.1.42:8899 refused the connection; check APS_ECU_IP")
    assert mark.endswith("The values below are of 13:43 (20 min ago).")
    assert "tried 14:03, 42 s ago" in Outline(drawn).text
    assert [one["class"] for one in Outline(drawn).of_class("ecu")] == ["ecu failed"]


def test_a_night_after_a_failed_poll_tells_of_the_poll_and_not_of_the_job():
    """The job of the night succeeds without a poll, and the values are not those of its time."""
    asleep = replace(night(), report=replace(night().report, error=REFUSED))
    (mark,) = marks(page(asleep))
    assert mark.startswith("The last poll failed: 192.168.1.42:8899 refused the connection; check APS_ECU_IP")
    assert "The values below are of" not in mark


def test_an_ecu_that_was_never_read_has_its_address_and_the_cause():
    outline = Outline(page(never()))
    assert "ECU at 192.168.1.43:8899" in outline.text
    assert "192.168.1.43:8899 refused the connection" in outline.text
    assert "This ECU was never read." in outline.text


def test_data_that_do_not_get_newer_are_marked_if_inverters_are_online():
    """30 minutes are normal for no ECU; at night there are no new data."""
    assert marks(page(replace(entry(ONE), data_age=1800.0))) == []
    (mark,) = marks(page(replace(entry(ONE), data_age=1801.0)))
    assert mark == "The ECU has no new data; its last ones were made 30 min ago."


def test_the_night_is_no_alarm():
    outline = Outline(page(night()))
    assert marks(page(night())) == []
    assert "0 of 12 inverters online" in outline.text
    assert len(outline.of_class("asleep")) > 12


def test_of_several_ecus_each_mark_has_a_name_and_the_sums_leave_out_who_was_never_read():
    drawn = page(entry(), never(), names={"216000000001": "Barn"})
    (mark,) = marks(drawn)
    assert mark.startswith("ECU at 192.168.1.43:8899: The last job failed: ")
    assert "without ECU at 192.168.1.43:8899" in Outline(drawn).text


# -- times ------------------------------------------------------------------------------------------------------------


def test_ages_are_given_for_the_time_of_the_page_and_the_script_renews_them():
    outline = Outline(page(entry(ONE)))
    assert "updated 14:03, 42 s ago" in outline.text
    assert "data of 14:00, 3 min ago" in outline.text
    since = [int(str(one["data-since"])) for one in outline.all("span") if "data-since" in one]
    assert {AT.timestamp() - 140, AT.timestamp()} == set(since)


def test_all_times_are_those_of_the_site():
    """A broker may retain the time of the data in another zone."""
    elsewhere = (AT - timedelta(seconds=140)).astimezone(UTC)
    assert "data of 14:00, 3 min ago" in Outline(page(with_inverters(entry(ONE), timestamp=elsewhere))).text


def test_a_job_in_the_future_is_no_negative_age():
    """The clock of a Raspberry Pi that has just started."""
    assert "updated 14:03, 0 s ago" in Outline(page(entry(ONE), now=AT - timedelta(hours=1))).text


def test_times_of_another_date_have_it():
    yesterday = replace(entry(ONE), succeeded_at=AT - timedelta(days=1), failure="the ECU does not answer")
    assert "The values below are of 2026-06-20 14:03 (24 h ago)." in marks(page(yesterday))[0]


# -- charts -----------------------------------------------------------------------------------------------------------


def test_the_curve_ends_where_jobs_are_missing():
    """15 minutes are no gap, 16 are one."""
    well = entry(ONE)
    near = replace(well, curve=(Point(600, 10), Point(615, 20), Point(630, 30)))
    far = replace(well, curve=(Point(600, 10), Point(615, 20), Point(631, 30)))
    assert page(near).count('class="line"') == 1
    assert page(far).count('class="line"') == 2
    assert "peak 30 W at 10:31" in page(far)


def test_the_charts_have_their_numbers_as_tables():
    curve = (Point(540, 100), Point(545, 200), Point(600, 300))
    energies = {AT.date() - timedelta(days=1): 1.716, AT.date(): 3.0}
    text = Outline(page(replace(entry(ONE), curve=curve, energies=energies))).text
    assert "HourMean power09:00150 W10:00300 W" in text
    assert "DayEnergySun 2026-06-213.00 kWhSat 2026-06-201.72 kWh" in text


def test_days_without_a_known_energy_have_no_bar():
    """Of 30 days one is missing."""
    outline = Outline(page(entry(ONE)))
    assert len(outline.of_class("bar")) == 29
    assert len(outline.of_class("now")) >= 1
    assert "in 29 days" in outline.text


def test_without_a_journal_there_are_no_charts():
    assert not Outline(page(replace(entry(ONE), curve=(), energies={}))).all("svg")


def test_a_curve_of_zeros_and_energies_of_zero_can_be_drawn():
    nothing = replace(entry(ONE), curve=(Point(5, 0),), energies={AT.date(): 0.0})
    assert "no power yet" in page(nothing)
    assert "0.0 kWh in 1 day" in page(nothing)


# -- the roof ---------------------------------------------------------------------------------------------------------


def test_the_roof_is_drawn_as_it_is():
    """Rows of one width; empty places; a panel that nobody knows; panels without a place stay with their inverter."""
    well = entry()
    (last,) = inverters_of(well)[-1:]
    roof = roof_of(well)
    drawn = page(well, roof=roof)
    outline = Outline(drawn)
    assert len(outline.all("td")) >= len(roof) * 9
    empty = sum(1 for row in roof for key in row if not key) + sum(9 - len(row) for row in roof)
    assert drawn.count("<td></td>") == empty
    assert "704000009999, panel 1: xnot found" in outline.text
    placed = {key for row in roof for key in row}
    left = [
        panel_key(one.uid, panel)
        for one in inverters_of(well)
        for panel in range(1, len(one.powers) + 1)
        if panel_key(one.uid, panel) not in placed
    ]
    assert len(left) >= len(last.powers)
    tiles = len(outline.of_class("tile"))
    assert tiles == len(left) + sum(1 for row in roof for key in row if key)


def test_the_roof_has_the_panels_of_all_ecus_and_tells_whose_are_old():
    first, second = entry(ONE), replace(ecu_down(), address="192.168.1.43:8899")
    theirs = inverters_of(second)[4:]
    second = with_inverters(second, *theirs, ecu_id="216200000002")
    keys = (panel_key(inverters_of(first)[0].uid, 1), panel_key(theirs[0].uid, 1))
    tiles = Outline(page(first, second, roof=(keys,))).of_class("tile")
    on_roof = {str(one["data-ecu"]): str(one["class"]) for one in tiles if "data-ecu" in one}
    assert "failed" not in on_roof["0"]
    assert "failed" in on_roof["1"]


def test_on_the_roof_the_panels_of_an_inverter_with_a_problem_are_marked():
    """Also if they give power; for those who see no outline it is said, and there is a sign."""
    outline = Outline(PAGES["roof-one-dead"])
    marked = [str(one["title"]) for one in outline.of_class("tile") if "ill" in str(one["class"]).split()]
    assert marked == [f"DS3 704000000001, panel {panel} (problem)" for panel in (1, 2)]
    assert "! 0001/1" in outline.text


def test_sixty_inverters_are_drawn_with_all_their_panels():
    well = entry(SIXTY)
    tiles = Outline(page(well)).of_class("tile")
    assert len(tiles) == sum(len(one.powers) for one in inverters_of(well))
