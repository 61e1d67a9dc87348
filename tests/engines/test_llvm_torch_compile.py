"""Under torch.compile an unroll is one operation of one graph, for every number of steps and rows."""

import gc
import subprocess
import sys
import weakref
from contextlib import nullcontext
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import everystep as es
from agreement import REPRESENTATIVE
from everystep.cells.registry import CELLS
from everystep.engines import slower
from everystep.errors import ArgumentError, EngineError, FallbackWarning

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's own, as it loads its compiler
    pytest.mark.filterwarnings("ignore:The CUDA Graph is empty"),
]

STEPS, ROWS, INPUT, HIDDEN = 7, 5, 3, 4


class Graphs:
    """A backend that counts graphs."""

    def __init__(self, name="eager"):
        self.made, self.nodes = 0, []
        self._inner = torch._dynamo.lookup_backend(name)

    def __call__(self, module, inputs):
        self.made += 1
        self.nodes = [str(node.target) for node in module.graph.nodes]
        return self._inner(module, inputs)


@pytest.fixture(autouse=True)
def from_scratch(monkeypatch):
    monkeypatch.setattr(slower, "_warned", set())
    torch.manual_seed(0)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Model(nn.Module):
    def __init__(self, cell):
        super().__init__()
        self.cell, self.scale = cell, nn.Parameter(torch.randn((), dtype=torch.float64))

    def forward(self, x, state=None, **arguments):
        out = es.unroll(self.cell, self.scale * x, state, **arguments)
        self.engine = out.engine
        return out.y, tuple(out.state), out.record


def compiled(model, backend=None, **options):
    return torch.compile(model, fullgraph=True, backend=backend or "eager", **options)


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def close(found, expected):
    # float64 on both sides, summed in another order
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def flat(outputs):
    y, state, record = outputs
    return [y, *state, *record.values()]


def gradients(outputs, leaves):
    uneven = [(v * torch.cos(torch.arange(v.numel()).view(v.shape))).sum() for v in flat(outputs) if v.requires_grad]
    return torch.autograd.grad(sum(uneven, torch.zeros(())), leaves, allow_unused=True)


def check(model, run, x, leaves=(), **arguments):
    leaves = [x, *leaves, *(p for p in model.parameters() if p.requires_grad)]
    found, expected = run(x, **arguments), model(x, engine="reference", **arguments)
    assert found[2].keys() == expected[2].keys()
    close(flat(found), flat(expected))
    close(gradients(found, leaves), gradients(expected, leaves))


