"""`aps2mqtt capture`: the answers of one's own ECU, to be published: no number of the owner's is left in them."""

import json
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import case_checks
import frame_cases
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import CAPTURES, NOON, aps2mqtt, one_line, sunny_ecu

from aps2mqtt.base.errors import EcuBusy, EcuRefusal, EcuUnreachable, IncompleteFrame, MalformedFrame
from aps2mqtt.base.values import Snapshot
from aps2mqtt.captures import capture
from aps2mqtt.captures.capture import CapturedEcu, Document
from aps2mqtt.captures.dissect import dissect
from aps2mqtt.captures.document import EcuVersion, Query, named
from aps2mqtt.captures.redaction import Redaction
from aps2mqtt.config import loading, values
from aps2mqtt.simulator.scenarios import replay_answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources import ask, endpoints
from aps2mqtt.sources.ecu8899 import client, tables
from aps2mqtt.sources.ecu8899.answers import SystemInfo, decode_real_time, decode_system_info, encode_system_info
from aps2mqtt.sources.ecu8899.frames import Frame, request
from aps2mqtt.sources.endpoints import NORMAL
from aps2mqtt.sources.lock import hold

DAY = date(2026, 6, 21)
SITE = ZoneInfo("Europe/Paris")
FAST = NORMAL._replace(pauses=(0.01,), answer=1.0)

# What the owners' devices are called in truth, by the stand-ins of tests/captures.
TRUE = {
    "216000000004": "216000417853",
    **{f"90100000000{n}": f"9010372{64918 + 1371 * n}" for n in range(1, 7)},
    "216200000002": "216200985317",
    **{f"70400000000{n}": f"7040593{10264 + 2713 * n}" for n in range(1, 9)},
    "80971b000001": "80971b0e57a9",
    "60c5a8000001": "60c5a81d93be",
}
ECU_R = (
    "ecur-sysinfo-1.3.6C-2023-11-21-am",
    "ecur-qt2-6-partial-2023-11-21-am",
    "ecur-signal-6-2023-11-21-am",
)
ECU_R_PRO = ("ecurpro-sysinfo-2.0.7A-2022", "ecurpro-ds3-8-4unseen-2022", "ecurpro-signal-8-2022")
COMMANDS = (tables.SYSTEM_INFO, tables.REAL_TIME, tables.SIGNAL)
POWER = b"APS110026000300" + bytes.fromhex("05350000 13250d06") + b"END\n"


def true_frame(stem: str) -> bytes:
    """The frame of a capture as its owner's ECU sent it."""
    digits = json.loads((CAPTURES / f"{stem}.json").read_text())["hex"]
    for stand_in, true in TRUE.items():
        digits = digits.replace(stand_in, true).replace(stand_in.encode().hex(), true.encode().hex())
    return bytes.fromhex(digits)


def answering(frames: Iterable[bytes], **options: object) -> Simulator:
    """An ECU with these answers, and none to the rest."""
    by_command = {frame[9:13].decode("latin-1"): frame for frame in frames}
    return sunny_ecu(answers=lambda command, *_: by_command.get(command, b""), **options)


