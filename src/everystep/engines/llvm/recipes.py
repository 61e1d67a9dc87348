"""What fills the slots of a program for one kind of call, worked out once: what is left for a call are addresses.

Such a call has a stream x and a state, gives y and the last state, and its steps have no gaps. What stands in memory is
one of four things: given (x, the state, parameters), y, a block of all else that is kept for the way back, or a block
of a frame's own, where the parts of the state go that no step keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import memmove, memset
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler.plan import Place
from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.frames import Frames
from everystep.engines.llvm.layout import Initial, Layout, Root
from everystep.engines.llvm.memory import Layout as Laid
from everystep.engines.llvm.memory import layout_of, room, zeros_in_place_of
from everystep.engines.llvm.programs import ALIGNED, Program, Span

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


def room_like(value: Tensor) -> Tensor:
    """Memory in which nothing stands yet, for as much as another tensor holds."""
    return torch.empty_like(value)


def copied(address: int, like: Tensor, size: int) -> Tensor:
    """The bytes at an address as a tensor, made like another one."""
    copy = room_like(like)
    memmove(copy.data_ptr(), address, size)
    return copy


def _given(layout: Layout, at: dict[str, int]) -> list[tuple[int, int]]:
    """Slots of parameters, and which tensor stands there."""
    return [(layout.slots[slot], at[f"root:{slot.name}"]) for slot in layout.slots if isinstance(slot, Root)]


class _Last(NamedTuple):
    """Where a part of the state is found after the last step."""

    given: int  # the tensor that it was before the first
    spot: Spot
    size: int  # bytes


class ForwardRecipe:
    """A forward pass.

    Args:
        program: A forward program that puts out y for every step.
        names: Of the tensors that :meth:`run` gets.
        parts: Of the state.
        span: The steps.
    """

    def __init__(self, program: Program, names: Names, parts: Sequence[str], span: Span) -> None:
        self.layout, self.sequences, self.span = program.layout, program.plan.sequences, span
        self.dtype, self._line = program.dtype, span.rows * program.dtype.itemsize  # bytes of a feature at one step
        at, self._kept, own = names.places(), Block(), Block()
        self.given = _given(self.layout, at)
        self.given += [(self.layout.slots[Initial(place)], at[f"state:{place.name}"]) for place in self.layout.initial]
        self.made: list[tuple[int, Spot]] = []
        for place in self.layout.places:
            slot, holder = self.layout.slots[place], self._holder(place)
            if place.name in names.time:
                self.given.append((slot, at[place.name]))
            elif holder is not None:
                self._kept.add(holder, 0 if holder == "y" else span.steps * place.size * self._line)
                self.made.append((slot, self.spot(holder)))
            elif place.space in PAIRED:
                self.made.append((slot, Spot(OWN, own.add(place.name, 2 * place.size * self._line))))
        self.shape = (span.steps, span.rows, program.plan.graph.outputs["y"].size)
        sizes = {part: program.plan.graph.outputs[f"state:{part}"].size for part in parts}
        self.last = [_Last(at[f"state:{part}"], self._end(part, n, own), n * self._line) for part, n in sizes.items()]
        self.frames, self.kept_size = Frames(program, span, own.size), self._kept.size // self.dtype.itemsize

    def _holder(self, place: Place) -> str | None:
        """The output that a place belongs to, if it is stored for every step."""
        if place.space in PAIRED:
            return self.sequences.get(place.name)
        return place.name if place.space == "time" else None

    def spot(self, output: str) -> Spot:
        """Where an output begins that is stored for every step."""
        return Spot(Y, 0) if output == "y" else Spot(KEPT, self._kept.at[output])

    def _end(self, part: str, size: int, own: Block) -> Spot:
        """Where a part lies after the last step."""
        if part in own.at:
            return Spot(OWN, own.at[part] + (self.span.steps & 1) * size * self._line)
        within, begin = self.spot(self.sequences[part])
        return Spot(within, begin + (0 if self.span.reverse else self.span.steps - 1) * size * self._line)

    def run(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Go through time.

        Returns:
            What the way back needs: y, and the block of all else that is kept, if there is any; and the last state.
        """
        ready = self.frames.take()
        block = ready.frame.block
        for slot, n in self.given:
            block[slot] = tensors[n].data_ptr()
        stored = [room(*self.shape, dtype=self.dtype)]
        if self.kept_size:
            stored += kept(1, [self.kept_size], self.dtype)
        bases = (stored[Y].data_ptr(), stored[-1].data_ptr(), ready.own)
        for slot, (within, at) in self.made:
            block[slot] = bases[within] + at
        ready.frame.run()
        last = [copied(bases[within] + at, tensors[n], size) for n, (within, at), size in self.last]
        self.frames.give(ready)
        return stored, last

    def layouts(self, tensors: Sequence[Tensor]) -> list[Laid]:
        """How what was given, and what is stored, lies in memory."""
        stored = [torch.empty(self.shape, dtype=self.dtype, device="meta")]
        if self.kept_size:
            stored.append(torch.empty(1, self.kept_size, dtype=self.dtype, device="meta"))
        return [layout_of(value) for value in (*tensors, *stored)]


