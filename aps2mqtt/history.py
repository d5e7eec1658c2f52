"""What the ECU itself remembers: asked for by hand or once a day, never in the path of a job.

It holds the ECU's lock as a job does, and nothing else of a job: no state, no topic of status or error.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from aps2mqtt import series
from aps2mqtt.config import Config
from aps2mqtt.ecu import client, protocol
from aps2mqtt.ecu.client import Limits, PastQuery
from aps2mqtt.errors import EcuError
from aps2mqtt.job import PATIENCE, style
from aps2mqtt.lock import hold
from aps2mqtt.model import Remark
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.publisher import Session
from aps2mqtt.series import Series


class Recollection(NamedTuple):
    """What one ECU remembers, in the order in which it was wanted, and why the rest is not there."""

    found: tuple[Series, ...]
    failures: tuple[EcuError, ...]
    remarks: tuple[Remark, ...]


def read(config: Config, periods: Sequence[str], day: date, limits: Limits = client.NORMAL) -> Recollection:
    """The series of these periods; `day` is that of the power.

    Raises EcuBusy, EcuUnreachable and FrameError where not even the ECU's id could be read.
    """
    ecu = config.ecu
    endpoint = client.resolve(ecu.host, ecu.port, limits)
    with hold(endpoint.address, ecu.port, PATIENCE):
        info, answers = client.read_past(endpoint, [_query(period, day) for period in periods], limits)
    found: list[Series] = []
    remarks = list(info.remarks)
    for period, answer in zip(periods, answers, strict=True):
        if isinstance(answer, protocol.PowerOfDay):
            found.append(series.power(info.ecu_id, day, answer, ecu.timezone))
        elif isinstance(answer, protocol.EnergyByDay):
            found.append(series.energy(info.ecu_id, period, answer))
        if not isinstance(answer, EcuError):
            remarks += answer.remarks
    return Recollection(tuple(found), tuple(one for one in answers if isinstance(one, EcuError)), tuple(remarks))


def publish(config: Config, found: Iterable[Series]) -> int:
    """Publishes each series on its topic; returns how many. Raises JobError where the broker has not them all."""
    chosen = style(config)
    messages = [topics.history_message(chosen, one.ecu_id, series.period(one), series.document(one)) for one in found]
    if messages:
        with Session(config.broker) as session:
            session.publish(messages)
    return len(messages)


def _query(period: str, day: date) -> PastQuery:
    if period == series.DAY:
        return PastQuery(protocol.POWER_OF_DAY, day.isoformat().replace("-", ""), f"power of {day}")
    return PastQuery(protocol.ENERGY_BY_DAY, series.ENERGY_PERIODS[period], f"energy of the {period}")