def configured(port: int) -> values.Config:
    return loading.load(
        None, {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": str(port), "APS_ECU_TIMEZONE": "Europe/Paris"}
    )[0]


def taken(frames: Iterable[bytes], day: date | None = None, **options: object) -> CapturedEcu:
    with answering(frames, **options) as ecu:
        return capture.take(configured(ecu.port), day, NOON, FAST)


def documents(*all_taken: CapturedEcu) -> list[Document]:
    return capture.documents([(one, DAY) for one in all_taken])


def frames_of(stems: Iterable[str]) -> list[bytes]:
    return [true_frame(stem) for stem in stems]


def leaks(text: str, originals: Iterable[str] = TRUE.values()) -> list[str]:
    """Six digits in a row of an original that no model or maker has, as digits, BCD or hexadecimal of text."""
    found = []
    for original in originals:
        kept = {"2": 4, "8": 3, "6": 3, "7": 3, "9": 3}[original[0]] if original.isdecimal() else 6
        secret = original[kept:]
        for at in range(len(secret) - 5):
            piece = secret[at : at + 6]
            found += [piece for form in (piece, piece.encode().hex()) if form in text.lower()]
    return found


def as_test(document: dict[str, object]) -> None:
    """What tests/sources/test_captured_frames.py asserts of the file, once it lies in tests/captures."""
    case = frame_cases.Case(
        str(document["id"]), str(document["command"]), bytes.fromhex(str(document["hex"])), document["decoded"]
    )
    if case.decoded is None:
        case_checks.is_not_understood_yet(case)
    elif "cut" in case.decoded:
        case_checks.is_incomplete_and_says_how_much_came(case)
        case_checks.walks_to_what_was_received_whole(case)
    else:
        case_checks.decodes_to_the_values_written_out(case)
        case_checks.is_encoded_to_the_identical_bytes(case)
        case_checks.has_a_row_for_every_byte(case)


@pytest.fixture(scope="module", params=[ECU_R, ECU_R_PRO], ids=["ECU-R", "ECU-R-Pro"])
def answers(request: pytest.FixtureRequest) -> CapturedEcu:
    """What an ECU with true numbers answers."""
    return taken(frames_of(request.param))


# -- what is written --------------------------------------------------------------------------------------------------


def test_the_files_replay_to_the_same_snapshot_but_for_the_numbers(answers: CapturedEcu, tmp_path: Path) -> None:
    """As `aps2mqtt simulate --replay` plays them."""
    table = capture.redaction([answers])
    files = [tmp_path / document.name for document in documents(answers)]
    for file, document in zip(files, documents(answers), strict=True):
        file.write_text(document.text)
    with answering(one.data for one in answers.answers) as ecu:
        original = client.read_ecu(endpoints.resolve("127.0.0.1", ecu.port, FAST), SITE, FAST)
    with sunny_ecu(answers=replay_answers(files, lambda *_: b"")) as ecu:
        replayed = client.read_ecu(endpoints.resolve("127.0.0.1", ecu.port, FAST), SITE, FAST)
    assert replayed == redacted(original, table)
    assert replayed != original


def redacted(snapshot: Snapshot, table: Redaction) -> Snapshot:
    return snapshot._replace(
        ecu_id=table.stand_ins[snapshot.ecu_id],
        inverters=tuple(one._replace(uid=table.stand_ins[one.uid]) for one in snapshot.inverters),
    )


def test_no_digit_of_a_number_is_left(answers: CapturedEcu) -> None:
    """Behind those that name model or maker; and the originals were there."""
    assert len(leaks("".join(one.data.hex() for one in answers.answers))) > 20
    for document in documents(answers):
        assert leaks(document.text + document.name) == []


def test_the_same_inverter_has_the_same_number_in_every_file(answers: CapturedEcu) -> None:
    """And keeps its place, and what names its model."""
    info, real_time, signal = (json.loads(one.text)["decoded"] for one in documents(answers))
    uids = [record["uid"] for record in real_time["records"]]
    assert uids == [uid for uid, _ in signal["levels"]]
    assert len(set(uids)) == len(uids)
    frame = decode_real_time(Frame.decode(answers.answers[1].data))
    assert [uid[:3] for uid in uids] == [record.uid[:3] for record in frame.records]
    assert uids[:2] == [f"{uids[0][:3]}000000001", f"{uids[0][:3]}000000002"]
    assert info["ecu_id"] == f"{answers.answers[0].data[13:17].decode()}00000001"
    asked = [json.loads(one.text)["request"] for one in documents(answers)]
    assert asked == [
        "APS1100160001END",
        f"APS1100280002{info['ecu_id']}END",
        f"APS1100280030{info['ecu_id']}END",
    ]


def test_what_matters_to_a_decoder_stays() -> None:
    """Junk of offline inverters, zeros for a MAC, filler; every byte that is no number."""
    one = taken(frames_of(ECU_R))
    info, real_time, _ = (json.loads(document.text)["decoded"] for document in documents(one))
    assert (info["wireless_mac"], info["last_contact"]) == ("000000000000", "d0" * 7)
    assert real_time["records"][0]["powers"] == [0, 0, 27, 26]
    for answer, document in zip(one.answers, documents(one), strict=True):
        data = bytes.fromhex(json.loads(document.text)["hex"])
        changed = [at for at, (before, after) in enumerate(zip(answer.data, data, strict=True)) if before != after]
        named = {
            part.name
            for part in dissect(answer.data).parts
            for at in changed
            if part.offset <= at < part.offset + len(part.raw)
        }
        assert named <= {"ecu_id", "uid", "wired_mac"}


def test_a_file_says_what_there_is_to_say_and_has_the_shape_of_the_others(answers: CapturedEcu) -> None:
    """Everything that those in tests/captures have, the day and the request."""
    known = {key for file in CAPTURES.glob("*.json") for key in json.loads(file.read_text())}
    for document in documents(answers):
        content = json.loads(document.text)
        assert set(content) == known | {"date", "request"}
        assert content["date"] == "2026-06-21"
        assert content["firmware"] in ("ECU_R_1.3.6C", "ECU_R_PRO_2.0.7A")
        assert content["complete"] is True
        assert f"{content['id']}.json" == document.name
        assert "127.0.0.1" not in document.text
        as_test(content)


def test_the_files_are_named_by_model_query_and_firmware() -> None:
    assert [one.name for one in documents(taken(frames_of(ECU_R)))] == [
        "ecur-sysinfo-1.3.6C.json",
        "ecur-realtime-1.3.6C.json",
        "ecur-signal-1.3.6C.json",
    ]
    assert (
        named(EcuVersion("216200000001", "../../etc/\x00_2 /1\u0661"), Query("0004", "00").name)
        == "ecurpro-energy-week-21"
    )
    assert named(EcuVersion("215000000001", "ECU-C-Z_C1.2.1"), Query("0003", "20260621").name) == "ecuc-power-C1.2.1"
    assert named(EcuVersion(), Query("0001").name) == "ecu-sysinfo-unknown"
    assert named(EcuVersion("2030"), Query("0001").name) == "ecu-sysinfo-unknown"


# -- numbers in odd places --------------------------------------------------------------------------------------------

INFO = SystemInfo(
    ecu_id="216000417853",
    version="01",
    lifetime_energy=1.5,
    power=1,
    energy_today=0.5,
    registered=1,
    online=1,
    firmware="ECU_R_216000417853_417853_1.2.3",
    wired_mac="80971b0e57a9",
    wireless_mac="60c5a81d93be",
    time_zone="80:97:1B:0e:57:a9",
    channel="10",
    last_contact="d0" * 7,
)
UID = "901037266289"


def scrubbed(*frames: bytes) -> list[bytes]:
    table = Redaction.of(map(dissect, frames))
    return [table.scrub(frame) for frame in frames]


def real_time(*listed: str) -> bytes:
    body = b"000001" + len(listed).to_bytes(2, "big") + bytes.fromhex("20250621120005" + "".join(listed)) + b"END"
    body = body[:2] + b"01" + body[6:]
    return b"APS11%04d0002" % (len(body) + 13) + body + b"\n"


def test_numbers_in_text_are_replaced_too() -> None:
    """The whole id, its end, and a MAC as people write it: in firmware, or wherever text stands."""
    (data,) = scrubbed(encode_system_info(INFO).encode())
    info = decode_system_info(Frame.decode(data))
    assert info.firmware == "ECU_R_216000000001_000001_1.2.3"
    assert info.time_zone == "80:97:1b:00:00:01"
    assert leaks(data.hex(), ["216000417853", "80971b0e57a9", "60c5a81d93be"]) == []


def test_the_own_id_in_the_list_of_inverters_is_the_own_id() -> None:
    """An installer's slip (quirk 29), by which the record is known to be no inverter."""
    info, listed = scrubbed(encode_system_info(INFO).encode(), real_time("216000417853 00 3030"))
    assert decode_system_info(Frame.decode(info)).ecu_id == "216000000001"
    assert decode_real_time(Frame.decode(listed)).records[0].uid == "216000000001"


@pytest.mark.parametrize(
    "frame",
    [
        b"APS1100450099" + bytes.fromhex("aa" + UID + "bb") + b"216000417853" + UID.encode() + b"END\n",
        b"APS1100200099" + bytes.fromhex(f"a{UID}b") + b"\n",  # not even in whole bytes
        real_time(f"{UID} 01 5a37 01f4", f"{UID} 01 5a38 11"),
        real_time("703000000009 01 5a37 01f4" + UID + "1111"),
        b"\x00garbage 80-97-1b-0E-57-A9 " + bytes.fromhex(UID) + b" 216000417853",
        b"APS1100" + bytes.fromhex(UID) + b"0030",
        b"APS1100330030" + b"00" + bytes.fromhex(f"11{UID}aa") + b"END\n",
    ],
)
def test_known_numbers_are_replaced_in_what_nobody_understands(frame: bytes) -> None:
    """By search, wherever they are; the size stays."""
    others = [encode_system_info(INFO).encode(), real_time(f"{UID} 00 3030")]
    *_, data = scrubbed(*others, frame)
    assert len(data) == len(frame)
    assert data != frame
    assert leaks(data.hex(), [UID, "216000417853", "80971b0e57a9"]) == []
    text = data.decode("latin-1").lower()
    assert not re.search("417853|266289|0e-57-a9", text)


def test_what_looks_like_a_number_is_replaced_in_what_nobody_understands() -> None:
    """The head of a record, an ECU's id, a MAC of the makers: nothing else has named them."""
    frame = b"APS1100990099" + bytes.fromhex(f"0102 {UID} 01 3039 60c5a81d93be") + b"id 216000417853 "
    (data,) = scrubbed(frame)
    assert leaks(data.hex(), [UID, "216000417853", "60c5a81d93be"]) == []
    assert data.startswith(b"APS1100990099\x01\x02" + bytes.fromhex("901000000001"))


def test_a_known_number_that_is_cut_is_replaced_in_what_nobody_understands() -> None:
    """From its third byte on it can be told; the digits of the model stay."""
    frame = b"APS1100990099" + bytes.fromhex("aabb" + UID)
    for received in range(len(frame) - 3, len(frame)):
        *_, data = scrubbed(real_time(f"{UID} 00 3030"), frame[:received])
        assert data[:15] == frame[:15]
        assert data[15:] == bytes.fromhex("901000000001")[: received - 15]


def test_the_stand_ins_of_another_run_get_others_and_stay_apart() -> None:
    """A simulated ECU's numbers look like stand-ins: no stand-in is an original."""
    originals = ["704000000002", "704000000001", "704000000003"]
    frame = real_time(*(f"{uid} 00 3030" for uid in originals))
    (data,) = scrubbed(frame)
    uids = [record.uid for record in decode_real_time(Frame.decode(data)).records]
    assert uids == ["704000000004", "704000000005", "704000000006"]


def test_a_masked_id_keeps_its_mask() -> None:
    """As published once, with stars; digits that are left are none of its own."""
    frame = encode_system_info(INFO).encode().replace(b"216000417853", b"2160004*****")
    (data,) = scrubbed(frame)
    assert data[13:25] == b"2160000*****"


@pytest.mark.parametrize(
    "frame",
    [
        b"APS110015000202",
        b"APS110018000202END\n",
        real_time("703000000009 00 3030").replace(b"0038", b"0035").replace(b"END", b""),
        real_time("703000000009 00 3030")[:-1],
        real_time("703000000009 01 5a37 01f4"),
        b"APS1100160099END\n",
        request("0002", "216000000001"),  # an echo
        b"APS",
    ],
)
def test_a_frame_that_no_encoder_of_ours_would_send_has_no_decoded_values(frame: bytes) -> None:
    """Without a newline, with an END too many or too few, of a type or a command that nobody knows."""
    (document,) = documents(CapturedEcu((capture.RawAnswer(Query(tables.REAL_TIME), frame),)))
    assert json.loads(document.text)["decoded"] is None
    as_test(json.loads(document.text))


@pytest.mark.parametrize("stems", [ECU_R, ECU_R_PRO], ids=["ECU-R", "ECU-R-Pro"])
@pytest.mark.parametrize("number", [0, 1, 2], ids=COMMANDS)
def test_a_frame_cut_at_any_byte_is_a_fixture_without_a_number(stems: tuple[str, ...], number: int) -> None:
    """Also of a number that is cut itself, by itself or with the whole frames of the others."""
    whole = frames_of(stems)
    for received in range(1, len(whole[number])):
        cut = whole[number][:received]
        for others in ([], [frame for at, frame in enumerate(whole) if at != number]):
            *_, data = scrubbed(*others, cut)
            assert leaks(data.hex()) == []
            assert len(data) == received
        made = CapturedEcu((capture.RawAnswer(Query(COMMANDS[number]), cut),))
        (document,) = documents(made)
        as_test(json.loads(document.text))


@settings(max_examples=300)
@given(
    st.integers(0, 2),
    st.lists(st.tuples(st.integers(0, 11) | st.integers(25, 52), st.integers(0, 255)), max_size=4),
    st.binary(max_size=20),
)
def test_a_damaged_frame_is_a_fixture_without_a_number(
    number: int, changes: list[tuple[int, int]], more: bytes
) -> None:
    """Whatever is wrong with its header, its counts or its size."""
    whole = frames_of(ECU_R)
    damaged = bytearray(whole[number][:-4] + more + whole[number][-4:])
    for at, value in changes:
        damaged[at] = value
    table = Redaction.of(map(dissect, [*whole, bytes(damaged)]))
    data = table.scrub(bytes(damaged))
    assert len(data) == len(damaged)
    for original in TRUE.values():
        assert original not in data.hex()
        assert original.encode() not in data


# -- ECUs that fail ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error", "files"),
    [
        ("cut", IncompleteFrame, 3),
        ("wrong-length", IncompleteFrame, 3),
        ("wrong-end", MalformedFrame, 3),
        ("garbage", MalformedFrame, 1),
        ("flaky", type(None), 3),
        ("close", EcuUnreachable, 0),
        ("refuse", EcuUnreachable, 0),
    ],
)
def test_what_came_of_an_ecu_that_fails_is_captured(fault: str, error: type, files: int) -> None:
    """As it came, and with the error of a job."""
    one = taken(frames_of(ECU_R), fault=fault)
    assert isinstance(one.error, error)
    written = documents(one)
    assert len(written) == files
    for document in written:
        assert leaks(document.text) == []
        as_test(json.loads(document.text))
    if fault in ("cut", "wrong-length", "wrong-end"):
        whole = one.answers[1].data
        assert len(json.loads(written[1].text)["hex"]) == 2 * len(whole)
        assert json.loads(written[1].text)["note"].startswith("byte ")


