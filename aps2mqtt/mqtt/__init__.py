"""The broker: what is said on which topic, and how it gets there."""
