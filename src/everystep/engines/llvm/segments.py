"""Passes that keep about the square root of the steps: states where segments begin, and one segment at a time in full.

The way back runs each segment forward once more before it goes back through it. Memory for T steps is that of sqrt(T)
states and sqrt(T) steps; outputs and their gradients aside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from everystep.engines.llvm.autograd import Call, differentiably
from everystep.engines.llvm.passes import Given
from everystep.engines.llvm.plainness import is_plain
from everystep.engines.llvm.programs import Span


class Segment(NamedTuple):
    """Some steps, one after another, as a span of their own.

    ``low`` and ``high`` are their rows in memory; ``rows`` how many rows of the batch still take steps.
    """

    span: Span
    low: int
    high: int
    rows: int

    def given(self, given: Given, state: dict[str, Tensor]) -> Given:
        """What the segment is given, with the state that enters it."""
        time = {name: value[self.low : self.high] for name, value in given.time.items()}
        state = {name: part[: self.rows] for name, part in state.items()}
        return Given(time, state, {name: value[: self.rows] for name, value in given.rows.items()}, given.roots)


def segments(span: Span) -> Iterator[Segment]:
    """Cut a span into about as many segments as each has steps."""
    size = math.isqrt(max(0, span.steps - 1)) + 1
    for first in range(0, span.steps, size):
        last = min(first + size, span.steps)
        if span.starts is None or span.lengths is None:
            low, high = (span.steps - last, span.steps - first) if span.reverse else (first, last)
            yield Segment(Span(last - first, span.rows, span.reverse), low * span.rows, high * span.rows, span.rows)
        else:
            starts = span.starts[first : last + 1]
            low, high, rows = int(starts[0]), int(starts[-1]), int(starts[1] - starts[0])
            lengths = (span.lengths[:rows] - first).clamp(max=last - first)
            yield Segment(Span(last - first, rows, starts=starts - low, lengths=lengths), low, high, rows)


class Segmented(torch.autograd.Function):
    """A pass by segments as one operation of torch."""

    @staticmethod
    def forward(ctx: Any, call: Call, *tensors: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        given = call.given(tensors)
        state, starts, found = given.state, [], []
        for segment in segments(call.span):
            starts.append(state)
            stored, last = call.passes.forward(call.passes.inference, segment.span, segment.given(given, state))
            found.append((segment, stored))
            state = {name: torch.cat([last[name], part[segment.rows :]]) for name, part in state.items()}
        ctx.call, ctx.count = call, len(tensors)
        ctx.save_for_backward(*tensors, *(part for state in starts for part in state.values()))
        ordered = sorted(found, key=lambda pair: pair[0].low)
        outputs = (torch.cat([stored[name] for _, stored in ordered]) for name in call.passes.outputs)
        return (*outputs, *state.values())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        call: Call = ctx.call
        saved = ctx.saved_tensors
        tensors, starts = saved[: ctx.count], saved[ctx.count :]
        if torch.is_grad_enabled() or not is_plain((*tensors, *gradients)):
            return (None, *differentiably(call, tensors, gradients))
        found = _back(call, tensors, starts, gradients)
        return (None, *call.gradients(found, tensors))


def _back(
    call: Call, tensors: tuple[Tensor, ...], starts: tuple[Tensor, ...], gradients: tuple[Tensor, ...]
) -> dict[str, Tensor]:
    passes, given = call.passes, call.given(tensors)
    of_outputs = {name: g.contiguous() for name, g in zip(passes.outputs, gradients, strict=False)}
    of_state = dict(zip(passes.parts, gradients[len(passes.outputs) :], strict=True))
    total: dict[str, Tensor] = {}
    parts = len(passes.parts)
    for n, segment in reversed(list(enumerate(segments(call.span)))):
        state = dict(zip(passes.parts, starts[n * parts : (n + 1) * parts], strict=True))
        own = segment.given(given, state)
        stored, _ = passes.forward(passes.training, segment.span, own)
        outputs = {name: g[segment.low : segment.high] for name, g in of_outputs.items()}
        last = {name: g[: segment.rows] for name, g in of_state.items()}
        found = passes.back(segment.span, own, stored, outputs, last)
        of_state = {name: torch.cat([found.pop(f"state:{name}"), g[segment.rows :]]) for name, g in of_state.items()}
        _add(total, found, segment, given)
    return total | {f"state:{name}": g for name, g in of_state.items()}


def _add(total: dict[str, Tensor], found: dict[str, Tensor], segment: Segment, given: Given) -> None:
    """Take the gradients of a segment into those of all."""
    for name, gradient in found.items():
        if name in given.time:
            whole = total.setdefault(name, torch.empty_like(given.time[name]))
            whole[segment.low : segment.high] = gradient
        elif name.startswith("row:"):
            whole = total.setdefault(name, torch.zeros_like(given.rows[name.removeprefix("row:")]))
            whole[: segment.rows] += gradient
        else:
            total[name] = total[name] + gradient if name in total else gradient
