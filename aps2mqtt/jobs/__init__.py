"""The one use case and its memory: query the ECU, publish, remember. By hand: migrate and forget."""
