"""A make-believe ECU: a real TCP server of the loopback interface, an array with a believable day, and named faults.

For trying things out and for the project's tests; nothing that a job runs imports it.

    Plant, clock -> SystemInfo, RealTime, Signal, PowerOfDay, EnergyByDay -> bytes -> socket

It writes its answers with the decoder's own tables, so it proves nothing about these: captured frames do.
"""

import json
import random
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from math import ceil, cos, pi, radians, sin
from pathlib import Path
from types import TracebackType
from typing import Self

from aps2mqtt import files, sun
from aps2mqtt.ecu import protocol
from aps2mqtt.ecu.protocol import EnergyByDay, Frame, PowerOfDay, RealTime, Record, Signal, SystemInfo
from aps2mqtt.model import Site

HOST = "127.0.0.1"
REFRESH = timedelta(minutes=5)  # an ECU asks its inverters so often (quirk 15)
DAY = 86400  # seconds
IDLE = 15.0  # seconds, after which an ECU closes an idle connection (quirk 1)
MAX_REQUEST = 64  # bytes
MOST_INVERTERS = protocol.MOST_INVERTERS
MAX_CAPTURE = 50_000_000  # bytes: all answers of some days
INVERTERS = re.compile(r"(?:(?P<count>[1-9][0-9]{0,3})x)?(?P<name>\w+)", re.ASCII)
MOST_SHOWN = 40  # characters of what is no set of inverters
PARIS = Site(48.864716, 2.349014)


@dataclass(frozen=True, slots=True)
class EcuModel:
    """What tells one model of ECU from another on the wire.

    `newer` are 2162 and 215x: 0001 in group 12, with a true time zone and a longer tail (quirks 20 to 22, 25, 26), no
    answer to a second request on a connection (quirk 2), zeros in the records of offline inverters (quirk 37).
    """

    ecu_id: str
    firmware: str
    newer: bool


@dataclass(frozen=True, slots=True)
class InverterModel:
    """What tells one model of inverter from another on the wire."""

    uid_prefix: str
    type: str
    peak: int  # W of a channel
    channels: int
    voltages: int
    volts: int


ECU_MODELS = {  # with firmware of which no troubles are known
    "ECU-R": EcuModel("216000000001", "ECU_R_1.3.19C", newer=False),
    "ECU-R-Pro": EcuModel("216200000001", "ECU_R_PRO_2.1.29D", newer=True),
    "ECU-B": EcuModel("216300000001", "ECU_B_1.2.33", newer=False),
    "ECU-C": EcuModel("215000000001", "ECU-C-Z_C1.2.1", newer=True),
}
UNSEEN = "unseen"
INVERTER_MODELS = {
    "YC600": InverterModel("4080", "01", 300, 2, 2, 230),
    "DS3": InverterModel("7040", "01", 440, 2, 2, 231),
    "QS1": InverterModel("8010", "03", 300, 4, 1, 230),
    "QS1A": InverterModel("8060", "03", 375, 4, 1, 229),
    "YC1000": InverterModel("5020", "02", 225, 4, 3, 232),
    "QT2": InverterModel("9010", "02", 450, 4, 3, 396),  # phase to phase (quirk 34)
    UNSEEN: InverterModel("7040", protocol.NEVER_HEARD, 0, 0, 0, 0),
}
DAYS = {protocol.WEEK: 7, protocol.MONTH: 30, protocol.YEAR: 365}  # of the periods of 0004, today included
DEFAULT_INVERTERS = "3xDS3,1xQS1,1xYC1000"


class ScenarioError(ValueError):
    """An array, a fault or a replay that does not exist; the message says what does."""


def inverter_models(text: str) -> tuple[str, ...]:
    """Names of inverter models out of "3xDS3,1xQS1"; raises ScenarioError."""
    names: list[str] = []
    for part in text.split(","):
        found = INVERTERS.fullmatch(part.strip())
        if found is None or found["name"] not in INVERTER_MODELS:
            named = ", ".join(INVERTER_MODELS)
            raise ScenarioError(f"{part[:MOST_SHOWN]!r} is no set of inverters; write 3xDS3,1xQS1 with {named}")
        names += [found["name"]] * int(found["count"] or 1)
        if len(names) > MOST_INVERTERS:
            break
    records = sum(protocol.size_of(INVERTER_MODELS[name].type) for name in names)
    if protocol.RECORDS + records + len(protocol.TRAILER) >= protocol.MAX_FRAME:
        raise ScenarioError(f"{len(names)} inverters are more than one answer can hold")
    return tuple(names)


