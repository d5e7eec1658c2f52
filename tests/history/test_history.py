"""What an ECU remembers: asked for, drawn, and written for other programs, over the command line."""

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.parsers import expat

import pytest
from asking_history import ECU, EVENING, TODAY, WHOLE, Person, array, ecu
from parts import Broker, Listener, one_line

from aps2mqtt.base import files
from aps2mqtt.base.errors import EcuRefusal, EcuSilent
from aps2mqtt.config import loading
from aps2mqtt.history import query, time_series
from aps2mqtt.history.time_series import Power
from aps2mqtt.mqtt import topics
from aps2mqtt.simulator.plant import Plant
from aps2mqtt.simulator.scenarios import plant_answers
from aps2mqtt.sources import ask, lock
from aps2mqtt.sources.ecu8899 import frames
from aps2mqtt.sources.endpoints import Limits

GOLDEN = Path(__file__).parents[1] / "golden"


def golden(name: str, text: str) -> None:
    """`text` is that of the file; after a change that is wanted and looked at: REWRITE_GOLDEN=1 pytest ..."""
    path = GOLDEN / name
    if os.environ.get("REWRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


# -- the screen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "inverters", "fault"),
    [
        ("history-1.txt", "1xDS3", ""),
        ("history-12.txt", "6xDS3,4xQS1,2xYC1000", "history-gaps"),
        ("history-60.txt", "40xDS3,20xQT2", "narrow-history"),
    ],
)
def test_the_history_of_an_array_in_80_columns(person: Person, name: str, inverters: str, fault: str) -> None:
    """To the letter; that of 12 has gaps, that of 60 comes with energies of two bytes."""
    ended = person.asks(ecu(fault, array(inverters)), *WHOLE)
    assert (ended.status, ended.err) == (0, "")
    golden(name, ended.out)


def test_today_is_what_is_shown_by_default_as_far_as_it_is_over(person: Person) -> None:
    noon = datetime(2026, 6, 21, 10, 2, tzinfo=UTC)
    ended = person.asks(ecu(at=noon), at=noon)
    assert ended.out.startswith("Power on Sunday, 2026-06-21   ECU-R 216000000001\n")
    assert "06:00" in ended.out
    assert "12:00" in ended.out
    assert "13:00" not in ended.out


def test_another_day_is_that_of_the_site(person: Person) -> None:
    """After midnight in Paris, where it is still yesterday in UTC."""
    late = datetime(2026, 6, 21, 22, 30, tzinfo=UTC)
    today, yesterday = ecu(at=late), ecu(at=late)
    assert "Power on Monday, 2026-06-22" in person.asks(today, at=late).out
    assert [request[9:] for request in today.requests][1:] == [f"0003{ECU}END20260622END\n"]
    assert "Power on Sunday, 2026-06-21" in person.asks(yesterday, "--date", "2026-06-21", at=late).out
    assert [request[9:] for request in yesterday.requests][1:] == [f"0003{ECU}END20260621END\n"]


def test_both_widths_of_an_energy_give_the_same(person: Person) -> None:
    shown = {person.asks(ecu(fault), "week", "month", "year").out for fault in ("", "narrow-history")}
    assert len(shown) == 1


def test_gaps_are_shown_as_gaps_and_written_nowhere(person: Person) -> None:
    """Not as 0: neither drawn nor in the table nor in JSON."""
    shown = person.asks(ecu("history-gaps"), "day", "week").out
    assert "░ no data from 11:25 to 13:15" in shown
    assert re.search(r"│ *[█▁-▇]*░{6,8}", shown)
    assert "Wed 2026-06-17  no data\n" in shown
    table = person.asks(ecu("history-gaps"), "day", "week", "--csv").out
    said = json.loads(person.asks(ecu("history-gaps"), "day", "week", "--json").out)
    for absent in ("2026-06-17", "T12:"):
        assert absent not in table
        assert absent not in json.dumps(said)
    assert [point["date"][-2:] for point in said[1]["points"]] == ["15", "16", "18", "19", "20"]


