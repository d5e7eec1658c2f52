"""What fires jobs: the daemon with its scheduler, systemd units, the crontab."""
