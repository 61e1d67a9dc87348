import pytest
import torch

import everystep as es
from agreement import REPRESENTATIVE
from draw.cells_of_users import Delay, OwnCell, RunningSum, model3
from everystep.cells import CELLS


def test_gradient_of_the_worked_example_reaches_back_three_steps():
    drawing = es.draw(model3(), x=[1, 2, 3, 4, 5])
    assert drawing.gradient == (0, 0, 1, 1, 1)
    by_name = {node.name: node.gradient for node in drawing.graph.nodes}
    assert by_name["y(5)"] == 1
    assert by_name["y(4)"] == by_name["s(2)"] == 0
    # s(5) enters through V = [1, 1, 1], s(4) through V W = [1, 1, 0], s(3) through V W W = [1, 0, 0].
    assert [by_name[f"s({t})"] for t in (5, 4, 3)] == pytest.approx([3**0.5, 2**0.5, 1])


@pytest.mark.parametrize("name", REPRESENTATIVE)
def test_gradient_is_the_norm_of_the_jacobian(name):
    cell = CELLS[name](2, 3).double()
    x = torch.randn(6, 1, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    jacobian = torch.autograd.functional.jacobian(lambda x: es.unroll(cell, x).y[-1, 0], x)  # (output, time, 1, input)
    # Both sides are the same sums in float64, in another order.
    assert es.draw(cell, x=x).gradient == pytest.approx(jacobian.square().sum((0, 2, 3)).sqrt().tolist(), rel=1e-12)


def test_gradient_of_single_numbers_keeps_its_sign():
    cell = es.cells.LinearSystem(1, 1, 1, bias=False)
    with torch.no_grad():
        cell.W.fill_(-0.5), cell.U.fill_(1), cell.V.fill_(2)
    assert es.draw(cell, x=[1, 1, 1]).gradient == (0.5, -1, 2)


def test_an_output_that_is_the_state_takes_no_part_in_what_follows():
    drawing = es.draw(RunningSum(), x=[1, 2, 3])
    assert [node.gradient for node in drawing.graph.nodes if node.kind == "output"] == [0, 0, 1]
    assert es.draw(Delay(), x=[1, 2, 3]).gradient == (0, 1, 0)


def test_without_x_nothing_is_computed():
    drawing = es.draw(OwnCell())
    assert drawing.gradient is None
    assert all(node.value is None and node.gradient is None for node in drawing.graph.nodes)


def test_drawing_leaves_the_cell_and_the_random_numbers_as_they_were():
    class Noisy(OwnCell):
        def step(self, state, x):
            state, y = super().step(state, x)
            return state, torch.nn.functional.dropout(y, 0.5, self.training)

    cell = Noisy().train()
    cell.read.eval()
    cell.enter.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    flags = {name: module.training for name, module in cell.named_modules()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with torch.no_grad():
        es.draw(cell, x=torch.ones(3, 2))
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.rand(2), expected)
    assert all(torch.equal(value, before[name]) for name, value in cell.state_dict().items())
    assert all(parameter.grad is None for parameter in cell.parameters())
    assert [name for name, p in cell.named_parameters() if not p.requires_grad] == ["enter.weight"]
    assert {name: module.training for name, module in cell.named_modules()} == flags


def test_drawing_works_inside_inference_mode():
    with torch.inference_mode():
        assert es.draw(model3(), x=[1, 2, 3]).gradient == (1, 1, 1)
