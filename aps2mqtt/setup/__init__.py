"""The first hour: finds ECUs in the networks of this machine, and writes the configuration file."""
