"""Whether the sun is up at a site, and when it rises and sets next. No other module uses astral.

Everything follows from the elevation. Sunrise and sunset by date fail on polar days and nights, and at many longitudes
they belong to the neighbouring date.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import astral
import astral.sun

from aps2mqtt.base.values import Site

RISEN = -0.833  # degrees: the upper limb at the horizon, lifted by 34' of refraction (US Naval Observatory)
DAYS = 400  # longer than any polar night
SECOND = timedelta(seconds=1)


def is_up(site: Site, when: datetime) -> bool:
    """True while the sun is up; `when` is aware."""
    return elevation(site, when) > RISEN


def next_sunrise(site: Site, when: datetime) -> datetime | None:
    """The next sunrise in UTC, to the second; the sun is down at `when`.

    None if there is none within 400 days, which does not happen on Earth.
    """
    return _next(site, when, up=True)


def next_sunset(site: Site, when: datetime) -> datetime | None:
    """The next sunset in UTC, to the second; the sun is up at `when`. None as in `next_sunrise`."""
    return _next(site, when, up=False)


def elevation(site: Site, when: datetime) -> float:
    """Elevation of the sun in degrees above the horizon, without refraction; `when` is aware."""
    # With refraction, which is astral's default, the value jumps near the horizon.
    return astral.sun.elevation(astral.Observer(site.latitude, site.longitude), when, with_refraction=False)


def _culminations(site: Site, after: datetime) -> Iterator[datetime]:
    """Solar noons and midnights; between two of them the elevation only rises or only falls."""
    observer = astral.Observer(site.latitude, site.longitude)
    first = after.date() - timedelta(days=2)
    for day in range(DAYS):
        noon = astral.sun.noon(observer, first + timedelta(days=day))
        yield from (culmination for culmination in (noon, noon + timedelta(hours=12)) if culmination > after)


def _next(site: Site, when: datetime, *, up: bool) -> datetime | None:
    before = when.astimezone(UTC)
    for culmination in _culminations(site, before):
        if is_up(site, culmination) == up:
            return _crossing(site, before, culmination, up=up)
        before = culmination
    return None


def _crossing(site: Site, before: datetime, after: datetime, *, up: bool) -> datetime:
    """The whole second between `before` and `after` from which on the sun is up (with `up`) or down."""
    before, after = before.replace(microsecond=0), after.replace(microsecond=0) + SECOND
    while after - before > SECOND:
        middle = before + (after - before) // (2 * SECOND) * SECOND
        if is_up(site, middle) == up:
            after = middle
        else:
            before = middle
    return after
