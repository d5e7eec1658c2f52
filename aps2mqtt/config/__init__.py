"""What the user has set: the keys, the file and the environment, the values that follow."""