def test_an_ecu_that_refuses_its_own_id_is_captured() -> None:
    """Status 02, with the error of a job; one without inverters has no data, and that is none."""
    refused = [true_frame(ECU_R[0]), b"APS110015000202\n", b"APS110015003002\n"]
    one = taken(refused)
    assert isinstance(one.error, EcuRefusal)
    assert [json.loads(document.text)["decoded"] for document in documents(one)][1] == {"group": "11", "status": "02"}
    new = encode_system_info(INFO._replace(registered=0, online=0)).encode()
    assert taken([new, b"APS110015000201\n", b"APS110015003001\n"]).error is None


def test_signals_that_fail_fail_no_capture() -> None:
    """As they fail no job."""
    one = taken([*frames_of(ECU_R)[:2], b"APS110015003002\n"])
    assert one.error is None
    assert isinstance(one.answers[2].error, EcuRefusal)
    assert len(documents(one)) == 3


def test_an_answer_of_a_format_that_nobody_knows_does_not_keep_the_others_from_being_asked() -> None:
    """The ECU's id stands where it stands in every format."""
    strange = true_frame(ECU_R[0])
    strange = strange[:52] + b"0x2\x00\x01\x02" + strange[58:]
    one = taken([strange, *frames_of(ECU_R)[1:]])
    assert isinstance(one.error, MalformedFrame)
    written = documents(one)
    assert [document.doubtful for document in written] == [True, False, False]
    assert leaks("".join(document.text for document in written)) == []


