"""Records as tables that read well in a terminal and in a document."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.peers.contender import OURS, OURS_AS_LAYER, OURS_ON_TENSORS, PEERS
from benchmarks.peers.machine import SGEMM, SGEMM_OPERATIONS
from benchmarks.peers.race import Record
from benchmarks.peers.timing import ratio
from benchmarks.peers.work import CELLS, points

NAMES = {
    OURS: "everystep",
    OURS_AS_LAYER: "es.nn",
    OURS_ON_TENSORS: "everystep, tensors",
    "torch_native": "torch native",
    "torch_native_alone": "native, 1 thread",
    "torch_loop": "torch loop",
    "torch_script": "torch script",
    "jax_scan": "JAX scan",
    "jax_naive": "JAX naive",
    "jax_by_hand": "JAX by hand",
    "onnx_runtime": "ONNX Runtime",
    "numpy_loop": "NumPy",
}
Ratio = tuple[float, float, float]  # median, and the ends of its interval


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out rows under a head; all but the first column to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(head))]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    lines.insert(1, rule)
    return "\n".join("| " + " | ".join(_cells(line, widths)) + " |" for line in lines)


def _cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))]


def fastest_peer(record: Record) -> str | None:
    """The peer with the smallest median; None where there is no peer."""
    medians = {name: statistics.median(record.seconds[name]) for name in PEERS if name in record.seconds}
    return min(medians, key=medians.__getitem__) if medians else None


def against(record: Record, peer: str | None) -> Ratio | None:
    """How many times the time of everystep a peer takes."""
    if peer is None or peer not in record.seconds or OURS not in record.seconds:
        return None
    return ratio(record.seconds[peer], record.seconds[OURS])


def share(record: Record, side: str = OURS) -> float | None:
    """The part of the rate of the big product that a side reaches."""
    if side not in record.seconds or SGEMM not in record.seconds:
        return None
    of_product = [SGEMM_OPERATIONS / seconds for seconds in record.seconds[SGEMM]]
    reached = [record.operations / seconds for seconds in record.seconds[side]]
    return statistics.median(ours / full for ours, full in zip(reached, of_product, strict=True))


def mean(values: Iterable[float]) -> float | None:
    """The geometric mean; None of nothing."""
    logs = [math.log(value) for value in values]
    return math.exp(statistics.fmean(logs)) if logs else None


def lost(records: Iterable[Record], below: float = 1.0) -> list[Record]:
    """Where even the upper end of the interval lies below a ratio."""
    return [one for one in records if (found := against(one, fastest_peer(one))) is not None and found[2] < below]


def ratios(records: Sequence[Record], mode: str) -> str:
    """A cell a column, a point a row: fastest peer / everystep, losses starred; means below."""
    known = {one.key: against(one, fastest_peer(one)) for one in records if one.mode == mode}
    cells = [cell for cell in CELLS if any(key[1] == cell for key in known)]
    rows = []
    for point in points(mode):
        found = [known.get((mode, cell, point)) for cell in cells]
        if any(found):
            rows.append(
                [_point(point), *(_starred(one) for one in found), _number(mean(one[0] for one in found if one))]
            )
    below = [mean(one[0] for (_, cell, _), one in known.items() if cell == of and one) for of in cells]
    overall = mean(one[0] for one in known.values() if one)
    return table(["T, B, I, H", *cells, "mean"], [*rows, ["geometric mean", *map(_number, below), _number(overall)]])


def times(records: Sequence[Record], mode: str) -> str:
    """Everything that was timed, a line a comparison; milliseconds, of one step microseconds."""
    chosen = [one for one in records if one.mode == mode]
    sides = [name for name in NAMES if any(name in one.seconds for one in chosen)]
    sides = [OURS, *(name for name in sides if name != OURS)]
    head = ["cell", "T, B, I, H", *(NAMES[side] for side in sides), "of sgemm", "fastest / everystep"]
    return table(head, (_line(one, sides) for one in chosen))


def _line(record: Record, sides: Sequence[str]) -> list[str]:
    unit = 1e6 / record.point.steps if record.mode == "step" else 1e3
    shown = [
        _number(unit * statistics.median(record.seconds[side]) if side in record.seconds else None) for side in sides
    ]
    found, part = against(record, fastest_peer(record)), share(record)
    interval = "-" if found is None else f"{_starred(found)} ({found[1]:.2f} to {found[2]:.2f})"
    return [record.cell, _point(record.point), *shown, "-" if part is None else f"{part:.0%}", interval]


def listed(rows: Sequence[Mapping[str, float | str]]) -> str:
    """Lay out rows that name their own columns."""
    head = list(rows[0])
    return table(
        head, ([value if isinstance(value, str) else _number(value) for value in row.values()] for row in rows)
    )


def _point(point: tuple[int, ...]) -> str:
    return ", ".join(map(str, point))


def _starred(found: Ratio | None) -> str:
    return "-" if found is None else f"{found[0]:.2f}" + ("*" if found[2] < 1 else "")


def _number(value: float | None) -> str:
    """Three digits."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"
