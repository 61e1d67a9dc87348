"""Stacks put together by hand from ``unroll`` alone: what layers are held against."""

from __future__ import annotations

import torch

import everystep as es
from agreement import gradients, leaf_of
from everystep.layers import flatten, unflatten


def some(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def random_like(state):
    """Give a random state nested like this one."""
    return unflatten({path: torch.randn_like(part) for path, part in flatten(state).items()}, like=state)


def layered(layer, x, state, **arguments):
    """Run a layer and give y, the final state, what is recorded, and the gradient of everything, by name."""
    leaves = {f"state.{path}": leaf_of(part) for path, part in flatten(state).items()} | {"x": leaf_of(x)}
    started = unflatten({path: leaves[f"state.{path}"] for path in flatten(state)}, like=state)
    out = layer(leaves["x"], started, **arguments)
    values = {"y": out.y} | {f"final {path}": part for path, part in flatten(out.state).items()}
    values |= {f"record {path}": value for path, value in out.record.items()}
    parameters = dict(layer.named_parameters())
    wanted = {name: value for name, value in (leaves | parameters).items() if value.requires_grad}
    return values | gradients(values, wanted)


def row_by_row(layer, x, state, lengths):
    """Run a layer over each row alone, without its padding."""
    answers = []
    for row, length in enumerate(lengths):
        alone = es.layers.select(state, [row])
        answers.append(layer(x[:length, row : row + 1], alone, record="all"))
    return answers
