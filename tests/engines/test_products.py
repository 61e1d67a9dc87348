"""Products with packed weights."""

from __future__ import annotations

import re

import numpy as np
import pytest
from llvmlite import binding

from everystep.engines.llvm import products
from everystep.engines.llvm.target import named
from machine_code import HERE, NAMES, compiled, fenced, vectors_for

DTYPES = ("float32", "float64")
# Chains of at most 67 terms: their rounding errors add up to less than 67 units of the terms' sizes, of which the
# largest possible sum is taken as the measure.
EPSILONS = 67
CODE: dict = {}


def code(name, dtype):
    """One module with all kernels that the tests call."""
    if (name, dtype) not in CODE:
        vectors = vectors_for(name, dtype)
        slots = products.most_slots(vectors)
        shapes = [(1, 1), (1, slots), (2, slots), (products.most_rows(vectors, slots), slots), (3, 1)]
        kernels = {shape: products.product(vectors, *shape) for shape in shapes}
        rows = {tiles: products.single_row(vectors, slots, tiles) for tiles in (1, 3)}
        outers = {shape: products.outer(vectors, *shape) for shape in shapes}
        CODE[name, dtype] = vectors.width, slots, kernels, rows, outers, compiled(vectors, named(name))
    return CODE[name, dtype]


def random(dtype, *shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def agree(got, want, size):
    """Within rounding of a sum of terms of this total size."""
    assert np.all(np.abs(got - want) <= EPSILONS * np.finfo(got.dtype).eps * size)


@pytest.mark.parametrize("K", [0, 1, 2, 3, 16, 67])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HERE)
def test_a_product_is_added_to_what_the_accumulator_holds(name, dtype, K):
    width, _, kernels, _, _, run = code(name, dtype)
    for (rows, slots), kernel in kernels.items():
        a = random(dtype, rows, K + 3)
        a[:, K:] = np.nan
        weights = random(dtype, K, slots * width, seed=1)
        acc = random(dtype, rows, slots + 1, width, seed=2)
        start = acc.copy()
        acc = fenced(acc)
        run(kernel, acc, slots + 1, fenced(a), K + 3, K, fenced(weights))
        wide = a[:, :K].astype(float), weights.astype(float)
        want = start[:, :slots].astype(float) + (wide[0] @ wide[1]).reshape(rows, slots, width)
        size = np.abs(start[:, :slots]) + (np.abs(wide[0]) @ np.abs(wide[1])).reshape(rows, slots, width)
        agree(acc[:, :slots], want, size)
        assert np.array_equal(acc[:, slots], start[:, slots])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HERE)
def test_bits_depend_neither_on_grouping_nor_on_cuts_along_k(name, dtype):
    width, slots, kernels, rows, outers, run = code(name, dtype)
    K, tiles = 67, 3
    most = max(count for count, of in kernels if of == slots)
    a, weights = random(dtype, most, K), random(dtype, tiles, K, slots, width, seed=1)
    start = random(dtype, most, tiles, slots, width, seed=2)
    turned = np.ascontiguousarray(a.T)
    together, cut, single, crossed = (start.copy() for _ in range(4))
    for t in range(tiles):
        run(kernels[most, slots], together[:, t:], tiles * slots, a, K, K, weights[t])
        run(outers[most, slots], crossed[:, t:], tiles * slots, turned, most, K, weights[t], slots * width)
        for r in range(most):
            run(kernels[1, slots], cut[r, t:], slots, a[r], K, 30, weights[t])
            run(kernels[1, slots], cut[r, t:], slots, a[r, 30:], K, K - 30, weights[t, 30:])
    for r in range(most):
        run(rows[3], single[r], slots, a[r], K, weights, K * slots * width)
    assert together.tobytes() == cut.tobytes() == single.tobytes() == crossed.tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HERE)
def test_outer_products_are_summed_over_rows_of_any_stride(name, dtype):
    width, _, _, _, outers, run = code(name, dtype)
    for (rows, slots), kernel in outers.items():
        for K in (0, 1, 5, 67):
            a, columns = random(dtype, K, rows + 2), random(dtype, K, slots * width + 1, seed=1)
            a[:, rows:], columns[:, slots * width :] = np.nan, np.nan
            sides = [
                fenced(a.reshape(-1)[: max(0, a.size - 2)]),
                fenced(columns.reshape(-1)[: max(0, columns.size - 1)]),
            ]
            acc = fenced(np.zeros((rows, slots * width), dtype))
            run(kernel, acc, slots, sides[0], rows + 2, K, sides[1], slots * width + 1)
            columns = columns[:, : slots * width]
            wide = a[:, :rows].astype(float).T, columns.astype(float)
            agree(acc, wide[0] @ wide[1], np.abs(wide[0]) @ np.abs(wide[1]))


@pytest.mark.parametrize("name", HERE)
def test_a_number_that_is_not_finite_stays_in_its_row(name):
    width, slots, kernels, _, _, run = code(name, "float32")
    a = np.ones((2, 5), np.float32)
    a[0, 2] = np.nan
    acc = np.zeros((2, slots, width), np.float32)
    run(kernels[2, slots], acc, slots, a, 5, 5, np.ones((5, slots, width), np.float32))
    assert np.isnan(acc[0]).all()
    assert (acc[1] == 5).all()


def test_a_kernel_is_emitted_once_and_leaves_the_builder_where_it_stood():
    vectors = vectors_for("avx2", "float32")
    vectors.function("f", [vectors.pointer])
    builder = vectors.builder
    first = products.product(vectors, 6, 2)
    assert products.product(vectors, 6, 2) is first
    assert vectors.builder is builder


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_sums_stay_in_registers_on_every_target(name, dtype):
    vectors = vectors_for(name, dtype)
    for slots in range(1, 5):
        rows = products.most_rows(vectors, slots)
        products.product(vectors, rows, slots).linkage = ""
        products.outer(vectors, rows, slots).linkage = ""
        products.single_row(vectors, slots, max(1, products.registers(vectors) // 2 // slots)).linkage = ""
    module = binding.parse_assembly(str(vectors.module))
    module.verify()
    text = named(name).machine().emit_assembly(module)
    on_the_stack = r"\tq\d.*\[sp" if name == "neon" else r"[xyz]mm\d.*%rsp|%rsp.*[xyz]mm\d"
    assert re.findall(on_the_stack, text) == []
