"""Steps made at random, run over time by compiled code and by interpreting their graphs."""

from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from agreement import check_same
from compiler.random_graphs import EVERYTHING, SMOOTH, graphs
from engines.llvm_steps import compiled, interpreted, passes_of, run, sequence
from everystep.compiler import planner
from everystep.engines.llvm import passes

# Float64 on both sides; sums run in another order, and random steps may enlarge a rounding a thousand times.
TOLERANCE = 1e-9
# Every example is a step to compile, so a failing one is shown as it was found.
FEW = settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.reuse, Phase.generate]
)
SEEN = tuple(op for op in SMOOTH if op != "stop")  # which hides from autograd what differences see
STEPS = st.sampled_from([1, 2, 3, 7])
ROWS = st.sampled_from([1, 2, 3, 5, 7, 8, 9, 17])


@FEW
@given(graphs(EVERYTHING), STEPS, ROWS, st.booleans())
def test_random_steps_give_what_their_graphs_say_and_its_gradients(sample, steps, rows, reverse):
    one = sequence(sample, steps, rows, reverse=reverse)
    check_same(compiled(one), interpreted(one), TOLERANCE)


@FEW
@given(graphs(EVERYTHING, most=8), STEPS, ROWS)
def test_hoisting_changes_not_a_bit(sample, steps, rows):
    one = sequence(sample, steps, rows)
    outcomes = []
    for widest in (0, 10**6):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(passes, "plan", partial(planner.plan, widest_fused=widest))
            outcomes.append(compiled(one))
    hoisted, fused = outcomes
    for name, value in hoisted.items():
        if (
            "roots" not in name
        ):  # gradients of parameters are summed over chunks of time, which may be of another length
            assert torch.equal(value, fused[name]), name


@settings(FEW, max_examples=4)
@given(graphs(SEEN, most=5), st.sampled_from([2, 3]), st.sampled_from([1, 2]))
def test_gradients_agree_with_finite_differences(sample, steps, rows):
    one = sequence(sample, steps, rows)
    names = [(kind, name) for kind, of in one.given._asdict().items() for name, v in of.items() if v.requires_grad]
    code = passes_of(one)

    def function(*values):
        for (kind, name), value in zip(names, values, strict=True):
            getattr(one.given, kind)[name] = value
        outputs, last = run(one, code)
        return (*outputs.values(), *last.values())

    inputs = [getattr(one.given, kind)[name] for kind, name in names]
    assert torch.autograd.gradcheck(function, inputs)
