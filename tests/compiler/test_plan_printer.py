"""Every plan can be told, whatever is in it, and nothing that a plan stores is left out."""

from __future__ import annotations

from hypothesis import given, settings

from compiler.random_graphs import Sample, graphs
from everystep.compiler.backward import backward_step
from everystep.compiler.formulas import look
from everystep.compiler.ir import Graph, View
from everystep.compiler.naming import Names, backward_names, forward_names
from everystep.compiler.plan_printer import graph_text, plan_text
from everystep.compiler.planner import plan
from everystep.compiler.simplify import simplify


def stored(one):
    return {store.spot.place.space for sweep in one.sweeps for store in sweep.stores}


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_every_plan_can_be_told_with_names_and_without(sample: Sample):
    graph = simplify(sample.graph)
    back = backward_step(graph, [], sample.roots)
    forward = plan(Graph({**graph.outputs, **{f"kept:{n}": node for n, node in back.kept.items()}}))
    backward = plan(back.graph, deferred=back.deferred)
    names = forward_names(sample.graph, {name: tuple(root.shape) for name, root in sample.roots.items()}, {})
    assert graph_text(sample.graph, names)
    for one, own in ((forward, names), (backward, backward_names(names, graph, forward, backward, sample.roots))):
        for text in (plan_text(one, own), plan_text(one, Names(backward=one is backward))):
            assert text.count("sweep ") == len(one.sweeps)
            assert text.count(" += ") == len(one.reductions)
            assert ("leave for all steps" in text) == ("chunk" in stored(one))


def test_a_look_at_a_parameter_is_told_as_the_slice_that_it_is():
    shapes = {"W": (6, 4), "b": (6,)}
    assert look(View("W", 8, (1, 4), (4, 2)), shapes) == "W[2:4].T"
    assert look(View("W", 9, (4, 1), (3, 2)), shapes) == "W[2:5, 1:3]"
    assert look(View("W", 0, (4, 1), (6, 4)), shapes) == "W"
    assert look(View("b", 2, (1,), (3,)), shapes) == "b[2:5]"
    assert look(View("W", 0, (2, 1), (6, 4)), shapes) == "W[0+2+1: 6x4]"
    assert look(View("b", 0, (2,), (3,)), shapes) == "b[0+2: 3]"
