"""A wrong call raises what torch raises: the same kind, beginning with the same words; and says what was expected."""

from __future__ import annotations

import pytest
import torch

from everystep.errors import EverystepError
from nn.drop_in import CELLS, LAYERS, pair, random

pytestmark = pytest.mark.parametrize("grad", [True, False], ids=["training", "no_grad"])

X, CELL_X = random(4, 2, 3), random(2, 3)


def hx(name, *shape):
    return (torch.zeros(*shape).double(),) * 2 if name.startswith("LSTM") else torch.zeros(*shape).double()


WRONG = {
    "features": lambda name: (random(4, 2, 5),),
    "features of one sequence": lambda name: (random(4, 5),),
    "one axis": lambda name: (random(3),),
    "four axes": lambda name: (random(1, 4, 2, 3),),
    "dtype": lambda name: (X.float(),),
    "whole numbers": lambda name: (X.long(),),
    "another device": lambda name: (X.to("meta"),),
    "hx without a batch": lambda name: (X, hx(name, 1, 4)),
    "hx of another batch": lambda name: (X, hx(name, 1, 3, 4)),
    "hx of other layers": lambda name: (X, hx(name, 2, 2, 4)),
    "hx of another size": lambda name: (X, hx(name, 1, 2, 5)),
    "hx with a batch for one sequence": lambda name: (X[:, 0], hx(name, 1, 1, 4)),
}
WRONG_STEPS = {
    "features": lambda name: (random(2, 5),),
    "three axes": lambda name: (X,),
    "hx of another batch": lambda name: (CELL_X, hx(name, 3, 4)),
    "hx of another size": lambda name: (CELL_X, hx(name, 2, 5)),
    "hx of three axes": lambda name: (CELL_X, hx(name, 1, 2, 4)),
    "dtype": lambda name: (CELL_X.float(),),
}
NOT_A_TENSOR = {"a list": lambda name: ([1.0],), "nothing": lambda name: (None,)}


def refusals(name, given, grad):
    found = []
    for layer in pair(name, 3, 4):
        with torch.set_grad_enabled(grad), pytest.raises(Exception) as refused:  # noqa: PT011 (whatever torch raises)
            layer(*given)
        found.append(refused.value)
    return found


def assert_twins(name, given, grad):
    ours, theirs = refusals(name, given, grad)
    assert isinstance(ours, type(theirs))
    assert str(ours).startswith(str(theirs).rstrip("."))
    assert f"{name}: " in str(ours)[len(str(theirs)) - 1 :]
    assert "expected" in str(ours) or "pass" in str(ours)
    return ours


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer(name, wrong, grad):
    assert isinstance(assert_twins(name, WRONG[wrong](name), grad), EverystepError)


@pytest.mark.parametrize("wrong", WRONG_STEPS)
@pytest.mark.parametrize("name", CELLS)
def test_a_cell(name, wrong, grad):
    assert isinstance(assert_twins(name, WRONG_STEPS[wrong](name), grad), EverystepError)


@pytest.mark.parametrize("wrong", NOT_A_TENSOR)
@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_what_is_no_tensor(name, wrong, grad):
    assert_twins(name, NOT_A_TENSOR[wrong](name), grad)
