"""What fills the slots of a program for one kind of call, worked out once: what is left for a call are addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from everystep.compiler.plan import Place
from everystep.engines.llvm.arenas import kept
from everystep.engines.llvm.frames import Address, Frames
from everystep.engines.llvm.layout import Initial, Root
from everystep.engines.llvm.memory import room, zeros_in_place_of
from everystep.engines.llvm.programs import Program, Span

PAIRED = {"entering", "leaving"}


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


class Made(NamedTuple):
    """Memory that a call makes: for a value of some features, at some slots."""

    size: int
    slots: list[int]

    def at(self, memory: Tensor) -> list[Address]:
        """Put it at its slots."""
        address = memory.data_ptr()
        return [(slot, address) for slot in self.slots]


class ForwardRecipe:
    """A forward pass over spans without gaps.

    Args:
        program: A forward program.
        names: Of the tensors that :meth:`run` gets.
        outputs: What is wanted for every step, by name.
        parts: Of the state.
    """

    def __init__(self, program: Program, names: Names, outputs: Sequence[str], parts: Sequence[str]) -> None:
        layout, self.sequences = program.layout, program.plan.sequences
        self.frames, self.dtype = Frames(program), program.dtype
        at = names.places()
        self.given = [(layout.slots[slot], at[f"root:{slot.name}"]) for slot in layout.slots if isinstance(slot, Root)]
        self.given += [(layout.slots[Initial(place)], at[f"state:{place.name}"]) for place in layout.initial]
        stores: dict[str, Made] = {}
        pairs: dict[str, Made] = {}
        for place in layout.places:
            slot, holder = layout.slots[place], self._holder(place)
            if place.space == "row":
                self.given.append((slot, at[f"row:{place.name}"]))
            elif place.name in names.time:
                self.given.append((slot, at[place.name]))
            elif holder is not None:
                stores.setdefault(holder, Made(place.size, [])).slots.append(slot)
            elif place.space in PAIRED:
                pairs.setdefault(place.name, Made(place.size, [])).slots.append(slot)
        self.stored, self.stores, self.pairs = tuple(stores), list(stores.values()), list(pairs.values())
        self.outputs = [self.stored.index(name) for name in outputs]
        self.kept = [made.size for n, made in enumerate(self.stores) if n not in self.outputs]
        self.last = [(part in pairs, self._index(part, list(pairs))) for part in parts]

    def _holder(self, place: Place) -> str | None:
        """The output that a place belongs to, if it is stored for every step."""
        if place.space in PAIRED:
            return self.sequences.get(place.name)
        return place.name if place.space == "time" else None

    def _index(self, part: str, pairs: list[str]) -> int:
        return pairs.index(part) if part in pairs else self.stored.index(self.sequences[part])

    def run(self, span: Span, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Go through time.

        Returns:
            What is stored for every step, in the order of ``stored``, and the last state.
        """
        addresses = [(slot, tensors[n].data_ptr()) for slot, n in self.given]
        stored = self._stored(span)
        for made, memory in zip(self.stores, stored, strict=True):
            addresses += made.at(memory)
        pairs = [room(2, span.rows, made.size, dtype=self.dtype) for made in self.pairs]
        for made, memory in zip(self.pairs, pairs, strict=True):
            addresses += made.at(memory)
        self.frames.run(span, addresses)
        return stored, [pairs[n][span.steps & 1] if paired else self._end(span, stored[n]) for paired, n in self.last]

    def _stored(self, span: Span) -> list[Tensor]:
        """Memory for every step: (time, batch, size) for an output, (time * batch, size) for what is kept."""
        own = iter(kept(span.steps * span.rows, self.kept, self.dtype))
        return [
            room(span.steps, span.rows, made.size, dtype=self.dtype) if n in self.outputs else next(own)
            for n, made in enumerate(self.stores)
        ]

    def _end(self, span: Span, values: Tensor) -> Tensor:
        """A copy of the values after the last step."""
        if values.ndim == 3:
            return values[0 if span.reverse else -1].clone()
        return (values[: span.rows] if span.reverse else values[-span.rows :]).clone()


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
        layout, self.forward, self.at = program.layout, forward, names.places()
        self.frames, self.dtype, self.named = Frames(program), program.dtype, list(outputs)
        self.given = [
            (layout.slots[slot], self.at[f"root:{slot.name}"]) for slot in layout.slots if isinstance(slot, Root)
        ]
        self.given += [(layout.slots[Initial(place)], self.at[place.name]) for place in layout.initial]
        self.copies = [(layout.slots[slot], self.at[f"root:{slot.name}"]) for slot in layout.gradients]
        self.kept: list[tuple[int, int]] = []  # slot, stored by the forward pass
        self.gradients: list[tuple[int, int, int]] = []  # slot, output, its size
        self.found: list[tuple[int, int, int]] = []  # slot, tensor whose gradient it is, its size
        self.totals: list[tuple[int, int, int]] = []
        pairs: dict[str, Made] = {}
        for place in layout.places:
            slot = layout.slots[place]
            if place.space in PAIRED:
                pairs.setdefault(place.name, Made(place.size, [])).slots.append(slot)
            elif place.space == "row":
                self.given.append((slot, self.at[f"row:{place.name}"]))
            elif place.space == "total":
                self.totals.append((slot, self.at[f"row:{place.name}"], place.size))
            elif place.space in {"time", "previous"}:
                self._place_in_time(slot, place)
        self.pairs = [(made, list(parts).index(part), self.at[f"state:{part}"]) for part, made in pairs.items()]

    def _place_in_time(self, slot: int, place: Place) -> None:
        kind, _, rest = place.name.partition(":")
        if kind == "gradient" and rest in self.named:
            self.gradients.append((slot, self.named.index(rest), place.size))
        elif kind == "gradient":
            self.found.append((slot, self.at[rest], place.size))
        elif kind == "state":
            self.kept.append((slot, self.forward.stored.index(self.forward.sequences[rest])))
        elif kind == "kept":
            self.kept.append((slot, self.forward.stored.index("y" if rest == "y" else place.name)))
        else:
            self.given.append((slot, self.at[place.name]))

    def run(
        self,
        span: Span,
        tensors: Sequence[Tensor],
        stored: Sequence[Tensor],
        gradients: Sequence[Tensor | None],
        last: Sequence[Tensor | None],
    ) -> list[Tensor | None]:
        """Go back through time.

        Args:
            span: The steps.
            tensors: What the forward pass was given.
            stored: What it stored.
            gradients: Of its outputs; None for zeros.
            last: Gradients of the last state; None for zeros.

        Returns:
            The gradient of each given tensor, None for those that have none.
        """
        taken = span.steps * span.rows
        found: list[Tensor | None] = [None] * len(tensors)
        addresses = [(slot, tensors[n].data_ptr()) for slot, n in self.given]
        held = [stored[n].contiguous() for _, n in self.kept]  # a hook on saved tensors may have changed their layout
        addresses += [(slot, memory.data_ptr()) for (slot, _), memory in zip(self.kept, held, strict=True)]
        dense = [self._dense(gradients[n], taken, size) for _, n, size in self.gradients]
        addresses += [(slot, memory.data_ptr()) for (slot, _, _), memory in zip(self.gradients, dense, strict=True)]
        for slot, n, size in self.found:
            found[n] = memory = room(taken, size, dtype=self.dtype)
            addresses.append((slot, memory.data_ptr()))
        for slot, n, size in self.totals:
            found[n] = memory = self._zeros(span.rows, size)
            addresses.append((slot, memory.data_ptr()))
        for made, part, n in self.pairs:
            memory = self._pair(span, made, last[part])
            found[n] = memory[0]
            addresses += made.at(memory)
        copies = [(slot, n, zeros_in_place_of(tensors[n])) for slot, n in self.copies]
        addresses += [(slot, memory.data_ptr()) for slot, _, memory in copies]
        self.frames.run(span, addresses)
        for _, n, copy in copies:
            first = found[n]
            found[n] = copy if first is None else first + copy
        return found

    def _dense(self, gradient: Tensor | None, taken: int, size: int) -> Tensor:
        return self._zeros(taken, size) if gradient is None else gradient.contiguous()

    def _pair(self, span: Span, made: Made, gradient: Tensor | None) -> Tensor:
        """The two halves that the gradient of a part of the state takes in turn, begun with that of the last state."""
        pair = self._zeros(2, span.rows, made.size)
        if gradient is not None:
            pair[span.steps & 1] = gradient
        return pair

    def _zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype, device="cpu")
