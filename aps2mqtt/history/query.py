"""Reads the history that the ECU itself keeps, and publishes it. No job does this.

What the ECU does not keep comes from the journal, if the jobs keep one. Like a job it holds the ECU's lock. Unlike a
job it has no state, and it publishes neither status nor error.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from aps2mqtt.base.errors import EcuError, EcuRefusal
from aps2mqtt.base.values import Remark
from aps2mqtt.config.values import Config
from aps2mqtt.history import time_series
from aps2mqtt.history.time_series import Series
from aps2mqtt.jobs.plan import style
from aps2mqtt.journal.store import Journal, JournalError
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.sessions import Session
from aps2mqtt.sources import ask
from aps2mqtt.sources.ecu8899 import history_client, tables
from aps2mqtt.sources.ecu8899.history_answers import EnergyByDay, Past, PowerOfDay
from aps2mqtt.sources.ecu8899.history_client import PastQuery
from aps2mqtt.sources.endpoints import NORMAL, Limits

log = logging.getLogger(__name__)

RECORDED_DAYS = {"week": 7, "month": 30, "year": 365}  # in a series from the journal, today included


class Recollection(NamedTuple):
    """The history of one ECU, in the order of the query, and the reasons why some of it is missing."""

    found: tuple[Series, ...]
    failures: tuple[EcuError, ...]
    remarks: tuple[Remark, ...]


def read(config: Config, periods: Sequence[str], day: date, limits: Limits = NORMAL, *, today: date) -> Recollection:
    """Reads the series of `periods`; the power is that of the date `day`. `today` is the site's date.

    Raises EcuBusy, EcuUnreachable or FrameError if not even the ECU's id could be read.
    """
    with ask.turn(config.ecu, limits) as endpoint:
        info, answers = history_client.read_past(endpoint, [_query(period, day) for period in periods], limits)
    found: list[Series] = []
    failures: list[EcuError] = []
    remarks = list(info.remarks)
    for period, of_ecu in zip(periods, answers, strict=True):
        answer: Past | EcuError | None = None
        if isinstance(of_ecu, EcuRefusal) or not (isinstance(of_ecu, EcuError) or of_ecu.points):
            answer = _recorded(Journal(config.state_directory), info.ecu_id, period, day, today)
        answer = answer or of_ecu
        if isinstance(answer, EcuError):
            failures.append(answer)
            continue
        if isinstance(answer, PowerOfDay):
            found.append(time_series.power(info.ecu_id, day, answer, config.ecu.timezone))
        else:
            found.append(time_series.energy(info.ecu_id, period, answer))
        remarks += answer.remarks
    return Recollection(tuple(found), tuple(failures), tuple(remarks))


def _recorded(journal: Journal, ecu_id: str, period: str, day: date, today: date) -> Past | None:
    """What the jobs have recorded in the journal, in the form of the ECU's answer; None: nothing."""
    remark = Remark(f"the ECU keeps no history of the {period}", "this one is from the journal of aps2mqtt")
    try:
        if period == time_series.DAY:
            curve = journal.power(ecu_id, day)
            power = tuple((f"{point.minute // 60:02}{point.minute % 60:02}", round(point.power)) for point in curve)
            return PowerOfDay(tables.STATUS_OK, power, (remark,)) if power else None
        first = today - timedelta(days=RECORDED_DAYS[period] - 1)
        energies = tuple((f"{of:%Y%m%d}", kwh) for of, kwh in journal.energies(ecu_id, first, today).items())
        return EnergyByDay(tables.STATUS_OK, points=energies, remarks=(remark,)) if energies else None
    except JournalError as error:
        log.warning("%s", error)
        return None


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
