"""What an array can give at the most. A frame has no checksum, so whatever is more was never measured."""

LARGEST_INVERTER = 4000  # W; the largest known, a QT2, gives 2000


def power(inverters: int) -> int:
    """What so many inverters can give, in W."""
    return LARGEST_INVERTER * inverters


def energy(inverters: int, hours: float) -> float:
    """What so many inverters can make in so many hours, in kWh."""
    return power(inverters) / 1000 * hours
