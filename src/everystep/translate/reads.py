"""Count how often a model was scored on a text: a test is read once, and it shows when it was not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from everystep.errors import RunError
from everystep.text import Score
from everystep.train import atomic
from everystep.train.directory import READS_FILE


def count_reads(directories: Sequence[Path], text: tuple[Path, Path], scores: Mapping[str, Score], beam: int) -> int:
    """Add a line to ``scores.jsonl`` of each model directory.

    Args:
        directories: The models that were scored together.
        text: Source and target.
        scores: What they reached.
        beam: Hypotheses at a time.

    Returns:
        How often the first of them was scored on the same bytes before.

    Raises:
        RunError: The file can't be written.
    """
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in text)).hexdigest()[:16]
    line = {
        "text": [str(path) for path in text],
        "sha256": digest,
        "models": len(directories),
        "beam": beam,
        "scores": {name: {"value": one.value, "signature": one.signature} for name, one in scores.items()},
    }
    for directory in dict.fromkeys(directories):
        path = directory / READS_FILE
        with atomic.told(RunError, path, "The figures are lost to the log only."):
            there = path.read_bytes() if path.exists() else b""
            atomic.write(path, there + json.dumps(line, ensure_ascii=False).encode() + b"\n")
    lines = (directories[0] / READS_FILE).read_text(encoding="utf-8").splitlines()
    return sum(digest in line for line in lines) - 1
