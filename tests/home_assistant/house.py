"""The real parts: an ECU, a broker, the program as its users start it, and a Home Assistant.

The program runs in an environment of its own, that of scripts/test: it shares no library with Home Assistant. $APS2MQTT
names another one.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from free_ports import free_port
from homeassistant import bootstrap
from homeassistant.components import mqtt
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers import category_registry as cr
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import floor_registry as fr
from homeassistant.helpers import frame
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers import label_registry as lr
from homeassistant.helpers import restore_state as rs
from paho.mqtt import publish, subscribe
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_test_home_assistant

ROOT = Path(__file__).parent.parent.parent
CAPTURES = ROOT / "tests" / "captures"
PROGRAM = os.environ.get("APS2MQTT", ROOT / ".venv-3.13" / "bin" / "aps2mqtt")
PATIENCE = 50.0  # seconds for a server to listen, and for Home Assistant to show what is said


# -- the program ------------------------------------------------------------------------------------------------------


def program(*arguments: object, status: int = 0, **environment: object) -> None:
    """Runs the program to its end, which has to have this status."""
    ended = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        env=_clean_environment() | {name: str(value) for name, value in environment.items()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, f"{' '.join(map(str, arguments))}: {ended.stderr}"


@contextlib.contextmanager
def daemon(**environment: object) -> Iterator[subprocess.Popen[bytes]]:
    """`aps2mqtt run`; killed in the end."""
    process = subprocess.Popen(
        [PROGRAM, "run"],
        env=_clean_environment() | {name: str(value) for name, value in environment.items()},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)


@contextlib.contextmanager
def ecu(port: int, *captures: str, inverters: str = "", fault: str = "", sunspec: int = 0) -> Iterator[None]:
    """A simulated ECU on that port: it answers with these frames, or for this array; on `sunspec` at noon."""
    options = [*(("--inverters", inverters) if inverters else ()), *(("--fault", fault) if fault else ())]
    options += ["--sunspec", str(sunspec), "--time", "12:00"] if sunspec else []
    for name in captures:
        options += ["--replay", CAPTURES / f"{name}.json"]
    process = subprocess.Popen(
        [PROGRAM, "simulate", "--port", str(port), *options],
        env=_clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert f":{port}" in process.stdout.readline()  # it listens
        yield
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def _clean_environment() -> dict[str, str]:
    ours = ("APS_", "MQTT_", "CONFIG_FILE", "DEBUG", "TZ", "STATE_DIRECTORY", "XDG_STATE_HOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


# -- the broker -------------------------------------------------------------------------------------------------------


class Broker(NamedTuple):
    """A real mosquitto."""

    port: int

    def publish(self, messages: Mapping[str, str], *, retain: bool = True) -> None:
        """Publishes payloads by topic."""
        said = [{"topic": topic, "payload": text, "qos": 1, "retain": retain} for topic, text in messages.items()]
        publish.multiple(said, hostname="127.0.0.1", port=self.port)

    def retained(self) -> dict[str, str]:
        """All that it retains."""
        self.publish({"end": "x"})  # comes last, as it is asked for last
        seen: dict[str, str] = {}

        def note(client, _, message) -> None:
            if message.topic == "end":
                client.disconnect()
            elif message.retain:
                seen[message.topic] = message.payload.decode()

        topics = ["aps/#", "homeassistant/#", "end"]
        subscribe.callback(note, topics, qos=1, hostname="127.0.0.1", port=self.port)
        return seen


@contextlib.contextmanager
def mosquitto(folder: Path) -> Iterator[Broker]:
    """One that lets everybody in."""
    server = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    assert server, "mosquitto is not installed: apt-get install mosquitto"
    port = free_port()
    config = folder / "mosquitto.conf"
    user = "user root\n" if os.getuid() == 0 else ""
    config.write_text(f"{user}persistence false\nlistener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([server, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_listening(port)
        yield Broker(port)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _await_listening(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until, f"nothing listens on port {port}"
            time.sleep(0.01)
        else:
            return


# -- Home Assistant ---------------------------------------------------------------------------------------------------


class Entity(NamedTuple):
    """What Home Assistant shows of an entity; `state` is a number where it is one."""

    id: str
    name: str | None  # that its user gave it
    state: float | str | None  # None: there is an entry in the registry, and no entity
    unit: str | None
    device_class: str | None
    state_class: str | None
    attributes: Mapping[str, object]
    device: str


class House:
    """A Home Assistant that is connected to a broker."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass
        self._calls = itertools.count()

    async def settle(self) -> dict[str, Entity]:
        """Waits until all that is on the broker has been heard and shown; the entities by their unique ids."""
        until = time.monotonic() + PATIENCE
        before, now = None, self.entities()
        while before != now:
            assert time.monotonic() < until, "Home Assistant does not come to rest"
            # Entities subscribe when they are made: what is retained for them comes after an echo, and before the next.
            await self._echo()
            await self._echo()
            before, now = now, self.entities()
        return now

    async def until(self, unique_id: str, state: float | str) -> None:
        """Waits until an entity shows this."""
        until = time.monotonic() + PATIENCE
        while unique_id not in (shown := self.entities()) or shown[unique_id].state != state:
            assert time.monotonic() < until, f"{unique_id} is {shown.get(unique_id)} and not {state}"
            await asyncio.sleep(0.05)

    def entities(self) -> dict[str, Entity]:
        """What there is, by unique ids."""
        registry, devices = er.async_get(self.hass), dr.async_get(self.hass)
        return {
            entry.unique_id: self._entity(entry, devices)
            for entry in registry.entities.values()
            if entry.platform == mqtt.DOMAIN
        }

    def devices(self) -> set[str]:
        """Names of the devices."""
        return {device.name for device in dr.async_get(self.hass).devices.values()}

    def rename(self, unique_id: str, entity_id: str, name: str) -> None:
        """Does what users do to entities."""
        registry = er.async_get(self.hass)
        registry.async_update_entity(self.entities()[unique_id].id, new_entity_id=entity_id, name=name)

    def _entity(self, entry: er.RegistryEntry, devices: dr.DeviceRegistry) -> Entity:
        state = self.hass.states.get(entry.entity_id)
        attributes = state.attributes if state and not state.attributes.get("restored") else {}
        value = state.state if state and not state.attributes.get("restored") else None
        with contextlib.suppress(TypeError, ValueError):
            value = float(value)
        device = devices.async_get(entry.device_id)
        return Entity(
            entry.entity_id,
            entry.name,
            value,
            attributes.get("unit_of_measurement"),
            attributes.get("device_class"),
            attributes.get("state_class"),
            dict(attributes),
            device.name if device else "",
        )

    async def _echo(self) -> None:
        """Returns when the broker has carried out all subscriptions made so far."""
        heard = asyncio.Event()
        topic = f"echo/{id(self)}/{next(self._calls)}"
        await self.hass.async_block_till_done()
        await mqtt.async_publish(self.hass, topic, "x", retain=True)
        stop = await mqtt.async_subscribe(self.hass, topic, lambda _: heard.set())
        await asyncio.wait_for(heard.wait(), PATIENCE)
        stop()
        await mqtt.async_publish(self.hass, topic, "", retain=True)
        await self.hass.async_block_till_done()


@contextlib.asynccontextmanager
async def home_assistant(broker: Broker) -> AsyncIterator[House]:
    """One that starts with what the one before it has left in its registries, and stops in the end."""
    async with async_test_home_assistant(load_registries=False) as hass:
        for registry in (ar, cr, dr, er, fr, ir, lr, rs):
            await registry.async_load(hass)
        hass.data[bootstrap.DATA_REGISTRIES_LOADED] = None
        frame.async_setup(hass)
        entry = MockConfigEntry(
            domain=mqtt.DOMAIN,
            entry_id="mqtt",
            data={mqtt.CONF_BROKER: "127.0.0.1", "port": broker.port},
            options={mqtt.CONF_BIRTH_MESSAGE: {}},
        )
        entry.add_to_hass(hass)
        assert await hass.config_entries.async_setup(entry.entry_id)
        try:
            yield House(hass)
        finally:
            await hass.async_stop(force=True)
