"""The array as it is published on the broker, now or live."""
