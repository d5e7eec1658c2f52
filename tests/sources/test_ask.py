"""One function that asks: it resolves, locks and gives the endpoint. Real names, real locks."""

import uuid
from pathlib import Path

import pytest

from aps2mqtt.base.errors import EcuBusy, EcuUnreachable
from aps2mqtt.config import loading
from aps2mqtt.config.values import EcuConfig
from aps2mqtt.sources import ask, lock


@pytest.fixture
def ecu() -> EcuConfig:
    """An ECU with a name of this machine, on a port that no job asks."""
    return loading.load(None, {"APS_ECU_IP": "localhost", "APS_ECU_PORT": "7"})[0].ecu


@pytest.fixture
def unknown(ecu: EcuConfig) -> EcuConfig:
    """An ECU whose name cannot be resolved (RFC 6761), and which no other test asks."""
    return ecu._replace(host=f"ecu-{uuid.uuid4().hex}.invalid")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""
    monkeypatch.setattr(ask, "PATIENCE", 0)


def test_a_turn_gives_the_endpoint_and_holds_its_box(ecu: EcuConfig) -> None:
    """The lock is named after the address, whatever the user calls the ECU."""
    with ask.turn(ecu) as endpoint:
        assert (endpoint.name, endpoint.address, endpoint.port) == ("localhost", "127.0.0.1", 7)
        with pytest.raises(EcuBusy), lock.hold("127.0.0.1", 7, 0):
            pytest.fail("two hold it")
    with lock.hold("127.0.0.1", 7, 0):
        pass


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("turn", [ask.turn, ask.turn_or_failure])
def test_a_turn_that_somebody_has_is_told(ecu: EcuConfig, turn: type) -> None:
    with ask.turn(ecu), pytest.raises(EcuBusy, match=r"using the ECU at 127\.0\.0\.1:7 \(waited 0 s"), turn(ecu):
        pytest.fail("two have it")


def test_without_its_name_resolved_an_ecu_has_no_turn_and_no_lock(unknown: EcuConfig) -> None:
    """It is told at once, even if somebody holds the lock."""
    with lock.hold(unknown.host, 7, 0), pytest.raises(EcuUnreachable, match="is unknown"), ask.turn(unknown):
        pytest.fail("it has no endpoint")


@pytest.mark.usefixtures("impatient")
def test_a_job_holds_the_lock_of_the_name_if_that_cannot_be_resolved(unknown: EcuConfig) -> None:
    """It has a memory to write, and a broker to tell."""
    with ask.turn_or_failure(unknown) as found:
        assert isinstance(found, EcuUnreachable)
        with pytest.raises(EcuBusy, match=f"{unknown.host}:7"), ask.turn_or_failure(unknown):
            pytest.fail("two have it")


def test_only_ask_resolves_and_locks() -> None:
    """In the package; so every job waits for the same lock, for the same time."""
    package = Path(ask.__file__).parents[1]
    callers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for text in [path.read_text(encoding="utf-8")]
        if "endpoints.resolve(" in text or "import lock" in text or "sources.lock" in text
    }
    assert callers == {"sources/ask.py"}
