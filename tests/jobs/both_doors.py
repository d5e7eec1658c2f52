"""An array behind both ports of an ECU, a real broker and a clock: what jobs make of it, topic by topic."""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from parts import Broker, in_paris

from aps2mqtt.base.errors import JobError
from aps2mqtt.jobs.job import Job, Outcome
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.modbus import Faults, ModbusServer
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.scenarios import Answers
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.sources.endpoints import Limits
from aps2mqtt.sources.sunspec import reading

PATIENT = Limits(pauses=())  # a healthy ECU answers 8899 in time, also on a busy machine
IMPATIENT = Limits(answer=1.0, pauses=(), conversation=4.0)  # a mute ECU never does
ECU = "216000000001"
NOON = datetime(2026, 6, 21, 11, 0, 40, tzinfo=UTC)
DS3, QS1, YC1000 = "704000000001", "801000000002", "502000000003"


class House:
    """The array. `doors` says which ports are open; the next job finds them so."""

    def __init__(self, broker: Broker, folder: Path, inverters: str = "1xDS3,1xQS1,1xYC1000", **keys: object) -> None:
        self.plant = Plant(inverters=inverter_models(inverters), timezone=ZoneInfo("Europe/Paris"))
        self.broker = broker
        self.folder = folder
        self.keys = keys
        self.now = NOON
        self.faults = Faults()
        self.fault = ""  # of 8899
        self.answers: Answers | None = None  # of 8899, if not the plant's
        self.server: ModbusServer | None = None
        self.silence, self.silence_of_stranger = 4.0, 4.0  # seconds: a slow machine's unit is not silent
        self.addresses = range(1, 6)  # less to search
        self.search = reading.SEARCH
        self.registers = lambda when: units(self.plant, when)

    def job(self, *, dry_run: bool = False) -> Outcome:
        """What one job does, with the ports as they are now."""
        with (
            self.ports() as (port, sunspec),
            mock.patch.object(reading, "SILENCE", self.silence),
            mock.patch.object(reading, "SILENCE_OF_STRANGER", self.silence_of_stranger),
            mock.patch.object(reading, "ADDRESSES", self.addresses),
            mock.patch.object(reading, "SEARCH", self.search),
            mock.patch.object(reading, "READING", 60.0),
        ):
            keys = {"APS_ECU_SUNSPEC": "on", "APS_ECU_SUNSPEC_PORT": sunspec, **self.keys}
            config = in_paris(port, self.broker.port, self.folder, **keys)
            self.store = Store(self.folder, "127.0.0.1", 8899)  # the port differs from job to job
            limits = IMPATIENT if self.fault == "mute" else PATIENT
            return Job(config, self.now, self.store, dry_run=dry_run, limits=limits).run()

    @contextlib.contextmanager
    def ports(self) -> Iterator[tuple[int, int]]:
        """Opens both ports, with their faults."""
        with ExitStack() as opened:
            ecu = opened.enter_context(
                Simulator(self.plant, fault=self.fault, answers=self.answers, clock=lambda: self.now)
            )
            self.server = opened.enter_context(ModbusServer(self.registers, faults=self.faults, clock=lambda: self.now))
            yield ecu.port, self.server.port

    def has_silent_units(self) -> None:
        """From now on a silent unit costs no more than it has to."""
        self.silence, self.silence_of_stranger, self.addresses = 1.0, 0.5, range(1, 21)

    def fails(self) -> str:
        """The one line of a job that fails."""
        try:
            self.job()
        except JobError as error:
            text = str(error)
            assert "\n" not in text
            return text
        raise AssertionError("the job did not fail")

    def passes(self, **time: float) -> None:
        """Lets time pass."""
        self.now += timedelta(**time)

    def shuts_8899(self) -> None:
        """As firmware ECU_R_1.3.20 does an hour after power-on."""
        self.fault = "refuse"

    def shuts_502(self) -> None:
        """As an ECU does on which Modbus is switched off."""
        self.faults = self.faults._replace(refuses=True)

    def retained(self, below: str = "#") -> dict[str, str]:
        """What lies on the broker, by topic below the ECU."""
        root = f"aps/{ECU}/"
        return {topic.removeprefix(root): text for topic, text in self.broker.retained(f"{root}{below}").items()}


def freeze(house: House) -> None:
    """The registers stay as they are now, whatever the time: as at dusk."""
    still = units(house.plant, house.now)
    house.registers = lambda _: still


def of(uid: str, retained: dict[str, str]) -> dict[str, str]:
    """The topics of one inverter."""
    return {topic.removeprefix(f"{uid}/"): text for topic, text in retained.items() if topic.startswith(uid)}


def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    """The lines from WARNING on, and those that tell an end."""
    for record in caplog.records:
        if record.levelname == "WARNING" or "again" in record.getMessage():
            yield record.getMessage()
