"""A step of a few lines, traced and interpreted, held against itself under autograd."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from agreement import check_same, gradients
from everystep.compiler.interpret import interpret
from everystep.compiler.ir import Leaf
from everystep.compiler.trace import Asked, trace
from everystep.compiler.trace_record import record

H, X, C = 6, 4, 3  # features of h, x and the context value c


def made_roots(**more):
    """Parameters that the snippets may read: square and wide matrices, heads, vectors, a number, a mask."""
    torch.manual_seed(0)
    shapes = {
        "W": (H, H),
        "U": (H, X),
        "W4": (4 * H, H),
        "heads": (3, 2, 2),
        "b": (H,),
        "d": (X,),
        "a": (),
        "A": (3, 2),
    }
    roots = {name: torch.randn(shape, dtype=torch.float64).requires_grad_() for name, shape in shapes.items()}
    mask = torch.tensor([True, False, True, True, False, True])
    return roots | {"mask": mask, "fixed": torch.randn(H, dtype=torch.float64)} | more


def made_modules():
    """Modules that the snippets may call."""
    torch.manual_seed(2)
    made = {
        "linear": nn.Linear(H, 5),
        "sequential": nn.Sequential(nn.Linear(H, 5), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 2)),
        "lstm_cell": nn.LSTMCell(X, H),
        "gru_cell": nn.GRUCell(X, H),
        "rnn_cell": nn.RNNCell(X, H),
    }
    return {name: module.double() for name, module in made.items()}


MODULES = made_modules()
PARAMETERS = {f"{m}.{name}": v for m, module in MODULES.items() for name, v in module.named_parameters()}


def namespace(roots):
    return SimpleNamespace(**roots, **MODULES)


def traced(step, roots=None, *, dtype=torch.float64, x_dtype=None, context=None):
    """Trace ``step(h, x, p)`` or ``step(h, x, p, c)``, whose value is tapped as v."""
    roots = made_roots() if roots is None else roots
    p = namespace(roots)

    def call(parts, streams, given, rows):
        return parts, parts[0] + 1, {"v": step(parts[0], streams["x"], p, *given.values())}

    asked = Asked(
        {"h": (H,)}, {"x": ((X,), x_dtype or dtype)}, {n: (s, dtype) for n, s in (context or {}).items()}, dtype
    )
    return trace(call, asked, roots | PARAMETERS)


def random_leaves(rows=3, context=None):
    torch.manual_seed(1)
    h, x = torch.randn(rows, H, dtype=torch.float64), torch.randn(rows, X, dtype=torch.float64)
    leaves = {Leaf("state", "h"): h.requires_grad_(), Leaf("x", "x"): x.requires_grad_()}
    for name, shape in (context or {}).items():
        size = [rows if n is None else n for n in (shape if None in shape else (None, *shape))]
        leaves[Leaf("row", name)] = torch.randn(size, dtype=torch.float64).requires_grad_()
    return leaves


def flat(leaf, value, context):
    """A leaf as the graph takes it: (rows, features)."""
    shape = (context or {}).get(leaf.name, ()) if leaf.kind == "row" else ()
    batch = shape.index(None) if None in shape else 0
    return value.movedim(batch, 0).flatten(1)


def check_step(step, roots=None, *, context=None, tolerance=1e-12):
    """Hold the traced step to the step itself: y and every gradient, on rows it was not traced on.

    1e-12: float64, the same sums in another order.
    """
    roots = made_roots() if roots is None else roots
    found = traced(step, roots, context=context)
    leaves = random_leaves(context=context)
    h, x, *given = leaves.values()
    y = step(h, x, namespace(roots), *given)
    roots = roots | PARAMETERS
    assert found.shapes["tap:v"] == tuple(y.shape[1:])
    got = interpret(found.graph, {k: flat(k, v, context) for k, v in leaves.items()}, found.prepare(roots))["tap:v"]
    by_name = {f"{k.kind} {k.name}": v for k, v in leaves.items()}
    by_name |= {name: v for name, v in roots.items() if v.requires_grad}
    check_same(outcome(got.reshape(y.shape), by_name), outcome(y, by_name), tolerance)
    return found


def operations(step):
    """The plain names of the operations that a snippet makes, other than on parameters alone."""
    roots, leaves = made_roots(), random_leaves()
    h, x = (value.detach() for value in leaves.values())
    calls, _ = record(lambda: step(h, x, namespace(roots)), {})
    return {call.name for call in calls}


def outcome(y, leaves):
    if y.dtype == torch.bool:
        return {"y": y.double()}
    return {"y": y} | (gradients({"y": y}, leaves) if y.requires_grad else {})
