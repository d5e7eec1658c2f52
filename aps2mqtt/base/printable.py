"""What others wrote, so that it can be shown: the one way to print a topic, a payload, a file's name or its content."""


def printable(text: str) -> str:
    """`text` without anything that a terminal would obey: a question mark in place of each such character."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)
