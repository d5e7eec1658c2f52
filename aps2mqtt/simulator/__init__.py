"""A simulated ECU on a TCP port, and the demo that runs on it."""
