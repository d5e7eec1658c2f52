"""`aps2mqtt run` publishes data soon after the ECU has them: a real broker, an ECU with a phase of its own."""

import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from parts import Broker, settings, start, until

from aps2mqtt.simulator.plant import Plant
from aps2mqtt.simulator.server import Simulator

TOPIC = "aps/216000000001/timestamp"
INTERVAL = 20  # seconds
PHASE = timedelta(seconds=3)  # on the grid the data would be 17 s old


def test_data_are_published_soon_after_the_ecu_has_them_also_by_the_next_run(tmp_path: Path, broker: Broker) -> None:
    """The first polls find the phase; another `run` goes on with it."""
    ages: dict[str, float] = {}

    def has_published(number: int) -> bool:
        stamp = broker.retained(TOPIC).get(TOPIC)
        if stamp is not None:
            ages.setdefault(stamp, time.time() - datetime.fromisoformat(stamp).timestamp())
        time.sleep(0.1)
        return len(ages) >= number

    with Simulator(Plant(refresh=timedelta(seconds=INTERVAL), phase=PHASE)) as ecu:
        environment = settings(ecu.port, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=INTERVAL, APS_ECU_TIMEZONE="UTC")
        for number in (4, 6):
            run = start("run", **environment)
            until(lambda number=number: has_published(number), within=200)
            run.terminate()
            run.wait()
    assert median([*ages.values()][1:]) < 8
