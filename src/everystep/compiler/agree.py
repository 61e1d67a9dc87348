"""Hold a lowered step against autograd of the step itself, once for each compile.

A trace alone can be silently wrong: what runs without autograd, or in an autograd function of the user's own, shows it
only its values. So the graph has to give the step's own values and gradients over a few steps from a random state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from everystep.compiler.guards import Guard, roots_of
from everystep.compiler.interpret import Looks, interpret
from everystep.compiler.ir import Leaf
from everystep.compiler.trace import Asked, StepCall, Traced, called
from everystep.compiler.trace_record import undisturbed
from everystep.compiler.trace_refuse import RUN_AS_IT_IS, TraceError

STEPS = 3
ROWS = (2, 5)
LARGE = (
    2**18
)  # numbers in parameters: from here on memory traffic counts, so float32 will do, and gradients of one batch
# Relative to the largest value. Both sides sum the same numbers in another order; torch's own derivatives of some
# functions hold a constant in float32, which costs 1e-8. What a step hides changes the first digit. Others: 0.1.
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}

Values = dict[str, Tensor]
Run = Callable[[Mapping[Leaf, Tensor]], Values]  # one step: leaves in, outputs by name out


def hold(traced: Traced, asked: Asked, step: Any, make_call: Callable[[Any], StepCall]) -> None:
    """Refuse a trace that is not the step.

    Nothing of the step changes: not its buffers, no ``.grad``, no random numbers are drawn.

    Args:
        traced: The trace of ``make_call(step)``.
        asked: What it was traced for.
        step: The cell or function.
        make_call: Makes what :func:`~everystep.compiler.trace.trace` takes of a cell or function; it is given a copy
            of the cell in float64 where there can be one.

    Raises:
        TraceError: A value or a gradient differs; the message names the first one.
    """
    failure = None
    with undisturbed():
        for one, dtype in _ways(step, asked.dtype):
            try:
                _run(traced, asked, one, make_call, dtype)
            except TraceError:
                raise
            except Exception as error:  # noqa: BLE001 (a step may insist on its own dtype, which comes last)
                failure = error
            else:
                return
    raise TraceError(f"autograd of the step raised {type(failure).__name__}: {failure}") from failure


def _run(traced: Traced, asked: Asked, step: Any, make_call: Callable[[Any], StepCall], dtype: torch.dtype) -> None:
    before = Guard(step)
    _compare(traced, asked, make_call(step), before.roots(), dtype)
    changed = next((one[0] for one, other in zip(before.key(), Guard(step).key(), strict=False) if one != other), "")
    if changed or len(before.key()) != len(Guard(step).key()):
        raise TraceError(
            f"the step changes {changed or 'the cell'} while it runs; a step writes nothing: show values with tap, or "
            f"{RUN_AS_IT_IS}."
        )


def _ways(step: Any, dtype: torch.dtype) -> Iterator[tuple[Any, torch.dtype]]:
    """The step in float64 where there can be such a one, then as it is."""
    roots = roots_of(step)
    if dtype != torch.float64 and isinstance(step, nn.Module) and _count(roots) <= LARGE:
        with suppress(Exception):  # a module that can't be copied is run as it is
            yield deepcopy(step).double(), torch.float64
    elif {value.dtype for value in roots.values() if value.is_floating_point()} <= {torch.float64}:
        yield step, torch.float64
    if dtype != torch.float64:
        yield step, dtype


def _compare(traced: Traced, asked: Asked, call: StepCall, roots: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    trained = {name: value for name, value in roots.items() if value.requires_grad}
    for number, rows in enumerate(ROWS):
        given = _random(asked, rows, dtype, number)
        ours = _interpreted(traced, asked, traced.prepare(roots, dtype))
        checked = {} if number and _count(roots) > LARGE else trained
        pairs = zip(_outcome(ours, given, checked), _outcome(_real(call), given, checked), strict=True)
        for (name, found), (same, right) in pairs:
            if name != same or not _are_close(found, right, TOLERANCE.get(dtype, 0.1)):
                raise TraceError(
                    f"the traced step differs from the step itself in {same}: it hides something from the trace "
                    "(no_grad, detach, .data, a custom autograd function, a value kept between calls); "
                    'engine="reference" runs it as it is.'
                )


def _interpreted(traced: Traced, asked: Asked, prepared: Mapping[str, Tensor]) -> Run:
    looks: Looks = {}

    def ours(leaves: Mapping[Leaf, Tensor]) -> Values:
        flat = {leaf: value.movedim(asked.batch_axis(leaf), 0).flatten(1) for leaf, value in leaves.items()}
        found = interpret(traced.graph, flat, prepared, looks)
        return {name: value.reshape(len(value), *traced.shapes[name]) for name, value in found.items()}

    return ours


def _real(call: StepCall) -> Run:
    return lambda leaves: called(call, leaves, len(next(v for k, v in leaves.items() if k.kind != "row")))


def _are_close(found: Tensor, right: Tensor, tolerance: float) -> bool:
    if found.shape != right.shape or not right.numel():
        return found.shape == right.shape
    found, right = found.double(), right.double()
    distance = float(torch.dist(found, right, math.inf))
    if distance <= tolerance:  # so it is for any size
        return True
    size = float(torch.linalg.vector_norm(right, math.inf))
    if math.isfinite(size) and math.isfinite(distance):
        return distance <= tolerance * max(1.0, size)
    size = float(right.nan_to_num(0, 0, 0).abs().max())  # a random state may be where a function has no value
    return torch.allclose(found, right, rtol=0, atol=tolerance * max(1.0, size), equal_nan=True)


def _outcome(run: Run, given: list[dict[Leaf, Tensor]], trained: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The outputs of every step, then the gradient of one uneven sum of them with respect to everything."""
    state = {leaf: value for leaf, value in given[0].items() if leaf.kind != "x"}
    total, uneven = torch.zeros((), dtype=torch.float64), cache(_uneven)
    for t, leaves in enumerate(given):
        found = run(state | {leaf: value for leaf, value in leaves.items() if leaf.kind == "x"})
        for name, value in found.items():
            yield f"{name.replace(':', ' ')} of step {t + 1}", value.detach()
            if value.is_floating_point():
                total = total + (value * uneven(value.shape)).sum()
        state |= {Leaf("state", n.removeprefix("state:")): v for n, v in found.items() if n.startswith("state:")}
    leaves = {_shown(leaf, t): value for t, at in enumerate(given) for leaf, value in at.items()}
    wanted = {name: value for name, value in (leaves | dict(trained)).items() if value.requires_grad}
    found = _gradients(total, list(wanted.values()))
    for (name, value), gradient in zip(wanted.items(), found, strict=True):
        yield f"the gradient of {name}", torch.zeros_like(value) if gradient is None else gradient


