"""Finds out why aps2mqtt does not work: tries every step of a job and names the remedy."""
