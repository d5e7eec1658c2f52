"""Asks an ECU over TCP: one exchange, and the conversation of a poll.

    socket -> bytes -> Frame -> Snapshot

Each query has its own connection, because some models answer no second query on one (quirk 2). An answer is read by its
declared length, because newlines and even END occur inside a frame (quirk 10).
"""

import logging
import socket
import time
from collections.abc import Callable
from datetime import tzinfo
from typing import TypeVar

from aps2mqtt.base.deadline import Deadline
from aps2mqtt.base.errors import (
    EcuError,
    EcuMute,
    EcuRefusal,
    EcuSilent,
    EcuUnreachable,
    FrameError,
    MalformedFrame,
    NoFrame,
    is_exhausted,
)
from aps2mqtt.base.values import Remark, Snapshot
from aps2mqtt.sources.ecu8899 import answers, frames, tables
from aps2mqtt.sources.ecu8899.answers import RealTime, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.snapshot import has_no_inverters, identified, snapshot
from aps2mqtt.sources.endpoints import Endpoint, Limits

log = logging.getLogger(__name__)

Decoded = TypeVar("Decoded")
Got = TypeVar("Got")


def read_ecu(endpoint: Endpoint, timezone: tzinfo, limits: Limits) -> Snapshot:
    """All current readings of the ECU; `timezone` is the site's.

    Raises EcuUnreachable if no byte comes, FrameError if an answer cannot be used. An ECU that answers all but 0030 is
    read without its signals.
    """
    conversation = Conversation(endpoint, limits)
    info = conversation.system_info()
    try:
        real_time = conversation.real_time(info)
    except EcuError as error:
        error.ecu_id = info.ecu_id
        raise
    try:
        signal = conversation.signal(info)
    except EcuError as error:
        read = snapshot(info, real_time, None, timezone)
        return read._replace(remarks=(*read.remarks, Remark("the signals could not be read", str(error))))
    return snapshot(info, real_time, signal, timezone)


def refuse(status: str, command: str) -> None:
    """Raises EcuRefusal for any status but that of an answer with data."""
    if status == tables.STATUS_OK:
        return
    if status == tables.STATUS_NO_DATA:
        raise EcuRefusal(
            f"the ECU has no data for {command} (status 01); wait for daylight, when the ECU reaches its inverters"
        )
    if status == tables.STATUS_WRONG_ECU:
        raise EcuRefusal(
            f"the ECU rejects its own id in {command} (status 02); restart the ECU, "
            "and register it again in the vendor's app if it was replaced"
        )
    raise EcuRefusal(
        f"the ECU refuses {command} (status {status!r}); restart the ECU, and report this line if that does not help"
    )


