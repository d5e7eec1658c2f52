"""What is true on the broker, as pure functions of the values that were read, remembered and retained."""
