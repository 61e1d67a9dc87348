"""Vector arithmetic and the elementwise functions, against many digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import torch
from llvmlite import binding

from everystep.compiler.ir import ELEMENTWISE, TRUTHS
from everystep.engines.llvm.elf import symbols
from everystep.engines.llvm.functions import FUNCTIONS, emit
from everystep.engines.llvm.target import named
from everystep.engines.llvm.vectors import Vectors
from machine_code import HERE, NAMES, compiled, fenced, vectors_for

DTYPES = ("float32", "float64")
INPUTS = dict.fromkeys(ELEMENTWISE, 1) | {"where": 3}
INPUTS |= dict.fromkeys(["add", "sub", "mul", "div", "pow", "maximum", "minimum", "atan2", *TRUTHS - {"not"}], 2)
OF_TRUTHS = {"and", "or", "not", "number", "where"}  # whose first input is a truth
CODE: dict = {}

# Units in the last place: half of one is the rounding of the result; the others come from the few operations before
# it and from the polynomials, whose errors stand beside their coefficients. None of float32 may be above 4.
ULPS = {
    "exp": 2.5, "expm1": 3, "log": 1, "log1p": 2, "sqrt": 0.5, "rsqrt": 1.5, "reciprocal": 0.5, "tanh": 3,
    "sigmoid": 3, "erf": 3.5, "sin": 2, "cos": 2, "atan2": 2.5, "pow": 1.5, "floor": 0, "div": 0.5,
}  # fmt: skip
REFERENCES = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "tanh": np.tanh,
    "sin": np.sin, "cos": np.cos, "atan2": np.arctan2, "pow": np.power, "floor": np.floor, "div": np.divide,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "sigmoid": lambda x: np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))),
}  # fmt: skip
LONG = np.finfo(np.longdouble).nmant >= 63
SPECIAL = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, -2.5, 100.0, -100.0, 1e30, -1e30)


def write_loop(v: Vectors, op: str) -> None:
    """A function that applies an operation to arrays."""
    function = v.function(op, [v.pointer] * (INPUTS[op] + 1) + [v.i64], internal=False)
    *sources, target, count = function.args
    with v.loop(0, count, v.width) as i:
        mask = v.tail(v.builder.sub(count, i))
        xs = [v.load(v.at(source, i), mask) for source in sources]
        if op in OF_TRUTHS:
            truths = xs[:1] if op == "where" else xs
            xs = [v.builder.fcmp_unordered("!=", x, v.number(0.0)) for x in truths] + xs[len(truths) :]
        y = emit(v, op, xs)
        if y.type == v.mask_type:
            y = v.select(y, v.number(1.0), v.number(0.0))
        v.store(y, v.at(target, i), mask)
    v.builder.ret_void()


def module(name, dtype, width=None):
    """All operations for a target."""
    v = vectors_for(name, dtype)
    if width:
        v = Vectors(v.module, dtype, width, v.features)
    for op in sorted(FUNCTIONS):
        write_loop(v, op)
    return v


def apply(name, dtype, op, *xs, width=None):
    """An operation on arrays."""
    key = name, dtype, width
    if key not in CODE:
        v = module(*key)
        CODE[key] = compiled(v, named(name)), {f.name: f for f in v.module.functions}
    code, functions = CODE[key]
    xs = [np.ascontiguousarray(x, dtype) for x in np.broadcast_arrays(*xs)]
    y = np.full_like(xs[0], np.nan)
    code(functions[op], *xs, y, y.size)
    return y


def floats(dtype, count, seed=0):
    """Numbers of every exponent, of the sizes met in practice, and around the edges of functions."""
    rng, kind = np.random.default_rng(seed), {"float32": np.uint32, "float64": np.uint64}[dtype]
    info, edge = np.finfo(dtype), {"float32": 110, "float64": 750}[dtype]
    some = [
        rng.integers(0, np.iinfo(kind).max, count, kind).view(dtype),
        *(rng.standard_normal(count) * size for size in (1e-3, 1, 10)),
        rng.uniform(-edge, edge, count),
        1 + rng.standard_normal(count) * 1e-3,
        SPECIAL,
        [np.inf, -np.inf, np.nan, info.tiny, -info.tiny, info.max, -info.max],
        [info.smallest_subnormal, -info.smallest_subnormal],
    ]
    return np.concatenate([np.asarray(part).astype(dtype) for part in some])


@pytest.fixture(autouse=True)
def quiet():
    """References divide by zero and overflow on purpose; float64 to float32 does, too."""
    with np.errstate(all="ignore"):
        yield


def ulps(y, reference):
    """By how many units in the last place a result is wrong; infinitely many where it should be no such number."""
    want = reference.astype(y.dtype)
    same = (y == want) | (np.isnan(y) & np.isnan(want))
    error = np.abs(y.astype(reference.dtype) - reference) / np.spacing(np.abs(want)).astype(reference.dtype)
    return np.where(np.isfinite(y) & np.isfinite(want), error, np.where(same, 0, np.inf))


def digits(function, x):
    """What mpmath says."""
    with mpmath.workprec(1300):  # the sine of the largest float needs a thousand bits of π
        return np.array([np.longdouble(mpmath.nstr(function(mpmath.mpf(float(a))), 25)) for a in x])


def wide(dtype):
    """A type in which references are computed."""
    if dtype == "float64" and not LONG:
        pytest.skip("NumPy's longdouble has no more digits than float64 here")
    return {"float32": np.float64, "float64": np.longdouble}[dtype]


def test_every_elementwise_operation_has_one_row():
    assert set(FUNCTIONS) == ELEMENTWISE


@pytest.mark.parametrize("op", REFERENCES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HERE)
def test_functions_are_right_to_a_few_units_in_the_last_place(name, dtype, op):
    kind = wide(dtype)
    xs = [floats(dtype, 4000)]
    if INPUTS[op] == 2:
        xs.append(np.random.default_rng(1).permutation(xs[0]))
    if op in {"sin", "cos"}:  # NumPy's own are no judge of larger angles
        xs = [x[(np.abs(x) < 1e5) | ~np.isfinite(x)] for x in xs]
    error = ulps(apply(name, dtype, op, *xs), REFERENCES[op](*(x.astype(kind) for x in xs)))
    worst = np.argmax(error)
    # a reference in float64 is itself half a unit of 2^-29 off
    assert error[worst] <= ULPS[op] + 1e-6, [x[worst] for x in xs]


@pytest.mark.parametrize(("op", "function"), [("sin", mpmath.sin), ("cos", mpmath.cos), ("erf", mpmath.erf)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HERE)
def test_angles_of_every_size_and_the_error_function_are_right(name, dtype, op, function):
    wide(dtype)
    x = floats(dtype, 60)
    nearly_whole = {"float32": 16367173 * 2.0**72, "float64": 6381956970095103 * 2.0**797}  # of π/2, closest of all
    x = np.append(x[np.isfinite(x)], np.asarray([nearly_whole[dtype], 1.5e6, 1500000.25, 2.0**21], dtype))
    error = ulps(apply(name, dtype, op, x), digits(function, x))
    assert error.max() <= ULPS[op], x[error.argmax()]


@pytest.mark.parametrize("op", ["exp", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", HERE)
def test_float32_functions_of_cells_are_right_on_a_sweep_over_all_bits(name, op):
    step = 997 if name == HERE[0] else 9973
    x = np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)
    y = apply(name, "float32", op, x)
    error = ulps(y, REFERENCES[op](x.astype(np.float64)))
    assert error.max() <= ULPS[op], x[error.argmax()]
    assert op == "exp" or np.nanmax(np.abs(y)) == 1  # what saturates never passes 1


@pytest.mark.parametrize("op", sorted(ELEMENTWISE - OF_TRUTHS - {"stop", "rsqrt", "reciprocal", "sigmoid"}))
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HERE)
def test_special_values_are_those_of_torch(name, dtype, op):
    x = torch.tensor([*SPECIAL, np.inf, -np.inf, np.nan], dtype=getattr(torch, dtype))
    xs = [a.flatten() for a in torch.meshgrid(*[x] * INPUTS[op], indexing="ij")]
    want = getattr(torch, op)(*xs).to(x.dtype).numpy()
    got = apply(name, dtype, op, *(a.numpy() for a in xs))
    # both are a few units in the last place off; sines of large numbers are tested above
    close = np.isclose(got, want, rtol=8 * np.finfo(dtype).eps, atol=0, equal_nan=True)
    signs = (np.signbit(got) == np.signbit(want)) | np.isnan(want)
    assert np.all(close & signs), [(*(a[i].item() for a in xs), got[i], want[i]) for i in np.where(~(close & signs))[0]]


@pytest.mark.parametrize("name", HERE)
def test_operations_on_truths(name):
    a, b = np.array([[0, 0, 1, 1], [0, 1, 0, 1]], np.float32)
    assert apply(name, "float32", "and", a, b).tolist() == [0, 0, 0, 1]
    assert apply(name, "float32", "or", a, b).tolist() == [0, 1, 1, 1]
    assert apply(name, "float32", "not", a).tolist() == [1, 1, 0, 0]
    assert apply(name, "float32", "number", b).tolist() == [0, 1, 0, 1]
    assert apply(name, "float32", "where", a, 5, np.nan).tolist()[2:] == [5, 5]
    assert np.isnan(apply(name, "float32", "where", a, 5, np.nan)[:2]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_results_are_denormal_not_zero(dtype):
    x = {"float32": [-100.0, -95.0], "float64": [-740.0, -720.0]}[dtype]
    for op in ("exp", "sigmoid"):
        y = apply(HERE[0], dtype, op, np.array(x))
        assert np.all(y > 0)
        assert np.all(y < np.finfo(dtype).tiny)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HERE)
def test_bits_depend_neither_on_the_width_nor_on_the_place_in_a_row(name, dtype):
    kind = {"float32": np.uint32, "float64": np.uint64}[dtype]

    def bits(y):
        return np.where(np.isnan(y), kind(0), y.view(kind))

    for op in sorted(ELEMENTWISE):
        xs = [floats(dtype, 300, seed) for seed in range(INPUTS[op])]
        whole = bits(apply(name, dtype, op, *xs))
        for width in (1, 4, 8, 16):
            assert np.array_equal(bits(apply(name, dtype, op, *xs, width=width)), whole), (op, width)
        part = apply(name, dtype, op, *(x[3:-2] for x in xs))
        assert np.array_equal(bits(part), whole[3:-2]), op


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_no_function_calls_a_library(name, dtype):
    v = module(name, dtype)
    code = named(name).machine().emit_object(binding.parse_assembly(str(v.module)))
    assert symbols(code).undefined == frozenset()


@pytest.mark.parametrize("count", [0, 1, 3, 16, 37])
@pytest.mark.parametrize("width", [1, 4, 16])
@pytest.mark.parametrize("dtype", DTYPES)
def test_masked_memory_loops_and_sums_stay_within_their_arrays(dtype, width, count):
    v = vectors_for(HERE[0], dtype)
    v = Vectors(v.module, dtype, width, v.features)
    function = v.function("sums", [v.pointer, v.pointer, v.i64], internal=False)
    source, target, size = function.args

    def body(i, values):
        mask = v.tail(v.builder.sub(size, i))
        x = v.load(v.at(source, i), mask)
        v.store(v.fma(x, v.number(2.0), v.number(1.0)), v.at(target, i), mask)
        return [v.builder.fadd(values[0], x), v.larger(values[1], v.select(mask, x, v.number(-np.inf)))]

    total, most = v.fold(0, size, [v.number(0.0), v.number(-np.inf)], body, v.width)
    end = v.at(target, size)
    v.builder.store(v.sum_lanes(total), end, align=v.itemsize)
    v.builder.store(v.max_lanes(most), v.at(end, 1), align=v.itemsize)
    v.builder.ret_void()
    x, y = fenced(np.arange(count).astype(dtype) - 5), fenced(np.full(count + 2, np.nan, dtype))
    compiled(v, named(HERE[0]))(function, x, y, count)
    assert y[:-2].tolist() == (2 * x + 1).tolist()
    assert y[-2:].tolist() == [x.sum(), x.max(initial=-np.inf)]


def test_the_sum_of_lanes_adds_halves_and_the_maximum_keeps_nan():
    v = vectors_for(HERE[0], "float32")
    v = Vectors(v.module, "float32", 8, v.features)
    function = v.function("lanes", [v.pointer, v.pointer], internal=False)
    x = v.load(function.args[0])
    v.builder.store(v.sum_lanes(x), function.args[1])
    v.builder.store(v.max_lanes(x), v.at(function.args[1], 1))
    v.builder.ret_void()
    run = compiled(v, named(HERE[0]))
    x, y = np.array([1e8, 1, 2, 3, -1e8, 5, 6, 7], np.float32), np.empty(2, np.float32)
    run(function, x, y)
    assert y.tolist() == [(0 + 8) + (6 + 10), 1e8]  # from left to right 1 would be lost to 1e8
    for lane in range(8):
        run(function, np.where(np.arange(8) == lane, np.float32(np.nan), x), y)
        assert np.isnan(y[1])
