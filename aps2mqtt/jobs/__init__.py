"""The one use case and its memory: poll the ECU, publish, remember. By hand: migrate and forget."""
