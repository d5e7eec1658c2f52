"""A day and a morning in fast motion: the clock is the test's, simulator and broker are real."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from parts import Broker, in_paris

from aps2mqtt.base.sun import is_up
from aps2mqtt.config import loading
from aps2mqtt.jobs.job import Job
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.simulator.plant import PARIS, Plant
from aps2mqtt.simulator.server import Simulator
from aps2mqtt.truth.poll_times import next_poll, pace

ZONE = ZoneInfo("Europe/Paris")
ECU = "aps/216000000001"
INTERVAL = 600


class World:
    """An array in Paris, its broker, and whoever polls it at the times that the rule gives."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.now = datetime(2026, 10, 24, 3, 0, tzinfo=UTC)  # the clocks go back that night
        self.broker = broker
        self.ecu = Simulator(Plant(site=PARIS, timezone=ZONE), clock=lambda: self.now)
        self.config = in_paris(self.ecu.port, broker.port, folder, APS_ECU_STOP_AT_NIGHT=True)
        self.polls: list[tuple[datetime, int, dict[str, str]]] = []

    def poll(self) -> None:
        """One job now; then the time of the next one."""
        store = Store(self.config.state_directory, self.config.ecu.host, self.config.ecu.port)
        before = len(self.ecu.requests)
        Job(self.config, self.now, store).run()
        self.polls.append((self.now, len(self.ecu.requests) - before, self.broker.retained(f"{ECU}/#")))
        self.now = next_poll(pace(INTERVAL, PARIS, ZONE, store.load(), self.now), self.now)


def test_a_day_and_a_morning(tmp_path: Path, broker: Broker) -> None:
    """Polls begin at sunrise, go on after sunset until the ECU sleeps, stop, and resume; today turns at midnight."""
    world = World(tmp_path, broker)
    with world.ecu:
        while world.now < datetime(2026, 10, 25, 9, 0, tzinfo=UTC):
            world.poll()
    times = [moment for moment, _, _ in world.polls]
    # The first start, with nothing known, polls in the night; then sunrise at 6:26 UTC, and sunset at 16:41. The
    # ECU has new data at each fifth minute: the first polls find that out.
    assert times[0] == datetime(2026, 10, 24, 3, 0, tzinfo=UTC)
    assert times[1] == datetime(2026, 10, 24, 6, 30, 10, tzinfo=UTC)
    evening = [moment for moment in times if moment.day == 24 and moment.hour >= 16]
    assert [f"{moment:%H:%M:%S}" for moment in evening] == [
        "16:00:10", "16:10:10", "16:20:10", "16:30:10", "16:40:10", "16:50:10", "22:00:00",
    ]  # fmt: skip
    assert not is_up(PARIS, evening[-2])
    # After midnight in Paris, which was at 22:00 UTC, the sun: at 6:28 UTC.
    first = datetime(2026, 10, 25, 6, 30, 10, tzinfo=UTC)
    assert times[-15:] == [first + n * timedelta(minutes=10) for n in range(15)]
    assert len(world.polls) == 1 + 67 + 1 + 15

    asked = [requests for _, requests, _ in world.polls]
    midnight = times.index(datetime(2026, 10, 24, 22, 0, tzinfo=UTC))
    assert asked[midnight] == 0
    assert all(requests == 3 for requests in asked[:midnight] + asked[midnight + 1 :])

    energies = [float(retained[f"{ECU}/energy/today"]) for _, _, retained in world.polls]
    day, morning = energies[1:midnight], energies[midnight + 1 :]
    assert day == sorted(day)
    assert day[-1] > 3
    assert energies[midnight] == 0
    assert morning[0] < 0.1
    assert morning == sorted(morning)
    assert morning[-1] > 0.1

    lifetimes = [float(retained[f"{ECU}/energy/lifetime"]) for _, _, retained in world.polls]
    assert lifetimes == sorted(lifetimes)
    sleeping = world.polls[midnight - 1][2]
    assert sleeping[f"{ECU}/power"] == sleeping[f"{ECU}/inverters/online"] == "0"
    assert sleeping[f"{ECU}/704000000001/1/power"] == "0"
    assert f"{ECU}/704000000001/temperature" not in sleeping
    turned = {topic: "0" for topic in sleeping if topic.endswith("energy/today")}
    assert len(turned) == 1 + 5 + 14  # the array's, and those of five inverters and their panels
    assert sleeping[f"{ECU}/704000000001/1/energy/today"] > "0.1"
    yesterday = {f"{ECU}/energy/yesterday": sleeping[f"{ECU}/energy/today"]}
    assert world.polls[midnight][2] == sleeping | turned | yesterday
    assert world.polls[-1][2].items() >= yesterday.items()


def test_today_stays_0_while_the_ecu_replays_yesterday(tmp_path: Path, broker: Broker) -> None:
    """An ECU that is asked through the night keeps the evening's counter and its stamp until an inverter wakes."""
    world = World(tmp_path, broker)
    evening = datetime(2026, 10, 24, 17, 0, tzinfo=UTC)
    plant = world.ecu.plant
    from aps2mqtt.simulator.scenarios import plant_answers

    truly = plant_answers(plant)
    waking = datetime(2026, 10, 25, 6, 40, tzinfo=UTC)

    def replaying(command: str, ecu_id: str, now: datetime) -> bytes:
        return truly(command, ecu_id, now if now >= waking else min(now, evening))

    world.ecu._answers = replaying
    (world.config,) = loading.load(
        None,
        {
            "APS_ECU_IP": "127.0.0.1",
            "APS_ECU_PORT": str(world.ecu.port),
            "APS_ECU_TIMEZONE": "Europe/Paris",
            "MQTT_BROKER_PORT": str(broker.port),
            "APS_STATE_DIR": str(tmp_path),
        },
    )
    store = Store(tmp_path, "127.0.0.1", world.ecu.port)
    published = {}
    with world.ecu:
        for hours in (16.0, 17.0, 20.0, 21.9, 22.0, 24.0, 28.0, 30.6, 30.7, 31.5):
            world.now = datetime(2026, 10, 24, tzinfo=UTC) + timedelta(hours=hours)
            Job(world.config, world.now, store).run()
            published[hours] = float(broker.retained(f"{ECU}/energy/today")[f"{ECU}/energy/today"])
    assert published[17.0] == published[20.0] == published[21.9] > 3
    assert published[22.0] == published[24.0] == published[28.0] == published[30.6] == 0
    assert 0 <= published[30.7] <= published[31.5] < 1
