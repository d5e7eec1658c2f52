"""From what lies on the broker back to a report: the reverse of the messages, whatever lies there."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from parts import replace

from aps2mqtt.base.values import UNCHANGED, Inverter, Report, Unchanged
from aps2mqtt.mqtt import reading_back, topics
from aps2mqtt.mqtt.reading_back import Published, read_back
from aps2mqtt.mqtt.topics import Style, messages
from aps2mqtt.screen import picture
from aps2mqtt.screen.canvas import Canvas

ECU = "216000000001"
UID = "704000000001"
ROOT = f"aps/{ECU}"
AT = datetime(2026, 6, 21, 13, 45, 9, tzinfo=timezone(timedelta(hours=2)))


def on_broker(style: Style, *reports: Report) -> dict[str, str]:
    """What the broker retains once these have been published, one after the other."""
    lies: dict[str, str] = {}
    for report in reports:
        lies |= {message.topic: message.payload for message in messages(style, report)}
    return {topic: payload for topic, payload in lies.items() if payload}


def settled(report: Report, *, flat: bool) -> Report:
    """`report` as the broker can know it: what is kept is what was published last, and nothing is lost."""

    def known(value):
        if not isinstance(value, Unchanged):
            return value
        return UNCHANGED if flat or value.last is None else value.last

    def without_end(values):
        kept = list(values)
        while kept and kept[-1] is None:
            kept.pop()
        return tuple(kept)

    def of_inverter(inverter: Inverter) -> Inverter:
        signal = known(inverter.signal)
        return inverter._replace(
            powers=without_end(inverter.powers),
            voltages=without_end(inverter.voltages),
            signal=None if isinstance(signal, Unchanged) else signal,
            lost=0,
            dc_powers=without_end(inverter.dc_powers),
            dc_voltages=without_end(inverter.dc_voltages),
            dc_currents=without_end(inverter.dc_currents),
        )

    fields = ("power", "today", "lifetime", "registered", "online", "source")
    yesterday = known(report.yesterday)
    return replace(
        report,
        **{field: known(getattr(report, field)) for field in fields},
        yesterday=None if isinstance(yesterday, Unchanged) else yesterday,
        inverters=tuple(sorted(map(of_inverter, report.inverters))),
        gone=(),
        problems=UNCHANGED
        if isinstance(report.problems, Unchanged)
        else tuple(filter(None, ["; ".join(report.problems)])),
    )


# -- there and back ---------------------------------------------------------------------------------------------------

serials = st.from_regex("[0-9]{12}", fullmatch=True)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=80)
watts = st.integers(0, 100_000)
tenths = st.integers(0, 20_000).map(lambda whole: whole / 10)
kwh = st.floats(0, 9e8).map(lambda energy: round(energy, 3))


def or_kept(values):
    return st.one_of(values, st.just(UNCHANGED), values.map(Unchanged))


@st.composite
def inverters(draw) -> Inverter:
    panels = draw(st.integers(0, 8))
    online = draw(st.booleans())
    measured = (lambda values: st.one_of(st.none(), values)) if online else (lambda _values: st.none())

    def of_panels(values):
        return tuple(draw(st.lists(values, min_size=panels, max_size=panels)))

    uid = draw(st.one_of(serials, serials.map(lambda serial: f"704{serial[3:]}")))  # of a DS3
    is_ds3 = uid.startswith("70")
    return Inverter(
        uid,
        online=online,
        powers=of_panels(st.one_of(st.none(), watts)),
        voltages=tuple(draw(st.lists(measured(st.integers(0, 500)), max_size=4))),
        frequency=draw(measured(st.integers(451, 649).map(lambda tenths: tenths / 10))),
        temperature=draw(measured(st.integers(-99, 156))),
        signal=draw(measured(or_kept(st.integers(0, 100)))),
        energies=of_panels(kwh),
        lost=draw(st.integers(0, 2)),
        ac_power=draw(st.one_of(st.none(), tenths)),
        ac_current=draw(measured(tenths)),
        power_factor=draw(measured(st.sampled_from([0.0, 0.976, 1.0]))) if is_ds3 else None,
        dc_powers=of_panels(st.one_of(st.none(), tenths)),
        dc_voltages=of_panels(measured(tenths)),
        dc_currents=of_panels(measured(tenths)),
        firmware=draw(st.one_of(st.none(), st.just("V5312"))),
        problem=draw(st.one_of(st.just(UNCHANGED), st.just("none"), words)),
    )


reports = st.builds(
    Report,
    ecu_id=serials,
    power=or_kept(watts),
    today=or_kept(kwh),
    lifetime=or_kept(kwh),
    registered=or_kept(st.integers(0, 1000)),
    online=or_kept(st.integers(0, 1000)),
    timestamp=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    firmware=st.one_of(st.just(""), words),
    inverters=st.lists(inverters(), max_size=5, unique_by=lambda inverter: inverter.uid).map(tuple),
    gone=st.just(()),
    error=st.one_of(st.just(""), words),
    yesterday=st.one_of(st.none(), or_kept(kwh)),
    source=st.sampled_from([UNCHANGED, "8899", "sunspec", "8899+sunspec"]),
    problems=st.one_of(st.just(UNCHANGED), st.lists(words.filter(lambda text: text != "none"), max_size=3).map(tuple)),
)
styles = st.builds(
    Style,
    prefix=st.sampled_from(["", "solar", "home/roof"]),
    fahrenheit=st.booleans(),
    payload=st.just("flat"),
    sunspec=st.just(True),  # without it, what SunSpec says is not published
)


@given(reports, styles, st.sampled_from(["flat", "json", "both"]))
def test_a_report_comes_back_from_its_messages(report: Report, style: Style, payload: str) -> None:
    """In every style, below every prefix, in either unit of temperature."""
    assume(payload != "both" or report.timestamp is not None)  # else the object alone says something
    style = replace(style, payload=payload)
    found = read_back(style, on_broker(style, report))
    assert found == Published("", (settled(report, flat=style.flat),))


@given(reports, styles, st.sampled_from([("flat", "json"), ("json", "flat")]))
def test_what_was_written_in_another_style_is_read_as_well(report: Report, style: Style, payloads) -> None:
    """That of a `run` on another machine, say."""
    wrote, reads = (replace(style, payload=payload) for payload in payloads)
    assert read_back(reads, on_broker(wrote, report)).reports == (settled(report, flat=wrote.flat),)


@given(reports)
def test_what_is_read_back_is_published_as_it_lies(report: Report) -> None:
    """And so is every metric of every row: one that was not read back would be missing."""
    lies = on_broker(Style(sunspec=True), report)
    found = read_back(Style(), lies).reports[0]
    assert on_broker(Style(sunspec=True), found) == lies


# -- one after the other ----------------------------------------------------------------------------------------------

INVERTER = Inverter(UID, online=True, powers=(100, 120), voltages=(230, 231), frequency=50.0, temperature=30, signal=66)
REPORT = Report(
    ECU,
    power=220,
    today=1.5,
    lifetime=100.5,
    registered=1,
    online=1,
    timestamp=AT,
    firmware="ECU_R_1.3.19",
    inverters=(INVERTER,),
    yesterday=2.5,
    problems=(),
)


def test_of_an_inverter_that_fell_asleep_nothing_measured_is_left() -> None:
    asleep = Inverter(UID, online=False, powers=(0, 0), voltages=(None, None))
    found = read_back(Style(), on_broker(Style(), REPORT, replace(REPORT, inverters=(asleep,)))).reports[0]
    assert found.inverters == (Inverter(UID, online=False, powers=(0, 0)),)


def test_what_a_failed_job_says_stands_beside_the_last_readings() -> None:
    lies = on_broker(Style(), REPORT)
    lies |= {message.topic: message.payload for message in topics.status_messages(Style(), ECU, "it is silent")}
    assert read_back(Style(), lies).reports == (replace(REPORT, error="it is silent"),)


@pytest.mark.parametrize(
    ("status", "error", "told"),
    [
        ("online", "", ""),
        ("online", "of before", ""),
        ("offline", "it is silent", "it is silent"),
        ("offline", "", reading_back.FAILED),
        ("", "", reading_back.NOT_SAID),
        ("dancing", "", reading_back.NOT_SAID),
    ],
)
def test_a_status_is_told_in_words(status: str, error: str, told: str) -> None:
    """With MQTT 5 it expires where no job renews it."""
    lies = on_broker(Style(), REPORT) | {f"{ROOT}/status": status, f"{ROOT}/error": error}
    assert read_back(Style(), lies).reports[0].error == told


@pytest.mark.parametrize(("payload", "presence"), [("online", "online"), ("offline", "offline"), ("\033[2J", "")])
def test_the_presence_of_run_is_told(payload: str, presence: str) -> None:
    assert read_back(Style(), {"aps/status": payload}) == Published(presence, ())


def test_every_ecu_below_the_prefix_is_found_and_none_beside_it() -> None:
    second = replace(REPORT, ecu_id="216200000002")
    lies = on_broker(Style(), REPORT, second) | on_broker(Style(prefix="x"), replace(REPORT, ecu_id="215000000003"))
    assert [report.ecu_id for report in read_back(Style(), lies).reports] == [ECU, "216200000002"]
    assert read_back(Style(), lies).of("216200000002").reports == (second,)


def test_an_object_of_2x_beside_flat_topics_is_not_believed() -> None:
    """Nobody renews it: what an inverter that sleeps measured would be shown for ever."""
    lies = on_broker(Style(), replace(REPORT, inverters=(Inverter(UID, online=False, powers=(0, 0)),)))
    lies[f"{ROOT}/{UID}"] = json.dumps({"online": True, "temperature": 70, "panel_1_power": 300})
    assert read_back(Style(), lies).reports[0].inverters == (Inverter(UID, online=False, powers=(0, 0)),)


# -- whatever lies there ----------------------------------------------------------------------------------------------

NASTY = [
    "",
    "\x00",
    "\033]0;x\a",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "1e9",
    "9" * 5000,
    "0x10",
    "true",
    "None",
    "null",
    "[]",
    "{}",
    '{"online": ',
    "[" * 60_000,
    "9999-12-31T23:59:59",
    "0001-01-01T00:00:00+23:59",
    "2026-06-21",
    "漢" * 500,
    "\ufffd",
    '{"online": true, "signal": "\\u001b[2J", "panel_1_power": [1], "temperature": {}, "frequency": 1e999}',
]
TOPICS = [
    *(f"{ROOT}/{topic}" for topic in ("power", "energy/today", "inverters/total", "timestamp", "firmware", "status")),
    *(f"{ROOT}/{topic}" for topic in ("error", "problem", "energy/yesterday", "", "/", "x/y/z")),
    *(f"{ROOT}/{UID}/{topic}" for topic in ("online", "signal", "temperature", "1/power", "2/power", "0/power")),
    *(
        f"{ROOT}/{UID}/{topic}"
        for topic in ("9999999999/power", "-1/power", "1/voltage", "1/energy/today", "frequency")
    ),
    ROOT,
    f"{ROOT}/{UID}",
    "aps/status",
    "aps",
    "aps/",
    "aps//",
    "aps/٢١٦٠٠٠٠٠٠٠٠١/power",
    "other/aps/1",
]
payloads = st.one_of(st.sampled_from(NASTY), st.text(max_size=40), st.floats().map(str), st.integers().map(str))


@given(
    st.dictionaries(st.one_of(st.sampled_from(TOPICS), st.text(max_size=40)), payloads),
    styles,
    st.sampled_from(["flat", "json"]),
)
def test_whatever_lies_there_can_be_drawn(lies: dict[str, str], style: Style, payload: str) -> None:
    """And brings no control character to the terminal."""
    style = replace(style, prefix="", payload=payload)
    lies = {f"{ROOT}/{UID}/online": "True", **lies}
    for width, height in ((40, None), (80, 12)):
        lines = picture.arrays(read_back(style, lies).reports, style, AT, Canvas(width, height))
        assert "".join(lines).isprintable()
        assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("payload", NASTY)
def test_what_cannot_be_understood_is_left_out_alone(payload: str) -> None:
    """The others are as they were."""
    lies = on_broker(Style(), REPORT) | {f"{ROOT}/power": payload, f"{ROOT}/{UID}/2/power": payload}
    found = read_back(Style(), lies).reports[0]
    assert found == replace(REPORT, power=UNCHANGED, inverters=(replace(INVERTER, powers=(100,)),))


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("power", "-0.5"),
        (f"{UID}/1/power", "0.5"),
        ("timestamp", "2026-06-21T13:45:09"),
        ("energy/today", "-0.1"),
        (f"{UID}/signal", "66.6"),
    ],
)
def test_what_is_no_value_of_its_metric_is_left_out(topic: str, payload: str) -> None:
    """Half a watt, a time of no time zone."""
    lies = on_broker(Style(), REPORT)
    without = {name: text for name, text in lies.items() if name != f"{ROOT}/{topic}"}
    assert read_back(Style(), lies | {f"{ROOT}/{topic}": payload}) == read_back(Style(), without)


def test_there_is_only_so_much_of_everything() -> None:
    """Of ECUs, inverters, panels and characters."""
    many = {f"aps/{ecu:012}/{uid:012}/online": "True" for ecu in range(150) for uid in range(3)}
    many |= {f"{ROOT}/{uid:012}/online": "False" for uid in range(1500)}
    many |= {f"aps/{0:012}/{1:012}/{panel}/power": "1" for panel in range(50)}
    many |= {f"aps/{0:012}/firmware": "x" * 60_000}
    found = read_back(Style(), many).reports
    assert len(found) == reading_back.MOST_ECUS
    assert len(found[0].inverters[1].powers) == len(reading_back.PANELS)
    assert len(found[0].firmware) == reading_back.LONGEST
    assert len(read_back(Style(), many | {"aps/status": ""}).of(f"{0:012}").reports[0].inverters) == 3
    ours = {topic: text for topic, text in many.items() if topic.startswith(ROOT)}
    assert len(read_back(Style(), ours).reports[0].inverters) == reading_back.MOST_INVERTERS
