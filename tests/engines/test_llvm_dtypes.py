"""Fewer bits at the door: bfloat16, float16 and autocast are computed in float32, and come out as of the plain loop."""

import pytest
import torch

import everystep as es
from agreement import check_same, gradients, random_state
from everystep.cells import CELLS

STEPS, ROWS = 4, 3
# What the plain loop rounds after every operation, compiled code rounds at the end: a digit of that dtype.
ROUNDING = {torch.bfloat16: 3e-2, torch.float16: 4e-3}


def made(name, dtype):
    torch.manual_seed(0)
    cell = CELLS[name](3, 6)
    return cell.to(dtype), torch.randn(STEPS, ROWS, 3).to(dtype), random_state(cell, ROWS, dtype)


def outcomes(cell, x, state, engine, **arguments):
    x = x.detach().requires_grad_()
    out = es.unroll(cell, x, state, engine=engine, **arguments)
    values = {"y": out.y, **out.state._asdict(), **{f"record {n}": v for n, v in out.record.items()}}
    return values | gradients(values, {"x": x, **dict(cell.named_parameters())})


def check(cell, x, state, tolerance, **arguments):
    expected = outcomes(cell, x, state, "reference", **arguments)
    for _ in range(2):
        found = outcomes(cell, x, state, "llvm", **arguments)
        assert {n: v.dtype for n, v in found.items()} == {n: v.dtype for n, v in expected.items()}
        check_same(found, expected, tolerance)


@pytest.mark.parametrize("arguments", [{}, {"lengths": [4, 0, 2], "record": "all"}], ids=["plain", "lengths"])
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize("name", ["lstm", "gru_before", "jordan"])
def test_parameters_and_x_of_sixteen_bits(name, dtype, arguments):
    check(*made(name, dtype), ROUNDING[dtype], **arguments)


def test_sixteen_bits_are_better_than_the_plain_loop():
    cell, x, state = made("lstm", torch.bfloat16)
    right = es.unroll(cell.double(), x.double(), type(state)(*(part.double() for part in state))).y
    cell = cell.bfloat16()
    errors = [(es.unroll(cell, x, state, engine=e).y.double() - right).abs().max() for e in ("llvm", "reference")]
    assert errors[0] <= errors[1]
    assert errors[0] < 4e-3  # one rounding to eight bits


@pytest.mark.parametrize("cast", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["lstm", "gru_before", "jordan"])
def test_autocast(name, cast):
    cell, x, state = made(name, torch.float32)
    check(cell, x, state, 2e-5)  # the short way of the same call must not be taken below
    with torch.autocast("cpu", torch.bfloat16):
        check(cell, x.to(cast), state, ROUNDING[torch.bfloat16], record="all")
        check(cell, x.to(cast), state, ROUNDING[torch.bfloat16])
    check(cell, x, state, 2e-5)


def test_autocast_leaves_float64_alone():
    cell, x, state = made("lstm", torch.float64)
    with torch.autocast("cpu", torch.bfloat16):
        check(cell, x, state, 1e-10)


@pytest.mark.parametrize("engine", ["reference", "llvm", "auto"])
def test_mixed_dtypes_are_refused_by_every_engine(engine):
    cell, x, state = made("lstm", torch.float32)
    with pytest.raises(es.errors.DTypeError):
        es.unroll(cell, x.double(), state, engine=engine)
    with pytest.raises(es.errors.DTypeError):
        es.unroll(cell, x, type(state)(*(part.double() for part in state)), engine=engine)
    with pytest.raises(es.errors.DTypeError):
        es.unroll(cell, x.bfloat16(), state, engine=engine)