def test_the_lock_of_a_job_keeps_a_capture_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ask, "PATIENCE", 0.1)
    with answering(frames_of(ECU_R)) as ecu, hold("127.0.0.1", ecu.port, 1), pytest.raises(EcuBusy):
        capture.take(configured(ecu.port), None, NOON, FAST)
    assert ecu.requests == []


def test_history_is_asked_for_where_it_is_wanted_and_fails_nothing() -> None:
    """0003 of the day and the three periods of 0004, once each."""
    with answering([*frames_of(ECU_R), POWER]) as ecu:
        one = capture.take(configured(ecu.port), DAY, NOON, FAST)
    asked = [request.rstrip() for request in ecu.requests]
    assert asked[3:] == [
        "APS1100390003216000417853END20260621END",
        *(f"APS1100390004216000417853END{period}END" for period in ("00", "01", "02")),
    ]
    assert one.error is None
    assert [answer.data for answer in one.history] == [POWER, b"", b"", b""]
    power = json.loads(documents(one)[-1].text)
    assert power["id"] == "ecur-power-1.3.6C"
    assert power["request"] == "APS1100390003216000000001END20260621END"
    assert power["decoded"] == {"group": "11", "status": "00", "points": [["0535", 0], ["1325", 3334]]}


# -- the command ------------------------------------------------------------------------------------------------------


