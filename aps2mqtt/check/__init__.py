"""Why aps2mqtt does not work: tries every step of a job one by one, and names the remedy."""
