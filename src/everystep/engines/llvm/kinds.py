"""Kinds of call that were served once: every check that could fail has passed and can't fail for another one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from everystep.cell import Cell
from everystep.compiler.guards import Guard
from everystep.compiler.ir import Leaf
from everystep.engines.job import Job
from everystep.engines.llvm.lowered import Lowered
from everystep.engines.llvm.passes import Passes
from everystep.engines.llvm.plainness import is_plain
from everystep.engines.llvm.slots import Names

MOST = 64  # kinds of call that are remembered for a cell


class _Known(NamedTuple):
    guard: Guard
    ready: dict[Hashable, Any]


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


def recall(cell: Any, kind: Hashable) -> tuple[Any, Guard] | None:
    """What is ready for a kind of call, if nothing has changed that the trace of the cell took for granted."""
    known = _known.get(cell)
    if known is None or _is_changed():
        return None
    ready = known.ready.get(kind)
    return None if ready is None or not known.guard.holds() else (ready, known.guard)


def _is_changed() -> bool:
    """Whether torch casts what is computed, or makes its tensors elsewhere: the long way takes care of that."""
    return torch.is_autocast_enabled("cpu") or torch._C._len_torch_function_stack() > 0  # noqa: SLF001


def kind_of(shape: Hashable, x: Tensor, state: Any) -> Hashable:
    """What has to be the same for two calls to be of one kind; ``shape`` says what of x, and which way it is taken.

    None for a state that is no tuple of tensors: no such call is ever remembered.
    """
    if state is None:
        return (shape, x.dtype, None)
    if not isinstance(state, tuple) or not all(isinstance(part, Tensor) for part in state):
        return None
    return (shape, x.dtype, (type(state), *((type(part), part.shape, part.dtype) for part in state)))


def store(job: Job, guard: Guard, shape: Hashable, ready: Any) -> None:
    """Let calls like this one find what is ready for them."""
    cell, state = job.step.cell, job.step.assemble(job.state)
    known = _known.get(cell)
    if known is None or known.guard is not guard:
        known = _known[cell] = _Known(guard, {})
    if len(known.ready) >= MOST:
        known.ready.clear()
    kind = kind_of(shape, job.x, state)
    if kind is None:
        return
    known.ready[kind] = ready
    if getattr(getattr(cell, "initial_state", None), "__func__", None) is Cell.initial_state:
        known.ready[kind_of(shape, job.x, None)] = ready


class Kind:
    """A kind of call: what it makes of its arguments.

    Args:
        job: One such call.
        lowered: Its step.
        names: Of its tensors.
        roots: Its parameters.
    """

    def __init__(self, job: Job, lowered: Lowered, names: Names, roots: tuple[Tensor, ...]) -> None:
        self.make = type(job.step.assemble(job.state))
        self.lowered, self.names = lowered, names
        self._roots = roots if set(names.roots) <= set(lowered.traced.roots) else None  # those that the guard holds
        with torch.inference_mode(False):  # what is made in it could not be saved for a way back later
            self._zeros = tuple(torch.zeros(part.shape, dtype=part.dtype, device="cpu") for part in job.state)

    def tensors(self, x: Tensor, state: Any, guard: Guard) -> tuple[Tensor, ...] | None:
        """Everything that compiled code is given; None where it can't serve."""
        if not is_plain((x,) if state is None else (x, *state)):
            return None
        parts = self._zeros if state is None else [part.contiguous() for part in state]
        roots = self._roots
        if roots is None:
            roots = tuple(self.lowered.prepare(guard.roots()).values())
            if not is_plain(roots):
                return None
        return (x.contiguous(), *parts, *roots)

    def passes(self, wanted: tuple[bool, ...]) -> Passes:
        """The passes where some of these tensors need gradients."""
        names = self.names
        every = [*(Leaf("x", name.removeprefix("x:")) for name in names.time), *(None for _ in names.state)]
        leaves = [leaf for leaf, yes in zip(every, wanted, strict=False) if yes and leaf]
        roots = [name for name, yes in zip(names.roots, wanted[len(every) :], strict=False) if yes]
        return self.lowered.passes((), False, (), leaves, roots)


def wanted_of(tensors: Sequence[Tensor]) -> tuple[bool, ...]:
    """Whether each tensor needs its gradient; nothing where none does."""
    if not torch.is_grad_enabled():
        return ()
    wanted = tuple([value.requires_grad for value in tensors])
    return wanted if True in wanted else ()


def unwatched(function: type[torch.autograd.Function]) -> Callable[..., Any]:
    """As ``function.apply``, which looks first whether a transform of torch.func is at work: is_plain saw none."""
    return super(torch.autograd.Function, function).apply  # pyright: ignore[reportAttributeAccessIssue]
