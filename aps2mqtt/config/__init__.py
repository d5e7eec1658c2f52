"""The configuration of the user: the keys, the file and the environment, and the resulting values."""
