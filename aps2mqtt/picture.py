"""An array as a person would like to see it in a terminal. Pure: report in, lines out."""

from collections.abc import Callable, Iterator

from aps2mqtt.ecu.protocol import ecu_model, inverter_model
from aps2mqtt.model import Inverter, Kept, Report
from aps2mqtt.mqtt.topics import payload

EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")
FULL = "█"
DIM, YELLOW, BOLD, PLAIN = "\033[2m", "\033[33m", "\033[1m", "\033[0m"
BESIDE_A_BAR = 20  # columns
WIDEST_BAR = 60

Paint = Callable[[str, str], str]


def array(report: Report, *, width: int, color: bool) -> list[str]:
    """The ECU's totals, then every inverter with its panels as bars; the longest bar is the strongest panel's.

    `width` is in columns. Without `color` there are no escape codes.
    """
    paint: Paint = _paint if color else _leave
    strongest = max((power for inverter in report.inverters for power in inverter.powers if power), default=1)
    columns = max(8, min(width - BESIDE_A_BAR, WIDEST_BAR))
    lines = list(_totals(report, width, paint))
    for inverter in report.inverters:
        lines += ["", *_inverter(inverter, strongest, (columns, width), paint)]
    return lines


def bar(share: float, columns: int) -> str:
    """A bar that has `columns` at a share of 1, drawn to an eighth of a column."""
    full, eighths = divmod(round(share * columns * 8), 8)
    return FULL * full + EIGHTHS[eighths]


def _totals(report: Report, width: int, paint: Paint) -> Iterator[str]:
    name = f"{ecu_model(report.ecu_id)} {report.ecu_id}"
    yield from _filled(paint(BOLD, name), len(name), [report.firmware], width)
    parts = [f"{payload(report.power)} W now", _energy(report.today, "today"), _energy(report.lifetime, "in all")]
    if not isinstance(report.online, Kept) and not isinstance(report.registered, Kept):
        parts.append(f"{report.online} of {report.registered} inverters online")
    first, *others = (part for part in parts if part)
    yield from _filled(first, len(first), others, width, gap=3)
    if report.timestamp:
        yield paint(DIM, f"data of {report.timestamp:%Y-%m-%d %H:%M:%S}")


def _energy(energy: float | Kept, when: str) -> str:
    return "" if isinstance(energy, Kept) else f"{payload(energy)} kWh {when}"


def _inverter(inverter: Inverter, strongest: int, room: tuple[int, int], paint: Paint) -> Iterator[str]:
    columns, width = room  # of a bar, and of the terminal
    name = f"{inverter_model(inverter.uid):<7} {inverter.uid}"
    powers = [power for power in inverter.powers if power is not None]
    if not inverter.online:
        yield paint(DIM, f"{name}  {'offline' if powers else 'never heard'}")
        return
    voltages = [voltage for voltage in inverter.voltages if voltage is not None]
    measured = [
        ("W", sum(powers)),
        ("°C", inverter.temperature),
        ("Hz", inverter.frequency),
        ("V", "/".join(map(str, voltages)) or None),
        ("% signal", inverter.signal),
    ]
    values = [f"{value} {unit}" for unit, value in measured if value is not None and not isinstance(value, Kept)]
    yield from _filled(paint(BOLD, name), len(name), values, width)
    for panel, power in enumerate(inverter.powers, 1):
        drawn = bar((power or 0) / strongest, columns)
        yield f"  {panel}  {paint(YELLOW, drawn)}{' ' * (columns - len(drawn))} {power or 0:>5} W"


def _filled(heading: str, taken: int, parts: list[str], width: int, gap: int = 2) -> Iterator[str]:
    """`heading`, of `taken` columns, and `parts` behind it; on further lines what is too much for one."""
    line = heading
    for part in parts:
        if taken + gap + len(part) > width:
            yield line
            line, taken = "", 0
        line, taken = f"{line}{' ' * gap}{part}", taken + gap + len(part)
    yield line


def _paint(color: str, text: str) -> str:
    return f"{color}{text}{PLAIN}" if text else ""


def _leave(_color: str, text: str) -> str:
    return text
