"""What a fused kernel can't serve takes the plain loop: right results, and one warning that names reason and cost."""

import subprocess
import sys
import warnings

import pytest
import torch
from torch.func import functional_call, grad, hessian, jacrev, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx

import everystep as es
from everystep.engines import slower
from everystep.errors import FallbackWarning

STEPS, ROWS = 3, 2


@pytest.fixture(autouse=True)
def nothing_was_warned_of(monkeypatch):
    monkeypatch.setattr(slower, "_warned", set())


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return es.cells.GRU(2, 3).double()


@pytest.fixture
def x():
    return torch.randn(STEPS, ROWS, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def told(reason, run):
    """Run twice: the first time warns once of a reason, the second time of nothing."""
    with pytest.warns(FallbackWarning) as caught:
        result = run()
    (warning,) = [w for w in caught if issubclass(w.category, FallbackWarning)]
    assert reason in str(warning.message)
    assert "3 to 30 times slower" in str(warning.message)
    run()
    return result


def by_the_plain_loop(run):
    with es.use_engine("reference"):
        return run()


def check(reason, run):
    found, expected = told(reason, run), by_the_plain_loop(run)
    # float64 on both sides, summed in another order
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_gradients_of_gradients(cell, x):
    x.requires_grad_()

    def run():
        (first,) = torch.autograd.grad(es.unroll(cell, x).y.square().sum(), x, create_graph=True)
        return torch.autograd.grad(first.square().sum(), [x, *cell.parameters()])

    check("its gradients are to be differentiated again", run)


@pytest.mark.filterwarnings("ignore::everystep.errors.FallbackWarning")
@pytest.mark.parametrize("arguments", [{}, {"lengths": [3, 1]}, {"recompute": "segments"}], ids=str)
def test_second_derivatives_agree_with_finite_differences(cell, x, arguments):
    def function(x, W):
        with torch.nn.utils.stateless._reparametrize_module(cell, {"W": W}):
            out = es.unroll(cell, x, **arguments)
        assert out.engine == "llvm"
        return out.y, *out.state

    assert torch.autograd.gradgradcheck(function, (x.requires_grad_(), cell.W))


def test_many_gradients_at_once(cell, x):
    x.requires_grad_()

    def run():
        y = es.unroll(cell, x).y[-1].flatten()
        return torch.autograd.grad(y, x, torch.eye(len(y), dtype=y.dtype), is_grads_batched=True)

    check("many gradients are asked for at once", run)


def test_vmap(cell, x):
    many = torch.stack([x, 2 * x])
    check("torch.func", lambda: vmap(lambda x: es.unroll(cell, x).y)(many))


def test_many_models_at_once(cell, x):
    parameters = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in cell.named_parameters()}

    class Unrolling(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = cell

        def forward(self, x):
            return es.unroll(self.cell, x).y

    named = {f"cell.{name}": value for name, value in parameters.items()}
    check("torch.func", lambda: vmap(lambda p: functional_call(Unrolling(), p, (x,)))(named))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, on loading what hessian needs
@pytest.mark.parametrize("transform", [grad, jacrev, hessian], ids=lambda t: t.__name__)
def test_gradients_by_torch_func(cell, x, transform):
    check("torch.func", lambda: transform(lambda x: es.unroll(cell, x).y.square().sum())(x))


def test_jvp(cell, x):
    check("torch.func", lambda: jvp(lambda x: es.unroll(cell, x).y, (x,), (torch.ones_like(x),)))


def test_forward_mode(cell, x):
    def run():
        with torch.autograd.forward_ad.dual_level():
            y = es.unroll(cell, torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))).y
            return tuple(torch.autograd.forward_ad.unpack_dual(y))

    check("forward-mode", run)


def test_fake_tensors(cell, x):
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        y = told("a dispatch mode", lambda: es.unroll(cell, mode.from_tensor(x)).y)
    assert y.shape == (STEPS, ROWS, 3)


def test_meta_tensors(cell, x):
    y = told("meta", lambda: es.unroll(cell.to("meta"), x.to("meta")).y)
    assert (y.shape, y.device.type) == ((STEPS, ROWS, 3), "meta")


def test_another_default_device_changes_nothing(cell, x):
    expected = es.unroll(cell, x, engine="llvm").y
    with torch.device("meta"):
        for _ in range(2):
            assert torch.equal(
                es.unroll(cell, x, engine="llvm", lengths=torch.tensor([3, 3], device="cpu")).y, expected
            )
            assert torch.equal(
                es.unroll(cell, x, type(cell).State(torch.zeros(2, 3, device="cpu").double())).y, expected
            )


def test_tensor_subclasses(cell, x):
    class Marked(torch.Tensor):
        pass

    check("a tensor is a Marked", lambda: es.unroll(cell, x.as_subclass(Marked)).y.as_subclass(torch.Tensor))


def test_tracing_by_fx(cell, x):
    traced = told("a dispatch mode", lambda: make_fx(lambda x: es.unroll(cell, x).y)(x))
    torch.testing.assert_close(traced(2 * x), by_the_plain_loop(lambda: es.unroll(cell, 2 * x).y))


class Model(torch.nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell = cell
        self.readout = torch.nn.Linear(3, 1).double()

    def forward(self, x):
        return self.readout(es.unroll(self.cell, x).y)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_jit_trace(cell, x):
    model = Model(cell)
    traced = told("tracing", lambda: torch.jit.trace(model, x, check_trace=False))
    torch.testing.assert_close(traced(2 * x), by_the_plain_loop(lambda: model(2 * x)))


EXPORTED = """
import warnings
warnings.simplefilter("ignore")
import torch
import everystep as es
{setup}
cell = es.cells.GRU(2, 3)
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.readout = cell, torch.nn.Linear(3, 1)
    def forward(self, x):
        return self.readout(es.unroll(self.cell, x).y)
model, x = Model(), torch.randn(3, 2, 2)
expected = model(x)
expected.sum().backward()
gradient = cell.W.grad.clone()
cell.zero_grad()
{run}
"""
EXPORT = "found = torch.export.export(model, (x,)).module()(x)\ntorch.testing.assert_close(found, expected)"
COMPILE = """
found = torch.compile(model, backend="aot_eager")(x)
torch.testing.assert_close(found, expected)
found.sum().backward()
torch.testing.assert_close(cell.W.grad, gradient)
"""


@pytest.mark.parametrize("run", [EXPORT, COMPILE], ids=["export", "compile"])
def test_torchs_own_compilers(run):
    """In a process of their own, as they change torch for good."""
    program = EXPORTED.format(setup="", run=run)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False)
    assert found.returncode == 0, found.stderr[-2000:]


def test_a_block_without_warnings_is_no_reason_to_forget(cell, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        es.unroll(cell, x, engine="llvm")
