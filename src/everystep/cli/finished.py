"""Know a run that has written everything, so that the same command tells it again instead of doing it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from everystep.train import load_model
from everystep.train.directory import CONFIG_FILE

REPORT_FILE = "report.html"


def told_before(directory: Path) -> dict[str, Any]:
    """Read what a finished run told; nothing where a file of it is not there any more, so that it is made again."""
    if not (directory / CONFIG_FILE).exists() or not (directory / REPORT_FILE).exists():
        return {}
    return dict(load_model(directory).metrics)
