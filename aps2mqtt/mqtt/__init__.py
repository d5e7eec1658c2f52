"""The broker: what is published on which topic, and how."""
