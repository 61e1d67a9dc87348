"""The one comparison every engine and every cell is held to: y, the final state and every gradient.

Two cells may agree on y alone and still be different cells (a zero start and one step hide three of five wrong LSTMs),
so the start is random, there are several steps, and gradients are taken through y *and* the final state.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

import everystep as es

Values = dict[str, Tensor]

# Both sides sum the same products in another order: about a hundred roundings of 1.1e-16 each.
FLOAT64 = 1e-12


def outcome(cell: Any, x: Tensor, state: Any, **arguments: Any) -> Values:
    """Unroll a cell and give y, the final state, and the gradient of everything, by name."""
    leaves = {"x": x.detach().requires_grad_(x.is_floating_point())}
    leaves |= {f"state.{name}": part.detach().requires_grad_() for name, part in state._asdict().items()}
    started = type(state)(*list(leaves.values())[1:])
    out = es.unroll(cell, leaves["x"], started, **arguments)
    values = {"y": out.y} | {f"final {name}": part for name, part in out.state._asdict().items()}
    parameters = {name: parameter for name, parameter in cell.named_parameters() if parameter.requires_grad}
    return values | gradients(values, leaves | parameters)


def gradients(values: Values, leaves: Values) -> Values:
    """Give the gradient of one fixed, uneven sum of all values with respect to each leaf."""
    total = sum(((value * weights_like(value)).sum() for value in values.values()), torch.zeros(()))
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {
        f"gradient of {name}": torch.zeros_like(leaf) if gradient is None else gradient
        for (name, leaf), gradient in zip(leaves.items(), found, strict=True)
    }


def weights_like(value: Tensor) -> Tensor:
    """Give uneven weights, so that no two entries of a value can be exchanged unseen."""
    return torch.cos(torch.arange(value.numel(), dtype=value.dtype)).reshape(value.shape)


def check_same(got: Values, expected: Values, tolerance: float = FLOAT64) -> None:
    """Fail unless two outcomes agree; the message names the first difference."""
    assert got.keys() == expected.keys(), f"names differ: {sorted(got.keys() ^ expected.keys())}"
    for name, right in expected.items():
        value = got[name]
        assert value.shape == right.shape, f"{name} has shape {tuple(value.shape)}, expected {tuple(right.shape)}"
        if right.numel():
            scale = max(1.0, right.abs().max().item())
            difference = (value - right).abs().max().item()
            assert difference <= tolerance * scale, f"{name} differs by {difference:.3g}, largest value {scale:.3g}"


def random_state(cell: es.Cell[Any], rows: int) -> Any:
    """Give a random start of a cell, float64."""
    like = torch.zeros((), dtype=torch.float64)
    return type(cell).State(*(torch.randn_like(part) for part in cell.initial_state(rows, like)))
