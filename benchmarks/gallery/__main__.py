"""Time every cell of the gallery beside the package that has it too, and beside a plain loop in torch.

Run from the top of the repository: ``python -m benchmarks.gallery``. Packages that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.gallery.race import LOOP, OURS, PACKAGE, Record, race
from benchmarks.gallery.table import text, write_page
from benchmarks.peers import machine
from benchmarks.peers.timing import ratio
from everystep.cells import CELLS

QUICK = ("lru", "lstm", "mgu")


def main() -> None:
    """Compare, print everything, keep it."""
    asked = _asked()
    about, records = _stored(asked.json) if asked.resume else ({}, [])
    about = about or machine.described()
    done = {one.cell for one in records}
    for name in (name for name in asked.cells if name not in done):
        records.append(race(name, asked.seconds))
        _keep(asked.json, about, records)
        print(_line(records[-1]), flush=True)
    records.sort(key=lambda one: one.cell)
    print(f"\n{text(about, records)}\nkept in {asked.json}")
    if asked.page:
        write_page(asked.page, about, records)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=__doc__)
    parser.add_argument("scope", nargs="?", default="full", choices=("full", "quick"))
    parser.add_argument("--cells", nargs="*", choices=sorted(CELLS))
    parser.add_argument("--seconds", type=float, default=0.2, help="for each side of a cell")
    parser.add_argument("--json", type=Path, default=Path("build/gallery.json"), help="where results are kept")
    parser.add_argument("--resume", action="store_true", help="go on with what is kept there")
    parser.add_argument("--page", type=Path, help="a document to put the table into: docs/gallery.md")
    asked = parser.parse_args()
    asked.cells = asked.cells or (QUICK if asked.scope == "quick" else sorted(CELLS))
    return asked


def _stored(path: Path) -> tuple[dict[str, str], list[Record]]:
    if not path.exists():
        return {}, []
    kept = json.loads(path.read_text(encoding="utf-8"))
    return kept["machine"], [Record(**record) for record in kept["records"]]


def _keep(path: Path, about: dict[str, str], records: list[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"machine": about, "records": [one._asdict() for one in records]}
    path.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def _line(one: Record) -> str:
    sides = [(LOOP, LOOP), *([(PACKAGE, one.package)] if one.package else [])]
    told = [f"{ratio(one.seconds[side], one.seconds[OURS])[0]:6.1f} times {name}" for side, name in sides]
    return f"{one.cell:20}{', '.join(told)}"


if __name__ == "__main__":
    main()
