"""Gradients of weights and of vectors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from llvmlite import binding

from everystep.compiler.ir import View
from everystep.engines.llvm import outer_products, reductions
from everystep.engines.llvm.target import named
from machine_code import HERE, NAMES, compiled, fenced, vectors_for

LAYOUTS = {
    "in lies side by side": lambda K, N: (1, K + 1),
    "out lies side by side": lambda K, N: (N + 2, 1),
    "neither": lambda K, N: (3, 3 * K + 1),
    "all are one number": lambda K, N: (0, 0),
    "overlapping": lambda K, N: (1, 1),
    "in is one number": lambda K, N: (0, 1),
    "out is one number": lambda K, N: (1, 0),
}
ALONE = {"all are one number", "overlapping", "in is one number", "out is one number"}


def random(dtype, *shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def rows_of(values, gap):
    """Rows with NaN between them, where the process may not read after the last; and their stride."""
    stride = values.shape[1] + gap
    padded = np.full((len(values), stride), np.nan, values.dtype)
    padded[:, : values.shape[1]] = values
    return fenced(padded.reshape(-1)[: max(1, padded.size - gap)]), stride


def places(view):
    """Where in memory each element of a view lies."""
    axes = [stride * np.arange(size) for stride, size in zip(view.strides, view.shape, strict=True)]
    return view.offset + sum(np.ix_(*axes)) if len(axes) > 1 else view.offset + axes[0]


def added(start, view, values, weight):
    """What memory holds after values are added to the elements of a view, and how large its terms are."""
    want, size = start.astype(float), np.abs(start).astype(float)
    np.add.at(want, places(view), values)
    np.add.at(size, places(view), weight)
    return want, size


def agree(got, want, size, terms):
    """Within rounding: one unit of the terms' sizes for each term of the longest sum."""
    assert np.all(np.abs(got - want) <= terms * np.finfo(got.dtype).eps * size)


def check_reductions(name, dtype, views, rows, gap=3):
    """Compares the gradients of some weights with NumPy's, at so many rows each, for two splits over tiles."""
    vectors = vectors_for(name, dtype)
    functions = [reductions.reduction(vectors, str(n), view) for n, view in enumerate(views)]
    run = compiled(vectors, named(name))
    for function, view, count in zip(functions, views, rows, strict=True):
        check_reduction(lambda *args, f=function: run(f, *args), vectors, view, count, gap)


def check_reduction(run, vectors, view, rows, gap):
    dtype, tiles = vectors.dtype, reductions.reduction_tiles(vectors, view)
    a, d = random(dtype, rows, view.shape[0]), random(dtype, rows, view.shape[1], seed=1)
    start = random(dtype, places(view).max(initial=0) + 2, seed=2)
    want, size = added(start, view, a.T.astype(float) @ d, np.abs(a.T.astype(float)) @ np.abs(d))
    whole, cut = fenced(start), fenced(start)
    sides = [*rows_of(a, gap), *rows_of(d, gap)]
    run(whole, *sides, rows, 0, tiles)
    for tile in reversed(range(tiles)):
        run(cut, *sides, rows, tile, tile + 1)
    agree(whole, want, size, rows + view.shape[0] * view.shape[1] + 1)
    assert whole.tobytes() == cut.tobytes()
    untouched = np.ones(start.size, bool)
    untouched[places(view)] = False
    assert np.array_equal(whole[untouched], start[untouched])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", HERE)
def test_gradients_of_weights_are_added_in_any_layout_and_any_split(name, dtype, layout):
    shapes = [(1, 1), (17, 33), (3, 100), (70, 5), (1, 300), (0, 4), (4, 0)]
    views = [View("w", 2, LAYOUTS[layout](*shape), shape) for shape in shapes]
    check_reductions(name, dtype, views, [1, 3, 130, 7, 3, 5, 5])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_elements_that_may_share_memory_are_left_to_one_thread(layout):
    vectors, view = vectors_for("avx2", "float32"), View("w", 0, LAYOUTS[layout](70, 200), (70, 200))
    assert (reductions.reduction_tiles(vectors, view) == 1) == (layout in ALONE)


@settings(max_examples=30, deadline=None)
@given(
    some.sampled_from(HERE),
    some.integers(1, 140),
    some.integers(1, 140),
    some.integers(0, 40),
    some.integers(0, 20),
    some.sampled_from(sorted(LAYOUTS)),
)
def test_gradients_of_any_shape_are_added(name, K, N, rows, gap, layout):
    check_reductions(name, "float32", [View("w", 1, LAYOUTS[layout](K, N), (K, N))], [rows], gap)


