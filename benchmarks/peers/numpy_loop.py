"""NumPy by hand, forward only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.work import EPSILON, STATE_PARTS, Array, Work

State = tuple[Array, ...]


def prepare(work: Work) -> Contender:
    if work.mode == "train":
        raise LeftOut("no gradients")
    p = {name: value.T if name in {"U", "W", "V"} else value for name, value in work.parameters.items()}
    start = (np.zeros((work.point.rows, work.point.hidden), np.float32),) * STATE_PARTS[work.cell]
    run = _steps if work.mode == "step" else _sequence
    return Contender(lambda: run(STEPS[work.cell], work.x, start, p), lambda outputs: {"y": np.stack(outputs)})


def _steps(step: Callable[..., State], xs: Array, state: State, p: dict[str, Array]) -> list[Array]:
    outputs = []
    for x in xs:
        state = step(x @ p["U"] + p["b"], state, p)
        outputs.append(state[0])
    return outputs


def _sequence(step: Callable[..., State], x: Array, state: State, p: dict[str, Array]) -> Array:
    steps, rows, inputs = x.shape
    from_x = (x.reshape(steps * rows, inputs) @ p["U"] + p["b"]).reshape(steps, rows, -1)
    y = np.empty((steps, *state[0].shape), np.float32)
    for t in range(steps):
        state = step(from_x[t], state, p)
        y[t] = state[0]
    return y


def _sigmoid(a: Array) -> Array:
    return 1 / (1 + np.exp(-a))


def _normalised(a: Array) -> Array:
    a = a - a.mean(-1, keepdims=True)
    return a / np.sqrt((a * a).mean(-1, keepdims=True) + EPSILON)


def elman(a: Array, state: State, p: dict[str, Array]) -> State:
    return (np.tanh(a + state[0] @ p["W"]),)


def lstm(a: Array, state: State, p: dict[str, Array]) -> State:
    h, c = state
    size = h.shape[1]
    a = a + h @ p["W"]
    open_ = _sigmoid(a)  # all four at once: one call costs more than a quarter of its values
    c = open_[:, size : 2 * size] * c + open_[:, :size] * np.tanh(a[:, 2 * size : 3 * size])
    return open_[:, 3 * size :] * np.tanh(c), c


def gru(a: Array, state: State, p: dict[str, Array]) -> State:
    (h,) = state
    size = h.shape[1]
    from_h = h @ p["W"]
    open_ = _sigmoid(a[:, : 2 * size] + from_h[:, : 2 * size])
    n = np.tanh(a[:, 2 * size :] + open_[:, :size] * (from_h[:, 2 * size :] + p["d"]))
    return (n + open_[:, size:] * (h - n),)


def jordan(a: Array, state: State, p: dict[str, Array]) -> State:
    return (np.tanh(np.tanh(a + state[0] @ p["W"]) @ p["V"] + p["c"]),)


def lnlstm(a: Array, state: State, p: dict[str, Array]) -> State:
    h, c = state
    gates = _normalised((a + h @ p["W"]).reshape(len(h), 4, -1)) * p["scale"] + p["shift"]
    open_ = _sigmoid(gates)
    c = open_[:, 1] * c + open_[:, 0] * np.tanh(gates[:, 2])
    return open_[:, 3] * np.tanh(_normalised(c) * p["c_scale"] + p["c_shift"]), c


def mingru(a: Array, state: State, p: dict[str, Array]) -> State:  # noqa: ARG001
    (h,) = state
    size = h.shape[1]
    return (h + _sigmoid(a[:, :size]) * (a[:, size:] - h),)


def peephole(a: Array, state: State, p: dict[str, Array]) -> State:
    h, c = state
    size = h.shape[1]
    a = a + h @ p["W"]
    g = np.tanh(a[:, size : 2 * size])
    c = g + _sigmoid(a[:, :size] + p["p_f"] * c) * (c - g)
    return _sigmoid(a[:, 2 * size :] + p["p_o"] * c) * np.tanh(c), c


STEPS = {step.__name__: step for step in (elman, lstm, gru, jordan, lnlstm, mingru, peephole)}
