"""Makes the step of the site: the position of the array by the configuration, and today's sunlight there. Pure.

Config, state, time -> Step
"""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

from aps2mqtt.base import sun
from aps2mqtt.base.memory import Memory
from aps2mqtt.check.ecu_answers import zone_name
from aps2mqtt.check.result import Finding, Step, judged
from aps2mqtt.config.values import Config, EcuConfig
from aps2mqtt.screen import timetable
from aps2mqtt.truth.night import is_night, to_the_minute

SET_POSITION = ("set APS_ECU_POSITION_LAT and APS_ECU_POSITION_LNG: night is calculated for that position",)
SET_BOTH = ("correct APS_ECU_POSITION_LNG or APS_ECU_TIMEZONE",)
AT_NIGHT = "it is night: jobs do not poll the ECU now, but this check does"
TOO_FAR = 4.0  # hours between the sun's time and the zone's time; with summer time some zones reach 3


def step(config: Config, memory: Memory | None, now: datetime) -> Step:
    """The step; its sunrise and sunset are those of `aps2mqtt schedule`."""
    ecu = config.ecu
    (today,) = timetable.days(ecu.site, ecu.timezone, ecu.poll_interval, now.astimezone(ecu.timezone).date(), 1)
    rises, sets = _rises_and_sets(today, ecu.timezone)
    up = sun.is_up(ecu.site, now)
    light = _sunlight(rises, sets, up=up)
    night = ecu.stop_at_night and is_night(ecu.site, memory, now)
    zone = zone_name(ecu.timezone)
    position = f"{ecu.site.latitude}, {ecu.site.longitude}"
    return judged(
        "site",
        (
            *_position(ecu, now),
            Finding(f"{light}; the sun is {'up' if up else 'down'} now" if rises or sets else light),
            Finding(AT_NIGHT) if night else None,
        ),
        {
            "latitude": ecu.site.latitude,
            "longitude": ecu.site.longitude,
            "timezone": zone,
            "sunrise": rises.isoformat() if rises else None,
            "sunset": sets.isoformat() if sets else None,
            "night": night,
        },
        brief=(
            f"{position if ecu.located else 'Paris (no position set)'}, {zone}, {_daylight(rises, sets) or light}",
            *([AT_NIGHT] if night else []),
        ),
    )


def _position(ecu: EcuConfig, now: datetime) -> Iterator[Finding]:
    """The position and the time there, and a warning if the two cannot both be right."""
    local = now.astimezone(ecu.timezone)
    assumed = "" if ecu.located else " (Paris, as no position is set)"
    where = f"{ecu.site.latitude}, {ecu.site.longitude}{assumed}, {local:%H:%M} in {zone_name(ecu.timezone)}"
    yield Finding(where, SET_POSITION if ecu.stop_at_night and not ecu.located else ())
    offset = (local.utcoffset() or timedelta()) / timedelta(hours=1)
    away = abs((ecu.site.longitude / 15 - offset + 12) % 24 - 12)
    if away > TOO_FAR and ecu.located:
        yield Finding(f"position and time zone are {away:.0f} h apart", SET_BOTH)


def _rises_and_sets(day: timetable.Day, timezone: tzinfo) -> tuple[datetime | None, datetime | None]:
    """Sunrise and sunset on that date; None for one that does not happen on it."""
    rises = (window.begins.astimezone(timezone) for window in day.windows if window.begins > day.begins)
    sets = (window.ends.astimezone(timezone) for window in day.windows if window.ends < day.ends)
    return next(rises, None), next(sets, None)


def _daylight(rises: datetime | None, sets: datetime | None) -> str:
    """The daylight in short; empty if the sun does not rise first and set then."""
    if rises is None or sets is None or sets < rises:
        return ""
    return f"daylight {to_the_minute(rises):%H:%M}-{to_the_minute(sets):%H:%M}"


def _sunlight(rises: datetime | None, sets: datetime | None, *, up: bool) -> str:
    moments = sorted((moment, what) for moment, what in ((rises, "sunrise"), (sets, "sunset")) if moment is not None)
    if not moments:
        return f"the sun does not {'set' if up else 'rise'} today"
    return ", ".join(f"{what} {to_the_minute(moment):%H:%M}" for moment, what in moments)
