"""JAX as one first writes it: the whole step inside the scan, under jit."""

from __future__ import annotations

from jax import lax

from benchmarks.peers import jax_steps
from benchmarks.peers.contender import Contender, LeftOut
from benchmarks.peers.work import Work


def prepare(work: Work) -> Contender:
    if work.mode == "step":
        raise LeftOut("one step has no scan")
    step, start = jax_steps.STEPS[work.cell], jax_steps.zeros(work)

    def forward(p, xs):
        def body(state, x):
            state = step(x @ p["U"] + p["b"], state, p)
            return state, state[0]

        return lax.scan(body, start, xs)[1]

    return jax_steps.contender(work, forward)
