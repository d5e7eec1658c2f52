"""Asks an ECU over TCP: one exchange, and the conversation of a poll.

    socket -> bytes -> Frame -> Snapshot

One connection for each query, because some models answer no second one (quirk 2); reading by the declared length,
because newlines and even END occur inside a frame (quirk 10).
"""

import logging
import socket
import time
from collections.abc import Callable
from datetime import tzinfo
from typing import NamedTuple, TypeVar

from aps2mqtt.deadline import Deadline, bounded
from aps2mqtt.ecu import protocol
from aps2mqtt.ecu.protocol import Frame, RealTime, Signal, SystemInfo
from aps2mqtt.ecu.snapshot import has_no_inverters, identified, snapshot
from aps2mqtt.errors import EcuError, EcuRefusal, EcuSilent, EcuUnreachable, FrameError, MalformedFrame
from aps2mqtt.model import Remark, Snapshot

log = logging.getLogger(__name__)

Answer = TypeVar("Answer", SystemInfo, RealTime, Signal)


class Limits(NamedTuple):
    """How long to wait for an ECU, in seconds. One that is well answers within 0.05 s."""

    resolve: float = 5.0
    connect: float = 5.0
    answer: float = 8.0  # from the request to the last byte, whatever the segmentation
    newline: float = 0.5  # for the final newline, when all else is there
    pauses: tuple[float, ...] = (1.0, 2.0)  # before it is asked again
    conversation: float = 35.0  # all queries together


NORMAL = Limits()


class Endpoint(NamedTuple):
    """Where an ECU listens: the user's name for it, the address behind that, the port."""

    name: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


def resolve(name: str, port: int, limits: Limits) -> Endpoint:
    """The endpoint behind a host name or an address, IPv4 first as ECUs have no other; raises EcuUnreachable."""
    try:
        found = bounded(lambda: socket.getaddrinfo(name, port, type=socket.SOCK_STREAM), Deadline(limits.resolve))
    except TimeoutError as error:
        raise EcuUnreachable(
            f"the ECU's name {name} was not resolved in time; set APS_ECU_IP to its address"
        ) from error
    except (OSError, UnicodeError) as error:
        raise EcuUnreachable(f"the ECU's name {name} is unknown; set APS_ECU_IP to its address") from error
    best = min(found, key=lambda one: one[0] != socket.AF_INET)
    return Endpoint(name, str(best[4][0]), port)


def read_ecu(endpoint: Endpoint, timezone: tzinfo, limits: Limits) -> Snapshot:
    """Everything the ECU says now; `timezone` is the site's.

    Raises EcuUnreachable where no byte came, FrameError where an answer is of no use. An ECU that answers all but
    0030 is read without its signals.
    """
    conversation = _Conversation(endpoint, limits)
    info = conversation.ask(protocol.SYSTEM_INFO, "", lambda frame: identified(protocol.decode_system_info(frame)))
    try:
        real_time, signal = _inverters(conversation, info)
    except EcuError as error:
        error.ecu_id = info.ecu_id
        raise
    if isinstance(signal, Remark):
        read = snapshot(info, real_time, None, timezone)
        return read._replace(remarks=(*read.remarks, signal))
    return snapshot(info, real_time, signal, timezone)


def _inverters(conversation: "_Conversation", info: SystemInfo) -> tuple[RealTime, Signal | Remark]:
    """The records, and the signals or why there are none; raises EcuError where there are no records."""
    real_time = conversation.ask(protocol.REAL_TIME, info.ecu_id, protocol.decode_real_time)
    if real_time.status == protocol.STATUS_NO_DATA and has_no_inverters(info):
        real_time = RealTime(protocol.STATUS_OK, complete=False)
    _refuse(real_time.status, protocol.REAL_TIME)
    try:
        signal = conversation.ask(protocol.SIGNAL, info.ecu_id, protocol.decode_signal)
        _refuse(signal.status, protocol.SIGNAL)
    except EcuError as error:
        return real_time, Remark("the signals could not be read", str(error))
    return real_time, signal


