"""The round numbers on the axes of charts. Pure."""

from math import floor, log10

QUARTERS = 4  # values on an axis, above 0
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)  # each is a round number, also times a power of ten


def nice_top(most: float) -> float:
    """The end of an axis for values up to `most`; a quarter of this end is a round number too."""
    if most <= 0:
        return QUARTERS
    unit = 10.0 ** floor(log10(most / QUARTERS))
    return QUARTERS * unit * next(step for step in ROUND if step >= most / QUARTERS / unit or step == ROUND[-1])