def test_capture_writes_files_and_nothing_else(tmp_path: Path) -> None:
    """No broker, no state; they are not replaced unless that is wanted; each is decoded to its end."""
    with answering(frames_of(ECU_R)) as ecu:
        settings = {"APS_ECU_IP": "127.0.0.1", "APS_ECU_PORT": ecu.port, "APS_STATE_DIR": tmp_path / "state"}
        first = aps2mqtt("capture", "--output", tmp_path / "out", **settings)
        (tmp_path / "out" / "ecur-signal-1.3.6C.json").write_text("mine")
        second = aps2mqtt("capture", "--output", tmp_path / "out", **settings)
        third = aps2mqtt("capture", "--output", tmp_path / "out", "--force", **settings)
    assert (first.status, first.err) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    names = ["ecur-sysinfo-1.3.6C.json", "ecur-realtime-1.3.6C.json", "ecur-signal-1.3.6C.json"]
    assert first.out.splitlines()[:3] == [f"written    {tmp_path / 'out' / name}" for name in names]
    assert "attach them to your report" in first.out
    assert second.status == 64
    assert "ecur-signal-1.3.6C.json; write to another folder" in one_line(second.err)
    assert third.status == 0
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == sorted(names)
    assert leaks("".join(file.read_text() for file in files)) == []
    assert aps2mqtt("decode", *files).status == 0