def _refuse(status: str, command: str) -> None:
    """Raises EcuRefusal for a status that is not that of an answer with data."""
    if status == protocol.STATUS_OK:
        return
    if status == protocol.STATUS_NO_DATA:
        raise EcuRefusal(f"the ECU has no data for {command} (status 01); wait until it has heard its inverters")
    if status == protocol.STATUS_WRONG_ECU:
        raise EcuRefusal(
            f"the ECU does not accept its own id in {command} (status 02); restart it, "
            "and after a replacement register it anew in the app"
        )
    raise EcuRefusal(f"the ECU refuses {command} (status {status!r}); restart it, and report the status if it stays")


class _Conversation:
    """The queries of one poll, each on a connection of its own, under one deadline for all."""

    def __init__(self, endpoint: Endpoint, limits: Limits) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._deadline = Deadline(limits.conversation)

    def ask(self, command: str, ecu_id: str, decode: Callable[[Frame], Answer]) -> Answer:
        """The decoded answer to one query. One that was dropped, refused or empty is made again after each pause."""
        pauses = iter(self._limits.pauses)
        while True:
            try:
                return self._ask_once(command, ecu_id, decode)
            except EcuError as error:
                pause = next(pauses, None)
                if pause is None or self._deadline.remaining() <= pause:
                    raise
                log.info("%s; asking again in %g s", error, pause)
                time.sleep(pause)

    def _ask_once(self, command: str, ecu_id: str, decode: Callable[[Frame], Answer]) -> Answer:
        try:
            request = protocol.request(command, ecu_id)
            frame = Frame.decode(exchange(self._endpoint, request, self._limits, self._deadline))
            if frame.command != command:
                raise MalformedFrame(f"the answer is to {frame.command!r}, not to {command}")
            return decode(frame)
        except FrameError as error:
            raise type(error)(
                f"the ECU at {self._endpoint} answers {command} badly: {error}; restart it if this stays, "
                "and report the frame that -D shows"
            ) from error


def exchange(endpoint: Endpoint, request: bytes, limits: Limits, deadline: Deadline) -> bytes:
    """The bytes that the ECU answers to `request`: as many as it declares, or as come in time.

    Raises EcuUnreachable where there are none, FrameError where they are no frame's.
    """
    log.debug("%s < %s", endpoint, request.hex())
    with _connect(endpoint, deadline.within(limits.connect)) as connection:
        answer, cause = _answer(connection, request, limits, deadline.within(limits.answer))
    log.debug("%s > %s", endpoint, answer.hex() or "nothing")
    if not answer:
        raise EcuSilent(f"the ECU at {endpoint} accepts the connection and {cause}")
    return answer


def _connect(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    try:
        # Linux takes a time limit of 0 for "do not block".
        return socket.create_connection((endpoint.address, endpoint.port), max(deadline.remaining(), 0.001))
    except ConnectionRefusedError as error:
        raise EcuUnreachable(
            f"the ECU at {endpoint} refuses the connection; use the address of its Wi-Fi interface, and power it "
            "off and on if it answered before"
        ) from error
    except TimeoutError as error:
        raise EcuSilent(
            f"nothing answers at {endpoint} (time-out); check APS_ECU_IP and that the ECU is on this network"
        ) from error
    except OSError as error:
        raise EcuUnreachable(
            f"the ECU at {endpoint} cannot be reached ({error.strerror}); check APS_ECU_IP and the network"
        ) from error


def _answer(connection: socket.socket, request: bytes, limits: Limits, deadline: Deadline) -> tuple[bytes, str]:
    """The bytes received, and why there are not more."""
    received = bytearray()
    wanted = protocol.LENGTH_KNOWN
    try:
        connection.sendall(request)
        while len(received) < wanted:
            waiting = deadline if len(received) < wanted - 1 else deadline.within(limits.newline)
            connection.settimeout(max(waiting.remaining(), 0.001))
            segment = connection.recv(wanted - len(received))
            if not segment:
                return bytes(received), (
                    "closes it without a byte; let nothing else ask it at the same time, and restart it if this stays"
                )
            received += segment
            if wanted == protocol.LENGTH_KNOWN == len(received):
                wanted = protocol.declared_size(bytes(received))
    except FrameError:  # no frame begins like this: decoding says so
        return bytes(received), ""
    except TimeoutError:
        return bytes(received), "answers nothing (time-out); power it off and on"
    except OSError as error:
        return bytes(received), f"drops it ({error.strerror}); restart it if this stays"
    return bytes(received), ""
