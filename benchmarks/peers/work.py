"""What is timed: seven cells, their weights and inputs, the grid, and the operations that they ask for.

Every cell starts from zero, and y is what it shows at every step, (time, batch, hidden). W multiplies the state, U the
input, V reads out; the gates of one product lie in the order in which they are named here, σ is the logistic function.

elman     h' = tanh(W h + U x + b)
lstm      i, f, g, o = W h + U x + b;  c' = σ(f) c + σ(i) tanh(g);  h' = σ(o) tanh(c')
gru       r, z, n = U x + b;  n = tanh(n + σ(r) (W_n h + d));  h' = (1 - z) n + z h  with z = σ(z + W_z h)
jordan    s' = tanh(W y + U x + b);  y' = tanh(V s' + c)
lnlstm    as lstm, each gate normalised (scale, shift), and h' = σ(o) tanh(normalised c' (c_scale, c_shift))
mingru    z, n = U x + b;  h' = (1 - σ(z)) h + σ(z) n
peephole  f, g, o = W h + U x + b;  f = σ(f + p_f c);  c' = f c + (1 - f) tanh(g);  h' = σ(o + p_o c') tanh(c')
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

Array = np.ndarray
GATES = {"elman": 1, "lstm": 4, "gru": 3, "jordan": 1, "lnlstm": 4, "mingru": 2, "peephole": 3}
CELLS = tuple(GATES)
STATE_PARTS = {cell: 2 if cell in {"lstm", "lnlstm", "peephole"} else 1 for cell in CELLS}
MODES = ("train", "infer", "step")
EPSILON = 1e-5  # of layer normalisation


class Point(NamedTuple):
    """The sizes of one comparison."""

    steps: int
    rows: int
    inputs: int
    hidden: int


GRID = (
    Point(100, 1, 8, 32),
    Point(100, 32, 8, 32),
    Point(100, 32, 16, 64),
    Point(100, 64, 64, 128),
    Point(100, 32, 256, 256),
    Point(50, 128, 512, 512),
    Point(1000, 1, 64, 64),
    Point(1000, 16, 32, 128),
    Point(784, 32, 1, 128),
    Point(35, 20, 200, 200),
)
STEP_GRID = tuple(dict.fromkeys(Point(100, 1, point.inputs, point.hidden) for point in GRID))


def is_chaotic(cell: str, point: Point) -> bool:
    """Whether float32 and float64 part ways on every side: values can't be compared there.

    Layer normalisation of a gate that one input feeds magnifies a rounding at every step.
    """
    return cell == "lnlstm" and point.inputs == 1


def points(mode: str) -> tuple[Point, ...]:
    """The grid of a mode: single steps know no batch."""
    return STEP_GRID if mode == "step" else GRID


class Work(NamedTuple):
    """One thing to do.

    Attributes:
        mode: ``train`` (y, and the gradients of x and of every parameter), ``infer`` (y), ``step`` (y by single steps).
        cell: Which of ``CELLS``.
        point: Its sizes.
        parameters: By the names of the formulas.
        x: (time, batch, input).
        slope: The gradient of the loss ``(y * slope).sum()``, (time, batch, hidden).
    """

    mode: str
    cell: str
    point: Point
    parameters: dict[str, Array]
    x: Array
    slope: Array

    @property
    def operations(self) -> float:
        """Multiplications and additions of the matrix products; forward and backward together are three products."""
        steps, rows = self.point[:2]
        weights = sum(value.size for name, value in self.parameters.items() if name in {"W", "U", "V"})
        return 2.0 * steps * rows * weights * (3 if self.mode == "train" else 1)


def make(mode: str, cell: str, point: Point) -> Work:
    """Draw weights and inputs, the same at every call."""
    random = np.random.default_rng(0)
    steps, rows, inputs, hidden = point
    x = random.standard_normal((steps, rows, inputs), np.float32)
    slope = random.standard_normal((steps, rows, hidden), np.float32) / np.float32(np.sqrt(rows))
    return Work(mode, cell, point, _parameters(random, cell, inputs, hidden), x, slope)


def _parameters(random: np.random.Generator, cell: str, inputs: int, hidden: int) -> dict[str, Array]:
    bound, gates = 1 / np.sqrt(hidden), GATES[cell]
    shapes = {"U": (gates * hidden, inputs), "b": (gates * hidden,)}
    if cell != "mingru":
        shapes["W"] = (gates * hidden, hidden)
    shapes |= {
        "gru": {"d": (hidden,)},
        "jordan": {"V": (hidden, hidden), "c": (hidden,)},
        "lnlstm": {"scale": (4, hidden), "shift": (4, hidden), "c_scale": (hidden,), "c_shift": (hidden,)},
        "peephole": {"p_f": (hidden,), "p_o": (hidden,)},
    }.get(cell, {})
    around = {"scale": 1.0, "c_scale": 1.0}
    return {
        name: (around.get(name, 0.0) + random.uniform(-bound, bound, shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
