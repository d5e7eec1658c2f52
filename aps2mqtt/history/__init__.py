"""The history that the ECU itself keeps: the power of a day, the energy by day."""
