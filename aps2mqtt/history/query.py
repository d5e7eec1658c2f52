"""Reads the history that the ECU itself keeps, and publishes it. No job does this.

Like a job it holds the ECU's lock. Unlike a job it has no state, and it publishes neither status nor error.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from aps2mqtt.base.errors import EcuError
from aps2mqtt.base.values import Remark
from aps2mqtt.config.values import Config
from aps2mqtt.history import time_series
from aps2mqtt.history.time_series import Series
from aps2mqtt.jobs.plan import style
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.sources import ask
from aps2mqtt.sources.ecu8899 import history_answers, history_client, tables
from aps2mqtt.sources.ecu8899.history_client import PastQuery
from aps2mqtt.sources.endpoints import NORMAL, Limits


class Recollection(NamedTuple):
    """The history of one ECU, in the order of the query, and the reasons why some of it is missing."""

    found: tuple[Series, ...]
    failures: tuple[EcuError, ...]
    remarks: tuple[Remark, ...]


def read(config: Config, periods: Sequence[str], day: date, limits: Limits = NORMAL) -> Recollection:
    """Reads the series of `periods`; the power is that of the date `day`.

    Raises EcuBusy, EcuUnreachable or FrameError if not even the ECU's id could be read.
    """
    ecu = config.ecu
    with ask.turn(ecu, limits) as endpoint:
        info, answers = history_client.read_past(endpoint, [_query(period, day) for period in periods], limits)
    found: list[Series] = []
    remarks = list(info.remarks)
    for period, answer in zip(periods, answers, strict=True):
        if isinstance(answer, history_answers.PowerOfDay):
            found.append(time_series.power(info.ecu_id, day, answer, ecu.timezone))
        elif isinstance(answer, history_answers.EnergyByDay):
            found.append(time_series.energy(info.ecu_id, period, answer))
        if not isinstance(answer, EcuError):
            remarks += answer.remarks
    return Recollection(tuple(found), tuple(one for one in answers if isinstance(one, EcuError)), tuple(remarks))


def publish(config: Config, found: Iterable[Series]) -> int:
    """Publishes each series on its topic and returns their number; raises JobError if the broker did not get all."""
    chosen = style(config)
    messages = [
        topics.history_message(chosen, one.ecu_id, time_series.period(one), time_series.document(one)) for one in found
    ]
    if messages:
        with Session(config.broker) as session:
            session.publish(messages)
    return len(messages)


def _query(period: str, day: date) -> PastQuery:
    if period == time_series.DAY:
        return PastQuery(tables.POWER_OF_DAY, day.isoformat().replace("-", ""), f"power of {day}")
    return PastQuery(tables.ENERGY_BY_DAY, time_series.ENERGY_PERIODS[period], f"energy of the {period}")
