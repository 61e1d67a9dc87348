"""torch: nn.RNN, nn.LSTM and nn.GRU; for single steps nn.RNNCell, nn.LSTMCell and nn.GRUCell."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.peers import torch_work
from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.work import Work

LAYERS = {"elman": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
ONE_STEP = {"elman": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}


def prepare(work: Work) -> Contender:
    if work.cell not in LAYERS:
        raise LeftOut("torch.nn has no such layer")
    if work.mode == "step":
        return _steps(work)
    return whole(work, LAYERS[work.cell])


def whole(work: Work, kind: type[nn.Module]) -> Contender:
    """Make a side that runs a layer, torch's or one that takes its place, over whole sequences."""
    layer = _filled(kind(work.point.inputs, work.point.hidden), work, "_l0")
    leaves = {"U": layer.weight_ih_l0, "W": layer.weight_hh_l0, "b": layer.bias_ih_l0, "d": layer.bias_hh_l0}
    side = torch_work.contender(work, lambda x: layer(x)[0], leaves)
    return side._replace(arrays=lambda result: _named(work, side.arrays(result)))


def _named(work: Work, arrays: dict[str, Any]) -> dict[str, Any]:
    """The second bias is only the GRU's d, and there only the candidate's."""
    second = arrays.pop("dd", None)
    return arrays | {"dd": second[-work.point.hidden :]} if work.cell == "gru" and second is not None else arrays


def _filled(layer: nn.Module, work: Work, suffix: str) -> Any:
    values = {name: torch.tensor(value) for name, value in work.parameters.items()}
    second = torch.zeros_like(values["b"])
    if work.cell == "gru":
        second[-work.point.hidden :] = values["d"]
    named = {"weight_ih": values["U"], "weight_hh": values["W"], "bias_ih": values["b"], "bias_hh": second}
    layer.load_state_dict({name + suffix: value for name, value in named.items()})
    return layer


def _steps(work: Work) -> Contender:
    layer = _filled(ONE_STEP[work.cell](work.point.inputs, work.point.hidden), work, "")
    zeros = torch.zeros(work.point.rows, work.point.hidden)

    def two_parts(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        state = layer(x, state)
        return state[0], state

    def one_part(x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = layer(x, state)
        return state, state

    if work.cell == "lstm":
        return torch_work.one_by_one(work, two_parts, lambda: (zeros, zeros))
    return torch_work.one_by_one(work, one_part, lambda: zeros)
