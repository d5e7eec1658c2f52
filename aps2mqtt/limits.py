"""What inverters can give and measure at the most. A frame has no checksum, so whatever is more was never measured."""

INVERTER = 4000  # W; the largest known, a QT2, gives 2000
CHANNEL = 2000  # W
VOLTAGE = 1000  # V
COLDEST, HOTTEST = -60, 150  # degC


def power(inverters: int) -> int:
    """What so many inverters can give, in W."""
    return INVERTER * inverters


def energy(inverters: int, hours: float) -> float:
    """What so many inverters can make in so many hours, in kWh."""
    return power(inverters) / 1000 * hours
