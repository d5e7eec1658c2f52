"""The job and its state: poll the ECU, publish, keep the state. By hand: migrate and forget."""