# -- the array --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plant:
    """An ECU and its inverters at a site. Everything it says follows from the time alone."""

    ecu: EcuModel = ECU_MODELS["ECU-R"]
    inverters: tuple[str, ...] = inverter_models(DEFAULT_INVERTERS)
    site: Site = PARIS
    timezone: tzinfo = UTC
    since: date = date(2026, 1, 1)  # the lifetime energy of that day's beginning is 1234.5 kWh

    def records(self, when: datetime, *, asleep: bool = False) -> tuple[Record, ...]:
        """What the inverters say of the last refresh before `when`; `asleep`: as at night."""
        at = _refreshed(when)
        elevation = -90.0 if asleep else sun.elevation(self.site, at)
        strength = 0.0 if asleep else _strength(self.site, at.timestamp())
        return tuple(self._record(number, name, elevation, strength) for number, name in enumerate(self.inverters, 1))

    def system_info(self, when: datetime, *, asleep: bool = False) -> SystemInfo:
        """Totals of the same moment as `records`."""
        records = self.records(when, asleep=asleep)
        energy = _energy(self.site, _refreshed(when).astimezone(self.timezone)) * self._peak() / 1000
        return SystemInfo(
            ecu_id=self.ecu.ecu_id,
            version="01",
            lifetime_energy=round(1234.5 + self._before_today(when) + energy, 1),
            power=sum(sum(record.powers) for record in records if record.online),
            energy_today=round(energy, 2),
            registered=len(records),
            online=sum(record.online for record in records),
            firmware=self.ecu.firmware,
            last_contact=f"{when.astimezone(self.timezone):%Y%m%d%H%M%S}" if self.ecu.newer else "d0" * 7,
            channel="10",
            time_zone="Europe/Paris" if self.ecu.newer else "Etc/GMT-8",
            wired_mac="80971b000001",
            wireless_mac="60c5a8000001" if self.ecu.newer else "000000000000",
            unknown="3030" + "00" * 10 if self.ecu.newer else "",
        )

    @property
    def group(self) -> str:
        """Command group of the answer to 0001; all others are 11 everywhere."""
        return "12" if self.ecu.newer else "11"

    def real_time(self, when: datetime, *, asleep: bool = False) -> RealTime:
        """The answer to 0002."""
        records = self.records(when, asleep=asleep)
        stamp = f"{_refreshed(when).astimezone(self.timezone):%Y%m%d%H%M%S}"
        return RealTime(protocol.STATUS_OK, "01", len(records), stamp, records)

    def signal(self, when: datetime, *, asleep: bool = False) -> Signal:
        """The answer to 0030: 0 for who is offline on models that forget it (quirk 61)."""
        levels = (
            (record.uid, 0 if not record.online and not self.ecu.newer else 150 + 17 * number % 100)
            for number, record in enumerate(self.records(when, asleep=asleep), 1)
        )
        return Signal(protocol.STATUS_OK, tuple(levels))

    def power_of_day(self, day: date, now: datetime) -> PowerOfDay:
        """The answer to 0003: a point for every refresh of `day` until `now` at which an inverter was awake.

        Of a day that is to come there are no data.
        """
        if day > now.astimezone(self.timezone).date():
            return PowerOfDay(protocol.STATUS_NO_DATA)
        points = []
        for when in _refreshes(day, self.timezone, now):
            powers = [sum(record.powers) for record in self.records(when) if record.online]
            if powers:
                points.append((f"{when.astimezone(self.timezone):%H%M}", sum(powers)))
        return PowerOfDay(protocol.STATUS_OK, tuple(points))

    def energy_by_day(self, period: str, now: datetime) -> EnergyByDay:
        """The answer to 0004: so many days until `now`, today only once there is sun in it (quirk 76)."""
        if period not in DAYS:
            return EnergyByDay(protocol.STATUS_NO_DATA)
        today = now.astimezone(self.timezone).date()
        days = (today - timedelta(days=ago) for ago in reversed(range(1, DAYS[period])))
        energies = [(day, _energy_of_day(self.site, self.timezone, day)) for day in days]
        energies += (
            [(today, so_far)] if (so_far := _energy(self.site, _refreshed(now).astimezone(self.timezone))) else []
        )
        points = ((f"{day:%Y%m%d}", round(hours * self._peak() / 1000, 2)) for day, hours in energies)
        return EnergyByDay(protocol.STATUS_OK, period, tuple(points))

    def _record(self, number: int, name: str, elevation: float, strength: float) -> Record:
        model = INVERTER_MODELS[name]
        uid = f"{model.uid_prefix}{number:08d}"
        if name == UNSEEN:
            return Record(uid, online=False, type=model.type)
        if elevation <= _wakes_at(number):
            stale = not self.ecu.newer
            return Record(
                uid,
                online=False,
                type=model.type,
                temperature=0 if stale else -100,
                powers=(3 * stale,) * model.channels,
                voltages=(model.volts * stale,) * model.voltages,
            )
        powers = (round(model.peak * strength * _orientation(number, panel)) for panel in range(model.channels))
        return Record(
            uid,
            online=True,
            type=model.type,
            frequency=50.0 - 0.1 * (number % 2),
            temperature=round(12 + 30 * strength + number % 3),
            powers=tuple(powers),
            voltages=tuple(model.volts + (number + phase) % 4 for phase in range(model.voltages)),
        )

    def _peak(self) -> float:
        """W of all channels at full strength."""
        return sum(
            INVERTER_MODELS[name].peak * _orientation(number, panel)
            for number, name in enumerate(self.inverters, 1)
            for panel in range(INVERTER_MODELS[name].channels)
        )

    def _before_today(self, when: datetime) -> float:
        today = _refreshed(when).astimezone(self.timezone).date()
        days = (self.since + timedelta(days=day) for day in range((today - self.since).days))
        return sum(_energy_of_day(self.site, self.timezone, day) for day in days) * self._peak() / 1000


