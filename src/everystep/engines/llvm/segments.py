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

from everystep.engines.llvm.autograd import Call, differentiably, must_differentiate, save, saved
from everystep.engines.llvm.backward import Gradients
from everystep.engines.llvm.forward import Given, Tensors
from everystep.engines.llvm.programs import Span


class Segment(NamedTuple):
    """Some steps, one after another, as a span of their own.

    ``low`` and ``high`` are their rows in memory; ``rows`` how many rows of the batch still take steps.
    """

    span: Span
    low: int
    high: int
    rows: int

    def of(self, time: Tensors) -> Tensors:
        """The rows of this segment."""
        return {name: value[self.low : self.high] for name, value in time.items()}

    def ahead_of(self, new: Tensor, old: Tensor) -> Tensor:
        """New values for the rows that take steps; the others stay as they were."""
        return new if self.rows == len(old) else torch.cat([new, old[self.rows :]])

    def given(self, given: Given, state: Tensors) -> Given:
        """What the segment is given, with the state that enters it."""
        state = {name: part[: self.rows] for name, part in state.items()}
        return Given(
            self.of(given.time), state, {name: value[: self.rows] for name, value in given.rows.items()}, given.roots
        )


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
        """Run forward, and keep the state that enters each segment."""
        passes, given = call.passes, call.given(tensors)
        state, outputs, starts = given.state, call.memory(), []
        for segment in segments(call.span):
            starts += state.values()
            into = segment.of(outputs)
            _, last = passes.forward(passes.inference, segment.span, segment.given(given, state), into)
            state = {name: segment.ahead_of(last[name], part) for name, part in state.items()}
        save(ctx, call, tensors, starts)
        return call.results(outputs, state)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        """Run each segment forward again, and backward."""
        call: Call = ctx.call
        tensors, starts = saved(ctx)
        if must_differentiate(call, (*tensors, *gradients)):
            return (None, *differentiably(call, tensors, gradients))
        return (None, *call.in_order(_back(call, call.given(tensors), starts, call.gradients_of(gradients)), tensors))


def _back(call: Call, given: Given, starts: tuple[Tensor, ...], gradients: Gradients) -> Tensors:
    passes, parts = call.passes, len(call.passes.parts)
    total, of_state = _Total(given), gradients.last
    for n, segment in reversed(list(enumerate(segments(call.span)))):
        state = dict(zip(passes.parts, starts[n * parts : (n + 1) * parts], strict=True))
        own = segment.given(given, state)
        stored, _ = passes.forward(passes.training, segment.span, own)
        last = {name: g[: segment.rows] for name, g in of_state.items()}
        found = passes.back(segment.span, own, stored, Gradients(segment.of(gradients.outputs), last))
        of_state = {name: segment.ahead_of(found.pop(f"state:{name}", last[name]), g) for name, g in of_state.items()}
        total.add(found, segment)
    return total.found | {f"state:{name}": g for name, g in of_state.items()}


class _Total:
    """The gradients of all segments."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.found: Tensors = {}

    def add(self, found: Tensors, segment: Segment) -> None:
        """Take in those of one segment."""
        for name, gradient in found.items():
            if name in self.given.time:
                self._like(name, self.given.time[name])[segment.low : segment.high] = gradient
            elif name.startswith("row:"):
                self._like(name, self.given.rows[name.removeprefix("row:")])[: segment.rows] += gradient
            else:
                self.found[name] = self.found[name].add_(gradient) if name in self.found else gradient

    def _like(self, name: str, value: Tensor) -> Tensor:
        if name not in self.found:
            self.found[name] = torch.zeros_like(value)
        return self.found[name]
