"""A compiled pass over time: the code, and the memory that a call of it needs."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from everystep.compiler.ir import ELEMENTWISE
from everystep.compiler.naming import Names
from everystep.compiler.plan import Plan
from everystep.compiler.plan_printer import plan_text
from everystep.compiler.show import show
from everystep.engines.llvm.build import build
from everystep.engines.llvm.frame import Frame, Pace
from everystep.engines.llvm.layout import NUMBERS, Layout
from everystep.engines.llvm.packing import panel_size
from everystep.engines.llvm.pool import SERIAL, Team, team
from everystep.engines.llvm.program import described, emit_program
from everystep.engines.llvm.target import host

ALIGNED = 64  # bytes: a line of the cache, the widest vector
CHUNK_BYTES = 1 << 20  # of what one chunk of time leaves for its weight gradients: it stays in the second cache
BALANCED = 16  # chunks at least, where sequences have unlike lengths: for each, threads share the batch anew
CHUNK_ROWS = 256  # rows of a chunk from which its products run at full speed
WORTH_SHARING = 1_000_000  # multiplications and additions of a chunk from which threads pay for being called
OPERATION = 8  # multiplications and additions that take as long as an operation on a number in memory
WORTH_COLUMNS = 100_000  # of a sweep of one row, from which they pay for being called at every step
WORTH_STEP = 300_000  # of a step that Python asks for, from which they pay for it
FEW_EACH = 3  # rows for each thread up to which they rather share columns: weights are read in parts, not by each


class Span(NamedTuple):
    """The steps of one call.

    Attributes:
        steps: How many.
        rows: Of the batch.
        reverse: Whether the first step is the last in memory.
        starts: Where the rows of every step begin, and the end, if sequences have unlike numbers of steps.
        lengths: How many steps each sequence has then, in falling order.
    """

    steps: int
    rows: int
    reverse: bool = False
    starts: Tensor | None = None
    lengths: Tensor | None = None

    @property
    def taken(self) -> int:
        """Steps of all rows together."""
        return self.steps * self.rows if self.starts is None else int(self.starts[-1])


class Program:
    """One plan, compiled when first called.

    Args:
        plan: What to do.
        dtype: float32 or float64.
        backward: Whether steps are taken from the last to the first.
    """

    def __init__(self, plan: Plan, dtype: torch.dtype, *, backward: bool) -> None:
        self.plan, self.dtype, self.backward = plan, dtype, backward
        self._type = str(dtype).removeprefix("torch.")
        target = host()
        show("plan", "backward" if backward else "forward", lambda: plan_text(plan, Names(backward=backward)))
        self.layout = Layout(plan, target, self._type, backward=backward)
        key = f"{self._type} {'backward' if backward else 'forward'}\n{described(plan)}"

        def make():  # noqa: ANN202
            return emit_program(plan, self.layout, self._type, target, backward=backward)

        self.code = build(key, make, target)
        self._run = self.code.entry("run", ctypes.c_void_p)
        self._block = ctypes.c_int64 * len(self.layout.slots)
        self.memory = _Memory(self.layout, self.dtype.itemsize)
        self._work = sum(panels.work for panels in self.layout.arranged.values())
        self._work += sum(one.work for one in plan.reductions)
        if not self.layout.panels:  # else products take nearly all of the time
            self._work += OPERATION * sum(n.size for sweep in plan.sweeps for n in sweep.nodes if n.op in ELEMENTWISE)
        self._pace = Pace.of(self._work)
        self._chunk_size = sum(place.size for place in self.layout.places if place.space == "chunk")

    def run(self, span: Span, tensors: Mapping[object, Tensor]) -> None:
        """Go through time once.

        Args:
            span: The steps.
            tensors: A tensor for every slot of the layout that is not scratch memory.
        """
        frame = self.frame(span)
        for slot, tensor in tensors.items():
            n = self.layout.slots.get(slot)
            if n is not None and n not in frame.own:
                frame.block[n] = tensor.data_ptr()
        frame.run()

    def frame(self, span: Span) -> Frame:
        """Make an argument block for a span, with scratch memory; what is not scratch is still to be filled in."""
        chunk = self.chunk(span)
        crew = self.crew(span, chunk)
        bounds = self._bounds(span, crew.threads, chunk)
        scratch, offsets = self.memory.take(span.rows, chunk)
        base = scratch.data_ptr()
        block = self._block(*self.numbers(span, chunk, crew, bounds))
        own = set()
        for slot, offset in offsets.items():
            own.add(self.layout.slots[slot])
            block[self.layout.slots[slot]] = base + offset
        frame = Frame(self._run, block, crew, span.taken, self._pace)
        frame.held, frame.own, frame.size = (scratch, bounds, span.starts), frozenset(own), scratch.numel()
        return frame

    def fit(self, frame: Frame, span: Span) -> None:
        """Set an argument block to other sequences of unlike lengths: as many of them, for as many threads."""
        assert span.starts is not None
        bounds = self._bounds(span, frame.threads, self.chunk(span))
        numbers = {"steps": span.steps, "starts": span.starts.data_ptr()}
        numbers |= {"bounds": ctypes.addressof(bounds), "bounds_on": _bytes_on(bounds, frame.threads)}
        for name, value in numbers.items():
            frame.block[NUMBERS.index(name)] = value
        frame.refill((frame.held[0], bounds, span.starts), span.taken)

    def scratch(self, span: Span) -> int:
        """The bytes that a call takes besides its tensors."""
        return self.memory.size(span.rows, self.chunk(span))

    def crew(self, span: Span, chunk: int) -> Team:
        """The threads that a call is worth."""
        work = self._work * min(chunk * span.rows, span.taken)
        return SERIAL if work < WORTH_SHARING else team(torch.get_num_threads())

    def shares_columns(self, span: Span) -> bool:
        """Whether a step alone is worth that threads share its columns."""
        regions = self.plan.before, self.plan.loop, self.plan.after
        most = max(map(self.layout.most_shared, regions))
        if most < WORTH_COLUMNS or self._work * span.rows < WORTH_STEP:
            return False
        return span.rows <= FEW_EACH * team(torch.get_num_threads()).threads

    def numbers(self, span: Span, chunk: int, crew: Team, bounds: ctypes.Array[ctypes.c_int64]) -> list[int]:
        """What a block begins with."""
        first = (span.steps - 1) * span.rows if span.reverse else 0
        stride = -span.rows if span.reverse else span.rows
        starts = 0 if span.starts is None else span.starts.data_ptr()
        few = FEW_EACH * crew.threads if crew.awake else 0
        each = [ctypes.addressof(bounds), _bytes_on(bounds, crew.threads)]
        shared = [crew.threads, *each, crew.parallel, crew.thread_num, crew.num_threads]
        return [span.steps, span.rows, first, stride, starts, chunk, *shared, few, WORTH_COLUMNS, *[0] * 7]

    def _bounds(self, span: Span, pieces: int, chunk: int) -> ctypes.Array[ctypes.c_int64]:
        if span.lengths is None:
            return bounds_of(span, pieces)
        return balanced(span.lengths, span.steps, pieces, chunk, backward=self.backward)

    def chunk(self, span: Span) -> int:
        """Steps that a call works on at a time."""
        if not self._chunk_size:
            return max(1, span.steps if span.lengths is None else -(-span.steps // BALANCED))
        rows = max(CHUNK_ROWS, CHUNK_BYTES // (self._chunk_size * self.dtype.itemsize))
        most = max(1, min(span.steps, rows // max(1, span.rows)))
        return -(-span.steps // max(1, -(-span.steps // most)))  # chunks alike


def _bytes_on(bounds: ctypes.Array[ctypes.c_int64], pieces: int) -> int:
    """Bytes from the bounds of a chunk to those of the next one; none if there is one for all."""
    across = pieces + 1
    return 0 if len(bounds) == across else ctypes.sizeof(ctypes.c_int64) * across


def bounds_of(span: Span, pieces: int) -> ctypes.Array[ctypes.c_int64]:
    """Cut the batch into equal pieces."""
    return (ctypes.c_int64 * (pieces + 1))(*(span.rows * n // pieces for n in range(pieces + 1)))


def balanced(lengths: Tensor, steps: int, pieces: int, chunk: int, *, backward: bool) -> ctypes.Array[ctypes.c_int64]:
    """Cut the batch, for every chunk anew, so that every piece takes about as many of its steps."""
    done = np.arange(0, steps, chunk).reshape(-1, 1)
    low = np.maximum(steps - done - chunk, 0) if backward else done
    high = steps - done if backward else np.minimum(done + chunk, steps)
    own = np.clip(lengths.numpy(), low, high) - low  # (chunks, rows): steps
    so_far = own.cumsum(1)
    ends = so_far[:, -1:] * np.arange(pieces + 1) / pieces  # (chunks, pieces + 1): steps before each cut
    cuts = (so_far - own / 2 < ends.T[:, :, None]).sum(2).T
    cuts[:, -1] = len(lengths)
    return (ctypes.c_int64 * cuts.size)(*cuts.ravel().tolist())


class _Memory:
    """Scratch memory of a program: one piece, everything in it at a multiple of a cache line."""

    def __init__(self, layout: Layout, itemsize: int) -> None:
        self.itemsize = itemsize
        self.parts: list[tuple[object, str, int]] = []
        for place in layout.places:
            if place.space in {"chunk", "step"}:
                self.parts.append((place, place.space, layout.row_size(place)))
        for panel in layout.panels:
            K, N = panel.views[0].shape
            size = panel_size(K, len(panel.views), N, panel.columns, layout.width)
            self.parts.append((panel, "once", size))
        self._known: dict[tuple[int, int], tuple[int, dict[object, int]]] = {}

    def take(self, rows: int, chunk: int) -> tuple[Tensor, dict[object, int]]:
        """Allocate it; gives the memory and where each slot begins, in bytes."""
        size, offsets = self._arranged(rows, chunk)
        memory = torch.empty(size + ALIGNED, dtype=torch.uint8, device="cpu")
        shift = -memory.data_ptr() % ALIGNED
        return memory[shift:], offsets

    def size(self, rows: int, chunk: int) -> int:
        """Its bytes."""
        return self._arranged(rows, chunk)[0]

    def _arranged(self, rows: int, chunk: int) -> tuple[int, dict[object, int]]:
        if (rows, chunk) not in self._known:
            many = {"chunk": rows * chunk, "step": rows, "once": 1}
            offsets, end = {}, 0
            for slot, space, size in self.parts:
                offsets[slot] = end
                end += -(-size * many[space] * self.itemsize // ALIGNED) * ALIGNED
            if len(self._known) > 64:
                self._known.clear()
            self._known[rows, chunk] = (end, offsets)
        return self._known[rows, chunk]