def local_plant(ecu: str, inverters: str) -> Plant:
    """The array of these models at the latitude of Paris, where the sun is highest at noon by this machine's clock.

    Raises ScenarioError for models that do not exist.
    """
    if ecu not in ECU_MODELS:
        raise ScenarioError(f"there is no ECU {ecu!r}; choose one of {', '.join(ECU_MODELS)}")
    now = datetime.now().astimezone()
    offset = now.utcoffset() or timedelta()
    timezone = now.tzinfo or UTC
    site = Site(PARIS.latitude, offset.total_seconds() / 3600 * 15)
    return Plant(ECU_MODELS[ecu], inverter_models(inverters), site, timezone, now.date())


def _refreshed(when: datetime) -> datetime:
    """The last time before `when` at which the ECU asked its inverters."""
    seconds = REFRESH.total_seconds()
    return datetime.fromtimestamp(when.timestamp() // seconds * seconds, UTC)


def _refreshes(day: date, timezone: tzinfo, until: datetime) -> Iterable[datetime]:
    """The times of `day` at which the ECU asks its inverters, up to `until`."""
    begin, end = (datetime(one.year, one.month, one.day, tzinfo=timezone) for one in (day, day + timedelta(days=1)))
    last = min(end.timestamp(), until.timestamp() + 1)
    seconds = range(int(begin.timestamp()), int(last), int(REFRESH.total_seconds()))
    return (datetime.fromtimestamp(second, UTC) for second in seconds)


def _strength(site: Site, second: float) -> float:
    """Sunlight on the panels at that time of Unix, 0 to 1, with a few clouds."""
    height = max(0.0, _height(site, second))
    clouds = 0.9 + 0.1 * sin(second / 1700)
    return float(height**1.2 * clouds)


def _height(site: Site, second: float) -> float:
    """Sine of the sun's elevation, near enough: the energy of a year takes too long with an exact one.

    Declination and hour angle as textbooks have them, without the equation of time.
    """
    year = (second / DAY + 10) / 365.2425  # from a winter solstice
    declination = radians(-23.44) * cos(2 * pi * year)
    hour_angle = 2 * pi * second / DAY - pi + radians(site.longitude)
    latitude = radians(site.latitude)
    return sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)


def _orientation(number: int, panel: int) -> float:
    """Share of the light that a panel gets: roofs are not perfect."""
    return 1.0 - 0.04 * ((3 * number + 5 * panel) % 7)


def _wakes_at(number: int) -> float:
    """Degrees of the sun above which an inverter is online; the first wake before sunrise, the last after it."""
    return -2.0 + 0.4 * (number % 7)


def _energy(site: Site, until: datetime) -> float:
    """Hours of full strength on the date of `until`, up to then."""
    begin = until.replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = range(int(begin.timestamp()), ceil(until.timestamp()), int(REFRESH.total_seconds()))
    return sum(_strength(site, second) for second in seconds) * REFRESH / timedelta(hours=1)


@lru_cache(maxsize=1000)
def _energy_of_day(site: Site, timezone: tzinfo, day: date) -> float:
    return _energy(site, datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=timezone))


