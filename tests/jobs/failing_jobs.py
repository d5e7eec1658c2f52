"""What a job that fails may say and change."""

from parts import (
    Broker,
    Ended,
    one_line,
)

STATUS = "aps/216000000001/status"
ERROR = "aps/216000000001/error"
# Topics that a failed query may change.
TOLD = {STATUS, ERROR}


def readings(broker: Broker) -> dict[str, str]:
    """What the broker retains of the ECU but how the last job went."""
    return {topic: payload for topic, payload in broker.retained().items() if topic not in TOLD}


def check_line(ended: Ended, status: int, cause: str, remedy: str) -> None:
    """The status, and the one line with the cause before the remedy; in bounded time and without a traceback."""
    assert ended.status == status, ended
    line = one_line(ended.err)
    assert line.startswith("aps2mqtt: ")
    before, _, after = line.partition("; ")
    assert cause in before
    assert remedy in after
    assert ended.out == ""
    assert ended.seconds < 60
