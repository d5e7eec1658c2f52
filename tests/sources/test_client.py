"""The exchange with an ECU, whatever way TCP cuts the answer."""

import itertools
import socket
import struct
import time
from collections.abc import Iterable

import pytest
from parts import Listener, frame

from aps2mqtt.base.errors import EcuMute
from aps2mqtt.sources.ecu8899.client import Conversation
from aps2mqtt.sources.endpoints import Endpoint, Limits

ANSWER = frame("ecur-sysinfo-1.2.31-2025")
LIMITS = Limits(newline=0.05, conversation=20)
PAUSE = 0.3  # seconds between two segments, many times what is waited for a newline


def in_segments(*ends: int):
    """Sends the answer up to each of `ends`, with a pause behind each, and then the rest."""

    def treat(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.recv(64)
        for begin, end in itertools.pairwise([0, *ends, len(ANSWER)]):
            connection.sendall(ANSWER[begin:end])
            time.sleep(PAUSE if end < len(ANSWER) else 0)

    return treat


def exchange(port: int) -> bytes:
    return Conversation(Endpoint("ecu", "127.0.0.1", port), LIMITS).exchange(b"APS1100160001END\n")


def answer(ends: Iterable[int]) -> bytes:
    with Listener(in_segments(*ends)) as ecu:
        return exchange(ecu.port)


@pytest.mark.parametrize("end", [*range(1, 15), len(ANSWER) // 2, len(ANSWER) - 5, len(ANSWER) - 2])
def test_an_answer_may_be_cut_anywhere(end: int) -> None:
    """In its header, behind the length and within the payload: only the final newline is not waited for."""
    assert answer([end]) == ANSWER


def test_an_answer_may_come_in_many_segments() -> None:
    assert answer([1, 8, 9, 13, 40]) == ANSWER


def test_what_drops_the_connection_may_be_no_ecu() -> None:
    """A broker does so. An ECU does, too, where somebody else asks it."""

    def reset(connection: socket.socket) -> None:
        connection.recv(64)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    with Listener(reset) as ecu, pytest.raises(EcuMute) as caught:
        exchange(ecu.port)
    for words in (
        "drops it (Connection reset by peer); check APS_ECU_IP and APS_ECU_PORT",
        "restart the ECU",
    ):
        assert words in str(caught.value)


def test_the_final_newline_is_waited_for_shortly() -> None:
    """It means nothing."""
    assert answer([len(ANSWER) - 1]) == ANSWER[:-1]