# -- answers ----------------------------------------------------------------------------------------------------------

# Command, ECU id in the request, now -> frame; empty: no answer. Requests for history have an argument more: the date
# of 0003, the period of 0004.
Answers = Callable[..., bytes]


FAULTS: dict[str, str] = {
    "mute": "accepts the connection and answers nothing",
    "refuse": "refuses the connection",
    "close": "closes the connection without an answer",
    "cut": "closes the connection in the middle of the answer",
    "drip": "answers byte by byte",
    "garbage": "answers with something else",
    "wrong-length": "declares more bytes than it sends",
    "wrong-end": "ends the answer with XND",
    "status-02": "does not accept its own id",
    "counter-glitch": "forgets its counters and its inverters for a while",
    "night": "all inverters are offline",
    "flaky": "drops every second connection",
    "one-at-a-time": "drops a connection while it serves another",
    "no-history": "answers nothing to 0003 and 0004, as some firmware does",
    "empty-history": "remembers nothing: lists without a point",
    "history-01": "has no data for 0003 and 0004 (status 01)",
    "history-gaps": "remembers a day without its noon, and not every day",
    "narrow-history": "has energies of two bytes in 0004, as some ECUs do",
}
WIDEST_NARROW = 655.35  # kWh that two bytes hold


def plant_answers(plant: Plant, fault: str = "") -> Answers:
    """The answers of `plant`, in which a fault of content shows."""

    def answer(command: str, ecu_id: str, now: datetime, argument: str = "") -> bytes:
        asleep = fault == "night"
        if command == protocol.SYSTEM_INFO:
            info = plant.system_info(now, asleep=asleep)
            if fault == "counter-glitch":  # quirk 53
                info = replace(info, lifetime_energy=0.0, energy_today=0.0, registered=0, online=max(1, info.online))
            return protocol.encode_system_info(info, plant.group).encode()
        wrong = fault == "status-02" or ecu_id != plant.ecu.ecu_id
        if command == protocol.REAL_TIME:
            real_time = plant.real_time(now, asleep=asleep)
            return protocol.encode_real_time(RealTime(protocol.STATUS_WRONG_ECU) if wrong else real_time).encode()
        if command == protocol.SIGNAL:
            signal = plant.signal(now, asleep=asleep)
            return protocol.encode_signal(Signal(protocol.STATUS_WRONG_ECU) if wrong else signal).encode()
        if command == protocol.POWER_OF_DAY and fault != "no-history":
            power = _power(plant, argument, now, fault)
            return protocol.encode_power_of_day(PowerOfDay(protocol.STATUS_WRONG_ECU) if wrong else power).encode()
        if command == protocol.ENERGY_BY_DAY and fault != "no-history":
            energy = _energies(plant, argument, now, fault)
            return protocol.encode_energy_by_day(EnergyByDay(protocol.STATUS_WRONG_ECU) if wrong else energy).encode()
        return b""

    return answer


def _power(plant: Plant, argument: str, now: datetime, fault: str) -> PowerOfDay:
    try:
        power = plant.power_of_day(protocol.calendar_date(argument), now)
    except ValueError:
        return PowerOfDay(protocol.STATUS_NO_DATA)
    if fault == "history-01":
        return PowerOfDay(protocol.STATUS_NO_DATA)
    kept = (point for point in power.points if fault != "history-gaps" or not "1130" <= point[0] < "1315")
    return power._replace(points=() if fault == "empty-history" else tuple(kept))


def _energies(plant: Plant, period: str, now: datetime, fault: str) -> EnergyByDay:
    energy = plant.energy_by_day(period, now)
    if fault == "history-01":
        return EnergyByDay(protocol.STATUS_NO_DATA)
    if fault == "narrow-history":
        return energy._replace(points=tuple((day, min(kwh, WIDEST_NARROW)) for day, kwh in energy.points), width=2)
    kept = (one for one in energy.points if fault != "history-gaps" or protocol.calendar_date(one[0]).toordinal() % 4)
    return energy._replace(points=() if fault == "empty-history" else tuple(kept))


def replay_answers(files: Iterable[Path], otherwise: Answers) -> Answers:
    """The captured frames in `files`, each command's in turn and then from the first again; `otherwise` for the rest.

    A file holds JSON objects with `command` and `hex`: one, a list of them, or one a line. Raises ScenarioError.
    """
    frames: dict[str, list[bytes]] = {}
    for file in files:
        for capture in _captures(file):
            frames.setdefault(str(capture["command"]), []).append(bytes.fromhex(str(capture["hex"])))
    asked: dict[str, int] = {}

    def answer(command: str, ecu_id: str, now: datetime, argument: str = "") -> bytes:
        if command not in frames:
            return otherwise(command, ecu_id, now, *([argument] if argument else []))
        asked[command] = asked.get(command, -1) + 1
        return frames[command][asked[command] % len(frames[command])]

    return answer


