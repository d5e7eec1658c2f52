"""The places of panels on a roof, for pictures only. Pure."""

# Rows of a roof from top to bottom, each with its places from left to right. A place has the key of a panel
# (names.panel_key), or is empty text. Rows may differ in length; no panel has two places.
Roof = tuple[tuple[str, ...], ...]
NO_ROOF: Roof = ()
