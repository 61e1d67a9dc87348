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

# One cell of every kind of step: the notes' five, sums over features, parameters that are prepared and a readout after
# the loop, a start of its own. What costs seconds a cell and looks at what runs a step, not at the step, takes these.
REPRESENTATIVE = (
    "elman", "gru", "gru_before", "jordan", "layernorm_lstm", "linear", "lru", "lstm", "slstm",
)  # fmt: skip
SUMS_OF_WEIGHTS = {"n"}  # parts that a cell divides by: more than 0


def outcome(cell: Any, x: Any, state: Any, **arguments: Any) -> Values:
    """Unroll a cell and give y, the final state, what is recorded, and the gradient of everything, by name."""
    leaves = {name: leaf_of(value) for name, value in named("x", x).items()}
    leaves |= {f"state.{name}": leaf_of(part) for name, part in state._asdict().items()}
    started = type(state)(*(leaves[f"state.{name}"] for name in state._fields))
    given = leaves["x"] if isinstance(x, Tensor) else type(x)(*(leaves[f"x.{name}"] for name in x._fields))
    if arguments.get("context") is not None:
        context = arguments["context"]
        own = {f"context.{name}": leaf_of(value) for name, value in context._asdict().items()}
        arguments["context"], leaves = type(context)(*own.values()), leaves | own
    if arguments.get("forced"):
        own = {f"forced {name}": leaf_of(values) for name, (values, _) in arguments["forced"].items()}
        arguments["forced"] = {name: (own[f"forced {name}"], w) for name, (_, w) in arguments["forced"].items()}
        leaves |= own
    out = es.unroll(cell, given, started, **arguments)
    values = {"y": out.y} | {f"final {name}": part for name, part in out.state._asdict().items()}
    values |= {f"record {name}": value for name, value in out.record.items()}
    parameters = dict(cell.named_parameters()) if isinstance(cell, torch.nn.Module) else {}
    wanted = {name: value for name, value in (leaves | parameters).items() if value.requires_grad}
    return values | gradients(values, wanted)


def named(name: str, value: Any) -> Values:
    """Give a tensor, or each field of a NamedTuple of them, by name."""
    return {name: value} if isinstance(value, Tensor) else {f"{name}.{n}": v for n, v in value._asdict().items()}


def leaf_of(value: Tensor) -> Tensor:
    """Give the same values as the start of a graph of their own."""
    return value.detach().requires_grad_(value.is_floating_point())


def gradients(values: Values, leaves: Values) -> Values:
    """Give the gradient of one fixed, uneven sum of all values with respect to each leaf."""
    floating = [value for value in values.values() if value.is_floating_point()]
    total = sum(((value * weights_like(value)).sum() for value in floating), torch.zeros(()))
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
            scale = max(1.0, right.double().abs().max().item())
            difference = (value.double() - right.double()).abs().max().item()
            assert difference <= tolerance * scale, f"{name} differs by {difference:.3g}, largest value {scale:.3g}"


def random_state(cell: es.Cell[Any], rows: int, dtype: torch.dtype = torch.float64) -> Any:
    """Give a random start of a cell, one that its steps may lead to."""
    like = torch.zeros((), dtype=dtype)
    parts = {part: torch.randn_like(zero) for part, zero in cell.initial_state(rows, like)._asdict().items()}
    return cell.State(**{part: v.abs() + 0.1 if part in SUMS_OF_WEIGHTS else v for part, v in parts.items()})