def test_capture_of_an_ecu_that_fails_ends_as_a_job_and_writes_all_the_same(tmp_path: Path) -> None:
    """The line names no number of the owner's either."""
    unknown = real_time(f"{UID} 02 5a37 01f4", f"{UID} 01 5a38 11")
    strange = bytes.fromhex(f"aa{UID}bb") + b"10030"
    with answering([true_frame(ECU_R[0]), unknown, strange]) as ecu:
        ended = aps2mqtt("capture", "--history", "--output", tmp_path, APS_ECU_IP="127.0.0.1", APS_ECU_PORT=ecu.port)
    assert ended.status == 76
    assert len(list(tmp_path.iterdir())) == 3
    doubtful, strange_too, mute, failed, begins = ended.err.splitlines()
    assert "ecur-realtime-1.3.6C.json has bytes that cannot be decoded" in doubtful
    assert "ecur-signal-1.3.6C.json has bytes that cannot be decoded" in strange_too
    assert "sends an unusable answer to 0030 (signal): the answer begins with 0xaa901000000001bb" in begins
    assert "does not answer power, energy-week, energy-month, energy-year" in mute
    assert "sends an unusable answer to 0002 (realtime): 0 of 2 records end at byte 26" in failed
    assert leaks(ended.err + ended.out) == []


def test_several_ecus_share_a_table(tmp_path: Path) -> None:
    """Files of the same model and firmware are told apart; one that cannot be reached keeps none from being asked."""
    other = [frame.replace(b"216000417853", b"216000417999") for frame in frames_of(ECU_R)]
    file = tmp_path / "config.yaml"
    with answering(frames_of(ECU_R)) as one, answering(other) as two:
        items = [f"  - {{APS_ECU_IP: 127.0.0.1, APS_ECU_PORT: {port}}}" for port in (one.port, two.port, 9)]
        file.write_text("\n".join(["ecu:", *items]))
        ended = aps2mqtt("-c", file, "capture", "--output", tmp_path / "out")
    assert ended.status == 69
    written = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").iterdir()}
    assert len(written) == 6
    assert all(content["id"] == stem for stem, content in written.items())
    assert written["ecur-sysinfo-1.3.6C"]["decoded"]["ecu_id"] == "216000000001"
    assert written["ecur-sysinfo-1.3.6C-2"]["decoded"]["ecu_id"] == "216000000002"
    assert written["ecur-signal-1.3.6C"]["decoded"] == written["ecur-signal-1.3.6C-2"]["decoded"]
