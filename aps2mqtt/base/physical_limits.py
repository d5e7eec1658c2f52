"""What inverters can give and measure at the most. A frame has no checksum, so whatever is more was never measured."""

INVERTER = 4000  # W; the largest known, a QT2, gives 2000
CHANNEL = 2000  # W
VOLTAGE = 1000  # V
MOST_PANELS = 4  # of an inverter; a type with more raises it
MOST_INVERTERS = 1111  # of an ECU: one answer of 8899 holds 10,000 bytes, and the shortest record has 9
COLDEST, HOTTEST = -60, 150  # degC


def power(inverters: int) -> int:
    """What so many inverters can give, in W."""
    return INVERTER * inverters


def energy(inverters: int, hours: float) -> float:
    """What so many inverters can make in so many hours, in kWh."""
    return power(inverters) / 1000 * hours
