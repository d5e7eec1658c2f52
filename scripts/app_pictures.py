"""Draws icon and logo of the app for Home Assistant: a sun over a solar panel. Run it after a change, and look.

The sizes are those that https://developers.home-assistant.io/docs/apps/presentation recommends.
"""

import math
import struct
import zlib
from pathlib import Path

APP = Path(__file__).parents[1] / "home_assistant_app"
SIZES = {"icon.png": (128, 128), "logo.png": (250, 100)}
FINE = 4  # samples of a pixel in each direction, for smooth edges
NOTHING, SUN, PANEL, FRAME = (0, 0, 0, 0), (255, 183, 27, 255), (28, 84, 150, 255), (222, 232, 242, 255)
Color = tuple[int, int, int, int]

# In units of the height, from the top; the middle is x = 0.
CENTER, RADIUS, RAY, RAYS = 0.36, 0.13, 0.215, 12
TOP, BOTTOM, NARROW, WIDE = 0.44, 0.92, 0.3, 0.46  # of the panel: its edges, and half its width there
COLUMNS, ROWS, LINE = 4, 3, 0.02


def color(x: float, y: float) -> Color:
    """The color at a point."""
    if TOP <= y <= BOTTOM:
        down = (y - TOP) / (BOTTOM - TOP)
        half = NARROW + (WIDE - NARROW) * down
        across = (x / half + 1) / 2
        if 0 <= across <= 1:
            edges = (abs(across * COLUMNS - round(across * COLUMNS)) / COLUMNS * 2 * half, _off_row(down))
            return FRAME if min(edges) < LINE / 2 else PANEL
    distance, angle = math.hypot(x, y - CENTER), math.atan2(y - CENTER, x)
    in_ray = abs(math.remainder(angle, math.tau / RAYS)) * distance < LINE * 0.7
    return SUN if distance < RADIUS or (RADIUS + 0.03 < distance < RAY and in_ray) else NOTHING


def _off_row(down: float) -> float:
    """Distance from the next line between two rows; further rows are less high."""
    place = math.pow(down, 0.8) * ROWS
    return abs(place - round(place)) / ROWS * (BOTTOM - TOP)


def pixels(width: int, height: int) -> list[Color]:
    """The picture, row by row from the top."""
    return [_pixel(column - width / 2, row, height) for row in range(height) for column in range(width)]


def _pixel(left: float, top: float, height: int) -> Color:
    steps = [(step + 0.5) / FINE for step in range(FINE)]
    found = [color((left + right) / height, (top + down) / height) for down in steps for right in steps]
    alpha = sum(one[3] for one in found)
    red, green, blue = (round(sum(one[band] * one[3] for one in found) / (alpha or 1)) for band in range(3))
    return red, green, blue, round(alpha / len(found))


def png(width: int, height: int) -> bytes:
    """The picture as a file."""
    drawn = pixels(width, height)
    rows = (drawn[start : start + width] for start in range(0, len(drawn), width))
    raw = b"".join(b"\0" + bytes(band for pixel in row for band in pixel) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)  # 8 bits each of red, green, blue and alpha
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


if __name__ == "__main__":
    for name, size in SIZES.items():
        (APP / name).write_bytes(png(*size))
