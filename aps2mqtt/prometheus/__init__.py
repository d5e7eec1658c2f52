"""Writes the values of an ECU as Prometheus text."""
