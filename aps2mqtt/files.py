"""Files that are there whole, or not at all."""

import os
import tempfile
from pathlib import Path

MODE = 0o644


def replace(path: Path, text: str) -> None:
    """Writes `path`, readable for everybody; raises OSError. A link is replaced, not followed."""
    descriptor, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(descriptor, MODE)
        Path(new).replace(path)
    except OSError:
        Path(new).unlink()
        raise
