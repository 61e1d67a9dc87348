"""The run's log: one JSON object a line, each step exactly once however often the run was cut."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everystep.errors import ModelFileError
from everystep.train.tensor_file import damaged


class Log:
    """A log file open for writing.

    Args:
        path: The file.
        size: Bytes of it that belong to the checkpoint the run goes on from; what lies behind them is cut off.

    Raises:
        ModelFileError: The file is shorter than the checkpoint says.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        there = path.stat().st_size if path.exists() else 0
        if there < size:
            raise damaged(path, f"it holds {there} bytes, and the checkpoint beside it was made when it held {size}")
        self.path, self.size = path, size
        self._file = path.open("ab", buffering=0)  # unbuffered: a full disk is told now
        self._file.truncate(size)

    def write(self, line: Mapping[str, Any]) -> None:
        """Add one line."""
        data = memoryview(json.dumps(line, allow_nan=False).encode() + b"\n")
        self.size += len(data)
        while data:  # a disk that is nearly full takes a part, and refuses only the next
            data = data[self._file.write(data) :]

    def sync(self) -> None:
        """Make every line so far safe on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """Read a run's log.

    Args:
        path: The ``log.jsonl``, or the directory it lies in.

    Returns:
        One dict a step: ``step``, ``epoch``, ``loss``, ``gradient_norm``, ``learning_rate``, ``seconds``, and
        ``validation`` at the last step of an epoch.

    Raises:
        ModelFileError: The file is missing, or a line of it is no JSON object.
    """
    path = Path(path)
    path = path / "log.jsonl" if path.is_dir() else path
    if not path.exists():
        raise ModelFileError(f"{path} is missing: no run was started there, or it was moved away.")
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as cause:
        raise damaged(path, str(cause)) from cause
