"""The journal: what the last job of each ECU has left, the power of each day and the energy of each date."""
