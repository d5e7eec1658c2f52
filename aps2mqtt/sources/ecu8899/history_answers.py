"""The answers to 0003 and 0004, the ECU's history. Pure."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from aps2mqtt.base.errors import MalformedFrame
from aps2mqtt.base.values import Remark
from aps2mqtt.sources.ecu8899 import answers, frames, tables
from aps2mqtt.sources.ecu8899.answers import RealTime, Signal, SystemInfo
from aps2mqtt.sources.ecu8899.frames import Frame
from aps2mqtt.sources.ecu8899.layouts import Layout, write

# -- 0003 and 0004: history -------------------------------------------------------------------------------------------


class PowerOfDay(NamedTuple):
    """Answer to 0003. If `status` is not "00", all else is empty. Nobody has ever published a real frame."""

    status: str
    points: tuple[tuple[str, int], ...] = ()  # hhmm, a time of day, and W
    remarks: tuple[Remark, ...] = ()


def decode_power_of_day(frame: Frame) -> PowerOfDay:
    """The points in `frame`, without those whose time is filler; raises FrameError."""
    status = frames.status_of(frame)
    if status != tables.STATUS_OK:
        return PowerOfDay(status)
    rows = frames.rows_of(tables.POWER_POINT, frame, tables.DATA)
    if rows is None:
        raise MalformedFrame("the answer to 0003 ends within a point" + frames.wrong_end(frame))
    points = tuple((str(row["time"]), int(row["power"])) for row in rows if _is_time(str(row["time"])))
    remarks = frames.absent_trailer(frame) + _filler(frame, len(rows) - len(points))
    return PowerOfDay(status, points, remarks)


def encode_power_of_day(power: PowerOfDay, group: str = "11") -> Frame:
    """The frame of `power`; a status other than "00" has no trailer."""
    points = frames.encoded_rows(tables.POWER_POINT, power.points)
    return Frame.of_status(group, tables.POWER_OF_DAY, power.status, points)


class EnergyByDay(NamedTuple):
    """Answer to 0004. If `status` is not "00", there are no other values. Nobody has ever published a real frame."""

    status: str
    period: str = ""
    points: tuple[tuple[str, float], ...] = ()  # yyyymmdd, ascending, and kWh; day 00 stands for the whole month
    width: int = 4  # bytes of an energy
    remarks: tuple[Remark, ...] = ()


FILLER = ("00000000", "d0d0d0d0", "ffffffff")  # for a date


def decode_energy_by_day(frame: Frame) -> EnergyByDay:
    """The points in `frame`, without those whose date is filler; raises FrameError.

    If both widths of an energy give ascending dates, the width that leaves out no day is right.
    """
    status = frames.status_of(frame)
    if status != tables.STATUS_OK:
        return EnergyByDay(status)
    period = str(frames.read_part(tables.PERIOD, frame, tables.DATA)["period"])
    fitting = [energy for layout in tables.ENERGY_POINTS if (energy := _energies(layout, frame, period)) is not None]
    if not fitting:
        raise MalformedFrame("the answer to 0004 is not a list of energies by date" + frames.wrong_end(frame))
    return max(fitting, key=lambda energy: _is_without_gap([day for day, _ in energy.points]))


def encode_energy_by_day(energy: EnergyByDay, group: str = "11") -> Frame:
    """The frame of `energy`; a status other than "00" has no trailer."""
    layout = next(layout for layout in tables.ENERGY_POINTS if layout[-1].width == energy.width)
    payload = write(tables.PERIOD, {"period": energy.period}) + frames.encoded_rows(layout, energy.points)
    return Frame.of_status(group, tables.ENERGY_BY_DAY, energy.status, payload)


def _energies(layout: Layout, frame: Frame, period: str) -> EnergyByDay | None:
    """The answer to 0004 under `layout`; None if its points do not fill the frame, or their dates do not ascend."""
    rows = frames.rows_of(layout, frame, tables.ENERGIES)
    if rows is None:
        return None
    points = tuple((str(row["date"]), float(row["energy"])) for row in rows if row["date"] not in FILLER)
    days = [day for day, _ in points]
    if not all(map(_is_date, days)) or any(later <= earlier for earlier, later in pairwise(days)):
        return None
    remarks = frames.absent_trailer(frame) + _filler(frame, len(rows) - len(points))
    return EnergyByDay(tables.STATUS_OK, period, points, layout[-1].width, remarks)


def calendar_date(digits: str) -> date:
    """The date of a point of 0004, yyyymmdd; the first of the month for day 00. Raises ValueError."""
    return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]) or 1)


def _is_date(digits: str) -> bool:
    try:
        calendar_date(digits)
    except ValueError:
        return False
    return True


def _is_time(digits: str) -> bool:
    return digits.isdecimal() and digits[:2] < "24" and digits[2:] < "60"


def _is_without_gap(days: Sequence[str]) -> bool:
    """True if each date is the day after the one before."""
    dates = [calendar_date(day) for day in days]
    return all(later - earlier == timedelta(days=1) for earlier, later in pairwise(dates))


def _filler(frame: Frame, points: int) -> tuple[Remark, ...]:
    """A remark on so many points without a time, if any; raises MalformedFrame if they may be a wrong end."""
    if not points:
        return ()
    if not frame.trailer:
        raise MalformedFrame(f"the answer to {frame.command} has points without a time" + frames.wrong_end(frame))
    return (Remark(f"points without a time in the answer to {frame.command}", f"{points} of them are left out"),)


Past = PowerOfDay | EnergyByDay
HISTORY_DECODERS: dict[str, Callable[[Frame], Past]] = {
    tables.POWER_OF_DAY: decode_power_of_day,
    tables.ENERGY_BY_DAY: decode_energy_by_day,
}
# All that an ECU answers, by command.
Answer = SystemInfo | RealTime | Signal | Past
DECODERS: dict[str, Callable[[Frame], Answer]] = {
    tables.SYSTEM_INFO: answers.decode_system_info,
    tables.REAL_TIME: answers.decode_real_time,
    tables.SIGNAL: answers.decode_signal,
    **HISTORY_DECODERS,
}
