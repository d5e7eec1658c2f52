"""The page of all ECUs: one HTML document that needs nothing from anywhere else. Pure: entries in, text out.

    entries -> Part -> totals, marks, charts, tiles -> document

Its policy lets a browser use the style sheet and the script below, by their hashes, and load nothing.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from aps2mqtt.base.conditions import as_shown
from aps2mqtt.base.metrics import ECU_POWER, Metric, last_known
from aps2mqtt.base.names import Names
from aps2mqtt.base.roof import Roof
from aps2mqtt.journal.entry import Entry
from aps2mqtt.mqtt.readings import reading
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.page import ecu, panels
from aps2mqtt.page.ecu import Part
from aps2mqtt.page.markup import text
from aps2mqtt.page.script import AGAIN, SCRIPT
from aps2mqtt.page.style_sheet import STYLE


def _hash(inline: str) -> str:
    return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; base-uri 'none'; form-action 'none'"
)


def document(entries: Sequence[Entry], names: Names, roof: Roof, now: datetime) -> str:
    """The page at the time `now`; `entries` has each ECU once, in the order of the page."""
    parts = [_part(number, entry, names, len(entries) == 1, now) for number, entry in enumerate(entries)]
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n',
            '<meta name="robots" content="noindex">\n<meta name="format-detection" content="telephone=no">\n',
            f'<noscript><meta http-equiv="refresh" content="{AGAIN}"></noscript>\n',
            f"<title>{text(_title(parts))}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
            *_body(parts, roof),
            f"<script>{SCRIPT}</script>\n</body>\n</html>\n",
        )
    )


def _part(number: int, entry: Entry, names: Names, alone: bool, now: datetime) -> Part:  # noqa: FBT001
    # Whichever job writes the page, each ECU has its own unit, and also the values that only SunSpec has.
    style = Style(fahrenheit=entry.fahrenheit, sunspec=True, names=names)
    shown = entry if entry.report is None else entry._replace(report=as_shown(entry.report))
    return Part(shown, style, number, alone, now)


def _body(parts: Sequence[Part], roof: Roof) -> Iterator[str]:
    inverters = [one for part in parts if part.entry.report is not None for one in part.entry.report.inverters]
    top = panels.top_of(inverters)
    legend = panels.legend(top) if any(one.online for one in inverters) else ""
    placed = frozenset(key for row in roof for key in row if key)
    pictured = _roof(parts, roof, top, legend) if placed else ""
    yield '<main class="page">\n'
    if len(parts) > 1:
        yield f"{_sums(parts)}{''.join(map(ecu.marks, parts))}{pictured}"
    for part in parts:
        yield f'<section class="ecu{part.kinds}" data-ecu="{part.number}" aria-labelledby="ecu-{part.number}">\n'
        wrong = ecu.marks(part) if part.alone else ""
        yield f'<div class="overview">{ecu.totals(part)}{wrong}{ecu.drawings(part)}</div>\n'
        listed = ecu.inverters(part, top, placed, "" if placed else legend)
        yield f"{pictured if part.alone else ''}{listed}</section>\n"
    yield "</main>\n"


def _roof(parts: Sequence[Part], roof: Roof, top: float, legend: str) -> str:
    found: dict[str, panels.Panel] = {}
    for part in parts:
        for inverter in part.entry.report.inverters if part.entry.report is not None else ():
            of_it = panels.panels_of(inverter, part.style, top, part.number)
            found |= {key: one._replace(kind=one.kind + part.kinds) for key, one in of_it.items()}
    table = panels.roof_table(roof, found)
    head = f'<div class="head"><h2 id="roof">Roof</h2>{legend}</div>'
    return f'<section aria-labelledby="roof">{head}{table}</section>\n'


def _sums(parts: Sequence[Part]) -> str:
    """The head of a page with several ECUs."""
    said = [(when, _sum(parts, metric)) for metric, when in ecu.ENERGIES]
    unread = [part.name for part in parts if part.entry.report is None]
    without = f'<p class="about">without {text(", ".join(unread))}</p>' if unread else ""
    power = ecu.power_now(_sum(parts, ECU_POWER))
    return (
        f'<header class="totals"><h1>{len(parts)} ECUs</h1>{without}{power}'
        f"{ecu.energies([(when, energy) for when, energy in said if energy])}</header>\n"
    )


def _sum(parts: Sequence[Part], metric: Metric) -> str:
    """The sum over all ECUs that were ever read; empty if it is not known of one of them."""
    reports = [part.entry.report for part in parts if part.entry.report is not None]
    known = [last_known(metric.value(report)) for report in reports]
    numbers = [value for value in known if isinstance(value, int | float)]
    return reading(metric, float(sum(numbers))) if numbers and len(numbers) == len(known) else ""


def _title(parts: Sequence[Part]) -> str:
    failed = [part for part in parts if part.failure]
    what = parts[0].name if len(parts) == 1 else f"{len(parts)} ECUs"
    state = "failed" if failed else _sum(parts, ECU_POWER)
    return f"{state} - {what}" if state else what
