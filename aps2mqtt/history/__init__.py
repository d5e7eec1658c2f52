"""What the ECU itself remembers: the power of a day, the energy by day."""
