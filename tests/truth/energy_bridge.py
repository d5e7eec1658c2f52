"""A bridge whose energies are looked at, poll by poll."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from aps2mqtt.base.memory import Memory
from aps2mqtt.base.values import Inverter, Recalled, Snapshot
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt.topics import Style, messages
from aps2mqtt.truth import true_values

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 6, 21, 12, 0, tzinfo=PARIS)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
ECU = "216000000001"
UID = "700000000001"


def on(*powers: int | None, uid: str = UID) -> Inverter:
    """An inverter that is online with these watts."""
    return Inverter(uid, True, powers, (230,), 50.0, 20, 70)


def off(panels: int = 2, uid: str = UID) -> Inverter:
    """One that sleeps."""
    return Inverter(uid, False, (0,) * panels, (None,))


@dataclass
class Bridge:
    """Jobs in a row: `said` is what the last one said below the ECU's topic, `memory` what it told the next.

    With a `folder`, the memory passes through a file in it, as it does from process to process.
    """

    zone: ZoneInfo = PARIS
    folder: Path | None = None
    memory: Memory | None = None
    said: dict[str, str] = field(default_factory=dict)

    def poll(
        self,
        at: datetime | None,
        *inverters: Inverter,
        now: datetime | None = None,
        today: float = 3.5,
        recalled: Recalled = Recalled(),  # noqa: B008 - it is frozen
        **changes: object,
    ) -> str:
        """A job whose data are of `at`, a minute before it unless told otherwise; the energy of the first inverter."""
        told = Snapshot(
            ECU,
            "ECU_R_1.2.31",
            power=1,
            lifetime=1000.0,
            today=today,
            registered=len(inverters),
            online=sum(one.online for one in inverters),
            contradictory=False,
            timestamp=at,
            inverters=inverters,
            skipped=frozenset(),
            complete=True,
        )._replace(**changes)
        now = now or ((at or NOON) + MINUTE)
        report, memory = true_values.settle(told, self.memory, recalled, now, self.zone)
        return self._keep(report, memory)

    def night(self, now: datetime) -> str:
        """A job that leaves the ECU alone; the energy of the first inverter."""
        assert self.memory is not None
        report, memory = true_values.night(self.memory, now, self.zone)
        return self._keep(report, memory)

    def _keep(self, report, memory: Memory) -> str:
        told = messages(Style(), report)
        self.said = {one.topic.removeprefix(f"aps/{ECU}/"): one.payload for one in told}
        self.memory = memory
        if self.folder is not None:
            Store(self.folder, "ecu", 8899).save(memory)
            self.memory = Store(self.folder, "ecu", 8899).load()
        return self.said.get(f"{UID}/energy/today", "nothing")

    @property
    def yesterday(self) -> str:
        """kWh, as it was said last; empty where it is removed."""
        return self.said["energy/yesterday"]

    @property
    def today(self) -> str:
        """KWh of the ECU's counter, as it was said last."""
        return self.said["energy/today"]


EVENING = datetime(2026, 6, 21, 21, 30, tzinfo=PARIS)
MIDNIGHT = datetime(2026, 6, 22, 0, 0, tzinfo=PARIS)


def wall(month: int, day: int, hour: int, minute: int) -> datetime:
    """As the decoder makes it of the digits of a frame: of an hour that comes twice, the first."""
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS)
