"""The main job end to end with nothing set up: a simulated ECU, an embedded broker, one job, and what came of it."""

import asyncio
import logging
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from aps2mqtt.base.errors import ExitStatus, JobError
from aps2mqtt.config import loading
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job, Outcome, style
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.screen import picture
from aps2mqtt.screen.canvas import Canvas
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.server import HOST, Simulator

ARRAY = "3xDS3,1xQS1,1xYC1000,1xunseen"
INTERVAL = 5.0  # seconds between polls of --keep
MINUTES_PER_POLL = 5  # the simulated clock runs so much faster
NOON = 13  # o'clock: the demo always begins in sunshine
START = 10.0  # seconds for the embedded broker
LINGER = 0.1  # seconds that the embedded broker has for what a client has left behind
PARTING = 0.5  # seconds: amqtt drops who connects while it forgets the subscriptions of another who leaves


class DemoError(JobError):
    """The demo lacks something; the message says how to get it."""

    status = ExitStatus.UNAVAILABLE


class Demo:
    """A simulated ECU, an embedded broker, and a job whenever it is asked for; `running` makes it."""

    def __init__(self, settings: Config, clock: "Clock") -> None:
        self._settings = settings
        self._store = Store(settings.state_directory, settings.ecu.host, settings.ecu.port)
        self.clock = clock

    @property
    def parts(self) -> str:
        """What runs, and where."""
        ecu, broker = self._settings.ecu, self._settings.broker
        return f"A simulated ECU-R listens on {ecu.address}, an embedded broker on {broker.host}:{broker.port}."

    @property
    def client(self) -> str:
        """The command by which somebody else sees it."""
        broker = self._settings.broker
        return f"mosquitto_sub -h {broker.host} -p {broker.port} -v -t 'aps/#'"

    def poll(self) -> Outcome:
        """One job."""
        return Job(self._settings, self.clock.now(), self._store).run()

    def picture(self, outcome: Outcome, canvas: Canvas, head: Sequence[str] = ()) -> list[str]:
        """The array, below the lines of `head`."""
        return picture.below(head, [outcome.report], style(self._settings), self.clock.now(), canvas)

    def topics(self, outcome: Outcome) -> Iterator[str]:
        """Topics and payloads as they lie on the broker."""
        time.sleep(PARTING)
        with Session(self._settings.broker) as session:
            retained = session.retained(["aps/#"], probe=outcome.messages[-1]) or {}
        longest = max(map(len, retained), default=0)
        for topic, value in retained.items():
            yield f"  {topic:<{longest}}  {value}"


@contextmanager
def running() -> Iterator[Demo]:
    """The demo, while in the context; raises DemoError without the `demo` extra."""
    clock, plant = Clock(), Plant(inverters=inverter_models(ARRAY))
    with _broker() as broker_port, Simulator(plant, clock=clock.now) as ecu, tempfile.TemporaryDirectory() as state:
        yield Demo(_settings(ecu.port, broker_port, state), clock)


class Clock:
    """Begins at noon of today, and only goes on when it is told."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(hour=NOON, minute=0, second=30, microsecond=0)

    def now(self) -> datetime:
        """The time there."""
        return self._now

    def advance(self) -> None:
        """To the time of the next poll."""
        self._now += timedelta(minutes=MINUTES_PER_POLL)


def _settings(ecu_port: int, broker_port: int, state: str) -> Config:
    environment = {
        "APS_ECU_IP": HOST,
        "APS_ECU_PORT": str(ecu_port),
        "APS_ECU_TIMEZONE": "UTC",
        "MQTT_BROKER_PORT": str(broker_port),
        "APS_STATE_DIR": state,
    }
    return loading.load(None, environment)[0]


@contextmanager
def _broker() -> Iterator[int]:
    """An embedded broker on a free port of the loopback interface."""
    try:
        from amqtt.broker import Broker
        from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
    except ImportError as error:
        raise DemoError("the demo needs its embedded broker; pip install 'aps2mqtt[demo]'") from error
    for name in ("amqtt", "transitions", "asyncio"):  # asyncio prints what amqtt stumbles over among its clients
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()

    class Lingering(Broker):  # type: ignore[misc] # amqtt has no types
        """amqtt acknowledges before it does anything, and forgets what is left when a client goes: it goes later."""

        async def _client_message_loop(self, client_session: object, handler: BrokerProtocolHandler) -> None:
            leaves = handler.wait_disconnect

            async def leaves_later() -> object:
                packet = await leaves()
                await asyncio.sleep(LINGER)
                return packet

            handler.wait_disconnect = leaves_later
            await super()._client_message_loop(client_session, handler)

    async def serve() -> None:
        broker = Lingering(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        await broker.start()
        started.set()
        await stop.wait()
        await broker.shutdown()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        if not started.wait(START):
            raise DemoError("the embedded broker does not start; run it again with -D")
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START)
