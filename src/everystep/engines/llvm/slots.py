"""What fills the slots of a program for one kind of call, worked out once; where it lies waits for the number of steps.

Such a call has a stream x and a state, and gives y and the last state. What stands in memory is one of four things:
given (x, the state, parameters), y, a block of all else that is kept for the way back, or a block of a frame's own,
where the parts of the state go that no step keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ctypes import memmove
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler.plan import Place
from everystep.engines.llvm import frame
from everystep.engines.llvm.layout import Initial, Layout, Root
from everystep.engines.llvm.programs import ALIGNED, Program

PAIRED = {"entering", "leaving"}
Y, KEPT, OWN = range(3)  # what memory that a call makes lies in


class Names(NamedTuple):
    """Names for the tensors that a pass is given, in their order."""

    time: tuple[str, ...]
    state: tuple[str, ...]
    rows: tuple[str, ...]
    roots: tuple[str, ...]

    def places(self) -> dict[str, int]:
        """Where each stands: ``x:NAME``, ``state:NAME``, ``row:NAME``, ``root:NAME``."""
        every = [*self.time, *(f"state:{name}" for name in self.state), *(f"row:{name}" for name in self.rows)]
        return {name: n for n, name in enumerate([*every, *(f"root:{name}" for name in self.roots)])}


class Spot(NamedTuple):
    """A place in memory that a call makes: what it lies in, and how many bytes from there."""

    within: int
    at: int


class Block:
    """Values side by side, each at a multiple of a cache line."""

    def __init__(self) -> None:
        self.at: dict[str, int] = {}  # bytes
        self.size = 0

    def add(self, name: str, size: int) -> int:
        """Take bytes for a value, once; say where it begins."""
        if name not in self.at:
            self.at[name] = self.size
            self.size += -(-size // ALIGNED) * ALIGNED
        return self.at[name]


class Arranged(NamedTuple):
    """Where everything lies that a forward pass makes, for a number of steps of all rows.

    Attributes:
        made: Slots, and what stands there.
        spots: Where an output begins that is stored for every step.
        kept: Numbers in the block of all that is kept besides y.
    """

    made: list[tuple[int, Spot]]
    spots: dict[str, Spot]
    kept: int


class Part(NamedTuple):
    """A part of the state.

    Attributes:
        given: The tensor that it was before the first step.
        size: Its features.
        output: What holds it after every step, if anything does.
        own: Else where its two halves lie in the frame's own memory, which it takes in turn, in bytes.
    """

    given: int
    size: int
    output: str | None
    own: int


class ForwardSlots:
    """The slots of a forward program that puts out y for every step.

    Args:
        program: The program.
        names: Of the tensors that a call gives.
        parts: Of the state.
        rows: Of the batch.
    """

    def __init__(self, program: Program, names: Names, parts: Sequence[str], rows: int) -> None:
        layout, self.dtype, self._sequences = program.layout, program.dtype, program.plan.sequences
        at, self.own = names.places(), Block()
        self.given = given_roots(layout, at)
        self.given += [(layout.slots[Initial(place)], at[f"state:{place.name}"]) for place in layout.initial]
        self._held: list[tuple[int, str]] = []  # slots of what is stored for every step
        self._sizes: dict[str, int] = {}  # features of each
        self._pairs: list[tuple[int, Spot]] = []
        for place in layout.places:
            slot, holder = layout.slots[place], self._holder(place)
            if place.name in names.time:
                self.given.append((slot, at[place.name]))
            elif holder is not None:
                self._held.append((slot, holder))
                self._sizes.setdefault(holder, place.size)
            elif place.space in PAIRED:
                size = 2 * place.size * rows * self.dtype.itemsize
                self._pairs.append((slot, Spot(OWN, self.own.add(place.name, size))))
        outputs = program.plan.graph.outputs
        self.y = outputs["y"].size
        self.parts = [self._part(name, at[f"state:{name}"], outputs[f"state:{name}"].size) for name in parts]

    def _holder(self, place: Place) -> str | None:
        """The output that a place belongs to, if it is stored for every step."""
        if place.space in PAIRED:
            return self._sequences.get(place.name)
        return place.name if place.space == "time" else None

    def _part(self, name: str, given: int, size: int) -> Part:
        own = self.own.at.get(name)
        return Part(given, size, self._sequences[name], 0) if own is None else Part(given, size, None, own)

    def holder(self, name: str) -> str:
        """What a backward program reads: the output that holds ``state:PART``, ``kept:y`` or another ``kept:NAME``."""
        kind, _, rest = name.partition(":")
        return self._sequences[rest] if kind == "state" else "y" if rest == "y" else name

    def arranged(self, taken: int) -> Arranged:
        """Where everything lies for a number of steps of all rows."""
        kept = Block()
        for name, size in self._sizes.items():
            kept.add(name, 0 if name == "y" else taken * size * self.dtype.itemsize)
        spots = {name: Spot(Y, 0) if name == "y" else Spot(KEPT, at) for name, at in kept.at.items()}
        spots.setdefault("y", Spot(Y, 0))
        made = [*self._pairs, *((slot, spots[name]) for slot, name in self._held)]
        return Arranged(made, spots, kept.size // self.dtype.itemsize)


class Pair(NamedTuple):
    """The two halves that the gradient of a part of the state takes in turn."""

    last: int  # which gradient it begins with
    first: int  # the tensor whose gradient it becomes
    at: int
    half: int  # bytes
    wanted: bool


class BackwardSlots:
    """The slots of a backward program.

    Args:
        program: The program.
        forward: The slots of the forward pass that it follows.
        names: Of the tensors that the forward pass was given.
        wanted: Whether each of them needs its gradient.
        parts: Of the state.
        rows: Of the batch.
    """

    def __init__(
        self,
        program: Program,
        forward: ForwardSlots,
        names: Names,
        wanted: Sequence[bool],
        parts: Sequence[str],
        rows: int,
    ) -> None:
        layout, self.forward, self._at, self.own = program.layout, forward, names.places(), Block()
        self.given = given_roots(layout, self._at)
        self.given += [(layout.slots[Initial(place)], self._at[place.name]) for place in layout.initial]
        self.copies = [(layout.slots[slot], self._at[f"root:{slot.name}"]) for slot in layout.gradients]
        self._pairs: list[tuple[int, Spot]] = []
        self._held: list[tuple[int, str]] = []  # slots of what the forward pass stored
        self.of_y: list[int] = []  # slots of the gradient of y
        self.found: list[tuple[int, int]] = []  # slot, tensor whose gradient it is
        pairs: dict[str, Pair] = {}
        for place in layout.places:
            slot = layout.slots[place]
            if place.space in PAIRED:
                half = rows * place.size * program.dtype.itemsize
                at, n = self.own.add(place.name, 2 * half), self._at[f"state:{place.name}"]
                self._pairs.append((slot, Spot(OWN, at)))
                pairs[place.name] = Pair(1 + list(parts).index(place.name), n, at, half, wanted[n])
            elif place.space in {"time", "previous"}:
                self._place_in_time(slot, place)
        self.pairs = list(pairs.values())

    def _place_in_time(self, slot: int, place: Place) -> None:
        kind, _, rest = place.name.partition(":")
        if place.name == "gradient:y":
            self.of_y.append(slot)
        elif kind == "gradient":
            self.found.append((slot, self._at[rest]))
        elif kind in {"state", "kept"}:
            self._held.append((slot, self.forward.holder(place.name)))
        else:
            self.given.append((slot, self._at[place.name]))

    def made(self, arranged: Arranged) -> list[tuple[int, Spot]]:
        """Slots of what lies where the forward pass had it, and of the frame's own memory."""
        return [*self._pairs, *((slot, arranged.spots[name]) for slot, name in self._held)]


def given_roots(layout: Layout, at: dict[str, int]) -> list[tuple[int, int]]:
    """Slots of parameters, and which tensor stands there."""
    return [(layout.slots[slot], at[f"root:{slot.name}"]) for slot in layout.slots if isinstance(slot, Root)]


def fill(
    block: frame.Block,
    given: Iterable[tuple[int, int]],
    tensors: Sequence[Tensor],
    made: Iterable[tuple[int, Spot]],
    bases: Sequence[int],
) -> None:
    """Write the addresses of what is given, and of what a call makes."""
    for slot, n in given:
        block[slot] = tensors[n].data_ptr()
    for slot, (within, at) in made:
        block[slot] = bases[within] + at


def room_like(value: Tensor) -> Tensor:
    """Memory in which nothing stands yet, for as much as another tensor holds."""
    return torch.empty_like(value)


def copied(address: int, like: Tensor, size: int) -> Tensor:
    """The bytes at an address as a tensor, made like another one."""
    copy = room_like(like)
    memmove(copy.data_ptr(), address, size)
    return copy