def test_an_ecu_that_remembers_nothing_is_no_failure(person: Person) -> None:
    ended = person.asks(ecu("empty-history"), *WHOLE)
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.count("the ECU has no data for this period") == 4
    ended = person.asks(ecu("empty-history"), "day", "week", "--csv")
    assert (ended.status, ended.out) == (0, "ecu,period,time,value,unit\n")
    plot = person.folder / "nothing.svg"
    assert person.asks(ecu("empty-history"), "day", "year", "--plot", plot).status == 0
    assert "has no data" in plot.read_text()


# -- what is asked, and what is answered ------------------------------------------------------------------------------


def test_each_query_has_a_connection_of_its_own_and_one_try(person: Person) -> None:
    """Newer models answer nothing to a second one (quirk 2)."""
    newer = ecu(plant=array(model="ECU-R-Pro"))
    assert person.asks(newer, *WHOLE).status == 0
    assert [request[9:13] for request in newer.requests] == ["0001", "0003", "0004", "0004", "0004"]
    assert newer.connections == 5
    assert newer.collisions == 0


def test_a_firmware_without_history_is_told_once_for_each(person: Person) -> None:
    """Exit status 76, with the firmware; nothing is drawn, and nobody asks twice (quirk 77)."""
    without = ecu("no-history")
    ended = person.asks(without, "week")
    assert (ended.status, ended.out) == (76, "")
    assert one_line(ended.err) == (
        f"aps2mqtt: the ECU at 127.0.0.1:{without.port} does not answer 0004: its firmware "
        "ECU_R_1.3.19C does not support the energy of the week; try again only if it worked before"
    )
    assert [request[9:13] for request in without.requests] == ["0001", "0004"]
    assert person.asks(ecu("no-history"), "day", "--json").out == "[]\n"
    plot = person.folder / "none.svg"
    assert person.asks(ecu("no-history"), "day", "--plot", plot).status == 76
    assert not plot.exists()


def test_no_data_for_a_day_is_told_and_no_other_day_suffers(person: Person) -> None:
    """Status 01."""
    ended = person.asks(ecu("history-01"), "day", "month")
    assert (ended.status, ended.out) == (76, "")
    power, energy = ended.err.splitlines()
    assert "no data for the power of 2026-06-21 (status 01); choose another date or period" in power
    assert "no data for the energy of the month (status 01); choose another date or period" in energy


def test_a_refusal_of_its_own_id_is_that_of_a_job(person: Person) -> None:
    ended = person.asks(ecu("status-02"))
    assert ended.status == 76
    assert "rejects its own id in 0003 (status 02)" in one_line(ended.err)


@pytest.mark.parametrize(
    ("fault", "status", "says"),
    [
        ("refuse", 69, "refuses the connection"),
        ("close", 69, "closes it without an answer"),
        ("cut", 76, "ends at byte"),
    ],
)
def test_an_ecu_that_does_not_even_say_its_id_fails_as_a_job_does(
    person: Person, monkeypatch: pytest.MonkeyPatch, fault: str, status: int, says: str
) -> None:
    monkeypatch.setattr("aps2mqtt.sources.ecu8899.client.time.sleep", lambda _: None)
    ended = person.asks(ecu(fault))
    assert (ended.status, ended.out) == (status, "")
    assert says in one_line(ended.err)


def asked(port: int, *periods: str, limits: Limits) -> query.Recollection:
    """Without the command."""
    settings = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": str(port), "APS_ECU_TIMEZONE": "Europe/Paris"}
    (chosen,) = loading.load(None, settings)
    return query.read(chosen, periods, TODAY, limits, today=TODAY)


SHORT = Limits(answer=2.0, pauses=(), conversation=4.8)


@contextmanager
def mute_but_for_its_id() -> Iterator[int]:
    """An ECU that answers 0001 and accepts everything else without a word."""
    answers = plant_answers(Plant())

    def treat(connection: socket.socket) -> None:
        if (command := connection.recv(64)[9:13].decode()) == "0001":
            connection.sendall(answers(command, "", EVENING))
        connection.recv(64)

    with Listener(treat) as one:
        yield one.port


