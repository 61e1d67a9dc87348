"""What was aimed at, line by line, and what was reached."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.peers.contender import OURS, OURS_ON_TENSORS
from benchmarks.peers.race import Record
from benchmarks.peers.table import Ratio, against, fastest_peer, lost, mean, share, table
from benchmarks.peers.work import Point

Extras = Mapping[str, Sequence[Mapping[str, float | str]]]
SMALL = Point(100, 1, 8, 32)
BUSY = {"lstm", "gru", "jordan", "peephole"}  # cells whose products are most of their work


class Aim(NamedTuple):
    """One line.

    Attributes:
        what: What was measured.
        aim: How it should come out.
        reached: How it came out; None where it was not measured.
        met: Whether a value is good enough.
        unit: What follows the value.
    """

    what: str
    aim: str
    reached: float | None
    met: Callable[[float], bool]
    unit: str = ""


def at_least(bound: float) -> Callable[[float], bool]:
    return lambda value: value >= bound


def at_most(bound: float) -> Callable[[float], bool]:
    return lambda value: value <= bound


def aims(records: Sequence[Record], extras: Extras) -> list[Aim]:
    """Everything that was aimed at."""
    return [*_training(records), *_inference(records), *_steps(records), *_beside(extras)]


def summary(records: Sequence[Record], extras: Extras) -> str:
    """Lay the aims out as a table."""
    return table(["what", "aim", "reached", "met"], [_row(aim) for aim in aims(records, extras)])


def _row(aim: Aim) -> list[str]:
    if aim.reached is None:
        return [aim.what, aim.aim, "not measured", "-"]
    shown = f"{aim.reached:.0%}" if aim.unit == "%" else f"{aim.reached:.3g}{aim.unit}"
    return [aim.what, aim.aim, shown, "yes" if aim.met(aim.reached) else "NO"]


def _training(records: Sequence[Record]) -> list[Aim]:
    train = [one for one in records if one.mode == "train"]
    loops = {one.key: found[0] for one in train if (found := against(one, "torch_loop"))}
    small = mean(value for (_, _, point), value in loops.items() if point == SMALL)
    shares = [share(one) for one in train if one.cell in BUSY and one.point.hidden >= 64 and one.point.rows >= 16]
    half = _median(value for value in shares if value is not None)
    return [
        Aim("training, fastest peer / everystep, mean", "at least 2.5", _mean(train), at_least(2.5)),
        Aim("training, points lost", "none", _count(train, 1.0), at_most(0)),
        Aim("training LSTM, fastest peer / everystep, mean", "at least 1.6", _mean(_of(train, "lstm")), at_least(1.6)),
        Aim("training, torch loop / everystep, mean", "at least 8", mean(loops.values()), at_least(8)),
        Aim(f"the same at {tuple(SMALL)}", "at least 30", small, at_least(30)),
        Aim("training, share of sgemm where H ≥ 64 and B ≥ 16, median", "at least 55 %", half, at_least(0.55), "%"),
    ]


def _inference(records: Sequence[Record]) -> list[Aim]:
    infer = [one for one in records if one.mode == "infer"]
    lstm, others = _of(infer, "lstm"), [one for one in infer if one.cell != "lstm"]
    return [
        Aim("inference, six cells, fastest peer / everystep, mean", "at least 1.8", _mean(others), at_least(1.8)),
        Aim("the same, points lost", "none", _count(others, 1.0), at_most(0)),
        Aim("inference, LSTM, fastest peer / everystep, mean", "at least 1.15", _mean(lstm), at_least(1.15)),
        Aim("the same, points under 0.85", "none", _count(lstm, 0.85), at_most(0)),
    ]


def _steps(records: Sequence[Record]) -> list[Aim]:
    step = [one for one in records if one.mode == "step"]
    small = [one for one in _of(step, "lstm") if one.point == SMALL]
    arrays, tensors = (_median(_microseconds(small, side)) for side in (OURS, OURS_ON_TENSORS))
    return [
        Aim("one step, LSTM (8, 32), NumPy", "at most 3 µs", arrays, at_most(3), " µs"),
        Aim("one step, LSTM (8, 32), tensors", "at most 5 µs", tensors, at_most(5), " µs"),
        Aim("one step, fastest peer / everystep, mean", "at least 2.5", _mean(step), at_least(2.5)),
    ]


def _beside(extras: Extras) -> list[Aim]:
    call = _value(extras, "overhead", "call", "without gradient", "µs")
    lstm = _value(extras, "compile_time", "cell", "lstm", "cold, ms")
    slowest = max(_column(extras, "compile_time", "cold, ms"), default=None)
    stored = max(_column(extras, "compile_time", "from disk, ms"), default=None)
    memory = _value(extras, "memory", "side", "everystep", "MB")
    ragged = _value(extras, "ragged", "side", "everystep, ragged", "time for its steps")
    custom = _value(extras, "custom_cost", "T, B, I, H", "geometric mean", "times slower")
    return [
        Aim("a call of unroll without gradient, beside its work", "at most 15 µs", call, at_most(15), " µs"),
        Aim("compiling forward and backward, LSTM", "at most 400 ms", lstm, at_most(400), " ms"),
        Aim("the same, slowest cell", "at most 700 ms", slowest, at_most(700), " ms"),
        Aim("the same from disk, slowest cell", "at most 20 ms", stored, at_most(20), " ms"),
        Aim("extra memory, training LSTM (1000, 16, 32, 128)", "at most 95 MB", memory, at_most(95), " MB"),
        Aim("ragged batch, time for its steps / padded", "at most 1.10", ragged, at_most(1.10)),
        Aim("LSTM's GFLOP/s / those of a step of one's own, mean", "at most 1.15", custom, at_most(1.15)),
    ]


def _of(records: Iterable[Record], cell: str) -> list[Record]:
    return [one for one in records if one.cell == cell]


def _found(records: Iterable[Record]) -> list[Ratio]:
    return [found for one in records if (found := against(one, fastest_peer(one))) is not None]


def _mean(records: Iterable[Record]) -> float | None:
    return mean(found[0] for found in _found(records))


def _count(records: Sequence[Record], below: float) -> float | None:
    return len(lost(records, below)) if _found(records) else None


def _microseconds(records: Iterable[Record], side: str) -> list[float]:
    return [1e6 * statistics.median(one.seconds[side]) / one.point.steps for one in records if side in one.seconds]


def _median(values: Iterable[float]) -> float | None:
    known = list(values)
    return statistics.median(known) if known else None


def _value(extras: Extras, name: str, key: str, wanted: str, column: str) -> float | None:
    found = [row[column] for row in extras.get(name, ()) if row.get(key) == wanted]
    return float(found[0]) if found else None


def _column(extras: Extras, name: str, column: str) -> list[float]:
    """Of everystep's rows: a cell alone in the first column."""
    return [float(row[column]) for row in extras.get(name, ()) if "," not in str(row["cell"])]