LENGTHS = torch.tensor([7, 3, 0, 5, 1])
WHERE = torch.arange(STEPS * ROWS).view(STEPS, ROWS) % 3 == 0
KINDS = {
    "plain": {},
    "reverse": {"reverse": True},
    "record": {"record": ["forget", "c"]},
    "lengths": {"lengths": LENGTHS, "record": "all"},
    "lengths in a list": {"lengths": LENGTHS.tolist(), "reverse": True},
    "no step to take": {"lengths": torch.zeros(ROWS, dtype=torch.long), "record": "all"},
    "mask and resets": {"mask": ~WHERE, "resets": WHERE.roll(1, 0)},
    "segments": {"recompute": "segments", "lengths": LENGTHS},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_call_gives_what_the_plain_loop_gives(kind):
    model, state = Model(es.cells.LSTM(INPUT, HIDDEN).double()), (drawn(ROWS, HIDDEN), drawn(ROWS, HIDDEN))
    x, graphs = drawn(STEPS, ROWS, INPUT), Graphs("aot_eager")
    check(model, compiled(model, graphs), x, state, state=es.cells.LSTM.State(*state), **KINDS[kind])
    assert any(node.startswith("everystep.unroll") for node in graphs.nodes)
    assert graphs.made == 1


def test_forced_values_and_everything_else_at_once():
    model, state = Model(es.cells.LSTM(INPUT, HIDDEN).double()), (drawn(ROWS, HIDDEN), drawn(ROWS, HIDDEN))
    forced = drawn(STEPS, ROWS, HIDDEN)
    arguments = {"state": es.cells.LSTM.State(*state), "forced": {"h": (forced, WHERE)}, "resets": WHERE.roll(1, 0)}
    arguments |= {"lengths": LENGTHS, "reverse": True, "record": "all"}
    check(model, compiled(model, "aot_eager"), drawn(STEPS, ROWS, INPUT), [*state, forced], **arguments)


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_every_cell_is_one_operation(name):
    model, graphs = Model(CELLS[name](INPUT, HIDDEN).double()), Graphs()
    check(model, compiled(model, graphs), drawn(STEPS, ROWS, INPUT))
    assert graphs.nodes.count("everystep.unroll") == 1


class Memory(NamedTuple):
    values: Tensor  # (batch, places, hidden)
    keep: Tensor  # (batch, 1) bool


class Reader(es.Cell[es.cells.GRU.State]):
    """Reads parameters, buffers, a plain tensor and context, and says something that is true or false."""

    State = es.cells.GRU.State
    power = 1.5

    def __init__(self):
        super().__init__(INPUT, HIDDEN, h=HIDDEN)
        self.net = nn.Sequential(nn.Linear(INPUT + HIDDEN, HIDDEN), nn.LayerNorm(HIDDEN))
        self.shift = nn.Buffer(torch.ones(HIDDEN))
        self.plain, self.activation, self.scale, self.held = torch.ones(HIDDEN).double(), torch.tanh, 2.0, [1.0, 2.0]
        self.U = nn.Parameter(torch.randn(HIDDEN, HIDDEN))
        self.V = nn.Parameter(torch.randn(HIDDEN, HIDDEN))

    def step(self, state, x, context=None):
        h = self.net(torch.cat([x, state.h], -1)) * self.scale * self.held[0] * self.power + state.h @ self.U @ self.V
        h = self.activation(h + self.shift * self.plain * GLOBAL + (0.5 if self.training else 0.0))
        if context is not None:
            weights = torch.softmax((context.values * h.unsqueeze(1)).sum(-1), -1)
            h = torch.where(context.keep, h, (weights.unsqueeze(-1) * context.values).sum(1))
        return self.State(h), es.tap("positive", h > 0) * h


GLOBAL = 2.0


def test_context_and_all_that_a_cell_can_read():
    model, values = Model(Reader().double()), drawn(ROWS, 6, HIDDEN)
    arguments = {"context": Memory(values, torch.arange(ROWS).view(-1, 1) % 2 == 0), "record": "all"}
    check(model, compiled(model, "aot_eager", dynamic=True), drawn(STEPS, ROWS, INPUT), [values], **arguments)


def test_other_numbers_of_steps_and_rows_need_no_other_graph():
    model, graphs = Model(es.cells.GRU(INPUT, HIDDEN).double()), Graphs("aot_eager")
    run = compiled(model, graphs)
    for steps, rows in [(7, 5), (8, 5), (9, 6)]:  # torch finds out what varies
        run(drawn(steps, rows, INPUT))
    made = graphs.made
    for steps, rows in [(12, 3), (30, 8), (2, 2)]:
        check(model, run, drawn(steps, rows, INPUT))
    assert graphs.made == made


def test_lengths_may_vary_in_one_graph():
    model, graphs = Model(es.cells.GRU(INPUT, HIDDEN).double()), Graphs("aot_eager")
    run = compiled(model, graphs)
    for lengths in ([7, 3, 0, 5, 1], [2, 2, 2, 2, 2], [0, 0, 0, 0, 0]):
        check(model, run, drawn(STEPS, ROWS, INPUT), lengths=torch.tensor(lengths))
    assert graphs.made == 1
    with pytest.raises(ArgumentError, match=r"lengths\[1\] is 8; expected 0..7"):
        run(drawn(STEPS, ROWS, INPUT), lengths=torch.tensor([1, 8, 1, 1, 1]))


def replace_module(cell):
    cell.net[0] = nn.Linear(INPUT + HIDDEN, HIDDEN, bias=False).double()


def tie(cell):
    cell.V = cell.U


CHANGES = {
    "a number": lambda cell: setattr(cell, "scale", 3.0),
    "a function": lambda cell: setattr(cell, "activation", torch.sigmoid),
    "eval": lambda cell: cell.eval(),
    "a module": replace_module,
    "a parameter": lambda cell: setattr(cell, "U", nn.Parameter(torch.randn(HIDDEN, HIDDEN).double())),
    "another layout": lambda cell: setattr(cell, "U", nn.Parameter(torch.randn(HIDDEN, HIDDEN).double().t())),
    "tied": tie,
    "parametrized": lambda cell: nn.utils.parametrizations.weight_norm(cell.net[0]),
    "frozen": lambda cell: cell.U.requires_grad_(False),
    "loaded": lambda cell: cell.load_state_dict({name: 2 * value for name, value in cell.state_dict().items()}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_seen_at_the_next_call(change):
    model = Model(Reader().double())
    run = compiled(model)
    run(drawn(STEPS, ROWS, INPUT))
    CHANGES[change](model.cell)
    check(model, run, drawn(STEPS, ROWS, INPUT))


def test_a_number_may_change_more_than_once(monkeypatch):
    monkeypatch.setattr(Reader, "power", 1.5)
    monkeypatch.setitem(globals(), "GLOBAL", 2.0)
    model = Model(Reader().double())
    run = compiled(model)
    for number in (1.0, 2.0, 3.0):  # torch makes a variable of a number that has changed
        model.cell.scale = model.cell.held[0] = Reader.power = number
        globals()["GLOBAL"] = number
        check(model, run, drawn(STEPS, ROWS, INPUT))


def test_a_number_that_the_model_reads_too_may_change():
    class Reading(Model):
        def forward(self, x, state=None, **arguments):
            return super().forward(x * self.cell.scale, state, **arguments)

    model = Reading(Reader().double())
    run = compiled(model)
    for number in (1.0, 2.0, 3.0):
        model.cell.scale = number
        check(model, run, drawn(STEPS, ROWS, INPUT))


def test_cells_that_are_alike_share_a_graph():
    graphs, models = Graphs(), [Model(Reader().double()) for _ in range(3)]
    x = drawn(STEPS, ROWS, INPUT)
    for model in models:
        check(model, compiled(model, graphs), x)
    assert graphs.made == 1
    models[2].cell.scale = 7.0
    for model in models[1:]:
        check(model, compiled(model, graphs), x)
    assert graphs.made == 2


def test_a_parametrized_cell_trains():
    model = Model(es.cells.LSTM(INPUT, HIDDEN).double())
    nn.utils.parametrizations.weight_norm(model.cell, "W")
    check(model, compiled(model, "aot_eager"), drawn(STEPS, ROWS, INPUT))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_few_bits_come_out_as_without_torch_compile(dtype):
    cell, x = es.cells.GRU(INPUT, HIDDEN).to(dtype), torch.randn(STEPS, ROWS, INPUT, dtype=dtype)

    def run(x):
        out = es.unroll(cell, x, record="all")
        return out.y, out.state, out.record

    cast = torch.autocast("cpu", dtype=torch.bfloat16) if dtype == torch.float32 else nullcontext()
    with cast:
        found, expected = torch.compile(run, fullgraph=True, backend="aot_eager")(x), run(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)  # the same code computes both


def test_a_plain_function_is_unrolled_in_the_graph_and_that_is_told():
    weight = drawn(HIDDEN, HIDDEN)

    def leaky(h, x):
        h = es.tap("kept", torch.sigmoid(h @ weight)) * h + x
        return h, h

    def run(x):
        out = es.unroll(leaky, x, torch.zeros(ROWS, HIDDEN, dtype=torch.float64), record=["kept"])
        return out.y, out.record["kept"]

    x = drawn(STEPS, ROWS, HIDDEN)
    with pytest.warns(FallbackWarning, match="plain function"):
        found = torch.compile(run, fullgraph=True, backend="eager")(x)
    with es.use_engine("reference"):
        close(found, run(x))


def test_an_engine_may_be_named():
    model, graphs = Model(es.cells.GRU(INPUT, HIDDEN).double()), Graphs()
    x = drawn(STEPS, ROWS, INPUT)
    close(compiled(model, graphs)(x, engine="reference"), model(x))
    assert not any("everystep" in node for node in graphs.nodes)
    with es.use_engine("llvm"):
        compiled(model, graphs)(x)
    assert model.engine == "llvm"


def test_gradients_of_gradients_are_refused():
    model, x = Model(es.cells.GRU(INPUT, HIDDEN).double()), drawn(STEPS, ROWS, INPUT)
    y = compiled(model)(x)[0]
    (first,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
    with pytest.raises(EngineError, match="differentiated again"):
        first.square().sum().backward()


def test_a_cell_can_be_collected():
    model = Model(es.cells.GRU(INPUT, HIDDEN).double())
    cell = weakref.ref(model.cell)
    compiled(model)(drawn(STEPS, ROWS, INPUT))
    del model
    gc.collect()
    assert cell() is None


class Seen(torch.fx.Interpreter):
    """A graph that is run, and what its operations are given and give."""

    def __init__(self, module, inputs):
        super().__init__(module)
        self.operations = {}
        seen.append(self)

    def call_function(self, target, args, kwargs):
        found = super().call_function(target, args, kwargs)
        if "everystep" in str(target):
            self.operations[str(target)] = args, found
        return found


seen: list[Seen] = []


def operations_of(cell, **arguments):
    """The operations of a graph, with what they are given and what they give."""
    seen.clear()
    compiled(Model(cell), lambda *made: Seen(*made).run)(drawn(STEPS, ROWS, INPUT), **arguments)
    return seen[0].operations


def test_nothing_is_kept_without_gradients():
    cell = es.cells.LSTM(INPUT, HIDDEN).double()
    _, kept = operations_of(cell)["everystep.unroll"]
    with torch.no_grad():
        _, results = operations_of(cell)["everystep.unroll"]
    assert len(results) == 3 < len(kept)  # y, h and c


@pytest.mark.parametrize(
    ("make", "arguments"),
    [(es.cells.LSTM, {}), (es.cells.Elman, {"lengths": LENGTHS}), (es.cells.GRU, {"resets": WHERE, "record": "all"})],
    ids=["lstm", "elman ragged", "gru reset"],
)
def test_operations_keep_torchs_rules(make, arguments):
    for name, (args, _) in operations_of(make(INPUT, HIDDEN).double(), **arguments).items():
        own = tuple([v.detach().requires_grad_(v.requires_grad) for v in a] if isinstance(a, list) else a for a in args)
        found = torch.library.opcheck(getattr(torch.ops.everystep, name.split(".")[1]).default, own)
        assert set(found.values()) == {"SUCCESS"}


PLAIN_USE = """
import sys, torch, everystep as es
cell = es.cells.LSTM(3, 4)
es.unroll(cell, torch.randn(5, 2, 3), lengths=[5, 2], record="all").y.sum().backward()
es.stream(cell).step(torch.zeros(1, 3))
assert "torch._dynamo" not in sys.modules
"""


def test_plain_use_does_not_load_torchs_compiler():
    found = subprocess.run([sys.executable, "-c", PLAIN_USE], capture_output=True, text=True, timeout=100, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
