"""Cells with the weights of their ``torch.nn`` twins: the mapping of parameters, in one place."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import everystep as es
from agreement import Values, gradients


def lstm(module: nn.LSTM, suffix: str = "l0") -> es.cells.LSTM:
    cell = es.cells.LSTM(module.input_size, module.hidden_size).double()
    _copy(cell, module, suffix)
    return cell


def elman(module: nn.RNN, suffix: str = "l0") -> es.cells.Elman:
    cell = es.cells.Elman(module.input_size, module.hidden_size, sigma_h=str(module.nonlinearity)).double()
    _copy(cell, module, suffix)
    return cell


def gru(module: nn.GRU, suffix: str = "l0") -> es.cells.GRU:
    cell = es.cells.GRU(module.input_size, module.hidden_size).double()
    _copy(cell, module, suffix)
    hidden = module.hidden_size
    inside, outside = getattr(module, f"bias_hh_{suffix}"), getattr(module, f"bias_ih_{suffix}")
    with torch.no_grad():
        cell.b[2 * hidden :] = outside[2 * hidden :]
        cell.d.copy_(inside[2 * hidden :])
    return cell


def _copy(cell: Any, module: nn.RNNBase, suffix: str) -> None:
    with torch.no_grad():
        cell.W.copy_(getattr(module, f"weight_hh_{suffix}"))
        cell.U.copy_(getattr(module, f"weight_ih_{suffix}"))
        cell.b.copy_(getattr(module, f"bias_ih_{suffix}") + getattr(module, f"bias_hh_{suffix}"))


def torch_outcome(module: nn.RNNBase, x: Tensor, state: Any, *, reverse: bool = False) -> Values:
    """Give torch's y, final state and gradients under the names of our cell.

    Where torch has two biases that only ever appear as a sum, the gradient of either is the gradient of ours.
    """
    x = x.detach().requires_grad_()
    parts = [part.detach().requires_grad_() for part in state]
    start = tuple(part.unsqueeze(0) for part in parts)
    y, final = module(x.flip(0) if reverse else x, start if len(start) > 1 else start[0])
    finals = final if isinstance(final, tuple) else (final,)
    values = {"y": y.flip(0) if reverse else y}
    values |= {f"final {name}": part[0] for name, part in zip(state._fields, finals, strict=True)}
    leaves = {"x": x} | {f"state.{name}": part for name, part in zip(state._fields, parts, strict=True)}
    leaves |= {"W": module.weight_hh_l0, "U": module.weight_ih_l0, "b": module.bias_ih_l0}
    if not isinstance(module, nn.GRU):
        return values | gradients(values, leaves)
    found = gradients(values, leaves | {"d": module.bias_hh_l0})
    found["gradient of d"] = found["gradient of d"][2 * module.hidden_size :]
    return values | found
