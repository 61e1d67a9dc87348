"""What other packages have of the gallery: how they run it, and how their parameters become those of our cells.

A mapping is made of differentiable operations, so that the gradients of both sides are those of one set of parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

State = tuple[Tensor, ...]
Run = Callable[[Any, Tensor, State], tuple[Tensor, State | None]]


class Twin(NamedTuple):
    """One cell of another package.

    Attributes:
        package: Its name for pip.
        module: Its name for ``import``.
        make: The layer for an input size and a hidden size.
        parameters: The parameters of our cell, made of those of the layer.
        run: The layer over x (time, batch, input) from a state; gives y and the last state, None where it has none.
        start: The starts it takes: ``"any"``, ``"positive"``, ``"zero"``.
    """

    package: str
    module: str
    make: Callable[[int, int], nn.Module]
    parameters: Callable[[Any], Mapping[str, Tensor]]
    run: Run
    start: str = "any"


def installed() -> dict[str, Twin]:
    """The twins whose packages are here, by the names of our cells."""
    return {name: twin for name, twin in TWINS.items() if find_spec(twin.module)}


def _made(module: str, name: str, inputs: int, hidden: int, **settings: Any) -> nn.Module:
    return getattr(import_module(module), name)(inputs, hidden, **settings)


def _blocks(value: Tensor, order: str, ours: str) -> Tensor:
    """Put the gates of a parameter into our order."""
    parts = dict(zip(order.split(), value.chunk(len(order.split())), strict=True))
    return torch.cat([parts[gate] for gate in ours.split()])


# -- torchrecurrent


def _one_state(layer: Any, x: Tensor, state: State) -> tuple[Tensor, State]:
    y, last = layer(x, state[0].unsqueeze(0))
    return y, (last[0],)


def _two_states(layer: Any, x: Tensor, state: State) -> tuple[Tensor, State]:
    y, (h, c) = layer(x, (state[0].unsqueeze(0), state[-1].unsqueeze(0)))  # JANET's two are one
    return y, (h[0], c[0])[: len(state)]


def _gated(layer: Any, order: str = "", ours: str = "") -> dict[str, Tensor]:
    p = layer.cells[0]
    found = {"W": p.weight_hh, "U": p.weight_ih, "b": p.bias_ih + p.bias_hh}
    return {name: _blocks(value, order, ours) for name, value in found.items()} if order else found


def _peephole(layer: Any) -> dict[str, Tensor]:
    return _gated(layer) | {"p": layer.cells[0].weight_ph}


def _independent(layer: Any) -> dict[str, Tensor]:
    p = layer.cells[0]
    return {"w": p.vector_u, "U": p.weight_ih, "b": p.bias_ih + p.bias_hh}


def _oscillating(layer: Any) -> dict[str, Tensor]:
    p = layer.cells[0]
    return {"W": p.weight_hh, "W_z": p.weight_ch, "U": p.weight_ih, "b": p.bias_ih + p.bias_hh + p.bias_ch}


def _fast(layer: Any) -> dict[str, Tensor]:
    return _gated(layer) | {"zeta": layer.cells[0].zeta, "nu": layer.cells[0].nu}


def _multiplicative(layer: Any) -> dict[str, Tensor]:
    p = layer.cells[0]
    U_m, U = p.weight_ih.tensor_split([len(p.weight_hh)])
    return {"W_m": p.weight_hh, "U_m": U_m, "W": p.weight_mh, "U": U, "b": p.bias_mh}


def _stacked(layer: Any) -> dict[str, Tensor]:
    p = layer.cells[0]
    U, b = (_blocks(value, "candidate update", "update candidate") for value in (p.weight_ih, p.bias_ih))
    return {"W": p.weight_hh, "U": U, "b": b + torch.cat([p.bias_hh, torch.zeros_like(p.bias_hh)])}


def _make_janet(inputs: int, hidden: int) -> nn.Module:
    layer: Any = _made("torchrecurrent", "JANET", inputs, hidden)
    layer.cells[0].beta.requires_grad_(False)  # learned there, a constant in the paper and here
    return layer


def _recurrent(
    name: str, parameters: Callable[[Any], Mapping[str, Tensor]], run: Run = _one_state, **settings: Any
) -> Twin:
    make = partial(_made, "torchrecurrent", name, **settings)
    return Twin("torchrecurrent", "torchrecurrent", make, parameters, run)


# -- ncps


def _closed_form(layer: Any) -> dict[str, Tensor]:
    cell = layer.rnn_cell
    inputs = layer.input_size
    backbone, heads = cell.backbone[0], (cell.ff1, cell.ff2, cell.time_a, cell.time_b)
    return {
        "U": backbone.weight[:, :inputs], "W": backbone.weight[:, inputs:], "b": backbone.bias,
        "V": torch.cat([head.weight for head in heads]), "c": torch.cat([head.bias for head in heads]),
    }  # fmt: skip


def _make_cfc(inputs: int, hidden: int) -> nn.Module:
    return _made("ncps.torch", "CfC", inputs, hidden, batch_first=False, backbone_units=hidden, backbone_layers=1)


def _run_cfc(layer: Any, x: Tensor, state: State) -> tuple[Tensor, State]:
    y, h = layer(x, state[0])
    return y, (h,)


# -- minGRU-pytorch: batch first, without biases; its g adds 1/2 to a candidate that is not negative


def _minimal(weight: str, order: str, ours: str, layer: Any) -> dict[str, Tensor]:
    U = _blocks(getattr(layer, weight).weight, order, ours)
    hidden = U.shape[1]
    b = torch.cat([torch.zeros(len(U) - hidden), torch.full((hidden,), 0.5)])
    return {"U": U, "b": b.to(U)}


def _make_minimal(name: str, inputs: int, hidden: int) -> nn.Module:
    if inputs != hidden:
        raise ValueError(f"{name}: x has {inputs} features and the state {hidden}; the package has one size for both.")
    return getattr(import_module(f"minGRU_pytorch.{name}"), name)(hidden)


def _run_mingru(layer: Any, x: Tensor, state: State) -> tuple[Tensor, State]:
    y, last = layer(x.transpose(0, 1), state[0].unsqueeze(1), return_next_prev_hidden=True)
    return y.transpose(0, 1), (last[:, 0],)


def _run_minlstm(layer: Any, x: Tensor, state: State) -> tuple[Tensor, State]:  # noqa: ARG001 - starts at zero
    y, last = layer(x.transpose(0, 1), return_next_prev_hidden=True)
    return y.transpose(0, 1), (last[:, 0],)


# -- LRU-pytorch: row by row, step by step


def _linear(layer: Any) -> dict[str, Tensor]:
    return {
        "nu": layer.nu_log, "theta": layer.theta_log, "gamma": layer.gamma_log, "D": layer.D,
        "U": torch.cat([layer.B.real, layer.B.imag]), "V": torch.cat([layer.C.real, -layer.C.imag], dim=1),
    }  # fmt: skip


def _make_lru(inputs: int, hidden: int) -> nn.Module:
    return import_module("LRU_pytorch").LRU(inputs, hidden, hidden)


def _run_lru(layer: Any, x: Tensor, state: State) -> tuple[Tensor, None]:
    rows = zip(x.unbind(1), torch.complex(*state), strict=True)
    return torch.stack([layer(row, start) for row, start in rows], dim=1), None


TWINS: dict[str, Twin] = {
    "antisymmetric_rnn": _recurrent("AntisymmetricRNN", _gated, epsilon=0.1, gamma=0.01),
    "cfc": Twin("ncps", "ncps", _make_cfc, _closed_form, _run_cfc),
    "cornn": _recurrent("coRNN", _oscillating, _two_states, dt=0.042, gamma=2.7, epsilon=4.7),
    "fastgrnn": _recurrent("FastGRNN", _fast, nonlinearity="sigmoid"),
    "indrnn": _recurrent("IndRNN", _independent, nonlinearity="relu"),
    "indrnn_linear": _recurrent("IndRNN", _independent, nonlinearity="identity"),
    "janet": _recurrent("JANET", _gated, _two_states)._replace(make=_make_janet),
    "ligru": _recurrent("LiGRU", _gated),
    "lru": Twin("LRU-pytorch", "LRU_pytorch", _make_lru, _linear, _run_lru),
    "mgu": _recurrent("MGU", _gated),
    "mingru": Twin(
        "minGRU-pytorch", "minGRU_pytorch", partial(_make_minimal, "minGRU"),
        partial(_minimal, "to_hidden_and_gate", "candidate update", "update candidate"), _run_mingru, "positive",
    ),
    "minlstm": Twin(
        "minGRU-pytorch", "minGRU_pytorch", partial(_make_minimal, "minLSTM"),
        partial(_minimal, "to_hidden_and_f_i_gate", "candidate forget input", "forget input candidate"), _run_minlstm,
        "zero",
    ),
    "multiplicative_lstm": _recurrent(
        "MultiplicativeLSTM", _multiplicative, _two_states, bias=False, recurrent_bias=False
    ),
    "peephole_lstm": _recurrent("PeepholeLSTM", _peephole, _two_states),
    "star": _recurrent("STAR", _stacked),
    "ugrnn": _recurrent("UGRNN", partial(_gated, order="candidate update", ours="update candidate")),
}  # fmt: skip
