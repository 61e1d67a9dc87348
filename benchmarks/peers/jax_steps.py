"""The seven cells in JAX: one step each, from what the input contributes, the state and the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from benchmarks.peers.contender import Contender
from benchmarks.peers.work import EPSILON, STATE_PARTS, Work

TURNED = {"U", "W", "V"}  # held as (columns, rows), so that a product needs no transposition
sigmoid = jax.nn.sigmoid


def _normalised(a):
    a = a - a.mean(-1, keepdims=True)
    return a * lax.rsqrt((a * a).mean(-1, keepdims=True) + EPSILON)


def elman(a, state, p):
    return (jnp.tanh(a + state[0] @ p["W"]),)


def lstm(a, state, p):
    h, c = state
    i, f, g, o = jnp.split(a + h @ p["W"], 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def gru(a, state, p):
    (h,) = state
    from_x, from_h = jnp.split(a, 3, -1), jnp.split(h @ p["W"], 3, -1)
    z = sigmoid(from_x[1] + from_h[1])
    n = jnp.tanh(from_x[2] + sigmoid(from_x[0] + from_h[0]) * (from_h[2] + p["d"]))
    return ((1 - z) * n + z * h,)


def jordan(a, state, p):
    return (jnp.tanh(jnp.tanh(a + state[0] @ p["W"]) @ p["V"] + p["c"]),)


def lnlstm(a, state, p):
    h, c = state
    gates = _normalised((a + h @ p["W"]).reshape(len(h), 4, -1)) * p["scale"] + p["shift"]
    i, f, g, o = (gates[:, n] for n in range(4))
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(_normalised(c) * p["c_scale"] + p["c_shift"]), c


def mingru(a, state, p):  # noqa: ARG001
    z, n = jnp.split(a, 2, -1)
    z = sigmoid(z)
    return ((1 - z) * state[0] + z * n,)


def peephole(a, state, p):
    h, c = state
    f, g, o = jnp.split(a + h @ p["W"], 3, -1)
    f = sigmoid(f + p["p_f"] * c)
    c = f * c + (1 - f) * jnp.tanh(g)
    return sigmoid(o + p["p_o"] * c) * jnp.tanh(c), c


STEPS = {step.__name__: step for step in (elman, lstm, gru, jordan, lnlstm, mingru, peephole)}


def parameters(work: Work) -> dict[str, jax.Array]:
    return {name: jnp.asarray(value.T if name in TURNED else value) for name, value in work.parameters.items()}


def zeros(work: Work) -> tuple[jax.Array, ...]:
    return (jnp.zeros((work.point.rows, work.point.hidden), jnp.float32),) * STATE_PARTS[work.cell]


def contender(work: Work, forward: Callable[..., Any]) -> Contender:
    """Make a side of ``forward(parameters, x) -> y``, compiled as a whole."""
    p, x, slope = parameters(work), jnp.asarray(work.x), jnp.asarray(work.slope)
    if work.mode == "infer":
        compiled = jax.jit(forward)
        return Contender(lambda: jax.block_until_ready(compiled(p, x)), lambda y: {"y": np.asarray(y)})

    def loss(p, x):
        y = forward(p, x)
        return (y * slope).sum(), y

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1), has_aux=True))
    return Contender(lambda: jax.block_until_ready(compiled(p, x)), _arrays)


def _arrays(result):
    (_, y), (of_parameters, of_x) = result
    named = {f"d{name}": np.asarray(v).T if name in TURNED else np.asarray(v) for name, v in of_parameters.items()}
    return {"y": np.asarray(y), "dx": np.asarray(of_x), **named}
