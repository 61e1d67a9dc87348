"""N3: why the state's activation is usually tanh, and not ReLU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from everystep.cells import Elman
from everystep.tour.item import Item

STEPS = 1000
SHIFT_SIZE, RANDOM_SIZE = 6, 16
RANDOM_COUNT = 20
RADIUS = 1.1
GREW, DIED = 100.0, 1e-6
NOTHING = 1e-300  # what stands for 0 under a logarithm

CODE = """\
import torch, everystep as es

torch.set_default_dtype(torch.float64)
for sigma in ("tanh", "relu"):
    cell = es.cells.Elman(0, 6, sigma_h=sigma, bias=False)
    with torch.no_grad():  # W = 1.1 x a cyclic shift
        cell.W.copy_(1.1 * torch.eye(6).roll(1, 0))
    start = cell.State(torch.rand(1, 6, requires_grad=True))
    last = es.unroll(cell, torch.zeros(1000, 1, 0), start).state.s
    (gradient,) = torch.autograd.grad(last.sum(), start.s)
    print(sigma, last.norm().log10(), gradient.norm().log10())
"""


def compute() -> Item:
    """Run tanh and ReLU for 1000 steps from the same states through the same W, and send gradients back."""
    shift = RADIUS * torch.eye(SHIFT_SIZE, dtype=torch.float64).roll(1, 0)
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(SHIFT_SIZE, dtype=torch.float64, generator=generator)
    curves = {sigma: _shift_curves(sigma, shift, start) for sigma in ("tanh", "relu")}
    draws = [_random_case(generator) for _ in range(RANDOM_COUNT)]
    norms = {sigma: torch.stack([_norms(sigma, W, s) for W, s in draws]) for sigma in ("tanh", "relu")}
    figures = {
        "steps": STEPS,
        "shift": {
            sigma: {"state_max_log10": state.max().item(), "gradient_log10": gradient[0].item()}
            for sigma, (state, gradient) in curves.items()
        },
        "random": {sigma: _fates(norms[sigma][:, -1]) for sigma in norms},
    }
    data = {
        "steps": STEPS,
        "state_log10": {sigma: state.tolist() for sigma, (state, _) in curves.items()},
        "gradient_log10": {sigma: gradient.tolist() for sigma, (_, gradient) in curves.items()},
        "random": {sigma: _log10(several).tolist() for sigma, several in norms.items()},
    }
    return Item("N3", "The Elman network", figures, CODE, _prose(figures), data)


def _cell(sigma: str, W: Tensor) -> Elman:
    cell = Elman(0, len(W), sigma_h=sigma, bias=False).double()
    with torch.no_grad():
        cell.W.copy_(W)
    return cell


def _states(sigma: str, W: Tensor, start: Tensor) -> list[Tensor]:
    """Give s(0) ... s(T) as the step makes them, each (batch, size), so that a gradient can be asked of each."""
    cell, states = _cell(sigma, W), [start]
    nothing = start.new_zeros(len(start), 0)
    for _ in range(STEPS):
        states.append(cell.step(cell.State(states[-1]), nothing)[0].s)
    return states


def _shift_curves(sigma: str, W: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """Give log10 of the largest unit of s(1) ... s(T), and of the norm of the Jacobian of s(T) by s(0) ... s(T-1).

    Every unit has a row of the batch for itself, so that one backward pass gives the whole Jacobian.
    """
    states = _states(sigma, W, start.expand(len(W), -1).clone().requires_grad_())
    jacobians = torch.autograd.grad(states[-1].diagonal().sum(), states[:-1])
    largest = torch.stack([state[0].detach().abs().max() for state in states[1:]])
    return _log10(largest), _log10(torch.stack([jacobian.norm() for jacobian in jacobians]))


def _random_case(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a W of normal numbers, scaled to the radius, and a start."""
    W = torch.randn(RANDOM_SIZE, RANDOM_SIZE, dtype=torch.float64, generator=generator)
    W *= RADIUS / torch.linalg.eigvals(W).abs().max()
    return W, torch.rand(RANDOM_SIZE, dtype=torch.float64, generator=generator)


def _norms(sigma: str, W: Tensor, start: Tensor) -> Tensor:
    """Give the norm of s(t), t = 1 ... T."""
    with torch.no_grad():
        return torch.cat(_states(sigma, W, start[None])[1:]).norm(dim=1)


def _fates(last: Tensor) -> dict[str, int]:
    grew, died = int((last > GREW).sum()), int((last < DIED).sum())
    return {"grew": grew, "stayed": len(last) - grew - died, "died": died}


def _log10(values: Tensor) -> Tensor:
    return values.clamp(min=NOTHING).log10()


def _prose(figures: Mapping[str, Any]) -> tuple[str, ...]:
    tanh, relu = figures["shift"]["tanh"], figures["shift"]["relu"]
    fate = figures["random"]
    return (
        "**Why tanh and not ReLU?** tanh keeps the state in (-1, 1), whatever W is. ReLU is positively homogeneous, "
        "so nothing stops a state from growing, or dying, by a constant factor a step. Let W be 1.1 times a cyclic "
        f"shift, and s(0) positive. After {figures['steps']} steps the largest unit is "
        f"10^{relu['state_max_log10']:.1f} with ReLU, and with tanh no unit ever passed "
        f"{10 ** tanh['state_max_log10']:.2f}.",
        "The gradient is another matter: through either it may vanish or grow. On this W the product of the Jacobians "
        f"is 10^{relu['gradient_log10']:.1f} with ReLU and 10^{tanh['gradient_log10']:.0f} with tanh: bounded states "
        "are paid for with gradients that fade.",
        f"And of {RANDOM_COUNT} random W of spectral radius {RADIUS}, with ReLU {fate['relu']['died']} states died, "
        f"{fate['relu']['stayed']} stayed and {fate['relu']['grew']} grew past {GREW:.0f}; with tanh "
        f"{fate['tanh']['stayed']} stayed, {fate['tanh']['died']} died, {fate['tanh']['grew']} grew.",
    )
