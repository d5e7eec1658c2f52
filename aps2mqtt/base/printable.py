"""Makes text of others safe to print: topics, payloads, names and contents of files. All of it passes through here."""

from collections.abc import Sequence


def printable(text: str) -> str:
    """`text` with a question mark in place of each character that a terminal would obey."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def plain(text: str) -> str:
    """`text` of an ECU as it is published: printable ASCII, with a question mark for any other character."""
    return printable(text.encode("ascii", "replace").decode())


def some(names: Sequence[str], most: int = 8) -> str:
    """The first `most` of the names, and the number of the others."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
