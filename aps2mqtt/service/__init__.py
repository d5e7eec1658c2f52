"""What starts jobs: the daemon with its scheduler, systemd units, the crontab."""