def _captures(file: Path) -> list[Mapping[str, object]]:
    try:
        text = files.read(file, MAX_CAPTURE).decode()
        try:
            document = json.loads(text)
        except ValueError:
            document = [json.loads(line) for line in text.splitlines() if line.strip()]
        captures = document if isinstance(document, list) else [document]
        for capture in captures:
            Frame.build("11", str(capture["command"]), bytes.fromhex(capture["hex"]))
    except OSError as error:
        raise ScenarioError(
            f"{file} cannot be read: {error.strerror}; name a file that `aps2mqtt capture` has written"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ScenarioError(f"{file} holds no captures; they are JSON objects with command and hex") from error
    return captures


# -- the server -------------------------------------------------------------------------------------------------------


class Simulator:
    """The TCP server, while in the context. `port` 0 takes any free one; then `port` is that.

    `requests` are those received; `collisions` counts connections made while another was open, which a real ECU does
    not suffer (quirk 11).
    """

    def __init__(
        self,
        plant: Plant | None = None,
        *,
        port: int = 0,
        fault: str = "",
        answers: Answers | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        if fault and fault not in FAULTS:
            raise ScenarioError(f"there is no fault {fault!r}; the faults are {', '.join(FAULTS)}")
        self.plant = plant or Plant()
        self.fault = fault
        self.requests: list[str] = []
        self.connections = 0
        self.collisions = 0
        self._answers = answers or plant_answers(self.plant, fault)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._socket = socket.create_server((HOST, port)) if fault != "refuse" else _bound(port)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        if self.fault != "refuse":
            self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._acceptor.is_alive():
            self._acceptor.join()
        self._socket.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        self._socket.settimeout(0.05)
        while not self._stopped.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open = [other for other in self._open if not _closed_by_client(other)]
            alone = not self._open
            self._open.append(connection)
            self.connections += 1
            self.collisions += not alone
            dropped = self.fault == "flaky" and self.connections % 2 == 1
        try:
            if not dropped and (alone or self.fault != "one-at-a-time"):
                self._converse(connection)
        except OSError:
            pass  # the client has gone
        finally:
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        connection.settimeout(IDLE)
        while request := _request(connection):
            self.requests.append(request)
            if not _send(connection, self._answer(request), self.fault):
                return
            if self.plant.ecu.newer:
                connection.recv(MAX_REQUEST)  # a second request gets no answer (quirk 2)
                return

    def _answer(self, request: str) -> bytes:
        """Behind the ECU's id stands END, and in the requests for history an argument, with another END or without."""
        argument = request[28:].strip().removesuffix("END")
        return self._answers(request[9:13], request[13:25], self._clock(), *([argument] if argument else []))


def _bound(port: int) -> socket.socket:
    """A socket that has the port and does not listen: connections to it are refused."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    return bound


def _closed_by_client(connection: socket.socket) -> bool:
    """True as soon as the client has closed, whether or not its thread here has noticed."""
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and not connection.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):  # closed here
        return True


def _request(connection: socket.socket) -> str:
    """One request, up to its newline; empty where none comes."""
    received = b""
    while not received.endswith(b"\n") and len(received) < MAX_REQUEST:
        segment = connection.recv(MAX_REQUEST)
        if not segment:
            return ""
        received += segment
    return received.decode("latin-1")


def _send(connection: socket.socket, answer: bytes, fault: str) -> bool:
    """Sends `answer` as the fault has it; False where the connection is to be closed."""
    if not answer or fault == "close":
        return False
    if fault == "mute":
        connection.settimeout(4 * IDLE)
        connection.recv(MAX_REQUEST)
        return False
    if fault == "garbage":
        answer = random.Random(answer).randbytes(len(answer))  # noqa: S311 - no secret
    if fault == "wrong-length":
        answer = answer[:5] + b"%04d" % (len(answer) + 6) + answer[9:]
    if fault == "wrong-end":
        answer = answer.replace(b"END\n", b"XND\n")
    if fault == "cut":
        answer = answer[: len(answer) // 2]
    if fault == "drip":
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(0.002)
        return True
    connection.sendall(answer)
    return fault not in ("cut", "wrong-length", "garbage")
