"""Packages that others wrote as outside judges of the gallery: outputs, final state and the gradient of everything."""

import importlib

import pytest
import torch

from agreement import check_same, gradients, random_state
from everystep.cells import CELLS, CfCInput
from everystep.unroll import unroll

STEPS, ROWS, INPUTS, HIDDEN = 5, 3, 4, 6
SIZED_ALIKE = {"mingru", "minlstm"}  # whose package has one size for x and the state


@pytest.fixture
def twins(monkeypatch, repository):
    monkeypatch.syspath_prepend(str(repository))
    return importlib.import_module("benchmarks.gallery.twins")


@pytest.fixture(autouse=True)
def _in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # some of the packages make values of this type, whatever x is
    yield
    torch.set_default_dtype(before)


NAMES = (
    "antisymmetric_rnn", "cfc", "cornn", "fastgrnn", "indrnn", "indrnn_linear", "janet", "ligru", "lru", "mgu",
    "mingru", "minlstm", "multiplicative_lstm", "peephole_lstm", "star", "ugrnn",
)  # fmt: skip


def test_these_are_all_twins(twins):
    assert tuple(sorted(twins.TWINS)) == NAMES


def filled(layer, start):
    """Random parameters where a package starts with zeros; positive ones where it passes them through a logarithm."""
    with torch.no_grad():
        for value in (p for p in layer.parameters() if p.requires_grad):
            value.normal_(std=0.5)
            if start != "any":
                value.abs_()
    return layer


def started(name, start):
    state = random_state(CELLS[name](INPUTS, HIDDEN), ROWS)
    return {"any": state, "positive": state._make(v.abs() for v in state), "zero": state._make(0 * v for v in state)}[
        start
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_is_what_the_package_has_under_its_name(name, twins):
    torch.manual_seed(0)
    twin = twins.TWINS[name]
    pytest.importorskip(twin.module)
    inputs = HIDDEN if name in SIZED_ALIKE else INPUTS
    layer, state = filled(twin.make(inputs, HIDDEN), twin.start), started(name, twin.start)
    x = torch.randn(STEPS, ROWS, inputs)
    x = x if twin.start == "any" else x.abs()
    leaves = {"x": x, **{f"state.{part}": value for part, value in state._asdict().items()}}
    leaves = {where: value.requires_grad_() for where, value in leaves.items() if twin.start != "zero" or where == "x"}
    leaves |= {weight: value for weight, value in layer.named_parameters() if value.requires_grad}
    y, last = twin.run(layer, x, tuple(state))
    theirs = {"y": y} | ({} if last is None else {f"final {p}": v for p, v in zip(state._fields, last, strict=True)})
    cell = CELLS[name](inputs, HIDDEN)
    with torch.nn.utils.stateless._reparametrize_module(cell, dict(twin.parameters(layer)), strict=True):
        out = unroll(cell, x, state, engine="reference")
    ours = {"y": out.y, **{f"final {part}": value for part, value in out.state._asdict().items()}}
    ours = {what: ours[what] for what in theirs}
    # five steps in float64; logarithms and exponentials of a parallel scan lose some digits of sixteen
    check_same(ours | real(gradients(ours, leaves)), theirs | real(gradients(theirs, leaves)), tolerance=1e-11)


def real(values):
    return {name: torch.view_as_real(v) if v.is_complex() else v for name, v in values.items()}


def test_time_gaps_are_those_of_the_package(twins):
    pytest.importorskip("ncps")
    torch.manual_seed(0)
    layer = filled(twins.TWINS["cfc"].make(INPUTS, HIDDEN), "any")
    cell = CELLS["cfc"](INPUTS, HIDDEN, gap=None)
    x, gap, h = torch.randn(STEPS, ROWS, INPUTS), torch.rand(STEPS, ROWS, 1), torch.randn(ROWS, HIDDEN)
    with torch.no_grad(), torch.nn.utils.stateless._reparametrize_module(cell, dict(twins._closed_form(layer))):
        y = unroll(cell, CfCInput(x, gap), cell.State(h)).y
        expected = []
        for t in range(STEPS):
            _, h = layer.rnn_cell(x[t], h, gap[t])
            expected.append(h)
    check_same({"y": y}, {"y": torch.stack(expected)})
