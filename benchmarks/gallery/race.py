"""One cell of the gallery, forward and backward: compiled, as a plain loop in torch, and as its package has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import everystep as es
from benchmarks.gallery.twins import Twin, installed
from benchmarks.peers.race import quietly
from everystep.cells import CELLS

POINT = (100, 32, 64, 64)  # time, batch, input, hidden
ROUNDS = 5
OURS, LOOP, PACKAGE, LSTM = "everystep", "plain loop", "package", "torch.nn.LSTM"
CLOSE = 1e-3  # float32 over a hundred steps


class Record(NamedTuple):
    """What came of one cell.

    Attributes:
        cell: Its name in the registry.
        package: The package that has it too, or an empty text.
        seconds: Of every side, one a round.
        others: Part of the machine that others used meanwhile, 0 to 1.
    """

    cell: str
    package: str
    seconds: dict[str, list[float]]
    others: float


def race(name: str, seconds: float) -> Record:
    """Time every side of one cell in turns.

    Args:
        name: Of the cell in the registry.
        seconds: To spend on each side.

    Raises:
        ValueError: The package computes something else.
    """
    torch.manual_seed(0)
    steps, batch, inputs, hidden = POINT
    x = torch.randn(steps, batch, inputs)
    cell, twin = CELLS[name](inputs, hidden), installed().get(name)
    sides = {OURS: lambda: _trained(cell, x, _unrolled(cell, "llvm"))}
    sides[LOOP] = lambda: _trained(cell, x, _unrolled(cell, "reference"))
    if twin is not None:
        layer = twin.make(inputs, hidden)
        x = x if twin.start == "any" else x.abs()
        _hold(name, twin, layer, x)
        sides[PACKAGE] = lambda: _trained(layer, x, lambda x: twin.run(layer, x, _start(cell, x))[0])
    lstm = nn.LSTM(inputs, hidden)
    sides[LSTM] = lambda: _trained(lstm, x, lambda x: lstm(x)[0])
    times, others = quietly(sides, seconds, ROUNDS)
    return Record(name, "" if twin is None else twin.package, times, others)


def _unrolled(cell: es.Cell[Any], engine: str) -> Callable[[Tensor], Tensor]:
    return lambda x: es.unroll(cell, x, engine=engine).y


def _trained(module: nn.Module, x: Tensor, run: Callable[[Tensor], Tensor]) -> tuple[Tensor, ...]:
    """The gradients of x and of every parameter."""
    x = x.detach().requires_grad_()
    wanted = [p for p in module.parameters() if p.requires_grad]
    return torch.autograd.grad(run(x).sum(), [x, *wanted], allow_unused=True)


def _start(cell: es.Cell[Any], x: Tensor) -> tuple[Tensor, ...]:
    return tuple(cell.initial_state(x.shape[1], x))


def _hold(name: str, twin: Twin, layer: nn.Module, x: Tensor) -> None:
    """See that both sides compute the same, from the package's parameters."""
    cell = CELLS[name](*POINT[2:])
    with torch.no_grad():
        if twin.start != "any":
            for value in layer.parameters():
                value.abs_()
        cell.load_state_dict(dict(twin.parameters(layer)))
        ours, (theirs, _) = es.unroll(cell, x).y, twin.run(layer, x, _start(cell, x))
    scale = ours.abs().max().item()
    if not torch.allclose(ours, theirs, rtol=0, atol=CLOSE * max(1.0, scale)):
        off = (ours - theirs).abs().max().item()
        raise ValueError(f"{name}: {twin.package} puts out something else, off by {off:.2g} of {scale:.2g}.")