def test_an_ecu_that_stays_mute_does_not_support_it_and_costs_no_more_than_a_job() -> None:
    """What there is no time left for is not said to be unsupported."""
    with mute_but_for_its_id() as port:
        read = asked(port, *WHOLE, limits=SHORT)
    assert read.found == ()
    assert [type(one) for one in read.failures[::3]] == [EcuRefusal, EcuSilent]
    assert "its firmware ECU_R_1.3.19C does not support the power of 2026-06-21" in str(read.failures[0])
    assert "no time was left" in str(read.failures[3])


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (lambda whole: whole.replace(b"END\n", b"XND\n"), "END is missing"),
        (lambda whole: whole[:9] + b"0030" + whole[13:], "the answer is for '0030', not for 0004"),
        (lambda whole: whole[:-9], "ends at byte"),
        (lambda whole: whole[:17] + b"\x20\x26\x13\x01" + whole[21:], "not a list of energies by date"),
    ],
)
def test_an_answer_that_is_of_no_use_is_told_and_leaves_the_others(spoilt, says: str) -> None:
    truly = plant_answers(array())

    def answer(command: str, *rest: object) -> bytes:
        whole = truly(command, *rest)
        return spoilt(whole) if command == "0004" else whole

    with ecu(answers=answer) as one:
        read = asked(one.port, "day", "week", limits=SHORT)
    assert [type(found) for found in read.found] == [Power]
    assert [failure.status for failure in read.failures] == [76]
    assert says in str(read.failures[0])


def test_another_period_in_the_answer_is_a_warning() -> None:
    """Its dates tell what it is of."""
    truly = plant_answers(array())

    def answer(command: str, *rest: object) -> bytes:
        whole = truly(command, *rest)
        return whole[:15] + b"01" + whole[17:] if command == "0004" else whole

    with ecu(answers=answer) as one:
        read = asked(one.port, "week", limits=SHORT)
    assert len(read.found[0].points) == 7
    assert [str(one) for one in read.remarks] == ["the answer to 0004 is for another period: '01'; check its dates"]


def test_an_absent_trailer_is_a_warning(person: Person) -> None:
    """Firmware of August 2025 (quirk 8)."""
    truly = plant_answers(array())

    def answer(command: str, *rest: object) -> bytes:
        whole = truly(command, *rest).removesuffix(b"END\n")
        return whole[:5] + b"%04d" % len(whole) + whole[9:] + b"\n" if command == "0003" else truly(command, *rest)

    ended = person.asks(ecu(answers=answer))
    assert ended.status == 0
    assert one_line(ended.err).startswith("aps2mqtt: warning: the answer to 0003 has no END")


