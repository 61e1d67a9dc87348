"""JAX beyond what autodiff gives: the LSTM's backward pass by hand, minGRU as an associative scan."""

from __future__ import annotations

import jax
from jax import lax
from jax import numpy as jnp

from benchmarks.peers import jax_steps
from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.jax_steps import sigmoid
from benchmarks.peers.work import Work


def prepare(work: Work) -> Contender:
    if work.mode == "train" and work.cell == "lstm":
        return jax_steps.contender(work, _lstm)
    if work.mode != "step" and work.cell == "mingru":
        return jax_steps.contender(work, _mingru)
    raise LeftOut("written for training LSTM, and for minGRU")


def _mingru(p, x):
    z, n = jnp.split(x @ p["U"] + p["b"], 2, -1)
    z = sigmoid(z)

    def joined(first, second):
        return first[0] * second[0], second[0] * first[1] + second[1]

    return lax.associative_scan(joined, (1 - z, z * n))[1]


@jax.custom_vjp
def _lstm(p, x):
    return _lstm_forward(p, x)[0]


def _lstm_forward(p, x):
    zeros = jnp.zeros((x.shape[1], p["W"].shape[0]), x.dtype)

    def body(state, a):
        h, c_before = state
        i, f, g, o = jnp.split(a + h @ p["W"], 4, -1)
        i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
        c = f * c_before + i * g
        h = o * jnp.tanh(c)
        return (h, c), (h, (c_before, c, i, f, g, o))

    y, kept = lax.scan(body, (zeros, zeros), x @ p["U"] + p["b"])[1]
    return y, (p, x, y, kept)


def _lstm_backward(saved, dy):
    p, x, y, kept = saved
    zeros = jnp.zeros_like(y[0])

    def body(gradients, step):
        (dh, dc), (dy, (c_before, c, i, f, g, o)) = gradients, step
        dh, shown = dh + dy, jnp.tanh(c)
        dc = dc + dh * o * (1 - shown * shown)
        gates = dc * g * i * (1 - i), dc * c_before * f * (1 - f), dc * i * (1 - g * g), dh * shown * o * (1 - o)
        da = jnp.concatenate(gates, -1)
        return (da @ p["W"].T, dc * f), da

    da = lax.scan(body, (zeros, zeros), (dy, kept), reverse=True)[1]
    flat = da.reshape(-1, da.shape[-1])
    before = jnp.concatenate([zeros[None], y[:-1]]).reshape(len(flat), -1)
    of_parameters = {"U": x.reshape(len(flat), -1).T @ flat, "W": before.T @ flat, "b": flat.sum(0)}
    return of_parameters, da @ p["U"].T


_lstm.defvjp(_lstm_forward, _lstm_backward)
