"""Makes the step of the folders that jobs leave a page and metrics in, if there are any."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from aps2mqtt.base import files
from aps2mqtt.check.result import Finding, Step, judged
from aps2mqtt.config.values import Config


def steps(configs: Sequence[Config]) -> Iterator[Step]:
    """Yields the step; none if no job leaves such files."""
    settings = [("APS_PAGE_DIR", config.page_directory) for config in configs]
    settings += [("APS_METRICS_DIR", config.metrics_directory) for config in configs]
    folders = [(key, folder) for key, folder in dict.fromkeys(settings) if folder is not None]
    if folders:
        found = [_finding(key, folder) for key, folder in folders]
        details = [
            {"key": key, "folder": str(folder), "writable": not finding.remedies}
            for (key, folder), finding in zip(folders, found, strict=True)
        ]
        yield judged("folders", found, {"folders": details}, brief=())


def _finding(key: str, folder: Path) -> Finding:
    remedy = f"create it and let the user that runs the jobs write to it, or set {key} to another folder"
    if not files.is_folder(folder):
        return Finding(f"{folder} is not a folder", (remedy,))
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(f"{folder} cannot be written by this user", (remedy,))
    return Finding(f"{folder} can be written")
