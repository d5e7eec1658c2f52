"""`aps2mqtt run` while a port of the ECU shuts and opens: one line in the log for each change."""

import threading
from functools import partial
from pathlib import Path

from parts import NOON, PATIENCE, Broker, free_port, settings, start_with, sunny_ecu, until
from sunspec_units import PATIENT

from aps2mqtt.simulator.inverter_registers import units
from aps2mqtt.simulator.modbus import ModbusServer
from aps2mqtt.simulator.plant import Plant


def test_a_port_that_shuts_and_opens_changes_the_log_once(tmp_path: Path, broker: Broker) -> None:
    port, log = free_port(), list[str]()
    with ModbusServer(partial(units, Plant()), clock=lambda: NOON) as sunspec:

        def polls_go_on() -> None:
            before = len(sunspec.requests)
            until(lambda: len(sunspec.requests) > before + 25)  # of three polls

        on = {"APS_ECU_SUNSPEC": "on", "APS_ECU_SUNSPEC_PORT": sunspec.port, "APS_ECU_SUNSPEC_UNITS": "1-5"}
        with sunny_ecu(port=port):
            process = start_with(PATIENT, "run", **settings(port, broker.port, tmp_path, APS_ECU_POLL_INTERVAL=1, **on))
            threading.Thread(target=lambda: log.extend(process.stderr), daemon=True).start()
            polls_go_on()
        until(lambda: any("so all readings come from SunSpec" in line for line in log))
        polls_go_on()
        with sunny_ecu(port=port):
            until(lambda: any("port 8899 works again" in line for line in log))
            polls_go_on()
            process.terminate()
            process.wait(PATIENCE)
            until(lambda: any("stopped by SIGTERM" in line for line in log))
    changes = [line for line in log if "inverters online" not in line]
    assert [
        line.removeprefix("aps2mqtt: ").removeprefix("warning: ").split(":")[0].strip() for line in changes[1:]
    ] == [
        "port 8899 fails, so all readings come from SunSpec",
        "port 8899 works again",
        "stopped by SIGTERM",
    ]
    assert sunspec.refused == []
