"""One step after the other by compiled code: all that a call over time works out each time is worked out once.

Parameters are packed when a stream is made. A step then copies x to where the code finds it and calls it with the
argument block of the next turn.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from ctypes import memmove
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from everystep.compiler.guards_walk import Walk
from everystep.engines.job import Job, NothingToRunError
from everystep.engines.llvm.door import Results, results_of
from everystep.engines.llvm.finding import Found, find
from everystep.engines.llvm.frame import Frame, Pace
from everystep.engines.llvm.layout import NUMBERS, Root
from everystep.engines.llvm.optimizers import notice_steps
from everystep.engines.llvm.plainness import why_not_plain, why_watched
from everystep.engines.llvm.pool import SERIAL, Team, team
from everystep.engines.llvm.programs import Program, Span, bounds_of
from everystep.engines.llvm.turns import Array, Block, laid_flat, room, turns
from everystep.engines.stepping import Parts, streams_of
from everystep.errors import EngineError

AWAKE = 1e-3  # seconds for which threads wait awake for the next step; to wake them costs as much as it saves


class Streaming:
    """A compiled step and the state between its calls.

    Args:
        job: An unroll of one step.

    Raises:
        EngineError: Compiled code can't serve.
    """

    def __init__(self, job: Job) -> None:
        rows = next(iter(streams_of(job.x).values())).shape[1]
        if rows == 0:
            raise NothingToRunError("there are no rows")
        _refuse([*streams_of(job.x).values(), *job.state])
        results = results_of(job)
        with torch.autocast("cpu", enabled=False):
            found = find(job)
        _refuse(found.roots.values())
        passes = found.lowered.passes()
        passes.ready(training=False)
        self._program, self._span = passes.inference, Span(1, rows)
        self._names, self._shapes = job.step.part_names, tuple(part.shape for part in job.state)
        self._results = results or Results(found.lowered.dtype, tuple(part.dtype for part in job.state), {})
        notice_steps()
        self._watched, self._kind = _watched(job.step.cell), type(job.step.assemble(job.state))
        self._inputs = {name: self._room(stream) for name, stream in streams_of(job.x).items()}
        self._lay_out(job, found)
        self._enter = self._entry()
        self._find_short_way(plain=isinstance(job.x, Tensor) and not results)

    def parts(self) -> Parts:
        """The state, in memory of its own."""
        entering = self._turn.entering
        found = zip(self._names, self._shapes, self._results.state, strict=True)
        return tuple(torch.from_numpy(entering[name].copy()).view(shape).to(dtype) for name, shape, dtype in found)

    def set(self, parts: Parts) -> None:
        """Put another state in its place."""
        for name, part in zip(self._names, parts, strict=True):
            own = torch.from_numpy(self._first.entering[name])
            own.copy_(part.detach().reshape(own.shape))
        self._turn = self._first

    def set_quickly(self, state: Any) -> bool:
        """Put another state in its place, if it is just what was expected."""
        fits = type(state) is self._kind and all(map(_is_like, state, self._shapes, self._results.state))
        if fits:
            self.set(state)
        return fits

    def select(self, rows: Array) -> None:
        """Put rows of the state in the place of its rows."""
        for own in self._turn.memory:
            own[:] = own[rows]

    def see_quickly(self, context: Any) -> bool:
        """Take over another context, if it is just like the one before."""
        return self._context.take(context)

    def stale(self) -> bool:
        """Whether parameters changed since packing; a write into ``p.data`` is seen if an optimizer made it."""
        for holder, key, value, version, address in self._watched:
            if holder[key] is not value or value._version != version or value.data_ptr() != address:  # noqa: SLF001
                return True
        return False

    def quick(self, x: Any) -> Array | Tensor | None:
        """Take one step the short way; None if x is not just what was expected, or must be looked at with care."""
        if type(x) is np.ndarray:
            if x.shape != self._shape or x.dtype is not self._dtype:
                return None
            for holder, key, value, version, address in self._watched:  # as in stale: a call costs a tenth of a step
                if holder[key] is not value or value._version != version or value.data_ptr() != address:  # noqa: SLF001
                    return None
            self._x[...] = x
            turn = self._turn
            self._enter(turn.address)
            self._turn = turn.following
            return turn.y.copy()
        if type(x) is not Tensor or not self._fits(x) or self.stale():
            return None
        memmove(self._into, x.data_ptr(), self._size)
        turn = self._turn
        self._enter(turn.address)
        self._turn = turn.following
        return torch.from_numpy(turn.y.copy())

    def take(self, x: Any) -> Tensor:
        """Take one step on x; y is the caller's own."""
        for name, value in streams_of(x).items():
            torch.from_numpy(self._inputs[name]).copy_(value)
        turn = self._turn
        self._enter(turn.address)
        self._turn = turn.following
        return torch.from_numpy(turn.y.copy()).to(self._results.y)

    def _fits(self, x: Tensor) -> bool:
        """Whether the memory of a tensor holds just what is expected."""
        return (
            x.shape == self._tensor_shape
            and x.dtype is self._tensor_dtype
            and x.is_cpu
            and x.layout is torch.strided
            and x.is_contiguous()
            and not x.is_neg()
            and why_watched() is None
        )

    def _room(self, stream: Tensor) -> Array:
        return room(stream.shape[1:], self._program.dtype if stream.is_floating_point() else stream.dtype)

    def _lay_out(self, job: Job, found: Found) -> None:
        program, rows = self._program, self._span.rows
        shapes = dict(zip(self._names, self._shapes, strict=True))
        starts = {name: room((rows, shape[1:].numel()), program.dtype) for name, shape in shapes.items()}
        context = {name: _dense(value, program.dtype) for name, value in found.context.items()}
        roots = {name: laid_flat(value) for name, value in found.roots.items()}
        given: dict[object, int] = {Root(name): value.data_ptr() for name, value in roots.items()}
        for place in program.layout.places:
            if place.space == "row":
                given[place] = context[place.name].data_ptr()
            elif place.space == "time" and place.name.startswith("x:"):
                given[place] = self._inputs[place.name.removeprefix("x:")].ctypes.data
        frame, alone = program.frame(self._span), bounds_of(self._span, 1)
        frame.block[: len(NUMBERS)] = program.numbers(self._span, 1, SERIAL, alone)
        self._held, self._context = (frame, alone, roots), _Seen(job.step.context, found.context, context)
        self._first = turns(program, frame, given, starts, (rows, *found.lowered.shape("y")))
        self.set(job.state)
        program.code.entry("pack", ctypes.c_void_p)(self._first.address)

    def _entry(self) -> Any:
        """The compiled function; short steps keep Python's lock, which is cheaper than to give it up."""
        program = self._program
        if program.shares_columns(self._span):
            return _Shared(program, self._span, SERIAL)
        if program.crew(self._span, 1) is SERIAL:
            function: Any = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(program.code.address("steps"))
            function.built = program.code
            return function
        if self._span.rows == 1:  # threads share rows
            return program.code.entry("steps", ctypes.c_void_p)
        return _Shared(program, self._span, None)

    def _find_short_way(self, *, plain: bool) -> None:
        self._x = next(iter(self._inputs.values()))
        x = torch.from_numpy(self._x)
        self._shape, self._tensor_shape = (self._x.shape, x.shape) if plain else (None, None)
        self._dtype, self._tensor_dtype = self._x.dtype, x.dtype
        self._into, self._size = self._x.ctypes.data, self._x.nbytes


