"""The ECU: its wire format, and how to ask it."""
