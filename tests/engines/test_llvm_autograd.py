"""What torch's autograd does with an operation: all of it works on compiled code."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils.checkpoint import checkpoint

import everystep as es
from agreement import check_same, gradients, random_state
from everystep.cells import CELLS

STEPS, ROWS = 5, 3
TOLERANCE = 1e-10  # float64 on both sides


@pytest.fixture
def cell():
    return made("lstm")


def made(name="lstm"):
    torch.manual_seed(0)
    return CELLS[name](3, 6).double()


@pytest.fixture
def x():
    return torch.randn(STEPS, ROWS, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def both(run, cell, tolerance=TOLERANCE):
    """Hold what a function of an engine gives, twice, to what it gives for the plain loop."""
    expected = run("reference")
    for _ in range(2):
        check_same(run("llvm"), expected, tolerance)


def parameter_gradients(cell, loss):
    named = dict(cell.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: torch.zeros(()) if g is None else g for name, g in zip(named, found, strict=True)}


def test_going_back_twice_gives_the_same(cell, x):
    x.requires_grad_()
    loss = es.unroll(cell, x, engine="llvm").y.square().sum()
    first = torch.autograd.grad(loss, [x, *cell.parameters()], retain_graph=True)
    second = torch.autograd.grad(loss, [x, *cell.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_the_gradient_of_the_last_state_may_lie_in_any_way(cell, x):
    x = x.requires_grad_()
    dense = torch.rand(ROWS, 6, dtype=torch.float64)
    scattered = torch.repeat_interleave(dense, 2, dim=-1)[..., ::2]

    def run(seed):
        last = es.unroll(cell, x, engine="llvm").state
        return dict(zip(("x",), torch.autograd.grad([last.h, last.c], [x], [seed, seed]), strict=True))

    check_same(run(scattered), run(dense), 0)


@pytest.mark.filterwarnings("ignore::everystep.errors.FallbackWarning")  # second derivatives are slower
def test_gradients_to_be_differentiated_again_count_a_carried_state_once(cell, x):
    def run(engine):
        first = es.unroll(cell, x, engine=engine)
        second = es.unroll(cell, x, first.state, engine=engine)  # its state and its weights hang together
        leaves = dict(cell.named_parameters())
        found = torch.autograd.grad(second.y.sum(), list(leaves.values()), create_graph=True)
        return {name: value.detach() for name, value in zip(leaves, found, strict=True)}

    both(run, cell)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints(cell, x, reentrant):
    x.requires_grad_()

    def run(engine):
        y = checkpoint(lambda x: es.unroll(cell, x, engine=engine).y, x, use_reentrant=reentrant)
        cell.zero_grad()
        y.square().sum().backward()
        return {name: p.grad.clone() for name, p in cell.named_parameters()}

    both(run, cell)


def test_saved_tensors_may_go_elsewhere_and_come_back_otherwise(cell, x, tmp_path):
    def run(pack, unpack):
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            y = es.unroll(cell, x, engine="llvm").y
        return parameter_gradients(cell, y.square().sum())

    def to_disk(value):
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        torch.save(value, path)
        return path

    expected = run(lambda value: value, lambda value: value)
    check_same(run(to_disk, torch.load), expected, 0.0)
    check_same(run(lambda v: v.mT.contiguous().mT if v.ndim > 1 else v, lambda v: v), expected, 0.0)
    # half precision keeps three digits
    check_same(run(torch.Tensor.half, lambda value: value), expected, 1e-2)


def test_y_changed_in_place_is_noticed(cell, x):
    y = es.unroll(cell, x, engine="llvm").y
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_nobody_who_needs_no_gradient_gets_one(cell, x):
    state = random_state(cell, ROWS)
    cell.U.requires_grad_(False)
    out = es.unroll(cell, x, state, engine="llvm")
    out.y.sum().backward()
    assert x.grad is None
    assert cell.U.grad is None
    assert cell.W.grad is not None
    cell.requires_grad_(False)
    assert not es.unroll(cell, x, state, engine="llvm").y.requires_grad
    x.requires_grad_()
    both(lambda e: gradients({"y": es.unroll(cell, x, state, engine=e).y}, {"x": x}), cell)


def test_only_the_state_needs_a_gradient(cell, x):
    cell.requires_grad_(False)
    state = type(cell).State(*(part.requires_grad_() for part in random_state(cell, ROWS)))
    both(lambda e: gradients({"y": es.unroll(cell, x, state, engine=e).y}, state._asdict()), cell)


def test_what_is_unused_has_no_gradient(x):
    class Idle(es.cells.Elman):
        def __init__(self):
            super().__init__(3, 6)
            self.idle = nn.Parameter(torch.ones(3))

    cell = Idle().double()
    es.unroll(cell, x, engine="llvm").y.sum().backward()
    assert cell.idle.grad is None


def test_hooks_on_parameters_and_outputs_run(cell, x):
    seen = []
    cell.W.register_hook(lambda gradient: seen.append("W"))
    cell.b.register_post_accumulate_grad_hook(lambda parameter: seen.append("b"))
    y = es.unroll(cell, x, engine="llvm").y
    y.register_hook(lambda gradient: gradient * 0)
    y.sum().backward()
    assert sorted(seen) == ["W", "b"]
    assert not cell.W.grad.any()


def test_numbers_written_past_autograd_are_seen(cell, x):
    es.unroll(cell, x, engine="llvm")
    cell.W.data.mul_(2)
    both(lambda e: {"y": es.unroll(cell, x, engine=e).y.detach()}, cell)
    with torch.no_grad():
        cell.W.copy_(torch.randn_like(cell.W))
    both(lambda e: {"y": es.unroll(cell, x, engine=e).y.detach()}, cell)


def test_other_parameters_take_their_place(cell, x):
    def run(engine):
        y = torch.func.functional_call(Unrolling(cell, engine), {f"cell.{n}": p for n, p in others.items()}, (x,))
        return {"y": y.detach()} | gradients({"y": y}, leaves)

    class Unrolling(nn.Module):
        def __init__(self, cell, engine):
            super().__init__()
            self.cell, self.engine = cell, engine

        def forward(self, x):
            return es.unroll(self.cell, x, engine=self.engine).y

    # parts of something larger, so that there are gaps between their rows
    leaves = {n: torch.randn(*(s + 3 for s in p.shape), dtype=torch.float64) for n, p in cell.named_parameters()}
    leaves = {name: value.requires_grad_() for name, value in leaves.items()}
    others = {n: v[tuple(slice(1, -2) for _ in v.shape)] for n, v in leaves.items()}
    both(run, cell)


class Doubled(nn.Module):
    def forward(self, value):
        return 2 * value.tanh()


def test_parametrized_weights(cell, x):
    parametrize.register_parametrization(cell, "W", Doubled())
    both(lambda e: parameter_gradients(cell, es.unroll(cell, x, engine=e).y.square().sum()), cell)
    nn.utils.parametrizations.weight_norm(cell, "U")
    both(lambda e: parameter_gradients(cell, es.unroll(cell, x, engine=e).y.square().sum()), cell)


class Tied(es.cells.Elman):
    """One weight and one vector, each in several places of a step."""

    def step(self, state, x):
        s = torch.tanh(state.s @ self.W.T + x @ self.U.T + self.b) * self.b
        y = (s @ self.W) @ self.W.T + self.W[0] + self.b[:1]
        return type(state)(s), y


@pytest.mark.parametrize("threads", [1, 2])
def test_a_weight_used_in_several_places(x, threads, monkeypatch):
    from everystep.engines.llvm import programs

    monkeypatch.setattr(programs, "WORTH_SHARING", 0)
    before = torch.get_num_threads()
    torch.manual_seed(0)
    cell = Tied(3, 6).double()
    torch.set_num_threads(threads)
    both(lambda e: parameter_gradients(cell, es.unroll(cell, x, engine=e).y.square().sum()), cell)
    torch.set_num_threads(before)


def test_copies_and_casts_of_a_cell_have_their_own_numbers(cell, x):
    es.unroll(cell, x, engine="llvm")
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        nn.init.normal_(other.W)
        both(lambda e, o=other: parameter_gradients(o, es.unroll(o, x, engine=e).y.square().sum()), other)
    other.load_state_dict(cell.state_dict())
    assert torch.equal(es.unroll(other, x, engine="llvm").y, es.unroll(cell, x, engine="llvm").y)
    y = es.unroll(cell, x, engine="llvm").y
    single = es.unroll(cell.to(torch.float32), x.float(), engine="llvm").y
    # float32 rounds to 6e-8
    check_same({"y": single}, {"y": y}, 1e-5)


def test_an_optimizer_trains_it_as_it_trains_the_plain_loop(x):
    trained = []
    for engine in ("reference", "llvm"):
        cell = made()
        adam = torch.optim.Adam(cell.parameters(), lr=0.01)
        for _ in range(10):
            adam.zero_grad()
            es.unroll(cell, x, engine=engine).y.square().sum().backward()
            adam.step()
        trained.append(dict(cell.named_parameters()))
    check_same(trained[1], trained[0], TOLERANCE)