class _Seen:
    """A context in the memory that compiled code reads.

    Args:
        given: The context.
        moved: Its values by name, the batch first.
        dense: Where they are read.
    """

    def __init__(self, given: Any, moved: Mapping[str, Tensor], dense: Mapping[str, Tensor]) -> None:
        self._kind = type(given)
        first = all(moved[name].shape == getattr(given, name).shape for name in moved)
        self._shapes = [(moved[name].shape, moved[name].dtype) for name in moved] if first else None
        self._places = [dense[name].view(moved[name].shape) for name in moved]

    def take(self, context: Any) -> bool:
        """Copy a context, if it is just like the first one."""
        if self._shapes is None or type(context) is not self._kind:
            return False
        if not all(_is_like(value, *shape) for value, shape in zip(context, self._shapes, strict=True)):
            return False
        for place, value in zip(self._places, context, strict=True):
            place.copy_(value.detach())
        return True


class _Shared:
    """A step that several threads share: the team is asked for anew each time, as forks and settings change it.

    Args:
        program: What takes the step.
        span: Of one step.
        rested: Who takes it when the threads have gone to sleep since the last one; the team if None.
    """

    def __init__(self, program: Program, span: Span, rested: Team | None) -> None:
        self._program, self._span, self._rested = program, span, rested
        self._function = program.code.entry("steps", ctypes.c_void_p)
        self._block = ctypes.c_int64 * len(program.layout.slots)
        self._made: dict[tuple[int, int, int], tuple[Block, Any]] = {}
        self._pace, self._last = Pace(), 0.0

    def __call__(self, address: int) -> None:
        asleep = self._rested if perf_counter() - self._last > AWAKE else None
        crew = asleep or team(torch.get_num_threads())
        kind = crew.parallel, crew.threads, address
        made, _ = self._made.get(kind) or self._make(kind, crew)
        block = self._block.from_buffer_copy(made)  # no other caller's
        Frame(self._function, block, crew, self._span.rows, self._pace).run()
        self._last = perf_counter()

    def _make(self, kind: tuple[int, int, int], crew: Team) -> tuple[Block, Any]:
        """The block at an address, for a team."""
        bounds = bounds_of(self._span, crew.threads)
        block = self._block.from_buffer_copy(self._block.from_address(kind[2]))
        block[: len(NUMBERS)] = self._program.numbers(self._span, 1, crew, bounds)
        return self._made.setdefault(kind, (block, bounds))


def _refuse(tensors: Iterable[Tensor]) -> None:
    reason = why_not_plain(tensors)
    if reason is not None:
        raise EngineError(reason)


def _is_like(value: Any, shape: torch.Size, dtype: torch.dtype) -> bool:
    return type(value) is Tensor and value.shape == shape and value.dtype is dtype and value.is_cpu


def _dense(value: Tensor, dtype: torch.dtype) -> Tensor:
    value = value.detach().reshape(len(value), -1)
    return value.to(dtype if value.is_floating_point() else value.dtype, copy=True).contiguous()


def _watched(step: Any) -> list[tuple[Any, Any, Tensor, int, int]]:
    """Everything that a step reads: where it is held, and what shows that it was written to or put elsewhere."""
    walk = Walk()
    walk.visit("", step)
    places = [(place.holder, place.key, walk.tensors[name]) for name, place in walk.places.items()]
    return [(*place, place[2]._version, place[2].data_ptr()) for place in places if not place[2].is_inference()]  # noqa: SLF001
