"""The rows that runs leave: one line of JSON each, appended whole, so that several processes can share a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipes.learning.task import Task
from recipes.learning.training import Key

KEPT = Path(__file__).with_name("results.jsonl")  # what docs/learning.md is made of
Rows = dict[Key, dict[str, Any]]


def read(tasks: Mapping[str, Task], *paths: Path) -> Rows:
    """Read the rows of several files; a row of another budget than today's does not count.

    Args:
        tasks: By name.
        paths: Files of rows; one that is not there holds none.
    """
    rows: Rows = {}
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            row = json.loads(line)
            key = Key(row["task"], row["cell"], row["side"], row["seed"])
            if key.task in tasks and row["settings"] == tasks[key.task].settings._asdict():
                rows[key] = row
    return rows


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row in one write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, (json.dumps(row) + "\n").encode())
    finally:
        os.close(handle)


def keep(rows: Rows, path: Path = KEPT) -> None:
    """Write all rows in order."""
    path.write_text("".join(json.dumps(rows[key]) + "\n" for key in sorted(rows)), encoding="utf-8")
