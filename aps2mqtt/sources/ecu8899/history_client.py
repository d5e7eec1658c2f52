"""Asks an ECU for its history: the power of a day, the energy by day. No job needs it."""

from collections.abc import Sequence
from typing import NamedTuple

from aps2mqtt.base.errors import EcuError, EcuMute, EcuRefusal, EcuSilent
from aps2mqtt.base.printable import plain
from aps2mqtt.base.values import Remark
from aps2mqtt.sources.ecu8899 import tables
from aps2mqtt.sources.ecu8899.answers import SystemInfo
from aps2mqtt.sources.ecu8899.client import Conversation, refuse
from aps2mqtt.sources.ecu8899.history_answers import HISTORY_DECODERS, EnergyByDay, Past
from aps2mqtt.sources.endpoints import Endpoint, Limits


class PastQuery(NamedTuple):
    """A query for history: the date of 0003 or the period of 0004 is its argument; `what` names it in messages."""

    command: str
    argument: str
    what: str


def read_past(
    endpoint: Endpoint, queries: Sequence[PastQuery], limits: Limits
) -> tuple[SystemInfo, tuple[Past | EcuError, ...]]:
    """The ECU's system info, and for each query an answer with data or the error.

    Raises EcuUnreachable and FrameError if the ECU does not even answer 0001. Each query is made only once (quirk 77):
    most ECUs that do not answer it never will.
    """
    conversation = Conversation(endpoint, limits)
    info = conversation.system_info()
    return info, tuple(_answer_or_error(conversation, info, query) for query in queries)


def _answer_or_error(conversation: Conversation, info: SystemInfo, query: PastQuery) -> Past | EcuError:
    try:
        return _answer(conversation, info, query)
    except EcuError as error:
        return error


def _answer(conversation: Conversation, info: SystemInfo, query: PastQuery) -> Past:
    """The answer to a query for history, which is made only once; raises EcuError if there is no data."""
    if not conversation.has_time():
        raise EcuSilent(
            f"no time was left to read the {query.what} from the ECU at {conversation.endpoint}; "
            "request only this period"
        )
    try:
        answer = conversation.ask_once(query.command, info.ecu_id, HISTORY_DECODERS[query.command], query.argument)
    except EcuMute as error:
        raise EcuRefusal(
            f"the ECU at {conversation.endpoint} does not answer {query.command}: its firmware {plain(info.firmware)} "
            f"does not support the {query.what}; try again only if it worked before"
        ) from error
    if answer.status == tables.STATUS_NO_DATA:
        raise EcuRefusal(
            f"the ECU at {conversation.endpoint} has no data for the {query.what} (status 01); "
            "choose another date or period"
        )
    refuse(answer.status, query.command)
    if isinstance(answer, EnergyByDay) and answer.period != query.argument:
        other = Remark(f"the answer to {query.command} is for another period", f"{answer.period!r}; check its dates")
        answer = answer._replace(remarks=(*answer.remarks, other))
    return answer
