"""What regularises a cell: each held against its paper's equation by hand, on every engine, around any cell."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import everystep as es
from agreement import REPRESENTATIVE, check_same, outcome
from everystep.cells import CELLS
from everystep.layers import GaussianNoise, LayerNorm, LearnedStart, VariationalDropout, WeightDrop, Zoneout
from layers.by_hand import some

# A wrapper alone is tried around these: two parts, of which y is one; a part that the step also carries over.
SAMPLED = ("lstm", "gru")

WRAPPERS = {
    "zoneout": lambda cell: Zoneout(cell, **dict.fromkeys(cell.part_sizes, 0.4)),
    "variational dropout": lambda cell: VariationalDropout(cell, inputs=0.3, outputs=0.3, **{first_part(cell): 0.3}),
    "noise": lambda cell: GaussianNoise(cell, inputs=0.3, outputs=0.3, **{first_part(cell): 0.3}),
    "layer normalisation": lambda cell: LayerNorm(cell, "inputs", "outputs", first_part(cell)),
    "learned start": LearnedStart,
    "weight drop": lambda cell: WeightDrop(cell, **{next(iter(cell.named_parameters()))[0]: 0.5}),
    "weight normalisation": lambda cell: weight_norm(
        cell, next(name for name, p in cell.named_parameters() if p.ndim == 2)
    ),
}


def first_part(cell):
    return next(iter(cell.part_sizes))


def everything(cell):
    """Wrap a cell into all of them at once; what leaves it is dropped last."""
    cell = WRAPPERS["zoneout"](WRAPPERS["weight drop"](LearnedStart(LayerNorm(cell, "inputs"))))
    return VariationalDropout(GaussianNoise(cell, inputs=0.1), inputs=0.2, outputs=0.2)


def made(name, wrap, seed=0):
    torch.manual_seed(seed)
    return wrap(CELLS[name](3, 4)).double()


def agrees_compiled(cell, **arguments):
    x, start = some(5, 3, 3), cell.initial_state(3, some(0))
    state = cell.State(*(0.1 + torch.rand_like(part) for part in start))
    torch.manual_seed(1)
    compiled = outcome(cell, x, state, engine="llvm", **arguments)
    torch.manual_seed(1)
    check_same(compiled, outcome(cell, x, state, engine="reference", **arguments), tolerance=1e-10)  # as promised


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_any_cell_is_compiled_inside_all_of_them_and_agrees_with_the_plain_loop(name):
    agrees_compiled(made(name, everything))


@pytest.mark.parametrize("name", SAMPLED)
@pytest.mark.parametrize("kind", WRAPPERS)
def test_each_alone_is_compiled_and_agrees_with_the_plain_loop(kind, name):
    agrees_compiled(made(name, WRAPPERS[kind]), lengths=[5, 2, 0])


@pytest.mark.parametrize("kind", WRAPPERS)
def test_a_wrapped_cell_that_is_not_being_trained_is_compiled_too(kind):
    agrees_compiled(made("lstm", WRAPPERS[kind]).eval(), record="all")


def test_what_is_drawn_is_the_same_on_every_engine_and_anew_at_every_call():
    cell, x = made("lstm", everything), some(6, 3, 3)
    found = {}
    for engine in ("reference", "llvm", "auto"):
        torch.manual_seed(7)
        found[engine] = es.unroll(cell, x, engine=engine).y
    check_same({"y": found["llvm"]}, {"y": found["reference"]})
    assert torch.equal(found["auto"], found["llvm"])
    assert not torch.allclose(es.unroll(cell, x).y, found["auto"])


# -- zoneout


def test_zoneout_leaves_what_its_mask_says():
    cell = made("lstm", lambda cell: Zoneout(cell, h=0.3, c=0.6))
    x = some(6, 2, 3)
    torch.manual_seed(3)
    out = es.unroll(cell, x, record=["h", "c"])
    torch.manual_seed(3)
    stay_h, stay_c = torch.rand(6, 2, 4) < 0.3, torch.rand(6, 2, 4) < 0.6
    state = cell.initial_state(2, x)
    for t in range(6):
        (h, c), _ = cell.cell.step(state, x[t])
        state = cell.State(torch.where(stay_h[t], state.h, h), torch.where(stay_c[t], state.c, c))
        check_same(
            {"y": out.y[t], "h": out.record["h"][t], "c": out.record["c"][t]},
            {"y": state.h, "h": state.h, "c": state.c},
        )


def test_zoneout_that_forgets_y_is_seen():
    cell = made("lstm", lambda cell: Zoneout(cell, h=0.5))
    out = es.unroll(cell, some(6, 2, 3), record=["h"])
    assert torch.equal(out.y, out.record["h"])
    silent = es.unroll(cell.cell, some(1, 2, 3)).y[0]
    assert not torch.allclose(out.y[-1], silent)


def test_zoneout_of_what_is_not_trained_is_its_expectation():
    cell = made("gru", lambda cell: Zoneout(cell, h=0.25)).eval()
    x, h = some(4, 2, 3), some(2, 4)
    out = es.unroll(cell, x, cell.State(h))
    for t in range(4):
        h = 0.25 * h + 0.75 * cell.cell.step(cell.State(h), x[t])[1]
        check_same({"y": out.y[t]}, {"y": h})


@pytest.mark.parametrize(("rate", "moves"), [(0.0, True), (1.0, False)])
def test_zoneout_at_its_ends_moves_always_or_never(rate, moves):
    cell = made("gru", lambda cell: Zoneout(cell, h=rate))
    x, state = some(4, 2, 3), cell.State(some(2, 4))
    right = es.unroll(cell.cell, x, state).y if moves else state.h.expand(4, 2, 4)
    check_same({"y": es.unroll(cell, x, state).y}, {"y": right})


def test_how_often_zoneout_leaves_a_unit_is_its_rate():
    cell = made("gru", lambda cell: Zoneout(cell, h=0.3))
    h = es.unroll(cell, some(200, 50, 3)).y
    stayed = (h[1:] == h[:-1]).double().mean()
    assert abs(stayed - 0.3) < 0.01  # five standard errors of 39,800 coins


# -- variational dropout


def test_variational_dropout_drops_the_same_at_every_step_of_a_sequence():
    cell = made("lstm", lambda cell: VariationalDropout(cell, inputs=0.5, h=0.5, outputs=0.5))
    x = some(6, 5, 3)
    torch.manual_seed(3)
    out = es.unroll(cell, x)
    torch.manual_seed(3)
    of_x, of_y, of_h = (torch.empty(5, n, dtype=torch.float64).bernoulli_(0.5) / 0.5 for n in (3, 4, 4))
    state = cell.initial_state(5, x)
    for t in range(6):
        state, y = cell.cell.step(state._replace(h=state.h * of_h), x[t] * of_x)
        check_same({"y": out.y[t]}, {"y": y * of_y})
    assert not (of_y[0] == of_y[1]).all()  # rows have masks of their own


@pytest.mark.parametrize(
    "wrap", [lambda c: VariationalDropout(c, inputs=0.5, h=0.5), lambda c: GaussianNoise(c, h=1.0)]
)
def test_nothing_is_dropped_or_disturbed_where_nothing_is_trained(wrap):
    cell, x = made("lstm", wrap).eval(), some(4, 2, 3)
    assert torch.equal(es.unroll(cell, x).y, es.unroll(cell.cell, x).y)


def test_noise_is_as_strong_as_asked():
    cell = GaussianNoise(es.cells.LinearSystem(1, 1), outputs=0.5).double()
    x = torch.zeros(300, 100, 1, dtype=torch.float64)
    noise = es.unroll(cell, x).y
    assert abs(noise.std() - 0.5) < 0.01  # five standard errors of 30,000 draws
    assert abs(noise.mean()) < 0.015


# -- weights


def test_dropped_weights_are_dropped_for_the_whole_call():
    cell = made("lstm", lambda cell: WeightDrop(cell, W=0.5))
    x, state = some(6, 2, 3), cell.State(some(2, 4), some(2, 4))
    y = es.unroll(cell, x, state).y
    W = cell.cell.W.detach()
    kept = W != 0
    original = cell.cell.parametrizations.W.original.detach()
    assert 0.2 < kept.double().mean() < 0.8
    assert torch.equal(W[kept], original[kept] / 0.5)
    plain = made("lstm", lambda cell: cell)
    plain.load_state_dict({"W": W, "U": cell.cell.U, "b": cell.cell.b})
    check_same({"y": y}, {"y": es.unroll(plain, x, state).y})


def test_weights_are_dropped_anew_at_every_call_on_the_short_way_too():
    cell, x = made("lstm", lambda cell: WeightDrop(cell, W=0.5)), some(6, 2, 3)
    with torch.no_grad():
        assert len({es.unroll(cell, x).y.sum().item() for _ in range(4)}) == 4


@pytest.mark.parametrize("engine", ["llvm", "reference"])
def test_a_call_between_forward_and_backward_changes_no_gradient(engine):
    cell, x = made("lstm", lambda cell: WeightDrop(cell, W=0.5)), some(6, 2, 3)
    weight = cell.cell.parametrizations.W.original
    y = es.unroll(cell, x, engine=engine).y
    dropped = cell.cell.W == 0
    (expected,) = torch.autograd.grad(y.sum(), weight, retain_graph=True)
    es.unroll(cell, x, engine=engine)
    (after,) = torch.autograd.grad(y.sum(), weight)
    assert torch.equal(after, expected)
    assert not expected[dropped].any()
    assert expected[~dropped].any()


def test_weights_of_what_is_not_trained_are_whole_and_saved_without_their_mask():
    cell, x = made("gru", lambda cell: WeightDrop(cell, W=0.5)), some(4, 2, 3)
    plain = made("gru", lambda cell: cell)
    assert torch.equal(es.unroll(cell.eval(), x).y, es.unroll(plain, x).y)
    assert not [name for name in cell.state_dict() if "mask" in name]


def test_normalised_weights_are_prepared_before_the_loop():
    cell = weight_norm(made("lstm", lambda cell: cell), "W")
    with torch.no_grad():
        cell.parametrizations.W.original0.mul_(2)  # the lengths of the rows
    x = some(4, 2, 3)
    plain = made("lstm", lambda cell: cell)
    with torch.no_grad():
        plain.W.mul_(2)
    check_same({"y": es.unroll(cell, x, engine="llvm").y}, {"y": es.unroll(plain, x).y})


# -- starts, normalisation


def test_a_learned_start_is_where_sequences_and_episodes_begin():
    cell = made("lstm", LearnedStart)
    with torch.no_grad():
        cell.start["h"].normal_()
        cell.start["c"].normal_()
    x = some(5, 2, 3)
    resets = torch.zeros(5, 2, dtype=torch.bool)
    resets[3] = True
    out = es.unroll(cell, x, cell.State(some(2, 4), some(2, 4)), resets=resets)
    start = cell.State(cell.start["h"].expand(2, 4), cell.start["c"].expand(2, 4))
    check_same({"y": out.y[3:]}, {"y": es.unroll(cell.cell, x[3:], start).y})
    (gradient,) = torch.autograd.grad(out.y.sum(), cell.start["c"])
    assert gradient.all()


def test_layer_normalisation_stands_where_it_was_asked_for():
    cell = made("lstm", lambda cell: LayerNorm(cell, "inputs", "h", "outputs"))
    with torch.no_grad():
        for parameter in cell.norms.parameters():
            parameter.normal_()
    norms, x = cell.norms, some(3, 2, 3)
    out = es.unroll(cell, x)
    state = cell.initial_state(2, x)
    for t in range(3):
        state, y = cell.cell.step(state._replace(h=norms["at_h"](state.h)), norms["at_inputs"](x[t]))
        check_same({"y": out.y[t]}, {"y": norms["at_outputs"](y)})


# -- what they have in common


def test_wrappers_around_wrappers_do_what_each_does():
    cell = made("layernorm_lstm", lambda cell: Zoneout(VariationalDropout(cell, inputs=0.5, h=0.5), c=0.5))
    x = some(4, 3, 3)
    torch.manual_seed(3)
    out = es.unroll(cell, x)
    torch.manual_seed(3)
    of_x, of_h = (torch.empty(3, n, dtype=torch.float64).bernoulli_(0.5) / 0.5 for n in (3, 4))
    stay = torch.rand(4, 3, 4) < 0.5
    state = cell.initial_state(3, x)
    for t in range(4):
        after, y = cell.cell.cell.step(state._replace(h=state.h * of_h), x[t] * of_x)
        state = after._replace(c=torch.where(stay[t], state.c, after.c))
        check_same({"y": out.y[t]}, {"y": y})


def test_a_context_of_ones_own_rides_along():
    from typing import NamedTuple

    class Given(NamedTuple):
        bias: torch.Tensor

    class Biased(es.cells.GRU):
        def step(self, state, x, context):
            return super().step(state, x + context.bias)

    torch.manual_seed(0)
    cell = VariationalDropout(Zoneout(Biased(3, 4), h=0.5), inputs=0.5).double()
    x, context = some(4, 2, 3), Given(some(2, 3))
    found = []
    for engine in ("llvm", "reference"):
        torch.manual_seed(3)
        found.append(es.unroll(cell, x, context=context, engine=engine).y)
    check_same({"y": found[0]}, {"y": found[1]})
    still = cell.eval()
    expected = es.unroll(still.cell, x, context=context).y
    assert torch.equal(es.unroll(still, x, context=context).y, expected)


def test_a_cell_of_several_streams_is_wrapped_too():
    from typing import NamedTuple

    class Timed(NamedTuple):
        x: torch.Tensor
        gap: torch.Tensor

    class Decaying(es.Cell):
        State = es.cells.GRU.State

        def __init__(self):
            super().__init__({"x": 3, "gap": 1}, 4, h=4)
            self.cell = es.cells.GRU(3, 4)

        def step(self, state, x):
            return self.cell.step(state._replace(h=state.h * torch.exp(-x.gap)), x.x)

    torch.manual_seed(0)
    cell = Zoneout(Decaying(), h=0.5).double()
    found = []
    x = Timed(some(4, 2, 3), torch.rand(4, 2, 1, dtype=torch.float64))
    for engine in ("llvm", "reference"):
        torch.manual_seed(3)
        found.append(es.unroll(cell, x, engine=engine).y)
    check_same({"y": found[0]}, {"y": found[1]})
    with pytest.raises(es.errors.ArgumentError, match=r"x of Decaying has the streams \(x, gap\)"):
        VariationalDropout(Decaying(), inputs=0.5)


@pytest.mark.parametrize("kind", [kind for kind in WRAPPERS if not kind.startswith("weight")])
def test_a_wrapped_cell_survives_copying_and_pickling(kind):
    cell, x = made("lstm", WRAPPERS[kind]), some(4, 2, 3)
    expected = es.unroll(cell.eval(), x).y
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        assert torch.equal(es.unroll(other, x).y, expected)


def test_a_copy_drops_weights_of_its_own():
    cell, x = made("lstm", WRAPPERS["weight drop"]), some(4, 2, 3)
    es.unroll(cell, x)
    kept = cell.cell.W.clone()
    es.unroll(copy.deepcopy(cell), x)
    assert torch.equal(cell.cell.W, kept)


def test_a_stream_is_for_what_is_not_being_trained():
    cell = made("lstm", WRAPPERS["zoneout"])
    with pytest.raises(es.errors.ArgumentError, match=r"Zoneout is being trained .* call cell.eval\(\) first"):
        es.stream(cell)
    x = some(3, 1, 3)
    expected = es.unroll(cell.eval(), x).y
    stream = es.stream(cell)
    assert torch.equal(torch.stack([stream.step(now) for now in x]), expected)


def test_a_step_alone_says_that_nothing_was_drawn_for_it():
    cell = made("lstm", WRAPPERS["variational dropout"])
    with pytest.raises(es.errors.StepError, match="nothing was drawn for this step"):
        cell.step(cell.initial_state(1, some(0)), some(1, 3))


def test_wrapped_cells_are_explained_and_drawn():
    cell = made("lstm", everything)
    assert es.explain(cell).engine == "llvm"
    assert "<svg" in es.draw(cell.eval(), T=2)._repr_svg_()


def test_layers_take_wrapped_cells_in_both_directions():
    layer = es.layers.Recurrent(lambda i, h: Zoneout(es.cells.LSTM(i, h), h=0.1, c=0.3), [3, 4, 4], bidirectional=True)
    out = layer(torch.randn(5, 3, 3), lengths=[5, 2, 0], engine="llvm", record=["layer1.reverse.c"])
    assert out.y.shape == (5, 3, 8)
    assert out.engine == "llvm"


REFUSED = [
    (lambda: Zoneout(es.cells.LSTM, h=0.1), "Zoneout: cell is the class LSTM; expected a cell, such as LSTM("),
    (lambda: Zoneout(es.cells.GRU(3, 4), c=0.1), 'Zoneout: place "c" is unknown'),
    (lambda: Zoneout(es.cells.GRU(3, 4), inputs=0.1), 'Zoneout: state part "inputs" is unknown'),
    (lambda: Zoneout(es.cells.GRU(3, 4), h=1.1), "Zoneout: h is 1.1; expected a probability, 0 to 1."),
    (
        lambda: VariationalDropout(es.cells.GRU(3, 4), inputs=1),
        "VariationalDropout: inputs is 1; expected a probability, 0 or more and less than 1.",
    ),
    (lambda: GaussianNoise(es.cells.GRU(3, 4), h=-1.0), "GaussianNoise: h is -1.0; expected a standard deviation"),
    (
        lambda: LayerNorm(es.cells.GRU(3, 4)),
        'LayerNorm: the places are (); expected some of "inputs", "outputs" and \'h\'',
    ),
    (lambda: LayerNorm(es.cells.GRU(3, 4), "hidden"), 'LayerNorm: place "hidden" is unknown'),
    (lambda: WeightDrop(es.cells.GRU(3, 4), V=0.5), 'WeightDrop: parameter "V" is unknown'),
    (
        lambda: Zoneout(VariationalDropout(es.cells.GRU(3, 4), outputs=0.5), h=0.1),
        "Zoneout: VariationalDropout inside changes outputs, so y would not see zoneout",
    ),
]


@pytest.mark.parametrize(("build", "text"), REFUSED)
def test_what_can_not_be_wrapped_is_refused(build, text):
    with pytest.raises(es.errors.EverystepError) as refusal:
        build()
    assert text in str(refusal.value)


def test_a_step_that_draws_for_itself_is_refused_by_the_compiled_engine():
    class Drawing(es.cells.GRU):
        def step(self, state, x):
            return super().step(state, nn.functional.dropout(x, 0.5))

    with pytest.raises(es.errors.EngineError, match="random"):
        es.unroll(Drawing(3, 4), torch.randn(3, 2, 3), engine="llvm")
