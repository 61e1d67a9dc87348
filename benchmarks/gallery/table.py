"""The table of the gallery's speed: what it says, and where it goes in the documentation."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.document import write_behind
from benchmarks.gallery.race import LOOP, LSTM, OURS, PACKAGE, POINT, Record
from benchmarks.peers.timing import ratio

MARK = "<!-- From here on the page is written by benchmarks/gallery. -->"
HEAD = ("cell", "everystep, ms", "torch.nn.LSTM, ms", "plain loop, ms", "times", "package", "its ms", "times")


def text(machine: Mapping[str, str], records: Sequence[Record]) -> str:
    """All that was measured, as Markdown."""
    told = [one for one in records if one.package]
    where = [f"- {name}: {value}" for name, value in machine.items()]
    if records:
        where.append(f"- used by others meanwhile: at most {max(one.others for one in records):.0%} of the machine")
    steps, batch, inputs, hidden = POINT
    summary = [
        f"Over the {len(chosen)} cells that {who}, {mean([_times(one, side) for one in chosen]):.1f} times as fast by "
        f"the geometric mean{_slower(chosen, side)}."
        for who, side, chosen in (("a package has", PACKAGE, told), ("are here", LOOP, list(records)))
        if chosen
    ]
    about = (
        f"One training step, the gradients of x and of every parameter, at ({steps}, {batch}, {inputs}, {hidden}): "
        "time, batch, input, hidden; in float32. *times* is the other side's time as a multiple of everystep's, the "
        "median over rounds."
    )
    return "\n\n".join([about, "\n".join(where), *summary, _table(records)]) + "\n"


def write_page(page: Path, machine: Mapping[str, str], records: Sequence[Record]) -> None:
    """Put the table in the place of what stands behind the mark."""
    write_behind(MARK, page, text(machine, records))


def mean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return statistics.geometric_mean(values)


def _slower(records: Sequence[Record], side: str) -> str:
    lost = [one.cell for one in records if _times(one, side) < 1]
    return f"; slower: {', '.join(lost)}" if lost else ", none slower"


def _times(one: Record, side: str) -> float:
    return ratio(one.seconds[side], one.seconds[OURS])[0]


def _table(records: Sequence[Record]) -> str:
    lines = [f"| {' | '.join(HEAD)} |", "| :-- | --: | --: | --: | --: | :-- | --: | --: |"]
    return "\n".join([*lines, *(f"| {' | '.join(_cells(one))} |" for one in records)])


def _cells(one: Record) -> list[str]:
    def ms(side: str) -> str:
        return f"{1000 * statistics.median(one.seconds[side]):.2f}"

    package = [one.package, ms(PACKAGE), f"{_times(one, PACKAGE):.1f}"] if one.package else ["", "", ""]
    return [one.cell, ms(OURS), ms(LSTM), ms(LOOP), f"{_times(one, LOOP):.1f}", *package]
