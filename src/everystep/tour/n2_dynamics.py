"""N2: a dynamical system, left to itself and driven."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from everystep.cells import LinearSystem
from everystep.tour.item import Item
from everystep.unroll import unroll

STEPS = 60
SHRINK, TURN = 0.96, 0.3  # of the state, each step; the turn in radians

CODE = """\
import math, torch, everystep as es

cos, sin = math.cos(0.3), math.sin(0.3)
# autonomous: an input of zero features
cell = es.cells.LinearSystem(0, 2, 2, bias=False)
with torch.no_grad():
    cell.W.copy_(0.96 * torch.tensor([[cos, -sin], [sin, cos]]))
start = cell.State(torch.tensor([[1.0, 0.0]]))
nothing = torch.zeros(60, 1, 0)
out = es.unroll(cell, nothing, start, record=["s"])
out.record["s"]  # a spiral: s(t) = W^t s(0)
"""


def compute() -> Item:
    """Unroll a spiral, alone and driven, and hold both against their solutions in closed form."""
    start = torch.tensor([1.0, 0.0], dtype=torch.float64)
    autonomous = _unrolled(torch.zeros(STEPS, 0, dtype=torch.float64), start)
    x = torch.randn(STEPS, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    driven = _unrolled(x, start)
    alone = torch.stack([_power(t) @ start for t in range(STEPS + 1)])
    pushes = x @ _into().T  # (time, 2): U x(k)
    heard = [sum((_power(t - k) @ pushes[k - 1] for k in range(1, t + 1)), torch.zeros(2)) for t in range(STEPS + 1)]
    closed = alone + torch.stack(heard)
    figures = {
        "autonomous_error": _error(autonomous, alone),
        "driven_error": _error(driven, closed),
        "steps": STEPS,
        "eigenvalue_modulus": SHRINK,
    }
    data = {
        "autonomous": {"computed": autonomous.tolist(), "closed_form": alone.tolist()},
        "driven": {"computed": driven.tolist(), "closed_form": closed.tolist(), "x": x.flatten().tolist()},
    }
    return Item("N2", "A dynamical system", figures, CODE, _prose(figures), data)


def _power(t: int) -> Tensor:
    """Give W^t as geometry does: a turn by t times the angle, shrunk t times. No product of matrices."""
    cos, sin = math.cos(TURN * t), math.sin(TURN * t)
    return SHRINK**t * torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)


def _into() -> Tensor:
    return torch.tensor([[1.0], [0.5]], dtype=torch.float64)


def _unrolled(x: Tensor, start: Tensor) -> Tensor:
    """Run the system from a start: s(0) ... s(T), (time + 1, 2)."""
    cell = LinearSystem(x.shape[1], 2, 2, bias=False).double()
    with torch.no_grad():
        cell.W.copy_(_power(1))
        cell.U.copy_(_into()[:, : x.shape[1]])
        states = unroll(cell, x[:, None], cell.State(start[None]), record="s").record["s"]
    return torch.cat([start[None], states[:, 0]])


def _error(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).abs().max() / expected.abs().max()).item()


def _prose(figures: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        "**Left to itself**, s(t+1) = h(s(t); θ): the state moves by its own rule alone. In code x has zero features. "
        f"Here W turns the state by {TURN} radians and shrinks it to {SHRINK} of its length each step, so that "
        f"s(t) = W^t s(0), a spiral into the origin. Unrolled over {figures['steps']} steps it lies within "
        f"{figures['autonomous_error']:.0e} of that formula.",
        "**Driven**, s(t+1) = h(s(t), x(t+1); θ): each input pushes the state, and the push then decays with the "
        "rest. The closed form is W^t s(0) plus the sum over k of W^(t-k) U x(k); the unrolled system lies within "
        f"{figures['driven_error']:.0e} of it.",
    )
