"""What one step connects to what, and by which parameters: found from the step itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from everystep.draw.autograd import Key, Way, key_of
from everystep.draw.sample import Sample, Sampler


@dataclass(frozen=True)
class Row:
    """What is drawn once at every step: the input, a hidden layer, the state or the output.

    Attributes:
        kind: ``"input"``, ``"hidden"``, ``"state"`` or ``"output"``.
        parts: The names it holds; several parts of a state share one node.
    """

    kind: str
    parts: tuple[str, ...]

    @property
    def label(self) -> str:
        """Name it without a time: ``s``, or ``h, c``."""
        return ", ".join(self.parts)

    def at(self, t: int) -> str:
        """Name it at a time: ``s(3)``, or ``h(3), c(3)``."""
        return ", ".join(f"{part}({t})" for part in self.parts)


@dataclass(frozen=True)
class Link:
    """One connection of a step.

    Attributes:
        source: Kind or tap it comes from, as an index into the rows.
        target: Index of the row it goes to.
        delayed: Whether it comes from the step before.
        parameters: The parameters that multiply along it, in the order of use; may be empty.
    """

    source: int
    target: int
    delayed: bool
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Dependence:
    """One step as a small graph: rows from the input up to the output, and the links between them."""

    rows: tuple[Row, ...]
    links: tuple[Link, ...]

    @property
    def state(self) -> int:
        """Give the index of the state's row."""
        return next(i for i, row in enumerate(self.rows) if row.kind == "state")


def dependence(sampler: Sampler, names: dict[str, tuple[str, ...]]) -> Dependence:
    """Find what a step connects.

    Args:
        sampler: Takes the step.
        names: What to call the parts of ``"input"`` and ``"state"``, and the ``"output"``.

    Returns:
        The rows and links. Where autograd sees nothing (``detach``, a comparison), the step is asked by
        changing what enters, and the link has no parameters.
    """
    sample = sampler.take(sampler.parts(), sampler.x())
    layers = _hidden_layers(sample)
    output_is_state = names["state"] == ("y",) and key_of(sample.y) == key_of(sample.after["y"]) is not None
    rows = [Row("input", names["input"])] if _size(sample.x) else []
    rows += [Row("hidden", (tap,)) for tap in layers]
    rows += [Row("state", names["state"])]
    if not output_is_state and sample.y.numel():
        rows += [Row("output", names["output"])]
    found = _Links(tuple(rows), sample).found()
    return Dependence(tuple(rows), tuple(_without_gates(found + _unseen(sampler, rows, found))))


class _Links:
    """Walks back from each row of a sample to the rows it was computed from."""

    def __init__(self, rows: tuple[Row, ...], sample: Sample) -> None:
        self._rows = rows
        self._sample = sample
        state = next(i for i, row in enumerate(rows) if row.kind == "state")
        self._before = _keyed(sample.before, (state, True))
        self._now: dict[Key, tuple[int, bool]] = {}
        for i, row in enumerate(rows):
            for key in _keys(self._values(row)):
                self._now.setdefault(key, (i, False))  # where y is the state itself, the value is the state
        # What only passes through a step is what entered, not what the step made.
        self._places = self._now | self._before
        if rows[0].kind == "input":
            self._places |= _keyed(sample.x, (0, False))

    def found(self) -> list[tuple[Link, set[str]]]:
        """Give every link with the parameters that multiply its source first."""
        links = []
        for target, row in enumerate(self._rows):
            if row.kind != "input":
                links += self._links_to(target, row)
        return links

    def _links_to(self, target: int, row: Row) -> list[tuple[Link, set[str]]]:
        ways: dict[tuple[int, bool], Way] = {}
        for value in self._values(row):
            for key, way in self._sample.graph.ways(value, self._stops(target)).items():
                if key in self._places:
                    ways.setdefault(self._places[key], Way()).add(way)
        ordered = sorted(ways.items())
        return [(Link(source, target, delayed, _label(way)), way.first) for (source, delayed), way in ordered]

    def _stops(self, target: int) -> set[Key]:
        return {key for key, (source, delayed) in self._places.items() if delayed or source < target}

    def _values(self, row: Row) -> list[Tensor]:
        if row.kind == "input":
            return list(self._sample.x.values())
        if row.kind == "hidden":
            return [self._sample.taps[row.parts[0]]]
        return list(self._sample.after.values()) if row.kind == "state" else [self._sample.y]


