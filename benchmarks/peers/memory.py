"""How much a training step takes beside its inputs and weights: the growth of a fresh process at its highest."""

from __future__ import annotations

import ctypes
import gc
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.peers.contender import OURS, load
from benchmarks.peers.fresh import answer, measured
from benchmarks.peers.table import NAMES
from benchmarks.peers.work import Point, make

TITLE = "Memory of an LSTM's training step beside its inputs and weights"
POINT = Point(1000, 16, 32, 128)
SIDES = (OURS, "torch_native", "torch_loop", "jax_scan")
STATUS, PEAK_AGAIN = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure() -> list[dict[str, float | str]]:
    if not PEAK_AGAIN.exists():
        return [{"side": "not measured", "MB": "this system does not tell the highest memory of a stretch of work"}]
    found, _ = load(SIDES)
    # what is freed goes back at once, so that a second step starts where the first did
    given_back = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    return [{"side": NAMES[name], "MB": measured("memory", name, **given_back)["bytes"] / 1e6} for name in found]


def _growth(name: str) -> int:
    side = import_module(f"benchmarks.peers.{name}").prepare(make("train", "lstm", POINT))
    side.run()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    PEAK_AGAIN.write_text("5")
    before = _kilobytes("VmRSS")
    side.run()
    return 1024 * (_kilobytes("VmHWM") - before)


def _kilobytes(name: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(name))


if __name__ == "__main__":
    answer({"bytes": _growth(sys.argv[1])})
