"""Measuring in a fresh process, where nothing is compiled, cached or allocated yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def measured(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run a module of this room in a process of its own; gives the JSON that it prints."""
    command = [sys.executable, "-m", f"benchmarks.peers.{module}", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def answer(values: Mapping[str, Any]) -> None:
    """Print what :func:`measured` reads."""
    json.dump(values, sys.stdout)
