"""The array as it lies on the broker, now or live."""
