"""Read a state-space system off the Hankel matrix of an impulse response.

Source: Ho and Kalman (1966), "Effective construction of linear state-variable models from input/output functions"; by
singular values, Kung (1978), "A new identification and model reduction algorithm". Both start at the response one step
after the impulse; here it starts at g(0) = VU, because y(t) reads the state after x(t) entered it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Realisation(NamedTuple):
    """A system s' = W s + U x, y = V s'."""

    W: Array  # (state, state)
    U: Array  # (state, input)
    V: Array  # (output, state)


def hankel(g: Array, blocks: int, shift: int = 0) -> Array:
    """Lay out g(i + j + shift), i and j from 0 to blocks - 1: (..., blocks output, blocks input).

    Example:
        >>> import numpy as np
        >>> from everystep.identify.hankel import hankel
        >>> hankel(np.array([1, 1, 1, 0, 0]).reshape(5, 1, 1), 3)
        array([[1, 1, 1],
               [1, 1, 0],
               [1, 0, 0]])
    """
    *lead, _, outputs, inputs = g.shape
    place = np.arange(blocks)
    laid = g[..., place[:, None] + place + shift, :, :].swapaxes(-3, -2)  # (..., i, output, j, input)
    return laid.reshape(*lead, blocks * outputs, blocks * inputs)


def realise(g: Array, blocks: int, size: int) -> Realisation:
    """Make the balanced system of a size whose impulse response is nearest to g.

    Args:
        g: (2 blocks, output, input), from g(0) on.
        blocks: Blocks of the Hankel matrix.
        size: State size, at most the rank of the Hankel matrix.

    Returns:
        W, U, V: exact, up to rounding, where the Hankel matrix has just this rank.
    """
    outputs, inputs = g.shape[1:]
    left, sizes, right = np.linalg.svd(hankel(g, blocks), full_matrices=False)
    root = np.sqrt(sizes[:size])
    seen, reached = left[:, :size] * root, root[:, None] * right[:size]  # what y shows of s, how x drives s
    W = (left[:, :size] / root).T @ hankel(g, blocks, shift=1) @ (right[:size].T / root)
    return Realisation(W, reached[:, :inputs], seen[:outputs])
