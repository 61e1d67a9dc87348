"""A plan that its regions could not carry out is refused before it becomes code."""

from dataclasses import replace

import pytest

from everystep.compiler import regions
from everystep.compiler.checker import BrokenGraphError
from everystep.compiler.ir import Graph, View, affine, leaf, make
from everystep.compiler.plan_checker import check_plan
from everystep.compiler.planner import plan


def one_step_back():
    """What multiplies a wide product of a gradient by something of the state before."""
    h, g = leaf("before", "h", 5), leaf("gradient", "y", 40)
    back = affine([g], [View("V", 0, (5, 1), (40, 5))])
    return Graph({"state:h": make("mul", back, make("sign", h))})


def test_the_state_one_step_back_is_never_read_at_all_steps_at_once(monkeypatch):
    made = plan(one_step_back(), sequences=None)
    assert all(place.space != "previous" for sweep in made.before for place in sweep.places())
    monkeypatch.setattr(regions, "_STEP_BY_STEP", ("state", "row"))  # as it was once
    with pytest.raises(BrokenGraphError, match="before the loop Place"):
        plan(one_step_back(), sequences=None)


def test_what_no_sweep_stored_is_not_read():
    x = leaf("x", "x", 40)
    made = plan(Graph({"y": affine([make("tanh", x)], [View("V", 0, (1, 40), (40, 5))])}), widest_fused=0)
    assert len(made.before) > 1
    with pytest.raises(BrokenGraphError, match="read before anything is stored"):
        check_plan(replace(made, before=made.before[1:]))
