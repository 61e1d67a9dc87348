"""Time the same recurrent work on everystep and on other libraries, side by side.

Run from the top of the repository: ``python -m benchmarks.peers``. Libraries that are not installed are left out and
named; ``pip install -r benchmarks/peers/requirements.txt`` brings them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from benchmarks.peers import machine
from benchmarks.peers.contender import OURS, SIDES, load
from benchmarks.peers.race import Record, race
from benchmarks.peers.report import EXTRAS, Run, text, write_page
from benchmarks.peers.table import NAMES, against, fastest_peer
from benchmarks.peers.work import CELLS, GRID, MODES, Point, points

QUICK_CELLS = ("lstm", "peephole")
QUICK_POINTS = (2, 6, 9)
QUICK_EXTRAS = ("overhead", "ragged", "memory")


def main() -> None:
    """Compare, print everything, keep it."""
    asked = _asked()
    found, missing = load(tuple(asked.sides))
    run = _stored(asked.json) if asked.resume else Run({}, {}, [], {})
    run = run._replace(machine=machine.described(), missing=missing)
    done = {record.key for record in run.records}
    for mode, cell, point in _comparisons(asked):
        if (mode, cell, point) not in done:
            record = race(mode, cell, point, found, asked.seconds)
            run.records.append(record)
            _keep(run, asked.json)
            print(_line(record), flush=True)
    for name in asked.extras:
        if name not in run.extras:
            print(f"{name} ...", flush=True)
            run.extras[name] = import_module(f"benchmarks.peers.{name}").measure()
            _keep(run, asked.json)
    _keep(run, asked.json)
    print(f"\n{text(run)}\nkept in {asked.json}")
    if asked.page:
        write_page(run, asked.page)
    if any(why.startswith(("failed", "wrong")) for one in run.records if (why := one.left_out.get(OURS))):
        raise SystemExit("everystep failed or was wrong: see the end of the tables.")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("scope", nargs="?", default="full", choices=("full", "quick"), help="quick: two minutes")
    parser.add_argument("--modes", nargs="*", choices=MODES, default=list(MODES))
    parser.add_argument("--cells", nargs="*", choices=CELLS)
    parser.add_argument("--points", nargs="*", type=int, help=f"by number in the grid, 0 to {len(GRID) - 1}")
    parser.add_argument("--sides", nargs="*", choices=SIDES, default=list(SIDES))
    parser.add_argument("--extras", nargs="*", choices=EXTRAS)
    parser.add_argument("--seconds", type=float, default=0.5, help="for each side of a comparison")
    parser.add_argument("--json", type=Path, default=Path("build/speed.json"), help="where results are kept")
    parser.add_argument("--resume", action="store_true", help="go on with what is kept there")
    parser.add_argument("--page", type=Path, help="a document to put the tables into, such as docs/speed.md")
    asked = parser.parse_args()
    quick = asked.scope == "quick"
    asked.cells = asked.cells if asked.cells is not None else QUICK_CELLS if quick else CELLS
    asked.points = asked.points if asked.points is not None else QUICK_POINTS if quick else range(len(GRID))
    asked.extras = asked.extras if asked.extras is not None else QUICK_EXTRAS if quick else EXTRAS
    return asked


def _comparisons(asked: argparse.Namespace) -> Iterator[tuple[str, str, Point]]:
    for mode in asked.modes:
        for point in dict.fromkeys(_asked_point(mode, GRID[number]) for number in asked.points):
            for cell in asked.cells:
                yield mode, cell, point


def _asked_point(mode: str, point: Point) -> Point:
    return next(one for one in points(mode) if one[2:] == point[2:] and (mode == "step" or one == point))


def _stored(path: Path) -> Run:
    if not path.exists():
        return Run({}, {}, [], {})
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Run(**{**kept, "records": [Record.read(record) for record in kept["records"]]})


def _keep(run: Run, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = run._asdict() | {"records": [record._asdict() for record in run.records]}
    part = path.with_suffix(".part")
    part.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    part.replace(path)


def _line(record: Record) -> str:
    peer = fastest_peer(record)
    found = against(record, peer)
    where = f"{record.mode:5} {record.cell:8} {', '.join(map(str, record.point)):16}"
    if found is None:
        return f"{where}  {record.left_out.get(OURS, 'no peer')}"
    return f"{where}  {found[0]:5.2f} ({found[1]:.2f} to {found[2]:.2f})  {NAMES[str(peer)]}"


if __name__ == "__main__":
    main()
