"""What a step finds with argmax is an index as long as it is only moved and chosen; a lookup is held to its table."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from compiler.test_trace import refused
from compiler.tracing import H, made_roots, traced
from everystep.compiler.interpret import interpret
from everystep.compiler.ir import Leaf
from everystep.compiler.simplify import simplify

NAN = float("nan")

REFUSED = {  # what is the largest in the rows that are traced has a row, but not all of its kind have
    "an index of 6 is looked up in 3 rows; expected a table of 6 rows": lambda h, x, p: p.A[h.argmin(-1)],
    "an index of 6 is looked up in 4 rows; expected": lambda h, x, p: F.embedding(h.argmin(-1), p.d.diag()),
    "rows are looked up in what is no matrix of parameters": lambda h, x, p: p.heads[x[:, :3].argmax(-1)],
    "with scale_grad_by_freq or sparse gradients": lambda h, x, p: F.embedding(h.argmax(-1), p.W, sparse=True),
    "add gives int64; the step is compiled in float64": lambda h, x, p: p.W4[h.argmax(-1) + 1],
    "argmax over the batch axis mixes the rows": lambda h, x, p: p.W4[h.argmax(0)],
    "argmax of 6 groups of features": lambda h, x, p: (h.unsqueeze(-1) * x.unsqueeze(1)).argmax(-1) * h,
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_no_index_or_names_no_row_is_refused(message):
    assert message in refused(REFUSED[message])


@pytest.mark.parametrize("simplified", [False, True], ids=["traced", "simplified"])
@pytest.mark.parametrize(
    "row",
    [
        [1.0, 3.0, 2.0, 3.0, 3.0, 0.0],
        [1.0, NAN, 2.0, NAN, 9.0, 0.0],
        [float("-inf")] * H,
        [NAN] * H,
        [0.0, -0.0, 0.0, -0.0, -1.0, 0.0],
    ],
)
def test_the_first_of_equal_ones_and_the_first_nan_is_the_largest(row, simplified):
    graph = traced(lambda h, x, p: h.argmax(-1)).graph
    h = torch.tensor([row], dtype=torch.float64)
    leaves = {Leaf("state", "h"): h, Leaf("x", "x"): torch.zeros(1, 4, dtype=torch.float64)}
    found = interpret(simplify(graph) if simplified else graph, leaves, made_roots())
    assert found["tap:v"].tolist() == [[h.argmax(-1).item()]]


def test_an_index_may_be_tapped_and_is_told_to_be_one():
    found = traced(lambda h, x, p: h.argmax(-1))
    assert found.indices == {"tap:v"}
    assert not traced(lambda h, x, p: h.argmax(-1).double()).indices