def _hidden_layers(sample: Sample) -> list[str]:
    """Name the taps that are layers of their own: all that enters the state passes them, and a parameter follows."""
    entering = set(_keyed(sample.x, None)) | set(_keyed(sample.before, None))
    layers = []
    for name, value in sample.taps.items():
        key = key_of(value)
        if key is None or key in entering:
            continue
        ways = [sample.graph.ways(part, entering | {key}) for part in sample.after.values()]
        around = any(stop in entering for way in ways for stop in way)
        if not around and any(way[key].matrices for way in ways if key in way):
            layers.append(name)
    return layers


def _without_gates(found: list[tuple[Link, set[str]]]) -> list[Link]:
    """Leave out of a link the parameters that belong to another one into the same row.

    In a gated cell x also reaches the state through products of another value with its own parameter
    (x -> gate -> gate * h -> W): that parameter is told once, where it multiplies first.
    """
    links = []
    for link, first in found:
        others = set().union(*(own for other, own in found if other.target == link.target and other is not link))
        kept = tuple(name for name in link.parameters if name in first or name not in others)
        links.append(Link(link.source, link.target, link.delayed, kept))
    return links


def _unseen(sampler: Sampler, rows: list[Row], found: list[tuple[Link, set[str]]]) -> list[tuple[Link, set[str]]]:
    """Find the links that autograd does not see, by changing what enters and looking at what leaves."""
    links = {(link.source, link.delayed, link.target) for link, _ in found}
    kinds = [row.kind for row in rows]
    state = kinds.index("state")
    entry = 1 if kinds[0] == "input" else 0  # the first row that the step makes
    missing: list[tuple[Link, set[str]]] = []
    for source, delayed, moved in _moved(sampler, kinds):
        into_state = any((source, delayed, target) in links for target in range(entry, state + 1))
        if moved["state"] and not into_state:
            missing.append((Link(source, entry, delayed, ()), set()))
        if "output" not in kinds or not moved["output"] or (source, delayed, len(rows) - 1) in links:
            continue
        if (state, False, len(rows) - 1) not in links | {_ends(link) for link, _ in missing}:
            missing.append((Link(state, len(rows) - 1, False, ()), set()))
    return missing


def _ends(link: Link) -> tuple[int, bool, int]:
    return link.source, link.delayed, link.target


def _moved(sampler: Sampler, kinds: list[str]) -> list[tuple[int, bool, dict[str, bool]]]:
    """Change the input alone and the state alone, and say whether the state and the output move."""
    parts, x = sampler.parts(), sampler.x()
    changes = [(kinds.index("state"), True, sampler.parts(), x)]
    if kinds[0] == "input":
        changes.insert(0, (0, False, parts, sampler.x()))
    base = sampler.take(parts, x)
    moved = []
    for source, delayed, other_parts, other_x in changes:
        other = sampler.take(other_parts, other_x)
        state = any(_differ(base.after[name], other.after[name]) for name in base.after)
        moved.append((source, delayed, {"state": state, "output": _differ(base.y, other.y)}))
    return moved


def _differ(one: Tensor, other: Tensor) -> bool:
    return one.shape != other.shape or not torch.equal(torch.nan_to_num(one.detach()), torch.nan_to_num(other.detach()))


def _label(way: Way) -> tuple[str, ...]:
    """Order parameters as they are used; factors count only where there is no matrix."""
    placed = way.matrices or way.factors
    return tuple(sorted(placed, key=lambda name: (-placed[name], name)))


def _size(tensors: dict[str, Tensor]) -> int:
    return sum(value.numel() for value in tensors.values())


def _keyed(tensors: dict[str, Tensor], place: Any) -> dict[Key, Any]:
    return dict.fromkeys(_keys(list(tensors.values())), place)


def _keys(values: list[Tensor]) -> list[Key]:
    return [key for key in map(key_of, values) if key is not None]