class Conversation:
    """The queries of one poll, each on a connection of its own, under one deadline for all.

    Each query is retried after each pause of the limits, and raises EcuError if the last try fails.
    """

    def __init__(self, endpoint: Endpoint, limits: Limits) -> None:
        self.endpoint = endpoint
        self._limits = limits
        self._deadline = Deadline(limits.conversation)

    def reach(self) -> None:
        """Connects, and asks nothing."""
        self.insist(lambda: _connect(self.endpoint, self._deadline.within(self._limits.connect)).close())

    def system_info(self) -> SystemInfo:
        """The answer to 0001."""
        return self._ask(tables.SYSTEM_INFO, "", lambda frame: identified(answers.decode_system_info(frame)))

    def real_time(self, info: SystemInfo) -> RealTime:
        """The answer to 0002 of the ECU with the system info `info`."""
        real_time = self._ask(tables.REAL_TIME, info.ecu_id, answers.decode_real_time)
        if real_time.status == tables.STATUS_NO_DATA and has_no_inverters(info):
            return RealTime(tables.STATUS_OK, complete=False)
        refuse(real_time.status, tables.REAL_TIME)
        return real_time

    def signal(self, info: SystemInfo) -> Signal:
        """The answer to 0030 of the ECU with the system info `info`."""
        signal = self._ask(tables.SIGNAL, info.ecu_id, answers.decode_signal)
        refuse(signal.status, tables.SIGNAL)
        return signal

    def insist(self, attempt: Callable[[], Got]) -> Got:
        """What `attempt` returns. It is retried after each pause of the limits; raises the EcuError of the last try."""
        pauses = iter(self._limits.pauses)
        while True:
            try:
                return attempt()
            except EcuError as error:
                pause = next(pauses, None)
                if pause is None or self._deadline.remaining() <= pause:
                    raise
                log.debug("%s; trying again in %g s", error, pause)  # the job logs a lasting error in one line
                time.sleep(pause)

    def exchange(self, request: bytes) -> bytes:
        """The ECU's answer to `request`: as many bytes as the answer declares, or as come in time.

        Raises EcuUnreachable if no byte comes.
        """
        endpoint, limits, deadline = self.endpoint, self._limits, self._deadline
        log.debug("%s < %s", endpoint, request.hex())
        with _connect(endpoint, deadline.within(limits.connect)) as connection:
            answer, cause = _answer(connection, request, limits, deadline.within(limits.answer))
        log.debug("%s > %s", endpoint, answer.hex() or "nothing")
        if not answer:
            raise EcuMute(f"the ECU at {endpoint} accepts the connection but {cause}")
        return answer

    def _ask(self, command: str, ecu_id: str, decode: Callable[[Frame], Decoded]) -> Decoded:
        return self.insist(lambda: self.ask_once(command, ecu_id, decode))

    def has_time(self) -> bool:
        """True while the deadline leaves the ECU its full time for an answer."""
        return self._deadline.remaining() >= self._limits.answer

    def ask_once(self, command: str, ecu_id: str, decode: Callable[[Frame], Decoded], argument: str = "") -> Decoded:
        """The decoded answer to `command`, without a retry; raises EcuUnreachable and FrameError."""
        try:
            frame = Frame.decode(self.exchange(frames.request(command, ecu_id, argument)))
            if frame.command != command:
                raise MalformedFrame(f"the answer is for {frame.command!r}, not for {command}")
            return decode(frame)
        except NoFrame as error:
            raise NoFrame(
                f"the device at {self.endpoint} is not an ECU: {error}; check APS_ECU_IP and APS_ECU_PORT, "
                "and restart the ECU if both are right"
            ) from error
        except FrameError as error:
            raise type(error)(
                f"the ECU at {self.endpoint} sends an unusable answer to {command}: {error}; restart the ECU if this "
                "continues, and report the files that `aps2mqtt capture` writes"
            ) from error


def _connect(endpoint: Endpoint, deadline: Deadline) -> socket.socket:
    try:
        # Linux takes a time limit of 0 for "do not block".
        return socket.create_connection((endpoint.address, endpoint.port), max(deadline.remaining(), 0.001))
    except ConnectionRefusedError as error:
        raise EcuUnreachable(
            f"the ECU at {endpoint} refuses the connection; check APS_ECU_IP and APS_ECU_PORT (an ECU-R or ECU-B "
            "answers only at its Wi-Fi address), then power the ECU off and on"
        ) from error
    except TimeoutError as error:
        raise EcuSilent(
            f"nothing answers at {endpoint} (time-out); "
            "check APS_ECU_IP, and that the ECU has power and is in this network"
        ) from error
    except OSError as error:
        if is_exhausted(error):
            raise
        raise EcuUnreachable(
            f"the ECU at {endpoint} cannot be reached ({error.strerror}); check APS_ECU_IP and the network"
        ) from error


def _answer(connection: socket.socket, request: bytes, limits: Limits, deadline: Deadline) -> tuple[bytes, str]:
    """The bytes received, and why there are not more."""
    received = bytearray()
    wanted = tables.LENGTH_KNOWN
    try:
        connection.sendall(request)
        while len(received) < wanted:
            lacks_newline = wanted > tables.LENGTH_KNOWN and len(received) == wanted - len(tables.NEWLINE)
            waiting = deadline.within(limits.newline) if lacks_newline else deadline
            connection.settimeout(max(waiting.remaining(), 0.001))
            segment = connection.recv(wanted - len(received))
            if not segment:
                return bytes(received), (
                    "closes it without an answer; check APS_ECU_IP and APS_ECU_PORT, stop other programs that poll "
                    "the ECU, and restart the ECU if this continues"
                )
            received += segment
            if wanted == tables.LENGTH_KNOWN == len(received):
                wanted = frames.declared_size(bytes(received))
    except FrameError:  # no frame begins like this: decoding raises the error
        return bytes(received), ""
    except TimeoutError:
        return bytes(received), (
            "does not answer (time-out); check APS_ECU_IP and APS_ECU_PORT, then power the ECU off and on"
        )
    except OSError as error:
        return bytes(received), (
            f"drops it ({error.strerror}); check APS_ECU_IP and APS_ECU_PORT, stop other programs that poll the ECU, "
            "and restart the ECU if this continues"
        )
    return bytes(received), ""
