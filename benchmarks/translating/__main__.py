"""Time training and translating beside the same model written by hand in torch, and beside JoeyNMT where it is there.

Run from the top of the repository: ``python -m benchmarks.translating``. JoeyNMT asks for versions that nothing else
here can be used with: ``pip install --no-deps joeynmt``, and what it imports, into a directory named in PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.peers import machine
from benchmarks.peers.timing import ratio
from benchmarks.translating.cases import CASES, prepare
from benchmarks.translating.race import OURS, Record, races
from benchmarks.translating.table import text, write_page

ROUNDS = {"full": 5, "quick": 3}
TAUGHT = {"full": 60, "quick": 24}
SCOPES = {"full": list(CASES), "quick": ["spelling"]}


def main() -> None:
    """Compare, print everything, keep it."""
    asked = _asked()
    about, records, made = machine.described(), [], []
    for name in asked.cases:
        ready = prepare(CASES[name], asked.data)
        made += [name] if ready.made else []
        for record in races(name, ready, asked.seconds, ROUNDS[asked.scope], TAUGHT[asked.scope]):
            records.append(record)
            print(_line(record), flush=True)
            _keep(asked.json, about, records)
    if made:
        about["texts"] = f"made ones for {', '.join(made)}: {asked.data} does not hold theirs"
    print(f"\n{text(about, records)}\nkept in {asked.json}")
    if asked.page:
        write_page(asked.page, about, records)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.translating", description=__doc__)
    parser.add_argument("scope", nargs="?", default="full", choices=ROUNDS)
    parser.add_argument("--cases", nargs="*", choices=CASES)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="where the texts of the recipes are")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each side of a race")
    parser.add_argument("--json", type=Path, default=Path("build/translating.json"), help="where results are kept")
    parser.add_argument("--page", type=Path, help="a document to put the table into: docs/translate.md")
    asked = parser.parse_args()
    asked.cases = asked.cases or SCOPES[asked.scope]
    return asked


def _keep(path: Path, about: dict[str, str], records: list[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"machine": about, "records": [one._asdict() for one in records]}
    path.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")


def _line(one: Record) -> str:
    told = [
        f"{ratio(one.seconds[side], one.seconds[OURS])[0]:6.2f} times {side}" for side in one.seconds if side != OURS
    ]
    return f"{one.case:12}{one.work:18}{', '.join(told)}"


if __name__ == "__main__":
    main()