class _Pair(NamedTuple):
    """The two halves that the gradient of a part of the state takes in turn."""

    last: int  # which gradient it begins with
    first: int  # the tensor whose gradient it becomes
    at: int
    half: int  # bytes
    wanted: bool


class BackwardRecipe:
    """A pass back: from the gradients of y and of the last state to those of everything given.

    Args:
        program: A backward program.
        forward: The recipe of the forward pass that it follows.
        names: Of the tensors that the forward pass was given.
        wanted: Whether each of them needs its gradient.
        parts: Of the state.
    """

    def __init__(
        self, program: Program, forward: ForwardRecipe, names: Names, wanted: Sequence[bool], parts: Sequence[str]
    ) -> None:
        layout, self.forward, self.at, own = program.layout, forward, names.places(), Block()
        self.dtype, self._odd = program.dtype, forward.span.steps & 1
        self.given = _given(layout, self.at)
        self.given += [(layout.slots[Initial(place)], self.at[place.name]) for place in layout.initial]
        self.copies = [(layout.slots[slot], self.at[f"root:{slot.name}"]) for slot in layout.gradients]
        self.made: list[tuple[int, Spot]] = []
        self.of_y: list[int] = []  # slots of the gradient of y
        self.found: list[tuple[int, int]] = []  # slot, tensor whose gradient it is
        pairs: dict[str, _Pair] = {}
        for place in layout.places:
            slot = layout.slots[place]
            if place.space in PAIRED:
                half = forward.span.rows * place.size * self.dtype.itemsize
                at, n = own.add(place.name, 2 * half), self.at[f"state:{place.name}"]
                self.made.append((slot, Spot(OWN, at)))
                pairs[place.name] = _Pair(1 + list(parts).index(place.name), n, at, half, wanted[n])
            elif place.space in {"time", "previous"}:
                self._place_in_time(slot, place)
        self.pairs, self.frames = list(pairs.values()), Frames(program, forward.span, own.size)

    def _place_in_time(self, slot: int, place: Place) -> None:
        kind, _, rest = place.name.partition(":")
        if place.name == "gradient:y":
            self.of_y.append(slot)
        elif kind == "gradient":
            self.found.append((slot, self.at[rest]))
        elif kind in {"state", "kept"}:
            output = self.forward.sequences[rest] if kind == "state" else "y" if rest == "y" else place.name
            self.made.append((slot, self.forward.spot(output)))
        else:
            self.given.append((slot, self.at[place.name]))

    def run(
        self, tensors: Sequence[Tensor], stored: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> list[Tensor | None]:
        """Go back through time.

        Args:
            tensors: What the forward pass was given.
            stored: What it stored.
            gradients: Of y and of the last state; None for zeros.

        Returns:
            The gradient of each given tensor, None for those that have none.
        """
        ready = self.frames.take()
        block, found = ready.frame.block, self._room(tensors)
        copies = [(slot, n, zeros_in_place_of(tensors[n])) for slot, n in self.copies]
        of_y = self._of_y(gradients[0])
        bases = (stored[Y].data_ptr(), stored[-1].data_ptr(), ready.own)
        for slot, n in self.given:
            block[slot] = tensors[n].data_ptr()
        for slot, (within, at) in self.made:
            block[slot] = bases[within] + at
        for slot in self.of_y:
            block[slot] = of_y.data_ptr()
        for slot, n in self.found:
            block[slot] = found[n].data_ptr()  # type: ignore[union-attr]
        for slot, _, copy in copies:
            block[slot] = copy.data_ptr()
        for pair in self.pairs:
            _begin(ready.own + pair.at + self._odd * pair.half, gradients[pair.last], pair.half)
        ready.frame.run()
        for _, n, copy in copies:
            first = found[n]
            found[n] = copy if first is None else first + copy
        for pair in self.pairs:
            if pair.wanted:
                found[pair.first] = copied(ready.own + pair.at, tensors[pair.first], pair.half)
        self.frames.give(ready)
        return found

    def _room(self, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        found: list[Tensor | None] = [None] * len(tensors)
        for _, n in self.found:
            found[n] = room_like(tensors[n])
        return found

    def _of_y(self, gradient: Tensor | None) -> Tensor:
        return room(*self.forward.shape, dtype=self.dtype).zero_() if gradient is None else gradient.contiguous()


def _begin(address: int, gradient: Tensor | None, size: int) -> None:
    """Write what the gradient of a part of the state begins with."""
    if gradient is None:
        memset(address, 0, size)
    else:
        dense = gradient.contiguous()  # held until it has been read
        memmove(address, dense.data_ptr(), size)