def _gradients(total: Tensor, wanted: list[Tensor]) -> tuple[Tensor | None, ...]:
    if not (total.requires_grad and wanted):
        return (None,) * len(wanted)
    return torch.autograd.grad(total, wanted, allow_unused=True)


def _shown(leaf: Leaf, t: int) -> str:
    """A leaf's name as a person reads it."""
    if leaf.kind == "x":
        return f"{'x' if leaf.name == 'x' else 'x.' + leaf.name} of step {t + 1}"
    return f"the initial {leaf.name}" if leaf.kind == "state" else f"context.{leaf.name}"


def _count(roots: Mapping[str, Tensor]) -> int:
    return sum(value.numel() for value in roots.values())


def _uneven(shape: torch.Size) -> Tensor:
    return torch.cos(torch.arange(shape.numel(), dtype=torch.float64)).reshape(shape)


def _random(asked: Asked, rows: int, dtype: torch.dtype, number: int) -> list[dict[Leaf, Tensor]]:
    """Leaves for every step: state and context at the first one alone. Positive for the second number of rows."""
    generator = torch.Generator().manual_seed(number)

    def made(shape: tuple[int | None, ...], kind: torch.dtype) -> Tensor:
        size = [rows if n is None else n for n in shape]
        if kind == torch.bool:
            return torch.rand(size, generator=generator) < 0.5
        draw = torch.rand if number else torch.randn
        return draw(size, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    steps = [{Leaf("x", n): made((None, *s), k) for n, (s, k) in asked.x.items()} for _ in range(STEPS)]
    steps[0] |= {Leaf("state", n): made((None, *s), dtype) for n, s in asked.state.items()}
    steps[0] |= {Leaf("row", n): made(s if None in s else (None, *s), k) for n, (s, k) in asked.context.items()}
    return steps
