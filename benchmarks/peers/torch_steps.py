"""The seven cells for a loop in torch: one step each, from what the input contributes, the state and the parameters.

Written for speed, as one who has to live with a loop would: sums inside the products, the input's product outside the
loop, W and V transposed once. TorchScript reads this file too, hence the old names of types.
"""

from collections.abc import Callable
from typing import Dict, List  # noqa: UP035 - the types that TorchScript knows

import torch
from torch import Tensor
from torch.nn import functional as F

State = List[Tensor]  # noqa: UP006
Parameters = Dict[str, Tensor]  # noqa: UP006


def elman(a: Tensor, state: State, p: Parameters) -> State:
    return [torch.tanh(torch.addmm(a, state[0], p["W"]))]


def lstm(a: Tensor, state: State, p: Parameters) -> State:
    i, f, g, o = torch.addmm(a, state[0], p["W"]).chunk(4, 1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return [torch.sigmoid(o) * torch.tanh(c), c]


def gru(a: Tensor, state: State, p: Parameters) -> State:
    h = state[0]
    from_x_r, from_x_z, from_x_n = a.chunk(3, 1)
    from_h_r, from_h_z, from_h_n = torch.mm(h, p["W"]).chunk(3, 1)
    n = torch.tanh(from_x_n + torch.sigmoid(from_x_r + from_h_r) * (from_h_n + p["d"]))
    return [torch.lerp(n, h, torch.sigmoid(from_x_z + from_h_z))]


def jordan(a: Tensor, state: State, p: Parameters) -> State:
    s = torch.tanh(torch.addmm(a, state[0], p["W"]))
    return [torch.tanh(torch.addmm(p["c"], s, p["V"]))]


def lnlstm(a: Tensor, state: State, p: Parameters) -> State:
    hidden = state[0].shape[1]
    gates = torch.addmm(a, state[0], p["W"]).view(-1, 4, hidden)
    i, f, g, o = (F.layer_norm(gates, [hidden]) * p["scale"] + p["shift"]).unbind(1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return [torch.sigmoid(o) * torch.tanh(F.layer_norm(c, [hidden], p["c_scale"], p["c_shift"])), c]


def mingru(a: Tensor, state: State, p: Parameters) -> State:  # noqa: ARG001
    z, n = a.chunk(2, 1)
    return [torch.lerp(state[0], n, torch.sigmoid(z))]


def peephole(a: Tensor, state: State, p: Parameters) -> State:
    f, g, o = torch.addmm(a, state[0], p["W"]).chunk(3, 1)
    c = torch.lerp(torch.tanh(g), state[1], torch.sigmoid(torch.addcmul(f, p["p_f"], state[1])))
    return [torch.sigmoid(torch.addcmul(o, p["p_o"], c)) * torch.tanh(c), c]


STEPS = {step.__name__: step for step in (elman, lstm, gru, jordan, lnlstm, mingru, peephole)}


def loop_over(step: Callable[..., State]) -> Callable[..., Tensor]:
    """Make the loop over time of a step."""

    def loop(x: Tensor, state: State, p: Parameters) -> Tensor:
        outputs: State = []
        for a in F.linear(x, p["U"], p["b"]).unbind(0):
            state = step(a, state, p)
            outputs.append(state[0])
        return torch.stack(outputs)

    return loop


def mingru_loop(x: Tensor, state: State, p: Parameters) -> Tensor:
    """The gate of this cell sees x alone, so all of it stands before the loop."""
    outputs: State = []
    z, n = F.linear(x, p["U"], p["b"]).chunk(2, 2)
    z = torch.sigmoid(z)
    written, kept = z * n, 1 - z
    h = state[0]
    for t in range(x.shape[0]):
        h = torch.addcmul(written[t], kept[t], h)
        outputs.append(h)
    return torch.stack(outputs)


LOOPS = {name: loop_over(step) for name, step in STEPS.items()} | {"mingru": mingru_loop}


def ready(parameters: Parameters) -> Parameters:
    """Turn the weights of the loop round, once a sequence."""
    return {name: value.t() if name in {"W", "V"} else value for name, value in parameters.items()}
