"""The written graph is stable and tells everything that a graph holds."""

from __future__ import annotations

from hypothesis import given, settings

from compiler.random_graphs import Sample, graphs
from compiler.test_interpret import lstm
from everystep.compiler import ir
from everystep.compiler.ir import Graph, View
from everystep.compiler.printer import written

LSTM = """\
in  x                                                            3
in  state:h                                                      5
in  state:c                                                      5
%1 = add(bias_ih[0+1: 20], bias_hh[0+1: 20])                     20
%2 = affine(%1 + x @ weight_ih[0+1+3: 3x20] + state:h @ weight_hh[0+1+5: 5x20]) 20  cell.py:3
%3 = slice(%2, 15:20)                                            5  cell.py:4
%4 = sigmoid(%3)                                                 5
%5 = slice(%2, 5:10)                                             5  cell.py:4
%6 = sigmoid(%5)                                                 5
%7 = mul(%6, state:c)                                            5  cell.py:5
%8 = slice(%2, 0:5)                                              5  cell.py:4
%9 = sigmoid(%8)                                                 5
%10 = slice(%2, 10:15)                                           5  cell.py:4
%11 = tanh(%10)                                                  5
%12 = mul(%9, %11)                                               5
%13 = add(%7, %12)                                               5  cell.py:5
%14 = tanh(%13)                                                  5
%15 = mul(%4, %14)                                               5  cell.py:6
out state:h = %15
out state:c = %13
out y = %15"""

EVERY_KIND = """\
in  flag:reset                                                   1 truth
in  row:start                                                    2
in  x                                                            4
%1 = where(flag:reset, row:start, 0.0)                           2
%2 = or(flag:reset, true)                                        1 truth
%3 = cat(%1, x)                                                  6
%4 = affine(%3 @ V[1+1+7: 6x1])                                  1
%5 = spread(%4)                                                  3
out state:h = %1
out truth = %2
out y = %5
out bias = b[0+1: 3]"""


def test_an_lstm_reads_as_it_always_did():
    assert written(lstm()) == LSTM


def test_every_kind_of_node_reads_as_it_always_did():
    flag, start, x = ir.leaf("flag", "reset", 1, truth=True), ir.leaf("row", "start", 2), ir.leaf("x", "x", 4)
    state = ir.make("where", flag, start, ir.constant(0.0))
    truth = ir.make("or", flag, ir.constant(1.0, truth=True))
    y = ir.spread(ir.affine([ir.cat([state, x])], [View("V", 1, (1, 7), (6, 1))]), 3)
    bias = ir.vector(View("b", 0, (1,), (3,)))
    assert written(Graph({"state:h": state, "truth": truth, "y": y, "bias": bias})) == EVERY_KIND


@settings(max_examples=50, deadline=None)
@given(graphs())
def test_every_value_has_a_line_and_is_written_before_it_is_used(sample: Sample):
    nodes = sample.graph.nodes()
    lines = written(sample.graph).split("\n")
    assert len(lines) == sum(n.op not in {"vector", "constant"} for n in nodes) + len(sample.graph.outputs)
    seen: set[str] = set()
    for line in lines:
        if line.startswith("%"):
            name, formula = line.split(" = ")
            used = {
                word.strip("(),") for word in formula.split() for word in [word.split("(")[-1]] if word.startswith("%")
            }
            assert used <= seen
            seen.add(name)
