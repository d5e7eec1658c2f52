"""A person who asks for the history of an array."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from parts import free_port, replace

from aps2mqtt import cli
from aps2mqtt.simulator.plant import ECU_MODELS, PARIS, Plant, inverter_models
from aps2mqtt.simulator.server import Simulator

ZONE = ZoneInfo("Europe/Paris")
TODAY = date(2026, 6, 21)
EVENING = datetime(2026, 6, 21, 20, 32, tzinfo=UTC)
ECU = "216000000001"
WHOLE = ["day", "week", "month", "year"]


def array(inverters: str = "3xDS3", model: str = "ECU-R", ecu_id: str = "") -> Plant:
    """Panels in Paris."""
    known = ECU_MODELS[model]
    return Plant(replace(known, ecu_id=ecu_id or known.ecu_id), inverter_models(inverters), PARIS, ZONE)


def ecu(fault: str = "", plant: Plant | None = None, at: datetime = EVENING, **options) -> Simulator:
    """An ECU on a summer's evening that does not pass."""
    return Simulator(plant or array(), fault=fault, clock=lambda: at, port=free_port(), **options)


class Ended(NamedTuple):
    status: int
    out: str
    err: str


class Person:
    """Who calls the program, in this process, at a time that is fixed but ticks."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._set = monkeypatch.setenv
        self._capsys = capsys
        self.configure(
            APS_ECU_IP="127.0.0.1", APS_ECU_TIMEZONE="Europe/Paris", APS_STATE_DIR=folder / "state", COLUMNS=80
        )

    def configure(self, **settings: object) -> None:
        for name, value in settings.items():
            self._set(name, str(value))

    def calls(self, *arguments: object, at: datetime = EVENING) -> Ended:
        with freeze_time(at, tick=True):
            try:
                status = cli.main([*map(str, arguments)])
            except SystemExit as end:
                status = int(end.code or 0)
        printed = self._capsys.readouterr()
        return Ended(status, printed.out, printed.err)

    def asks(self, one: Simulator, *arguments: object, at: datetime = EVENING) -> Ended:
        """For the history of this ECU."""
        self.configure(APS_ECU_PORT=one.port)
        with one:
            return self.calls("history", *arguments, at=at)
