"""When a timer or a crontab polls best, which cannot follow the ECU as `run` does. Pure.

phases of the ECUs -> second of every five minutes -> OnCalendar, crontab
"""

from collections.abc import Sequence
from datetime import timedelta

from aps2mqtt.base.memory import Phase
from aps2mqtt.truth.data_age import clock_error
from aps2mqtt.truth.fresh_polls import is_steady
from aps2mqtt.truth.phase import PERIODS

EVERY = 300  # seconds
MINUTE = 60
MARGIN = 10.0  # seconds from when the data are there to the poll: twice that of `run`
LIKELY = 30.0  # seconds of delay, where the jobs have not found out; what SunSpec says is fresh after as many
KNOWN = 30.0  # seconds between the bounds of a delay that the jobs have found out
DRIFT = 1.0  # seconds in PERIODS periods; with more a timer would soon be wrong


def best_second(phases: Sequence[Phase | None]) -> int | None:
    """Returns the second of every five minutes at which the ECUs have new data; None if one has no steady phase.

    It is that at which data are the newest on average, as a timer polls all ECUs at once.
    """
    known = [one for one in phases if one is not None and _is_steady(one)]
    if not phases or len(known) < len(phases):
        return None
    seconds = [_second(one) for one in known]
    return min(seconds, key=lambda second: sum((second - other) % EVERY for other in seconds))


def age_when_found(known: Phase) -> timedelta:
    """Returns how long the ECU likely had the last data when a job found them."""
    return timedelta(seconds=(known.found.timestamp() - _there(known)) % EVERY)


def seconds_after(known: Phase, second: int) -> float:
    """Returns the seconds from new data of an ECU, as they are likely to be there, to that second of five minutes."""
    return (second - _there(known)) % EVERY


def calendar(second: int) -> str:
    """Returns OnCalendar= of systemd.time(7) for that second of every five minutes."""
    return f"*:{second // MINUTE:02}/5:{second % MINUTE:02}"


def crontab(second: int) -> str:
    """Returns the times of the crontab: at the first minute from that second of every five minutes on."""
    minute = -(-second // MINUTE) % (EVERY // MINUTE)
    return f"{minute}-59/5 * * * *" if minute else "*/5 * * * *"


def _is_steady(known: Phase) -> bool:
    if len(known.periods) < PERIODS or not is_steady(known, EVERY):
        return False
    if not all(period > 0 for period in known.periods) or abs(_off(sum(known.periods))) > DRIFT:
        return False
    return _is_found_out(known) or not clock_error(known)  # the time stamps of a wrong clock tell nothing of the delay


def _off(seconds: float) -> float:
    """Returns the distance to the next multiple of EVERY."""
    return (seconds + EVERY / 2) % EVERY - EVERY / 2


def _second(known: Phase) -> int:
    return round(_there(known) + MARGIN) % EVERY


def _there(known: Phase) -> float:
    """Returns the second of every five minutes at which the data are there, as far as is known."""
    least = _least(known)
    if known.most > 0:  # the ECU's clock may be right, and then data are not there before their time stamp
        least = max(0.0, least)
    likely = known.most if known.most - least <= KNOWN else min(known.most, least + LIKELY)
    return (known.stamp.timestamp() + likely) % EVERY


def _is_found_out(known: Phase) -> bool:
    return known.most - _least(known) <= KNOWN


def _least(known: Phase) -> float:
    return known.least if known.least is not None else known.most - EVERY
