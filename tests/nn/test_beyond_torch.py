"""What a drop-in does that torch's layer does not: lengths, resets, records, and every transform of torch."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from everystep.errors import ArgumentError, DTypeError, UnknownNameError
from nn.drop_in import CELLS, LAYERS, assert_same, outcome, pair, random, state, tensors

every_layer = pytest.mark.parametrize("name", LAYERS)
every_cell = pytest.mark.parametrize("name", CELLS)
slower = pytest.mark.filterwarnings("ignore::everystep.errors.FallbackWarning")  # the plain loop, told once
LENGTHS = [4, 0, 2, 1]


def made(name, **kwargs):
    kwargs = {"num_layers": 2, "bidirectional": True} | kwargs
    return pair(name, 2, 3, **kwargs)[0]


# -- lengths


@every_layer
def test_lengths_are_sequences_one_by_one(name):
    layer, x = made(name), random(5, 4, 2)
    hx = state(layer, 4)
    output, last = layer(x, hx, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS):
        one = tuple(part[:, row] for part in hx) if name == "LSTM" else hx[:, row]
        alone, after = layer(x[:length, row], one)
        assert_same([output[:length, row]], [alone])
        assert_same([part[:, row] for part in tensors(last)], tensors(after))
        assert not output[length:, row].any()


@every_layer
def test_lengths_and_a_packed_sequence_say_the_same(name):
    layer, x = made(name, batch_first=True), random(3, 5, 2)
    packed = pack_padded_sequence(x, [2, 5, 3], batch_first=True, enforce_sorted=False)
    output, last = layer(packed)
    padded, after = layer(x, lengths=torch.tensor([2, 5, 3]))
    assert_same([pad_packed_sequence(output, batch_first=True)[0], *tensors(last)], [padded, *tensors(after)])


@every_layer
def test_padding_of_nan_harms_nothing(name):
    layer, x = made(name), random(5, 4, 2)
    spoiled = x.clone()
    for row, length in enumerate(LENGTHS):
        spoiled[length:, row] = float("nan")
    assert_same(run_with_lengths(layer, spoiled), run_with_lengths(layer, x))


def run_with_lengths(layer, x):
    class Ragged(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x, lengths=LENGTHS)

    return outcome(Ragged(), x)


def test_a_packed_sequence_has_lengths_of_its_own():
    packed = pack_padded_sequence(random(4, 2, 2), [4, 2])
    with pytest.raises(ArgumentError, match="leave lengths= out"):
        made("GRU")(packed, lengths=[4, 2])


# -- resets


@every_layer
@pytest.mark.parametrize("batch_first", [False, True])
def test_resets_are_episodes_one_by_one(name, batch_first):
    layer = made(name, num_layers=1, batch_first=batch_first)
    x, resets = random(6, 1, 2), torch.tensor([[False], [False], [True], [False], [True], [False]])
    hx = state(layer, 1)
    swapped = (lambda value: value.transpose(0, 1)) if batch_first else lambda value: value
    output, _ = layer(swapped(x), hx, resets=swapped(resets))
    ahead, behind = swapped(output).split(3, dim=-1)
    zero = [torch.zeros_like(part[:1]) for part in tensors(hx)]
    for first, end in ((0, 2), (2, 4), (4, 6)):
        parts = [
            torch.cat([part[:1] if first == 0 else none, part[1:] if end == 6 else none])
            for part, none in zip(tensors(hx), zero, strict=True)
        ]
        alone, _ = layer(swapped(x[first:end]), tuple(parts) if name == "LSTM" else parts[0])
        assert_same([ahead[first:end], behind[first:end]], swapped(alone).split(3, dim=-1))


def test_resets_in_padding_do_nothing():
    layer, x = made("GRU"), random(5, 4, 2)
    resets = torch.zeros(5, 4, dtype=torch.bool)
    for row, length in enumerate(LENGTHS):
        resets[length:, row] = True
    hx = state(layer, 4)
    assert_same(tensors(layer(x, hx, lengths=LENGTHS, resets=resets)), tensors(layer(x, hx, lengths=LENGTHS)))


def test_resets_of_a_packed_sequence_are_in_the_callers_order():
    layer, x = made("LSTM"), random(5, 3, 2)
    resets = torch.zeros(5, 3, dtype=torch.bool)
    resets[1, 0] = resets[3, 1] = True
    packed = pack_padded_sequence(x, [2, 5, 3], enforce_sorted=False)
    output, last = layer(packed, resets=resets)
    padded, after = layer(x, lengths=[2, 5, 3], resets=resets)
    assert_same([pad_packed_sequence(output)[0], *tensors(last)], [padded, *tensors(after)])


@pytest.mark.parametrize("wrong", [torch.zeros(5, 3), torch.zeros(3, 5, dtype=torch.bool), [True]])
def test_flags_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ArgumentError, match=r"resets is .* expected a bool tensor of shape \(5, 3\)"):
        made("GRU")(random(5, 3, 2), resets=wrong)


# -- record


@every_layer
def test_the_record_is_a_third_item_by_path(name):
    layer, x = made(name), random(5, 4, 2)
    output, last, record = layer(x, record="all")
    plain, plainly = layer(x)
    assert_same([output, *tensors(last)], [plain, *tensors(plainly)])
    gates = {"RNN": {"s"}, "GRU": {"reset", "update", "candidate", "h"}}.get(
        name, {"input", "forget", "candidate", "output", "h", "c"}
    )
    places = [f"layer{n}.{way}" for n in (0, 1) for way in ("forward", "reverse")]
    assert set(record) == {f"{place}.{gate}" for place in places for gate in gates}
    part = "s" if name == "RNN" else "h"
    both = torch.cat([record[f"layer1.forward.{part}"], record[f"layer1.reverse.{part}"]], -1)
    assert_same([output], [both])


def test_the_cell_state_of_every_step_ends_in_c_n():
    layer, x = made("LSTM", num_layers=1), random(5, 4, 2)
    _, (_, c_n), record = layer(x, record=["c"])
    assert_same([c_n], [torch.stack([record["layer0.forward.c"][-1], record["layer0.reverse.c"][0]])])


def test_gates_obey_their_equation():
    layer, x = made("LSTM", num_layers=1, bidirectional=False), random(5, 4, 2)
    _, _, record = layer(x, record="all")
    i, f, g, c = (record[f"layer0.forward.{name}"] for name in ("input", "forget", "candidate", "c"))
    assert_same([c[1:]], [f[1:] * c[:-1] + i[1:] * g[1:]])


def test_one_place_is_recorded_alone():
    _, _, record = made("GRU")(random(5, 4, 2), record=["layer1.reverse.update", "layer0.forward.h"])
    assert list(record) == ["layer0.forward.h", "layer1.reverse.update"]


def test_an_empty_record_is_a_third_item_all_the_same():
    assert made("GRU")(random(5, 4, 2), record=[])[2] == {}


@every_layer
def test_a_record_lies_as_the_output_does(name):
    part = "s" if name == "RNN" else "h"
    path, one = f"layer0.forward.{part}", {"num_layers": 1, "bidirectional": False}
    output, _, record = made(name, **one, batch_first=True)(random(4, 5, 2), record=part)
    assert_same([output], [record[path]])
    output, _, record = made(name, **one)(random(5, 2), record=part)
    assert_same([output], [record[path]])
    packed = pack_padded_sequence(random(5, 3, 2), [2, 5, 3], enforce_sorted=False)
    output, _, record = made(name, **one)(packed, record=part)
    assert_same([output.data], [record[path].data])


@pytest.mark.parametrize(
    ("record", "hint"),
    [("forgt", 'did you mean "forget"'), ("layer2.forward.c", "layer1.forward"), ("layer0.backward.c", "layer0.")],
)
def test_an_unknown_record_is_refused(record, hint):
    with pytest.raises(UnknownNameError, match=hint):
        made("LSTM")(random(5, 4, 2), record=record)


def test_a_record_that_is_no_name_is_refused():
    with pytest.raises(DTypeError, match="expected names"):
        made("LSTM")(random(5, 4, 2), record=1)


# -- one step


@every_cell
@pytest.mark.parametrize("alone", [False, True])
def test_a_cell_records_its_step(name, alone):
    cell, _ = pair(name, 2, 3)
    x = random(2) if alone else random(4, 2)
    after, record = cell(x, record="all")
    assert_same(tensors(after), tensors(cell(x)))
    assert set(record) >= {"s"} if name == "RNNCell" else {"candidate", "h"}
    assert {tuple(value.shape) for value in record.values()} == {(3,) if alone else (4, 3)}


@every_cell
def test_a_cell_resets_some_rows(name):
    cell, _ = pair(name, 2, 3)
    x, h = random(4, 2), random(4, 3)
    hx = (h, 2 * h) if name == "LSTMCell" else h
    resets = torch.tensor([True, False, False, True])
    got, fresh, kept = tensors(cell(x, hx, resets=resets)), tensors(cell(x)), tensors(cell(x, hx))
    right = [torch.where(resets[:, None], a, b) for a, b in zip(fresh, kept, strict=True)]
    assert_same(got, right)


# -- weights that come from elsewhere


@every_layer
def test_weight_norm_trains_its_two_parts(name):
    ours, theirs = pair(name, 2, 3)
    for layer in (ours, theirs):
        nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    x = random(4, 3, 2).requires_grad_()
    assert_same(outcome(ours, x), outcome(theirs, x))
    assert_same(outcome(ours, x), outcome(theirs, x))  # the second call finds the first one's trace


def test_a_parametrization_is_looked_at_in_every_call():
    class Times(nn.Module):
        factor = 1.0

        def forward(self, weight):
            return weight * self.factor

    layer, x = made("GRU"), random(4, 3, 2)
    before, times = layer(x)[0], Times()
    parametrize.register_parametrization(layer, "weight_ih_l0", times)
    assert_same([layer(x)[0]], [before])
    times.factor = 2.0
    assert not torch.equal(layer(x)[0], before)


def test_a_replaced_parameter_is_seen():
    layer, x = made("LSTM"), random(4, 3, 2)
    before = layer(x)[0]
    layer.weight_hh_l1 = nn.Parameter(2 * layer.weight_hh_l1.detach())
    assert not torch.equal(layer(x)[0], before)


def test_tied_directions_share_a_weight():
    ours, theirs = pair("LSTM", 2, 3, bidirectional=True)
    for layer in (ours, theirs):
        layer.weight_hh_l0_reverse = layer.weight_hh_l0
        layer.bias_hh_l0_reverse = layer.bias_ih_l0
    x = random(4, 3, 2).requires_grad_()
    assert_same(outcome(ours, x), outcome(theirs, x))


def test_another_dtype_after_a_call():
    layer, x = made("GRU"), random(4, 3, 2)
    right = layer(x)[0]
    assert_same([layer.float()(x.float())[0].double()], [right], 1e-5)  # float32
    assert layer.double()(x)[0].dtype == torch.float64


@every_layer
def test_training_moves_as_torchs_layer_does(name):
    both = pair(name, 2, 3)
    for layer in both:
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.5)
        for _ in range(3):
            optimizer.zero_grad()
            layer(random(4, 3, 2))[0].square().sum().backward()
            optimizer.step()
    assert_same(list(both[0].parameters()), list(both[1].parameters()))


# -- transforms


@slower
@every_layer
def test_gradients_of_gradients(name):
    both = pair(name, 2, 3, 2, bidirectional=True)

    def penalty(layer):
        x = random(4, 3, 2).requires_grad_()
        (slope,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
        return torch.autograd.grad(
            slope.square().sum(), [x, *layer.parameters()], allow_unused=True, materialize_grads=True
        )

    assert_same(penalty(both[0]), penalty(both[1]))


@slower
@every_layer
def test_gradients_of_every_sample(name):
    layer, x = made(name, num_layers=1), random(4, 3, 2)
    weights = {key: value.detach() for key, value in layer.named_parameters()}

    def loss(weights, x):
        return torch.func.functional_call(layer, weights, (x,))[0].square().sum()

    found = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 1))(weights, x)
    for row in range(3):
        layer.zero_grad()
        layer(x[:, row])[0].square().sum().backward()
        assert_same([found[key][row] for key in weights], [value.grad for value in layer.parameters()])


@slower
@every_layer
def test_vmap_over_models(name):
    layers, x = [made(name, num_layers=1), made(name, num_layers=1)], random(4, 3, 2)
    with torch.no_grad():
        layers[1].weight_hh_l0.mul_(2)
    weights, _ = torch.func.stack_module_state(layers)
    got = torch.func.vmap(lambda weights: torch.func.functional_call(layers[0], weights, (x,))[0])(weights)
    assert_same(list(got), [layer(x)[0] for layer in layers])


@slower
@pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated")  # torch's own jvp
@every_layer
def test_forward_mode(name):
    both, x, direction = pair(name, 2, 3), random(4, 3, 2), random(4, 3, 2, seed=9)
    slopes = [torch.func.jvp(lambda x, layer=layer: layer(x)[0], (x,), (direction,))[1] for layer in both]
    assert_same(slopes[:1], slopes[1:])


@slower
def test_functional_call_leaves_the_layer_alone():
    layer, x = made("LSTM"), random(4, 3, 2)
    before = layer(x)[0]
    doubled = {key: 2 * value.detach() for key, value in layer.named_parameters()}
    other = made("LSTM")
    other.load_state_dict(doubled)
    assert_same([torch.func.functional_call(layer, doubled, (x,))[0]], [other(x)[0]])
    assert_same([layer(x)[0]], [before], 0)


@slower
@every_layer
def test_a_compiled_model_is_one_graph_and_gives_the_same(name):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = made(name, num_layers=1)
            self.head = nn.Linear(6, 1, dtype=torch.float64)

        def forward(self, x):
            return self.head(torch.relu(self.layer(x)[0]))

    model, x = Model(), random(3, 2, 2).requires_grad_()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)  # refuses to break the graph
    assert_same(outcome(compiled, x), outcome(model, x))
