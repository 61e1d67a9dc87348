"""Truncated back-propagation and ragged streams: equal to the whole where nothing is cut, and cut exactly as asked."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import everystep as es
from agreement import check_same, weights_like
from everystep.cells import CELLS
from everystep.layers import EndToEnd, detach, flatten, windows
from layers.by_hand import some

QUICK = settings(max_examples=25, deadline=None)


@pytest.fixture(autouse=True)
def plainly():
    """What is cut is the same on every engine, and the plain loop has nothing to compile."""
    with es.use_engine("reference"):
        yield


def made(name, seed=0):
    torch.manual_seed(seed)
    return CELLS[name](3, 4).double()


def gradients(model):
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def loss_of(y):
    return (y * weights_like(y)).sum()


@pytest.mark.parametrize("name", ["lstm", "gru", "jordan"])
@pytest.mark.parametrize(("window", "reach"), [(12, None), (20, None), (12, 30)])
def test_a_window_that_covers_all_is_full_back_propagation(name, window, reach):
    cut, full, x = made(name), made(name), some(12, 2, 3)
    ((place, out),) = windows(cut, x, window, reach)
    assert place == slice(0, 12)
    loss_of(out.y).backward()
    loss_of(es.unroll(full, x).y).backward()
    check_same(gradients(cut), gradients(full))


def test_a_reach_that_covers_all_gives_the_whole_gradient_of_every_window():
    cut, full, x = made("lstm"), made("lstm"), some(9, 2, 3)
    for place, out in windows(cut, x, window=2, reach=10):
        loss_of(out.y).backward()
        loss_of(es.unroll(full, x[: place.stop]).y[place]).backward()
    check_same(gradients(cut), gradients(full))


@QUICK
@given(
    st.integers(0, 2**16), st.integers(1, 12), st.integers(0, 12), st.lists(st.integers(0, 9), min_size=2, max_size=2)
)
def test_windows_put_out_what_the_whole_puts_out(seed, window, more, lengths):
    cell, x, resets = made("gru", seed), some(9, 2, 3), torch.rand(9, 2) < 0.2
    whole = es.unroll(cell, x, lengths=lengths, resets=resets, record="all")
    found = list(windows(cell, x, window, window + more, lengths=lengths, resets=resets, record="all"))
    assert [place.start for place, _ in found] == list(range(0, 9, window))
    check_same({"y": torch.cat([out.y for _, out in found])}, {"y": whole.y})
    check_same({"update": torch.cat([out.record["update"] for _, out in found])}, {"update": whole.record["update"]})
    check_same(found[-1][1].state._asdict(), whole.state._asdict())


@QUICK
@given(st.integers(0, 2**16), st.integers(1, 5), st.integers(0, 5))
def test_gradients_reach_as_far_as_asked_and_no_further(seed, window, more):
    cell, x = made("gru", seed), some(9, 1, 3).requires_grad_()
    for place, out in windows(cell, x, window, window + more):
        (gradient,) = torch.autograd.grad(out.y[-1].sum(), x)
        touched = gradient.abs().sum((1, 2)).nonzero().flatten().tolist()
        assert touched == list(range(max(0, place.start - more), place.stop))


def test_gradients_are_those_of_a_graph_cut_at_the_windows():
    cut, by_hand, x = made("lstm"), made("lstm"), some(10, 2, 3)
    for _, out in windows(cut, x, window=4):
        loss_of(out.y).backward()
    state = None
    for start in range(0, 10, 4):
        out = es.unroll(by_hand, x[start : start + 4], state)
        loss_of(out.y).backward()
        state = detach(out.state)
    check_same(gradients(cut), gradients(by_hand), tolerance=0.0)  # the very same calls


def test_a_stack_goes_over_windows_as_a_cell_does():
    torch.manual_seed(0)
    stack = es.layers.Recurrent(es.cells.LSTM, [3, 4, 4]).double()
    x = some(9, 2, 3)
    whole = stack(x, record=["layer1.forward.forget"])
    found = [out for _, out in windows(stack, x, 4, 6, record=["layer1.forward.forget"])]
    check_same({"y": torch.cat([out.y for out in found])}, {"y": whole.y})
    check_same(
        {"forget": torch.cat([out.record["layer1.forward.forget"] for out in found])},
        {"forget": whole.record["layer1.forward.forget"]},
    )
    check_same(flatten(found[-1].state), flatten(whole.state))


def test_parameters_may_be_updated_between_windows():
    cell, x = made("lstm"), some(12, 2, 3)
    optimizer = torch.optim.SGD(cell.parameters(), lr=0.1)
    losses = []
    for _ in range(8):
        for _, out in windows(cell, x, window=3, reach=6):
            optimizer.zero_grad()
            loss = (out.y - 0.3).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


# -- ragged streams


@QUICK
@given(st.integers(0, 2**16), st.lists(st.integers(0, 6), max_size=7), st.integers(1, 3), st.integers(1, 8))
def test_sequences_laid_end_to_end_are_each_alone(seed, lengths, rows, window):
    cell = made("gru", seed)
    sequences = [some(length, 3) for length in lengths]
    layout = EndToEnd(lengths, rows)
    x = layout.join(sequences)
    if not sequences:
        return
    found = [out.y for _, out in windows(cell, x, window, resets=layout.resets, mask=layout.mask)]
    y = torch.cat(found) if found else some(0, rows, 4)
    for sequence, got in zip(sequences, layout.split(y), strict=True):
        check_same({"y": got}, {"y": es.unroll(cell, sequence.unsqueeze(1)).y.squeeze(1)})
    assert not y[~layout.mask].any()
    for got, sequence in zip(layout.split(x), sequences, strict=True):
        assert torch.equal(got, sequence)


def test_no_gradient_crosses_a_joint():
    cell, layout = made("gru"), EndToEnd([4, 3], rows=1)
    x = layout.join([some(4, 3), some(3, 3)]).requires_grad_()
    y = es.unroll(cell, x, resets=layout.resets, mask=layout.mask, engine="llvm").y
    (gradient,) = torch.autograd.grad(y[4:].sum(), x)
    assert not gradient[:4].any()
    assert gradient[4:].any()


def test_little_is_padding():
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 100, (200,), generator=generator)
    layout = EndToEnd(lengths, rows=8)
    assert layout.mask.double().mean() > 0.95  # a batch of eight, padded to its longest, is half padding
    assert layout.mask.sum() == lengths.sum()


REFUSED = [
    (lambda: next(windows(made("gru"), some(4, 1, 3), 0)), "windows: window is 0; expected a whole number, 1 or more."),
    (lambda: next(windows(made("gru"), some(4, 1, 3), 2.5)), "windows: window is 2.5"),
    (lambda: next(windows(made("gru"), some(4, 1, 3), 4, 2)), "windows: reach is 2 and window 4; expected a reach of"),
    (
        lambda: next(windows(torch.nn.Linear(3, 4), some(4, 1, 3), 4)),
        "windows: model is a Linear; expected a cell or a layer.",
    ),
    (
        lambda: next(windows(es.layers.Recurrent(es.cells.GRU, [3, 4], bidirectional=True), some(4, 1, 3), 4)),
        "windows: Recurrent goes back in time, and a window does not know what comes after it",
    ),
    (lambda: EndToEnd([3, -1], 2), "EndToEnd: a length is -1; expected 0 or more."),
    (lambda: EndToEnd([3, 1], 0), "EndToEnd: rows is 0; expected a whole number, 1 or more."),
    (lambda: EndToEnd([3, 1], 2).join([some(3, 1)]), "EndToEnd: join got 1 sequence; expected 2, one for each length."),
    (lambda: EndToEnd([3], 2).join([some(2, 1)]), "EndToEnd: sequence 0 has 2 steps; its length is 3."),
    (
        lambda: EndToEnd([3], 2).split(some(2, 1)),
        "EndToEnd: split got a tensor of shape (2, 1); expected (time=3, batch=2",
    ),
]


@pytest.mark.parametrize(("call", "text"), REFUSED)
def test_what_can_not_be_cut_or_joined_is_refused(call, text):
    with pytest.raises(es.errors.EverystepError) as refusal:
        call()
    assert text in str(refusal.value)
