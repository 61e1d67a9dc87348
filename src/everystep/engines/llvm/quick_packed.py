"""The short way for sequences of unlike lengths: packed by the caller, or by us and spread again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.compiler.guards import Guard
from everystep.engines.llvm.autograd import Call, Whole, flat, flat_differentiably, must_differentiate
from everystep.engines.llvm.kinds import Kind, kind_of, recall, unwatched, wanted_of
from everystep.engines.llvm.memory import laid_out_as, layout_of, room
from everystep.engines.llvm.packed import Packed, Sequences, pack, pack_lengths, sequences_of, turned
from everystep.engines.llvm.packed_recipes import PackedBackward, PackedForward
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.plainness import is_plain
from everystep.engines.llvm.slots import Names, Y

Found = tuple[Tensor, Any] | None
_WHOLE = {torch.int64, torch.int32}


def quickly_by_lengths(cell: Any, x: Tensor, state: Any, reverse: bool, lengths: Any) -> Found:
    """Run a cell over sequences of these lengths if it has run over as many sequences of some lengths before.

    Returns:
        y and the state after the last step of each; None if this call must go the long way.
    """
    found = _recalled(cell, x, state) if x.dim() == 3 else None
    if found is None:
        return None
    numbers = _numbers(lengths)
    steps, rows = x.shape[:2]
    if numbers is None or len(numbers) != rows or not 0 <= min(numbers) <= max(numbers) <= steps:
        return None
    if max(numbers) == 0 or min(numbers) == steps:  # nothing to do, or no gaps
        return None
    return found[0].gathered(x, state, found[1], pack_lengths(numbers, steps, reverse))


def quickly_by_mask(cell: Any, x: Tensor, state: Any, reverse: bool, mask: Any) -> Found:
    """Run a cell over the steps that a mask names; as :func:`quickly_by_lengths`."""
    found = _recalled(cell, x, state) if x.dim() == 3 else None
    if found is None or type(mask) is not Tensor or mask.dtype is not torch.bool or mask.shape != x.shape[:2]:
        return None
    if not is_plain((mask,)):
        return None
    used = mask.numpy()
    if used.all() or not used.any():
        return None
    return found[0].gathered(x, state, found[1], pack(mask, reverse=reverse))


def is_whole(x: Tensor, lengths: Any, mask: Any) -> bool:
    """Whether lengths or a mask, of which one is given, name every step, so that there are no gaps."""
    if x.dim() != 3 or 0 in x.shape[:2] or (lengths is None) == (mask is None):
        return False
    if mask is None:
        return _numbers(lengths) == (x.shape[0],) * x.shape[1]
    fits = type(mask) is Tensor and mask.dtype is torch.bool and mask.shape == x.shape[:2]
    return fits and is_plain((mask,)) and bool(mask.all())


def quickly_packed(cell: Any, data: Tensor, batch_sizes: Tensor, state: Any, reverse: bool) -> Found:
    """Run a cell over packed data, longest sequence first; as :func:`quickly_by_lengths`, but y is packed too."""
    if type(data) is not Tensor or data.dim() != 2 or not is_plain((batch_sizes,)):
        return None
    sizes = batch_sizes.numpy()
    found = recall(cell, kind_of((int(sizes[0]), data.shape[1]), data, state))
    if found is None or sizes.dtype != np.int64 or sizes.sum() != len(data):
        return None
    ready, guard = found
    if reverse:
        return ready.gathered(data, state, guard, turned(sizes.tobytes()))
    return ready.packed(data, state, guard, sequences_of(sizes.tobytes()))


def _recalled(cell: Any, x: Tensor, state: Any) -> tuple[ReadyPacked, Guard] | None:
    return recall(cell, kind_of(tuple(x.shape[1:]), x, state))


def _numbers(lengths: Any) -> tuple[int, ...] | None:
    """Lengths as numbers, where they are what they should be."""
    if type(lengths) is Tensor:
        plain = lengths.dtype in _WHOLE and lengths.dim() == 1 and is_plain((lengths,))
        return tuple(lengths.tolist()) if plain else None
    if type(lengths) not in {list, tuple}:
        return None
    return tuple(lengths) if all(type(number) is int for number in lengths) else None


class ReadyPacked:
    """A kind of call with sequences of unlike lengths, ready to run.

    Args:
        kind: The kind.
        rows: How many sequences.
    """

    def __init__(self, kind: Kind, rows: int) -> None:
        self.kind, self.rows = kind, rows
        self._recipes: dict[tuple[bool, ...], _Recipes] = {}

    def packed(self, x: Tensor, state: Any, guard: Guard, sequences: Sequences) -> Found:
        """Run over packed data, as it is: y is packed, states have the longest sequence first."""
        return self._run(x, state, guard, lambda recipes: _Call(recipes, sequences))

    def gathered(self, x: Tensor, state: Any, guard: Guard, packed: Packed) -> Found:
        """Run over what is packed first; y lies as x does, states have sequences as they came."""
        return self._run(x, state, guard, lambda recipes: _GatheredCall(recipes, packed))

    def _run(self, x: Tensor, state: Any, guard: Guard, call_of: Callable[[_Recipes], _Call | _GatheredCall]) -> Found:
        tensors = self.kind.tensors(x, state, guard)
        if tensors is None:
            return None
        recipes = self._recipes_for(wanted_of(tensors))
        call = call_of(recipes)
        y, *last = _apply_packed(call, *tensors) if recipes.training else call.forward(tensors)[1]
        return y, self.kind.make(*last)

    def _recipes_for(self, wanted: tuple[bool, ...]) -> _Recipes:
        found = self._recipes.get(wanted)
        if found is None:
            found = self._recipes[wanted] = _Recipes(self.kind.passes(wanted), self.kind.names, wanted, self.rows)
        return found


class _Recipes:
    """How each pass of a kind of call is made; the way back only where gradients are wanted."""

    def __init__(self, passes: Passes, names: Names, wanted: tuple[bool, ...], rows: int) -> None:
        self.passes, self.names, self.training = passes, names, bool(wanted)
        program = passes.training if wanted else passes.inference
        self.forward = PackedForward(program, names, passes.parts, rows)
        if wanted:
            self.backward = PackedBackward(passes.backward, self.forward, names, wanted, passes.parts, rows)


class _Call:
    """One call over data that came packed.

    Args:
        recipes: How it is made.
        sequences: How its data is packed.
    """

    def __init__(self, recipes: _Recipes, sequences: Sequences) -> None:
        self.recipes, self.sequences = recipes, sequences

    def _room(self, size: int, dtype: torch.dtype) -> Tensor:
        return room(self.sequences.taken, size, dtype=dtype)

    def forward(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """What the way back needs besides, and what comes out."""
        stored, last = self.recipes.forward.run(tensors, self.sequences, self._room)
        return stored, [stored[Y], *last]

    def backward(
        self, tensors: Sequence[Tensor], saved: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> list[Tensor | None]:
        """The gradient of each tensor."""
        return self.recipes.backward.run(tensors, saved, gradients, self.sequences, self._room)

    def slow(self) -> Call:
        """The same for what is to be differentiated again."""
        return Call(self.recipes.passes, self.sequences.span, *self.recipes.names, Whole)


class _GatheredCall:
    """One call over data that is packed first.

    Args:
        recipes: How it is made.
        packed: Where everything goes.
    """

    def __init__(self, recipes: _Recipes, packed: Packed) -> None:
        self.recipes, self.packed = recipes, packed
        self._states = slice(1, 1 + len(recipes.names.state))

    def forward(self, tensors: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """What the way back needs besides, and what comes out."""
        packed, x = self.packed, tensors[0]
        with torch.no_grad():
            inner = [packed.gathered(flat(x)), *map(packed.sorted, tensors[self._states])]
        given = (*inner, *tensors[self._states.stop :])
        stored, last = self.recipes.forward.run(given, packed.sequences, packed.room)
        with torch.no_grad():
            y = packed.spread(stored[Y])
        return [*inner, *stored], [y.view(*x.shape[:-1], y.shape[1]), *map(packed.unsorted, last)]

    def backward(
        self, tensors: Sequence[Tensor], saved: Sequence[Tensor], gradients: Sequence[Tensor | None]
    ) -> list[Tensor | None]:
        """The gradient of each tensor."""
        packed, (of_y, *of_last) = self.packed, gradients
        inner, stored = saved[: self._states.stop], saved[self._states.stop :]
        given = (*inner, *tensors[self._states.stop :])
        within = (
            None if of_y is None else packed.gathered(flat(of_y)),
            *(None if part is None else packed.sorted(part) for part in of_last),
        )
        found = self.recipes.backward.run(given, stored, within, packed.sequences, packed.room)
        if found[0] is not None:
            found[0] = packed.spread(found[0]).view(tensors[0].shape)
        found[self._states] = [None if part is None else packed.unsorted(part) for part in found[self._states]]
        return found

    def slow(self) -> Call:
        """The same for what is to be differentiated again."""
        return Call(self.recipes.passes, self.packed.span, *self.recipes.names, Whole, self.packed)


class _QuickPacked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call | _GatheredCall, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        stored, found = call.forward(tensors)
        ctx.call, ctx.count = call, len(tensors)
        ctx.layouts = [layout_of(value) for value in (*tensors, *stored)]
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors, *stored)
        return tuple(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        call, saved = ctx.call, ctx.saved_tensors
        saved = [laid_out_as(value, layout) for value, layout in zip(saved, ctx.layouts, strict=True)]
        tensors = saved[: ctx.count]
        given = [gradient for gradient in gradients if gradient is not None]
        usual = not torch.is_grad_enabled() and is_plain((*saved, *given))
        if not usual:
            slow = call.slow()
            if must_differentiate(slow, (*tensors, *given)):
                return (None, *flat_differentiably(slow, tensors, gradients))
        return (None, *call.backward(tensors, saved[ctx.count :], gradients))


_apply_packed = unwatched(_QuickPacked)
