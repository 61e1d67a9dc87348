"""How a program's argument block is filled, worked out once: what is left for a call are addresses.

A *frame* is a block with its scratch memory. Frames of spans without gaps are used again; two threads never have the
same one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.layout import Gradient, Initial, Root
from everystep.engines.llvm.memory import zeros_in_place_of
from everystep.engines.llvm.programs import Block, Frame, Program, Span

MOST_KINDS = 4  # spans whose frames are remembered
MOST_BYTES = 4 << 20  # of a frame that is remembered


class Names(NamedTuple):
    """Names for the tensors that a pass is given, in their order."""

    time: tuple[str, ...]
    state: tuple[str, ...]
    rows: tuple[str, ...]
    roots: tuple[str, ...]


class Frames:
    """Frames of one program that are not in use, of this process and for its number of threads."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._free: dict[tuple[int, ...], list[Frame]] = {}

    def take(self, span: Span) -> Frame:
        """Give a frame for a span to one call alone."""
        free = self._free.get(_kind(span)) if span.starts is None else None
        if free:
            try:
                return free.pop()
            except IndexError:  # another thread was faster
                pass
        return self.program.frame(span)

    def give_back(self, span: Span, frame: Frame) -> None:
        """Let a later call have a frame."""
        if span.starts is not None or frame.size > MOST_BYTES:
            return
        kind = _kind(span)
        if kind not in self._free and len(self._free) >= MOST_KINDS:
            self._free.clear()
        self._free.setdefault(kind, []).append(frame)


def _kind(span: Span) -> tuple[int, ...]:
    return span.steps, span.rows, span.reverse, torch.get_num_threads(), os.getpid()


