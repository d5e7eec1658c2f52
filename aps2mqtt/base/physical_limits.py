"""The most that inverters can give and measure. A frame has no checksum: a value beyond these was not measured."""

INVERTER = 4000  # W; the largest known, a QT2, gives 2000
CHANNEL_POWERS = range(2001)  # W
VOLTAGES = range(1001)  # V AC
TEMPERATURES = range(-60, 151)  # degC
AWAKE = (45.0, 65.0)  # Hz, exclusive; an inverter that is half awake reports 65.0 (quirk 38)
MOST_PANELS = 4  # of an inverter; raise it for a type with more
MOST_INVERTERS = 1111  # of an ECU: one answer of 8899 holds 10,000 bytes, and the shortest record has 9
MODBUS_ADDRESSES = range(1, 248)  # of units


def power(inverters: int) -> int:
    """The most power of `inverters` inverters, in W."""
    return INVERTER * inverters


def energy(inverters: int, hours: float) -> float:
    """The most energy of `inverters` inverters in `hours`, in kWh."""
    return power(inverters) / 1000 * hours
