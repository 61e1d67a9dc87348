"""The section on speed of docs/translate.md: what it says, and where it goes."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.document import table, write_behind
from benchmarks.peers.timing import ratio
from benchmarks.translating.cases import CASES
from benchmarks.translating.race import JOEY, OURS, PLAIN, TRAINING, Record

MARK = "<!-- From here on the page is written by benchmarks/translating. -->"
HEAD = ("model", "work", "everystep", "torch by hand", "times", "goal", "met", "JoeyNMT", "times")
GOALS = {TRAINING: 4.0}
OTHER_GOAL = 5.0  # of everything else


def text(machine: Mapping[str, str], records: Sequence[Record]) -> str:
    """All that was measured, as Markdown."""
    where = [f"- {name}: {value}" for name, value in machine.items()]
    where.append(f"- used by others meanwhile: {max((one.others for one in records), default=0):.0%} of the machine")
    models = [f"- {name}: {CASES[name].about}" for name in dict.fromkeys(one.case for one in records)]
    missing = {f"{one.case}: {side} {why}" for one in records for side, why in one.left_out.items()}
    lost = [f"Left out: {'; '.join(sorted(missing))}."] if missing else []
    return (
        "\n\n".join([_ABOUT, "\n".join(models), "\n".join(where), table(HEAD, map(_cells, records), left=2), *lost])
        + "\n"
    )


def write_page(page: Path, machine: Mapping[str, str], records: Sequence[Record]) -> None:
    """Put the table in the place of what stands behind the mark."""
    write_behind(MARK, page, text(machine, records))


_ABOUT = (
    "Training: target symbols a second, with loss, gradients, clipping and Adam. Translating: sentences a second, by a "
    "model that was taught a little. *torch by hand* is the same model with the same weights: `nn.LSTM` or `nn.GRU` "
    "over a packed batch in the encoder, a loop over `nn.LSTMCell` or `nn.GRUCell` and attention in the decoder, "
    "`F.cross_entropy`, `torch.optim.Adam`, a batched beam search. Before any timing both have the same loss, the same "
    "gradient of the source embedding, and the same scores of what they say. JoeyNMT is its recurrent model of the "
    "same sizes, whose readout is no embedding. *times* is that side's time by everystep's, the median over rounds."
)


def _cells(one: Record) -> tuple[str, ...]:
    times = _times(one, PLAIN)
    goal = GOALS.get(one.work, OTHER_GOAL)
    beside = (_rate(one, JOEY), f"{_times(one, JOEY):.2f}") if JOEY in one.seconds else ("", "")
    met = "yes" if times >= goal else "NO"
    return (one.case, one.work, _rate(one, OURS), _rate(one, PLAIN), f"{times:.2f}", f"{goal:g}", met, *beside)


def _times(one: Record, side: str) -> float:
    return ratio(one.seconds[side], one.seconds[OURS])[0]


def _rate(one: Record, side: str) -> str:
    rate = one.many / statistics.median(one.seconds[side])
    return f"{rate:,.0f}" if rate >= 1000 else f"{rate:.4g}"
