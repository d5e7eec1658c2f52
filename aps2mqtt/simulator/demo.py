"""The demo: a simulated ECU, an embedded broker, jobs between them, and the result on the screen. It needs no setup."""

import asyncio
import logging
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, ItemsView, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from aps2mqtt.base.errors import ExitStatus, JobError
from aps2mqtt.base.extras import install_command
from aps2mqtt.config import loading
from aps2mqtt.config.values import Config
from aps2mqtt.jobs.job import Job, Outcome
from aps2mqtt.jobs.plan import style
from aps2mqtt.jobs.state_file import Store
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.screen import picture
from aps2mqtt.screen.canvas import Canvas
from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.modbus import ModbusServer
from aps2mqtt.simulator.plant import Plant, inverter_models
from aps2mqtt.simulator.server import HOST, Simulator

if TYPE_CHECKING:
    from amqtt.broker import Broker
    from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler

ARRAY = "3xDS3,1xQS1,1xYC1000,1xunseen"
INTERVAL = 5.0  # seconds between polls of --keep
MINUTES_PER_POLL = 5  # of the simulated clock
NOON = 13  # o'clock: the demo always begins in sunshine
START = 30.0  # seconds for the embedded broker
LINGER = 0.1  # seconds for the embedded broker to handle the last messages of a client
PARTING = 0.5  # seconds after a job until its messages are read back, more than LINGER
PORTS = range(10_000, 20_000)  # the kernel gives none of these to an outgoing connection


class DemoError(JobError):
    """Something that the demo needs is missing; the message says how to get it."""

    status = ExitStatus.UNAVAILABLE


class Demo:
    """A simulated ECU and an embedded broker, with a job on each call of `poll`; `running` creates it."""

    def __init__(self, settings: Config, clock: "Clock") -> None:
        self._settings = settings
        self._store = Store(settings.state_directory, settings.ecu.host, settings.ecu.port)
        self.clock = clock

    @property
    def parts(self) -> str:
        """A sentence that names the ECU and the broker, with their addresses."""
        ecu, broker = self._settings.ecu, self._settings.broker
        return f"A simulated ECU-R listens on {ecu.address}, an embedded broker on {broker.host}:{broker.port}."

    @property
    def client(self) -> str:
        """The command by which another MQTT client shows the messages."""
        broker = self._settings.broker
        return f"mosquitto_sub -h {broker.host} -p {broker.port} -v -t 'aps/#'"

    def poll(self) -> Outcome:
        """Runs one job."""
        return Job(self._settings, self.clock.now(), self._store).run()

    def picture(self, outcome: Outcome, canvas: Canvas, head: Sequence[str] = ()) -> list[str]:
        """The array, below the lines of `head`."""
        return picture.below(
            head, partial(picture.arrays, [outcome.report], style(self._settings), self.clock.now()), canvas
        )

    def topics(self, outcome: Outcome) -> Iterator[str]:
        """Lines of topics and payloads that the broker retains, in the order in which they were published."""
        time.sleep(PARTING)
        with Session(self._settings.broker) as session:
            retained = session.retained(["aps/#"], probe=outcome.messages[-1]) or {}
        longest = max(map(len, retained), default=0)
        order = {message.topic: place for place, message in enumerate(outcome.messages)}
        for topic in sorted(retained, key=lambda topic: order.get(topic, len(order))):
            yield f"  {topic:<{longest}}  {retained[topic]}"


@contextmanager
def running() -> Iterator[Demo]:
    """Runs the demo within the context; raises DemoError without the `demo` extra."""
    clock, plant = Clock(), Plant(inverters=inverter_models(ARRAY))
    with (
        _broker() as broker_port,
        Simulator(plant, clock=clock.now) as ecu,
        ModbusServer(partial(units, plant), clock=clock.now) as sunspec,
        tempfile.TemporaryDirectory() as state,
    ):
        yield Demo(_settings(ecu.port, sunspec.port, broker_port, state), clock)


class Clock:
    """A simulated clock. It starts at 13:00:30 UTC today and stands still between calls of `advance`."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC).replace(hour=NOON, minute=0, second=30, microsecond=0)

    def now(self) -> datetime:
        """The simulated time."""
        return self._now

    def advance(self) -> None:
        """Sets the clock to the time of the next poll."""
        self._now += timedelta(minutes=MINUTES_PER_POLL)


def _settings(ecu_port: int, sunspec_port: int, broker_port: int, state: str) -> Config:
    environment = {
        "APS_ECU_IP": HOST,
        "APS_ECU_PORT": str(ecu_port),
        "APS_ECU_TIMEZONE": "UTC",
        "APS_ECU_SUNSPEC": "True",
        "APS_ECU_SUNSPEC_PORT": str(sunspec_port),
        "MQTT_BROKER_PORT": str(broker_port),
        "APS_STATE_DIR": state,
    }
    return loading.load(None, environment)[0]


@contextmanager
def _broker() -> Iterator[int]:
    """The port of an embedded broker on the loopback interface; raises DemoError if it is missing or does not start."""
    broker_type = _mended_broker()
    for name in ("amqtt", "transitions", "asyncio"):  # asyncio logs the exceptions of amqtt
        logging.getLogger(name).setLevel(logging.CRITICAL)
    port = _free_port()
    loop = asyncio.new_event_loop()
    started, stop = threading.Event(), asyncio.Event()
    serving = _serve(broker_type, port, started, stop)
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,), daemon=True)
    thread.start()
    try:
        if not started.wait(START):
            raise DemoError("the embedded broker does not start; run `aps2mqtt demo -D`, and report its output")
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START)


def _free_port() -> int:
    """A port on which nothing listens, for a broker that takes no socket."""
    while True:
        port = random.choice(PORTS)  # noqa: S311 - no secret
        with suppress(OSError), socket.create_server((HOST, port)):
            return port


class _Subscriptions(dict[str, Any]):
    """A dictionary that may change while a loop over it waits."""

    def __iter__(self) -> Iterator[str]:
        return iter(super().copy())

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override] # that of dict is a class of its own
        return super().copy().items()


def _mended_broker() -> Callable[[dict[str, object]], "Broker"]:
    """The class of amqtt's broker without two of its faults; raises DemoError without amqtt.

    amqtt acknowledges a message before it handles it, and drops the messages of a session that ends: so each session
    ends a little later. And it drops a client that connects while it forgets the subscriptions of another, because the
    dictionary changes that it loops over.
    """
    try:
        from amqtt.broker import Broker
    except ImportError as error:
        raise DemoError(f"the demo needs amqtt, its embedded broker; run {install_command('demo')}") from error

    class Mended(Broker):  # type: ignore[misc] # amqtt has no types
        def __init__(self, config: dict[str, object]) -> None:
            super().__init__(config)
            self._subscriptions = _Subscriptions()

        async def _client_message_loop(self, client_session: object, handler: "BrokerProtocolHandler") -> None:
            leaves = handler.wait_disconnect

            async def leaves_later() -> object:
                packet = await leaves()
                await asyncio.sleep(LINGER)
                return packet

            handler.wait_disconnect = leaves_later
            await super()._client_message_loop(client_session, handler)

    return Mended


async def _serve(
    broker_type: Callable[[dict[str, object]], "Broker"], port: int, started: threading.Event, stop: asyncio.Event
) -> None:
    """Runs a broker on `port` until `stop` is set; sets `started` when it listens."""
    broker = broker_type(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{HOST}:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )
    await broker.start()
    started.set()
    await stop.wait()
    await broker.shutdown()