def test_while_a_job_holds_the_ecu_nobody_asks_it(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit status 75, as for a job."""
    monkeypatch.setattr(ask, "PATIENCE", 0.1)
    one = ecu()
    with lock.hold("127.0.0.1", one.port, 0):
        ended = person.asks(one)
    assert ended.status == 75
    assert "another aps2mqtt job is still using the ECU" in one_line(ended.err)
    assert one.requests == []


def test_the_lock_is_held_while_it_asks_and_given_back() -> None:
    """Before anything is drawn or published."""
    held = []
    truly = plant_answers(array())

    def answer(command: str, *rest: object) -> bytes:
        try:
            with lock.hold("127.0.0.1", one.port, 0):
                held.append(False)
        except lock.EcuBusy:
            held.append(True)
        return truly(command, *rest)

    with ecu(answers=answer) as one:
        asked(one.port, "day", "week", limits=SHORT)
        with lock.hold("127.0.0.1", one.port, 0):
            assert held == [True, True, True]


# -- usage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2026-06-22", "2026-06-22 is in the future; today is 2026-06-21 at the site (Europe/Paris)"),
        ("20260621", "'20260621' is not a date; write it as 2026-06-21"),
        ("2026-W25-7", "is not a date"),
        ("0001-01-01", "0001-01-01 is before the first ECUs"),
    ],
)
def test_capture_and_history_take_the_same_dates(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, says: str
) -> None:
    """Of the days that there may be at the site; nobody is asked for another."""
    monkeypatch.chdir(tmp_path)  # where capture would write
    for command in ("history", "capture"):
        with ecu() as one:
            person.configure(APS_ECU_PORT=one.port)
            ended = person.calls(command, "--date", day)
        assert (ended.status, ended.out, one.requests) == (64, "", [])
        assert says in one_line(ended.err)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--date", "2026-06-22"], "2026-06-22 is in the future; today is 2026-06-21 at the site (Europe/Paris)"),
        (["--date", "2026-02-29"], "'2026-02-29' is not a date; write it as 2026-06-21"),
        (["--date", "21.06.2026"], "is not a date"),
        (["--date", "20260621"], "is not a date"),
        (["--date", "0001-01-01"], "is before the first ECUs"),
        (["week", "--date", "2026-06-20"], "add the period day, or omit --date"),
        (["decade"], "'decade' is not a period; choose from day, week, month, year"),
        (["--plot", "day.png"], "'day.png' does not end in .svg; choose a name that does"),
        (["--plot", "svg"], "'svg' does not end in .svg"),
        (["--csv", "--json"], "not allowed with argument"),
        (["--ecu", "216000000099"], "no ECU has the id or address '216000000099'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error_and_asks_nobody(person: Person, arguments: list[str], says: str) -> None:
    one = ecu()
    ended = person.asks(one, *arguments)
    assert (ended.status, ended.out) == (64, "")
    assert says in one_line(ended.err)
    assert one.requests == []


# -- for other programs -----------------------------------------------------------------------------------------------


def test_the_table_has_a_row_for_each_point(person: Person) -> None:
    """ISO times with their offset, dates, shortest decimals of a hundredth."""
    lines = person.asks(ecu(), "day", "week", "--csv").out.splitlines()
    assert lines[0] == "ecu,period,time,value,unit"
    assert lines[1] == f"{ECU},day,2026-06-21T05:45:00+02:00,0,W"
    assert lines[-1] == f"{ECU},week,2026-06-21,17.17,kWh"
    assert all(re.fullmatch(rf"{ECU},day,2026-06-21T..:.[05]:00\+02:00,\d+,W", line) for line in lines[1:-7])
    assert all(re.fullmatch(rf"{ECU},week,2026-06-\d\d,\d+\.\d\d,kWh", line) for line in lines[-7:])


def test_json_says_what_the_plant_did(person: Person) -> None:
    """One object for each series, in the order in which they are wanted."""
    one = ecu()
    week, day = json.loads(person.asks(one, "week", "day", "week", "--json").out)
    assert {key: day[key] for key in ("ecu", "period", "date", "unit")} == {
        "ecu": ECU,
        "period": "day",
        "date": "2026-06-21",
        "unit": "W",
    }
    for point in day["points"]:
        at = datetime.fromisoformat(point["time"])
        assert at.utcoffset() == timedelta(hours=2)
        assert point["power"] == one.plant.system_info(at).power
    assert len(day["points"]) == 196
    assert (week["period"], week["unit"], len(week["points"])) == ("week", "kWh", 7)
    assert week["points"][-1] == {"date": "2026-06-21", "energy": one.plant.system_info(EVENING).energy_today}


def test_the_picture_is_svg_with_everything_in_it(person: Person) -> None:
    """Well-formed, with words for who cannot see it, colors for day and night, nothing that runs or is fetched."""
    path = person.folder / "solar.svg"
    path.symlink_to("/dev/null")
    ended = person.asks(ecu("history-gaps"), *WHOLE, "--plot", path)
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert not path.is_symlink()
    text = path.read_text(encoding="utf-8")
    expat.ParserCreate().Parse(text, True)
    for words in (
        'role="img" aria-labelledby="title description"',
        "Power on Sunday, 2026-06-21",
        "Energy of the last 30 days",
        "prefers-color-scheme: dark",
        "hatched: no data",
        "<title>no data from 11:25 to 13:15</title>",
        "<title>no data between Tue 2026-06-16 and Thu 2026-06-18</title>",
        "<title>Thu 2026-06-18: 17.15 kWh</title>",
        ">06:00</text>",
        ">Jan 2026</text>",
    ):
        assert words in text, words
    assert text.count('class="curve"') == 2  # before noon and after it
    assert not re.search(r"<script|javascript:|\son\w+=|href|@import|https?://(?!www\.w3\.org/2000/svg)", text)


def test_a_picture_that_cannot_be_written_leaves_the_one_before(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or not at all."""
    path = person.folder / "solar.svg"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fchmod", full)
    ended = person.asks(ecu(), "--plot", path)
    assert ended.status == 64
    assert one_line(ended.err) == f"aps2mqtt: {path} cannot be written (No space left on device); choose another file"
    assert path.read_text() == "before"
    assert [file.name for file in person.folder.glob("*solar*")] == ["solar.svg"]


# -- several ECUs -----------------------------------------------------------------------------------------------------


def test_several_ecus_are_asked_one_after_the_other(
    person: Person, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails keeps no other from being drawn and published; `--ecu` picks one."""
    monkeypatch.setattr("aps2mqtt.sources.ecu8899.client.time.sleep", lambda _: None)
    ids = ("216000000011", "216000000012", "216000000013", "216000000014")
    faults = ("refuse", "", "no-history", "history-gaps")
    ecus = [ecu(fault, array(ecu_id=one)) for one, fault in zip(ids, faults, strict=True)]
    first, second, third, fourth = ecus
    lines = [f"  - {{APS_ECU_IP: 127.0.0.1, APS_ECU_PORT: {one.port}}}" for one in ecus]
    (person.folder / "config.yaml").write_text("\n".join(["ecu:", *lines]))
    person.configure(APS_ECU_IP="", CONFIG_FILE=person.folder / "config.yaml", MQTT_BROKER_PORT=broker.port)
    with first, second, third, fourth:
        ended = person.calls("history", "day", "week", "--plot", person.folder / "all.svg", "--publish", "--csv")
        only = person.calls("history", "--ecu", f"127.0.0.1:{fourth.port}")
    assert ended.status == 76
    assert len(ended.err.splitlines()) == 3
    assert list(dict.fromkeys(line.split(",")[0] for line in ended.out.splitlines())) == ["ecu", ids[1], ids[3]]
    assert broker.retained().keys() == {
        f"aps/{one}/history/{of}" for one in (ids[1], ids[3]) for of in ("power", "energy/week")
    }
    assert (person.folder / "all.svg").read_text().count('class="heading"') == 4
    assert only.status == 0
    assert only.out.splitlines()[0].endswith(ids[3])


# -- the simulator's memory, and what it is called on the broker ------------------------------------------------------


def test_every_period_has_its_topic() -> None:
    assert tuple(topics.HISTORY) == time_series.PERIODS


def test_the_week_has_no_entry_for_today_before_there_is_sun_in_it() -> None:
    """Quirk 76."""
    plant = array()
    dawn, later = (datetime(2026, 6, 21, hour, 0, tzinfo=UTC) for hour in (2, 8))
    assert [day for day, _ in plant.energy_by_day("00", dawn).points][-1] == "20260620"
    assert [day for day, _ in plant.energy_by_day("00", later).points][-1] == "20260621"


def test_what_is_to_come_or_makes_no_sense_has_no_data() -> None:
    answers = plant_answers(array())
    for command, argument in (("0003", "20260622"), ("0003", "rubbish"), ("0003", ""), ("0004", "03")):
        assert answers(command, ECU, EVENING, argument) == b"APS110015" + command.encode() + b"01\n"
    assert answers("0003", "216000000099", EVENING, "20260621") == b"APS110015000302\n"


@pytest.mark.parametrize("request_", ["APS1100360003{}END20260621\n", "APS1100390003{}END20260621END\n"])
def test_the_forms_of_a_request_that_others_use_are_answered_alike(request_: str) -> None:
    """Quirk 74: with a second END and without."""
    with ecu() as one, socket.create_connection(("127.0.0.1", one.port)) as connection:
        connection.sendall(request_.format(ECU).encode())
        received = connection.makefile("rb").read(800)
    assert received == plant_answers(one.plant)("0003", ECU, EVENING, "20260621")[:800]
    assert frames.declared_size(received) == 13 + 2 + 196 * 4 + 4
