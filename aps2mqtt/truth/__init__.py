"""What is true on the broker, as pure functions of what was read, remembered and retained."""
