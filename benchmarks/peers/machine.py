"""The machine: what it is, how fast it multiplies matrices, and who else used it meanwhile."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Self

import torch

import everystep as es

SGEMM = "sgemm"
SIDE = 2048  # rows and columns of the product that everything is measured against
SGEMM_OPERATIONS = 2.0 * SIDE**3
PACKAGES = ("everystep", "torch", "numpy", "llvmlite", "jax", "onnxruntime")


def sgemm() -> Callable[[], object]:
    """A product of two big matrices, as fast as torch has it."""
    left, right, out = (torch.randn(SIDE, SIDE) for _ in range(3))
    return lambda: torch.mm(left, right, out=out)


def described() -> dict[str, str]:
    """Processor, threads, system, versions and date."""
    versions = [f"{name} {_version(name)}" for name in PACKAGES]
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores; {torch.get_num_threads()} threads are used",
        "engine": f"llvm {es.engines()['llvm']}",
        "system": f"{platform.system()}, Python {platform.python_version()}",
        "versions": ", ".join(version for version in versions if not version.endswith("None")),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    kind = [f"{name} {facts[key]}" for name, key in (("family", "cpu family"), ("model", "model")) if key in facts]
    return f"{facts['model name']} ({', '.join(kind)})" if kind else facts["model name"]  # guests see no exact name


class Watch:
    """The part of the machine that others used inside the block (other processes, other guests), 0 to 1."""

    def __enter__(self) -> Self:
        self._start = _ticks()
        return self

    def __exit__(self, *_error: object) -> None:
        busy, own, passed = (end - start for start, end in zip(self._start, _ticks(), strict=True))
        self.others = max(0.0, busy - own) / passed if passed else 0.0


def _ticks() -> tuple[float, float, float]:
    """Busy time of all processors, our own, and all time, in ticks; zeros where there is no /proc."""
    counters = Path("/proc/stat")
    if not counters.exists():
        return 0.0, 0.0, 0.0
    user, nice, system, idle, waiting, *rest = map(float, counters.read_text().split(maxsplit=10)[1:10])
    busy = user + nice + system + sum(rest[:3])
    times = os.times()
    return busy, (times.user + times.system) * os.sysconf("SC_CLK_TCK"), busy + idle + waiting