def test_many_rows_are_added_up_in_spans_that_keep_rounding_small():
    rows = 4 * reductions.SPAN + 5
    vectors, view = vectors_for(HERE[0], "float32"), View("w", 0, (1, 1), (1, 1))
    vector = View("v", 0, (1,), (1,))
    functions = [reductions.reduction(vectors, "w", view), reductions.vector_sum(vectors, "v", vector)]
    run, tenth = compiled(vectors, named(HERE[0])), np.full(rows, 0.1, np.float32)
    grad, sums = np.zeros(1, np.float32), np.zeros(1, np.float32)
    run(functions[0], grad, np.ones(rows, np.float32), 1, tenth, 1, rows, 0, 1)
    run(functions[1], sums, tenth, 1, rows, 0, 1)
    exact = rows * float(tenth[0])
    naive = np.add.accumulate(tenth)[-1]
    assert abs(grad[0] - exact) < abs(naive - exact) / 2
    assert grad[0] == sums[0]


@pytest.mark.parametrize("name", HERE)
def test_panels_of_rows_do_not_show_in_the_bits(name):
    rows, K, N = outer_products.PANEL + 3, 5, 7
    vectors, view = vectors_for(name, "float32"), View("w", 0, (1, K), (K, N))
    function = reductions.reduction(vectors, "w", view)
    run = compiled(vectors, named(name))
    a, d, grad = random("float32", rows, K), random("float32", rows, N, seed=1), np.zeros((N, K), np.float32)
    run(function, grad, a, K, d, N, rows, 0, 1)
    chain = np.zeros((N, K), np.float32)
    for r in range(rows):
        product = np.multiply.outer(d[r].astype(float), a[r].astype(float))  # exact
        if not named(name).fused:
            product = product.astype(np.float32)
        chain = (chain + product).astype(np.float32)
    assert np.array_equal(grad, chain)


@pytest.mark.parametrize("stride", [1, 3, 0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", HERE)
def test_gradients_of_vectors_are_added_in_any_split(name, dtype, stride):
    vectors = vectors_for(name, dtype)
    views = [View("b", 2, (stride,), (N,)) for N in (1, 2, 16, 63, 64, 65, 150)]
    functions = [reductions.vector_sum(vectors, str(n), view) for n, view in enumerate(views)]
    run = compiled(vectors, named(name))
    for (function, view), rows in itertools.product(zip(functions, views, strict=True), [0, 1, 33]):
        (N,), tiles = view.shape, reductions.vector_sum_tiles(vectors, view)
        d, start = random(dtype, rows, N), random(dtype, 2 + stride * N + 1, seed=1)
        want, size = added(start, view, d.sum(0, dtype=float), np.abs(d).sum(0, dtype=float))
        whole, cut, side = fenced(start), fenced(start), rows_of(d, 3)
        run(function, whole, *side, rows, 0, tiles)
        for tile in reversed(range(tiles)):
            run(function, cut, *side, rows, tile, tile + 1)
        agree(whole, want, size, rows + N + 1)
        assert whole.tobytes() == cut.tobytes()
        assert tiles == 1 or stride


@pytest.mark.parametrize("name", HERE)
def test_elements_may_lie_further_than_32_bits_count(name):
    far, vectors = 2**33, vectors_for(name, "float32")
    functions = [
        reductions.reduction(vectors, "w", View("w", far, (1, 3), (3, 5))),
        reductions.vector_sum(vectors, "b", View("b", far, (1,), (5,))),
    ]
    run = compiled(vectors, named(name))
    a, d = random("float32", 2, 3), random("float32", 2, 5, seed=1)
    weight, vector = np.zeros((5, 3), np.float32), np.zeros(5, np.float32)
    run(functions[0], weight.ctypes.data - 4 * far, a, 3, d, 5, 2, 0, 1)
    run(functions[1], vector.ctypes.data - 4 * far, d, 5, 2, 0, 1)
    assert np.allclose(weight, d.T @ a, rtol=1e-6, atol=1e-6)  # two terms each
    assert np.allclose(vector, d.sum(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_reductions_can_be_emitted_for_every_target(name):
    vectors = vectors_for(name, "float64")
    for n, layout in enumerate(LAYOUTS):
        reductions.reduction(vectors, str(n), View("w", 0, LAYOUTS[layout](37, 100), (37, 100)))
    reductions.vector_sum(vectors, "b", View("b", 0, (1,), (100,)))
    module = binding.parse_assembly(str(vectors.module))
    module.verify()
    assert "reduce_0" in named(name).machine().emit_assembly(module)


@given(
    some.tuples(some.integers(-3, 9), some.integers(-3, 9)),
    some.tuples(some.integers(1, 6), some.integers(1, 6)),
)
def test_a_view_that_sees_an_element_twice_is_never_taken_for_another(strides, shape):
    view = View("w", 60, strides, shape)
    if len(np.unique(places(view))) < places(view).size:
        assert reductions.overlaps(view)


def test_the_layouts_of_matrices_are_seen_to_share_nothing():
    assert not any(reductions.overlaps(View("w", 7, strides, (8, 5))) for strides in ((1, 8), (5, 1), (20, 1), (1, 40)))
