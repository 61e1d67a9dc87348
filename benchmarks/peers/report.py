"""A run as text: for the terminal, and for the page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from benchmarks.document import write_behind
from benchmarks.peers import table
from benchmarks.peers.aims import Extras, summary
from benchmarks.peers.contender import OURS
from benchmarks.peers.race import Record
from benchmarks.peers.work import MODES

EXTRAS = ("overhead", "ragged", "custom_cost", "compile_time", "memory")
TITLES = {"train": "Training", "infer": "Inference", "step": "Single steps"}
UNITS = {"train": "Milliseconds", "infer": "Milliseconds", "step": "Microseconds a step"}
MARK = "<!-- From here on the page is written by benchmarks/peers. -->"


class Run(NamedTuple):
    """All that was measured on one machine.

    Attributes:
        machine: What it was measured on.
        missing: Sides that are not installed, and why.
        records: The comparisons.
        extras: Rows of the other measurements, by the name of their module.
    """

    machine: dict[str, str]
    missing: dict[str, str]
    records: list[Record]
    extras: dict[str, list[dict[str, float | str]]]


def text(run: Run) -> str:
    """Everything, as Markdown."""
    parts = [
        _machine(run),
        "## What was aimed at, and what was reached",
        summary(run.records, run.extras),
        _lost(run.records),
    ]
    for mode in MODES:
        chosen = [one for one in run.records if one.mode == mode]
        parts += _mode(mode, chosen) if chosen else []
    return "\n\n".join([*parts, *_extras(run.extras), _left_out(run)]) + "\n"


def write_page(run: Run, page: Path) -> None:
    """Put a run in the place of what stands behind the mark."""
    write_behind(MARK, page, text(run))


def _machine(run: Run) -> str:
    lines = [f"- {name}: {value}" for name, value in run.machine.items()]
    if run.records:
        others = max(one.others for one in run.records)
        lines.append(f"- used by others meanwhile: at most {others:.0%} of the machine in any comparison")
    return "\n".join(lines)


def _lost(records: Sequence[Record]) -> str:
    found = [
        f"- {one.mode} {one.cell} ({', '.join(map(str, one.point))}): {value[0]:.2f} "
        f"({value[1]:.2f} to {value[2]:.2f}), {table.NAMES[peer]}"
        for one in table.lost(records)
        if (peer := table.fastest_peer(one)) and (value := table.against(one, peer))
    ]
    return "\n".join(
        ["Lost, that is, the whole interval of fastest peer / everystep lies below 1:", "", *(found or ["- nothing"])]
    )


def _mode(mode: str, records: Sequence[Record]) -> list[str]:
    return [
        f"## {TITLES[mode]}",
        "Time of the fastest peer as a multiple of everystep's; a star where it is lost.",
        table.ratios(records, mode),
        f"{UNITS[mode]}, median of the rounds.",
        table.times(records, mode),
    ]


def _extras(extras: Extras) -> list[str]:
    parts = []
    for name in EXTRAS:
        if name in extras:
            parts += [f"## {import_module(f'benchmarks.peers.{name}').TITLE}", table.listed(extras[name])]
    return parts


def _left_out(run: Run) -> str:
    """Who is not there at all, and who was there but failed or was wrong."""
    lines = [f"- {table.NAMES[name]}: {why}" for name, why in run.missing.items()]
    where: dict[tuple[str, str], list[str]] = {}
    for one in run.records:
        for name, why in one.left_out.items():
            if name == OURS or why.startswith(("failed", "wrong")):
                where.setdefault((name, why), []).append(f"{one.mode} {one.cell} ({', '.join(map(str, one.point))})")
    for (name, why), places in where.items():
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        lines.append(f"- {table.NAMES[name]}, {places[0]}{more}: {why}")
    return "\n".join(["## Left out", "", *(lines or ["Nobody."])])