class ForwardRecipe:
    """A forward pass: which slots the given tensors fill, and what is allocated for the others.

    Args:
        program: A forward program.
        names: Of the tensors that :meth:`run` gets.
        outputs: What is wanted for every step, by name.
        parts: Of the state.
    """

    def __init__(self, program: Program, names: Names, outputs: Sequence[str], parts: Sequence[str]) -> None:
        layout, sequences = program.layout, program.plan.sequences
        self.frames = Frames(program)
        self.dtype = program.dtype
        given = {name: n for n, name in enumerate(names.time)}
        state = {name: n + len(names.time) for n, name in enumerate(names.state)}
        rows = {name: n + len(names.time) + len(names.state) for n, name in enumerate(names.rows)}
        roots = {name: n + len(names.time) + len(names.state) + len(names.rows) for n, name in enumerate(names.roots)}
        self.given: list[tuple[int, int]] = []  # slot, tensor
        stores: dict[str, tuple[int, list[int]]] = {}
        pairs: dict[str, tuple[int, list[int]]] = {}
        for slot, n in layout.slots.items():
            if isinstance(slot, Root):
                self.given.append((n, roots[slot.name]))
            elif isinstance(slot, Initial):
                self.given.append((n, state[slot.place.name]))
        for place in layout.places:
            n = layout.slots[place]
            holder = sequences.get(place.name) if place.space in {"entering", "leaving"} else None
            if place.space in {"entering", "leaving"} and holder is None:
                pairs.setdefault(place.name, (place.size, []))[1].append(n)
            elif place.space == "row":
                self.given.append((n, rows[place.name]))
            elif place.space == "time" and place.name in given:
                self.given.append((n, given[place.name]))
            elif place.space == "time" or holder is not None:
                stores.setdefault(holder or place.name, (place.size, []))[1].append(n)
        self.stores = list(stores.values())
        self.stored = tuple(stores)
        self.pairs = list(pairs.values())
        order = list(stores)
        self.outputs = [order.index(name) for name in outputs]
        self.handed_on = frozenset(self.outputs)
        self.kept = [size for n, (size, _) in enumerate(self.stores) if n not in self.handed_on]
        self._last = [
            (None, list(pairs).index(part)) if part in pairs else (order.index(sequences[part]), 0) for part in parts
        ]

    def run(self, span: Span, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Go through time; what is stored for every step, in the order of :attr:`stored`, and the last state.

        The span has no gaps.
        """
        frame = self.frames.take(span)
        block, taken, dtype, empty = frame.block, span.steps * span.rows, self.dtype, torch.empty
        for slot, n in self.given:
            block[slot] = tensors[n].data_ptr()
        own = iter(kept(taken, self.kept, dtype))
        stored = []
        for n, (size, slots) in enumerate(self.stores):
            memory = empty((taken, size), dtype=dtype) if n in self.handed_on else next(own)
            stored.append(memory)
            address = memory.data_ptr()
            for slot in slots:
                block[slot] = address
        pairs = []
        for size, slots in self.pairs:
            memory = empty((2, span.rows, size), dtype=dtype)
            pairs.append(memory)
            address = memory.data_ptr()
            for slot in slots:
                block[slot] = address
        frame.run()
        self.frames.give_back(span, frame)
        first = 0 if span.reverse else taken - span.rows
        last = [
            pairs[n][span.steps & 1] if holder is None else stored[holder][first : first + span.rows].clone()
            for holder, n in self._last
        ]
        return stored, last


class BackwardRecipe:
    """A pass back: from the gradients of outputs and of the last state to those of everything given.

    Args:
        program: A backward program.
        forward: The recipe of the forward pass that it follows.
        names: Of the tensors that the forward pass was given.
        outputs: Whose gradients :meth:`run` gets, by name.
        parts: Of the state.
    """

    def __init__(
        self, program: Program, forward: ForwardRecipe, names: Names, outputs: Sequence[str], parts: Sequence[str]
    ) -> None:
        layout, sequences = program.layout, forward.frames.program.plan.sequences
        self.frames = Frames(program)
        self.dtype = program.dtype
        every = [*names.time, *(f"state:{n}" for n in names.state), *(f"row:{n}" for n in names.rows)]
        every += [f"root:{n}" for n in names.roots]
        at = {name: n for n, name in enumerate(every)}
        self.given: list[tuple[int, int]] = []
        self.kept: list[tuple[int, int]] = []  # slot, stored by the forward pass
        self.gradients: list[tuple[int, int, int]] = []  # slot, output, size
        self.found: list[tuple[int, int, int]] = []  # slot, size, tensor whose gradient it is
        self.totals: list[tuple[int, int, int]] = []
        self.copies: list[tuple[int, int]] = []  # slot, parameter
        pairs: dict[str, tuple[int, list[int]]] = {}
        for slot, n in layout.slots.items():
            if isinstance(slot, Root):
                self.given.append((n, at[f"root:{slot.name}"]))
            elif isinstance(slot, Initial):
                self.given.append((n, at[slot.place.name]))
            elif isinstance(slot, Gradient):
                self.copies.append((n, at[f"root:{slot.name}"]))
        for place in layout.places:
            n, name = layout.slots[place], place.name
            if place.space in {"entering", "leaving"}:
                pairs.setdefault(name, (place.size, []))[1].append(n)
            elif place.space == "row":
                self.given.append((n, at[f"row:{name}"]))
            elif place.space == "total":
                self.totals.append((n, place.size, at[f"row:{name}"]))
            elif place.space in {"time", "previous"}:
                self._time(name, n, place.size, at, outputs, forward, sequences)
        self.pairs = [(size, slots, list(parts).index(part)) for part, (size, slots) in pairs.items()]
        self.states = [at[f"state:{part}"] for part in pairs]

    def _time(self, name, n, size, at, outputs, forward, sequences) -> None:  # noqa: ANN001, PLR0917
        kind, _, rest = name.partition(":")
        if kind == "gradient" and rest in outputs:
            self.gradients.append((n, list(outputs).index(rest), size))
        elif kind == "gradient":
            self.found.append((n, size, at[rest]))
        elif kind == "state":
            self.kept.append((n, forward.stored.index(sequences[rest])))
        elif kind == "kept":
            self.kept.append((n, forward.stored.index("y" if rest == "y" else name)))
        else:
            self.given.append((n, at[name]))

    def run(
        self,
        span: Span,
        tensors: Sequence[Tensor],
        stored: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        last: Sequence[Tensor | None],
    ) -> list[Tensor | None]:
        """Go back through time; the gradient of each given tensor, None for those that have none."""
        frame = self.frames.take(span)
        block, taken, dtype, empty = frame.block, span.steps * span.rows, self.dtype, torch.empty
        found: list[Tensor | None] = [None] * len(tensors)
        held = []
        for slot, n in self.given:
            block[slot] = tensors[n].data_ptr()
        for slot, n in self.kept:
            held.append(stored[n].contiguous())  # a hook on saved tensors may have given it another layout
            block[slot] = held[-1].data_ptr()
        for slot, n, size in self.gradients:
            g = gradients[n]
            held.append(torch.zeros((taken, size), dtype=dtype) if g is None else g.contiguous())
            block[slot] = held[-1].data_ptr()
        for slot, size, n in self.found:
            found[n] = memory = empty((taken, size), dtype=dtype)
            block[slot] = memory.data_ptr()
        for slot, size, n in self.totals:
            found[n] = memory = torch.zeros((span.rows, size), dtype=dtype)
            block[slot] = memory.data_ptr()
        more = self._copies(block, tensors, found)
        for (size, slots, part), n in zip(self.pairs, self.states, strict=True):
            memory = torch.zeros((2, span.rows, size), dtype=dtype)
            gradient = last[part]
            if gradient is not None:
                memory[span.steps & 1] = gradient
            found[n] = memory[0]
            address = memory.data_ptr()
            for slot in slots:
                block[slot] = address
        frame.run()
        self.frames.give_back(span, frame)
        for n, copy in more:
            first = found[n]
            found[n] = copy if first is None else first + copy
        return found

    def _copies(self, block: Block, tensors: Sequence[Tensor], found: list[Tensor | None]) -> list[tuple[int, Tensor]]:
        """Begin the gradients of parameters; those that are added to others afterwards."""
        more = []
        for slot, n in self.copies:
            memory = zeros_in_place_of(tensors[n])
            block[slot] = memory.data_ptr()
            if found[n] is None:
                found[n] = memory
            else:
                more.append((n, memory))
        return more
