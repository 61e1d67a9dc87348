"""The rows that runs leave: one line of JSON each, appended whole, so that several processes can share a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def read(*paths: Path) -> Iterator[Row]:
    """Read the rows of several files; one that is not there holds none."""
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            yield json.loads(line)


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Add a row in one write."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, (json.dumps(row) + "\n").encode())
    finally:
        os.close(handle)


def keep(path: Path, rows: Iterable[Row]) -> None:
    """Write rows in the place of all that a file holds."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
