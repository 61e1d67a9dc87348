"""What the first training step costs beyond the second: cold, and with the code on the disk."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from benchmarks.peers.contender import OURS, load
from benchmarks.peers.fresh import answer, measured
from benchmarks.peers.timing import elapsed
from benchmarks.peers.work import CELLS, Point, make

TITLE = "The first training step beyond the second"
POINT, ELSEWHERE = Point(10, 4, 64, 128), Point(37, 5, 64, 128)  # little to do beside compiling
WIDE = 512
TURNS = 3  # fresh processes, of which the least time counts: other work only adds
CACHE = "EVERYSTEP_CACHE"


def measure() -> list[dict[str, float | str]]:
    found, _ = load(("jax_scan",))
    return [_ours(cell) for cell in CELLS] + [_peer(name, "lstm") for name in found]


def _ours(cell: str) -> dict[str, float | str]:
    cold, warm = [], []
    for _ in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            cold.append(_first(OURS, cell, POINT.hidden, folder))
            warm.append(_first(OURS, cell, POINT.hidden, folder))
    with tempfile.TemporaryDirectory() as folder:
        wide = _first(OURS, cell, WIDE, folder)
    return {
        "cell": cell,
        "cold, ms": _least(cold, "compile"),
        "from disk, ms": _least(warm, "compile"),
        "other T and B, ms": _least(cold, "elsewhere"),
        "compiler loaded, ms": _least(cold, "load"),
        "code, kB": _least(cold, "bytes"),
        f"kB at H = {WIDE}": wide["bytes"] / 1e3,
    }


def _peer(name: str, cell: str) -> dict[str, float | str]:
    cold = [_first(name, cell, POINT.hidden, "off") for _ in range(TURNS)]
    found = {"cold, ms": "compile", "other T and B, ms": "elsewhere", "compiler loaded, ms": "load"}
    row = dict.fromkeys(_columns(), "-") | {"cell": f"{cell}, {name.replace('_', ' ')}"}
    return row | {column: _least(cold, key) for column, key in found.items()}


def _columns() -> tuple[str, ...]:
    timed = ("cell", "cold, ms", "from disk, ms", "other T and B, ms", "compiler loaded, ms")
    return (*timed, "code, kB", f"kB at H = {WIDE}")


def _least(turns: list[dict[str, float]], key: str) -> float:
    return min(turn[key] for turn in turns) / (1e3 if key == "bytes" else 1e-3)


def _first(side: str, cell: str, hidden: int, folder: str) -> dict[str, float]:
    return measured("compile_time", side, cell, str(hidden), **{CACHE: folder})


def _in_fresh_process(side: str, cell: str, hidden: int) -> dict[str, float]:
    module = import_module(f"benchmarks.peers.{side}")
    load = elapsed(module.prepare(make("train", "elman", Point(2, 2, 3, 5))).run)
    before = _stored()
    first = _beyond_second(module, cell, POINT._replace(hidden=hidden))
    stored = _stored() - before
    elsewhere = _beyond_second(module, cell, ELSEWHERE._replace(hidden=hidden))
    return {"load": load, "compile": first, "elsewhere": elsewhere, "bytes": stored}


def _beyond_second(module, cell: str, point: Point) -> float:
    run = module.prepare(make("train", cell, point)).run
    first = elapsed(run)
    return max(0.0, first - min(elapsed(run) for _ in range(3)))


def _stored() -> int:
    folder = Path(os.environ[CACHE])
    return sum(file.stat().st_size for file in folder.glob("*")) if folder.is_dir() else 0


if __name__ == "__main__":
    answer(_in_fresh_process(sys.argv[1], sys.argv[2], int(sys.argv[3])))
