"""The inverters and their panels as tiles, in a list and on the roof. Pure.

A tile has a color and a number: nobody needs to see colors. Each inverter is told apart as in base/conditions.py.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from aps2mqtt.base import conditions, metrics
from aps2mqtt.base.conditions import Condition, condition, problem
from aps2mqtt.base.metrics import Metric
from aps2mqtt.base.models import inverter_model
from aps2mqtt.base.names import panel_key
from aps2mqtt.base.roof import Roof
from aps2mqtt.base.values import Inverter
from aps2mqtt.mqtt import topics
from aps2mqtt.mqtt.readings import readings, voltages
from aps2mqtt.mqtt.topics import Style
from aps2mqtt.page.markup import hidden, text

HEATS = 10  # classes h0 to h9 of the style sheet
LEAST_TOP = 50  # W of a panel that is drawn as bright as possible, at least: at dawn all panels are dark
SHORT_KEY = 6  # characters: the last four digits of a UID and the number of the panel
MOST_CARDS = 12  # inverters; of more, each has less room
UNKNOWN = "–"  # noqa: RUF001 - a dash
CLASSES = {
    conditions.AWAKE: "awake",
    conditions.HALF_AWAKE: "half",
    conditions.ASLEEP: "asleep",
    conditions.NEVER_HEARD: "unseen",
    conditions.ILL: "ill",
    conditions.NOT_LISTED: "unlisted",
}


class Panel(NamedTuple):
    """One panel in words."""

    kind: str  # class of the tile
    value: str  # its power in W, or the sign that is drawn instead of it
    words: str  # the sign in words; empty for a power
    name: str  # its own, or its number
    short: str  # its own name, or the end of its key
    whose: str  # name of the inverter
    ecu: int  # number of the ECU on the page
    details: tuple[str, ...] = ()  # energy and DC values
    ill: bool = False  # its inverter has a problem


def name_of(style: Style, inverter: Inverter) -> str:
    """The name that people gave to an inverter, or its model and UID."""
    return style.names.get(inverter.uid) or f"{inverter_model(inverter.uid)} {inverter.uid}"


def panels_of(inverter: Inverter, style: Style, top: float, ecu: int = 0) -> dict[str, Panel]:
    """The panels of an inverter by their keys in a roof; `top` is the power of the brightest tile."""
    found = condition(inverter)
    panels = {}
    for number, power in enumerate(inverter.powers, 1):
        key = panel_key(inverter.uid, number)
        name = style.names.get(key, str(number))
        short = style.names.get(key, key[-SHORT_KEY:])
        kind, value, words = _state(inverter, found, power, top)
        details = tuple(_details(inverter, number)) if inverter.online else ()
        ill = found == conditions.ILL
        panels[key] = Panel(kind, value, words, name, short, name_of(style, inverter), ecu, details, ill)
    return panels


def _state(inverter: Inverter, found: Condition, power: int | None, top: float) -> tuple[str, str, str]:
    """Class, value and words of a panel."""
    if inverter.online and power is not None:
        return f"h{min(HEATS - 1, int(power / top * HEATS))}", str(power), ""
    if inverter.online or found == conditions.NOT_LISTED:
        return "unknown", UNKNOWN, "not known"
    never = all(one is None for one in inverter.powers)
    shown = conditions.NEVER_HEARD if never else conditions.ASLEEP
    return CLASSES[shown], shown.glyph, shown.words


def _details(inverter: Inverter, number: int) -> Iterator[str]:
    shown: tuple[tuple[Sequence[float | None], Metric], ...] = (
        (inverter.energies, metrics.PANEL_TODAY),
        (inverter.dc_voltages, metrics.DC_VOLTAGE),
        (inverter.dc_currents, metrics.DC_CURRENT),
    )
    said = ((metric, values[number - 1]) for values, metric in shown if number <= len(values))
    yield from readings(said).values()


# -- inverters --------------------------------------------------------------------------------------------------------


def cards(inverters: Sequence[Inverter], style: Style, top: float, placed: frozenset[str], heading: str) -> str:
    """A list of the inverters. Panels that are `placed` on the roof are left out; `heading` is the tag of names."""
    dense = " dense" if len(inverters) > MOST_CARDS else ""
    direct = " direct" if any(any(one.dc_voltages) or any(one.dc_currents) for one in inverters) else ""
    items = (_card(inverter, style, top, placed, heading) for inverter in inverters)
    return f'<ul class="inverters{dense}{direct}">{"".join(items)}</ul>'


def _card(inverter: Inverter, style: Style, top: float, placed: frozenset[str], heading: str) -> str:
    found = condition(inverter)
    own = takewhile(lambda row: not row[0].panel, topics.inverter_rows(style, inverter))  # those of panels come last
    said = readings(own)
    model, named = inverter_model(inverter.uid), style.names.get(inverter.uid)
    name = f"{text(named or model)} <small>{f'{model} {inverter.uid}' if named else inverter.uid}</small>"
    power = said.get(metrics.INVERTER_POWER.name, UNKNOWN) if inverter.online else ""
    words = "" if found == conditions.ILL and inverter.online else (found.words if inverter.online else _off(inverter))
    shown = f'<p class="now">{" ".join(filter(None, (power and f"<b>{text(power)}</b>", words and text(words))))}</p>'
    panels = {key: one for key, one in panels_of(inverter, style, top).items() if key not in placed}
    tiles = "".join(f"<li>{_tile(one)}</li>" for one in panels.values())
    listed = f'<ul class="tiles n{min(4, len(panels))}">{tiles}</ul>' if panels else ""
    meta = "".join(f"<li>{text(one)}</li>" for one in _meta(inverter, said))
    wrong = problem(inverter)
    sign = f'<i class="sign" aria-hidden="true">{found.glyph}</i>'
    return "".join(
        (
            f'<li class="inverter {CLASSES[found]}"><{heading}>{sign} {name}</{heading}>{shown}',
            listed,
            f'<ul class="meta">{meta}</ul>' if meta else "",
            f'<p class="mark warn">{text(wrong)}</p>' if wrong else "",
            "</li>",
        )
    )


def _off(inverter: Inverter) -> str:
    """Why an inverter has no power, whether or not something is wrong with it."""
    return condition(inverter._replace(problem=None)).words


def _meta(inverter: Inverter, said: Mapping[str, str]) -> Iterator[str]:
    labels = (
        (metrics.INVERTER_TODAY, "{} today"),
        (metrics.SIGNAL, "signal {}"),
        (metrics.TEMPERATURE, "{}"),
        (metrics.FREQUENCY, "{}"),
    )
    yield from (form.format(said[metric.name]) for metric, form in labels if metric.name in said)
    if volts := voltages(inverter):
        yield volts


def _tile(panel: Panel) -> str:
    details = "".join(f"<small>{text(one)}</small>" for one in panel.details)
    name = f"<span>{hidden('panel ')}{text(panel.name)}</span>"
    return f'<div class="tile {panel.kind}">{name}{_value(panel)}{details}</div>'


def _value(panel: Panel) -> str:
    if not panel.words:
        return f"<b>{panel.value}<i> W</i></b>"
    return f'<b><span aria-hidden="true">{panel.value}</span>{hidden(panel.words)}</b>'


# -- the roof ---------------------------------------------------------------------------------------------------------


def roof_table(roof: Roof, panels: Mapping[str, Panel]) -> str:
    """The panels at their places. A place whose panel nobody has read is drawn as unknown."""
    columns = max(map(len, roof))
    rows = []
    for row in roof:
        cells = (_place(key, panels) if key else "<td></td>" for key in row)
        rows.append(f"<tr>{''.join(cells)}{'<td></td>' * (columns - len(row))}</tr>")
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="Roof"><table class="roof c{columns}">'
        f"<caption>{hidden('Power of the panels at their places on the roof')}</caption>{''.join(rows)}</table></div>"
    )


def _place(key: str, panels: Mapping[str, Panel]) -> str:
    uid, _, number = key.partition("/")
    panel = panels.get(key) or Panel("unknown", *conditions.NOT_FOUND, number, key[-SHORT_KEY:], uid, 0)
    whole = f"{panel.whose}, panel {panel.name}" + f" ({conditions.ILL.words})" * panel.ill
    sign = f"{conditions.ILL.glyph} " * panel.ill
    return (
        f'<td><div class="tile {panel.kind}{" ill" * panel.ill}" data-ecu="{panel.ecu}" title="{text(whole)}">'
        f'{hidden(f"{whole}: ")}{_value(panel)}<span aria-hidden="true">{sign}{text(panel.short)}</span></div></td>'
    )


def legend(top: float) -> str:
    """The colors of tiles, from 0 W to `top`."""
    steps = "".join(f'<i class="h{step}"></i>' for step in range(HEATS))
    return f'<p class="legend" aria-hidden="true">0 W <span>{steps}</span> {top:.0f} W</p>'


def top_of(inverters: Iterable[Inverter]) -> float:
    """The power of a panel whose tile is as bright as possible."""
    return max(LEAST_TOP, conditions.strongest_panel(inverters))
